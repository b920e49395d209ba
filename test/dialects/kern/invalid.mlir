// RUN: tenon-opt %s -split-input-file -verify-diagnostics

#i = affine_map<(i) -> (i)>

func.func @a_map_has_a_map_per_operand_and_result(%x: tensor<4xf32>) {
  // expected-error @below {{'kern.map' op expected a map for each of 1 ins and 1 results, but got 1}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

func.func @a_map_is_over_the_loops(%x: tensor<4xf32>) {
  // expected-error @below {{expected maps over 1 loops, but got affine_map<(d0, d1) -> (d0)>}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [affine_map<(i, j) -> (i)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_body_gets_every_operand(%x: tensor<4xf32>) {
  // expected-error @below {{expected a body argument for each of 1 ins and 1 tables, but got 1}}
  %y = kern.map ins(%x : tensor<4xf32>) tables(%x : tensor<4xf32>) sizes <4> symbols <>
      maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_reduction_has_a_map_per_operand_and_result(%x: tensor<4xf32>, %b: tensor<f32>) {
  // expected-error @below {{'kern.reduce' op expected a map for each in, extra and result (3), but got 2}}
  %y = kern.reduce ins(%x : tensor<4xf32>) extras(%b : tensor<f32>) sizes <4> parallel 0
      symbols <> combiners [0] maps [#i, affine_map<() -> ()>] shapes [#nn.dims<>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%sum: f32, %b0: f32):
    kern.yield %sum : f32
  } -> tensor<f32>
  return
}

// -----

func.func @a_matmul_has_a_map_per_operand_and_result(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{'kern.matmul' op expected a map for each operand and result (3), but got 2}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>]
      shapes [#nn.dims<4, 16>] {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}

// -----

func.func @a_matmul_has_all_kinds_of_loops(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected loops for rows, panel, column and reductions, but got 3 loops}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 16, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, c, k) -> (m, k)>, affine_map<(m, c, k) -> (k, c)>,
            affine_map<(m, c) -> (m, c)>]
      shapes [#nn.dims<4, 16>] {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}

// -----

func.func @a_matmul_reduces(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected loops for rows, panel, column and reductions, but got 4 loops}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 2 reductions 0 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>] {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}
