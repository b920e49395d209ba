// onnxruntime's attention and rotary embedding, as products, masks and
// softmax.
//
//   heads     [batch, length, heads * size] -> [batch, heads, length, size]
//   attend    softmax(scale * q k^T, masked) v; a group of query heads reads
//             one key head, as rows of one product
#include "frontends/onnx/GraphImporter.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Pieces -------------------------------------------------------------===//

static Value add(NodeContext &node, Value a, Value b) {
  return node.make<nn::AddOp>(node.elementOf(a), a, b);
}
static Value mul(NodeContext &node, Value a, Value b) {
  return node.make<nn::MulOp>(node.elementOf(a), a, b);
}
static Value concat(NodeContext &node, Value a, Value b, int64_t axis) {
  return node.make<nn::ConcatOp>(node.elementOf(a), SmallVector<Value>{a, b},
                                 axis);
}

/// `size` positions of one dimension.
static Value slice(NodeContext &node, Value v, int64_t axis,
                   const DimExpr &start, const DimExpr &size,
                   int64_t step = 1) {
  if (!v)
    return {};
  Dims shape = node.dimsOf(v), starts(shape.size(), 0);
  starts[axis] = start;
  shape[axis] = size;
  SmallVector<int64_t> steps(shape.size(), 1);
  steps[axis] = step;
  return node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                ArrayRef<int64_t>(steps),
                                node.dimsAttr(shape));
}

/// 0, 1, ... along dimension `axis` of four.
static Value positions(NodeContext &node, const DimExpr &size, int64_t axis) {
  Type i64 = node.builder.getI64Type();
  Dims shape(4, 1);
  shape[axis] = size;
  Value v = node.make<nn::IotaOp>(i64, node.scalar(i64, 0), node.scalar(i64, 1),
                                  node.dimsAttr({size}));
  return node.reshape(v, shape);
}

static Value size(NodeContext &node, const DimExpr &dim) {
  Value v = node.make<nn::DimsOp>(node.builder.getI64Type(),
                                  node.dimsAttr({dim}), node.dimsAttr({1}));
  return node.reshape(v, {});
}

static Value compare(NodeContext &node, Value a, Value b,
                     nn::Predicate predicate) {
  return node.make<nn::CompareOp>(node.builder.getI1Type(), a, b, predicate);
}

/// [batch, length, heads * size] as [batch, heads, length, size].
static Value splitHeads(NodeContext &node, Value v, int64_t heads) {
  Dims d = node.dimsOf(v);
  if (!v)
    return {};
  std::optional<DimExpr> each = DimExpr::exactDiv(d.back(), heads);
  if (d.size() != 3 || !each) {
    node.error() << "expected [batch, length, " << heads
                 << " heads * size], but got " << dimsToString(d);
    return {};
  }
  return node.transpose(node.reshape(v, {d[0], d[1], heads, *each}),
                        {0, 2, 1, 3});
}

static Value joinHeads(NodeContext &node, Value v) {
  Dims d = node.dimsOf(v);
  return v ? node.reshape(node.transpose(v, {0, 2, 1, 3}),
                          {d[0], d[2], d[1] * d[3]})
           : v;
}

/// num_heads or kv_num_heads, which must be given.
static FailureOr<int64_t> headCount(NodeContext &node, StringRef attribute) {
  int64_t heads = node.node.getInt(attribute, 0);
  if (heads < 1)
    return node.error() << "expected " << attribute << " of 1 or more, but got "
                        << heads;
  return heads;
}

//===- Rotary embedding ---------------------------------------------------===//

