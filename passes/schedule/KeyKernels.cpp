// Groups with equal keys share one kernel: compile time and code follow the
// distinct kernels of a model, not its depth.
#include "passes/schedule/Passes.h"

namespace tenon::schedule {
#define GEN_PASS_DEF_KEYKERNELSPASS
#include "passes/schedule/Passes.h.inc"
} // namespace tenon::schedule

using namespace mlir;
using namespace tenon;

namespace {
struct KeyKernelsPass : schedule::impl::KeyKernelsPassBase<KeyKernelsPass> {
  void runOnOperation() override {
    nn::DimAnalysis dims(getOperation());
    if (!dims.isValid())
      return signalPassFailure();
    getOperation().walk([&](kern::GroupOpInterface group) {
      std::string key = group.planKernel(dims);
      group->setAttr("kernel", StringAttr::get(&getContext(), key));
    });
  }
};
} // namespace
