//===----------------------------------------------------------------------===//
// The weights as an object file, written without passing through LLVM IR:
//
//   ELF header | 64-byte aligned payload, streamed | symtab strtab shstrtab |
//   section headers
//
// A linker maps its input and its output, so two times the weights would be in
// memory. Where the target is x86-64 or AArch64 it gets an object that only
// reserves their room; the payload is copied behind what it wrote:
//
//   room.o (no bits) ──lld──> program ──fillWeightsRoom──> program + payload
//
// One global hidden symbol of the payload's size stands for all of it. Code
// reaches it by a 64-bit absolute relocation only, so on x86-64 it lies in a
// large section that the linker keeps away from code.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_WEIGHTSOBJECT_H
#define TENON_COMPILER_ARTIFACT_WEIGHTSOBJECT_H

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <functional>

namespace tenon::artifact {

/// True where `writeWeightsObject` can write: ELF for x86-64, AArch64 and
/// 32-bit ARM, little endian. Elsewhere the weights go to a file of their own.
bool canEmbedWeights(const llvm::Triple &triple);

/// Writes an object that defines `symbol` as `bytes` bytes of read-only data.
/// `writePayload` must write exactly that many. `os` must stand at 0.
llvm::Error writeWeightsObject(
    llvm::raw_pwrite_stream &os, const llvm::Triple &triple,
    llvm::StringRef symbol, uint64_t bytes,
    std::function<llvm::Error(llvm::raw_ostream &)> writePayload);

/// True where `writeWeightsRoom` can write.
bool canReserveWeights(const llvm::Triple &triple);

/// Writes an object that defines `symbol` as room for `bytes` bytes.
llvm::Error writeWeightsRoom(llvm::raw_pwrite_stream &os,
                             const llvm::Triple &triple,
                             llvm::StringRef symbol, uint64_t bytes);

/// What a linker script says so that the room has a segment of its own at the
/// end; empty where flags of the section and the linker say it.
std::string weightsRoomScript(const llvm::Triple &triple,
                              llvm::StringRef symbol);

/// Copies the payload of the weights' object `weights` to the end of `linked`,
/// which was linked with room for them: a program, a library or an object.
llvm::Error fillWeightsRoom(llvm::StringRef linked, llvm::StringRef weights,
                            uint64_t bytes);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_WEIGHTSOBJECT_H
