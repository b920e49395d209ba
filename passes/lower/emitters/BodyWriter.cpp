// Scalar bodies written on vectors: what every lane shares stays a scalar.
#include "passes/lower/emitters/KernelFrame.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

Value BodyWriter::widen(Value v) {
  if (width == 1 || isa<VectorType>(v.getType()))
    return v;
  return vector::BroadcastOp::create(
      f.b, f.loc, VectorType::get({width}, v.getType()), v);
}

Value BodyWriter::widenProduct(Value v) {
  auto mul = v.getDefiningOp<arith::MulFOp>();
  if (!mul || width == 1 || isa<VectorType>(v.getType()))
    return widen(v);
  return arith::MulFOp::create(f.b, f.loc, widen(mul.getLhs()),
                               widen(mul.getRhs()));
}

void BodyWriter::readSizes(Region &body) {
  body.walk([&](kern::SizeOp op) { parameters[op] = f.nextParameter(); });
}

void BodyWriter::readConstants(Region &body) {
  kern::forEachStepConstant(body, [&](arith::ConstantOp op) {
    parameters[op] = f.nextConstant();
  });
}

/// Loads at computed indices: one load where all lanes agree, neighbours where
/// only the last index walks the vector loop, else element by element.
Value BodyWriter::writeLoad(kern::LoadOp op, IRMapping &mapping) {
  auto &[buffer, strides] = tables[op.getTable()];
  bool uniform = true, neighbours = true;
  for (auto [i, index] : llvm::enumerate(op.getIndices())) {
    bool isVector = isa<VectorType>(mapping.lookup(index).getType());
    uniform &= !isVector;
    auto loopIndex = index.getDefiningOp<kern::IndexOp>();
    bool walks = loopIndex && (int64_t)loopIndex.getLoop() == vectorLoop;
    bool last = i + 1 == op.getIndices().size();
    neighbours &= !isVector || (last && walks);
  }
  Value linear;
  auto term = [&](Value index, Value stride) {
    Value t = isa<VectorType>(index.getType())
                  ? f.mul(index, widen(stride))
                  : f.mul(index, stride);
    if (!linear)
      return linear = t;
    bool vector = isa<VectorType>(t.getType()) || isa<VectorType>(linear.getType());
    return linear = vector ? f.add(widen(linear), widen(t)) : f.add(linear, t);
  };
  if (uniform || neighbours) {
    for (auto [i, index] : llvm::enumerate(op.getIndices())) {
      Value v = mapping.lookup(index);
      if (isa<VectorType>(v.getType()))
        v = indices[vectorLoop];
      term(v, strides[i]);
    }
    if (!linear)
      linear = f.index(0);
    return f.load(buffer, linear, uniform ? 1 : width);
  }
  for (auto [index, stride] : llvm::zip(op.getIndices(), strides))
    term(mapping.lookup(index), stride);
  Value result;
  for (int64_t lane = 0; lane < width; ++lane) {
    Value at = vector::ExtractOp::create(f.b, f.loc, linear,
                                         ArrayRef<int64_t>{lane});
    Value element = f.load(buffer, at);
    if (!result)
      result = vector::BroadcastOp::create(
          f.b, f.loc, VectorType::get({width}, element.getType()), element);
    else
      result = vector::InsertOp::create(f.b, f.loc, element, result,
                                        ArrayRef<int64_t>{lane});
  }
  return result;
}

