// Integer tensors that describe shapes are followed while importing: chains of
// Shape, Gather, Concat, Mul, ... become expressions over the program's
// symbols and leave no operations behind.
#include "frontends/onnx/GraphImporter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

namespace {

int64_t countOf(ArrayRef<int64_t> shape) {
  int64_t n = 1;
  for (int64_t d : shape)
    n *= d;
  return n;
}

/// All operands that are given have known contents; null for the others.
bool allKnown(NodeContext &node, SmallVectorImpl<const IntTensor *> &operands) {
  for (size_t i = 0; i < node.inputs(); ++i) {
    operands.push_back(node.ints(i));
    if (node.has(i) && !operands.back())
      return false;
  }
  return true;
}

bool give(NodeContext &node, Type element, ArrayRef<int64_t> shape, Dims values) {
  node.yieldInts({element, SmallVector<int64_t>(shape), std::move(values)});
  return true;
}

/// Whether these are the sizes of a tensor that is followed.
bool isSmall(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t d : shape)
    if (d < 0 || llvm::MulOverflow(count, d, count))
      return false;
  return count <= kIntTensorLimit;
}

/// Numpy broadcasting of small tensors; `combine` gives nothing where the
/// result cannot be decided.
bool broadcast(
    NodeContext &node, ArrayRef<const IntTensor *> operands, Type element,
    llvm::function_ref<std::optional<DimExpr>(ArrayRef<DimExpr>)> combine) {
  SmallVector<int64_t> shape;
  for (const IntTensor *t : operands) {
    SmallVector<int64_t> a = shape, b = t->shape;
    if (a.size() < b.size())
      std::swap(a, b);
    for (size_t i = 0; i < b.size(); ++i) {
      int64_t &d = a[a.size() - b.size() + i];
      if (d != b[i] && d != 1 && b[i] != 1)
        return false;
      d = d == 1 ? b[i] : d;
    }
    shape = a;
  }
  if (!isSmall(shape))
    return false;
  Dims values;
  for (int64_t linear = 0; linear < countOf(shape); ++linear) {
    SmallVector<DimExpr> arguments;
    for (const IntTensor *t : operands) {
      int64_t rest = linear, at = 0, stride = 1;
      size_t shift = shape.size() - t->shape.size();
      for (int i = (int)shape.size() - 1; i >= (int)shift; --i) {
        int64_t index = rest % shape[i];
        rest /= shape[i];
        if (t->shape[i - shift] != 1)
          at += index * stride;
        stride *= t->shape[i - shift];
      }
      arguments.push_back(t->values[at]);
    }
    std::optional<DimExpr> value = combine(arguments);
    if (!value)
      return false;
    values.push_back(*value);
  }
  return give(node, element, shape, values);
}

/// -1, 0 or 1 where a < b, a == b, a > b for all sizes within the bounds.
std::optional<int> order(NodeContext &node, const DimExpr &a,
                         const DimExpr &b) {
  DimExpr difference = a - b;
  if (difference.isConstant())
    return difference.constant() < 0 ? -1 : difference.constant() > 0;
  DimRange range = difference.range(node.analysis.symbols);
  if (range.hi < 0)
    return -1;
  if (range.lo > 0)
    return 1;
  return std::nullopt;
}

/// 1 where x > 0, else 0.
DimExpr isPositive(const DimExpr &x) {
  return DimExpr::min(1, DimExpr::max(0, x));
}

/// x where the condition is 1, y where it is 0.
DimExpr choose(NodeContext &node, const DimExpr &condition, const DimExpr &x,
               const DimExpr &y) {
  if (x == y || condition.isConstant())
    return condition.isConstant(0) ? y : x;
  const SymbolRanges &symbols = node.analysis.symbols;
  if (x.range(symbols).lo < 0 || y.range(symbols).lo < 0)
    return y + condition * (x - y);
  // The same for sizes, with bounds no larger than theirs.
  return DimExpr::max(condition * x, (DimExpr(1) - condition) * y);
}

/// a / b rounded toward zero, for a positive b.
DimExpr truncatingDiv(NodeContext &node, const DimExpr &a, const DimExpr &b) {
  if (a.range(node.analysis.symbols).lo >= 0)
    return DimExpr::floorDiv(a, b);
  return DimExpr::floorDiv(DimExpr::max(a, 0), b) -
         DimExpr::floorDiv(DimExpr::max(DimExpr(0) - a, 0), b);
}

