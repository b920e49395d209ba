// Operators that move elements: Reshape, Transpose, Slice, Concat, Pad, ...
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

/// Constant axes of operand i (or all of them, 0..count-1, if absent).
static std::optional<SmallVector<int64_t>>
axesOf(NodeContext &node, size_t i, int64_t rank, int64_t count) {
  SmallVector<int64_t> axes;
  if (!node.has(i)) {
    if (count > rank) {
      node.error() << "expected at most " << rank << " axes, but got " << count;
      return std::nullopt;
    }
    for (int64_t a = 0; a < count; ++a)
      axes.push_back(a);
    return axes;
  }
  const IntTensor *contents = node.requireInts(i, "axes");
  if (!contents)
    return std::nullopt;
  for (const DimExpr &e : contents->values) {
    FailureOr<int64_t> axis = node.axis(e.asConstant().value_or(INT64_MAX), rank);
    if (failed(axis))
      return std::nullopt;
    axes.push_back(*axis);
  }
  return axes;
}

/// The contents of a shape operand; where only run time knows them, the shape
/// that the model declares for the result, or sizes of `range`. `others` stand
/// for a size that the operand does not tell.
static std::optional<Dims> targetShape(NodeContext &node, size_t i,
                                       DimRange range = kAnySize,
                                       ArrayRef<int64_t> others = {}) {
  if (const IntTensor *contents = node.ints(i))
    return contents->values;
  if (std::optional<Dims> declared = node.declaredDims(0)) {
    // A short shape is that of the last dimensions.
    Value shape = node.in(i);
    Dims told = *declared;
    if (shape && node.dimsOf(shape).size() == 1) {
      std::optional<int64_t> count = node.dimsOf(shape)[0].asConstant();
      if (count && *count < (int64_t)told.size())
        told.erase(told.begin(), told.end() - *count);
    }
    if (failed(node.checkInts(i, "shape", told, others)))
      return std::nullopt;
    return declared;
  }
  if (const IntTensor *contents = node.demandInts(i, "shape", range))
    return contents->values;
  return std::nullopt;
}

static LogicalResult translateReshape(NodeContext &node) {
  Value data = node.in(0);
  if (!data)
    return failure();
  bool zeroIsZero = node.node.getInt("allowzero", 0);
  // -1 and 0 mean something only where they are known.
  std::optional<Dims> target =
      targetShape(node, 1, {zeroIsZero ? 0 : 1, INT64_MAX},
                  ArrayRef<int64_t>({-1, 0}).drop_back(zeroIsZero));
  if (!target)
    return failure();
  Dims from = node.dims(0);
  int open = -1;
  DimExpr known = 1;
  for (auto [i, d] : llvm::enumerate(*target)) {
    if (d.isConstant(0) && !zeroIsZero) {
      if (i >= from.size())
        return node.error() << "size 0 in position " << i
                            << " copies a dimension that "
                            << dimsToString(from) << " does not have";
      d = from[i];
    }
    if (d.isConstant(-1)) {
      if (open >= 0)
        return node.error() << "expected one -1 at most, but got "
                            << dimsToString(*target);
      open = i;
    } else {
      known *= d;
    }
  }
  if (open >= 0) {
    std::optional<DimExpr> rest = DimExpr::exactDiv(product(from), known);
    if (!rest && product(from).isConstant() && known.isConstant())
      return node.error() << "cannot reshape " << dimsToString(from) << " to "
                          << dimsToString(*target);
    (*target)[open] = rest ? *rest : DimExpr::floorDiv(product(from), known);
  }
  return node.yield(node.reshape(data, *target));
}

static LogicalResult translateFlatten(NodeContext &node) {
  Dims from = node.dims(0);
  int64_t rank = from.size(), axis = node.node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return node.error() << "expected an axis from " << -rank << " to " << rank
                        << ", but got " << axis;
  axis = axis < 0 ? axis + rank : axis;
  return node.yield(
      node.reshape(node.in(0), {product(ArrayRef(from).take_front(axis)),
                                product(ArrayRef(from).drop_front(axis))}));
}

