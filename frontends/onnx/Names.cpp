// What the importer knows by a name: a value of the IR, a constant of the model,
// or the followed contents of an integer tensor.
#include "frontends/onnx/GraphImporter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

void GraphImporter::alias(const std::string &name, const std::string &of) {
  if (const TensorData *constant = lookupConstant(of))
    constants[name] = constant;
  if (const IntTensor *ints = lookupInts(of))
    integers[name] = *ints;
  auto it = values.find(of);
  if (it != values.end())
    values[name] = it->second;
}

GraphImporter::Known GraphImporter::known(const std::string &name) {
  Known known;
  auto it = values.find(name);
  if (it != values.end())
    known.value = it->second;
  if (const IntTensor *ints = lookupInts(name))
    known.ints = *ints;
  known.constant = lookupConstant(name);
  return known;
}

void GraphImporter::define(const std::string &name, const Known &known) {
  values.erase(name);
  integers.erase(name);
  constants.erase(name);
  if (known.value)
    values[name] = known.value;
  if (known.ints)
    integers[name] = *known.ints;
  if (known.constant)
    constants[name] = known.constant;
}

std::string GraphImporter::freshSymbol() {
  std::string name;
  do
    name = "t" + std::to_string(loops++);
  while (analysis.symbols.count(name));
  return name;
}

void GraphImporter::defineInts(const std::string &name, IntTensor contents) {
  integers[name] = std::move(contents);
}

void GraphImporter::defineConstant(const std::string &name, DataType type,
                                   std::vector<int64_t> dims,
                                   std::vector<char> bytes) {
  auto &[tensor, owned] = computed.emplace_back();
  owned = std::move(bytes);
  tensor.name = name;
  tensor.type = type;
  tensor.dims = std::move(dims);
  tensor.bytes = owned;
  constants[name] = &tensor;
}

const TensorData *GraphImporter::lookupConstant(const std::string &name) {
  auto it = constants.find(name);
  return it == constants.end() ? nullptr : it->second;
}

/// The type of numbers that decide sizes.
static std::optional<DataType> numberType(Type element) {
  if (element.isF32())
    return DataType::Float;
  if (element.isF64())
    return DataType::Double;
  if (element.isInteger(32))
    return element.isUnsignedInteger() ? DataType::Uint32 : DataType::Int32;
  if (element.isInteger(64))
    return element.isUnsignedInteger() ? DataType::Uint64 : DataType::Int64;
  return std::nullopt;
}

/// The operations that `v` depends on, in order; false if one of them is not
/// evaluable or there are too many.
static bool gatherOperations(Value v, llvm::SetVector<Operation *> &order,
                             unsigned depth = 0) {
  constexpr size_t most = 1000;
  Operation *op = v.getDefiningOp();
  if (!op || order.size() > most || depth > most)
    return false;
  if (isa<pack::ConstantOp>(op) || order.contains(op))
    return true;
  if (!analysis::isEvaluable(op))
    return false;
  for (Value operand : op->getOperands())
    if (!gatherOperations(operand, order, depth + 1))
      return false;
  order.insert(op);
  return true;
}

const TensorData *GraphImporter::demandConstant(const std::string &name) {
  constexpr int64_t few = 16;
  const TensorData *constant = lookupConstant(name);
  auto it = values.find(name);
  if (constant || !options.evaluator || it == values.end())
    return constant;
  Value value = it->second;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  std::optional<DataType> number =
      type ? numberType(type.getElementType()) : std::nullopt;
  llvm::SetVector<Operation *> operations;
  if (!number || !type.hasStaticShape() || type.getNumElements() > few ||
      !gatherOperations(value, operations) || operations.empty())
    return nullptr;
  auto bytes = analysis::evaluateOperations(*options.evaluator, value.getLoc(),
                                            operations.getArrayRef(), value);
  if (!bytes) {
    llvm::consumeError(bytes.takeError());
    return nullptr; // then it is computed when the model runs
  }
  defineConstant(name, *number, type.getShape().vec(), std::move((*bytes)[0]));
  return lookupConstant(name);
}

