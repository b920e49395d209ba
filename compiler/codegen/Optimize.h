//===----------------------------------------------------------------------===//
// The passes that run over generated LLVM IR. Kernels arrive vectorised and
// tiled, so what is left is cleaning: addresses, common subexpressions, loop
// invariants. No vectoriser, no unroller, no fast-math.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_OPTIMIZE_H
#define TENON_COMPILER_CODEGEN_OPTIMIZE_H

#include "llvm/IR/Module.h"

namespace llvm {
class TargetMachine;
}

namespace tenon {

void optimize(llvm::Module &module, llvm::TargetMachine &machine);

} // namespace tenon

#endif // TENON_COMPILER_CODEGEN_OPTIMIZE_H
