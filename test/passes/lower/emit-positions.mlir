// Where all loops are combined, the nest begins with one of its own, which
// kern.index does not count.
// RUN: tenon-opt %s -tenon-lower-to-kern -tenon-key-kernels -tenon-plan-arena \
// RUN:   -tenon-emit-kernels | FileCheck %s

// CHECK-LABEL: func.func @reduce_i64_
// CHECK:         scf.for %[[I:.+]] = {{.*}} iter_args({{.*}}f32, i64)
// CHECK:           arith.index_cast %[[I]] : index to i64
func.func @main(%x: tensor<17xf32>) -> tensor<i64> {
  %0 = nn.arg_reduce %x {axis = 0 : i64, largest = true, selectLast = false, keepdims = false} : (tensor<17xf32>) -> tensor<i64>
  return %0 : tensor<i64>
}
