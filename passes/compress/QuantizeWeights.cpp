// Constant matrices of products in int8, int4 or f16. The encoding is the
// decision; values are chosen when it is written (pack/Quantizers.h).
#include "passes/compress/MatmulWeights.h"

namespace tenon::compress {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "passes/compress/Passes.h.inc"
} // namespace tenon::compress

using namespace mlir;
using namespace tenon;
using namespace tenon::compress;

namespace {
struct QuantizeWeightsPass
    : compress::impl::QuantizeWeightsPassBase<QuantizeWeightsPass> {
  using Base::Base;

  Attribute encodingFor(bool transposed) {
    Builder b(&getContext());
    if (format == "int8")
      return pack::IntAttr::get(&getContext(), 8, 0, b.getF32Type(), false,
                                transposed);
    if (format == "int4")
      return pack::IntAttr::get(&getContext(), 4, 32, b.getF16Type(), false,
                                transposed);
    if (format == "f16")
      return pack::HalfAttr::get(&getContext(), transposed);
    return {};
  }

  void runOnOperation() override {
    if (!encodingFor(false)) {
      getOperation().emitError("expected the format int8, int4 or f16, but got ")
          << format;
      return signalPassFailure();
    }
    for (const MatmulWeight &weight :
         findMatmulWeights(getOperation(), minElements)) {
      Attribute attr = encodingFor(weight.transposed);
      RankedTensorType type = weight.encodedType(attr);
      if (weight.keepIfNoSmaller(type))
        continue;
      pack::ErrorSums error =
          cast<pack::EncodingInterface>(attr).measureError(type,
                                                           weight.bytes());
      // Scales, or values, beyond the range of f16.
      if (!std::isfinite(error.noise)) {
        weight.keep("values too large for f16");
        continue;
      }
      encodeWeight(weight, type, error);
    }
  }
};
} // namespace
