// Convolution and pooling as reductions over windows. Padding is written into
// a padded copy first, so that every read is linear in the loops.
#include "passes/schedule/BodyBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

/// Loop index o * stride + w * dilation of a window.
static AffineExpr windowAt(KernBuilder &k, unsigned out, unsigned window,
                           int64_t stride, int64_t dilation) {
  return k.b.getAffineDimExpr(out) * stride +
         k.b.getAffineDimExpr(window) * dilation;
}

static Value lowerConv(KernBuilder &k, nn::ConvOp op) {
  Location loc = op.getLoc();
  Dims y = k.of(op.getResult()), w = k.of(op.getWeights());
  unsigned spatial = y.size() - 2;
  Value input = padSpatial(k, loc, op.getInput(), op.getLow().getExprs(),
                       op.getHigh().getExprs(), 0);
  int64_t group = op.getGroup();
  // Loops (n, g, oc/g, spatial..., ic/g, window...).
  KernBuilder::ReduceSpec spec;
  DimExpr perGroup = DimExpr::floorDiv(y[1], group);
  spec.sizes = {y[0], group, perGroup};
  spec.sizes.append(y.begin() + 2, y.end());
  spec.parallel = 3 + spatial;
  spec.sizes.append(w.begin() + 1, w.end());
  unsigned loops = spec.sizes.size(), channel = spec.parallel;
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  spec.symbols = {w[1], perGroup};
  AffineExpr channelsPerGroup = k.b.getAffineSymbolExpr(0);
  AffineExpr resultsPerGroup = k.b.getAffineSymbolExpr(1);
  SmallVector<AffineExpr> x = {d(0), d(1) * channelsPerGroup + d(channel)};
  SmallVector<AffineExpr> weight = {d(1) * resultsPerGroup + d(2), d(channel)};
  SmallVector<AffineExpr> result = {d(0), d(1) * resultsPerGroup + d(2)};
  for (unsigned i = 0; i < spatial; ++i) {
    x.push_back(windowAt(k, 3 + i, channel + 1 + i, op.getStrides()[i],
                         op.getDilations()[i]));
    weight.push_back(d(channel + 1 + i));
    result.push_back(d(3 + i));
  }
  MLIRContext *context = k.b.getContext();
  spec.ins = {{input, AffineMap::get(loops, 2, x, context)},
              {op.getWeights(), AffineMap::get(loops, 2, weight, context)}};
  if (op.getBias())
    spec.extras = {{op.getBias(), AffineMap::get(spec.parallel, 2,
                                                 {result[1]}, context)}};
  spec.resultMap = AffineMap::get(spec.parallel, 2, result, context);
  spec.shape = y;
  spec.combiners = {kern::Combiner::Add};
  Type element = k.elementOf(op.getResult());
  bool isFloat = isa<FloatType>(element);
  Type wide = isFloat && element.getIntOrFloatBitWidth() < 32
                  ? (Type)k.b.getF32Type()
                  : nn::storageType(element);
  auto extend = [&](OpBuilder &b, Location loc, Value v, Type from) -> Value {
    if (v.getType() == wide)
      return v;
    if (isFloat)
      return arith::ExtFOp::create(b, loc, wide, v);
    if (from.isUnsignedInteger())
      return arith::ExtUIOp::create(b, loc, wide, v);
    return arith::ExtSIOp::create(b, loc, wide, v);
  };
  return k.reduce(
      loc, element, spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value v = extend(b, loc, a[0], k.elementOf(input));
        Value u = extend(b, loc, a[1], k.elementOf(op.getWeights()));
        return SmallVector<Value>{
            isFloat ? (Value)arith::MulFOp::create(b, loc, v, u)
                    : (Value)arith::MulIOp::create(b, loc, v, u)};
      },
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value v = a[0];
        if (op.getBias()) {
          Value bias = extend(b, loc, a[1], k.elementOf(op.getBias()));
          v = isFloat ? (Value)arith::AddFOp::create(b, loc, v, bias)
                      : (Value)arith::AddIOp::create(b, loc, v, bias);
        }
        if (v.getType() != nn::storageType(element))
          v = arith::TruncFOp::create(b, loc, element, v);
        return SmallVector<Value>{v};
      });
}

