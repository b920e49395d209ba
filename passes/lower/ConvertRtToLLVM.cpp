// The program as a function: one dispatch per step.
//
//   i32 <prefix>_program(model, symbols, bases)
//     %s = tenon_dispatch(model, bases, &step0)   a constant record, or one on
//     if (%s) return %s                           the stack with sizes filled in
//     ...
//   void <prefix>_output_dims(symbols, dims)      and output_bounds, where
//                                                 sizes are found
//   void <prefix>_late_costs(symbols, costs)      where costs follow from sizes
#include "passes/lower/Passes.h"
#include "passes/lower/TargetFacts.h"
#include "tenon/abi.h"

namespace tenon::lower {
#define GEN_PASS_DEF_CONVERTRTTOLLVMPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

class ProgramWriter {
public:
  ProgramWriter(ModuleOp module, rt::ProgramOp program, std::string prefix)
      : module(module), program(program), prefix(std::move(prefix)),
        b(module.getContext()), facts(TargetFacts::of(module)),
        pointer(LLVM::LLVMPointerType::get(b.getContext())),
        integer(b.getIntegerType(facts.indexBits)), i64(b.getI64Type()) {
    for (NamedAttribute s : program.getSymbols())
      symbols.push_back(s.getName().str());
  }
  void writeProgram();
  /// `bounds`: before sizes are found.
  void writeOutputDims(StringRef name, bool bounds);
  void writeLateCosts();
  bool findsSizes() {
    return !program.getBody().getOps<rt::SizeOp>().empty();
  }

private:
  Value beginSizes(StringRef name);
  Value constant(Type type, int64_t v) {
    return LLVM::ConstantOp::create(b, loc, type, b.getIntegerAttr(type, v));
  }
  /// In the width of an index: 32-bit targets have no 64-bit division.
  Value evaluate(const DimExpr &e);
  void loadSymbols(Value from);
  int64_t baseNumber(rt::BufferAttr buffer);
  Value constantRecord(rt::StepOp step, int64_t node, ArrayRef<Attribute> args);
  Value stackRecord(rt::StepOp step, int64_t node);
  void writeBlock(Block &block);
  void writeLoop(rt::LoopOp loop);
  void writeStep(rt::StepOp step);
  void leaveIf(Value wrong, int64_t number, uint32_t status);
  void writeCheck(rt::CheckOp check, int64_t number);
  void writeSize(rt::SizeOp size, int64_t number);
  Value addressOf(rt::BufferAttr buffer);

  ModuleOp module;
  rt::ProgramOp program;
  std::string prefix;
  OpBuilder b;
  TargetFacts facts;
  Type pointer, integer, i64;
  Location loc = UnknownLoc::get(b.getContext());
  SmallVector<std::string> symbols; // in the dictionary's (sorted) order
  std::map<std::string, Value> sizes;
  // While the program is written:
  Value model, bases, stack;
  Block *leave = nullptr;
  int64_t node = 0;   // the next step
  int64_t checks = 0; // the next check or size; numbered behind the steps
  int64_t found = 0;  // the next size that is told to the caller
};

void ProgramWriter::loadSymbols(Value from) {
  for (auto [i, name] : llvm::enumerate(symbols)) {
    Value at = LLVM::GEPOp::create(b, loc, pointer, i64, from,
                                   ArrayRef<LLVM::GEPArg>{(int32_t)i});
    Value size = LLVM::LoadOp::create(b, loc, i64, at);
    if (facts.indexBits < 64)
      size = LLVM::TruncOp::create(b, loc, integer, size);
    sizes[name] = size;
  }
}

Value ProgramWriter::evaluate(const DimExpr &e) {
  return e.fold<Value>(
      [&](int64_t c) { return constant(integer, c); },
      [&](StringRef s) { return sizes[s.str()]; },
      [&](char op, Value x, Value y) -> Value {
        Value zero = constant(integer, 0), one = constant(integer, 1);
        // Divisors are positive by construction; 1 keeps a bug from trapping.
        auto floorDiv = [&](Value n, Value d) -> Value {
          Value q = LLVM::SDivOp::create(b, loc, n, d);
          Value r = LLVM::SRemOp::create(b, loc, n, d);
          Value down = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::slt, r, zero);
          return LLVM::SelectOp::create(b, loc, down, LLVM::SubOp::create(b, loc, q, one), q);
        };
        auto pick = [&](LLVM::ICmpPredicate p) -> Value {
          Value c = LLVM::ICmpOp::create(b, loc, p, x, y);
          return LLVM::SelectOp::create(b, loc, c, x, y);
        };
        switch (op) {
        case '+': return LLVM::AddOp::create(b, loc, x, y);
        case '*': return LLVM::MulOp::create(b, loc, x, y);
        case '<': return pick(LLVM::ICmpPredicate::slt);
        case '>': return pick(LLVM::ICmpPredicate::sgt);
        default: break;
        }
        Value positive = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::sgt, y, zero);
        y = LLVM::SelectOp::create(b, loc, positive, y, one);
        if (op == '/')
          return floorDiv(x, y);
        if (op == '^')
          return floorDiv(LLVM::AddOp::create(b, loc, x, LLVM::SubOp::create(b, loc, y, one)), y);
        Value q = floorDiv(x, y);
        return LLVM::SubOp::create(b, loc, x, LLVM::MulOp::create(b, loc, q, y));
      });
}

