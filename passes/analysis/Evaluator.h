// What a stage needs from the whole compiler: to run a program that has no
// inputs. compiler/ supplies it; where there is none, nothing is folded.
#ifndef TENON_PASSES_ANALYSIS_EVALUATOR_H
#define TENON_PASSES_ANALYSIS_EVALUATOR_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <vector>

namespace tenon::analysis {

class Evaluator {
public:
  virtual ~Evaluator() = default;
  /// Runs `func.func @main()` of a module of nn operations and gives the bytes
  /// of each result, row-major, as the artifact's own code would compute them.
  /// The module is consumed. Code is generated for one fixed target per host
  /// architecture, so the bytes do not depend on the machine that compiles.
  virtual llvm::Expected<std::vector<std::vector<char>>>
  evaluate(mlir::ModuleOp module) = 0;
};

/// Whether an operation gives one tensor of static sizes that depends on
/// nothing but its operands.
bool isEvaluable(mlir::Operation *op);

/// The values of `wanted`, which these operations give. They are in order, all
/// evaluable, and read one another and pack.constants only.
llvm::Expected<std::vector<std::vector<char>>>
evaluateOperations(Evaluator &evaluator, mlir::Location loc,
                   llvm::ArrayRef<mlir::Operation *> operations,
                   llvm::ArrayRef<mlir::Value> wanted);

} // namespace tenon::analysis

#endif // TENON_PASSES_ANALYSIS_EVALUATOR_H
