// How a group walks its operands: every access is linear in the loop indices.
//
//   loops (i < 8, j < 64),  x[i, j] of tensor<8x64>:  offset 0, strides 64, 1
//                           b[j]    of tensor<64>:    offset 0, strides  0, 1
//
// Loops that every access walks as one are merged and loops of one iteration
// dropped, so that an element-wise group is one long loop whatever its rank.
#ifndef TENON_DIALECTS_KERN_LOOPNEST_H
#define TENON_DIALECTS_KERN_LOOPNEST_H

#include "dialects/nn/DimExpr.h"
#include "mlir/IR/AffineMap.h"

namespace tenon::kern {

struct LinearAccess {
  DimExpr offset; // in elements
  Dims strides;   // in elements, one per loop
};

struct LoopNest {
  Dims sizes;
  llvm::SmallVector<LinearAccess> accesses;
  unsigned parallel = 0; // how many loops are the results'

  /// Merges and drops loops within each segment [bounds[i], bounds[i+1]), the
  /// last one ending with the nest; `bounds` move with what is left.
  void simplify(llvm::MutableArrayRef<unsigned> bounds);
  void simplify() { simplify({}); }
  /// Adds a loop of one iteration.
  void pad(unsigned at);
};

/// The access through `map` (its symbols stand for `symbols`) to a dense
/// tensor of these sizes. The map must be linear.
LinearAccess linearize(mlir::AffineMap map, llvm::ArrayRef<DimExpr> symbols,
                       llvm::ArrayRef<DimExpr> tensor);

/// 0: does not move; 1: to the neighbour; 2: otherwise.
int64_t stepClass(const DimExpr &stride);

} // namespace tenon::kern

#endif // TENON_DIALECTS_KERN_LOOPNEST_H