int64_t ProgramWriter::baseNumber(rt::BufferAttr buffer) {
  switch (buffer.getBase()) {
  case rt::Base::Arena: return 0;
  case rt::Base::Weights: return 1;
  case rt::Base::Input: return 2 + buffer.getNumber();
  case rt::Base::Output:
    return 2 + program.getInputs().size() + buffer.getNumber();
  }
  return 0;
}

/// A record whose words are all known: read-only data.
Value ProgramWriter::constantRecord(rt::StepOp step, int64_t node,
                                    ArrayRef<Attribute> words) {
  auto array = LLVM::LLVMArrayType::get(integer, words.size());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, array});
  std::string name = prefix + "_step" + std::to_string(node);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(module.getBody());
    auto global = LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true,
                                         LLVM::Linkage::Internal, name, Attribute(),
                                         /*alignment=*/8);
    Block *block = b.createBlock(&global.getInitializerRegion());
    b.setInsertionPointToEnd(block);
    Value record = LLVM::UndefOp::create(b, loc, type);
    Value kernel = LLVM::AddressOfOp::create(b, loc, pointer, step.getKernel());
    record = LLVM::InsertValueOp::create(b, loc, record, kernel, ArrayRef<int64_t>{0});
    SmallVector<APInt> values;
    for (Attribute w : words)
      values.push_back(APInt(facts.indexBits, (uint64_t)cast<IntegerAttr>(w).getInt(),
                             false, true));
    auto tensor = RankedTensorType::get({(int64_t)words.size()}, integer);
    Value data = LLVM::ConstantOp::create(b, loc, array,
                                          DenseElementsAttr::get(tensor, values));
    record = LLVM::InsertValueOp::create(b, loc, record, data, ArrayRef<int64_t>{1});
    LLVM::ReturnOp::create(b, loc, record);
  }
  return LLVM::AddressOfOp::create(b, loc, pointer, name);
}

void ProgramWriter::writeProgram() {
  b.setInsertionPointToEnd(module.getBody());
  auto i32 = b.getI32Type();
  auto dispatchType = LLVM::LLVMFunctionType::get(i32, {pointer, pointer, pointer});
  LLVM::LLVMFuncOp::create(b, loc, "tenon_dispatch", dispatchType);
  bool fails = false;
  program.getBody().walk(
      [&](Operation *op) { fails |= isa<rt::CheckOp, rt::SizeOp>(op); });
  if (fails)
    LLVM::LLVMFuncOp::create(
        b, loc, "tenon_fail",
        LLVM::LLVMFunctionType::get(i32, {pointer, integer, i32}));
  if (findsSizes())
    LLVM::LLVMFuncOp::create(
        b, loc, "tenon_note_size",
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                    {pointer, integer, i64}));
  auto function = LLVM::LLVMFuncOp::create(
      b, program.getLoc(), prefix + "_program",
      LLVM::LLVMFunctionType::get(i32, {pointer, pointer, pointer}));
  function.setVisibility_(LLVM::Visibility::Hidden);
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  model = entry->getArgument(0);
  bases = entry->getArgument(2);
  loadSymbols(entry->getArgument(1));

  leave = b.createBlock(&function.getBody(), function.getBody().end(),
                               {i32}, {loc});
  LLVM::ReturnOp::create(b, loc, leave->getArgument(0));
  b.setInsertionPointToEnd(entry);

  // One record on the stack serves all steps whose sizes are known late.
  int64_t longest = 0;
  bool late = !symbols.empty();
  program.getBody().walk([&](Operation *op) {
    late |= isa<rt::LoopOp, rt::SizeOp>(op);
    checks += isa<rt::StepOp>(op);
    if (auto step = dyn_cast<rt::StepOp>(op))
      longest = std::max<int64_t>(
          longest, 3 + 2 * step.getBuffers().size() +
                       step.getParameters().getExprs().size() +
                       step.getConstants().size());
  });
  if (late)
    stack = LLVM::AllocaOp::create(b, loc, pointer, integer,
                                   constant(b.getI32Type(), longest), 16);
  writeBlock(program.getBody().front());
  LLVM::ReturnOp::create(b, loc, constant(i32, 0));
}