static LogicalResult translateSqueeze(NodeContext &node) {
  Dims from = node.dims(0), to;
  if (!node.has(1)) {
    for (const DimExpr &d : from)
      if (!d.isConstant(1))
        to.push_back(d);
    return node.yield(node.reshape(node.in(0), to));
  }
  auto axes = axesOf(node, 1, from.size(), 0);
  if (!axes)
    return failure();
  for (auto [i, d] : llvm::enumerate(from)) {
    if (!llvm::is_contained(*axes, (int64_t)i)) {
      to.push_back(d);
      continue;
    }
    if (d.isConstant() && !d.isConstant(1))
      return node.error() << "expected size 1 in axis " << i << ", but got "
                          << dimsToString(from);
  }
  return node.yield(node.reshape(node.in(0), to));
}

static LogicalResult translateUnsqueeze(NodeContext &node) {
  Dims to = node.dims(0);
  const IntTensor *contents = node.requireInts(1, "axes");
  if (!contents)
    return failure();
  auto axes = axesOf(node, 1, to.size() + contents->values.size(), 0);
  if (!axes)
    return failure();
  llvm::sort(*axes);
  for (int64_t a : *axes)
    to.insert(to.begin() + std::min<size_t>(a, to.size()), DimExpr(1));
  return node.yield(node.reshape(node.in(0), to));
}

static LogicalResult translateTranspose(NodeContext &node) {
  ArrayRef<int64_t> given = node.node.getInts("perm");
  SmallVector<int64_t> permutation(given);
  if (given.empty())
    for (int64_t i = node.rank(0); i-- > 0;)
      permutation.push_back(i);
  return node.yield(node.transpose(node.in(0), permutation));
}

static LogicalResult translateExpand(NodeContext &node) {
  Value data = node.in(0);
  std::optional<Dims> target = targetShape(node, 1, kAnySize, {1});
  if (!data || !target)
    return failure();
  return node.yield(node.make<nn::ExpandOp>(node.element(0), data,
                                            node.dimsAttr(*target)));
}

static LogicalResult translateTile(NodeContext &node) {
  const IntTensor *repeats = node.ints(1);
  Dims from = node.dims(0), times;
  if (repeats) {
    times = repeats->values;
  } else if (std::optional<Dims> declared = node.declaredDims(0)) {
    for (auto [d, f] : llvm::zip(*declared, from))
      times.push_back(DimExpr::floorDiv(d, f));
    if (llvm::any_of(times, [](const DimExpr &e) { return !e.isConstant(); }))
      return node.error() << "the operand 'repeats' is known only at run time "
                             "and so are sizes of the operand; bind it with "
                             "--value";
    if (failed(node.checkInts(1, "repeats", times)))
      return failure();
  } else if ((repeats = node.demandInts(1, "repeats", kAnySize))) {
    times = repeats->values;
  } else {
    return failure();
  }
  return node.yield(node.make<nn::TileOp>(node.element(0), node.in(0),
                                          node.dimsAttr(times)));
}

static LogicalResult translateConcat(NodeContext &node) {
  SmallVector<Value> inputs;
  for (size_t i = 0; i < node.inputs(); ++i)
    inputs.push_back(node.in(i));
  if (llvm::is_contained(inputs, Value()))
    return failure();
  FailureOr<int64_t> axis = node.axis(node.node.getInt("axis", 0), node.rank(0));
  if (failed(axis))
    return failure();
  if (inputs.size() == 1)
    return node.yield(inputs[0]);
  return node.yield(node.make<nn::ConcatOp>(
      node.element(0), inputs, node.builder.getI64IntegerAttr(*axis)));
}

/// A part of `data`: `shape[i]` elements from `starts[i]` in steps.
static Value slice(NodeContext &node, Value data, Dims starts,
                   ArrayRef<int64_t> steps, Dims shape) {
  return node.make<nn::SliceOp>(node.elementOf(data), data,
                                node.dimsAttr(starts),
                                node.builder.getDenseI64ArrayAttr(steps),
                                node.dimsAttr(shape));
}

