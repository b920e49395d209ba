// Values get places (PackSlots), groups become steps, sizes are read where the
// groups before have left them.
#include "passes/lower/CopyGroup.h"
#include "passes/lower/PackSlots.h"
#include "passes/lower/Passes.h"
#include "passes/lower/TargetFacts.h"
#include "tenon/abi.h"
#include "mlir/IR/IRMapping.h"

namespace tenon::lower {
#define GEN_PASS_DEF_PLANARENAPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

/// Bytes behind each slot that a vector load may touch.
constexpr uint64_t kSlack = 64;

class Planner {
public:
  Planner(ModuleOp module, func::FuncOp program)
      : module(module), program(program), b(module.getContext()),
        alignment(TargetFacts::of(module).alignment()) {}

  LogicalResult run();

private:
  uint64_t alignUp(uint64_t v) const { return llvm::alignTo(v, alignment); }
  LogicalResult checkProgram();
  Value copyBefore(Operation *op, Value value);
  void copyDestinations();
  void copyResults();
  Value rootOf(Value v);
  void planWeights();
  LogicalResult planSlots();
  rt::BufferAttr placeOf(Value v);
  void emitSteps(Block *body);
  void emitBlock(Block &block, SymbolTable &symbols);
  DimExpr bytesOf(Value v);
  ArrayAttr describe(bool inputs);
  ArrayAttr describeSlots();

