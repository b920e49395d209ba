// Operators that pick, place or resample elements by their position: gathers,
// one-hot, triangles, ranges, blocks of space, and Resize.
#include "frontends/onnx/GraphImporter.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Gathers ------------------------------------------------------------===//

template <typename Op> static LogicalResult gatherAlongAxis(NodeContext &node) {
  Value data = node.in(0);
  if (!data)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", 0), node.rank(0));
  if (failed(axis))
    return failure();
  return node.yield(node.make<Op>(node.element(0), data, node.in(1), *axis));
}

/// ai.onnx.ml: columns of the last dimension; a vector is one row.
static LogicalResult translateArrayFeatureExtractor(NodeContext &node) {
  Value x = node.in(0), columns = node.in(1);
  if (!x || !columns)
    return failure();
  Dims sizes = node.dims(0), wanted = node.dims(1);
  if (sizes.empty())
    return node.error() << "expected an operand of rank 1 or more";
  if (sizes.size() == 1)
    x = node.reshape(x, {1, sizes[0]});
  columns = node.reshape(columns, {product(wanted)});
  return node.yield(node.make<nn::GatherOp>(
      node.element(0), x, columns, (int64_t)node.dimsOf(x).size() - 1));
}

static LogicalResult translateGatherNd(NodeContext &node) {
  int64_t batch = node.node.getInt("batch_dims", 0);
  if (batch < 0 || batch > node.rank(0))
    return node.error() << "expected batch_dims from 0 to the rank "
                        << node.rank(0) << ", but got " << batch;
  Value indices = node.in(1);
  if (!indices)
    return failure();
  // The rank that the model declares says how long the tuples are.
  Dims sizes = node.dims(1);
  std::optional<int64_t> rank = node.declaredRank(0);
  if (rank && !sizes.empty() && !sizes.back().isConstant()) {
    sizes.back() = (int64_t)sizes.size() - 1 + node.rank(0) - batch - *rank;
    if (sizes.back().constant() > 0)
      indices = node.settle(indices, sizes);
  }
  return node.yield(node.make<nn::GatherNdOp>(node.element(0), node.in(0),
                                              indices, batch));
}

/// The depth of a OneHot: an operand of any numeric type, or what the model
/// declares for the new axis.
static FailureOr<DimExpr> oneHotDepth(NodeContext &node, int64_t axis) {
  if (std::optional<DimExpr> depth = node.oneInt(1))
    return *depth;
  std::optional<std::vector<double>> depth = node.constantFloats(1);
  if (depth && !depth->empty())
    return DimExpr((int64_t)depth->front());
  if (std::optional<Dims> declared = node.declaredDims(0))
    if (axis < (int64_t)declared->size()) {
      if (failed(node.checkInts(1, "depth", {(*declared)[axis]})))
        return failure();
      return (*declared)[axis];
    }
  if (std::optional<DimExpr> depth = node.demandInt(1, "depth", kAnySize))
    return *depth;
  return failure();
}

static LogicalResult translateOneHot(NodeContext &node) {
  Value indices = node.in(0);
  if (!indices)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -1), node.rank(0) + 1);
  if (failed(axis))
    return failure();
  FailureOr<DimExpr> depth = oneHotDepth(node, *axis);
  if (failed(depth))
    return failure();
  if (!node.element(0).isSignlessInteger())
    indices = node.cast(indices, node.builder.getI64Type());
  return node.yield(node.make<nn::OneHotOp>(
      node.element(2), indices, node.in(2), node.dimsAttr({*depth}), *axis));
}

