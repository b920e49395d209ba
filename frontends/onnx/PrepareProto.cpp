//===- PrepareProto.cpp - one spelling for everything ---------------------===//

#include "frontends/onnx/ProtoSteps.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/CrashRecoveryContext.h"

#include "onnx/defs/schema.h"

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

static constexpr int64_t newestIrVersion = 14;

//===----------------------------------------------------------------------===//
// Small things on messages
//===----------------------------------------------------------------------===//

Error tenon::onnx::inContext(const Twine &context, Error error) {
  std::string text = context.str();
  return createStringError(text + ": " + llvm::toString(std::move(error)));
}

Error tenon::onnx::fromException(StringRef what) {
  // "/path/to/file.h:12: function: Assertion `...` failed: text"
  size_t assertion = what.find("` failed: ");
  if (assertion != StringRef::npos)
    what = what.drop_front(assertion + 10);
  if (what.starts_with("["))
    what = what.split(']').second;
  std::string text;
  llvm::SmallVector<StringRef> words;
  llvm::SplitString(what, words, " \t\r\n");
  text = llvm::join(words, " ");
  while (!text.empty() && text.back() == '.')
    text.pop_back();
  // House form; a name in capitals stays one.
  if (text.size() > 1 && llvm::isUpper(text[0]) && !llvm::isUpper(text[1]))
    text[0] = llvm::toLower(text[0]);
  return createStringError(text);
}

Error tenon::onnx::callLibonnx(llvm::function_ref<void()> code) {
  Error error = Error::success();
  llvm::ErrorAsOutParameter guard(error);
  // Without an active context its signal handlers pass on to those before.
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext context;
  bool survived = context.RunSafely([&] {
    try {
      code();
    } catch (const std::exception &exception) {
      error = fromException(exception.what());
    }
  });
  if (!survived)
    return createStringError("libonnx fails on this graph; are types or "
                             "attributes missing?");
  return error;
}

std::string tenon::onnx::describe(const pb::NodeProto &node) {
  std::string op = node.domain().empty() ? node.op_type()
                                         : node.domain() + "." + node.op_type();
  return "node '" + node.name() + "' (" + op + ")";
}

void tenon::onnx::forEachNode(NodeProtos &nodes,
                              llvm::function_ref<void(pb::NodeProto &)> visit) {
  for (pb::NodeProto &node : nodes) {
    visit(node);
    for (pb::AttributeProto &attribute : *node.mutable_attribute()) {
      if (attribute.has_g())
        forEachNode(*attribute.mutable_g(), visit);
      for (pb::GraphProto &graph : *attribute.mutable_graphs())
        forEachNode(graph, visit);
    }
  }
}

void tenon::onnx::forEachNode(pb::GraphProto &graph,
                              llvm::function_ref<void(pb::NodeProto &)> visit) {
  forEachNode(*graph.mutable_node(), visit);
}

int64_t tenon::onnx::importedVersion(const pb::ModelProto &proto,
                                     StringRef domain) {
  for (const auto &import : proto.opset_import())
    if (import.domain() == domain)
      return import.version();
  return 0;
}

void tenon::onnx::setImport(pb::ModelProto &proto, StringRef domain,
                            int64_t version) {
  for (auto &import : *proto.mutable_opset_import())
    if (import.domain() == domain)
      return import.set_version(version);
  auto *import = proto.add_opset_import();
  import->set_domain(domain.str());
  import->set_version(version);
}

//===----------------------------------------------------------------------===//
// Prepare
//===----------------------------------------------------------------------===//

/// "ai.onnx" and "" are the same domain.
template <typename Imports>
static Error normalizeImports(Imports &imports, StringRef where) {
  std::map<std::string, int64_t> versions;
  for (const auto &import : imports) {
    std::string domain = import.domain() == "ai.onnx" ? "" : import.domain();
    auto [place, isNew] = versions.try_emplace(domain, import.version());
    if (!isNew && place->second != import.version())
      return createStringError(where + " imports domain '" + domain +
                               "' in versions " + Twine(place->second) +
                               " and " + Twine(import.version()) +
                               "; expected one");
  }
  imports.Clear();
  for (const auto &[domain, version] : versions) {
    if (domain.empty() && (version < 1 || version > kOpset))
      return createStringError(where + " uses ai.onnx opset " + Twine(version) +
                               "; expected 1 to " + Twine(kOpset));
    auto *import = imports.Add();
    import->set_domain(domain);
    import->set_version(version);
  }
  return Error::success();
}

