// RUN: tenon-opt %s -tenon-recognize-norms | FileCheck %s

// CHECK-LABEL: func @layer_norm_with_scale_and_bias
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @layer_norm_with_scale_and_bias(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.reduce
  // CHECK: %[[G:.+]] = pack.constant(dense<3.000000e+00>
  // CHECK: %[[B:.+]] = pack.constant(dense<5.000000e-01>
  // CHECK: nn.norm(%[[X]] scale %[[G]] bias %[[B]]) {axis = 1 : i64, epsilon = 9.99999974E-6 : f32}
  %m = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %two = pack.constant(dense<2.0> : tensor<f32>) : tensor<f32>
  %q = nn.pow %d, %two : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %ve = nn.add %v, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %sd = nn.sqrt %ve : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %n = nn.div %d, %sd : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %g = pack.constant(dense<3.0> : tensor<f32>) : tensor<f32>
  %b = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %o = nn.mul %n, %g : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %y = nn.add %o, %b : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @rms_norm_by_the_reciprocal
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @rms_norm_by_the_reciprocal(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.norm(%[[X]]) {axis = 1 : i64, epsilon = 9.99999974E-6 : f32, rms}
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %q = nn.mul %x, %x : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %ve = nn.add %v, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %sd = nn.sqrt %ve : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %r = nn.reciprocal %sd : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.mul %x, %r : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @one_over_the_root
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @one_over_the_root(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.norm(%[[X]]) {axis = 1 : i64, epsilon
  %m = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %q = nn.mul %d, %d : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %ve = nn.add %v, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %sd = nn.sqrt %ve : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %r = nn.div %one, %sd : (tensor<f32>, tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.mul %r, %d : (tensor<8x1xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @a_scale_that_is_computed_stays_a_product
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, 
func.func @a_scale_that_is_computed_stays_a_product(%x: tensor<8x64xf32>, %g: tensor<64xf32>) -> tensor<8x64xf32> {
  // CHECK: %[[N:.+]] = nn.norm(%[[X]]) 
  // CHECK: nn.mul %[[N]]
  %m = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %two = pack.constant(dense<2.0> : tensor<f32>) : tensor<f32>
  %q = nn.pow %d, %two : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %ve = nn.add %v, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %sd = nn.sqrt %ve : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %n = nn.div %d, %sd : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %y = nn.mul %n, %g : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @another_axis_than_the_last
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @another_axis_than_the_last(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.norm
  // CHECK: return
  %m = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 0>, keepdims = true} : (tensor<8x64xf32>) -> tensor<1x64xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<1x64xf32>) -> tensor<8x64xf32>
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %two = pack.constant(dense<2.0> : tensor<f32>) : tensor<f32>
  %q = nn.pow %d, %two : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 0>, keepdims = true} : (tensor<8x64xf32>) -> tensor<1x64xf32>
  %ve = nn.add %v, %eps : (tensor<1x64xf32>, tensor<f32>) -> tensor<1x64xf32>
  %sd = nn.sqrt %ve : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %y = nn.div %d, %sd : (tensor<8x64xf32>, tensor<1x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @the_deviation_of_another_value
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, 
func.func @the_deviation_of_another_value(%x: tensor<8x64xf32>, %z: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.norm
  // CHECK: return
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %two = pack.constant(dense<2.0> : tensor<f32>) : tensor<f32>
  %q = nn.pow %z, %two : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %ve = nn.add %v, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %sd = nn.sqrt %ve : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.div %x, %sd : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @a_second_reader_keeps_the_squares
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_second_reader_keeps_the_squares(%x: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK-NOT: nn.norm
  // CHECK: return
  %m = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %eps = pack.constant(dense<1.0e-5> : tensor<f32>) : tensor<f32>
  %two = pack.constant(dense<2.0> : tensor<f32>) : tensor<f32>
  %q = nn.pow %d, %two : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %v = nn.reduce %q {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %ve = nn.add %v, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %sd = nn.sqrt %ve : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.div %d, %sd : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y, %q : tensor<8x64xf32>, tensor<8x64xf32>
}
