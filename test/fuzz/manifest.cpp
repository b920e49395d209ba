// Fuzz target: the manifest of an artifact becomes its interface, or an error.
#include "compiler/artifact/Manifest.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  auto interface = tenon::artifact::readManifest(
      llvm::StringRef(reinterpret_cast<const char *>(bytes), size));
  if (!interface && llvm::toString(interface.takeError()).empty())
    abort(); // refused without a reason
  return 0;
}
