// Matrix products: MatMul, Gemm, FusedMatMul, Einsum.
#include "frontends/onnx/OpTranslators.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

/// numpy.matmul: vectors get a dimension of one that the result loses.
static Value matmul(NodeContext &node, Value a, Value b, Type element) {
  if (!a || !b)
    return {};
  Dims da = node.dimsOf(a), db = node.dimsOf(b);
  if (da.empty() || db.empty()) {
    node.error() << "expected operands of rank 1 or more";
    return {};
  }
  bool rowVector = da.size() == 1, columnVector = db.size() == 1;
  if (rowVector)
    a = node.reshape(a, {1, da[0]});
  if (columnVector)
    b = node.reshape(b, {db[0], 1});
  Value y = node.make<nn::MatmulOp>(element, a, b);
  if (!y || (!rowVector && !columnVector))
    return y;
  Dims result = node.dimsOf(y);
  if (columnVector)
    result.pop_back();
  if (rowVector)
    result.erase(result.end() - (columnVector ? 1 : 2));
  return node.reshape(y, result);
}

static LogicalResult translateMatMul(NodeContext &node) {
  return node.yield(matmul(node, node.in(0), node.in(1), node.element(0)));
}

static Value swapLast(NodeContext &node, Value v) {
  if (!v)
    return {};
  SmallVector<int64_t> permutation;
  int64_t rank = node.dimsOf(v).size();
  for (int64_t i = 0; i < rank; ++i)
    permutation.push_back(i);
  if (rank >= 2)
    std::swap(permutation[rank - 1], permutation[rank - 2]);
  return node.transpose(v, permutation);
}

static Value scaled(NodeContext &node, Value v, float factor) {
  return factor == 1 || !v
             ? v
             : node.make<nn::MulOp>(node.elementOf(v), v,
                                    node.scalar(node.elementOf(v), factor));
}

static LogicalResult translateGemm(NodeContext &node) {
  Value a = node.in(0), b = node.in(1);
  if (node.node.getInt("transA", 0))
    a = swapLast(node, a);
  // An encoded matrix is [k, n] already (LowBit.h).
  bool encoded = b && cast<RankedTensorType>(b.getType()).getEncoding();
  if (node.node.getInt("transB", 0) && !encoded)
    b = swapLast(node, b);
  Value y = node.make<nn::MatmulOp>(node.element(0), a, b);
  y = scaled(node, y, node.node.getFloat("alpha", 1));
  if (node.has(2))
    y = node.make<nn::AddOp>(
        node.element(0), y,
        scaled(node, node.in(2), node.node.getFloat("beta", 1)));
  return node.yield(y);
}

/// The first dimension behind all others but the last.
static Value firstBehindBatch(NodeContext &node, Value v) {
  SmallVector<int64_t> permutation;
  int64_t rank = node.dimsOf(v).size();
  if (!v || rank < 3)
    return v;
  for (int64_t i = 1; i < rank - 1; ++i)
    permutation.push_back(i);
  permutation.append({0, rank - 1});
  return node.transpose(v, permutation);
}

static LogicalResult translateFusedMatMul(NodeContext &node) {
  Value a = node.in(0), b = node.in(1);
  if (node.node.getInt("transBatchA", 0))
    a = firstBehindBatch(node, a);
  if (node.node.getInt("transBatchB", 0))
    b = firstBehindBatch(node, b);
  if (node.node.getInt("transA", 0))
    a = swapLast(node, a);
  if (node.node.getInt("transB", 0))
    b = swapLast(node, b);
  Value y = matmul(node, a, b, node.element(0));
  return node.yield(scaled(node, y, node.node.getFloat("alpha", 1)));
}

//===- Einsum --------------------------------------------------------------===//

