// Reductions, softmax and normalisation.
#include "passes/schedule/KernBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;
using kern::Combiner;

namespace {
/// The loops of a reduction: kept dimensions first, then the reduced ones.
struct ReduceLoops {
  Dims sizes;
  unsigned parallel = 0;
  AffineMap input;       // all loops -> operand indices
  SmallVector<unsigned> loopOf; // operand dimension -> loop
};

ReduceLoops loopsFor(KernBuilder &k, Value input, ArrayRef<int64_t> axes) {
  Dims dims = k.of(input);
  ReduceLoops r;
  r.loopOf.resize(dims.size());
  for (bool reduced : {false, true}) {
    for (unsigned i = 0; i < dims.size(); ++i) {
      if (llvm::is_contained(axes, (int64_t)i) != reduced)
        continue;
      r.loopOf[i] = r.sizes.size();
      r.sizes.push_back(dims[i]);
    }
    if (!reduced)
      r.parallel = r.sizes.size();
  }
  SmallVector<AffineExpr> at;
  for (unsigned loop : r.loopOf)
    at.push_back(k.b.getAffineDimExpr(loop));
  r.input = AffineMap::get(r.sizes.size(), 0, at, k.b.getContext());
  return r;
}

/// The tensor of one value per kept dimension, read along all loops.
AffineMap keptMap(KernBuilder &k, const ReduceLoops &loops) {
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < loops.parallel; ++i)
    at.push_back(k.b.getAffineDimExpr(i));
  return AffineMap::get(loops.sizes.size(), 0, at, k.b.getContext());
}

Combiner combinerFor(nn::ReduceKind kind, Type element) {
  bool isFloat = isa<FloatType>(element);
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  switch (kind) {
  case nn::ReduceKind::Prod:
    return Combiner::Mul;
  case nn::ReduceKind::Min:
    return isFloat ? Combiner::MinF : isUnsigned ? Combiner::MinU : Combiner::MinS;
  case nn::ReduceKind::Max:
    return isFloat ? Combiner::MaxF : isUnsigned ? Combiner::MaxU : Combiner::MaxS;
  default:
    return Combiner::Add;
  }
}

/// Half types accumulate in f32.
Type accumulatorOf(OpBuilder &b, Type element) {
  if (isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32)
    return b.getF32Type();
  return nn::storageType(element);
}
Value widen(OpBuilder &b, Location loc, Value v, Type to) {
  return v.getType() == to ? v : arith::ExtFOp::create(b, loc, to, v);
}
Value narrow(OpBuilder &b, Location loc, Value v, Type to) {
  return v.getType() == to ? v : arith::TruncFOp::create(b, loc, to, v);
}
Value numberAs(OpBuilder &b, Location loc, Type type, double v) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, v));
  return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, (int64_t)v));
}
/// A count of elements as a number.
Value sizeAs(OpBuilder &b, Location loc, Type type, const DimExpr &count) {
  if (count.isConstant())
    return numberAs(b, loc, type, count.constant());
  Value size = kern::SizeOp::create(
      b, loc, b.getIndexType(),
      nn::DimsAttr::get(b.getContext(), ArrayRef<DimExpr>(count)));
  return indexToElement(b, loc, size, type);
}
} // namespace

/// Largest value per kept place; -inf for none.
static Value reduceMax(KernBuilder &k, Location loc, Value input,
                       const ReduceLoops &loops) {
  KernBuilder::ReduceSpec spec;
  spec.sizes = loops.sizes;
  spec.parallel = loops.parallel;
  spec.ins = {{input, loops.input}};
  Type element = k.elementOf(input), wide = accumulatorOf(k.b, element);
  spec.combiners = {combinerFor(nn::ReduceKind::Max, element)};
  return k.reduce(
      loc, element, spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        return SmallVector<Value>{widen(b, loc, a[0], wide)};
      },
      [&](OpBuilder &b, Location loc, ValueRange a) {
        return SmallVector<Value>{
            narrow(b, loc, a[0], nn::storageType(element))};
      });
}

/// x - max, where a maximum of -inf counts as 0 so that -inf - -inf is no NaN.
static Value shifted(OpBuilder &b, Location loc, Value x, Value max) {
  Value infinite = arith::CmpFOp::create(
      b, loc, arith::CmpFPredicate::OEQ, max,
      numberAs(b, loc, max.getType(), -std::numeric_limits<double>::infinity()));
  Value safe = arith::SelectOp::create(
      b, loc, infinite, numberAs(b, loc, max.getType(), 0), max);
  return arith::SubFOp::create(b, loc, x, safe);
}

