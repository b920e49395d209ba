// What each element-wise operation does to one element, in arith and math.
//
// Arguments have storage types (signless integers, i1 for bool). Half
// precision is computed in f32 and rounded after every operation, as the
// standard's reference does.
#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

namespace {

/// The builder with the few things every operation below needs.
struct Scalar {
  OpBuilder &b;
  Location loc;
  Type element;       // of the operand, as the tensor says it (ui8, f16, ...)

  bool isFloat() const { return isa<FloatType>(element); }
  bool isUnsigned() const {
    return element.isUnsignedInteger() || element.isInteger(1);
  }

  Value constant(Type type, double value) const {
    if (isa<FloatType>(type))
      return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
    return arith::ConstantOp::create(b, loc,
                                     b.getIntegerAttr(type, (int64_t)value));
  }
  Value like(Value v, double value) const {
    return constant(v.getType(), value);
  }
  template <typename Op, typename... Args> Value make(Args &&...args) const {
    return Op::create(b, loc, std::forward<Args>(args)...);
  }
  Value select(Value c, Value x, Value y) const {
    return make<arith::SelectOp>(c, x, y);
  }
  Value cmpf(arith::CmpFPredicate p, Value x, Value y) const {
    return make<arith::CmpFOp>(p, x, y);
  }
  Value cmpi(arith::CmpIPredicate p, Value x, Value y) const {
    return make<arith::CmpIOp>(p, x, y);
  }
  /// max and min that keep a NaN of either side: compare is false on NaN, so
  /// the first select takes y; then a NaN x is put back.
  Value maxf(Value x, Value y) const {
    Value r = select(cmpf(arith::CmpFPredicate::OGT, x, y), x, y);
    return select(cmpf(arith::CmpFPredicate::UNO, x, x), x, r);
  }
  Value minf(Value x, Value y) const {
    Value r = select(cmpf(arith::CmpFPredicate::OLT, x, y), x, y);
    return select(cmpf(arith::CmpFPredicate::UNO, x, x), x, r);
  }
};

bool isHalf(Type t) { return isa<FloatType>(t) && t.getIntOrFloatBitWidth() < 32; }

Value convert(const Scalar &s, Value v, Type from, Type to, bool saturate);

/// Widens half-precision arguments, builds, and narrows again.
template <typename Body>
Value inF32(OpBuilder &b, Location loc, Type element, ValueRange args,
            Body body) {
  Scalar s{b, loc, element};
  if (!isHalf(element))
    return body(s, SmallVector<Value>(args));
  SmallVector<Value> wide;
  for (Value v : args)
    wide.push_back(isa<FloatType>(v.getType())
                       ? convert(s, v, v.getType(), b.getF32Type(), true)
                       : v);
  Scalar f{b, loc, b.getF32Type()};
  Value result = body(f, wide);
  if (!isa<FloatType>(result.getType()))
    return result;
  return convert(s, result, result.getType(), element, true);
}

Type elementOf(Value tensor) {
  return cast<ShapedType>(tensor.getType()).getElementType();
}

//===- Conversions ---------------------------------------------------------===//

/// Float to integer: truncates, saturates, NaN to 0. Out-of-range fptosi is
/// poison, so the value is clamped in the float type first.
Value floatToInt(const Scalar &s, Value v, Type to, bool isUnsigned) {
  unsigned width = to.getIntOrFloatBitWidth();
  Type from = v.getType();
  auto intType = IntegerType::get(to.getContext(), width);
  double lo = isUnsigned ? 0.0 : -std::ldexp(1.0, width - 1);
  double hi = std::ldexp(1.0, isUnsigned ? width : width - 1);
  // The largest float below hi converts safely; at or above it saturates.
  Value tooBig = s.cmpf(arith::CmpFPredicate::OGE, v, s.constant(from, hi));
  Value tooSmall = s.cmpf(arith::CmpFPredicate::OLT, v, s.constant(from, lo));
  Value isNan = s.cmpf(arith::CmpFPredicate::UNO, v, v);
  Value outside = s.make<arith::OrIOp>(s.make<arith::OrIOp>(tooBig, tooSmall),
                                       isNan);
  Value safe = s.select(outside, s.constant(from, 0.0), v);
  Value r = isUnsigned ? s.make<arith::FPToUIOp>(intType, safe)
                       : s.make<arith::FPToSIOp>(intType, safe);
  APInt maxValue = isUnsigned ? APInt::getMaxValue(width)
                              : APInt::getSignedMaxValue(width);
  APInt minValue = isUnsigned ? APInt::getMinValue(width)
                              : APInt::getSignedMinValue(width);
  Value big = s.make<arith::ConstantOp>(s.b.getIntegerAttr(intType, maxValue));
  Value small = s.make<arith::ConstantOp>(s.b.getIntegerAttr(intType, minValue));
  return s.select(tooBig, big, s.select(tooSmall, small, r));
}

/// To an integer of 2 or 4 bits, held in a byte: the low bits of the integer
/// that v is or truncates to.
Value convertToNarrowInt(const Scalar &s, Value v, Type from, Type to) {
  unsigned width = to.getIntOrFloatBitWidth();
  Type i32 = s.b.getI32Type();
  if (isa<FloatType>(from)) {
    v = convert(s, v, from, i32, true);
    from = i32;
  }
  Value wrapped = convert(s, v, byteType(from), byteType(to), true);
  Value by = s.constant(s.b.getI8Type(), 8 - width);
  wrapped = s.make<arith::ShLIOp>(wrapped, by);
  return to.isUnsignedInteger() ? s.make<arith::ShRUIOp>(wrapped, by)
                                : s.make<arith::ShRSIOp>(wrapped, by);
}

Value convert(const Scalar &s, Value v, Type from, Type to, bool saturate) {
  if (from == to)
    return v;
  Type f32 = s.b.getF32Type();
  if (isNarrow(from) && isa<FloatType>(from))
    return convert(s, decodeNarrow(s.b, s.loc, v, from), f32, to, saturate);
  if (isNarrow(to) && isa<FloatType>(to))
    return encodeNarrow(s.b, s.loc, convert(s, v, from, f32, saturate), to,
                        saturate);
  if (isNarrow(to))
    return convertToNarrowInt(s, v, from, to);
  // Narrow integers are bytes already.
  from = byteType(from);
  if (from == to)
    return v;
  Type storage = storageType(to);
  bool fromFloat = isa<FloatType>(from), toFloat = isa<FloatType>(to);
  bool unsignedFrom = from.isUnsignedInteger() || from.isInteger(1);
  if (to.isInteger(1)) {
    if (fromFloat)
      return s.cmpf(arith::CmpFPredicate::UNE, v, s.like(v, 0));
    return s.cmpi(arith::CmpIPredicate::ne, v, s.like(v, 0));
  }
  if (fromFloat && toFloat) {
    unsigned wf = from.getIntOrFloatBitWidth(), wt = to.getIntOrFloatBitWidth();
    // Half types go through f32, but for f64, which is rounded once.
    if (wf < 32 && wt != 32)
      return convert(s, s.make<arith::ExtFOp>(s.b.getF32Type(), v),
                     s.b.getF32Type(), to, saturate);
    return wf < wt ? s.make<arith::ExtFOp>(storage, v)
                   : s.make<arith::TruncFOp>(storage, v);
  }
  if (fromFloat) {
    if (isHalf(from))
      v = convert(s, v, from, s.b.getF32Type(), true);
    return floatToInt(s, v, to, to.isUnsignedInteger());
  }
  if (toFloat) {
    Type wide = isHalf(to) ? (Type)s.b.getF32Type() : to;
    Value r = unsignedFrom ? s.make<arith::UIToFPOp>(wide, v)
                           : s.make<arith::SIToFPOp>(wide, v);
    return convert(s, r, wide, to, saturate);
  }
  unsigned wf = from.getIntOrFloatBitWidth(), wt = to.getIntOrFloatBitWidth();
  if (wf == wt)
    return v;
  if (wf > wt)
    return s.make<arith::TruncIOp>(storage, v);
  return unsignedFrom ? s.make<arith::ExtUIOp>(storage, v)
                      : s.make<arith::ExtSIOp>(storage, v);
}

Value sigmoid(const Scalar &s, Value x) {
  Value e = s.make<math::ExpOp>(s.make<arith::NegFOp>(x));
  return s.make<arith::DivFOp>(s.like(x, 1),
                               s.make<arith::AddFOp>(s.like(x, 1), e));
}

} // namespace

