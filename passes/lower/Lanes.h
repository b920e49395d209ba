//===- Lanes.h - arithmetic on lanes, written as expressions ----*- C++ -*-===//
//
// A `Lanes` is an SSA value, scalar or vector, with the operators of C:
//
//   Lanes y = fma(x, x, 1.0);      %c = arith.constant dense<1.0>
//                                  %y = math.fma %x, %x, %c
//
// Numbers take the element type of the value they meet. Only operations that
// IEEE 754 defines to the last bit are offered, and none takes a flag.
//
//===----------------------------------------------------------------------===//

#ifndef TENON_PASSES_LOWER_LANES_H
#define TENON_PASSES_LOWER_LANES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include "passes/lower/MathCoefficients.h"
#include "llvm/ADT/ArrayRef.h"
#include <type_traits>

namespace tenon {

class Lanes {
public:
  Lanes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value)
      : builder(&builder), loc(loc), value(value) {}

  mlir::Value get() const { return value; }
  mlir::OpBuilder &getBuilder() const { return *builder; }
  mlir::Location getLoc() const { return loc; }
  mlir::Type getType() const { return value.getType(); }
  mlir::Type getElementType() const {
    return mlir::getElementTypeOrSelf(value.getType());
  }
  bool isF64() const { return getElementType().isF64(); }

  /// The same shape with another element type.
  mlir::Type withElement(mlir::Type element) const {
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(getType()))
      return vector.clone(element);
    return element;
  }
  Lanes with(mlir::Value result) const { return {*builder, loc, result}; }

  /// A number in this value's type, rounded to nearest.
  template <typename T> Lanes constant(T number) const {
    mlir::Type element = getElementType();
    mlir::TypedAttr attr;
    if (llvm::isa<mlir::FloatType>(element))
      attr = builder->getFloatAttr(element, static_cast<double>(number));
    else
      attr = builder->getIntegerAttr(
          element, llvm::APInt(element.getIntOrFloatBitWidth(),
                               static_cast<uint64_t>(number), false,
                               /*implicitTrunc=*/true));
    if (auto vector = llvm::dyn_cast<mlir::VectorType>(getType()))
      attr = mlir::DenseElementsAttr::get(vector, mlir::Attribute(attr));
    return with(mlir::arith::ConstantOp::create(*builder, loc, attr));
  }

  /// The number for this value's format.
  Lanes constant(double forF32, double forF64) const {
    return constant(isF64() ? forF64 : forF32);
  }

  Lanes toBits() const {
    unsigned width = getElementType().getIntOrFloatBitWidth();
    return with(mlir::arith::BitcastOp::create(
        *builder, loc, withElement(builder->getIntegerType(width)), value));
  }
  Lanes toFloat() const {
    bool isDouble = getElementType().isInteger(64);
    mlir::Type element =
        isDouble ? mlir::Type(builder->getF64Type()) : builder->getF32Type();
    return with(mlir::arith::BitcastOp::create(*builder, loc,
                                               withElement(element), value));
  }

  Lanes operator-() const {
    return with(mlir::arith::NegFOp::create(*builder, loc, value));
  }
  /// Exclusive or of the bits of `mask`, a 0 or a sign bit per lane.
  Lanes flipSign(Lanes mask) const;

private:
  mlir::OpBuilder *builder;
  mlir::Location loc;
  mlir::Value value;
};

namespace lanes {
inline Lanes as(const Lanes &, Lanes value) { return value; }
template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
Lanes as(const Lanes &like, T number) {
  return like.constant(number);
}

template <typename FloatOp, typename IntOp> Lanes binary(Lanes a, Lanes b) {
  mlir::OpBuilder &builder = a.getBuilder();
  if (llvm::isa<mlir::FloatType>(a.getElementType()))
    return a.with(FloatOp::create(builder, a.getLoc(), a.get(), b.get()));
  return a.with(IntOp::create(builder, a.getLoc(), a.get(), b.get()));
}
template <typename Op> Lanes integer(Lanes a, Lanes b) {
  return a.with(Op::create(a.getBuilder(), a.getLoc(), a.get(), b.get()));
}
} // namespace lanes

