// Floats of 8 and 4 bits as integer codes, and what they mean in f32.
//
//   s eeee mmm    (-1)^s 2^(e - bias) 1.mmm; e = 0: (-1)^s 2^(1 - bias) 0.mmm
//
// The formats are those of the OCP 8-bit and microscaling specifications and,
// with "fnuz", of arXiv 2206.02915: one zero, NaN in the place of -0.
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace tenon;

namespace {
struct Format {
  int exponent, mantissa, bias;
  unsigned largest;             // the code of the largest finite value
  std::optional<unsigned> inf;  // without sign
  std::optional<unsigned> nan;
  bool fnuz = false;            // NaN is the code of -0

  double largestValue() const {
    int e = largest >> mantissa;
    double fraction = 1 + std::ldexp(largest & ((1 << mantissa) - 1), -mantissa);
    return std::ldexp(fraction, e - bias);
  }
};

/// arith on i32 and f32 with little writing.
struct Bits {
  OpBuilder &b;
  Location loc;
  Value i(int64_t v) { return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(v)); }
  Value f(double v) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(v)); }
  Value asBits(Value v) { return arith::BitcastOp::create(b, loc, b.getI32Type(), v); }
  Value asFloat(Value v) { return arith::BitcastOp::create(b, loc, b.getF32Type(), v); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, loc, x, y); }
  Value andOf(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value orOf(Value x, Value y) { return arith::OrIOp::create(b, loc, x, y); }
  Value shl(Value x, int64_t n) { return arith::ShLIOp::create(b, loc, x, i(n)); }
  Value shr(Value x, int64_t n) { return arith::ShRUIOp::create(b, loc, x, i(n)); }
  Value mulf(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value select(Value c, Value x, Value y) { return arith::SelectOp::create(b, loc, c, x, y); }
  Value is(arith::CmpIPredicate p, Value x, Value y) { return arith::CmpIOp::create(b, loc, p, x, y); }
  Value isF(arith::CmpFPredicate p, Value x, Value y) { return arith::CmpFOp::create(b, loc, p, x, y); }
};
} // namespace

static Format formatOf(Type type) {
  if (isa<Float8E4M3FNType>(type))
    return {4, 3, 7, 0x7e, std::nullopt, 0x7f};
  if (isa<Float8E4M3FNUZType>(type))
    return {4, 3, 8, 0x7f, std::nullopt, std::nullopt, true};
  if (isa<Float8E5M2Type>(type))
    return {5, 2, 15, 0x7b, 0x7c, 0x7e};
  if (isa<Float8E5M2FNUZType>(type))
    return {5, 2, 16, 0x7f, std::nullopt, std::nullopt, true};
  assert(isa<Float4E2M1FNType>(type) && "a narrow float without a format");
  return {2, 1, 1, 0x7, std::nullopt, std::nullopt};
}

/// A power of two from 2^-127 (code 0) to 2^127; 255 is NaN.
static Value decodeScale(Bits x, Value code) {
  Value power = x.asFloat(x.shl(code, 23));
  Value least = x.f(std::ldexp(1.0, -127));
  power = x.select(x.is(arith::CmpIPredicate::eq, code, x.i(0)), least, power);
  return x.select(x.is(arith::CmpIPredicate::eq, code, x.i(255)), x.f(NAN), power);
}

/// Rounds up to the next power, as ONNX's Cast does without another mode.
static Value encodeScale(Bits x, Value value, bool saturate) {
  Value bits = x.andOf(x.asBits(value), x.i(0x7fffffff));
  Value exponent = x.shr(bits, 23);
  Value rest = x.andOf(bits, x.i(0x7fffff));
  // 2^-127 and less is code 0; subnormals above it are code 1.
  Value rounds = x.is(arith::CmpIPredicate::ne, rest, x.i(0));
  Value low = x.is(arith::CmpIPredicate::eq, exponent, x.i(0));
  Value lowRounds = x.is(arith::CmpIPredicate::ugt, rest, x.i(0x400000));
  rounds = x.select(low, lowRounds, rounds);
  Value code = x.add(exponent, x.select(rounds, x.i(1), x.i(0)));
  Value tooBig = x.is(arith::CmpIPredicate::ugt, code, x.i(254));
  code = x.select(tooBig, x.i(saturate ? 254 : 255), code);
  Value nan = x.isF(arith::CmpFPredicate::UNO, value, value);
  return x.select(nan, x.i(255), code);
}