#define SCALAR(OP)                                                             \
  Value OP::buildScalar(OpBuilder &builder, Location loc, ValueRange arguments)

/// Operations on floats with one math function.
#define FLOAT_UNARY(OP, MATH)                                                  \
  SCALAR(OP) {                                                                 \
    return inF32(builder, loc, elementOf(getInput()), arguments,               \
                 [](const Scalar &s, ArrayRef<Value> a) {                      \
                   return s.make<MATH>(a[0]);                                  \
                 });                                                           \
  }
FLOAT_UNARY(SqrtOp, math::SqrtOp)
FLOAT_UNARY(ExpOp, math::ExpOp)
FLOAT_UNARY(LogOp, math::LogOp)
FLOAT_UNARY(SinOp, math::SinOp)
FLOAT_UNARY(CosOp, math::CosOp)
FLOAT_UNARY(TanOp, math::TanOp)
FLOAT_UNARY(AsinOp, math::AsinOp)
FLOAT_UNARY(AcosOp, math::AcosOp)
FLOAT_UNARY(AtanOp, math::AtanOp)
FLOAT_UNARY(SinhOp, math::SinhOp)
FLOAT_UNARY(CoshOp, math::CoshOp)
FLOAT_UNARY(AsinhOp, math::AsinhOp)
FLOAT_UNARY(AcoshOp, math::AcoshOp)
FLOAT_UNARY(AtanhOp, math::AtanhOp)
FLOAT_UNARY(TanhOp, math::TanhOp)
FLOAT_UNARY(ErfOp, math::ErfOp)
FLOAT_UNARY(FloorOp, math::FloorOp)
FLOAT_UNARY(CeilOp, math::CeilOp)
FLOAT_UNARY(RoundOp, math::RoundEvenOp)

