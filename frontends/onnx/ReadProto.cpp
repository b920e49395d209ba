//===- ReadProto.cpp - messages to structs --------------------------------===//

#include "frontends/onnx/ProtoSteps.h"

#include "frontends/onnx/GraphChecks.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace tenon::onnx;
using llvm::ArrayRef;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

// Elements are copied as they lie in memory; ONNX says little-endian.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "needs byte swaps on big-endian hosts");

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static const char *fieldName(DataField field) {
  switch (field) {
  case DataField::FloatData:
    return "float_data";
  case DataField::Int32Data:
    return "int32_data";
  case DataField::StringData:
    return "string_data";
  case DataField::Int64Data:
    return "int64_data";
  case DataField::RawData:
    return "raw_data";
  case DataField::DoubleData:
    return "double_data";
  case DataField::Uint64Data:
    return "uint64_data";
  }
  return "";
}

/// The field that holds elements of this type when raw_data does not.
static DataField typedField(DataType type) {
  switch (type) {
  case DataType::Float:
  case DataType::Complex64:
    return DataField::FloatData;
  case DataType::Double:
  case DataType::Complex128:
    return DataField::DoubleData;
  case DataType::Int64:
    return DataField::Int64Data;
  case DataType::Uint32:
  case DataType::Uint64:
    return DataField::Uint64Data;
  case DataType::String:
    return DataField::StringData;
  default:
    return DataField::Int32Data;
  }
}

/// The bytes of `elements` elements in raw_data.
static uint64_t rawBytes(DataType type, uint64_t elements) {
  unsigned bits = dataTypeBits(type);
  if (bits >= 8)
    return elements * (bits / 8);
  // In two parts, so that the product cannot overflow.
  return elements / 8 * bits + llvm::divideCeil(elements % 8 * bits, 8);
}

/// How many numbers stand in the typed field: 4 and 2 bit types lie there as
/// packed bytes, 6 bit types one by one.
static uint64_t typedCount(DataType type, uint64_t elements) {
  switch (type) {
  case DataType::Complex64:
  case DataType::Complex128:
    return 2 * elements;
  case DataType::Float6E2M3:
  case DataType::Float6E3M2:
    return elements;
  default:
    return dataTypeBits(type) < 8 ? rawBytes(type, elements) : elements;
  }
}

static std::unique_ptr<llvm::WritableMemoryBuffer> allocate(uint64_t bytes) {
  return llvm::WritableMemoryBuffer::getNewMemBuffer(bytes);
}

namespace {
/// Packs integers of a typed field as raw_data holds them.
class Packer {
public:
  Packer(DataType type, char *out) : out(out) {
    unsigned bits = dataTypeBits(type);
    if (bits == 6)
      sixBits = true;
    else
      width = bits < 8 ? 1 : bits / 8;
  }

  void add(uint64_t value) {
    if (!sixBits) {
      std::memcpy(out, &value, width);
      out += width;
      return;
    }
    for (unsigned bit = 0; bit < 6; ++bit, ++bitOffset)
      if (value >> bit & 1)
        out[bitOffset / 8] |= static_cast<char>(1 << (bitOffset % 8));
  }

private:
  char *out;
  bool sixBits = false;
  unsigned width = 0;
  uint64_t bitOffset = 0;
};
} // namespace

static Error wrongCount(DataField field, uint64_t expected, uint64_t found,
                        StringRef unit) {
  return createStringError("expected " + Twine(expected) + " " + unit + " in " +
                           fieldName(field) + ", found " + Twine(found));
}

/// The next varint; WireScan has seen only the length of the whole field.
static bool nextVarint(ArrayRef<char> &bytes, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 70 && !bytes.empty(); shift += 7) {
    auto byte = static_cast<unsigned char>(bytes.front());
    bytes = bytes.drop_front();
    if (shift < 64)
      value |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  return false;
}

