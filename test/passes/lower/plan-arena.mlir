// Groups come from nn operations, which are shorter to write.
// RUN: tenon-opt %s -split-input-file -verify-diagnostics -tenon-lower-to-kern \
// RUN:   -tenon-key-kernels -tenon-plan-arena | FileCheck %s

// Three values of 256 bytes and 64 of slack, of which two live at a time.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  peak_bytes = 640 : ui64, slot_bytes = 640 : ui64, slots = [#rt.slot<0 + 320 steps 0 to 1>, #rt.slot<320 + 320 steps 1 to 2>, #rt.slot<0 + 320 steps 2 to 3>]
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[FIRST:[0-9]+]]>]
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<arena + [[FIRST]]>, #rt.buffer<arena + [[SECOND:[0-9]+]]>]
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<arena + [[SECOND]]>, #rt.buffer<arena + [[FIRST]]>]
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<arena + [[FIRST]]>, #rt.buffer<output + 0>]
func.func @main(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = nn.exp %x : (tensor<64xf32>) -> tensor<64xf32>
  %1 = nn.exp %0 : (tensor<64xf32>) -> tensor<64xf32>
  %2 = nn.exp %1 : (tensor<64xf32>) -> tensor<64xf32>
  %3 = nn.exp %2 : (tensor<64xf32>) -> tensor<64xf32>
  return %3 : tensor<64xf32>
}

// One kernel stands for the four groups.
// CHECK:     rt.kernel @map_f32_
// CHECK-NOT: rt.kernel
// CHECK-NOT: func.func

// -----

// What is still read keeps its place.
// CHECK-LABEL: rt.program @main
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[KEPT:[0-9]+]]>]
// CHECK-NOT:   , #rt.buffer<arena + [[KEPT]]>]
// CHECK:       rt.step @{{.+}} [#rt.buffer<arena + [[KEPT]]>, #rt.buffer<arena + {{[0-9]+}}>, #rt.buffer<output + 0>]
func.func @main(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = nn.exp %x : (tensor<64xf32>) -> tensor<64xf32>
  %1 = nn.abs %0 : (tensor<64xf32>) -> tensor<64xf32>
  %2 = nn.abs %1 : (tensor<64xf32>) -> tensor<64xf32>
  %3 = nn.add %0, %2 : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return %3 : tensor<64xf32>
}

// -----