/// y[t, b] = x[t < length[b] ? length[b] - 1 - t : t, b]: positions along the
/// time axis, then one gather.
static LogicalResult translateReverseSequence(NodeContext &node) {
  Value x = node.in(0), lengths = node.in(1);
  int64_t batch = node.node.getInt("batch_axis", 1);
  int64_t time = node.node.getInt("time_axis", 0);
  if (!x || !lengths)
    return failure();
  if (batch + time != 1 || batch * time != 0 || node.rank(0) < 2)
    return node.error() << "expected rank 2 or more and the axes 0 and 1, but "
                           "got rank "
                        << node.rank(0) << ", batch_axis " << batch
                        << " and time_axis " << time;
  Dims sizes = node.dims(0);
  Type i64 = node.builder.getI64Type(), bit = node.builder.getI1Type();
  Value one = node.scalar(i64, 1);
  Value t = node.make<nn::IotaOp>(i64, node.scalar(i64, 0), one,
                                  node.dimsAttr({sizes[time]}));
  Dims column(sizes.size(), 1), row(sizes.size(), 1);
  column[time] = sizes[time];
  row[batch] = sizes[batch];
  t = node.reshape(t, column);
  Value length = node.reshape(node.cast(lengths, i64), row);
  Value inside = node.make<nn::CompareOp>(bit, t, length, nn::Predicate::Lt);
  Value last = node.make<nn::SubOp>(i64, length, one);
  Value back = node.make<nn::SubOp>(i64, last, t);
  Value position = node.make<nn::SelectOp>(i64, inside, back, t);
  position = node.make<nn::ExpandOp>(i64, position, node.dimsAttr(sizes));
  return node.yield(
      node.make<nn::GatherElementsOp>(node.element(0), x, position, time));
}

//===- Triangles, diagonals, ranges ---------------------------------------===//

static LogicalResult translateTrilu(NodeContext &node) {
  bool upper = node.node.getInt("upper", 1) != 0;
  auto trilu = [&](auto k) {
    return node.make<nn::TriluOp>(node.element(0), node.in(0), k, upper);
  };
  return node.yield(node.has(1) ? trilu(node.in(1)) : trilu(nullptr));
}

/// column == row + k, as the element type.
static LogicalResult translateEyeLike(NodeContext &node) {
  Value like = node.in(0);
  if (!like)
    return failure();
  Dims sizes = node.dims(0);
  if (sizes.size() != 2)
    return node.error() << "expected an operand of rank 2, but got "
                        << dimsToString(sizes);
  Type element = node.element(0);
  if (node.node.has("dtype")) {
    auto type = (DataType)node.node.getInt("dtype", 0);
    element = elementType(*node.builder.getContext(), type);
    if (!element)
      return node.error() << "a result of " << dataTypeName(type)
                          << " is not compiled yet; use a type of 8 bits or "
                             "more, or a float of 16 or more";
  }
  Type i64 = node.builder.getI64Type();
  Value one = node.scalar(i64, 1);
  Value row = node.make<nn::IotaOp>(
      i64, node.scalar(i64, (double)node.node.getInt("k", 0)), one,
      node.dimsAttr({sizes[0]}));
  Value column = node.make<nn::IotaOp>(i64, node.scalar(i64, 0), one,
                                       node.dimsAttr({sizes[1]}));
  Value diagonal = node.make<nn::CompareOp>(node.builder.getI1Type(), column,
                                            node.reshape(row, {sizes[0], 1}),
                                            nn::Predicate::Eq);
  return node.yield(node.cast(diagonal, element));
}

/// A number that is known now: a size, or a constant, through casts.
static std::optional<DimExpr> knownNumber(Value v) {
  if (!v)
    return std::nullopt;
  if (auto cast = v.getDefiningOp<nn::CastOp>())
    return knownNumber(cast.getInput());
  if (auto reshape = v.getDefiningOp<nn::ReshapeOp>())
    return knownNumber(reshape.getInput());
  if (auto dims = v.getDefiningOp<nn::DimsOp>())
    return dims.getValues().getExprs().size() == 1
               ? std::optional(dims.getValues().getExprs()[0])
               : std::nullopt;
  std::optional<double> number = pack::getSplat(v);
  if (number && *number == std::floor(*number) && std::abs(*number) < 1e15)
    return DimExpr((int64_t)*number);
  return std::nullopt;
}

/// max(0, ceil((limit - start) / delta)) of integers.
static DimExpr stepsBetween(NodeContext &node, const DimExpr &start,
                            const DimExpr &limit, int64_t step) {
  DimExpr span = limit - start;
  if (step < 0)
    span = DimExpr(0) - span;
  DimExpr length = DimExpr::ceilDiv(span, std::abs(step));
  if (length.range(node.analysis.symbols).lo < 0)
    length = DimExpr::max(length, 0);
  return length;
}

