//===----------------------------------------------------------------------===//
// The generated C header, the contract with the program that calls the model.
// It stands alone, in C11 and C++17: what it needs of abi.h is copied in.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_HEADER_H
#define TENON_COMPILER_ARTIFACT_HEADER_H

#include "compiler/artifact/ModelInterface.h"

#include "llvm/Support/raw_ostream.h"

namespace tenon::artifact {

/// Writes `<prefix>.h`. The model's identifiers must have been assigned.
llvm::Error writeHeader(const ModelInterface &model, llvm::raw_ostream &os);

/// The arena as abi.h lays it out: `fixed + lanes * perLane` bytes.
struct ArenaSize {
  uint64_t fixed;
  uint64_t perLane;
};

/// What `tenon_arena_bytes` will compute on the model's target; an error if
/// it does not fit 64 bits.
llvm::Expected<ArenaSize> computeArenaSize(const ModelInterface &model);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_HEADER_H
