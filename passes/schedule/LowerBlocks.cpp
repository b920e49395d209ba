// Convolutions and conversions in blocks of 16 channels.
//
// A convolution is a matrix product whose rows are places (oh, ow), whose
// columns are result channels and whose reductions are (channel block, window,
// channel): nothing is copied to make it one.
#include "passes/schedule/KernBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

Value schedule::padSpatial(KernBuilder &k, Location loc, Value input, Dims low,
                           Dims high, double value) {
  bool none = true;
  for (auto [l, h] : llvm::zip(low, high))
    none &= l.isConstant(0) && h.isConstant(0);
  if (none)
    return input;
  Dims shape = k.of(input), offsets(shape.size(), DimExpr(0));
  for (unsigned i = 0; i < low.size(); ++i) {
    shape[2 + i] = shape[2 + i] + low[i] + high[i];
    offsets[2 + i] = low[i];
  }
  Type element = k.elementOf(input);
  KernBuilder::MapSpec spec;
  spec.sizes = shape;
  Value filled = k.map(
      loc, element, spec, [&](OpBuilder &b, Location loc, ValueRange) {
        Type type = nn::storageType(element);
        TypedAttr attr;
        if (isa<FloatType>(type)) {
          attr = b.getFloatAttr(type, value);
        } else {
          unsigned width = type.getIntOrFloatBitWidth();
          // -inf in an integer is its least value.
          APInt least = element.isUnsignedInteger()
                            ? APInt::getZero(width)
                            : APInt::getSignedMinValue(width);
          attr = IntegerAttr::get(type, value == 0 ? APInt::getZero(width)
                                                   : least);
        }
        return SmallVector<Value>{arith::ConstantOp::create(b, loc, attr)};
      });
  return k.insert(loc, input, filled, offsets);
}

static SmallVector<Value> same(OpBuilder &, Location, ValueRange a) {
  return {a[0]};
}

/// [N, C, s...] -> [N, blocks, s..., 16]: whole blocks, then what is left over
/// zeros.
static Value lowerToBlocks(KernBuilder &k, nn::ToBlocksOp op) {
  Location loc = op.getLoc();
  Dims x = k.of(op.getInput()), y = k.of(op.getResult());
  Type element = k.elementOf(op.getInput());
  unsigned rank = y.size(), last = rank - 1;
  MLIRContext *context = k.b.getContext();
  int64_t channels = x[1].constant(), whole = channels / kern::kBlock;
  int64_t rest = channels % kern::kBlock;
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  // Loops are the result's; channel = (block + first) * 16 + lane.
  auto part = [&](int64_t first, int64_t blocks, int64_t lanes, Value dest) {
    KernBuilder::MapSpec spec;
    spec.sizes = y;
    spec.sizes[1] = blocks;
    spec.sizes[last] = lanes;
    SmallVector<AffineExpr> from = {d(0), (d(1) + first) * kern::kBlock + d(last)};
    SmallVector<AffineExpr> to = {d(0), d(1) + first};
    for (unsigned i = 2; i < last; ++i) {
      from.push_back(d(i));
      to.push_back(d(i));
    }
    to.push_back(d(last));
    spec.ins = {{op.getInput(), AffineMap::get(rank, 0, from, context)}};
    spec.resultMap = AffineMap::get(rank, 0, to, context);
    spec.shape = y;
    spec.dest = dest;
    return k.map(loc, element, spec, same);
  };
  if (rest == 0)
    return part(0, whole, kern::kBlock, nullptr);
  KernBuilder::MapSpec zero;
  zero.sizes = y;
  Value result = k.map(loc, element, zero, [&](OpBuilder &b, Location loc, ValueRange) {
    return SmallVector<Value>{arith::ConstantOp::create(
        b, loc, cast<TypedAttr>(b.getZeroAttr(nn::storageType(element))))};
  });
  if (whole)
    result = part(0, whole, kern::kBlock, result);
  return part(whole, 1, rest, result);
}

