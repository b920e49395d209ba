// The kern dialect: one group of work.
#ifndef TENON_DIALECTS_KERN_KERN_H
#define TENON_DIALECTS_KERN_KERN_H

#include "dialects/kern/LoopNest.h"
#include "dialects/nn/Nn.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"

namespace tenon::kern {

/// What a step tells its kernel.
struct StepParameters {
  DimExpr tiles;
  Dims parameters;                          // sizes and strides, in order
  llvm::SmallVector<int64_t> constants;     // float32 bits, in order
  DimExpr scratchBytes = 0;                 // per lane
  DimExpr flops;
};

/// Elements of the vector loop that one tile of a map covers.
inline constexpr int64_t kMapChunk = 2048;
/// Parallel elements of the vector loop per tile of a reduction by columns.
inline constexpr int64_t kReduceChunk = 256;
/// Rows and columns of a map's tile that turns operands around.
inline constexpr int64_t kCrossRows = 16;
inline constexpr int64_t kCrossColumns = 128;
/// Channels per tile of a scan: one vector of the widest CPU.
inline constexpr int64_t kScanChunk = 16;
/// The block width: columns of a panel, channels of a block.
inline constexpr int64_t kBlock = 16;
/// Panels of a tile whose right side is encoded.
inline constexpr int64_t kEncodedPanels = 4;
/// Rows that a matmul tile may hold: a multiple of every register tile.
inline constexpr int64_t kRowBlock = 12;

} // namespace tenon::kern

#include "dialects/kern/KernDialect.h.inc"
#include "dialects/kern/KernEnums.h.inc"
#include "dialects/kern/KernOpInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/kern/KernAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/kern/KernOps.h.inc"

namespace tenon::kern {

/// Accesses of a map or reduce over its full nest: ins, [extras,] results.
LoopNest loopNestOf(MapOp op, const nn::DimAnalysis &dims);
LoopNest loopNestOf(ReduceOp op, const nn::DimAnalysis &dims);
/// Of a rows op every access is over all loops.
LoopNest loopNestOf(RowsOp op, const nn::DimAnalysis &dims);

/// A matmul's nest: loops of one kind are merged among themselves.
struct MatmulNest : LoopNest {
  unsigned row = 0, panel = 0, reduction = 0; // first loop of each kind
};
MatmulNest loopNestOf(MatmulOp op, const nn::DimAnalysis &dims);

/// Whether a matmul's right side is in panels that only a kernel for its
/// encoding reads.
bool readsPanels(mlir::Type rhs);

/// A scan's nest (parallel..., state, time); accesses: ins, inits, results.
LoopNest loopNestOf(ScanOp op, const nn::DimAnalysis &dims);

/// The last operands of a group, which its results are written into.
mlir::OperandRange destsOf(mlir::Operation *op);

/// How many values a combiner joins at a time.
inline unsigned valuesOf(Combiner c) {
  return (unsigned)c >= (unsigned)Combiner::ArgMaxFirst ? 2 : 1;
}

/// Whether a body looks at loop indices or reads tables, so that its loops
/// must stay as they are.
bool usesIndices(mlir::Region &body);

/// The constants that are parameters of the step: float32 scalars, in order.
void forEachStepConstant(mlir::Region &body,
                         llvm::function_ref<void(mlir::arith::ConstantOp)> f);

} // namespace tenon::kern

#endif // TENON_DIALECTS_KERN_KERN_H
