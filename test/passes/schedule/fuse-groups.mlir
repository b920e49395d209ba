// Groups come from nn operations, which are shorter to write.
// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-fuse-groups | FileCheck %s

// CHECK-DAG: #[[$TRANSPOSED:.+]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-DAG: #[[$FLAT:.+]] = affine_map<(d0, d1) -> (d0 * 4 + d1)>

// CHECK-LABEL: func @a_producer_moves_into_its_reader
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>, %[[B:.+]]: tensor<64xf32>)
func.func @a_producer_moves_into_its_reader(%x: tensor<8x64xf32>, %b: tensor<64xf32>) -> tensor<8x64xf32> {
  // CHECK: kern.map ins(%[[B]], %[[X]] :
  // CHECK-NEXT: ^bb0(%[[BE:.+]]: f32, %[[XE:.+]]: f32):
  // CHECK-NEXT: %[[E:.+]] = math.exp %[[XE]]
  // CHECK-NEXT: arith.addf %[[E]], %[[BE]]
  // CHECK-NOT: kern.map
  // CHECK: return
  %0 = nn.exp %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %1 = nn.add %0, %b : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}

// CHECK-LABEL: func @the_same_element_is_one_operand
// CHECK-SAME:    (%[[X:.+]]: tensor<8xf32>)
func.func @the_same_element_is_one_operand(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: kern.map ins(%[[X]] : tensor<8xf32>)
  // CHECK-NEXT: ^bb0(%[[E:.+]]: f32):
  // CHECK-NEXT: %[[S:.+]] = math.exp %[[E]]
  // CHECK-NEXT: arith.mulf %[[E]], %[[S]]
  %0 = nn.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.mul %x, %0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// A second reader would compute it again.
// CHECK-LABEL: func @a_value_with_two_readers_is_computed_once
func.func @a_value_with_two_readers_is_computed_once(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  // CHECK: %[[E:.+]] = kern.map
  // CHECK: math.exp
  // CHECK: kern.map ins(%[[E]]
  // CHECK: kern.map ins(%[[E]]
  // CHECK-NOT: math.exp
  // CHECK: return
  %0 = nn.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.abs %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = nn.neg %0 : (tensor<8xf32>) -> tensor<8xf32>
  return %1, %2 : tensor<8xf32>, tensor<8xf32>
}

// Each of 64 exponentials would be computed 8 times.
// CHECK-LABEL: func @a_broadcast_value_is_computed_once
func.func @a_broadcast_value_is_computed_once(%x: tensor<8x64xf32>, %b: tensor<64xf32>) -> tensor<8x64xf32> {
  // CHECK: %[[E:.+]] = kern.map
  // CHECK: math.exp
  // CHECK: kern.map ins(%{{.+}}, %[[E]]
  // CHECK-NOT: math.exp
  // CHECK: return
  %0 = nn.exp %b : (tensor<64xf32>) -> tensor<64xf32>
  %1 = nn.add %x, %0 : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  return %1 : tensor<8x64xf32>
}

// Reading elsewhere costs nothing, for any number of readers.
// CHECK-LABEL: func @movement_is_read_through
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @movement_is_read_through(%x: tensor<8x64xf32>) -> (tensor<64x8xf32>, tensor<64x8xf32>) {
  // CHECK-COUNT-2: kern.map ins(%[[X]] : {{.*}} maps [#[[$TRANSPOSED]],
  // CHECK-NOT: kern.map
  // CHECK: return
  %0 = nn.transpose %x {permutation = array<i64: 1, 0>} : (tensor<8x64xf32>) -> tensor<64x8xf32>
  %1 = nn.abs %0 : (tensor<64x8xf32>) -> tensor<64x8xf32>
  %2 = nn.neg %0 : (tensor<64x8xf32>) -> tensor<64x8xf32>
  return %1, %2 : tensor<64x8xf32>, tensor<64x8xf32>
}

// CHECK-LABEL: func @a_split_dimension_is_read_through
// CHECK-SAME:    (%[[X:.+]]: tensor<32xf32>)
func.func @a_split_dimension_is_read_through(%x: tensor<32xf32>) -> tensor<8x4xf32> {
  // CHECK-NEXT: kern.map ins(%[[X]] : {{.*}}) sizes <8, 4> {{.*}} maps [#[[$FLAT]],
  %0 = nn.reshape %x {shape = #nn.dims<8, 4>} : (tensor<32xf32>) -> tensor<8x4xf32>
  %1 = nn.abs %0 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  return %1 : tensor<8x4xf32>
}

// Merged dimensions would need a division.
// CHECK-LABEL: func @a_merged_dimension_stays_a_view
func.func @a_merged_dimension_stays_a_view(%x: tensor<8x4xf32>) -> tensor<32xf32> {
  // CHECK: %[[FLAT:.+]] = kern.view
  // CHECK: kern.map ins(%[[FLAT]] :
  %0 = nn.reshape %x {shape = #nn.dims<32>} : (tensor<8x4xf32>) -> tensor<32xf32>
  %1 = nn.abs %0 : (tensor<32xf32>) -> tensor<32xf32>
  return %1 : tensor<32xf32>
}

// CHECK-LABEL: func @a_reduction_takes_its_producer
// CHECK-SAME:    (%[[X:.+]]: tensor<8x64xf32>)
func.func @a_reduction_takes_its_producer(%x: tensor<8x64xf32>) -> tensor<8xf32> {
  // CHECK-NEXT: kern.reduce ins(%[[X]] :
  // CHECK: math.absf
  // CHECK: finish
  %0 = nn.abs %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %1 = nn.reduce %0 {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = false} : (tensor<8x64xf32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}

// CHECK-LABEL: func @a_reduction_finishes_with_what_follows
// CHECK-SAME:    (%[[X:.+]]: tensor<4x8xi32>, %[[W:.+]]: tensor<8x32xi32>, %[[B:.+]]: tensor<32xi32>)
func.func @a_reduction_finishes_with_what_follows(%x: tensor<4x8xi32>, %w: tensor<8x32xi32>, %b: tensor<32xi32>) -> tensor<4x32xi32> {
  // CHECK: kern.reduce ins(%[[X]], %[[W]] : {{.*}}) extras(%[[B]] :
  // CHECK: finish {
  // CHECK-NEXT: ^bb0(%[[SUM:.+]]: i32, %[[EXTRA:.+]]: i32):
  // CHECK-NEXT: arith.addi %[[SUM]], %[[EXTRA]]
  // CHECK-NOT: kern.map
  // CHECK: return
  %0 = nn.matmul %x, %w : (tensor<4x8xi32>, tensor<8x32xi32>) -> tensor<4x32xi32>
  %1 = nn.add %0, %b : (tensor<4x32xi32>, tensor<32xi32>) -> tensor<4x32xi32>
  return %1 : tensor<4x32xi32>
}

// CHECK-LABEL: func @a_matmul_takes_bias_and_activation
// CHECK-SAME:    (%[[X:.+]]: tensor<4x8xf32>, %[[W:.+]]: tensor<8x32xf32>, %[[B:.+]]: tensor<32xf32>)
func.func @a_matmul_takes_bias_and_activation(%x: tensor<4x8xf32>, %w: tensor<8x32xf32>, %b: tensor<32xf32>) -> tensor<4x32xf32> {
  // CHECK: kern.matmul %[[X]], %[[W]] : {{.*}} extras(%[[B]] : tensor<32xf32>)
  // CHECK: %[[SUM:.+]] = arith.addf
  // CHECK: math.exp %[[SUM]]
  // CHECK-NOT: kern.map
  // CHECK: return
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x32xf32>) -> tensor<4x32xf32>
  %1 = nn.add %0, %b : (tensor<4x32xf32>, tensor<32xf32>) -> tensor<4x32xf32>
  %2 = nn.exp %1 : (tensor<4x32xf32>) -> tensor<4x32xf32>
  return %2 : tensor<4x32xf32>
}

// What the epilogue reads may be computed after the product's place.
// CHECK-LABEL: func @a_residual_comes_first
func.func @a_residual_comes_first(%x: tensor<4x8xf32>, %w: tensor<8x32xf32>, %r: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  // CHECK: %[[RESIDUAL:.+]] = kern.map
  // CHECK: %[[Y:.+]] = kern.matmul {{.*}} extras(%[[RESIDUAL]] :
  // CHECK: return %[[RESIDUAL]], %[[Y]]
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x32xf32>) -> tensor<4x32xf32>
  %1 = nn.abs %r : (tensor<4x32xf32>) -> tensor<4x32xf32>
  %2 = nn.add %0, %1 : (tensor<4x32xf32>, tensor<4x32xf32>) -> tensor<4x32xf32>
  return %1, %2 : tensor<4x32xf32>, tensor<4x32xf32>
}

// CHECK-LABEL: func @a_matmul_that_is_a_result_keeps_its_value
func.func @a_matmul_that_is_a_result_keeps_its_value(%x: tensor<4x8xf32>, %w: tensor<8x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  // CHECK: %[[Y:.+]] = kern.matmul
  // CHECK-NOT: math.exp
  // CHECK: kern.map ins(%[[Y]]
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x32xf32>) -> tensor<4x32xf32>
  %1 = nn.exp %0 : (tensor<4x32xf32>) -> tensor<4x32xf32>
  return %0, %1 : tensor<4x32xf32>, tensor<4x32xf32>
}

// Tiles do not see the elements in another order.
// CHECK-LABEL: func @a_transposed_product_is_no_epilogue
func.func @a_transposed_product_is_no_epilogue(%x: tensor<32x8xf32>, %w: tensor<8x32xf32>) -> tensor<32x32xf32> {
  // CHECK: %[[Y:.+]] = kern.matmul
  // CHECK: kern.map ins(%[[Y]] : {{.*}} maps [#[[$TRANSPOSED]],
  %0 = nn.matmul %x, %w : (tensor<32x8xf32>, tensor<8x32xf32>) -> tensor<32x32xf32>
  %1 = nn.transpose %0 {permutation = array<i64: 1, 0>} : (tensor<32x32xf32>) -> tensor<32x32xf32>
  %2 = nn.exp %1 : (tensor<32x32xf32>) -> tensor<32x32xf32>
  return %2 : tensor<32x32xf32>
}

// The rest of the product has no place in the result.
// CHECK-LABEL: func @the_first_rows_of_a_product_are_no_epilogue
func.func @the_first_rows_of_a_product_are_no_epilogue(%x: tensor<4x8xf32>, %w: tensor<8x32xf32>) -> tensor<3x32xf32> {
  // CHECK: kern.matmul
  // CHECK: kern.map
  %0 = nn.matmul %x, %w : (tensor<4x8xf32>, tensor<8x32xf32>) -> tensor<4x32xf32>
  %1 = nn.slice %0 {starts = #nn.dims<0, 0>, steps = array<i64: 1, 1>, shape = #nn.dims<3, 32>} : (tensor<4x32xf32>) -> tensor<3x32xf32>
  return %1 : tensor<3x32xf32>
}

// A check or an index belongs to the loops it was written for.
// CHECK-LABEL: func @a_gather_is_not_moved
func.func @a_gather_is_not_moved(%x: tensor<8xf32>, %i: tensor<4xi64>) -> tensor<4xf32> {
  // CHECK: %[[G:.+]] = kern.map {{.*}} tables
  // CHECK: kern.map ins(%[[G]] :
  %0 = nn.gather %x, %i {axis = 0 : i64} : (tensor<8xf32>, tensor<4xi64>) -> tensor<4xf32>
  %1 = nn.abs %0 : (tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// CHECK-LABEL: func @a_part_is_computed_where_it_is_joined
func.func @a_part_is_computed_where_it_is_joined(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<8xf32> {
  // CHECK: %[[ALL:.+]] = kern.empty
  // CHECK: kern.map ins(%{{.+}} : tensor<4xf32>) dests(%[[ALL]] :
  // CHECK: math.exp
  // CHECK: kern.map
  // CHECK-NOT: kern.map
  // CHECK: return
  %0 = nn.exp %a : (tensor<4xf32>) -> tensor<4xf32>
  %1 = nn.concat %0, %b {axis = 0 : i64} : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
  return %1 : tensor<8xf32>
}
