// Softmax and its logarithm, with the maximum taken off first:
//
//   d = x - max(x);  e = exp(d);  e / sum(e)       -> softmax(x)
//                                 d - log(sum(e))  -> softmax(x) {log}
//
// Without the maximum it overflows where softmax does not: that stays.
#include "passes/model/Passes.h"
#include "passes/model/StructuredMatchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZESOFTMAXPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

/// The exponentials that `sum` adds up along one dimension, which goes to
/// `axis`; null if it is no such sum or others read it.
static nn::ExpOp summedExponentials(Value sum, int64_t &axis) {
  auto reduce = sum.getDefiningOp<nn::ReduceOp>();
  if (!reduce || !reduce->hasOneUse() || reduce.getAxes().size() != 1)
    return {};
  axis = reduce.getAxes()[0];
  Value e = reducedBy(sum, nn::ReduceKind::Sum, reduce.getAxes());
  return e ? e.getDefiningOp<nn::ExpOp>() : nn::ExpOp();
}

/// x where `v` is x - max(x) along the axis.
static Value withoutMaximum(Value v, int64_t axis) {
  auto sub = v.getDefiningOp<nn::SubOp>();
  if (!sub || reducedBy(sub.getRhs(), nn::ReduceKind::Max, {axis}) != sub.getLhs())
    return {};
  return isa<FloatType>(getElementTypeOrSelf(v.getType())) ? sub.getLhs() : Value();
}

namespace {
/// div(e, sum(e)) and mul(e, reciprocal(sum(e)))
template <typename Op> struct RecognizeQuotient : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    SmallVector<std::pair<Value, Value>> sides = {{op.getLhs(), op.getRhs()}};
    if (isa<nn::MulOp>(op.getOperation()))
      sides.push_back({op.getRhs(), op.getLhs()});
    for (auto [e, sum] : sides) {
      if (isa<nn::MulOp>(op.getOperation())) {
        auto inverse = sum.template getDefiningOp<nn::ReciprocalOp>();
        if (!inverse || !inverse->hasOneUse())
          continue;
        sum = inverse.getInput();
      }
      int64_t axis = 0;
      nn::ExpOp exp = summedExponentials(sum, axis);
      // Two readers: the sum and this quotient.
      if (!exp || exp.getResult() != e || !llvm::hasNItems(exp->getUses(), 2))
        continue;
      Value x = withoutMaximum(exp.getInput(), axis);
      if (!x || x.getType() != op.getType())
        continue;
      Location loc = rewriter.getFusedLoc({op.getLoc(), sum.getLoc(), exp.getLoc()});
      rewriter.replaceOpWithNewOp<nn::SoftmaxOp>(op, op.getType(), x, axis,
                                                 /*log=*/false)->setLoc(loc);
      return success();
    }
    return rewriter.notifyMatchFailure(op, "not exponentials by their sum");
  }
};

/// sub(d, log(sum(exp(d))))
struct RecognizeLogSoftmax : OpRewritePattern<nn::SubOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::SubOp sub,
                                PatternRewriter &rewriter) const override {
    auto log = sub.getRhs().getDefiningOp<nn::LogOp>();
    if (!log || !log->hasOneUse())
      return rewriter.notifyMatchFailure(sub, "no logarithm");
    int64_t axis = 0;
    nn::ExpOp exp = summedExponentials(log.getInput(), axis);
    if (!exp || !exp->hasOneUse() || exp.getInput() != sub.getLhs())
      return rewriter.notifyMatchFailure(sub, "not of its own exponentials' sum");
    Value x = withoutMaximum(sub.getLhs(), axis);
    if (!x || x.getType() != sub.getType())
      return rewriter.notifyMatchFailure(sub, "the maximum was not taken off");
    Location loc = rewriter.getFusedLoc({sub.getLoc(), log.getLoc(), exp.getLoc()});
    rewriter.replaceOpWithNewOp<nn::SoftmaxOp>(sub, sub.getType(), x, axis,
                                               /*log=*/true)->setLoc(loc);
    return success();
  }
};

struct RecognizeSoftmaxPass
    : model::impl::RecognizeSoftmaxPassBase<RecognizeSoftmaxPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeQuotient<nn::DivOp>, RecognizeQuotient<nn::MulOp>,
                 RecognizeLogSoftmax>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
