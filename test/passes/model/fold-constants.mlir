// What needs no evaluator, which tenon-opt has not (see fold-evaluated.onnxtxt).
// RUN: tenon-opt %s -tenon-fold-constants | FileCheck %s

// CHECK-LABEL: func @what_is_one_number_stays_one
// CHECK-NOT:     nn.
// CHECK:         %[[ALL:.+]] = pack.constant(dense<3.000000e+00> : tensor<4x8xf32>)
// CHECK-NEXT:    return %[[ALL]]
func.func @what_is_one_number_stays_one() -> tensor<4x8xf32> {
  %c = pack.constant(dense<3.0> : tensor<8x1xf32>) : tensor<8x1xf32>
  %t = nn.transpose %c {permutation = array<i64: 1, 0>} : (tensor<8x1xf32>) -> tensor<1x8xf32>
  %e = nn.expand %t {shape = #nn.dims<4, 8>} : (tensor<1x8xf32>) -> tensor<4x8xf32>
  return %e : tensor<4x8xf32>
}

// CHECK-LABEL: func @a_reshape_keeps_the_bytes
// CHECK-DAG:     pack.constant(dense<{{\[\[}}1, 2], [3, 4]]> : tensor<2x2xi64>)
// CHECK-DAG:     pack.constant(#pack.ref<"model.onnx", 8, 4096>) : tensor<1024xf32>
// CHECK-NOT:     nn.reshape
func.func @a_reshape_keeps_the_bytes() -> (tensor<2x2xi64>, tensor<1024xf32>) {
  %c = pack.constant(dense<[1, 2, 3, 4]> : tensor<4xi64>) : tensor<4xi64>
  %r = nn.reshape %c {shape = #nn.dims<2, 2>} : (tensor<4xi64>) -> tensor<2x2xi64>
  %w = pack.constant(#pack.ref<"model.onnx", 8, 4096>) : tensor<32x32xf32>
  %f = nn.reshape %w {shape = #nn.dims<1024>} : (tensor<32x32xf32>) -> tensor<1024xf32>
  return %r, %f : tensor<2x2xi64>, tensor<1024xf32>
}

// CHECK-LABEL: func @what_depends_on_an_input_stays
// CHECK-NEXT:    nn.reshape
func.func @what_depends_on_an_input_stays(%x: tensor<4xf32>) -> tensor<2x2xf32> {
  %r = nn.reshape %x {shape = #nn.dims<2, 2>} : (tensor<4xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// CHECK-LABEL: func @several_numbers_need_an_evaluator
// CHECK:         nn.transpose
func.func @several_numbers_need_an_evaluator() -> tensor<2x2xf32> {
  %c = pack.constant(dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>) : tensor<2x2xf32>
  %t = nn.transpose %c {permutation = array<i64: 1, 0>} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  return %t : tensor<2x2xf32>
}

// CHECK: func private @declared
func.func private @declared(tensor<4xf32>)

// CHECK-LABEL: func @bodies_of_scans_fold_too
// CHECK:         scan.scan
// CHECK:           %[[C:.+]] = pack.constant(dense<3.000000e+00> : tensor<4xf32>)
// CHECK-NEXT:      nn.add %{{.+}}, %[[C]]
func.func @bodies_of_scans_fold_too(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = scan.scan "t0" trip #nn.dims<5> carried(%x : tensor<4xf32>) {
  ^bb0(%h: tensor<4xf32>):
    %c = pack.constant(dense<3.0> : tensor<1xf32>) : tensor<1xf32>
    %e = nn.expand %c {shape = #nn.dims<4>} : (tensor<1xf32>) -> tensor<4xf32>
    %a = nn.add %h, %e : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    scan.yield %a : tensor<4xf32>
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}
