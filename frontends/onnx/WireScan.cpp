//===- WireScan.cpp - take the weights out of a protobuf ------------------===//

#include "frontends/onnx/WireScan.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"

#include <optional>

using namespace tenon::onnx;
using llvm::StringRef;
using llvm::Twine;

namespace {
enum class Message {
  None,
  Model,
  Graph,
  Node,
  Attribute,
  Tensor,
  SparseTensor,
  Function,
  TrainingInfo,
  ValueInfo,
  Type,
  TypeElement,
  TypeMap,
  TypeTensor,
  Shape,
  // Checked, but nothing below them is.
  Leaf,
};

struct Nesting {
  Message parent;
  uint32_t field;
  Message child;
};

struct Field {
  uint64_t begin;
  uint32_t number;
  unsigned wireType;
  /// Where the value begins: after the tag and, if it has one, the length.
  uint64_t value;
  uint64_t end;
};
} // namespace

// Where messages stand inside messages, as in onnx-ml.proto.
static constexpr Nesting nestings[] = {
    {Message::Model, 7, Message::Graph},
    {Message::Model, 8, Message::Leaf},
    {Message::Model, 14, Message::Leaf},
    {Message::Model, 20, Message::TrainingInfo},
    {Message::Model, 25, Message::Function},
    {Message::TrainingInfo, 1, Message::Graph},
    {Message::TrainingInfo, 2, Message::Graph},
    {Message::Function, 7, Message::Node},
    {Message::Function, 9, Message::Leaf},
    {Message::Function, 11, Message::Attribute},
    {Message::Function, 12, Message::ValueInfo},
    {Message::Graph, 1, Message::Node},
    {Message::Graph, 5, Message::Tensor},
    {Message::Graph, 11, Message::ValueInfo},
    {Message::Graph, 12, Message::ValueInfo},
    {Message::Graph, 13, Message::ValueInfo},
    {Message::Graph, 15, Message::SparseTensor},
    {Message::Node, 5, Message::Attribute},
    {Message::Attribute, 5, Message::Tensor},
    {Message::Attribute, 6, Message::Graph},
    {Message::Attribute, 10, Message::Tensor},
    {Message::Attribute, 11, Message::Graph},
    {Message::Attribute, 14, Message::Type},
    {Message::Attribute, 15, Message::Type},
    {Message::Attribute, 22, Message::SparseTensor},
    {Message::Attribute, 23, Message::SparseTensor},
    {Message::SparseTensor, 1, Message::Tensor},
    {Message::SparseTensor, 2, Message::Tensor},
    {Message::Tensor, 13, Message::Leaf},
    {Message::ValueInfo, 2, Message::Type},
    {Message::Type, 1, Message::TypeTensor},
    {Message::Type, 4, Message::TypeElement},
    {Message::Type, 5, Message::TypeMap},
    {Message::Type, 8, Message::TypeTensor},
    {Message::Type, 9, Message::TypeElement},
    {Message::TypeElement, 1, Message::Type},
    {Message::TypeMap, 2, Message::Type},
    {Message::TypeTensor, 2, Message::Shape},
    {Message::Shape, 1, Message::Leaf},
};

static constexpr const char *messageNames[] = {
    "",
    "ModelProto",
    "GraphProto",
    "NodeProto",
    "AttributeProto",
    "TensorProto",
    "SparseTensorProto",
    "FunctionProto",
    "TrainingInfoProto",
    "ValueInfoProto",
    "TypeProto",
    "TypeProto.Sequence",
    "TypeProto.Map",
    "TypeProto.Tensor",
    "TensorShapeProto",
    "message",
};

// protobuf's own parser stops at 100.
static constexpr unsigned maxDepth = 96;
// protobuf cannot hold more; only weights may be larger.
static constexpr uint64_t maxSkeleton = (uint64_t(1) << 31) - 4096;

static constexpr unsigned wireVarint = 0;
static constexpr unsigned wireFixed64 = 1;
static constexpr unsigned wireBytes = 2;
static constexpr unsigned wireFixed32 = 5;

static Message childOf(Message parent, uint32_t field) {
  for (const Nesting &nesting : nestings)
    if (nesting.parent == parent && nesting.field == field)
      return nesting.child;
  return Message::None;
}

static bool holdsElements(uint32_t field) {
  switch (static_cast<DataField>(field)) {
  case DataField::FloatData:
  case DataField::Int32Data:
  case DataField::Int64Data:
  case DataField::RawData:
  case DataField::DoubleData:
  case DataField::Uint64Data:
    return true;
  case DataField::StringData:
    return false;
  }
  return false;
}

static void appendVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

static void appendBytes(std::string &out, uint32_t field, StringRef bytes) {
  appendVarint(out, uint64_t(field) << 3 | wireBytes);
  appendVarint(out, bytes.size());
  out.append(bytes.data(), bytes.size());
}

namespace {
class Scanner {
public:
  Scanner(StringRef bytes, uint64_t threshold)
      : bytes(bytes), threshold(threshold) {}