bool foldShape(NodeContext &node) {
  Value input = node.in(0);
  Dims dims;
  if (const IntTensor *ints = node.ints(0)) {
    dims.assign(ints->shape.begin(), ints->shape.end());
  } else {
    if (!input)
      return false;
    dims = node.dimsOf(input);
  }
  Type i64 = node.builder.getI64Type();
  if (node.node.opType == "Size")
    return give(node, i64, {}, {product(dims)});
  int64_t rank = dims.size();
  int64_t start = node.node.getInt("start", 0), end = node.node.getInt("end", rank);
  auto clamp = [&](int64_t v) {
    return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank);
  };
  start = clamp(start);
  end = std::max(clamp(end), start);
  return give(node, i64, {end - start},
              Dims(dims.begin() + start, dims.begin() + end));
}

bool foldGather(NodeContext &node) {
  const IntTensor *data = node.ints(0), *indices = node.ints(1);
  if (!data || !indices || node.node.getInt("axis", 0) != 0 ||
      data->shape.size() != 1)
    return false;
  Dims values;
  for (const DimExpr &e : indices->values) {
    if (!e.isConstant())
      return false;
    int64_t i = e.constant();
    i = i < 0 ? i + data->shape[0] : i;
    if (i < 0 || i >= data->shape[0])
      return false;
    values.push_back(data->values[i]);
  }
  return give(node, data->element, indices->shape, values);
}

bool foldConcat(NodeContext &node) {
  SmallVector<const IntTensor *> operands;
  if (!allKnown(node, operands) || llvm::is_contained(operands, nullptr))
    return false;
  Dims values;
  for (const IntTensor *t : operands) {
    if (t->shape.size() != 1)
      return false;
    llvm::append_range(values, t->values);
  }
  int64_t count = values.size();
  return count <= kIntTensorLimit &&
         give(node, operands[0]->element, {count}, values);
}

bool foldSlice(NodeContext &node) {
  SmallVector<const IntTensor *> operands;
  if (!allKnown(node, operands) || operands.size() < 3 ||
      operands[0]->shape.empty() || operands[1]->values.size() != 1)
    return false;
  auto number = [&](size_t i, int64_t otherwise) -> std::optional<int64_t> {
    if (i >= operands.size() || !operands[i])
      return otherwise;
    return operands[i]->values.empty() ? std::nullopt
                                       : operands[i]->values[0].asConstant();
  };
  SmallVector<int64_t> shape = operands[0]->shape;
  auto axis = number(3, 0);
  if (!axis)
    return false;
  size_t a = *axis < 0 ? *axis + (int64_t)shape.size() : *axis;
  if (a >= shape.size())
    return false;
  int64_t n = shape[a];
  auto start = number(1, 0), end = number(2, n), step = number(4, 1);
  if (!start || !end || !step || *step == 0 || n == 0)
    return false;
  // A step over the end is as good as a longer one, and does not overflow.
  *step = std::clamp(*step, -n - 1, n + 1);
  auto from = [&](int64_t v) { return v < 0 ? v + n : v; };
  int64_t lo = *step > 0 ? 0 : -1, hi = *step > 0 ? n : n - 1;
  int64_t s = std::clamp<int64_t>(from(*start), 0, hi);
  int64_t e = *end < -n && *step < 0 ? -1 : std::clamp(from(*end), lo, hi + (*step < 0));
  SmallVector<int64_t> taken;
  for (int64_t i = s; *step > 0 ? i < e : i > e; i += *step)
    taken.push_back(i);
  int64_t outer = countOf(ArrayRef(shape).take_front(a));
  int64_t inner = countOf(ArrayRef(shape).drop_front(a + 1));
  Dims values;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i : taken)
      for (int64_t k = 0; k < inner; ++k)
        values.push_back(operands[0]->values[(o * n + i) * inner + k]);
  shape[a] = taken.size();
  return give(node, operands[0]->element, shape, values);
}

