// The examples of the .td files.
// RUN: tenon-opt %s -o /dev/null

func.func private @encodings(
  tensor<64x32xf32, #pack.int<4, group = 32, scale = f16>>,
  tensor<64x32xf32, #pack.int<8, scale = f32>>,
  tensor<64x32xf32, #pack.two_four<f32>>)

func.func @constant() {
  %w = pack.constant(#pack.ref<"model.onnx", 128, 4096>) : tensor<32x32xf32>
  %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
  return
}

func.func @encode(%w: tensor<64x64xf32>) {
  %p = pack.encode %w : tensor<64x64xf32> to tensor<64x64xf32, #pack.panels<16>>
  return
}
