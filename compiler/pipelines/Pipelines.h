// The story of a compile, stage by stage.
#ifndef TENON_COMPILER_PIPELINES_PIPELINES_H
#define TENON_COMPILER_PIPELINES_PIPELINES_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "passes/analysis/Evaluator.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace tenon {

/// In LLVM's spellings.
struct TargetOptions {
  std::string triple, cpu, features;
  /// What runs the steps: empty for that CPU; "vulkan" or "cuda" for a GPU.
  std::string device;
};

/// What the stage "compress" may do.
struct CompressOptions {
  /// One of weightsFormats().
  std::string weightsFormat = "f32";
  /// Left sides of products with integer weights in int8, a scale per row;
  /// without it only where the model says so.
  bool int8Activations = false;
  /// Smaller constants are neither changed nor reported.
  int64_t minElements = 1024;
};

/// What --weights-format takes.
llvm::ArrayRef<llvm::StringRef> weightsFormats();

/// All dialects that any stage needs, and their translations to LLVM IR.
void registerTenonDialects(mlir::DialectRegistry &registry);

/// "model", "compress", "schedule", "lower": in this order.
llvm::ArrayRef<llvm::StringRef> stageNames();

/// Appends a stage. `prefix` is what the model's symbols begin with; without
/// an evaluator constants are not computed.
void buildStage(llvm::StringRef stage, mlir::OpPassManager &passes,
                const TargetOptions &target, llvm::StringRef prefix,
                const CompressOptions &compress = {},
                analysis::Evaluator *evaluator = nullptr);

/// For the tools that run passes by name: all that a stage may hold, and the
/// stages as pipelines: -tenon-stage-schedule, ...
void registerPassesAndStages();

} // namespace tenon

#endif // TENON_COMPILER_PIPELINES_PIPELINES_H