bool foldSplit(NodeContext &node) {
  const IntTensor *data = node.ints(0), *split = node.ints(1);
  int64_t axis = node.node.getInt("axis", 0);
  if (!data || data->shape.size() != 1 || (axis != 0 && axis != -1) ||
      (node.has(1) && !split))
    return false;
  int64_t rest = data->shape[0], parts = node.node.outputs.size();
  int64_t each = (rest + parts - 1) / parts;
  SmallVector<int64_t> sizes;
  for (int64_t i = 0; i < parts; ++i) {
    std::optional<int64_t> size = i + 1 < parts ? each : rest;
    if (split)
      size = i < (int64_t)split->values.size() ? split->values[i].asConstant()
                                               : std::nullopt;
    if (!size || *size < 0 || *size > rest)
      return false;
    sizes.push_back(*size);
    rest -= *size;
  }
  if (rest)
    return false;
  const Type element = data->element;
  const Dims values = data->values;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    auto begin = values.begin() + rest;
    node.yieldInts({element, {size}, Dims(begin, begin + size)}, i);
    rest += size;
  }
  return true;
}

bool foldTranspose(NodeContext &node) {
  const IntTensor *data = node.ints(0);
  if (!data)
    return false;
  size_t rank = data->shape.size();
  SmallVector<int64_t> permutation(node.node.getInts("perm"));
  if (permutation.empty())
    for (size_t i = 0; i < rank; ++i)
      permutation.push_back(rank - 1 - i);
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    return false;
  SmallVector<int64_t> strides(rank, 1), shape;
  for (size_t i = rank; i-- > 1;)
    strides[i - 1] = strides[i] * data->shape[i];
  for (int64_t p : permutation)
    shape.push_back(data->shape[p]);
  Dims values;
  for (int64_t e = 0; e < countOf(shape); ++e) {
    int64_t rest = e, at = 0;
    for (size_t i = rank; i-- > 0;) {
      at += rest % shape[i] * strides[permutation[i]];
      rest /= shape[i];
    }
    values.push_back(data->values[at]);
  }
  return give(node, data->element, shape, values);
}

/// Reshape, Squeeze, Unsqueeze, Identity: the same elements.
bool foldView(NodeContext &node) {
  const IntTensor *data = node.ints(0);
  if (!data)
    return false;
  SmallVector<int64_t> shape = data->shape;
  if (node.node.opType == "Identity")
    return give(node, data->element, shape, data->values);
  const IntTensor *operand = node.ints(1);
  SmallVector<int64_t> numbers;
  if (operand)
    for (const DimExpr &e : operand->values) {
      if (!e.isConstant())
        return false;
      numbers.push_back(e.constant());
    }
  if (node.node.opType == "Reshape") {
    if (!operand)
      return false;
    int64_t known = 1, open = -1;
    for (auto [i, d] : llvm::enumerate(numbers)) {
      if (d == 0 && i < shape.size() && !node.node.getInt("allowzero", 0))
        d = numbers[i] = shape[i];
      if (d == -1 && open < 0)
        open = i;
      else if (d < 0 || llvm::MulOverflow(known, d, known))
        return false;
    }
    if (open >= 0)
      numbers[open] = known ? countOf(shape) / known : 0;
    if (countOf(numbers) != countOf(shape))
      return false;
    return give(node, data->element, numbers, data->values);
  }
  bool add = node.node.opType == "Unsqueeze";
  int64_t rank = shape.size() + (add ? numbers.size() : 0);
  for (int64_t &n : numbers)
    n = n < 0 ? n + rank : n;
  SmallVector<int64_t> result;
  if (add) {
    llvm::sort(numbers);
    result = shape;
    for (int64_t n : numbers) {
      if (n < 0 || n > (int64_t)result.size())
        return false;
      result.insert(result.begin() + n, 1);
    }
  } else {
    for (auto [i, d] : llvm::enumerate(shape))
      if (operand ? !llvm::is_contained(numbers, (int64_t)i) : d != 1)
        result.push_back(d);
  }
  return give(node, data->element, result, data->values);
}

/// Of a few constant floats, which decide shapes as scales.
bool foldFloatCast(NodeContext &node, DataType type, FloatType to) {
  const TensorData *data =
      node.has(0) ? node.importer.lookupConstant(node.node.inputs[0]) : nullptr;
  if (!data || data->elements() > kIntTensorLimit || to.getWidth() < 16)
    return false;
  std::optional<std::vector<double>> values = node.constantFloats(0);
  if (!values)
    return false;
  std::vector<char> bytes;
  for (double v : *values) {
    APFloat value(v);
    bool loses = false;
    value.convert(to.getFloatSemantics(), APFloat::rmNearestTiesToEven, &loses);
    uint64_t bits = value.bitcastToAPInt().getZExtValue();
    const char *first = reinterpret_cast<const char *>(&bits);
    bytes.insert(bytes.end(), first, first + to.getWidth() / 8);
  }
  node.importer.defineConstant(node.node.outputs[0], type, data->dims,
                               std::move(bytes));
  return true;
}

