// Float32 results are the same bits on every CPU: nothing that permits another
// order, another rounding or a library call is left in LLVM's dialect.
// RUN: tenon-opt %s -tenon-stage-schedule -tenon-stage-lower \
// RUN:   | FileCheck %s --implicit-check-not=fmuladd \
// RUN:     --implicit-check-not=fastmath --implicit-check-not=contract \
// RUN:     --implicit-check-not=reassoc --implicit-check-not=arcp \
// RUN:     --implicit-check-not=reduce.fadd --implicit-check-not=reduce.fmul \
// RUN:     --implicit-check-not=llvm.intr.exp --implicit-check-not=llvm.intr.pow \
// RUN:     --implicit-check-not=llvm.intr.maximum --implicit-check-not=frem

// CHECK: llvm.func internal @rows_f32_
// CHECK: llvm.func internal @matmul_f32_
// CHECK: llvm.func internal @reduce_f32_
// CHECK: llvm.intr.fma
func.func @main(%x: tensor<?x64xf32> {nn.shape = #nn.dims<"seq", 64>}, %b: tensor<64xf32>) -> (tensor<?x24xf32>, tensor<64xf32>)
    attributes {nn.symbols = {seq = array<i64: 1, 100>}} {
  %0 = nn.mul %x, %b : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %1 = nn.add %0, %b : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %2 = nn.gelu %1 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %3 = nn.softmax %2 {axis = 1 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %4 = nn.norm(%3 scale %b) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %w = pack.constant(dense<0.5> : tensor<64x24xf32>) : tensor<64x24xf32>
  %5 = nn.matmul %4, %w : (tensor<?x64xf32>, tensor<64x24xf32>) -> tensor<?x24xf32>
  %6 = nn.silu %5 : (tensor<?x24xf32>) -> tensor<?x24xf32>
  %7 = nn.reduce %x {kind = #nn.reduce<sum_square>, axes = array<i64: 0>, keepdims = false} : (tensor<?x64xf32>) -> tensor<64xf32>
  %8 = nn.pow %7, %b : (tensor<64xf32>, tensor<64xf32>) -> tensor<64xf32>
  return %6, %8 : tensor<?x24xf32>, tensor<64xf32>
}
