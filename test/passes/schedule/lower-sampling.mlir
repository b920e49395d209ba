// RUN: tenon-opt %s -split-input-file -tenon-lower-to-kern -verify-diagnostics | FileCheck %s

// One place per row; the heap is the result itself.
// CHECK-LABEL: func @top_k_is_code
// CHECK: kern.sequence tables(%arg0 : tensor<4x8xf32>) sizes <4> shapes [#nn.dims<4, 3>]
// CHECK: scf.while
func.func @top_k_is_code(%x: tensor<4x8xf32>) -> tensor<4x3xi64> {
  %0 = nn.top_k %x {axis = 1 : i64, largest = true, count = #nn.dims<3>} : (tensor<4x8xf32>) -> tensor<4x3xi64>
  return %0 : tensor<4x3xi64>
}

// -----

// CHECK-LABEL: func @a_scatter_updates_its_data
// CHECK: kern.sequence tables(%arg1, %arg2 : {{.*}}) dests(%arg0 : tensor<4x8xf32>) sizes <>
// CHECK: kern.check
func.func @a_scatter_updates_its_data(%x: tensor<4x8xf32>, %i: tensor<2x8xi64>, %u: tensor<2x8xf32>) -> tensor<4x8xf32> {
  %0 = nn.scatter_elements %x, %i, %u {axis = 0 : i64, kind = #nn.scatter<add>} : (tensor<4x8xf32>, tensor<2x8xi64>, tensor<2x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @a_running_sum_is_a_scan
// CHECK: kern.scan ins(%arg0 : tensor<4x8xf32>) {{.*}}sizes <4, 1, 8>
// CHECK: arith.addf
func.func @a_running_sum_is_a_scan(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = nn.cumulate %x {kind = #nn.reduce<sum>, axis = 1 : i64, exclusive = false, reverse = false} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----

// Indices and weights of 8 positions, then one map with two loads.
// CHECK-LABEL: func @linear_resize_has_tables
// CHECK: kern.map sizes <2, 8>
// CHECK: -> tensor<2x8xi32>
// CHECK: kern.map sizes <2, 8>
// CHECK: -> tensor<2x8xf32>
// CHECK: kern.map ins({{.*}}) tables(%arg0 : tensor<3x4xf32>)
// CHECK-COUNT-2: kern.load
func.func @linear_resize_has_tables(%x: tensor<3x4xf32>) -> tensor<3x8xf32> {
  %0 = nn.resize %x {shape = #nn.dims<3, 8>, scales = array<f64: 1.0, 2.0>, roi = array<f64>, mode = "linear", coordinates = "half_pixel", nearest = "floor", cubicCoefficient = -0.75 : f64, excludeOutside = false, antialias = false, extrapolation = 0.0 : f64} : (tensor<3x4xf32>) -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}

// -----

// 15 nibbles in 8 bytes; in between a byte each.
// CHECK-LABEL: func @nibbles_are_bytes_in_between
// CHECK: kern.view %arg0 as <8> : tensor<3x5xi4> to tensor<8xui8>
// CHECK: kern.map tables({{.*}}) sizes <15>
// CHECK: arith.sitofp
func.func @nibbles_are_bytes_in_between(%x: tensor<3x5xi4>) -> tensor<3x5xf32> {
  %0 = nn.cast %x : (tensor<3x5xi4>) -> tensor<3x5xf32>
  return %0 : tensor<3x5xf32>
}

// -----

func.func @nothing_computes_in_float8(%x: tensor<4xf8E5M2>) -> tensor<4xf8E5M2> {
  // expected-error @below {{'nn.add' does not compute in 'f8E5M2'; expected 8-bit integers or floats of 16 bits and more: put a Cast before it}}
  %0 = nn.add %x, %x : (tensor<4xf8E5M2>, tensor<4xf8E5M2>) -> tensor<4xf8E5M2>
  return %0 : tensor<4xf8E5M2>
}
