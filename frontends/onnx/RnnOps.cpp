// RNN, GRU and LSTM as scans. What does not depend on the state is computed
// for all steps at once:
//
//   p = x * W^T + b                [seq, batch, gates*hidden], one product
//   scan t: g = p[t] + h * R^T     gates, activations, next state
#include "frontends/onnx/QuantOps.h"
#include "frontends/onnx/Recurrence.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

namespace {

/// An activation with its parameters.
struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
};

class RnnTranslator {
public:
  RnnTranslator(NodeContext &node, int64_t gates)
      : node(node), b(node.builder), gates(gates) {}
  virtual ~RnnTranslator() = default;
  LogicalResult run();

protected:
  /// The next states from the projected input [batch, gates*hidden].
  virtual SmallVector<Value> step(Value projected, ValueRange states) = 0;
  virtual size_t states() const { return 1; }
  virtual std::vector<std::string> defaultActivations() const = 0;
  /// What of the recurrent bias joins the input's (all of it, mostly).
  virtual bool addsRecurrentBias() const { return true; }
  virtual LogicalResult prepare(int64_t /*direction*/) { return success(); }

  Value add(Value x, Value y) { return node.make<nn::AddOp>(element, x, y); }
  Value sub(Value x, Value y) { return node.make<nn::SubOp>(element, x, y); }
  Value mul(Value x, Value y) { return node.make<nn::MulOp>(element, x, y); }
  Value number(double v) { return node.scalar(element, v); }
  Value slice(Value v, Dims starts, Dims shape);
  /// Columns [from, from + count) of gates, in units of the hidden size.
  Value gate(Value v, int64_t from, int64_t count = 1);
  Value activate(Value x, unsigned which);
  Value clipped(Value x);
  /// [directions, gates*hidden, columns] of W (1) or R (2).
  virtual Dims matrixDims(size_t input) { return node.dims(input); }
  /// The matrix of one direction, rows [from, to) of its gates, transposed.
  virtual Value weights(size_t input, int64_t from, int64_t to);
  /// x by what weights() gave for W (1) or R (2).
  virtual Value times(Value x, size_t /*input*/, Value matrix) {
    return node.make<nn::MatmulOp>(element, x, matrix);
  }
  /// A vector of one direction, elements [from, to) in units of hidden.
  Value vector(size_t input, int64_t from, int64_t to);

  NodeContext &node;
  OpBuilder &b;
  int64_t gates, directions = 1, direction = 0, hidden = 0;
  Type element;
  DimExpr seq, batch;
  SmallVector<Activation> activations; // of this direction
};

} // namespace

Value RnnTranslator::slice(Value v, Dims starts, Dims shape) {
  SmallVector<int64_t> steps(shape.size(), 1);
  return node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                b.getDenseI64ArrayAttr(steps),
                                node.dimsAttr(shape));
}

Value RnnTranslator::gate(Value v, int64_t from, int64_t count) {
  return slice(v, {0, from * hidden}, {batch, count * hidden});
}

static std::vector<char> transposedRows(ArrayRef<char> bytes, int64_t first,
                                        int64_t rows, int64_t columns,
                                        int64_t width) {
  std::vector<char> result(rows * columns * width);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(&result[(c * rows + r) * width],
                  &bytes[((first + r) * columns + c) * width], width);
  return result;
}

Value RnnTranslator::weights(size_t input, int64_t from, int64_t to) {
  Value v = node.in(input);
  if (!v)
    return {};
  Dims dims = node.dimsOf(v);
  int64_t rows = (to - from) * hidden;
  // Constants are turned here, so that they are stored as panels.
  if (std::optional<ArrayRef<char>> bytes = node.constantBytes(input)) {
    int64_t columns = dims[2].constant();
    int64_t first = (direction * gates + from) * hidden;
    return node.constant(
        RankedTensorType::get({columns, rows}, element),
        transposedRows(*bytes, first, rows, columns,
                       element.getIntOrFloatBitWidth() / 8));
  }
  DimExpr columns = input == 2 ? DimExpr(hidden) : dims[2];
  v = node.settle(v, {directions, gates * hidden, columns});
  Value one = slice(v, {direction, from * hidden, 0}, {1, rows, columns});
  return node.transpose(node.reshape(one, {rows, columns}), {1, 0});
}

Value RnnTranslator::vector(size_t input, int64_t from, int64_t to) {
  Value v = node.in(input);
  if (!v)
    return {};
  // Biases of input and state, or peepholes.
  v = node.settle(v, {directions, (input == 3 ? 2 * gates : 3) * hidden});
  DimExpr size = (to - from) * hidden;
  return node.reshape(slice(v, {direction, from * hidden}, {1, size}), {size});
}

