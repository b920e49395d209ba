//===- InlineCalls.cpp - functions become the nodes of their body ---------===//
//
//   attn: y = f(a, b)         f(p, q) => r          attn/Add: attn/t = Add(a,
//   b)
//                               t = Add(p, q)  -->  attn/Relu: y = Relu(attn/t)
//                               r = Relu(t)
//
// libonnx has an inliner, but it drops the names of calls, ignores defaults of
// attributes and knows no types inside subgraphs; the bodies come from it.
//
//===----------------------------------------------------------------------===//

#include "frontends/onnx/ProtoSteps.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"

#include "onnx/defs/schema.h"
#include "onnx/shape_inference/attribute_binder.h"

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

// Functions that call each other twice at every level grow exponentially.
static constexpr uint64_t maxNodes = 1u << 20;
static constexpr unsigned maxRounds = 32;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

UsedNames::UsedNames(pb::ModelProto &proto) { collect(*proto.mutable_graph()); }

void UsedNames::collect(pb::GraphProto &graph) {
  for (const auto &input : graph.input())
    values.try_emplace(input.name(), 0);
  for (const auto &output : graph.output())
    values.try_emplace(output.name(), 0);
  for (const auto &initializer : graph.initializer())
    values.try_emplace(initializer.name(), 0);
  for (const auto &sparse : graph.sparse_initializer())
    values.try_emplace(sparse.values().name(), 0);
  for (pb::NodeProto &node : *graph.mutable_node())
    collect(node);
}

void UsedNames::collect(pb::NodeProto &node) {
  nodes.try_emplace(node.name(), 0);
  for (const std::string &input : node.input())
    values.try_emplace(input, 0);
  for (const std::string &output : node.output())
    values.try_emplace(output, 0);
  for (pb::AttributeProto &attribute : *node.mutable_attribute()) {
    if (attribute.has_g())
      collect(*attribute.mutable_g());
    for (pb::GraphProto &graph : *attribute.mutable_graphs())
      collect(graph);
  }
}

std::string UsedNames::pick(llvm::StringMap<unsigned> &used,
                            const std::string &wish) {
  if (used.try_emplace(wish, 0).second)
    return wish;
  while (true) {
    std::string name = wish + "_" + std::to_string(++used[wish]);
    if (used.try_emplace(name, 0).second)
      return name;
  }
}

std::string tenon::onnx::functionKey(const pb::FunctionProto &function) {
  return function.domain() + ":" + function.name() + ":" + function.overload();
}

std::string tenon::onnx::functionKey(const pb::NodeProto &call) {
  return call.domain() + ":" + call.op_type() + ":" + call.overload();
}

//===----------------------------------------------------------------------===//
// One call
//===----------------------------------------------------------------------===//

namespace {
/// Renames what a body defines, so that it can stand in the caller's graph.
class BodyRenamer {
public:
  BodyRenamer(const pb::NodeProto &call, UsedNames &names)
      : prefix(call.name() + "/"), names(names) {
    scopes.emplace_back();
  }

  void bind(const std::string &formal, const std::string &actual) {
    scopes.back()[formal] = actual;
  }

  void define(std::string &name) {
    if (name.empty())
      return;
    auto [place, isNew] = scopes.back().try_emplace(name);
    if (isNew)
      place->second = names.newValue(prefix + name);
    name = place->second;
  }

  void use(std::string &name) const {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
      auto place = scope->find(name);
      if (place != scope->end()) {
        name = place->second;
        return;
      }
    }
  }

  void rename(pb::NodeProto &node) {
    node.set_name(names.newNode(
        prefix + (node.name().empty() ? node.op_type() : node.name())));
    for (std::string &input : *node.mutable_input())
      use(input);
    for (pb::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        rename(*attribute.mutable_g());
      for (pb::GraphProto &graph : *attribute.mutable_graphs())
        rename(graph);
    }
    for (std::string &output : *node.mutable_output())
      define(output);
  }

private:
  void rename(pb::GraphProto &graph) {
    scopes.emplace_back();
    for (auto &input : *graph.mutable_input())
      define(*input.mutable_name());
    for (auto &initializer : *graph.mutable_initializer())
      define(*initializer.mutable_name());
    for (auto &sparse : *graph.mutable_sparse_initializer())
      define(*sparse.mutable_values()->mutable_name());
    for (pb::NodeProto &node : *graph.mutable_node())
      rename(node);
    for (auto &output : *graph.mutable_output())
      use(*output.mutable_name());
    for (auto &info : *graph.mutable_value_info())
      use(*info.mutable_name());
    scopes.pop_back();
  }

