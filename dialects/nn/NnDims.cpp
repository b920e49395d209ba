// The result sizes of nn operations: shape inference while importing and
// DimAnalysis afterwards. Those of windows are in NnWindowDims.cpp.
#include "dialects/nn/DimChecks.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

std::optional<Dims> nn::broadcastDims(ArrayRef<DimExpr> a,
                                      ArrayRef<DimExpr> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Dims result(a.begin(), a.end());
  size_t shift = a.size() - b.size();
  for (size_t i = 0; i < b.size(); ++i) {
    const DimExpr &x = a[shift + i], &y = b[i];
    if (x == y || y.isConstant(1))
      continue;
    if (x.isConstant(1))
      result[shift + i] = y;
    else if (x.isConstant() && y.isConstant())
      return std::nullopt;
    else if (y.isConstant())
      result[shift + i] = y;
  }
  return result;
}

/// Broadcast of all operands.
static LogicalResult inferBroadcast(Operation *op, const DimAnalysis &dims,
                                    SmallVectorImpl<Dims> &results) {
  Dims all;
  for (Value operand : op->getOperands()) {
    Dims mine = dims.of(operand);
    std::optional<Dims> both = broadcastDims(all, mine);
    if (!both)
      return op->emitOpError("expected operands that broadcast, but got ")
             << dimsToString(all) << " and " << dimsToString(mine);
    all = *both;
  }
  results.push_back(all);
  return success();
}

//===- What attributes must be ---------------------------------------------===//

static LogicalResult expectAxis(Operation *op, int64_t axis, size_t rank) {
  if (axis >= 0 && axis < (int64_t)rank)
    return success();
  return op->emitOpError("expected an axis below the rank ")
         << rank << ", but got " << axis;
}

static LogicalResult expectRank(Operation *op, StringRef what,
                                ArrayRef<DimExpr> dims, size_t rank) {
  if (dims.size() == rank)
    return success();
  return op->emitOpError("expected ")
         << what << " of rank " << rank << ", but got " << dimsToString(dims);
}

#define ELEMENTWISE(OP)                                                        \
  LogicalResult OP::inferDims(const DimAnalysis &dims,                         \
                              SmallVectorImpl<Dims> &results) {                \
    return inferBroadcast(*this, dims, results);                               \
  }
ELEMENTWISE(AbsOp)
ELEMENTWISE(NegOp)
ELEMENTWISE(SignOp)
ELEMENTWISE(ReciprocalOp)
ELEMENTWISE(FloorOp)
ELEMENTWISE(CeilOp)
ELEMENTWISE(RoundOp)
ELEMENTWISE(SqrtOp)
ELEMENTWISE(ExpOp)
ELEMENTWISE(LogOp)
ELEMENTWISE(SinOp)
ELEMENTWISE(CosOp)
ELEMENTWISE(TanOp)
ELEMENTWISE(AsinOp)
ELEMENTWISE(AcosOp)
ELEMENTWISE(AtanOp)
ELEMENTWISE(SinhOp)
ELEMENTWISE(CoshOp)
ELEMENTWISE(AsinhOp)
ELEMENTWISE(AcoshOp)
ELEMENTWISE(AtanhOp)
ELEMENTWISE(TanhOp)
ELEMENTWISE(ErfOp)
ELEMENTWISE(SigmoidOp)
ELEMENTWISE(ReluOp)
ELEMENTWISE(SiluOp)
ELEMENTWISE(NotOp)
ELEMENTWISE(AddOp)
ELEMENTWISE(SubOp)
ELEMENTWISE(MulOp)
ELEMENTWISE(DivOp)
ELEMENTWISE(PowOp)
ELEMENTWISE(MaxOp)
ELEMENTWISE(MinOp)
ELEMENTWISE(AndOp)
ELEMENTWISE(OrOp)
ELEMENTWISE(XorOp)
ELEMENTWISE(ShiftLeftOp)
ELEMENTWISE(ShiftRightOp)
ELEMENTWISE(ModOp)
ELEMENTWISE(CompareOp)
ELEMENTWISE(IsNanOp)
ELEMENTWISE(IsInfOp)
ELEMENTWISE(GeluOp)
ELEMENTWISE(CastOp)
ELEMENTWISE(BitcastOp)
ELEMENTWISE(SelectOp)
ELEMENTWISE(QuantizeOp)
#undef ELEMENTWISE

#define INFER(OP)                                                              \
  LogicalResult OP::inferDims(const DimAnalysis &dims,                         \
                              SmallVectorImpl<Dims> &results)

