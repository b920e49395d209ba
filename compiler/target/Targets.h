//===----------------------------------------------------------------------===//
// Which machines there are, and what a `--target` and an `--mcpu` mean.
//
// Code uses only what the runtime can check at init (tenon_cpu_feature), so a
// CPU's name becomes a level and the checkable features above it:
//
//   znver4 ──> x86-64-v4 +avx512vnni +avx512vbmi +avx512bf16, tuned for znver4
//
// Two machines with the same checkable features thus give the same code.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TARGET_TARGETS_H
#define TENON_COMPILER_TARGET_TARGETS_H

#include "compiler/pipelines/Pipelines.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <string>
#include <vector>

namespace tenon {

struct ResolvedTarget {
  /// What passes and code generation get: the level as the CPU, and every
  /// feature that is on.
  TargetOptions options;
  /// The CPU whose instruction timings count; LLVM's spelling.
  std::string tune;
  /// "x86-64-v4 +avx512vnni (tuned for znver4)", for people.
  std::string display;
  /// Bits of tenon_cpu_feature that the code may need.
  uint32_t cpuFeatures = 0;

  llvm::Triple triple() const { return llvm::Triple(options.triple); }
};

/// The target for `--target` and `--mcpu`. Both may be empty: the host, or the
/// target's usual CPU.
llvm::Expected<ResolvedTarget> resolveTarget(llvm::StringRef triple,
                                             llvm::StringRef cpu);

/// The targets for `--target` and a `--mcpu` that may name several x86 levels
/// with commas between; the least first, which every CPU needs.
llvm::Expected<std::vector<ResolvedTarget>>
resolveTargets(llvm::StringRef triple, llvm::StringRef cpus);

/// True if code for `target` can run in this process.
bool runsOnHost(const ResolvedTarget &target);

/// Registers LLVM's code generators, once; any number of calls.
void initializeTargets();

/// What `tenonc targets` prints.
void printTargets(llvm::raw_ostream &os);

} // namespace tenon

#endif // TENON_COMPILER_TARGET_TARGETS_H
