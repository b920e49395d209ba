// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-place-carried | FileCheck %s

// Each element is read where it is written.
// CHECK-LABEL: func @an_element_wise_state_is_updated_in_place
// CHECK:       ^bb0(%[[H:.+]]: tensor<8xf32>):
// CHECK-NEXT:    %[[NEXT:.+]] = kern.map ins(%[[H]], %{{.+}} : {{.*}}) dests(%[[H]] : tensor<8xf32>)
// CHECK:         scan.yield %[[NEXT]]
func.func @an_element_wise_state_is_updated_in_place(%x: tensor<8xf32>) -> tensor<8xf32> {
  %h0 = nn.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %h = scan.scan "t0" trip #nn.dims<5> carried(%h0 : tensor<8xf32>) {
  ^bb0(%s: tensor<8xf32>):
    %n = nn.add %s, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    scan.yield %n : tensor<8xf32>
  } -> tensor<8xf32>
  return %h : tensor<8xf32>
}

// The caller's input must stay as it is.
// CHECK-LABEL: func @a_start_that_others_see_is_copied
// CHECK-SAME:  (%[[X:.+]]: tensor<8xf32>)
// CHECK:       %[[OWN:.+]] = kern.map ins(%[[X]] : tensor<8xf32>)
// CHECK:       scan.scan "t0" trip <5> carried(%[[OWN]] : tensor<8xf32>)
func.func @a_start_that_others_see_is_copied(%x: tensor<8xf32>) -> tensor<8xf32> {
  %h = scan.scan "t0" trip #nn.dims<5> carried(%x : tensor<8xf32>) {
  ^bb0(%s: tensor<8xf32>):
    %n = nn.exp %s : (tensor<8xf32>) -> tensor<8xf32>
    scan.yield %n : tensor<8xf32>
  } -> tensor<8xf32>
  return %h : tensor<8xf32>
}

// Rows of the product would read what others have written.
// CHECK-LABEL: func @a_product_of_the_state_is_copied
// CHECK:       ^bb0(%[[H:.+]]: tensor<1x8xf32>):
// CHECK:         %[[NEXT:.+]] = kern.matmul %[[H]]
// CHECK-NOT:     dests
// CHECK:         %[[COPY:.+]] = kern.map ins(%[[NEXT]] : tensor<1x8xf32>) dests(%[[H]] : tensor<1x8xf32>)
// CHECK:         scan.yield %[[COPY]]
func.func @a_product_of_the_state_is_copied(%w: tensor<8x16xf32>, %v: tensor<16x8xf32>, %h0: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %h = scan.scan "t0" trip #nn.dims<5> carried(%h0 : tensor<1x8xf32>) {
  ^bb0(%s: tensor<1x8xf32>):
    %u = nn.slice %v {starts = #nn.dims<0, 0>, steps = array<i64: 1, 1>, shape = #nn.dims<8, 8>} : (tensor<16x8xf32>) -> tensor<8x8xf32>
    %m = nn.matmul %s, %u : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
    scan.yield %m : tensor<1x8xf32>
  } -> tensor<1x8xf32>
  return %h : tensor<1x8xf32>
}

// Both move out before either is overwritten.
// CHECK-LABEL: func @values_that_trade_places
// CHECK:       ^bb0(%[[A:.+]]: tensor<8xf32>, %[[B:.+]]: tensor<8xf32>):
// CHECK:         %[[B1:.+]] = kern.map ins(%[[B]] : tensor<8xf32>)
// CHECK:         %[[A1:.+]] = kern.map ins(%[[A]] : tensor<8xf32>)
// CHECK:         %[[A2:.+]] = kern.map ins(%[[B1]] : tensor<8xf32>) dests(%[[A]] : tensor<8xf32>)
// CHECK:         %[[B2:.+]] = kern.map ins(%[[A1]] : tensor<8xf32>) dests(%[[B]] : tensor<8xf32>)
// CHECK:         scan.yield %[[A2]], %[[B2]]
func.func @values_that_trade_places(%x: tensor<8xf32>, %y: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %h:2 = scan.scan "t0" trip #nn.dims<5> carried(%x, %y : tensor<8xf32>, tensor<8xf32>) {
  ^bb0(%a: tensor<8xf32>, %b: tensor<8xf32>):
    scan.yield %b, %a : tensor<8xf32>, tensor<8xf32>
  } -> tensor<8xf32>, tensor<8xf32>
  return %h#0, %h#1 : tensor<8xf32>, tensor<8xf32>
}
