// Half of the values are dropped: the two smallest of four along k.
#include "passes/compress/MatmulWeights.h"
#include "llvm/Support/FormatVariadic.h"

namespace tenon::compress {
#define GEN_PASS_DEF_PRUNETWOFOURPASS
#include "passes/compress/Passes.h.inc"
} // namespace tenon::compress

using namespace mlir;
using namespace tenon;
using namespace tenon::compress;

namespace {
struct PruneTwoFourPass
    : compress::impl::PruneTwoFourPassBase<PruneTwoFourPass> {
  using Base::Base;

  void runOnOperation() override {
    Builder b(&getContext());
    Type values = int8 ? (Type)b.getI8Type() : b.getF32Type();
    for (const MatmulWeight &weight :
         findMatmulWeights(getOperation(), minElements)) {
      pack::EncodingInterface encoding =
          pack::TwoFourAttr::get(&getContext(), values, weight.transposed);
      RankedTensorType type = weight.encodedType(encoding);
      if (weight.keepIfNoSmaller(type))
        continue;
      pack::ErrorSums error = encoding.measureError(type, weight.bytes());
      encodeWeight(weight, type, error);
      pack::ConstantOp constant = weight.constant;
      constant.emitWarning("pruning to 2:4 changes these weights by ")
          << llvm::formatv("{0:F1}", 100 * std::sqrt(error.noise / error.signal))
                 .str()
          << " % (root of the squared differences over the squares)";
    }
  }
};
} // namespace
