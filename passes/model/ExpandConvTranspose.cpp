// A transposed convolution with strides is as many convolutions as there are
// remainders of a result's position by the stride: each sees only the taps that
// meet its positions, so nothing is multiplied by inserted zeros.
//
//   along one dimension, o = s*q + r:  tap k meets it where k*d = r + low (mod s)
//     k = k0 + g*t, g = s / gcd(s, d)      i = q + e - t * (g*d/s)
//
//   nn.conv_transpose  ->  nn.conv (per phase, taps reversed), nn.interleave
#include "dialects/nn/DimBuilder.h"
#include "passes/model/Passes.h"
#include <numeric>

namespace tenon::model {
#define GEN_PASS_DEF_EXPANDCONVTRANSPOSEPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {

/// What a phase sees of one dimension.
struct Phase {
  int64_t first = 0, step = 1, taps = 0; // of the weights
  int64_t dilation = 1;
  int64_t low = 0; // padding before; negative crops
  DimExpr size;    // of its result
};

Phase phaseOf(int64_t stride, int64_t dilation, int64_t low, int64_t remainder,
              int64_t window, const DimExpr &size) {
  Phase p;
  p.step = stride / std::gcd(stride, dilation);
  p.dilation = p.step * dilation / stride;
  p.first = 0;
  while (p.first < window && (remainder + low - p.first * dilation) % stride)
    ++p.first;
  p.taps = p.first < window ? (window - p.first + p.step - 1) / p.step : 0;
  int64_t e = (remainder + low - p.first * dilation) / stride;
  p.low = (p.taps - 1) * p.dilation - e;
  p.size = DimExpr::floorDiv(size + DimExpr(stride - 1 - remainder), stride);
  return p;
}

class Expander {
public:
  explicit Expander(func::FuncOp program) : program(program), b(program) {}
  LogicalResult run();

private:
  LogicalResult expand(nn::ConvTransposeOp op);
  Value phase(nn::ConvTransposeOp op, ArrayRef<Phase> phases);

  func::FuncOp program;
  nn::DimBuilder b;
};

} // namespace

/// The convolution of one phase; a phase that no tap meets is the bias alone.
Value Expander::phase(nn::ConvTransposeOp op, ArrayRef<Phase> phases) {
  Location loc = op.getLoc();
  Value x = op.getInput(), w = op.getWeights();
  Type element = b.elementOf(x);
  Dims from = b.dims.of(x), window = b.dims.of(w),
       to = b.dims.of(op.getResult());
  unsigned rank = from.size();
  Dims shape = {to[0], to[1]};
  bool met = true;
  for (const Phase &p : phases) {
    shape.push_back(p.size);
    met &= p.taps > 0;
  }
  if (!met) {
    auto scalar = RankedTensorType::get({}, element);
    Value v = pack::ConstantOp::create(
        b, loc, scalar, DenseElementsAttr::get(scalar, b.getFloatAttr(element, 0)));
    if (op.getBias()) {
      Dims channels(rank, 1);
      channels[1] = to[1];
      v = b.reshape(loc, op.getBias(), channels);
    }
    return b.make<nn::ExpandOp>(loc, element, v, b.attr(shape));
  }
  // Taps of this phase, the last first: [C, M/g, taps...].
  Dims starts(2, 0), taps = {window[0], window[1]};
  SmallVector<int64_t> steps(2, 1), ones(phases.size(), 1), dilations;
  // Crop what no window reaches, pad what windows reach outside.
  Dims begin(2, 0), kept = {from[0], from[1]}, low, high;
  bool crops = false;
  for (auto [i, p] : llvm::enumerate(phases)) {
    starts.push_back(p.first + (p.taps - 1) * p.step);
    taps.push_back(p.taps);
    steps.push_back(-p.step);
    dilations.push_back(p.dilation);
    DimExpr reach = p.size + DimExpr((p.taps - 1) * p.dilation);
    DimExpr after = reach - DimExpr(p.low) - from[2 + i];
    DimRange range = after.range(b.dims.symbols);
    int64_t before = std::min<int64_t>(p.low, 0);
    DimExpr cut = range.lo >= 0 ? DimExpr(0)
                  : range.hi <= 0 ? DimExpr(0) - after
                                  : DimExpr::max(DimExpr(0) - after, 0);
    begin.push_back(-before);
    kept.push_back(from[2 + i] - DimExpr(-before) - cut);
    crops |= before < 0 || !cut.isConstant(0);
    low.push_back(std::max<int64_t>(p.low, 0));
    high.push_back(after + cut);
  }
  SmallVector<int64_t> unit(rank, 1);
  if (crops)
    x = b.make<nn::SliceOp>(loc, element, x, b.attr(begin),
                            ArrayRef<int64_t>(unit), b.attr(kept));
  w = b.make<nn::SliceOp>(loc, element, w, b.attr(starts),
                          ArrayRef<int64_t>(steps), b.attr(taps));
  // [C, M/g, ...] of a transposed convolution is [M, C/g, ...] of a plain one.
  int64_t group = op.getGroup();
  Dims split = {group, DimExpr::floorDiv(window[0], group), window[1]};
  split.append(taps.begin() + 2, taps.end());
  SmallVector<int64_t> order = {0, 2, 1};
  for (unsigned i = 3; i < split.size(); ++i)
    order.push_back(i);
  Dims joined = {window[1] * DimExpr(group), split[1]};
  joined.append(taps.begin() + 2, taps.end());
  w = b.make<nn::TransposeOp>(loc, element, b.reshape(loc, w, split),
                              b.getDenseI64ArrayAttr(order));
  w = b.reshape(loc, w, joined);
  return b.make<nn::ConvOp>(loc, element, x, w, op.getBias(),
                            b.getDenseI64ArrayAttr(ones),
                            b.getDenseI64ArrayAttr(dilations), b.attr(low),
                            b.attr(high), b.getI64IntegerAttr(group), nullptr);
}