static Value divide(OpBuilder &b, Location loc, Value x, Value y,
                    bool isUnsigned) {
  if (isa<FloatType>(x.getType()))
    return arith::DivFOp::create(b, loc, x, y);
  return isUnsigned ? (Value)arith::DivUIOp::create(b, loc, x, y)
                    : (Value)arith::DivSIOp::create(b, loc, x, y);
}

static Value integerToFloat(OpBuilder &b, Location loc, Value x,
                            bool isUnsigned) {
  return isUnsigned ? (Value)arith::UIToFPOp::create(b, loc, b.getF64Type(), x)
                    : (Value)arith::SIToFPOp::create(b, loc, b.getF64Type(), x);
}
/// Truncates; what is below the integer's range or no number becomes 0.
static Value floatToInteger(OpBuilder &b, Location loc, Value x, Type to,
                            bool isUnsigned) {
  double low = isUnsigned ? 0.0 : -std::ldexp(1.0, to.getIntOrFloatBitWidth() - 1);
  Value inside = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGE, x,
                                       numberAs(b, loc, x.getType(), low));
  x = arith::SelectOp::create(b, loc, inside, x, numberAs(b, loc, x.getType(), 0));
  return isUnsigned ? (Value)arith::FPToUIOp::create(b, loc, to, x)
                    : (Value)arith::FPToSIOp::create(b, loc, to, x);
}
/// A function of an integer, computed in f64.
template <typename Op>
static Value throughFloat(OpBuilder &b, Location loc, Value x, bool isUnsigned) {
  Value y = Op::create(b, loc, integerToFloat(b, loc, x, isUnsigned));
  return floatToInteger(b, loc, y, x.getType(), isUnsigned);
}

static Value lowerLogSumExp(KernBuilder &k, nn::ReduceOp op);

static Value lowerReduce(KernBuilder &k, nn::ReduceOp op) {
  Location loc = op.getLoc();
  Value input = op.getInput();
  Type element = k.elementOf(input);
  nn::ReduceKind kind = op.getKind();
  if (kind == nn::ReduceKind::LogSumExp && !isa<FloatType>(element))
    return lowerLogSumExp(k, op);
  ReduceLoops loops = loopsFor(k, input, op.getAxes());
  KernBuilder::ReduceSpec spec;
  spec.sizes = loops.sizes;
  spec.parallel = loops.parallel;
  spec.ins = {{input, loops.input}};
  spec.combiners = {combinerFor(kind, element)};
  Type accumulator = accumulatorOf(k.b, element);
  bool isFloat = isa<FloatType>(element);
  if (kind == nn::ReduceKind::LogSumExp) {
    Value max = reduceMax(k, loc, input, loops);
    spec.ins.push_back({max, keptMap(k, loops)});
    spec.extras = {{max, k.identity(loops.parallel)}};
  }
  DimExpr count = product(ArrayRef(loops.sizes).drop_front(loops.parallel));
  bool boolean = element.isInteger(1), isUnsigned = element.isUnsignedInteger();
  Value result = k.reduce(
      loc, element, spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value x = a[0];
        if (boolean)
          return SmallVector<Value>{
              arith::ExtUIOp::create(b, loc, b.getI8Type(), x)};
        if (isFloat)
          x = widen(b, loc, x, accumulator);
        switch (kind) {
        case nn::ReduceKind::SumSquare:
        case nn::ReduceKind::L2:
          x = isFloat ? (Value)arith::MulFOp::create(b, loc, x, x)
                      : (Value)arith::MulIOp::create(b, loc, x, x);
          break;
        case nn::ReduceKind::L1:
          if (isFloat)
            x = math::AbsFOp::create(b, loc, x);
          else if (!element.isUnsignedInteger())
            x = math::AbsIOp::create(b, loc, x);
          break;
        case nn::ReduceKind::LogSumExp:
          x = math::ExpOp::create(b, loc,
                                  shifted(b, loc, x, widen(b, loc, a[1], accumulator)));
          break;
        default:
          break;
        }
        return SmallVector<Value>{x};
      },
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value x = a[0];
        if (boolean)
          return SmallVector<Value>{arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::ne, x,
              numberAs(b, loc, x.getType(), 0))};
        switch (kind) {
        case nn::ReduceKind::Mean:
          x = divide(b, loc, x, sizeAs(b, loc, x.getType(), count), isUnsigned);
          break;
        case nn::ReduceKind::L2:
          x = isFloat ? (Value)math::SqrtOp::create(b, loc, x)
                      : throughFloat<math::SqrtOp>(b, loc, x, isUnsigned);
          break;
        case nn::ReduceKind::LogSum:
          x = isFloat ? (Value)math::LogOp::create(b, loc, x)
                      : throughFloat<math::LogOp>(b, loc, x, isUnsigned);
          break;
        case nn::ReduceKind::LogSumExp: {
          Value max = widen(b, loc, a[1], x.getType());
          Value infinite = arith::CmpFOp::create(
              b, loc, arith::CmpFPredicate::OEQ, max,
              numberAs(b, loc, max.getType(),
                       -std::numeric_limits<double>::infinity()));
          Value safe = arith::SelectOp::create(
              b, loc, infinite, numberAs(b, loc, max.getType(), 0), max);
          x = arith::AddFOp::create(b, loc, math::LogOp::create(b, loc, x), safe);
          break;
        }
        default:
          break;
        }
        return SmallVector<Value>{
            isFloat ? narrow(b, loc, x, element) : x};
      });
  return k.view(loc, result, k.of(op.getResult()));
}

