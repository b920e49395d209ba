// Layer normalisation and RMS norm over the last dimensions:
//
//   d = x - mean(x)          (RMS norm: d = x)
//   d / sqrt(mean(d * d) + epsilon)      -> norm(x)
//   norm(x) * scale, norm(x) + bias      -> norm(x scale .. bias ..)
//
// The quotient may be a product with 1 / sqrt, and the square a power.
#include "passes/model/Passes.h"
#include "passes/model/StructuredMatchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZENORMSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

namespace {
/// mean(d * d) + epsilon under a root that nobody else reads.
struct Deviation {
  Value d;
  double epsilon = 0;
  int64_t axis = 0;
  Location loc;
};
} // namespace

/// The deviation where `root` is sqrt(mean(d * d) + epsilon).
static std::optional<Deviation> deviationOf(Value root) {
  auto sqrt = root.getDefiningOp<nn::SqrtOp>();
  if (!sqrt || !sqrt->hasOneUse())
    return std::nullopt;
  auto [variance, epsilon] = sumWithNumber(sqrt.getInput());
  auto mean = variance ? variance.getDefiningOp<nn::ReduceOp>() : nn::ReduceOp();
  if (!mean || !sqrt.getInput().hasOneUse() || !mean->hasOneUse() ||
      !mean.getInput().hasOneUse())
    return std::nullopt;
  ArrayRef<int64_t> axes = mean.getAxes();
  int64_t rank = cast<RankedTensorType>(mean.getInput().getType()).getRank();
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axis != rank - (int64_t)axes.size() + (int64_t)i)
      return std::nullopt;
  Value squares = axes.empty()
                      ? Value()
                      : reducedBy(variance, nn::ReduceKind::Mean, axes);
  if (!squares || !(epsilon > 0))
    return std::nullopt;
  Product p = productOf(squares);
  if (p.number != 1 || p.factors.size() != 2 || p.factors[0] != p.factors[1])
    return std::nullopt;
  return Deviation{p.factors[0], epsilon, axes[0], sqrt.getLoc()};
}

/// The root where `v` is 1 / root and nobody else reads that.
static Value inverted(Value v) {
  if (!v.hasOneUse())
    return {};
  if (auto reciprocal = v.getDefiningOp<nn::ReciprocalOp>())
    return reciprocal.getInput();
  auto div = v.getDefiningOp<nn::DivOp>();
  return div && isNumber(div.getLhs(), 1) ? div.getRhs() : Value();
}

static LogicalResult replace(Operation *op, Value dividend, Value root,
                             PatternRewriter &rewriter) {
  std::optional<Deviation> deviation = deviationOf(root);
  if (!deviation || deviation->d != dividend ||
      dividend.getType() != op->getResult(0).getType())
    return failure();
  int64_t rank = cast<RankedTensorType>(dividend.getType()).getRank();
  SmallVector<int64_t> axes;
  for (int64_t i = deviation->axis; i < rank; ++i)
    axes.push_back(i);
  auto sub = dividend.getDefiningOp<nn::SubOp>();
  bool centred = sub && reducedBy(sub.getRhs(), nn::ReduceKind::Mean, axes) ==
                            sub.getLhs();
  Value x = centred ? sub.getLhs() : dividend;
  if (x.getType() != op->getResult(0).getType())
    return failure();
  Location loc = rewriter.getFusedLoc({op->getLoc(), deviation->loc});
  rewriter.replaceOpWithNewOp<nn::NormOp>(
      op, op->getResult(0).getType(), x, Value(), Value(), deviation->axis,
      llvm::APFloat((float)deviation->epsilon), /*rms=*/!centred)->setLoc(loc);
  return success();
}

namespace {
struct RecognizeQuotient : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::DivOp div,
                                PatternRewriter &rewriter) const override {
    if (failed(replace(div, div.getLhs(), div.getRhs(), rewriter)))
      return rewriter.notifyMatchFailure(div, "not by its own deviation");
    return success();
  }
};

struct RecognizeProduct : OpRewritePattern<nn::MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MulOp mul,
                                PatternRewriter &rewriter) const override {
    for (auto [x, inverse] : {std::pair(mul.getLhs(), mul.getRhs()),
                              std::pair(mul.getRhs(), mul.getLhs())})
      if (Value root = inverted(inverse))
        if (succeeded(replace(mul, x, root, rewriter)))
          return success();
    return rewriter.notifyMatchFailure(mul, "not by one over its own deviation");
  }
};

/// The norm among the operands of a product or sum, and the other operand, if
/// that only broadcasts.
template <typename Op> std::pair<nn::NormOp, Value> normAndOther(Op op) {
  for (auto [v, other] : {std::pair(op.getLhs(), op.getRhs()),
                          std::pair(op.getRhs(), op.getLhs())}) {
    auto norm = v.template getDefiningOp<nn::NormOp>();
    if (norm && norm->hasOneUse() && !norm.getBias() &&
        norm.getType() == op.getType() && !other.template getDefiningOp<nn::NormOp>())
      return {norm, other};
  }
  return {};
}

/// mul(norm(x), s) -> norm(x scale s); other scales stay products.
struct TakeScale : OpRewritePattern<nn::MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MulOp mul,
                                PatternRewriter &rewriter) const override {
    auto [norm, scale] = normAndOther(mul);
    if (!norm || norm.getScale() || !scale.getDefiningOp<pack::ConstantOp>())
      return rewriter.notifyMatchFailure(mul, "no norm without a scale by weights");
    rewriter.replaceOpWithNewOp<nn::NormOp>(
        mul, mul.getType(), norm.getInput(), scale, Value(), norm.getAxis(),
        norm.getEpsilon(), norm.getRms())
        ->setLoc(rewriter.getFusedLoc({mul.getLoc(), norm.getLoc()}));
    return success();
  }
};

/// add(norm(x ...), b) -> norm(x ... bias b)
struct TakeBias : OpRewritePattern<nn::AddOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::AddOp add,
                                PatternRewriter &rewriter) const override {
    auto [norm, bias] = normAndOther(add);
    if (!norm || !bias.getDefiningOp<pack::ConstantOp>())
      return rewriter.notifyMatchFailure(add, "no norm with a bias of weights");
    rewriter.replaceOpWithNewOp<nn::NormOp>(
        add, add.getType(), norm.getInput(), norm.getScale(), bias,
        norm.getAxis(), norm.getEpsilon(), norm.getRms())
        ->setLoc(rewriter.getFusedLoc({add.getLoc(), norm.getLoc()}));
    return success();
  }
};

struct RecognizeNormsPass
    : model::impl::RecognizeNormsPassBase<RecognizeNormsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeQuotient, RecognizeProduct, TakeScale, TakeBias>(
        &getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
