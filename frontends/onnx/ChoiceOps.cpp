// Operators that choose elements by what they hold, and put them elsewhere:
// TopK, Compress, NonZero, Unique, NonMaxSuppression, Scatter*, TensorScatter.
//
// A size that depends on the data is counted and becomes a symbol
// (FoundSizes.cpp); where the data are constants, so is the size.
#include "frontends/onnx/Recurrence.h"
#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

/// The largest value of a size.
static int64_t largest(NodeContext &node, const DimExpr &size) {
  return size.range(node.analysis.symbols).hi;
}

/// How many elements of a vector of bool are true, as a size.
static DimExpr countTrue(NodeContext &node, Value flags, DimRange range) {
  Type i64 = node.builder.getI64Type();
  Value count =
      node.make<nn::ReduceOp>(i64, node.cast(flags, i64), nn::ReduceKind::Sum,
                              ArrayRef<int64_t>{0}, false);
  return count ? node.importer.findSize(node, count, node.node.name, range)
               : DimExpr(0);
}

/// The same where operand i, of which `flags` are made, is a constant.
static std::optional<DimExpr> countConstant(NodeContext &node, size_t i) {
  std::optional<ArrayRef<char>> bytes = node.constantBytes(i);
  Type element = node.element(i);
  unsigned width = element.getIntOrFloatBitWidth();
  // -0.0 is zero too, and narrow types share bytes.
  if (!bytes || (!element.isInteger(1) && (!isa<IntegerType>(element) || width < 8)))
    return std::nullopt;
  int64_t size = std::max(1u, width / 8), count = 0;
  for (size_t at = 0; at + size <= bytes->size(); at += size)
    count += llvm::any_of(bytes->slice(at, size), [](char c) { return c != 0; });
  return DimExpr(count);
}

//===- Scatter ------------------------------------------------------------===//

static FailureOr<nn::ScatterKind> scatterKind(NodeContext &node) {
  StringRef name = node.node.getString("reduction", "none");
  if (name == "none")
    return nn::ScatterKind::Replace;
  if (std::optional<nn::ScatterKind> kind = nn::symbolizeScatterKind(name))
    if (*kind != nn::ScatterKind::Replace)
      return *kind;
  return node.error() << "expected the reduction none, add, mul, min or max, "
                         "but got '"
                      << name << "'";
}

static LogicalResult translateScatterElements(NodeContext &node) {
  Value data = node.in(0), indices = node.in(1), updates = node.in(2);
  FailureOr<nn::ScatterKind> kind = scatterKind(node);
  if (!data || failed(kind))
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", 0), node.rank(0));
  if (failed(axis))
    return failure();
  return node.yield(node.make<nn::ScatterElementsOp>(
      node.element(0), data, indices, updates, *axis, *kind));
}

static LogicalResult translateScatterNd(NodeContext &node) {
  FailureOr<nn::ScatterKind> kind = scatterKind(node);
  Value indices = node.in(1), updates = node.in(2);
  if (failed(kind) || !indices || !updates)
    return failure();
  // The updates' rank says how long the tuples are.
  Dims sizes = node.dims(1);
  if (!sizes.empty() && !sizes.back().isConstant()) {
    sizes.back() = (int64_t)sizes.size() - 1 + node.rank(0) - node.rank(2);
    if (sizes.back().constant() > 0)
      indices = node.settle(indices, sizes);
  }
  return node.yield(node.make<nn::ScatterNdOp>(node.element(0), node.in(0),
                                               indices, updates, *kind));
}

static Value iota(NodeContext &node, const DimExpr &size) {
  Type i64 = node.builder.getI64Type();
  return node.make<nn::IotaOp>(i64, node.scalar(i64, 0), node.scalar(i64, 1),
                               node.dimsAttr({size}));
}

