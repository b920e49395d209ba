//===----------------------------------------------------------------------===//
// From the LLVM dialect to object code:
//
//   module ─ translate ─> LLVM IR ─ bitcode ─┬─> program: run, step records
//                                            ├─> kernels 0   each part in its
//                                            └─> kernels n   own context
//
// Which kernel goes into which part depends on the module alone, so the bytes
// do not depend on how many threads compiled them.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_OBJECTCODE_H
#define TENON_COMPILER_CODEGEN_OBJECTCODE_H

#include "compiler/target/Targets.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
}

namespace tenon {

/// What a function may have on the stack: half of the least that threads get
/// (128 KB with musl).
inline constexpr uint64_t kLargestFrame = 64 << 10;

/// A function that has more.
struct LargeFrame {
  std::string function;
  uint64_t bytes;
};

/// One object file, to be named `name`.
struct ObjectFile {
  std::string name;
  llvm::SmallVector<char, 0> bytes;
  std::vector<LargeFrame> largeFrames;

  llvm::StringRef contents() const { return {bytes.data(), bytes.size()}; }
};

enum class CodeKind { Object, Assembly, LLVM };

/// A model's generated code as LLVM bitcode, before optimisation.
class GeneratedCode {
public:
  /// Translates `module`, which holds llvm ops only. `prefix` begins the names
  /// of all functions that other objects see, `runtimePrefix` those of the
  /// runtime's; empty: the same.
  static llvm::Expected<GeneratedCode>
  translate(mlir::ModuleOp module, const ResolvedTarget &target,
            llvm::StringRef prefix, llvm::StringRef runtimePrefix = "");

  /// The object files, in the order of linking.
  llvm::Expected<std::vector<ObjectFile>> compile(unsigned threads) const;

  /// The same code as one text: assembly or LLVM IR.
  llvm::Expected<std::string> print(CodeKind kind) const;

private:
  ResolvedTarget target;
  std::string prefix;
  std::string bitcode;
  unsigned parts = 0;
};

/// LLVM's machine for `target`; with another CPU and its features if given
/// (the runtime is compiled for the least one).
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const ResolvedTarget &target,
              std::optional<llvm::StringRef> cpu = {});

/// Runs code generation alone.
llvm::Error emitCode(llvm::Module &module, llvm::TargetMachine &machine,
                     CodeKind kind, llvm::SmallVectorImpl<char> &bytes);

/// Runs `jobs` on at most `threads` threads, this one included.
void runJobs(llvm::ArrayRef<std::function<void()>> jobs, unsigned threads);

} // namespace tenon

#endif // TENON_COMPILER_CODEGEN_OBJECTCODE_H