/// Elements of a Range, if the operands decide it now. An error has been
/// reported on failure.
static FailureOr<std::optional<DimExpr>> rangeLength(NodeContext &node) {
  auto none = std::optional<DimExpr>();
  std::optional<DimExpr> start = node.oneInt(0), limit = node.oneInt(1),
                         delta = node.oneInt(2);
  if (start && limit && delta) {
    std::optional<int64_t> step = delta->asConstant();
    if (!step)
      return none;
    if (*step == 0)
      return node.error() << "expected a delta other than 0";
    return std::optional(stepsBetween(node, *start, *limit, *step));
  }
  std::optional<DimExpr> numbers[3];
  for (int i = 0; i < 3; ++i)
    numbers[i] = knownNumber(node.in(i));
  if (numbers[0] && numbers[1] && numbers[2] && numbers[2]->isConstant() &&
      !numbers[2]->isConstant(0))
    return std::optional(stepsBetween(node, *numbers[0], *numbers[1],
                                      numbers[2]->constant()));
  std::optional<std::vector<double>> bounds[3];
  for (int i = 0; i < 3; ++i) {
    bounds[i] = node.constantFloats(i);
    if (!bounds[i] || bounds[i]->empty())
      return none;
  }
  double step = bounds[2]->front();
  if (step == 0)
    return node.error() << "expected a delta other than 0";
  double span = bounds[1]->front() - bounds[0]->front();
  // The operator subtracts in its own type before it divides.
  if (node.element(0).isF32())
    span = (float)span;
  return std::optional(DimExpr((int64_t)std::max(0.0, std::ceil(span / step))));
}

/// Elements of a Range whose operands are known only at run time: an
/// expression over integers that it reads, or a number that it computes.
static std::optional<DimExpr> findRangeLength(NodeContext &node) {
  std::optional<DimExpr> delta = node.oneInt(2);
  if (delta && delta->isConstant() && !delta->isConstant(0)) {
    std::optional<DimExpr> start = node.demandInt(0, "start", kAnyInt);
    std::optional<DimExpr> limit =
        start ? node.demandInt(1, "limit", kAnyInt) : std::nullopt;
    if (!limit)
      return std::nullopt;
    return stepsBetween(node, *start, *limit, delta->constant());
  }
  Type f64 = node.builder.getF64Type(), i64 = node.builder.getI64Type();
  Value span = node.make<nn::SubOp>(node.element(0), node.in(1), node.in(0));
  Value steps = node.make<nn::DivOp>(f64, node.cast(span, f64),
                                     node.cast(node.in(2), f64));
  Value count = node.make<nn::MaxOp>(
      i64, node.cast(node.make<nn::CeilOp>(f64, steps), i64),
      node.scalar(i64, 0));
  if (!count)
    return std::nullopt;
  return node.importer.findSize(node, count, node.node.name, kAnySize);
}

static LogicalResult translateRange(NodeContext &node) {
  Value start = node.in(0), delta = node.in(2);
  FailureOr<std::optional<DimExpr>> length = rangeLength(node);
  if (failed(length))
    return failure();
  if (!*length)
    *length = findRangeLength(node);
  if (!*length)
    return failure();
  auto toScalar = [&](Value v) {
    return node.dimsOf(v).empty() ? v : node.reshape(v, {});
  };
  return node.yield(node.make<nn::IotaOp>(node.element(0), toScalar(start),
                                          toScalar(delta),
                                          node.dimsAttr({**length})));
}

//===- Blocks between depth and space -------------------------------------===//

/// dim / by, refusing a size that is no multiple. That a symbolic one is, is
/// checked at entry: a reshape splits it.
static FailureOr<DimExpr> divide(NodeContext &node, const DimExpr &dim,
                                 int64_t by, StringRef what) {
  if (std::optional<DimExpr> exact = DimExpr::exactDiv(dim, by))
    return *exact;
  if (!dim.isConstant())
    return DimExpr::floorDiv(dim, by);
  return node.error() << "expected the " << what << " to be a multiple of "
                      << by << ", but got " << dim.str();
}

