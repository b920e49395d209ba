// The nn dialect: what a model computes.
#ifndef TENON_DIALECTS_NN_NN_H
#define TENON_DIALECTS_NN_NN_H

#include "dialects/nn/DimAnalysis.h"
#include "dialects/nn/DimExpr.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace tenon::nn {
/// Verifies DimsOpInterface: the inferred sizes against the result types, and
/// for an operation of this dialect its element types.
llvm::LogicalResult verifyInferredDims(mlir::Operation *op);
} // namespace tenon::nn

#include "dialects/nn/NnDialect.h.inc"
#include "dialects/nn/NnEnums.h.inc"
#include "dialects/nn/NnOpInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NnOps.h.inc"

namespace tenon::nn {

/// The tensor type with these sizes: `?` where a size is not constant.
mlir::RankedTensorType tensorType(llvm::ArrayRef<DimExpr> dims,
                                  mlir::Type element);

/// Sizes of the numpy broadcast of two shapes. Symbols that meet are taken as
/// equal (entry checks make sure). Nothing if two constants contradict.
std::optional<Dims> broadcastDims(llvm::ArrayRef<DimExpr> a,
                                  llvm::ArrayRef<DimExpr> b);

/// The signless type in which a tensor's elements are computed and stored: i1
/// stays i1, ui8 becomes i8.
mlir::Type storageType(mlir::Type element);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NN_H
