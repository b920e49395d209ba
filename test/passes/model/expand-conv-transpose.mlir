// RUN: tenon-opt %s -tenon-expand-conv-transpose | FileCheck %s

// Two phases: taps 1 and 3 (the last first), then 0 and 2.
// CHECK-LABEL: func @a_stride_of_two_makes_two_phases
// CHECK-NOT: nn.conv_transpose
// CHECK: nn.slice %arg1 {{.*}}starts = #nn.dims<0, 0, 3>, steps = array<i64: 1, 1, -2>
// CHECK: %[[EVEN:.+]] = nn.conv {{.*}}high = #nn.dims<0>, low = #nn.dims<1>
// CHECK: nn.slice %arg1 {{.*}}starts = #nn.dims<0, 0, 2>, steps = array<i64: 1, 1, -2>
// CHECK: %[[ODD:.+]] = nn.conv {{.*}}high = #nn.dims<1>, low = #nn.dims<0>
// CHECK: nn.interleave %[[EVEN]], %[[ODD]] {shape = #nn.dims<10>, steps = array<i64: 2>}
func.func @a_stride_of_two_makes_two_phases(%x: tensor<1x3x5xf32>, %w: tensor<3x2x4xf32>) -> tensor<1x2x10xf32> {
  %y = nn.conv_transpose %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>, low = #nn.dims<1>, shape = #nn.dims<10>, group = 1 : i64} : (tensor<1x3x5xf32>, tensor<3x2x4xf32>) -> tensor<1x2x10xf32>
  return %y : tensor<1x2x10xf32>
}

// CHECK-LABEL: func @without_a_stride_it_is_one_convolution
// CHECK: nn.conv
// CHECK-NOT: nn.interleave
func.func @without_a_stride_it_is_one_convolution(%x: tensor<1x3x5xf32>, %w: tensor<3x2x3xf32>) -> tensor<1x2x7xf32> {
  %y = nn.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, shape = #nn.dims<7>, group = 1 : i64} : (tensor<1x3x5xf32>, tensor<3x2x3xf32>) -> tensor<1x2x7xf32>
  return %y : tensor<1x2x7xf32>
}

// A plain convolution stays.
// CHECK-LABEL: func @a_convolution_stays
// CHECK: nn.conv %arg0, %arg1
func.func @a_convolution_stays(%x: tensor<1x3x5xf32>, %w: tensor<2x3x3xf32>) -> tensor<1x2x3xf32> {
  %y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x3x5xf32>, tensor<2x3x3xf32>) -> tensor<1x2x3xf32>
  return %y : tensor<1x2x3xf32>
}