  ModuleOp module;
  func::FuncOp program;
  OpBuilder b;
  uint64_t alignment;
  nn::DimAnalysis dims;
  llvm::DenseMap<Value, unsigned> slotOf, outputOf;
  llvm::DenseMap<Value, uint64_t> weightOf;
  SmallVector<Slot> slots;
  /// Per op in the order of forEachOp: the steps before it, and it as well.
  SmallVector<unsigned> stepsUpTo;
  struct Stored {
    uint64_t offset;
    Attribute value;
    RankedTensorType type;
    bool encoded; // the value is the bytes that the type stores
  };
  SmallVector<Stored> weights;
  uint64_t weightBytes = 0, slotBytes = 0, peakBytes = 0, laneBytes = 0;
};

/// A step that copies `value` into a buffer of its own.
Value Planner::copyBefore(Operation *op, Value value) {
  // What is a view of packed bytes is copied as bytes.
  if (auto view = value.getDefiningOp<kern::ViewOp>())
    if (cast<ShapedType>(view.getSource().getType()).getElementType() !=
        cast<ShapedType>(value.getType()).getElementType()) {
      Value bytes = copyBefore(op, view.getSource());
      auto copy = kern::ViewOp::create(b, view.getLoc(), view.getType(), bytes,
                                       view.getShapeAttr());
      dims.set(copy, dims.of(value));
      return copy;
    }
  b.setInsertionPoint(op);
  return copyGroup(b, dims, value);
}

/// Whether a value is a tensor that a scan carries, or a view of it.
static bool isCarried(Value v) {
  while (auto view = v.getDefiningOp<kern::ViewOp>())
    v = view.getSource();
  auto argument = dyn_cast<BlockArgument>(v);
  return argument && isa<scan::ScanOp>(argument.getOwner()->getParentOp());
}

/// A destination is written in place, so nobody else may see it: one with
/// other readers (equal fills that were merged, say) is copied first. Those
/// that a scan carries have been looked after by PlaceCarried.
void Planner::copyDestinations() {
  SmallVector<OpOperand *> shared;
  program.walk([&](Operation *op) {
    for (Value dest : kern::destsOf(op)) {
      Operation *def = dest.getDefiningOp();
      bool own = def && isa<kern::GroupOpInterface, kern::EmptyOp, scan::ScanOp>(def) &&
                 def->getBlock() == op->getBlock();
      if ((own && dest.hasOneUse()) || isCarried(dest))
        continue;
      for (OpOperand &operand : op->getOpOperands())
        if (operand.get() == dest &&
            operand.getOperandNumber() >= op->getNumOperands() - kern::destsOf(op).size())
          shared.push_back(&operand);
    }
  });
  for (OpOperand *operand : shared)
    operand->set(copyBefore(operand->getOwner(), operand->get()));
}

/// Results are written where the caller wants them; one that is an argument,
/// a constant, or another result as well is copied there by a step.
void Planner::copyResults() {
  auto ret = cast<func::ReturnOp>(program.front().getTerminator());
  llvm::DenseSet<Value> taken;
  for (OpOperand &operand : ret->getOpOperands()) {
    Value root = rootOf(operand.get());
    Operation *def = root.getDefiningOp();
    bool own = def && isa<kern::GroupOpInterface, kern::EmptyOp>(def);
    if (own && taken.insert(root).second)
      continue;
    operand.set(copyBefore(ret, operand.get()));
    taken.insert(operand.get());
  }
}

/// The value whose buffer this one is: through views, destinations and what
/// scans carry.
Value Planner::rootOf(Value v) {
  while (true) {
    Operation *def = v.getDefiningOp();
    if (!def) {
      auto argument = cast<BlockArgument>(v);
      auto loop = dyn_cast<scan::ScanOp>(argument.getOwner()->getParentOp());
      if (!loop)
        break;
      v = loop.getInits()[argument.getArgNumber()];
      continue;
    }
    if (auto loop = dyn_cast<scan::ScanOp>(def)) {
      v = loop.getInits()[cast<OpResult>(v).getResultNumber()];
      continue;
    }
    if (auto view = dyn_cast<kern::ViewOp>(def)) {
      v = view.getSource();
      continue;
    }
    OperandRange dests = kern::destsOf(def);
    if (dests.empty())
      break;
    v = dests[cast<OpResult>(v).getResultNumber()];
  }
  return v;
}

void Planner::planWeights() {
  std::map<std::pair<const void *, const void *>, uint64_t> known;
  program.walk([&](Operation *op) {
    Attribute value;
    if (auto encode = dyn_cast<pack::EncodeOp>(op))
      value = encode.getSource().getDefiningOp<pack::ConstantOp>().getValue();
    else if (auto constant = dyn_cast<pack::ConstantOp>(op))
      value = constant.getValue();
    else
      return;
    // A constant that is only encoded is stored only so.
    if (isa<pack::ConstantOp>(op) &&
        llvm::all_of(op->getUsers(),
                     [](Operation *u) { return isa<pack::EncodeOp>(u); }))
      return;
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    auto key = std::make_pair(value.getAsOpaquePointer(),
                              Type(type).getAsOpaquePointer());
    auto [it, isNew] = known.insert({key, weightBytes});
    weightOf[op->getResult(0)] = it->second;
    if (!isNew)
      return;
    weights.push_back({weightBytes, value, type,
                       isa<pack::ConstantOp>(op) && type.getEncoding()});
    weightBytes = alignUp(weightBytes + pack::storedBytes(type));
  });
  // Also where all are empty: their address is one inside the weights.
  if (!weights.empty())
    weightBytes += kSlack;
}

/// All ops of a program and of its scans' bodies; a scan after its body.
static void forEachOp(Block &block, llvm::function_ref<void(Operation *)> f) {
  for (Operation &op : block.without_terminator()) {
    if (auto loop = dyn_cast<scan::ScanOp>(op)) {
      forEachOp(loop.getBody().front(), f);
      f(loop.getYield());
    }
    f(&op);
  }
}

LogicalResult Planner::planSlots() {
  auto ret = cast<func::ReturnOp>(program.front().getTerminator());
  for (auto [i, value] : llvm::enumerate(ret.getOperands()))
    outputOf[rootOf(value)] = i;

  // Steps in order; a scan stands at its end, its body before.
  llvm::DenseMap<Operation *, unsigned> at;
  unsigned step = 0;
  forEachOp(program.front(), [&](Operation *op) {
    at[op] = step++;
    unsigned before = stepsUpTo.empty() ? 0 : stepsUpTo.back();
    stepsUpTo.push_back(before + isa<kern::GroupOpInterface>(op));
  });
  LogicalResult ok = success();
  // A value from outside a scan is needed until the scan's end.
  auto touch = [&](Value v, Operation *user) {
    Value root = rootOf(v);
    auto it = slotOf.find(root);
    if (it == slotOf.end())
      return;
    Operation *reader = root.getParentBlock()->findAncestorOpInBlock(*user);
    Slot &slot = slots[it->second];
    slot.last = std::max(slot.last, at.lookup(reader));
  };
  forEachOp(program.front(), [&](Operation *op) {
    if (isa<kern::GroupOpInterface, kern::EmptyOp>(op))
      for (Value result : op->getResults()) {
        if (rootOf(result) != result || outputOf.count(result))
          continue;
        auto type = cast<RankedTensorType>(result.getType());
        DimRange range = product(dims.of(result)).range(dims.symbols);
        // Between operations a narrow element is a byte, like bool.
        unsigned bits =
            std::max(8u, type.getElementType().getIntOrFloatBitWidth());
        if (range.hi > (int64_t(1) << 48)) {
          ok = op->emitError("its result has no upper bound: ")
               << dimsToString(dims.of(result));
          continue;
        }
        Slot slot;
        slot.bytes = alignUp((range.hi * bits + 7) / 8 + kSlack);
        slot.first = slot.last = at[op];
        slotOf[result] = slots.size();
        slots.push_back(slot);
      }
    for (Value operand : op->getOperands())
      touch(operand, op);
  });
  if (failed(ok))
    return failure();

  slotBytes = packSlots(slots);
  peakBytes = peakOf(slots);
  return success();
}

rt::BufferAttr Planner::placeOf(Value v) {
  MLIRContext *context = b.getContext();
  auto weight = weightOf.find(v);
  Value root = rootOf(v);
  if (weight == weightOf.end())
    weight = weightOf.find(root);
  if (weight != weightOf.end())
    return rt::BufferAttr::get(context, rt::Base::Weights, 0, weight->second);
  auto output = outputOf.find(root);
  if (output != outputOf.end())
    return rt::BufferAttr::get(context, rt::Base::Output, output->second, 0);
  if (auto argument = dyn_cast<BlockArgument>(root))
    return rt::BufferAttr::get(context, rt::Base::Input,
                               argument.getArgNumber(), 0);
  return rt::BufferAttr::get(context, rt::Base::Arena, 0,
                             slots[slotOf.lookup(root)].offset);
}

ArrayAttr Planner::describe(bool inputs) {
  SmallVector<Attribute> all;
  auto ret = cast<func::ReturnOp>(program.front().getTerminator());
  ValueRange values = inputs ? ValueRange(program.getArguments())
                             : ValueRange(ret.getOperands());
  for (auto [i, value] : llvm::enumerate(values)) {
    auto name = inputs
                    ? program.getArgAttrOfType<StringAttr>(i, nn::kNameAttr)
                    : program.getResultAttrOfType<StringAttr>(i, nn::kNameAttr);
    if (!name)
      name = b.getStringAttr((inputs ? "input" : "output") + std::to_string(i));
    all.push_back(b.getDictionaryAttr(
        {b.getNamedAttr("name", name),
         b.getNamedAttr("shape",
                        nn::DimsAttr::get(b.getContext(), dims.of(value))),
         b.getNamedAttr("type", TypeAttr::get(value.getType()))}));
  }
  return b.getArrayAttr(all);
}

/// Which steps need which bytes. A slot of kern.empty begins with the next
/// step, one that is needed to a scan's end ends with the step before.
ArrayAttr Planner::describeSlots() {
  SmallVector<Attribute> all;
  for (const Slot &slot : slots) {
    int64_t first = slot.first ? stepsUpTo[slot.first - 1] : 0;
    int64_t last = std::max<int64_t>(first, (int64_t)stepsUpTo[slot.last] - 1);
    all.push_back(rt::SlotAttr::get(b.getContext(), slot.offset, slot.bytes,
                                    first, last));
  }
  return b.getArrayAttr(all);
}

void Planner::emitSteps(Block *body) {
  b.setInsertionPointToEnd(body);
  for (const Stored &w : weights)
    rt::WeightOp::create(b, module.getLoc(), w.offset, w.value, w.type,
                         w.encoded);
  SymbolTable symbols(module);
  emitBlock(program.front(), symbols);
}

/// What a step moves where it reads or writes all of a value.
DimExpr Planner::bytesOf(Value v) {
  auto type = cast<RankedTensorType>(v.getType());
  if (weightOf.count(v) && type.hasStaticShape())
    return (int64_t)pack::storedBytes(type);
  // Between operations a narrow element is a byte, like bool.
  int64_t bits = std::max(8u, type.getElementType().getIntOrFloatBitWidth());
  return product(dims.of(v)) * DimExpr(bits / 8);
}

void Planner::emitBlock(Block &block, SymbolTable &symbols) {
  for (Operation &op : block.without_terminator()) {
    if (auto loop = dyn_cast<scan::ScanOp>(op)) {
      auto made = rt::LoopOp::create(b, op.getLoc(), loop.getSymbolAttr(),
                                     loop.getTripAttr(), nullptr);
      if (loop.getConditional())
        made.setConditionAttr(placeOf(loop.getInits()[0]));
      OpBuilder::InsertionGuard guard(b);
      b.createBlock(&made.getBody());
      emitBlock(loop.getBody().front(), symbols);
      continue;
    }
    if (auto size = dyn_cast<nn::SizeOp>(op)) {
      rt::SizeOp::create(b, op.getLoc(), size.getSymbolAttr(),
                         placeOf(size.getValue()), size.getLowerAttr(),
                         size.getUpperAttr(),
                         b.getI32IntegerAttr(TENON_SIZE_OUT_OF_BOUNDS));
      continue;
    }
    if (isa<rt::CheckOp>(op)) {
      b.clone(op);
      continue;
    }
    auto group = dyn_cast<kern::GroupOpInterface>(op);
    if (!group)
      continue;
    auto key = op.getAttrOfType<StringAttr>("kernel");
    kern::StepParameters step = group.getStepParameters(dims);
    SmallVector<Attribute> buffers;
    DimExpr bytes = 0;
    auto append = [&](Value v) {
      rt::BufferAttr place = placeOf(v);
      if (!llvm::is_contained(buffers, place)) // a buffer read twice counts once
        bytes = bytes + bytesOf(v);
      buffers.push_back(place);
    };
    // Operands in order (destinations are the results'), then results.
    OperandRange dests = kern::destsOf(&op);
    llvm::for_each(op.getOperands().drop_back(dests.size()), append);
    llvm::for_each(op.getResults(), append);
    laneBytes = std::max<uint64_t>(
        laneBytes, step.scratchBytes.range(dims.symbols).hi);
    rt::StepOp::create(
        b, op.getLoc(), key.getValue(), b.getArrayAttr(buffers),
        nn::DimsAttr::get(b.getContext(), Dims{step.tiles}),
        nn::DimsAttr::get(b.getContext(), step.parameters), step.constants,
        group.isGeneric(),
        nn::DimsAttr::get(b.getContext(), Dims{bytes, step.flops}));
    if (symbols.lookup(key.getValue()))
      continue;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(module.getBody());
    auto kernel = rt::KernelOp::create(b, op.getLoc(), key.getValue());
    Block *block = b.createBlock(&kernel.getBody());
    IRMapping mapping;
    for (Value operand : op.getOperands())
      if (!mapping.contains(operand))
        mapping.map(operand, block->addArgument(operand.getType(), op.getLoc()));
    b.setInsertionPointToEnd(block);
    b.clone(op, mapping);
    symbols.insert(kernel);
  }
}

/// A program here is groups with their kernels' names, constants, views,
/// destinations and scans.
LogicalResult Planner::checkProgram() {
  if (!program.getBody().hasOneBlock())
    return program.emitError("expected a program of one block");
  WalkResult walked = program.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<kern::GroupOpInterface>(op)) {
      if (!op->getAttrOfType<StringAttr>("kernel")) {
        op->emitOpError("expected the name of its kernel; run "
                        "-tenon-key-kernels before");
        return WalkResult::interrupt();
      }
      return WalkResult::skip();
    }
    auto encode = dyn_cast<pack::EncodeOp>(op);
    if (encode && !encode.getSource().getDefiningOp<pack::ConstantOp>()) {
      op->emitOpError("expected a constant to encode");
      return WalkResult::interrupt();
    }
    if (op == program || encode ||
        isa<pack::ConstantOp, kern::ViewOp, kern::EmptyOp, scan::ScanOp,
            scan::YieldOp, func::ReturnOp, rt::CheckOp, nn::SizeOp>(op))
      return WalkResult::advance();
    op->emitOpError("cannot be given a place; expected groups of kern, "
                    "constants, views, sizes and scans");
    return WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}