static FailureOr<int64_t> blockOf(NodeContext &node) {
  int64_t block = node.node.getInt("blocksize", 0);
  StringRef mode = node.node.getString("mode", "DCR");
  if (!node.in(0))
    return failure();
  if (node.rank(0) != 4 || block < 1)
    return node.error() << "expected an operand of rank 4 and a blocksize of 1 "
                           "or more, but got "
                        << dimsToString(node.dims(0)) << " and " << block;
  if (mode != "DCR" && mode != "CRD")
    return node.error() << "expected the mode DCR or CRD, but got " << mode;
  return block;
}

static LogicalResult translateDepthToSpace(NodeContext &node) {
  FailureOr<int64_t> block = blockOf(node);
  if (failed(block))
    return failure();
  Dims x = node.dims(0);
  DimExpr b = *block;
  FailureOr<DimExpr> depth = divide(node, x[1], *block * *block, "channels");
  if (failed(depth))
    return failure();
  bool depthFirst = node.node.getString("mode", "DCR") == "DCR";
  Value blocks =
      depthFirst
          ? node.transpose(
                node.reshape(node.in(0), {x[0], b, b, *depth, x[2], x[3]}),
                {0, 3, 4, 1, 5, 2})
          : node.transpose(
                node.reshape(node.in(0), {x[0], *depth, b, b, x[2], x[3]}),
                {0, 1, 4, 2, 5, 3});
  return node.yield(node.reshape(blocks, {x[0], *depth, x[2] * b, x[3] * b}));
}

static LogicalResult translateSpaceToDepth(NodeContext &node) {
  FailureOr<int64_t> block = blockOf(node);
  if (failed(block))
    return failure();
  Dims x = node.dims(0);
  DimExpr b = *block;
  FailureOr<DimExpr> height = divide(node, x[2], *block, "height");
  FailureOr<DimExpr> width = divide(node, x[3], *block, "width");
  if (failed(height) || failed(width))
    return failure();
  Value blocks = node.reshape(node.in(0), {x[0], x[1], *height, b, *width, b});
  bool depthFirst = node.node.getString("mode", "DCR") == "DCR";
  blocks = depthFirst ? node.transpose(blocks, {0, 3, 5, 1, 2, 4})
                      : node.transpose(blocks, {0, 1, 3, 5, 2, 4});
  return node.yield(
      node.reshape(blocks, {x[0], x[1] * b * b, *height, *width}));
}

//===- Resize -------------------------------------------------------------===//

namespace {
/// What decides the result of a Resize, per dimension of the operand.
struct ResizePlan {
  SmallVector<int64_t> axes;
  Dims shape;
  SmallVector<double> scales;
};
} // namespace

/// floor(dim * scale), computed in float as ONNX's shape inference does. A
/// symbolic size needs a scale p/q that gives the same for all its values.
static std::optional<DimExpr> scaledSize(NodeContext &node, const DimExpr &dim,
                                         float scale) {
  auto inFloat = [&](int64_t n) {
    return (int64_t)std::floor((float)n * scale);
  };
  if (dim.isConstant())
    return DimExpr(inFloat(dim.constant()));
  constexpr int64_t largestDivisor = 100, mostSizes = 1 << 20;
  DimRange range = dim.range(node.analysis.symbols);
  for (int64_t q = 1; q <= largestDivisor; ++q) {
    int64_t p = std::llround((double)scale * q);
    if (p < 1 || (float)((double)p / q) != scale)
      continue;
    if (q > 1 && range.hi - range.lo > mostSizes)
      return std::nullopt;
    for (int64_t n = range.lo; q > 1 && n <= range.hi; ++n)
      if (inFloat(n) != n * p / q)
        return std::nullopt;
    return DimExpr::floorDiv(dim * DimExpr(p), q);
  }
  return std::nullopt;
}

static LogicalResult planFromScales(NodeContext &node, ResizePlan &plan,
                                    ArrayRef<double> scales) {
  if (scales.size() != plan.axes.size())
    return node.error() << "expected " << plan.axes.size()
                        << " scales, one per axis, but got " << scales.size();
  for (auto [axis, scale] : llvm::zip(plan.axes, scales)) {
    if (!(scale > 0))
      return node.error() << "expected scales above 0, but got " << scale;
    std::optional<DimExpr> size =
        scaledSize(node, plan.shape[axis], (float)scale);
    if (!size)
      return node.error()
             << "expected an integer or simple fraction as the scale of the "
                "symbolic size "
             << plan.shape[axis].str() << ", but got " << scale
             << "; give the size with --dim";
    plan.shape[axis] = *size;
    plan.scales[axis] = scale;
  }
  return success();
}

