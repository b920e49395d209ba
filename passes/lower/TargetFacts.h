// What emitters ask about the machine. The facts stand in the module, so a
// test can state the machine in one line:
//
//   module attributes {dlti.target_system_spec = #dlti.target_system_spec<
//     "CPU" = #dlti.target_device_spec<"tenon.vector_bytes" = 64 : i64,
//       "tenon.masks" = 1 : i64, "tenon.index_bits" = 64 : i64>>}
#ifndef TENON_PASSES_LOWER_TARGETFACTS_H
#define TENON_PASSES_LOWER_TARGETFACTS_H

#include "mlir/IR/BuiltinOps.h"

namespace tenon::lower {

/// How sums of products of bytes are made; all give the same integers.
enum class ByteDot {
  None,   // lane by lane in 32 bits
  Pairs,  // x86: pmaddubsw, pmaddwd
  Mixed,  // x86: vpdpbusd, u8 times s8, four to a dword
  Signed, // AArch64: sdot, s8 times s8
};

struct TargetFacts {
  int64_t vectorBytes = 16; // of a register
  bool masks = false;       // masked loads and stores are single instructions
  int64_t registers = 16;   // vector registers
  int64_t indexBits = 64;   // of sizes and offsets
  bool permute = false;     // x86: a register's dwords in any order, by another
  bool fma = true;          // fused multiply-add of f32 is an instruction
  bool halfConversion = true; // f16 to f32 and back are instructions
  ByteDot byteDot = ByteDot::None;
  int64_t workgroup = 0; // a GPU: invocations that share a tile; 0: a CPU
  bool sparseMma = false; // a GPU: 2:4 products of bfloat16 (mma.sp)

  /// What the places of buffers are multiples of, in bytes. Vulkan's devices
  /// bind buffers at multiples of at most 256.
  uint64_t alignment() const { return workgroup ? 256 : 64; }

  static TargetFacts of(mlir::ModuleOp module);
  void attachTo(mlir::ModuleOp module) const;
};

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_TARGETFACTS_H