  llvm::Expected<WireScan> run() {
    if (!scanMessage(Message::Model, 0, bytes.size(), 0, scan.skeleton))
      return llvm::createStringError(
          "malformed protobuf at byte " + Twine(errorOffset) + ": " + error +
          "; the file is damaged, truncated or no ONNX model");
    return std::move(scan);
  }

private:
  bool fail(uint64_t offset, const Twine &message) {
    errorOffset = offset;
    error = message.str();
    return false;
  }

  bool readVarint(uint64_t &pos, uint64_t end, uint64_t &value) {
    uint64_t begin = pos;
    value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (pos == end)
        return fail(begin, "expected a number, but the message ends inside it");
      auto byte = static_cast<unsigned char>(bytes[pos++]);
      // The tenth byte has one bit of the 64 left.
      if (shift == 63 && byte > 1)
        break;
      value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80)
        return true;
    }
    return fail(begin, "expected a number of at most 64 bits");
  }

  /// Reads the field at `pos` and moves `pos` behind it.
  bool readField(Message message, uint64_t &pos, uint64_t end, Field &field) {
    field.begin = pos;
    uint64_t tag, length;
    if (!readVarint(pos, end, tag))
      return false;
    if (tag >> 32 || tag >> 3 == 0)
      return fail(field.begin,
                  "expected the tag of a field, found " + Twine(tag));
    field.number = static_cast<uint32_t>(tag >> 3);
    field.wireType = tag & 7;
    field.value = pos;
    switch (field.wireType) {
    case wireVarint:
      if (!readVarint(pos, end, length))
        return false;
      field.end = pos;
      return true;
    case wireFixed64:
      length = 8;
      break;
    case wireFixed32:
      length = 4;
      break;
    case wireBytes:
      if (!readVarint(pos, end, length))
        return false;
      field.value = pos;
      break;
    default:
      return fail(field.begin, "expected wire type 0, 1, 2 or 5 for field " +
                                   Twine(field.number) + " of " +
                                   messageNames[int(message)] + ", found " +
                                   Twine(field.wireType));
    }
    if (length > end - pos)
      return fail(field.begin, "expected " + Twine(length) +
                                   " bytes for field " + Twine(field.number) +
                                   " of " + messageNames[int(message)] +
                                   ", found " + Twine(end - pos));
    pos += length;
    field.end = pos;
    return true;
  }

  void copy(const Field &field, std::string &out) {
    out.append(bytes.data() + field.begin, field.end - field.begin);
  }

  bool scanMessage(Message message, uint64_t pos, uint64_t end, unsigned depth,
                   std::string &out) {
    if (depth > maxDepth)
      return fail(pos, "expected at most " + Twine(maxDepth) +
                           " messages inside each other");
    if (message == Message::Tensor)
      return scanTensor(pos, end, depth, out);
    while (pos != end) {
      Field field;
      if (!readField(message, pos, end, field))
        return false;
      Message child = childOf(message, field.number);
      if (child == Message::None || field.wireType != wireBytes) {
        copy(field, out);
      } else {
        std::string inner;
        if (!scanMessage(child, field.value, field.end, depth + 1, inner))
          return false;
        appendBytes(out, field.number, inner);
      }
      if (out.size() > maxSkeleton)
        return fail(pos, "expected less than 2 GiB besides the weights");
    }
    return true;
  }

  bool scanTensor(uint64_t begin, uint64_t end, unsigned depth,
                  std::string &out) {
    // The payload goes out if it is all in one field of one piece; the rest,
    // which no exporter writes, is left for protobuf to put together.
    std::optional<Field> payload;
    bool inPieces = false;
    for (uint64_t pos = begin; pos != end;) {
      Field field;
      if (!readField(Message::Tensor, pos, end, field))
        return false;
      bool external = field.number == 13 || field.number == 14;
      if (external || (holdsElements(field.number) &&
                       (payload || field.wireType != wireBytes)))
        inPieces = true;
      else if (holdsElements(field.number))
        payload = field;
    }
    if (inPieces || (payload && payload->end - payload->value < threshold))
      payload.reset();
    for (uint64_t pos = begin; pos != end;) {
      Field field;
      if (!readField(Message::Tensor, pos, end, field))
        return false;
      if (payload && payload->begin == field.begin)
        continue;
      if (field.number == 13 && field.wireType == wireBytes) {
        std::string inner;
        if (!scanMessage(Message::Leaf, field.value, field.end, depth + 1,
                         inner))
          return false;
      }
      copy(field, out);
    }
    if (payload)
      appendReference(*payload, out);
    return true;
  }

  void appendReference(const Field &payload, std::string &out) {
    std::string entry;
    appendBytes(entry, 1, kPayloadKey);
    appendBytes(entry, 2, llvm::utostr(scan.payloads.size()));
    appendBytes(out, 13, entry);
    appendVarint(out, 14 << 3 | wireVarint);
    appendVarint(out, 1); // EXTERNAL
    scan.payloads.push_back({static_cast<DataField>(payload.number),
                             payload.value, payload.end - payload.value});
  }

  StringRef bytes;
  uint64_t threshold;
  WireScan scan;
  uint64_t errorOffset = 0;
  std::string error;
};
} // namespace

llvm::Expected<WireScan> tenon::onnx::scanWire(StringRef bytes,
                                               uint64_t threshold) {
  return Scanner(bytes, threshold).run();
}
