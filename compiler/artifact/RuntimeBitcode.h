//===----------------------------------------------------------------------===//
// The runtime as LLVM bitcode, one file per target, compiled with Tenon and
// given to each model as its own copy:
//
//   tenon_init, tenon_dispatch, ..  ──>  rn50_rt_init, rn50_rt_dispatch, ..
//
// All of it is hidden, so that models neither share nor see one another's
// runtime; what the user calls is generated beside it (Wrappers.h).
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_RUNTIMEBITCODE_H
#define TENON_COMPILER_ARTIFACT_RUNTIMEBITCODE_H

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"

#include <memory>
#include <string>
#include <vector>

namespace tenon::artifact {

struct RuntimeOptions {
  /// The folder with <triple>.bc; empty: found beside the tool.
  std::string directory;
  /// The loader that runs steps on a GPU: "vulkan", or empty.
  std::string device;
};

/// What a loader needs of the C library beyond `isAllowedLibcSymbol`.
std::vector<std::string> loaderImports(llvm::StringRef device);

/// The name of the runtime that serves `triple`, without .bc: empty if none.
llvm::StringRef runtimeNameFor(const llvm::Triple &triple);

/// The CPU that the runtime is compiled for: the least one of the target, so
/// that the check of the real one can always run.
llvm::StringRef baselineCpu(const llvm::Triple &triple);

/// Loads the runtime for `triple` with its symbols renamed for `prefix`. For an
/// executable they keep their names in C beside the new ones: its front is an
/// archive (exe-<triple>.a) and calls them so.
llvm::Expected<std::unique_ptr<llvm::Module>>
loadRuntime(llvm::LLVMContext &context, const llvm::Triple &triple,
            llvm::StringRef prefix, bool forExecutable,
            const RuntimeOptions &options = {});

/// Renames what `module` defines or declares as `tenon_X` to `<prefix>_rt_X`
/// and hides it. Generated modules call `tenon_dispatch`; they need this
/// before they are compiled.
void renameRuntimeSymbols(llvm::Module &module, llvm::StringRef prefix);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_RUNTIMEBITCODE_H