/// Element i of little-endian integers of a type.
static int64_t readInteger(ArrayRef<char> bytes, size_t i, DataType type) {
  auto at = [&](auto value) {
    std::memcpy(&value, bytes.data() + i * sizeof(value), sizeof(value));
    return (int64_t)value;
  };
  switch (type) {
  case DataType::Int64: case DataType::Uint64: return at(int64_t());
  case DataType::Int32: return at(int32_t());
  case DataType::Uint32: return at(uint32_t());
  case DataType::Int16: return at(int16_t());
  case DataType::Uint16: return at(uint16_t());
  case DataType::Int8: return at(int8_t());
  case DataType::Int4: case DataType::Uint4:
  case DataType::Int2: case DataType::Uint2: {
    // Packed, the first element in the low bits.
    unsigned bits = dataTypeBits(type);
    uint64_t byte = (uint8_t)bytes[i * bits / 8];
    uint64_t v = byte >> (i * bits % 8) & ((1u << bits) - 1);
    bool isSigned = type == DataType::Int4 || type == DataType::Int2;
    return isSigned ? llvm::SignExtend64(v, bits) : (int64_t)v;
  }
  default: return at(uint8_t());
  }
}

const IntTensor *GraphImporter::lookupInts(const std::string &name) {
  auto it = integers.find(name);
  if (it != integers.end())
    return &it->second;
  const TensorData *tensor = lookupConstant(name);
  if (!tensor || tensor->elements() > kIntTensorLimit)
    return nullptr;
  Type element = elementType(*builder.getContext(), tensor->type);
  if (!element || !isa<IntegerType>(element))
    return nullptr;
  IntTensor contents{element, SmallVector<int64_t>(tensor->dims.begin(),
                                                   tensor->dims.end()), {}};
  for (int64_t i = 0; i < tensor->elements(); ++i)
    contents.values.push_back(readInteger(tensor->bytes, i, tensor->type));
  return &(integers[name] = std::move(contents));
}

std::optional<DimExpr> GraphImporter::lookupInt(const std::string &name) {
  const IntTensor *contents = lookupInts(name);
  if (!contents || contents->values.size() != 1)
    return std::nullopt;
  return contents->values[0];
}

Value GraphImporter::materialize(const TensorData &tensor, Location loc) {
  Type element = elementType(*builder.getContext(), tensor.type);
  if (!element) {
    emitError(loc) << "constant '" << tensor.name << "' has the element type "
                   << dataTypeName(tensor.type)
                   << ", which is not compiled yet";
    return {};
  }
  auto type = RankedTensorType::get(tensor.dims, element);
  constexpr size_t inlineLimit = 1024;
  if (tensor.bytes.size() <= inlineLimit || tensor.file < 0)
    return pack::makeConstant(
        builder, loc, type,
        std::vector<char>(tensor.bytes.begin(), tensor.bytes.end()));
  const File &file = model.files[tensor.file];
  auto *dialect = builder.getContext()->getOrLoadDialect<pack::PackDialect>();
  dialect->getWeights().addFile(file.path, file.buffer);
  return pack::ConstantOp::create(
      builder, loc, type,
      pack::RefAttr::get(builder.getContext(), file.path, tensor.offset,
                         tensor.bytes.size()));
}

Value GraphImporter::lookup(const std::string &name, Location loc) {
  auto it = values.find(name);
  if (it != values.end())
    return it->second;
  metRefused |= refused.count(name) != 0;
  if (const TensorData *tensor = lookupConstant(name)) {
    Value value =
        materialize(*tensor, NameLoc::get(builder.getStringAttr(name)));
    if (value)
      values[name] = value;
    return value;
  }
  auto ints = integers.find(name);
  if (ints == integers.end())
    return {};
  Dims shape(ints->second.shape.begin(), ints->second.shape.end());
  MLIRContext *context = builder.getContext();
  Value value = nn::DimsOp::create(
      builder, loc, nn::tensorType(shape, ints->second.element),
      nn::DimsAttr::get(context, ints->second.values),
      nn::DimsAttr::get(context, shape));
  return values[name] = value;
}