/// Operations with their own body; `s` knows the operand's element type.
#define BODY(OP, OPERAND, ...)                                                 \
  SCALAR(OP) {                                                                 \
    return inF32(builder, loc, elementOf(OPERAND), arguments,                  \
                 [&](const Scalar &s, ArrayRef<Value> a) -> Value {            \
                   __VA_ARGS__                                                 \
                 });                                                           \
  }

BODY(AbsOp, getInput(), {
  if (s.isFloat())
    return s.make<math::AbsFOp>(a[0]);
  return s.isUnsigned() ? a[0] : s.make<math::AbsIOp>(a[0]);
})
BODY(NegOp, getInput(), {
  if (s.isFloat())
    return s.make<arith::NegFOp>(a[0]);
  return s.make<arith::SubIOp>(s.like(a[0], 0), a[0]);
})
BODY(SignOp, getInput(), {
  Value zero = s.like(a[0], 0), one = s.like(a[0], 1);
  if (s.isFloat()) {
    // NaN stays: neither comparison holds and x itself is returned.
    Value r = s.select(s.cmpf(arith::CmpFPredicate::OLT, a[0], zero),
                       s.like(a[0], -1), a[0]);
    r = s.select(s.cmpf(arith::CmpFPredicate::OGT, a[0], zero), one, r);
    return s.select(s.cmpf(arith::CmpFPredicate::OEQ, a[0], zero), zero, r);
  }
  if (s.isUnsigned())
    return s.select(s.cmpi(arith::CmpIPredicate::ne, a[0], zero), one, zero);
  Value negative = s.select(s.cmpi(arith::CmpIPredicate::slt, a[0], zero),
                            s.like(a[0], -1), zero);
  return s.select(s.cmpi(arith::CmpIPredicate::sgt, a[0], zero), one, negative);
})
BODY(ReciprocalOp, getInput(),
     { return s.make<arith::DivFOp>(s.like(a[0], 1), a[0]); })
BODY(SigmoidOp, getInput(), { return sigmoid(s, a[0]); })
BODY(SiluOp, getInput(),
     { return s.make<arith::MulFOp>(a[0], sigmoid(s, a[0])); })
