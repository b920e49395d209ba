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
/// stays i1, ui8 becomes i8, and so does every narrow type.
mlir::Type storageType(mlir::Type element);

/// Floats below 16 bits and integers below 8 (not bool). Between operations
/// each element is a byte: a float's code, an integer as i8 or ui8. The caller
/// and constants hold them packed (`LowerToKern` goes between).
bool isNarrow(mlir::Type element);
/// The byte type that stands for a narrow one below nn; others are themselves.
mlir::Type byteType(mlir::Type element);
/// The f32 that the code of a narrow float means.
mlir::Value decodeNarrow(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value code, mlir::Type type);
/// The code of a narrow float nearest to an f32, ties to even; beyond the
/// largest is that one with `saturate`, else infinity or NaN as ONNX says.
mlir::Value encodeNarrow(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value value, mlir::Type type, bool saturate);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_NN_H
