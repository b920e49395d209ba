// Matrix products: register tiles for f32, a reduction for the rest.
#include "passes/schedule/KernBuilders.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

namespace {
/// Loops (batch..., m, n, k) and the maps of the operands over them.
struct MatmulLoops {
  Dims sizes;
  unsigned batch;
  AffineMap lhs, rhs, result;

  MatmulLoops(KernBuilder &k, Value a, Value b, const Dims &y) {
    batch = y.size() - 2;
    sizes = y;
    sizes.push_back(k.of(a).back());
    unsigned loops = batch + 3;
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
      return AffineMap::get(loops, 0, at, k.b.getContext());
    };
    lhs = read(a, batch, batch + 2);
    rhs = read(b, batch + 2, batch + 1);
    result = k.identity(batch + 2);
  }
};
} // namespace

/// The right side in panels: a constant is encoded when the artifact is
/// written; else a step writes [batch..., n/16, k, 16], zeros behind the last
/// column. Whole blocks of neighbouring columns are read where they lie.
static Value packRhs(KernBuilder &k, Location loc, Value rhs, bool &panels) {
  panels = false;
  auto type = cast<RankedTensorType>(rhs.getType());
  if (rhs.getDefiningOp<pack::ConstantOp>()) {
    auto encoding =
        pack::PanelsAttr::get(k.b.getContext(), kern::kBlock, false);
    auto encoded = RankedTensorType::get(type.getShape(),
                                         type.getElementType(), encoding);
    auto op = pack::EncodeOp::create(k.b, loc, encoded, rhs);
    k.dims.set(op, k.of(rhs));
    return op;
  }
  Dims dims = k.of(rhs);
  DimExpr rest = DimExpr::mod(dims.back(), kern::kBlock);
  if (rest.isConstant(0))
    return rhs;
  panels = true;
  unsigned batch = dims.size() - 2;
  const DimExpr &rows = dims[batch], &columns = dims[batch + 1];
  DimExpr whole = DimExpr::floorDiv(columns, kern::kBlock);
  Dims shape(dims.begin(), dims.begin() + batch);
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
    spec.sizes.assign(dims.begin(), dims.begin() + batch);
    spec.sizes.append({last ? DimExpr(1) : whole, rows,
                       last ? rest : DimExpr(kern::kBlock)});
    spec.symbols = {last ? whole : DimExpr(0)};
    unsigned loops = batch + 3;
    SmallVector<AffineExpr> from, to;
    for (unsigned i = 0; i < batch; ++i)
      from.push_back(k.b.getAffineDimExpr(i));
    to = from;
    AffineExpr panel =
        k.b.getAffineDimExpr(batch) + k.b.getAffineSymbolExpr(0);
    from.push_back(k.b.getAffineDimExpr(batch + 1));
    from.push_back(panel * kern::kBlock + k.b.getAffineDimExpr(batch + 2));
    to.append({panel, k.b.getAffineDimExpr(batch + 1),
               k.b.getAffineDimExpr(batch + 2)});
    spec.ins = {{rhs, AffineMap::get(loops, 1, from, k.b.getContext())}};
    spec.resultMap = AffineMap::get(loops, 1, to, k.b.getContext());
    spec.shape = shape;
    spec.dest = packed;
    packed = k.map(loc, type.getElementType(), spec,
                   [](OpBuilder &, Location, ValueRange a) {
                     return SmallVector<Value>{a[0]};
                   });
  }
  return packed;
}

static Value lowerMatmul(KernBuilder &k, nn::MatmulOp op) {
  Location loc = op.getLoc();
  Value a = op.getLhs(), b = op.getRhs();
  Dims y = k.of(op.getResult());
  MatmulLoops loops(k, a, b, y);
  Type element = k.elementOf(op.getResult());
  MLIRContext *context = k.b.getContext();
  if (element.isF32() && k.elementOf(a).isF32() && k.elementOf(b).isF32()) {
    bool panels;
    Value rhs = packRhs(k, loc, b, panels);
    if (panels) {
      // (batch..., first panel, row, first column)
      SmallVector<AffineExpr> at(loops.rhs.getResults());
      at[at.size() - 1] = k.b.getAffineConstantExpr(0);
      at.insert(at.end() - 2, k.b.getAffineConstantExpr(0));
      loops.rhs = AffineMap::get(loops.rhs.getNumDims(), 0, at, context);
    }
    auto result = kern::MatmulOp::create(
        k.b, loc, TypeRange{op.getType()}, a, rhs, ValueRange{}, ValueRange{},
        nn::DimsAttr::get(context, loops.sizes),
        nn::DimsAttr::get(context, Dims()),
        k.b.getAffineMapArrayAttr({loops.lhs, loops.rhs, loops.result}),
        k.b.getArrayAttr({nn::DimsAttr::get(context, y)}), panels, nullptr);
    OpBuilder::InsertionGuard guard(k.b);
    Block *block = k.b.createBlock(&result.getEpilogue());
    block->addArgument(element, loc);
    kern::YieldOp::create(k.b, loc, block->getArguments());
    k.dims.set(result.getResult(0), y);
    return result.getResult(0);
  }
  KernBuilder::ReduceSpec spec;
  spec.sizes = loops.sizes;
  spec.parallel = loops.batch + 2;
  spec.ins = {{a, loops.lhs}, {b, loops.rhs}};
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
