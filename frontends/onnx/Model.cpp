//===- Model.cpp - an ONNX model in plain structs -------------------------===//

#include "frontends/onnx/Model.h"

using namespace tenon::onnx;
using llvm::ArrayRef;
using llvm::StringRef;

namespace {
struct TypeFacts {
  const char *name;
  unsigned bits;
};
} // namespace

// Indexed by DataType; the names are those of ONNX's text format.
static constexpr TypeFacts typeFacts[] = {
    {"undefined", 0},      {"float", 32},     {"uint8", 8},
    {"int8", 8},           {"uint16", 16},    {"int16", 16},
    {"int32", 32},         {"int64", 64},     {"string", 0},
    {"bool", 8},           {"float16", 16},   {"double", 64},
    {"uint32", 32},        {"uint64", 64},    {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16},  {"float8e4m3fn", 8},
    {"float8e4m3fnuz", 8}, {"float8e5m2", 8}, {"float8e5m2fnuz", 8},
    {"uint4", 4},          {"int4", 4},       {"float4e2m1", 4},
    {"float8e8m0", 8},     {"uint2", 2},      {"int2", 2},
    {"float6e2m3", 6},     {"float6e3m2", 6},
};

static const TypeFacts &factsOf(DataType type) {
  auto index = static_cast<size_t>(type);
  return typeFacts[index < std::size(typeFacts) ? index : 0];
}

StringRef tenon::onnx::dataTypeName(DataType type) {
  return factsOf(type).name;
}

unsigned tenon::onnx::dataTypeBits(DataType type) { return factsOf(type).bits; }

int64_t TensorData::elements() const {
  int64_t product = 1;
  for (int64_t dim : dims)
    product *= dim;
  return product;
}

const Attribute *Node::find(StringRef attribute) const {
  for (const Attribute &candidate : attributes)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

static const Attribute *findKind(const Node &node, StringRef name,
                                 Attribute::Kind kind) {
  const Attribute *attribute = node.find(name);
  return attribute && attribute->kind == kind ? attribute : nullptr;
}

int64_t Node::getInt(StringRef name, int64_t otherwise) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Int);
  return attribute ? attribute->i : otherwise;
}

float Node::getFloat(StringRef name, float otherwise) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Float);
  return attribute ? attribute->f : otherwise;
}

StringRef Node::getString(StringRef name, StringRef otherwise) const {
  const Attribute *attribute = findKind(*this, name, Attribute::String);
  return attribute ? StringRef(attribute->s) : otherwise;
}

ArrayRef<int64_t> Node::getInts(StringRef name) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Ints);
  return attribute ? ArrayRef<int64_t>(attribute->ints) : ArrayRef<int64_t>();
}

ArrayRef<float> Node::getFloats(StringRef name) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Floats);
  return attribute ? ArrayRef<float>(attribute->floats) : ArrayRef<float>();
}

ArrayRef<std::string> Node::getStrings(StringRef name) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Strings);
  return attribute ? ArrayRef<std::string>(attribute->strings)
                   : ArrayRef<std::string>();
}

const TensorData *Node::getTensor(StringRef name) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Tensor);
  return attribute ? &attribute->tensors.front() : nullptr;
}

const Graph *Node::getGraph(StringRef name) const {
  const Attribute *attribute = findKind(*this, name, Attribute::Graph);
  return attribute ? &attribute->graphs.front() : nullptr;
}
