// RUN: tenon-opt %s -split-input-file -verify-diagnostics | tenon-opt -split-input-file | FileCheck %s

// CHECK-LABEL: func @code_in_order
func.func @code_in_order(%x: tensor<8xf32>) -> tensor<8xf32> {
  // CHECK: kern.sequence tables(%{{.*}} : tensor<8xf32>) sizes <> shapes [#nn.dims<8>]
  // CHECK: kern.read
  // CHECK: kern.write
  %y = kern.sequence tables(%x : tensor<8xf32>) sizes <> shapes [#nn.dims<8>] {
  ^bb0(%x0: tensor<8xf32>, %y0: tensor<8xf32>):
    %zero = arith.constant 0 : index
    %v = kern.read %x0[%zero] : tensor<8xf32> -> f32
    kern.write %v, %y0[%zero] : f32, tensor<8xf32>
    kern.yield
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----

func.func @each_tensor_is_an_argument(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expected a body argument for each of 1 tables and 1 results, but got 1}}
  %y = kern.sequence tables(%x : tensor<8xf32>) sizes <> shapes [#nn.dims<8>] {
  ^bb0(%x0: tensor<8xf32>):
    kern.yield
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
