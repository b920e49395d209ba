// Fuzz target: a model file becomes plain structs, or an error that says why.
#include "frontends/onnx/Model.h"

#include "llvm/Support/MemoryBufferRef.h"

#include <cstdlib>

using namespace tenon::onnx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  llvm::MemoryBufferRef buffer(
      llvm::StringRef(reinterpret_cast<const char *>(bytes), size), "fuzz");
  llvm::Expected<Model> model = loadModelFromMemory(buffer, LoadOptions());
  if (!model && llvm::toString(model.takeError()).empty())
    abort(); // refused without a reason
  return 0;
}