static Error decodeVarints(PayloadTable::Payload &payload, DataType type,
                           uint64_t elements, PayloadTable &table) {
  uint64_t count = typedCount(type, elements), found = 0, value;
  // Before memory is taken: a number has at least one byte.
  if (count > payload.range.bytes.size())
    return wrongCount(payload.field, count, payload.range.bytes.size(),
                      "numbers or more");
  auto buffer = allocate(rawBytes(type, elements));
  Packer packer(type, buffer->getBufferStart());
  ArrayRef<char> bytes = payload.range.bytes;
  for (; !bytes.empty(); ++found) {
    if (!nextVarint(bytes, value))
      return createStringError(
          Twine("expected numbers in ") + fieldName(payload.field) +
          ", found a damaged one at index " + Twine(found));
    if (found < count)
      packer.add(value);
  }
  if (found != count)
    return wrongCount(payload.field, count, found, "numbers");
  payload.decodedType = type;
  payload.decoded = buffer->getBuffer();
  table.owned.push_back(std::move(buffer));
  return Error::success();
}

void PayloadTable::refer(pb::TensorProto &tensor, Payload payload) {
  tensor.clear_raw_data();
  tensor.clear_external_data();
  tensor.set_data_location(pb::TensorProto::EXTERNAL);
  auto *entry = tensor.add_external_data();
  entry->set_key(kPayloadKey.str());
  entry->set_value(std::to_string(payloads.size()));
  payloads.push_back(payload);
}

Error ProtoReader::readPayload(const pb::TensorProto &proto, uint64_t elements,
                               TensorData &tensor) {
  size_t index = table.payloads.size();
  for (const auto &entry : proto.external_data())
    if (entry.key() == kPayloadKey &&
        StringRef(entry.value()).getAsInteger(10, index))
      index = table.payloads.size();
  if (index >= table.payloads.size())
    return createStringError("expected external_data with a 'location'");
  if (proto.has_raw_data() || proto.float_data_size() ||
      proto.int32_data_size() || proto.int64_data_size() ||
      proto.double_data_size() || proto.uint64_data_size())
    return createStringError(
        "has elements both in the model and in external data");

  PayloadTable::Payload &payload = table.payloads[index];
  DataType type = tensor.type;
  uint64_t bytes = rawBytes(type, elements);
  bool inPlace = payload.field == DataField::RawData ||
                 payload.field == DataField::FloatData ||
                 payload.field == DataField::DoubleData;
  if (payload.field != DataField::RawData && payload.field != typedField(type))
    return createStringError(Twine("expected elements in raw_data or ") +
                             fieldName(typedField(type)) + ", found " +
                             fieldName(payload.field));
  if (inPlace) {
    if (payload.range.bytes.size() != bytes)
      return wrongCount(payload.field, bytes, payload.range.bytes.size(),
                        "bytes");
    tensor.file = payload.range.file;
    tensor.offset = payload.range.offset;
    tensor.bytes = payload.range.bytes;
    return Error::success();
  }
  if (payload.decodedType != type)
    if (Error error = decodeVarints(payload, type, elements, table))
      return error;
  if (payload.decoded.size() != bytes)
    return wrongCount(payload.field, bytes, payload.decoded.size(), "bytes");
  tensor.bytes = payload.decoded;
  return Error::success();
}

template <typename Numbers>
static Error packTyped(const Numbers &numbers, DataField field, DataType type,
                       uint64_t elements,
                       std::unique_ptr<llvm::WritableMemoryBuffer> &buffer) {
  uint64_t count = typedCount(type, elements);
  if (static_cast<uint64_t>(numbers.size()) != count)
    return wrongCount(field, count, numbers.size(), "numbers");
  buffer = allocate(rawBytes(type, elements));
  if constexpr (std::is_floating_point_v<typename Numbers::value_type>) {
    // Not memcpy: an empty field has no address.
    std::copy_n(reinterpret_cast<const char *>(numbers.data()),
                buffer->getBufferSize(), buffer->getBufferStart());
  } else {
    Packer packer(type, buffer->getBufferStart());
    for (auto number : numbers)
      packer.add(static_cast<uint64_t>(number));
  }
  return Error::success();
}

