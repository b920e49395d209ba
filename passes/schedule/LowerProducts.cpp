// Matrix products: register tiles for f32 and constant bytes, a reduction for
// the rest.
#include "passes/schedule/KernBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

namespace {
/// A right side as panels, and how (batch..., k, panel, column) reads it.
struct PanelOperand {
  Value tensor;
  AffineMap map; // over (batch..., k, panel, column)
};
} // namespace

/// The constant that `v` is, or that a transpose of two dimensions reads.
static Value constantBehind(Value v, bool &transposed) {
  transposed = false;
  if (v.getDefiningOp<pack::ConstantOp>())
    return v;
  auto map = v.getDefiningOp<kern::MapOp>();
  if (!map || map.getIns().size() != 1 || !map.getTables().empty() ||
      !map.getDests().empty() ||
      !llvm::hasSingleElement(map.getBody().front()) ||
      !map.getIns()[0].getDefiningOp<pack::ConstantOp>())
    return {};
  auto read = cast<AffineMapAttr>(map.getMaps()[0]).getValue();
  auto written = cast<AffineMapAttr>(map.getMaps()[1]).getValue();
  transposed = read.getNumDims() == 2 && read.getNumResults() == 2 &&
               read.getResult(0) == written.getResult(1) &&
               read.getResult(1) == written.getResult(0) &&
               written.isIdentity();
  return transposed ? map.getIns()[0] : Value();
}

/// The right side in panels of 16 columns: a constant is encoded when the
/// artifact is written; whole panels of neighbours are read where they lie;
/// else steps write [batch..., n/16, k, 16], zeros behind the last column.
static PanelOperand packRhs(KernBuilder &k, Location loc, Value rhs,
                            unsigned batch) {
  auto type = cast<RankedTensorType>(rhs.getType());
  Dims dims = k.of(rhs);
  unsigned own = dims.size() - 2;
  MLIRContext *context = k.b.getContext();
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> at;
  for (unsigned i = 0; i < own; ++i)
    at.push_back(dims[i].isConstant(1) ? k.b.getAffineConstantExpr(0)
                                       : d(batch - own + i));
  AffineExpr row = d(batch), panel = d(batch + 1), column = d(batch + 2);
  AffineExpr n = panel * kern::kBlock + column;
  auto mapOf = [&](SmallVector<AffineExpr> tail) {
    SmallVector<AffineExpr> all = at;
    all.append(tail);
    return AffineMap::get(batch + 3, 0, all, context);
  };
  bool transposed = false;
  Value constant = constantBehind(rhs, transposed);
  if (constant) {
    auto from = cast<RankedTensorType>(constant.getType());
    auto encoding = pack::PanelsAttr::get(context, kern::kBlock, transposed);
    auto op = pack::EncodeOp::create(
        k.b, loc,
        RankedTensorType::get(from.getShape(), from.getElementType(), encoding),
        constant);
    k.dims.set(op, k.of(constant));
    return {op, transposed ? mapOf({n, row}) : mapOf({row, n})};
  }
  DimExpr rest = DimExpr::mod(dims.back(), kern::kBlock);
  if (rest.isConstant(0))
    return {rhs, mapOf({row, n})};
  const DimExpr &rows = dims[own], &columns = dims[own + 1];
  DimExpr whole = DimExpr::floorDiv(columns, kern::kBlock);
  Dims shape(dims.begin(), dims.begin() + own);
  shape.append({DimExpr::ceilDiv(columns, kern::kBlock), rows, kern::kBlock});
  KernBuilder::MapSpec zero;
  zero.sizes = shape;
  Value packed = k.map(loc, type.getElementType(), zero,
                       [](OpBuilder &b, Location loc, ValueRange) {
                         return SmallVector<Value>{arith::ConstantOp::create(
                             b, loc, b.getF32FloatAttr(0))};
                       });
  // Loops (batch..., panel, row, column) over the whole panels, then over the
  // columns that are left.
  for (bool last : {false, true}) {
    KernBuilder::MapSpec spec;
    spec.sizes.assign(dims.begin(), dims.begin() + own);
    spec.sizes.append({last ? DimExpr(1) : whole, rows,
                       last ? rest : DimExpr(kern::kBlock)});
    spec.symbols = {last ? whole : DimExpr(0)};
    SmallVector<AffineExpr> from, to;
    for (unsigned i = 0; i < own; ++i)
      from.push_back(d(i));
    to = from;
    AffineExpr p = d(own) + k.b.getAffineSymbolExpr(0);
    from.push_back(d(own + 1));
    from.push_back(p * kern::kBlock + d(own + 2));
    to.append({p, d(own + 1), d(own + 2)});
    spec.ins = {{rhs, AffineMap::get(own + 3, 1, from, context)}};
    spec.resultMap = AffineMap::get(own + 3, 1, to, context);
    spec.shape = shape;
    spec.dest = packed;
    packed = k.map(loc, type.getElementType(), spec,
                   [](OpBuilder &, Location, ValueRange a) {
                     return SmallVector<Value>{a[0]};
                   });
  }
  return {packed, mapOf({panel, row, column})};
}

