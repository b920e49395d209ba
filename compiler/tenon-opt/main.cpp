//===----------------------------------------------------------------------===//
// tenon-opt: runs passes and stages on IR, for tests and for looking.
//===----------------------------------------------------------------------===//

#include "compiler/pipelines/Pipelines.h"
#include "compiler/target/Targets.h"
#include "passes/compress/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/model/Passes.h"
#include "passes/schedule/Passes.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  tenon::initializeTargets();
  mlir::DialectRegistry registry;
  tenon::registerTenonDialects(registry);
  tenon::compress::registerCompressPasses();
  tenon::model::registerModelPasses();
  tenon::schedule::registerSchedulePasses();
  tenon::lower::registerLowerPasses();
  tenon::registerStagePipelines();
  mlir::registerCSEPass();
  mlir::registerCanonicalizerPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Tenon's pass driver\n", registry));
}
