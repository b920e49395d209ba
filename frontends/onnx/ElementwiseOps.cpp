// Element-wise operators: unary, binary, variadic, comparisons, Clip, Where,
// Cast, and activations composed of them.
#include "frontends/onnx/OpTranslators.h"
#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

template <typename Op> static LogicalResult unary(NodeContext &node) {
  return node.yield(node.make<Op>(node.element(0), node.in(0)));
}

template <typename Op> static LogicalResult binary(NodeContext &node) {
  return node.yield(
      node.make<Op>(node.element(0), node.in(0), node.in(1)));
}

/// Max, Min, Sum: any number of operands, folded from the left.
template <typename Op> static Value foldOperands(NodeContext &node) {
  Value all = node.in(0);
  for (size_t i = 1; i < node.inputs(); ++i)
    all = node.make<Op>(node.element(0), all, node.in(i));
  return all;
}
template <typename Op> static LogicalResult variadic(NodeContext &node) {
  return node.yield(foldOperands<Op>(node));
}

template <nn::Predicate predicate>
static LogicalResult compare(NodeContext &node) {
  return node.yield(node.make<nn::CompareOp>(node.builder.getI1Type(),
                                             node.in(0), node.in(1),
                                             predicate));
}

static LogicalResult translateIdentity(NodeContext &node) {
  return node.yield(node.in(0));
}

static LogicalResult translateDropout(NodeContext &node) {
  std::optional<DimExpr> training = node.oneInt(2);
  std::optional<std::vector<double>> ratio;
  if (node.has(1))
    ratio = node.constantFloats(1);
  bool dropsNone = ratio && ratio->size() == 1 && ratio->front() == 0;
  if (node.has(2) && !(training && training->isConstant(0)) && !dropsNone)
    return node.error() << "training_mode is not compiled but with a ratio of "
                           "0; export the model for inference";
  if (failed(node.yield(node.in(0))))
    return failure();
  if (!node.node.hasOutput(1))
    return success();
  Value ones = node.scalar(node.builder.getI1Type(), 1);
  return node.yield(node.make<nn::ExpandOp>(node.builder.getI1Type(), ones,
                                            node.dimsAttr(node.dims(0))), 1);
}

/// ai.onnx.ml: 1 above the threshold, else 0.
static LogicalResult translateBinarizer(NodeContext &node) {
  Type element = node.element(0);
  if (!element)
    return failure();
  Value threshold =
      node.scalar(element, node.node.getFloat("threshold", 0));
  return node.yield(node.cast(
      node.make<nn::CompareOp>(node.builder.getI1Type(), node.in(0), threshold,
                               nn::Predicate::Gt),
      element));
}

static LogicalResult translateMod(NodeContext &node) {
  return node.yield(node.make<nn::ModOp>(node.element(0), node.in(0),
                                         node.in(1),
                                         node.node.getInt("fmod", 0) != 0));
}

static LogicalResult translateMean(NodeContext &node) {
  Value sum = foldOperands<nn::AddOp>(node);
  return node.yield(node.make<nn::MulOp>(
      node.element(0), sum,
      node.scalar(node.element(0), 1.0 / node.inputs())));
}

static LogicalResult castTo(NodeContext &node, Type element) {
  // How a float becomes a power of two; the default is that of nn.cast.
  StringRef rounding = node.node.getString("round_mode", "up");
  if (isa_and_present<Float8E8M0FNUType>(element) && rounding != "up")
    return node.error() << "expected the round_mode 'up', but got '" << rounding
                        << "'";
  if (element == node.element(0))
    return node.yield(node.in(0));
  return node.yield(node.make<nn::CastOp>(
      element, node.in(0), node.node.getInt("saturate", 1) != 0));
}

static LogicalResult translateCast(NodeContext &node) {
  auto to = (DataType)node.node.getInt("to", 0);
  Type element = elementType(*node.builder.getContext(), to);
  if (!element)
    return node.error() << "a cast to " << dataTypeName(to)
                        << " is not compiled yet";
  return castTo(node, element);
}

static LogicalResult translateCastLike(NodeContext &node) {
  return castTo(node, node.element(1));
}

