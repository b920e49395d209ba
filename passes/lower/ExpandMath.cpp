//===- ExpandMath.cpp - math functions as polynomials ---------------------===//
//
//   %y = math.exp %x : vector<16xf32>
//
//     x = n ln2 + r           n to nearest by adding and taking off 1.5 * 2^23
//     p = 1 + r + r^2 P(r)    |r| <= ln2 / 2
//     y = p with n added to its exponent; 0 and inf by comparison
//
//   %y = math.log %x
//
//     x = 2^i (1 + f)         2/3 <= 1 + f < 4/3, by integer arithmetic
//     y = i ln2 + f - f^2/2 + f^3 P(f)
//
// become `arith` ops and `math.fma`, nothing that rounds differently from one
// CPU to the next. What stays because it is one exact instruction: absf, ceil,
// copysign, floor, fma, roundeven, sqrt, trunc. Trigonometry is in
// ExpandMathTrig.cpp, what f64 does differently in ExpandMathF64.cpp.
//
// Sources: Cody and Waite, Software Manual for the Elementary Functions (1980),
// for the reductions; the interval [2/3, 4/3) of log follows N. Juffa; double-
// float arithmetic (`Pair`) is Dekker's, with fma. Coefficients and their
// errors: MathCoefficients.h. Errors of the functions: test/e2e/math_ulp_test.
//
//===----------------------------------------------------------------------===//

#include "passes/lower/ExpandMath.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/lower/ExpandMathF64.h"
#include "passes/lower/Lanes.h"
#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::minimax;

