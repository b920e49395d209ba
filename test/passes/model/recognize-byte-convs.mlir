// RUN: tenon-opt %s -tenon-recognize-byte-convs | FileCheck %s

// Zero points are taken off the sums; the scales meet behind them.
// CHECK-LABEL: func @a_zero_point_is_taken_off_the_sums
// CHECK-SAME:    (%[[Q:.+]]: tensor<1x8x4x4xui8>)
func.func @a_zero_point_is_taken_off_the_sums(%q: tensor<1x8x4x4xui8>) -> tensor<1x2x4x4xf32> {
  // CHECK: %[[CODES:.+]] = nn.conv %[[Q]], %{{.+}} : (tensor<1x8x4x4xui8>, tensor<2x8x1x1xi8>) -> tensor<1x2x4x4xi32>
  // CHECK: %[[SUMS:.+]] = pack.constant(dense<{{.*}}-72{{.*}}-144{{.*}}> : tensor<2x1x1xi32>)
  // CHECK: %[[LESS:.+]] = nn.add %[[CODES]], %[[SUMS]]
  // CHECK: nn.cast %[[LESS]]
  %sx = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %zero = pack.constant(dense<9.0> : tensor<f32>) : tensor<f32>
  %sw = pack.constant(dense<[[[[0.25]]], [[[0.125]]]]> : tensor<2x1x1x1xf32>) : tensor<2x1x1x1xf32>
  %codes = pack.constant(dense<[[[[1]], [[1]], [[1]], [[1]], [[1]], [[1]], [[1]], [[1]]], [[[2]], [[2]], [[2]], [[2]], [[2]], [[2]], [[2]], [[2]]]]> : tensor<2x8x1x1xi8>) : tensor<2x8x1x1xi8>
  %0 = nn.cast %q : (tensor<1x8x4x4xui8>) -> tensor<1x8x4x4xf32>
  %1 = nn.sub %0, %zero : (tensor<1x8x4x4xf32>, tensor<f32>) -> tensor<1x8x4x4xf32>
  %x = nn.mul %1, %sx : (tensor<1x8x4x4xf32>, tensor<f32>) -> tensor<1x8x4x4xf32>
  %2 = nn.cast %codes : (tensor<2x8x1x1xi8>) -> tensor<2x8x1x1xf32>
  %w = nn.mul %2, %sw : (tensor<2x8x1x1xf32>, tensor<2x1x1x1xf32>) -> tensor<2x8x1x1xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x8x4x4xf32>, tensor<2x8x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// An image less its mean: 3.5 is no zero point.
// CHECK-LABEL: func @a_mean_stays
func.func @a_mean_stays(%q: tensor<1x8x4x4xui8>) -> tensor<1x2x4x4xf32> {
  // CHECK: nn.conv %{{.+}} : (tensor<1x8x4x4xf32>, tensor<2x8x1x1xf32>) -> tensor<1x2x4x4xf32>
  %sx = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %mean = pack.constant(dense<3.5> : tensor<f32>) : tensor<f32>
  %codes = pack.constant(dense<3> : tensor<2x8x1x1xi8>) : tensor<2x8x1x1xi8>
  %0 = nn.cast %q : (tensor<1x8x4x4xui8>) -> tensor<1x8x4x4xf32>
  %1 = nn.sub %0, %mean : (tensor<1x8x4x4xf32>, tensor<f32>) -> tensor<1x8x4x4xf32>
  %x = nn.mul %1, %sx : (tensor<1x8x4x4xf32>, tensor<f32>) -> tensor<1x8x4x4xf32>
  %2 = nn.cast %codes : (tensor<2x8x1x1xi8>) -> tensor<2x8x1x1xf32>
  %w = nn.mul %2, %sx : (tensor<2x8x1x1xf32>, tensor<f32>) -> tensor<2x8x1x1xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x8x4x4xf32>, tensor<2x8x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %y : tensor<1x2x4x4xf32>
}

// What stands outside is the zero point, not the code 0.
// CHECK-LABEL: func @outside_stands_the_zero_point
// CHECK-SAME:    (%[[Q:.+]]: tensor<1x8x4x4xui8>)
func.func @outside_stands_the_zero_point(%q: tensor<1x8x4x4xui8>) -> tensor<1x1x4x4xf32> {
  // CHECK: %[[PADDED:.+]] = nn.pad %[[Q]], %{{.+}} -> tensor<1x8x6x6xui8>
  // CHECK: nn.conv %[[PADDED]], %{{.+}} high = #nn.dims<0, 0>, low = #nn.dims<0, 0>
  %sx = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %zero = pack.constant(dense<9.0> : tensor<f32>) : tensor<f32>
  %codes = pack.constant(dense<3> : tensor<1x8x3x3xi8>) : tensor<1x8x3x3xi8>
  %0 = nn.cast %q : (tensor<1x8x4x4xui8>) -> tensor<1x8x4x4xf32>
  %1 = nn.sub %0, %zero : (tensor<1x8x4x4xf32>, tensor<f32>) -> tensor<1x8x4x4xf32>
  %x = nn.mul %1, %sx : (tensor<1x8x4x4xf32>, tensor<f32>) -> tensor<1x8x4x4xf32>
  %2 = nn.cast %codes : (tensor<1x8x3x3xi8>) -> tensor<1x8x3x3xf32>
  %w = nn.mul %2, %sx : (tensor<1x8x3x3xf32>, tensor<f32>) -> tensor<1x8x3x3xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x8x4x4xf32>, tensor<1x8x3x3xf32>) -> tensor<1x1x4x4xf32>
  return %y : tensor<1x1x4x4xf32>
}

