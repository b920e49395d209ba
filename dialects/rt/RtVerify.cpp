// Steps against the program around them: its buffers, its symbols, and the
// kernels they name.
#include "dialects/kern/Kern.h"
#include "dialects/pack/Pack.h"
#include "dialects/rt/Rt.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::rt;

//===- Symbols
//-------------------------------------------------------------===//

/// Whether one of a block's own `rt.size`, before `end`, has this name.
static bool isFound(Block &block, Operation *end, StringRef name) {
  for (Operation &op : block) {
    if (&op == end)
      break;
    if (auto size = dyn_cast<SizeOp>(op); size && size.getSymbol() == name)
      return true;
  }
  return false;
}

/// Whether the program, or what stands before `op` or around it, gives a size
/// this name.
static bool isDeclared(Operation *op, StringRef name) {
  Operation *inner = nullptr;
  for (; op; inner = op, op = op->getParentOp()) {
    if (auto loop = dyn_cast<LoopOp>(op); loop && loop.getSymbol() == name)
      return true;
    if (isa<LoopOp, ProgramOp>(op) &&
        isFound(op->getRegion(0).front(), inner, name))
      return true;
    if (auto program = dyn_cast<ProgramOp>(op))
      return program.getSymbols().contains(name);
  }
  return true;
}

static LogicalResult expectDeclared(Operation *op, Operation *scope,
                                    ArrayRef<DimExpr> sizes) {
  std::string missing;
  for (const DimExpr &size : sizes)
    size.forEachSymbol([&](StringRef name) {
      if (missing.empty() && !isDeclared(scope, name))
        missing = name.str();
    });
  if (missing.empty())
    return success();
  return op->emitOpError("expected sizes over the program's symbols and its "
                         "loops', but got '")
         << missing << "'";
}

static LogicalResult expectOne(Operation *op, StringRef what,
                               nn::DimsAttr sizes) {
  if (sizes.getExprs().size() == 1)
    return success();
  return op->emitOpError("expected one ") << what << ", but got " << sizes;
}

//===- Program
//-------------------------------------------------------------===//

static LogicalResult verifyInterface(ProgramOp program, StringRef what,
                                     ArrayAttr entries) {
  for (auto [i, entry] : llvm::enumerate(entries)) {
    auto dict = dyn_cast<DictionaryAttr>(entry);
    auto type = dict ? dict.getAs<TypeAttr>("type") : TypeAttr();
    auto tensor =
        type ? dyn_cast<RankedTensorType>(type.getValue()) : RankedTensorType();
    auto shape = dict ? dict.getAs<nn::DimsAttr>("shape") : nn::DimsAttr();
    if (!tensor || !shape || !dict.getAs<StringAttr>("name") ||
        nn::tensorType(shape.getExprs(), tensor.getElementType()) != tensor)
      return program.emitOpError("expected a name, a tensor type and a shape "
                                 "that fits it of ")
             << what << " " << i << ", but got " << entry;
    if (failed(expectDeclared(program, program, shape.getExprs())))
      return failure();
  }
  return success();
}

LogicalResult ProgramOp::verify() {
  if (failed(nn::verifySymbols(*this, getSymbols())) ||
      failed(verifyInterface(*this, "input", getInputs())) ||
      failed(verifyInterface(*this, "output", getOutputs())))
    return failure();
  for (Operation &op : getBody().front())
    if (!isa<WeightOp, StepOp, LoopOp, CheckOp, SizeOp>(op))
      return op.emitOpError("is no part of a program: expected weights, steps, "
                            "loops, sizes and checks");
  return success();
}

LogicalResult WeightOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return emitOpError("expected a tensor of static shape, but got ")
           << getType();
  auto program = (*this)->getParentOfType<ProgramOp>();
  uint64_t end = getOffset() + pack::storedBytes(type);
  if (program && end > program.getWeightBytes())
    return emitOpError("expected weights inside the program's ")
           << program.getWeightBytes() << " bytes, but they end at " << end;
  return success();
}

//===- Steps
//---------------------------------------------------------------===//

