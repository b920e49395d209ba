// Sums of products of bytes, by what the CPU has for them.
#ifndef TENON_PASSES_LOWER_EMITTERS_BYTEDOTS_H
#define TENON_PASSES_LOWER_EMITTERS_BYTEDOTS_H

#include "passes/lower/emitters/KernelFrame.h"

namespace tenon::lower {

/// sum + the products of four codes (of `bits` bits, in a byte each) and four
/// int8, per dword. Codes are unsigned, but less 128 where the CPU multiplies
/// signed bytes (ByteDot::Signed).
mlir::Value dotBytes(KernelFrame &f, mlir::Value codes, mlir::Value left,
                     mlir::Value sum, int64_t bits = 8);

/// Sums of at most 32 codes of `bits` bits per dword start here, as words where
/// that spares the CPU an addition; dotBytes goes on with what it is given.
mlir::Value zeroDots(KernelFrame &f, mlir::VectorType dwords, int64_t bits);
mlir::Value finishDots(KernelFrame &f, mlir::Value sum);

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_EMITTERS_BYTEDOTS_H
