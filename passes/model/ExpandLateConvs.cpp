// A convolution whose weights only a run knows (a net that makes them, as
// StyleGAN does) is a matrix product: the input's elements under each tap become
// the rows of a matrix. Constant weights are laid out while compiling instead
// (passes/schedule), and nothing is copied.
//
//   columns[n, g, (c, t), p] = x[n, g, c, place p under tap t]
//   y[n, g, :, :] = w[g, :, (c, t)] * columns[n, g]
#include "dialects/nn/DimBuilder.h"
#include "passes/model/Passes.h"

namespace tenon::model {
#define GEN_PASS_DEF_EXPANDLATECONVSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

/// Each tap is an operation.
constexpr int64_t kMostTaps = 256;

class Expander {
public:
  explicit Expander(func::FuncOp program) : program(program), b(program) {}
  LogicalResult run();

private:
  LogicalResult expand(nn::ConvOp conv, int64_t taps);
  Value columns(nn::ConvOp conv, ArrayRef<int64_t> window, const Dims &places,
                int64_t perGroup);

  func::FuncOp program;
  nn::DimBuilder b;
};

} // namespace

/// [N, G, C/G * taps, places]
Value Expander::columns(nn::ConvOp conv, ArrayRef<int64_t> window,
                        const Dims &places, int64_t perGroup) {
  Location loc = conv.getLoc();
  Value x = conv.getInput();
  Type element = b.elementOf(x);
  Dims low = {0, 0}, high = {0, 0};
  llvm::append_range(low, conv.getLow().getExprs());
  llvm::append_range(high, conv.getHigh().getExprs());
  auto isZero = [](const DimExpr &e) { return e.isConstant(0); };
  if (!llvm::all_of(low, isZero) || !llvm::all_of(high, isZero))
    x = b.make<nn::PadOp>(
        loc, element, x, Value(), b.attr(low), b.attr(high),
        nn::PadModeAttr::get(b.getContext(), nn::PadMode::Constant));
  Dims shape = b.dims.of(conv.getInput());
  Dims part = {shape[0], shape[1]};
  llvm::append_range(part, places);
  Dims row = {shape[0], (int64_t)conv.getGroup(), perGroup, 1, product(places)};
  SmallVector<int64_t> steps = {1, 1};
  llvm::append_range(steps, conv.getStrides());
  int64_t taps = 1;
  for (int64_t size : window)
    taps *= size;
  SmallVector<Value> rows;
  for (int64_t tap = 0; tap < taps; ++tap) {
    Dims starts(shape.size(), DimExpr(0));
    int64_t rest = tap;
    for (unsigned i = window.size(); i-- > 0; rest /= window[i])
      starts[2 + i] = rest % window[i] * conv.getDilations()[i];
    rows.push_back(
        b.reshape(loc,
                  b.make<nn::SliceOp>(loc, element, x, b.attr(starts),
                                      ArrayRef<int64_t>(steps), b.attr(part)),
                  row));
  }
  Value all = rows[0];
  if (taps > 1)
    all = b.make<nn::ConcatOp>(loc, element, rows, b.getI64IntegerAttr(3));
  row[2] = perGroup * taps;
  row.erase(row.begin() + 3);
  return b.reshape(loc, all, row);
}

LogicalResult Expander::expand(nn::ConvOp conv, int64_t taps) {
  b.setInsertionPoint(conv);
  Dims y = b.dims.of(conv.getResult()), w = b.dims.of(conv.getWeights());
  int64_t group = conv.getGroup(), perGroup = w[1].constant();
  SmallVector<int64_t> window;
  for (const DimExpr &size : ArrayRef(w).drop_front(2))
    window.push_back(size.constant());
  Dims places(y.begin() + 2, y.end());
  Value right = columns(conv, window, places, perGroup);
  Value left =
      b.reshape(conv.getLoc(), conv.getWeights(),
                {1, group, DimExpr::floorDiv(w[0], group), perGroup * taps});
  Type element = b.elementOf(conv.getResult());
  Value sum = b.make<nn::MatmulOp>(conv.getLoc(), element, left, right);
  sum = b.reshape(conv.getLoc(), sum, y);
  if (Value bias = conv.getBias()) {
    Dims along(y.size() - 1, DimExpr(1));
    along[0] = y[1];
    sum = b.make<nn::AddOp>(conv.getLoc(), element, sum,
                            b.reshape(conv.getLoc(), bias, along));
  }
  if (!sum)
    return failure();
  conv.replaceAllUsesWith(sum);
  conv.erase();
  return success();
}

LogicalResult Expander::run() {
  if (!b.dims.isValid())
    return failure();
  SmallVector<nn::ConvOp> convs;
  program.walk([&](nn::ConvOp conv) { convs.push_back(conv); });
  for (nn::ConvOp conv : convs) {
    Dims w = b.dims.of(conv.getWeights());
    bool known = llvm::all_of(ArrayRef(w).drop_front(),
                              [](const DimExpr &e) { return e.isConstant(); });
    if (!known || conv.getWeights().getDefiningOp<pack::ConstantOp>() ||
        !isa<FloatType>(b.elementOf(conv.getInput())))
      continue;
    int64_t taps = 1;
    for (const DimExpr &size : ArrayRef(w).drop_front(2))
      taps *= size.constant();
    if (taps <= kMostTaps && failed(expand(conv, taps)))
      return failure();
  }
  return success();
}

namespace {
struct ExpandLateConvsPass
    : model::impl::ExpandLateConvsPassBase<ExpandLateConvsPass> {
  void runOnOperation() override {
    if (failed(Expander(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