/// log(sum(exp(x))) of integers: in f64, then truncated.
static Value lowerLogSumExp(KernBuilder &k, nn::ReduceOp op) {
  Location loc = op.getLoc();
  Value input = op.getInput();
  Type element = k.elementOf(input), wide = k.b.getF64Type();
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(input);
  spec.ins = {{input, k.identity(spec.sizes.size())}};
  Value floats = k.map(loc, wide, spec, [&](OpBuilder &b, Location loc, ValueRange a) {
    return SmallVector<Value>{integerToFloat(b, loc, a[0], isUnsigned)};
  });
  auto inFloat = nn::ReduceOp::create(
      k.b, loc, nn::tensorType(k.of(op.getResult()), wide), floats,
      nn::ReduceKind::LogSumExp, op.getAxes(), op.getKeepdims());
  k.dims.set(inFloat.getResult(), k.of(op.getResult()));
  Value result = lowerReduce(k, inFloat);
  inFloat.erase();
  KernBuilder::MapSpec last;
  last.sizes = k.of(result);
  last.ins = {{result, k.identity(last.sizes.size())}};
  return k.map(loc, element, last, [&](OpBuilder &b, Location loc, ValueRange a) {
    return SmallVector<Value>{floatToInteger(
        b, loc, a[0], nn::storageType(element), isUnsigned)};
  });
}

static Value lowerArgReduce(KernBuilder &k, nn::ArgReduceOp op) {
  Location loc = op.getLoc();
  Value input = op.getInput();
  Type element = k.elementOf(input);
  ReduceLoops loops = loopsFor(k, input, {(int64_t)op.getAxis()});
  KernBuilder::ReduceSpec spec;
  spec.sizes = loops.sizes;
  spec.parallel = loops.parallel;
  spec.ins = {{input, loops.input}};
  spec.combiners = {op.getLargest()
                        ? (op.getSelectLast() ? Combiner::ArgMaxLast
                                              : Combiner::ArgMaxFirst)
                        : (op.getSelectLast() ? Combiner::ArgMinLast
                                              : Combiner::ArgMinFirst)};
  int64_t axisLoop = loops.parallel;
  Value result = k.reduce(
      loc, k.b.getI64Type(), spec,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value x = a[0];
        if (isa<FloatType>(element))
          x = widen(b, loc, x, accumulatorOf(b, element));
        else if (element.isUnsignedInteger() &&
                 element.getIntOrFloatBitWidth() < 64)
          x = arith::ExtUIOp::create(b, loc, b.getI64Type(), x);
        else if (element.getIntOrFloatBitWidth() < 64)
          x = arith::ExtSIOp::create(b, loc, b.getI64Type(), x);
        else if (element.isUnsignedInteger()) // in order as signed numbers
          x = arith::XOrIOp::create(
              b, loc, x,
              arith::ConstantOp::create(
                  b, loc, b.getI64IntegerAttr(std::numeric_limits<int64_t>::min())));
        Value i = kern::IndexOp::create(b, loc, b.getIndexType(),
                                        b.getI64IntegerAttr(axisLoop));
        return SmallVector<Value>{
            x, arith::IndexCastOp::create(b, loc, b.getI64Type(), i)};
      },
      [](OpBuilder &, Location, ValueRange a) {
        return SmallVector<Value>{a[1]};
      });
  return k.view(loc, result, k.of(op.getResult()));
}