BODY(ReluOp, getInput(), {
  Value zero = s.like(a[0], 0);
  if (!s.isFloat())
    return s.select(s.cmpi(arith::CmpIPredicate::sgt, a[0], zero), a[0], zero);
  // Unordered or greater: NaN passes through in one compare and select.
  return s.select(s.cmpf(arith::CmpFPredicate::ULE, a[0], zero),
                  s.select(s.cmpf(arith::CmpFPredicate::UNO, a[0], a[0]), a[0],
                           zero),
                  a[0]);
})
BODY(NotOp, getInput(), {
  return s.make<arith::XOrIOp>(a[0], s.like(a[0], s.element.isInteger(1) ? 1 : -1));
})
BODY(GeluOp, getInput(), {
  Value x = a[0];
  Value half = s.make<arith::MulFOp>(x, s.like(x, 0.5));
  Value inner;
  if (getApproximate()) {
    Value x2 = s.make<arith::MulFOp>(x, x);
    Value poly = s.make<math::FmaOp>(s.make<arith::MulFOp>(x2, x),
                                     s.like(x, 0.044715), x);
    inner = s.make<math::TanhOp>(
        s.make<arith::MulFOp>(poly, s.like(x, 0.7978845608028654)));
  } else {
    inner = s.make<math::ErfOp>(
        s.make<arith::MulFOp>(x, s.like(x, 0.7071067811865476)));
  }
  return s.make<math::FmaOp>(half, inner, half);
})

#define ARITHMETIC(OP, FLOAT, SIGNED, UNSIGNED)                                \
  BODY(OP, getLhs(), {                                                         \
    if (s.isFloat())                                                           \
      return s.make<arith::FLOAT>(a[0], a[1]);                                 \
    return s.isUnsigned() ? s.make<arith::UNSIGNED>(a[0], a[1])                \
                          : s.make<arith::SIGNED>(a[0], a[1]);                 \
  })
ARITHMETIC(AddOp, AddFOp, AddIOp, AddIOp)
ARITHMETIC(SubOp, SubFOp, SubIOp, SubIOp)
ARITHMETIC(MulOp, MulFOp, MulIOp, MulIOp)

/// The divisor made safe: 1 where it is 0 or where INT_MIN / -1 would trap.
static Value safeDivisor(const Scalar &s, Value x, Value y, Value &isZero) {
  isZero = s.cmpi(arith::CmpIPredicate::eq, y, s.like(y, 0));
  Value bad = isZero;
  if (!s.isUnsigned()) {
    unsigned width = x.getType().getIntOrFloatBitWidth();
    Value min = s.make<arith::ConstantOp>(
        s.b.getIntegerAttr(x.getType(), APInt::getSignedMinValue(width)));
    Value traps = s.make<arith::AndIOp>(
        s.cmpi(arith::CmpIPredicate::eq, x, min),
        s.cmpi(arith::CmpIPredicate::eq, y, s.like(y, -1)));
    bad = s.make<arith::OrIOp>(bad, traps);
  }
  return s.select(bad, s.like(y, 1), y);
}

BODY(DivOp, getLhs(), {
  if (s.isFloat())
    return s.make<arith::DivFOp>(a[0], a[1]);
  Value isZero;
  Value y = safeDivisor(s, a[0], a[1], isZero);
  Value q = s.isUnsigned() ? s.make<arith::DivUIOp>(a[0], y)
                           : s.make<arith::DivSIOp>(a[0], y);
  return s.select(isZero, s.like(a[0], 0), q);
})
BODY(ModOp, getLhs(), {
  if (s.isFloat()) {
    Value r = s.make<arith::RemFOp>(a[0], a[1]); // C's fmod
    if (getFmod())
      return r;
    // numpy.mod: the divisor's sign.
    Value zero = s.like(r, 0);
    Value differs = s.make<arith::XOrIOp>(
        s.cmpf(arith::CmpFPredicate::OLT, r, zero),
        s.cmpf(arith::CmpFPredicate::OLT, a[1], zero));
    Value fix = s.make<arith::AndIOp>(
        differs, s.cmpf(arith::CmpFPredicate::ONE, r, zero));
    return s.select(fix, s.make<arith::AddFOp>(r, a[1]), r);
  }
  Value isZero;
  Value y = safeDivisor(s, a[0], a[1], isZero);
  if (s.isUnsigned())
    return s.select(isZero, s.like(a[0], 0), s.make<arith::RemUIOp>(a[0], y));
  Value r = s.make<arith::RemSIOp>(a[0], y);
  if (!getFmod()) {
    Value zero = s.like(r, 0);
    Value differs = s.make<arith::XOrIOp>(
        s.cmpi(arith::CmpIPredicate::slt, r, zero),
        s.cmpi(arith::CmpIPredicate::slt, y, zero));
    Value fix = s.make<arith::AndIOp>(
        differs, s.cmpi(arith::CmpIPredicate::ne, r, zero));
    r = s.select(fix, s.make<arith::AddIOp>(r, y), r);
  }
  return s.select(isZero, s.like(a[0], 0), r);
})

