#ifndef TENON_DIALECTS_KERN_KERNDIALECT_TD
#define TENON_DIALECTS_KERN_KERNDIALECT_TD

include "mlir/IR/OpBase.td"

def Kern_Dialect : Dialect {
  let name = "kern";
  let cppNamespace = "::tenon::kern";
  let summary = "One group of work: a loop nest with a scalar body";
  let description = [{
    Operands are read through indexing maps from loop indices to tensor
    indices; what happens to an element is a region of scalar arith and math.
    Results are fresh tensors, or updates of a destination operand.
  }];
  let dependentDialects = ["::tenon::nn::NnDialect"];
  let useDefaultAttributePrinterParser = 1;
}

#endif
