// Signals: DFT, STFT, MelWeightMatrix.
//
// A transform of n points is a product with the n by n matrix of its cosines
// and sines; a long one with factors is two short ones with a twist between
// (Cooley and Tukey, 1965): n = a * b costs a + b products a point, not n.
#include "frontends/onnx/OpTranslators.h"
#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

namespace {
/// A complex tensor; the imaginary part may be absent.
struct Complex {
  Value re, im;
};

class Transform {
public:
  Transform(NodeContext &node, Type element, bool inverse)
      : node(node), element(element), sign(inverse ? 1 : -1) {}
  /// Over the last dimension, of n points; the first `kept` results.
  Complex apply(Complex x, DimExpr n, DimExpr kept);

private:
  static constexpr int64_t kDirect = 128;
  Value table(const DimExpr &rows, const DimExpr &columns, const DimExpr &n,
              bool sine);
  Value symbolicTable(const DimExpr &rows, const DimExpr &columns,
                      const DimExpr &n, bool sine);
  Complex direct(Complex x, const DimExpr &n, const DimExpr &kept);
  Complex twist(Complex x, int64_t rows, int64_t columns, int64_t n);
  Value add(Value a, Value b) { return node.make<nn::AddOp>(element, a, b); }
  Value sub(Value a, Value b) { return node.make<nn::SubOp>(element, a, b); }
  Value mul(Value a, Value b) { return node.make<nn::MulOp>(element, a, b); }

  NodeContext &node;
  Type element;
  double sign;
};
} // namespace

static Value floats(NodeContext &node, Type element, Dims shape,
                    ArrayRef<double> values) {
  SmallVector<int64_t> sizes;
  for (const DimExpr &d : shape)
    sizes.push_back(d.constant());
  std::vector<char> bytes;
  for (double v : values) {
    float single = (float)v;
    const char *from = element.isF64() ? (const char *)&v : (const char *)&single;
    bytes.insert(bytes.end(), from, from + (element.isF64() ? 8 : 4));
  }
  return node.constant(RankedTensorType::get(sizes, element), std::move(bytes));
}

/// cos or sin of +-2 pi r c / n, [rows, columns]; r * c is reduced first.
Value Transform::table(const DimExpr &rows, const DimExpr &columns,
                       const DimExpr &n, bool sine) {
  if (!n.isConstant())
    return symbolicTable(rows, columns, n, sine);
  std::vector<double> values;
  int64_t points = n.constant();
  for (int64_t r = 0; r < rows.constant(); ++r)
    for (int64_t c = 0; c < columns.constant(); ++c) {
      double angle = sign * 2 * M_PI * (double)(r * c % points) / (double)points;
      values.push_back(sine ? std::sin(angle) : std::cos(angle));
    }
  return floats(node, element, {rows, columns}, values);
}

/// A size as a scalar.
static Value sizeAs(NodeContext &node, Type element, const DimExpr &size) {
  return node.cast(node.make<nn::DimsOp>(node.builder.getI64Type(),
                                         node.dimsAttr({size}),
                                         node.dimsAttr({})),
                   element);
}

/// The same for a size known when the model runs.
Value Transform::symbolicTable(const DimExpr &rows, const DimExpr &columns,
                               const DimExpr &n, bool sine) {
  Type i64 = node.builder.getI64Type(), f64 = node.builder.getF64Type();
  auto count = [&](const DimExpr &size) {
    return node.make<nn::IotaOp>(i64, node.scalar(i64, 0), node.scalar(i64, 1),
                                 node.dimsAttr({size}));
  };
  Value at = node.make<nn::MulOp>(i64, node.reshape(count(rows), {rows, 1}),
                                  count(columns));
  at = node.make<nn::ModOp>(i64, at, sizeAs(node, i64, n));
  Value turn = node.make<nn::DivOp>(f64, node.cast(at, f64),
                                    sizeAs(node, f64, n));
  Value angle =
      node.make<nn::MulOp>(f64, turn, node.scalar(f64, sign * 2 * M_PI));
  return node.cast(sine ? node.make<nn::SinOp>(f64, angle)
                        : node.make<nn::CosOp>(f64, angle),
                   element);
}

Complex Transform::direct(Complex x, const DimExpr &n, const DimExpr &kept) {
  Value cosines = table(n, kept, n, false), sines = table(n, kept, n, true);
  auto product = [&](Value v, Value by) {
    return node.make<nn::MatmulOp>(element, v, by);
  };
  Complex y = {product(x.re, cosines), product(x.re, sines)};
  if (x.im) {
    y.re = sub(y.re, product(x.im, sines));
    y.im = add(y.im, product(x.im, cosines));
  }
  return y;
}

