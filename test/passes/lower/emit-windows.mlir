// Neighbouring windows of a line are combined side by side, and a line of the
// window is written out: 3 steps of 14 results, in order, each one fused.
// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-plan-arena \
// RUN:   -tenon-emit-kernels | FileCheck %s

// CHECK-LABEL: func.func @reduce_f32_
// CHECK-COUNT-42: math.fma {{.*}} : vector<{{[0-9]+}}xf32>
func.func @main(%x: tensor<1x2x10x30x16xf32>, %w: tensor<2x3x3x16xf32>) -> tensor<1x2x8x28x16xf32> {
  %0 = nn.depthwise_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>} : (tensor<1x2x10x30x16xf32>, tensor<2x3x3x16xf32>) -> tensor<1x2x8x28x16xf32>
  return %0 : tensor<1x2x8x28x16xf32>
}