static LogicalResult translateBitCast(NodeContext &node) {
  auto to = (DataType)node.node.getInt("to", 0);
  Type element = elementType(*node.builder.getContext(), to);
  if (!element)
    return node.error() << "a bit cast to " << dataTypeName(to)
                        << " is not compiled yet";
  return node.yield(node.make<nn::BitcastOp>(element, node.in(0)));
}

static LogicalResult translateClip(NodeContext &node) {
  Value x = node.in(0);
  Type element = node.element(0);
  // max first, then min: with lo > hi the result is hi, as numpy's clip.
  if (node.has(1))
    x = node.make<nn::MaxOp>(element, x, node.in(1));
  if (node.has(2))
    x = node.make<nn::MinOp>(element, x, node.in(2));
  return node.yield(x);
}

static LogicalResult translateWhere(NodeContext &node) {
  return node.yield(node.make<nn::SelectOp>(node.element(1), node.in(0),
                                            node.in(1), node.in(2)));
}

static LogicalResult translateBitShift(NodeContext &node) {
  bool left = node.node.getString("direction", "") == "LEFT";
  return left ? binary<nn::ShiftLeftOp>(node) : binary<nn::ShiftRightOp>(node);
}

static LogicalResult translateIsInf(NodeContext &node) {
  return node.yield(node.make<nn::IsInfOp>(
      node.builder.getI1Type(), node.in(0),
      node.builder.getBoolAttr(node.node.getInt("detect_positive", 1)),
      node.builder.getBoolAttr(node.node.getInt("detect_negative", 1))));
}

static LogicalResult translateIsNan(NodeContext &node) {
  return node.yield(
      node.make<nn::IsNanOp>(node.builder.getI1Type(), node.in(0)));
}

//===- Activations ---------------------------------------------------------===//

namespace {
/// Short names for composing activations on one element type.
struct Compose {
  NodeContext &node;
  Type element;
  explicit Compose(NodeContext &node) : node(node), element(node.element(0)) {}
  Value number(double v) { return node.scalar(element, v); }
  template <typename Op, typename... Args> Value op(Args... args) {
    return node.make<Op>(element, args...);
  }
  Value choose(nn::Predicate p, Value a, Value b, Value yes, Value no) {
    Value c = node.make<nn::CompareOp>(node.builder.getI1Type(), a, b, p);
    return node.make<nn::SelectOp>(element, c, yes, no);
  }
};
} // namespace

static LogicalResult translateLeakyRelu(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  Value scaled = c.op<nn::MulOp>(x, c.number(node.node.getFloat("alpha", 0.01f)));
  return node.yield(c.choose(nn::Predicate::Lt, x, c.number(0), scaled, x));
}

static LogicalResult translatePRelu(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  Value scaled = c.op<nn::MulOp>(x, node.in(1));
  return node.yield(c.choose(nn::Predicate::Lt, x, c.number(0), scaled, x));
}

/// alpha * (exp(x / gamma) - 1) below zero.
static LogicalResult exponential(NodeContext &node, double alpha, double gamma,
                                 double above) {
  Compose c(node);
  Value x = node.in(0);
  Value inner = gamma == 1 ? x : c.op<nn::DivOp>(x, c.number(gamma));
  Value below = c.op<nn::MulOp>(
      c.op<nn::SubOp>(c.op<nn::ExpOp>(inner), c.number(1)), c.number(alpha));
  Value result = c.choose(nn::Predicate::Le, x, c.number(0), below, x);
  if (above != 1)
    result = c.op<nn::MulOp>(result, c.number(above));
  return node.yield(result);
}
static LogicalResult translateElu(NodeContext &node) {
  return exponential(node, node.node.getFloat("alpha", 1), 1, 1);
}
static LogicalResult translateCelu(NodeContext &node) {
  float alpha = node.node.getFloat("alpha", 1);
  return exponential(node, alpha, alpha, 1);
}
static LogicalResult translateSelu(NodeContext &node) {
  return exponential(node, node.node.getFloat("alpha", 1.67326319217681884765625f),
                     1, node.node.getFloat("gamma", 1.05070102214813232421875f));
}

static LogicalResult translateThresholdedRelu(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  return node.yield(c.choose(nn::Predicate::Gt, x,
                             c.number(node.node.getFloat("alpha", 1)), x,
                             c.number(0)));
}