SmallVector<Value> BodyWriter::write(Region &body, ValueRange arguments) {
  IRMapping mapping;
  Block &block = body.front();
  for (auto [argument, value] : llvm::zip(block.getArguments(), arguments))
    mapping.map(argument, value);
  for (Operation &op : block.without_terminator()) {
    if (auto parameter = parameters.find(&op); parameter != parameters.end()) {
      mapping.map(op.getResult(0), parameter->second);
      continue;
    }
    if (auto index = dyn_cast<kern::IndexOp>(op)) {
      Value v = indices[index.getLoop()];
      if (width > 1 && (int64_t)index.getLoop() == vectorLoop) {
        auto type = VectorType::get({width}, f.b.getIndexType());
        Value steps = vector::StepOp::create(f.b, f.loc, type);
        v = f.add(widen(v), steps);
      }
      mapping.map(index.getResult(), v);
      continue;
    }
    if (auto load = dyn_cast<kern::LoadOp>(op)) {
      mapping.map(load.getResult(), writeLoad(load, mapping));
      continue;
    }
    if (auto check = dyn_cast<kern::CheckOp>(op)) {
      f.report(mapping.lookup(check.getCondition()), check.getStatus());
      continue;
    }
    bool anyVector = llvm::any_of(op.getOperands(), [&](Value v) {
      return isa<VectorType>(mapping.lookup(v).getType());
    });
    if (!anyVector) {
      Operation *copy = f.b.clone(op, mapping);
      copy->setLoc(f.loc);
      continue;
    }
    SmallVector<Value> operands;
    for (Value v : op.getOperands())
      operands.push_back(widen(mapping.lookup(v)));
    OperationState state(f.loc, op.getName());
    state.addOperands(operands);
    for (Type t : op.getResultTypes())
      state.addTypes(VectorType::get({width}, t));
    state.addAttributes(op.getAttrs());
    state.propertiesAttr = op.getPropertiesAsAttribute();
    Operation *made = f.b.create(state);
    mapping.map(op.getResults(), made->getResults());
  }
  SmallVector<Value> results;
  for (Value v : block.getTerminator()->getOperands())
    results.push_back(mapping.lookup(v));
  return results;
}

static bool isLong(Region &body) {
  return llvm::any_of(body.front(), [](Operation &op) {
    return isa<math::MathDialect>(op.getDialect()) &&
           !isa<math::FmaOp, math::AbsFOp, math::SqrtOp>(op);
  });
}

void BodyWriter::forEachRow(
    Region &body, int64_t count, ValueRange sums,
    llvm::function_ref<void(Value, ValueRange)> finish) {
  int64_t each = sums.size() / count;
  if (count == 1 || !isLong(body)) {
    for (int64_t r = 0; r < count; ++r)
      finish(f.index(r), sums.slice(r * each, each));
    return;
  }
  auto type = cast<VectorType>(sums[0].getType());
  int64_t lanes = type.getDimSize(0);
  int64_t size = sums.size() * lanes;
  if (!kept.memref ||
      cast<MemRefType>(kept.memref.getType()).getDimSize(0) < size)
    kept = {f.stackBuffer(type.getElementType(), size), type.getElementType()};
  for (auto [i, sum] : llvm::enumerate(sums))
    f.store(kept, sum, f.index(i * lanes));
  f.loop(f.index(0), f.index(count), 1, {}, [&](Value r, ValueRange) {
    Value from = f.mul(r, f.index(each * lanes));
    SmallVector<Value> row;
    for (int64_t i = 0; i < each; ++i)
      row.push_back(f.load(kept, f.add(from, f.index(i * lanes)), lanes));
    finish(r, row);
    return SmallVector<Value>{};
  });
}

//===- Combiners -----------------------------------------------------------===//

TypedAttr lower::identityOf(OpBuilder &b, kern::Combiner c, Type type) {
  using kern::Combiner;
  if (auto f = dyn_cast<FloatType>(type)) {
    double inf = std::numeric_limits<double>::infinity();
    switch (c) {
    case Combiner::Mul: return b.getFloatAttr(f, 1);
    case Combiner::MinF: case Combiner::ArgMinFirst: case Combiner::ArgMinLast:
      return b.getFloatAttr(f, inf);
    case Combiner::MaxF: case Combiner::ArgMaxFirst: case Combiner::ArgMaxLast:
      return b.getFloatAttr(f, -inf);
    default: return b.getFloatAttr(f, 0);
    }
  }
  unsigned width = type.getIntOrFloatBitWidth();
  switch (c) {
  case Combiner::Mul: return b.getIntegerAttr(type, APInt(width, 1));
  case Combiner::MinS: case Combiner::ArgMinFirst: case Combiner::ArgMinLast:
    return b.getIntegerAttr(type, APInt::getSignedMaxValue(width));
  case Combiner::MaxS: case Combiner::ArgMaxFirst: case Combiner::ArgMaxLast:
    return b.getIntegerAttr(type, APInt::getSignedMinValue(width));
  case Combiner::MinU: case Combiner::And:
    return b.getIntegerAttr(type, APInt::getAllOnes(width));
  default: return b.getIntegerAttr(type, APInt::getZero(width));
  }
}

