// RUN: tenon-opt %s -split-input-file -verify-diagnostics

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
  return
}

// -----

func.func @a_permutation_has_each_dimension_once(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected a permutation, but got [1, 1]}}
  %0 = nn.transpose %x {permutation = array<i64: 1, 1>} : (tensor<4x8xf32>) -> tensor<8x8xf32>
  return
}

// -----

func.func @concatenated_along_a_dimension(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.concat' op expected an axis below the rank 2, but got 2}}
  %0 = nn.concat %x, %x {axis = 2 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @concatenated_tensors_have_one_rank(%x: tensor<4x8xf32>, %z: tensor<8xf32>) {
  // expected-error @below {{expected inputs of one rank, but got [4, 8] and [8]}}
  %0 = nn.concat %x, %z {axis = 0 : i64} : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<5x8xf32>
  return
}

// -----

func.func @concatenated_tensors_differ_along_the_axis(%x: tensor<4x8xf32>, %y: tensor<3x7xf32>) {
  // expected-error @below {{expected inputs that differ only along axis 0, but got [4, 8] and [3, 7]}}
  %0 = nn.concat %x, %y {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3x7xf32>) -> tensor<7x8xf32>
  return
}

// -----

func.func @something_is_concatenated() {
  // expected-error @below {{expected one input or more}}
  %0 = nn.concat {axis = 0 : i64} : () -> tensor<4xf32>
  return
}

// -----

func.func @pads_are_one_per_dimension(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.pad' op expected one of low per dimension (2), but got 1}}
  %0 = nn.pad %x {low = #nn.dims<1>, high = #nn.dims<1, 1>, mode = #nn.pad<edge>} : (tensor<4x8xf32>) -> tensor<6x10xf32>
  return
}

// -----

func.func @the_padded_value_is_a_scalar(%x: tensor<4xf32>) {
  // expected-error @below {{expected a value of rank 0, but got [4]}}
  %0 = nn.pad %x, %x {low = #nn.dims<1>, high = #nn.dims<1>, mode = #nn.pad<constant>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<6xf32>
  return
}

// -----

func.func @a_crop_leaves_something(%x: tensor<4xf32>) {
  // expected-error @below {{expected sizes of 0 or more, but the result would be [-1]}}
  %0 = nn.pad %x {low = #nn.dims<-3>, high = #nn.dims<-2>, mode = #nn.pad<constant>} : (tensor<4xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @repeats_are_one_per_dimension(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.tile' op expected one of repeats per dimension (2), but got 1}}
  %0 = nn.tile %x {repeats = #nn.dims<2>} : (tensor<4x8xf32>) -> tensor<8x8xf32>
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

func.func @one_depth(%i: tensor<4xi64>, %v: tensor<2xf32>) {
  // expected-error @below {{expected a depth of rank 1, but got [10, 2]}}
  %0 = nn.one_hot %i, %v {depth = #nn.dims<10, 2>, axis = 1 : i64} : (tensor<4xi64>, tensor<2xf32>) -> tensor<4x10xf32>
  return
}

// -----

func.func @off_and_on(%i: tensor<4xi64>, %v: tensor<3xf32>) {
  // expected-error @below {{expected 2 values, off and on, but got 3}}
  %0 = nn.one_hot %i, %v {depth = #nn.dims<10>, axis = 1 : i64} : (tensor<4xi64>, tensor<3xf32>) -> tensor<4x10xf32>
  return
}

// -----

func.func @a_slice_lies_inside(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.slice' op expected elements inside [4, 8], but dimension 1 is read at 8}}
  %0 = nn.slice %x {starts = #nn.dims<0, 2>, steps = array<i64: 1, 2>, shape = #nn.dims<4, 4>} : (tensor<4x8xf32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @a_slice_has_a_start_per_dimension(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected one of starts per dimension (2), but got 1}}
  %0 = nn.slice %x {starts = #nn.dims<0>, steps = array<i64: 1, 1>, shape = #nn.dims<4, 8>} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @an_insert_lies_inside(%x: tensor<2xf32>, %d: tensor<4xf32>) {
  // expected-error @below {{'nn.insert_slice' op expected the source inside 'tensor<4xf32>', but it starts at 3 in dimension 0}}
  %0 = nn.insert_slice %x, %d {starts = #nn.dims<3>} : (tensor<2xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @sizes_fill_their_shape() {
  // expected-error @below {{'nn.dims' op expected 2 values for the shape [2], but got 1}}
  %0 = nn.dims {values = #nn.dims<1>, shape = #nn.dims<2>} : () -> tensor<2xi64>
  return
}

// -----

func.func @a_ramp_starts_at_a_scalar(%x: tensor<2xi64>, %d: tensor<i64>) {
  // expected-error @below {{'nn.iota' op expected start of rank 0, but got [2]}}
  %0 = nn.iota %x, %d {shape = #nn.dims<4>} : (tensor<2xi64>, tensor<i64>) -> tensor<4xi64>
  return
}

// -----

func.func @gathered_along_a_dimension(%x: tensor<4x8xf32>, %i: tensor<3xi64>, %n: tensor<2x3xi64>, %u: tensor<2x?xi64>) {
  // expected-error @below {{'nn.gather' op expected an axis below the rank 2, but got 2}}
  %0 = nn.gather %x, %i {axis = 2 : i64} : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<4x3xf32>
  return
}

// -----

func.func @indices_are_integers(%x: tensor<4x8xf32>, %i: tensor<3xf32>) {
  // expected-error @below {{'nn.gather' op expected integers in indices, but got 'f32'}}
  %0 = nn.gather %x, %i {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3xf32>) -> tensor<3x8xf32>
  return
}

// -----

func.func @gathered_elements_have_one_rank(%x: tensor<4x8xf32>, %i: tensor<3xi64>, %n: tensor<2x3xi64>, %u: tensor<2x?xi64>) {
  // expected-error @below {{'nn.gather_elements' op expected data and indices of one rank, but got [4, 8] and [3]}}
  %0 = nn.gather_elements %x, %i {axis = 0 : i64} : (tensor<4x8xf32>, tensor<3xi64>) -> tensor<3xf32>
  return
}

// -----

func.func @tuples_fit(%x: tensor<4x8xf32>, %i: tensor<3xi64>, %n: tensor<2x3xi64>, %u: tensor<2x?xi64>) {
  // expected-error @below {{'nn.gather_nd' op expected index tuples of at most 2 elements, but got 3}}
  %0 = nn.gather_nd %x, %n {batchDims = 0 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @tuples_have_a_known_size(%x: tensor<4x8xf32>, %i: tensor<3xi64>, %n: tensor<2x3xi64>, %u: tensor<2x?xi64>) {
  // expected-error @below {{expected the last dimension of indices to be known, but got [2, unknown.1]}}
  %0 = nn.gather_nd %x, %u {batchDims = 0 : i64} : (tensor<4x8xf32>, tensor<2x?xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @batches_of_tuples(%x: tensor<4x8xf32>, %i: tensor<3xi64>, %n: tensor<2x3xi64>, %u: tensor<2x?xi64>) {
  // expected-error @below {{expected batch dimensions that data and indices have, but got 2}}
  %0 = nn.gather_nd %x, %n {batchDims = 2 : i64} : (tensor<4x8xf32>, tensor<2x3xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @a_resize_has_a_known_mode(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.resize' op expected one of nearest, linear, cubic, but got area}}
  %0 = nn.resize %x {shape = #nn.dims<8>, scales = array<f64: 2.0>, roi = array<f64>, mode = "area", coordinates = "half_pixel", nearest = "floor", cubicCoefficient = -0.75 : f64, excludeOutside = false, antialias = false, extrapolation = 0.0 : f64} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @a_resize_has_a_scale_per_dimension(%x: tensor<4xf32>) {
  // expected-error @below {{expected one of scales per dimension (1), but got 2}}
  %0 = nn.resize %x {shape = #nn.dims<8>, scales = array<f64: 2.0, 1.0>, roi = array<f64>, mode = "linear", coordinates = "half_pixel", nearest = "floor", cubicCoefficient = -0.75 : f64, excludeOutside = false, antialias = false, extrapolation = 0.0 : f64} : (tensor<4xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @reduced_along_dimensions(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.reduce' op expected an axis below the rank 2, but got 2}}
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 2>, keepdims = false} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @each_axis_once(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected each axis once, but got [1, 1]}}
  %0 = nn.reduce %x {kind = #nn.reduce<sum>, axes = array<i64: 1, 1>, keepdims = false} : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @the_largest_along_a_dimension(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.arg_reduce' op expected an axis below the rank 1, but got 1}}
  %0 = nn.arg_reduce %x {axis = 1 : i64, largest = true, selectLast = false, keepdims = false} : (tensor<4xf32>) -> tensor<i64>
  return
}

// -----

func.func @positions_are_integers(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.arg_reduce' op expected integers in the result, but got 'f32'}}
  %0 = nn.arg_reduce %x {axis = 0 : i64, largest = true, selectLast = false, keepdims = false} : (tensor<4xf32>) -> tensor<f32>
  return
}

// -----

func.func @softmax_along_a_dimension(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.softmax' op expected an axis below the rank 1, but got -1}}
  %0 = nn.softmax %x {axis = -1 : i64} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @a_running_sum_or_product(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.cumulate' op expected sum or prod, but got max}}
  %0 = nn.cumulate %x {axis = 0 : i64, kind = #nn.reduce<max>, exclusive = false, reverse = false} : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @a_scale_broadcasts_to_the_input(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @below {{'nn.norm' op expected scale and bias that broadcast to [4, 8], but got [4]}}
  %0 = nn.norm(%x scale %s) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @inner_dimensions_agree(%a: tensor<2x4x8xf32>, %b: tensor<7x3xf32>, %c: tensor<3x8x3xf32>, %v: tensor<8xf32>) {
  // expected-error @below {{'nn.matmul' op expected inner dimensions that agree, but got [2, 4, 8] and [7, 3]}}
  %0 = nn.matmul %a, %b : (tensor<2x4x8xf32>, tensor<7x3xf32>) -> tensor<2x4x3xf32>
  return
}

// -----

func.func @batches_broadcast(%a: tensor<2x4x8xf32>, %b: tensor<7x3xf32>, %c: tensor<3x8x3xf32>, %v: tensor<8xf32>) {
  // expected-error @below {{expected batch dimensions that broadcast, but got [2, 4, 8] and [3, 8, 3]}}
  %0 = nn.matmul %a, %c : (tensor<2x4x8xf32>, tensor<3x8x3xf32>) -> tensor<2x4x3xf32>
  return
}

// -----

func.func @matrices_have_rank_2(%a: tensor<2x4x8xf32>, %b: tensor<7x3xf32>, %c: tensor<3x8x3xf32>, %v: tensor<8xf32>) {
  // expected-error @below {{expected operands of rank 2 or more, but got [2, 4, 8] and [8]}}
  %0 = nn.matmul %a, %v : (tensor<2x4x8xf32>, tensor<8xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @a_convolution_has_one_rank(%x: tensor<1x8x9xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{'nn.conv' op expected input and weights of one rank of 3 or more, but got [1, 8, 9] and [6, 4, 3, 3]}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x8x9xf32>, tensor<6x4x3x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @a_convolution_has_all_channels(%x: tensor<1x8x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{expected 4 input channels (weights' 4 times group 1), but got 8}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x8x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @a_group_divides_the_channels(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{expected a group that divides 6 result channels, but got 4}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 4 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @a_stride_per_dimension(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{expected one of strides per dimension (1), but got 2}}
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @strides_go_forward(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{expected strides of 1 or more, but got 0}}
  %0 = nn.conv %x, %w {strides = array<i64: 0>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @dilations_go_forward(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{expected dilations of 1 or more, but got -1}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: -1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @a_pad_per_dimension(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{expected one of high per dimension (1), but got 0}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<>, group = 1 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @a_bias_per_channel(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{expected a bias of [6], but got [5]}}
  %0 = nn.conv %x, %w, %b {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>, tensor<5xf32>) -> tensor<1x6x7xf32>
  return
}

// -----

func.func @a_window_fits(%x: tensor<1x4x1xf32>, %w: tensor<6x4x4xf32>) {
  // expected-error @below {{expected sizes of 0 or more, but the result would be [1, 6, -2]}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64} : (tensor<1x4x1xf32>, tensor<6x4x4xf32>) -> tensor<1x6x?xf32>
  return
}

// -----

func.func @blocks_have_16_channels(%x: tensor<1x1x9x8xf32>, %w: tensor<16x16x3xf32>) {
  // expected-error @below {{expected an input in blocks of 16 channels, but got [1, 1, 9, 8]}}
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, group = 1 : i64, blocked} : (tensor<1x1x9x8xf32>, tensor<16x16x3xf32>) -> tensor<1x1x7x16xf32>
  return
}

// -----

func.func @a_transposed_convolution_has_all_channels(%x: tensor<1x4x9xf32>, %w: tensor<6x4x3xf32>) {
  // expected-error @below {{'nn.conv_transpose' op expected input and weights of one rank of 3 or more with as many input channels, but got [1, 4, 9] and [6, 4, 3]}}
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, shape = #nn.dims<11>, group = 1 : i64} : (tensor<1x4x9xf32>, tensor<6x4x3xf32>) -> tensor<1x4x11xf32>
  return
}

// -----

func.func @a_window_per_dimension(%x: tensor<1x4x9xf32>) {
  // expected-error @below {{'nn.pool' op expected one of window per dimension (1), but got 2}}
  %0 = nn.pool %x {kind = #nn.pool<max>, window = array<i64: 2, 2>, strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, shape = #nn.dims<8>, countPad = false, p = 2 : i64} : (tensor<1x4x9xf32>) -> tensor<1x4x8xf32>
  return
}

// -----

func.func @a_pool_has_spatial_dimensions(%x: tensor<1x4xf32>) {
  // expected-error @below {{expected an input of rank 3 or more, but got [1, 4]}}
  %0 = nn.pool %x {kind = #nn.pool<max>, window = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>, shape = #nn.dims<8>, countPad = false, p = 2 : i64} : (tensor<1x4xf32>) -> tensor<1x4x8xf32>
  return
}

// -----

func.func @depthwise_weights_are_in_blocks(%x: tensor<1x1x9x16xf32>, %w: tensor<2x3x16xf32>) {
  // expected-error @below {{'nn.depthwise_conv' op expected weights [blocks, window..., 16] for the input [1, 1, 9, 16], but got [2, 3, 16]}}
  %0 = nn.depthwise_conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, low = #nn.dims<0>, high = #nn.dims<0>} : (tensor<1x1x9x16xf32>, tensor<2x3x16xf32>) -> tensor<1x1x7x16xf32>
  return
}

// -----

func.func @blocks_are_of_channels(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.to_blocks' op expected an input of rank 3 or more, but got [4, 8]}}
  %0 = nn.to_blocks %x : (tensor<4x8xf32>) -> tensor<4x1x16xf32>
  return
}

// -----

func.func @channels_fill_the_blocks(%x: tensor<1x2x9x16xf32>) {
  // expected-error @below {{'nn.from_blocks' op expected channels that fill 2 blocks of 16, but got 40}}
  %0 = nn.from_blocks %x {channels = 40 : i64} : (tensor<1x2x9x16xf32>) -> tensor<1x40x9xf32>
  return
}

// -----

func.func @a_result_has_the_inferred_sizes(%x: tensor<4x8xf32>) {
  // expected-error @below {{'nn.abs' op expected a result of sizes [4, 8], but got 'tensor<4x9xf32>'}}
  %0 = nn.abs %x : (tensor<4x8xf32>) -> tensor<4x9xf32>
  return
}

// -----

func.func @a_result_has_the_inferred_rank(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected a result of sizes [4, 8], but got 'tensor<4xf32>'}}
  %0 = nn.abs %x : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @a_size_of_symbols_is_open(%x: tensor<?xf32>) {
  // expected-error @below {{expected a result of sizes [2*n], but got 'tensor<8xf32>'}}
  %0 = nn.reshape %x {shape = #nn.dims<"2*n">} : (tensor<?xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @elements_are_numbers(%x: tensor<4xindex>) {
  // expected-error @below {{'nn.neg' op expected bool, integers or floats of at most 64 bits, but got 'index'}}
  %0 = nn.neg %x : (tensor<4xindex>) -> tensor<4xindex>
  return
}

// -----

func.func @operands_have_one_element_type(%x: tensor<4xf32>, %y: tensor<4xi64>) {
  // expected-error @below {{'nn.add' op expected one element type, but got 'f32', 'i64', 'f32'}}
  %0 = nn.add %x, %y : (tensor<4xf32>, tensor<4xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @a_float_function(%x: tensor<4xi64>) {
  // expected-error @below {{'nn.exp' op expected floats in the result, but got 'i64'}}
  %0 = nn.exp %x : (tensor<4xi64>) -> tensor<4xi64>
  return
}

// -----

func.func @bits_are_of_integers(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.and' op expected integers or bool in the result, but got 'f32'}}
  %0 = nn.and %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @a_comparison_gives_bool(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.compare' op expected bool in the result, but got 'f32'}}
  %0 = nn.compare %x, %x {predicate = #nn.compare<lt>} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @a_condition_is_bool(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.select' op expected bool in the condition, but got 'f32'}}
  %0 = nn.select %x, %x, %x : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @a_question_about_floats(%x: tensor<4xi8>) {
  // expected-error @below {{'nn.is_nan' op expected floats in the operand, but got 'i8'}}
  %0 = nn.is_nan %x : (tensor<4xi8>) -> tensor<4xi1>
  return
}

// -----

func.func @bits_stay(%x: tensor<4xf32>) {
  // expected-error @below {{'nn.bitcast' op expected element types of one width, but got 'f32' and 'i16'}}
  %0 = nn.bitcast %x : (tensor<4xf32>) -> tensor<4xi16>
  return
}

// -----

func.func @a_zero_point_is_as_the_result(%x: tensor<4xf32>, %s: tensor<f32>, %z: tensor<i8>) {
  // expected-error @below {{'nn.quantize' op expected one element type, but got 'i8', 'ui8'}}
  %0 = nn.quantize %x, %s, %z : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xui8>
  return
}

// -----

func.func @an_integer_product(%a: tensor<4x8xi8>, %b: tensor<8x4xf32>) {
  // expected-error @below {{'nn.matmul' op expected integers in an operand of an integer product, but got 'f32'}}
  %0 = nn.matmul %a, %b : (tensor<4x8xi8>, tensor<8x4xf32>) -> tensor<4x4xi32>
  return
}

// -----

// expected-error @below {{expected bounds such as array<i64: 1, 512> of the symbol 'seq', but got array<i64: 9, 2>}}
func.func private @bounds_are_ordered() attributes {nn.symbols = {seq = array<i64: 9, 2>}}

// -----

// expected-error @below {{expected nn.symbols to be a dictionary, but got 3 : i64}}
func.func private @symbols_have_bounds() attributes {nn.symbols = 3 : i64}

// -----

// expected-error @below {{expected nn.shape of argument 0 to fit its type 'tensor<?x8xf32>', but got #nn.dims<"seq">}}
func.func private @a_shape_fits_its_type(tensor<?x8xf32> {nn.shape = #nn.dims<"seq">})

// -----

// expected-error @below {{expected nn.name of argument 0 to be a string, but got 3 : i64}}
func.func private @a_name_is_a_string(tensor<8xf32> {nn.name = 3 : i64})

// -----

func.func @a_size_is_one_integer(%x: tensor<2xi64>) {
  // expected-error @below {{'nn.size' op expected one i64, but got 'tensor<2xi64>'}}
  nn.size "n" = %x in 0 to 4 : tensor<2xi64>
  return
}

// -----

func.func @bounds_of_a_size_are_ordered(%x: tensor<i64>) {
  // expected-error @below {{'nn.size' op expected bounds in order, but got 4 to 0}}
  nn.size "n" = %x in 4 to 0 : tensor<i64>
  return
}