/// Pairs of numbers are turned by an angle of their position (Su et al., arXiv
/// 2104.09864): `x` [batch, heads, length, size], the tables [positions, R/2],
/// `at` [batch, length]. Numbers from R on stay.
static Value rotate(NodeContext &node, Value x, Value at, Value cosines,
                    Value sines, bool interleaved) {
  if (!x || !at || !cosines || !sines)
    return {};
  Dims sizes = node.dimsOf(x), rows = node.dimsOf(at);
  DimExpr half = node.dimsOf(cosines).back(), whole = half * DimExpr(2);
  auto angles = [&](Value table) {
    Value v = node.make<nn::GatherOp>(node.elementOf(table), table, at, 0);
    return node.reshape(v, {rows[0], 1, rows[1], half});
  };
  Value cosine = angles(cosines), sine = angles(sines);
  int64_t step = interleaved ? 2 : 1;
  Value first = slice(node, x, 3, 0, half, step);
  Value second = slice(node, x, 3, interleaved ? DimExpr(1) : half, half, step);
  Value a = node.make<nn::SubOp>(node.elementOf(x), mul(node, first, cosine),
                                 mul(node, second, sine));
  Value b = add(node, mul(node, first, sine), mul(node, second, cosine));
  Value turned;
  if (interleaved) {
    Dims pairs(sizes.begin(), sizes.begin() + 3), flat = pairs;
    pairs.append({half, DimExpr(1)});
    flat.push_back(whole);
    turned = node.reshape(
        concat(node, node.reshape(a, pairs), node.reshape(b, pairs), 4), flat);
  } else {
    turned = concat(node, a, b, 3);
  }
  if (sizes[3] == whole)
    return turned;
  return concat(node, turned, slice(node, x, 3, whole, sizes[3] - whole), 3);
}

/// Operands: input [B, S, N * H] or [B, N, S, H], position_ids [1] (that of the
/// first token) or [B, S], cos_cache and sin_cache [positions, R / 2].
static LogicalResult translateRotaryEmbedding(NodeContext &node) {
  Value x = node.in(0), at = node.in(1);
  Value cosines = node.in(2), sines = node.in(3);
  if (!x || !at || !cosines || !sines)
    return failure();
  if (node.node.getInt("is_packed_batching", 0) ||
      node.node.getFloat("scale", 1) != 1)
    return node.error() << "expected is_packed_batching 0 and a scale of 1";
  Dims sizes = node.dims(0), table = node.dims(2);
  if ((sizes.size() != 3 && sizes.size() != 4) || table.size() != 2)
    return node.error() << "expected an operand of rank 3 or 4 and tables of "
                           "rank 2, but got "
                        << dimsToString(sizes) << " and "
                        << dimsToString(table);
  bool split = sizes.size() == 4;
  if (!split) {
    int64_t heads = node.node.getInt("num_heads", 0);
    // Without num_heads all of a head is turned.
    if (heads < 1) {
      std::optional<DimExpr> count =
          DimExpr::exactDiv(sizes[2], table[1] * DimExpr(2));
      if (!count || !count->isConstant())
        return node.error() << "expected num_heads for an operand of "
                            << dimsToString(sizes);
      heads = count->constant();
    }
    x = splitHeads(node, x, heads);
  }
  DimExpr batch = sizes[0], length = split ? sizes[2] : sizes[1];
  Type i64 = node.builder.getI64Type();
  if (node.rank(1) < 2) {
    Value row = node.reshape(positions(node, length, 3), {1, length});
    at = add(node, row, node.reshape(node.cast(at, i64), {1, 1}));
    at = node.make<nn::ExpandOp>(i64, at, node.dimsAttr({batch, length}));
  }
  Value y = rotate(node, x, at, cosines, sines,
                   node.node.getInt("interleaved", 0) != 0);
  return node.yield(split ? y : joinHeads(node, y));
}

//===- Attention ----------------------------------------------------------===//

namespace {
/// Heads of queries, keys and values, and what happens to the scores, which
/// are [batch, query heads, length, keys].
struct Heads {
  Value query, key, value;
  float scale = 0, softcap = 0;
  SmallVector<Value> added; // to the scores
  SmallVector<Value> seen;  // bool; elsewhere the score is `hidden`
  float hidden = -std::numeric_limits<float>::infinity();
  Value sink; // one more score per head, of no value; null: none
};
} // namespace