/// Along the innermost dimension: one kernel for the maximum, the sum and the
/// quotient of a row.
static Value softmaxOfRows(KernBuilder &k, nn::SoftmaxOp op,
                           const ReduceLoops &loops) {
  Type element = k.elementOf(op.getInput());
  Type wide = accumulatorOf(k.b, element);
  bool log = op.getLog();
  KernBuilder::RowsSpec spec;
  spec.sizes = loops.sizes;
  spec.parallel = loops.parallel;
  spec.ins = {{op.getInput(), loops.input}};
  spec.combiners = {Combiner::MaxF, Combiner::Add};
  spec.resultMap = loops.input;
  spec.shape = k.of(op.getInput());
  auto widened = [&](OpBuilder &b, Location loc, ValueRange a) {
    return SmallVector<Value>{widen(b, loc, a[0], wide)};
  };
  auto itself = [](OpBuilder &, Location, ValueRange a) {
    return SmallVector<Value>{a[0], a[0]};
  };
  // Later passes see e^(x - max), or x - max for the logarithm.
  auto exponential = [&](OpBuilder &b, Location loc, ValueRange a) {
    Value x = shifted(b, loc, a[0], a[1]);
    Value e = math::ExpOp::create(b, loc, x);
    return SmallVector<Value>{log ? x : e, e};
  };
  return k.rows(
      op.getLoc(), element, spec, widened, {itself, exponential},
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value r;
        if (log) {
          r = arith::SubFOp::create(b, loc, a[0], math::LogOp::create(b, loc, a[2]));
        } else {
          Value inverse =
              arith::DivFOp::create(b, loc, numberAs(b, loc, wide, 1), a[2]);
          r = arith::MulFOp::create(b, loc, a[0], inverse);
        }
        return SmallVector<Value>{narrow(b, loc, r, element)};
      });
}

static Value lowerSoftmax(KernBuilder &k, nn::SoftmaxOp op) {
  Location loc = op.getLoc();
  Value input = op.getInput();
  Type element = k.elementOf(input);
  ReduceLoops loops = loopsFor(k, input, {(int64_t)op.getAxis()});
  Dims dims = k.of(input);
  if (llvm::all_of(ArrayRef(dims).drop_front(op.getAxis() + 1),
                   [](const DimExpr &d) { return d.isConstant(1); }))
    return softmaxOfRows(k, op, loops);
  Type wide = accumulatorOf(k.b, element);
  Value max = reduceMax(k, loc, input, loops);
  // The kept values, seen from the loops of the whole tensor.
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < dims.size(); ++i)
    if (i != op.getAxis())
      at.push_back(k.b.getAffineDimExpr(i));
  AffineMap kept = AffineMap::get(dims.size(), 0, at, k.b.getContext());

  KernBuilder::MapSpec exps;
  exps.sizes = dims;
  exps.ins = {{input, k.identity(dims.size())}, {max, kept}};
  Value e = k.map(loc, wide, exps, [&](OpBuilder &b, Location loc, ValueRange a) {
    Value x = shifted(b, loc, widen(b, loc, a[0], wide), widen(b, loc, a[1], wide));
    return SmallVector<Value>{math::ExpOp::create(b, loc, x)};
  });
  KernBuilder::ReduceSpec sums;
  sums.sizes = loops.sizes;
  sums.parallel = loops.parallel;
  sums.ins = {{e, loops.input}};
  sums.combiners = {Combiner::Add};
  bool log = op.getLog();
  Value sum = k.reduce(
      loc, wide, sums,
      [](OpBuilder &, Location, ValueRange a) {
        return SmallVector<Value>{a[0]};
      },
      [&](OpBuilder &b, Location loc, ValueRange a) {
        return SmallVector<Value>{
            log ? (Value)math::LogOp::create(b, loc, a[0]) : a[0]};
      });
  KernBuilder::MapSpec last;
  last.sizes = dims;
  last.ins = {{log ? input : e, k.identity(dims.size())}, {sum, kept}};
  if (log)
    last.ins.push_back({max, kept});
  return k.map(loc, element, last,
               [&](OpBuilder &b, Location loc, ValueRange a) {
                 Value r;
                 if (log)
                   r = arith::SubFOp::create(
                       b, loc,
                       shifted(b, loc, widen(b, loc, a[0], wide),
                               widen(b, loc, a[2], wide)),
                       a[1]);
                 else
                   r = arith::DivFOp::create(b, loc, a[0], a[1]);
                 return SmallVector<Value>{narrow(b, loc, r, element)};
               });
}

