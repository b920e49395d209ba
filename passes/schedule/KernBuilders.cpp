#include "passes/schedule/KernBuilders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

static void addBody(OpBuilder &b, Location loc, Region &region,
                    ArrayRef<Type> types, Body body) {
  OpBuilder::InsertionGuard guard(b);
  Block *block = b.createBlock(&region);
  for (Type t : types)
    block->addArgument(t, loc);
  SmallVector<Value> results = body(b, loc, block->getArguments());
  kern::YieldOp::create(b, loc, results);
}

static SmallVector<Type> scalarTypes(KernBuilder &k, ArrayRef<Access> accesses,
                                     ArrayRef<Value> tables) {
  SmallVector<Type> types;
  for (const Access &a : accesses)
    types.push_back(nn::storageType(k.elementOf(a.tensor)));
  for (Value t : tables)
    types.push_back(t.getType());
  return types;
}

Value KernBuilder::map(Location loc, Type element, const MapSpec &spec,
                       Body body) {
  MLIRContext *context = b.getContext();
  SmallVector<Value> ins;
  SmallVector<AffineMap> maps;
  for (const Access &a : spec.ins) {
    ins.push_back(a.tensor);
    maps.push_back(a.map);
  }
  Dims shape = spec.resultMap ? spec.shape : spec.sizes;
  maps.push_back(spec.resultMap ? spec.resultMap
                                : identity(spec.sizes.size()));
  auto shapeAttr = nn::DimsAttr::get(context, shape);
  SmallVector<Value> dests;
  if (spec.dest)
    dests.push_back(spec.dest);
  auto op = kern::MapOp::create(
      b, loc, TypeRange{nn::tensorType(shape, element)}, ins, spec.tables,
      dests, nn::DimsAttr::get(context, spec.sizes),
      nn::DimsAttr::get(context, spec.symbols), b.getAffineMapArrayAttr(maps),
      b.getArrayAttr({shapeAttr}), nullptr);
  addBody(b, loc, op.getBody(), scalarTypes(*this, spec.ins, spec.tables), body);
  dims.set(op.getResult(0), shape);
  return op.getResult(0);
}

Value KernBuilder::reduce(Location loc, Type element, const ReduceSpec &spec,
                          Body body, Body finish) {
  MLIRContext *context = b.getContext();
  SmallVector<Value> ins, extras;
  SmallVector<AffineMap> maps;
  for (const Access &a : spec.ins) {
    ins.push_back(a.tensor);
    maps.push_back(a.map);
  }
  for (const Access &a : spec.extras) {
    extras.push_back(a.tensor);
    maps.push_back(a.map);
  }
  Dims shape = spec.resultMap ? spec.shape
                              : Dims(spec.sizes.begin(),
                                     spec.sizes.begin() + spec.parallel);
  maps.push_back(spec.resultMap ? spec.resultMap : identity(spec.parallel));
  SmallVector<int32_t> combiners;
  for (kern::Combiner c : spec.combiners)
    combiners.push_back((int32_t)c);
  auto shapeAttr = nn::DimsAttr::get(context, shape);
  auto op = kern::ReduceOp::create(
      b, loc, TypeRange{nn::tensorType(shape, element)}, ins, spec.tables,
      extras, ValueRange{}, nn::DimsAttr::get(context, spec.sizes),
      b.getI64IntegerAttr(spec.parallel),
      nn::DimsAttr::get(context, spec.symbols),
      b.getDenseI32ArrayAttr(combiners), b.getAffineMapArrayAttr(maps),
      b.getArrayAttr({shapeAttr}), nullptr, nullptr);
  addBody(b, loc, op.getBody(), scalarTypes(*this, spec.ins, spec.tables), body);
  // The combined values have the types that the body yields.
  SmallVector<Type> types(
      op.getBody().front().getTerminator()->getOperandTypes());
  llvm::append_range(types, scalarTypes(*this, spec.extras, {}));
  if (finish)
    addBody(b, loc, op.getFinish(), types, finish);
  else
    addBody(b, loc, op.getFinish(), types,
            [](OpBuilder &, Location, ValueRange a) {
              return SmallVector<Value>{a[0]};
            });
  dims.set(op.getResult(0), shape);
  return op.getResult(0);
}

