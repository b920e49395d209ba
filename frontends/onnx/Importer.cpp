// Walks the graph: inputs become arguments, constants are referred to, integer
// tensors that describe shapes are followed, all else goes to a translator.
#include "frontends/onnx/GraphImporter.h"
#include "dialects/rt/Rt.h"
#include "dialects/scan/Scan.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Options -------------------------------------------------------------===//

std::optional<DimSpec> DimSpec::parse(StringRef text) {
  DimSpec spec;
  auto [lo, hi] = text.split("..");
  int64_t low, high;
  if (!lo.getAsInteger(10, low)) {
    if (!text.contains("..")) {
      spec.range = {low, low};
    } else {
      if (hi.getAsInteger(10, high) || high < low)
        return std::nullopt;
      spec.range = {low, high};
    }
    return low >= 0 ? std::optional(spec) : std::nullopt;
  }
  if (text.empty() || text.contains(".."))
    return std::nullopt;
  spec.symbol = text.str();
  return spec;
}

Type onnx::elementType(MLIRContext &context, DataType type) {
  Builder b(&context);
  auto integer = [&](unsigned width, bool isUnsigned) -> Type {
    return IntegerType::get(&context, width,
                            isUnsigned ? IntegerType::Unsigned
                                       : IntegerType::Signless);
  };
  switch (type) {
  case DataType::Float: return b.getF32Type();
  case DataType::Double: return b.getF64Type();
  case DataType::Float16: return b.getF16Type();
  case DataType::Bfloat16: return b.getBF16Type();
  case DataType::Bool: return b.getI1Type();
  case DataType::Int8: return integer(8, false);
  case DataType::Int16: return integer(16, false);
  case DataType::Int32: return integer(32, false);
  case DataType::Int64: return integer(64, false);
  case DataType::Uint8: return integer(8, true);
  case DataType::Uint16: return integer(16, true);
  case DataType::Uint32: return integer(32, true);
  case DataType::Uint64: return integer(64, true);
  case DataType::Int4: return integer(4, false);
  case DataType::Uint4: return integer(4, true);
  case DataType::Int2: return integer(2, false);
  case DataType::Uint2: return integer(2, true);
  case DataType::Float8E4M3FN: return Float8E4M3FNType::get(&context);
  case DataType::Float8E4M3FNUZ: return Float8E4M3FNUZType::get(&context);
  case DataType::Float8E5M2: return Float8E5M2Type::get(&context);
  case DataType::Float8E5M2FNUZ: return Float8E5M2FNUZType::get(&context);
  case DataType::Float8E8M0: return Float8E8M0FNUType::get(&context);
  case DataType::Float4E2M1: return Float4E2M1FNType::get(&context);
  default: return {};
  }
}

std::string onnx::symbolName(StringRef name) {
  std::string clean;
  for (char c : name)
    clean += llvm::isAlnum(c) || c == '_' || c == '.' ? c : '_';
  if (clean.empty() || llvm::isDigit(clean.front()))
    clean = "d" + clean;
  return clean;
}

//===- Inputs --------------------------------------------------------------===//

void GraphImporter::addSymbol(const std::string &name, DimRange range) {
  auto [it, isNew] = analysis.symbols.insert({name, range});
  if (!isNew) {
    it->second.lo = std::max(it->second.lo, range.lo);
    it->second.hi = std::min(it->second.hi, range.hi);
  }
}

DimExpr GraphImporter::sizeOf(const Dim &dim, const std::string &input,
                              size_t axis) {
  if (dim.isStatic())
    return dim.value;
  std::string name =
      dim.symbol.empty() ? input + "." + std::to_string(axis) : dim.symbol;
  auto it = options.dims.find(name);
  std::string symbol = symbolName(name);
  if (it == options.dims.end())
    it = options.dims.find(symbol);
  if (it == options.dims.end()) {
    if (options.note)
      options.note("dimension '" + symbol + "' of input '" + input +
                   "' is not given and compiled as 1; use --dim " + symbol +
                   "=N or --dim " + symbol + "=LO..HI");
    return 1;
  }
  if (it->second.lo == it->second.hi)
    return it->second.lo;
  addSymbol(symbol, it->second);
  return DimExpr::symbol(symbol);
}