/// `v` (which counts from the end if negative) brought into [lo, hi], for a
/// dimension of size `size`.
static DimExpr clampIndex(NodeContext &node, const DimExpr &v,
                          const DimExpr &size, const DimExpr &lo,
                          const DimExpr &hi) {
  DimRange range = v.range(node.analysis.symbols);
  DimExpr at = range.hi < 0 ? v + size : v;
  // Of unknown sign: min(max(-v, 0), 1) is 1 where v is negative.
  if (range.lo < 0 && range.hi >= 0)
    at = v + size * DimExpr::min(DimExpr::max(DimExpr(0) - v, 0), 1);
  // The usual "to the end" is a huge constant.
  if (at.isConstant() && at.constant() > INT64_MAX / 8)
    return hi;
  auto surely = [&](const DimExpr &a, const DimExpr &b) {
    return (b - a).range(node.analysis.symbols).lo >= 0;
  };
  if (surely(hi, at))
    return hi;
  if (surely(at, lo))
    return lo;
  if (!surely(at, hi))
    at = DimExpr::min(at, hi);
  if (!surely(lo, at))
    at = DimExpr::max(at, lo);
  return at;
}

static LogicalResult translateSlice(NodeContext &node) {
  Value data = node.in(0);
  Dims from = node.dims(0);
  const IntTensor *starts = node.demandInts(1, "starts", kAnyInt);
  const IntTensor *ends = starts ? node.demandInts(2, "ends", kAnyInt) : nullptr;
  if (!data || !ends)
    return failure();
  int64_t count = starts->values.size();
  auto axes = axesOf(node, 3, from.size(), count);
  if (!axes)
    return failure();
  SmallVector<int64_t> allSteps(from.size(), 1);
  Dims begin(from.size(), DimExpr(0)), shape = from;
  const IntTensor *steps = node.has(4) ? node.requireInts(4, "steps") : nullptr;
  if (node.has(4) && !steps)
    return failure();
  if ((int64_t)ends->values.size() != count ||
      (int64_t)axes->size() != count ||
      (steps && (int64_t)steps->values.size() != count))
    return node.error() << "expected as many ends, axes and steps as starts ("
                        << count << "), but got " << ends->values.size() << ", "
                        << axes->size() << " and "
                        << (steps ? steps->values.size() : count);
  for (int64_t i = 0; i < count; ++i) {
    int64_t axis = (*axes)[i];
    int64_t step = steps ? steps->values[i].asConstant().value_or(0) : 1;
    if (step == 0)
      return node.error() << "expected a constant step other than 0";
    const DimExpr &size = from[axis];
    bool forward = step > 0;
    DimExpr last = size - DimExpr(1);
    DimExpr start = clampIndex(node, starts->values[i], size, 0,
                               forward ? size : last);
    // Walking back, the end may stand before the first element.
    DimExpr end = ends->values[i];
    if (!forward && end.isConstant() && size.isConstant() &&
        end.constant() < -size.constant())
      end = -1;
    else if (!forward && end.isConstant() && end.constant() < -(int64_t(1) << 30))
      end = -1;
    else
      end = clampIndex(node, end, size, forward ? DimExpr(0) : DimExpr(-1),
                       forward ? size : last);
    DimExpr span = forward ? end - start : start - end;
    DimExpr length = DimExpr::ceilDiv(span, forward ? step : -step);
    if (length.range(node.analysis.symbols).lo < 0)
      length = DimExpr::max(length, 0);
    begin[axis] = start;
    shape[axis] = length;
    allSteps[axis] = step;
  }
  return node.yield(slice(node, data, begin, allSteps, shape));
}