LogicalResult Planner::run() {
  if (failed(checkProgram()))
    return failure();
  dims = nn::DimAnalysis(program);
  if (!dims.isValid())
    return failure();
  copyDestinations();
  copyResults();
  planWeights();
  if (failed(planSlots()))
    return failure();
  b.setInsertionPoint(program);
  auto symbols = program->getAttrOfType<DictionaryAttr>(nn::kSymbolsAttr);
  auto made = rt::ProgramOp::create(
      b, program.getLoc(), "main", symbols ? symbols : b.getDictionaryAttr({}),
      describe(true), describe(false), slotBytes, peakBytes, weightBytes,
      describeSlots());
  Block *body = b.createBlock(&made.getBody());
  program.setName("main.tensors");
  emitSteps(body);
  // Slack as behind slots: whole vectors are read there.
  if (laneBytes)
    made->setAttr("lane_bytes", b.getI64IntegerAttr(alignUp(laneBytes + kSlack)));
  program.erase();
  return success();
}

struct PlanArenaPass : lower::impl::PlanArenaPassBase<PlanArenaPass> {
  void runOnOperation() override {
    auto program = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!program) {
      getOperation().emitError("expected a program 'main'");
      return signalPassFailure();
    }
    if (failed(Planner(getOperation(), program).run()))
      signalPassFailure();
  }
};
} // namespace