LogicalResult GraphImporter::addInput(const ValueInfo &info,
                                      SmallVectorImpl<Type> &types,
                                      SmallVectorImpl<Dims> &shapes) {
  Location loc = NameLoc::get(builder.getStringAttr(info.name));
  if (info.kind != ValueKind::Tensor)
    return emitError(loc) << "input '" << info.name
                          << "' is no tensor; sequences, optionals and maps "
                             "are not compiled";
  Type element = elementType(*builder.getContext(), info.type.element);
  if (!element)
    return emitError(loc) << "input '" << info.name
                          << "' has the element type "
                          << dataTypeName(info.type.element)
                          << ", which is not compiled yet";
  Dims dims;
  auto shape = options.shapes.find(info.name);
  if (shape != options.shapes.end()) {
    if (info.type.ranked && info.type.dims.size() != shape->second.size())
      return emitError(loc) << "input '" << info.name << "' has rank "
                            << info.type.dims.size() << ", but --shape gives "
                            << shape->second.size() << " sizes";
    for (auto [i, spec] : llvm::enumerate(shape->second)) {
      if (info.type.ranked && info.type.dims[i].isStatic() &&
          spec.symbol.empty() &&
          (spec.range.lo != info.type.dims[i].value ||
           spec.range.hi != info.type.dims[i].value))
        return emitError(loc)
               << "input '" << info.name << "' has size "
               << info.type.dims[i].value << " in dimension " << i
               << ", but --shape gives another";
      if (spec.symbol.empty() && spec.range.lo == spec.range.hi) {
        dims.push_back(spec.range.lo);
        continue;
      }
      std::string name = spec.symbol.empty()
                             ? symbolName(info.name) + "." + std::to_string(i)
                             : symbolName(spec.symbol);
      DimRange range = spec.range;
      if (!spec.symbol.empty()) {
        auto it = options.dims.find(spec.symbol);
        if (it != options.dims.end())
          range = it->second;
        else if (range.lo < 0)
          return emitError(loc) << "--shape names the dimension '"
                                << spec.symbol << "', which has no bounds; add "
                                << "--dim " << spec.symbol << "=LO..HI";
        // The sizes that the model declares behind it hold no more.
        if (info.type.ranked && info.type.dims[i].isStatic())
          declaredHold = false;
      }
      if (range.lo == range.hi) {
        dims.push_back(range.lo);
        continue;
      }
      addSymbol(name, range);
      dims.push_back(DimExpr::symbol(name));
    }
  } else if (!info.type.ranked) {
    return emitError(loc) << "input '" << info.name
                          << "' has no rank; give its shape with --shape "
                          << info.name << "=1x3x224x224";
  } else {
    for (auto [i, dim] : llvm::enumerate(info.type.dims))
      dims.push_back(sizeOf(dim, info.name, i));
  }
  if (nn::isTooLarge(dims))
    return emitError(loc) << "input '" << info.name
                          << "': expected at most 2^48 elements, but got "
                          << dimsToString(dims);
  types.push_back(nn::tensorType(dims, element));
  shapes.push_back(dims);
  return success();
}

LogicalResult GraphImporter::importMain(ModuleOp module) {
  const Graph &graph = model.graph;
  for (const ValueInfo &info : graph.valueInfos)
    declared[info.name] = &info;
  for (const ValueInfo &info : graph.outputs)
    declared[info.name] = &info;

  SmallVector<Type> types;
  SmallVector<Dims> shapes;
  SmallVector<const ValueInfo *> arguments;
  std::vector<TensorData> bound;
  bound.reserve(graph.inputs.size());
  for (const ValueInfo &info : graph.inputs) {
    SmallVector<Type> type;
    SmallVector<Dims> shape;
    if (failed(addInput(info, type, shape)))
      return failure();
    auto value = options.values.find(info.name);
    if (value == options.values.end()) {
      types.append(type);
      shapes.append(shape);
      arguments.push_back(&info);
      continue;
    }
    TensorData constant;
    constant.name = info.name;
    constant.type = info.type.element;
    for (const DimExpr &d : shape[0]) {
      if (!d.isConstant())
        return emitError(module.getLoc())
               << "--value binds input '" << info.name
               << "', whose shape must then be static";
      constant.dims.push_back(d.constant());
    }
    constant.bytes = value->second;
    bound.push_back(constant);
    constants[info.name] = &bound.back();
  }

  auto program = func::FuncOp::create(
      builder, module.getLoc(), "main", builder.getFunctionType(types, {}));
  module.push_back(program);
  Block *block = program.addEntryBlock();
  builder.setInsertionPointToStart(block);
  for (auto [i, info] : llvm::enumerate(arguments)) {
    program.setArgAttr(i, nn::kNameAttr, builder.getStringAttr(info->name));
    program.setArgAttr(i, nn::kShapeAttr,
                       nn::DimsAttr::get(builder.getContext(), shapes[i]));
    BlockArgument argument = block->getArgument(i);
    argument.setLoc(NameLoc::get(builder.getStringAttr(info->name)));
    analysis.set(argument, shapes[i]);
    define(info->name, argument);
  }

  if (failed(importNodes(graph)))
    return failure();

  SmallVector<Value> results;
  for (const ValueInfo &info : graph.outputs) {
    Value value = lookup(info.name, module.getLoc());
    if (!value)
      return emitError(module.getLoc())
             << "output '" << info.name << "' is computed by no node";
    // The declared type is a promise to the caller.
    if (info.kind == ValueKind::Tensor && info.type.ranked) {
      Dims found = analysis.of(value);
      if (found.size() != info.type.dims.size())
        return emitError(value.getLoc())
               << "output '" << info.name << "' is declared with rank "
               << info.type.dims.size() << ", but computed as "
               << dimsToString(found);
      for (auto [d, dim] : llvm::zip(found, info.type.dims))
        if (declaredHold && dim.isStatic() && d.isConstant() &&
            d.constant() != dim.value)
          return emitError(value.getLoc())
                 << "output '" << info.name << "' is declared with size "
                 << dim.value << ", but computed as " << dimsToString(found);
    }
    results.push_back(value);
  }
  func::ReturnOp::create(builder, module.getLoc(), results);
  program.setFunctionType(
      builder.getFunctionType(types, TypeRange(ValueRange(results))));
  for (auto [i, info] : llvm::enumerate(graph.outputs))
    program.setResultAttr(i, nn::kNameAttr, builder.getStringAttr(info.name));
  if (failed(settleSizes(program)))
    return failure();
  SymbolRanges given = analysis.symbols;
  for (const auto &[symbol, node] : found)
    given.erase(symbol);
  nn::setSymbols(program, given);
  return success();
}

