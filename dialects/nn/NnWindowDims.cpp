// The result sizes of convolutions, pools and blocks of channels.
#include "dialects/nn/DimChecks.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

/// Strides and dilations: one per spatial dimension, none below 1.
static LogicalResult expectSteps(Operation *op, StringRef what,
                                 ArrayRef<int64_t> steps, size_t count) {
  if (failed(expectCount(op, what, steps.size(), count)))
    return failure();
  for (int64_t step : steps)
    if (step < 1)
      return op->emitOpError("expected ")
             << what << " of 1 or more, but got " << step;
  return success();
}

/// The result size of windows along spatial dimension i.
template <typename Op>
static DimExpr windowsAlong(Op op, const DimExpr &size, const DimExpr &window,
                            size_t i) {
  DimExpr reach =
      (window - DimExpr(1)) * DimExpr(op.getDilations()[i]) + DimExpr(1);
  DimExpr padded =
      size + op.getLow().getExprs()[i] + op.getHigh().getExprs()[i];
  return DimExpr::floorDiv(padded - reach, op.getStrides()[i]) + DimExpr(1);
}

/// What every convolution has: steps, pads, a group and a bias that fit.
static LogicalResult expectConv(Operation *op, const DimAnalysis &dims,
                                size_t spatial, ArrayRef<int64_t> strides,
                                ArrayRef<int64_t> dilations, DimsAttr low,
                                const DimExpr &channels, Value bias) {
  if (failed(expectSteps(op, "strides", strides, spatial)) ||
      failed(expectSteps(op, "dilations", dilations, spatial)) ||
      failed(expectCount(op, "low", low.getExprs().size(), spatial)))
    return failure();
  if (!bias)
    return success();
  Dims of = dims.of(bias);
  if (of.size() != 1 || contradict(of[0], channels))
    return op->emitOpError("expected a bias of ")
           << dimsToString({channels}) << ", but got " << dimsToString(of);
  return success();
}

/// The input of an operation in blocks: [N, blocks, spatial..., 16].
static LogicalResult expectBlocks(Operation *op, ArrayRef<DimExpr> x) {
  if (x.size() >= 4 && x.back().isConstant(16))
    return success();
  return op->emitOpError("expected an input in blocks of 16 channels, but got ")
         << dimsToString(x);
}

static bool divides(int64_t group, const DimExpr &channels) {
  return group >= 1 &&
         (!channels.isConstant() || channels.constant() % group == 0);
}

LogicalResult ConvOp::inferDims(const DimAnalysis &dims,
                                SmallVectorImpl<Dims> &results) {
  Dims x = dims.of(getInput()), w = dims.of(getWeights());
  if (getBlocked() && x.size() == w.size() + 1 && w.size() >= 3) {
    if (failed(expectBlocks(*this, x)))
      return failure();
    // The channels were checked when the blocks were chosen.
    x.pop_back();
    x[1] = w[1] * DimExpr(getGroup());
  }
  if (x.size() < 3 || w.size() != x.size())
    return emitOpError("expected input and weights of one rank of 3 or more, "
                       "but got ")
           << dimsToString(x) << " and " << dimsToString(w);
  size_t spatial = x.size() - 2;
  if (!divides(getGroup(), w[0]))
    return emitOpError("expected a group that divides ")
           << w[0].str() << " result channels, but got " << (int64_t)getGroup();
  if (x[1].isConstant() && w[1].isConstant() &&
      x[1].constant() != w[1].constant() * (int64_t)getGroup())
    return emitOpError("expected ")
           << w[1].constant() * (int64_t)getGroup()
           << " input channels (weights' " << w[1].str() << " times group "
           << getGroup() << "), but got " << x[1].str();
  if (failed(expectConv(
          *this, dims, spatial, getStrides(), getDilations(), getLow(),
          getBlocked() ? DimExpr::ceilDiv(w[0], 16) * DimExpr(16) : w[0],
          getBias())) ||
      failed(expectCount(*this, "high", getHigh().getExprs().size(), spatial)))
    return failure();
  Dims all = {x[0], w[0]};
  for (size_t i = 0; i < spatial; ++i)
    all.push_back(windowsAlong(*this, x[2 + i], w[2 + i], i));
  if (getBlocked()) {
    all[1] = DimExpr::ceilDiv(all[1], 16);
    all.push_back(16);
  }
  results.push_back(all);
  return success();
}