/// Constant i8 [k, n], k a multiple of 4: [panel, k/4, 64], four neighbouring
/// rows of each of 16 columns.
static PanelOperand packBytes(KernBuilder &k, Value rhs, unsigned batch) {
  auto type = cast<RankedTensorType>(rhs.getType());
  int64_t depth = type.getDimSize(0), columns = type.getDimSize(1);
  Value panels =
      k.quadPanels(rhs,
                   {(int64_t)llvm::divideCeil(columns, kern::kBlock), depth / 4,
                    4 * kern::kBlock},
                   [&](int64_t column, int64_t step) {
                     return column < columns ? step * columns + column : -1;
                   });
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(batch + i); };
  return {panels, AffineMap::get(batch + 3, 0, {d(1), d(0), d(2) * 4},
                                 k.b.getContext())};
}

/// u8 by a constant matrix of i8, in whole steps of four.
static bool isBytes(KernBuilder &k, nn::MatmulOp op) {
  Dims x = k.of(op.getLhs());
  return k.elementOf(op.getResult()).isSignlessInteger(32) &&
         k.elementOf(op.getLhs()).isUnsignedInteger(8) &&
         k.elementOf(op.getRhs()).isSignlessInteger(8) &&
         op.getRhs().getDefiningOp<pack::ConstantOp>() &&
         k.of(op.getRhs()).size() == 2 &&
         DimExpr::mod(x.back(), 4).isConstant(0);
}

/// f32, int8 by encoded integers, or bytes: register tiles over panels.
static Value lowerTiled(KernBuilder &k, nn::MatmulOp op) {
  Location loc = op.getLoc();
  MLIRContext *context = k.b.getContext();
  Dims y = k.of(op.getResult()), x = k.of(op.getLhs());
  unsigned batch = y.size() - 2;
  // A matrix that is encoded already has its columns in panels.
  bool encoded = kern::readsPanels(op.getRhs().getType());
  // A step of the reduction is one element, or four bytes.
  bool bytes = isBytes(k, op);
  int64_t each = bytes ? 4 : 1;
  PanelOperand rhs =
      encoded
          ? PanelOperand{op.getRhs(),
                         AffineMap::get(
                             batch + 3, 0,
                             {k.b.getAffineDimExpr(batch),
                              k.b.getAffineDimExpr(batch + 1) * kern::kBlock +
                                  k.b.getAffineDimExpr(batch + 2)},
                             context)}
      : bytes ? packBytes(k, op.getRhs(), batch)
              : packRhs(k, loc, op.getRhs(), batch);
  // Loops (batch..., row, panel, column, reduction).
  unsigned loops = batch + 4, row = batch, panel = batch + 1,
           column = batch + 2, reduction = batch + 3;
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  Dims sizes(y.begin(), y.begin() + batch);
  sizes.append({y[batch], DimExpr::ceilDiv(y[batch + 1], kern::kBlock),
                kern::kBlock, DimExpr::floorDiv(x.back(), each)});
  SmallVector<AffineExpr> left, result;
  unsigned own = x.size() - 2;
  for (unsigned i = 0; i < own; ++i)
    left.push_back(x[i].isConstant(1) ? k.b.getAffineConstantExpr(0)
                                      : d(batch - own + i));
  left.append({d(row), d(reduction) * each});
  for (unsigned i = 0; i <= batch; ++i)
    result.push_back(d(i));
  result.push_back(d(panel) * kern::kBlock + d(column));
  SmallVector<AffineExpr> rhsLoops;
  for (unsigned i = 0; i < batch; ++i)
    rhsLoops.push_back(d(i));
  rhsLoops.append({d(reduction), d(panel), d(column)});
  AffineMap rhsMap =
      rhs.map.compose(AffineMap::get(loops, 0, rhsLoops, context));
  Type element = k.elementOf(op.getResult());
  auto made = kern::MatmulOp::create(
      k.b, loc, TypeRange{op.getType()}, op.getLhs(), rhs.tensor, ValueRange{},
      ValueRange{}, nn::DimsAttr::get(context, sizes),
      // One encoded matrix serves all rows of the batch.
      k.b.getI64IntegerAttr(encoded || bytes ? batch + 1 : 1),
      k.b.getI64IntegerAttr(1), nn::DimsAttr::get(context, Dims{y.back()}),
      nn::DimsAttr::get(context, Dims()),
      k.b.getAffineMapArrayAttr(
          {AffineMap::get(loops, 0, left, context), rhsMap,
           AffineMap::get(reduction, 0, result, context)}),
      k.b.getArrayAttr({nn::DimsAttr::get(context, y)}), nullptr, nullptr);
  OpBuilder::InsertionGuard guard(k.b);
  Block *block = k.b.createBlock(&made.getEpilogue());
  block->addArgument(element, loc);
  kern::YieldOp::create(k.b, loc, block->getArguments());
  k.dims.set(made.getResult(0), y);
  return made.getResult(0);
}

