// The examples of the .td files.
// RUN: tenon-opt %s -o /dev/null

rt.program @main attributes {
    symbols = {seq = array<i64: 1, 8>},
    inputs = [{name = "x", shape = #nn.dims<4>, type = tensor<4xf32>}], outputs = [],
    slot_bytes = 128 : ui64, peak_bytes = 128 : ui64, weight_bytes = 0 : ui64} {
  rt.step @map_f32_1 [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
    tiles #nn.dims<4> parameters #nn.dims<1024, 0, 1> constants [1065353216] cost #nn.dims<8192, 1024>
  rt.loop "t0" trip #nn.dims<"seq"> {
    rt.step @map_f32_1 [#rt.buffer<input + 0>, #rt.buffer<arena + 64>]
      tiles #nn.dims<4> parameters #nn.dims<1024, "4*t0", 1> constants [] cost #nn.dims<8, 0>
  }
}

rt.kernel @map_f32_1 {
^bb0(%x: tensor<4xf32>):
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
}