SmallVector<Value> lower::combine(KernelFrame &f, kern::Combiner c,
                                  ValueRange a, ValueRange v) {
  using kern::Combiner;
  OpBuilder &b = f.b;
  Location loc = f.loc;
  Type element = getElementTypeOrSelf(a[0].getType());
  bool isFloat = isa<FloatType>(element);
  auto select = [&](Value c, Value x, Value y) -> Value {
    return arith::SelectOp::create(b, loc, c, x, y);
  };
  auto cmpf = [&](arith::CmpFPredicate p, Value x, Value y) -> Value {
    return arith::CmpFOp::create(b, loc, p, x, y);
  };
  switch (c) {
  case Combiner::Add:
    return {isFloat ? (Value)arith::AddFOp::create(b, loc, a[0], v[0])
                    : (Value)arith::AddIOp::create(b, loc, a[0], v[0])};
  case Combiner::Mul:
    return {isFloat ? (Value)arith::MulFOp::create(b, loc, a[0], v[0])
                    : (Value)arith::MulIOp::create(b, loc, a[0], v[0])};
  case Combiner::MinF:
  case Combiner::MaxF: {
    // v unless the accumulator is strictly better or NaN already.
    auto p = c == Combiner::MaxF ? arith::CmpFPredicate::OGT
                                 : arith::CmpFPredicate::OLT;
    Value r = select(cmpf(p, a[0], v[0]), a[0], v[0]);
    return {select(cmpf(arith::CmpFPredicate::UNO, a[0], a[0]), a[0], r)};
  }
  case Combiner::MinS: return {arith::MinSIOp::create(b, loc, a[0], v[0])};
  case Combiner::MaxS: return {arith::MaxSIOp::create(b, loc, a[0], v[0])};
  case Combiner::MinU: return {arith::MinUIOp::create(b, loc, a[0], v[0])};
  case Combiner::MaxU: return {arith::MaxUIOp::create(b, loc, a[0], v[0])};
  case Combiner::And: return {arith::AndIOp::create(b, loc, a[0], v[0])};
  case Combiner::Or: return {arith::OrIOp::create(b, loc, a[0], v[0])};
  default: break;
  }
  // (value, position): a later equal value wins only in the Last forms.
  bool largest = c == Combiner::ArgMaxFirst || c == Combiner::ArgMaxLast;
  bool last = c == Combiner::ArgMaxLast || c == Combiner::ArgMinLast;
  Value better;
  if (isFloat) {
    auto p = largest ? (last ? arith::CmpFPredicate::OGE : arith::CmpFPredicate::OGT)
                     : (last ? arith::CmpFPredicate::OLE : arith::CmpFPredicate::OLT);
    better = cmpf(p, v[0], a[0]);
  } else {
    auto p = largest ? (last ? arith::CmpIPredicate::sge : arith::CmpIPredicate::sgt)
                     : (last ? arith::CmpIPredicate::sle : arith::CmpIPredicate::slt);
    better = arith::CmpIOp::create(b, loc, p, v[0], a[0]);
  }
  return {select(better, v[0], a[0]), select(better, v[1], a[1])};
}

bool lower::isProductSum(kern::Combiner c, Value yielded) {
  return c == kern::Combiner::Add && yielded.getDefiningOp<arith::MulFOp>() &&
         yielded.hasOneUse();
}

Value lower::fuseProduct(KernelFrame &f, Value accumulator, Value product) {
  auto mul = product.getDefiningOp<arith::MulFOp>();
  if (!mul)
    return arith::AddFOp::create(f.b, f.loc, accumulator, product);
  return math::FmaOp::create(f.b, f.loc, mul.getLhs(), mul.getRhs(),
                             accumulator);
}
