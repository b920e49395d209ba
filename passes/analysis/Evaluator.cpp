#include "passes/analysis/Evaluator.h"

#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tenon;

bool analysis::isEvaluable(Operation *op) {
  if (!isa<nn::DimsOpInterface>(op) || op->getNumRegions() ||
      op->getNumResults() != 1 || !isPure(op) ||
      isa<pack::PackDialect>(op->getDialect()))
    return false;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || type.getEncoding() ||
      type.getNumElements() == 0)
    return false;
  // Places and contents may follow from symbols where the sizes do not.
  return llvm::all_of(op->getAttrs(), [](NamedAttribute attr) {
    auto dims = dyn_cast<nn::DimsAttr>(attr.getValue());
    return !dims || llvm::all_of(dims.getExprs(), [](const DimExpr &e) {
      return e.isConstant();
    });
  });
}

llvm::Expected<std::vector<std::vector<char>>>
analysis::evaluateOperations(Evaluator &evaluator, Location loc,
                             ArrayRef<Operation *> operations,
                             ArrayRef<Value> wanted) {
  OpBuilder b(loc.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(b, loc);
  b.setInsertionPointToEnd(module->getBody());
  auto main = func::FuncOp::create(
      b, loc, "main", b.getFunctionType({}, TypeRange(ValueRange(wanted))));
  b.setInsertionPointToStart(main.addEntryBlock());
  IRMapping mapping;
  for (Operation *op : operations) {
    for (Value operand : op->getOperands())
      if (auto constant = operand.getDefiningOp<pack::ConstantOp>())
        if (!mapping.contains(operand))
          b.clone(*constant, mapping);
    b.clone(*op, mapping);
  }
  SmallVector<Value> results;
  for (Value v : wanted)
    results.push_back(mapping.lookup(v));
  func::ReturnOp::create(b, loc, results);
  return evaluator.evaluate(*module);
}