/// How many places of a base there are, or how many bytes.
static uint64_t limitOf(ProgramOp program, BufferAttr buffer) {
  switch (buffer.getBase()) {
  case Base::Arena:
    return program.getSlotBytes();
  case Base::Weights:
    return program.getWeightBytes();
  case Base::Input:
    return program.getInputs().size();
  case Base::Output:
    return program.getOutputs().size();
  }
  return 0;
}

LogicalResult StepOp::verify() {
  auto program = (*this)->getParentOfType<ProgramOp>();
  for (Attribute attr : getBuffers()) {
    auto buffer = dyn_cast<BufferAttr>(attr);
    if (!buffer)
      return emitOpError("expected buffers as #rt.buffer, but got ") << attr;
    if (!program)
      continue;
    bool counted =
        buffer.getBase() == Base::Input || buffer.getBase() == Base::Output;
    uint64_t limit = limitOf(program, buffer);
    uint64_t value = counted ? buffer.getNumber() : buffer.getOffset();
    if (value >= limit || (!counted && buffer.getNumber() != 0))
      return emitOpError("expected a place below ")
             << limit << (counted ? " buffers" : " bytes") << ", but got "
             << buffer;
  }
  if (failed(expectOne(*this, "number of tiles", getTiles())) ||
      failed(expectDeclared(*this, *this, getTiles().getExprs())))
    return failure();
  if (getCost().getExprs().size() != 2)
    return emitOpError("expected bytes and operations as its cost, but got ")
           << getCost();
  if (failed(expectDeclared(*this, *this, getCost().getExprs())))
    return failure();
  return expectDeclared(*this, *this, getParameters().getExprs());
}

LogicalResult StepOp::verifySymbolUses(SymbolTableCollection &symbols) {
  Operation *kernel = symbols.lookupNearestSymbolFrom(*this, getKernelAttr());
  // A function or a GPU's module or constant, once it is code.
  if (kernel && kernel->getDialect() != getOperation()->getDialect())
    return success();
  auto group = dyn_cast_or_null<KernelOp>(kernel);
  if (!group)
    return emitOpError("expected a kernel, but '")
           << getKernel() << (kernel ? "' is none" : "' is not defined");
  Operation &op = group.getBody().front().front();
  size_t places =
      op.getNumOperands() - kern::destsOf(&op).size() + op.getNumResults();
  if (getBuffers().size() == places)
    return success();
  return emitOpError("expected a buffer for each of ")
         << places << " operands and results of '" << getKernel()
         << "', but got " << getBuffers().size();
}

LogicalResult KernelOp::verify() {
  Block &block = getBody().front();
  if (llvm::hasSingleElement(block) &&
      isa<kern::GroupOpInterface>(block.front()))
    return success();
  return emitOpError("expected one group of kern in its body");
}

LogicalResult LoopOp::verify() {
  if (failed(expectOne(*this, "trip count", getTrip())))
    return failure();
  Operation *outer = (*this)->getParentOp();
  if (outer && !isa<ProgramOp, LoopOp>(outer))
    return emitOpError("expected to stand in a program or a loop, but got '")
           << outer->getName() << "'";
  for (Operation &op : getBody().front())
    if (!isa<StepOp, LoopOp, CheckOp, SizeOp>(op))
      return op.emitOpError("is no part of a loop: expected steps, loops, "
                            "sizes and checks");
  return expectDeclared(*this, outer, getTrip().getExprs());
}

LogicalResult CheckOp::verify() {
  if (failed(expectOne(*this, "left side", getLhs())) ||
      failed(expectOne(*this, "right side", getRhs())) ||
      failed(expectDeclared(*this, *this, getLhs().getExprs())))
    return failure();
  return expectDeclared(*this, *this, getRhs().getExprs());
}

LogicalResult SizeOp::verify() {
  DimRange range = getRange();
  if (range.lo > range.hi)
    return emitOpError("expected bounds in order, but got ")
           << range.lo << " to " << range.hi;
  if (isDeclared(*this, getSymbol()) && (*this)->getParentOfType<ProgramOp>())
    return emitOpError("expected a symbol of its own, but '")
           << getSymbol() << "' is declared already";
  return success();
}
