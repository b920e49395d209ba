//===- ProtoSteps.h - what is done on ONNX's own messages -------*- C++ -*-===//
//
// The private half of loadModel: the only header that includes libonnx, and
// only the sources of these steps include it. libonnx throws, so they are
// built with exceptions; none leaves them.
//
//   bytes -> skeleton -> prepare -> read and check -> inline local functions
//         -> convert to kOpset -> expand schema functions -> read -> Model
//
//===----------------------------------------------------------------------===//

#ifndef TENON_FRONTENDS_ONNX_PROTOSTEPS_H
#define TENON_FRONTENDS_ONNX_PROTOSTEPS_H

#include "frontends/onnx/Model.h"
#include "frontends/onnx/WeightFiles.h"
#include "frontends/onnx/WireScan.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include "onnx/onnx_pb.h"

namespace tenon::onnx {

namespace pb = ::onnx;

using NodeProtos = google::protobuf::RepeatedPtrField<pb::NodeProto>;

/// Puts "context: " before the text of an error.
llvm::Error inContext(const llvm::Twine &context, llvm::Error error);

/// An error with the text of an exception, without libonnx's own file names
/// and line breaks.
llvm::Error fromException(llvm::StringRef what);

/// Runs code of libonnx on a graph. Besides throwing, some of its functions
/// follow null pointers or divide by zero where a type or an attribute they
/// count on is absent; that too comes back as an error.
llvm::Error callLibonnx(llvm::function_ref<void()> code);

/// "node 'name' (Op)"
std::string describe(const pb::NodeProto &node);

/// Calls `visit` on every node of the graph, each before those inside it.
void forEachNode(pb::GraphProto &graph,
                 llvm::function_ref<void(pb::NodeProto &)> visit);
void forEachNode(NodeProtos &nodes,
                 llvm::function_ref<void(pb::NodeProto &)> visit);

/// The version of a domain that the model imports, or 0.
int64_t importedVersion(const pb::ModelProto &proto, llvm::StringRef domain);

/// Adds or changes the import of a domain.
void setImport(pb::ModelProto &proto, llvm::StringRef domain, int64_t version);

//===----------------------------------------------------------------------===//
// ReadProto.cpp: messages to structs
//===----------------------------------------------------------------------===//

/// Elements outside the skeleton that tensors refer to by kPayloadKey.
struct PayloadTable {
  struct Payload {
    DataField field = DataField::RawData;
    ByteRange range;
    /// The range as raw bytes of this type, once somebody asked.
    DataType decodedType = DataType::Undefined;
    llvm::ArrayRef<char> decoded;
  };
  std::vector<Payload> payloads;
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> owned;

  void refer(pb::TensorProto &tensor, Payload payload);
};

/// Every read checks what it reads: types known, bytes as many as the
/// dimensions say.
class ProtoReader {
public:
  explicit ProtoReader(PayloadTable &table) : table(table) {}

  llvm::Expected<TensorData> readTensor(const pb::TensorProto &proto);
  llvm::Expected<ValueInfo> readValueInfo(const pb::ValueInfoProto &proto);
  llvm::Expected<Graph> readGraph(const pb::GraphProto &proto);
  llvm::Expected<Graph> readFunction(const pb::FunctionProto &proto);

  /// What the tensors read so far point to, besides files and the table.
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> owned;

private:
  llvm::Error readElements(const pb::TensorProto &proto, uint64_t elements,
                           TensorData &tensor);
  llvm::Error readPayload(const pb::TensorProto &proto, uint64_t elements,
                          TensorData &tensor);
  llvm::Expected<SparseTensorData>
  readSparse(const pb::SparseTensorProto &proto);
  llvm::Error readAttribute(const pb::AttributeProto &proto,
                            Attribute &attribute);
  llvm::Expected<Node> readNode(const pb::NodeProto &proto, int index);
  llvm::Error readNodes(const NodeProtos &protos, Graph &graph);

  PayloadTable &table;
};

//===----------------------------------------------------------------------===//
// PrepareProto.cpp: one spelling for what ONNX lets one write in several ways
//===----------------------------------------------------------------------===//

/// Unnamed nodes get a name, "ai.onnx" becomes "", inputs with a default
/// become constants, attributes get their type.
llvm::Error prepareProto(pb::ModelProto &proto, Model &model);

/// Moves external data into the table.
llvm::Error resolveExternalData(pb::ModelProto &proto, PayloadTable &table,
                                WeightFiles &files);

/// Brings the nodes into the order of `graph`, which was read from it.
void applyOrder(NodeProtos &nodes, const Graph &graph);

/// Operands and attributes against the operators' schemas.
llvm::Error verifyNodes(NodeProtos &nodes,
                        const std::map<std::string, int64_t> &opsets,
                        const llvm::StringSet<> &localFunctions);

//===----------------------------------------------------------------------===//
// InferTypes.cpp: libonnx's shape inference
//===----------------------------------------------------------------------===//

/// Fills value_info as far as ONNX knows; never fails.
void inferTypes(pb::ModelProto &proto);

/// Declared types against inferred ones: another element type is an error,
/// other dimensions are put right with a warning.
llvm::Error checkDeclaredTypes(pb::ModelProto &proto,
                               std::vector<std::string> &warnings);

//===----------------------------------------------------------------------===//
// InlineCalls.cpp: functions become the nodes of their body
//===----------------------------------------------------------------------===//

/// The names in use, so that new ones can differ from them.
class UsedNames {
public:
  explicit UsedNames(pb::ModelProto &proto);

  std::string newValue(const std::string &wish) { return pick(values, wish); }
  std::string newNode(const std::string &wish) { return pick(nodes, wish); }

private:
  void collect(pb::GraphProto &graph);
  void collect(pb::NodeProto &node);
  static std::string pick(llvm::StringMap<unsigned> &used,
                          const std::string &wish);

  /// With the number that the last name made of this one got.
  llvm::StringMap<unsigned> values;
  llvm::StringMap<unsigned> nodes;
};

/// "domain:name:overload"
std::string functionKey(const pb::FunctionProto &function);
std::string functionKey(const pb::NodeProto &call);

/// Inlines the functions the model defines, save those the importer
/// translates.
llvm::Error inlineLocalFunctions(pb::ModelProto &proto,
                                 const LoadOptions &options);

/// Replaces operators without translator by their schema's function body.
llvm::Error expandFunctions(pb::ModelProto &proto, const LoadOptions &options);

//===----------------------------------------------------------------------===//
// ConvertOpset.cpp: libonnx's version converter
//===----------------------------------------------------------------------===//

/// Brings the ai.onnx operators of the graph to `target`. The model has no
/// functions: the converter would lose them.
llvm::Error convertOpset(pb::ModelProto &proto, int64_t target);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_PROTOSTEPS_H