/// Files before IR version 2, and some tools, leave the type out.
static void inferAttributeType(pb::AttributeProto &attribute) {
  if (attribute.type() != pb::AttributeProto::UNDEFINED ||
      !attribute.ref_attr_name().empty())
    return;
  using P = pb::AttributeProto;
  std::pair<bool, P::AttributeType> found[] = {
      {attribute.has_f(), P::FLOAT},
      {attribute.has_i(), P::INT},
      {attribute.has_s(), P::STRING},
      {attribute.has_t(), P::TENSOR},
      {attribute.has_g(), P::GRAPH},
      {attribute.floats_size() > 0, P::FLOATS},
      {attribute.ints_size() > 0, P::INTS},
      {attribute.strings_size() > 0, P::STRINGS},
  };
  for (auto [present, type] : found)
    if (present)
      return attribute.set_type(type);
}

/// Gives every node a name of its own. A name the file gives stays, the
/// second node that has it gets another.
static void nameNodes(NodeProtos &nodes) {
  llvm::StringSet<> given, used;
  forEachNode(nodes, [&](pb::NodeProto &node) { given.insert(node.name()); });
  llvm::StringMap<unsigned> copies;
  int index = 0;
  forEachNode(nodes, [&](pb::NodeProto &node) {
    std::string name = node.name();
    if (name.empty())
      name = node.op_type() + "_" + std::to_string(index);
    std::string unique = name;
    while (used.contains(unique) ||
           (unique != node.name() && given.contains(unique)))
      unique = name + "_" + std::to_string(++copies[name]);
    used.insert(unique);
    node.set_name(unique);
    ++index;
  });
}

static Error prepareNodes(NodeProtos &nodes) {
  nameNodes(nodes);
  Error error = Error::success();
  llvm::ErrorAsOutParameter guard(error);
  forEachNode(nodes, [&](pb::NodeProto &node) {
    if (node.domain() == "ai.onnx")
      node.clear_domain();
    // Marks of libonnx's converter for values that come from elsewhere.
    if ((node.op_type() == "Undefined" || node.op_type() == "Captured") &&
        !error)
      error = createStringError(describe(node) +
                                ": expected another name for the operator, "
                                "this one is reserved by ONNX's own tools");
    // Some exporters put whole stack traces here.
    node.clear_metadata_props();
    for (pb::AttributeProto &attribute : *node.mutable_attribute())
      inferAttributeType(attribute);
  });
  return error;
}

static Error checkDefault(const pb::ValueInfoProto &input,
                          const pb::TensorProto &initializer) {
  std::string what = "initializer '" + initializer.name() + "'";
  if (!input.type().has_tensor_type())
    return createStringError(what +
                             " gives a value to an input that is no tensor");
  const auto &type = input.type().tensor_type();
  if (type.elem_type() && type.elem_type() != initializer.data_type())
    return createStringError(
        what + " has element type " +
        dataTypeName(static_cast<DataType>(initializer.data_type())) +
        ", but the input of that name has " +
        dataTypeName(static_cast<DataType>(type.elem_type())));
  if (!type.has_shape())
    return Error::success();
  bool fits = type.shape().dim_size() == initializer.dims_size();
  for (int i = 0; fits && i < initializer.dims_size(); ++i)
    if (type.shape().dim(i).has_dim_value())
      fits = type.shape().dim(i).dim_value() == initializer.dims(i);
  if (!fits)
    return createStringError(
        what + " and the input of that name have different dimensions");
  return Error::success();
}

/// An initializer that is also an input is a default the user could override;
/// it is compiled in as a constant.
static Error dropDefaults(pb::GraphProto &graph) {
  llvm::StringMap<const pb::TensorProto *> initializers;
  for (const auto &initializer : graph.initializer())
    initializers[initializer.name()] = &initializer;
  google::protobuf::RepeatedPtrField<pb::ValueInfoProto> kept;
  for (auto &input : *graph.mutable_input()) {
    auto place = initializers.find(input.name());
    if (place == initializers.end())
      *kept.Add() = std::move(input);
    else if (Error error = checkDefault(input, *place->second))
      return error;
  }
  graph.mutable_input()->Swap(&kept);
  return Error::success();
}

static Error checkDomains(pb::ModelProto &proto) {
  Error error = Error::success();
  llvm::ErrorAsOutParameter guard(error);
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    if (error || importedVersion(proto, node.domain()))
      return;
    // Type inference wants a version for every domain, and for one of its own
    // an exporter sometimes forgets it.
    if (!node.domain().empty() && node.domain() != "ai.onnx.ml")
      return setImport(proto, node.domain(), 1);
    error = createStringError(
        describe(node) +
        ": expected opset_import to give a version for "
        "domain '" +
        (node.domain().empty() ? "ai.onnx" : node.domain()) + "', found none");
  });
  return error;
}

