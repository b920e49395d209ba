#ifndef TENON_DIALECTS_SCAN_SCANDIALECT_TD
#define TENON_DIALECTS_SCAN_SCANDIALECT_TD

include "mlir/IR/OpBase.td"

def Scan_Dialect : Dialect {
  let name = "scan";
  let cppNamespace = "::tenon::scan";
  let summary = "Recurrence: what is carried from step to step";
  let dependentDialects = ["::tenon::nn::NnDialect"];
}

#endif
