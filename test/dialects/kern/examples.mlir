// The examples of the .td files.
// RUN: tenon-opt %s -o /dev/null

func.func @map(%x: tensor<8x64xf32>, %b: tensor<64xf32>) {
  %y = kern.map ins(%x, %b : tensor<8x64xf32>, tensor<64xf32>)
      sizes #nn.dims<8, 64> symbols #nn.dims<>
      maps [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>,
            affine_map<(i, j) -> (i, j)>]
      shapes [#nn.dims<8, 64>] {
  ^bb0(%x0: f32, %b0: f32):
    %s = arith.addf %x0, %b0 : f32
    kern.yield %s : f32
  } -> tensor<8x64xf32>
  return
}