INFER(DimsOp) {
  DimExpr count = product(getShape().getExprs());
  if (!count.isConstant((int64_t)getValues().getExprs().size()))
    return emitOpError("expected ")
           << count.str() << " values for the shape "
           << dimsToString(getShape().getExprs()) << ", but got "
           << getValues().getExprs().size();
  results.push_back(getShape().getExprs());
  return success();
}

INFER(ReshapeOp) {
  Dims from = dims.of(getInput());
  Dims to = getShape().getExprs();
  DimExpr a = product(from), b = product(to);
  if (a.isConstant() && b.isConstant() && a != b)
    return emitOpError("expected a shape of ")
           << a.str() << " elements like " << dimsToString(from)
           << ", but got " << dimsToString(to);
  results.push_back(to);
  return success();
}

INFER(ExpandOp) {
  Dims from = dims.of(getInput());
  std::optional<Dims> to = broadcastDims(from, getShape().getExprs());
  if (!to)
    return emitOpError("expected a shape that ")
           << dimsToString(from) << " broadcasts to, but got "
           << dimsToString(getShape().getExprs());
  results.push_back(*to);
  return success();
}

INFER(TransposeOp) {
  Dims from = dims.of(getInput()), to;
  if (getPermutation().size() != from.size())
    return emitOpError("expected a permutation of ")
           << from.size() << " dimensions, but got "
           << getPermutation().size();
  SmallVector<bool> seen(from.size(), false);
  for (int64_t p : getPermutation()) {
    if (p < 0 || p >= (int64_t)from.size() || seen[p])
      return emitOpError("expected a permutation, but got [")
             << getPermutation() << "]";
    seen[p] = true;
    to.push_back(from[p]);
  }
  results.push_back(to);
  return success();
}

INFER(SliceOp) {
  Dims from = dims.of(getInput()), starts = getStarts().getExprs(),
       shape = getShape().getExprs();
  if (failed(expectCount(*this, "starts", starts.size(), from.size())) ||
      failed(expectCount(*this, "steps", getSteps().size(), from.size())) ||
      failed(expectCount(*this, "shape", shape.size(), from.size())))
    return failure();
  for (size_t i = 0; i < from.size(); ++i) {
    if (shape[i].isConstant(0))
      continue;
    DimExpr last = starts[i] + (shape[i] - DimExpr(1)) * DimExpr(getSteps()[i]);
    for (const DimExpr &e : {starts[i], last})
      if (e.isConstant() &&
          (e.constant() < 0 ||
           (from[i].isConstant() && e.constant() >= from[i].constant())))
        return emitOpError("expected elements inside ")
               << dimsToString(from) << ", but dimension " << i
               << " is read at " << e.constant();
  }
  results.push_back(shape);
  return success();
}

LogicalResult SizeOp::verify() {
  auto type = cast<RankedTensorType>(getValue().getType());
  if (!type.getElementType().isInteger(64) || !type.hasStaticShape() ||
      type.getNumElements() != 1)
    return emitOpError("expected one i64, but got ") << type;
  DimRange range = getRange();
  if (range.lo > range.hi)
    return emitOpError("expected bounds in order, but got ")
           << range.lo << " to " << range.hi;
  return success();
}

INFER(SizeOp) {
  (void)dims, (void)results;
  return success();
}

void SizeOp::describeRegions(DimAnalysis &dims) {
  dims.symbols[getSymbol().str()] = getRange();
}

INFER(EmptyOp) {
  results.push_back(getShape().getExprs());
  return success();
}

INFER(InsertSliceOp) {
  results.push_back(dims.of(getDest()));
  return success();
}

LogicalResult InsertSliceOp::verify() {
  auto rank = [](Value v) { return cast<ShapedType>(v.getType()).getRank(); };
  if (rank(getSource()) != rank(getDest()) ||
      (int64_t)getStarts().getExprs().size() != rank(getDest()))
    return emitOpError("expected source, dest and starts of one rank, but got ")
           << rank(getSource()) << ", " << rank(getDest()) << " and "
           << getStarts().getExprs().size();
  auto source = cast<RankedTensorType>(getSource().getType());
  auto dest = cast<RankedTensorType>(getDest().getType());
  for (auto [i, start] : llvm::enumerate(getStarts().getExprs()))
    if (start.isConstant() &&
        (start.constant() < 0 ||
         (!source.isDynamicDim(i) && !dest.isDynamicDim(i) &&
          start.constant() + source.getDimSize(i) > dest.getDimSize(i))))
      return emitOpError("expected the source inside ")
             << dest << ", but it starts at " << start.constant()
             << " in dimension " << i;
  return success();
}