LogicalResult ConvTransposeOp::inferDims(const DimAnalysis &dims,
                                         SmallVectorImpl<Dims> &results) {
  Dims x = dims.of(getInput()), w = dims.of(getWeights());
  if (x.size() < 3 || w.size() != x.size() || contradict(x[1], w[0]))
    return emitOpError("expected input and weights of one rank of 3 or more "
                       "with as many input channels, but got ")
           << dimsToString(x) << " and " << dimsToString(w);
  size_t spatial = x.size() - 2;
  if (!divides(getGroup(), w[0]))
    return emitOpError("expected a group that divides ")
           << w[0].str() << " input channels, but got " << (int64_t)getGroup();
  Dims all = {x[0], w[1] * DimExpr(getGroup())};
  if (failed(expectConv(*this, dims, spatial, getStrides(), getDilations(),
                        getLow(), all[1], getBias())) ||
      failed(
          expectCount(*this, "shape", getShape().getExprs().size(), spatial)))
    return failure();
  llvm::append_range(all, getShape().getExprs());
  results.push_back(all);
  return success();
}

LogicalResult PoolOp::inferDims(const DimAnalysis &dims,
                                SmallVectorImpl<Dims> &results) {
  Dims x = dims.of(getInput());
  if (getBlocked() && failed(expectBlocks(*this, x)))
    return failure();
  size_t fixed = getBlocked() ? 3 : 2;
  if (x.size() <= fixed)
    return emitOpError("expected an input of rank ")
           << fixed + 1 << " or more, but got " << dimsToString(x);
  size_t spatial = x.size() - fixed;
  if (failed(expectSteps(*this, "window", getWindow(), spatial)) ||
      failed(expectSteps(*this, "strides", getStrides(), spatial)) ||
      failed(expectSteps(*this, "dilations", getDilations(), spatial)) ||
      failed(expectCount(*this, "low", getLow().getExprs().size(), spatial)) ||
      failed(
          expectCount(*this, "high", getHigh().getExprs().size(), spatial)) ||
      failed(
          expectCount(*this, "shape", getShape().getExprs().size(), spatial)))
    return failure();
  Dims all = {x[0], x[1]};
  llvm::append_range(all, getShape().getExprs());
  if (getBlocked())
    all.push_back(16);
  results.push_back(all);
  return success();
}

LogicalResult DepthwiseConvOp::inferDims(const DimAnalysis &dims,
                                         SmallVectorImpl<Dims> &results) {
  Dims all = dims.of(getInput()), w = dims.of(getWeights());
  if (failed(expectBlocks(*this, all)))
    return failure();
  size_t spatial = all.size() - 3;
  if (w.size() != spatial + 2 || contradict(w[0], all[1]) ||
      contradict(w.back(), 16))
    return emitOpError(
               "expected weights [blocks, window..., 16] for the input ")
           << dimsToString(all) << ", but got " << dimsToString(w);
  if (failed(expectConv(*this, dims, spatial, getStrides(), getDilations(),
                        getLow(), w[0] * DimExpr(16), getBias())) ||
      failed(expectCount(*this, "high", getHigh().getExprs().size(), spatial)))
    return failure();
  for (size_t i = 0; i < spatial; ++i)
    all[2 + i] = windowsAlong(*this, all[2 + i], w[1 + i], i);
  results.push_back(all);
  return success();
}
LogicalResult ToBlocksOp::inferDims(const DimAnalysis &dims,
                                    SmallVectorImpl<Dims> &results) {
  Dims all = dims.of(getInput());
  if (all.size() < 3)
    return emitOpError("expected an input of rank 3 or more, but got ")
           << dimsToString(all);
  all[1] = DimExpr::ceilDiv(all[1], 16);
  all.push_back(16);
  results.push_back(all);
  return success();
}
LogicalResult FromBlocksOp::inferDims(const DimAnalysis &dims,
                                      SmallVectorImpl<Dims> &results) {
  Dims all = dims.of(getInput());
  if (failed(expectBlocks(*this, all)))
    return failure();
  if (contradict(all[1], DimExpr::ceilDiv((int64_t)getChannels(), 16)))
    return emitOpError("expected channels that fill ")
           << all[1].str() << " blocks of 16, but got " << getChannels();
  all.pop_back();
  all[1] = getChannels();
  results.push_back(all);
  return success();
}
