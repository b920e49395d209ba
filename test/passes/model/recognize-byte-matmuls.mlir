// RUN: tenon-opt %s -tenon-recognize-byte-matmuls | FileCheck %s

// A zero point known late is taken off the sums.
// CHECK-LABEL: func @a_zero_point_known_late
// CHECK-SAME:    (%[[X:.+]]: tensor<3x4xui8>, %[[Z:.+]]: tensor<ui8>)
func.func @a_zero_point_known_late(%x: tensor<3x4xui8>, %z: tensor<ui8>) -> tensor<3x2xi32> {
  // CHECK: %[[ZERO:.+]] = nn.cast %[[Z]]
  // CHECK: %[[W:.+]] = pack.constant({{.*}} : tensor<4x2xi8>)
  // CHECK: %[[SUMS:.+]] = nn.matmul %[[X]], %[[W]] : (tensor<3x4xui8>, tensor<4x2xi8>) -> tensor<3x2xi32>
  // CHECK: %[[TOTALS:.+]] = pack.constant(dense<[16, 20]> : tensor<2xi32>)
  // CHECK: %[[LESS:.+]] = nn.mul %[[ZERO]], %[[TOTALS]]
  // CHECK: nn.sub %[[SUMS]], %[[LESS]]
  %w = pack.constant(dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>) : tensor<4x2xi8>
  %0 = nn.cast %x : (tensor<3x4xui8>) -> tensor<3x4xi32>
  %1 = nn.cast %z : (tensor<ui8>) -> tensor<i32>
  %2 = nn.sub %0, %1 : (tensor<3x4xi32>, tensor<i32>) -> tensor<3x4xi32>
  %y = nn.matmul %2, %w : (tensor<3x4xi32>, tensor<4x2xi8>) -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// Unsigned weights become signed; their zero points meet the sums of the rows.
// CHECK-LABEL: func @unsigned_weights
// CHECK-SAME:    (%[[X:.+]]: tensor<3x4xui8>)
func.func @unsigned_weights(%x: tensor<3x4xui8>) -> tensor<3x2xi32> {
  // CHECK: %[[ROWS:.+]] = nn.reduce %{{.+}} {{.*}} -> tensor<3x1xi32>
  // CHECK: %[[W:.+]] = pack.constant(dense<{{.*}}-127{{.*}}> : tensor<4x2xi8>)
  // CHECK: %[[SUMS:.+]] = nn.matmul %[[X]], %[[W]]
  // CHECK: %[[ZEROS:.+]] = pack.constant(dense<[-128, -126]> : tensor<2xi32>)
  // CHECK: %[[LESS:.+]] = nn.mul %[[ROWS]], %[[ZEROS]]
  // CHECK: nn.sub %[[SUMS]], %[[LESS]]
  // CHECK-NOT: nn.sub
  %w = pack.constant(dense<[[1, 2], [3, 4], [5, 6], [7, 255]]> : tensor<4x2xui8>) : tensor<4x2xui8>
  %z = pack.constant(dense<[0, 2]> : tensor<2xui8>) : tensor<2xui8>
  %0 = nn.cast %w : (tensor<4x2xui8>) -> tensor<4x2xi32>
  %1 = nn.cast %z : (tensor<2xui8>) -> tensor<2xi32>
  %2 = nn.sub %0, %1 : (tensor<4x2xi32>, tensor<2xi32>) -> tensor<4x2xi32>
  %y = nn.matmul %x, %2 : (tensor<3x4xui8>, tensor<4x2xi32>) -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// What fits i8 less its zero point needs no sums.
// CHECK-LABEL: func @unsigned_weights_that_fit
// CHECK-SAME:    (%[[X:.+]]: tensor<3x4xui8>)
func.func @unsigned_weights_that_fit(%x: tensor<3x4xui8>) -> tensor<3x1xi32> {
  // CHECK: %[[W:.+]] = pack.constant(dense<{{.*}}-119{{.*}}> : tensor<4x1xi8>)
  // CHECK: %[[SUMS:.+]] = nn.matmul %[[X]], %[[W]]
  // CHECK: return %[[SUMS]]
  %w = pack.constant(dense<[[1], [3], [5], [247]]> : tensor<4x1xui8>) : tensor<4x1xui8>
  %z = pack.constant(dense<120> : tensor<i32>) : tensor<i32>
  %0 = nn.cast %w : (tensor<4x1xui8>) -> tensor<4x1xi32>
  %1 = nn.sub %0, %z : (tensor<4x1xi32>, tensor<i32>) -> tensor<4x1xi32>
  %y = nn.matmul %x, %1 : (tensor<3x4xui8>, tensor<4x1xi32>) -> tensor<3x1xi32>
  return %y : tensor<3x1xi32>
}

// Steps are of four bytes; what is missing meets zeros.
// CHECK-LABEL: func @a_depth_of_three
func.func @a_depth_of_three(%x: tensor<3x3xui8>) -> tensor<3x2xi32> {
  // CHECK: %[[X:.+]] = nn.pad {{.*}} -> tensor<3x4xui8>
  // CHECK: nn.matmul %[[X]], %{{.+}} : (tensor<3x4xui8>, tensor<4x2xi8>) -> tensor<3x2xi32>
  %w = pack.constant(dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi8>) : tensor<3x2xi8>
  %y = nn.matmul %x, %w : (tensor<3x3xui8>, tensor<3x2xi8>) -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// CHECK-LABEL: func @weights_known_late_in_float
func.func @weights_known_late_in_float(%x: tensor<3x4xui8>, %w: tensor<4x2xi8>) -> tensor<3x2xi32> {
  // CHECK: %[[Y:.+]] = nn.matmul {{.*}} : (tensor<3x4xf32>, tensor<4x2xf32>) -> tensor<3x2xf32>
  // CHECK: nn.cast %[[Y]]
  %y = nn.matmul %x, %w : (tensor<3x4xui8>, tensor<4x2xi8>) -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// A float does not hold sums of so many products.
// CHECK-LABEL: func @many_products_stay
func.func @many_products_stay(%x: tensor<3x300xui8>, %w: tensor<300x2xi8>) -> tensor<3x2xi32> {
  // CHECK: nn.matmul %{{.+}}, %{{.+}} : (tensor<3x300xui8>, tensor<300x2xi8>) -> tensor<3x2xi32>
  %y = nn.matmul %x, %w : (tensor<3x300xui8>, tensor<300x2xi8>) -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// CHECK-LABEL: func @wide_integers_stay
func.func @wide_integers_stay(%x: tensor<3x4xi32>, %w: tensor<4x2xi32>) -> tensor<3x2xi32> {
  // CHECK: nn.matmul %{{.+}}, %{{.+}} : (tensor<3x4xi32>, tensor<4x2xi32>) -> tensor<3x2xi32>
  %y = nn.matmul %x, %w : (tensor<3x4xi32>, tensor<4x2xi32>) -> tensor<3x2xi32>
  return %y : tensor<3x2xi32>
}

// What is subtracted along the sums is no zero point, and bytes wrap.
// CHECK-LABEL: func @other_differences_stay
func.func @other_differences_stay(%x: tensor<3x300xui8>, %z: tensor<300xi32>, %v: tensor<300xui8>) -> (tensor<3x1xi32>, tensor<3x1xi32>) {
  // CHECK: %[[A:.+]] = nn.sub %{{.+}}, %{{.+}} : (tensor<3x300xi32>, tensor<300xi32>)
  // CHECK: nn.matmul %[[A]], %{{.+}} : (tensor<3x300xi32>, tensor<300x1xi8>)
  // CHECK: %[[B:.+]] = nn.sub %{{.+}}, %{{.+}} : (tensor<3x300xui8>, tensor<300xui8>)
  // CHECK: nn.matmul %[[B]], %{{.+}} : (tensor<3x300xui8>, tensor<300x1xi8>)
  %w = pack.constant(dense<2> : tensor<300x1xi8>) : tensor<300x1xi8>
  %0 = nn.cast %x : (tensor<3x300xui8>) -> tensor<3x300xi32>
  %1 = nn.sub %0, %z : (tensor<3x300xi32>, tensor<300xi32>) -> tensor<3x300xi32>
  %a = nn.matmul %1, %w : (tensor<3x300xi32>, tensor<300x1xi8>) -> tensor<3x1xi32>
  %2 = nn.sub %x, %v : (tensor<3x300xui8>, tensor<300xui8>) -> tensor<3x300xui8>
  %b = nn.matmul %2, %w : (tensor<3x300xui8>, tensor<300x1xi8>) -> tensor<3x1xi32>
  return %a, %b : tensor<3x1xi32>, tensor<3x1xi32>
}
