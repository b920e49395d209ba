// RUN: tenon-opt %s -tenon-recognize-silu | FileCheck %s

// CHECK-LABEL: func @x_by_its_sigmoid
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @x_by_its_sigmoid(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.sigmoid
  // CHECK: nn.silu %[[X]]
  %a = nn.sigmoid %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.mul %a, %x : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %b : tensor<8x64xf32>
}

// CHECK-LABEL: func @x_over_one_plus_exp
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @x_over_one_plus_exp(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.silu %[[X]]
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %a = nn.neg %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.exp %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %one, %b : (tensor<f32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %d = nn.div %x, %c : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}

// CHECK-LABEL: func @a_sigmoid_written_out
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_sigmoid_written_out(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.div
  // CHECK: nn.sigmoid %[[X]]
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %a = nn.neg %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.exp %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.div %one, %c : (tensor<f32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %d : tensor<8x64xf32>
}

// CHECK-LABEL: func @both_steps
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @both_steps(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.silu %[[X]]
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  %a = nn.neg %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.exp %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %c = nn.add %b, %one : (tensor<8x64xf32>, tensor<f32>) -> tensor<8x64xf32>
  %d = nn.reciprocal %c : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %e = nn.mul %x, %d : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %e : tensor<8x64xf32>
}

// CHECK-LABEL: func @a_second_reader_keeps_the_sigmoid
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_second_reader_keeps_the_sigmoid(%x: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK-NOT: nn.silu
  // CHECK: return
  %a = nn.sigmoid %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.mul %x, %a : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %b, %a : tensor<8x64xf32>, tensor<8x64xf32>
}

// CHECK-LABEL: func @the_sigmoid_of_another_value
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, 
func.func @the_sigmoid_of_another_value(%x: tensor<8x64xf32>, %y: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.silu
  // CHECK: return
  %a = nn.sigmoid %y : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %b = nn.mul %x, %a : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  return %b : tensor<8x64xf32>
}
