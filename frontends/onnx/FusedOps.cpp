// What onnxruntime saves of an optimized model: FusedConv and FusedGemm, the
// plain operator and an activation behind it.
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

static onnx::Attribute number(StringRef name, float value) {
  onnx::Attribute attribute;
  attribute.name = name.str();
  attribute.kind = onnx::Attribute::Float;
  attribute.f = value;
  return attribute;
}

/// activation(y) by its parameters, in the order in which onnxruntime reads
/// them.
static Value activate(NodeContext &node, Value y, ArrayRef<float> parameters) {
  struct Activation {
    StringRef name;
    SmallVector<StringRef> parameters;
  };
  static const Activation known[] = {
      {"Relu", {}},
      {"Sigmoid", {}},
      {"Tanh", {}},
      {"Softplus", {}},
      {"Softsign", {}},
      {"LeakyRelu", {"alpha"}},
      {"Elu", {"alpha"}},
      {"ThresholdedRelu", {"alpha"}},
      {"HardSigmoid", {"alpha", "beta"}},
      {"Selu", {"alpha", "gamma"}},
      {"Clip", {"min", "max"}},
  };
  StringRef name = node.node.getString("activation", "");
  if (!y || name.empty())
    return y;
  auto it = llvm::find_if(
      known, [&](const Activation &a) { return a.name == name; });
  if (it == std::end(known)) {
    node.error() << "activation '" << name << "' is not compiled yet";
    return {};
  }
  if (parameters.size() != it->parameters.size()) {
    node.error() << "expected " << it->parameters.size()
                 << " parameters of the activation " << name << ", but got "
                 << parameters.size();
    return {};
  }
  Type element = node.elementOf(y);
  if (name == "Clip")
    return node.translateAs(name, {y, node.scalar(element, parameters[0]),
                                   node.scalar(element, parameters[1])});
  std::vector<onnx::Attribute> attributes;
  for (auto [parameter, value] : llvm::zip(it->parameters, parameters))
    attributes.push_back(number(parameter, value));
  return node.translateAs(name, {y}, attributes);
}

/// activation(conv(x, w) + bias + z)
static LogicalResult translateFusedConv(NodeContext &node) {
  Value y = node.translateAs("Conv", {node.in(0), node.in(1), node.in(2)});
  if (node.has(3))
    y = node.make<nn::AddOp>(node.element(0), y, node.in(3));
  return node.yield(
      activate(node, y, node.node.getFloats("activation_params")));
}

static LogicalResult translateFusedGemm(NodeContext &node) {
  Value y = node.translateAs("Gemm", {node.in(0), node.in(1), node.in(2)});
  SmallVector<float> parameters;
  for (StringRef name :
       {"activation_alpha", "activation_beta", "activation_gamma"})
    if (node.node.has(name))
      parameters.push_back(node.node.getFloat(name, 0));
  return node.yield(activate(node, y, parameters));
}

void onnx::addFusedTranslators(TranslatorTable &t) {
  t["com.microsoft::FusedConv"] = translateFusedConv;
  t["com.microsoft::FusedGemm"] = translateFusedGemm;
}
