// The taps of a convolution that meet nothing but padding are left out: a
// window that is dilated beyond a small image (as in DeepLab) is one of 1x1.
//
//   14x14, dilation 24, padding 24:   tap 0 reads rows -24 .. -11
//                                     tap 1 reads rows   0 ..  13
//                                     tap 2 reads rows  24 ..  37
#include "passes/model/Passes.h"

namespace tenon::model {
#define GEN_PASS_DEF_TRIMWINDOWSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

/// The taps along one dimension that stay, and the padding around them.
struct Taps {
  int64_t first = 0, count = 0;
  int64_t low = 0, high = 0;
};

/// Null where the padding is not known.
std::optional<Taps> tapsOf(DimRange input, DimRange result, int64_t window,
                           int64_t stride, int64_t dilation,
                           const DimExpr &low, const DimExpr &high) {
  if (!low.isConstant() || !high.isConstant())
    return std::nullopt;
  // Tap t reads from t * dilation - low on, in steps of the stride.
  int64_t before = low.constant();
  auto meets = [&](int64_t t) {
    int64_t from = t * dilation - before;
    return from < input.hi && from + (result.hi - 1) * stride >= 0;
  };
  Taps taps{0, window, before, high.constant()};
  while (taps.count > 1 && !meets(taps.first)) {
    ++taps.first;
    --taps.count;
    taps.low -= dilation;
  }
  while (taps.count > 1 && !meets(taps.first + taps.count - 1)) {
    --taps.count;
    taps.high -= dilation;
  }
  return taps;
}

LogicalResult trim(nn::ConvOp conv, nn::DimAnalysis &dims) {
  Dims x = dims.of(conv.getInput()), w = dims.of(conv.getWeights()),
       y = dims.of(conv.getResult());
  if (conv.getBlocked() || !conv.getWeights().getDefiningOp<pack::ConstantOp>())
    return success();
  Dims low = conv.getLow().getExprs(), high = conv.getHigh().getExprs();
  Dims starts(w.size(), DimExpr(0)), sizes = w;
  for (unsigned i = 0; i < low.size(); ++i) {
    std::optional<Taps> taps =
        tapsOf(x[2 + i].range(dims.symbols), y[2 + i].range(dims.symbols),
               w[2 + i].constant(), conv.getStrides()[i],
               conv.getDilations()[i], low[i], high[i]);
    if (!taps)
      continue;
    starts[2 + i] = taps->first;
    sizes[2 + i] = taps->count;
    low[i] = taps->low;
    high[i] = taps->high;
  }
  if (sizes == w)
    return success();
  OpBuilder b(conv);
  auto attr = [&](const Dims &d) { return nn::DimsAttr::get(b.getContext(), d); };
  auto type = cast<RankedTensorType>(conv.getWeights().getType());
  auto part = nn::SliceOp::create(
      b, conv.getLoc(), RankedTensorType::get({}, type.getElementType()),
      conv.getWeights(), attr(starts), SmallVector<int64_t>(w.size(), 1),
      attr(sizes));
  if (failed(dims.infer(part)))
    return failure();
  conv.getWeightsMutable().assign(part);
  conv.setLowAttr(attr(low));
  conv.setHighAttr(attr(high));
  return dims.infer(conv);
}

struct TrimWindowsPass : model::impl::TrimWindowsPassBase<TrimWindowsPass> {
  void runOnOperation() override {
    nn::DimAnalysis dims(getOperation());
    if (!dims.isValid())
      return signalPassFailure();
    WalkResult walked = getOperation().walk([&](nn::ConvOp conv) {
      return succeeded(trim(conv, dims)) ? WalkResult::advance()
                                         : WalkResult::interrupt();
    });
    if (walked.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