Complex Transform::twist(Complex x, int64_t rows, int64_t columns, int64_t n) {
  Value cosines = table(rows, columns, n, false), sines = table(rows, columns, n, true);
  return {sub(mul(x.re, cosines), mul(x.im, sines)),
          add(mul(x.re, sines), mul(x.im, cosines))};
}

Complex Transform::apply(Complex x, DimExpr points, DimExpr kept) {
  if (!points.isConstant())
    return direct(x, points, kept);
  int64_t n = points.constant(), a = 1;
  for (int64_t f = 2; f * f <= n; ++f)
    if (n % f == 0)
      a = f;
  if (n <= kDirect || a == 1)
    return direct(x, n, kept);
  int64_t b = n / a;
  // x[j * b + i] as [.., j, i]; over j, twisted, over i; results k = k1 + a k2.
  Dims shape = node.dimsOf(x.re);
  shape.pop_back();
  size_t rank = shape.size();
  SmallVector<int64_t> swap;
  for (size_t i = 0; i < rank; ++i)
    swap.push_back(i);
  swap.append({(int64_t)rank + 1, (int64_t)rank});
  auto each = [&](Complex v, auto f) {
    return Complex{f(v.re), v.im ? f(v.im) : Value()};
  };
  auto transpose = [&](Value v) { return node.transpose(v, swap); };
  Dims split = shape, whole = shape;
  split.append({DimExpr(a), DimExpr(b)});
  whole.push_back(n);
  Complex y = each(x, [&](Value v) { return transpose(node.reshape(v, split)); });
  y = twist(apply(y, a, a), b, a, n);             // [.., i, k1]
  y = apply(each(y, transpose), b, b);            // [.., k1, k2]
  y = each(y, transpose);                         // [.., k2, k1]
  y = each(y, [&](Value v) { return node.reshape(v, whole); });
  if (kept == points)
    return y;
  Dims starts(rank + 1, 0), cut = shape;
  cut.push_back(kept);
  SmallVector<int64_t> steps(rank + 1, 1);
  return each(y, [&](Value v) {
    return node.make<nn::SliceOp>(element, v, node.dimsAttr(starts),
                                  ArrayRef<int64_t>(steps), node.dimsAttr(cut));
  });
}

/// One of the two parts of a tensor whose last dimension holds them.
static Value part(NodeContext &node, Value v, int64_t which) {
  Dims starts(node.dimsOf(v).size(), 0), shape = node.dimsOf(v);
  starts.back() = which;
  shape.back() = 1;
  SmallVector<int64_t> steps(shape.size(), 1);
  Value one = node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                     ArrayRef<int64_t>(steps), node.dimsAttr(shape));
  shape.pop_back();
  return node.reshape(one, shape);
}

static Complex parts(NodeContext &node, Value v) {
  if (node.dimsOf(v).back().isConstant(1)) {
    Dims shape = node.dimsOf(v);
    shape.pop_back();
    return {node.reshape(v, shape), {}};
  }
  return {part(node, v, 0), part(node, v, 1)};
}

static Value joined(NodeContext &node, Complex c) {
  Dims shape = node.dimsOf(c.re);
  shape.push_back(1);
  int64_t axis = shape.size() - 1;
  return node.make<nn::ConcatOp>(
      node.elementOf(c.re),
      SmallVector<Value>{node.reshape(c.re, shape), node.reshape(c.im, shape)},
      axis);
}

/// The last dimension cut or filled with zeros to n.
static Value resized(NodeContext &node, Value v, const DimExpr &n) {
  if (!v || node.dimsOf(v).back() == n)
    return v;
  Dims low(node.dimsOf(v).size(), 0), high(low);
  high.back() = n - node.dimsOf(v).back();
  Type element = node.elementOf(v);
  return node.make<nn::PadOp>(element, v, node.scalar(element, 0),
                              node.dimsAttr(low), node.dimsAttr(high),
                              nn::PadMode::Constant);
}