/// How many of a window's elements lie inside the input, as a product over
/// the spatial dimensions; `open` counts the padding as inside.
static Value windowCount(KernBuilder &k, nn::PoolOp op, OpBuilder &b,
                         Location loc, bool open) {
  Dims x = k.of(op.getInput());
  auto size = [&](const DimExpr &e) -> Value {
    if (e.isConstant())
      return indexConstant(b, loc, e.constant());
    return kern::SizeOp::create(
        b, loc, b.getIndexType(),
        nn::DimsAttr::get(b.getContext(), ArrayRef<DimExpr>(e)));
  };
  Value total = indexConstant(b, loc, 1);
  for (unsigned i = 0; i < op.getWindow().size(); ++i) {
    // Element j is at first + j * dilation; those with lo <= at < hi count.
    int64_t dilation = op.getDilations()[i];
    DimExpr low = op.getLow().getExprs()[i];
    DimExpr end = x[2 + i];
    DimExpr begin = 0;
    if (open) {
      begin = DimExpr(0) - low;
      end = end + op.getHigh().getExprs()[i];
    }
    Value out = kern::IndexOp::create(b, loc, b.getIndexType(), b.getI64IntegerAttr(2 + i));
    Value first = arith::SubIOp::create(
        b, loc,
        arith::MulIOp::create(b, loc, out,
                              indexConstant(b, loc, op.getStrides()[i])),
        size(low));
    if (dilation == 1) {
      // From max(first, lo) to min(first + window, hi).
      Value from = arith::MaxSIOp::create(b, loc, first, size(begin));
      Value to = arith::MinSIOp::create(
          b, loc,
          arith::AddIOp::create(b, loc, first,
                                indexConstant(b, loc, op.getWindow()[i])),
          size(end));
      Value inside = arith::MaxSIOp::create(
          b, loc, arith::SubIOp::create(b, loc, to, from),
          indexConstant(b, loc, 0));
      total = arith::MulIOp::create(b, loc, total, inside);
      continue;
    }
    Value count = indexConstant(b, loc, 0);
    for (int64_t j = 0; j < op.getWindow()[i]; ++j) {
      Value at = arith::AddIOp::create(b, loc, first,
                                       indexConstant(b, loc, j * dilation));
      Value in = arith::AndIOp::create(
          b, loc,
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, at,
                                size(begin)),
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, at,
                                size(end)));
      count = arith::AddIOp::create(
          b, loc, count,
          arith::SelectOp::create(b, loc, in, indexConstant(b, loc, 1),
                                  indexConstant(b, loc, 0)));
    }
    total = arith::MulIOp::create(b, loc, total, count);
  }
  return total;
}

