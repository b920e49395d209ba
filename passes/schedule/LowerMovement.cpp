// Movement as maps: the result is written in order, operands are read
// elsewhere; or (Concat, Pad) parts are written into one destination.
#include "passes/schedule/KernBuilders.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

static SmallVector<Value> same(OpBuilder &, Location, ValueRange a) {
  return {a[0]};
}

static Value lowerExpand(KernBuilder &k, nn::ExpandOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  spec.ins = {{op.getInput(), k.broadcastMap(op.getInput(), spec.sizes)}};
  return k.map(op.getLoc(), k.elementOf(op.getInput()), spec, same);
}

static Value lowerTranspose(KernBuilder &k, nn::TransposeOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  unsigned rank = spec.sizes.size();
  SmallVector<AffineExpr> from(rank);
  for (auto [i, p] : llvm::enumerate(op.getPermutation()))
    from[p] = k.b.getAffineDimExpr(i);
  spec.ins = {{op.getInput(), AffineMap::get(rank, 0, from, k.b.getContext())}};
  return k.map(op.getLoc(), k.elementOf(op.getInput()), spec, same);
}

static Value lowerSlice(KernBuilder &k, nn::SliceOp op) {
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  unsigned rank = spec.sizes.size();
  SmallVector<AffineExpr> from;
  Dims starts = op.getStarts().getExprs();
  for (unsigned i = 0; i < rank; ++i) {
    AffineExpr start;
    if (starts[i].isConstant()) {
      start = k.b.getAffineConstantExpr(starts[i].constant());
    } else {
      start = k.b.getAffineSymbolExpr(spec.symbols.size());
      spec.symbols.push_back(starts[i]);
    }
    from.push_back(k.b.getAffineDimExpr(i) * op.getSteps()[i] + start);
  }
  unsigned symbols = spec.symbols.size();
  spec.ins = {
      {op.getInput(), AffineMap::get(rank, symbols, from, k.b.getContext())}};
  spec.resultMap = AffineMap::get(rank, symbols, k.identity(rank).getResults(),
                                  k.b.getContext());
  spec.shape = spec.sizes;
  return k.map(op.getLoc(), k.elementOf(op.getInput()), spec, same);
}

static Value lowerConcat(KernBuilder &k, nn::ConcatOp op) {
  Dims shape = k.of(op.getResult());
  Value all = k.empty(op.getLoc(), k.elementOf(op.getResult()), shape);
  Dims offsets(shape.size(), DimExpr(0));
  for (Value input : op.getInputs()) {
    all = k.insert(op.getLoc(), input, all, offsets);
    offsets[op.getAxis()] += k.of(input)[op.getAxis()];
  }
  return all;
}

static Value lowerTile(KernBuilder &k, nn::TileOp op) {
  // Loops (r0, d0, r1, d1, ...): repeat r of element d.
  KernBuilder::MapSpec spec;
  Dims from = k.of(op.getInput());
  unsigned rank = from.size();
  SmallVector<AffineExpr> source, result;
  for (unsigned i = 0; i < rank; ++i) {
    spec.sizes.push_back(op.getRepeats().getExprs()[i]);
    spec.sizes.push_back(from[i]);
    spec.symbols.push_back(from[i]);
    source.push_back(k.b.getAffineDimExpr(2 * i + 1));
    result.push_back(k.b.getAffineDimExpr(2 * i) * k.b.getAffineSymbolExpr(i) +
                     k.b.getAffineDimExpr(2 * i + 1));
  }
  MLIRContext *context = k.b.getContext();
  spec.ins = {{op.getInput(), AffineMap::get(2 * rank, rank, source, context)}};
  spec.resultMap = AffineMap::get(2 * rank, rank, result, context);
  spec.shape = k.of(op.getResult());
  return k.map(op.getLoc(), k.elementOf(op.getInput()), spec, same);
}

/// The part of the operand that negative pads leave.
static Value crop(KernBuilder &k, Location loc, Value input, Dims &low,
                  Dims &high) {
  Dims from = k.of(input), starts, shape;
  bool any = false;
  for (unsigned i = 0; i < from.size(); ++i) {
    auto cut = [&](DimExpr &pad) {
      DimExpr out = DimExpr::max(DimExpr(0) - pad, 0);
      pad = DimExpr::max(pad, 0);
      any |= !out.isConstant(0);
      return out;
    };
    DimExpr before = cut(low[i]), after = cut(high[i]);
    starts.push_back(before);
    shape.push_back(from[i] - before - after);
  }
  if (!any)
    return input;
  KernBuilder::MapSpec spec;
  unsigned rank = from.size();
  spec.sizes = spec.shape = shape;
  spec.symbols = starts;
  SmallVector<AffineExpr> source;
  for (unsigned i = 0; i < rank; ++i)
    source.push_back(k.b.getAffineDimExpr(i) + k.b.getAffineSymbolExpr(i));
  MLIRContext *context = k.b.getContext();
  spec.ins = {{input, AffineMap::get(rank, rank, source, context)}};
  spec.resultMap =
      AffineMap::get(rank, rank, k.identity(rank).getResults(), context);
  return k.map(loc, k.elementOf(input), spec, same);
}

static Value lowerPadConstant(KernBuilder &k, nn::PadOp op) {
  if (op.getMode() != nn::PadMode::Constant)
    return {};
  Dims low = op.getLow().getExprs(), high = op.getHigh().getExprs();
  Value inside = crop(k, op.getLoc(), op.getInput(), low, high);
  if (llvm::all_of(low, [](const DimExpr &d) { return d.isConstant(0); }) &&
      llvm::all_of(high, [](const DimExpr &d) { return d.isConstant(0); }))
    return inside;
  Type element = k.elementOf(op.getInput());
  Value value = op.getValue();
  if (!value) {
    auto type = RankedTensorType::get({}, element);
    value = pack::makeConstant(k.b, op.getLoc(), type,
                               std::vector<char>(pack::denseBytes(type), 0));
    k.dims.set(value, Dims());
  }
  Value filled = k.fill(op.getLoc(), element, k.of(op.getResult()), value);
  return k.insert(op.getLoc(), inside, filled, low);
}

Value schedule::lowerMovement(KernBuilder &k, Operation *op) {
  if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
    return k.view(op->getLoc(), reshape.getInput(), k.of(reshape.getResult()));
  if (auto expand = dyn_cast<nn::ExpandOp>(op))
    return lowerExpand(k, expand);
  if (auto transpose = dyn_cast<nn::TransposeOp>(op))
    return lowerTranspose(k, transpose);
  if (auto slice = dyn_cast<nn::SliceOp>(op))
    return lowerSlice(k, slice);
  if (auto concat = dyn_cast<nn::ConcatOp>(op))
    return lowerConcat(k, concat);
  if (auto empty = dyn_cast<nn::EmptyOp>(op))
    return k.empty(op->getLoc(), k.elementOf(empty.getResult()),
                   k.of(empty.getResult()));
  if (auto insert = dyn_cast<nn::InsertSliceOp>(op))
    return k.insert(op->getLoc(), insert.getSource(), insert.getDest(),
                    insert.getStarts().getExprs());
  if (auto tile = dyn_cast<nn::TileOp>(op))
    return lowerTile(k, tile);
  if (auto pad = dyn_cast<nn::PadOp>(op))
    return lowerPadConstant(k, pad);
  return {};
}
