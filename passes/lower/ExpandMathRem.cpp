//===- ExpandMathRem.cpp - the exact remainder of floats ------------------===//
//
//   %r = arith.remf %x, %y
//
//     a = |x|, b = |y|
//     while a >= b                          in any lane
//       s = b 2^k                           k so that a / s is exact enough
//       a = a - trunc(a / s) s              by fma: exact, since a and s are
//                                           multiples of the last bit of s
//     r = a with the sign of x
//
// Each round takes 27 bits off a / b in f32 and 50 in f64: at most 11 and 42
// rounds. f32 is computed in f64, in which no f32 is subnormal and the product
// of such a quotient and s is exact, so that it needs no fused multiply-add.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/ExpandMath.h"
#include "passes/lower/Lanes.h"
#include <limits>

using namespace mlir;
using namespace tenon;

/// The exponent of x > 0 as an integer; of a subnormal too.
static Lanes exponent(Lanes x) {
  Lanes small = isLt(x, 0x1p-1022);
  Lanes bits = select(small, x * 0x1p54, x).toBits() >> 52;
  return select(small, bits - 54, bits);
}

static Lanes atLeast(Lanes x, int64_t bound) {
  return select(isIntLt(x, bound), x.constant(bound), x);
}
static Lanes atMostInteger(Lanes x, int64_t bound) {
  return select(isIntLt(x, bound), x, x.constant(bound));
}

/// x 2^k for 0 <= k < 3000, which does not overflow.
static Lanes scale(Lanes x, Lanes k) {
  for (int step = 0; step < 3; ++step) {
    Lanes part = atMostInteger(k, 1000);
    x = x * ((part + 1023) << 52).toFloat();
    k = k - part;
  }
  return x;
}

/// a mod b of finite a >= 0, b > 0, `bits` of the quotient at a time.
static Lanes remainder(Lanes a, Lanes b, int64_t bits) {
  OpBuilder &builder = a.getBuilder();
  Location loc = a.getLoc();
  Type type = a.getType();
  auto loop = scf::WhileOp::create(builder, loc, type, a.get());
  OpBuilder::InsertionGuard guard(builder);
  Block *before = builder.createBlock(&loop.getBefore(), {}, type, loc);
  Value goes = isGe(a.with(before->getArgument(0)), b).get();
  if (isa<VectorType>(type))
    goes = vector::ReductionOp::create(builder, loc, vector::CombiningKind::OR,
                                       goes);
  scf::ConditionOp::create(builder, loc, goes, before->getArguments());
  Block *after = builder.createBlock(&loop.getAfter(), {}, type, loc);
  Lanes rest = a.with(after->getArgument(0));
  Lanes k = atLeast(exponent(rest) - exponent(b) - bits, 0);
  Lanes step = scale(b, k);
  Lanes quotient = trunc(rest / step);
  rest = fma(-quotient, step, rest);
  // The quotient may have been rounded up to the next integer.
  rest = select(isLt(rest, 0.0), rest + step, rest);
  scf::YieldOp::create(builder, loc, rest.get());
  return a.with(loop.getResult(0));
}

Value tenon::buildRem(OpBuilder &builder, Location loc, Value x, Value y) {
  Type type = x.getType();
  Type wideElement = builder.getF64Type();
  Lanes narrow(builder, loc, x);
  Type wide = narrow.withElement(wideElement);
  auto widen = [&](Value v) {
    return Lanes(builder, loc, v.getType() == wide
                                   ? v
                                   : arith::ExtFOp::create(builder, loc, wide, v)
                                         .getResult());
  };
  Lanes a = widen(x), b = widen(y);
  double inf = std::numeric_limits<double>::infinity();
  Lanes size = abs(a), divisor = abs(b);
  // Of what has no remainder or is its own, nothing is computed.
  Lanes regular = isLt(size, inf) & isGt(divisor, 0.0) & isLt(divisor, inf);
  Lanes r = remainder(select(regular, size, 0.0), select(regular, divisor, 1.0),
                      type == wide ? 50 : 27);
  Lanes itself = isLt(size, inf) & isEq(divisor, inf);
  r = select(itself, size, r);
  r = copySign(r, a);
  r = select(regular | itself, r, std::numeric_limits<double>::quiet_NaN());
  if (type == wide)
    return r.get();
  return arith::TruncFOp::create(builder, loc, type, r.get());
}
