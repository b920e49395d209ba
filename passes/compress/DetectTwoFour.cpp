// Matrices that were pruned to 2:4 in training are stored as such.
#include "passes/compress/MatmulWeights.h"

namespace tenon::compress {
#define GEN_PASS_DEF_DETECTTWOFOURPASS
#include "passes/compress/Passes.h.inc"
} // namespace tenon::compress

using namespace mlir;
using namespace tenon;
using namespace tenon::compress;

namespace {
struct DetectTwoFourPass
    : compress::impl::DetectTwoFourPassBase<DetectTwoFourPass> {
  using Base::Base;

  void runOnOperation() override {
    Builder b(&getContext());
    Type values = int8 ? (Type)b.getI8Type() : b.getF32Type();
    for (const MatmulWeight &weight :
         findMatmulWeights(getOperation(), minElements)) {
      auto attr =
          pack::TwoFourAttr::get(&getContext(), values, weight.transposed);
      RankedTensorType type = weight.encodedType(attr);
      if (weight.keepIfNoSmaller(type))
        continue;
      if (!pack::isTwoFour(pack::denseMatrix(type, weight.bytes())))
        continue;
      pack::EncodingInterface encoding = attr;
      encodeWeight(weight, type, encoding.measureError(type, weight.bytes()));
    }
  }
};
} // namespace