static LogicalResult translateSplit(NodeContext &node) {
  Value data = node.in(0);
  Dims from = node.dims(0);
  FailureOr<int64_t> axis = node.axis(node.node.getInt("axis", 0), from.size());
  if (!data || failed(axis))
    return failure();
  size_t parts = node.node.outputs.size();
  Dims sizes;
  if (node.has(1)) {
    const IntTensor *split = node.demandInts(1, "split", kAnySize);
    if (!split)
      return failure();
    sizes = split->values;
    if (sizes.size() != parts)
      return node.error() << "expected " << parts << " sizes, but got "
                          << sizes.size();
  } else {
    DimExpr each = DimExpr::ceilDiv(from[*axis], parts);
    DimExpr rest = from[*axis];
    for (size_t i = 0; i + 1 < parts; ++i) {
      sizes.push_back(each);
      rest = rest - each;
    }
    sizes.push_back(rest);
  }
  DimExpr at = 0;
  SmallVector<int64_t> steps(from.size(), 1);
  for (size_t i = 0; i < parts; ++i) {
    Dims starts(from.size(), DimExpr(0)), shape = from;
    starts[*axis] = at;
    shape[*axis] = sizes[i];
    if (failed(node.yield(slice(node, data, starts, steps, shape), i)))
      return failure();
    at += sizes[i];
  }
  if (at.isConstant() && from[*axis].isConstant() && at != from[*axis])
    return node.error() << "expected sizes that sum to " << from[*axis].str()
                        << ", but got " << at.str();
  return success();
}

static LogicalResult translatePad(NodeContext &node) {
  Value data = node.in(0);
  Dims from = node.dims(0);
  int64_t rank = from.size();
  const IntTensor *pads = data ? node.demandInts(1, "pads", kAnySize) : nullptr;
  if (!pads)
    return failure();
  Dims low(rank, DimExpr(0)), high(rank, DimExpr(0));
  int64_t count = pads->values.size() / 2;
  auto axes = axesOf(node, 3, rank, count);
  if (!axes)
    return failure();
  if ((int64_t)axes->size() != count || pads->values.size() % 2)
    return node.error() << "expected " << 2 * axes->size()
                        << " pads, but got " << pads->values.size();
  for (int64_t i = 0; i < count; ++i) {
    low[(*axes)[i]] = pads->values[i];
    high[(*axes)[i]] = pads->values[count + i];
  }
  std::optional<nn::PadMode> mode =
      nn::symbolizePadMode(node.node.getString("mode", "constant"));
  if (!mode)
    return node.error() << "expected mode constant, reflect, edge or wrap, but got '"
                        << node.node.getString("mode", "") << "'";
  Value value = node.has(2) ? node.in(2) : node.scalar(node.element(0), 0);
  if (node.dimsOf(value).size() != 0)
    value = node.reshape(value, {});
  return node.yield(node.make<nn::PadOp>(node.element(0), data, value,
                                         node.dimsAttr(low),
                                         node.dimsAttr(high), *mode));
}

static LogicalResult translateConstantOfShape(NodeContext &node) {
  std::optional<Dims> shape = targetShape(node, 0);
  if (!shape)
    return failure();
  Value value;
  if (const TensorData *data = node.node.getTensor("value")) {
    Type element = elementType(*node.builder.getContext(), data->type);
    if (!element)
      return node.error() << "the element type " << dataTypeName(data->type)
                          << " is not compiled yet";
    value = node.constant(RankedTensorType::get({}, element),
                          {data->bytes.begin(), data->bytes.end()});
  } else {
    value = node.scalar(node.builder.getF32Type(), 0);
  }
  return node.yield(node.make<nn::ExpandOp>(node.elementOf(value), value,
                                            node.dimsAttr(*shape)));
}

void onnx::addShapeTranslators(TranslatorTable &t) {
  t["Reshape"] = translateReshape;
  t["Flatten"] = translateFlatten;
  t["Squeeze"] = translateSqueeze;
  t["Unsqueeze"] = translateUnsqueeze;
  t["Transpose"] = translateTranspose;
  t["Expand"] = translateExpand;
  t["Tile"] = translateTile;
  t["Concat"] = translateConcat;
  t["Slice"] = translateSlice;
  t["Split"] = translateSplit;
  t["Pad"] = translatePad;
  t["ConstantOfShape"] = translateConstantOfShape;
  // Always known while importing: foldShapeArithmetic answers them.
  t["Shape"] = t["Size"] = [](NodeContext &node) -> LogicalResult {
    return node.error() << "the operand has no known shape";
  };
}