namespace tenon::lower {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

static constexpr double kInf = std::numeric_limits<double>::infinity();
static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

//===----------------------------------------------------------------------===//
// exp
//===----------------------------------------------------------------------===//

namespace {
/// x = n ln2 + r.
struct Ln2Parts {
  Lanes r, n, bits;
};
} // namespace

static int mantissaBits(Lanes x) { return x.isF64() ? 52 : 23; }

/// The bits of 1.0, of x's format.
static Lanes oneBits(Lanes x) { return x.constant(1.0).toBits(); }

static Ln2Parts reduceLn2(Lanes x) {
  Nearest nearest = nearestOfProduct(x, part(x, kLog2E, 0));
  // The first difference is exact: a multiple of the last bit of kLn2[0].
  Lanes r = fma(nearest.n, negatedPart(x, kLn2, 0), x);
  r = fma(nearest.n, negatedPart(x, kLn2, 1), r);
  return {r, nearest.n, nearest.bits};
}

/// p * 2^(n + extra), by adding to the exponent of p.
static Lanes scaleByPowerOf2(Lanes p, Lanes nBits, int extra = 0) {
  if (extra)
    nBits = nBits + extra;
  return (p.toBits() + (nBits << mantissaBits(p))).toFloat();
}

/// 2^(n + extra).
static Lanes powerOf2(Lanes like, Lanes nBits, int extra = 0) {
  return ((nBits << mantissaBits(like)) +
          like.constant(std::ldexp(1.0, extra)).toBits())
      .toFloat();
}

/// `y`, but 0 for x < low, and infinity for x > high; a NaN in x stays.
static Lanes clampResult(Lanes y, Lanes x, Lanes low, Lanes high) {
  y = select(isLt(x, low), 0.0, y);
  Lanes overflow = x * x.constant(std::numeric_limits<float>::max(),
                                  std::numeric_limits<double>::max());
  return select(isNotLe(x, high), overflow, y);
}

/// The largest x with a finite e^x, and the smallest with a normal one.
static Lanes expHigh(Lanes x) {
  return x.constant(0x1.62e42ep6, 0x1.62e42fefa39efp9);
}
static Lanes expLow(Lanes x) {
  return x.constant(-0x1.5d589ep6, -0x1.6232bdd7abcd2p9);
}

static Lanes exp(Lanes x) {
  Ln2Parts parts = reduceLn2(x);
  Lanes p = polynomial(parts.r, kExp);
  p = fma(fma(p, parts.r, 1.0), parts.r, 1.0);
  return clampResult(scaleByPowerOf2(p, parts.bits), x, expLow(x), expHigh(x));
}

static Lanes exp2(Lanes x) {
  Lanes magic = x.constant(0x1.8p23, 0x1.8p52);
  Lanes shifted = x + magic;
  Lanes f = x - (shifted - magic);
  Lanes p = fma(polynomial(f, kExp2), f, 1.0);
  Lanes y = scaleByPowerOf2(p, shifted.toBits());
  Lanes high = x.constant(0x1.fffffep6, 0x1.fffffffffffffp9);
  return clampResult(y, x, x.constant(-126.0, -1022.0), high);
}

static Lanes expM1(Lanes x) {
  Ln2Parts parts = reduceLn2(x);
  Lanes r = parts.r;
  Lanes p = fma(polynomial(r, kExp), r * r, r);
  // 2^n p + 2^n - 1, halved so that n = 128 has a 2^(n-1).
  Lanes half = powerOf2(x, parts.bits, -1);
  Lanes y = fma(half, p, half - 0.5);
  y = select(isEq(parts.n, 0.0), p, y + y);
  y = select(isLt(x, x.constant(-18.0, -38.0)), -1.0, y);
  Lanes overflow = x * x.constant(std::numeric_limits<float>::max(),
                                  std::numeric_limits<double>::max());
  return copySign(select(isNotLe(x, expHigh(x)), overflow, y), x);
}

//===----------------------------------------------------------------------===//
// log
//===----------------------------------------------------------------------===//

namespace {
/// x = 2^i (1 + f), 2/3 <= 1 + f < 4/3.
struct LogParts {
  Lanes i, f;
};
} // namespace

/// The exponent of x over `pivot`, still in its place among the bits of x.
static Lanes exponentOver(Lanes x, double pivot) {
  Lanes bits = x.toBits();
  Lanes exponent = bits - x.constant(pivot).toBits();
  return exponent & ~((int64_t(1) << mantissaBits(x)) - 1);
}

/// `exponent` in its place as a number.
static Lanes exponentValue(Lanes exponent, Lanes like) {
  return toFloatValue(exponent, like.getElementType());
}

static LogParts splitForLog(Lanes x) {
  int bits = mantissaBits(x);
  Lanes denormal = isLt(x, x.constant(0x1p-126, 0x1p-1022));
  Lanes scaled = select(denormal, x * std::ldexp(1.0, bits + 1), x);
  Lanes bias = select(denormal, x.constant(-1.0 - bits), x.constant(0.0));
  Lanes exponent = exponentOver(scaled, 2.0 / 3);
  Lanes mantissa = (scaled.toBits() - exponent).toFloat();
  Lanes i = fma(exponentValue(exponent, x), std::ldexp(1.0, -bits), bias);
  return {i, mantissa - 1.0};
}

/// log(1 + f) for -1/3 <= f < 1/3.
static Lanes logOfOnePlus(Lanes f) {
  Lanes square = f * f;
  return fma(fma(polynomial(f, kLog), f, -0.5), square, f);
}

/// i ln2 + y.
static Lanes addExponent(Lanes i, Lanes y) {
  if (y.isF64())
    y = fma(i, kLn2.f64[1], y);
  return fma(i, part(y, kLn2, 0), y);
}

/// `y`, but x itself for infinity and NaN, -infinity for x = pole and NaN
/// below.
static Lanes fixLog(Lanes y, Lanes x, double pole) {
  y = select(isLt(x, kInf), y, x);
  Lanes outside = select(isEq(x, pole), x.constant(-kInf), x.constant(kNaN));
  return select(isNotLe(x, pole), y, outside);
}

static Lanes log(Lanes x) {
  LogParts parts = splitForLog(x);
  return fixLog(addExponent(parts.i, logOfOnePlus(parts.f)), x, 0.0);
}

static Lanes log2(Lanes x) {
  LogParts parts = splitForLog(x);
  Lanes y = logOfOnePlus(parts.f);
  Lanes low = fma(y, part(x, kLog2E, 1), parts.i);
  return fixLog(fma(y, part(x, kLog2E, 0), low), x, 0.0);
}

static Lanes log10(Lanes x) {
  LogParts parts = splitForLog(x);
  Lanes y = logOfOnePlus(parts.f);
  Lanes low = fma(parts.i, part(x, kLog10Of2, 1), y * part(x, kLog10E, 1));
  Lanes high = fma(parts.i, part(x, kLog10Of2, 0), low);
  return fixLog(fma(y, part(x, kLog10E, 0), high), x, 0.0);
}

static Lanes log1p(Lanes x) {
  // The exponent of 1 + x scales x and 1 apart, so x loses no bit.
  Lanes exponent = exponentOver(x + 1.0, 2.0 / 3);
  Lanes scaled = (x.toBits() - exponent).toFloat();
  Lanes one = (x.constant(4.0).toBits() - exponent).toFloat();
  // 4 * 2^-i does not underflow; x * 2^-i must not either, so x near 0, where
  // i = 0, is exact, and far from 0 it is of the size of 1.
  Lanes f = scaled + fma(one, 0.25, -1.0);
  Lanes i = exponentValue(exponent, x) * std::ldexp(1.0, -mantissaBits(x));
  Lanes y = copySign(addExponent(i, logOfOnePlus(f)), x);
  return fixLog(y, x, -1.0);
}

//===----------------------------------------------------------------------===//
// Hyperbolic functions and erf
//===----------------------------------------------------------------------===//

/// x + x^3 P(x^2) while the result is under 1/2, then 1 - 2 / (e^2a + 1).
static Lanes tanh(Lanes x) {
  Lanes a = abs(x);
  Lanes square = x * x;
  Lanes small = fma(polynomial(square, kTanh) * square, a, a);
  Lanes bounded = atMost(a, x.constant(10.0, 20.0));
  // a = n ln2 / 2 + r and e^2r as a polynomial of r. One part of ln2 is enough:
  // where n is large, e^2a hardly matters.
  Lanes log2E = x.constant(2 * kLog2E.f32[0], 2 * kLog2E.f64[0]);
  Nearest nearest = nearestOfProduct(bounded, log2E);
  Lanes halfLn2 = x.constant(-kLn2.f32[0] / 2, -kLn2.f64[0] / 2);
  Lanes r = fma(nearest.n, halfLn2, bounded);
  SmallVector<double> coefs(x.isF64() ? kExp.f64 : kExp.f32);
  for (auto [power, c] : llvm::enumerate(coefs))
    c = std::ldexp(c, power + 2);
  Lanes p = fma(fma(polynomial(r, coefs), r, 2.0), r, 1.0);
  Lanes large = scaleByPowerOf2(p, nearest.bits);
  large = fma(1.0 / (large + 1.0), -2.0, 1.0);
  // A NaN is not large, and stays.
  return copySign(select(isGe(a, 0.55), large, small), x);
}

/// e^a / 2, finite wherever the result is.
static Lanes halfExp(Lanes a) {
  Ln2Parts parts = reduceLn2(a);
  Lanes p = polynomial(parts.r, kExp);
  p = fma(fma(p, parts.r, 1.0), parts.r, 1.0);
  Lanes y = scaleByPowerOf2(p, parts.bits, -1);
  Lanes high = a.constant(0x1.65a9f8p6, 0x1.633ce8fb9f87dp9);
  return clampResult(y, a, a.constant(0.0), high);
}

static Lanes sinh(Lanes x) {
  Lanes a = abs(x);
  Lanes h = halfExp(a);
  Lanes large = h - 0.25 / h;
  Lanes square = a * a;
  Lanes small = fma(polynomial(square, kSinh) * square, a, a);
  return copySign(select(isLt(a, 1.0), small, large), x);
}

static Lanes cosh(Lanes x) {
  Lanes h = halfExp(abs(x));
  return h + 0.25 / h;
}

/// log(a + sqrt(a^2 + 1)); from 2^30 on the 1 is lost and a^2 may overflow.
static Lanes asinh(Lanes x) {
  Lanes a = abs(x);
  Lanes large = isGt(a, x.constant(0x1p30, 0x1p60));
  Lanes square = a * a;
  Lanes root = sqrt(fma(a, a, 1.0));
  Lanes y = log1p(select(large, a, a + square / (root + 1.0)));
  y = y + select(large, part(x, kLn2, 0), x.constant(0.0));
  return copySign(y, x);
}

static Lanes acosh(Lanes x) {
  Lanes t = x - 1.0;
  Lanes large = isGt(x, x.constant(0x1p30, 0x1p60));
  Lanes root = sqrt(fma(t, t, t + t));
  Lanes y = log1p(select(large, t, t + root));
  y = y + select(large, part(x, kLn2, 0), x.constant(0.0));
  return select(isLt(x, 1.0), kNaN, y);
}

static Lanes atanh(Lanes x) {
  Lanes a = abs(x);
  return copySign(log1p((a + a) / (1.0 - a)) * 0.5, x);
}

/// With erfc(t) = exp(-q): 1 - 2^-n (1 - g) for q = n ln2 + r, where
/// g = -expm1(-r), so that nothing cancels near 0.
static Lanes erfF32(Lanes x) {
  Lanes t = atMost(abs(x), x.constant(4.0));
  Lanes q = fma(polynomial(t, kErfF32), t, t);
  Ln2Parts parts = reduceLn2(q);
  SmallVector<double> coefs(kExp.f32);
  for (auto [power, c] : llvm::enumerate(coefs))
    c = power % 2 ? c : -c;
  Lanes r = parts.r;
  Lanes g = fma(polynomial(r, coefs), r * r, r);
  Lanes scale = (oneBits(x) - (parts.bits << 23)).toFloat();
  return copySign(fma(scale, g, 1.0 - scale), x);
}

static Lanes erf(Lanes x) { return x.isF64() ? erfF64(x) : erfF32(x); }

//===----------------------------------------------------------------------===//
// Powers and roots
//===----------------------------------------------------------------------===//

namespace {
/// An unevaluated sum, |lo| at most half a unit in the last place of hi.
struct Pair {
  Lanes hi, lo;
};
} // namespace

/// a + b for |a| >= |b| or a = 0.
static Pair sumOf(Lanes a, Lanes b) {
  Lanes sum = a + b;
  return {sum, b - (sum - a)};
}

static Pair multiply(Pair a, Pair b) {
  Lanes product = a.hi * b.hi;
  Lanes rest = fma(a.hi, b.hi, -product);
  rest = fma(a.lo, b.hi, fma(a.hi, b.lo, rest));
  return sumOf(product, rest);
}

/// a + b for |a| >= |b| or a = 0.
static Pair add(Pair a, Pair b) {
  Pair sum = sumOf(a.hi, b.hi);
  return sumOf(sum.hi, sum.lo + (a.lo + b.lo));
}

/// log2(x), x > 0: with h = f / (2 + f), log(1 + f) = 2 atanh(h).
static Pair log2Pair(Lanes x) {
  LogParts parts = splitForLog(x);
  Lanes f = parts.f;
  Pair divisor = sumOf(x.constant(2.0), f);
  Lanes reciprocal = 1.0 / divisor.hi;
  Lanes quotient = f * reciprocal;
  Lanes rest = fma(-quotient, divisor.hi, f);
  rest = fma(-quotient, divisor.lo, rest) * reciprocal;
  Pair h = sumOf(quotient, rest);
  Pair square = multiply(h, h);
  // 2 h + h^3 (2/3 + h^2 P(h^2))
  Lanes tail =
      fma(polynomial(square.hi, kAtanh), square.hi, part(x, kTwoThirds, 1));
  Pair factor = sumOf(part(x, kTwoThirds, 0), tail);
  Pair cubic = multiply(multiply(square, h), factor);
  Pair logarithm = add({h.hi + h.hi, h.lo + h.lo}, cubic);
  Pair scaled = multiply(logarithm, {part(x, kLog2E, 0), part(x, kLog2E, 1)});
  return add({parts.i, x.constant(0.0)}, scaled);
}

static Lanes pow(Lanes x, Lanes y) {
  Lanes a = abs(x);
  Pair base = log2Pair(a);
  Lanes zero = isEq(a, 0.0), infinite = isEq(a, kInf);
  base.hi = select(zero, -kInf, select(infinite, kInf, base.hi));
  base.lo = select(zero | infinite, 0.0, base.lo);

  // 2^(product + rest), where product may be infinite and rest then NaN.
  Lanes product = y * base.hi;
  Lanes rest = fma(y, base.lo, fma(y, base.hi, -product));
  Lanes magic = x.constant(0x1.8p23, 0x1.8p52);
  Lanes shifted = product + magic;
  Lanes f = (product - (shifted - magic)) + rest;
  Lanes p = fma(polynomial(f, kExp2), f, 1.0);
  Lanes result = scaleByPowerOf2(p, shifted.toBits());
  Lanes limit = x.constant(128.0, 1024.0);
  Lanes overflow = isGt(product, limit) | isGe((product - limit) + rest, 0.0);
  result = select(overflow, kInf, result);
  result = select(isLt(product, x.constant(-126.0, -1022.0)), 0.0, result);

  // A negative base needs an integer y, and an odd one gives its sign.
  Lanes half = y * 0.5;
  Lanes isInteger = isEq(floor(y), y), notInteger = isNotEq(floor(y), y);
  Lanes isOdd = isInteger & isNotEq(floor(half), half);
  result = copySign(result, select(isOdd, x, x.constant(1.0)));
  Lanes negative = isLt(x, 0.0) & isGt(x, -kInf);
  result = select(negative & notInteger, kNaN, result);
  result = select(isUnordered(x, y), x + y, result);
  Lanes minusOne = isEq(x, -1.0) & isEq(abs(y), kInf);
  return select(isEq(x, 1.0) | isEq(y, 0.0) | minusOne, 1.0, result);
}

/// A third of the exponent by integer arithmetic, then Halley's iteration
/// y (y^3 + 2 a) / (2 y^3 + a), and one Newton step with an exact residual.
static Lanes cbrt(Lanes x) {
  bool isDouble = x.isF64();
  Lanes a = abs(x);
  // Away from both ends of the range, so that cubes and rests are exact.
  Lanes tiny = isLt(a, x.constant(0x1p-64, 0x1p-500));
  Lanes huge = isGt(a, x.constant(0x1p64, 0x1p500));
  a = select(tiny, a * x.constant(0x1p72, 0x1p540), a);
  a = select(huge, a * x.constant(0x1p-72, 0x1p-540), a);
  // The bits of a / 3, by way of a float: 2 digits are enough.
  Lanes third =
      toFloatValue(a.toBits() >> (isDouble ? 32 : 0), x.getElementType()) *
      (1.0 / 3);
  Type integer = x.getBuilder().getIntegerType(isDouble ? 64 : 32);
  Lanes bits = toSignedInteger(third, integer);
  bits = isDouble ? (bits << 32) + 0x2a9f7893782da1ceLL : bits + 0x2a5119f2;
  Lanes y = bits.toFloat();
  for (int step = 0; step < (isDouble ? 3 : 2); ++step) {
    Lanes cube = y * y * y;
    y = y * ((cube + (a + a)) / (cube + cube + a));
  }
  // y - (y^3 - a) / (3 y^2), y^3 - a from the rounding errors of y^3.
  Lanes square = y * y;
  Lanes squareRest = fma(y, y, -square);
  Lanes residual = fma(square, y, -a);
  residual = fma(squareRest, y, residual);
  y = y - residual / (square * 3.0);
  y = select(tiny, y * x.constant(0x1p-24, 0x1p-180), y);
  y = select(huge, y * x.constant(0x1p24, 0x1p180), y);
  Lanes regular = isLt(a, kInf) & isGt(a, 0.0);
  return select(regular, copySign(y, x), x);
}

static Lanes rsqrt(Lanes x) { return 1.0 / sqrt(x); }

static Lanes round(Lanes x) {
  Lanes whole = trunc(x);
  Lanes away = isGe(abs(x - whole), 0.5);
  Lanes step = copySign(select(away, x.constant(1.0), x.constant(0.0)), x);
  // Infinity minus itself is NaN, so it does not step.
  return copySign(whole + step, x);
}

//===----------------------------------------------------------------------===//
// The functions of the header
//===----------------------------------------------------------------------===//

#define TENON_BUILD(name, function)                                            \
  Value tenon::build##name(OpBuilder &builder, Location loc, Value x) {        \
    return function(Lanes(builder, loc, x)).get();                             \
  }
