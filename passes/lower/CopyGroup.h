// A group that copies a tensor, for passes behind KeyKernels.
#ifndef TENON_PASSES_LOWER_COPYGROUP_H
#define TENON_PASSES_LOWER_COPYGROUP_H

#include "passes/lower/Passes.h"

namespace tenon::lower {

/// A step that copies `value` into `dest`, or a buffer of its own; its kernel
/// is planned and keyed. Built where `b` stands.
mlir::Value copyGroup(mlir::OpBuilder &b, nn::DimAnalysis &dims,
                      mlir::Value value, mlir::Value dest = {});

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_COPYGROUP_H