static Value hardSigmoid(NodeContext &node, double alpha, double beta) {
  Compose c(node);
  Value y = c.op<nn::AddOp>(c.op<nn::MulOp>(node.in(0), c.number(alpha)),
                            c.number(beta));
  return c.op<nn::MinOp>(c.op<nn::MaxOp>(y, c.number(0)), c.number(1));
}
static LogicalResult translateHardSigmoid(NodeContext &node) {
  return node.yield(hardSigmoid(node, node.node.getFloat("alpha", 0.2f),
                                node.node.getFloat("beta", 0.5f)));
}
static LogicalResult translateHardSwish(NodeContext &node) {
  Compose c(node);
  return node.yield(
      c.op<nn::MulOp>(node.in(0), hardSigmoid(node, 1.0 / 6, 0.5)));
}

static LogicalResult translateSoftsign(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  return node.yield(c.op<nn::DivOp>(
      x, c.op<nn::AddOp>(c.op<nn::AbsOp>(x), c.number(1))));
}

/// log(1 + e^x) without overflow: max(x, 0) + log(1 + e^-|x|).
static Value softplus(Compose &c, Value x) {
  Value e = c.op<nn::ExpOp>(c.op<nn::NegOp>(c.op<nn::AbsOp>(x)));
  Value log = c.op<nn::LogOp>(c.op<nn::AddOp>(e, c.number(1)));
  return c.op<nn::AddOp>(c.op<nn::ReluOp>(x), log);
}
static LogicalResult translateSoftplus(NodeContext &node) {
  Compose c(node);
  return node.yield(softplus(c, node.in(0)));
}
static LogicalResult translateMish(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  return node.yield(
      c.op<nn::MulOp>(x, c.op<nn::TanhOp>(softplus(c, x))));
}

static LogicalResult translateGelu(NodeContext &node) {
  bool approximate = node.node.getString("approximate", "none") == "tanh";
  return node.yield(
      node.make<nn::GeluOp>(node.element(0), node.in(0), approximate));
}

static LogicalResult translateSwish(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  float alpha = node.node.getFloat("alpha", 1);
  if (alpha == 1)
    return node.yield(c.op<nn::SiluOp>(x));
  return node.yield(c.op<nn::MulOp>(
      x, c.op<nn::SigmoidOp>(c.op<nn::MulOp>(x, c.number(alpha)))));
}

static LogicalResult translateSwiGlu(NodeContext &node) {
  Compose c(node);
  float alpha = node.node.getFloat("alpha", 1);
  Value x = node.in(0);
  Value gate = alpha == 1 ? c.op<nn::SiluOp>(x)
                          : c.op<nn::MulOp>(x, c.op<nn::SigmoidOp>(c.op<nn::MulOp>(
                                                   x, c.number(alpha))));
  return node.yield(c.op<nn::MulOp>(gate, node.in(1)));
}

static LogicalResult translateShrink(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  double lambda = node.node.getFloat("lambd", 0.5f);
  Value bias = c.number(node.node.getFloat("bias", 0));
  Value high = c.choose(nn::Predicate::Gt, x, c.number(lambda),
                        c.op<nn::SubOp>(x, bias), c.number(0));
  return node.yield(c.choose(nn::Predicate::Lt, x, c.number(-lambda),
                             c.op<nn::AddOp>(x, bias), high));
}

static LogicalResult translateBiasGelu(NodeContext &node) {
  Value sum = node.in(0);
  if (node.has(1))
    sum = node.make<nn::AddOp>(node.element(0), sum, node.in(1));
  bool approximate = node.node.opType == "FastGelu";
  return node.yield(
      node.make<nn::GeluOp>(node.element(0), sum, approximate));
}

static LogicalResult translateQuickGelu(NodeContext &node) {
  Compose c(node);
  Value x = node.in(0);
  Value scaled = c.op<nn::MulOp>(x, c.number(node.node.getFloat("alpha", 1.702f)));
  return node.yield(c.op<nn::MulOp>(x, c.op<nn::SigmoidOp>(scaled)));
}

