#include "compiler/driver/Reproducer.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"

using namespace llvm;
using namespace tenon;

Reproducer::Reproducer(mlir::ModuleOp module, const TargetOptions &target,
                       StringRef prefix, const CompressOptions &compress)
    : module(mlir::cast<mlir::ModuleOp>(module->clone())) {
  mlir::PassManager passes(module->getContext(),
                           mlir::ModuleOp::getOperationName());
  for (StringRef stage : stageNames())
    buildStage(stage, passes, target, prefix, compress);
  raw_string_ostream os(pipeline);
  passes.printAsTextualPipeline(os);
}

void Reproducer::print(raw_ostream &os) const {
  mlir::ModuleOp op = const_cast<Reproducer *>(this)->module.get();
  mlir::AsmState state(
      op, mlir::OpPrintingFlags().enableDebugInfo(true, /*prettyForm=*/false));
  state.attachResourcePrinter(
      "mlir_reproducer",
      [&](mlir::Operation *, mlir::AsmResourceBuilder &builder) {
        builder.buildString("pipeline", pipeline);
        builder.buildBool("disable_threading", true);
        builder.buildBool("verify_each", true);
      });
  op->print(os, state);
  os << '\n';
}

std::string Reproducer::str() const {
  std::string text;
  raw_string_ostream os(text);
  print(os);
  return text;
}
