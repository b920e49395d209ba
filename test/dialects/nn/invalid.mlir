// Sizes that contradict are found by DimAnalysis: any pass that asks for them
// will do.
// RUN: tenon-opt %s -tenon-key-kernels -split-input-file -verify-diagnostics

// expected-error @below {{expected a size such as "2*seq + 1", but got "2 seq"}}
func.func private @a_size_is_an_expression() attributes {s = #nn.dims<"2 seq">}

// -----

// expected-error @below {{expected string}}
func.func private @a_size_with_symbols_is_quoted() attributes {s = #nn.dims<seq>}

// -----

// expected-error @below {{expected one of [eq, lt, le, gt, ge] for a comparison, got: ne}}
// expected-error @below {{failed to parse Nn_PredicateAttr parameter}}
func.func private @a_predicate_is_known() attributes {p = #nn.compare<ne>}

// -----

func.func @operands_broadcast(%x: tensor<4x8xf32>, %y: tensor<3xf32>) {
  // expected-error @below {{'nn.add' op expected operands that broadcast, but got [4, 8] and [3]}}
  %0 = nn.add %x, %y : (tensor<4x8xf32>, tensor<3xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @a_reshape_keeps_the_elements(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.reshape' op expected a shape of 32 elements like [4, 8], but got [3, 8]}}
  %0 = nn.reshape %x {shape = #nn.dims<3, 8>} : (tensor<4x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @an_expanded_shape_fits(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.expand' op expected a shape that [4, 8] broadcasts to, but got [3, 8]}}
  %0 = nn.expand %x {shape = #nn.dims<3, 8>} : (tensor<4x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @a_permutation_has_every_dimension(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.transpose' op expected a permutation of 2 dimensions, but got 1}}
  %0 = nn.transpose %x {permutation = array<i64: 0>} : (tensor<4x8xf32>) -> tensor<4xf32>
  // expected-error @below {{expected a permutation, but got [1, 1]}}
  %1 = nn.transpose %x {permutation = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @concatenated_along_a_dimension(%x: tensor<4x8xf32>, %y: tensor<3x7xf32>, %z: tensor<8xf32>) {
  // expected-error @below {{'nn.concat' op expected an axis below the rank 2, but got 2}}
  %0 = nn.concat %x, %x {axis = 2 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  // expected-error @below {{expected inputs of one rank, but got [4, 8] and [8]}}
  %1 = nn.concat %x, %z {axis = 0 : i64} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<5x8xf32>
  // expected-error @below {{expected inputs that differ only along axis 0, but got [4, 8] and [3, 7]}}
  %2 = nn.concat %x, %y {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3x7xf32>) -> tensor<7x8xf32>
  return
}

// -----

func.func @pads_and_repeats_are_one_per_dimension(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.pad' op expected one pad per dimension}}
  %0 = nn.pad %x {low = #nn.dims<1>, high = #nn.dims<1, 1>, mode = #nn.pad<edge>} : (tensor<4x8xf32>) -> tensor<6x10xf32>
  // expected-error @below {{'nn.tile' op expected one repeat per dimension}}
  %1 = nn.tile %x {repeats = #nn.dims<2>} : (tensor<4x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @a_triangle_is_of_a_matrix(%x: tensor<8xf32>) {
  // expected-error @below {{'nn.trilu' op expected rank 2 or more, but got 1}}
  %0 = nn.trilu %x {upper = true} : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @the_new_axis_stands_among_the_others(%i: tensor<4xi64>, %v: tensor<2xf32>) {
  // expected-error @below {{'nn.one_hot' op expected an axis up to 1, but got 2}}
  %0 = nn.one_hot %i, %v {depth = #nn.dims<10>, axis = 2 : i64} : (tensor<4xi64>, tensor<2xf32>) -> tensor<4x10xf32>
  return
}

// -----

func.func @gathered_along_a_dimension(%x: tensor<4x8xf32>, %i: tensor<3xi64>, %n: tensor<2x3xi64>, %u: tensor<2x?xi64>) {
  // expected-error @below {{'nn.gather' op expected an axis below the rank 2, but got 2}}
  %0 = nn.gather %x, %i {axis = 2 : i64} : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<4x3xf32>
  // expected-error @below {{'nn.gather_elements' op expected data and indices of one rank}}
  %1 = nn.gather_elements %x, %i {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<3xf32>
  // expected-error @below {{'nn.gather_nd' op expected index tuples of at most 2 elements, but got 3}}
  %2 = nn.gather_nd %x, %n {batchDims = 0 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2xf32>
  // expected-error @below {{expected the last dimension of indices to be known}}
  %3 = nn.gather_nd %x, %u {batchDims = 0 : i64} : (tensor<4x8xf32>, tensor<2x?xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @matrices_fit(%a: tensor<2x4x8xf32>, %b: tensor<7x3xf32>, %c: tensor<3x8x3xf32>, %v: tensor<8xf32>) {
  // expected-error @below {{'nn.matmul' op expected inner dimensions that agree, but got [2, 4, 8] and [7, 3]}}
  %0 = nn.matmul %a, %b : (tensor<2x4x8xf32>, tensor<7x3xf32>) -> tensor<2x4x3xf32>
  // expected-error @below {{expected batch dimensions that broadcast, but got [2, 4, 8] and [3, 8, 3]}}
  %1 = nn.matmul %a, %c : (tensor<2x4x8xf32>, tensor<3x8x3xf32>) -> tensor<2x4x3xf32>
  // expected-error @below {{expected operands of rank 2 or more}}
  %2 = nn.matmul %a, %v : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @a_convolution_has_one_rank_and_all_channels(%x: tensor<1x8x9xf32>, %w: tensor<6x4x3x3xf32>, %v: tensor<6x4x3xf32>) {
  // expected-error @below {{'nn.conv' op expected input and weights of one rank of 3 or more, but got [1, 8, 9] and [6, 4, 3, 3]}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x8x9xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x7xf32>
  // expected-error @below {{expected 4 input channels (weights' 4 times group 1), but got 8}}
  %1 = nn.conv %x, %v {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x8x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}