LogicalResult Expander::expand(nn::ConvTransposeOp op) {
  b.setInsertionPoint(op);
  Dims window = b.dims.of(op.getWeights()), to = b.dims.of(op.getResult());
  size_t spatial = op.getStrides().size();
  for (size_t i = 0; i < spatial; ++i)
    if (!window[2 + i].isConstant() || !op.getLow().getExprs()[i].isConstant())
      return op.emitError("expected a window and padding of constant sizes, "
                          "but got ")
             << dimsToString(window) << " and "
             << dimsToString(op.getLow().getExprs());
  int64_t count = 1;
  for (int64_t s : op.getStrides())
    count *= s;
  SmallVector<Value> parts;
  for (int64_t n = 0; n < count; ++n) {
    SmallVector<Phase> phases(spatial);
    int64_t rest = n;
    for (size_t i = spatial; i-- > 0;) {
      int64_t stride = op.getStrides()[i];
      phases[i] = phaseOf(stride, op.getDilations()[i],
                          op.getLow().getExprs()[i].constant(), rest % stride,
                          window[2 + i].constant(), to[2 + i]);
      rest /= stride;
    }
    Value part = phase(op, phases);
    if (!part)
      return failure();
    parts.push_back(part);
  }
  Value all = parts[0];
  if (count > 1)
    all = b.make<nn::InterleaveOp>(op.getLoc(), b.elementOf(all), parts,
                                   op.getStridesAttr(),
                                   b.attr(Dims(to.begin() + 2, to.end())));
  op->getResult(0).replaceAllUsesWith(all);
  op->erase();
  return success();
}

LogicalResult Expander::run() {
  if (!b.dims.isValid())
    return failure();
  SmallVector<nn::ConvTransposeOp> ops;
  program.walk([&](nn::ConvTransposeOp op) { ops.push_back(op); });
  for (nn::ConvTransposeOp op : ops)
    if (failed(expand(op)))
      return failure();
  return success();
}

namespace {
struct ExpandConvTransposePass
    : model::impl::ExpandConvTransposePassBase<ExpandConvTransposePass> {
  void runOnOperation() override {
    if (failed(Expander(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
