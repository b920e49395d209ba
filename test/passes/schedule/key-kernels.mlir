// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels | FileCheck %s

// Sizes are parameters of the step, and ranks go as loops are merged.
// CHECK-LABEL: func @sizes_and_ranks_share_a_kernel
func.func @sizes_and_ranks_share_a_kernel(%x: tensor<8x64xf32>, %y: tensor<?xf32> {nn.shape = #nn.dims<"n">}) -> (tensor<8x64xf32>, tensor<?xf32>) attributes {nn.symbols = {n = array<i64: 1, 512>}} {
  // CHECK: plan <loops = 1, parallel = 1, vector = 0, rows = 0, steps = [1, 1]>
  // CHECK-SAME: kernel = "[[EXP:map_f32_[0-9a-f]+]]"
  %0 = nn.exp %x : (tensor<8x64xf32>) -> tensor<8x64xf32>
  // CHECK: kernel = "[[EXP]]"
  %1 = nn.exp %y : (tensor<?xf32>) -> tensor<?xf32>
  return %0, %1 : tensor<8x64xf32>, tensor<?xf32>
}

// CHECK-LABEL: func @float_constants_are_parameters
func.func @float_constants_are_parameters(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %two = pack.constant(dense<2.0> : tensor<f32>) : tensor<f32>
  %three = pack.constant(dense<3.0> : tensor<f32>) : tensor<f32>
  // CHECK: kernel = "[[SCALE:map_f32_[0-9a-f]+]]"
  %0 = nn.mul %x, %two : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  // CHECK: kernel = "[[SCALE]]"
  %1 = nn.mul %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// CHECK-LABEL: func @other_constants_are_code
func.func @other_constants_are_code(%x: tensor<8xi32>) -> (tensor<8xi32>, tensor<8xi32>) {
  %two = pack.constant(dense<2> : tensor<i32>) : tensor<i32>
  %three = pack.constant(dense<3> : tensor<i32>) : tensor<i32>
  // CHECK: kernel = "[[TWICE:map_i32_[0-9a-f]+]]"
  %0 = nn.mul %x, %two : (tensor<8xi32>, tensor<i32>) -> tensor<8xi32>
  // CHECK-NOT: kernel = "[[TWICE]]"
  // CHECK: return
  %1 = nn.mul %x, %three : (tensor<8xi32>, tensor<i32>) -> tensor<8xi32>
  return %0, %1 : tensor<8xi32>, tensor<8xi32>
}

// CHECK-LABEL: func @what_is_computed_is_code
func.func @what_is_computed_is_code(%x: tensor<8xf32>, %h: tensor<8xf16>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf16>) {
  // CHECK: kernel = "[[EXP:map_f32_[0-9a-f]+]]"
  %0 = nn.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  // CHECK-NOT: kernel = "[[EXP]]"
  // CHECK: kernel = "map_f32_
  %1 = nn.log %x : (tensor<8xf32>) -> tensor<8xf32>
  // CHECK: kernel = "map_f16_
  %2 = nn.exp %h : (tensor<8xf16>) -> tensor<8xf16>
  return %0, %1, %2 : tensor<8xf32>, tensor<8xf32>, tensor<8xf16>
}

// A splat, neighbours and a stride are three ways to load.
// CHECK-LABEL: func @the_step_along_the_vector_loop_is_code
func.func @the_step_along_the_vector_loop_is_code(%x: tensor<8x64xf32>, %b: tensor<64xf32>, %c: tensor<8x1xf32>, %t: tensor<64x8xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>) {
  // CHECK: plan <loops = 2, parallel = 2, vector = 1, rows = 32, steps = [1, 1, 1]>
  // CHECK-SAME: kernel = "[[ROW:map_f32_[0-9a-f]+]]"
  %0 = nn.add %x, %b : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
  // CHECK: plan <loops = 2, parallel = 2, vector = 1, rows = 32, steps = [1, 0, 1]>
  // CHECK-NOT: kernel = "[[ROW]]"
  %1 = nn.add %x, %c : (tensor<8x64xf32>, tensor<8x1xf32>) -> tensor<8x64xf32>
  // CHECK: plan <loops = 2, parallel = 2, vector = 1, rows = 0, steps = [2, 1, 1, 2], cross = 0>
  %2 = nn.transpose %t {permutation = array<i64: 1, 0>} : (tensor<64x8xf32>) -> tensor<8x64xf32>
  return %0, %1, %2 : tensor<8x64xf32>, tensor<8x64xf32>, tensor<8x64xf32>
}

// Rows where the combined loop walks neighbours, else columns.
// CHECK-LABEL: func @a_reduction_goes_by_rows_or_columns
func.func @a_reduction_goes_by_rows_or_columns(%x: tensor<8x64xf32>) -> (tensor<8xf32>, tensor<64xf32>) {
  // CHECK: plan <loops = 2, parallel = 1, vector = 1, rows = 0, steps = [1, 0]>
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<8x64xf32>) -> tensor<8xf32>
  // CHECK: plan <loops = 2, parallel = 1, vector = 0, rows = 0, steps = [1, 1]>
  %1 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = false} : (tensor<8x64xf32>) -> tensor<64xf32>
  return %0, %1 : tensor<8xf32>, tensor<64xf32>
}

