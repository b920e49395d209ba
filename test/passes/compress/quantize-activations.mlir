// RUN: tenon-opt %s -tenon-quantize-activations=all | FileCheck %s --check-prefixes=CHECK,ALL
// RUN: tenon-opt %s -tenon-quantize-activations | FileCheck %s --check-prefixes=CHECK,MARKED

// A scale for each row; a row of zeros has one as well.
// CHECK-LABEL: func @a_marked_product_sums_integers
func.func @a_marked_product_sums_integers(%x: tensor<2x3x64xf32>, %w: tensor<64x32xf32, #pack.int<4, group = 32, scale = f16>>) -> tensor<2x3x32xf32> {
  // CHECK: %[[ABS:.+]] = nn.abs %[[X:.+]] :
  // CHECK: %[[MAX:.+]] = nn.reduce %[[ABS]] {axes = array<i64: 2>, keepdims = true, kind = #nn.reduce<max>} : (tensor<2x3x64xf32>) -> tensor<2x3x1xf32>
  // CHECK: %[[PART:.+]] = nn.mul %[[MAX]]
  // CHECK: %[[SCALE:.+]] = nn.max %[[PART]]
  // CHECK: %[[Q:.+]] = nn.quantize %[[X]], %[[SCALE]] {{.*}} -> tensor<2x3x64xi8>
  // CHECK: %[[Y:.+]] = nn.matmul %[[Q]], %{{.+}} : (tensor<2x3x64xi8>, tensor<64x32xf32, #pack.int<4, group = 32, scale = f16>>) -> tensor<2x3x32xf32>
  // CHECK: nn.mul %[[Y]], %[[SCALE]]
  %y = nn.matmul %x, %w {pack.int8_activations} : (tensor<2x3x64xf32>, tensor<64x32xf32, #pack.int<4, group = 32, scale = f16>>) -> tensor<2x3x32xf32>
  return %y : tensor<2x3x32xf32>
}

// CHECK-LABEL: func @other_products_do_so_where_all_may
func.func @other_products_do_so_where_all_may(%x: tensor<3x64xf32>, %w: tensor<64x32xf32, #pack.int<8, scale = f32>>) -> tensor<3x32xf32> {
  // ALL: nn.matmul {{.*}} : (tensor<3x64xi8>,
  // MARKED: nn.matmul {{.*}} : (tensor<3x64xf32>,
  %y = nn.matmul %x, %w : (tensor<3x64xf32>, tensor<64x32xf32, #pack.int<8, scale = f32>>) -> tensor<3x32xf32>
  return %y : tensor<3x32xf32>
}