static Value attend(NodeContext &node, const Heads &h) {
  if (!h.query || !h.key || !h.value)
    return {};
  Dims q = node.dimsOf(h.query), k = node.dimsOf(h.key);
  Type element = node.elementOf(h.query);
  std::optional<DimExpr> group = DimExpr::exactDiv(q[1], k[1]);
  if (!group || !q[3].isConstant()) {
    node.error() << "expected heads of a constant size, those of the queries a "
                    "multiple of those of the keys, but got queries "
                 << dimsToString(q) << " and keys " << dimsToString(k);
    return {};
  }
  // Heads of one group are rows of one matrix.
  auto grouped = [&](Value v, const DimExpr &last) {
    return group->isConstant(1)
               ? v
               : node.reshape(v, {q[0], k[1], *group * q[2], last});
  };
  Dims apart = {q[0], q[1], q[2], k[2]};
  float scale =
      h.scale != 0 ? h.scale : 1 / std::sqrt((float)q[3].constant());
  Value scores = node.make<nn::MatmulOp>(
      element, grouped(h.query, q[3]), node.transpose(h.key, {0, 1, 3, 2}));
  if (!group->isConstant(1))
    scores = node.reshape(scores, apart);
  scores = mul(node, scores, node.scalar(element, scale));
  if (h.softcap != 0) {
    Value cap = node.scalar(element, h.softcap);
    Value part = node.make<nn::DivOp>(element, scores, cap);
    scores = mul(node, node.make<nn::TanhOp>(element, part), cap);
  }
  for (Value v : h.added)
    scores = add(node, scores, node.cast(v, element));
  for (Value v : h.seen)
    scores = node.make<nn::SelectOp>(element, v, scores,
                                     node.scalar(element, h.hidden));
  Value weights;
  if (h.sink) {
    Value column = node.make<nn::ExpandOp>(
        element, node.cast(h.sink, element),
        node.dimsAttr({q[0], q[1], q[2], DimExpr(1)}));
    weights = node.make<nn::SoftmaxOp>(
        element, concat(node, scores, column, 3), 3, false);
    weights = slice(node, weights, 3, 0, k[2]);
  } else {
    weights = node.make<nn::SoftmaxOp>(element, scores, 3, false);
  }
  Value y = node.make<nn::MatmulOp>(element, grouped(weights, k[2]), h.value);
  if (!group->isConstant(1))
    y = node.reshape(y, {q[0], q[1], q[2], node.dimsOf(h.value)[3]});
  return joinHeads(node, y);
}

/// Operand i, which keys are seen: lengths [B] or a mask [B, L] or [B, S, L],
/// added to the scores as 0 or mask_filter_value.
static LogicalResult addPaddingMask(NodeContext &node, size_t i,
                                    const DimExpr &batch, const DimExpr &keys,
                                    Heads &heads) {
  Value mask = node.in(i);
  if (!mask)
    return failure();
  Dims d = node.dims(i);
  Value seen;
  if (d.size() == 1 && d[0] == batch)
    seen = compare(node, positions(node, keys, 3),
                   node.reshape(node.cast(mask, node.builder.getI64Type()),
                                {batch, 1, 1, 1}),
                   nn::Predicate::Lt);
  else if (d.size() == 2 || d.size() == 3)
    seen = node.reshape(node.cast(mask, node.builder.getI1Type()),
                        {d[0], 1, d.size() == 3 ? d[1] : DimExpr(1), d.back()});
  else
    return node.error() << "expected a mask [batch], [batch, keys] or [batch, "
                           "queries, keys], but got "
                        << dimsToString(d);
  Type element = node.element(0);
  Value hidden = node.scalar(
      element, node.node.getFloat("mask_filter_value", -10000.0f));
  heads.added.push_back(node.make<nn::SelectOp>(
      element, seen, node.scalar(element, 0), hidden));
  return success();
}

