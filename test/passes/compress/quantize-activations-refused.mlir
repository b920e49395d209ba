// RUN: tenon-opt %s -tenon-quantize-activations=all -verify-diagnostics | FileCheck %s

// Kept values pick among the left side's floats.
// CHECK-LABEL: func @two_four_weights_stay
func.func @two_four_weights_stay(%x: tensor<3x64xf32>, %w: tensor<64x32xf32, #pack.two_four<i8>>) -> tensor<3x32xf32> {
  // CHECK: nn.matmul {{.*}} : (tensor<3x64xf32>,
  // expected-remark @+1 {{the left side stays float: its weights are no integers with scales}}
  %y = nn.matmul %x, %w : (tensor<3x64xf32>, tensor<64x32xf32, #pack.two_four<i8>>) -> tensor<3x32xf32>
  return %y : tensor<3x32xf32>
}

// CHECK-LABEL: func @sums_that_may_overflow_stay
func.func @sums_that_may_overflow_stay(%x: tensor<1x70000xf32>, %w: tensor<70000x16xf32, #pack.int<8, scale = f32>>) -> tensor<1x16xf32> {
  // CHECK: nn.matmul {{.*}} : (tensor<1x70000xf32>,
  // expected-remark @+1 {{the left side stays float: sums of its integers may not fit 32 bits}}
  %y = nn.matmul %x, %w : (tensor<1x70000xf32>, tensor<70000x16xf32, #pack.int<8, scale = f32>>) -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}
