// RUN: tenon-opt %s | tenon-opt | FileCheck %s

// CHECK-LABEL: func @small_values_stand_in_the_ir
func.func @small_values_stand_in_the_ir() {
  // CHECK: pack.constant(dense<1.000000e+00> : tensor<f32>) : tensor<f32>
  %0 = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  // CHECK: pack.constant(dense<[-1, 2]> : tensor<2xi64>) : tensor<2xi64>
  %1 = pack.constant(dense<[-1, 2]> : tensor<2xi64>) : tensor<2xi64>
  // CHECK: pack.constant(dense<[true, false]> : tensor<2xi1>) : tensor<2xi1>
  %2 = pack.constant(dense<[true, false]> : tensor<2xi1>) : tensor<2xi1>
  return
}

// The file is not opened before an encoder reads it.
// CHECK-LABEL: func @large_values_are_referred_to
func.func @large_values_are_referred_to() {
  // CHECK: pack.constant(#pack.ref<"model.onnx", 128, 4096>) : tensor<32x32xf32>
  %0 = pack.constant(#pack.ref<"model.onnx", 128, 4096>) : tensor<32x32xf32>
  // A bool is a byte.
  // CHECK: pack.constant(#pack.ref<"model.onnx", 0, 10>) : tensor<10xi1>
  %1 = pack.constant(#pack.ref<"model.onnx", 0, 10>) : tensor<10xi1>
  // Two to a byte, the last one alone.
  // CHECK: pack.constant(#pack.ref<"model.onnx", 0, 5>) : tensor<9xi4>
  %2 = pack.constant(#pack.ref<"model.onnx", 0, 5>) : tensor<9xi4>
  return
}

// CHECK-LABEL: func @a_reference_to_encoded_bytes_counts_the_padding
func.func @a_reference_to_encoded_bytes_counts_the_padding() {
  // Two panels of 16 columns, 3 rows.
  // CHECK: pack.constant(#pack.ref<"w", 0, 384>) : tensor<3x20xf32, #pack.panels<16>>
  %0 = pack.constant(#pack.ref<"w", 0, 384>) : tensor<3x20xf32, #pack.panels<16>>
  // CHECK: pack.constant(#pack.ref<"w", 0, 1280>) : tensor<3x20xf32, #pack.panels<16, transposed = true>>
  %1 = pack.constant(#pack.ref<"w", 0, 1280>) : tensor<3x20xf32, #pack.panels<16, transposed = true>>
  return
}

// CHECK-LABEL: func @encode
func.func @encode(%w: tensor<2x64x64xf32>) {
  // CHECK: pack.encode %{{.+}} : tensor<2x64x64xf32> to tensor<2x64x64xf32, #pack.panels<16>>
  %0 = pack.encode %w : tensor<2x64x64xf32> to tensor<2x64x64xf32, #pack.panels<16>>
  return
}

// Blocks of channels on both sides: two panels, one block, 9 places.
// CHECK-LABEL: func @convolution_weights
func.func @convolution_weights() {
  // CHECK: pack.constant(#pack.ref<"w", 0, 18432>) : tensor<20x3x3x3xf32, #pack.conv_panels<16>>
  %0 = pack.constant(#pack.ref<"w", 0, 18432>) : tensor<20x3x3x3xf32, #pack.conv_panels<16>>
  // CHECK: pack.constant(#pack.ref<"w", 0, 3456>) : tensor<20x3x3x3xf32, #pack.conv_panels<1>>
  %1 = pack.constant(#pack.ref<"w", 0, 3456>) : tensor<20x3x3x3xf32, #pack.conv_panels<1>>
  return
}

// Codes and scales: a panel of int4 has one block of 32 values in 8 * 16 / 2
// dwords and 16 f16 scales, its second block is full as well.
// CHECK-LABEL: func @integers
func.func @integers() {
  // CHECK: pack.constant(#pack.ref<"w", 0, 1152>) : tensor<40x20xf32, #pack.int<4, group = 32, scale = f16>>
  %0 = pack.constant(#pack.ref<"w", 0, 1152>) : tensor<40x20xf32, #pack.int<4, group = 32, scale = f16>>
  // A zero point is a byte.
  // CHECK: pack.constant(#pack.ref<"w", 0, 1216>) : tensor<40x20xf32, #pack.int<4, group = 32, scale = f16, zeros = true>>
  %1 = pack.constant(#pack.ref<"w", 0, 1216>) : tensor<40x20xf32, #pack.int<4, group = 32, scale = f16, zeros = true>>
  // One scale for all of k, which is filled up to 4.
  // CHECK: pack.constant(#pack.ref<"w", 0, 1408>) : tensor<37x20xf32, #pack.int<8, scale = f32>>
  %2 = pack.constant(#pack.ref<"w", 0, 1408>) : tensor<37x20xf32, #pack.int<8, scale = f32>>
  return
}

// Blocks of 16 k: indices, eight kept values; one scale per column.
// CHECK-LABEL: func @two_of_four
func.func @two_of_four() {
  // CHECK: pack.constant(#pack.ref<"w", 0, 2304>) : tensor<20x17xf32, #pack.two_four<f32>>
  %0 = pack.constant(#pack.ref<"w", 0, 2304>) : tensor<20x17xf32, #pack.two_four<f32>>
  // CHECK: pack.constant(#pack.ref<"w", 0, 896>) : tensor<20x17xf32, #pack.two_four<i8>>
  %1 = pack.constant(#pack.ref<"w", 0, 896>) : tensor<20x17xf32, #pack.two_four<i8>>
  return
}

// CHECK-LABEL: func @half
func.func @half() {
  // CHECK: pack.constant(#pack.ref<"w", 0, 192>) : tensor<3x20xf32, #pack.half>
  %0 = pack.constant(#pack.ref<"w", 0, 192>) : tensor<3x20xf32, #pack.half>
  return
}

// The dense tensor is [n, k], the encoded one [k, n].
// CHECK-LABEL: func @encode_transposed
func.func @encode_transposed(%w: tensor<20x64xf32>) {
  // CHECK: pack.encode %{{.+}} : tensor<20x64xf32> to tensor<64x20xf32, #pack.int<8, scale = f32, transposed = true>>
  %0 = pack.encode %w : tensor<20x64xf32> to tensor<64x20xf32, #pack.int<8, scale = f32, transposed = true>>
  // CHECK: pack.encode %{{.+}} : tensor<20x64xf32> to tensor<64x20xf32, #pack.half<transposed = true>>
  %1 = pack.encode %w : tensor<20x64xf32> to tensor<64x20xf32, #pack.half<transposed = true>>
  return
}