// As ConvInteger and QLinearConv are written.
// CHECK-LABEL: func @integers_less_a_zero_point
// CHECK-SAME:    (%[[Q:.+]]: tensor<1x8x4x4xui8>)
func.func @integers_less_a_zero_point(%q: tensor<1x8x4x4xui8>) -> tensor<1x1x4x4xi32> {
  // CHECK: %[[CODES:.+]] = nn.conv %[[Q]], %{{.+}} : (tensor<1x8x4x4xui8>, tensor<1x8x1x1xi8>) -> tensor<1x1x4x4xi32>
  // CHECK: nn.add %[[CODES]]
  %zero = pack.constant(dense<9> : tensor<i32>) : tensor<i32>
  %codes = pack.constant(dense<3> : tensor<1x8x1x1xi8>) : tensor<1x8x1x1xi8>
  %0 = nn.cast %q : (tensor<1x8x4x4xui8>) -> tensor<1x8x4x4xi32>
  %1 = nn.sub %0, %zero : (tensor<1x8x4x4xi32>, tensor<i32>) -> tensor<1x8x4x4xi32>
  %2 = nn.cast %codes : (tensor<1x8x1x1xi8>) -> tensor<1x8x1x1xi32>
  %y = nn.conv %1, %2 {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x8x4x4xi32>, tensor<1x8x1x1xi32>) -> tensor<1x1x4x4xi32>
  return %y : tensor<1x1x4x4xi32>
}

