// Passes that store weights in fewer bits.
#ifndef TENON_PASSES_COMPRESS_PASSES_H
#define TENON_PASSES_COMPRESS_PASSES_H

#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace tenon::compress {

#define GEN_PASS_DECL
#include "passes/compress/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/compress/Passes.h.inc"

inline void registerCompressPasses() { registerTenonCompressPasses(); }

} // namespace tenon::compress

#endif // TENON_PASSES_COMPRESS_PASSES_H
