#ifndef TENON_PASSES_COMPRESS_PASSES_TD
#define TENON_PASSES_COMPRESS_PASSES_TD

include "mlir/Pass/PassBase.td"

def QuantizeWeightsPass : Pass<"tenon-quantize-weights", "::mlir::func::FuncOp"> {
  let summary = "Store the constant matrices of products in fewer bits";
  let description = [{
    ```mlir
    %y = nn.matmul(%x, %w) : (tensor<1x64xf32>, tensor<64x32xf32>) -> tensor<1x32xf32>
    ```
    becomes
    ```mlir
    %q = pack.encode %w {pack.change = {...}} : tensor<64x32xf32>
        to tensor<64x32xf32, #pack.int<4, group = 32, scale = f16>>
    %y = nn.matmul(%x, %q) : (...) -> tensor<1x32xf32>
    ```
    A transposed constant is read transposed. `pack.change` holds the signal to
    noise ratio in dB; a constant that could have been changed and was not says
    why in `pack.kept`.
  }];
  let options = [
    Option<"format", "format", "std::string", "\"int8\"", "int8, int4 or f16">,
    Option<"minElements", "min-elements", "int64_t", "1024",
           "leave smaller matrices alone">];
  let dependentDialects = ["::tenon::pack::PackDialect"];
}

def DetectTwoFourPass : Pass<"tenon-detect-two-four", "::mlir::func::FuncOp"> {
  let summary = "Store matrices that already are 2:4 as such";
  let description = [{
    Where of four values along K at most two are not 0, dropping the zeros
    changes nothing, and nothing is reported as lost.
  }];
  let options = [
    Option<"int8", "int8", "bool", "false", "kept values in int8 per column">,
    Option<"minElements", "min-elements", "int64_t", "1024",
           "leave smaller matrices alone">];
  let dependentDialects = ["::tenon::pack::PackDialect"];
}

def PruneTwoFourPass : Pass<"tenon-prune-two-four", "::mlir::func::FuncOp"> {
  let summary = "Keep the two largest magnitudes of four values along K";
  let description = [{
    Warns with the relative error that this makes. Where magnitudes are equal,
    the lower index stays.
  }];
  let options = [
    Option<"int8", "int8", "bool", "false", "kept values in int8 per column">,
    Option<"minElements", "min-elements", "int64_t", "1024",
           "leave smaller matrices alone">];
  let dependentDialects = ["::tenon::pack::PackDialect"];
}

def QuantizeActivationsPass
    : Pass<"tenon-quantize-activations", "::mlir::func::FuncOp"> {
  let summary = "Give products with integer weights int8 left sides";
  let description = [{
    ```mlir
    %y = nn.matmul(%x, %w) : (tensor<4x64xf32>, tensor<64x32xf32, #pack.int<...>>)
        -> tensor<4x32xf32>
    ```
    becomes, with a scale for each row (token),
    ```mlir
    %scale = mul(reduce max(abs(%x)), 1 / 127)
    %q = nn.quantize(%x, %scale) : (...) -> tensor<4x64xi8>
    %s = nn.matmul(%q, %w) : (tensor<4x64xi8>, ...) -> tensor<4x32xf32>
    %y = nn.mul(%s, %scale)
    ```
    Done where the model asks for it (`pack.int8_activations` on the product:
    MatMulNBits with accuracy_level 4) or, with `all`, everywhere.
  }];
  let options = [
    Option<"all", "all", "bool", "false",
           "every product with integer weights, not only marked ones">];
  let dependentDialects = ["::tenon::nn::NnDialect", "::tenon::pack::PackDialect"];
}

def ReportWeightsPass : Pass<"tenon-report-weights", "::mlir::ModuleOp"> {
  let summary = "List what every constant is stored as";
  let description = [{
    Writes `pack.report` on the module: name, shape, format, bits per weight,
    bytes, signal to noise ratio, and for what stays float the reason.
  }];
  let options = [
    Option<"minElements", "min-elements", "int64_t", "1024",
           "leave smaller constants out">];
}

#endif
