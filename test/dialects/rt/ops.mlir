// RUN: tenon-opt %s | tenon-opt | FileCheck %s
// Until rt and kern name nn among its dependentDialects: the parser aborts
// on #nn.dims, and on plans without rows, which it prints itself.

// CHECK-LABEL: rt.program @main attributes {
// CHECK-SAME: inputs = [{name = "x", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}]
// CHECK-SAME: outputs = [{name = "y", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}, {name = "z", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}]
// CHECK-SAME: peak_bytes = 25664 : ui64, slot_bytes = 25664 : ui64
// CHECK-SAME: symbols = {past = array<i64: 0, 99>, seq = array<i64: 1, 100>}, weight_bytes = 9280 : ui64
rt.program @main attributes {
    symbols = {past = array<i64: 0, 99>, seq = array<i64: 1, 100>},
    inputs = [{name = "x", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}],
    outputs = [{name = "y", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}, {name = "z", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}],
    slot_bytes = 25664 : ui64, peak_bytes = 25664 : ui64, weight_bytes = 9280 : ui64} {
  // CHECK-NEXT: rt.weight at 0(dense<5.000000e-01> : tensor<64x32xf32>) as tensor<64x32xf32, #pack.panels<16>>
  rt.weight at 0(dense<5.000000e-01> : tensor<64x32xf32>) as tensor<64x32xf32, #pack.panels<16>>
  // CHECK-NEXT: rt.weight at 8192(#pack.ref<"model.onnx", 4, 16>) as tensor<4xf32>
  rt.weight at 8192 (#pack.ref<"model.onnx", 4, 16>) as tensor<4xf32>
  // CHECK-NEXT: rt.weight at 8256(#pack.ref<"model.onnx", 20, 1024>) encoded as tensor<16x16xf32, #pack.panels<16>>
  rt.weight at 8256 (#pack.ref<"model.onnx", 20, 1024>) encoded as tensor<16x16xf32, #pack.panels<16>>
  // CHECK-NEXT: rt.check <"seq">, <"past + 1"> else 6
  rt.check <"seq">, <"past + 1"> else 6
  // CHECK-NEXT: rt.size "kept" at <arena + 64> in 0 to 100 else 9
  rt.size "kept" at <arena + 64> in 0 to 100 else 9
  // CHECK-NEXT: rt.check <"kept">, <"seq"> else 6
  rt.check <"kept">, <"seq"> else 6
  // CHECK-NEXT: rt.step @map_f32_1 [#rt.buffer<input + 0>, #rt.buffer<arena + 64>] tiles <"seq"> parameters <1024, 0, "2*seq"> constants [1065353216] cost <0, 10>
  rt.step @map_f32_1 [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
    tiles #nn.dims<"seq"> parameters #nn.dims<1024, 0, "2*seq"> constants [1065353216]
    cost <0, 10>
  // CHECK-NEXT: rt.step @map_f32_1 [#rt.buffer<weights + 128>, #rt.buffer<output : 1 + 0>] tiles <1> parameters <> constants [] cost <0, 0> {generic}
  rt.step @map_f32_1 [#rt.buffer<weights : 0 + 128>, #rt.buffer<output : 1 + 0>]
    tiles <1> parameters <> constants [] cost <0, 0> {generic}
}

// CHECK-LABEL: rt.kernel @map_f32_1 {
// CHECK-NEXT:  ^bb0(%[[X:.+]]: tensor<4xf32>):
// CHECK-NEXT:    kern.map ins(%[[X]] : tensor<4xf32>)
rt.kernel @map_f32_1 {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>]
      plan <loops = 1, parallel = 1, vector = 0, rows = 0, steps = [1, 1]> {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