INFER(ConcatOp) {
  if (getInputs().empty())
    return emitOpError("expected one input or more");
  Dims all = dims.of(getInputs().front());
  size_t axis = getAxis();
  if (failed(expectAxis(*this, getAxis(), all.size())))
    return failure();
  for (Value input : getInputs().drop_front()) {
    Dims mine = dims.of(input);
    if (mine.size() != all.size())
      return emitOpError("expected inputs of one rank, but got ")
             << dimsToString(all) << " and " << dimsToString(mine);
    for (size_t i = 0; i < all.size(); ++i) {
      if (i == axis)
        continue;
      if (all[i].isConstant() && mine[i].isConstant() && all[i] != mine[i])
        return emitOpError("expected inputs that differ only along axis ")
               << axis << ", but got " << dimsToString(all) << " and "
               << dimsToString(mine);
      if (mine[i].isConstant())
        all[i] = mine[i];
    }
    all[axis] += mine[axis];
  }
  results.push_back(all);
  return success();
}

INFER(PadOp) {
  Dims all = dims.of(getInput());
  if (failed(expectCount(*this, "low", getLow().getExprs().size(),
                         all.size())) ||
      failed(expectCount(*this, "high", getHigh().getExprs().size(),
                         all.size())) ||
      (getValue() && failed(expectRank(*this, "a value", dims.of(getValue()), 0))))
    return failure();
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = all[i] + getLow().getExprs()[i] + getHigh().getExprs()[i];
  results.push_back(all);
  return success();
}

INFER(TileOp) {
  Dims all = dims.of(getInput());
  if (failed(expectCount(*this, "repeats", getRepeats().getExprs().size(),
                         all.size())))
    return failure();
  for (size_t i = 0; i < all.size(); ++i)
    all[i] *= getRepeats().getExprs()[i];
  results.push_back(all);
  return success();
}

INFER(IotaOp) {
  if (failed(expectRank(*this, "start", dims.of(getStart()), 0)) ||
      failed(expectRank(*this, "delta", dims.of(getDelta()), 0)) ||
      failed(expectRank(*this, "a shape", getShape().getExprs(), 1)))
    return failure();
  results.push_back(getShape().getExprs());
  return success();
}

INFER(TriluOp) {
  results.push_back(dims.of(getInput()));
  if (results.back().size() < 2)
    return emitOpError("expected rank 2 or more, but got ")
           << results.back().size();
  return success();
}

INFER(OneHotOp) {
  Dims all = dims.of(getIndices()), values = dims.of(getValues());
  if (getAxis() > all.size())
    return emitOpError("expected an axis up to ")
           << all.size() << ", but got " << getAxis();
  if (failed(expectRank(*this, "a depth", getDepth().getExprs(), 1)) ||
      failed(expectRank(*this, "values", values, 1)))
    return failure();
  if (contradict(values[0], 2))
    return emitOpError("expected 2 values, off and on, but got ")
           << values[0].str();
  all.insert(all.begin() + getAxis(), getDepth().getExprs()[0]);
  results.push_back(all);
  return success();
}

INFER(GatherOp) {
  Dims data = dims.of(getData()), indices = dims.of(getIndices());
  size_t axis = getAxis();
  if (failed(expectAxis(*this, getAxis(), data.size())))
    return failure();
  Dims all(data.begin(), data.begin() + axis);
  all.append(indices.begin(), indices.end());
  all.append(data.begin() + axis + 1, data.end());
  results.push_back(all);
  return success();
}

INFER(GatherElementsOp) {
  if (dims.of(getData()).size() != dims.of(getIndices()).size())
    return emitOpError("expected data and indices of one rank, but got ")
           << dimsToString(dims.of(getData())) << " and "
           << dimsToString(dims.of(getIndices()));
  if (failed(expectAxis(*this, getAxis(), dims.of(getData()).size())))
    return failure();
  results.push_back(dims.of(getIndices()));
  return success();
}

INFER(GatherNdOp) {
  Dims data = dims.of(getData()), indices = dims.of(getIndices());
  if (indices.empty() || !indices.back().isConstant())
    return emitOpError("expected the last dimension of indices to be known, "
                       "but got ")
           << dimsToString(indices);
  int64_t tuple = indices.back().constant(), batch = getBatchDims();
  if (batch < 0 || batch >= (int64_t)indices.size() ||
      batch > (int64_t)data.size())
    return emitOpError("expected batch dimensions that data and indices have, "
                       "but got ")
           << batch;
  if (batch + tuple > (int64_t)data.size())
    return emitOpError("expected index tuples of at most ")
           << data.size() - batch << " elements, but got " << tuple;
  Dims all(indices.begin(), indices.end() - 1);
  all.append(data.begin() + batch + tuple, data.end());
  results.push_back(all);
  return success();
}