/// cache[b, .., (start[b] + i) mod size, ..] = update[b, .., i, ..]
static LogicalResult translateTensorScatter(NodeContext &node) {
  Value cache = node.in(0), update = node.in(1);
  if (!cache || !update)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -2), node.rank(0));
  if (failed(axis))
    return failure();
  if (node.rank(1) != node.rank(0))
    return node.error() << "expected an update of the cache's rank "
                        << node.rank(0) << ", but got "
                        << dimsToString(node.dims(1));
  StringRef mode = node.node.getString("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return node.error() << "expected the mode linear or circular, but got '"
                        << mode << "'";
  Type i64 = node.builder.getI64Type();
  Dims sizes = node.dims(1), along(sizes.size(), 1), batch(sizes.size(), 1);
  along[*axis] = sizes[*axis];
  batch[0] = sizes[0];
  Value at = node.reshape(iota(node, sizes[*axis]), along);
  if (node.has(2))
    at = node.make<nn::AddOp>(i64, at,
                              node.reshape(node.cast(node.in(2), i64), batch));
  if (mode == "circular") {
    DimExpr size = node.dims(0)[*axis];
    Value whole = node.make<nn::DimsOp>(i64, node.dimsAttr({size}),
                                        node.dimsAttr({DimExpr(1)}));
    at = node.make<nn::ModOp>(i64, at, whole, false);
  }
  at = node.make<nn::ExpandOp>(i64, at, node.dimsAttr(sizes));
  return node.yield(node.make<nn::ScatterElementsOp>(
      node.element(0), cache, at, update, *axis, nn::ScatterKind::Replace));
}

//===- TopK ---------------------------------------------------------------===//

static Value topK(NodeContext &node, Value x, int64_t axis, bool largest,
                  const DimExpr &count) {
  return node.make<nn::TopKOp>(node.builder.getI64Type(), x, axis, largest,
                               node.dimsAttr({count}));
}

static LogicalResult translateTopK(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", -1), node.rank(0));
  if (failed(axis))
    return failure();
  std::optional<DimExpr> count =
      node.demandInt(1, "k", {0, largest(node, node.dims(0)[*axis])});
  if (!count)
    return failure();
  Value indices = topK(node, x, *axis, node.node.getInt("largest", 1) != 0,
                       *count);
  if (failed(node.yield(node.make<nn::GatherElementsOp>(node.element(0), x,
                                                        indices, *axis))))
    return failure();
  return node.yield(indices, 1);
}

//===- What is true -------------------------------------------------------===//

static Value truePositions(NodeContext &node, Value condition,
                           const DimExpr &count) {
  return node.make<nn::TruePositionsOp>(node.builder.getI64Type(), condition,
                                        node.dimsAttr({count}));
}

static LogicalResult translateCompress(NodeContext &node) {
  Value x = node.in(0), condition = node.in(1);
  if (!x || !condition)
    return failure();
  if (node.rank(1) != 1)
    return node.error() << "expected a condition of rank 1, but got "
                        << dimsToString(node.dims(1));
  int64_t axis = 0;
  if (node.node.has("axis")) {
    FailureOr<int64_t> asked =
        node.axis(node.node.getInt("axis", 0), node.rank(0));
    if (failed(asked))
      return failure();
    axis = *asked;
  } else {
    x = node.reshape(x, {product(node.dims(0))});
  }
  std::optional<DimExpr> count = countConstant(node, 1);
  if (!count)
    count = countTrue(node, condition,
                      {0, std::min(largest(node, node.dims(1)[0]),
                                   largest(node, node.dimsOf(x)[axis]))});
  return node.yield(node.make<nn::GatherOp>(
      node.element(0), x, truePositions(node, condition, *count), axis));
}

/// Positions in the flattened operand, taken apart again.
static LogicalResult translateNonZero(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Dims sizes = node.dims(0);
  if (sizes.empty())
    return node.error() << "expected an operand of rank 1 or more";
  Type i64 = node.builder.getI64Type();
  Value flat = node.reshape(node.cast(x, node.builder.getI1Type()),
                            {product(sizes)});
  std::optional<DimExpr> count = countConstant(node, 0);
  if (!count)
    count = countTrue(node, flat, {0, largest(node, product(sizes))});
  Value rest = truePositions(node, flat, *count);
  SmallVector<Value> rows(sizes.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    Value size = node.make<nn::DimsOp>(i64, node.dimsAttr({sizes[i]}),
                                       node.dimsAttr({DimExpr(1)}));
    rows[i] = node.reshape(node.make<nn::ModOp>(i64, rest, size, false),
                           {1, *count});
    rest = node.make<nn::DivOp>(i64, rest, size);
  }
  return node.yield(rows.size() == 1
                        ? rows[0]
                        : node.make<nn::ConcatOp>(i64, rows, 0));
}

//===- Unique -------------------------------------------------------------===//

namespace {
/// Short names for rows sorted and compared: `rows` is [n, m].
struct Rows {
  NodeContext &node;
  Type i64;
  DimExpr n;

