#include "compiler/driver/Interface.h"

#include "compiler/artifact/Identifiers.h"
#include "compiler/driver/Diagnostics.h"
#include "runtime/include/tenon/abi.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/Errc.h"

using namespace llvm;
using namespace tenon;

int32_t tenon::tenonType(mlir::Type element) {
  if (auto integer = dyn_cast<mlir::IntegerType>(element)) {
    bool isUnsigned = integer.isUnsigned();
    switch (integer.getWidth()) {
    case 1:
      return TENON_BOOL;
    case 2:
      return isUnsigned ? TENON_U2 : TENON_I2;
    case 4:
      return isUnsigned ? TENON_U4 : TENON_I4;
    case 8:
      return isUnsigned ? TENON_U8 : TENON_I8;
    case 16:
      return isUnsigned ? TENON_U16 : TENON_I16;
    case 32:
      return isUnsigned ? TENON_U32 : TENON_I32;
    case 64:
      return isUnsigned ? TENON_U64 : TENON_I64;
    default:
      return 0;
    }
  }
  if (element.isF32())
    return TENON_F32;
  if (element.isF64())
    return TENON_F64;
  if (element.isF16())
    return TENON_F16;
  if (element.isBF16())
    return TENON_BF16;
  if (isa<mlir::Float8E4M3FNType>(element))
    return TENON_F8E4M3FN;
  if (isa<mlir::Float8E4M3FNUZType>(element))
    return TENON_F8E4M3FNUZ;
  if (isa<mlir::Float8E5M2Type>(element))
    return TENON_F8E5M2;
  if (isa<mlir::Float8E5M2FNUZType>(element))
    return TENON_F8E5M2FNUZ;
  if (isa<mlir::Float8E8M0FNUType>(element))
    return TENON_F8E8M0;
  if (isa<mlir::Float4E2M1FNType>(element))
    return TENON_F4E2M1;
  return 0;
}

static Error broken(const Twine &what) {
  return createStringError(errc::invalid_argument,
                           "the planned program " + what);
}

static Expected<artifact::Tensor>
describeTensor(mlir::Attribute attribute,
               const std::vector<artifact::Symbol> &symbols,
               const std::vector<artifact::Symbol> &found) {
  auto dict = dyn_cast<mlir::DictionaryAttr>(attribute);
  auto name = dict ? dict.getAs<mlir::StringAttr>("name") : nullptr;
  auto typeAttr = dict ? dict.getAs<mlir::TypeAttr>("type") : nullptr;
  auto shape = dict ? dict.getAs<nn::DimsAttr>("shape") : nullptr;
  if (!name || !typeAttr || !shape)
    return broken("has an input or output without name, type or shape");
  auto type = dyn_cast<mlir::RankedTensorType>(typeAttr.getValue());
  artifact::Tensor tensor;
  tensor.name = name.str();
  tensor.type = type ? tenonType(type.getElementType()) : 0;
  if (!tensor.type)
    return broken("has an unknown element type at '" + tensor.name + "'");
  SymbolRanges ranges;
  for (const auto *list : {&symbols, &found})
    for (const artifact::Symbol &symbol : *list)
      ranges[symbol.name] = {symbol.lo, symbol.hi};
  for (const DimExpr &dim : shape.getExprs()) {
    if (dim.isConstant()) {
      tensor.dims.push_back(artifact::Dim::fixed(dim.constant()));
      continue;
    }
    auto named = [&](const artifact::Symbol &symbol) {
      return dim.asSymbol() == symbol.name;
    };
    auto found = llvm::find_if(symbols, named);
    tensor.dims.push_back(
        found != symbols.end()
            ? artifact::Dim::symbol(found - symbols.begin())
            : artifact::Dim::expression(dim.str(), dim.range(ranges).hi));
  }
  return tensor;
}

/// "conv1+relu1": whose work a step does.
static std::string nameOf(mlir::Operation *op, StringRef otherwise) {
  std::vector<std::string> names = nodesOf(op->getLoc());
  if (names.empty())
    return otherwise.str();
  constexpr size_t most = 4;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), most); ++i)
    text += (i ? "+" : "") + names[i];
  if (names.size() > most)
    text += "+" + std::to_string(names.size() - most) + " more";
  return text;
}