/// Integer power by repeated squaring over the exponent's bits.
static Value integerPower(const Scalar &s, Value x, Value y) {
  unsigned width = y.getType().getIntOrFloatBitWidth();
  Value result = s.like(x, 1), base = x;
  for (unsigned bit = 0; bit < width; ++bit) {
    Value shifted = s.make<arith::ShRUIOp>(y, s.like(y, bit));
    Value on = s.cmpi(arith::CmpIPredicate::ne,
                      s.make<arith::AndIOp>(shifted, s.like(y, 1)), s.like(y, 0));
    result = s.select(on, s.make<arith::MulIOp>(result, base), result);
    base = s.make<arith::MulIOp>(base, base);
  }
  return result;
}

SCALAR(PowOp) {
  // The exponent may have another type; the result has the base's.
  Type base = elementOf(getLhs()), exponent = elementOf(getRhs());
  return inF32(builder, loc, base, arguments,
               [&](const Scalar &s, ArrayRef<Value> a) -> Value {
                 if (!s.isFloat()) {
                   if (!isa<FloatType>(exponent))
                     return integerPower(s, a[0], a[1]);
                   Type f64 = s.b.getF64Type();
                   Value x = convert(s, a[0], base, f64, true);
                   Value y = convert(s, a[1], a[1].getType(), f64, true);
                   return convert(s, s.make<math::PowFOp>(x, y), f64, base, true);
                 }
                 Type computed = a[0].getType();
                 Type from = isa<FloatType>(exponent) ? a[1].getType() : exponent;
                 Value y = convert(s, a[1], from, computed, true);
                 return s.make<math::PowFOp>(a[0], y);
               });
}

BODY(MaxOp, getLhs(), {
  if (s.isFloat())
    return s.maxf(a[0], a[1]);
  return s.isUnsigned() ? s.make<arith::MaxUIOp>(a[0], a[1])
                        : s.make<arith::MaxSIOp>(a[0], a[1]);
})
BODY(MinOp, getLhs(), {
  if (s.isFloat())
    return s.minf(a[0], a[1]);
  return s.isUnsigned() ? s.make<arith::MinUIOp>(a[0], a[1])
                        : s.make<arith::MinSIOp>(a[0], a[1]);
})
BODY(AndOp, getLhs(), { return s.make<arith::AndIOp>(a[0], a[1]); })
BODY(OrOp, getLhs(), { return s.make<arith::OrIOp>(a[0], a[1]); })
BODY(XorOp, getLhs(), { return s.make<arith::XOrIOp>(a[0], a[1]); })

/// numpy's shifts: past the width a left shift leaves 0, a right shift the
/// sign; negative amounts count as past the width.
static Value shift(const Scalar &s, ArrayRef<Value> a, bool left) {
  unsigned width = a[0].getType().getIntOrFloatBitWidth();
  Value inside = s.cmpi(arith::CmpIPredicate::ult, a[1], s.like(a[1], width));
  if (!left && !s.isUnsigned()) {
    Value by = s.select(inside, a[1], s.like(a[1], width - 1));
    return s.make<arith::ShRSIOp>(a[0], by);
  }
  Value by = s.select(inside, a[1], s.like(a[1], 0));
  Value r = left ? s.make<arith::ShLIOp>(a[0], by)
                 : s.make<arith::ShRUIOp>(a[0], by);
  return s.select(inside, r, s.like(a[0], 0));
}
BODY(ShiftLeftOp, getLhs(), { return shift(s, a, true); })
BODY(ShiftRightOp, getLhs(), { return shift(s, a, false); })

