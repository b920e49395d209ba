// Normalisation: over channels, groups, the last dimensions or one axis.
//
// Statistics are computed in the type `stash_type` names (float at least for
// narrower operands); scale and bias apply in the operand's own type.
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Shared steps -------------------------------------------------------===//

/// The type of statistics as results: stash_type, which is float if absent.
static Type statisticsType(NodeContext &node) {
  Type asked = elementType(
      *node.builder.getContext(),
      (DataType)node.node.getInt("stash_type", (int64_t)DataType::Float));
  return isa_and_present<FloatType>(asked) ? asked : node.builder.getF32Type();
}

/// The type they are computed in: nothing narrower than the operand's own.
static Type stashType(NodeContext &node) {
  Type own = node.element(0), asked = statisticsType(node);
  if (!own)
    return {};
  return asked.getIntOrFloatBitWidth() > own.getIntOrFloatBitWidth() ? asked
                                                                     : own;
}

static SmallVector<int64_t> axesFrom(int64_t axis, size_t rank) {
  SmallVector<int64_t> axes;
  for (int64_t i = axis; i < (int64_t)rank; ++i)
    axes.push_back(i);
  return axes;
}

static Value reduceMean(NodeContext &node, Value v, ArrayRef<int64_t> axes) {
  return node.make<nn::ReduceOp>(node.elementOf(v), v, nn::ReduceKind::Mean,
                                 axes, true);
}

namespace {
/// What nn.norm does to a value, before scale and bias.
struct NormKind {
  int64_t axis;
  bool rms;
  float epsilon;
};
} // namespace

/// Normalises over the dimensions from `axis` on; then scale and bias, which
/// already broadcast, where given.
static Value normalise(NodeContext &node, Value x, NormKind kind,
                       std::optional<Value> scale, std::optional<Value> bias) {
  Type own = node.elementOf(x), stash = stashType(node);
  auto norm = [&](Value v, auto s, auto b) {
    return node.make<nn::NormOp>(node.elementOf(v), v, s, b, kind.axis,
                                 llvm::APFloat(kind.epsilon), kind.rms);
  };
  bool sameTypes = own == stash && (!scale || node.elementOf(*scale) == own) &&
                   (!bias || node.elementOf(*bias) == own);
  if (sameTypes) {
    if (scale && bias)
      return norm(x, *scale, *bias);
    if (scale)
      return norm(x, *scale, nullptr);
    return bias ? norm(x, nullptr, *bias) : norm(x, nullptr, nullptr);
  }
  Value y = node.cast(norm(node.cast(x, stash), nullptr, nullptr), own);
  if (scale)
    y = node.make<nn::MulOp>(own, y, node.cast(*scale, own));
  if (bias)
    y = node.make<nn::AddOp>(own, y, node.cast(*bias, own));
  return y;
}

/// Results `mean` and 1 / sqrt(variance + epsilon), where the node has them.
static LogicalResult yieldStatistics(NodeContext &node, Value x, NormKind kind,
                                     std::optional<size_t> meanResult,
                                     size_t inverseResult) {
  bool wantsMean = meanResult && node.node.hasOutput(*meanResult);
  bool wantsInverse = node.node.hasOutput(inverseResult);
  if (!wantsMean && !wantsInverse)
    return success();
  Type stash = stashType(node);
  Value wide = node.cast(x, stash);
  SmallVector<int64_t> axes = axesFrom(kind.axis, node.dimsOf(x).size());
  Value mean = wantsMean || !kind.rms ? reduceMean(node, wide, axes) : Value();
  Type result = statisticsType(node);
  if (wantsMean && failed(node.yield(node.cast(mean, result), *meanResult)))
    return failure();
  if (!wantsInverse)
    return success();
  Value centred = kind.rms ? wide : node.make<nn::SubOp>(stash, wide, mean);
  Value variance =
      reduceMean(node, node.make<nn::MulOp>(stash, centred, centred), axes);
  Value shifted =
      node.make<nn::AddOp>(stash, variance, node.scalar(stash, kind.epsilon));
  Value inverse =
      node.make<nn::ReciprocalOp>(stash, node.make<nn::SqrtOp>(stash, shifted));
  return node.yield(node.cast(inverse, result), inverseResult);
}

