#ifndef TENON_DIALECTS_PACK_PACKATTRS_TD
#define TENON_DIALECTS_PACK_PACKATTRS_TD

include "dialects/pack/PackDialect.td"
include "dialects/pack/PackInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"

def Pack_RefAttr : AttrDef<Pack_Dialect, "Ref"> {
  let mnemonic = "ref";
  let summary = "Bytes of a file that the WeightStore maps";
  let parameters = (ins StringRefParameter<"file">:$file, "uint64_t":$offset,
                        "uint64_t":$bytes);
  let assemblyFormat = "`<` $file `,` $offset `,` $bytes `>`";
}

def Pack_PanelsAttr : AttrDef<Pack_Dialect, "Panels",
    [DeclareAttrInterfaceMethods<Pack_EncodingInterface>,
     DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "panels";
  let summary = "The right side of a matrix product in panels of columns";
  let description = [{
    [..., K, N] is stored as [...][ceil(N / columns)][K][columns], the last
    panel filled with zeros: one load reads `columns` neighbours of a row, and
    a whole panel is one stream. The block width is 16 on every CPU, so stored
    bytes do not depend on it. With `transposed` the tensor is [..., N, K].
  }];
  let parameters = (ins "int64_t":$columns, DefaultValuedParameter<"bool", "false">:$transposed);
  let assemblyFormat = "`<` $columns (`,` `transposed` `=` $transposed^)? `>`";
  let genVerifyDecl = 1;
}

def Pack_ConvPanelsAttr : AttrDef<Pack_Dialect, "ConvPanels",
    [DeclareAttrInterfaceMethods<Pack_EncodingInterface>,
     DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "conv_panels";
  let summary = "Convolution weights in panels of result channels";
  let description = [{
    [OC, IC, window...] is stored as
    [ceil(OC/16)][ceil(IC/channels)][window...][channels][16], zeros where there
    are no channels: the right side of the product that the convolution is, in
    the order of its reduction loops. `channels` is 16 where the input is in
    blocks of channels, 1 where it is not.
  }];
  let parameters = (ins "int64_t":$channels);
  let assemblyFormat = "`<` $channels `>`";
  let genVerifyDecl = 1;
}

/// Encodings that choose values when they encode: 16 columns of an f32 matrix
/// [K, N] make a panel (PanelCodecs.h). With `transposed` the dense tensor that
/// was encoded is [N, K].
class Pack_PanelEncoding<string name> : AttrDef<Pack_Dialect, name,
    [DeclareAttrInterfaceMethods<Pack_EncodingInterface,
        ["getPanelBytes", "isFromTransposed", "measureError"]>,
     DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]>;

def Pack_IntAttr : Pack_PanelEncoding<"Int"> {
  let mnemonic = "int";
  let summary = "Integers of 4 or 8 bits with a scale per group of rows";
  let description = [{
    value = scale * (code - zero) with an unsigned code; without `zeros` zero is
    the middle of the range. `group` values along K share a scale (0: all of
    them, one scale per column).

    ```mlir
    tensor<64x32xf32, #pack.int<4, group = 32, scale = f16>>
    tensor<64x32xf32, #pack.int<8, scale = f32>>
    ```
  }];
  let parameters = (ins "int64_t":$bits, DefaultValuedParameter<"int64_t", "0">:$group,
                        "::mlir::Type":$scale,
                        DefaultValuedParameter<"bool", "false">:$zeros,
                        DefaultValuedParameter<"bool", "false">:$transposed);
  let assemblyFormat = "`<` $bits `,` struct($group, $scale, $zeros, $transposed) `>`";
  let genVerifyDecl = 1;
}

def Pack_TwoFourAttr : Pack_PanelEncoding<"TwoFour"> {
  let mnemonic = "two_four";
  let summary = "Of four values along K the two of largest magnitude";
  let description = [{
    The others are 0; the lower index stays where magnitudes are equal. Kept
    values are f32, or i8 with an f32 scale per column.

    ```mlir
    tensor<64x32xf32, #pack.two_four<f32>>
    ```
  }];
  let parameters = (ins "::mlir::Type":$values,
                        DefaultValuedParameter<"bool", "false">:$transposed);
  let assemblyFormat = "`<` $values (`,` `transposed` `=` $transposed^)? `>`";
  let genVerifyDecl = 1;
}

def Pack_HalfAttr : Pack_PanelEncoding<"Half"> {
  let mnemonic = "half";
  let summary = "f32 rounded to f16, in panels of 16 columns";
  let parameters = (ins DefaultValuedParameter<"bool", "false">:$transposed);
  let assemblyFormat = "(`<` `transposed` `=` $transposed^ `>`)?";
}

#endif
