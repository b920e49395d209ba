// RUN: tenon-opt %s -tenon-quantize-weights="format=f16 min-elements=16" -tenon-report-weights=min-elements=16 | FileCheck %s

// What was changed, what stays float and why; nothing small.
// CHECK: module attributes {pack.report = [
// CHECK-SAME: {bits = 6.400000e+01 : f64, bytes = 128 : i64, format = "f16", name = "w", shape = array<i64: 4, 4>, snr = 0x7FF0000000000000 : f64},
// CHECK-SAME: {bits = 3.200000e+01 : f64, bytes = 128 : i64, format = "f32", kept = "no matrix product's right side", name = "table", shape = array<i64: 8, 4>}]}
func.func @main(%x: tensor<1x4xf32>, %i: tensor<3xi64>) -> (tensor<1x4xf32>, tensor<3x4xf32>) {
  %w = pack.constant(dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 2.0, 1.0], [4.0, 4.0, 4.0, 3.0]]> : tensor<4x4xf32>) : tensor<4x4xf32> loc("w")
  %y = nn.matmul %x, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
  %t = pack.constant(dense<1.0> : tensor<8x4xf32>) : tensor<8x4xf32> loc("table")
  %z = nn.gather %t, %i {axis = 0 : i64} : (tensor<8x4xf32>, tensor<3xi64>) -> tensor<3x4xf32>
  %s = pack.constant(dense<1.0> : tensor<4xf32>) : tensor<4xf32>
  return %y, %z : tensor<1x4xf32>, tensor<3x4xf32>
}