/// The inverse; loops (n, block, lane, s...) write channels in order.
static Value lowerFromBlocks(KernBuilder &k, nn::FromBlocksOp op) {
  Location loc = op.getLoc();
  Dims x = k.of(op.getInput()), y = k.of(op.getResult());
  Type element = k.elementOf(op.getInput());
  unsigned rank = x.size();
  MLIRContext *context = k.b.getContext();
  int64_t channels = y[1].constant(), whole = channels / kern::kBlock;
  int64_t rest = channels % kern::kBlock;
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  auto part = [&](int64_t first, int64_t blocks, int64_t lanes, Value dest) {
    KernBuilder::MapSpec spec;
    spec.sizes = {y[0], blocks, lanes};
    spec.sizes.append(y.begin() + 2, y.end());
    SmallVector<AffineExpr> from = {d(0), d(1) + first};
    SmallVector<AffineExpr> to = {d(0), (d(1) + first) * kern::kBlock + d(2)};
    for (unsigned i = 3; i < rank; ++i) {
      from.push_back(d(i));
      to.push_back(d(i));
    }
    from.push_back(d(2));
    spec.ins = {{op.getInput(), AffineMap::get(rank, 0, from, context)}};
    spec.resultMap = AffineMap::get(rank, 0, to, context);
    spec.shape = y;
    spec.dest = dest;
    return k.map(loc, element, spec, same);
  };
  if (rest == 0)
    return part(0, whole, kern::kBlock, nullptr);
  Value result = k.empty(loc, element, y);
  if (whole)
    result = part(0, whole, kern::kBlock, result);
  return part(whole, 1, rest, result);
}

/// i8 weights [OC, IC, window...] as [panel, block, window..., quad, 64]: four
/// neighbouring channels of each of 16 columns.
static Value quadWeights(KernBuilder &k, Value weights) {
  Dims w = k.of(weights);
  int64_t outer = w[0].constant(), inner = w[1].constant(), window = 1;
  SmallVector<int64_t> shape = {(int64_t)llvm::divideCeil(outer, kern::kBlock),
                                (int64_t)llvm::divideCeil(inner, kern::kBlock)};
  for (const DimExpr &d : ArrayRef(w).drop_front(2)) {
    window *= d.constant();
    shape.push_back(d.constant());
  }
  shape.append({kern::kBlock / 4, 4 * kern::kBlock});
  return k.quadPanels(weights, shape, [=](int64_t o, int64_t step) {
    int64_t block = step / kern::kBlock;
    int64_t i = block / window * kern::kBlock + step % kern::kBlock;
    return o < outer && i < inner ? (o * inner + i) * window + block % window
                                  : -1;
  });
}

static Value lowerBlockedConv(KernBuilder &k, nn::ConvOp op) {
  if (!op.getBlocked())
    return {};
  Location loc = op.getLoc();
  MLIRContext *context = k.b.getContext();
  Dims y = k.of(op.getResult()), w = k.of(op.getWeights());
  unsigned spatial = w.size() - 2;
  Value input = padSpatial(k, loc, op.getInput(), op.getLow().getExprs(),
                           op.getHigh().getExprs(), 0);
  Dims x = k.of(input);
  bool plain = x.size() == w.size();
  // A step of the reduction is one channel, or four bytes.
  bool bytes = !isa<FloatType>(k.elementOf(input));
  int64_t each = bytes ? 4 : 1;
  Value weights = bytes ? quadWeights(k, op.getWeights()) : op.getWeights();
  // Loops (n, group, o..., panel, column, block, window..., channel); without
  // blocks of the input (.., channel, window...), and one group has no loop.
  int64_t groups = op.getGroup();
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  unsigned first = groups == 1 ? 1 : 2, panel = first + spatial,
           column = panel + 1, reduction = panel + 2;
  auto ofGroup = [&](AffineExpr e, const DimExpr &each) {
    return groups == 1 ? e : d(1) * each.constant() + e;
  };
  DimExpr panels = DimExpr::floorDiv(y[1], groups);
  DimExpr blocks = plain ? w[1] : DimExpr::floorDiv(x[1], groups);
  Dims sizes = {y[0]};
  if (groups > 1)
    sizes.push_back(groups);
  sizes.append(y.begin() + 2, y.begin() + 2 + spatial);
  sizes.append({panels, kern::kBlock, blocks});
  sizes.append(w.begin() + 2, w.end());
  if (!plain)
    sizes.push_back(kern::kBlock / each);
  unsigned loops = sizes.size();
  SmallVector<AffineExpr> left = {d(0), ofGroup(d(reduction), blocks)};
  for (unsigned i = 0; i < spatial; ++i)
    left.push_back(d(first + i) * op.getStrides()[i] +
                   d(reduction + 1 + i) * op.getDilations()[i]);
  if (!plain)
    left.push_back(d(loops - 1) * each);
  // The encoding says where float weights lie.
  SmallVector<AffineExpr> right(w.size(), k.b.getAffineConstantExpr(0));
  right[0] = ofGroup(right[0], panels * DimExpr(kern::kBlock));
  if (bytes) {
    right = {ofGroup(d(panel), panels)};
    for (unsigned i = reduction; i < loops; ++i)
      right.push_back(d(i));
    right.push_back(d(column) * each);
  }
  AffineExpr resultBlock = ofGroup(d(panel), panels);
  SmallVector<AffineExpr> result = {d(0), resultBlock};
  for (unsigned i = 0; i < spatial; ++i)
    result.push_back(d(first + i));
  result.push_back(d(column));
  SmallVector<Value> extras;
  SmallVector<AffineMap> maps = {AffineMap::get(loops, 0, left, context),
                                 AffineMap::get(loops, 0, right, context)};
  if (op.getBias()) {
    extras.push_back(op.getBias());
    maps.push_back(AffineMap::get(reduction, 0,
                                  {resultBlock * kern::kBlock + d(column)}, context));
  }
  maps.push_back(AffineMap::get(reduction, 0, result, context));
  Type element = k.elementOf(op.getResult());
  auto made = kern::MatmulOp::create(
      k.b, loc, TypeRange{op.getType()}, input, weights, extras,
      ValueRange{}, nn::DimsAttr::get(context, sizes),
      k.b.getI64IntegerAttr(spatial),
      k.b.getI64IntegerAttr(loops - reduction),
      nn::DimsAttr::get(context, Dims{panels * DimExpr(kern::kBlock)}),
      nn::DimsAttr::get(context, Dims()), k.b.getAffineMapArrayAttr(maps),
      k.b.getArrayAttr({nn::DimsAttr::get(context, y)}), nullptr, nullptr);
  OpBuilder::InsertionGuard guard(k.b);
  Block *block = k.b.createBlock(&made.getEpilogue());
  Value sum = block->addArgument(element, loc);
  if (op.getBias())
    sum = arith::AddFOp::create(k.b, loc, sum, block->addArgument(element, loc));
  kern::YieldOp::create(k.b, loc, sum);
  k.dims.set(made.getResult(0), y);
  return made.getResult(0);
}

