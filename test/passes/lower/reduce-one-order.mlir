// A product that is the same in all lanes is fused with its sum, as it is for
// the columns that are left: else bits depend on the width of vectors.
// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-fuse-groups -tenon-key-kernels \
// RUN:   -tenon-plan-arena -tenon-emit-kernels | FileCheck %s --implicit-check-not=arith.addf

// CHECK-LABEL: func.func @reduce_f32_
// CHECK:         math.fma {{.*}} : vector<4xf32>
// CHECK:         math.fma {{.*}} : f32
func.func @main(%x: tensor<8x2x1xf32>) -> tensor<2x20xf32> {
  %0 = nn.expand %x {shape = #nn.dims<8, 2, 20>} : (tensor<8x2x1xf32>) -> tensor<8x2x20xf32>
  %1 = nn.reduce %0 {kind = #nn.reduce<sum_square>, axes = array<i64: 0>, keepdims = false} : (tensor<8x2x20xf32>) -> tensor<2x20xf32>
  return %1 : tensor<2x20xf32>
}