  explicit Rows(NodeContext &node, const DimExpr &n)
      : node(node), i64(node.builder.getI64Type()), n(n) {}
  Value gather(Value data, Value at, int64_t axis = 0) {
    return node.make<nn::GatherOp>(node.elementOf(data), data, at, axis);
  }
  Value slice(Value v, const DimExpr &start, const DimExpr &size) {
    Dims starts(node.dimsOf(v).size(), 0), shape = node.dimsOf(v);
    starts[0] = start;
    shape[0] = size;
    SmallVector<int64_t> steps(shape.size(), 1);
    return node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                  ArrayRef<int64_t>(steps), node.dimsAttr(shape));
  }
  Value concat(Value a, Value b) {
    return node.make<nn::ConcatOp>(node.elementOf(a), SmallVector<Value>{a, b}, 0);
  }
  /// zeros[size] with updates[i] at at[i].
  Value scattered(Value at, Value updates, const DimExpr &size) {
    Value zeros = node.make<nn::ExpandOp>(i64, node.scalar(i64, 0),
                                          node.dimsAttr({size}));
    return node.make<nn::ScatterElementsOp>(i64, zeros, at, updates, 0,
                                            nn::ScatterKind::Replace);
  }
  /// The order of rows: stable sorts by each column, the last one first.
  Value order(Value rows, const DimExpr &columns) {
    constexpr int64_t few = 64;
    Value all = iota(node, n);
    if (columns.isConstant() && columns.constant() <= few) {
      for (int64_t j = columns.constant(); all && j-- > 0;)
        all = sortedBy(rows, j, all);
      return all;
    }
    auto sorted = buildScan(
        node, columns, {all},
        [&](const DimExpr &t, ValueRange carried, ScanStep &step) {
          step.next = {sortedBy(rows, columns - DimExpr(1) - t, carried[0])};
          return success(step.next[0] != nullptr);
        });
    return failed(sorted) ? Value() : sorted->front();
  }
  Value sortedBy(Value rows, const DimExpr &column, Value order) {
    SmallVector<int64_t> steps = {1, 1};
    Value keys = node.make<nn::SliceOp>(
        node.elementOf(rows), rows, node.dimsAttr({0, column}),
        ArrayRef<int64_t>(steps), node.dimsAttr({n, 1}));
    keys = gather(node.reshape(keys, {n}), order);
    return gather(order, topK(node, keys, 0, false, n));
  }
};
} // namespace

/// Rows that are equal become neighbours in sorted order; where one differs
/// from the one before, a group starts.
static LogicalResult translateUnique(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Dims sizes = node.dims(0);
  bool hasAxis = node.node.has("axis");
  int64_t axis = 0;
  if (hasAxis) {
    FailureOr<int64_t> asked = node.axis(node.node.getInt("axis", 0), sizes.size());
    if (failed(asked))
      return failure();
    axis = *asked;
  }
  DimExpr n = hasAxis ? sizes[axis] : product(sizes);
  DimExpr width = 1;
  Value moved = x;
  SmallVector<int64_t> toFront, back(sizes.size());
  if (hasAxis) {
    toFront.push_back(axis);
    for (int64_t i = 0; i < (int64_t)sizes.size(); ++i)
      if (i != axis) {
        toFront.push_back(i);
        width *= sizes[i];
      }
    for (auto [i, from] : llvm::enumerate(toFront))
      back[from] = i;
    moved = node.transpose(x, toFront);
  }
  if (width.range(node.analysis.symbols).lo < 1)
    return node.error() << "expected slices of 1 element or more to compare, "
                           "but got "
                        << width.str();
  Rows r(node, n);
  Type i64 = r.i64, bit = node.builder.getI1Type();
  Value rows = node.reshape(moved, {n, width});
  Value order = r.order(rows, width);
  Value sorted = r.gather(rows, order);
  // Does a row equal the one before it in every column?
  Value equal = node.make<nn::CompareOp>(
      bit, r.slice(sorted, 1, n - DimExpr(1)), r.slice(sorted, 0, n - DimExpr(1)),
      nn::Predicate::Eq);
  Value one = node.reshape(node.scalar(i64, 1), {1});
  Value starts = one;
  if (!n.isConstant(1)) {
    equal = node.cast(equal, i64);
    equal = node.make<nn::ReduceOp>(i64, equal, nn::ReduceKind::Min,
                                    ArrayRef<int64_t>{1}, false);
    Value differs = node.make<nn::SubOp>(i64, node.scalar(i64, 1), equal);
    starts = r.concat(one, differs);
  }
  DimRange most = n.range(node.analysis.symbols);
  DimExpr count = n.isConstant(1)
                      ? DimExpr(1)
                      : countTrue(node, starts, {std::min<int64_t>(most.lo, 1), most.hi});
  Value at = truePositions(node, node.cast(starts, bit), count);
  Value groups = node.make<nn::CumulateOp>(i64, starts, nn::ReduceKind::Sum, 0,
                                           false, false);
  groups = node.make<nn::SubOp>(i64, groups, node.scalar(i64, 1));
  Value inverse = r.scattered(order, groups, n);
  Value first = r.gather(order, at);
  Value end = node.make<nn::DimsOp>(i64, node.dimsAttr({n}), node.dimsAttr({DimExpr(1)}));
  Value next = count.isConstant(1)
                   ? end
                   : r.concat(r.slice(at, 1, count - DimExpr(1)), end);
  Value counts = node.make<nn::SubOp>(i64, next, at);
  if (!node.node.getInt("sorted", 1)) {
    // In the order of their first appearance.
    Value appearance = topK(node, first, 0, false, count);
    first = r.gather(first, appearance);
    counts = r.gather(counts, appearance);
    inverse = r.gather(r.scattered(appearance, iota(node, count), count), inverse);
  }
  Value result = r.gather(rows, first);
  if (hasAxis) {
    Dims front = {count};
    for (int64_t i : ArrayRef(toFront).drop_front())
      front.push_back(sizes[i]);
    result = node.transpose(node.reshape(result, front), back);
  } else {
    result = node.reshape(result, {count});
  }
  Value results[] = {result, first, inverse, counts};
  for (size_t i = 0; i < 4; ++i)
    if (failed(node.yield(results[i], i)))
      return failure();
  return success();
}