/// One channel per group: lanes are channels, the window is combined in order.
static Value lowerDepthwise(KernBuilder &k, nn::DepthwiseConvOp op) {
  Location loc = op.getLoc();
  MLIRContext *context = k.b.getContext();
  Dims y = k.of(op.getResult()), w = k.of(op.getWeights());
  unsigned spatial = w.size() - 2;
  Value input = padSpatial(k, loc, op.getInput(), op.getLow().getExprs(),
                           op.getHigh().getExprs(), 0);
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  // Loops (n, block, o..., lane | window...).
  KernBuilder::ReduceSpec spec;
  spec.sizes = y;
  spec.parallel = y.size();
  spec.sizes.append(w.begin() + 1, w.end() - 1);
  unsigned loops = spec.sizes.size(), lane = spec.parallel - 1;
  SmallVector<AffineExpr> x = {d(0), d(1)}, weight = {d(1)};
  for (unsigned i = 0; i < spatial; ++i) {
    x.push_back(d(2 + i) * op.getStrides()[i] +
                d(spec.parallel + i) * op.getDilations()[i]);
    weight.push_back(d(spec.parallel + i));
  }
  x.push_back(d(lane));
  weight.push_back(d(lane));
  spec.ins = {{input, AffineMap::get(loops, 0, x, context)},
              {op.getWeights(), AffineMap::get(loops, 0, weight, context)}};
  if (op.getBias())
    spec.extras = {{op.getBias(),
                    AffineMap::get(spec.parallel, 0,
                                   {d(1) * kern::kBlock + d(lane)}, context)}};
  spec.combiners = {kern::Combiner::Add};
  return k.reduce(
      loc, k.elementOf(op.getResult()), spec,
      [](OpBuilder &b, Location loc, ValueRange a) {
        return SmallVector<Value>{arith::MulFOp::create(b, loc, a[0], a[1])};
      },
      [&](OpBuilder &b, Location loc, ValueRange a) {
        return SmallVector<Value>{
            op.getBias() ? (Value)arith::AddFOp::create(b, loc, a[0], a[1])
                         : a[0]};
      });
}

Value schedule::lowerBlocks(KernBuilder &k, Operation *op) {
  if (auto to = dyn_cast<nn::ToBlocksOp>(op))
    return lowerToBlocks(k, to);
  if (auto from = dyn_cast<nn::FromBlocksOp>(op))
    return lowerFromBlocks(k, from);
  if (auto conv = dyn_cast<nn::ConvOp>(op))
    return lowerBlockedConv(k, conv);
  if (auto conv = dyn_cast<nn::DepthwiseConvOp>(op))
    return lowerDepthwise(k, conv);
  return {};
}
