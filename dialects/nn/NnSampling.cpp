// Result sizes and verifiers of operations that scatter, choose and sample.
// Sizes are inferred first, also of what is ill-formed: each asks its verifier.
#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

#define INFER(OP)                                                              \
  LogicalResult OP::inferDims(const DimAnalysis &dims,                         \
                              SmallVectorImpl<Dims> &results)

static int64_t rankOf(Value v) { return cast<ShapedType>(v.getType()).getRank(); }
static Type elementOf(Value v) {
  return cast<ShapedType>(v.getType()).getElementType();
}

/// Whether two sizes are seen to differ.
static bool differ(const DimExpr &a, const DimExpr &b) {
  return a.isConstant() && b.isConstant() && a != b;
}

//===- Scatters ------------------------------------------------------------===//

LogicalResult ScatterElementsOp::verify() {
  if (rankOf(getIndices()) != rankOf(getData()) ||
      rankOf(getUpdates()) != rankOf(getData()))
    return emitOpError("expected data, indices and updates of one rank, but got ")
           << rankOf(getData()) << ", " << rankOf(getIndices()) << " and "
           << rankOf(getUpdates());
  if ((int64_t)getAxis() < 0 || (int64_t)getAxis() >= rankOf(getData()))
    return emitOpError("expected an axis below the rank ")
           << rankOf(getData()) << ", but got " << (int64_t)getAxis();
  return success();
}

INFER(ScatterElementsOp) {
  if (failed(verify()))
    return failure();
  Dims data = dims.of(getData()), indices = dims.of(getIndices()),
       updates = dims.of(getUpdates());
  for (auto [i, pair] : llvm::enumerate(llvm::zip(indices, updates)))
    if (differ(std::get<0>(pair), std::get<1>(pair)))
      return emitOpError("expected indices and updates of one shape, but got ")
             << dimsToString(indices) << " and " << dimsToString(updates);
  results.push_back(data);
  return success();
}

LogicalResult ScatterNdOp::verify() {
  if (rankOf(getIndices()) < 1)
    return emitOpError("expected indices of rank 1 or more");
  return success();
}

INFER(ScatterNdOp) {
  if (failed(verify()))
    return failure();
  Dims data = dims.of(getData()), indices = dims.of(getIndices());
  if (!indices.back().isConstant() ||
      indices.back().constant() > (int64_t)data.size())
    return emitOpError("expected tuples of at most ")
           << data.size() << " indices, but got a last dimension of "
           << indices.back().str();
  Dims expected(indices.begin(), indices.end() - 1);
  expected.append(data.begin() + indices.back().constant(), data.end());
  Dims updates = dims.of(getUpdates());
  bool wrong = expected.size() != updates.size();
  for (size_t i = 0; !wrong && i < expected.size(); ++i)
    wrong = differ(expected[i], updates[i]);
  if (wrong)
    return emitOpError("expected updates of ")
           << dimsToString(expected) << ", but got " << dimsToString(updates);
  results.push_back(data);
  return success();
}

//===- Choosing ------------------------------------------------------------===//

LogicalResult TopKOp::verify() {
  if ((int64_t)getAxis() < 0 || (int64_t)getAxis() >= rankOf(getInput()))
    return emitOpError("expected an axis below the rank ")
           << rankOf(getInput()) << ", but got " << (int64_t)getAxis();
  if (getCount().getExprs().size() != 1)
    return emitOpError("expected one count, but got ")
           << getCount().getExprs().size();
  return success();
}

INFER(TopKOp) {
  if (failed(verify()))
    return failure();
  Dims all = dims.of(getInput());
  DimExpr count = getCount().getExprs()[0], size = all[getAxis()];
  if (count.isConstant() && size.isConstant() &&
      count.constant() > size.constant())
    return emitOpError("expected a count of at most the axis' ")
           << size.str() << ", but got " << count.str();
  all[getAxis()] = count;
  results.push_back(all);
  return success();
}

LogicalResult TruePositionsOp::verify() {
  if (rankOf(getInput()) != 1 || !elementOf(getInput()).isInteger(1))
    return emitOpError("expected a vector of bool, but got ")
           << getInput().getType();
  return success();
}

INFER(TruePositionsOp) {
  (void)dims;
  if (failed(verify()))
    return failure();
  results.push_back(getCount().getExprs());
  return success();
}

LogicalResult NonMaxSuppressionOp::verify() {
  if (rankOf(getBoxes()) != 3 || rankOf(getScores()) != 3)
    return emitOpError("expected boxes [images, n, 4] and scores [images, "
                       "classes, n], but got ranks ")
           << rankOf(getBoxes()) << " and " << rankOf(getScores());
  return success();
}

INFER(NonMaxSuppressionOp) {
  if (failed(verify()))
    return failure();
  Dims boxes = dims.of(getBoxes()), scores = dims.of(getScores());
  if (differ(boxes[2], 4) || differ(boxes[1], scores[2]) ||
      differ(boxes[0], scores[0]))
    return emitOpError("expected boxes [images, n, 4] and scores [images, "
                       "classes, n], but got ")
           << dimsToString(boxes) << " and " << dimsToString(scores);
  results.push_back({getCount().getExprs()[0], 3});
  return success();
}

