//===----------------------------------------------------------------------===//
// The runtime as machine code, one object per target, compiled with Tenon and
// given to each model as its own copy:
//
//   tenon_init, tenon_dispatch, ..  ──>  rn50_rt_init, rn50_rt_dispatch, ..
//
// All of it is hidden, so that models neither share nor see one another's
// runtime; what the user calls is generated beside it (Wrappers.h). It is
// compiled for the least CPU of its target, as the check of the CPU runs before
// the model's own code may.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_RUNTIMEOBJECT_H
#define TENON_COMPILER_ARTIFACT_RUNTIMEOBJECT_H

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"

#include <string>
#include <vector>

namespace tenon::artifact {

struct RuntimeOptions {
  /// The folder with <triple>.o; empty: found beside the tool.
  std::string directory;
  /// The loader that runs steps on a GPU: "vulkan", or empty.
  std::string device;
};

/// What a loader needs of the C library beyond `isAllowedLibcSymbol`.
std::vector<std::string> loaderImports(llvm::StringRef device);

/// The name of the runtime that serves `triple`, without .o: empty if none.
llvm::StringRef runtimeNameFor(const llvm::Triple &triple);

/// The CPU that the runtime is compiled for: the least one of the target.
llvm::StringRef baselineCpu(const llvm::Triple &triple);

/// An object file in memory, and the names it defines for other objects.
struct RuntimeObject {
  /// `<prefix>_runtime.o` or `<prefix>_<device>.o`.
  std::string name;
  std::string bytes;
  /// As they are in C ("tenon_init"), sorted.
  std::vector<std::string> functions;
};

/// The runtime for `triple` with its symbols renamed for `prefix`, and the
/// device's loader, if one is asked for.
llvm::Expected<std::vector<RuntimeObject>>
loadRuntime(const llvm::Triple &triple, llvm::StringRef prefix,
            const RuntimeOptions &options = {});

/// `tenon_X` as a model calls its own copy: `<prefix>_rt_X`.
std::string runtimeSymbol(llvm::StringRef prefix, llvm::StringRef name);

/// Renames what `module` declares as `tenon_X` to `<prefix>_rt_X` and hides it.
/// Generated modules call `tenon_dispatch`; they need this before they are
/// compiled.
void renameRuntimeSymbols(llvm::Module &module, llvm::StringRef prefix);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_RUNTIMEOBJECT_H