Error tenon::onnx::prepareProto(pb::ModelProto &proto, Model &model) {
  if (!proto.has_graph())
    return createStringError(
        "expected a model with a graph, found none; is this an ONNX file?");
  if (proto.ir_version() < 1 || proto.ir_version() > newestIrVersion)
    return createStringError("expected an ir_version from 1 to " +
                             Twine(newestIrVersion) + ", found " +
                             Twine(proto.ir_version()));
  if (Error error =
          normalizeImports(*proto.mutable_opset_import(), "the model"))
    return error;
  // Before IR version 3 there was no opset_import; it meant opset 1.
  if (proto.opset_import().empty() && proto.ir_version() < 3)
    setImport(proto, "", 1);
  model.originalOpset = importedVersion(proto, "");
  model.irVersion = proto.ir_version();
  model.modelVersion = proto.model_version();
  model.producerName = proto.producer_name();
  model.producerVersion = proto.producer_version();
  model.domain = proto.domain();
  model.docString = proto.doc_string();
  for (const auto &entry : proto.metadata_props())
    model.metadata.emplace_back(entry.key(), entry.value());

  if (Error error = prepareNodes(*proto.mutable_graph()->mutable_node()))
    return error;
  if (Error error = checkDomains(proto))
    return error;
  for (auto &function : *proto.mutable_functions()) {
    if (function.domain() == "ai.onnx")
      function.clear_domain();
    std::string what = "function '" + function.name() + "'";
    if (Error error = normalizeImports(*function.mutable_opset_import(), what))
      return error;
    if (Error error = prepareNodes(*function.mutable_node()))
      return inContext(what, std::move(error));
    for (auto &attribute : *function.mutable_attribute_proto())
      inferAttributeType(attribute);
  }

  Error error = dropDefaults(*proto.mutable_graph());
  if (error)
    return error;
  for (const auto &input : proto.graph().input())
    if (input.type().value_case() == pb::TypeProto::VALUE_NOT_SET)
      return createStringError("input '" + input.name() +
                               "' of the graph: expected a type, found none");
  llvm::ErrorAsOutParameter guard(error);
  forEachNode(*proto.mutable_graph(), [&](pb::NodeProto &node) {
    for (auto &attribute : *node.mutable_attribute())
      if (attribute.has_g() && !error)
        if (Error inner = dropDefaults(*attribute.mutable_g()))
          error = inContext(describe(node), std::move(inner));
  });
  if (error)
    return error;
  // Initializers that are no inputs need version 4.
  proto.set_ir_version(newestIrVersion);
  proto.clear_training_info();
  proto.mutable_graph()->clear_quantization_annotation();
  return Error::success();
}

//===----------------------------------------------------------------------===//
// External data
//===----------------------------------------------------------------------===//

static Error resolveTensor(pb::TensorProto &tensor, PayloadTable &table,
                           WeightFiles &files) {
  if (tensor.data_location() != pb::TensorProto::EXTERNAL)
    return Error::success();
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const auto &entry : tensor.external_data()) {
    StringRef value = entry.value();
    uint64_t number = 0;
    if (entry.key() == kPayloadKey)
      return Error::success();
    if (entry.key() == "location")
      location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length")
      continue;
    if (value.getAsInteger(10, number))
      return createStringError("tensor '" + tensor.name() +
                               "': expected a number for '" + entry.key() +
                               "' of external_data, found '" + value + "'");
    if (entry.key() == "offset")
      offset = number;
    else
      length = number;
  }
  llvm::Expected<ByteRange> range = files.find(location, offset, length);
  if (!range)
    return inContext("tensor '" + tensor.name() + "'", range.takeError());
  // Small ones may be shapes, which inference wants to read.
  if (range->bytes.size() < kPayloadThreshold &&
      tensor.data_type() != pb::TensorProto::STRING) {
    tensor.clear_external_data();
    tensor.clear_data_location();
    tensor.set_raw_data(range->bytes.data(), range->bytes.size());
    return Error::success();
  }
  PayloadTable::Payload payload;
  payload.range = *range;
  table.refer(tensor, payload);
  return Error::success();
}

static Error resolveSparse(pb::SparseTensorProto &sparse, PayloadTable &table,
                           WeightFiles &files) {
  if (Error error = resolveTensor(*sparse.mutable_values(), table, files))
    return error;
  return resolveTensor(*sparse.mutable_indices(), table, files);
}