void onnx::addElementwiseTranslators(TranslatorTable &t) {
  t["Abs"] = unary<nn::AbsOp>;
  t["Neg"] = unary<nn::NegOp>;
  t["Sign"] = unary<nn::SignOp>;
  t["Reciprocal"] = unary<nn::ReciprocalOp>;
  t["Floor"] = unary<nn::FloorOp>;
  t["Ceil"] = unary<nn::CeilOp>;
  t["Round"] = unary<nn::RoundOp>;
  t["Sqrt"] = unary<nn::SqrtOp>;
  t["Exp"] = unary<nn::ExpOp>;
  t["Log"] = unary<nn::LogOp>;
  t["Sin"] = unary<nn::SinOp>;
  t["Cos"] = unary<nn::CosOp>;
  t["Tan"] = unary<nn::TanOp>;
  t["Asin"] = unary<nn::AsinOp>;
  t["Acos"] = unary<nn::AcosOp>;
  t["Atan"] = unary<nn::AtanOp>;
  t["Sinh"] = unary<nn::SinhOp>;
  t["Cosh"] = unary<nn::CoshOp>;
  t["Asinh"] = unary<nn::AsinhOp>;
  t["Acosh"] = unary<nn::AcoshOp>;
  t["Atanh"] = unary<nn::AtanhOp>;
  t["Tanh"] = unary<nn::TanhOp>;
  t["Erf"] = unary<nn::ErfOp>;
  t["Sigmoid"] = unary<nn::SigmoidOp>;
  t["Relu"] = unary<nn::ReluOp>;
  t["Not"] = unary<nn::NotOp>;
  t["BitwiseNot"] = unary<nn::NotOp>;
  t["Add"] = binary<nn::AddOp>;
  t["Sub"] = binary<nn::SubOp>;
  t["Mul"] = binary<nn::MulOp>;
  t["Div"] = binary<nn::DivOp>;
  t["Pow"] = binary<nn::PowOp>;
  t["And"] = binary<nn::AndOp>;
  t["Or"] = binary<nn::OrOp>;
  t["Xor"] = binary<nn::XorOp>;
  t["BitwiseAnd"] = binary<nn::AndOp>;
  t["BitwiseOr"] = binary<nn::OrOp>;
  t["BitwiseXor"] = binary<nn::XorOp>;
  t["BitShift"] = translateBitShift;
  t["Mod"] = translateMod;
  t["Max"] = variadic<nn::MaxOp>;
  t["Min"] = variadic<nn::MinOp>;
  t["Sum"] = variadic<nn::AddOp>;
  t["Mean"] = translateMean;
  t["Equal"] = compare<nn::Predicate::Eq>;
  t["Less"] = compare<nn::Predicate::Lt>;
  t["LessOrEqual"] = compare<nn::Predicate::Le>;
  t["Greater"] = compare<nn::Predicate::Gt>;
  t["GreaterOrEqual"] = compare<nn::Predicate::Ge>;
  t["IsInf"] = translateIsInf;
  t["IsNaN"] = translateIsNan;
  t["Identity"] = translateIdentity;
  t["Dropout"] = translateDropout;
  t["ai.onnx.ml::Binarizer"] = translateBinarizer;
  t["Cast"] = translateCast;
  t["CastLike"] = translateCastLike;
  t["BitCast"] = translateBitCast;
  t["Clip"] = translateClip;
  t["Where"] = translateWhere;
  t["LeakyRelu"] = translateLeakyRelu;
  t["PRelu"] = translatePRelu;
  t["Elu"] = translateElu;
  t["Celu"] = translateCelu;
  t["Selu"] = translateSelu;
  t["ThresholdedRelu"] = translateThresholdedRelu;
  t["HardSigmoid"] = translateHardSigmoid;
  t["HardSwish"] = translateHardSwish;
  t["Softsign"] = translateSoftsign;
  t["Softplus"] = translateSoftplus;
  t["Mish"] = translateMish;
  t["Gelu"] = translateGelu;
  t["Swish"] = translateSwish;
  t["SwiGLU"] = translateSwiGlu;
  t["Shrink"] = translateShrink;
  t["com.microsoft::Gelu"] = translateGelu;
  t["com.microsoft::BiasGelu"] = translateBiasGelu;
  t["com.microsoft::FastGelu"] = translateBiasGelu;
  t["com.microsoft::QuickGelu"] = translateQuickGelu;
}
