//===----------------------------------------------------------------------===//
// tenon-reduce: makes IR that shows a mistake smaller, as long as a script
// still calls it interesting.
//===----------------------------------------------------------------------===//

#include "compiler/pipelines/Pipelines.h"
#include "compiler/target/Targets.h"

#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  tenon::initializeTargets();
  mlir::DialectRegistry registry;
  tenon::registerTenonDialects(registry);
  tenon::registerPassesAndStages();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
