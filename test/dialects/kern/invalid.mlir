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
  // expected-error @below {{expected maps over 1 loops for ins, but got affine_map<(d0, d1) -> (d0)>}}
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
  // expected-error @below {{expected body arguments ('f32', 'tensor<4xf32>'), but got ('f32')}}
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

// -----

#i = affine_map<(i) -> (i)>

func.func @a_shape_is_of_sizes(%x: tensor<4xf32>) {
  // expected-error @below {{expected shapes as #nn.dims, but got 4 : i64}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [4] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_result_has_a_shape(%x: tensor<4xf32>) {
  // expected-error @below {{expected 0 results, but got 1}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_result_has_its_shape(%x: tensor<4xf32>) {
  // expected-error @below {{expected a result of sizes [5], but got 'tensor<4xf32>'}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<5>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @maps_stay_inside(%x: tensor<4xf32>) {
  // expected-error @below {{expected indices inside 'tensor<4xf32>', but affine_map<(d0) -> (d0 + 1)> gives 1 to 4 in dimension 0}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [affine_map<(i) -> (i + 1)>, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @loops_stay_inside(%x: tensor<4xf32>) {
  // expected-error @below {{expected indices inside 'tensor<4xf32>', but affine_map<(d0) -> (d0)> gives 0 to 7 in dimension 0}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <8> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @maps_are_linear(%x: tensor<4xf32>) {
  // expected-error @below {{expected maps that are linear in the loops, but got affine_map<(d0) -> (d0 floordiv 2)>}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [affine_map<(i) -> (i floordiv 2)>, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @an_index_per_dimension(%x: tensor<4xf32>) {
  // expected-error @below {{expected an index per dimension of 'tensor<4xf32>', but got affine_map<(d0) -> (d0, d0)>}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [affine_map<(i) -> (i, i)>, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @maps_know_the_symbols(%x: tensor<4xf32>) {
  // expected-error @below {{expected maps of at most 0 symbols, but got affine_map<(d0)[s0] -> (d0 + s0)>}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [affine_map<(i)[s] -> (i + s)>, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @loops_are_not_negative(%x: tensor<4xf32>) {
  // expected-error @below {{expected loops of 0 or more, but got [-4]}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <-4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @arguments_are_elements(%x: tensor<4xf32>) {
  // expected-error @below {{expected body arguments ('f32'), but got ('f64')}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f64):
    kern.yield %x0 : f64
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @yields_are_elements(%x: tensor<4xf32>) {
  // expected-error @below {{expected its body to yield ('f32'), but got ('f32', 'f32')}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0, %x0 : f32, f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_body_is_scalar(%x: tensor<4xf32>) {
  // expected-error @below {{expected scalar arith, math and kern operations and a kern.yield at the end of its body, but got 'nn.abs'}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    %a = nn.abs %x : (tensor<4xf32>) -> tensor<4xf32>
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_body_reads_its_arguments(%x: tensor<4xf32>) {
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    %z = arith.constant 0 : index
    // expected-error @below {{expected operands of the same body; a tensor from outside is read through ins or tables}}
    %e = kern.load %x[%z] : tensor<4xf32> -> f32
    kern.yield %e : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @an_index_is_of_a_loop(%x: tensor<4xf32>) {
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    // expected-error @below {{'kern.index' op expected one of 1 loops, but got 1}}
    %j = kern.index 1
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @one_size(%x: tensor<4xf32>) {
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    // expected-error @below {{'kern.size' op expected one size, but got #nn.dims<1, 2>}}
    %j = kern.size <1, 2>
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_fold_is_of_a_scan(%x: tensor<4xf32>) {
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    // expected-error @below {{'kern.fold' op expected to stand in a kern.scan}}
    %j = kern.fold %x0 : f32
    kern.yield %j : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_load_has_an_index_per_dimension(%x: tensor<4xf32>) {
  %y = kern.map ins(%x : tensor<4xf32>) tables(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32, %t: tensor<4xf32>):
    // expected-error @below {{'kern.load' op expected 1 indices and an element of 'tensor<4xf32>', but got 0 and 'f32'}}
    %e = kern.load %t[] : tensor<4xf32> -> f32
    kern.yield %e : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_destination_is_as_the_result(%x: tensor<4xf32>, %d: tensor<5xf32>) {
  // expected-error @below {{expected a destination of the result's type 'tensor<4xf32>', but got 'tensor<5xf32>'}}
  %y = kern.map ins(%x : tensor<4xf32>) dests(%d : tensor<5xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>

func.func @a_plan_is_of_the_group(%x: tensor<4xf32>) {
  // expected-error @below {{expected a plan of this group with 2 steps of 0 to 2, but got #kern.plan<loops = 1, parallel = 1, vector = 0, rows = 0, steps = [1, 3]>}}
  %y = kern.map ins(%x : tensor<4xf32>) sizes <4> symbols <> maps [#i, #i] shapes [#nn.dims<4>] plan <loops = 1, parallel = 1, vector = 0, rows = 0, steps = [1, 3]> {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

func.func @parallel_loops_are_loops(%x: tensor<4xf32>) {
  // expected-error @below {{expected at most 1 parallel loops, but got 2}}
  %y = kern.reduce ins(%x : tensor<4xf32>) sizes <4> parallel 2 symbols <> combiners [0]
      maps [affine_map<(i) -> (i)>, affine_map<() -> ()>] shapes [#nn.dims<>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%s: f32):
    kern.yield %s : f32
  } -> tensor<f32>
  return
}

// -----

func.func @a_known_combiner(%x: tensor<4xf32>) {
  // expected-error @below {{expected combiners from 0 to 13, but got 14}}
  %y = kern.reduce ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [14]
      maps [affine_map<(i) -> (i)>, affine_map<() -> ()>] shapes [#nn.dims<>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%s: f32):
    kern.yield %s : f32
  } -> tensor<f32>
  return
}

// -----

func.func @a_combiner_of_floats(%x: tensor<4xf32>) {
  // expected-error @below {{expected values that mins joins, but got 'f32'}}
  %y = kern.reduce ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [4]
      maps [affine_map<(i) -> (i)>, affine_map<() -> ()>] shapes [#nn.dims<>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%s: f32):
    kern.yield %s : f32
  } -> tensor<f32>
  return
}

// -----

func.func @two_values_for_a_position(%x: tensor<4xf32>) {
  // expected-error @below {{expected the values of 1 combiners from the body, but got 1}}
  %y = kern.reduce ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [10]
      maps [affine_map<(i) -> (i)>, affine_map<() -> ()>] shapes [#nn.dims<>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%s: f32):
    kern.yield %s : f32
  } -> tensor<f32>
  return
}

// -----

func.func @finish_gets_what_is_combined(%x: tensor<4xf32>) {
  // expected-error @below {{expected finish arguments ('f32'), but got ()}}
  %y = kern.reduce ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [0]
      maps [affine_map<(i) -> (i)>, affine_map<() -> ()>] shapes [#nn.dims<>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
    %s = arith.constant 0.0 : f32
    kern.yield %s : f32
  } -> tensor<f32>
  return
}

// -----

func.func @a_panel_has_16_columns(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected 16 columns a panel and one number of columns, but got [4, 1, 8, 8] and #nn.dims<16>}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 8, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>] {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}

// -----

func.func @one_number_of_columns(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected 16 columns a panel and one number of columns, but got [4, 1, 16, 8] and #nn.dims<16, 2>}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 1 reductions 1 columns <16, 2> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>] {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}

// -----

func.func @the_left_side_has_no_columns(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected a left side that does not move along panel and column, but got affine_map<(d0, d1, d2, d3) -> (d1, d3)>}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (p, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>] {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}

// -----

func.func @an_epilogue_gets_the_sum(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected an epilogue that gets the sum}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>] {
    %s = arith.constant 0.0 : f32
    kern.yield %s : f32
  } -> tensor<4x16xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>
func.func @rows_with_a_combiner_of_two(%x: tensor<4xf32>) {
  // expected-error @below {{'kern.rows' op expected combiners of one value, but got 10}}
  %y = kern.rows ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [10]
      maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } passes {
  ^bb0(%x0: f32):
    kern.yield %x0, %x0 : f32, f32
  } finish {
  ^bb0(%x0: f32, %t: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>
func.func @rows_with_a_pass_too_few(%x: tensor<4xf32>) {
  // expected-error @below {{'kern.rows' op expected a pass for each of one or more combiners (2), but got 1}}
  %y = kern.rows ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [0, 0]
      maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } passes {
  ^bb0(%x0: f32):
    kern.yield %x0, %x0 : f32, f32
  } finish {
  ^bb0(%x0: f32, %t: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

#i = affine_map<(i) -> (i)>
func.func @rows_whose_pass_forgets_the_element(%x: tensor<4xf32>) {
  // expected-error @below {{'kern.rows' op expected each pass to yield the element and a value that add joins}}
  %y = kern.rows ins(%x : tensor<4xf32>) sizes <4> parallel 0 symbols <> combiners [0]
      maps [#i, #i] shapes [#nn.dims<4>] {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } passes {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%x0: f32, %t: f32):
    kern.yield %x0 : f32
  } -> tensor<4xf32>
  return
}

// -----

func.func @a_tile_of_windows_needs_lanes(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected a tile only with a plan whose vectors are the last of two or more parallel loops, but got #kern.tile<rows = [4]}}
  %y = kern.reduce ins(%x : tensor<4x8xf32>) sizes <4, 8> parallel 1 symbols <> combiners [0]
      maps [affine_map<(i, j) -> (i, j)>, affine_map<(i) -> (i)>] shapes [#nn.dims<4>]
      plan <loops = 2, parallel = 1, vector = 1, rows = 0, steps = [1, 0]>
      tile <rows = [4], panels = [1], depth = [8], steps = [8, 1], partial = false> {
  ^bb0(%x0: f32):
    kern.yield %x0 : f32
  } finish {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4xf32>
  return
}

// -----

func.func @a_tile_has_sizes(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected a tile with ladders of positive sizes and 3 steps, but got #kern.tile<rows = [0]}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>]
      plan <loops = 4, parallel = 3, vector = 2, rows = 1, steps = [0, 1, 1]>
      tile <rows = [0], panels = [1], depth = [4], steps = [8, 1, 16], partial = false> {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}

// -----

func.func @a_plan_of_a_dense_matmul_has_a_tile(%a: tensor<4x8xf32>, %b: tensor<8x16xf32>) {
  // expected-error @below {{expected a tile with the plan of a product that reads no encoded panels, and no other}}
  %y = kern.matmul %a, %b : tensor<4x8xf32>, tensor<8x16xf32>
      sizes <4, 1, 16, 8> rows 1 reductions 1 columns <16> symbols <>
      maps [affine_map<(m, p, c, k) -> (m, k)>, affine_map<(m, p, c, k) -> (k, p * 16 + c)>,
            affine_map<(m, p, c) -> (m, p * 16 + c)>]
      shapes [#nn.dims<4, 16>]
      plan <loops = 4, parallel = 3, vector = 2, rows = 1, steps = [0, 1, 1]> {
  ^bb0(%sum: f32):
    kern.yield %sum : f32
  } -> tensor<4x16xf32>
  return
}