Value KernBuilder::rows(Location loc, Type element, const RowsSpec &spec,
                        Body prologue, ArrayRef<Body> passes, Body finish) {
  MLIRContext *context = b.getContext();
  SmallVector<Value> ins, extras;
  SmallVector<AffineMap> maps;
  for (const Access &a : spec.ins) {
    ins.push_back(a.tensor);
    maps.push_back(a.map);
  }
  for (const Access &a : spec.extras) {
    extras.push_back(a.tensor);
    maps.push_back(a.map);
  }
  maps.push_back(spec.resultMap);
  SmallVector<int32_t> combiners;
  for (kern::Combiner c : spec.combiners)
    combiners.push_back((int32_t)c);
  auto op = kern::RowsOp::create(
      b, loc, TypeRange{nn::tensorType(spec.shape, element)}, ins, extras,
      ValueRange{}, nn::DimsAttr::get(context, spec.sizes),
      b.getI64IntegerAttr(spec.parallel), nn::DimsAttr::get(context, Dims()),
      b.getDenseI32ArrayAttr(combiners), b.getAffineMapArrayAttr(maps),
      b.getArrayAttr({nn::DimsAttr::get(context, spec.shape)}), nullptr,
      passes.size());
  addBody(b, loc, op.getPrologue(), scalarTypes(*this, spec.ins, {}), prologue);
  SmallVector<Type> types(
      op.getPrologue().front().getTerminator()->getOperandTypes());
  for (auto [region, pass] : llvm::zip(op.getPasses(), passes)) {
    addBody(b, loc, region, types, pass);
    types.push_back(region.front().getTerminator()->getOperand(1).getType());
  }
  llvm::append_range(types, scalarTypes(*this, spec.extras, {}));
  addBody(b, loc, op.getFinish(), types, finish);
  dims.set(op.getResult(0), spec.shape);
  return op.getResult(0);
}

Value KernBuilder::sequence(
    Location loc, const SequenceSpec &spec,
    llvm::function_ref<void(OpBuilder &, Location, ValueRange)> body) {
  SmallVector<Attribute> shapes;
  SmallVector<Type> types, arguments;
  for (Value table : spec.tables)
    arguments.push_back(table.getType());
  for (auto [shape, element] : llvm::zip(spec.shapes, spec.elements)) {
    shapes.push_back(nn::DimsAttr::get(b.getContext(), shape));
    types.push_back(nn::tensorType(shape, element));
    arguments.push_back(types.back());
  }
  auto op = kern::SequenceOp::create(
      b, loc, types, spec.tables, spec.dests,
      nn::DimsAttr::get(b.getContext(), spec.sizes), b.getArrayAttr(shapes));
  addBody(b, loc, op.getBody(), arguments,
          [&](OpBuilder &b, Location loc, ValueRange a) {
            body(b, loc, a);
            return SmallVector<Value>();
          });
  for (auto [result, shape] : llvm::zip(op.getResults(), spec.shapes))
    dims.set(result, shape);
  return op.getResult(0);
}