bool foldCast(NodeContext &node) {
  const IntTensor *data = node.ints(0);
  auto type = (DataType)node.node.getInt("to", 0);
  Type to = elementType(*node.builder.getContext(), type);
  if (auto real = dyn_cast_or_null<FloatType>(to))
    return foldFloatCast(node, type, real);
  if (!data || !to || !isa<IntegerType>(to))
    return false;
  Dims values = data->values;
  unsigned width = to.getIntOrFloatBitWidth();
  for (DimExpr &e : values) {
    if (width == 1) {
      if (!e.isConstant())
        return false;
      e = e.constant() != 0;
    } else if (width < 64) {
      // Sizes fit; constants must, else the wrap is left to the machine.
      int64_t limit = int64_t(1) << (width - 1);
      if (e.isConstant() && (e.constant() >= limit || e.constant() < -limit))
        return false;
    }
  }
  return give(node, to, data->shape, values);
}

bool foldArithmetic(NodeContext &node) {
  SmallVector<const IntTensor *> operands;
  if (!allKnown(node, operands) || operands.empty() ||
      llvm::is_contained(operands, nullptr))
    return false;
  StringRef op = node.node.opType;
  Type element = operands[0]->element, bit = node.builder.getI1Type();
  bool logical = element == bit;
  using Arguments = ArrayRef<DimExpr>;
  // What does not hold, or fails, for all sizes alike is 0 or 1 for each.
  auto compare = [&](llvm::function_ref<bool(int)> holds,
                     llvm::function_ref<DimExpr(DimExpr)> ofDifference) {
    return broadcast(node, operands, bit, [&](Arguments a) {
      std::optional<int> o = order(node, a[0], a[1]);
      return std::optional(o ? DimExpr(holds(*o)) : ofDifference(a[0] - a[1]));
    });
  };
  auto values = [&](llvm::function_ref<std::optional<DimExpr>(Arguments)> f) {
    return broadcast(node, operands, element, f);
  };
  if (op == "Equal")
    return compare([](int o) { return o == 0; }, [](DimExpr d) {
      return DimExpr(1) - isPositive(DimExpr::max(d, DimExpr(0) - d));
    });
  if (op == "Less")
    return compare([](int o) { return o < 0; },
                   [](DimExpr d) { return isPositive(DimExpr(0) - d); });
  if (op == "Greater")
    return compare([](int o) { return o > 0; },
                   [](DimExpr d) { return isPositive(d); });
  if (op == "LessOrEqual")
    return compare([](int o) { return o <= 0; },
                   [](DimExpr d) { return DimExpr(1) - isPositive(d); });
  if (op == "GreaterOrEqual")
    return compare([](int o) { return o >= 0; }, [](DimExpr d) {
      return DimExpr(1) - isPositive(DimExpr(0) - d);
    });
  if (op == "And" && logical)
    return values([](Arguments a) { return DimExpr::min(a[0], a[1]); });
  if (op == "Or" && logical)
    return values([](Arguments a) { return DimExpr::max(a[0], a[1]); });
  if (op == "Not" && logical)
    return values([](Arguments a) { return DimExpr(1) - a[0]; });
  if (op == "Where") {
    element = operands[1]->element;
    return values([&](Arguments a) -> std::optional<DimExpr> {
      return choose(node, a[0], a[1], a[2]);
    });
  }
  // Narrow and unsigned types wrap; only what cannot is followed.
  if (element.isUnsignedInteger() || element.getIntOrFloatBitWidth() < 32)
    return false;
  if (op == "Add")
    return values([](Arguments a) { return a[0] + a[1]; });
  if (op == "Sub")
    return values([](Arguments a) { return a[0] - a[1]; });
  if (op == "Mul")
    return values([](Arguments a) { return a[0] * a[1]; });
  if (op == "Neg")
    return values([](Arguments a) { return DimExpr(0) - a[0]; });
  if (op == "Div" || op == "Mod")
    return values([&](Arguments a) -> std::optional<DimExpr> {
      if (a[1].range(node.analysis.symbols).lo <= 0)
        return std::nullopt;
      if (op == "Div")
        return truncatingDiv(node, a[0], a[1]);
      // The remainder has the divisor's sign, or with fmod the dividend's.
      if (node.node.getInt("fmod", 0))
        return a[0] - truncatingDiv(node, a[0], a[1]) * a[1];
      return DimExpr::mod(a[0], a[1]);
    });
  if (op == "Max")
    return values([](Arguments a) {
      DimExpr m = a[0];
      for (const DimExpr &e : a.drop_front())
        m = DimExpr::max(m, e);
      return m;
    });
  if (op == "Min")
    return values([](Arguments a) {
      DimExpr m = a[0];
      for (const DimExpr &e : a.drop_front())
        m = DimExpr::min(m, e);
      return m;
    });
  if (op == "ReduceProd" || op == "ReduceSum") {
    // All elements of a vector.
    if (operands[0]->shape.size() != 1 || element.getIntOrFloatBitWidth() < 32)
      return false;
    DimExpr total = op == "ReduceProd" ? 1 : 0;
    for (const DimExpr &e : operands[0]->values)
      total = op == "ReduceProd" ? total * e : total + e;
    SmallVector<int64_t> shape;
    if (node.node.getInt("keepdims", 1))
      shape.push_back(1);
    return give(node, element, shape, {total});
  }
  return false;
}