Value nn::decodeNarrow(OpBuilder &b, Location loc, Value code, Type type) {
  Bits x{b, loc};
  Value wide = arith::ExtUIOp::create(b, loc, b.getI32Type(), code);
  if (isa<Float8E8M0FNUType>(type))
    return decodeScale(x, wide);
  Format f = formatOf(type);
  int width = 1 + f.exponent + f.mantissa;
  Value magnitude = x.andOf(wide, x.i((1 << (width - 1)) - 1));
  Value fraction = x.andOf(wide, x.i((1 << f.mantissa) - 1));
  // Normal: the bits in f32's places and another bias.
  Value normal = x.asFloat(x.add(x.shl(magnitude, 23 - f.mantissa),
                                 x.i((127 - f.bias) << 23)));
  Value small = x.mulf(arith::SIToFPOp::create(b, loc, b.getF32Type(), fraction),
                       x.f(std::ldexp(1.0, 1 - f.bias - f.mantissa)));
  Value isSmall = x.is(arith::CmpIPredicate::ult, magnitude, x.i(1 << f.mantissa));
  Value v = x.select(isSmall, small, normal);
  if (f.inf)
    v = x.select(x.is(arith::CmpIPredicate::eq, magnitude, x.i(*f.inf)),
                 x.f(INFINITY), v);
  if (f.inf || f.nan)
    v = x.select(x.is(arith::CmpIPredicate::ugt, magnitude,
                      x.i(f.inf ? *f.inf : *f.nan - 1)),
                 x.f(NAN), v);
  Value sign = x.shl(x.andOf(wide, x.i(1 << (width - 1))), 32 - width);
  v = x.asFloat(x.orOf(x.asBits(v), sign));
  if (f.fnuz)
    v = x.select(x.is(arith::CmpIPredicate::eq, wide, x.i(0x80)), x.f(NAN), v);
  return v;
}

Value nn::encodeNarrow(OpBuilder &b, Location loc, Value value, Type type,
                       bool saturate) {
  Bits x{b, loc};
  Value code;
  if (isa<Float8E8M0FNUType>(type)) {
    code = encodeScale(x, value, saturate);
  } else {
    Format f = formatOf(type);
    int width = 1 + f.exponent + f.mantissa, drop = 23 - f.mantissa;
    Value bits = x.asBits(value);
    Value magnitude = x.andOf(bits, x.i(0x7fffffff));
    // Normal: half an ulp less one, and one more where the last bit is odd.
    Value odd = x.andOf(x.shr(magnitude, drop), x.i(1));
    Value rounded = x.add(x.add(magnitude, odd),
                          x.i((1 << (drop - 1)) - 1 - ((127 - f.bias) << 23)));
    Value normal = x.shr(rounded, drop);
    // Small: multiples of the least value, rounded by the conversion.
    double least = std::ldexp(1.0, 1 - f.bias - f.mantissa);
    Value count = math::RoundEvenOp::create(
        b, loc, x.mulf(x.asFloat(magnitude), x.f(1 / least)));
    Value isSmall = x.is(arith::CmpIPredicate::ult, magnitude,
                         x.i((1 - f.bias + 127) << 23));
    count = x.select(isSmall, count, x.f(0));
    Value small = arith::FPToSIOp::create(b, loc, b.getI32Type(), count);
    code = x.select(isSmall, small, normal);
    // Rounding past the largest finite code overflows.
    Value tooBig = x.is(arith::CmpIPredicate::ugt, code, x.i(f.largest));
    unsigned sign = 1u << (width - 1);
    Value huge = x.is(arith::CmpIPredicate::uge, magnitude, x.i(0x7f000000));
    tooBig = arith::OrIOp::create(b, loc, tooBig, huge);
    bool saturates = saturate || (!f.inf && !f.nan && !f.fnuz);
    unsigned beyond = saturates ? f.largest
                      : f.inf   ? *f.inf
                      : f.nan   ? *f.nan
                                : sign;
    code = x.select(tooBig, x.i(beyond), code);
    Value signBit = x.andOf(x.shr(bits, 32 - width), x.i(sign));
    if (f.fnuz) {
      // No negative zero, and one NaN.
      Value none = x.is(arith::CmpIPredicate::eq, code, x.i(0));
      signBit = x.select(none, x.i(0), signBit);
    }
    code = x.orOf(code, signBit);
    Value isNan = x.isF(arith::CmpFPredicate::UNO, value, value);
    // A format without NaN has -0 for it, as "fnuz" has NaN for -0.
    Value nanCode = f.nan ? x.orOf(x.i(*f.nan), signBit) : x.i(sign);
    code = x.select(isNan, nanCode, code);
  }
  return arith::TruncIOp::create(b, loc, b.getI8Type(), code);
}