void ProgramWriter::writeBlock(Block &block) {
  for (Operation &op : block) {
    loc = op.getLoc();
    if (auto step = dyn_cast<rt::StepOp>(op))
      writeStep(step);
    else if (auto loop = dyn_cast<rt::LoopOp>(op))
      writeLoop(loop);
    else if (auto check = dyn_cast<rt::CheckOp>(op))
      writeCheck(check, checks++);
    else if (auto size = dyn_cast<rt::SizeOp>(op))
      writeSize(size, checks++);
  }
}

Value ProgramWriter::addressOf(rt::BufferAttr buffer) {
  Value base = LLVM::LoadOp::create(
      b, loc, pointer,
      LLVM::GEPOp::create(b, loc, pointer, pointer, bases,
                          ArrayRef<LLVM::GEPArg>{(int32_t)baseNumber(buffer)}));
  return LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), base,
                             ValueRange{constant(i64, buffer.getOffset())});
}

///   cond_br wrong, fail, next
/// fail: br leave(tenon_fail(model, number, status))
void ProgramWriter::leaveIf(Value wrong, int64_t number, uint32_t code) {
  Type i32 = b.getI32Type();
  Block *here = b.getInsertionBlock();
  Block *fail = b.createBlock(leave);
  Value status = LLVM::CallOp::create(
                     b, loc, TypeRange{i32}, "tenon_fail",
                     ValueRange{model, constant(integer, number),
                                constant(i32, code)})
                     .getResult();
  LLVM::BrOp::create(b, loc, ValueRange{status}, leave);
  Block *next = b.createBlock(leave);
  b.setInsertionPointToEnd(here);
  LLVM::CondBrOp::create(b, loc, wrong, fail, ValueRange{}, next, ValueRange{});
  b.setInsertionPointToEnd(next);
}

void ProgramWriter::writeCheck(rt::CheckOp check, int64_t number) {
  Value differ = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ne,
                                      evaluate(check.getLhs().getExprs()[0]),
                                      evaluate(check.getRhs().getExprs()[0]));
  leaveIf(differ, number, check.getStatus());
}

/// The value is compared before it may be narrowed to an index.
void ProgramWriter::writeSize(rt::SizeOp op, int64_t number) {
  DimRange range = op.getRange();
  Value size = LLVM::LoadOp::create(b, loc, i64, addressOf(op.getPlace()));
  for (auto [predicate, bound] :
       {std::pair(LLVM::ICmpPredicate::slt, range.lo),
        std::pair(LLVM::ICmpPredicate::sgt, range.hi)})
    leaveIf(LLVM::ICmpOp::create(b, loc, predicate, size, constant(i64, bound)),
            number, op.getStatus());
  if (isa<rt::ProgramOp>(op->getParentOp()))
    LLVM::CallOp::create(b, loc, TypeRange(), "tenon_note_size",
                         ValueRange{model, constant(integer, found++), size});
  if (facts.indexBits < 64)
    size = LLVM::TruncOp::create(b, loc, integer, size);
  sizes[op.getSymbol().str()] = size;
}