Value KernBuilder::quadPanels(
    Value constant, ArrayRef<int64_t> shape,
    function_ref<int64_t(int64_t column, int64_t step)> place) {
  bool splat = false;
  ArrayRef<char> bytes =
      constant.getDefiningOp<pack::ConstantOp>().getBytes(splat);
  auto type = RankedTensorType::get(shape, elementOf(constant));
  std::vector<char> laid(type.getNumElements(), 0);
  int64_t steps = laid.size() / (shape[0] * kern::kBlock);
  for (int64_t column = 0; column < shape[0] * kern::kBlock; ++column)
    for (int64_t step = 0; step < steps; ++step) {
      int64_t from = place(column, step);
      if (from < 0)
        continue;
      int64_t to = column / kern::kBlock * (steps / 4) + step / 4;
      to = (to * kern::kBlock + column % kern::kBlock) * 4 + step % 4;
      laid[to] = bytes[splat ? 0 : from];
    }
  Value made = pack::makeConstant(b, constant.getLoc(), type, std::move(laid));
  dims.set(made, Dims(shape.begin(), shape.end()));
  return made;
}

Value KernBuilder::view(Location loc, Value v, Dims shape) {
  if (of(v) == shape)
    return v;
  auto op = kern::ViewOp::create(b, loc, nn::tensorType(shape, elementOf(v)), v,
                                 nn::DimsAttr::get(b.getContext(), shape));
  dims.set(op, shape);
  return op;
}

Value KernBuilder::empty(Location loc, Type element, Dims shape) {
  auto op = kern::EmptyOp::create(b, loc, nn::tensorType(shape, element),
                                  nn::DimsAttr::get(b.getContext(), shape));
  dims.set(op, shape);
  return op;
}

Value KernBuilder::fill(Location loc, Type element, Dims shape, Value scalar) {
  MapSpec spec;
  spec.sizes = shape;
  spec.ins = {{scalar, broadcastMap(scalar, shape)}};
  return map(loc, element, spec, [](OpBuilder &, Location, ValueRange a) {
    return SmallVector<Value>{a[0]};
  });
}

Value KernBuilder::insert(Location loc, Value source, Value dest,
                          Dims offsets) {
  MapSpec spec;
  spec.sizes = of(source);
  unsigned rank = spec.sizes.size();
  spec.ins = {{source, identity(rank)}};
  spec.symbols = offsets;
  SmallVector<AffineExpr> results;
  for (unsigned i = 0; i < rank; ++i)
    results.push_back(b.getAffineDimExpr(i) + b.getAffineSymbolExpr(i));
  spec.resultMap = AffineMap::get(rank, rank, results, b.getContext());
  spec.ins[0].map = AffineMap::get(rank, rank, identity(rank).getResults(),
                                   b.getContext());
  spec.shape = of(dest);
  spec.dest = dest;
  return map(loc, elementOf(dest), spec, [](OpBuilder &, Location, ValueRange a) {
    return SmallVector<Value>{a[0]};
  });
}

AffineMap KernBuilder::broadcastMap(Value v, ArrayRef<DimExpr> loops) {
  Dims shape = of(v);
  unsigned shift = loops.size() - shape.size();
  SmallVector<AffineExpr> results;
  for (auto [i, d] : llvm::enumerate(shape))
    results.push_back(d.isConstant(1) && !loops[shift + i].isConstant(1)
                          ? b.getAffineConstantExpr(0)
                          : b.getAffineDimExpr(shift + i));
  return AffineMap::get(loops.size(), 0, results, b.getContext());
}

Value schedule::indexToElement(OpBuilder &b, Location loc, Value index,
                               Type element) {
  if (auto f = dyn_cast<FloatType>(element)) {
    Value i = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
    Type wide = f.getWidth() < 32 ? (Type)b.getF32Type() : (Type)f;
    Value r = arith::SIToFPOp::create(b, loc, wide, i);
    return wide == element ? r : arith::TruncFOp::create(b, loc, element, r);
  }
  return arith::IndexCastOp::create(b, loc, nn::storageType(element), index);
}

Value schedule::elementToIndex(OpBuilder &b, Location loc, Value v,
                               Type element) {
  if (element.isUnsignedInteger())
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), v);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), v);
}

Value schedule::indexConstant(OpBuilder &b, Location loc, int64_t v) {
  return arith::ConstantIndexOp::create(b, loc, v);
}
