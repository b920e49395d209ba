//===- ExpandMath.h - math functions as polynomials -------------*- C++ -*-===//
//
// For emitters: each function builds arith and math.fma ops for f32 or f64,
// scalar or a fixed-size vector. Lanes do not depend on each other, so the
// bits of a result are the same at any width.
//
//===----------------------------------------------------------------------===//

#ifndef TENON_PASSES_LOWER_EXPANDMATH_H
#define TENON_PASSES_LOWER_EXPANDMATH_H

#include "mlir/IR/PatternMatch.h"

namespace tenon {

/// Expand every math op below; f16 and bf16 are computed in f32.
void populateExpandMathPatterns(mlir::RewritePatternSet &patterns);

#define TENON_UNARY(name)                                                      \
  mlir::Value build##name(mlir::OpBuilder &builder, mlir::Location loc,        \
                          mlir::Value x);
/// e^x; 0 where that is under the smallest normal number. So is `buildExp2`.
TENON_UNARY(Exp)
TENON_UNARY(Exp2)
TENON_UNARY(ExpM1)
TENON_UNARY(Log)
TENON_UNARY(Log2)
TENON_UNARY(Log10)
TENON_UNARY(Log1p)
TENON_UNARY(Sinh)
TENON_UNARY(Cosh)
TENON_UNARY(Tanh)
TENON_UNARY(Asinh)
TENON_UNARY(Acosh)
TENON_UNARY(Atanh)
TENON_UNARY(Erf)
TENON_UNARY(Sin)
TENON_UNARY(Cos)
TENON_UNARY(Tan)
TENON_UNARY(Asin)
TENON_UNARY(Acos)
TENON_UNARY(Atan)
TENON_UNARY(Cbrt)
/// 1 / sqrt(x), each rounded once.
TENON_UNARY(Rsqrt)
/// To nearest, halves away from zero.
TENON_UNARY(Round)
#undef TENON_UNARY

mlir::Value buildAtan2(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value y, mlir::Value x);
/// x^y with the special cases of C; 0 under the smallest normal number.
mlir::Value buildPow(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x, mlir::Value y);
/// What is left of x when y is taken off as often as it goes: exact, with the
/// sign of x (C's fmod).
mlir::Value buildRem(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value x, mlir::Value y);
/// Sine and cosine from one reduction.
std::pair<mlir::Value, mlir::Value>
buildSinCos(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value x);

} // namespace tenon

#endif // TENON_PASSES_LOWER_EXPANDMATH_H