namespace {
/// A term "bhd" as letters; an ellipsis becomes digits '0', '1', ... for the
/// dimensions it stands for, aligned to the right.
std::optional<std::string> letters(StringRef term, size_t rank) {
  std::string result;
  auto [before, after] = term.split("...");
  bool dots = term.contains("...");
  result = before.str();
  if (dots) {
    size_t named = before.size() + after.size();
    if (named > rank)
      return std::nullopt;
    for (size_t i = 0; i < rank - named; ++i)
      result += char('0' + 9 - (rank - named) + 1 + i);
    result += after.str();
  }
  return result.size() == rank ? std::optional(result) : std::nullopt;
}
} // namespace

/// A letter twice in a term takes the diagonal: [.., n, n] as [.., n * n], of
/// which each n + 1st; where only run time knows n, the first column of that
/// with n more behind it as [.., n, n + 1].
static Value diagonal(NodeContext &node, Value v, std::string &term) {
  for (size_t i = 0; v && i < term.size(); ++i) {
    size_t second = term.find(term[i], i + 1);
    if (second == std::string::npos)
      continue;
    Dims dims = node.dimsOf(v), flat;
    if (dims[i] != dims[second]) {
      node.error() << "expected equal sizes for the letter '" << term[i]
                   << "' of a term, but got " << dims[i].str() << " and "
                   << dims[second].str();
      return {};
    }
    DimExpr n = dims[i];
    SmallVector<int64_t> permutation;
    std::string kept;
    for (size_t j = 0; j < term.size(); ++j)
      if (j != i && j != second) {
        permutation.push_back(j);
        flat.push_back(dims[j]);
        kept += term[j];
      }
    permutation.append({(int64_t)i, (int64_t)second});
    Dims starts(flat.size() + 1, 0), shape = flat;
    flat.push_back(n * n);
    shape.push_back(n);
    SmallVector<int64_t> steps(flat.size(), 1);
    v = node.reshape(node.transpose(v, permutation), flat);
    if (n.isConstant()) {
      steps.back() = n.constant() + 1;
      v = node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                 ArrayRef<int64_t>(steps),
                                 node.dimsAttr(shape));
    } else if (v) {
      Dims more(flat.size(), 0), column = shape;
      more.back() = n;
      v = node.make<nn::PadOp>(node.elementOf(v), v,
                               node.scalar(node.elementOf(v), 0),
                               node.dimsAttr(starts), node.dimsAttr(more),
                               nn::PadMode::Constant);
      column.push_back(n + DimExpr(1));
      v = node.reshape(v, column);
      column.back() = 1;
      starts.push_back(0);
      steps.push_back(1);
      v = node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                 ArrayRef<int64_t>(steps),
                                 node.dimsAttr(column));
      v = node.reshape(v, shape);
    }
    term = kept + term[i];
    i = -1; // from the start of what is left
  }
  return v;
}

