//===----------------------------------------------------------------------===//
// tenon-lsp-server: the IR in an editor (types, definitions, errors), over the
// Language Server Protocol on stdin and stdout.
//===----------------------------------------------------------------------===//

#include "compiler/pipelines/Pipelines.h"

#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  tenon::registerTenonDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
