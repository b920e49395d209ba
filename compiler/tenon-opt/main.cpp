// Drives passes and stages one by one: mlir-opt with Tenon's dialects.
#include "compiler/pipelines/Pipelines.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/schedule/Passes.h"
#include "llvm/Support/TargetSelect.h"

int main(int argc, char **argv) {
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  mlir::DialectRegistry registry;
  tenon::registerTenonDialects(registry);
  mlir::registerTransformsPasses();
  tenon::schedule::registerSchedulePasses();
  tenon::lower::registerLowerPasses();
  tenon::registerStagePipelines();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Tenon's pass driver\n", registry));
}