/// The elements that stand in the message itself, as raw bytes.
static Error pack(const pb::TensorProto &proto, DataType type,
                  uint64_t elements,
                  std::unique_ptr<llvm::WritableMemoryBuffer> &buffer) {
  if (proto.has_raw_data()) {
    const std::string &raw = proto.raw_data();
    if (raw.size() != rawBytes(type, elements))
      return wrongCount(DataField::RawData, rawBytes(type, elements),
                        raw.size(), "bytes");
    buffer = allocate(raw.size());
    std::memcpy(buffer->getBufferStart(), raw.data(), raw.size());
    return Error::success();
  }
  DataField field = typedField(type);
  switch (field) {
  case DataField::FloatData:
    return packTyped(proto.float_data(), field, type, elements, buffer);
  case DataField::DoubleData:
    return packTyped(proto.double_data(), field, type, elements, buffer);
  case DataField::Int64Data:
    return packTyped(proto.int64_data(), field, type, elements, buffer);
  case DataField::Uint64Data:
    return packTyped(proto.uint64_data(), field, type, elements, buffer);
  default:
    return packTyped(proto.int32_data(), field, type, elements, buffer);
  }
}

Error ProtoReader::readElements(const pb::TensorProto &proto, uint64_t elements,
                                TensorData &tensor) {
  if (proto.has_segment())
    return createStringError("is a segment of a larger tensor, which no "
                             "exporter writes; save it in one piece");
  if (tensor.type == DataType::String) {
    if (static_cast<uint64_t>(proto.string_data_size()) != elements)
      return wrongCount(DataField::StringData, elements,
                        proto.string_data_size(), "strings");
    tensor.strings.assign(proto.string_data().begin(),
                          proto.string_data().end());
    return Error::success();
  }
  if (proto.data_location() == pb::TensorProto::EXTERNAL)
    return readPayload(proto, elements, tensor);

  std::unique_ptr<llvm::WritableMemoryBuffer> buffer;
  if (Error error = pack(proto, tensor.type, elements, buffer))
    return error;
  tensor.bytes = buffer->getBuffer();
  owned.push_back(std::move(buffer));
  return Error::success();
}

static std::string describeType(const TensorData &tensor) {
  std::string text = dataTypeName(tensor.type).str() + "[";
  for (size_t i = 0; i < tensor.dims.size(); ++i)
    text += (i ? "," : "") + std::to_string(tensor.dims[i]);
  return text + "]";
}

static bool isElementType(int type) {
  return type > 0 && pb::TensorProto::DataType_IsValid(type);
}

Expected<TensorData> ProtoReader::readTensor(const pb::TensorProto &proto) {
  TensorData tensor;
  tensor.name = proto.name();
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  std::string what =
      tensor.name.empty() ? "tensor" : "tensor '" + tensor.name + "'";
  if (!isElementType(proto.data_type()))
    return createStringError(what +
                             ": expected an element type of ONNX, found " +
                             Twine(proto.data_type()));
  tensor.type = static_cast<DataType>(proto.data_type());
  what += " (" + describeType(tensor) + ")";

  uint64_t elements = 1;
  bool tooLarge = false;
  for (int64_t dim : tensor.dims) {
    if (dim < 0)
      return createStringError(
          what + ": expected dimensions that are not negative, found " +
          Twine(dim));
    bool overflow = false;
    elements = llvm::SaturatingMultiply(elements, uint64_t(dim), &overflow);
    tooLarge |= overflow;
  }
  // 16 bytes is the largest element.
  if (tooLarge || elements > (uint64_t(1) << 58))
    return createStringError(what + ": expected fewer elements");
  if (Error error = readElements(proto, elements, tensor))
    return inContext(what, std::move(error));
  return tensor;
}

