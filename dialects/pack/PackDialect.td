#ifndef TENON_DIALECTS_PACK_PACKDIALECT_TD
#define TENON_DIALECTS_PACK_PACKDIALECT_TD

include "mlir/IR/OpBase.td"

def Pack_Dialect : Dialect {
  let name = "pack";
  let cppNamespace = "::tenon::pack";
  let summary = "How a tensor's values are stored";
  let description = [{
    Constants refer to bytes in a WeightStore, which maps model files and never
    copies them; encodings say how the bytes of an encoded tensor are read.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    ::tenon::pack::WeightStore &getWeights() { return *weights; }
  private:
    std::shared_ptr<::tenon::pack::WeightStore> weights;
  public:
  }];
}

#endif
