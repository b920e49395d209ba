// RUN: tenon-opt %s -tenon-quantize-weights="format=int4 min-elements=64" | FileCheck %s --check-prefixes=CHECK,INT4
// RUN: tenon-opt %s -tenon-quantize-weights="format=int8 min-elements=64" | FileCheck %s --check-prefixes=CHECK,INT8
// RUN: tenon-opt %s -tenon-quantize-weights="format=f16 min-elements=64" | FileCheck %s --check-prefixes=CHECK,F16

// CHECK-LABEL: func @a_constant_right_side_is_encoded
func.func @a_constant_right_side_is_encoded(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK: %[[W:.+]] = pack.constant
  %w = pack.constant(dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]> : tensor<8x8xf32>) : tensor<8x8xf32>
  // INT4: %[[P:.+]] = pack.encode %[[W]] {pack.change = {snr = {{.+}} : f64}} : tensor<8x8xf32> to tensor<8x8xf32, #pack.int<4, group = 32, scale = f16>>
  // INT8: %[[P:.+]] = pack.encode %[[W]] {{.*}} to tensor<8x8xf32, #pack.int<8, scale = f32>>
  // Small integers are f16 values: nothing is lost.
  // F16:  %[[P:.+]] = pack.encode %[[W]] {pack.change = {snr = 0x7FF0000000000000 : f64}} : tensor<8x8xf32> to tensor<8x8xf32, #pack.half>
  // CHECK: nn.matmul %{{.+}}, %[[P]]
  %y = nn.matmul %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// No copy is made: the encoding reads rows as columns.
// CHECK-LABEL: func @a_transposed_constant_is_read_transposed
func.func @a_transposed_constant_is_read_transposed(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK-NOT: nn.transpose
  // CHECK: pack.encode {{.*}} : tensor<8x8xf32> to tensor<8x8xf32, #pack.{{.+}}transposed = true>>
  %w = pack.constant(dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [9.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]]> : tensor<8x8xf32>) : tensor<8x8xf32>
  %t = nn.transpose %w {permutation = array<i64: 1, 0>} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %y = nn.matmul %x, %t : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// CHECK-LABEL: func @a_small_matrix_stays
func.func @a_small_matrix_stays(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK: pack.constant({{.*}}) {pack.kept = "fewer than 64 values"}
  // CHECK-NOT: pack.encode
  %w = pack.constant(dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>) : tensor<2x2xf32>
  %y = nn.matmul %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// CHECK-LABEL: func @an_input_stays
func.func @an_input_stays(%x: tensor<1x64xf32>, %w: tensor<64x64xf32>) -> tensor<1x64xf32> {
  // CHECK-NOT: pack.encode
  %y = nn.matmul %x, %w : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}

// A table that is only gathered from is read row by row, in f32.
// CHECK-LABEL: func @an_embedding_stays
func.func @an_embedding_stays(%i: tensor<3xi64>) -> tensor<3x32xf32> {
  // CHECK-NOT: pack.encode
  %w = pack.constant(dense<1.0> : tensor<64x32xf32>) : tensor<64x32xf32>
  %y = nn.gather %w, %i {axis = 0 : i64} : (tensor<64x32xf32>, tensor<3xi64>) -> tensor<3x32xf32>
  return %y : tensor<3x32xf32>
}

// CHECK-LABEL: func @one_value_everywhere_stays
func.func @one_value_everywhere_stays(%x: tensor<1x64xf32>) -> tensor<1x64xf32> {
  // CHECK: pack.constant({{.*}}) {pack.kept = "one value everywhere"}
  // CHECK-NOT: pack.encode
  %w = pack.constant(dense<0.5> : tensor<64x64xf32>) : tensor<64x64xf32>
  %y = nn.matmul %x, %w : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}

// CHECK-LABEL: func @what_is_not_finite_stays
func.func @what_is_not_finite_stays(%x: tensor<1x8xf32>) -> tensor<1x8xf32> {
  // CHECK: pack.constant({{.*}}) {pack.kept = "holds values that are not finite"}
  // CHECK-NOT: pack.encode
  %w = pack.constant(dense<"0x0000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E040000000410000803F0000004000004040000080400000A0400000C0400000E0400000807F"> : tensor<8x8xf32>) : tensor<8x8xf32>
  %y = nn.matmul %x, %w : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}