/// Query i, behind `past` keys, sees the keys up to its own.
static Value causal(NodeContext &node, const DimExpr &queries,
                    const DimExpr &keys, Value past) {
  Value last = add(node, positions(node, queries, 2), past);
  return compare(node, positions(node, keys, 3), last, nn::Predicate::Le);
}

/// What MultiHeadAttention and Attention have in common once heads are split:
/// cached keys, masks, results.
static LogicalResult finishAttention(NodeContext &node, Heads heads,
                                     size_t mask, size_t bias) {
  if (!heads.query || !heads.key || !heads.value)
    return failure();
  Dims q = node.dimsOf(heads.query);
  DimExpr keys = node.dimsOf(heads.key)[2];
  heads.scale = node.node.getFloat("scale", 0);
  if (node.has(mask) && failed(addPaddingMask(node, mask, q[0], keys, heads)))
    return failure();
  if (node.has(bias))
    heads.added.push_back(node.in(bias));
  if (node.node.getInt("unidirectional", 0))
    heads.seen.push_back(
        causal(node, q[2], keys, size(node, keys - q[2])));
  return node.yield(attend(node, heads));
}

/// Operands: query [B, S, N * H], key and value [B, L, N * H] or [B, N, L, H],
/// bias [3 * N * H], key_padding_mask, attention_bias, past_key and past_value
/// [B, N, P, H].
static LogicalResult translateMultiHeadAttention(NodeContext &node) {
  FailureOr<int64_t> count = headCount(node, "num_heads");
  Value query = node.in(0);
  if (failed(count) || !query)
    return failure();
  for (size_t i = 8; i < node.inputs(); ++i)
    if (node.has(i))
      return node.error() << "operands from past_sequence_length on are not "
                             "compiled; expected at most 8";
  if (node.node.hasOutput(3))
    return node.error() << "the result qk is not compiled";
  if (!node.has(1) || !node.has(2) || node.has(6) != node.has(7))
    return node.error() << "expected key and value (packed ones are not "
                           "compiled), and past_key and past_value together";
  std::optional<Value> bias;
  if (node.has(3))
    bias = node.in(3);
  DimExpr offset = 0;
  auto split = [&](Value v) -> Value {
    Dims d = node.dimsOf(v);
    if (d.size() == 4)
      return v;
    if (bias && v && !d.empty()) {
      v = add(node, v, slice(node, *bias, 0, offset, d.back()));
      offset += d.back();
    }
    return splitHeads(node, v, *count);
  };
  Heads heads;
  heads.query = split(query);
  heads.key = split(node.in(1));
  heads.value = split(node.in(2));
  if (node.has(6)) {
    heads.key = concat(node, node.in(6), heads.key, 2);
    heads.value = concat(node, node.in(7), heads.value, 2);
  }
  if (failed(node.yield(heads.key, 1)) || failed(node.yield(heads.value, 2)))
    return failure();
  return finishAttention(node, heads, 4, 5);
}