//===- Nodes ---------------------------------------------------------------===//

Location GraphImporter::locationOf(const Node &node) {
  auto line = FileLineColLoc::get(builder.getStringAttr("model.nodes"),
                                  node.index + 1, 0);
  return NameLoc::get(builder.getStringAttr(node.name), line);
}

/// `If` with a condition known now: its branch stands in its place.
static std::optional<LogicalResult> inlineIf(GraphImporter &importer,
                                             const Node &node) {
  if (node.opType != "If" || !node.domain.empty())
    return std::nullopt;
  std::optional<DimExpr> condition = importer.lookupInt(node.inputs[0]);
  if (!condition || !condition->isConstant())
    return std::nullopt;
  const Graph *branch = node.getGraph(
      condition->isConstant(0) ? "else_branch" : "then_branch");
  if (!branch)
    return std::nullopt;
  if (failed(importer.importNodes(*branch)))
    return failure();
  for (auto [outer, inner] : llvm::zip(node.outputs, branch->outputs))
    importer.alias(outer, inner.name);
  return success();
}

const TensorData *GraphImporter::constantOf(const Node &node) {
  if (const TensorData *tensor = node.getTensor("value"))
    return tensor;
  for (const tenon::onnx::Attribute &a : node.attributes) {
    auto make = [&](DataType type, std::vector<int64_t> dims, const auto *values,
                    size_t count) {
      TensorData &tensor = numbers.emplace_back();
      tensor.name = node.outputs[0];
      tensor.type = type;
      tensor.dims = std::move(dims);
      tensor.bytes = {reinterpret_cast<const char *>(values),
                      count * sizeof(*values)};
      return &tensor;
    };
    if (a.name == "value_int")
      return make(DataType::Int64, {}, &a.i, 1);
    if (a.name == "value_ints")
      return make(DataType::Int64, {(int64_t)a.ints.size()}, a.ints.data(),
                  a.ints.size());
    if (a.name == "value_float")
      return make(DataType::Float, {}, &a.f, 1);
    if (a.name == "value_floats")
      return make(DataType::Float, {(int64_t)a.floats.size()}, a.floats.data(),
                  a.floats.size());
  }
  return nullptr;
}

LogicalResult GraphImporter::importNode(const Node &node) {
  NodeContext context(*this, node);
  if (std::optional<LogicalResult> inlined = inlineIf(*this, node))
    return *inlined;
  if (node.domain.empty() && node.opType == "Constant") {
    const TensorData *tensor = constantOf(node);
    if (!tensor)
      return context.error() << "expected a tensor or numbers as the value; "
                                "strings and sparse tensors are not compiled";
    constants[node.outputs[0]] = tensor;
    return success();
  }
  std::string key =
      node.domain.empty() ? node.opType : node.domain + "::" + node.opType;
  auto it = translators().find(key);
  if (it == translators().end()) {
    InFlightDiagnostic error =
        emitError(context.loc)
        << "node '" << node.name << "': no translation for operator "
        << (node.domain.empty() ? "ai.onnx" : node.domain)
        << "::" << node.opType;
    error.attachNote() << "`tenonc ops` lists the operators that are compiled";
    return error;
  }
  for (const std::string &input : node.inputs)
    if (refused.count(input)) {
      metRefused = true;
      return failure();
    }
  return success(foldShapeArithmetic(context) || succeeded(it->second(context)));
}

