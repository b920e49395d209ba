//===----------------------------------------------------------------------===//
// tenon-opt: runs passes and stages on IR, for tests and for looking.
//===----------------------------------------------------------------------===//

#include "compiler/pipelines/Pipelines.h"
#include "compiler/target/Targets.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  tenon::initializeTargets();
  mlir::DialectRegistry registry;
  tenon::registerTenonDialects(registry);
  tenon::registerPassesAndStages();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Tenon's pass driver\n", registry));
}