/// Operands: input [B, S, C], weights [C, sizes of q, k and v], bias,
/// mask_index, past [2, B, N, P, H], attention_bias.
static LogicalResult translateAttention(NodeContext &node) {
  FailureOr<int64_t> count = headCount(node, "num_heads");
  Value x = node.in(0), weights = node.in(1);
  if (failed(count) || !x || !weights)
    return failure();
  if (node.node.getInt("do_rotary", 0) || node.has(6))
    return node.error() << "do_rotary and past_sequence_length are not "
                           "compiled";
  Value y = node.make<nn::MatmulOp>(node.element(0), x, weights);
  if (node.has(2))
    y = add(node, y, node.in(2));
  if (!y || node.dimsOf(y).size() != 3)
    return y ? node.error() << "expected an input of rank 3, but got "
                            << dimsToString(node.dims(0))
             : failure();
  DimExpr each = DimExpr::floorDiv(node.dimsOf(y)[2], 3), offset = 0;
  ArrayRef<int64_t> given = node.node.getInts("qkv_hidden_sizes");
  Heads heads;
  Value *parts[] = {&heads.query, &heads.key, &heads.value};
  for (int i = 0; i < 3; ++i) {
    DimExpr width = given.size() == 3 ? DimExpr(given[i]) : each;
    *parts[i] = splitHeads(node, slice(node, y, 2, offset, width), *count);
    offset += width;
  }
  auto half = [&](Value v, int64_t i) {
    Dims d = node.dimsOf(v);
    return node.reshape(slice(node, v, 0, i, 1), {d[1], d[2], d[3], d[4]});
  };
  if (node.has(4)) {
    if (!node.in(4) || node.rank(4) != 5)
      return node.error() << "expected past to have rank 5";
    heads.key = concat(node, half(node.in(4), 0), heads.key, 2);
    heads.value = concat(node, half(node.in(4), 1), heads.value, 2);
  }
  if (node.node.hasOutput(1)) {
    Dims whole = node.dimsOf(heads.key);
    whole.insert(whole.begin(), DimExpr(1));
    if (failed(node.yield(concat(node, node.reshape(heads.key, whole),
                                 node.reshape(heads.value, whole), 0),
                          1)))
      return failure();
  }
  return finishAttention(node, heads, 3, 5);
}

/// The keys that GroupQueryAttention's caches hold afterwards: the larger of
/// past and total_sequence_length, which a run must give as declared.
static FailureOr<DimExpr> cachedKeys(NodeContext &node, const DimExpr &past,
                                     const DimExpr &queries) {
  if (!node.has(3))
    return queries;
  if (std::optional<DimExpr> total = node.oneInt(6)) {
    DimRange more = (*total - past).range(node.analysis.symbols);
    return more.lo >= 0   ? *total
           : more.hi <= 0 ? past
                          : DimExpr::max(*total, past);
  }
  std::optional<Dims> declared = node.declaredDims(1);
  if (declared && declared->size() == 4) {
    DimExpr keys = (*declared)[2];
    if (!node.has(6) ||
        failed(node.importer.checkSize(
            node, node.in(6), node.node.name + ".total", keys, node.loc,
            [&](const DimExpr &total) { return DimExpr::max(total, past); })))
      return failure();
    return keys;
  }
  return node.error() << "total_sequence_length decides the size of the caches "
                         "and is known only at run time; bind it with --value "
                         "or declare the shape of present_key";
}

