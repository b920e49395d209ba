// RUN: tenon-opt %s -tenon-recognize-gelu | FileCheck %s

// CHECK-LABEL: func @erf_with_a_divisor
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @erf_with_a_divisor(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.erf
  // CHECK: %[[Y:.+]] = nn.gelu %[[X]] :
  // CHECK: return %[[Y]]
  %s = pack.constant(dense<1.41421354> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.div %x, %s : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %b = nn.erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.mul %x, %c : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = nn.mul %d, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  return %e : tensor<8x64xf32>
}

// CHECK-LABEL: func @erf_with_the_factors_in_another_order
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @erf_with_the_factors_in_another_order(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.gelu %[[X]] :
  %s = pack.constant(dense<0.707106769> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.mul %s, %x : (tensor<f32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %one, %b : (tensor<f32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %d = nn.mul %c, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %e = nn.mul %d, %x : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %e : tensor<8x64xf32>
}

// CHECK-LABEL: func @tanh_of_a_cube
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @tanh_of_a_cube(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.gelu %[[X]] {approximate} :
  %three = pack.constant(dense<3.0> : tensor<f32>) : tensor<f32>
  %k = pack.constant(dense<0.0447149985> : tensor<f32>) : tensor<f32>
  %s = pack.constant(dense<0.797884583> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.pow %x, %three : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %b = nn.mul %k, %a : (tensor<f32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %x, %b : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %d = nn.mul %c, %s : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %e = nn.tanh %d : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %f = nn.add %e, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %g = nn.mul %x, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %i = nn.mul %g, %f : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %i : tensor<8x64xf32>
}

// CHECK-LABEL: func @tanh_of_x_by_a_square
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @tanh_of_x_by_a_square(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.gelu %[[X]] {approximate} :
  %k = pack.constant(dense<0.0447149985> : tensor<f32>) : tensor<f32>
  %s = pack.constant(dense<0.797884583> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.mul %x, %x : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.mul %a, %k : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.mul %x, %s : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %dd = nn.mul %d, %c : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = nn.tanh %dd : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %f = nn.add %e, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %g = nn.mul %f, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %i = nn.mul %x, %g : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %i : tensor<8x64xf32>
}

// CHECK-LABEL: func @a_second_reader_keeps_the_curve
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_second_reader_keeps_the_curve(%x: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK-NOT: nn.gelu
  // CHECK: return
  %s = pack.constant(dense<1.41421354> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.div %x, %s : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %b = nn.erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.mul %x, %c : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = nn.mul %d, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  return %e, %b : tensor<8x64xf32>, tensor<8x64xf32>
}

// CHECK-LABEL: func @another_number_is_no_gelu
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @another_number_is_no_gelu(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.gelu
  // CHECK: return
  %s = pack.constant(dense<1.5> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.div %x, %s : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %b = nn.erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.mul %x, %c : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = nn.mul %d, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  return %e : tensor<8x64xf32>
}

// CHECK-LABEL: func @the_curve_of_another_value
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, 
func.func @the_curve_of_another_value(%x: tensor<8x64xf32>, %y: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.gelu
  // CHECK: return
  %s = pack.constant(dense<1.41421354> : tensor<f32>) : tensor<f32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %h = pack.constant(dense<0.5> : tensor<f32>) : tensor<f32>
  %a = nn.div %x, %s : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %b = nn.erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.mul %y, %c : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = nn.mul %d, %h : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  return %e : tensor<8x64xf32>
}
