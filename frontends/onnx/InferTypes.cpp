//===- InferTypes.cpp - libonnx's shape inference -------------------------===//

#include "frontends/onnx/ProtoSteps.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"

#include "onnx/shape_inference/implementation.h"

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::Error;
using llvm::Twine;

using ValueInfoProtos = google::protobuf::RepeatedPtrField<pb::ValueInfoProto>;

// libonnx follows the values of integer tensors, and for one whose length it
// knows it makes a message per element.
static constexpr int64_t longestFollowed = 1 << 16;

static bool isLong(const ValueInfoProtos &infos) {
  for (const auto &info : infos) {
    const auto &shape = info.type().tensor_type().shape();
    if (shape.dim_size() == 1 && shape.dim(0).dim_value() > longestFollowed)
      return true;
  }
  return false;
}

static bool hasLongVector(pb::GraphProto &graph) {
  bool found = isLong(graph.input()) || isLong(graph.value_info()) ||
               isLong(graph.output());
  for (const auto &initializer : graph.initializer())
    found |=
        initializer.dims_size() == 1 && initializer.dims(0) > longestFollowed;
  forEachNode(graph, [&](pb::NodeProto &node) {
    for (const auto &attribute : node.attribute())
      found |=
          isLong(attribute.g().value_info()) || isLong(attribute.g().input());
  });
  return found;
}

static void tryInfer(pb::ModelProto &proto, bool followValues) {
  pb::ShapeInferenceOptions options(/*check_type=*/false, /*error_mode=*/0,
                                    followValues);
  // A failure halfway must not leave half of the types.
  pb::ModelProto result = proto;
  Error error = callLibonnx([&] {
    pb::shape_inference::DataValueMap values;
    pb::shape_inference::InferShapes(result, pb::OpSchemaRegistry::Instance(),
                                     options, &values);
  });
  if (!error)
    proto = std::move(result);
  llvm::consumeError(std::move(error));
}

void tenon::onnx::inferTypes(pb::ModelProto &proto) {
  tryInfer(proto, /*followValues=*/false);
  if (!hasLongVector(*proto.mutable_graph()))
    tryInfer(proto, /*followValues=*/true);
}

static bool sameDims(const pb::TensorShapeProto &a,
                     const pb::TensorShapeProto &b) {
  if (a.dim_size() != b.dim_size())
    return false;
  for (int i = 0; i < a.dim_size(); ++i)
    if (a.dim(i).has_dim_value() && b.dim(i).has_dim_value() &&
        a.dim(i).dim_value() != b.dim(i).dim_value())
      return false;
  return true;
}

static std::string spell(const pb::TensorShapeProto &shape) {
  std::string text = "[";
  for (const auto &dim : shape.dim()) {
    text += text.size() > 1 ? "," : "";
    text += dim.has_dim_value()       ? std::to_string(dim.dim_value())
            : dim.dim_param().empty() ? "?"
                                      : dim.dim_param();
  }
  return text + "]";
}

namespace {
/// Where a value comes from, and what ONNX infers for it.
struct Inferred {
  const pb::TypeProto *type = nullptr;
  const pb::NodeProto *producer = nullptr;
};
} // namespace

static Error checkDeclared(pb::ValueInfoProto &declared,
                           const Inferred &inferred,
                           std::vector<std::string> &warnings) {
  if (!declared.type().has_tensor_type() || !inferred.type->has_tensor_type())
    return Error::success();
  auto &ours = *declared.mutable_type()->mutable_tensor_type();
  const auto &theirs = inferred.type->tensor_type();
  auto name = [](int type) {
    return dataTypeName(static_cast<DataType>(type));
  };
  if (ours.elem_type() && theirs.elem_type() &&
      ours.elem_type() != theirs.elem_type())
    return createStringError(
        describe(*inferred.producer) + ": value '" + declared.name() +
        "' is declared with element type " + name(ours.elem_type()) +
        ", but the operator gives " + name(theirs.elem_type()));
  if (!ours.has_shape() || !theirs.has_shape() ||
      sameDims(ours.shape(), theirs.shape()))
    return Error::success();
  warnings.push_back(describe(*inferred.producer) + ": value '" +
                     declared.name() + "' is declared as " +
                     spell(ours.shape()) + ", but the operator gives " +
                     spell(theirs.shape()) + "; taking the latter");
  *ours.mutable_shape() = theirs.shape();
  return Error::success();
}

/// A value may be declared more than once, then always the same.
static Error checkRepeated(const pb::GraphProto &graph) {
  llvm::StringMap<const pb::ValueInfoProto *> first;
  for (const auto *infos :
       {&graph.input(), &graph.output(), &graph.value_info()})
    for (const auto &info : *infos) {
      auto [place, isNew] = first.try_emplace(info.name(), &info);
      const auto &a = place->second->type().tensor_type();
      const auto &b = info.type().tensor_type();
      if (isNew || !a.elem_type() || !b.elem_type())
        continue;
      if (a.elem_type() == b.elem_type() &&
          (!a.has_shape() || !b.has_shape() || sameDims(a.shape(), b.shape())))
        continue;
      return createStringError(
          "value '" + info.name() + "' is declared twice, as " +
          dataTypeName(static_cast<DataType>(a.elem_type())) +
          spell(a.shape()) + " and as " +
          dataTypeName(static_cast<DataType>(b.elem_type())) +
          spell(b.shape()));
    }
  return Error::success();
}

Error tenon::onnx::checkDeclaredTypes(pb::ModelProto &proto,
                                      std::vector<std::string> &warnings) {
  if (Error error = checkRepeated(proto.graph()))
    return error;
  pb::ModelProto undeclared = proto;
  undeclared.mutable_graph()->clear_value_info();
  for (auto &output : *undeclared.mutable_graph()->mutable_output())
    output.clear_type();
  inferTypes(undeclared);

  llvm::StringMap<Inferred> inferred;
  for (const auto &node : undeclared.graph().node())
    for (const std::string &output : node.output())
      inferred[output].producer = &node;
  for (const auto *infos :
       {&undeclared.graph().value_info(), &undeclared.graph().output()})
    for (const auto &info : *infos)
      if (info.has_type())
        inferred[info.name()].type = &info.type();
  for (auto *infos : {proto.mutable_graph()->mutable_value_info(),
                      proto.mutable_graph()->mutable_output()})
    for (auto &info : *infos) {
      auto place = inferred.find(info.name());
      if (place == inferred.end() || !place->second.type ||
          !place->second.producer)
        continue;
      if (Error error = checkDeclared(info, place->second, warnings))
        return error;
    }
  return Error::success();
}
