// Sizes that the data decide become symbols, read from a tensor when the model
// runs:
//
//   %count = ...                                   what a translator computes,
//   nn.size "NonZero_3" = %count in 0 to 60        or an operand of shapes
//   %at = nn.true_positions %x {count = #nn.dims<"NonZero_3">}
//
// A bound is the least of what the operator allows, what the model declares
// for a tensor of that size (value_info, outputs), and --bound.
#include "frontends/onnx/GraphImporter.h"

#include "dialects/rt/Rt.h"
#include "runtime/include/tenon/abi.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

int64_t GraphImporter::mostOf(NodeContext &node, size_t i, size_t dim,
                              int64_t most) {
  auto bound = options.bounds.find(node.node.name);
  if (bound != options.bounds.end()) {
    boundsUsed.insert(bound->first);
    most = std::min(most, bound->second);
  }
  auto info = node.node.hasOutput(i) ? declared.find(node.node.outputs[i])
                                     : declared.end();
  if (declaredHold && info != declared.end() && info->second->type.ranked &&
      dim < info->second->type.dims.size() &&
      info->second->type.dims[dim].isStatic())
    most = std::min(most, info->second->type.dims[dim].value);
  return most;
}

DimExpr GraphImporter::findSize(NodeContext &node, Value value,
                                const std::string &name, DimRange range) {
  auto bound = options.bounds.find(node.node.name);
  if (bound != options.bounds.end()) {
    range.hi = std::max(range.lo, std::min(range.hi, bound->second));
    boundsUsed.insert(bound->first);
  }
  std::string symbol = symbolName(name);
  for (unsigned i = 1; analysis.symbols.count(symbol) || found.count(symbol);
       ++i)
    symbol = symbolName(name) + "." + std::to_string(i);
  value = node.cast(node.reshape(value, {}), builder.getI64Type());
  if (!value)
    return 0;
  nn::SizeOp::create(builder, node.loc, symbol, value, range.lo, range.hi);
  analysis.symbols[symbol] = range;
  found[symbol] = &node.node;
  return DimExpr::symbol(symbol);
}

LogicalResult GraphImporter::checkSize(
    NodeContext &node, Value value, const std::string &name,
    const DimExpr &told, Location loc,
    llvm::function_ref<DimExpr(const DimExpr &)> known) {
  if (!value)
    return failure();
  // What a 32-bit target could not compare is refused before.
  DimRange expected = told.range(analysis.symbols);
  DimExpr size = findSize(node, value, name,
                          {std::min<int64_t>(expected.lo, INT32_MIN),
                           std::max<int64_t>(expected.hi, INT32_MAX)});
  rt::CheckOp::create(builder, loc, node.dimsAttr({known ? known(size) : size}),
                      node.dimsAttr({told}), TENON_VALUE_MISMATCH);
  return success();
}

//===- Operands that decide shapes -----------------------------------------===//

/// Operators through whose integers shapes are followed backwards.
static bool isShapeArithmetic(const Node &node) {
  return node.domain.empty() &&
         llvm::StringSwitch<bool>(node.opType)
             .Cases("Concat", "Split", "Gather", "Slice", true)
             .Cases("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Identity", true)
             .Cases("Cast", "Add", "Sub", "Mul", "Neg", "Div", true)
             .Cases("Mod", "Max", "Min", "ReduceProd", "ReduceSum", true)
             .Default(false);
}

/// An operand of shapes has few elements.
static constexpr int64_t kMostElements = 16;

static bool isSmallInteger(Value v) {
  auto type = v ? dyn_cast<RankedTensorType>(v.getType()) : RankedTensorType();
  return type && type.hasStaticShape() &&
         type.getNumElements() <= kMostElements &&
         isa<IntegerType>(type.getElementType()) &&
         !type.getElementType().isInteger(1);
}

static LogicalResult notSmall(NodeContext &node, StringRef name, Value v) {
  return node.error() << "the operand '" << name
                      << "' decides shapes; expected at most " << kMostElements
                      << " integers, but it is " << v.getType();
}

/// Element `i` of a vector of integers.
static Value elementAt(NodeContext &node, Value vector, int64_t i) {
  SmallVector<int64_t> steps = {1};
  Value one = node.make<nn::SliceOp>(
      node.elementOf(vector), vector, node.dimsAttr({DimExpr(i)}),
      ArrayRef<int64_t>(steps), node.dimsAttr({DimExpr(1)}));
  return node.reshape(one, {});
}