///   br head(0)
/// head(%t):  cond_br %t < trip [and the condition's byte], body, done
/// body:      steps; br head(%t + 1)
void ProgramWriter::writeLoop(rt::LoopOp loop) {
  Value trip = evaluate(loop.getTrip().getExprs()[0]);
  Value zero = constant(integer, 0), one = constant(integer, 1);
  Block *before = b.getInsertionBlock();
  Block *head = b.createBlock(leave, {integer}, {loc});
  Block *body = b.createBlock(leave);
  Block *done = b.createBlock(leave);
  b.setInsertionPointToEnd(before);
  LLVM::BrOp::create(b, loc, ValueRange{zero}, head);
  b.setInsertionPointToEnd(head);
  Value t = head->getArgument(0);
  Value more = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::slt, t, trip);
  if (rt::BufferAttr condition = loop.getConditionAttr()) {
    Block *ask = b.createBlock(body);
    b.setInsertionPointToEnd(head);
    LLVM::CondBrOp::create(b, loc, more, ask, ValueRange{}, done, ValueRange{});
    b.setInsertionPointToEnd(ask);
    Value byte =
        LLVM::LoadOp::create(b, loc, b.getI8Type(), addressOf(condition));
    more = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ne, byte,
                                constant(b.getI8Type(), 0));
  }
  LLVM::CondBrOp::create(b, loc, more, body, ValueRange{}, done, ValueRange{});
  b.setInsertionPointToEnd(body);
  sizes[loop.getSymbol().str()] = t;
  writeBlock(loop.getBody().front());
  loc = loop.getLoc();
  LLVM::BrOp::create(b, loc, ValueRange{LLVM::AddOp::create(b, loc, t, one)}, head);
  // Blocks of the body stand before `done`, as they were made.
  done->moveBefore(leave);
  b.setInsertionPointToEnd(done);
}

void ProgramWriter::writeStep(rt::StepOp step) {
  Type i32 = b.getI32Type();
  // tiles, node, buffers, parameters, constants
  SmallVector<DimExpr> words = {step.getTiles().getExprs()[0], node};
  for (Attribute buffer : step.getBuffers()) {
    words.push_back(baseNumber(cast<rt::BufferAttr>(buffer)));
    words.push_back((int64_t)cast<rt::BufferAttr>(buffer).getOffset());
  }
  llvm::append_range(words, step.getParameters().getExprs());
  for (int64_t c : step.getConstants())
    words.push_back(c);
  Value record;
  if (llvm::all_of(words, [](const DimExpr &w) { return w.isConstant(); })) {
    SmallVector<Attribute> values;
    for (const DimExpr &w : words)
      values.push_back(b.getI64IntegerAttr(w.constant()));
    record = constantRecord(step, node, values);
  } else {
    record = stack;
    Value kernel = LLVM::AddressOfOp::create(b, loc, pointer, step.getKernel());
    LLVM::StoreOp::create(b, loc, kernel, stack);
    for (auto [i, w] : llvm::enumerate(words)) {
      Value at = LLVM::GEPOp::create(b, loc, pointer, integer, stack,
                                     ArrayRef<LLVM::GEPArg>{(int32_t)(1 + i)});
      LLVM::StoreOp::create(b, loc, evaluate(w), at);
    }
  }
  auto call = LLVM::CallOp::create(b, loc, TypeRange{i32}, "tenon_dispatch",
                                   ValueRange{model, bases, record});
  Value failed = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ne,
                                      call.getResult(), constant(i32, 0));
  Block *next = b.createBlock(leave);
  b.setInsertionPointToEnd(call->getBlock());
  LLVM::CondBrOp::create(b, loc, failed, leave, ValueRange{call.getResult()},
                         next, ValueRange{});
  b.setInsertionPointToEnd(next);
  ++node;
}

/// Begins a function of (symbols, where its numbers go), which reads the symbols.
Value ProgramWriter::beginSizes(StringRef name) {
  loc = program.getLoc();
  b.setInsertionPointToEnd(module.getBody());
  auto function = LLVM::LLVMFuncOp::create(
      b, loc, prefix + "_" + name.str(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  {pointer, pointer}));
  function.setVisibility_(LLVM::Visibility::Hidden);
  Block *entry = function.addEntryBlock(b);
  b.setInsertionPointToStart(entry);
  loadSymbols(entry->getArgument(0));
  return entry->getArgument(1);
}

