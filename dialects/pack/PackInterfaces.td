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
           "::llvm::MutableArrayRef<char>":$dense)>
  ];
}

#endif
