// Convolutions of half precision are those of f32 that they stand for: sums are
// kept in f32 anyway, and the kernels for blocks of channels are of f32.
//
//   nn.conv %x, %w : f16   ->   nn.cast(nn.conv(nn.cast %x, nn.cast %w)) : f16
//
// The casts of constants fold, the others join the kernels around them.
#include "dialects/nn/DimBuilder.h"
#include "passes/model/Passes.h"

namespace tenon::model {
#define GEN_PASS_DEF_WIDENCONVSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

LogicalResult widen(nn::ConvOp conv, nn::DimBuilder &b) {
  Location loc = conv.getLoc();
  Type element = b.elementOf(conv.getInput()), f32 = b.getF32Type();
  if (!isa<FloatType>(element) || element.getIntOrFloatBitWidth() != 16 ||
      !conv.getWeights().getDefiningOp<pack::ConstantOp>())
    return success();
  b.setInsertionPoint(conv);
  auto toFloat = [&](Value v) { return v ? b.cast(loc, v, f32) : v; };
  Value wide = b.make<nn::ConvOp>(
      loc, f32, toFloat(conv.getInput()), toFloat(conv.getWeights()),
      toFloat(conv.getBias()), conv.getStridesAttr(), conv.getDilationsAttr(),
      conv.getLowAttr(), conv.getHighAttr(), conv.getGroupAttr(),
      /*blocked=*/nullptr);
  if (!wide)
    return failure();
  conv.replaceAllUsesWith(b.cast(loc, wide, element));
  conv.erase();
  return success();
}

struct WidenConvsPass : model::impl::WidenConvsPassBase<WidenConvsPass> {
  void runOnOperation() override {
    nn::DimBuilder b(getOperation());
    if (!b.dims.isValid())
      return signalPassFailure();
    SmallVector<nn::ConvOp> convs;
    getOperation().walk([&](nn::ConvOp conv) { convs.push_back(conv); });
    for (nn::ConvOp conv : convs)
      if (failed(widen(conv, b)))
        return signalPassFailure();
  }
};
} // namespace