void ProgramWriter::writeOutputDims(StringRef name, bool bounds) {
  SymbolRanges ranges = nn::symbolRanges(program.getSymbols());
  std::set<std::string> late;
  for (auto size : program.getBody().getOps<rt::SizeOp>()) {
    ranges[size.getSymbol().str()] = size.getRange();
    late.insert(size.getSymbol().str());
    if (!bounds)
      symbols.push_back(size.getSymbol().str());
  }
  Value dims = beginSizes(name);
  int32_t i = 0;
  for (Attribute output : program.getOutputs()) {
    auto shape = cast<nn::DimsAttr>(cast<DictionaryAttr>(output).get("shape"));
    for (const DimExpr &e : shape.getExprs()) {
      Value at = LLVM::GEPOp::create(b, loc, pointer, i64, dims,
                                     ArrayRef<LLVM::GEPArg>{i++});
      bool isLate = false;
      e.forEachSymbol(
          [&](StringRef s) { isLate |= late.count(s.str()) != 0; });
      Value size = bounds && isLate
                       ? constant(integer, e.range(ranges).hi)
                       : evaluate(e);
      if (facts.indexBits < 64)
        size = LLVM::SExtOp::create(b, loc, i64, size);
      LLVM::StoreOp::create(b, loc, size, at);
    }
  }
  LLVM::ReturnOp::create(b, loc, ValueRange{});
}

/// Costs that follow from the sizes of `symbols`, as output_dims has just left
/// them; what loops count stays at its bound.
void ProgramWriter::writeLateCosts() {
  if (facts.indexBits < 64) // operations are too many for 32 bits
    return;
  std::vector<std::pair<int32_t, DimExpr>> late;
  int32_t word = 0;
  program.getBody().walk([&](rt::StepOp step) {
    for (const DimExpr &cost : step.getCost().getExprs()) {
      bool known = true;
      cost.forEachSymbol(
          [&](StringRef s) { known &= llvm::is_contained(symbols, s); });
      if (known && !cost.isConstant())
        late.push_back({word, cost});
      ++word;
    }
  });
  if (late.empty())
    return;
  Value costs = beginSizes("late_costs");
  for (const auto &[at, cost] : late)
    LLVM::StoreOp::create(
        b, loc, evaluate(cost),
        LLVM::GEPOp::create(b, loc, pointer, i64, costs,
                            ArrayRef<LLVM::GEPArg>{at}));
  LLVM::ReturnOp::create(b, loc, ValueRange{});
}

/// The program runs on the host and sees no value on a device.
LogicalResult refuseOnDevice(ModuleOp module, rt::ProgramOp program) {
  if (!TargetFacts::of(module).workgroup)
    return success();
  WalkResult walked = program.getBody().walk([](rt::SizeOp size) {
    size.emitError("a size found at run time is not compiled for GPUs, whose "
                   "values the host does not see; expected sizes that follow "
                   "from the inputs' sizes: compile for a CPU");
    return WalkResult::interrupt();
  });
  return failure(walked.wasInterrupted());
}

struct ConvertRtToLLVMPass
    : lower::impl::ConvertRtToLLVMPassBase<ConvertRtToLLVMPass> {
  using ConvertRtToLLVMPassBase::ConvertRtToLLVMPassBase;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (rt::ProgramOp program :
         llvm::make_early_inc_range(module.getOps<rt::ProgramOp>())) {
      if (failed(refuseOnDevice(module, program)))
        return signalPassFailure();
      ProgramWriter writer(module, program, prefix);
      writer.writeProgram();
      if (writer.findsSizes())
        writer.writeOutputDims("output_bounds", /*bounds=*/true);
      writer.writeOutputDims("output_dims", /*bounds=*/false);
      writer.writeLateCosts();
    }
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (function.getName() != prefix + "_program" &&
          function.getName() != prefix + "_output_dims" &&
          function.getName() != prefix + "_output_bounds" &&
          function.getName() != prefix + "_late_costs" &&
          !function.getBody().empty())
        function.setLinkage(LLVM::Linkage::Internal);
  }
};
} // namespace
