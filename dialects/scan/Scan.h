// The scan dialect: in which order steps follow one another.
#ifndef TENON_DIALECTS_SCAN_SCAN_H
#define TENON_DIALECTS_SCAN_SCAN_H

#include "dialects/nn/Nn.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/scan/ScanDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/scan/ScanOps.h.inc"

#endif // TENON_DIALECTS_SCAN_SCAN_H
