// Each rt.kernel becomes a function; the emitters in emitters/ write its body.
#include "passes/lower/emitters/KernelFrame.h"

namespace tenon::lower {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {
struct EmitKernelsPass : lower::impl::EmitKernelsPassBase<EmitKernelsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    TargetFacts facts = TargetFacts::of(module);
    SmallVector<rt::KernelOp> kernels(module.getOps<rt::KernelOp>());
    for (rt::KernelOp kernel : kernels) {
      OpBuilder b(kernel);
      KernelFrame frame(b, kernel.getLoc(), facts);
      Operation &group = kernel.getBody().front().front();
      if (!isa<kern::SequenceOp>(group) &&
          !group.getAttrOfType<kern::PlanAttr>("plan")) {
        group.emitOpError("expected a plan; run -tenon-key-kernels before");
        return signalPassFailure();
      }
      func::FuncOp function =
          frame.start(module, kernel.getSymName(), group.getOperands());
      LogicalResult ok =
          TypeSwitch<Operation *, LogicalResult>(&group)
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
      if (failed(ok))
        return signalPassFailure();
      b.setInsertionPointToEnd(&function.front());
      func::ReturnOp::create(b, kernel.getLoc());
      kernel.erase();
    }
  }
};
} // namespace
