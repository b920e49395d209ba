#ifndef TENON_DIALECTS_NN_NNDIALECT_TD
#define TENON_DIALECTS_NN_NNDIALECT_TD

include "mlir/IR/OpBase.td"

def Nn_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::tenon::nn";
  let summary = "What a model computes: named tensor operations";
  let description = [{
    Value semantics, numpy broadcasting, ranked tensors. `i8` to `i64` are
    signed, `ui8` to `ui64` unsigned, `i1` is bool. A dimension that is known
    only when the model runs is `?` in the type; its size as an expression
    over the program's symbols comes from DimAnalysis.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
}

#endif
