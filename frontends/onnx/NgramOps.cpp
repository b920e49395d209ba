// TfIdfVectorizer: how often each sequence of a pool occurs in a row.
//
//   equal[b, i, e]  all over k: x[b, i + k * distance] == pool[e, k]
//   count[b, e]     sum over i, and over the distances 1 .. max_skip_count + 1
//   y[b, index[e]] += count, or weight[e] where there is one, or their product
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

static Value numbers(NodeContext &node, ArrayRef<int64_t> values) {
  const char *data = reinterpret_cast<const char *>(values.data());
  return node.constant(
      RankedTensorType::get({(int64_t)values.size()},
                            node.builder.getI64Type()),
      std::vector<char>(data, data + values.size() * sizeof(int64_t)));
}

/// The counts [batch, entries] of the sequences `pool` of `length` numbers
/// that are `distance` apart in x [batch, size]; null with an error.
static Value countNgrams(NodeContext &node, Value x, ArrayRef<int64_t> pool,
                         int64_t length, int64_t distance) {
  Dims sizes = node.dimsOf(x);
  int64_t entries = pool.size() / length;
  Type bit = node.builder.getI1Type(), f32 = node.builder.getF32Type();
  DimExpr windows = sizes[1] - DimExpr((length - 1) * distance);
  if (windows.range(node.analysis.symbols).lo < 0)
    windows = DimExpr::max(windows, 0);
  Value equal;
  for (int64_t k = 0; k < length; ++k) {
    std::vector<int64_t> column;
    for (int64_t e = 0; e < entries; ++e)
      column.push_back(pool[e * length + k]);
    Value part = node.make<nn::SliceOp>(
        node.elementOf(x), x, node.dimsAttr({0, k * distance}),
        ArrayRef<int64_t>({1, 1}), node.dimsAttr({sizes[0], windows}));
    part = node.make<nn::CompareOp>(
        bit, node.reshape(part, {sizes[0], windows, 1}), numbers(node, column),
        nn::Predicate::Eq);
    equal = equal ? node.make<nn::AndOp>(bit, equal, part) : part;
  }
  return node.make<nn::ReduceOp>(f32, node.cast(equal, f32),
                                 nn::ReduceKind::Sum, ArrayRef<int64_t>({1}),
                                 false);
}

static LogicalResult translateTfIdfVectorizer(NodeContext &node) {
  const Node &n = node.node;
  Value x = node.in(0);
  if (!x)
    return failure();
  ArrayRef<int64_t> begins = n.getInts("ngram_counts"),
                    columns = n.getInts("ngram_indexes"),
                    pool = n.getInts("pool_int64s");
  int64_t shortest = n.getInt("min_gram_length", 1),
          longest = n.getInt("max_gram_length", 1),
          skips = n.getInt("max_skip_count", 0);
  StringRef mode = n.getString("mode", "TF");
  ArrayRef<float> weights = n.getFloats("weights");
  Dims sizes = node.dims(0);
  if (pool.empty() || n.has("pool_strings"))
    return node.error() << "expected pool_int64s; strings are not compiled";
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF")
    return node.error() << "expected the mode TF, IDF or TFIDF, but got '"
                        << mode << "'";
  if (shortest < 1 || longest < shortest || skips < 0 ||
      (int64_t)begins.size() < longest || columns.empty() ||
      llvm::any_of(columns, [](int64_t c) { return c < 0 || c > 1 << 24; }) ||
      (!weights.empty() && weights.size() != columns.size()))
    return node.error() << "expected 1 <= min_gram_length <= max_gram_length, "
                           "ngram_counts for each length, ngram_indexes from 0 "
                           "on and as many weights";
  bool vector = sizes.size() == 1;
  if (vector)
    x = node.reshape(x, {1, sizes[0]});
  else if (sizes.size() != 2)
    return node.error() << "expected an operand of rank 1 or 2, but got "
                        << dimsToString(sizes);
  x = node.cast(x, node.builder.getI64Type());
  Dims rows = node.dimsOf(x);

  // Entries are in the order of the pool; lengths that do not count have none.
  SmallVector<Value> counts;
  std::vector<int64_t> targets;
  std::vector<float> factors;
  size_t entry = 0;
  Type f32 = node.builder.getF32Type();
  for (int64_t length = 1; length <= (int64_t)begins.size(); ++length) {
    int64_t begin = begins[length - 1], end = pool.size();
    if (length < (int64_t)begins.size())
      end = begins[length];
    if (begin < 0 || end < begin || end > (int64_t)pool.size() ||
        (end - begin) % length || entry + (end - begin) / length > columns.size())
      return node.error() << "ngram_counts do not divide pool_int64s into "
                             "sequences that ngram_indexes name";
    ArrayRef<int64_t> part = pool.slice(begin, end - begin);
    int64_t entries = part.size() / length;
    entry += entries;
    if (part.empty() || length < shortest || length > longest)
      continue;
    Value total;
    // How far apart they are means nothing to single numbers.
    for (int64_t distance = 1; distance <= (length == 1 ? 1 : skips + 1);
         ++distance) {
      if (rows[1].range(node.analysis.symbols).hi <= (length - 1) * distance)
        break;
      Value found = countNgrams(node, x, part, length, distance);
      total = total ? node.make<nn::AddOp>(f32, total, found) : found;
    }
    if (!total)
      continue;
    counts.push_back(total);
    for (int64_t e = entry - entries; e < (int64_t)entry; ++e) {
      targets.push_back(columns[e]);
      factors.push_back(weights.empty() ? 1 : weights[e]);
    }
  }
  Dims shape = {rows[0], *llvm::max_element(columns) + 1};
  Value y = node.make<nn::ExpandOp>(f32, node.scalar(f32, 0),
                                    node.dimsAttr(shape));
  if (!counts.empty()) {
    Value all = node.make<nn::ConcatOp>(f32, counts, 1);
    if (mode == "IDF") {
      Value some = node.make<nn::CompareOp>(node.builder.getI1Type(), all,
                                            node.scalar(f32, 0),
                                            nn::Predicate::Gt);
      all = node.cast(some, f32);
    }
    if (mode != "TF" && !weights.empty()) {
      const char *data = reinterpret_cast<const char *>(factors.data());
      all = node.make<nn::MulOp>(
          f32, all,
          node.constant(RankedTensorType::get({(int64_t)factors.size()}, f32),
                        std::vector<char>(data, data + 4 * factors.size())));
    }
    Value at = node.make<nn::ExpandOp>(
        node.builder.getI64Type(), numbers(node, targets),
        node.dimsAttr(node.dimsOf(all)));
    y = node.make<nn::ScatterElementsOp>(f32, y, at, all, 1,
                                         nn::ScatterKind::Add);
  }
  return node.yield(vector ? node.reshape(y, {shape[1]}) : y);
}

void onnx::addNgramTranslators(TranslatorTable &t) {
  t["TfIdfVectorizer"] = translateTfIdfVectorizer;
}
