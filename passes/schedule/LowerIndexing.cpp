// Operations whose body looks at loop indices or computes where to read:
// Range, Trilu, OneHot, Gather and its kin, Pad by reflection.
#include "passes/schedule/BodyBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

static Value lowerIota(KernBuilder &k, nn::IotaOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  spec.ins = {{op.getStart(), k.broadcastMap(op.getStart(), spec.sizes)},
              {op.getDelta(), k.broadcastMap(op.getDelta(), spec.sizes)}};
  Type element = k.elementOf(op.getResult());
  return k.map(op.getLoc(), element, spec,
               [&](OpBuilder &b, Location loc, ValueRange a) {
                 BodyBuilder x{b, loc};
                 if (isa<FloatType>(element)) {
                   Value start = x.widen(a[0]), delta = x.widen(a[1]);
                   Value i = indexToElement(b, loc, x.loop(0), delta.getType());
                   Value r = x.addF(x.mulF(i, delta), start);
                   return SmallVector<Value>{x.narrow(r, element)};
                 }
                 Value i = indexToElement(b, loc, x.loop(0), element);
                 return SmallVector<Value>{arith::AddIOp::create(
                     b, loc, arith::MulIOp::create(b, loc, i, a[1]), a[0])};
               });
}

static Value lowerTrilu(KernBuilder &k, nn::TriluOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  int64_t rank = spec.sizes.size();
  spec.ins = {{op.getInput(), k.identity(rank)}};
  if (op.getK())
    spec.ins.push_back({op.getK(), k.broadcastMap(op.getK(), spec.sizes)});
  return k.map(
      op.getLoc(), k.elementOf(op.getInput()), spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        BodyBuilder x{b, loc};
        Value row = x.loop(rank - 2), column = x.loop(rank - 1);
        if (op.getK())
          row = x.add(row, elementToIndex(b, loc, a[1],
                                          k.elementOf(op.getK())));
        Value keep = x.compare(op.getUpper() ? arith::CmpIPredicate::sge
                                             : arith::CmpIPredicate::sle,
                               column, row);
        Value zero = arith::ConstantOp::create(
            b, loc, cast<TypedAttr>(b.getZeroAttr(a[0].getType())));
        return SmallVector<Value>{x.select(keep, a[0], zero)};
      });
}

static Value lowerOneHot(KernBuilder &k, nn::OneHotOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  unsigned rank = spec.sizes.size(), axis = op.getAxis();
  MLIRContext *context = k.b.getContext();
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < rank; ++i)
    if (i != axis)
      at.push_back(k.b.getAffineDimExpr(i));
  auto fixed = [&](int64_t i) {
    return AffineMap::get(rank, 0, {k.b.getAffineConstantExpr(i)}, context);
  };
  spec.ins = {{op.getIndices(), AffineMap::get(rank, 0, at, context)},
              {op.getValues(), fixed(0)},
              {op.getValues(), fixed(1)}};
  Type index = k.elementOf(op.getIndices());
  return k.map(
      op.getLoc(), k.elementOf(op.getResult()), spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        BodyBuilder x{b, loc};
        Value i = a[0];
        // Non-integer indices are truncated, as the standard's reference does.
        if (isa<FloatType>(index))
          i = arith::FPToSIOp::create(b, loc, b.getI64Type(), i);
        i = elementToIndex(b, loc, i, isa<FloatType>(index)
                                          ? (Type)b.getI64Type() : index);
        Value depth = x.size(op.getDepth().getExprs()[0]);
        Value negative =
            x.compare(arith::CmpIPredicate::slt, i, x.constant(0));
        i = x.select(negative, x.add(i, depth), i);
        Value hit = x.compare(arith::CmpIPredicate::eq, i, x.loop(axis));
        return SmallVector<Value>{x.select(hit, a[2], a[1])};
      });
}

static Value lowerGather(KernBuilder &k, nn::GatherOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  Dims data = k.of(op.getData()), indices = k.of(op.getIndices());
  unsigned rank = spec.sizes.size(), axis = op.getAxis();
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < indices.size(); ++i)
    at.push_back(k.b.getAffineDimExpr(axis + i));
  spec.ins = {{op.getIndices(),
               AffineMap::get(rank, 0, at, k.b.getContext())}};
  spec.tables = {op.getData()};
  return k.map(op.getLoc(), k.elementOf(op.getData()), spec,
               [&](OpBuilder &b, Location loc, ValueRange a) {
                 BodyBuilder x{b, loc};
                 Value i = elementToIndex(b, loc, a[0],
                                          k.elementOf(op.getIndices()));
                 i = x.checked(i, x.size(data[axis]));
                 SmallVector<Value> from;
                 for (unsigned d = 0; d < data.size(); ++d)
                   from.push_back(d < axis   ? x.loop(d)
                                  : d == axis ? i
                                              : x.loop(d + indices.size() - 1));
                 return SmallVector<Value>{x.load(a[1], from)};
               });
}

static Value lowerGatherElements(KernBuilder &k, nn::GatherElementsOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  unsigned rank = spec.sizes.size(), axis = op.getAxis();
  Dims data = k.of(op.getData());
  spec.ins = {{op.getIndices(), k.identity(rank)}};
  spec.tables = {op.getData()};
  return k.map(op.getLoc(), k.elementOf(op.getData()), spec,
               [&](OpBuilder &b, Location loc, ValueRange a) {
                 BodyBuilder x{b, loc};
                 Value i = elementToIndex(b, loc, a[0],
                                          k.elementOf(op.getIndices()));
                 i = x.checked(i, x.size(data[axis]));
                 SmallVector<Value> from;
                 for (unsigned d = 0; d < rank; ++d)
                   from.push_back(d == axis ? i : x.loop(d));
                 return SmallVector<Value>{x.load(a[1], from)};
               });
}

