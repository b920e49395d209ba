// nn operations become groups of work, one by one; FuseGroups then joins them.
//
//   %y = nn.add %x, %b   ->   %y = kern.map ins(%x, %b) ... { arith.addf }
//
// Shape operations become views, movement becomes maps whose operands are read
// elsewhere, so that a consumer can read through them.
#include "passes/schedule/KernBuilders.h"
#include "passes/schedule/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace tenon::schedule {
#define GEN_PASS_DEF_LOWERTOKERNPASS
#include "passes/schedule/Passes.h.inc"
} // namespace tenon::schedule

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

Value schedule::lowerElementwise(KernBuilder &k, Operation *op) {
  auto elementwise = dyn_cast<nn::ElementwiseOpInterface>(op);
  if (!elementwise)
    return {};
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op->getResult(0));
  // Operands that are one number everywhere are constants of the body.
  SmallVector<std::optional<double>> splats;
  for (Value operand : op->getOperands()) {
    Type element = k.elementOf(operand);
    std::optional<double> splat;
    // 64-bit integers may not fit a double.
    if (!element.isInteger(64))
      splat = pack::getSplat(operand);
    splats.push_back(splat);
    if (!splat)
      spec.ins.push_back({operand, k.broadcastMap(operand, spec.sizes)});
  }
  return k.map(op->getLoc(), k.elementOf(op->getResult(0)), spec,
               [&](OpBuilder &b, Location loc, ValueRange args) {
                 SmallVector<Value> all;
                 unsigned next = 0;
                 for (auto [operand, splat] :
                      llvm::zip(op->getOperands(), splats)) {
                   if (!splat) {
                     all.push_back(args[next++]);
                     continue;
                   }
                   Type type = nn::storageType(k.elementOf(operand));
                   TypedAttr value =
                       isa<FloatType>(type)
                           ? (TypedAttr)b.getFloatAttr(type, *splat)
                           : (TypedAttr)IntegerAttr::get(
                                 type, APInt(type.getIntOrFloatBitWidth(),
                                             (uint64_t)(int64_t)*splat, false,
                                             true));
                   all.push_back(arith::ConstantOp::create(b, loc, value));
                 }
                 return SmallVector<Value>{
                     elementwise.buildScalar(b, loc, all)};
               });
}

namespace {
struct LowerToKernPass
    : schedule::impl::LowerToKernPassBase<LowerToKernPass> {
  void runOnOperation() override {
    func::FuncOp program = getOperation();
    nn::DimAnalysis dims(program);
    if (!dims.isValid())
      return signalPassFailure();
    OpBuilder builder(program.getContext());
    KernBuilder k(builder, dims);
    unpackNarrowOperands(k, program);
    SmallVector<Operation *> ops;
    program.walk([&](Operation *op) {
      // Sizes stay as they are, between the groups.
      if (isa<nn::NnDialect>(op->getDialect()) && !isa<nn::SizeOp>(op))
        ops.push_back(op);
    });
    bool ok = true;
    for (Operation *op : ops) {
      builder.setInsertionPoint(op);
      if (failed(refuseNarrow(op))) {
        ok = false;
        continue;
      }
      Value result;
      for (auto lower : {lowerElementwise, lowerMovement, lowerIndexing,
                         lowerReduction, lowerProduct, lowerBlocks,
                         lowerWindow, lowerResize, lowerSampling, lowerScatter,
                         lowerChoosing, lowerCumulate})
        if (!result)
          result = lower(k, op);
      if (!result) {
        op->emitError("'") << op->getName()
                           << "' with these types has no kernel yet";
        ok = false;
        continue;
      }
      if (!ok)
        continue;
      op->getResult(0).replaceAllUsesWith(result);
      op->erase();
    }
    if (!ok)
      return signalPassFailure();
    packNarrowResults(k, program);
  }
};
} // namespace