static Value lowerPool(KernBuilder &k, nn::PoolOp op) {
  Location loc = op.getLoc();
  Dims y = k.of(op.getResult());
  unsigned spatial = op.getWindow().size();
  bool max = op.getKind() == nn::PoolKind::Max;
  bool average = op.getKind() == nn::PoolKind::Average;
  // windowCount writes these out one by one.
  constexpr int64_t longest = 4096;
  for (auto [window, dilation] : llvm::zip(op.getWindow(), op.getDilations()))
    if (average && dilation > 1 && window > longest)
      return {};
  Type element = k.elementOf(op.getInput());
  // The last window may reach past the padding (ceil_mode): pad what it needs.
  Dims low = op.getLow().getExprs(), high = op.getHigh().getExprs();
  bool padding = false;
  Dims x = k.of(op.getInput());
  for (unsigned i = 0; i < spatial; ++i) {
    DimExpr reach = (y[2 + i] - DimExpr(1)) * DimExpr(op.getStrides()[i]) +
                    DimExpr((op.getWindow()[i] - 1) * op.getDilations()[i] + 1);
    high[i] = DimExpr::max(high[i], reach - low[i] - x[2 + i]);
    padding |= !low[i].isConstant(0) || !high[i].isConstant(0);
  }
  Value input =
      padSpatial(k, loc, op.getInput(), low, high,
             max ? -std::numeric_limits<double>::infinity() : 0);
  KernBuilder::ReduceSpec spec;
  spec.sizes = y;
  spec.parallel = y.size();
  for (int64_t w : op.getWindow())
    spec.sizes.push_back(w);
  unsigned loops = spec.sizes.size();
  SmallVector<AffineExpr> at = {k.b.getAffineDimExpr(0),
                                k.b.getAffineDimExpr(1)};
  for (unsigned i = 0; i < spatial; ++i)
    at.push_back(windowAt(k, 2 + i, spec.parallel + i, op.getStrides()[i],
                          op.getDilations()[i]));
  if (op.getBlocked())
    at.push_back(k.b.getAffineDimExpr(spec.parallel - 1));
  spec.ins = {{input, AffineMap::get(loops, 0, at, k.b.getContext())}};
  bool isFloat = isa<FloatType>(element);
  spec.combiners = {!max      ? kern::Combiner::Add
                    : isFloat ? kern::Combiner::MaxF
                    : element.isUnsignedInteger() ? kern::Combiner::MaxU
                                                  : kern::Combiner::MaxS};
  bool half = isFloat && element.getIntOrFloatBitWidth() < 32;
  Type wide = half ? (Type)k.b.getF32Type() : nn::storageType(element);
  int64_t whole = 1;
  for (int64_t w : op.getWindow())
    whole *= w;
  bool lp = op.getKind() == nn::PoolKind::Lp;
  auto number = [](OpBuilder &b, Location loc, Type type, double v) -> Value {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, v));
  };
  return k.reduce(
      loc, element, spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value v = a[0];
        if (half)
          v = arith::ExtFOp::create(b, loc, wide, v);
        if (lp) {
          Value magnitude = math::AbsFOp::create(b, loc, v);
          v = op.getP() == 1 ? magnitude
              : op.getP() == 2
                  ? (Value)arith::MulFOp::create(b, loc, v, v)
                  : (Value)math::PowFOp::create(b, loc, magnitude,
                                                number(b, loc, wide, op.getP()));
        }
        return SmallVector<Value>{v};
      },
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value v = a[0];
        if (average) {
          Value count;
          if (padding)
            count = indexToElement(
                b, loc, windowCount(k, op, b, loc, op.getCountPad()), wide);
          else
            count = number(b, loc, wide, whole);
          v = arith::DivFOp::create(b, loc, v, count);
        }
        if (lp && op.getP() == 2)
          v = math::SqrtOp::create(b, loc, v);
        else if (lp && op.getP() != 1)
          v = math::PowFOp::create(b, loc, v, number(b, loc, wide, 1.0 / op.getP()));
        if (half)
          v = arith::TruncFOp::create(b, loc, element, v);
        return SmallVector<Value>{v};
      });
}