//===- NonMaxSuppression --------------------------------------------------===//

/// How many boxes can be chosen: what the operands allow, the model declares
/// and the user bounds.
static int64_t mostBoxes(NodeContext &node) {
  Dims scores = node.dims(1);
  DimExpr each = scores[2];
  std::optional<DimExpr> limit = node.has(2) ? node.oneInt(2) : DimExpr(0);
  if (limit)
    each = DimExpr::min(each, DimExpr::max(*limit, 0));
  int64_t most = largest(node, scores[0] * scores[1] * each);
  return node.importer.mostOf(node, 0, 0, most);
}

/// The operation fills what is not chosen with -1.
static LogicalResult translateNonMaxSuppression(NodeContext &node) {
  if (!node.in(0) || !node.in(1))
    return failure();
  if (node.rank(0) != 3 || node.rank(1) != 3)
    return node.error() << "expected boxes and scores of rank 3, but got "
                        << dimsToString(node.dims(0)) << " and "
                        << dimsToString(node.dims(1));
  DimExpr most = mostBoxes(node);
  Type i64 = node.builder.getI64Type(), f32 = node.builder.getF32Type();
  auto given = [&](size_t i, Type type, double otherwise) {
    return node.has(i) ? node.in(i) : node.scalar(type, otherwise);
  };
  Value all = node.make<nn::NonMaxSuppressionOp>(
      i64, node.in(0), node.in(1), given(2, i64, 0), given(3, f32, 0),
      given(4, f32, -std::numeric_limits<float>::infinity()),
      node.node.getInt("center_point_box", 0) != 0, node.dimsAttr({most}));
  auto part = [&](const DimExpr &rows, const DimExpr &columns) {
    SmallVector<int64_t> steps = {1, 1};
    return node.make<nn::SliceOp>(i64, all, node.dimsAttr({DimExpr(0), DimExpr(0)}),
                                  ArrayRef<int64_t>(steps),
                                  node.dimsAttr({rows, columns}));
  };
  if (!all)
    return failure();
  Value chosen = node.make<nn::CompareOp>(
      node.builder.getI1Type(), node.reshape(part(most, 1), {most}),
      node.scalar(i64, 0), nn::Predicate::Ge);
  DimExpr count = countTrue(node, chosen, {0, most.constant()});
  return node.yield(part(count, 3));
}

void onnx::addChoiceTranslators(TranslatorTable &t) {
  t["ScatterElements"] = translateScatterElements;
  t["ScatterND"] = translateScatterNd;
  t["TensorScatter"] = translateTensorScatter;
  t["TopK"] = translateTopK;
  t["Compress"] = translateCompress;
  t["NonZero"] = translateNonZero;
  t["Unique"] = translateUnique;
  t["NonMaxSuppression"] = translateNonMaxSuppression;
}
