// Passes that turn what is computed into groups of work.
#ifndef TENON_PASSES_SCHEDULE_PASSES_H
#define TENON_PASSES_SCHEDULE_PASSES_H

#include "dialects/kern/Kern.h"
#include "dialects/pack/Pack.h"
#include "dialects/scan/Scan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

namespace tenon::schedule {

#define GEN_PASS_DECL
#include "passes/schedule/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/schedule/Passes.h.inc"

inline void registerSchedulePasses() { registerTenonSchedulePasses(); }

} // namespace tenon::schedule

#endif // TENON_PASSES_SCHEDULE_PASSES_H