/// Bounds of the program's symbols, of sizes it finds and of what loops count.
static SymbolRanges symbolRangesIn(rt::ProgramOp program) {
  SymbolRanges ranges = nn::symbolRanges(program.getSymbols());
  program.getBody().walk<mlir::WalkOrder::PreOrder>([&](mlir::Operation *op) {
    if (auto size = dyn_cast<rt::SizeOp>(op))
      ranges[size.getSymbol().str()] = size.getRange();
    if (auto loop = dyn_cast<rt::LoopOp>(op)) {
      int64_t trips = loop.getTrip().getExprs()[0].range(ranges).hi;
      ranges[loop.getSymbol().str()] = {0, std::max<int64_t>(trips - 1, 0)};
    }
  });
  return ranges;
}

Expected<artifact::ModelInterface>
tenon::describeProgram(rt::ProgramOp program, const ResolvedTarget &target,
                       StringRef prefix) {
  artifact::ModelInterface model;
  model.prefix = prefix.str();
  // Files are called so, and the runtime looks for "<name>.weights". The "_"
  // that keeps a prefix from being a keyword is for C alone.
  model.name = prefix.rtrim('_').str();
  model.triple = target.options.triple;
  model.cpu = target.display;
  model.cpuFeatures = target.cpuFeatures;
  model.slotBytes = program.getSlotBytes();
  model.device = target.options.device;
  if (!model.device.empty()) {
    // Values live in the device's memory.
    model.deviceSlotBytes = model.slotBytes;
    model.slotBytes = 0;
  }
  if (auto kernels = program->getAttrOfType<mlir::IntegerAttr>("device_kernels"))
    model.deviceKernels = kernels.getInt();
  model.weightBytes = program.getWeightBytes();
  if (auto lane = program->getAttrOfType<mlir::IntegerAttr>("lane_bytes"))
    model.laneBytes = lane.getValue().getZExtValue();

  for (mlir::NamedAttribute symbol : program.getSymbols()) {
    auto range = dyn_cast<mlir::DenseI64ArrayAttr>(symbol.getValue());
    if (!range || range.size() != 2)
      return broken("has a symbol without bounds");
    model.symbols.push_back({symbol.getName().str(), "", range[0], range[1]});
  }
  for (auto size : program.getBody().getOps<rt::SizeOp>())
    model.found.push_back({size.getSymbol().str(), "", size.getRange().lo,
                           size.getRange().hi});
  for (auto [attributes, tensors] :
       {std::pair(program.getInputs(), &model.inputs),
        std::pair(program.getOutputs(), &model.outputs)})
    for (mlir::Attribute attribute : attributes) {
      Expected<artifact::Tensor> tensor =
          describeTensor(attribute, model.symbols, model.found);
      if (!tensor)
        return tensor.takeError();
      tensors->push_back(std::move(*tensor));
    }
  SymbolRanges ranges = symbolRangesIn(program);
  program.getBody().walk([&](rt::StepOp step) {
    artifact::Step row;
    row.name = nameOf(step, step.getKernel());
    row.kernel = step.getKernel().str();
    row.kind = StringRef(row.kernel).split('_').first.str();
    row.generic = step.getGeneric();
    row.bytes = step.getBytes().range(ranges).hi;
    row.flops = step.getFlops().range(ranges).hi;
    for (auto loop = step->getParentOfType<rt::LoopOp>(); loop;
         loop = loop->getParentOfType<rt::LoopOp>())
      row.runs *= loop.getTrip().getExprs()[0].range(ranges).hi;
    model.steps.push_back(std::move(row));
  });
  auto module = program->getParentOfType<mlir::ModuleOp>();
  model.hasLateCosts =
      module && module.lookupSymbol((prefix + "_late_costs").str());
  program.getBody().walk([&](mlir::Operation *op) {
    std::string name = nameOf(op, "sizes") + ": ";
    if (auto check = dyn_cast<rt::CheckOp>(op))
      model.checks.push_back(name + check.getLhs().getExprs()[0].str() + " = " +
                             check.getRhs().getExprs()[0].str());
    if (auto size = dyn_cast<rt::SizeOp>(op))
      model.checks.push_back(name + size.getSymbol().str() + " = " +
                             std::to_string(size.getRange().lo) + ".." +
                             std::to_string(size.getRange().hi));
  });
  if (mlir::ArrayAttr slots = program.getSlotsAttr())
    for (auto slot : slots.getAsRange<rt::SlotAttr>())
      model.slots.push_back(
          {size_t(slot.getFirst()) < model.steps.size()
               ? model.steps[slot.getFirst()].name
               : std::string(),
           slot.getOffset(), slot.getBytes(), int32_t(slot.getFirst()),
           int32_t(slot.getLast())});
  artifact::assignIdentifiers(model);
  if (Error error = artifact::verifyInterface(model))
    return error;
  return model;
}