bool foldRange(NodeContext &node) {
  SmallVector<const IntTensor *> operands;
  if (!allKnown(node, operands) || operands.size() != 3 ||
      llvm::any_of(operands,
                   [](const IntTensor *t) { return !t || t->values.size() != 1; }))
    return false;
  auto start = operands[0]->values[0].asConstant();
  auto end = operands[1]->values[0].asConstant();
  auto step = operands[2]->values[0].asConstant();
  if (!start || !end || !step || *step == 0)
    return false;
  Dims values;
  for (int64_t v = *start; *step > 0 ? v < *end : v > *end; v += *step) {
    values.push_back(v);
    if (values.size() > kIntTensorLimit)
      return false;
    if (int64_t next; llvm::AddOverflow(v, *step, next))
      break;
  }
  int64_t count = values.size();
  return give(node, operands[0]->element, {count}, values);
}

bool foldConstantOfShape(NodeContext &node) {
  const IntTensor *shape = node.ints(0);
  const TensorData *value = node.node.getTensor("value");
  if (!shape || !value || value->bytes.size() != 8 ||
      value->type != DataType::Int64)
    return false;
  SmallVector<int64_t> sizes;
  for (const DimExpr &e : shape->values) {
    if (!e.isConstant())
      return false;
    sizes.push_back(e.constant());
  }
  if (!isSmall(sizes))
    return false;
  int64_t number;
  std::memcpy(&number, value->bytes.data(), 8);
  return give(node, node.builder.getI64Type(), sizes,
              Dims(countOf(sizes), DimExpr(number)));
}

bool foldExpand(NodeContext &node) {
  SmallVector<const IntTensor *> operands;
  if (!allKnown(node, operands) || operands.size() != 2)
    return false;
  IntTensor target{operands[0]->element, {}, {}};
  for (const DimExpr &e : operands[1]->values) {
    if (!e.isConstant())
      return false;
    target.shape.push_back(e.constant());
  }
  if (!isSmall(target.shape))
    return false;
  target.values.assign(countOf(target.shape), DimExpr(0));
  return broadcast(node, {operands[0], &target}, target.element,
                   [](ArrayRef<DimExpr> a) { return a[0]; });
}

} // namespace

bool onnx::foldShapeArithmetic(NodeContext &node) {
  if (!node.node.domain.empty())
    return false;
  if (node.node.opType == "Split")
    return foldSplit(node);
  if (node.node.outputs.size() != 1)
    return false;
  return llvm::StringSwitch<bool (*)(NodeContext &)>(node.node.opType)
      .Cases("Shape", "Size", foldShape)
      .Case("Gather", foldGather)
      .Case("Concat", foldConcat)
      .Case("Slice", foldSlice)
      .Case("Transpose", foldTranspose)
      .Cases("Reshape", "Squeeze", "Unsqueeze", "Identity", foldView)
      .Case("Cast", foldCast)
      .Case("Range", foldRange)
      .Case("ConstantOfShape", foldConstantOfShape)
      .Case("Expand", foldExpand)
      .Default(foldArithmetic)(node);
}
