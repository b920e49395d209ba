// RUN: tenon-opt %s -tenon-widen-convs | FileCheck %s

// CHECK-LABEL: func @halves_are_computed_in_f32
// CHECK-DAG: %[[X:.+]] = nn.cast %arg0 : (tensor<1x2x6xf16>) -> tensor<1x2x6xf32>
// CHECK-DAG: %[[W:.+]] = nn.cast %{{.+}} : (tensor<4x2x3xf16>) -> tensor<4x2x3xf32>
// CHECK: %[[Y:.+]] = nn.conv %[[X]], %[[W]] {{.*}} -> tensor<1x4x4xf32>
// CHECK: nn.cast %[[Y]] : (tensor<1x4x4xf32>) -> tensor<1x4x4xf16>
func.func @halves_are_computed_in_f32(%x: tensor<1x2x6xf16>) -> tensor<1x4x4xf16> {
  %w = pack.constant(dense<0.5> : tensor<4x2x3xf16>) : tensor<4x2x3xf16>
  %y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x2x6xf16>, tensor<4x2x3xf16>) -> tensor<1x4x4xf16>
  return %y : tensor<1x4x4xf16>
}

// CHECK-LABEL: func @floats_and_late_weights_stay
// CHECK-NOT: nn.cast
func.func @floats_and_late_weights_stay(%x: tensor<1x2x6xf32>, %h: tensor<1x2x6xf16>, %l: tensor<4x2x3xf16>) -> (tensor<1x4x4xf32>, tensor<1x4x4xf16>) {
  %w = pack.constant(dense<0.5> : tensor<4x2x3xf32>) : tensor<4x2x3xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x2x6xf32>, tensor<4x2x3xf32>) -> tensor<1x4x4xf32>
  %z = nn.conv %h, %l {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x2x6xf16>, tensor<4x2x3xf16>) -> tensor<1x4x4xf16>
  return %y, %z : tensor<1x4x4xf32>, tensor<1x4x4xf16>
}
