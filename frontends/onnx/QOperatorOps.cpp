// onnxruntime's QOperator form, as what it stands for, so that quantized models
// of both forms look alike behind:
//
//   QLinearX(x, scale, zero, y_scale, y_zero)
//     -> QuantizeLinear(X(DequantizeLinear(x, scale, zero)), y_scale, y_zero)
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

/// Operand i, a scale or zero point, as a scalar.
static Value parameter(NodeContext &node, size_t i) {
  Value v = node.in(i);
  for (const DimExpr &d : node.dimsOf(v))
    if (!d.isConstant(1)) {
      node.error() << "expected one scale and zero point for the whole tensor, "
                      "but operand "
                   << i << " has the shape " << dimsToString(node.dimsOf(v));
      return {};
    }
  return node.reshape(v, {});
}

/// Operand i with its scale and zero point behind it, in float.
static Value dequantize(NodeContext &node, size_t i) {
  Type f32 = node.builder.getF32Type();
  Value v = node.cast(node.in(i), f32);
  std::optional<ArrayRef<char>> zero = node.constantBytes(i + 2);
  bool centred = zero && llvm::all_of(*zero, [](char c) { return c == 0; });
  if (node.has(i + 2) && !centred)
    v = node.make<nn::SubOp>(f32, v, node.cast(parameter(node, i + 2), f32));
  return node.make<nn::MulOp>(f32, v, parameter(node, i + 1));
}

/// To the type of `like` by the scale at operand i and the zero point behind.
static LogicalResult quantize(NodeContext &node, Value y, size_t i, Type like) {
  if (!y)
    return failure();
  auto to = [&](auto zero) {
    return node.make<nn::QuantizeOp>(like, y, parameter(node, i), zero);
  };
  return node.yield(node.has(i + 1) ? to(parameter(node, i + 1)) : to(nullptr));
}

static onnx::Attribute integer(StringRef name, int64_t value) {
  onnx::Attribute attribute;
  attribute.name = name.str();
  attribute.kind = onnx::Attribute::Int;
  attribute.i = value;
  return attribute;
}

/// "QLinearX" as X, of one operand.
static LogicalResult translateUnary(NodeContext &node) {
  StringRef plain = StringRef(node.node.opType).drop_front(strlen("QLinear"));
  Value y = node.translateAs(plain, {dequantize(node, 0)});
  return quantize(node, y, 3, node.element(0));
}

/// The same of two.
static LogicalResult translateBinary(NodeContext &node) {
  StringRef plain = StringRef(node.node.opType).drop_front(strlen("QLinear"));
  Value y =
      node.translateAs(plain, {dequantize(node, 0), dequantize(node, 3)});
  return quantize(node, y, 6, node.element(0));
}

/// [N, spatial..., C] or back, by a permutation of the places in between.
static Value moveChannels(NodeContext &node, Value x, bool toSecond) {
  int64_t rank = node.dimsOf(x).size();
  if (rank < 3)
    return x;
  SmallVector<int64_t> permutation = {0};
  if (toSecond)
    permutation.push_back(rank - 1);
  for (int64_t i = toSecond ? 1 : 2; i < rank - (toSecond ? 1 : 0); ++i)
    permutation.push_back(i);
  if (!toSecond)
    permutation.push_back(1);
  return node.transpose(x, permutation);
}

static LogicalResult translatePool(NodeContext &node) {
  StringRef plain = StringRef(node.node.opType).drop_front(strlen("QLinear"));
  bool channelsLast = node.node.getInt("channels_last", 0) != 0;
  Value x = dequantize(node, 0);
  if (channelsLast)
    x = moveChannels(node, x, true);
  Value y = node.translateAs(plain, {x});
  if (channelsLast)
    y = moveChannels(node, y, false);
  return quantize(node, y, 3, node.element(0));
}

/// Before opset 13 all dimensions from the axis on are one.
static LogicalResult translateSoftmax(NodeContext &node) {
  Value x = dequantize(node, 0);
  if (!x)
    return failure();
  bool joins = node.node.getInt("opset", 13) < 13;
  Dims shape = node.dimsOf(x);
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", joins ? 1 : -1), shape.size());
  if (failed(axis))
    return failure();
  if (joins) {
    DimExpr rows = 1, columns = 1;
    for (auto [i, d] : llvm::enumerate(shape))
      ((int64_t)i < *axis ? rows : columns) *= d;
    x = node.reshape(x, {rows, columns});
  }
  Value y =
      node.translateAs("Softmax", {x}, {integer("axis", joins ? 1 : *axis)});
  return quantize(node, joins ? node.reshape(y, shape) : y, 3, node.element(0));
}

/// condition, x and y with their scales and zero points, those of the result.
static LogicalResult translateWhere(NodeContext &node) {
  Value y = node.translateAs(
      "Where", {node.in(0), dequantize(node, 1), dequantize(node, 4)});
  return quantize(node, y, 7, node.element(1));
}

/// The result's scale and zero point, then any number of operands with theirs.
static LogicalResult translateConcat(NodeContext &node) {
  SmallVector<Value> operands;
  for (size_t i = 2; i < node.inputs(); i += 3)
    operands.push_back(dequantize(node, i));
  Value y = node.translateAs("Concat", operands);
  return quantize(node, y, 0, node.element(2));
}

void onnx::addQOperatorTranslators(TranslatorTable &t) {
  t["com.microsoft::QLinearAdd"] = translateBinary;
  t["com.microsoft::QLinearMul"] = translateBinary;
  t["com.microsoft::QLinearSigmoid"] = translateUnary;
  t["com.microsoft::QLinearLeakyRelu"] = translateUnary;
  t["com.microsoft::QLinearSoftmax"] = translateSoftmax;
  t["com.microsoft::QLinearAveragePool"] = translatePool;
  t["com.microsoft::QLinearGlobalAveragePool"] = translatePool;
  t["com.microsoft::QLinearWhere"] = translateWhere;
  t["com.microsoft::QLinearConcat"] = translateConcat;
}
