//===----------------------------------------------------------------------===//
// Cutting a model's module into parts that compile apart.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_SPLITMODULE_H
#define TENON_COMPILER_CODEGEN_SPLITMODULE_H

#include "llvm/IR/Module.h"

#include <optional>

namespace tenon {

/// Gives each kernel (an internal function whose address is taken) a hidden
/// name that begins with `prefix`, and a part; returns the number of parts.
/// The program is part 0.
unsigned assignParts(llvm::Module &module, llvm::StringRef prefix);

/// Leaves in `module` what belongs to `part` (all of it, if none is given);
/// the rest becomes declarations. Constants and helpers are kept wherever they
/// are used.
void keepPart(llvm::Module &module, std::optional<unsigned> part);

} // namespace tenon

#endif // TENON_COMPILER_CODEGEN_SPLITMODULE_H