/// to / from, if it is the same for all sizes.
static std::optional<double> ratio(const DimExpr &to, const DimExpr &from) {
  if (to == from)
    return 1.0;
  if (to.isConstant() && from.isConstant())
    return from.isConstant(0) ? 1.0 : (double)to.constant() / from.constant();
  if (auto up = DimExpr::exactDiv(to, from))
    if (up->isConstant())
      return (double)up->constant();
  if (auto down = DimExpr::exactDiv(from, to))
    if (down->isConstant() && !down->isConstant(0))
      return 1.0 / down->constant();
  return std::nullopt;
}

/// Shrinking with antialias reads 1 / scale neighbours to each side, so a scale
/// known only at run time needs a bound.
static LogicalResult expectBoundedScales(NodeContext &node,
                                         const ResizePlan &plan,
                                         ArrayRef<DimExpr> from) {
  constexpr int64_t most = 16;
  if (!node.node.getInt("antialias", 0) ||
      node.node.getString("mode", "nearest") == "nearest")
    return success();
  for (int64_t axis : plan.axes) {
    DimRange to = plan.shape[axis].range(node.analysis.symbols);
    DimRange size = from[axis].range(node.analysis.symbols);
    if (plan.scales[axis] == 0 && size.hi > most * std::max<int64_t>(to.lo, 1))
      return node.error() << "antialias: expected sizes that shrink to 1/"
                          << most << " at the least, but "
                          << from[axis].str() << " of " << size.lo << ".."
                          << size.hi << " becomes " << plan.shape[axis].str()
                          << " of " << to.lo << ".." << to.hi
                          << "; give closer bounds with --dim";
  }
  return success();
}

static LogicalResult planFromSizes(NodeContext &node, ResizePlan &plan,
                                   ArrayRef<DimExpr> sizes) {
  if (sizes.size() != plan.axes.size())
    return node.error() << "expected " << plan.axes.size()
                        << " sizes, one per axis, but got " << sizes.size();
  StringRef policy = node.node.getString("keep_aspect_ratio_policy", "stretch");
  Dims from = plan.shape;
  for (auto [axis, size] : llvm::zip(plan.axes, sizes)) {
    plan.shape[axis] = size;
    // 0: the ratio of the sizes when the model runs.
    plan.scales[axis] = ratio(size, from[axis]).value_or(0);
  }
  if (policy == "stretch" || plan.axes.empty())
    return expectBoundedScales(node, plan, from);
  if (policy != "not_larger" && policy != "not_smaller")
    return node.error() << "expected the keep_aspect_ratio_policy stretch, "
                           "not_larger or not_smaller, but got "
                        << policy;
  // One scale for all axes, and sizes rounded half up.
  double scale = plan.scales[plan.axes[0]];
  for (int64_t axis : plan.axes)
    scale = policy == "not_larger" ? std::min(scale, plan.scales[axis])
                                   : std::max(scale, plan.scales[axis]);
  for (int64_t axis : plan.axes) {
    for (const DimExpr &size : {from[axis], plan.shape[axis]})
      if (!size.isConstant())
        return node.error()
               << "keep_aspect_ratio_policy '" << policy
               << "' rounds sizes and needs them now, but got " << size.str()
               << "; give it with --dim or --value";
    plan.shape[axis] = (int64_t)std::floor(scale * from[axis].constant() + 0.5);
    plan.scales[axis] = scale;
  }
  return success();
}

/// [starts..., ends...] of all dimensions: the whole of those not resized.
static FailureOr<SmallVector<double>> resizeRoi(NodeContext &node,
                                                const ResizePlan &plan) {
  size_t rank = plan.shape.size(), count = plan.axes.size();
  SmallVector<double> roi(rank, 0.0);
  roi.append(rank, 1.0);
  std::optional<std::vector<double>> given = node.constantFloats(1);
  if (!given)
    return node.error() << "tf_crop_and_resize needs a constant 'roi', but it "
                           "is known only at run time; bind it with --value";
  if (given->size() != 2 * count)
    return node.error() << "expected " << 2 * count
                        << " numbers as 'roi', but got " << given->size();
  for (size_t i = 0; i < count; ++i) {
    roi[plan.axes[i]] = (*given)[i];
    roi[rank + plan.axes[i]] = (*given)[count + i];
  }
  return roi;
}