template <typename T> Lanes operator+(Lanes a, T b) {
  return lanes::binary<mlir::arith::AddFOp, mlir::arith::AddIOp>(
      a, lanes::as(a, b));
}
template <typename T> Lanes operator-(Lanes a, T b) {
  return lanes::binary<mlir::arith::SubFOp, mlir::arith::SubIOp>(
      a, lanes::as(a, b));
}
template <typename T> Lanes operator*(Lanes a, T b) {
  return lanes::binary<mlir::arith::MulFOp, mlir::arith::MulIOp>(
      a, lanes::as(a, b));
}
inline Lanes operator-(double a, Lanes b) { return b.constant(a) - b; }
inline Lanes operator/(Lanes a, Lanes b) {
  return lanes::integer<mlir::arith::DivFOp>(a, b);
}
inline Lanes operator/(double a, Lanes b) { return b.constant(a) / b; }
template <typename T> Lanes operator&(Lanes a, T b) {
  return lanes::integer<mlir::arith::AndIOp>(a, lanes::as(a, b));
}
template <typename T> Lanes operator|(Lanes a, T b) {
  return lanes::integer<mlir::arith::OrIOp>(a, lanes::as(a, b));
}
template <typename T> Lanes operator^(Lanes a, T b) {
  return lanes::integer<mlir::arith::XOrIOp>(a, lanes::as(a, b));
}
template <typename T> Lanes operator<<(Lanes a, T b) {
  return lanes::integer<mlir::arith::ShLIOp>(a, lanes::as(a, b));
}
/// Logical, zeros come in.
template <typename T> Lanes operator>>(Lanes a, T b) {
  return lanes::integer<mlir::arith::ShRUIOp>(a, lanes::as(a, b));
}
inline Lanes Lanes::flipSign(Lanes mask) const {
  return (toBits() ^ mask).toFloat();
}

template <typename A, typename B, typename C>
Lanes fmaLike(Lanes like, A a, B b, C c) {
  return like.with(mlir::math::FmaOp::create(
      like.getBuilder(), like.getLoc(), lanes::as(like, a).get(),
      lanes::as(like, b).get(), lanes::as(like, c).get()));
}
template <typename B, typename C> Lanes fma(Lanes a, B b, C c) {
  return fmaLike(a, a, b, c);
}

template <typename T>
Lanes compare(mlir::arith::CmpFPredicate predicate, Lanes a, T b) {
  return a.with(mlir::arith::CmpFOp::create(
      a.getBuilder(), a.getLoc(), predicate, a.get(), lanes::as(a, b).get()));
}
/// Comparisons are false for NaN, `isNot...` are true.
template <typename T> Lanes isLt(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::OLT, a, b);
}
template <typename T> Lanes isGt(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::OGT, a, b);
}
template <typename T> Lanes isGe(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::OGE, a, b);
}
template <typename T> Lanes isEq(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::OEQ, a, b);
}
template <typename T> Lanes isNotLe(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::UGT, a, b);
}
/// True for NaN.
template <typename T> Lanes isNotEq(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::UNE, a, b);
}
template <typename T> Lanes isUnordered(Lanes a, T b) {
  return compare(mlir::arith::CmpFPredicate::UNO, a, b);
}
template <typename T> Lanes isIntEq(Lanes a, T b) {
  return a.with(mlir::arith::CmpIOp::create(a.getBuilder(), a.getLoc(),
                                            mlir::arith::CmpIPredicate::eq,
                                            a.get(), lanes::as(a, b).get()));
}
template <typename T> Lanes isIntLt(Lanes a, T b) {
  return a.with(mlir::arith::CmpIOp::create(a.getBuilder(), a.getLoc(),
                                            mlir::arith::CmpIPredicate::slt,
                                            a.get(), lanes::as(a, b).get()));
}