Value RnnTranslator::clipped(Value x) {
  float clip = node.node.getFloat("clip", 0);
  if (!node.node.has("clip") || clip <= 0)
    return x;
  x = node.make<nn::MaxOp>(element, x, number(-clip));
  return node.make<nn::MinOp>(element, x, number(clip));
}

Value RnnTranslator::activate(Value x, unsigned which) {
  const Activation &a = activations[which];
  auto isPositive = [&] {
    return node.make<nn::CompareOp>(
        b.getI1Type(), x, number(0),
        nn::PredicateAttr::get(b.getContext(), nn::Predicate::Ge));
  };
  x = clipped(x);
  if (a.name == "sigmoid")
    return node.make<nn::SigmoidOp>(element, x);
  if (a.name == "tanh")
    return node.make<nn::TanhOp>(element, x);
  if (a.name == "relu")
    return node.make<nn::ReluOp>(element, x);
  if (a.name == "affine")
    return add(mul(number(a.alpha), x), number(a.beta));
  if (a.name == "leakyrelu")
    return node.make<nn::SelectOp>(element, isPositive(), x,
                                   mul(number(a.alpha), x));
  if (a.name == "thresholdedrelu")
    return node.make<nn::SelectOp>(
        element,
        node.make<nn::CompareOp>(
            b.getI1Type(), x, number(a.alpha),
            nn::PredicateAttr::get(b.getContext(), nn::Predicate::Gt)),
        x, number(0));
  if (a.name == "scaledtanh")
    return mul(number(a.alpha),
               node.make<nn::TanhOp>(element, mul(number(a.beta), x)));
  if (a.name == "hardsigmoid") {
    Value y = add(mul(number(a.alpha), x), number(a.beta));
    y = node.make<nn::MaxOp>(element, y, number(0));
    return node.make<nn::MinOp>(element, y, number(1));
  }
  if (a.name == "elu")
    return node.make<nn::SelectOp>(
        element, isPositive(), x,
        mul(number(a.alpha),
            sub(node.make<nn::ExpOp>(element, x), number(1))));
  if (a.name == "softsign")
    return node.make<nn::DivOp>(
        element, x, add(number(1), node.make<nn::AbsOp>(element, x)));
  if (a.name == "softplus") {
    // max(x, 0) + log(1 + e^-|x|): no overflow.
    Value e = node.make<nn::ExpOp>(
        element,
        node.make<nn::NegOp>(element, node.make<nn::AbsOp>(element, x)));
    return add(node.make<nn::MaxOp>(element, x, number(0)),
               node.make<nn::LogOp>(element, add(number(1), e)));
  }
  node.error() << "unknown activation '" << a.name << "'";
  return {};
}

/// Alpha and beta where the standard has a default.
static std::pair<double, double> defaultsOf(StringRef name) {
  if (name == "leakyrelu")
    return {0.01, 0};
  if (name == "hardsigmoid")
    return {0.2, 0.5};
  if (name == "elu" || name == "thresholdedrelu")
    return {1, 0};
  if (name == "affine" || name == "scaledtanh")
    return {1, name == "affine" ? 0 : 1};
  return {0, 0};
}

