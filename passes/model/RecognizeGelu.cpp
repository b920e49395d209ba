// Both forms of GELU, whatever the order of their factors:
//
//   x * 0.5 * (1 + erf(x / sqrt 2))                             -> gelu
//   x * 0.5 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3)))     -> gelu {approximate}
#include "passes/model/Passes.h"
#include "passes/model/StructuredMatchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZEGELUPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

/// x / sqrt 2
static bool isErfArgument(Value v, Value x) {
  Product p = productOf(v);
  return p.factors.size() == 1 && p.factors[0] == x &&
         isAbout(p.number, 0.70710678);
}

/// sqrt(2/pi) (x + 0.044715 x^3), or with x taken out: x (1 + 0.044715 x^2)
static bool isTanhArgument(Value v, Value x) {
  Product p = productOf(v);
  if (!isAbout(p.number, 0.79788456))
    return false;
  auto isPower = [&](Value term, size_t power) {
    Product q = productOf(term);
    return q.factors.size() == power && isAbout(q.number, 0.044715) &&
           llvm::all_of(q.factors, [&](Value f) { return f == x; });
  };
  if (p.factors.size() == 1) {
    auto add = p.factors[0].getDefiningOp<nn::AddOp>();
    return add && ((add.getLhs() == x && isPower(add.getRhs(), 3)) ||
                   (add.getRhs() == x && isPower(add.getLhs(), 3)));
  }
  if (p.factors.size() != 2)
    return false;
  for (unsigned i : {0, 1})
    if (p.factors[i] == x)
      if (Value term = plusNumber(p.factors[1 - i], 1))
        if (isPower(term, 2))
          return true;
  return false;
}

namespace {
struct RecognizeGelu : OpRewritePattern<nn::MulOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::MulOp mul,
                                PatternRewriter &rewriter) const override {
    Product p = productOf(mul);
    if (p.factors.size() != 2 || !isAbout(p.number, 0.5))
      return rewriter.notifyMatchFailure(mul, "not half of two factors");
    for (unsigned i : {0, 1}) {
      Value x = p.factors[i], gate = p.factors[1 - i];
      if (x.getType() != mul.getType() || !gate.hasOneUse())
        continue;
      Value curve = plusNumber(gate, 1);
      // A second reader needs the curve anyway, so nothing would be saved.
      if (!curve || !curve.hasOneUse())
        continue;
      auto erf = curve.getDefiningOp<nn::ErfOp>();
      auto tanh = curve.getDefiningOp<nn::TanhOp>();
      bool exact = erf && isErfArgument(erf.getInput(), x);
      if (!exact && !(tanh && isTanhArgument(tanh.getInput(), x)))
        continue;
      p.locations.push_back(curve.getLoc());
      rewriter.replaceOpWithNewOp<nn::GeluOp>(mul, mul.getType(), x, !exact)
          ->setLoc(rewriter.getFusedLoc(p.locations));
      return success();
    }
    return rewriter.notifyMatchFailure(mul, "no factor is 1 + erf or tanh");
  }
};

struct RecognizeGeluPass : model::impl::RecognizeGeluPassBase<RecognizeGeluPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeGelu>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