/// A vector of one number per channel, shaped to broadcast along dimension 1
/// of an operand of this rank.
static Value perChannel(NodeContext &node, Value v, size_t rank) {
  Dims dims = node.dimsOf(v);
  if (!v || dims.size() != 1 || rank <= 2)
    return v;
  Dims shape(rank - 1, 1);
  shape[0] = dims[0];
  return node.reshape(v, shape);
}

/// Operand i, if it is given; a null value stands for one that failed.
static std::optional<Value> given(NodeContext &node, size_t i) {
  return node.has(i) ? std::optional(node.in(i)) : std::nullopt;
}

//===- Over the last dimensions -------------------------------------------===//

/// LayerNormalization and its form without mean.
static LogicalResult layerNorm(NodeContext &node, bool rms,
                               std::optional<size_t> meanResult,
                               size_t inverseResult) {
  Value x = node.in(0);
  if (!x)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -1), node.rank(0));
  if (failed(axis))
    return failure();
  NormKind kind{*axis, rms, node.node.getFloat("epsilon", 1e-5f)};
  std::optional<Value> bias = rms ? std::nullopt : given(node, 2);
  if (failed(node.yield(normalise(node, x, kind, given(node, 1), bias))))
    return failure();
  return yieldStatistics(node, x, kind, meanResult, inverseResult);
}

static LogicalResult translateLayerNormalization(NodeContext &node) {
  return layerNorm(node, false, 1, 2);
}

/// RMSNormalization has one result; onnxruntime's SimplifiedLayerNormalization
/// has the inverse of the root as its second.
static LogicalResult translateRmsNormalization(NodeContext &node) {
  return layerNorm(node, true, std::nullopt, 1);
}

/// Normalises input + skip + bias over the last dimension; result 3 is that
/// sum, the next layer's residual.
static LogicalResult skipNorm(NodeContext &node, bool rms,
                              std::optional<Value> beta,
                              std::optional<Value> bias) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Type element = node.element(0);
  if (node.rank(0) < 2)
    return node.error() << "expected an input of rank 2 or 3, but got "
                        << dimsToString(node.dims(0));
  Value sum = node.make<nn::AddOp>(element, x, node.in(1));
  if (bias)
    sum = node.make<nn::AddOp>(element, sum, *bias);
  if (!sum)
    return failure();
  NormKind kind{node.rank(0) - 1, rms, node.node.getFloat("epsilon", 1e-12f)};
  if (failed(node.yield(normalise(node, sum, kind, given(node, 2), beta))) ||
      failed(node.yield(sum, 3)))
    return failure();
  return yieldStatistics(node, sum, kind, 1, 2);
}

static LogicalResult translateSkipLayerNorm(NodeContext &node) {
  return skipNorm(node, false, given(node, 3), given(node, 4));
}

static LogicalResult translateSkipSimplifiedLayerNorm(NodeContext &node) {
  return skipNorm(node, true, std::nullopt, given(node, 3));
}

//===- Over channels and groups -------------------------------------------===//

/// training_mode: mean and variance become those of operand 0, results 1 and 2
/// the given ones moved towards them.
static LogicalResult batchStatistics(NodeContext &node, Type wide, Value &mean,
                                     Value &variance) {
  Value x = node.cast(node.in(0), wide);
  SmallVector<int64_t> axes = {0};
  for (int64_t i = 2; i < node.rank(0); ++i)
    axes.push_back(i);
  Value centre = reduceMean(node, x, axes);
  Value off = node.make<nn::SubOp>(wide, x, centre);
  Value spread =
      reduceMean(node, node.make<nn::MulOp>(wide, off, off), axes);
  float kept = node.node.getFloat("momentum", 0.9f);
  size_t result = 1;
  for (auto [given, found] : {std::pair(&mean, centre), {&variance, spread}}) {
    found = node.reshape(found, node.dimsOf(*given));
    Type type = node.elementOf(*given);
    Value moved = node.make<nn::AddOp>(
        wide,
        node.make<nn::MulOp>(wide, node.cast(*given, wide),
                             node.scalar(wide, kept)),
        node.make<nn::MulOp>(wide, found, node.scalar(wide, 1 - kept)));
    if (failed(node.yield(node.cast(moved, type), result++)))
      return failure();
    *given = found;
  }
  return success();
}

