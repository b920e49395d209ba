// SiLU, and the sigmoid it is made of:
//
//   1 / (1 + exp(-x))      -> sigmoid(x)
//   x * sigmoid(x)         -> silu(x)
//   x / (1 + exp(-x))      -> silu(x)
#include "passes/model/Passes.h"
#include "passes/model/StructuredMatchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZESILUPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

/// x where `v` is 1 + exp(-x) and nobody else reads that.
static Value sigmoidDivisor(Value v) {
  if (!v.hasOneUse())
    return {};
  Value term = plusNumber(v, 1);
  auto exp = term && term.hasOneUse() ? term.getDefiningOp<nn::ExpOp>() : nullptr;
  auto neg = exp ? exp.getInput().getDefiningOp<nn::NegOp>() : nullptr;
  return neg ? neg.getInput() : Value();
}

namespace {
/// mul(x, sigmoid(x)) -> silu(x)
struct RecognizeSilu : OpRewritePattern<nn::MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MulOp mul,
                                PatternRewriter &rewriter) const override {
    for (auto [x, gate] : {std::pair(mul.getLhs(), mul.getRhs()),
                           std::pair(mul.getRhs(), mul.getLhs())}) {
      auto sigmoid = gate.getDefiningOp<nn::SigmoidOp>();
      // A second reader needs the sigmoid anyway, so nothing would be saved.
      if (!sigmoid || sigmoid.getInput() != x || !sigmoid->hasOneUse())
        continue;
      Location loc = rewriter.getFusedLoc({mul.getLoc(), sigmoid.getLoc()});
      rewriter.replaceOpWithNewOp<nn::SiluOp>(mul, mul.getType(), x)->setLoc(loc);
      return success();
    }
    return rewriter.notifyMatchFailure(mul, "no factor is the other's sigmoid");
  }
};

/// div(x, 1 + exp(-x)) -> silu(x); div(1, 1 + exp(-x)) -> sigmoid(x)
struct RecognizeQuotient : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::DivOp div,
                                PatternRewriter &rewriter) const override {
    Value x = sigmoidDivisor(div.getRhs());
    if (!x || x.getType() != div.getType())
      return rewriter.notifyMatchFailure(div, "the divisor is not 1 + exp(-x)");
    Location loc = rewriter.getFusedLoc({div.getLoc(), div.getRhs().getLoc()});
    if (div.getLhs() == x)
      rewriter.replaceOpWithNewOp<nn::SiluOp>(div, div.getType(), x)->setLoc(loc);
    else if (isNumber(div.getLhs(), 1))
      rewriter.replaceOpWithNewOp<nn::SigmoidOp>(div, div.getType(), x)->setLoc(loc);
    else
      return rewriter.notifyMatchFailure(div, "the dividend is neither x nor 1");
    return success();
  }
};

/// reciprocal(1 + exp(-x)) -> sigmoid(x)
struct RecognizeReciprocal : OpRewritePattern<nn::ReciprocalOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::ReciprocalOp op,
                                PatternRewriter &rewriter) const override {
    Value x = sigmoidDivisor(op.getInput());
    if (!x || x.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "not of 1 + exp(-x)");
    Location loc = rewriter.getFusedLoc({op.getLoc(), op.getInput().getLoc()});
    rewriter.replaceOpWithNewOp<nn::SigmoidOp>(op, op.getType(), x)->setLoc(loc);
    return success();
  }
};

struct RecognizeSiluPass : model::impl::RecognizeSiluPassBase<RecognizeSiluPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeSilu, RecognizeQuotient, RecognizeReciprocal>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