/// Tensors of the declared sizes in place of a refused node's results, so that
/// the nodes behind it are looked at too.
void GraphImporter::standInFor(const Node &node) {
  NodeContext context(*this, node);
  for (auto [i, name] : llvm::enumerate(node.outputs)) {
    if (name.empty())
      continue;
    std::optional<Dims> dims = context.declaredDims(i);
    Type element = dims ? elementType(*builder.getContext(),
                                      declared[name]->type.element)
                        : Type();
    // What decides shapes would be refused for not being known.
    if (!element || isa<IntegerType>(element)) {
      refused.insert(name);
      continue;
    }
    auto made = nn::EmptyOp::create(builder, context.loc,
                                    nn::tensorType(*dims, element),
                                    context.dimsAttr(*dims));
    analysis.set(made, *dims);
    define(name, made);
  }
}

LogicalResult GraphImporter::importNodes(const Graph &graph) {
  for (const TensorData &tensor : graph.initializers)
    constants[tensor.name] = &tensor;
  bool ok = true, metAny = false;
  for (const Node &node : graph.nodes) {
    size_t before = errors;
    metRefused = false;
    for (const std::string &output : node.outputs)
      producers[output] = &node;
    if (succeeded(importNode(node))) {
      for (const std::string &output : node.outputs)
        boundByDeclared(output);
      continue;
    }
    ok = false;
    metAny |= metRefused;
    if (errors == before && !metRefused)
      NodeContext(*this, node).error()
          << "an operand that it needs is not given";
    standInFor(node);
  }
  metRefused = metAny;
  return success(ok);
}

LogicalResult
GraphImporter::attempt(std::vector<Diagnostic> &held,
                       llvm::function_ref<LogicalResult()> way) {
  LogicalResult result = failure();
  {
    ScopedDiagnosticHandler handler(
        builder.getContext(), [&](Diagnostic &diagnostic) {
          errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
          held.push_back(std::move(diagnostic));
          return success();
        });
    result = way();
  }
  if (succeeded(result))
    report(held);
  return result;
}

void GraphImporter::report(std::vector<Diagnostic> &held) {
  // It failed for what was refused, and reported, before.
  metRefused |= held.empty();
  for (Diagnostic &diagnostic : held)
    builder.getContext()->getDiagEngine().emit(std::move(diagnostic));
}

//===- Entry ---------------------------------------------------------------===//

const TranslatorTable &onnx::translators() {
  static const TranslatorTable table = [] {
    TranslatorTable t;
    addElementwiseTranslators(t);
    addShapeTranslators(t);
    addIndexTranslators(t);
    addReductionTranslators(t);
    addProductTranslators(t);
    addWindowTranslators(t);
    addNormTranslators(t);
    addQuantTranslators(t);
    addLowBitTranslators(t);
    addLoopTranslators(t);
    addIfTranslators(t);
    addRnnTranslators(t);
    addChoiceTranslators(t);
    addSamplingTranslators(t);
    addSignalTranslators(t);
    addAttentionTranslators(t);
    addNgramTranslators(t);
    addRandomTranslators(t);
    addQOperatorTranslators(t);
    addFusedTranslators(t);
    return t;
  }();
  return table;
}

bool onnx::hasTranslator(StringRef domain, StringRef opType) {
  // The importer's own.
  if (domain.empty() && opType == "Constant")
    return true;
  return translators().count(domain.empty() ? opType.str()
                                            : (domain + "::" + opType).str());
}

std::vector<std::string> onnx::listTranslators() {
  std::vector<std::string> names;
  for (auto &[name, translator] : translators())
    names.push_back(name);
  return names;
}

OwningOpRef<ModuleOp> onnx::importModel(MLIRContext &context,
                                        const Model &model,
                                        const ImportOptions &options) {
  context.loadDialect<func::FuncDialect, nn::NnDialect, pack::PackDialect,
                      rt::RtDialect, scan::ScanDialect>();
  OpBuilder builder(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(
      builder, NameLoc::get(builder.getStringAttr(model.graph.name)));
  GraphImporter importer(builder, model, options);
  if (failed(importer.importMain(*module)))
    return {};
  return module;
}
