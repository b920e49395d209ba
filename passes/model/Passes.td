#ifndef TENON_PASSES_MODEL_PASSES_TD
#define TENON_PASSES_MODEL_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckSizesPass : Pass<"tenon-check-sizes", "::mlir::func::FuncOp"> {
  let summary = "Check when the model runs that sizes taken as equal are equal";
  let description = [{
    ```mlir
    %0 = nn.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    ```
    of sizes n and m gets `rt.check <"n">, <"m"> else 6` before all else, and so
    do reshapes whose counts differ as expressions, parts of a concat, sides of
    a matmul, channels of a convolution. Sizes that can never agree are an
    error. What is equal as an expression, or constant, needs no check.
  }];
  let dependentDialects = ["::tenon::rt::RtDialect"];
}

def ExpandConvTransposePass : Pass<"tenon-expand-conv-transpose", "::mlir::func::FuncOp"> {
  let summary = "Write a transposed convolution as convolutions of its phases";
  let description = [{
    ```mlir
    %y = nn.conv_transpose %x, %w {strides = [2, 2], ...}
    ```
    becomes four convolutions without strides, each with the taps that meet its
    positions, and
    ```mlir
    %y = nn.interleave %p00, %p01, %p10, %p11 {steps = [2, 2], ...}
    ```
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::tenon::pack::PackDialect"];
}

def ExpandLateConvsPass : Pass<"tenon-expand-late-convs", "::mlir::func::FuncOp"> {
  let summary = "Write convolutions by weights known late as matrix products";
  let description = [{
    ```mlir
    %y = nn.conv %x, %w : (tensor<1x8x6x6xf32>, tensor<4x8x3x3xf32>) -> tensor<1x4x4x4xf32>
    ```
    becomes nine slices of %x, their concatenation [1, 1, 72, 16], and an
    nn.matmul of %w as [1, 1, 4, 72] with it.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def FoldConstantsPass : Pass<"tenon-fold-constants", "::mlir::func::FuncOp"> {
  let summary = "Compute what depends on no input while compiling";
  let description = [{
    Movement of a constant that is one number everywhere is that number again;
    a reshape of a constant is the same bytes. All other operations on
    constants are gathered into one program, which the compiler's own code
    evaluates: the same bits as at run time.

    Left alone are results much larger than what they are made of (an expanded
    table), and transposes that a matrix product reads where they are.
  }];
  let constructor = "::tenon::model::createFoldConstantsPass(nullptr)";
  let dependentDialects = ["::tenon::pack::PackDialect"];
}

def RecognizeByteConvsPass : Pass<"tenon-recognize-byte-convs", "::mlir::func::FuncOp"> {
  let summary = "Convolutions of dequantized u8 by dequantized i8 weights, on the bytes";
  let description = [{
    ```mlir
    %1 = nn.cast %q : (tensor<1x16x8x8xui8>) -> tensor<1x16x8x8xf32>
    %2 = nn.sub %1, %zero : ...
    %x = nn.mul %2, %sx : ...
    %3 = nn.cast %codes : (tensor<32x16x1x1xi8>) -> tensor<32x16x1x1xf32>
    %w = nn.mul %3, %sw : ...
    %y = nn.conv %x, %w {...}
    ```
    becomes
    ```mlir
    %1 = nn.conv %q, %codes {...} : (tensor<1x16x8x8xui8>, tensor<32x16x1x1xi8>) -> tensor<1x32x8x8xi32>
    %2 = nn.add %1, %correction : ...
    %3 = nn.cast %2 : ...
    %s = nn.mul %sw, %sx : ...
    %y = nn.mul %3, %s : ...
    ```
    Before constants are folded, as floats are made of the weights then.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::tenon::pack::PackDialect"];
}

def RecognizeByteMatmulsPass : Pass<"tenon-recognize-byte-matmuls", "::mlir::func::FuncOp"> {
  let summary = "Products of integer matrices, on the bytes they are made of";
  let description = [{
    ```mlir
    %1 = nn.cast %x : (tensor<4x64xui8>) -> tensor<4x64xi32>
    %2 = nn.sub %1, %zero : ...
    %y = nn.matmul %2, %w : (tensor<4x64xi32>, tensor<64x32xi8>) -> tensor<4x32xi32>
    ```
    becomes
    ```mlir
    %1 = nn.matmul %x, %w : (tensor<4x64xui8>, tensor<64x32xi8>) -> tensor<4x32xi32>
    %2 = nn.mul %zero, %totals : ...
    %y = nn.sub %1, %2 : ...
    ```
    A product of floats, both sides dequantized, is one of bytes as well; scales
    follow:
    ```mlir
    %3 = nn.mul %2, %sx : (tensor<4x64xf32>, tensor<f32>) -> tensor<4x64xf32>
    %w = pack.constant(...) : tensor<64x32xf32, #pack.int<8, scale = f32>>
    %y = nn.matmul %3, %w : ...
    ```
    Weights that are not constant, and few products: in float, which is exact.
    Before constants are folded, as wide integers are made of the weights then.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect", "::tenon::pack::PackDialect"];
}

def RecognizeGeluPass : Pass<"tenon-recognize-gelu", "::mlir::func::FuncOp"> {
  let summary = "GELU written out, by erf or by tanh";
  let description = [{
    ```mlir
    %1 = nn.div %x, %sqrt2 : ...
    %2 = nn.erf %1 : ...
    %3 = nn.add %2, %one : ...
    %4 = nn.mul %x, %3 : ...
    %5 = nn.mul %4, %half : ...
    ```
    becomes
    ```mlir
    %5 = nn.gelu %x : ...
    ```
    in any order of the factors. A curve that others read stays.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def RecognizeSiluPass : Pass<"tenon-recognize-silu", "::mlir::func::FuncOp"> {
  let summary = "SiLU and the sigmoid written out";
  let description = [{
    ```mlir
    %1 = nn.sigmoid %x : ...
    %2 = nn.mul %x, %1 : ...
    ```
    becomes
    ```mlir
    %2 = nn.silu %x : ...
    ```
    and `1 / (1 + exp(-x))` a sigmoid. A sigmoid that others read stays.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def RecognizeSoftmaxPass : Pass<"tenon-recognize-softmax", "::mlir::func::FuncOp"> {
  let summary = "Softmax and its logarithm written out";
  let description = [{
    ```mlir
    %max = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : ...
    %d = nn.sub %x, %max : ...
    %e = nn.exp %d : ...
    %sum = nn.reduce %e {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : ...
    %y = nn.div %e, %sum : ...
    ```
    becomes
    ```mlir
    %y = nn.softmax %x {axis = 1 : i64} : ...
    ```
    Without the maximum it stays: it overflows where softmax does not.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def RecognizeNormsPass : Pass<"tenon-recognize-norms", "::mlir::func::FuncOp"> {
  let summary = "Layer normalisation and RMS norm written out";
  let description = [{
    ```mlir
    %mean = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : ...
    %d = nn.sub %x, %mean : ...
    %2 = nn.pow %d, %two : ...
    %var = nn.reduce %2 {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : ...
    %3 = nn.add %var, %epsilon : ...
    %4 = nn.sqrt %3 : ...
    %5 = nn.div %d, %4 : ...
    %6 = nn.mul %5, %scale : ...
    ```
    becomes
    ```mlir
    %6 = nn.norm(%x scale %scale) {axis = 1 : i64, epsilon = 1.0e-5 : f32} : ...
    ```
    over the last dimensions only; without the mean it is `rms`. A variance
    that others read stays.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def TrimWindowsPass : Pass<"tenon-trim-windows", "::mlir::func::FuncOp"> {
  let summary = "Leave out the taps of convolutions that meet only padding";
  let description = [{
    ```mlir
    %y = nn.conv %x, %w {dilations = [24, 24], low = <24, 24>, high = <24, 24>, ...}
           : (tensor<1x960x14x14xf32>, tensor<256x960x3x3xf32>)
    ```
    becomes a convolution of the middle tap alone, without padding.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

def WidenConvsPass : Pass<"tenon-widen-convs", "::mlir::func::FuncOp"> {
  let summary = "Compute convolutions of half precision in f32";
  let description = [{
    ```mlir
    %y = nn.conv %x, %w : f16
    ```
    with constant weights becomes a convolution of f32 between casts.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

#endif
