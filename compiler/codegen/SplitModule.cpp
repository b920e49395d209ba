#include "compiler/codegen/SplitModule.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <vector>

using namespace llvm;

/// On kernels: the part they belong to.
static constexpr StringLiteral partAttribute = "tenon-part";

/// More parts than threads, so that one large kernel does not leave the other
/// thread idle; few, since each part reads the whole bitcode once.
static constexpr unsigned maxKernelParts = 4;

unsigned tenon::assignParts(Module &module, StringRef prefix) {
  std::vector<Function *> kernels;
  for (Function &function : module)
    if (!function.isDeclaration() && function.hasLocalLinkage() &&
        function.hasAddressTaken())
      kernels.push_back(&function);

  std::vector<std::pair<unsigned, size_t>> bySize;
  for (auto [i, kernel] : enumerate(kernels))
    bySize.push_back({kernel->getInstructionCount(), i});
  // Largest first into the emptiest part.
  stable_sort(bySize, [](auto a, auto b) { return a.first > b.first; });
  unsigned parts = std::min<size_t>(kernels.size(), maxKernelParts);
  std::vector<uint64_t> load(parts, 0);
  for (auto [size, i] : bySize) {
    unsigned least = llvm::min_element(load) - load.begin();
    load[least] += size + 1;
    Function &kernel = *kernels[i];
    kernel.addFnAttr(partAttribute, utostr(least + 1));
    kernel.setName(prefix + "_" + kernel.getName());
    kernel.setLinkage(GlobalValue::ExternalLinkage);
    kernel.setVisibility(GlobalValue::HiddenVisibility);
    kernel.setDSOLocal(true);
  }
  return parts + 1;
}

void tenon::keepPart(Module &module, std::optional<unsigned> part) {
  for (Function &function : module) {
    if (function.isDeclaration() || function.hasLocalLinkage())
      continue;
    unsigned of = 0;
    if (function.hasFnAttribute(partAttribute))
      function.getFnAttribute(partAttribute)
          .getValueAsString()
          .getAsInteger(10, of);
    if (part && of != *part)
      function.deleteBody();
    function.removeFnAttr(partAttribute);
  }
  // Variables that others see belong to the program.
  for (GlobalVariable &variable : module.globals())
    if (part.value_or(0) != 0 && !variable.hasLocalLinkage() &&
        !variable.isDeclaration()) {
      variable.setInitializer(nullptr);
      variable.setLinkage(GlobalValue::ExternalLinkage);
    }
}