// CHECK-LABEL: func @codes_read_as_floats_become_unsigned
func.func @codes_read_as_floats_become_unsigned(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: %[[ZERO:.+]] = pack.constant(dense<125> : tensor<ui8>)
  // CHECK: %[[Q:.+]] = nn.quantize %{{.+}}, %{{.+}}, %[[ZERO]] {{.*}} -> tensor<8xui8>
  // CHECK: %[[F:.+]] = nn.cast %[[Q]]
  // CHECK: %[[OFF:.+]] = pack.constant(dense<1.250000e+02> : tensor<f32>)
  // CHECK: nn.sub %[[F]], %[[OFF]]
  %s = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %z = pack.constant(dense<-3> : tensor<i8>) : tensor<i8>
  %zf = pack.constant(dense<-3.0> : tensor<f32>) : tensor<f32>
  %q = nn.quantize %x, %s, %z : (tensor<8xf32>, tensor<f32>, tensor<i8>) -> tensor<8xi8>
  %f = nn.cast %q : (tensor<8xi8>) -> tensor<8xf32>
  %y = nn.sub %f, %zf : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// As QLinearConv reads them.
// CHECK-LABEL: func @codes_read_as_integers_become_unsigned
func.func @codes_read_as_integers_become_unsigned(%x: tensor<1x8x4x4xf32>) -> tensor<1x1x4x4xi32> {
  // CHECK: %[[ZERO:.+]] = pack.constant(dense<125> : tensor<ui8>)
  // CHECK: %[[Q:.+]] = nn.quantize %{{.+}}, %{{.+}}, %[[ZERO]] {{.*}} -> tensor<1x8x4x4xui8>
  // CHECK: nn.conv %[[Q]], %{{.+}} : (tensor<1x8x4x4xui8>, tensor<1x8x1x1xi8>) -> tensor<1x1x4x4xi32>
  // CHECK: pack.constant(dense<-3000> : tensor<1x1x1xi32>)
  %s = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %z = pack.constant(dense<-3> : tensor<i8>) : tensor<i8>
  %codes = pack.constant(dense<3> : tensor<1x8x1x1xi8>) : tensor<1x8x1x1xi8>
  %q = nn.quantize %x, %s, %z : (tensor<1x8x4x4xf32>, tensor<f32>, tensor<i8>) -> tensor<1x8x4x4xi8>
  %0 = nn.cast %q : (tensor<1x8x4x4xi8>) -> tensor<1x8x4x4xi32>
  %1 = nn.cast %z : (tensor<i8>) -> tensor<i32>
  %2 = nn.sub %0, %1 : (tensor<1x8x4x4xi32>, tensor<i32>) -> tensor<1x8x4x4xi32>
  %w = nn.cast %codes : (tensor<1x8x1x1xi8>) -> tensor<1x8x1x1xi32>
  %y = nn.conv %2, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x8x4x4xi32>, tensor<1x8x1x1xi32>) -> tensor<1x1x4x4xi32>
  return %y : tensor<1x1x4x4xi32>
}

// CHECK-LABEL: func @codes_that_are_results_keep_their_sign
func.func @codes_that_are_results_keep_their_sign(%x: tensor<8xf32>) -> tensor<8xi8> {
  // CHECK: nn.quantize {{.*}} -> tensor<8xi8>
  %s = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %z = pack.constant(dense<-3> : tensor<i8>) : tensor<i8>
  %q = nn.quantize %x, %s, %z : (tensor<8xf32>, tensor<f32>, tensor<i8>) -> tensor<8xi8>
  return %q : tensor<8xi8>
}

// Lanes of bytes need channels to stand side by side.
// CHECK-LABEL: func @few_channels_stay_floats
func.func @few_channels_stay_floats(%q: tensor<1x3x4x4xui8>) -> tensor<1x1x4x4xf32> {
  // CHECK-NOT: tensor<1x1x4x4xi32>
  %sx = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %codes = pack.constant(dense<3> : tensor<1x3x1x1xi8>) : tensor<1x3x1x1xi8>
  %0 = nn.cast %q : (tensor<1x3x4x4xui8>) -> tensor<1x3x4x4xf32>
  %x = nn.mul %0, %sx : (tensor<1x3x4x4xf32>, tensor<f32>) -> tensor<1x3x4x4xf32>
  %2 = nn.cast %codes : (tensor<1x3x1x1xi8>) -> tensor<1x3x1x1xf32>
  %w = nn.mul %2, %sx : (tensor<1x3x1x1xf32>, tensor<f32>) -> tensor<1x3x1x1xf32>
  %y = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 1 : i64} : (tensor<1x3x4x4xf32>, tensor<1x3x1x1xf32>) -> tensor<1x1x4x4xf32>
  return %y : tensor<1x1x4x4xf32>
}