// Parts are written where the whole is wanted: no copy, no arena.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  slot_bytes = 0 : ui64
// CHECK:       rt.step @[[COPY:.+]] [#rt.buffer<input + 0>, #rt.buffer<output + 0>]
// CHECK-NEXT:  rt.step @[[COPY]] [#rt.buffer<input : 1 + 0>, #rt.buffer<output + 0>]
// CHECK-NEXT:  {{^ *[}]$}}
func.func @main(%a: tensor<2xf32>, %b: tensor<3xf32>) -> tensor<5xf32> {
  %0 = nn.concat %a, %b {axis = 0 : i64} : (tensor<2xf32>, tensor<3xf32>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

// Views are no steps and have no places of their own.
// CHECK-LABEL: rt.program @main
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[X:[0-9]+]]>]
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<arena + [[X]]>, #rt.buffer<output + 0>]
// CHECK-NEXT:  {{^ *[}]$}}
func.func @main(%x: tensor<4x16xf32>) -> tensor<8x8xf32> {
  %0 = nn.exp %x : (tensor<4x16xf32>) -> tensor<4x16xf32>
  %1 = nn.reshape %0 {shape = #nn.dims<64>} : (tensor<4x16xf32>) -> tensor<64xf32>
  %2 = nn.abs %1 : (tensor<64xf32>) -> tensor<64xf32>
  %3 = nn.reshape %2 {shape = #nn.dims<8, 8>} : (tensor<64xf32>) -> tensor<8x8xf32>
  return %3 : tensor<8x8xf32>
}

// -----

// The caller's buffers are told apart; what has no step gets one that copies.
// CHECK-LABEL: rt.program @main
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<output + 0>]
// CHECK-NEXT:  rt.step @[[COPY:.+]] [#rt.buffer<input + 0>, #rt.buffer<output : 1 + 0>]
// CHECK-NEXT:  rt.step @[[COPY]] [#rt.buffer<weights + 0>, #rt.buffer<output : 2 + 0>]
// CHECK-NEXT:  rt.step @[[COPY]] [#rt.buffer<output + 0>, #rt.buffer<output : 3 + 0>]
func.func @main(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %c = pack.constant(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  %y = nn.exp %x : (tensor<2xf32>) -> tensor<2xf32>
  return %y, %x, %c, %y : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// -----

// Room for 100 rows of 256 bytes, and slack; the parameters follow the size.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  inputs = [{name = "x", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}]
// CHECK-SAME:  outputs = [{name = "y", shape = #nn.dims<"seq", 64>, type = tensor<?x64xf32>}]
// CHECK-SAME:  slot_bytes = 25664 : ui64, slots = [#rt.slot<0 + 25664 steps 0 to 1>], symbols = {seq = array<i64: 1, 100>}
// CHECK:       rt.step {{.*}} parameters <"{{.*}}seq{{.*}}"
func.func @main(%x: tensor<?x64xf32> {nn.name = "x", nn.shape = #nn.dims<"seq", 64>}) -> (tensor<?x64xf32> {nn.name = "y"})
    attributes {nn.symbols = {seq = array<i64: 1, 100>}} {
  %0 = nn.exp %x : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = nn.exp %0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// -----

// A bool is a byte.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  slot_bytes = 128 : ui64
func.func @main(%x: tensor<64xf32>) -> tensor<64xi1> {
  %0 = nn.is_nan %x : (tensor<64xf32>) -> tensor<64xi1>
  %1 = nn.not %0 : (tensor<64xi1>) -> tensor<64xi1>
  return %1 : tensor<64xi1>
}

// -----

// Equal constants are stored once, each at a multiple of 64.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  weight_bytes = 192 : ui64
// CHECK-NEXT:  rt.weight at 0({{.*}}) as tensor<2xf32>
// CHECK-NEXT:  rt.weight at 64(#pack.ref<"model.onnx", 8, 12>) as tensor<3xf32>
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<weights + 0>,
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<weights + 0>,
// CHECK-NEXT:  rt.step @{{.+}} [#rt.buffer<input : 1 + 0>, #rt.buffer<weights + 64>,
func.func @main(%x: tensor<2xf32>, %y: tensor<3xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<3xf32>) {
  %a = pack.constant(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  %b = pack.constant(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  %c = pack.constant(#pack.ref<"model.onnx", 8, 12>) : tensor<3xf32>
  %0 = nn.add %x, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %1 = nn.sub %x, %b : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  %2 = nn.add %y, %c : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  return %0, %1, %2 : tensor<2xf32>, tensor<2xf32>, tensor<3xf32>
}

// -----

// A constant that is only encoded is stored only so.
// CHECK-LABEL: rt.program @main
// CHECK-NEXT:  rt.weight at 0({{.*}}) as tensor<4x20xf32, #pack.panels<16>>
// CHECK-NEXT:  rt.step @matmul_f32_{{.+}} [#rt.buffer<input + 0>, #rt.buffer<weights + 0>, #rt.buffer<output + 0>]
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x20xf32> {
  %w = pack.constant(dense<0.5> : tensor<4x20xf32>) : tensor<4x20xf32>
  %0 = nn.matmul %x, %w : (tensor<2x4xf32>, tensor<4x20xf32>) -> tensor<2x20xf32>
  return %0 : tensor<2x20xf32>
}

// -----

// No size says how large the arena must be.
func.func @main(%x: tensor<?xf32> {nn.shape = #nn.dims<"n">}) -> tensor<?xf32> {
  // expected-error @below {{its result has no upper bound: [n]}}
  %0 = nn.exp %x : (tensor<?xf32>) -> tensor<?xf32>
  %1 = nn.exp %0 : (tensor<?xf32>) -> tensor<?xf32>
  return %1 : tensor<?xf32>
}

// -----

// expected-error @below {{expected a program 'main'}}
module {
  func.func @predict() {
    return
  }
}

// -----

// A size is read from where the step before has left it; the buffer behind it
// is planned at its bound.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  outputs = [{name = "output0", shape = #nn.dims<"n">
// CHECK-SAME:  slot_bytes = 192 : ui64
// CHECK:       rt.step @{{.+}} [#rt.buffer<input + 0>, #rt.buffer<arena + [[COUNT:[0-9]+]]>]
// CHECK-NEXT:  rt.size "n" at <arena + [[COUNT]]> in 0 to 16 else 9
// CHECK-NEXT:  rt.check <"n">, <8> else 6
// CHECK-NEXT:  rt.step @{{.+}} tiles
func.func @main(%x: tensor<i64>, %z: tensor<i64>) -> tensor<?xi64> {
  %0 = nn.abs %x : (tensor<i64>) -> tensor<i64>
  nn.size "n" = %0 in 0 to 16 : tensor<i64>
  rt.check <"n">, <8> else 6
  %1 = nn.iota %z, %x {shape = #nn.dims<"n">} : (tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %2 = nn.abs %1 : (tensor<?xi64>) -> tensor<?xi64>
  return %2 : tensor<?xi64>
}

// -----

// A constant without elements has an address inside the weights too.
// CHECK-LABEL: rt.program @main
// CHECK-SAME:  weight_bytes = 64 : ui64
// CHECK:       rt.step @{{.+}} [#rt.buffer<weights + 0>, #rt.buffer<output + 0>]
func.func @main() -> tensor<4xf32> {
  %x = pack.constant(dense<> : tensor<0x4xf32>) : tensor<0x4xf32>
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = false} : (tensor<0x4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// A constant of encoded type holds the bytes to store, which here are as many
// as those of its elements.
// CHECK-LABEL: rt.program @main
// CHECK:       rt.weight at 0(#pack.ref<"model.onnx", 0, 128>) encoded as tensor<4x8xf32, #pack.int<8, scale = f32>>
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x8xf32> {
  %w = pack.constant(#pack.ref<"model.onnx", 0, 128>) : tensor<4x8xf32, #pack.int<8, scale = f32>>
  %0 = nn.matmul %x, %w : (tensor<2x4xf32>, tensor<4x8xf32, #pack.int<8, scale = f32>>) -> tensor<2x8xf32>
  return %0 : tensor<2x8xf32>
}
