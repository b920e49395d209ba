// The rt dialect: how the machine runs a program.
#ifndef TENON_DIALECTS_RT_RT_H
#define TENON_DIALECTS_RT_RT_H

#include "dialects/nn/Nn.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/rt/RtDialect.h.inc"
#include "dialects/rt/RtEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/rt/RtAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/rt/RtOps.h.inc"

#endif // TENON_DIALECTS_RT_RT_H
