#ifndef TENON_DIALECTS_PACK_PACKOPS_TD
#define TENON_DIALECTS_PACK_PACKOPS_TD

include "dialects/nn/NnInterfaces.td"
include "dialects/pack/PackAttrs.td"
include "dialects/pack/PackDialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Pack_ConstantOp : Op<Pack_Dialect, "constant",
    [Pure, DeclareOpInterfaceMethods<Nn_DimsOpInterface>]> {
  let summary = "A constant tensor";
  let description = [{
    Small values stand in the IR (`dense`); larger ones are referred to
    (`#pack.ref<"model.onnx", offset, bytes>`) and touched only when the
    artifact is written.

    ```mlir
    %w = pack.constant(#pack.ref<"model.onnx", 128, 4096>) : tensor<32x32xf32>
    %one = pack.constant(dense<1.0> : tensor<f32>) : tensor<f32>
    ```
  }];
  let arguments = (ins AnyAttr:$value);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "`(` $value `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The element bytes in row-major order; a splat gives one element.
    ::llvm::ArrayRef<char> getBytes(bool &isSplat);
  }];
}

def Pack_EncodeOp : Op<Pack_Dialect, "encode",
    [Pure, DeclareOpInterfaceMethods<Nn_DimsOpInterface>]> {
  let summary = "Store a tensor in an encoding";
  let description = [{
    ```mlir
    %p = pack.encode %w : tensor<64x64xf32> to tensor<64x64xf32, #pack.panels<16>>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$source);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
}

#endif