Expected<SparseTensorData>
ProtoReader::readSparse(const pb::SparseTensorProto &proto) {
  SparseTensorData sparse;
  Expected<TensorData> values = readTensor(proto.values());
  if (!values)
    return values.takeError();
  Expected<TensorData> indices = readTensor(proto.indices());
  if (!indices)
    return inContext("indices of sparse tensor '" + proto.values().name() + "'",
                     indices.takeError());
  sparse.values = std::move(*values);
  sparse.indices = std::move(*indices);
  sparse.dims.assign(proto.dims().begin(), proto.dims().end());
  return sparse;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

template <typename TensorTypeProto>
static Error readTensorType(const TensorTypeProto &proto, TensorType &type) {
  // An element type left out is to be inferred.
  if (proto.elem_type() != 0 && !isElementType(proto.elem_type()))
    return createStringError("expected an element type of ONNX, found " +
                             Twine(proto.elem_type()));
  type.element = static_cast<DataType>(proto.elem_type());
  type.ranked = proto.has_shape();
  for (const auto &dimProto : proto.shape().dim()) {
    Dim dim;
    // Old exporters write -1 for a dimension they do not know.
    if (dimProto.has_dim_value())
      dim.value = std::max<int64_t>(dimProto.dim_value(), -1);
    else
      dim.symbol = dimProto.dim_param();
    type.dims.push_back(std::move(dim));
  }
  return Error::success();
}

static Error readType(const pb::TypeProto &proto, ValueInfo &info) {
  switch (proto.value_case()) {
  case pb::TypeProto::kTensorType:
    info.kind = ValueKind::Tensor;
    return readTensorType(proto.tensor_type(), info.type);
  case pb::TypeProto::kSparseTensorType:
    info.kind = ValueKind::Sparse;
    return readTensorType(proto.sparse_tensor_type(), info.type);
  case pb::TypeProto::kSequenceType: {
    Error error = readType(proto.sequence_type().elem_type(), info);
    info.kind = ValueKind::Sequence;
    return error;
  }
  case pb::TypeProto::kOptionalType: {
    Error error = readType(proto.optional_type().elem_type(), info);
    info.kind = ValueKind::Optional;
    return error;
  }
  case pb::TypeProto::kMapType:
    info.kind = ValueKind::Map;
    return Error::success();
  default:
    return Error::success();
  }
}

Expected<ValueInfo>
ProtoReader::readValueInfo(const pb::ValueInfoProto &proto) {
  ValueInfo info;
  info.name = proto.name();
  if (Error error = readType(proto.type(), info))
    return inContext("value '" + info.name + "'", std::move(error));
  return info;
}

//===----------------------------------------------------------------------===//
// Nodes and graphs
//===----------------------------------------------------------------------===//

/// Appends what `read` makes of each message.
template <typename Protos, typename T, typename Read>
static Error readAll(const Protos &protos, std::vector<T> &out, Read read) {
  out.reserve(out.size() + protos.size());
  for (const auto &proto : protos) {
    Expected<T> value = read(proto);
    if (!value)
      return value.takeError();
    out.push_back(std::move(*value));
  }
  return Error::success();
}

Error ProtoReader::readAttribute(const pb::AttributeProto &proto,
                                 Attribute &attribute) {
  attribute.name = proto.name();
  auto tensor = [&](const auto &t) { return readTensor(t); };
  auto sparse = [&](const auto &t) { return readSparse(t); };
  auto graph = [&](const auto &g) { return readGraph(g); };
  auto type = [&](const auto &t) -> Expected<ValueInfo> {
    ValueInfo info;
    if (Error error = readType(t, info))
      return error;
    return info;
  };
  auto only = [](const auto &message) { return ArrayRef(&message, 1); };
  switch (proto.type()) {
  case pb::AttributeProto::FLOAT:
    attribute.kind = Attribute::Float;
    attribute.f = proto.f();
    return Error::success();
  case pb::AttributeProto::INT:
    attribute.kind = Attribute::Int;
    attribute.i = proto.i();
    return Error::success();
  case pb::AttributeProto::STRING:
    attribute.kind = Attribute::String;
    attribute.s = proto.s();
    return Error::success();
  case pb::AttributeProto::FLOATS:
    attribute.kind = Attribute::Floats;
    attribute.floats.assign(proto.floats().begin(), proto.floats().end());
    return Error::success();
  case pb::AttributeProto::INTS:
    attribute.kind = Attribute::Ints;
    attribute.ints.assign(proto.ints().begin(), proto.ints().end());
    return Error::success();
  case pb::AttributeProto::STRINGS:
    attribute.kind = Attribute::Strings;
    attribute.strings.assign(proto.strings().begin(), proto.strings().end());
    return Error::success();
  case pb::AttributeProto::TENSOR:
    attribute.kind = Attribute::Tensor;
    return readAll(only(proto.t()), attribute.tensors, tensor);
  case pb::AttributeProto::TENSORS:
    attribute.kind = Attribute::Tensors;
    return readAll(proto.tensors(), attribute.tensors, tensor);
  case pb::AttributeProto::SPARSE_TENSOR:
    attribute.kind = Attribute::SparseTensor;
    return readAll(only(proto.sparse_tensor()), attribute.sparseTensors,
                   sparse);
  case pb::AttributeProto::SPARSE_TENSORS:
    attribute.kind = Attribute::SparseTensors;
    return readAll(proto.sparse_tensors(), attribute.sparseTensors, sparse);
  case pb::AttributeProto::GRAPH:
    attribute.kind = Attribute::Graph;
    return readAll(only(proto.g()), attribute.graphs, graph);
  case pb::AttributeProto::GRAPHS:
    attribute.kind = Attribute::Graphs;
    return readAll(proto.graphs(), attribute.graphs, graph);
  case pb::AttributeProto::TYPE_PROTO:
    attribute.kind = Attribute::Type;
    return readAll(only(proto.tp()), attribute.types, type);
  case pb::AttributeProto::TYPE_PROTOS:
    attribute.kind = Attribute::Types;
    return readAll(proto.type_protos(), attribute.types, type);
  case pb::AttributeProto::UNDEFINED:
    return createStringError("expected a value with a type, found none");
  }
  llvm_unreachable("every type of attribute returns");
}

Expected<Node> ProtoReader::readNode(const pb::NodeProto &proto, int index) {
  Node node;
  node.name = proto.name();
  node.domain = proto.domain();
  node.opType = proto.op_type();
  node.inputs.assign(proto.input().begin(), proto.input().end());
  node.outputs.assign(proto.output().begin(), proto.output().end());
  node.index = index;
  for (const auto &attributeProto : proto.attribute()) {
    // In the body of a function: stands for an attribute of the call.
    if (!attributeProto.ref_attr_name().empty())
      continue;
    Attribute &attribute = node.attributes.emplace_back();
    if (Error error = readAttribute(attributeProto, attribute))
      return inContext(::tenon::onnx::describe(proto) + ": attribute '" +
                           attribute.name + "'",
                       std::move(error));
  }
  return node;
}

Error ProtoReader::readNodes(const NodeProtos &protos, Graph &graph) {
  int index = 0;
  return readAll(protos, graph.nodes,
                 [&](const auto &n) { return readNode(n, index++); });
}

Expected<Graph> ProtoReader::readGraph(const pb::GraphProto &proto) {
  Graph graph;
  graph.name = proto.name();
  auto tensor = [&](const auto &t) { return readTensor(t); };
  auto sparse = [&](const auto &t) { return readSparse(t); };
  auto info = [&](const auto &v) { return readValueInfo(v); };
  if (Error error = readAll(proto.input(), graph.inputs, info))
    return error;
  if (Error error = readAll(proto.output(), graph.outputs, info))
    return error;
  if (Error error = readAll(proto.value_info(), graph.valueInfos, info))
    return error;
  if (Error error = readAll(proto.initializer(), graph.initializers, tensor))
    return error;
  if (Error error =
          readAll(proto.sparse_initializer(), graph.sparseInitializers, sparse))
    return error;
  if (Error error = readNodes(proto.node(), graph))
    return error;
  return graph;
}

Expected<Graph> ProtoReader::readFunction(const pb::FunctionProto &proto) {
  Graph graph;
  graph.name = proto.name();
  for (const std::string &input : proto.input())
    graph.inputs.push_back({input, ValueKind::Unknown, {}});
  for (const std::string &output : proto.output())
    graph.outputs.push_back({output, ValueKind::Unknown, {}});
  if (Error error = readNodes(proto.node(), graph))
    return error;
  return graph;
}
