//===----------------------------------------------------------------------===//
// From a compiled model to the files a user asked for.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_ARTIFACTS_H
#define TENON_COMPILER_DRIVER_ARTIFACTS_H

#include "compiler/driver/Compile.h"

#include <vector>

namespace tenon {

enum class Emit { Exe, So, Lib, Obj, Header, Manifest, Asm, LLVM, MLIR, Ptx };

/// The kind that `--emit` calls `name`.
std::optional<Emit> parseEmit(llvm::StringRef name);
/// "exe, so, lib, ..", for messages.
std::string emitNames();
/// Those that a target can have, of what is made without `--emit`.
std::vector<Emit> defaultEmits(const ResolvedTarget &target);
/// The name of the file: "libnet.a".
std::string fileNameFor(Emit kind, llvm::StringRef name);

/// Writes `kinds` into folder `output`, or the one kind into file `output`
/// ("-": to stdout, for text). All of them or none: files appear under their
/// names when the last one is complete. Gives their paths.
llvm::Expected<std::vector<std::string>>
writeArtifacts(CompiledModel &model, llvm::ArrayRef<Emit> kinds,
               llvm::StringRef output, bool isFile);

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_ARTIFACTS_H
