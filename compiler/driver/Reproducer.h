//===----------------------------------------------------------------------===//
// The imported module with the passes that follow it, as a file that
// `tenon-opt --run-reproducer FILE` runs again.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_REPRODUCER_H
#define TENON_COMPILER_DRIVER_REPRODUCER_H

#include "compiler/pipelines/Pipelines.h"

#include "llvm/Support/PrettyStackTrace.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace tenon {

/// Lies on LLVM's stack of what is being done, where a crash finds it. Constants
/// that a compile computes by running code are not computed again.
class Reproducer : public llvm::PrettyStackTraceEntry {
public:
  /// Remembers the module as it is; constants in files stay there.
  Reproducer(mlir::ModuleOp module, const TargetOptions &target,
             llvm::StringRef prefix, const CompressOptions &compress);

  void print(llvm::raw_ostream &os) const override;
  std::string str() const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string pipeline;
};

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_REPRODUCER_H