/// x * a + b with a = scale / sqrt(var + epsilon) and b = bias - mean * a, both
/// one number per channel.
static LogicalResult translateBatchNormalization(NodeContext &node) {
  Value x = node.in(0), mean = node.in(3), variance = node.in(4);
  if (!x || !mean || !variance)
    return failure();
  Type own = node.element(0), wide = node.element(4);
  if (wide.getIntOrFloatBitWidth() < 32)
    wide = node.builder.getF32Type();
  if (node.node.getInt("training_mode", 0) &&
      failed(batchStatistics(node, wide, mean, variance)))
    return failure();
  Value shifted = node.make<nn::AddOp>(
      wide, node.cast(variance, wide),
      node.scalar(wide, node.node.getFloat("epsilon", 1e-5f)));
  Value a = node.make<nn::DivOp>(wide, node.cast(node.in(1), wide),
                                 node.make<nn::SqrtOp>(wide, shifted));
  Value b = node.make<nn::SubOp>(
      wide, node.cast(node.in(2), wide),
      node.make<nn::MulOp>(wide, node.cast(mean, wide), a));
  size_t rank = node.rank(0);
  a = node.cast(perChannel(node, a, rank), own);
  b = node.cast(perChannel(node, b, rank), own);
  return node.yield(
      node.make<nn::AddOp>(own, node.make<nn::MulOp>(own, x, a), b));
}

static LogicalResult translateInstanceNormalization(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  if (node.rank(0) < 3)
    return node.error() << "expected an input [N, C, spatial...] of rank 3 or "
                           "more, but got "
                        << dimsToString(node.dims(0));
  NormKind kind{2, false, node.node.getFloat("epsilon", 1e-5f)};
  return node.yield(normalise(node, x, kind,
                              perChannel(node, node.in(1), node.rank(0)),
                              perChannel(node, node.in(2), node.rank(0))));
}

/// [N, C, ...] as [N, groups, C / groups, ...], normalised from dimension 2.
static LogicalResult translateGroupNormalization(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Dims sizes = node.dims(0);
  int64_t groups = node.node.getInt("num_groups", 0);
  if (sizes.size() < 2 || groups < 1)
    return node.error() << "expected an input [N, C, ...] and num_groups of 1 "
                           "or more, but got "
                        << dimsToString(sizes) << " and " << groups;
  // That the groups divide a symbolic size is checked at entry: a reshape
  // splits it.
  DimExpr each = DimExpr::floorDiv(sizes[1], groups);
  if (sizes[1].isConstant() && each * DimExpr(groups) != sizes[1])
    return node.error() << "expected a number of channels that num_groups "
                        << groups << " divides, but got " << sizes[1].str();
  Dims split = {sizes[0], groups, each};
  split.append(sizes.begin() + 2, sizes.end());
  // Scale and bias have one number per channel, in groups here too.
  auto inGroups = [&](Value v) {
    Dims shape(sizes.size(), 1);
    shape[0] = groups;
    shape[1] = each;
    return v ? node.reshape(v, shape) : v;
  };
  NormKind kind{2, false, node.node.getFloat("epsilon", 1e-5f)};
  Value y = normalise(node, node.reshape(x, split), kind, inGroups(node.in(1)),
                      inGroups(node.in(2)));
  return node.yield(node.reshape(y, sizes));
}

/// x / (bias + alpha * mean)^beta, the mean being that of the squares in a
/// window of `size` channels, with zeros outside: pooling over the channels.
static LogicalResult translateLrn(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Dims sizes = node.dims(0);
  int64_t size = node.node.getInt("size", 0);
  if (sizes.size() < 2 || size < 1)
    return node.error() << "expected an input [N, C, ...] and size of 1 or "
                           "more, but got "
                        << dimsToString(sizes) << " and " << size;
  Type element = node.element(0);
  DimExpr area = product(ArrayRef(sizes).drop_front(2));
  Value squares = node.reshape(node.make<nn::MulOp>(element, x, x),
                               {sizes[0], 1, sizes[1], area});
  SmallVector<int64_t> window = {size, 1}, ones = {1, 1};
  Value mean = node.make<nn::PoolOp>(
      element, squares, nn::PoolKind::Average, ArrayRef<int64_t>(window),
      ArrayRef<int64_t>(ones), ArrayRef<int64_t>(ones),
      node.dimsAttr({(size - 1) / 2, 0}), node.dimsAttr({size / 2, 0}),
      node.dimsAttr({sizes[1], area}), true, 1);
  auto number = [&](StringRef name, float otherwise) {
    return node.scalar(element, node.node.getFloat(name, otherwise));
  };
  Value base = node.make<nn::AddOp>(
      element, number("bias", 1),
      node.make<nn::MulOp>(element, node.reshape(mean, sizes),
                           number("alpha", 1e-4f)));
  return node.yield(node.make<nn::DivOp>(
      element, x, node.make<nn::PowOp>(element, base, number("beta", 0.75f))));
}

