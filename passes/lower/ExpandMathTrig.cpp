//===- ExpandMathTrig.cpp - sin, cos, tan and their inverses --------------===//
//
//     |x| = n pi/2 + r        |r| <= pi/4
//     sin(r) = r + r^3 P(r^2)       cos(r) = 1 - r^2/2 + r^4 Q(r^2)
//     n mod 4 says which of the two, and the sign
//
// Up to 2^16 (f64: 2^20) r comes from three fused steps with pi/2 in three
// parts (Cody and Waite). Above, x is an integer times a power of two, and
// |x| 2/pi mod 4 is exact integer arithmetic on a window of the digits of 2/pi
// (Payne and Hanek, SIGNUM 1983):
//
//     2/pi    .10100010111110011000001101101110...
//                 |<--- window --->|          from the exponent of x
//     dropped: multiples of 4          below the last bit that matters
//
// A vector enters that branch if any lane needs it, and each lane takes what
// its own size asks for, so the bits do not depend on the neighbours.
//
// Inverses: asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)), atan(x) = pi/2 -
// atan(1/x).
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/lower/ExpandMath.h"
#include "passes/lower/ExpandMathF64.h"
#include "passes/lower/Lanes.h"
#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::minimax;

static constexpr double kInf = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Reduction
//===----------------------------------------------------------------------===//

/// One i1: whether any lane is set.
static Value anyLane(Lanes condition) {
  Value value = condition.get();
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type)
    return value;
  OpBuilder &builder = condition.getBuilder();
  Location loc = condition.getLoc();
  if (type.getRank() != 1) {
    auto flat = VectorType::get({type.getNumElements()}, type.getElementType());
    value = vector::ShapeCastOp::create(builder, loc, flat, value);
  }
  return vector::ReductionOp::create(builder, loc, vector::CombiningKind::OR,
                                     value);
}

SmallVector<Lanes> tenon::wordsOfTwoOverPi(Lanes first, unsigned firstEnd,
                                           unsigned zeros, unsigned count) {
  SmallVector<Lanes> words;
  for (unsigned i = 0; i < firstEnd - 1 + count; ++i)
    words.push_back(first.constant(
        i < zeros ? uint64_t(0) : uint64_t(kTwoOverPi[i - zeros])));
  // One bit of `first` at a time, from the top: shift all words or none.
  unsigned bit = 1;
  while (2 * bit < firstEnd)
    bit *= 2;
  for (; bit; bit /= 2) {
    Lanes stay = isIntEq(first & bit, 0);
    unsigned left = count + bit - 1;
    for (unsigned i = 0; i < left && i < words.size(); ++i)
      if (i + bit < words.size())
        words[i] = select(stay, words[i], words[i + bit]);
    if (words.size() > left)
      words.truncate(left);
  }
  return words;
}

Lanes tenon::timesHalfPi(Lanes fraction, Type element) {
  // In two floats, or rounding here would add to that of the product.
  Lanes high = toFloatValue(fraction, element);
  Lanes rest = fraction - toSignedInteger(high, fraction.getElementType());
  Lanes low = toFloatValue(rest, element);
  const double kUnit = 0x1p-62;
  Lanes first = high.constant(kHalfPi.f32[0] * kUnit, kHalfPi.f64[0] * kUnit);
  Lanes second = high.constant(kHalfPi.f32[1] * kUnit, kHalfPi.f64[1] * kUnit);
  return fma(high, first, fma(high, second, low * first));
}

/// For 2^16 <= a, finite.
static Quadrant reduceHugeF32(Lanes a) {
  OpBuilder &builder = a.getBuilder();
  Location loc = a.getLoc();
  Type i64 = builder.getI64Type();
  Lanes bits32 = a.toBits();
  Lanes bits = a.with(
      arith::ExtUIOp::create(builder, loc, a.withElement(i64), bits32.get()));
  Lanes mantissa = (bits & 0x7fffff) | 0x800000;
  // a = mantissa * 2^(exponent - 150). The window of 96 bits begins with the
  // bit worth 2 / mantissa, `start` bits after the 32 zeros put in front.
  Lanes start = (bits >> 23) - 120;
  SmallVector<Lanes> words = wordsOfTwoOverPi(start >> 5, 5, 1, 4);
  Lanes shift = start & 31;
  SmallVector<Lanes> window;
  for (int i = 0; i < 3; ++i) {
    Lanes joined = (words[i] << 32) | words[i + 1];
    window.push_back(((joined << shift) >> 32));
  }
  // The product mod 4, in units of 2^-62.
  Lanes product = ((mantissa * window[0]) << 32) + mantissa * window[1] +
                  ((mantissa * window[2]) >> 32);
  Lanes quadrant = (product + (int64_t(1) << 61)) >> 62;
  Lanes fraction = product - (quadrant << 62);
  Lanes r = timesHalfPi(fraction, builder.getF32Type());
  Lanes quadrant32 = a.with(
      arith::TruncIOp::create(builder, loc, bits32.getType(), quadrant.get()));
  return {r, quadrant32};
}

