//===- ConvertOpset.cpp - libonnx's version converter ---------------------===//
//
// The converter goes through an IR of its own, which has no place for some
// things; they are hidden from it and put back:
//
//   ai.onnx operators that ONNX does not know (onnxruntime's), which it would
//     refuse                          -> another domain
//   outputs without a name, which it would mix up -> a name
//   names of nodes it replaces or adds            -> found by their outputs
//
//===----------------------------------------------------------------------===//

#include "frontends/onnx/ProtoSteps.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"

#include "onnx/version_converter/convert.h"

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

static constexpr const char *hiddenDomain = "tenon.hidden";
static constexpr const char *hiddenOutput = "tenon.unused/";

static void hide(pb::ModelProto &proto) {
  bool hidden = false;
  int unused = 0;
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    if (node.domain().empty() &&
        !pb::OpSchemaRegistry::Schema(node.op_type(), "")) {
      node.set_domain(hiddenDomain);
      hidden = true;
    }
    for (std::string &output : *node.mutable_output())
      if (output.empty())
        output = hiddenOutput + std::to_string(unused++);
  });
  if (hidden)
    setImport(proto, hiddenDomain, 1);
}

static void dropHiddenValues(pb::GraphProto &graph) {
  auto &infos = *graph.mutable_value_info();
  for (auto info = infos.begin(); info != infos.end();)
    if (StringRef(info->name()).starts_with(hiddenOutput))
      info = infos.erase(info);
    else
      ++info;
}

static void unhide(pb::ModelProto &proto) {
  dropHiddenValues(*proto.mutable_graph());
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    if (node.domain() == hiddenDomain)
      node.clear_domain();
    for (std::string &output : *node.mutable_output())
      if (StringRef(output).starts_with(hiddenOutput))
        output.clear();
    for (pb::AttributeProto &attribute : *node.mutable_attribute())
      if (attribute.has_g())
        dropHiddenValues(*attribute.mutable_g());
  });
  auto &imports = *proto.mutable_opset_import();
  for (auto import = imports.begin(); import != imports.end(); ++import)
    if (import->domain() == hiddenDomain) {
      imports.erase(import);
      break;
    }
}

using OwnerMap = llvm::StringMap<std::string>;

/// Value to the name of the node that defines it.
static OwnerMap findOwners(pb::ModelProto &proto) {
  OwnerMap owners;
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    for (const std::string &output : node.output())
      owners[output] = node.name();
  });
  return owners;
}

/// A node that replaces another has its outputs and takes its name. One that
/// was put before or behind is named for it: "resize/Constant".
static void nameNewNodes(pb::ModelProto &proto, const OwnerMap &owners) {
  OwnerMap readers;
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    if (node.name().empty())
      for (const std::string &output : node.output())
        if (auto owner = owners.find(output); owner != owners.end())
          node.set_name(owner->second);
  });
  UsedNames used(proto);
  // A chain of new nodes gets its names from its last one backwards.
  for (bool changed = true; changed;) {
    changed = false;
    forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
      if (!node.name().empty())
        for (const std::string &input : node.input())
          readers.try_emplace(input, node.name());
    });
    forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
      if (!node.name().empty())
        return;
      for (const std::string &output : node.output())
        if (auto reader = readers.find(output); reader != readers.end()) {
          // "resize", not "resize/Unsqueeze", is what the user knows.
          std::string parent = reader->second;
          node.set_name(used.newNode(parent + "/" + node.op_type()));
          changed = true;
          return;
        }
    });
  }
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    if (node.name().empty())
      node.set_name(used.newNode(node.op_type()));
  });
}

//===----------------------------------------------------------------------===//
// Forms it converts wrongly
//===----------------------------------------------------------------------===//

namespace {
/// Rewrites, in the operators of the old opset, what would come out of the
/// converter with another meaning. The values it makes have no types: the
/// converter's adapters would correct them once more.
class OldForms {
public:
  OldForms(pb::ModelProto &proto, int64_t opset) : names(proto), opset(opset) {}

  Error run(pb::GraphProto &graph) {
    llvm::StringMap<pb::TensorShapeProto> outer = shapes;
    for (const auto *infos : {&graph.input(), &graph.value_info()})
      for (const auto &info : *infos)
        if (info.type().tensor_type().has_shape())
          shapes[info.name()] = info.type().tensor_type().shape();
    for (const auto &tensor : graph.initializer()) {
      auto &shape = shapes[tensor.name()];
      shape.Clear();
      for (int64_t dim : tensor.dims())
        shape.add_dim()->set_dim_value(dim);
    }
    NodeProtos old;
    old.Swap(graph.mutable_node());
    for (pb::NodeProto &node : old) {
      for (pb::AttributeProto &attribute : *node.mutable_attribute())
        if (attribute.has_g())
          if (Error error = run(*attribute.mutable_g()))
            return error;
      if (Error error = rewrite(node, *graph.mutable_node()))
        return error;
    }
    shapes = std::move(outer);
    return Error::success();
  }

private:
  Error rewrite(pb::NodeProto &node, NodeProtos &out) {
    if (node.domain().empty() && node.op_type() == "PRelu" && opset < 7)
      return alignSlope(node, out);
    if (node.domain().empty() && node.op_type() == "Scan" && opset < 9)
      return dropBatch(node, out);
    *out.Add() = std::move(node);
    return Error::success();
  }

