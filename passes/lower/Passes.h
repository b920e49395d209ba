// Passes from groups of work to the machine.
#ifndef TENON_PASSES_LOWER_PASSES_H
#define TENON_PASSES_LOWER_PASSES_H

#include "dialects/kern/Kern.h"
#include "dialects/pack/Pack.h"
#include "dialects/rt/Rt.h"
#include "dialects/scan/Scan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace tenon::lower {

#define GEN_PASS_DECL
#include "passes/lower/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/lower/Passes.h.inc"

inline void registerLowerPasses() { registerTenonLowerPasses(); }

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_PASSES_H
