// Each rt.kernel becomes a function; the emitters in emitters/ write its body.
#include "passes/lower/emitters/GpuFrame.h"

namespace tenon::lower {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

static LogicalResult emitFamily(KernelFrame &frame, Operation &group) {
  return TypeSwitch<Operation *, LogicalResult>(&group)
      .Case<kern::MapOp>([&](auto op) { return emitMap(frame, op); })
      .Case<kern::ReduceOp>([&](auto op) { return emitReduce(frame, op); })
      .Case<kern::RowsOp>([&](auto op) { return emitRows(frame, op); })
      .Case<kern::MatmulOp>([&](auto op) {
        return kern::readsPanels(op.getRhs().getType())
                   ? emitQuantMatmul(frame, op)
                   : emitMatmul(frame, op);
      })
      .Case<kern::ScanOp>([&](auto op) { return emitScan(frame, op); })
      .Case<kern::SequenceOp>([&](auto op) { return emitSequence(frame, op); })
      .Default([](Operation *op) {
        return op->emitError("no emitter writes this group");
      });
}

static std::string nameOf(Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return name;
}

/// GPUs have kernels for fewer groups and types; what they have not is never
/// computed elsewhere without a word.
static LogicalResult emitGpuFamily(GpuFrame &frame, Operation &group) {
  auto refuse = [&](const Twine &found) {
    return group.emitError("expected what GPU kernels compute (element-wise "
                           "steps, reductions, float32 products), found ")
           << found << "; compile the model for a CPU";
  };
  auto values = llvm::to_vector(group.getOperands());
  llvm::append_range(values, group.getResults());
  for (Value v : values) {
    Type element = cast<ShapedType>(v.getType()).getElementType();
    if (!element.isF32() && !element.isF64() && !element.isInteger())
      return refuse("a tensor of " + nameOf(element));
  }
  if (auto matmul = dyn_cast<kern::MatmulOp>(group)) {
    auto rhs = cast<RankedTensorType>(matmul.getRhs().getType());
    auto sparse = dyn_cast_or_null<pack::TwoFourAttr>(rhs.getEncoding());
    bool isSparse =
        frame.facts.sparseMma && sparse && sparse.getValues().isF32();
    if (kern::readsPanels(rhs) && !isSparse)
      return refuse("compressed weights");
    for (Type side : {matmul.getLhs().getType(), matmul.getRhs().getType()})
      if (Type t = cast<ShapedType>(side).getElementType(); !t.isF32())
        return refuse("a product of " + nameOf(t));
    return emitGpuMatmul(frame, matmul);
  }
  if (isa<kern::ScanOp>(group))
    return refuse("a recurrence");
  if (isa<kern::SequenceOp>(group))
    return refuse("plain code of several loops");
  return emitFamily(frame, group);
}

namespace {
struct EmitKernelsPass : lower::impl::EmitKernelsPassBase<EmitKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    TargetFacts facts = TargetFacts::of(module);
    SmallVector<rt::KernelOp> kernels(module.getOps<rt::KernelOp>());
    for (rt::KernelOp kernel : kernels)
      if (failed(emit(kernel, facts)))
        return signalPassFailure();
  }

  static LogicalResult emit(rt::KernelOp kernel, const TargetFacts &facts) {
    OpBuilder b(kernel);
    Operation &group = kernel.getBody().front().front();
    if (!isa<kern::SequenceOp>(group) &&
        !group.getAttrOfType<kern::PlanAttr>("plan"))
      return group.emitOpError(
          "expected a plan; run -tenon-key-kernels before");
    GpuFrame gpu(b, kernel.getLoc(), facts);
    KernelFrame cpu(b, kernel.getLoc(), facts);
    KernelFrame &frame = facts.workgroup ? gpu : cpu;
    func::FuncOp function = frame.start(kernel.getSymName());
    if (failed(facts.workgroup ? emitGpuFamily(gpu, group)
                               : emitFamily(cpu, group)))
      return failure();
    b.setInsertionPointToEnd(&function.front());
    func::ReturnOp::create(b, kernel.getLoc());
    if (facts.workgroup)
      gpu.finish();
    kernel.erase();
    return success();
  }
};
} // namespace