/// Every element of a tensor as a symbol of its own.
static std::optional<IntTensor> readElements(NodeContext &node,
                                             const std::string &name, Value v,
                                             DimRange range) {
  auto type = cast<RankedTensorType>(v.getType());
  IntTensor contents{type.getElementType(),
                     SmallVector<int64_t>(type.getShape()),
                     {}};
  int64_t count = type.getNumElements();
  Value flat = node.reshape(v, {count});
  for (int64_t i = 0; i < count; ++i) {
    Value one = elementAt(node, flat, i);
    if (!one)
      return std::nullopt;
    contents.values.push_back(node.importer.findSize(
        node, one, count == 1 ? name : name + "." + std::to_string(i), range));
  }
  return contents;
}

/// What is selected is no more than the larger of two that are known.
int64_t GraphImporter::mostSelected(const std::string &name) {
  auto from = producers.find(name);
  if (from == producers.end() || !from->second->domain.empty() ||
      from->second->opType != "Where")
    return INT64_MAX;
  int64_t most = INT64_MIN;
  for (size_t i : {1, 2}) {
    const IntTensor *contents = lookupInts(from->second->inputs[i]);
    if (!contents)
      return INT64_MAX;
    for (const DimExpr &e : contents->values)
      most = std::max(most, e.range(analysis.symbols).hi);
  }
  return most;
}

const IntTensor *GraphImporter::demandInts(NodeContext &node,
                                           const std::string &name,
                                           DimRange range, unsigned depth) {
  if (const IntTensor *contents = lookupInts(name)) {
    for (const DimExpr &e : contents->values)
      tighten(e, range);
    return contents;
  }
  constexpr unsigned deepest = 32;
  auto from = producers.find(name);
  if (from != producers.end() && isShapeArithmetic(*from->second) &&
      depth < deepest) {
    const Node &producer = *from->second;
    bool follows = llvm::all_of(producer.inputs, [&](const std::string &input) {
      return input.empty() || lookupInts(input) ||
             isSmallInteger(lookup(input, node.loc));
    });
    // The parts of a size are sizes as well; their bounds are their own.
    DimRange parts = {range.lo >= 0 ? 0 : INT64_MIN, INT64_MAX};
    for (const std::string &input : producer.inputs)
      follows = follows && (input.empty() ||
                            demandInts(node, input, parts, depth + 1));
    NodeContext context(*this, producer);
    if (follows && foldShapeArithmetic(context))
      return demandInts(node, name, range, depth + 1);
  }
  Value value = lookup(name, node.loc);
  if (!isSmallInteger(value))
    return nullptr;
  if (demandConstant(name))
    return lookupInts(name);
  range.hi = std::max(range.lo, std::min(range.hi, mostSelected(name)));
  std::optional<IntTensor> contents = readElements(node, name, value, range);
  if (!contents)
    return nullptr;
  defineInts(name, std::move(*contents));
  return lookupInts(name);
}

const IntTensor *NodeContext::demandInts(size_t i, StringRef name,
                                         DimRange range) {
  if (!has(i))
    return nullptr;
  const IntTensor *contents =
      importer.demandInts(*this, node.inputs[i], range, 0);
  if (!contents && in(i))
    (void)notSmall(*this, name, in(i));
  return contents;
}

std::optional<DimExpr> NodeContext::demandInt(size_t i, StringRef name,
                                              DimRange range) {
  return only(demandInts(i, name, range), name);
}

LogicalResult NodeContext::checkInts(size_t i, StringRef name,
                                     const Dims &expected,
                                     ArrayRef<int64_t> others) {
  Value value = in(i);
  if (!value)
    return failure();
  auto type = llvm::cast<RankedTensorType>(value.getType());
  if (!type.hasStaticShape() || type.getNumElements() > kMostElements)
    return notSmall(*this, name, value);
  Type i64 = builder.getI64Type();
  int64_t count = type.getNumElements();
  if (count != (int64_t)expected.size())
    return error() << "expected " << expected.size() << " integers as '" << name
                   << "', for the model declares " << dimsToString(expected)
                   << ", but got " << count;
  value = reshape(cast(value, i64), {count});
  for (auto [at, size] : llvm::enumerate(expected)) {
    Value one = elementAt(*this, value, at);
    for (int64_t other : others)
      one = make<nn::SelectOp>(
          i64,
          make<nn::CompareOp>(builder.getI1Type(), one,
                              scalar(i64, (double)other), nn::Predicate::Eq),
          scalar(i64, (double)size.constant()), one);
    if (failed(importer.checkSize(
            *this, one, node.inputs[i] + "." + std::to_string(at), size, loc)))
      return failure();
  }
  return success();
}

