// Left sides of products with integer weights as int8 with a scale per row, so
// that sums of products are sums of integers.
#include "dialects/pack/Activations.h"
#include "passes/compress/MatmulWeights.h"

namespace tenon::compress {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONSPASS
#include "passes/compress/Passes.h.inc"
} // namespace tenon::compress

using namespace mlir;
using namespace tenon;
using namespace tenon::compress;

/// Products of a code (8 bits) and an int8 that a 32-bit sum can hold.
static constexpr int64_t kLongestSum = (int64_t(1) << 31) / (255 * 128) - 1;

/// Why the left side stays float, or null.
static const char *whyNot(nn::MatmulOp op) {
  auto type = cast<RankedTensorType>(op.getRhs().getType());
  auto encoding = dyn_cast_or_null<pack::IntAttr>(type.getEncoding());
  if (!encoding)
    return "its weights are no integers with scales";
  int64_t sum = encoding.getGroup() ? encoding.getGroup() : type.getDimSize(0);
  if (sum > kLongestSum)
    return "sums of its integers may not fit 32 bits";
  return nullptr;
}

static void quantizeLeft(nn::MatmulOp op) {
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value x = op.getLhs();
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> rows(type.getShape());
  rows.back() = 1;
  Type f32 = b.getF32Type();
  auto scalesType = RankedTensorType::get(rows, f32);
  auto constant = [&](float v) {
    auto scalar = RankedTensorType::get({}, f32);
    return pack::ConstantOp::create(b, loc, scalar,
                                    DenseElementsAttr::get(scalar, v));
  };
  Value scale = nn::AbsOp::create(b, loc, type, x);
  scale = nn::ReduceOp::create(b, loc, scalesType, scale, nn::ReduceKind::Max,
                               ArrayRef<int64_t>{type.getRank() - 1},
                               /*keepdims=*/true);
  scale = nn::MulOp::create(b, loc, scalesType, scale, constant(1.0f / 127));
  // A row of zeros has a scale as well.
  scale = nn::MaxOp::create(b, loc, scalesType, scale, constant(0x1p-120f));
  Value q = nn::QuantizeOp::create(
      b, loc, RankedTensorType::get(type.getShape(), b.getI8Type()), x, scale,
      /*zeroPoint=*/Value(), /*saturate=*/true);
  Value y = nn::MatmulOp::create(b, loc, op.getType(), q, op.getRhs());
  y = nn::MulOp::create(b, loc, op.getType(), y, scale);
  op.getResult().replaceAllUsesWith(y);
  op.erase();
}

namespace {
struct QuantizeActivationsPass
    : compress::impl::QuantizeActivationsPassBase<QuantizeActivationsPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<nn::MatmulOp> chosen;
    getOperation().walk([&](nn::MatmulOp op) {
      bool isMarked = op->hasAttr(pack::kInt8ActivationsAttr);
      auto left = dyn_cast<RankedTensorType>(op.getLhs().getType());
      if ((!all && !isMarked) || !left.getElementType().isF32())
        return;
      if (const char *reason = whyNot(op))
        op.emitRemark("the left side stays float: ") << reason;
      else
        chosen.push_back(op);
    });
    llvm::for_each(chosen, quantizeLeft);
  }
};
} // namespace
