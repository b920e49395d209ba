//===----------------------------------------------------------------------===//
// The artifact's weights, written tensor by tensor:
//
//   rt.weight at 64 (#pack.ref<"net.onnx", 1234, 4096>) as tensor<32x32xf32,
//                                                            #pack.panels<16>>
//   ──> zeros up to 64, then the panels, read from the mapped file
//
// At no time is more than one tensor in memory: what was read is let go of.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_WEIGHTS_H
#define TENON_COMPILER_DRIVER_WEIGHTS_H

#include "dialects/pack/WeightStore.h"
#include "dialects/rt/Rt.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <vector>

namespace tenon {

class Weights {
public:
  Weights() = default;

  /// Collects the weights of a program; keeps attributes, not operations.
  static llvm::Expected<Weights> collect(rt::ProgramOp program);

  /// Writes exactly `totalBytes()`.
  llvm::Error write(llvm::raw_ostream &os) const;

  uint64_t totalBytes() const { return total; }

  /// Do both write the same bytes?
  bool equals(const Weights &other) const;

private:
  struct Piece {
    uint64_t offset;
    uint64_t bytes;
    mlir::Attribute value;
    mlir::RankedTensorType type;
    bool encoded; // the value is the bytes that the type stores
  };

  llvm::Error writePiece(const Piece &piece, llvm::raw_ostream &os) const;

  std::vector<Piece> pieces;
  uint64_t total = 0;
  /// Of the weights' context.
  pack::WeightStore *store = nullptr;
};

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_WEIGHTS_H
