#include "passes/schedule/BodyBuilder.h"

#include "tenon/abi.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

Value BodyBuilder::checked(Value v, Value size) {
  Value zero = constant(0);
  v = select(compare(Int::slt, v, zero), add(v, size), v);
  Value inside = isInside(v, size);
  check(inside, TENON_INDEX_OUT_OF_BOUNDS);
  return select(inside, v, zero);
}

Value BodyBuilder::toIndex(Value x) {
  double most = 1 << 30;
  Value low = like(x, -most), high = like(x, most);
  // Both comparisons are false for NaN, which becomes the low end.
  x = select(compareF(Float::OGT, x, low), x, low);
  x = select(compareF(Float::OLT, x, high), x, high);
  return make<arith::IndexCastOp>(b.getIndexType(),
                                  make<arith::FPToSIOp>(b.getI64Type(), x));
}

Value BodyBuilder::widen(Value v) {
  Type type = v.getType();
  if (!isa<FloatType>(type) || type.getIntOrFloatBitWidth() >= 32)
    return v;
  return make<arith::ExtFOp>(b.getF32Type(), v);
}

Value BodyBuilder::narrow(Value v, Type type) {
  return v.getType() == type ? v : make<arith::TruncFOp>(type, v);
}

BodyBuilder::Values BodyBuilder::forEach(
    Value lo, Value hi, ValueRange carried,
    llvm::function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc, lo, hi, constant(1), carried);
  OpBuilder::InsertionGuard guard(b);
  Block *block = loop.getBody();
  if (!block->empty())
    block->back().erase();
  b.setInsertionPointToEnd(block);
  Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc, next);
  return Values(loop.getResults());
}

void BodyBuilder::forEach(Value lo, Value hi,
                          llvm::function_ref<void(Value)> body) {
  forEach(lo, hi, {}, [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

void BodyBuilder::ifThen(Value condition, llvm::function_ref<void()> then) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
}

BodyBuilder::Values
BodyBuilder::ifElse(Value condition, llvm::function_ref<Values()> then,
                    llvm::function_ref<Values()> otherwise) {
  Values results;
  auto branch = scf::IfOp::create(
      b, loc, condition,
      [&](OpBuilder &, Location) {
        OpBuilder::InsertionGuard guard(b);
        results = then();
        scf::YieldOp::create(b, loc, results);
      },
      [&](OpBuilder &, Location) {
        OpBuilder::InsertionGuard guard(b);
        scf::YieldOp::create(b, loc, otherwise());
      });
  return Values(branch.getResults());
}

BodyBuilder::Values
BodyBuilder::repeat(ValueRange carried,
                    llvm::function_ref<Values(ValueRange)> body) {
  // before: condition and values; after: passes them on.
  Value yes = make<arith::ConstantOp>(b.getBoolAttr(true));
  Values inits = {yes};
  llvm::append_range(inits, carried);
  SmallVector<Type> types(ValueRange(inits).getTypes());
  auto loop = scf::WhileOp::create(b, loc, types, inits);
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Location> places(types.size(), loc);
  Block *before = b.createBlock(&loop.getBefore(), {}, types, places);
  b.setInsertionPointToEnd(before);
  scf::ConditionOp::create(b, loc, before->getArgument(0),
                           before->getArguments());
  Block *after = b.createBlock(&loop.getAfter(), {}, types, places);
  b.setInsertionPointToEnd(after);
  scf::YieldOp::create(b, loc, body(after->getArguments().drop_front()));
  return Values(loop.getResults().drop_front());
}
