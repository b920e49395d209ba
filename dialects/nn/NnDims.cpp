// The result sizes of every nn operation: shape inference while importing and
// DimAnalysis afterwards.
#include "dialects/nn/Nn.h"

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
  results.push_back(getShape().getExprs());
  return success();
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
  return success();
}

INFER(ConcatOp) {
  Dims all = dims.of(getInputs().front());
  size_t axis = getAxis();
  if (axis >= all.size())
    return emitOpError("expected an axis below the rank ")
           << all.size() << ", but got " << axis;
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
  if (getLow().getExprs().size() != all.size() ||
      getHigh().getExprs().size() != all.size())
    return emitOpError("expected one pad per dimension");
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = all[i] + getLow().getExprs()[i] + getHigh().getExprs()[i];
  results.push_back(all);
  return success();
}

INFER(TileOp) {
  Dims all = dims.of(getInput());
  if (getRepeats().getExprs().size() != all.size())
    return emitOpError("expected one repeat per dimension");
  for (size_t i = 0; i < all.size(); ++i)
    all[i] *= getRepeats().getExprs()[i];
  results.push_back(all);
  return success();
}

INFER(IotaOp) {
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
  Dims all = dims.of(getIndices());
  if (getAxis() > (int64_t)all.size())
    return emitOpError("expected an axis up to ")
           << all.size() << ", but got " << getAxis();
  all.insert(all.begin() + getAxis(), getDepth().getExprs()[0]);
  results.push_back(all);
  return success();
}

INFER(GatherOp) {
  Dims data = dims.of(getData()), indices = dims.of(getIndices());
  size_t axis = getAxis();
  if (axis >= data.size())
    return emitOpError("expected an axis below the rank ")
           << data.size() << ", but got " << axis;
  Dims all(data.begin(), data.begin() + axis);
  all.append(indices.begin(), indices.end());
  all.append(data.begin() + axis + 1, data.end());
  results.push_back(all);
  return success();
}

INFER(GatherElementsOp) {
  if (dims.of(getData()).size() != dims.of(getIndices()).size())
    return emitOpError("expected data and indices of one rank");
  results.push_back(dims.of(getIndices()));
  return success();
}

INFER(GatherNdOp) {
  Dims data = dims.of(getData()), indices = dims.of(getIndices());
  if (indices.empty() || !indices.back().isConstant())
    return emitOpError("expected the last dimension of indices to be known");
  int64_t tuple = indices.back().constant(), batch = getBatchDims();
  if (batch + tuple > (int64_t)data.size())
    return emitOpError("expected index tuples of at most ")
           << data.size() - batch << " elements, but got " << tuple;
  Dims all(indices.begin(), indices.end() - 1);
  all.append(data.begin() + batch + tuple, data.end());
  results.push_back(all);
  return success();
}

INFER(ResizeOp) {
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
  results.push_back(dropAxes(dims.of(getInput()), getAxes(), getKeepdims()));
  return success();
}
INFER(ArgReduceOp) {
  results.push_back(dropAxes(dims.of(getInput()), {(int64_t)getAxis()},
                             getKeepdims()));
  return success();
}
INFER(SoftmaxOp) {
  results.push_back(dims.of(getInput()));
  return success();
}
INFER(NormOp) {
  results.push_back(dims.of(getInput()));
  return success();
}
INFER(CumulateOp) {
  results.push_back(dims.of(getInput()));
  return success();
}

INFER(MatmulOp) {
  Dims a = dims.of(getLhs()), b = dims.of(getRhs());
  if (a.size() < 2 || b.size() < 2)
    return emitOpError("expected operands of rank 2 or more");
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

INFER(ConvOp) {
  Dims x = dims.of(getInput()), w = dims.of(getWeights());
  if (getBlocked() && x.size() == w.size() + 1) {
    // The channels were checked when the blocks were chosen.
    x.pop_back();
    x[1] = w[1] * DimExpr(getGroup());
  }
  size_t spatial = x.size() - 2;
  if (x.size() < 3 || w.size() != x.size() || getStrides().size() != spatial ||
      getDilations().size() != spatial)
    return emitOpError("expected input and weights of one rank of 3 or more, "
                       "but got ")
           << dimsToString(x) << " and " << dimsToString(w);
  if (x[1].isConstant() && w[1].isConstant() &&
      x[1].constant() != w[1].constant() * (int64_t)getGroup())
    return emitOpError("expected ")
           << w[1].constant() * (int64_t)getGroup()
           << " input channels (weights' " << w[1].str() << " times group "
           << getGroup() << "), but got " << x[1].str();
  Dims all = {x[0], w[0]};
  for (size_t i = 0; i < spatial; ++i) {
    DimExpr window =
        (w[2 + i] - DimExpr(1)) * DimExpr(getDilations()[i]) + DimExpr(1);
    DimExpr padded =
        x[2 + i] + getLow().getExprs()[i] + getHigh().getExprs()[i];
    all.push_back(DimExpr::floorDiv(padded - window, getStrides()[i]) +
                  DimExpr(1));
  }
  if (getBlocked()) {
    all[1] = DimExpr::ceilDiv(all[1], 16);
    all.push_back(16);
  }
  results.push_back(all);
  return success();
}

INFER(ConvTransposeOp) {
  Dims x = dims.of(getInput()), w = dims.of(getWeights());
  Dims all = {x[0], w[1] * DimExpr(getGroup())};
  llvm::append_range(all, getShape().getExprs());
  results.push_back(all);
  return success();
}

INFER(PoolOp) {
  Dims x = dims.of(getInput());
  Dims all = {x[0], x[1]};
  llvm::append_range(all, getShape().getExprs());
  if (getBlocked())
    all.push_back(16);
  results.push_back(all);
  return success();
}

INFER(DepthwiseConvOp) {
  Dims all = dims.of(getInput()), w = dims.of(getWeights());
  for (size_t i = 0; i < getStrides().size(); ++i) {
    DimExpr window =
        (w[1 + i] - DimExpr(1)) * DimExpr(getDilations()[i]) + DimExpr(1);
    DimExpr padded =
        all[2 + i] + getLow().getExprs()[i] + getHigh().getExprs()[i];
    all[2 + i] =
        DimExpr::floorDiv(padded - window, getStrides()[i]) + DimExpr(1);
  }
  results.push_back(all);
  return success();
}
INFER(ToBlocksOp) {
  Dims all = dims.of(getInput());
  all[1] = DimExpr::ceilDiv(all[1], 16);
  all.push_back(16);
  results.push_back(all);
  return success();
}
INFER(FromBlocksOp) {
  Dims all = dims.of(getInput());
  all.pop_back();
  all[1] = getChannels();
  results.push_back(all);
  return success();
}
#undef INFER