INFER(ResizeOp) {
  size_t rank = dims.of(getInput()).size();
  if (failed(expectCount(*this, "shape", getShape().getExprs().size(), rank)) ||
      failed(expectCount(*this, "scales", getScales().size(), rank)))
    return failure();
  if (!getRoi().empty() && getRoi().size() != 2 * rank)
    return emitOpError("expected no roi or ")
           << 2 * rank << " numbers, but got " << getRoi().size();
  auto oneOf = [&](StringRef value, ArrayRef<StringRef> known) {
    if (llvm::is_contained(known, value))
      return true;
    emitOpError("expected one of ")
        << llvm::join(known, ", ") << ", but got " << value;
    return false;
  };
  if (!oneOf(getMode(), {"nearest", "linear", "cubic"}) ||
      !oneOf(getCoordinates(),
             {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
              "align_corners", "asymmetric", "tf_crop_and_resize"}) ||
      !oneOf(getNearest(), {"round_prefer_floor", "round_prefer_ceil", "floor",
                            "ceil"}))
    return failure();
  results.push_back(getShape().getExprs());
  return success();
}

static Dims dropAxes(Dims all, ArrayRef<int64_t> axes, bool keep) {
  Dims result;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!llvm::is_contained(axes, (int64_t)i))
      result.push_back(all[i]);
    else if (keep)
      result.push_back(1);
  }
  return result;
}

INFER(ReduceOp) {
  Dims all = dims.of(getInput());
  SmallVector<bool> seen(all.size(), false);
  for (int64_t axis : getAxes()) {
    if (failed(expectAxis(*this, axis, all.size())))
      return failure();
    if (seen[axis])
      return emitOpError("expected each axis once, but got [")
             << getAxes() << "]";
    seen[axis] = true;
  }
  results.push_back(dropAxes(all, getAxes(), getKeepdims()));
  return success();
}
INFER(ArgReduceOp) {
  Dims all = dims.of(getInput());
  if (failed(expectAxis(*this, getAxis(), all.size())))
    return failure();
  results.push_back(dropAxes(all, {(int64_t)getAxis()}, getKeepdims()));
  return success();
}

/// Operations along an axis that keep the shape.
template <typename Op>
static LogicalResult inferAlongAxis(Op op, const DimAnalysis &dims,
                                    SmallVectorImpl<Dims> &results) {
  results.push_back(dims.of(op.getInput()));
  return expectAxis(op, op.getAxis(), results.back().size());
}
INFER(SoftmaxOp) { return inferAlongAxis(*this, dims, results); }
INFER(CumulateOp) {
  if (getKind() != ReduceKind::Sum && getKind() != ReduceKind::Prod)
    return emitOpError("expected sum or prod, but got ")
           << stringifyReduceKind(getKind());
  return inferAlongAxis(*this, dims, results);
}
INFER(NormOp) {
  Dims all = dims.of(getInput());
  for (Value v : {getScale(), getBias()}) {
    if (!v)
      continue;
    Dims mine = dims.of(v);
    std::optional<Dims> both = broadcastDims(all, mine);
    if (!both || both->size() != all.size() ||
        llvm::any_of(llvm::zip(*both, all),
                     [](auto pair) { return contradict(std::get<0>(pair),
                                                       std::get<1>(pair)); }))
      return emitOpError("expected scale and bias that broadcast to ")
             << dimsToString(all) << ", but got " << dimsToString(mine);
  }
  return inferAlongAxis(*this, dims, results);
}

INFER(MatmulOp) {
  Dims a = dims.of(getLhs()), b = dims.of(getRhs());
  if (a.size() < 2 || b.size() < 2)
    return emitOpError("expected operands of rank 2 or more, but got ")
           << dimsToString(a) << " and " << dimsToString(b);
  const DimExpr &ka = a.back(), &kb = b[b.size() - 2];
  if (ka.isConstant() && kb.isConstant() && ka != kb)
    return emitOpError("expected inner dimensions that agree, but got ")
           << dimsToString(a) << " and " << dimsToString(b);
  auto batch = broadcastDims(ArrayRef(a).drop_back(2), ArrayRef(b).drop_back(2));
  if (!batch)
    return emitOpError("expected batch dimensions that broadcast, but got ")
           << dimsToString(a) << " and " << dimsToString(b);
  batch->push_back(a[a.size() - 2]);
  batch->push_back(b.back());
  results.push_back(*batch);
  return success();
}

#undef INFER
