// RUN: tenon-opt %s -tenon-trim-windows | FileCheck %s

// Rows: only the middle tap meets the image. Columns: all three do.
// CHECK-LABEL: func @taps_in_padding_go
// CHECK: %[[W:.+]] = nn.slice %{{.+}} {shape = #nn.dims<4, 2, 1, 3>, starts = #nn.dims<0, 0, 1, 0>, steps = array<i64: 1, 1, 1, 1>}
// CHECK: nn.conv %arg0, %[[W]] {{.*}}high = #nn.dims<0, 6>, low = #nn.dims<0, 6>
func.func @taps_in_padding_go(%x: tensor<1x2x6x8xf32>) -> tensor<1x4x6x8xf32> {
  %w = pack.constant(dense<0.5> : tensor<4x2x3x3xf32>) : tensor<4x2x3x3xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 6, 6>, low = #nn.dims<6, 6>, high = #nn.dims<6, 6>, group = 1 : i64} : (tensor<1x2x6x8xf32>, tensor<4x2x3x3xf32>) -> tensor<1x4x6x8xf32>
  return %y : tensor<1x4x6x8xf32>
}

// A tap that meets one row stays.
// CHECK-LABEL: func @a_row_is_enough
// CHECK-NOT: nn.slice
func.func @a_row_is_enough(%x: tensor<1x2x7xf32>) -> tensor<1x4x7xf32> {
  %w = pack.constant(dense<0.5> : tensor<4x2x3xf32>) : tensor<4x2x3xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 6>, low = #nn.dims<6>, high = #nn.dims<6>, group = 1 : i64} : (tensor<1x2x7xf32>, tensor<4x2x3xf32>) -> tensor<1x4x7xf32>
  return %y : tensor<1x4x7xf32>
}

// One tap stays where all see padding, and weights known late stay whole.
// CHECK-LABEL: func @one_tap_stays
// CHECK: nn.slice {{.*}}shape = #nn.dims<4, 2, 1>
// CHECK: nn.conv %arg0, %arg1
func.func @one_tap_stays(%x: tensor<1x2x1xf32>, %w: tensor<4x2x3xf32>) -> (tensor<1x4x1xf32>, tensor<1x4x1xf32>) {
  %c = pack.constant(dense<0.5> : tensor<4x2x3xf32>) : tensor<4x2x3xf32>
  %y = nn.conv %x, %c {strides = array<i64: 1>, dilations = array<i64: 2>, low = #nn.dims<9>, high = #nn.dims<-5>, group = 1 : i64} : (tensor<1x2x1xf32>, tensor<4x2x3xf32>) -> tensor<1x4x1xf32>
  %z = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 2>, low = #nn.dims<2>, high = #nn.dims<2>, group = 1 : i64} : (tensor<1x2x1xf32>, tensor<4x2x3xf32>) -> tensor<1x4x1xf32>
  return %y, %z : tensor<1x4x1xf32>, tensor<1x4x1xf32>
}