static Value lowerNorm(KernBuilder &k, nn::NormOp op) {
  Value input = op.getInput();
  Type element = k.elementOf(input);
  Type wide = accumulatorOf(k.b, element);
  Dims dims = k.of(input);
  SmallVector<int64_t> axes;
  for (size_t i = op.getAxis(); i < dims.size(); ++i)
    axes.push_back(i);
  ReduceLoops loops = loopsFor(k, input, axes);
  DimExpr count = product(ArrayRef(loops.sizes).drop_front(loops.parallel));
  bool rms = op.getRms();
  KernBuilder::RowsSpec spec;
  spec.sizes = dims;
  spec.parallel = loops.parallel;
  spec.ins = {{input, k.identity(dims.size())}};
  spec.resultMap = k.identity(dims.size());
  spec.shape = dims;
  if (op.getScale())
    spec.extras.push_back({op.getScale(), k.broadcastMap(op.getScale(), dims)});
  if (op.getBias())
    spec.extras.push_back({op.getBias(), k.broadcastMap(op.getBias(), dims)});

  auto meanOf = [&](OpBuilder &b, Location loc, Value sum) -> Value {
    return arith::DivFOp::create(b, loc, sum, sizeAs(b, loc, wide, count));
  };
  auto centred = [&](OpBuilder &b, Location loc, ValueRange a) -> Value {
    if (rms)
      return a[0];
    return arith::SubFOp::create(b, loc, a[0], meanOf(b, loc, a[1]));
  };
  auto widened = [&](OpBuilder &b, Location loc, ValueRange a) {
    return SmallVector<Value>{widen(b, loc, a[0], wide)};
  };
  auto itself = [](OpBuilder &, Location, ValueRange a) {
    return SmallVector<Value>{a[0], a[0]};
  };
  auto square = [&](OpBuilder &b, Location loc, ValueRange a) {
    Value x = centred(b, loc, a);
    return SmallVector<Value>{a[0], arith::MulFOp::create(b, loc, x, x)};
  };
  SmallVector<Body> passes;
  if (!rms)
    passes.push_back(itself);
  passes.push_back(square);
  spec.combiners.assign(passes.size(), Combiner::Add);
  unsigned squares = passes.size();
  return k.rows(
      op.getLoc(), element, spec, widened, passes,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Value variance = arith::AddFOp::create(
            b, loc, meanOf(b, loc, a[squares]),
            numberAs(b, loc, wide, op.getEpsilon().convertToFloat()));
        Value inverse = arith::DivFOp::create(
            b, loc, numberAs(b, loc, wide, 1), math::SqrtOp::create(b, loc, variance));
        Value x = arith::MulFOp::create(b, loc, centred(b, loc, a), inverse);
        unsigned i = squares + 1;
        if (op.getScale())
          x = arith::MulFOp::create(b, loc, x, widen(b, loc, a[i++], wide));
        if (op.getBias())
          x = arith::AddFOp::create(b, loc, x, widen(b, loc, a[i++], wide));
        return SmallVector<Value>{narrow(b, loc, x, element)};
      });
}

Value schedule::lowerReduction(KernBuilder &k, Operation *op) {
  if (auto reduce = dyn_cast<nn::ReduceOp>(op))
    return lowerReduce(k, reduce);
  if (auto arg = dyn_cast<nn::ArgReduceOp>(op))
    return lowerArgReduce(k, arg);
  if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    return lowerSoftmax(k, softmax);
  if (auto norm = dyn_cast<nn::NormOp>(op))
    return lowerNorm(k, norm);
  return {};
}
