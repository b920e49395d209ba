// Checks that the inference of sizes shares, with their messages.
#ifndef TENON_DIALECTS_NN_DIMCHECKS_H
#define TENON_DIALECTS_NN_DIMCHECKS_H

#include "dialects/nn/Nn.h"

namespace tenon::nn {

/// One entry per (spatial) dimension.
inline llvm::LogicalResult expectCount(mlir::Operation *op,
                                       llvm::StringRef what, size_t count,
                                       size_t expected) {
  if (count == expected)
    return llvm::success();
  return op->emitOpError("expected one of ")
         << what << " per dimension (" << expected << "), but got " << count;
}

/// Whether two sizes differ whatever the symbols are.
inline bool contradict(const DimExpr &a, const DimExpr &b) {
  return a.isConstant() && b.isConstant() && a != b;
}

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_DIMCHECKS_H