/// The largest element of each window by its place in the flattened operand.
/// Elements outside do not count: a padded copy holds the least value there.
static Value lowerPoolIndices(KernBuilder &k, nn::PoolIndicesOp op) {
  Location loc = op.getLoc();
  Dims y = k.of(op.getResult()), x = k.of(op.getInput());
  unsigned spatial = op.getWindow().size();
  Type element = k.elementOf(op.getInput());
  Dims low = op.getLow().getExprs(), high(spatial, DimExpr(0));
  for (unsigned i = 0; i < spatial; ++i)
    high[i] = DimExpr::max(
        (y[2 + i] - DimExpr(1)) * DimExpr(op.getStrides()[i]) +
            DimExpr((op.getWindow()[i] - 1) * op.getDilations()[i] + 1) -
            low[i] - x[2 + i],
        0);
  Value input = padSpatial(k, loc, op.getInput(), low, high,
                           -std::numeric_limits<double>::infinity());
  KernBuilder::ReduceSpec spec;
  spec.sizes = y;
  spec.parallel = y.size();
  spec.sizes.append(op.getWindow().begin(), op.getWindow().end());
  SmallVector<AffineExpr> at = {k.b.getAffineDimExpr(0), k.b.getAffineDimExpr(1)};
  for (unsigned i = 0; i < spatial; ++i)
    at.push_back(windowAt(k, 2 + i, spec.parallel + i, op.getStrides()[i],
                          op.getDilations()[i]));
  spec.ins = {{input, AffineMap::get(spec.sizes.size(), 0, at, k.b.getContext())}};
  spec.combiners = {kern::Combiner::ArgMaxFirst};
  bool half = isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
  return k.reduce(
      loc, k.b.getI64Type(), spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        BodyBuilder c{b, loc};
        Value v = half ? c.widen(a[0]) : a[0];
        // Row-major over (n, c, spatial...), or the last two swapped.
        SmallVector<unsigned> order;
        for (unsigned i = 0; i < spatial; ++i)
          order.push_back(i);
        if (op.getColumnMajor() && spatial > 1)
          std::swap(order[spatial - 1], order[spatial - 2]);
        Value position = c.add(c.mul(c.loop(0), c.size(x[1])), c.loop(1));
        for (unsigned i : order) {
          Value along = c.add(
              c.mul(c.loop(2 + i), c.constant(op.getStrides()[i])),
              c.mul(c.loop(spec.parallel + i), c.constant(op.getDilations()[i])));
          along = c.sub(along, c.size(low[i]));
          position = c.add(c.mul(position, c.size(x[2 + i])), along);
        }
        return SmallVector<Value>{
            v, c.make<arith::IndexCastOp>(b.getI64Type(), position)};
      },
      [&](OpBuilder &, Location, ValueRange a) {
        return SmallVector<Value>{a[1]};
      });
}

/// Phases written one after another into one buffer, `steps` apart.
static Value lowerInterleave(KernBuilder &k, nn::InterleaveOp op) {
  Dims shape = k.of(op.getResult());
  ArrayRef<int64_t> steps = op.getSteps();
  Value all = k.empty(op.getLoc(), k.elementOf(op.getResult()), shape);
  for (auto [phase, input] : llvm::enumerate(op.getInputs())) {
    KernBuilder::MapSpec spec;
    spec.sizes = k.of(input);
    unsigned rank = spec.sizes.size();
    SmallVector<AffineExpr> to;
    for (unsigned i = 0; i < rank; ++i)
      to.push_back(k.b.getAffineDimExpr(i));
    int64_t rest = phase;
    for (unsigned i = steps.size(); i-- > 0;) {
      to[2 + i] = to[2 + i] * steps[i] + rest % steps[i];
      rest /= steps[i];
    }
    spec.ins = {{input, k.identity(rank)}};
    spec.resultMap = AffineMap::get(rank, 0, to, k.b.getContext());
    spec.shape = shape;
    spec.dest = all;
    all = k.map(op.getLoc(), k.elementOf(input), spec,
                [](OpBuilder &, Location, ValueRange a) {
                  return SmallVector<Value>{a[0]};
                });
  }
  return all;
}

Value schedule::lowerWindow(KernBuilder &k, Operation *op) {
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    return lowerConv(k, conv);
  if (auto pool = dyn_cast<nn::PoolOp>(op))
    return lowerPool(k, pool);
  if (auto indices = dyn_cast<nn::PoolIndicesOp>(op))
    return lowerPoolIndices(k, indices);
  if (auto interleave = dyn_cast<nn::InterleaveOp>(op))
    return lowerInterleave(k, interleave);
  return {};
}