/// One long row by a matrix whose columns lie in memory as rows do: each is
/// read once, and laying panels out would read and write all of them.
static bool readsColumns(KernBuilder &k, nn::MatmulOp op) {
  constexpr int64_t longRow = 128;
  Dims x = k.of(op.getLhs());
  auto map = op.getRhs().getDefiningOp<kern::MapOp>();
  if (!x[x.size() - 2].isConstant(1) || !x.back().isConstant() ||
      x.back().constant() < longRow || !map || map.getIns().size() != 1 ||
      !map.getTables().empty() || !map.getDests().empty() ||
      !llvm::hasSingleElement(map.getBody().front()) ||
      map.getIns()[0].getDefiningOp<pack::ConstantOp>())
    return false;
  auto read = cast<AffineMapAttr>(map.getMaps()[0]).getValue();
  auto written = cast<AffineMapAttr>(map.getMaps()[1]).getValue();
  unsigned rank = written.getNumResults();
  if (!written.isIdentity() || read.getNumResults() != rank)
    return false;
  for (unsigned i = 0; i < rank; ++i) {
    unsigned from = i + 2 < rank ? i : 2 * rank - 3 - i;
    if (read.getResult(i) != written.getResult(from))
      return false;
  }
  return true;
}

/// Other types: a reduction over (batch..., m, n | k).
static Value lowerMatmul(KernBuilder &k, nn::MatmulOp op) {
  Location loc = op.getLoc();
  Value a = op.getLhs(), b = op.getRhs();
  Type element = k.elementOf(op.getResult());
  bool encoded = kern::readsPanels(b.getType());
  if (isBytes(k, op))
    return lowerTiled(k, op);
  if (element.isF32() && k.elementOf(b).isF32() && !readsColumns(k, op) &&
      (k.elementOf(a).isF32() || (encoded && k.elementOf(a).isInteger(8))))
    return lowerTiled(k, op);
  Dims y = k.of(op.getResult());
  unsigned batch = y.size() - 2;
  KernBuilder::ReduceSpec spec;
  spec.sizes = y;
  spec.sizes.push_back(k.of(a).back());
  spec.parallel = batch + 2;
  auto read = [&](Value v, unsigned row, unsigned column) {
    Dims dims = k.of(v);
    SmallVector<AffineExpr> at;
    unsigned own = dims.size() - 2;
    for (unsigned i = 0; i < own; ++i)
      at.push_back(dims[i].isConstant(1)
                       ? k.b.getAffineConstantExpr(0)
                       : k.b.getAffineDimExpr(batch - own + i));
    at.push_back(k.b.getAffineDimExpr(row));
    at.push_back(k.b.getAffineDimExpr(column));
    return AffineMap::get(batch + 3, 0, at, k.b.getContext());
  };
  spec.ins = {{a, read(a, batch, batch + 2)}, {b, read(b, batch + 2, batch + 1)}};
  spec.combiners = {kern::Combiner::Add};
  Type from[2] = {k.elementOf(a), k.elementOf(b)};
  bool isFloat = isa<FloatType>(element);
  Type wide = isFloat && element.getIntOrFloatBitWidth() < 32
                  ? (Type)k.b.getF32Type()
                  : nn::storageType(element);
  return k.reduce(
      loc, element, spec,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        SmallVector<Value> x;
        for (int i = 0; i < 2; ++i) {
          Value v = args[i];
          if (v.getType() != wide) {
            if (isFloat)
              v = arith::ExtFOp::create(b, loc, wide, v);
            else if (from[i].isUnsignedInteger())
              v = arith::ExtUIOp::create(b, loc, wide, v);
            else
              v = arith::ExtSIOp::create(b, loc, wide, v);
          }
          x.push_back(v);
        }
        return SmallVector<Value>{
            isFloat ? (Value)arith::MulFOp::create(b, loc, x[0], x[1])
                    : (Value)arith::MulIOp::create(b, loc, x[0], x[1])};
      },
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value v = args[0];
        if (v.getType() != nn::storageType(element))
          v = arith::TruncFOp::create(b, loc, element, v);
        return SmallVector<Value>{v};
      });
}

Value schedule::lowerProduct(KernBuilder &k, Operation *op) {
  if (auto matmul = dyn_cast<nn::MatmulOp>(op))
    return lowerMatmul(k, matmul);
  return {};
}