LogicalResult RnnTranslator::run() {
  Value x = node.in(0), w = node.in(1), r = node.in(2);
  if (!x || !w || !r)
    return failure();
  element = node.elementOf(x);
  StringRef order = node.node.getString("direction", "forward");
  directions = order == "bidirectional" ? 2 : 1;
  Dims wDims = matrixDims(1), rDims = matrixDims(2);
  if (node.dimsOf(x).size() != 3 || wDims.size() != 3 || rDims.size() != 3)
    return node.error() << "expected X, W and R of rank 3, but got "
                        << dimsToString(node.dimsOf(x)) << ", "
                        << dimsToString(wDims) << " and "
                        << dimsToString(rDims);
  hidden = rDims[2].asConstant().value_or(node.node.getInt("hidden_size", 0));
  if (hidden < 1)
    return node.error() << "expected R with a known last size or the attribute "
                           "hidden_size, but got "
                        << dimsToString(rDims);
  if (int64_t said = node.node.getInt("hidden_size", hidden); said != hidden)
    return node.error() << "expected R of the hidden_size " << said
                        << ", but got " << dimsToString(rDims);
  auto differs = [](const DimExpr &size, int64_t expected) {
    return size.isConstant() && !size.isConstant(expected);
  };
  if (differs(wDims[0], directions) || differs(wDims[1], gates * hidden) ||
      differs(rDims[0], directions) || differs(rDims[1], gates * hidden))
    return node.error() << "expected W of [" << directions << ", "
                        << gates * hidden << ", input], but got "
                        << dimsToString(wDims) << " (R is "
                        << dimsToString(rDims) << ")";
  bool batchFirst = node.node.getInt("layout", 0);
  if (batchFirst)
    x = node.transpose(x, {1, 0, 2});
  Dims xDims = node.dimsOf(x);
  seq = xDims[0];
  batch = xDims[1];

  // Lengths that differ from `seq` or are known only at run time select.
  Value lengths;
  if (node.has(4)) {
    const IntTensor *known = node.ints(4);
    bool all = known && llvm::all_of(known->values, [&](const DimExpr &v) {
                 return v == seq;
               });
    if (!all)
      lengths = node.reshape(node.in(4), {batch, 1});
  }

  std::vector<std::string> names = defaultActivations();
  size_t each = names.size();
  if (directions == 2)
    for (size_t i = 0; i < each; ++i)
      names.push_back(std::string(names[i]));
  ArrayRef<std::string> given = node.node.getStrings("activations");
  for (size_t i = 0; i < std::min(given.size(), names.size()); ++i)
    names[i] = given[i];
  ArrayRef<float> alphas = node.node.getFloats("activation_alpha"),
                  betas = node.node.getFloats("activation_beta");
  // The lists hold values only for activations that take one.
  size_t alpha = 0, beta = 0;
  SmallVector<Activation> all;
  for (const std::string &name : names) {
    Activation a;
    a.name = StringRef(name).lower();
    std::tie(a.alpha, a.beta) = defaultsOf(a.name);
    bool takesAlpha = llvm::is_contained(
        {"affine", "leakyrelu", "thresholdedrelu", "scaledtanh", "hardsigmoid",
         "elu"}, a.name);
    bool takesBeta = llvm::is_contained({"affine", "scaledtanh", "hardsigmoid"},
                                        a.name);
    if (takesAlpha && alpha < alphas.size())
      a.alpha = alphas[alpha++];
    if (takesBeta && beta < betas.size())
      a.beta = betas[beta++];
    all.push_back(a);
  }

  Value zero = number(0);
  size_t firstState = 5;
  Value y; // [seq, directions, batch, hidden], filled by each direction
  bool wantsY = node.node.hasOutput(0);
  SmallVector<SmallVector<Value>> finals(states());
  for (direction = 0; direction < directions; ++direction) {
    activations.assign(all.begin() + direction * each,
                       all.begin() + (direction + 1) * each);
    bool backward = order == "reverse" || direction == 1;
    DimExpr input = xDims[2];
    Value flat = node.reshape(x, {seq * batch, input});
    Value p = times(flat, 1, weights(1, 0, gates));
    if (node.has(3)) {
      p = add(p, vector(3, 0, gates));
      if (addsRecurrentBias())
        p = add(p, vector(3, gates, 2 * gates));
    }
    p = node.reshape(p, {seq, batch, gates * hidden});
    if (!p || failed(prepare(direction)))
      return failure();

    SmallVector<Value> inits;
    for (size_t s = 0; s < states(); ++s) {
      Dims shape = {batch, hidden};
      if (!node.has(firstState + s)) {
        inits.push_back(
            node.make<nn::ExpandOp>(element, zero, node.dimsAttr(shape)));
        continue;
      }
      Value h = node.in(firstState + s);
      if (!h)
        return failure();
      h = node.settle(h, batchFirst ? Dims{batch, directions, hidden}
                                    : Dims{directions, batch, hidden});
      h = batchFirst ? slice(h, {0, direction, 0}, {batch, 1, hidden})
                     : slice(h, {direction, 0, 0}, {1, batch, hidden});
      inits.push_back(node.reshape(h, shape));
    }

    auto results = buildScan(
        node, seq, inits,
        [&](const DimExpr &t, ValueRange carried, ScanStep &made) -> LogicalResult {
          DimExpr at = backward ? seq - DimExpr(1) - t : t;
          Value row = node.reshape(
              slice(p, {at, 0, 0}, {1, batch, gates * hidden}),
              {batch, gates * hidden});
          SmallVector<Value> next = step(row, carried);
          Value shown = next[0];
          if (lengths) {
            Value now = node.cast(
                node.make<nn::DimsOp>(b.getI64Type(), node.dimsAttr({at}),
                                      node.dimsAttr({})),
                node.elementOf(lengths));
            Value inside = node.make<nn::CompareOp>(
                b.getI1Type(), now, lengths,
                nn::PredicateAttr::get(b.getContext(), nn::Predicate::Lt));
            shown = node.make<nn::SelectOp>(element, inside, next[0], zero);
            for (auto [i, value] : llvm::enumerate(next))
              value = node.make<nn::SelectOp>(element, inside, value,
                                              carried[i]);
          }
          made.next.assign(next.begin(), next.end());
          if (wantsY)
            made.outputs.push_back({node.reshape(shown, {1, 1, batch, hidden}),
                                    y,
                                    {seq, directions, batch, hidden},
                                    {at, direction, 0, 0}});
          return success();
        });
    if (failed(results))
      return failure();
    if (wantsY)
      y = results->back();
    for (size_t s = 0; s < states(); ++s)
      finals[s].push_back((*results)[s]);
  }

  if (wantsY &&
      failed(node.yield(batchFirst ? node.transpose(y, {2, 0, 1, 3}) : y, 0)))
    return failure();
  for (size_t s = 0; s < states(); ++s) {
    if (!node.node.hasOutput(1 + s))
      continue;
    SmallVector<Value> parts;
    Dims one = batchFirst ? Dims{batch, 1, hidden} : Dims{1, batch, hidden};
    for (Value v : finals[s])
      parts.push_back(node.reshape(v, one));
    Value v = parts.size() == 1
                  ? parts[0]
                  : node.make<nn::ConcatOp>(
                        element, parts,
                        b.getI64IntegerAttr(batchFirst ? 1 : 0));
    if (failed(node.yield(v, 1 + s)))
      return failure();
  }
  return success();
}

