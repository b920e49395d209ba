//===----------------------------------------------------------------------===//
// The digest that proves the same bits elsewhere: the compiled model is run
// once on the inputs of `--selftest`, and what it gave goes into the artifact.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_SELFTEST_H
#define TENON_COMPILER_DRIVER_SELFTEST_H

#include "compiler/driver/Compile.h"

namespace tenon {

/// Fills seed and digest of `model.interface`. A run that ends in a status
/// (random inputs need not suit a model) leaves no digest and a note; a crash
/// is an error, and ours. It runs in a process of its own.
llvm::Error addSelftest(CompiledModel &model, Diagnostics &diagnostics);

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_SELFTEST_H
