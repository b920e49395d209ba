// RUN: tenon-opt %s -split-input-file -verify-diagnostics

func.func @a_constant_has_one_size() {
  // expected-error @below {{'pack.constant' op expected a static shape, but got 'tensor<?xf32>'}}
  %0 = pack.constant(#pack.ref<"w", 0, 4>) : tensor<?xf32>
  return
}

// -----

func.func @the_value_has_the_results_shape() {
  // expected-error @below {{expected a value of the result's type 'tensor<3xf32>', but got 'tensor<2xf32>'}}
  %0 = pack.constant(dense<1.0> : tensor<2xf32>) : tensor<3xf32>
  return
}

// -----

func.func @the_value_has_the_results_element_type() {
  // expected-error @below {{expected a value of the result's type 'tensor<2xf32>', but got 'tensor<2xi32>'}}
  %0 = pack.constant(dense<1> : tensor<2xi32>) : tensor<2xf32>
  return
}

// -----

func.func @the_value_is_of_a_known_kind() {
  // expected-error @below {{expected dense elements or #pack.ref, but got "weights.bin"}}
  %0 = pack.constant("weights.bin") : tensor<2xf32>
  return
}

// -----

func.func @a_reference_has_as_many_bytes_as_the_tensor() {
  // expected-error @below {{expected a reference to 8 bytes, but got 4}}
  %0 = pack.constant(#pack.ref<"w", 0, 4>) : tensor<2xf32>
  return
}

// -----

func.func @a_reference_has_as_many_bytes_as_the_encoding() {
  // expected-error @below {{expected a reference to 384 bytes, but got 240}}
  %0 = pack.constant(#pack.ref<"w", 0, 240>) : tensor<3x20xf32, #pack.panels<16>>
  return
}

// -----

func.func @what_is_encoded_has_an_encoding(%w: tensor<4x4xf32>) {
  // expected-error @below {{'pack.encode' op expected a result with an encoding, but got 'tensor<4x4xf32>'}}
  %0 = pack.encode %w : tensor<4x4xf32> to tensor<4x4xf32>
  return
}

// -----

func.func @an_encoding_keeps_the_shape(%w: tensor<4x4xf32>) {
  // expected-error @below {{expected a result of sizes [4, 4], but got 'tensor<4x8xf32, #pack.panels<16>>'}}
  %0 = pack.encode %w : tensor<4x4xf32> to tensor<4x8xf32, #pack.panels<16>>
  return
}

// -----

func.func @an_encoding_keeps_the_element_type(%w: tensor<4x4xf32>) {
  // expected-error @below {{expected one element type and a plain source, but got 'tensor<4x4xf32>' and 'tensor<4x4xf16, #pack.panels<16>>'}}
  %0 = pack.encode %w : tensor<4x4xf32> to tensor<4x4xf16, #pack.panels<16>>
  return
}

// -----

// expected-error @below {{expected 4 or 8 bits, but got 3}}
func.func private @integers_have_4_or_8_bits(tensor<64x32xf32, #pack.int<3, scale = f16>>)

// -----

// expected-error @below {{expected groups of a multiple of 8 values, but got 12}}
func.func private @groups_are_whole_dwords(tensor<64x32xf32, #pack.int<4, group = 12, scale = f16>>)

// -----

// expected-error @below {{expected scales of f16 or f32, but got 'bf16'}}
func.func private @scales_are_floats(tensor<64x32xf32, #pack.int<4, group = 32, scale = bf16>>)

// -----

// expected-error @below {{expected values of f32 or i8, but got 'f16'}}
func.func private @kept_values_are_f32_or_i8(tensor<64x32xf32, #pack.two_four<f16>>)

// -----

// expected-error @below {{expected a matrix of static shape, but got rank 3}}
func.func private @panels_are_of_a_matrix(tensor<2x64x32xf32, #pack.half>)

// -----

// expected-error @below {{expected f32 values, but got 'i32'}}
func.func private @panels_stand_for_f32(tensor<64x32xi32, #pack.two_four<f32>>)

// -----

func.func @the_dense_tensor_is_transposed(%w: tensor<64x20xf32>) {
  // expected-error @below {{expected a result of sizes [20, 64], but got 'tensor<64x20xf32, #pack.half<transposed = true>>'}}
  %0 = pack.encode %w : tensor<64x20xf32> to tensor<64x20xf32, #pack.half<transposed = true>>
  return
}

// -----

// expected-error @below {{expected panels of 16 columns, but got 8}}
func.func private @panels_have_16_columns(tensor<8x8xf32, #pack.panels<8>>)

// -----

// expected-error @below {{expected a static shape of rank 2 or more, but got rank 1}}
func.func private @panels_are_of_matrices(tensor<8xf32, #pack.panels<16>>)

// -----

// expected-error @below {{expected elements of whole bytes, but got 'i4'}}
func.func private @panels_have_elements(tensor<8x8xi4, #pack.panels<16>>)

// -----

// expected-error @below {{expected 1 or 16 channels, but got 4}}
func.func private @channels_are_in_blocks(tensor<8x8x3xf32, #pack.conv_panels<4>>)

// -----

// expected-error @below {{expected a static shape of rank 3 or more, but got rank 2}}
func.func private @windows_have_dimensions(tensor<8x8xf32, #pack.conv_panels<16>>)