namespace {

/// h = f(x W^T + h R^T + b)
class PlainRnn : public RnnTranslator {
public:
  explicit PlainRnn(NodeContext &node) : RnnTranslator(node, 1) {}
  std::vector<std::string> defaultActivations() const override {
    return {"Tanh"};
  }
  LogicalResult prepare(int64_t) override {
    recurrent = weights(2, 0, 1);
    return success(recurrent != nullptr);
  }
  SmallVector<Value> step(Value p, ValueRange states) override {
    Value g = add(node.make<nn::MatmulOp>(element, states[0], recurrent), p);
    return {activate(g, 0)};
  }

private:
  Value recurrent;
};

/// Gates z, r, h:  h' = (1 - z) g(x + r . h) + z h
class Gru : public RnnTranslator {
public:
  explicit Gru(NodeContext &node)
      : RnnTranslator(node, 3),
        linearFirst(node.node.getInt("linear_before_reset", 0)) {}
  std::vector<std::string> defaultActivations() const override {
    return {"Sigmoid", "Tanh"};
  }
  bool addsRecurrentBias() const override { return false; }
  LogicalResult prepare(int64_t) override {
    gatesOnly = weights(2, 0, linearFirst ? 3 : 2);
    candidate = linearFirst ? Value() : weights(2, 2, 3);
    bias = candidateBias = {};
    if (node.has(3)) {
      bias = vector(3, 3, 5);
      candidateBias = vector(3, 5, 6);
    }
    return success(gatesOnly && (linearFirst || candidate));
  }
  SmallVector<Value> step(Value p, ValueRange states) override {
    Value h = states[0];
    Value product = node.make<nn::MatmulOp>(element, h, gatesOnly);
    Value zr = add(linearFirst ? gate(product, 0, 2) : product, gate(p, 0, 2));
    if (bias)
      zr = add(zr, bias);
    Value z = activate(gate(zr, 0), 0), r = activate(gate(zr, 1), 0);
    Value inner;
    if (linearFirst) {
      inner = gate(product, 2);
      if (candidateBias)
        inner = add(inner, candidateBias);
      inner = mul(r, inner);
    } else {
      inner = node.make<nn::MatmulOp>(element, mul(r, h), candidate);
      if (candidateBias)
        inner = add(inner, candidateBias);
    }
    Value g = activate(add(gate(p, 2), inner), 1);
    return {add(mul(sub(number(1), z), g), mul(z, h))};
  }

private:
  bool linearFirst;
  Value gatesOnly, candidate, bias, candidateBias;
};

/// Gates i, o, f, c:  c' = f . c + i . g;  h' = o . h(c')
class Lstm : public RnnTranslator {
public:
  explicit Lstm(NodeContext &node)
      : RnnTranslator(node, 4), coupled(node.node.getInt("input_forget", 0)) {}
  size_t states() const override { return 2; }
  std::vector<std::string> defaultActivations() const override {
    return {"Sigmoid", "Tanh", "Tanh"};
  }
  LogicalResult prepare(int64_t) override {
    recurrent = weights(2, 0, 4);
    for (int64_t i = 0; i < 3; ++i)
      peephole[i] = node.has(7) ? vector(7, i, i + 1) : Value();
    return success(recurrent != nullptr);
  }
  SmallVector<Value> step(Value p, ValueRange states) override {
    Value h = states[0], c = states[1];
    Value g = add(times(h, 2, recurrent), p);
    auto gated = [&](int64_t k, int64_t peep, Value cell) {
      Value v = gate(g, k);
      if (peephole[peep])
        v = add(v, mul(peephole[peep], cell));
      return activate(v, 0);
    };
    Value i = gated(0, 0, c);
    Value f = coupled ? sub(number(1), i) : gated(2, 2, c);
    Value next = add(mul(f, c), mul(i, activate(gate(g, 3), 1)));
    Value o = gated(1, 1, next);
    return {mul(o, activate(next, 2)), next};
  }

private:
  bool coupled;
  Value recurrent, peephole[3]; // i, o, f
};

/// onnxruntime's LSTM of quantized matrices, which stand transposed: operands 8
/// to 11 are scale and zero point of W and of R. The inputs of all steps are
/// quantized by their range at once, the state in each step.
class DynamicQuantizeLstm : public Lstm {
public:
  using Lstm::Lstm;

protected:
  Dims matrixDims(size_t input) override {
    Dims dims = node.dims(input);
    if (dims.size() == 3)
      std::swap(dims[1], dims[2]);
    return dims;
  }
  Value weights(size_t input, int64_t from, int64_t to) override;
  Value times(Value x, size_t input, Value) override {
    return multiplyByRange(node, x, matrices[input - 1]);
  }

private:
  QuantizedMatrix matrices[2]; // W, R of this direction
};

} // namespace

