// Running sums and products: a scan with one state.
//
//   y[i] = x[0] + ... + x[i]   ->   kern.scan (parallel..., 1, i) { addf }
#include "passes/schedule/BodyBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

Value schedule::lowerCumulate(KernBuilder &k, Operation *operation) {
  auto op = dyn_cast<nn::CumulateOp>(operation);
  if (!op)
    return {};
  bool isSum = op.getKind() == nn::ReduceKind::Sum;
  if (!isSum && op.getKind() != nn::ReduceKind::Prod)
    return {};
  Location loc = op.getLoc();
  MLIRContext *context = k.b.getContext();
  Dims x = k.of(op.getInput());
  unsigned axis = op.getAxis(), rank = x.size();
  Type element = k.elementOf(op.getInput()), type = nn::storageType(element);
  // Loops: all other dimensions, the state's, time.
  Dims sizes;
  SmallVector<AffineExpr> at(rank);
  for (unsigned i = 0; i < rank; ++i)
    if (i != axis) {
      at[i] = k.b.getAffineDimExpr(sizes.size());
      sizes.push_back(x[i]);
    }
  unsigned time = sizes.size() + 1, loops = time + 1;
  sizes.append({DimExpr(1), x[axis]});
  SmallVector<AffineExpr> state(at), step(at);
  AffineExpr t = k.b.getAffineDimExpr(time);
  step[axis] = op.getReverse() ? k.b.getAffineSymbolExpr(0) - t : t;
  state[axis] = k.b.getAffineConstantExpr(0);
  auto mapOf = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(loops, 1, results, context);
  };
  // The state begins as what changes nothing.
  auto scalar = RankedTensorType::get({}, element);
  Attribute start = isa<FloatType>(element)
                        ? (Attribute)k.b.getFloatAttr(element, isSum ? 0 : 1)
                        : (Attribute)IntegerAttr::get(element, isSum ? 0 : 1);
  Value init = pack::ConstantOp::create(k.b, loc, scalar,
                                        DenseElementsAttr::get(scalar, start));
  Dims last = x;
  last[axis] = 1;
  auto shapeOf = [&](const Dims &d) { return nn::DimsAttr::get(context, d); };
  auto scan = kern::ScanOp::create(
      k.b, loc,
      TypeRange{nn::tensorType(last, element), nn::tensorType(x, element)},
      ValueRange{op.getInput()}, ValueRange{init}, ValueRange{}, shapeOf(sizes),
      shapeOf({x[axis] - DimExpr(1)}),
      k.b.getAffineMapArrayAttr({mapOf(step), mapOf({}), mapOf(state), mapOf(step)}),
      k.b.getArrayAttr({shapeOf(last), shapeOf(x)}), nullptr);
  k.dims.set(scan.getResult(0), last);
  k.dims.set(scan.getResult(1), x);
  OpBuilder::InsertionGuard guard(k.b);
  Block *body = k.b.createBlock(&scan.getBody());
  Value before = body->addArgument(type, loc), v = body->addArgument(type, loc);
  BodyBuilder b{k.b, loc};
  Value after;
  if (isa<FloatType>(type)) {
    Value sum = isSum ? b.addF(b.widen(before), b.widen(v))
                      : b.mulF(b.widen(before), b.widen(v));
    after = b.narrow(sum, type);
  } else {
    after = isSum ? b.add(before, v) : b.mul(before, v);
  }
  kern::YieldOp::create(k.b, loc,
                        ValueRange{after, op.getExclusive() ? before : after});
  return scan.getResult(1);
}
