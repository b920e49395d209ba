//===- LoadModel.cpp - from a file to a Model -----------------------------===//

#include "frontends/onnx/GraphChecks.h"
#include "frontends/onnx/ProtoSteps.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

#include "onnx/defs/parser.h"

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

//===----------------------------------------------------------------------===//
// Parse
//===----------------------------------------------------------------------===//

/// A protobuf never begins with '<' or '#', and the text format with nothing
/// else.
static bool isText(StringRef path, StringRef bytes) {
  if (path.ends_with(".onnxtxt") || path.ends_with(".onnx.txt"))
    return true;
  StringRef start = bytes.take_front(4096).ltrim(" \t\r\n");
  return start.starts_with("<") || start.starts_with("#");
}

static Error parseBinary(StringRef bytes, pb::ModelProto &proto,
                         PayloadTable &table) {
  Expected<WireScan> scan = scanWire(bytes);
  if (!scan)
    return scan.takeError();
  if (!proto.ParseFromArray(scan->skeleton.data(),
                            static_cast<int>(scan->skeleton.size())))
    return createStringError("expected a protobuf of an ONNX model, found "
                             "something else");
  for (const WirePayload &found : scan->payloads) {
    PayloadTable::Payload payload;
    payload.field = found.field;
    payload.range = {
        0, found.offset,
        llvm::ArrayRef<char>(bytes.data() + found.offset, found.bytes)};
    table.payloads.push_back(payload);
  }
  return Error::success();
}

/// ":line:column"
static std::string place(StringRef text, size_t offset) {
  StringRef before = text.take_front(offset);
  size_t lineBegin = before.rfind('\n') + 1;
  return ":" + std::to_string(before.count('\n') + 1) + ":" +
         std::to_string(offset - lineBegin + 1);
}

/// libonnx's parser calls itself for every bracket.
static Error checkNesting(StringRef text, StringRef name) {
  constexpr unsigned deepest = 200;
  unsigned depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
    case '#':
      i = std::min(text.find('\n', i), text.size());
      break;
    case '"':
      for (++i; i < text.size() && text[i] != '"'; ++i)
        if (text[i] == '\\')
          ++i;
      break;
    case '(':
    case '{':
    case '[':
    case '<':
      if (++depth > deepest)
        return createStringError(name + place(text, i) + ": expected at most " +
                                 Twine(deepest) + " open brackets");
      break;
    case ')':
    case '}':
    case ']':
    case '>':
      depth -= depth > 0;
      break;
    }
  }
  return Error::success();
}

/// libonnx says "[ParseError at position (line: 3 column: 9)]\nError context:
/// <line>\n<message>".
static Error fromParser(StringRef name, StringRef text) {
  unsigned long long line = 1, column = 1;
  StringRef rest = text;
  if (rest.consume_front("[ParseError at position (line: ")) {
    rest.consumeInteger(10, line);
    rest.consume_front(" column: ");
    rest.consumeInteger(10, column);
    rest = rest.split('\n').second;
  }
  StringRef context;
  if (rest.consume_front("Error context: "))
    std::tie(context, rest) = rest.split('\n');
  std::string message = llvm::toString(fromException(rest));
  context = context.trim();
  if (!context.empty())
    message += "; in '" + context.take_front(80).str() + "'";
  return createStringError(name + ":" + Twine(line) + ":" + Twine(column) +
                           ": " + message);
}