Value DynamicQuantizeLstm::weights(size_t input, int64_t from, int64_t to) {
  size_t scaleAt = input == 1 ? 8 : 10, zeroAt = scaleAt + 1;
  auto codes = node.constantBytes(input), zeros = node.constantBytes(zeroAt);
  Value v = node.in(input), scale = node.in(scaleAt);
  if (!v || !scale || !node.elementOf(v).isInteger(8) || !codes ||
      (node.has(zeroAt) && !zeros)) {
    node.error() << "expected W and R as constants of 8 bits, with scales and "
                    "constant zero points";
    return {};
  }
  int64_t columns = (to - from) * hidden;
  int64_t rows = codes->size() / (directions * columns);
  Type element = node.elementOf(v);
  auto ofDirection = [&](ArrayRef<char> bytes, ArrayRef<int64_t> shape) {
    size_t size = bytes.size() / directions;
    bytes = bytes.slice(direction * size, size);
    return node.constant(RankedTensorType::get(shape, element),
                         std::vector<char>(bytes.begin(), bytes.end()));
  };
  // One number for all columns, or one for each.
  auto each = [&](int64_t count) -> std::optional<SmallVector<int64_t>> {
    if (count == directions)
      return SmallVector<int64_t>();
    if (count == directions * columns)
      return SmallVector<int64_t>{columns};
    node.error() << "expected scales and zero points of [" << directions
                 << "] or [" << directions << ", " << columns << "], but got "
                 << count << " numbers";
    return std::nullopt;
  };
  DimExpr scales(1);
  for (const DimExpr &d : node.dimsOf(scale))
    scales *= d;
  auto shape = each(scales.asConstant().value_or(0));
  auto zeroShape = zeros ? each(zeros->size()) : SmallVector<int64_t>();
  if (!shape || !zeroShape)
    return {};
  int64_t width = shape->empty() ? 1 : columns;
  scale = slice(node.reshape(scale, {directions, width}), {direction, 0},
                {1, width});
  matrices[input - 1] = {
      ofDirection(*codes, {rows, columns}),
      zeros ? ofDirection(*zeros, *zeroShape) : Value(),
      node.reshape(scale, Dims(shape->begin(), shape->end()))};
  return matrices[input - 1].codes;
}

void onnx::addRnnTranslators(TranslatorTable &t) {
  t["RNN"] = [](NodeContext &node) { return PlainRnn(node).run(); };
  t["GRU"] = [](NodeContext &node) { return Gru(node).run(); };
  t["LSTM"] = [](NodeContext &node) { return Lstm(node).run(); };
  t["com.microsoft::DynamicQuantizeLSTM"] = [](NodeContext &node) {
    return DynamicQuantizeLstm(node).run();
  };
}
