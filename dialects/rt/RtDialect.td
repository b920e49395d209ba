#ifndef TENON_DIALECTS_RT_RTDIALECT_TD
#define TENON_DIALECTS_RT_RTDIALECT_TD

include "mlir/IR/OpBase.td"

def Rt_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::tenon::rt";
  let summary = "How the machine runs a program: steps over planned buffers";
  let dependentDialects = ["::tenon::nn::NnDialect"];
  let useDefaultAttributePrinterParser = 1;
}

#endif