static Error parseText(StringRef text, StringRef name, pb::ModelProto &proto) {
  if (Error error = checkNesting(text, name))
    return error;
  pb::OnnxParser parser(std::string_view(text.data(), text.size()));
  try {
    auto status = parser.Parse(proto);
    if (!status.IsOK())
      return fromParser(name, status.ErrorMessage());
    if (!parser.EndOfInput())
      return fromParser(name, "[ParseError at position " +
                                  parser.GetCurrentPos() +
                                  "]\nexpected the end of the model");
  } catch (const std::exception &exception) {
    // A number that is none, or too large.
    return fromParser(name, "[ParseError at position " +
                                parser.GetCurrentPos() +
                                "]\nexpected a number in range, found what '" +
                                exception.what() + "' refuses");
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The steps
//===----------------------------------------------------------------------===//

static std::map<std::string, int64_t> opsetsOf(
    const google::protobuf::RepeatedPtrField<pb::OperatorSetIdProto> &imports) {
  std::map<std::string, int64_t> opsets;
  for (const auto &import : imports)
    opsets[import.domain()] = import.version();
  return opsets;
}

static Error checkFunction(pb::FunctionProto &function, PayloadTable &table,
                           const llvm::StringSet<> &localFunctions) {
  Expected<Graph> body = ProtoReader(table).readFunction(function);
  if (!body)
    return body.takeError();
  if (Error error = checkAndSort(*body))
    return error;
  applyOrder(*function.mutable_node(), *body);
  return verifyNodes(*function.mutable_node(),
                     opsetsOf(function.opset_import()), localFunctions);
}

/// Everything that can be said about the model as it was written.
static Error check(pb::ModelProto &proto, PayloadTable &table) {
  llvm::StringSet<> localFunctions;
  for (const auto &function : proto.functions())
    if (!localFunctions.insert(functionKey(function)).second)
      return createStringError("function '" + function.name() +
                               "' is defined twice");
  ProtoReader reader(table);
  Expected<Graph> graph = reader.readGraph(proto.graph());
  if (!graph)
    return graph.takeError();
  if (Error error = checkAndSort(*graph))
    return error;
  applyOrder(*proto.mutable_graph()->mutable_node(), *graph);
  for (auto &function : *proto.mutable_functions())
    if (Error error = checkFunction(function, table, localFunctions))
      return inContext("function '" + function.name() + "'", std::move(error));
  return verifyNodes(*proto.mutable_graph()->mutable_node(),
                     opsetsOf(proto.opset_import()), localFunctions);
}

static void setIndices(Graph &graph, int &index) {
  for (Node &node : graph.nodes) {
    node.index = index++;
    for (Attribute &attribute : node.attributes)
      for (Graph &subgraph : attribute.graphs)
        setIndices(subgraph, index);
  }
}

static Error finish(pb::ModelProto &proto, PayloadTable &table, Model &model) {
  inferTypes(proto);
  ProtoReader reader(table);
  Expected<Graph> graph = reader.readGraph(proto.graph());
  if (!graph)
    return graph.takeError();
  if (Error error = checkAndSort(*graph))
    return error;
  model.graph = std::move(*graph);
  int index = 0;
  setIndices(model.graph, index);
  model.opsets = opsetsOf(proto.opset_import());
  model.owned = std::move(reader.owned);
  for (auto &buffer : table.owned)
    model.owned.push_back(std::move(buffer));
  return Error::success();
}

static Error runSteps(pb::ModelProto &proto, PayloadTable &table,
                      WeightFiles &files, const LoadOptions &options,
                      Model &model) {
  if (Error error = prepareProto(proto, model))
    return error;
  if (Error error = resolveExternalData(proto, table, files))
    return error;
  if (Error error = check(proto, table))
    return error;
  if (Error error = inlineLocalFunctions(proto, options))
    return error;
  if (Error error = checkDeclaredTypes(proto, model.warnings))
    return error;
  if (Error error = convertOpset(proto, kOpset))
    return error;
  if (Error error = expandFunctions(proto, options))
    return error;
  return finish(proto, table, model);
}

/// `path` is empty if the model is in no file, `name` is for messages.
static Expected<Model> load(std::unique_ptr<llvm::MemoryBuffer> buffer,
                            StringRef path, StringRef name,
                            const LoadOptions &options) {
  Model model;
  StringRef bytes = buffer->getBuffer();
  model.files.push_back({path.str(), std::move(buffer)});
  PayloadTable table;
  WeightFiles files(model.files, path);
  // libonnx and protobuf throw, most of all when memory runs out; nothing may
  // leave this frame.
  try {
    pb::ModelProto proto;
    if (isText(name, bytes)) {
      if (Error error = parseText(bytes, name, proto))
        return error;
    } else if (Error error = parseBinary(bytes, proto, table)) {
      return inContext(name, std::move(error));
    }
    if (Error error = runSteps(proto, table, files, options, model))
      return inContext(name, std::move(error));
  } catch (const std::exception &exception) {
    return inContext(name, fromException(exception.what()));
  }
  return model;
}

Expected<Model> tenon::onnx::loadModel(StringRef path,
                                       const LoadOptions &options) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError(
        path + ": cannot be read: " + buffer.getError().message());
  return load(std::move(*buffer), path, path, options);
}

Expected<Model> tenon::onnx::loadModelFromMemory(llvm::MemoryBufferRef buffer,
                                                 const LoadOptions &options) {
  return load(llvm::MemoryBuffer::getMemBuffer(
                  buffer, /*RequiresNullTerminator=*/false),
              "", buffer.getBufferIdentifier(), options);
}
