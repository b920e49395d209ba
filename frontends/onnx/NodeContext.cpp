// What a translator sees of its node: operands, constants, axes and declared
// shapes, and helpers that make operations of nn.
#include "frontends/onnx/GraphImporter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

NodeContext::NodeContext(GraphImporter &importer, const Node &node,
                         ArrayRef<Value> operands)
    : node(node), builder(importer.builder), loc(importer.locationOf(node)),
      analysis(importer.analysis), importer(importer), operands(operands) {}

Value NodeContext::in(size_t i) {
  if (!operands.empty())
    return i < operands.size() ? operands[i] : Value();
  return has(i) ? importer.lookup(node.inputs[i], loc) : Value();
}

Type NodeContext::elementOf(Value v) {
  return v ? mlir::cast<ShapedType>(v.getType()).getElementType() : Type();
}

const IntTensor *NodeContext::ints(size_t i) {
  return has(i) ? importer.lookupInts(node.inputs[i]) : nullptr;
}

std::optional<DimExpr> NodeContext::oneInt(size_t i) {
  return has(i) ? importer.lookupInt(node.inputs[i]) : std::nullopt;
}

const IntTensor *NodeContext::requireInts(size_t i, StringRef name) {
  if (has(i))
    importer.demandConstant(node.inputs[i]);
  const IntTensor *contents = ints(i);
  if (!contents)
    error() << "the operand '" << name
            << "' decides shapes and is known only at run time; bind it with "
               "--value or make it a constant";
  return contents;
}

std::optional<DimExpr> NodeContext::only(const IntTensor *contents,
                                         StringRef name) {
  if (!contents)
    return std::nullopt;
  if (contents->values.size() == 1)
    return contents->values[0];
  error() << "expected one number as '" << name << "', but got "
          << contents->values.size();
  return std::nullopt;
}

std::optional<DimExpr> NodeContext::requireInt(size_t i, StringRef name) {
  return only(requireInts(i, name), name);
}

std::optional<ArrayRef<char>> NodeContext::constantBytes(size_t i) {
  const TensorData *tensor =
      has(i) ? importer.lookupConstant(node.inputs[i]) : nullptr;
  if (!tensor)
    return std::nullopt;
  return tensor->bytes;
}

std::optional<std::vector<double>> NodeContext::constantFloats(size_t i) {
  const TensorData *tensor =
      has(i) ? importer.demandConstant(node.inputs[i]) : nullptr;
  if (!tensor)
    return std::nullopt;
  auto type = dyn_cast_or_null<FloatType>(
      elementType(*builder.getContext(), tensor->type));
  if (!type || type.getWidth() % 8)
    return std::nullopt;
  size_t width = type.getWidth() / 8;
  std::vector<double> values;
  for (int64_t e = 0; e < tensor->elements(); ++e) {
    uint64_t bits = 0;
    std::memcpy(&bits, tensor->bytes.data() + width * e, width);
    APFloat value(type.getFloatSemantics(), APInt(8 * width, bits));
    values.push_back(value.convertToDouble());
  }
  return values;
}

FailureOr<int64_t> NodeContext::axis(int64_t value, int64_t rank) {
  if (value >= -rank && value < rank)
    return value < 0 ? value + rank : value;
  error() << "expected an axis from " << -rank << " to " << rank - 1
          << ", but got " << value;
  return failure();
}

Value NodeContext::infer(Operation *op) {
  if (failed(analysis.infer(op)))
    return {};
  return op->getResult(0);
}

Value NodeContext::constant(RankedTensorType type, std::vector<char> bytes) {
  return pack::makeConstant(builder, loc, type, std::move(bytes));
}

Value NodeContext::scalar(Type element, double value) {
  if (!element)
    return {};
  auto type = RankedTensorType::get({}, element);
  mlir::Attribute attr =
      isa<FloatType>(element)
          ? (mlir::Attribute)builder.getFloatAttr(element, value)
          : (mlir::Attribute)IntegerAttr::get(
                element, APInt(element.getIntOrFloatBitWidth(),
                               (uint64_t)(int64_t)value, false, true));
  return pack::ConstantOp::create(builder, loc, type,
                                  DenseElementsAttr::get(type, attr));
}

Value NodeContext::reshape(Value v, Dims shape) {
  return make<nn::ReshapeOp>(elementOf(v), v, dimsAttr(shape));
}

Value NodeContext::settle(Value v, ArrayRef<DimExpr> sizes) {
  Dims shape = dimsOf(v);
  if (shape.size() != sizes.size())
    return reshape(v, Dims(sizes));
  // One by one: a reshape compares numbers of elements.
  for (size_t i = 0; v && i < sizes.size(); ++i)
    if (shape[i] != sizes[i]) {
      shape[i] = sizes[i];
      v = reshape(v, shape);
    }
  return v;
}

Value NodeContext::transpose(Value v, ArrayRef<int64_t> permutation) {
  // As it is already.
  if (permutation.size() == dimsOf(v).size() &&
      llvm::all_of(llvm::enumerate(permutation), [](auto place) {
        return place.value() == (int64_t)place.index();
      }))
    return v;
  return make<nn::TransposeOp>(elementOf(v), v,
                               builder.getDenseI64ArrayAttr(permutation));
}

Value NodeContext::cast(Value v, Type element) {
  if (v && elementOf(v) == element)
    return v;
  return make<nn::CastOp>(element, v, builder.getBoolAttr(true));
}

Value NodeContext::translateAs(StringRef opType, ArrayRef<Value> operands,
                               std::vector<Attribute> more) {
  Node other = node;
  other.domain.clear();
  other.opType = opType.str();
  other.attributes.insert(other.attributes.begin(), more.begin(), more.end());
  // The operands have no names; that of the result says only which are given.
  other.inputs.clear();
  for (Value operand : operands)
    other.inputs.push_back(operand ? node.outputs[0] : "");
  NodeContext context(importer, other, operands);
  if (failed(translators().at(other.opType)(context)))
    return {};
  return importer.lookup(node.outputs[0], loc);
}

LogicalResult NodeContext::yield(Value result, size_t i) {
  if (!result)
    return failure();
  if (node.hasOutput(i))
    importer.define(node.outputs[i], result);
  return success();
}

void NodeContext::yieldInts(IntTensor contents, size_t i) {
  if (node.hasOutput(i))
    importer.defineInts(node.outputs[i], std::move(contents));
}

/// What the model declares for result i, if it is a tensor of known rank.
static const ValueInfo *declaredTensor(NodeContext &node, size_t i) {
  if (!node.node.hasOutput(i))
    return nullptr;
  const auto &declared = node.importer.declared;
  auto it = declared.find(node.node.outputs[i]);
  return it != declared.end() && it->second->kind == ValueKind::Tensor &&
                 it->second->type.ranked
             ? it->second
             : nullptr;
}

std::optional<int64_t> NodeContext::declaredRank(size_t i) {
  const ValueInfo *info = declaredTensor(*this, i);
  return info ? std::optional<int64_t>(info->type.dims.size()) : std::nullopt;
}

std::optional<Dims> NodeContext::declaredDims(size_t i) {
  const ValueInfo *info = declaredTensor(*this, i);
  if (!info || !importer.declaredHold)
    return std::nullopt;
  Dims dims;
  for (const Dim &d : info->type.dims) {
    if (!d.isStatic())
      return std::nullopt;
    dims.push_back(d.value);
  }
  return dims;
}

InFlightDiagnostic NodeContext::error() {
  return emitError(loc) << "node '" << node.name << "' (" << node.opType
                        << "): ";
}