static Error resolveNodes(NodeProtos &nodes, PayloadTable &table,
                          WeightFiles &files);

static Error resolveGraph(pb::GraphProto &graph, PayloadTable &table,
                          WeightFiles &files) {
  for (auto &tensor : *graph.mutable_initializer())
    if (Error error = resolveTensor(tensor, table, files))
      return error;
  for (auto &sparse : *graph.mutable_sparse_initializer())
    if (Error error = resolveSparse(sparse, table, files))
      return error;
  return resolveNodes(*graph.mutable_node(), table, files);
}

static Error resolveAttribute(pb::AttributeProto &attribute,
                              PayloadTable &table, WeightFiles &files) {
  if (attribute.has_t())
    if (Error error = resolveTensor(*attribute.mutable_t(), table, files))
      return error;
  for (auto &tensor : *attribute.mutable_tensors())
    if (Error error = resolveTensor(tensor, table, files))
      return error;
  if (attribute.has_sparse_tensor())
    if (Error error =
            resolveSparse(*attribute.mutable_sparse_tensor(), table, files))
      return error;
  for (auto &sparse : *attribute.mutable_sparse_tensors())
    if (Error error = resolveSparse(sparse, table, files))
      return error;
  if (attribute.has_g())
    if (Error error = resolveGraph(*attribute.mutable_g(), table, files))
      return error;
  for (auto &graph : *attribute.mutable_graphs())
    if (Error error = resolveGraph(graph, table, files))
      return error;
  return Error::success();
}

static Error resolveNodes(NodeProtos &nodes, PayloadTable &table,
                          WeightFiles &files) {
  for (pb::NodeProto &node : nodes)
    for (pb::AttributeProto &attribute : *node.mutable_attribute())
      if (Error error = resolveAttribute(attribute, table, files))
        return inContext(describe(node), std::move(error));
  return Error::success();
}

Error tenon::onnx::resolveExternalData(pb::ModelProto &proto,
                                       PayloadTable &table,
                                       WeightFiles &files) {
  for (auto &function : *proto.mutable_functions())
    if (Error error = resolveNodes(*function.mutable_node(), table, files))
      return inContext("function '" + function.name() + "'", std::move(error));
  return resolveGraph(*proto.mutable_graph(), table, files);
}

//===----------------------------------------------------------------------===//
// Order and schemas
//===----------------------------------------------------------------------===//

void tenon::onnx::applyOrder(NodeProtos &nodes, const Graph &graph) {
  NodeProtos sorted;
  sorted.Reserve(nodes.size());
  for (const Node &node : graph.nodes) {
    pb::NodeProto &proto = *sorted.Add();
    proto = std::move(*nodes.Mutable(node.index));
    for (auto &attribute : *proto.mutable_attribute()) {
      const Attribute *read = node.find(attribute.name());
      if (!read || read->graphs.empty())
        continue;
      if (attribute.has_g())
        applyOrder(*attribute.mutable_g()->mutable_node(),
                   read->graphs.front());
      for (int i = 0; i < attribute.graphs_size(); ++i)
        applyOrder(*attribute.mutable_graphs(i)->mutable_node(),
                   read->graphs[i]);
    }
  }
  nodes.Swap(&sorted);
}

static Error verifyNode(const pb::NodeProto &node, int64_t version) {
  const pb::OpSchema *schema = pb::OpSchemaRegistry::Schema(
      node.op_type(), static_cast<int>(version), node.domain());
  if (!schema) {
    const pb::OpSchema *newest =
        pb::OpSchemaRegistry::Schema(node.op_type(), node.domain());
    // An operator ONNX does not know is the importer's business.
    if (!newest)
      return Error::success();
    return createStringError(
        describe(node) + ": the operator is not in opset " + Twine(version) +
        ", which the model imports; export it with a newer opset");
  }
  try {
    schema->Verify(node);
  } catch (const std::exception &exception) {
    return inContext(describe(node), fromException(exception.what()));
  }
  return Error::success();
}

Error tenon::onnx::verifyNodes(NodeProtos &nodes,
                               const std::map<std::string, int64_t> &opsets,
                               const llvm::StringSet<> &localFunctions) {
  Error error = Error::success();
  llvm::ErrorAsOutParameter guard(error);
  forEachNode(nodes, [&](pb::NodeProto &node) {
    auto version = opsets.find(node.domain());
    if (error || version == opsets.end() ||
        localFunctions.contains(functionKey(node)))
      return;
    error = verifyNode(node, version->second);
  });
  return error;
}