static LogicalResult translateDft(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Dims sizes = node.dims(0);
  int64_t rank = sizes.size(), asked = node.node.getInt("axis", -2);
  if (node.has(2)) {
    std::optional<DimExpr> given = node.requireInt(2, "axis");
    if (!given)
      return failure();
    asked = given->asConstant().value_or(INT64_MAX);
  }
  FailureOr<int64_t> axis = node.axis(asked, rank);
  if (failed(axis))
    return failure();
  Type element = node.element(0);
  if (rank < 2 || *axis == rank - 1 || !(element.isF32() || element.isF64()))
    return node.error() << "expected a signal of float or double with an axis "
                           "before the last dimension, but got "
                        << dimsToString(sizes) << " and axis " << *axis;
  bool inverse = node.node.getInt("inverse", 0) != 0;
  bool oneSided = node.node.getInt("onesided", 0) != 0;
  // The inverse of a one-sided spectrum has twice its points, less the ends.
  DimExpr length = sizes[*axis];
  if (inverse && oneSided)
    length = (length - DimExpr(1)) * DimExpr(2);
  if (node.has(1)) {
    std::optional<DimExpr> given = node.requireInt(1, "dft_length");
    if (!given)
      return failure();
    length = *given;
  }
  // A symbolic length is one product with a matrix made when the model runs.
  constexpr int64_t longest = 1 << 20, longestSymbolic = 1 << 12;
  DimRange range = length.range(node.analysis.symbols);
  bool fixed = length.isConstant();
  if (range.hi < 1 || range.hi > (fixed ? longest : longestSymbolic))
    return node.error() << "expected a length of 1 to " << longest
                        << ", or up to " << longestSymbolic
                        << " if it is known only at run time, but got "
                        << length.str() << " of " << range.lo << ".."
                        << range.hi << "; give the size with --dim";
  DimExpr n = length, half = DimExpr::floorDiv(n, 2) + DimExpr(1);
  // The axis last.
  SmallVector<int64_t> order, back(rank - 1);
  for (int64_t i = 0; i + 1 < rank; ++i)
    if (i != *axis)
      order.push_back(i);
  order.push_back(*axis);
  for (auto [i, from] : llvm::enumerate(order))
    back[from] = i;
  Complex v = parts(node, x);
  auto move = [&](Value part, ArrayRef<int64_t> how) {
    return part ? node.transpose(part, how) : part;
  };
  v = {move(v.re, order), move(v.im, order)};
  if (inverse && oneSided) {
    // The other half mirrors this one: conjugates.
    v = {resized(node, v.re, half), resized(node, v.im, half)};
    DimExpr rest = n - half;
    auto mirrored = [&](Value p, bool negates) {
      if (!p || rest.isConstant(0))
        return p;
      Dims starts(rank - 1, 0), shape = node.dimsOf(p);
      starts.back() = rest;
      shape.back() = rest;
      SmallVector<int64_t> steps(rank - 1, 1);
      steps.back() = -1;
      Value m = node.make<nn::SliceOp>(element, p, node.dimsAttr(starts),
                                       ArrayRef<int64_t>(steps), node.dimsAttr(shape));
      if (negates)
        m = node.make<nn::NegOp>(element, m);
      return node.make<nn::ConcatOp>(element, SmallVector<Value>{p, m}, rank - 2);
    };
    v = {mirrored(v.re, false), mirrored(v.im, true)};
  } else {
    v = {resized(node, v.re, n), resized(node, v.im, n)};
  }
  Complex y = Transform(node, element, inverse)
                  .apply(v, n, oneSided && !inverse ? half : n);
  auto scale = [&](Value p) {
    return fixed ? node.make<nn::MulOp>(element, p,
                                        node.scalar(element, 1.0 / n.constant()))
                 : node.make<nn::DivOp>(element, p, sizeAs(node, element, n));
  };
  if (inverse)
    y = {scale(y.re), scale(y.im)};
  y = {move(y.re, back), move(y.im, back)};
  if (!inverse || !oneSided)
    return node.yield(joined(node, y));
  Dims real = node.dimsOf(y.re);
  real.push_back(1);
  return node.yield(node.reshape(y.re, real));
}

