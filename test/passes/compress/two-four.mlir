// RUN: tenon-opt %s -tenon-detect-two-four=min-elements=16 2>&1 | FileCheck %s --check-prefix=DETECT
// RUN: tenon-opt %s -tenon-detect-two-four=min-elements=16 -tenon-prune-two-four=min-elements=16 2>&1 | FileCheck %s --check-prefix=PRUNE
// RUN: tenon-opt %s -tenon-prune-two-four="min-elements=16 int8=true" 2>&1 | FileCheck %s --check-prefix=INT8

// Only the pruned one is warned about. Of magnitudes 1, 2, 3 and 4 the squares
// of 1 and 2 are lost: sqrt(5 / 30).
// DETECT-NOT: warning
// PRUNE-COUNT-1: warning: pruning to 2:4 changes these weights by 40.8 %
// PRUNE-NOT: warning

// DETECT-LABEL: func @what_is_2_of_4_already
// PRUNE-LABEL: func @what_is_2_of_4_already
// INT8-LABEL: func @what_is_2_of_4_already
func.func @what_is_2_of_4_already(%x: tensor<1x16xf32>) -> tensor<1x4xf32> {
  // DETECT: pack.encode {{.*}} {pack.change = {snr = 0x7FF0000000000000 : f64}} : tensor<16x4xf32> to tensor<16x4xf32, #pack.two_four<f32>>
  // INT8: pack.encode {{.*}} to tensor<16x4xf32, #pack.two_four<i8>>
  %w = pack.constant(dense<[[1.0, 0.0, 3.0, 4.0], [0.0, 2.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 3.0, 4.0], [0.0, 2.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 3.0, 4.0], [0.0, 2.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 3.0, 4.0], [0.0, 2.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]> : tensor<16x4xf32>) : tensor<16x4xf32>
  %y = nn.matmul %x, %w : (tensor<1x16xf32>, tensor<16x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// DETECT-LABEL: func @three_of_4_are_pruned
// PRUNE-LABEL: func @three_of_4_are_pruned
func.func @three_of_4_are_pruned(%x: tensor<1x16xf32>) -> tensor<1x4xf32> {
  // DETECT-NOT: pack.encode
  // PRUNE: pack.encode {{.*}} to tensor<16x4xf32, #pack.two_four<f32>>
  %w = pack.constant(dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 2.0, 1.0], [4.0, 4.0, 4.0, 3.0], [1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 2.0, 1.0], [4.0, 4.0, 4.0, 3.0], [1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 2.0, 1.0], [4.0, 4.0, 4.0, 3.0], [1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 2.0, 1.0], [4.0, 4.0, 4.0, 3.0]]> : tensor<16x4xf32>) : tensor<16x4xf32>
  %y = nn.matmul %x, %w : (tensor<1x16xf32>, tensor<16x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// Blocks of 16 k would take more than f32 does.
// DETECT-LABEL: func @few_rows_stay
// PRUNE-LABEL: func @few_rows_stay
// INT8-LABEL: func @few_rows_stay
func.func @few_rows_stay(%x: tensor<1x4xf32>) -> tensor<1x4xf32> {
  // DETECT: pack.constant({{.*}}) {pack.kept = "so few rows take no less in blocks"}
  // PRUNE-NOT: pack.encode
  // INT8-NOT: pack.encode
  %w = pack.constant(dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]> : tensor<4x4xf32>) : tensor<4x4xf32>
  %y = nn.matmul %x, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}