inline Lanes select(Lanes condition, Lanes a, Lanes b) {
  return a.with(mlir::arith::SelectOp::create(
      a.getBuilder(), a.getLoc(), condition.get(), a.get(), b.get()));
}
template <typename T> Lanes select(Lanes condition, Lanes a, T b) {
  return select(condition, a, a.constant(b));
}
template <typename T> Lanes select(Lanes condition, T a, Lanes b) {
  return select(condition, b.constant(a), b);
}

/// `bound < a ? bound : a`: one instruction on x86, and a NaN stays.
inline Lanes atMost(Lanes a, Lanes bound) {
  return select(isLt(bound, a), bound, a);
}
inline Lanes abs(Lanes a) {
  return a.with(
      mlir::math::AbsFOp::create(a.getBuilder(), a.getLoc(), a.get()));
}
inline Lanes sqrt(Lanes a) {
  return a.with(
      mlir::math::SqrtOp::create(a.getBuilder(), a.getLoc(), a.get()));
}
inline Lanes floor(Lanes a) {
  return a.with(
      mlir::math::FloorOp::create(a.getBuilder(), a.getLoc(), a.get()));
}
inline Lanes trunc(Lanes a) {
  return a.with(
      mlir::math::TruncOp::create(a.getBuilder(), a.getLoc(), a.get()));
}
inline Lanes copySign(Lanes magnitude, Lanes sign) {
  return magnitude.with(mlir::math::CopySignOp::create(
      sign.getBuilder(), sign.getLoc(), magnitude.get(), sign.get()));
}
/// Conversion of a signed integer, rounded to nearest.
inline Lanes toFloatValue(Lanes a, mlir::Type element) {
  return a.with(mlir::arith::SIToFPOp::create(a.getBuilder(), a.getLoc(),
                                              a.withElement(element), a.get()));
}

/// Conversion of a float that is in the range of the integer.
inline Lanes toSignedInteger(Lanes a, mlir::Type element) {
  return a.with(mlir::arith::FPToSIOp::create(a.getBuilder(), a.getLoc(),
                                              a.withElement(element), a.get()));
}

/// c0 + c1 x + ..., as two interleaved chains in x^2 when it is long.
inline Lanes polynomial(Lanes x, llvm::ArrayRef<double> coefs) {
  size_t size = coefs.size();
  if (size < 7) {
    Lanes sum = x.constant(coefs.back());
    for (double c : llvm::reverse(coefs.drop_back()))
      sum = fma(sum, x, c);
    return sum;
  }
  Lanes square = x * x;
  auto chain = [&](size_t first) {
    size_t last = size - 1 - (size - 1 - first) % 2;
    Lanes sum = x.constant(coefs[last]);
    for (size_t i = last; i > first; i -= 2)
      sum = fma(sum, square, coefs[i - 2]);
    return sum;
  };
  Lanes high = chain(1);
  return fma(high, x, chain(0));
}
inline Lanes polynomial(Lanes x, const minimax::Poly &coefs) {
  return polynomial(x, x.isF64() ? coefs.f64 : coefs.f32);
}
/// One part of a split constant.
inline Lanes part(Lanes like, const minimax::Poly &split, unsigned index) {
  return like.constant(split.f32[index], split.f64[index]);
}
inline Lanes negatedPart(Lanes like, const minimax::Poly &split,
                         unsigned index) {
  return like.constant(-split.f32[index], -split.f64[index]);
}

/// An integer as a float, and in the low bits of `bits`.
struct Nearest {
  Lanes n, bits;
};
/// The integer nearest to a * b, for |a * b| < 2^22 (f64: 2^51). Adding 1.5 *
/// 2^23 leaves no bits for a fraction.
inline Nearest nearestOfProduct(Lanes a, Lanes b) {
  Lanes magic = a.constant(0x1.8p23, 0x1.8p52);
  Lanes shifted = fma(a, b, magic);
  return {shifted - magic, shifted.toBits()};
}

} // namespace tenon

#endif // TENON_PASSES_LOWER_LANES_H