TENON_BUILD(Exp, ::exp)
TENON_BUILD(Exp2, ::exp2)
TENON_BUILD(ExpM1, ::expM1)
TENON_BUILD(Log, ::log)
TENON_BUILD(Log2, ::log2)
TENON_BUILD(Log10, ::log10)
TENON_BUILD(Log1p, ::log1p)
TENON_BUILD(Sinh, ::sinh)
TENON_BUILD(Cosh, ::cosh)
TENON_BUILD(Tanh, ::tanh)
TENON_BUILD(Asinh, ::asinh)
TENON_BUILD(Acosh, ::acosh)
TENON_BUILD(Atanh, ::atanh)
TENON_BUILD(Erf, ::erf)
TENON_BUILD(Cbrt, ::cbrt)
TENON_BUILD(Rsqrt, ::rsqrt)
TENON_BUILD(Round, ::round)
#undef TENON_BUILD

Value tenon::buildPow(OpBuilder &builder, Location loc, Value x, Value y) {
  return ::pow(Lanes(builder, loc, x), Lanes(builder, loc, y)).get();
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// f32 or f64 in the shape of `type`; null for what is not expanded.
static Type getComputeType(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (vector && vector.isScalable())
    return {};
  if (!vector && !isa<FloatType>(type))
    return {};
  Type element = getElementTypeOrSelf(type);
  if (element.isF32() || element.isF64())
    return type;
  if (!element.isF16() && !element.isBF16())
    return {};
  Type wide = Float32Type::get(type.getContext());
  return vector ? Type(vector.clone(wide)) : wide;
}

static Value widen(OpBuilder &builder, Location loc, Value x, Type type) {
  if (x.getType() == type)
    return x;
  return arith::ExtFOp::create(builder, loc, type, x);
}

static Value narrow(OpBuilder &builder, Location loc, Value x, Type type) {
  if (x.getType() == type)
    return x;
  return arith::TruncFOp::create(builder, loc, type, x);
}

namespace {
using UnaryBuilder = Value (*)(OpBuilder &, Location, Value);
using BinaryBuilder = Value (*)(OpBuilder &, Location, Value, Value);

/// math.f(x) -> the arithmetic `build` makes
template <typename Op, UnaryBuilder build>
struct ExpandUnary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    Type wide = getComputeType(type);
    if (!wide)
      return rewriter.notifyMatchFailure(op, "no scalar or vector of floats");
    Location loc = op.getLoc();
    Value x = widen(rewriter, loc, op.getOperand(), wide);
    rewriter.replaceOp(op,
                       narrow(rewriter, loc, build(rewriter, loc, x), type));
    return success();
  }
};

