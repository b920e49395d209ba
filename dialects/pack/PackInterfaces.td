#ifndef TENON_DIALECTS_PACK_PACKINTERFACES_TD
#define TENON_DIALECTS_PACK_PACKINTERFACES_TD

include "mlir/IR/OpBase.td"

def Pack_EncodingInterface : AttrInterface<"EncodingInterface"> {
  let cppNamespace = "::tenon::pack";
  let description = [{
    A way to store a tensor. The tensor's type says what the values mean, the
    encoding how their bytes lie.
  }];
  let methods = [
    InterfaceMethod<"Bytes that a tensor of this type takes, padding included.",
      "uint64_t", "getStoredBytes", (ins "::mlir::RankedTensorType":$type)>,
    InterfaceMethod<[{
      Write the encoded bytes of a dense row-major tensor, part by part, so that
      memory stays bounded by a part.
    }], "::llvm::Error", "encode",
      (ins "::mlir::RankedTensorType":$type, "::llvm::ArrayRef<char>":$dense,
           "::llvm::raw_ostream &":$os)>,
    InterfaceMethod<"Expand encoded bytes to the dense row-major tensor.",
      "::llvm::Error", "decode",
      (ins "::mlir::RankedTensorType":$type, "::llvm::ArrayRef<char>":$stored,
           "::llvm::MutableArrayRef<char>":$dense)>,
    InterfaceMethod<[{
      Bytes of one panel of 16 columns whose values are not stored as elements,
      so that only kernels written for the encoding read them; 0: elements.
    }], "uint64_t", "getPanelBytes", (ins "::mlir::RankedTensorType":$type),
      [{}], [{ return 0; }]>,
    InterfaceMethod<[{
      Whether the dense tensor has the last two dimensions of the encoded one
      the other way round.
    }], "bool", "isFromTransposed", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      Sums of squares of the dense values, and of what encoding changes in them.
    }], "::tenon::pack::ErrorSums", "measureError",
      (ins "::mlir::RankedTensorType":$type, "::llvm::ArrayRef<char>":$dense),
      [{}], [{ return {}; }]>
  ];
}

#endif