static Quadrant reduceQuadrant(Lanes a) {
  Nearest nearest = nearestOfProduct(
      a, a.constant(0x1.45f306p-1, 0x1.45f306dc9c883p-1)); // 2/pi
  // The first difference is exact, as in exp; the second loses less than the
  // last bit of r, and what the third adds is far below it.
  Lanes r = fma(nearest.n, negatedPart(a, kHalfPi, 0), a);
  r = fma(nearest.n, negatedPart(a, kHalfPi, 1), r);
  r = fma(nearest.n, negatedPart(a, kHalfPi, 2), r);

  Lanes huge = isGt(a, a.constant(0x1p16, 0x1p20)) & isLt(a, kInf);
  OpBuilder &builder = a.getBuilder();
  auto branch = scf::IfOp::create(
      builder, a.getLoc(), anyLane(huge),
      [&](OpBuilder &inner, Location loc) {
        // Small lanes get a number for which the exponent is in range.
        Lanes operand =
            select(Lanes(inner, loc, huge.get()), Lanes(inner, loc, a.get()),
                   Lanes(inner, loc, a.get()).constant(0x1p30));
        Quadrant slow =
            a.isF64() ? reduceHugeF64(operand) : reduceHugeF32(operand);
        Lanes condition(inner, loc, huge.get());
        scf::YieldOp::create(
            inner, loc,
            {select(condition, slow.r, Lanes(inner, loc, r.get())).get(),
             select(condition, slow.quadrant,
                    Lanes(inner, loc, nearest.bits.get()))
                 .get()});
      },
      [&](OpBuilder &inner, Location loc) {
        scf::YieldOp::create(inner, loc, {r.get(), nearest.bits.get()});
      });
  return {a.with(branch.getResult(0)), a.with(branch.getResult(1))};
}

//===----------------------------------------------------------------------===//
// sin, cos, tan
//===----------------------------------------------------------------------===//

static Lanes sinOfRest(Lanes r, Lanes square) {
  return fma(polynomial(square, kSin) * square, r, r);
}
static Lanes cosOfRest(Lanes square) {
  return fma(fma(polynomial(square, kCos), square, -0.5), square, 1.0);
}

static int signShift(Lanes x) { return x.isF64() ? 62 : 30; }

/// The sign of x as a mask. Sine and tangent work on |x|, so that -0 stays.
static Lanes signOf(Lanes x) {
  return x.toBits() & (x.isF64() ? int64_t(1) << 63 : int64_t(1) << 31);
}

static Lanes sinFrom(Quadrant q, Lanes sine, Lanes cosine, Lanes x) {
  Lanes even = isIntEq(q.quadrant & 1, 0);
  Lanes sign = (q.quadrant & 2) << signShift(x);
  return select(even, sine, cosine).flipSign(sign ^ signOf(x));
}

static Lanes cosFrom(Quadrant q, Lanes sine, Lanes cosine) {
  Lanes even = isIntEq(q.quadrant & 1, 0);
  Lanes sign = ((q.quadrant + 1) & 2) << signShift(sine);
  return select(even, cosine, sine).flipSign(sign);
}

static std::pair<Lanes, Lanes> sinCos(Lanes x) {
  Quadrant q = reduceQuadrant(abs(x));
  Lanes square = q.r * q.r;
  Lanes sine = sinOfRest(q.r, square), cosine = cosOfRest(square);
  return {sinFrom(q, sine, cosine, x), cosFrom(q, sine, cosine)};
}

static Lanes sin(Lanes x) {
  Quadrant q = reduceQuadrant(abs(x));
  Lanes square = q.r * q.r;
  return sinFrom(q, sinOfRest(q.r, square), cosOfRest(square), x);
}

static Lanes cos(Lanes x) {
  Quadrant q = reduceQuadrant(abs(x));
  Lanes square = q.r * q.r;
  return cosFrom(q, sinOfRest(q.r, square), cosOfRest(square));
}

