// Writing bodies of groups: indices, elements, and (in sequences) plain code.
#ifndef TENON_PASSES_SCHEDULE_BODYBUILDER_H
#define TENON_PASSES_SCHEDULE_BODYBUILDER_H

#include "passes/schedule/KernBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace tenon::schedule {

struct BodyBuilder {
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Int = mlir::arith::CmpIPredicate;
  using Float = mlir::arith::CmpFPredicate;

  mlir::OpBuilder &b;
  mlir::Location loc;

  template <typename Op, typename... Args> Value make(Args &&...args) {
    return Op::create(b, loc, std::forward<Args>(args)...);
  }

  //===- Indices -------------------------------------------------------------===//
  Value constant(int64_t v) { return indexConstant(b, loc, v); }
  Value loop(int64_t i) {
    return make<kern::IndexOp>(b.getIndexType(), b.getI64IntegerAttr(i));
  }
  Value size(const DimExpr &e) {
    if (e.isConstant())
      return constant(e.constant());
    return make<kern::SizeOp>(
        b.getIndexType(),
        nn::DimsAttr::get(b.getContext(), llvm::ArrayRef<DimExpr>(e)));
  }
  Value add(Value x, Value y) { return make<mlir::arith::AddIOp>(x, y); }
  Value sub(Value x, Value y) { return make<mlir::arith::SubIOp>(x, y); }
  Value mul(Value x, Value y) { return make<mlir::arith::MulIOp>(x, y); }
  Value min(Value x, Value y) { return make<mlir::arith::MinSIOp>(x, y); }
  Value max(Value x, Value y) { return make<mlir::arith::MaxSIOp>(x, y); }
  Value andOf(Value x, Value y) { return make<mlir::arith::AndIOp>(x, y); }
  Value orOf(Value x, Value y) { return make<mlir::arith::OrIOp>(x, y); }
  Value select(Value c, Value x, Value y) {
    return make<mlir::arith::SelectOp>(c, x, y);
  }
  Value compare(Int p, Value x, Value y) {
    return make<mlir::arith::CmpIOp>(p, x, y);
  }
  /// 0 <= v < size
  Value isInside(Value v, Value size) { return compare(Int::ult, v, size); }
  void check(Value holds, int32_t status) {
    kern::CheckOp::create(b, loc, holds, b.getI32IntegerAttr(status));
  }
  /// An index that may count from the end, checked to lie in [0, size).
  Value checked(Value v, Value size);

  //===- Floats (of one type) ------------------------------------------------===//
  Value number(mlir::Type type, double v) {
    return make<mlir::arith::ConstantOp>(b.getFloatAttr(type, v));
  }
  Value like(Value v, double number) { return this->number(v.getType(), number); }
  Value addF(Value x, Value y) { return make<mlir::arith::AddFOp>(x, y); }
  Value subF(Value x, Value y) { return make<mlir::arith::SubFOp>(x, y); }
  Value mulF(Value x, Value y) { return make<mlir::arith::MulFOp>(x, y); }
  Value divF(Value x, Value y) { return make<mlir::arith::DivFOp>(x, y); }
  Value minF(Value x, Value y) { return select(compareF(Float::OLT, x, y), x, y); }
  Value maxF(Value x, Value y) { return select(compareF(Float::OGT, x, y), x, y); }
  Value compareF(Float p, Value x, Value y) {
    return make<mlir::arith::CmpFOp>(p, x, y);
  }
  Value floor(Value x) { return make<mlir::math::FloorOp>(x); }
  Value toFloat(Value index, mlir::Type type) {
    Value wide = make<mlir::arith::IndexCastOp>(b.getI64Type(), index);
    return make<mlir::arith::SIToFPOp>(type, wide);
  }
  /// A whole number as an index; beyond +-2^30 (or NaN) it is cut off.
  Value toIndex(Value x);
  /// Half precision is computed in f32.
  Value widen(Value v);
  Value narrow(Value v, mlir::Type type);

  //===- Elements ------------------------------------------------------------===//
  mlir::Type storageOf(Value table) {
    return nn::storageType(
        mlir::cast<mlir::ShapedType>(table.getType()).getElementType());
  }
  Value load(Value table, ValueRange at) {
    return make<kern::LoadOp>(storageOf(table), table, at);
  }
  Value read(Value table, ValueRange at) {
    return make<kern::ReadOp>(storageOf(table), table, at);
  }
  void write(Value v, Value table, ValueRange at) {
    kern::WriteOp::create(b, loc, v, table, at);
  }

  //===- Plain code ----------------------------------------------------------===//
  using Values = llvm::SmallVector<Value>;
  /// for i in lo .. hi; the body gives the next carried values.
  Values forEach(Value lo, Value hi, ValueRange carried,
                 llvm::function_ref<Values(Value i, ValueRange carried)> body);
  void forEach(Value lo, Value hi, llvm::function_ref<void(Value i)> body);
  void ifThen(Value condition, llvm::function_ref<void()> then);
  Values ifElse(Value condition, llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise);
  /// The body gives whether to go on, then the next carried values.
  Values repeat(ValueRange carried,
                llvm::function_ref<Values(ValueRange)> body);
};

} // namespace tenon::schedule

#endif // TENON_PASSES_SCHEDULE_BODYBUILDER_H