  /// Before opset 7 a slope per channel stood for axis 1; since then it
  /// broadcasts from the last one.
  Error alignSlope(pb::NodeProto &node, NodeProtos &out) {
    auto x = shapes.find(node.input(0)), slope = shapes.find(node.input(1));
    if (x == shapes.end() || slope == shapes.end())
      return createStringError(describe(node) +
                               ": expected operands of known rank in opset " +
                               Twine(opset) + "; export with opset 7 or later");
    int rank = x->second.dim_size();
    if (slope->second.dim_size() == 1 &&
        slope->second.dim(0).dim_value() != 1 && rank > 2) {
      std::vector<int64_t> axes;
      for (int axis = 1; axis < rank - 1; ++axis)
        axes.push_back(axis);
      std::string aligned = names.newValue(node.name() + "/slope");
      addReshaping("Unsqueeze", node, node.input(1), aligned, axes, out);
      node.set_input(1, aligned);
    }
    *out.Add() = std::move(node);
    return Error::success();
  }

  /// Scan of opset 8 has a batch axis in front of all operands and results.
  Error dropBatch(pb::NodeProto &node, NodeProtos &out) {
    for (std::string &input : *node.mutable_input()) {
      if (input.empty())
        continue;
      auto shape = shapes.find(input);
      if (shape == shapes.end() || shape->second.dim_size() == 0 ||
          shape->second.dim(0).dim_value() != 1)
        return createStringError(
            describe(node) + ": expected a batch of 1 in Scan of opset 8, "
                             "newer ones have no batch; export with opset 9 or "
                             "later");
      std::string inner = names.newValue(node.name() + "/" + input);
      addReshaping("Squeeze", node, input, inner, {0}, out);
      input = inner;
    }
    pb::NodeProto &scan = *out.Add();
    scan = std::move(node);
    for (std::string &output : *scan.mutable_output()) {
      if (output.empty())
        continue;
      std::string inner = names.newValue(scan.name() + "/" + output);
      addReshaping("Unsqueeze", scan, inner, output, {0}, out);
      output = inner;
    }
    return Error::success();
  }

  void addReshaping(const std::string &op, const pb::NodeProto &parent,
                    const std::string &from, const std::string &to,
                    const std::vector<int64_t> &axes, NodeProtos &out) {
    pb::NodeProto &node = *out.Add();
    node.set_name(names.newNode(parent.name() + "/" + op));
    node.set_op_type(op);
    node.add_input(from);
    node.add_output(to);
    auto *attribute = node.add_attribute();
    attribute->set_name("axes");
    attribute->set_type(pb::AttributeProto::INTS);
    for (int64_t axis : axes)
      attribute->add_ints(axis);
  }

  llvm::StringMap<pb::TensorShapeProto> shapes;
  UsedNames names;
  int64_t opset;
};
} // namespace

//===----------------------------------------------------------------------===//
// Convert
//===----------------------------------------------------------------------===//

static const pb::version_conversion::DefaultVersionConverter &converter() {
  // Copies all schemas when it is made, which takes longer than most models.
  static const pb::version_conversion::DefaultVersionConverter converter;
  return converter;
}

Error tenon::onnx::convertOpset(pb::ModelProto &proto, int64_t target) {
  int64_t from = importedVersion(proto, "");
  // Without an import there is no operator of ai.onnx.
  if (from == 0 || from == target)
    return Error::success();
  pb::GraphProto declared;
  *declared.mutable_value_info() = proto.graph().value_info();
  *declared.mutable_output() = proto.graph().output();
  inferTypes(proto);
  if (from < 9 && target >= 9)
    if (Error error = OldForms(proto, from).run(*proto.mutable_graph()))
      return error;
  OwnerMap owners = findOwners(proto);
  hide(proto);
  pb::ModelProto converted;
  Error error = callLibonnx([&] {
    converted = converter().convert_version(proto, pb::OpSetID(from),
                                            pb::OpSetID(target));
  });
  if (error)
    return inContext("cannot convert the model from opset " + Twine(from) +
                         " to " + Twine(target),
                     std::move(error));
  proto = std::move(converted);
  unhide(proto);
  nameNewNodes(proto, owners);
  // What was inferred follows the old operators, and some differ in sizes
  // (pools with ceil_mode): only what the model says itself is kept.
  *proto.mutable_graph()->mutable_value_info() =
      std::move(*declared.mutable_value_info());
  for (auto [output, old] :
       llvm::zip_equal(*proto.mutable_graph()->mutable_output(),
                       *declared.mutable_output()))
    if (old.has_type())
      *output.mutable_type() = std::move(*old.mutable_type());
    else
      output.clear_type();
  return Error::success();
}
