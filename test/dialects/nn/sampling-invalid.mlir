// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @updates_have_the_datas_type(%x: tensor<4xf32>, %i: tensor<2xi64>, %u: tensor<2xi64>) {
  // expected-error @below {{expected one element type, but got 'f32', 'i64', 'f32'}}
  %0 = nn.scatter_elements %x, %i, %u {axis = 0 : i64, kind = #nn.scatter<add>} : (tensor<4xf32>, tensor<2xi64>, tensor<2xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @an_axis_is_below_the_rank(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected an axis below the rank 2, but got 2}}
  %0 = nn.top_k %x {axis = 2 : i64, largest = true, count = #nn.dims<3>} : (tensor<4x8xf32>) -> tensor<4x3xi64>
  return
}

// -----

func.func @positions_are_of_a_vector_of_bool(%x: tensor<4xf32>) {
  // expected-error @below {{expected a vector of bool, but got 'tensor<4xf32>'}}
  %0 = nn.true_positions %x {count = #nn.dims<3>} : (tensor<4xf32>) -> tensor<3xi64>
  return
}

// -----

func.func @cubics_have_two_dimensions(%x: tensor<1x1x2x2x2xf32>, %g: tensor<1x2x2x2x3xf32>) {
  // expected-error @below {{expected 2 spatial dimensions to sample by cubics, but got 3}}
  %0 = nn.grid_sample %x, %g {mode = #nn.sample<cubic>, padding = #nn.outside<zeros>} : (tensor<1x1x2x2x2xf32>, tensor<1x2x2x2x3xf32>) -> tensor<1x1x2x2x2xf32>
  return
}

// -----

func.func @each_phase_has_an_input(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected an input for each of 2 phases, but got 1}}
  %0 = nn.interleave %x {steps = array<i64: 2>, shape = #nn.dims<8>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

func.func @matrices_hold_floats(%x: tensor<3x3xi32>) {
  // expected-error @below {{expected matrices of floats, but got 'tensor<3x3xi32>'}}
  %0 = nn.determinant %x : (tensor<3x3xi32>) -> tensor<i32>
  return
}