// CHECK-LABEL: func @all_loops_may_be_combined
func.func @all_loops_may_be_combined(%x: tensor<8x64xf32>) -> tensor<f32> {
  // CHECK: plan <loops = 2, parallel = 1, vector = 1, rows = 0, steps = [1, 0]>
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 0, 1>, keepdims = false} : (tensor<8x64xf32>) -> tensor<f32>
  return %0 : tensor<f32>
}

// Row steps and register tiles are fixed in the code.
// CHECK-LABEL: func @products_of_one_tile_share_a_kernel
func.func @products_of_one_tile_share_a_kernel(%x: tensor<24x64xf32>, %w: tensor<64x64xf32>, %u: tensor<64x64xf32>, %y: tensor<5x3x64xf32>, %v: tensor<5x64x16xf32>, %t: tensor<48x64xf32>) -> (tensor<48x64xf32>, tensor<24x64xf32>, tensor<5x3x16xf32>) {
  // CHECK: kern.matmul
  // CHECK-SAME: tile <rows = [12], panels = [2], depth = [4], steps = [64, 1, 64], partial = false>
  // CHECK-SAME: kernel = "[[MATMUL:matmul_f32_[0-9a-f]+]]"
  %0 = nn.matmul %t, %w : (tensor<48x64xf32>, tensor<64x64xf32>) -> tensor<48x64xf32>
  %1 = nn.matmul %x, %u : (tensor<24x64xf32>, tensor<64x64xf32>) -> tensor<24x64xf32>
  // CHECK: kernel = "[[MATMUL]]"
  // A stack has one more loop.
  // CHECK: kern.matmul
  // CHECK-NOT: kernel = "[[MATMUL]]"
  // CHECK: return
  %2 = nn.matmul %y, %v : (tensor<5x3x64xf32>, tensor<5x64x16xf32>) -> tensor<5x3x16xf32>
  return %0, %1, %2 : tensor<48x64xf32>, tensor<24x64xf32>, tensor<5x3x16xf32>
}

// Its loops are what the body sees: none is merged.
// CHECK-LABEL: func @a_body_that_sees_indices_keeps_its_loops
func.func @a_body_that_sees_indices_keeps_its_loops(%x: tensor<4x8x8xf32>) -> tensor<4x8x8xf32> {
  // CHECK: plan <loops = 3, parallel = 3, vector = 2, rows = 256, steps = [1, 1]>
  %0 = nn.trilu %x {upper = true} : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  return %0 : tensor<4x8x8xf32>
}

// Many indices of the loop before a short one are a tile; a long one is enough.
// CHECK-LABEL: func @a_short_loop_shares_its_tile
func.func @a_short_loop_shares_its_tile(%x: tensor<4x96x16xf32>, %s: tensor<4x1x16xf32>, %y: tensor<4x96xf32>, %t: tensor<96xf32>) -> (tensor<4x96x16xf32>, tensor<4x96xf32>) {
  // CHECK: plan <loops = 3, parallel = 3, vector = 2, rows = 128, steps = [1, 1, 1]>
  %0 = nn.mul %x, %s : (tensor<4x96x16xf32>, tensor<4x1x16xf32>) -> tensor<4x96x16xf32>
  // CHECK: plan <loops = 2, parallel = 2, vector = 1, rows = 0, steps = [1, 1, 1]>
  %1 = nn.mul %y, %t : (tensor<4x96xf32>, tensor<96xf32>) -> tensor<4x96xf32>
  return %0, %1 : tensor<4x96x16xf32>, tensor<4x96xf32>
}

// Windows of channel blocks: neighbours on a line share what they read. Its
// stride decides the code, and a stride along channels is no block.
// CHECK-LABEL: func @windows_of_blocks_have_a_tile
func.func @windows_of_blocks_have_a_tile(%x: tensor<1x2x10x30x16xf32>, %w: tensor<2x3x3x16xf32>) -> (tensor<1x2x8x28x16xf32>, tensor<1x2x8x14x16xf32>) {
  // CHECK: kern.reduce
  // CHECK-SAME: tile <rows = [14], panels = [1], depth = [3], steps = [16, 16, 0, 16], partial = false>
  %0 = nn.depthwise_conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>} : (tensor<1x2x10x30x16xf32>, tensor<2x3x3x16xf32>) -> tensor<1x2x8x28x16xf32>
  // CHECK: kern.reduce
  // CHECK-SAME: tile <rows = [14], panels = [1], depth = [3], steps = [32, 16, 0, 16], partial = false>
  %1 = nn.depthwise_conv %x, %w {strides = array<i64: 1, 2>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, high = #nn.dims<0, 0>} : (tensor<1x2x10x30x16xf32>, tensor<2x3x3x16xf32>) -> tensor<1x2x8x14x16xf32>
  return %0, %1 : tensor<1x2x8x28x16xf32>, tensor<1x2x8x14x16xf32>
}

// CHECK-LABEL: func @a_plain_reduction_has_no_tile
// CHECK-NOT:     tile <
func.func @a_plain_reduction_has_no_tile(%x: tensor<4x8x64xf32>) -> tensor<4x64xf32> {
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<4x8x64xf32>) -> tensor<4x64xf32>
  return %0 : tensor<4x64xf32>
}