static LogicalResult expectOneOf(NodeContext &node, StringRef attribute,
                                 StringRef value, ArrayRef<StringRef> known) {
  if (llvm::is_contained(known, value))
    return success();
  return node.error() << "expected " << attribute << " to be one of "
                      << llvm::join(known, ", ") << ", but got '" << value
                      << "'";
}

static LogicalResult translateResize(NodeContext &node) {
  const Node &n = node.node;
  Value x = node.in(0);
  if (!x)
    return failure();
  StringRef mode = n.getString("mode", "nearest");
  StringRef nearest = n.getString("nearest_mode", "round_prefer_floor");
  StringRef coordinates =
      n.getString("coordinate_transformation_mode", "half_pixel");
  if (failed(expectOneOf(node, "mode", mode, {"nearest", "linear", "cubic"})) ||
      failed(expectOneOf(
          node, "nearest_mode", nearest,
          {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})) ||
      failed(expectOneOf(node, "coordinate_transformation_mode", coordinates,
                         {"half_pixel", "half_pixel_symmetric",
                          "pytorch_half_pixel", "align_corners", "asymmetric",
                          "tf_crop_and_resize"})))
    return failure();

  ResizePlan plan{{}, node.dims(0), SmallVector<double>(node.rank(0), 1.0)};
  for (int64_t a : n.getInts("axes")) {
    FailureOr<int64_t> axis = node.axis(a, node.rank(0));
    if (failed(axis))
      return failure();
    plan.axes.push_back(*axis);
  }
  if (!n.has("axes"))
    for (int64_t a = 0; a < node.rank(0); ++a)
      plan.axes.push_back(a);

  // Older models pass an empty `scales` beside `sizes`.
  std::optional<std::vector<double>> scales = node.constantFloats(2);
  if (scales && !scales->empty()) {
    if (failed(planFromScales(node, plan, *scales)))
      return failure();
  } else if (node.has(3)) {
    const IntTensor *sizes = node.demandInts(3, "sizes", {1, INT64_MAX});
    if (!sizes || failed(planFromSizes(node, plan, sizes->values)))
      return failure();
  } else {
    return node.error() << "the operand 'scales' decides shapes and is known "
                           "only at run time; bind it with --value or make it "
                           "a constant";
  }

  bool antialias = n.getInt("antialias", 0) != 0;
  SmallVector<double> roi;
  if (coordinates == "tf_crop_and_resize") {
    FailureOr<SmallVector<double>> given = resizeRoi(node, plan);
    if (failed(given))
      return failure();
    roi = *given;
  }
  return node.yield(node.make<nn::ResizeOp>(
      node.element(0), x, node.dimsAttr(plan.shape),
      ArrayRef<double>(plan.scales), ArrayRef<double>(roi), mode, coordinates,
      nearest, llvm::APFloat((double)n.getFloat("cubic_coeff_a", -0.75f)),
      n.getInt("exclude_outside", 0) != 0, antialias,
      llvm::APFloat((double)n.getFloat("extrapolation_value", 0))));
}

void onnx::addIndexTranslators(TranslatorTable &t) {
  t["Gather"] = gatherAlongAxis<nn::GatherOp>;
  t["GatherElements"] = gatherAlongAxis<nn::GatherElementsOp>;
  t["GatherND"] = translateGatherNd;
  t["ai.onnx.ml::ArrayFeatureExtractor"] = translateArrayFeatureExtractor;
  t["OneHot"] = translateOneHot;
  t["ReverseSequence"] = translateReverseSequence;
  t["Trilu"] = translateTrilu;
  t["EyeLike"] = translateEyeLike;
  t["Range"] = translateRange;
  t["DepthToSpace"] = translateDepthToSpace;
  t["SpaceToDepth"] = translateSpaceToDepth;
  t["Resize"] = translateResize;
}