//===- Bounds --------------------------------------------------------------===//

void GraphImporter::tighten(const DimExpr &size, DimRange range) {
  std::optional<std::string> symbol = size.asSymbol();
  if (!symbol || !found.count(*symbol))
    return;
  DimRange &own = analysis.symbols[*symbol];
  own.lo = std::max(own.lo, range.lo);
  own.hi = std::max(own.lo, std::min(own.hi, range.hi));
}

/// `e` as k * symbol + c, or the larger of that and 0.
static bool isLinear(const DimExpr &e, std::string &symbol, int64_t &k,
                     int64_t &c) {
  k = c = 0;
  for (const DimExpr::Term &term : e.getTerms()) {
    if (term.atoms.empty()) {
      c = term.coefficient;
      continue;
    }
    const DimExpr::Atom &atom = term.atoms[0];
    if (term.atoms.size() != 1 || k != 0)
      return false;
    if (atom.kind == DimExpr::Kind::Max && e.getTerms().size() == 1 &&
        term.coefficient == 1) {
      if (atom.operands->second.isConstant(0))
        return isLinear(atom.operands->first, symbol, k, c);
      return atom.operands->first.isConstant(0) &&
             isLinear(atom.operands->second, symbol, k, c);
    }
    if (atom.kind != DimExpr::Kind::Symbol)
      return false;
    symbol = atom.symbol;
    k = term.coefficient;
  }
  return k > 0;
}

void GraphImporter::boundBy(const DimExpr &size, int64_t most) {
  std::string symbol;
  int64_t k, c;
  if (!isLinear(size, symbol, k, c) || !found.count(symbol))
    return;
  tighten(DimExpr::symbol(symbol), {INT64_MIN, std::max<int64_t>(most - c, 0) / k});
}

void GraphImporter::boundByDeclared(const std::string &name) {
  auto info = declared.find(name);
  auto value = values.find(name);
  if (found.empty() || !declaredHold || info == declared.end() || value == values.end() ||
      info->second->kind != ValueKind::Tensor || !info->second->type.ranked)
    return;
  for (auto [size, dim] :
       llvm::zip(analysis.of(value->second), info->second->type.dims))
    if (dim.isStatic())
      boundBy(size, dim.value);
}

LogicalResult GraphImporter::settleSizes(func::FuncOp program) {
  for (const auto &[node, bound] : options.bounds)
    if (!boundsUsed.count(node))
      return program.emitError("--bound names the node '")
             << node << "', at which no size is found at run time";
  std::map<std::string, nn::SizeOp> sizes;
  program.walk([&](nn::SizeOp op) {
    DimRange range = analysis.symbols[op.getSymbol().str()];
    op.setLower(range.lo);
    op.setUpper(range.hi);
    sizes[op.getSymbol().str()] = op;
  });
  std::set<std::string> open;
  program.walk([&](Operation *op) {
    for (Value result : op->getResults())
      for (const DimExpr &size : analysis.of(result))
        if (size.range(analysis.symbols).hi > nn::kLargestSize)
          size.forEachSymbol([&](StringRef symbol) {
            auto it = sizes.find(symbol.str());
            if (it != sizes.end() &&
                it->second.getRange().hi > nn::kLargestSize)
              open.insert(it->first);
          });
  });
  for (const std::string &symbol : open)
    emitError(sizes[symbol].getLoc())
        << "node '" << found[symbol]->name << "' (" << found[symbol]->opType
        << "): the size '" << symbol
        << "' is known only at run time and has no bound; give one with "
           "--bound "
        << found[symbol]->name
        << "=N, or declare a static shape in value_info or outputs";
  return success(open.empty());
}
