// RUN: tenon-opt %s -tenon-expand-late-convs | FileCheck %s

// Two taps of two groups of two channels, every second place.
// CHECK-LABEL: func @late_weights_multiply_columns
// CHECK: %[[X:.+]] = nn.pad %arg0 {{.*}}low = #nn.dims<0, 0, 1>
// CHECK: %[[A:.+]] = nn.slice %[[X]] {shape = #nn.dims<1, 4, 3>, starts = #nn.dims<0, 0, 0>, steps = array<i64: 1, 1, 2>}
// CHECK: nn.reshape %[[A]] {shape = #nn.dims<1, 2, 2, 1, 3>}
// CHECK: nn.slice %[[X]] {shape = #nn.dims<1, 4, 3>, starts = #nn.dims<0, 0, 1>
// CHECK: %[[ALL:.+]] = nn.concat {{.*}}axis = 3
// CHECK: %[[RIGHT:.+]] = nn.reshape %[[ALL]] {shape = #nn.dims<1, 2, 4, 3>}
// CHECK: %[[LEFT:.+]] = nn.reshape %arg1 {shape = #nn.dims<1, 2, 3, 4>}
// CHECK: nn.matmul %[[LEFT]], %[[RIGHT]]
// CHECK-NOT: nn.conv
func.func @late_weights_multiply_columns(%x: tensor<1x4x5xf32>, %w: tensor<6x2x2xf32>) -> tensor<1x6x3xf32> {
  %y = nn.conv %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>, low = #nn.dims<1>, high = #nn.dims<0>, group = 2 : i64} : (tensor<1x4x5xf32>, tensor<6x2x2xf32>) -> tensor<1x6x3xf32>
  return %y : tensor<1x6x3xf32>
}

// CHECK-LABEL: func @constants_and_integers_stay
// CHECK: nn.conv
// CHECK: nn.conv
func.func @constants_and_integers_stay(%x: tensor<1x2x6xf32>, %i: tensor<1x2x6xi32>, %l: tensor<4x2x3xi32>) -> (tensor<1x4x4xf32>, tensor<1x4x4xi32>) {
  %w = pack.constant(dense<0.5> : tensor<4x2x3xf32>) : tensor<4x2x3xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x2x6xf32>, tensor<4x2x3xf32>) -> tensor<1x4x4xf32>
  %z = nn.conv %i, %l {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x2x6xi32>, tensor<4x2x3xi32>) -> tensor<1x4x4xi32>
  return %y, %z : tensor<1x4x4xf32>, tensor<1x4x4xi32>
}