/// math.f(x, y) -> the arithmetic `build` makes
template <typename Op, BinaryBuilder build>
struct ExpandBinary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    Type wide = getComputeType(type);
    if (!wide)
      return rewriter.notifyMatchFailure(op, "no scalar or vector of floats");
    Location loc = op.getLoc();
    Value x = widen(rewriter, loc, op.getLhs(), wide);
    Value y = widen(rewriter, loc, op.getRhs(), wide);
    Value result = build(rewriter, loc, x, y);
    rewriter.replaceOp(op, narrow(rewriter, loc, result, type));
    return success();
  }
};

/// math.sincos(x) -> both from one reduction
struct ExpandSinCos : OpRewritePattern<math::SincosOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::SincosOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getOperand().getType();
    Type wide = getComputeType(type);
    if (!wide)
      return rewriter.notifyMatchFailure(op, "no scalar or vector of floats");
    Location loc = op.getLoc();
    auto [sine, cosine] =
        buildSinCos(rewriter, loc, widen(rewriter, loc, op.getOperand(), wide));
    rewriter.replaceOp(op, {narrow(rewriter, loc, sine, type),
                            narrow(rewriter, loc, cosine, type)});
    return success();
  }
};

/// An integer as bf16, by way of f32: no CPU below AVX512-BF16 converts it, and
/// its library function is not ours.
template <typename Op> struct ExpandToBF16 : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isBF16())
      return rewriter.notifyMatchFailure(op, "no bf16");
    Type wide = getComputeType(type);
    Value x = Op::create(rewriter, op.getLoc(), wide, op.getIn());
    rewriter.replaceOp(op, narrow(rewriter, op.getLoc(), x, type));
    return success();
  }
};