/// Operands: query [B, S, N * H] (or all three packed), key and value
/// [B, S, KV * H], past_key and past_value [B, KV, P, H], seqlens_k [B] (the
/// last key), total_sequence_length, cos_cache, sin_cache, position_ids,
/// attention_bias, head_sink.
static LogicalResult translateGroupQueryAttention(NodeContext &node) {
  const Node &n = node.node;
  FailureOr<int64_t> count = headCount(node, "num_heads");
  FailureOr<int64_t> few = headCount(node, "kv_num_heads");
  Value query = node.in(0);
  if (failed(count) || failed(few) || !query)
    return failure();
  for (size_t i = 12; i < node.inputs(); ++i)
    if (node.has(i))
      return node.error() << "quantized caches, norms and query_seqlens are "
                             "not compiled; expected at most 12 operands";
  if (n.hasOutput(3) || node.has(3) != node.has(4) ||
      node.has(1) != node.has(2) || !node.has(5))
    return node.error() << "expected key and value, and past_key and "
                           "past_value, together, seqlens_k, and no result qk";
  Heads heads;
  if (node.has(1)) {
    heads.query = splitHeads(node, query, *count);
    heads.key = splitHeads(node, node.in(1), *few);
    heads.value = splitHeads(node, node.in(2), *few);
  } else {
    Value all = splitHeads(node, query, *count + 2 * *few);
    heads.query = slice(node, all, 1, 0, *count);
    heads.key = slice(node, all, 1, *count, *few);
    heads.value = slice(node, all, 1, *count + *few, *few);
  }
  if (!heads.query || !heads.key || !heads.value)
    return failure();
  Dims q = node.dimsOf(heads.query);
  Type i64 = node.builder.getI64Type();

  // Keys in front of the queries, per batch: seqlens_k + 1 - S. A prompt of
  // several lengths is padded at its end, and has none.
  Value past = node.make<nn::AddOp>(
      i64, node.reshape(node.cast(node.in(5), i64), {q[0], 1, 1, 1}),
      node.make<nn::SubOp>(i64, node.scalar(i64, 1), size(node, q[2])));
  past = node.make<nn::MaxOp>(i64, past, node.scalar(i64, 0));
  Value row = add(node, past, positions(node, q[2], 2));
  if (n.getInt("do_rotary", 0)) {
    if (!node.has(7) || !node.has(8))
      return node.error() << "expected cos_cache and sin_cache with do_rotary";
    Value at = node.has(9) ? node.cast(node.in(9), i64)
                           : node.reshape(row, {q[0], q[2]});
    bool interleaved = n.getInt("rotary_interleaved", 0) != 0;
    for (Value *v : {&heads.query, &heads.key})
      *v = rotate(node, *v, at, node.in(7), node.in(8), interleaved);
  }
  if (node.has(3)) {
    if (!node.in(3) || node.rank(3) != 4)
      return node.error() << "expected past_key to have rank 4";
    DimExpr before = node.dims(3)[2];
    FailureOr<DimExpr> keys = cachedKeys(node, before, q[2]);
    if (failed(keys))
      return failure();
    for (auto [operand, v] :
         {std::pair(3, &heads.key), std::pair(4, &heads.value)}) {
      Value cache = node.in(operand), fresh = *v;
      Type element = node.elementOf(fresh);
      Dims d = node.dimsOf(fresh), rest = d;
      rest[2] = *keys - before;
      if (!rest[2].isConstant(0))
        cache = concat(node, cache,
                       node.make<nn::ExpandOp>(element, node.scalar(element, 0),
                                               node.dimsAttr(rest)),
                       2);
      Value at = node.make<nn::ExpandOp>(i64, row, node.dimsAttr(d));
      *v = node.make<nn::ScatterElementsOp>(element, cache, at, fresh, 2,
                                            nn::ScatterKind::Replace);
    }
  }
  if (failed(node.yield(heads.key, 1)) || failed(node.yield(heads.value, 2)))
    return failure();

  DimExpr keys = node.dimsOf(heads.key)[2];
  heads.scale = n.getFloat("scale", 0);
  heads.softcap = n.getFloat("softcap", 0);
  if (node.has(10))
    heads.added.push_back(node.in(10));
  if (n.getInt("causal", 1))
    heads.seen.push_back(causal(node, q[2], keys, past));
  int64_t window = n.getInt("local_window_size", -1);
  if (window > 0)
    heads.seen.push_back(
        compare(node, positions(node, keys, 3),
                add(node, row, node.scalar(i64, (double)-window)),
                nn::Predicate::Gt));
  if (node.has(11))
    heads.sink = node.reshape(node.in(11), {1, q[1], 1, 1});
  else if (n.getInt("smooth_softmax", 0) == 1)
    heads.sink = node.reshape(node.scalar(node.element(0), 0), {1, 1, 1, 1});
  return node.yield(attend(node, heads));
}

void onnx::addAttentionTranslators(TranslatorTable &t) {
  t["com.microsoft::Attention"] = translateAttention;
  t["com.microsoft::GroupQueryAttention"] = translateGroupQueryAttention;
  t["com.microsoft::MultiHeadAttention"] = translateMultiHeadAttention;
  t["com.microsoft::RotaryEmbedding"] = translateRotaryEmbedding;
}
