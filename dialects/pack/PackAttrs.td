#ifndef TENON_DIALECTS_PACK_PACKATTRS_TD
#define TENON_DIALECTS_PACK_PACKATTRS_TD

include "dialects/pack/PackDialect.td"
include "dialects/pack/PackInterfaces.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"

def Pack_RefAttr : AttrDef<Pack_Dialect, "Ref"> {
  let mnemonic = "ref";
  let summary = "Bytes of a file that the WeightStore maps";
  let parameters = (ins StringRefParameter<"file">:$file, "uint64_t":$offset,
                        "uint64_t":$bytes);
  let assemblyFormat = "`<` $file `,` $offset `,` $bytes `>`";
}

def Pack_PanelsAttr : AttrDef<Pack_Dialect, "Panels",
    [DeclareAttrInterfaceMethods<Pack_EncodingInterface>]> {
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
}

def Pack_ConvPanelsAttr : AttrDef<Pack_Dialect, "ConvPanels",
    [DeclareAttrInterfaceMethods<Pack_EncodingInterface>]> {
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
}

#endif