struct ExpandMathPass : lower::impl::ExpandMathPassBase<ExpandMathPass> {
  using ExpandMathPassBase::ExpandMathPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void tenon::populateExpandMathPatterns(RewritePatternSet &patterns) {
  patterns.add<
      ExpandUnary<math::ExpOp, buildExp>, ExpandUnary<math::Exp2Op, buildExp2>,
      ExpandUnary<math::ExpM1Op, buildExpM1>,
      ExpandUnary<math::LogOp, buildLog>, ExpandUnary<math::Log2Op, buildLog2>,
      ExpandUnary<math::Log10Op, buildLog10>,
      ExpandUnary<math::Log1pOp, buildLog1p>,
      ExpandUnary<math::SinhOp, buildSinh>,
      ExpandUnary<math::CoshOp, buildCosh>,
      ExpandUnary<math::TanhOp, buildTanh>,
      ExpandUnary<math::AsinhOp, buildAsinh>,
      ExpandUnary<math::AcoshOp, buildAcosh>,
      ExpandUnary<math::AtanhOp, buildAtanh>,
      ExpandUnary<math::ErfOp, buildErf>, ExpandUnary<math::SinOp, buildSin>,
      ExpandUnary<math::CosOp, buildCos>, ExpandUnary<math::TanOp, buildTan>,
      ExpandUnary<math::AsinOp, buildAsin>,
      ExpandUnary<math::AcosOp, buildAcos>,
      ExpandUnary<math::AtanOp, buildAtan>,
      ExpandUnary<math::CbrtOp, buildCbrt>,
      ExpandUnary<math::RsqrtOp, buildRsqrt>,
      ExpandUnary<math::RoundOp, buildRound>,
      ExpandBinary<math::Atan2Op, buildAtan2>,
      ExpandBinary<math::PowFOp, buildPow>,
      ExpandBinary<arith::RemFOp, buildRem>, ExpandSinCos,
      ExpandToBF16<arith::SIToFPOp>, ExpandToBF16<arith::UIToFPOp>>(
      patterns.getContext());
}
