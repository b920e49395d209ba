// Convolutions of half precision are those of f32 that they stand for: sums are
// kept in f32 anyway, and the kernels for blocks of channels are of f32.
//
//   nn.conv %x, %w : f16   ->   nn.cast(nn.conv(nn.cast %x, nn.cast %w)) : f16
//
// The casts of constants fold, the others join the kernels around them.
#include "passes/model/Passes.h"

namespace tenon::model {
#define GEN_PASS_DEF_WIDENCONVSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

Type elementOf(Value v) {
  return cast<ShapedType>(v.getType()).getElementType();
}

LogicalResult widen(nn::ConvOp conv, nn::DimAnalysis &dims) {
  Type element = elementOf(conv.getInput());
  if (!isa<FloatType>(element) || element.getIntOrFloatBitWidth() != 16 ||
      !conv.getWeights().getDefiningOp<pack::ConstantOp>())
    return success();
  OpBuilder b(conv);
  auto to = [&](Value v, Type type) -> Value {
    if (!v)
      return v;
    auto op = nn::CastOp::create(b, conv.getLoc(),
                                 RankedTensorType::get({}, type), v);
    return succeeded(dims.infer(op)) ? op->getResult(0) : Value();
  };
  Type f32 = b.getF32Type();
  auto wide = nn::ConvOp::create(
      b, conv.getLoc(), RankedTensorType::get({}, f32),
      to(conv.getInput(), f32), to(conv.getWeights(), f32),
      to(conv.getBias(), f32), conv.getStridesAttr(), conv.getDilationsAttr(),
      conv.getLowAttr(), conv.getHighAttr(), conv.getGroupAttr(),
      /*blocked=*/nullptr);
  if (failed(dims.infer(wide)))
    return failure();
  conv.replaceAllUsesWith(to(wide, element));
  conv.erase();
  return success();
}

struct WidenConvsPass : model::impl::WidenConvsPassBase<WidenConvsPass> {
  void runOnOperation() override {
    nn::DimAnalysis dims(getOperation());
    if (!dims.isValid())
      return signalPassFailure();
    SmallVector<nn::ConvOp> convs;
    getOperation().walk([&](nn::ConvOp conv) { convs.push_back(conv); });
    for (nn::ConvOp conv : convs)
      if (failed(widen(conv, dims)))
        return signalPassFailure();
  }
};
} // namespace