/// Einsum as products of broadcast operands and one sum; two operands with a
/// summed letter in common become a matrix product.
static LogicalResult translateEinsum(NodeContext &node) {
  std::string equation = node.node.getString("equation", "").str();
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  bool explicitResult = StringRef(equation).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != node.inputs())
    return node.error() << "equation '" << equation << "' has " << terms.size()
                        << " terms for " << node.inputs() << " operands";
  SmallVector<std::string> names;
  std::map<char, int> uses;
  std::string dots;
  for (auto [i, term] : llvm::enumerate(terms)) {
    std::optional<std::string> l = letters(term, node.rank(i));
    if (!l)
      return node.error() << "term '" << term << "' does not fit the shape "
                          << dimsToString(node.dims(i));
    names.push_back(*l);
    for (char c : *l) {
      ++uses[c];
      if (llvm::isDigit(c) && dots.find(c) == std::string::npos)
        dots += c;
    }
  }
  llvm::sort(dots);
  std::string result;
  if (explicitResult) {
    auto [before, after] = right.split("...");
    result = before.str() + (right.contains("...") ? dots : "") + after.str();
  } else {
    result = dots;
    for (auto [c, count] : uses)
      if (count == 1 && !llvm::isDigit(c))
        result += c;
  }
  SmallVector<Value> operands;
  for (size_t i = 0; i < names.size(); ++i) {
    operands.push_back(diagonal(node, node.in(i), names[i]));
    if (!operands[i])
      return failure();
  }

  Type element = node.element(0);
  // All letters: the result's first, then the summed ones.
  std::string all = result, summed;
  for (auto [c, count] : uses)
    if (result.find(c) == std::string::npos)
      summed += c;

  auto arrange = [&](Value v, const std::string &from, const std::string &to) {
    SmallVector<int64_t> permutation;
    Dims dims = node.dimsOf(v), shape;
    std::string kept;
    for (char c : to) {
      size_t at = from.find(c);
      if (at != std::string::npos) {
        permutation.push_back(at);
        shape.push_back(dims[at]);
      } else {
        shape.push_back(1);
      }
    }
    return node.reshape(node.transpose(v, permutation), shape);
  };

  // (batch, m, k) x (batch, k, n): the common case of two operands.
  if (names.size() == 2) {
    std::string batch, m, n, k;
    for (char c : all)
      (names[0].find(c) == std::string::npos   ? n
       : names[1].find(c) == std::string::npos ? m
                                               : batch) += c;
    bool common = true;
    for (char c : summed) {
      common &= names[0].find(c) != std::string::npos &&
                names[1].find(c) != std::string::npos;
      k += c;
    }
    Value a = operands[0], b = operands[1];
    if (common && !k.empty()) {
      std::map<char, DimExpr> size;
      for (auto [v, l] : {std::pair(a, names[0]), std::pair(b, names[1])}) {
        Dims dims = node.dimsOf(v);
        for (size_t i = 0; i < l.size(); ++i)
          if (!size.count(l[i]) || size[l[i]].isConstant(1))
            size[l[i]] = dims[i];
      }
      auto extent = [&](const std::string &l) {
        DimExpr p = 1;
        for (char c : l)
          p *= size[c];
        return p;
      };
      bool broadcastsBatch = false;
      for (auto [v, l] : {std::pair(a, names[0]), std::pair(b, names[1])}) {
        Dims dims = node.dimsOf(v);
        for (size_t i = 0; i < l.size(); ++i)
          broadcastsBatch |= dims[i] != size[l[i]];
      }
      if (!broadcastsBatch) {
        Value x = node.reshape(arrange(a, names[0], batch + m + k),
                               {extent(batch), extent(m), extent(k)});
        // One row is multiplied by columns where they lie.
        bool columns = m.empty();
        Value y = columns ? swapLast(node, node.reshape(
                                arrange(b, names[1], batch + n + k),
                                {extent(batch), extent(n), extent(k)}))
                          : node.reshape(
                                arrange(b, names[1], batch + k + n),
                                {extent(batch), extent(k), extent(n)});
        Value z = node.make<nn::MatmulOp>(element, x, y);
        Dims shape;
        for (char c : batch + m + n)
          shape.push_back(size[c]);
        z = node.reshape(z, shape);
        return node.yield(z ? arrange(z, batch + m + n, result) : Value());
      }
    }
  }

  Value total;
  for (size_t i = 0; i < names.size(); ++i) {
    Value v = arrange(operands[i], names[i], all + summed);
    total = total ? node.make<nn::MulOp>(element, total, v) : v;
  }
  if (!summed.empty()) {
    SmallVector<int64_t> axes;
    for (size_t i = 0; i < summed.size(); ++i)
      axes.push_back(all.size() + i);
    total = node.make<nn::ReduceOp>(element, total, nn::ReduceKind::Sum,
                                    axes, false);
  }
  return node.yield(total);
}

void onnx::addProductTranslators(TranslatorTable &t) {
  t["MatMul"] = translateMatMul;
  t["Gemm"] = translateGemm;
  t["Einsum"] = translateEinsum;
  t["com.microsoft::FusedMatMul"] = translateFusedMatMul;
}