  std::string prefix;
  UsedNames &names;
  std::vector<llvm::StringMap<std::string>> scopes;
};
} // namespace

/// Puts the call's attributes, else their defaults, where the body asks.
static void bindAttributes(const pb::NodeProto &call, pb::FunctionProto &body,
                           const pb::OpSchema *schema) {
  pb::internal::AttributeMap values;
  if (schema)
    for (const auto &[name, attribute] : schema->attributes())
      if (attribute.default_value.has_name())
        values[name] = &attribute.default_value;
  pb::FunctionProto defaults = body;
  for (const auto &attribute : defaults.attribute_proto())
    values[attribute.name()] = &attribute;
  for (const auto &attribute : call.attribute())
    values[attribute.name()] = &attribute;
  pb::internal::AttributeBinder(values).VisitFunction(body);
}

static void addIdentity(const std::string &from, const std::string &to,
                        const pb::NodeProto &call, UsedNames &names,
                        NodeProtos &out) {
  pb::NodeProto &node = *out.Add();
  node.set_name(names.newNode(call.name() + "/Identity"));
  node.set_op_type("Identity");
  node.add_input(from);
  node.add_output(to);
}

/// Appends the nodes that stand for `call`.
static Error inlineCall(const pb::NodeProto &call, pb::FunctionProto body,
                        const pb::OpSchema *schema, UsedNames &names,
                        NodeProtos &out) {
  if (call.input_size() > body.input_size() ||
      call.output_size() > body.output_size())
    return createStringError(
        describe(call) + ": expected at most " + Twine(body.input_size()) +
        " inputs and " + Twine(body.output_size()) +
        " outputs, as its function has, found " + Twine(call.input_size()) +
        " and " + Twine(call.output_size()));
  bindAttributes(call, body, schema);
  BodyRenamer renamer(call, names);
  llvm::StringMap<std::string> inputs;
  for (int i = 0; i < body.input_size(); ++i) {
    std::string actual = i < call.input_size() ? call.input(i) : "";
    inputs[body.input(i)] = actual;
    renamer.bind(body.input(i), actual);
  }
  for (int i = 0; i < body.output_size(); ++i) {
    const std::string &formal = body.output(i);
    std::string actual = i < call.output_size() ? call.output(i) : "";
    auto passed = inputs.find(formal);
    if (passed != inputs.end()) {
      if (!actual.empty())
        addIdentity(passed->second, actual, call, names, out);
    } else if (!actual.empty()) {
      renamer.bind(formal, actual);
    }
  }
  for (pb::NodeProto &node : *body.mutable_node()) {
    renamer.rename(node);
    *out.Add() = std::move(node);
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Functions of the model
//===----------------------------------------------------------------------===//

namespace {
class LocalInliner {
public:
  LocalInliner(pb::ModelProto &proto, const LoadOptions &options)
      : options(options), names(proto) {
    for (auto &function : *proto.mutable_functions())
      functions[functionKey(function)].proto = &function;
  }

  /// Counts first: what would grow beyond all measure is not begun.
  Error run(NodeProtos &nodes) {
    llvm::Expected<uint64_t> count = countNodes(nodes);
    if (!count)
      return count.takeError();
    if (*count > maxNodes)
      return createStringError("expected at most " + Twine(maxNodes) +
                               " nodes after inlining the model's functions");
    return inlineAll(nodes);
  }

private:
  struct Function {
    pb::FunctionProto *proto = nullptr;
    /// Nodes it becomes, 0 while not known.
    uint64_t count = 0;
    bool active = false;
  };

  Function *calleeOf(const pb::NodeProto &node) {
    auto function = functions.find(functionKey(node));
    if (function == functions.end() ||
        (options.hasTranslator &&
         options.hasTranslator(node.domain(), node.op_type())))
      return nullptr;
    return &function->second;
  }

  llvm::Expected<uint64_t> countNodes(NodeProtos &nodes) {
    uint64_t total = 1;
    Error error = Error::success();
    llvm::ErrorAsOutParameter guard(error);
    forEachNode(nodes, [&](pb::NodeProto &node) {
      Function *callee = error ? nullptr : calleeOf(node);
      if (callee && !callee->count)
        if (Error inner = countFunction(node, *callee))
          error = std::move(inner);
      total = llvm::SaturatingAdd(total, callee ? callee->count : 1);
    });
    if (error)
      return error;
    return total;
  }

  Error countFunction(const pb::NodeProto &call, Function &function) {
    if (function.active)
      return createStringError(describe(call) + ": function '" +
                               function.proto->name() +
                               "' calls itself, directly or through others");
    function.active = true;
    llvm::Expected<uint64_t> count =
        countNodes(*function.proto->mutable_node());
    function.active = false;
    if (!count)
      return count.takeError();
    function.count = *count;
    return Error::success();
  }

  Error inlineAll(NodeProtos &nodes) {
    NodeProtos old;
    old.Swap(&nodes);
    for (pb::NodeProto &node : old)
      if (Error error = inlineInto(node, nodes))
        return error;
    return Error::success();
  }

  Error inlineInto(pb::NodeProto &node, NodeProtos &out) {
    if (Function *callee = calleeOf(node)) {
      NodeProtos body;
      if (Error error = inlineCall(node, *callee->proto, nullptr, names, body))
        return error;
      for (pb::NodeProto &inner : body)
        if (Error error = inlineInto(inner, out))
          return error;
      return Error::success();
    }
    for (pb::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        if (Error error = inlineAll(*attribute.mutable_g()->mutable_node()))
          return error;
      for (pb::GraphProto &graph : *attribute.mutable_graphs())
        if (Error error = inlineAll(*graph.mutable_node()))
          return error;
    }
    *out.Add() = std::move(node);
    return Error::success();
  }

  const LoadOptions &options;
  UsedNames names;
  llvm::StringMap<Function> functions;
};
} // namespace

/// A body may be written for another opset than the model. All are brought to
/// the newest of them first; the types of operands are not known then, which
/// some conversions need and say so.
static Error alignOpsets(pb::ModelProto &proto) {
  int64_t newest = importedVersion(proto, "");
  bool differ = false;
  for (const auto &function : proto.functions())
    for (const auto &import : function.opset_import())
      if (import.domain().empty()) {
        differ |= newest && import.version() != newest;
        newest = std::max(newest, import.version());
      } else if (!importedVersion(proto, import.domain())) {
        setImport(proto, import.domain(), import.version());
      }
  if (newest && !importedVersion(proto, ""))
    setImport(proto, "", newest);
  if (!differ)
    return Error::success();

  auto functions = proto.functions();
  proto.clear_functions();
  if (Error error = convertOpset(proto, newest))
    return error;
  for (pb::FunctionProto &function : functions) {
    pb::ModelProto body;
    body.set_ir_version(proto.ir_version());
    *body.mutable_opset_import() = function.opset_import();
    for (const std::string &input : function.input())
      body.mutable_graph()->add_input()->set_name(input);
    for (const std::string &output : function.output())
      body.mutable_graph()->add_output()->set_name(output);
    *body.mutable_graph()->mutable_node() = function.node();
    if (Error error = convertOpset(body, newest))
      return inContext("function '" + function.name() + "'", std::move(error));
    if (body.graph().initializer_size())
      return createStringError(
          "function '" + function.name() + "': cannot be converted to opset " +
          Twine(newest) + "; export model and functions with one opset");
    *function.mutable_node() = body.graph().node();
  }
  *proto.mutable_functions() = functions;
  return Error::success();
}

Error tenon::onnx::inlineLocalFunctions(pb::ModelProto &proto,
                                        const LoadOptions &options) {
  if (proto.functions().empty())
    return Error::success();
  if (Error error = alignOpsets(proto))
    return error;
  if (Error error = LocalInliner(proto, options)
                        .run(*proto.mutable_graph()->mutable_node()))
    return error;
  proto.clear_functions();
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Functions of schemas
//===----------------------------------------------------------------------===//

namespace {
/// One pass over all nodes; bodies may call functions again, and building
/// those needs types that inference gives in between.
class SchemaExpander {
public:
  SchemaExpander(pb::ModelProto &proto, const LoadOptions &options)
      : proto(proto), options(options), names(proto) {}

  Error run(pb::GraphProto &graph) {
    types.emplace_back();
    for (const auto *infos :
         {&graph.value_info(), &graph.input(), &graph.output()})
      for (const auto &info : *infos)
        if (info.has_type())
          types.back()[info.name()] = info.type();
    for (const auto &initializer : graph.initializer()) {
      auto *type = types.back()[initializer.name()].mutable_tensor_type();
      type->set_elem_type(initializer.data_type());
      type->clear_shape();
      for (int64_t dim : initializer.dims())
        type->mutable_shape()->add_dim()->set_dim_value(dim);
      type->mutable_shape();
    }
    NodeProtos old;
    old.Swap(graph.mutable_node());
    for (pb::NodeProto &node : old)
      if (Error error = run(node, *graph.mutable_node()))
        return error;
    types.pop_back();
    return Error::success();
  }

  bool changed = false;

private:
  Error run(pb::NodeProto &node, NodeProtos &out) {
    pb::FunctionProto body;
    if (!options.hasTranslator(node.domain(), node.op_type())) {
      if (const pb::OpSchema *schema = buildBody(node, body)) {
        changed = true;
        for (const auto &import : body.opset_import())
          if (!importedVersion(proto, import.domain()))
            setImport(proto, import.domain(),
                      import.domain().empty() ? kOpset : import.version());
        return inlineCall(node, body, schema, names, out);
      }
    }
    for (pb::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        if (Error error = run(*attribute.mutable_g()))
          return error;
      for (pb::GraphProto &graph : *attribute.mutable_graphs())
        if (Error error = run(graph))
          return error;
    }
    *out.Add() = std::move(node);
    return Error::success();
  }

  pb::TypeProto typeOf(const std::string &value) const {
    for (auto scope = types.rbegin(); scope != types.rend(); ++scope) {
      auto place = scope->find(value);
      if (place != scope->end())
        return place->second;
    }
    return {};
  }

  /// The schema if it has a body for this node, else null: the importer then
  /// reports the operator.
  const pb::OpSchema *buildBody(const pb::NodeProto &node,
                                pb::FunctionProto &body) const {
    int version = static_cast<int>(importedVersion(proto, node.domain()));
    const pb::OpSchema *schema =
        pb::OpSchemaRegistry::Schema(node.op_type(), version, node.domain());
    if (!schema ||
        !(schema->HasFunction() || schema->HasContextDependentFunction()))
      return nullptr;
    bool built = false;
    llvm::consumeError(callLibonnx([&] {
      const pb::FunctionProto *fixed = schema->GetFunction(version);
      if (fixed)
        body = *fixed;
      built = fixed || buildForTypes(node, *schema, version, body);
    }));
    return built ? schema : nullptr;
  }

  bool buildForTypes(const pb::NodeProto &node, const pb::OpSchema &schema,
                     int version, pb::FunctionProto &body) const {
    if (!schema.HasContextDependentFunction())
      return false;
    std::vector<pb::TypeProto> operandTypes;
    for (const std::string &input : node.input())
      operandTypes.push_back(typeOf(input));
    pb::FunctionBodyBuildContextImpl context(node, operandTypes);
    return schema.BuildContextDependentFunction(context, body, version);
  }

  pb::ModelProto &proto;
  const LoadOptions &options;
  UsedNames names;
  std::vector<llvm::StringMap<pb::TypeProto>> types;
};
} // namespace

Error tenon::onnx::expandFunctions(pb::ModelProto &proto,
                                   const LoadOptions &options) {
  if (!options.hasTranslator)
    return Error::success();
  for (unsigned round = 0; round < maxRounds; ++round) {
    inferTypes(proto);
    SchemaExpander expander(proto, options);
    if (Error error = expander.run(*proto.mutable_graph()))
      return error;
    if (!expander.changed)
      return Error::success();
  }
  return createStringError("expected the functions of operators to end after " +
                           Twine(maxRounds) + " levels");
}
