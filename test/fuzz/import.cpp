// Fuzz target: a model file becomes verified IR, or a diagnostic at a node.
#include "compiler/pipelines/Pipelines.h"
#include "frontends/onnx/Importer.h"
#include "frontends/onnx/Model.h"

#include "llvm/Support/MemoryBufferRef.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"

#include <cstdlib>

using namespace tenon;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  llvm::MemoryBufferRef buffer(
      llvm::StringRef(reinterpret_cast<const char *>(bytes), size), "fuzz");
  onnx::LoadOptions load;
  load.hasTranslator = onnx::hasTranslator;
  llvm::Expected<onnx::Model> model = onnx::loadModelFromMemory(buffer, load);
  if (!model) {
    llvm::consumeError(model.takeError());
    return 0;
  }
  mlir::DialectRegistry registry;
  registerTenonDialects(registry);
  mlir::MLIRContext context(registry,
                            mlir::MLIRContext::Threading::DISABLED);
  bool said = false;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &) { said = true; });
  auto module = onnx::importModel(context, *model, {});
  if (!module && !said)
    abort(); // refused without a reason
  if (module && mlir::failed(mlir::verify(*module)))
    abort();
  return 0;
}