/// (x - mean) / (sqrt(variance) + 1e-9) over `axes`.
static LogicalResult translateMeanVarianceNormalization(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  SmallVector<int64_t> axes = {0, 2, 3};
  if (node.node.has("axes"))
    axes.assign(node.node.getInts("axes").begin(),
                node.node.getInts("axes").end());
  for (int64_t &a : axes) {
    FailureOr<int64_t> axis = node.axis(a, node.rank(0));
    if (failed(axis))
      return failure();
    a = *axis;
  }
  Type element = node.element(0);
  Value centred = node.make<nn::SubOp>(element, x, reduceMean(node, x, axes));
  Value variance =
      reduceMean(node, node.make<nn::MulOp>(element, centred, centred), axes);
  Value deviation =
      node.make<nn::AddOp>(element, node.make<nn::SqrtOp>(element, variance),
                           node.scalar(element, 1e-9));
  return node.yield(node.make<nn::DivOp>(element, centred, deviation));
}

//===- Along one axis -----------------------------------------------------===//

template <bool log> static LogicalResult translateSoftmax(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -1), node.rank(0));
  if (failed(axis))
    return failure();
  return node.yield(node.make<nn::SoftmaxOp>(node.element(0), x, *axis, log));
}

/// 1 where the position is that of the first largest element, else 0.
static LogicalResult translateHardmax(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -1), node.rank(0));
  if (failed(axis))
    return failure();
  Type i64 = node.builder.getI64Type();
  Dims along(node.rank(0), 1);
  along[*axis] = node.dims(0)[*axis];
  Value largest = node.make<nn::ArgReduceOp>(i64, x, *axis, true, false, true);
  Value position =
      node.make<nn::IotaOp>(i64, node.scalar(i64, 0), node.scalar(i64, 1),
                            node.dimsAttr({along[*axis]}));
  Value isLargest = node.make<nn::CompareOp>(node.builder.getI1Type(),
                                             node.reshape(position, along),
                                             largest, nn::Predicate::Eq);
  return node.yield(node.cast(isLargest, node.element(0)));
}

/// x / norm, and 0 where the norm is.
static LogicalResult translateLpNormalization(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -1), node.rank(0));
  if (failed(axis))
    return failure();
  int64_t p = node.node.getInt("p", 2);
  if (p != 1 && p != 2)
    return node.error() << "expected p to be 1 or 2, but got " << p;
  Type element = node.element(0);
  SmallVector<int64_t> axes = {*axis};
  Value norm = node.make<nn::ReduceOp>(
      element, x, p == 1 ? nn::ReduceKind::L1 : nn::ReduceKind::L2,
      ArrayRef<int64_t>(axes), true);
  Value zero = node.scalar(element, 0);
  Value isZero = node.make<nn::CompareOp>(node.builder.getI1Type(), norm, zero,
                                          nn::Predicate::Eq);
  return node.yield(node.make<nn::SelectOp>(
      element, isZero, zero, node.make<nn::DivOp>(element, x, norm)));
}

void onnx::addNormTranslators(TranslatorTable &t) {
  t["LayerNormalization"] = translateLayerNormalization;
  t["RMSNormalization"] = translateRmsNormalization;
  t["SimplifiedLayerNormalization"] = translateRmsNormalization;
  t["com.microsoft::SimplifiedLayerNormalization"] = translateRmsNormalization;
  t["com.microsoft::SkipLayerNormalization"] = translateSkipLayerNorm;
  t["com.microsoft::SkipSimplifiedLayerNormalization"] =
      translateSkipSimplifiedLayerNorm;
  t["BatchNormalization"] = translateBatchNormalization;
  t["InstanceNormalization"] = translateInstanceNormalization;
  t["GroupNormalization"] = translateGroupNormalization;
  t["MeanVarianceNormalization"] = translateMeanVarianceNormalization;
  t["LRN"] = translateLrn;
  t["Softmax"] = translateSoftmax<false>;
  t["LogSoftmax"] = translateSoftmax<true>;
  t["Hardmax"] = translateHardmax;
  t["LpNormalization"] = translateLpNormalization;
}
