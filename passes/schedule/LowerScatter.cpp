// Scatters: the data, updated in place in the order of the updates, so that
// the last of equal indices wins and sums have one order.
#include "passes/schedule/BodyBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

/// What stands there met by an update.
static Value meet(BodyBuilder x, nn::ScatterKind kind, Type element, Value old,
                  Value update) {
  if (kind == nn::ScatterKind::Replace)
    return update;
  if (isa<FloatType>(element)) {
    Value a = x.widen(old), u = x.widen(update), r;
    switch (kind) {
    case nn::ScatterKind::Add: r = x.addF(a, u); break;
    case nn::ScatterKind::Mul: r = x.mulF(a, u); break;
    case nn::ScatterKind::Min: r = x.minF(a, u); break;
    default: r = x.maxF(a, u); break;
    }
    // A NaN of either side wins, as in numpy.
    if (kind == nn::ScatterKind::Min || kind == nn::ScatterKind::Max)
      r = x.select(x.compareF(BodyBuilder::Float::UNO, a, a), a, r);
    return x.narrow(r, old.getType());
  }
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  switch (kind) {
  case nn::ScatterKind::Add:
    return element.isInteger(1) ? x.orOf(old, update) : x.add(old, update);
  case nn::ScatterKind::Mul:
    return element.isInteger(1) ? x.andOf(old, update) : x.mul(old, update);
  case nn::ScatterKind::Min:
    return isUnsigned ? x.make<arith::MinUIOp>(old, update) : x.min(old, update);
  default:
    return isUnsigned ? x.make<arith::MaxUIOp>(old, update) : x.max(old, update);
  }
}

/// Loops over all places of `shape`.
static void forEachPlace(BodyBuilder x, ArrayRef<DimExpr> shape,
                         SmallVector<Value> &at,
                         llvm::function_ref<void()> body) {
  if (shape.empty())
    return body();
  x.forEach(x.constant(0), x.size(shape.front()), [&](Value i) {
    at.push_back(i);
    forEachPlace(x, shape.drop_front(), at, body);
    at.pop_back();
  });
}

static Value scatterElements(KernBuilder &k, nn::ScatterElementsOp op) {
  Dims data = k.of(op.getData());
  Type element = k.elementOf(op.getData()), index = k.elementOf(op.getIndices());
  KernBuilder::SequenceSpec spec;
  spec.tables = {op.getIndices(), op.getUpdates()};
  spec.elements = {element};
  spec.shapes = {data};
  spec.dests = {op.getData()};
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder x{b, loc};
    SmallVector<Value> at;
    forEachPlace(x, k.of(op.getUpdates()), at, [&] {
      Value i = elementToIndex(b, loc, x.read(a[0], at), index);
      SmallVector<Value> to(at);
      to[op.getAxis()] = x.checked(i, x.size(data[op.getAxis()]));
      Value update = x.read(a[1], at);
      x.write(meet(x, op.getKind(), element, x.read(a[2], to), update), a[2], to);
    });
  });
}

static Value scatterNd(KernBuilder &k, nn::ScatterNdOp op) {
  Dims data = k.of(op.getData()), indices = k.of(op.getIndices());
  Type element = k.elementOf(op.getData()), index = k.elementOf(op.getIndices());
  unsigned tuple = indices.back().constant(), prefix = indices.size() - 1;
  KernBuilder::SequenceSpec spec;
  spec.tables = {op.getIndices(), op.getUpdates()};
  spec.elements = {element};
  spec.shapes = {data};
  spec.dests = {op.getData()};
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder x{b, loc};
    SmallVector<Value> at, inner;
    forEachPlace(x, ArrayRef(indices).take_front(prefix), at, [&] {
      SmallVector<Value> to;
      for (unsigned t = 0; t < tuple; ++t) {
        SmallVector<Value> from(at);
        from.push_back(x.constant(t));
        Value i = elementToIndex(b, loc, x.read(a[0], from), index);
        to.push_back(x.checked(i, x.size(data[t])));
      }
      forEachPlace(x, ArrayRef(data).drop_front(tuple), inner, [&] {
        SmallVector<Value> from(at), place(to);
        from.append(inner);
        place.append(inner);
        Value update = x.read(a[1], from);
        x.write(meet(x, op.getKind(), element, x.read(a[2], place), update),
                a[2], place);
      });
    });
  });
}

Value schedule::lowerScatter(KernBuilder &k, Operation *op) {
  if (auto scatter = dyn_cast<nn::ScatterElementsOp>(op))
    return scatterElements(k, scatter);
  if (auto scatter = dyn_cast<nn::ScatterNdOp>(op))
    return scatterNd(k, scatter);
  return {};
}