/// Frames of the signal by one gather, times the window, each transformed.
static LogicalResult translateStft(NodeContext &node) {
  Value x = node.in(0);
  std::optional<DimExpr> step = node.requireInt(1, "frame_step");
  if (!x || !step)
    return failure();
  Dims sizes = node.dims(0);
  if (node.has(2) && node.rank(2) != 1)
    return node.error() << "expected a window of rank 1, but got "
                        << dimsToString(node.dims(2));
  DimExpr length = node.has(2) ? node.dims(2)[0] : DimExpr(0);
  if (node.has(3)) {
    std::optional<DimExpr> given = node.requireInt(3, "frame_length");
    if (!given)
      return failure();
    length = *given;
  }
  Type element = node.element(0), i64 = node.builder.getI64Type();
  if (sizes.size() != 3 && sizes.size() != 2)
    return node.error() << "expected a signal [batch, samples, parts], but got "
                        << dimsToString(sizes);
  if (!length.isConstant() || length.constant() < 1 || !step->isConstant() ||
      step->constant() < 1 || !(element.isF32() || element.isF64()))
    return node.error() << "expected a constant frame_step and frame_length "
                           "and a signal of float or double, but got "
                        << step->str() << " and " << length.str();
  int64_t n = length.constant(), hop = step->constant();
  DimExpr frames =
      DimExpr::floorDiv(sizes[1] - DimExpr(n), hop) + DimExpr(1);
  Value start = node.make<nn::IotaOp>(i64, node.scalar(i64, 0),
                                      node.scalar(i64, hop), node.dimsAttr({frames}));
  Value along = node.make<nn::IotaOp>(i64, node.scalar(i64, 0),
                                      node.scalar(i64, 1), node.dimsAttr({n}));
  Value at = node.make<nn::AddOp>(i64, node.reshape(start, {frames, 1}), along);
  Complex v = sizes.size() == 3 ? parts(node, x) : Complex{x, {}};
  auto framed = [&](Value p) {
    if (!p)
      return p;
    p = node.make<nn::GatherOp>(element, p, at, 1);
    return node.has(2) ? node.make<nn::MulOp>(element, p, resized(node, node.in(2), n)) : p;
  };
  v = {framed(v.re), framed(v.im)};
  int64_t kept = node.node.getInt("onesided", 1) ? n / 2 + 1 : n;
  return node.yield(joined(node, Transform(node, element, false).apply(v, n, kept)));
}

/// Triangles between centres that are equally far apart in mel (2595 lg(1 +
/// f / 700)), as ONNX's reference builds them.
static LogicalResult translateMelWeightMatrix(NodeContext &node) {
  double given[5];
  for (size_t i = 0; i < 5; ++i) {
    if (const IntTensor *number = node.ints(i)) {
      if (number->values.size() == 1 && number->values[0].isConstant()) {
        given[i] = number->values[0].constant();
        continue;
      }
    }
    std::optional<std::vector<double>> number = node.constantFloats(i);
    if (!number || number->empty())
      return node.error() << "operand " << i
                          << " decides the matrix and is known only at run "
                             "time; bind it with --value or make it a constant";
    given[i] = number->front();
  }
  int64_t bins = given[0], length = given[1];
  double rate = given[2];
  auto type = (DataType)node.node.getInt("output_datatype", (int64_t)DataType::Float);
  Type element = elementType(*node.builder.getContext(), type);
  constexpr int64_t most = 1 << 16;
  if (!isa_and_present<FloatType>(element) || bins < 1 || bins > most ||
      length < 1 || length > most)
    return node.error() << "expected 1 to " << most
                        << " bands and points, and a float type";
  auto mel = [](double f) { return 2595 * std::log10(1 + f / 700); };
  double low = mel(given[3]), high = mel(given[4]);
  double apart = (high - low) / (double)(bins + 2);
  std::vector<int64_t> centres;
  for (int64_t i = 0; i < bins + 2; ++i) {
    double f = 700 * (std::pow(10.0, (low + apart * i) / 2595) - 1);
    centres.push_back((int64_t)std::floor((length + 1) * f / rate));
  }
  int64_t rows = length / 2 + 1;
  std::vector<double> matrix(rows * bins, 0.0);
  for (int64_t b = 0; b < bins; ++b) {
    int64_t left = centres[b], centre = centres[b + 1], right = centres[b + 2];
    auto put = [&](int64_t row, double v) {
      if (row >= 0 && row < rows)
        matrix[row * bins + b] = v;
    };
    if (centre == left)
      put(centre, 1);
    for (int64_t j = left; centre > left && j <= centre; ++j)
      put(j, (double)(j - left) / (centre - left));
    for (int64_t j = centre; right > centre && j < right; ++j)
      put(j, (double)(right - j) / (right - centre));
  }
  Type computed = element.isF64() ? element : (Type)node.builder.getF32Type();
  return node.yield(node.cast(floats(node, computed, {rows, bins}, matrix), element));
}

void onnx::addSignalTranslators(TranslatorTable &t) {
  t["DFT"] = translateDft;
  t["STFT"] = translateStft;
  t["MelWeightMatrix"] = translateMelWeightMatrix;
}