LogicalResult DeterminantOp::verify() {
  if (rankOf(getInput()) < 2 || !isa<FloatType>(elementOf(getInput())))
    return emitOpError("expected matrices of floats, but got ")
           << getInput().getType();
  return success();
}

INFER(DeterminantOp) {
  if (failed(verify()))
    return failure();
  Dims x = dims.of(getInput());
  if (differ(x[x.size() - 1], x[x.size() - 2]))
    return emitOpError("expected square matrices, but got ") << dimsToString(x);
  results.push_back(Dims(x.begin(), x.end() - 2));
  return success();
}

//===- Sampling ------------------------------------------------------------===//

LogicalResult GridSampleOp::verify() {
  int64_t rank = rankOf(getInput());
  if (rank < 3 || rankOf(getGrid()) != rank)
    return emitOpError("expected an input and a grid of one rank of 3 or "
                       "more, but got ")
           << rank << " and " << rankOf(getGrid());
  if (getMode() == SampleMode::Cubic && rank != 4)
    return emitOpError("expected 2 spatial dimensions to sample by cubics, "
                       "but got ")
           << rank - 2;
  return success();
}

INFER(GridSampleOp) {
  if (failed(verify()))
    return failure();
  Dims x = dims.of(getInput()), grid = dims.of(getGrid());
  if (differ(grid.back(), (int64_t)x.size() - 2) || differ(x[0], grid[0]))
    return emitOpError("expected a grid [")
           << x[0].str() << ", sizes..., " << x.size() - 2 << "], but got "
           << dimsToString(grid);
  Dims all = {x[0], x[1]};
  all.append(grid.begin() + 1, grid.end() - 1);
  results.push_back(all);
  return success();
}

LogicalResult RoiAlignOp::verify() {
  if (rankOf(getInput()) != 4 || rankOf(getRois()) != 2 ||
      rankOf(getBatch()) != 1)
    return emitOpError("expected an input of rank 4, rois of rank 2 and batch "
                       "indices of rank 1, but got ranks ")
           << rankOf(getInput()) << ", " << rankOf(getRois()) << " and "
           << rankOf(getBatch());
  return success();
}

INFER(RoiAlignOp) {
  if (failed(verify()))
    return failure();
  Dims x = dims.of(getInput()), rois = dims.of(getRois());
  if (differ(rois[1], 4))
    return emitOpError("expected rois [regions, 4], but got ")
           << dimsToString(rois);
  results.push_back(
      {rois[0], x[1], (int64_t)getHeight(), (int64_t)getWidth()});
  return success();
}

LogicalResult DeformColumnsOp::verify() {
  if (rankOf(getInput()) != 4 || rankOf(getOffset()) != 4 ||
      (getMask() && rankOf(getMask()) != 4))
    return emitOpError("expected an input, offsets and a mask of rank 4");
  if (getWindow().size() != 2 || getStrides().size() != 2 ||
      getDilations().size() != 2 || getLow().size() != 2)
    return emitOpError("expected a window of 2 dimensions");
  return success();
}

INFER(DeformColumnsOp) {
  if (failed(verify()))
    return failure();
  Dims x = dims.of(getInput()), offset = dims.of(getOffset());
  int64_t taps = getWindow()[0] * getWindow()[1];
  if (differ(offset[1], (int64_t)getGroups() * taps * 2))
    return emitOpError("expected ")
           << getGroups() * taps * 2 << " offsets (groups " << getGroups()
           << " times " << taps << " taps times 2), but got "
           << offset[1].str();
  results.push_back({x[0], x[1], taps, offset[2] * offset[3]});
  return success();
}

LogicalResult InterleaveOp::verify() {
  int64_t phases = 1;
  for (int64_t s : getSteps()) {
    if (s < 1)
      return emitOpError("expected steps of 1 or more, but got ") << s;
    phases *= s;
  }
  if ((int64_t)getInputs().size() != phases)
    return emitOpError("expected an input for each of ")
           << phases << " phases, but got " << getInputs().size();
  if (getShape().getExprs().size() != getSteps().size() ||
      rankOf(getInputs()[0]) < 2 + (int64_t)getSteps().size())
    return emitOpError("expected a size for each of ")
           << getSteps().size() << " spatial dimensions, but got "
           << getShape().getExprs().size() << " for " << getInputs()[0].getType();
  return success();
}

INFER(InterleaveOp) {
  if (failed(verify()))
    return failure();
  Dims all = dims.of(getInputs()[0]);
  for (auto [i, size] : llvm::enumerate(getShape().getExprs()))
    all[2 + i] = size;
  results.push_back(all);
  return success();
}

INFER(PoolIndicesOp) {
  Dims x = dims.of(getInput());
  size_t spatial = getWindow().size();
  if (x.size() != spatial + 2 || getStrides().size() != spatial ||
      getDilations().size() != spatial ||
      getLow().getExprs().size() != spatial ||
      getShape().getExprs().size() != spatial)
    return emitOpError("expected a window, strides, dilations, padding and "
                       "sizes of ")
           << (int64_t)x.size() - 2 << " dimensions for " << dimsToString(x);
  Dims all = {x[0], x[1]};
  llvm::append_range(all, getShape().getExprs());
  results.push_back(all);
  return success();
}
#undef INFER
