// Passes on what a model computes.
#ifndef TENON_PASSES_MODEL_PASSES_H
#define TENON_PASSES_MODEL_PASSES_H

#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include "passes/analysis/Evaluator.h"

namespace tenon::model {

/// Without an evaluator only splats and reshapes are folded.
std::unique_ptr<mlir::Pass> createFoldConstantsPass(analysis::Evaluator *evaluator);

#define GEN_PASS_DECL
#include "passes/model/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/model/Passes.h.inc"

inline void registerModelPasses() { registerTenonModelPasses(); }

} // namespace tenon::model

#endif // TENON_PASSES_MODEL_PASSES_H