// Sums of few products of bytes are integers that a float holds.
// CHECK-LABEL: func @channels_by_themselves_are_summed_in_float
func.func @channels_by_themselves_are_summed_in_float(%q: tensor<1x8x4x4xui8>, %w: tensor<8x1x3x3xi8>, %b: tensor<8xi32>) -> tensor<1x8x4x4xi32> {
  // CHECK: %[[SUMS:.+]] = nn.conv {{.*}} group = 8 {{.*}} -> tensor<1x8x4x4xf32>
  // CHECK: %[[WHOLE:.+]] = nn.cast %[[SUMS]]
  // CHECK: nn.add %[[WHOLE]]
  %zero = pack.constant(dense<9> : tensor<ui8>) : tensor<ui8>
  %0 = nn.cast %q : (tensor<1x8x4x4xui8>) -> tensor<1x8x4x4xi32>
  %1 = nn.cast %zero : (tensor<ui8>) -> tensor<i32>
  %2 = nn.sub %0, %1 : (tensor<1x8x4x4xi32>, tensor<i32>) -> tensor<1x8x4x4xi32>
  %3 = nn.cast %w : (tensor<8x1x3x3xi8>) -> tensor<8x1x3x3xi32>
  %y = nn.conv %2, %3, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 8 : i64} : (tensor<1x8x4x4xi32>, tensor<8x1x3x3xi32>, tensor<8xi32>) -> tensor<1x8x4x4xi32>
  return %y : tensor<1x8x4x4xi32>
}

// CHECK-LABEL: func @sums_of_many_products_stay_integers
func.func @sums_of_many_products_stay_integers(%q: tensor<1x80x9x9xui8>, %w: tensor<8x40x3x3xi8>) -> tensor<1x8x7x7xi32> {
  // CHECK: nn.conv {{.*}} -> tensor<1x8x7x7xi32>
  %0 = nn.cast %q : (tensor<1x80x9x9xui8>) -> tensor<1x80x9x9xi32>
  %3 = nn.cast %w : (tensor<8x40x3x3xi8>) -> tensor<8x40x3x3xi32>
  %y = nn.conv %0, %3 {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>, group = 2 : i64} : (tensor<1x80x9x9xi32>, tensor<8x40x3x3xi32>) -> tensor<1x8x7x7xi32>
  return %y : tensor<1x8x7x7xi32>
}

// A zero point known late stands outside, and is taken off; codes whose weights
// have a zero point are summed under each window.
// CHECK-LABEL: func @a_zero_point_known_late
// CHECK-SAME:    (%[[Q:.+]]: tensor<1x8x4x4xui8>, %[[Z:.+]]: tensor<ui8>)
func.func @a_zero_point_known_late(%q: tensor<1x8x4x4xui8>, %z: tensor<ui8>) -> tensor<1x1x4x4xi32> {
  // CHECK: %[[PADDED:.+]] = nn.pad %[[Q]], %{{.+}} -> tensor<1x8x6x6xui8>
  // CHECK: %[[Y:.+]] = nn.conv %[[PADDED]], %{{.+}} -> tensor<1x1x4x4xi32>
  // CHECK: %[[ONES:.+]] = pack.constant(dense<1> : tensor<1x8x3x3xi8>)
  // CHECK: %[[SUMS:.+]] = nn.conv %[[PADDED]], %[[ONES]]
  // CHECK: %[[ZERO:.+]] = pack.constant(dense<-128> : tensor<1x1x1xi32>)
  // CHECK: %[[OFF:.+]] = nn.mul %[[SUMS]], %[[ZERO]]
  // CHECK: %[[LESS:.+]] = nn.sub %[[Y]], %[[OFF]]
  // CHECK: %[[TOTALS:.+]] = pack.constant(dense<14400> : tensor<1x1x1xi32>)
  // CHECK: nn.mul %[[TOTALS]], %{{.+}}
  // CHECK: nn.sub %[[LESS]]
  %codes = pack.constant(dense<200> : tensor<1x8x3x3xui8>) : tensor<1x8x3x3xui8>
  %0 = nn.cast %q : (tensor<1x8x4x4xui8>) -> tensor<1x8x4x4xi32>
  %1 = nn.cast %z : (tensor<ui8>) -> tensor<i32>
  %2 = nn.sub %0, %1 : (tensor<1x8x4x4xi32>, tensor<i32>) -> tensor<1x8x4x4xi32>
  %3 = nn.cast %codes : (tensor<1x8x3x3xui8>) -> tensor<1x8x3x3xi32>
  %y = nn.conv %2, %3 {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<1, 1>, high = #nn.dims<1, 1>, group = 1 : i64} : (tensor<1x8x4x4xi32>, tensor<1x8x3x3xi32>) -> tensor<1x1x4x4xi32>
  return %y : tensor<1x1x4x4xi32>
}