BODY(CompareOp, getLhs(), {
  static const arith::CmpFPredicate floats[] = {
      arith::CmpFPredicate::OEQ, arith::CmpFPredicate::OLT,
      arith::CmpFPredicate::OLE, arith::CmpFPredicate::OGT,
      arith::CmpFPredicate::OGE};
  static const arith::CmpIPredicate signedInts[] = {
      arith::CmpIPredicate::eq, arith::CmpIPredicate::slt,
      arith::CmpIPredicate::sle, arith::CmpIPredicate::sgt,
      arith::CmpIPredicate::sge};
  static const arith::CmpIPredicate unsignedInts[] = {
      arith::CmpIPredicate::eq, arith::CmpIPredicate::ult,
      arith::CmpIPredicate::ule, arith::CmpIPredicate::ugt,
      arith::CmpIPredicate::uge};
  unsigned p = (unsigned)getPredicate();
  if (s.isFloat())
    return s.cmpf(floats[p], a[0], a[1]);
  return s.cmpi(s.isUnsigned() ? unsignedInts[p] : signedInts[p], a[0], a[1]);
})
BODY(IsNanOp, getInput(),
     { return s.cmpf(arith::CmpFPredicate::UNO, a[0], a[0]); })
BODY(IsInfOp, getInput(), {
  Value no = s.constant(s.b.getI1Type(), 0);
  Value positive =
      getPositive() ? s.cmpf(arith::CmpFPredicate::OEQ, a[0],
                             s.like(a[0], INFINITY))
                    : no;
  Value negative =
      getNegative() ? s.cmpf(arith::CmpFPredicate::OEQ, a[0],
                             s.like(a[0], -INFINITY))
                    : no;
  return s.make<arith::OrIOp>(positive, negative);
})

SCALAR(CastOp) {
  Type from = elementOf(getInput()), to = elementOf(getResult());
  return convert({builder, loc, from}, arguments[0], from, to, getSaturate());
}
SCALAR(BitcastOp) {
  Type to = storageType(elementOf(getResult()));
  if (arguments[0].getType() == to)
    return arguments[0];
  // bool is a byte in memory.
  if (arguments[0].getType().isInteger(1))
    return arith::ExtUIOp::create(builder, loc, to, arguments[0]);
  if (to.isInteger(1))
    return arith::TruncIOp::create(builder, loc, to, arguments[0]);
  return arith::BitcastOp::create(builder, loc, to, arguments[0]);
}
SCALAR(SelectOp) {
  return arith::SelectOp::create(builder, loc, arguments[0], arguments[1],
                                 arguments[2]);
}

SCALAR(QuantizeOp) {
  Type x = elementOf(getInput()), to = elementOf(getResult());
  Type f32 = builder.getF32Type();
  Scalar s{builder, loc, x};
  Type scale = elementOf(getScale());
  Value v = convert(s, arguments[0], x, f32, true);
  Value q = s.make<arith::DivFOp>(v, convert(s, arguments[1], scale, f32, true));
  // A float's zero point is 0, and its own rounding the only one.
  if (isa<FloatType>(to))
    return convert(s, q, f32, to, getSaturate());
  q = s.make<math::RoundEvenOp>(q);
  // Adding in float is exact for zero points of at most 16 bits.
  if (getZeroPoint())
    q = s.make<arith::AddFOp>(
        q, convert(s, arguments[2], elementOf(getZeroPoint()), f32, true));
  // Casts to wider types saturate; those to narrow ones wrap.
  if (isNarrow(to)) {
    unsigned width = to.getIntOrFloatBitWidth();
    bool isUnsigned = to.isUnsignedInteger();
    double lo = isUnsigned ? 0.0 : -std::ldexp(1.0, width - 1);
    double hi = std::ldexp(1.0, isUnsigned ? width : width - 1) - 1;
    q = s.select(s.cmpf(arith::CmpFPredicate::OLT, q, s.constant(f32, lo)),
                 s.constant(f32, lo), q);
    q = s.select(s.cmpf(arith::CmpFPredicate::OGT, q, s.constant(f32, hi)),
                 s.constant(f32, hi), q);
  }
  return convert(s, q, f32, to, getSaturate());
}
