// RUN: tenon-opt %s -tenon-recognize-softmax | FileCheck %s

// CHECK-LABEL: func @with_the_maximum
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @with_the_maximum(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.reduce
  // CHECK: nn.softmax %[[X]] {axis = 1 : i64} :
  %m = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %e = nn.exp %d : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %y = nn.div %e, %s : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @by_the_reciprocal
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @by_the_reciprocal(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.softmax %[[X]] {axis = 1 : i64} :
  %m = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %e = nn.exp %d : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %r = nn.reciprocal %s : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.mul %e, %r : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @its_logarithm
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @its_logarithm(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK: nn.softmax %[[X]] {axis = 1 : i64, log} :
  %m = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %e = nn.exp %d : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %l = nn.log %s : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.sub %d, %l : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// It overflows where softmax does not.
// CHECK-LABEL: func @without_the_maximum
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @without_the_maximum(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.softmax
  // CHECK: return
  %e = nn.exp %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %y = nn.div %e, %s : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// CHECK-LABEL: func @a_second_reader_keeps_the_exponentials
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_second_reader_keeps_the_exponentials(%x: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK-NOT: nn.softmax
  // CHECK: return
  %m = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %e = nn.exp %d : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %y = nn.div %e, %s : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  return %y, %e : tensor<8x64xf32>, tensor<8x64xf32>
}

// CHECK-LABEL: func @a_sum_along_another_axis
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_sum_along_another_axis(%x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // CHECK-NOT: nn.softmax
  // CHECK: return
  %m = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<8x64xf32>) -> tensor<8x1xf32>
  %d = nn.sub %x, %m : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  %e = nn.exp %d : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = true} : (tensor<8x64xf32>) -> tensor<1x64xf32>
  %y = nn.div %e, %s : (tensor<8x64xf32>, tensor<1x64xf32>) -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}
