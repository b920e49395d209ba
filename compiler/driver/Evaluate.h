// Runs programs without inputs in this process: constants are folded by the
// code that an artifact would run.
#ifndef TENON_COMPILER_DRIVER_EVALUATE_H
#define TENON_COMPILER_DRIVER_EVALUATE_H

#include "passes/analysis/Evaluator.h"

namespace tenon {

class JitEvaluator : public analysis::Evaluator {
public:
  llvm::Expected<std::vector<std::vector<char>>>
  evaluate(mlir::ModuleOp module) override;
};

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_EVALUATE_H