static Value lowerGatherNd(KernBuilder &k, nn::GatherNdOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  Dims data = k.of(op.getData()), indices = k.of(op.getIndices());
  unsigned rank = spec.sizes.size(), batch = op.getBatchDims();
  unsigned prefix = indices.size() - 1;
  int64_t tuple = indices.back().constant();
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < prefix; ++i)
    at.push_back(k.b.getAffineDimExpr(i));
  for (int64_t t = 0; t < tuple; ++t) {
    SmallVector<AffineExpr> all = at;
    all.push_back(k.b.getAffineConstantExpr(t));
    spec.ins.push_back(
        {op.getIndices(), AffineMap::get(rank, 0, all, k.b.getContext())});
  }
  spec.tables = {op.getData()};
  return k.map(op.getLoc(), k.elementOf(op.getData()), spec,
               [&](OpBuilder &b, Location loc, ValueRange a) {
                 BodyBuilder x{b, loc};
                 SmallVector<Value> from;
                 for (unsigned d = 0; d < batch; ++d)
                   from.push_back(x.loop(d));
                 for (int64_t t = 0; t < tuple; ++t) {
                   Value i = elementToIndex(b, loc, a[t],
                                            k.elementOf(op.getIndices()));
                   from.push_back(x.checked(i, x.size(data[batch + t])));
                 }
                 for (unsigned d = batch + tuple; d < data.size(); ++d)
                   from.push_back(x.loop(prefix + d - batch - tuple));
                 return SmallVector<Value>{x.load(a[tuple], from)};
               });
}

/// Reflect, edge and wrap: every element knows where it comes from.
static Value lowerPadByIndex(KernBuilder &k, nn::PadOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  Dims from = k.of(op.getInput());
  spec.tables = {op.getInput()};
  return k.map(
      op.getLoc(), k.elementOf(op.getInput()), spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        BodyBuilder x{b, loc};
        SmallVector<Value> at;
        for (unsigned d = 0; d < from.size(); ++d) {
          Value size = x.size(from[d]), one = x.constant(1), zero = x.constant(0);
          Value i = x.sub(x.loop(d), x.size(op.getLow().getExprs()[d]));
          Value last = x.sub(size, one);
          if (op.getMode() == nn::PadMode::Edge) {
            i = x.min(x.max(i, zero), last);
          } else {
            // A whole period is `size` (wrap) or there and back without the
            // ends twice (reflect).
            bool wrap = op.getMode() == nn::PadMode::Wrap;
            Value period = wrap ? size
                                : x.max(x.add(last, last), one);
            Value r = arith::RemSIOp::create(b, loc, i, period);
            Value negative = x.compare(arith::CmpIPredicate::slt, r, zero);
            r = x.select(negative, x.add(r, period), r);
            i = wrap ? r : x.min(r, x.sub(period, r));
            i = x.min(x.max(i, zero), last);
          }
          at.push_back(i);
        }
        return SmallVector<Value>{x.load(a[0], at)};
      });
}

/// Sizes as numbers in memory.
static Value lowerDims(KernBuilder &k, nn::DimsOp op) {
  Type element = k.elementOf(op.getResult());
  Dims values = op.getValues().getExprs(), shape = k.of(op.getResult());
  Value flat = k.empty(op.getLoc(), element, {(int64_t)values.size()});
  for (unsigned i = 0; i < values.size(); ++i) {
    KernBuilder::MapSpec spec;
    spec.sizes = {1};
    spec.symbols = {(int64_t)i};
    spec.resultMap =
        AffineMap::get(1, 1, k.b.getAffineDimExpr(0) + k.b.getAffineSymbolExpr(0));
    spec.shape = {(int64_t)values.size()};
    spec.dest = flat;
    flat = k.map(op.getLoc(), element, spec,
                 [&](OpBuilder &b, Location loc, ValueRange) {
                   BodyBuilder x{b, loc};
                   return SmallVector<Value>{
                       indexToElement(b, loc, x.size(values[i]), element)};
                 });
  }
  return k.view(op.getLoc(), flat, shape);
}

Value schedule::lowerIndexing(KernBuilder &k, Operation *op) {
  if (auto iota = dyn_cast<nn::IotaOp>(op))
    return lowerIota(k, iota);
  if (auto trilu = dyn_cast<nn::TriluOp>(op))
    return lowerTrilu(k, trilu);
  if (auto oneHot = dyn_cast<nn::OneHotOp>(op))
    return lowerOneHot(k, oneHot);
  if (auto gather = dyn_cast<nn::GatherOp>(op))
    return lowerGather(k, gather);
  if (auto gather = dyn_cast<nn::GatherElementsOp>(op))
    return lowerGatherElements(k, gather);
  if (auto gather = dyn_cast<nn::GatherNdOp>(op))
    return lowerGatherNd(k, gather);
  if (auto pad = dyn_cast<nn::PadOp>(op))
    return lowerPadByIndex(k, pad);
  if (auto dims = dyn_cast<nn::DimsOp>(op))
    return lowerDims(k, dims);
  return {};
}
