// Fused multiply-add where no instruction does it, so that the bits are those
// of CPUs that have one and nothing calls a library.
//
// f32: the product of two f32 is exact in f64. The sum is rounded to odd (an
// inexact result gets its last bit set), after which rounding to f32 gives what
// one rounding would: f64 has more than 24 + 2 bits. (Boldo, Melquiond:
// Emulation of FMA and correctly rounded sums, 2008.)
// Other types lie outside the promise of equal bits: a product and a sum.
#include "passes/lower/Passes.h"
#include "passes/lower/TargetFacts.h"

namespace tenon::lower {
#define GEN_PASS_DEF_EXPANDFMAPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

static Type likeWith(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

static Value splat(OpBuilder &b, Location loc, Type type, int64_t value) {
  TypedAttr element = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    element = DenseElementsAttr::get(vector, Attribute(element));
  return arith::ConstantOp::create(b, loc, element);
}

/// a + b in f64, rounded to odd.
static Value addToOdd(OpBuilder &b, Location loc, Value x, Value y) {
  Type bits = likeWith(x.getType(), b.getI64Type());
  Value sum = arith::AddFOp::create(b, loc, x, y);
  // What rounding lost, exactly (Knuth's two-sum).
  Value yPart = arith::SubFOp::create(b, loc, sum, x);
  Value xPart = arith::SubFOp::create(b, loc, sum, yPart);
  Value lost = arith::AddFOp::create(
      b, loc, arith::SubFOp::create(b, loc, x, xPart),
      arith::SubFOp::create(b, loc, y, yPart));
  Value zero = arith::ConstantOp::create(
      b, loc, cast<TypedAttr>(b.getZeroAttr(x.getType())));
  // Ordered: where the sum is infinite or NaN, nothing was lost.
  Value inexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE,
                                        lost, zero);
  // An odd last bit stays. An even one moves towards what was lost: up in
  // magnitude where the signs agree, down where they do not.
  Value whole = arith::BitcastOp::create(b, loc, bits, sum);
  Value one = splat(b, loc, bits, 1);
  Value even = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::eq,
      arith::AndIOp::create(b, loc, whole, one), splat(b, loc, bits, 0));
  Value differ = arith::XOrIOp::create(
      b, loc, whole, arith::BitcastOp::create(b, loc, bits, lost));
  Value down = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, differ,
                                     splat(b, loc, bits, 0));
  Value moved = arith::AddIOp::create(
      b, loc, whole,
      arith::SelectOp::create(b, loc, down, splat(b, loc, bits, -1), one));
  Value odd = arith::SelectOp::create(
      b, loc, arith::AndIOp::create(b, loc, inexact, even), moved, whole);
  return arith::BitcastOp::create(b, loc, x.getType(), odd);
}

static Value expand(OpBuilder &b, math::FmaOp fma) {
  Location loc = fma.getLoc();
  Type type = fma.getType();
  if (!getElementTypeOrSelf(type).isF32())
    return arith::AddFOp::create(
        b, loc, arith::MulFOp::create(b, loc, fma.getA(), fma.getB()),
        fma.getC());
  Type wide = likeWith(type, b.getF64Type());
  auto extend = [&](Value v) -> Value {
    return arith::ExtFOp::create(b, loc, wide, v);
  };
  Value product =
      arith::MulFOp::create(b, loc, extend(fma.getA()), extend(fma.getB()));
  return arith::TruncFOp::create(b, loc, type,
                                 addToOdd(b, loc, product, extend(fma.getC())));
}

namespace {
struct ExpandFmaPass : lower::impl::ExpandFmaPassBase<ExpandFmaPass> {
  void runOnOperation() override {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    if (TargetFacts::of(module).fma)
      return;
    SmallVector<math::FmaOp> all;
    getOperation()->walk([&](math::FmaOp op) { all.push_back(op); });
    for (math::FmaOp op : all) {
      OpBuilder b(op);
      op.replaceAllUsesWith(expand(b, op));
      op.erase();
    }
  }
};
} // namespace