static Lanes tan(Lanes x) {
  Quadrant q = reduceQuadrant(abs(x));
  Lanes square = q.r * q.r;
  Lanes t = fma(polynomial(square, kTan) * square, q.r, q.r);
  Lanes even = isIntEq(q.quadrant & 1, 0);
  return select(even, t, -1.0 / t).flipSign(signOf(x));
}

//===----------------------------------------------------------------------===//
// Inverses
//===----------------------------------------------------------------------===//

/// asin of 0 <= s <= 1/2 with its square.
static Lanes asinSmall(Lanes s, Lanes square) {
  return fma(polynomial(square, kAsin) * square, s, s);
}

static Lanes asin(Lanes x) {
  Lanes a = abs(x);
  Lanes large = isGt(a, 0.5);
  Lanes square = select(large, fma(a, -0.5, 0.5), a * a);
  Lanes y = asinSmall(select(large, sqrt(square), a), square);
  Lanes rest = part(x, kHalfPi, 1) - (y + y);
  return copySign(select(large, part(x, kHalfPi, 0) + rest, y), x);
}

/// pi/2 - asin(x), 2 asin(sqrt((1-x)/2)), or pi less that of -x.
static Lanes acos(Lanes x) {
  Lanes a = abs(x);
  Lanes large = isGt(a, 0.5);
  Lanes square = select(large, fma(a, -0.5, 0.5), a * a);
  Lanes y = asinSmall(select(large, sqrt(square), a), square);
  Lanes negative = isLt(x, 0.0);
  Lanes twice = y + y;
  Lanes fromPi =
      fma(part(x, kHalfPi, 0), 2.0, fma(part(x, kHalfPi, 1), 2.0, -twice));
  Lanes outer = select(negative, fromPi, twice);
  Lanes inner =
      part(x, kHalfPi, 0) + (part(x, kHalfPi, 1) - select(negative, -y, y));
  return select(large, outer, inner);
}

static Lanes atanUpTo1(Lanes z) {
  Lanes square = z * z;
  return fma(polynomial(square, kAtan) * square, z, z);
}

static Lanes atan(Lanes x) {
  Lanes a = abs(x);
  Lanes large = isGt(a, 1.0);
  Lanes y = atanUpTo1(select(large, -1.0 / a, a));
  Lanes low = select(large, part(x, kHalfPi, 1), x.constant(0.0));
  Lanes high = select(large, part(x, kHalfPi, 0), x.constant(0.0));
  return copySign(high + (low + y), x);
}

static Lanes atan2(Lanes y, Lanes x) {
  Lanes ay = abs(y), ax = abs(x);
  Lanes steep = isGt(ay, ax);
  Lanes small = select(steep, ax, ay), large = select(steep, ay, ax);
  Lanes ratio = small / large;
  ratio = select(isEq(large, 0.0), 0.0, ratio);
  ratio = select(isEq(small, kInf), 1.0, ratio);
  Lanes r = atanUpTo1(ratio);
  // The angle from the nearest axis, its pi/2 or pi in two parts.
  Lanes low = part(x, kHalfPi, 1), high = part(x, kHalfPi, 0);
  Lanes zero = x.constant(0.0);
  Lanes left = isIntEq(signOf(x), 0);
  Lanes base = select(steep, high, select(left, zero, high + high));
  Lanes rest = select(steep, low, select(left, zero, low + low));
  // Right of the axis of y the angle grows away from that of x.
  Lanes same = steep ^ left;
  Lanes angle = base + (rest + select(same, r, -r));
  angle = copySign(angle, y);
  return select(isUnordered(x, y), x + y, angle);
}

//===----------------------------------------------------------------------===//
// The functions of the header
//===----------------------------------------------------------------------===//

#define TENON_BUILD(name, function)                                            \
  Value tenon::build##name(OpBuilder &builder, Location loc, Value x) {        \
    return function(Lanes(builder, loc, x)).get();                             \
  }
TENON_BUILD(Sin, ::sin)
TENON_BUILD(Cos, ::cos)
TENON_BUILD(Tan, ::tan)
TENON_BUILD(Asin, ::asin)
TENON_BUILD(Acos, ::acos)
TENON_BUILD(Atan, ::atan)
#undef TENON_BUILD

Value tenon::buildAtan2(OpBuilder &builder, Location loc, Value y, Value x) {
  return ::atan2(Lanes(builder, loc, y), Lanes(builder, loc, x)).get();
}

std::pair<Value, Value> tenon::buildSinCos(OpBuilder &builder, Location loc,
                                           Value x) {
  auto [sine, cosine] = sinCos(Lanes(builder, loc, x));
  return {sine.get(), cosine.get()};
}
