// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @scatters
func.func @scatters(%x: tensor<4x8xf32>, %i: tensor<2x8xi64>, %u: tensor<2x8xf32>,
                    %at: tensor<3x1xi64>, %rows: tensor<3x8xf32>) {
  // CHECK: nn.scatter_elements {{.*}} {axis = 0 : i64, kind = #nn.scatter<add>}
  %0 = nn.scatter_elements %x, %i, %u {axis = 0 : i64, kind = #nn.scatter<add>} : (tensor<4x8xf32>, tensor<2x8xi64>, tensor<2x8xf32>) -> tensor<4x8xf32>
  // CHECK: nn.scatter_nd {{.*}} {kind = #nn.scatter<replace>}
  %1 = nn.scatter_nd %x, %at, %rows {kind = #nn.scatter<replace>} : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>
  return
}

// CHECK-LABEL: func @choices
func.func @choices(%x: tensor<4x8xf32>, %c: tensor<9xi1>, %boxes: tensor<1x6x4xf32>,
                   %scores: tensor<1x2x6xf32>, %n: tensor<i64>, %t: tensor<f32>, %m: tensor<2x3x3xf32>) {
  // CHECK: nn.top_k {{.*}} {axis = 1 : i64, count = #nn.dims<3>, largest = true}
  %0 = nn.top_k %x {axis = 1 : i64, largest = true, count = #nn.dims<3>} : (tensor<4x8xf32>) -> tensor<4x3xi64>
  // CHECK: nn.true_positions {{.*}} {count = #nn.dims<5>}
  %1 = nn.true_positions %c {count = #nn.dims<5>} : (tensor<9xi1>) -> tensor<5xi64>
  // CHECK: nn.non_max_suppression {{.*}} {centers, count = #nn.dims<3>}
  %2 = nn.non_max_suppression %boxes, %scores, %n, %t, %t {centers, count = #nn.dims<3>} : (tensor<1x6x4xf32>, tensor<1x2x6xf32>, tensor<i64>, tensor<f32>, tensor<f32>) -> tensor<3x3xi64>
  // CHECK: nn.determinant
  %3 = nn.determinant %m : (tensor<2x3x3xf32>) -> tensor<2xf32>
  return
}

// CHECK-LABEL: func @samples
func.func @samples(%x: tensor<1x2x4x4xf32>, %g: tensor<1x6x7x2xf32>, %rois: tensor<3x4xf32>,
                   %b: tensor<3xi64>, %o: tensor<1x18x2x2xf32>) {
  // CHECK: nn.grid_sample {{.*}} {alignCorners, mode = #nn.sample<linear>, padding = #nn.outside<border>}
  %0 = nn.grid_sample %x, %g {mode = #nn.sample<linear>, padding = #nn.outside<border>, alignCorners} : (tensor<1x2x4x4xf32>, tensor<1x6x7x2xf32>) -> tensor<1x2x6x7xf32>
  // CHECK: nn.roi_align {{.*}} {halfPixel, height = 5 : i64, samplingRatio = 2 : i64, spatialScale = 1.000000e+00 : f64, width = 6 : i64}
  %1 = nn.roi_align %x, %rois, %b {height = 5 : i64, width = 6 : i64, samplingRatio = 2 : i64, spatialScale = 1.0 : f64, halfPixel} : (tensor<1x2x4x4xf32>, tensor<3x4xf32>, tensor<3xi64>) -> tensor<3x2x5x6xf32>
  // CHECK: nn.deform_columns
  %2 = nn.deform_columns %x, %o {window = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, low = array<i64: 0, 0>, groups = 1 : i64} : (tensor<1x2x4x4xf32>, tensor<1x18x2x2xf32>) -> tensor<1x2x9x4xf32>
  // CHECK: nn.interleave {{.*}} {shape = #nn.dims<8, 4>, steps = array<i64: 2, 1>}
  %3 = nn.interleave %x, %x {steps = array<i64: 2, 1>, shape = #nn.dims<8, 4>} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x8x4xf32>
  // CHECK: nn.pool_indices
  %4 = nn.pool_indices %x {window = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, low = #nn.dims<0, 0>, shape = #nn.dims<2, 2>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x2x2xi64>
  return
}
