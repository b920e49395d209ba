#include "dialects/nn/DimAnalysis.h"

#include "dialects/nn/Nn.h"
#include "llvm/ADT/Twine.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

SymbolRanges nn::symbolRanges(DictionaryAttr symbols) {
  SymbolRanges ranges;
  for (NamedAttribute entry : symbols)
    if (auto bounds = dyn_cast<DenseI64ArrayAttr>(entry.getValue()))
      ranges[entry.getName().str()] = {bounds[0], bounds[1]};
  return ranges;
}

SymbolRanges nn::getSymbols(Operation *program) {
  auto dict = program->getAttrOfType<DictionaryAttr>(kSymbolsAttr);
  return dict ? symbolRanges(dict) : SymbolRanges();
}

void nn::setSymbols(Operation *program, const SymbolRanges &symbols) {
  Builder b(program->getContext());
  SmallVector<NamedAttribute> entries;
  for (auto &[name, range] : symbols)
    entries.push_back(b.getNamedAttr(
        name, b.getDenseI64ArrayAttr({range.lo, range.hi})));
  program->setAttr(kSymbolsAttr, b.getDictionaryAttr(entries));
}

DimAnalysis::DimAnalysis(FunctionOpInterface program) {
  if (program.isExternal())
    return;
  symbols = getSymbols(program);
  for (unsigned i = 0; i < program.getNumArguments(); ++i) {
    BlockArgument argument = program.getArgument(i);
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (auto shape = program.getArgAttrOfType<DimsAttr>(i, kShapeAttr)) {
      sizes[argument] = shape.getExprs();
    } else if (type && !type.hasStaticShape()) {
      emitError(argument.getLoc())
          << "expected " << kShapeAttr << " on argument " << i
          << ", whose type " << type << " has sizes known only at run time";
      valid = false;
    }
  }
  if (!valid)
    return;
  program->walk<WalkOrder::PreOrder>([&](DimsOpInterface op) {
    SmallVector<Dims> results;
    if (failed(op.inferDims(*this, results))) {
      valid = false;
      return;
    }
    for (auto [value, dims] : llvm::zip(op->getResults(), results))
      if (!cast<ShapedType>(value.getType()).hasStaticShape())
        sizes[value] = dims;
    op.describeRegions(*this);
  });
}

Dims DimAnalysis::of(Value value) const {
  // A static type tells all, whatever stood at the value's address before it.
  auto type = cast<ShapedType>(value.getType());
  auto it = type.hasStaticShape() ? sizes.end() : sizes.find(value);
  if (it != sizes.end())
    return it->second;
  Dims dims;
  for (auto [i, size] : llvm::enumerate(type.getShape()))
    // Only ill-formed programs have a `?` of unknown size; a name that no
    // symbol has makes every use of it an error downstream.
    dims.push_back(ShapedType::isDynamic(size)
                       ? DimExpr::symbol((kUnknownSize + llvm::Twine(i)).str())
                       : DimExpr(size));
  return dims;
}

LogicalResult DimAnalysis::infer(Operation *op) {
  auto dimsOp = cast<DimsOpInterface>(op);
  SmallVector<Dims> results;
  if (failed(dimsOp.inferDims(*this, results)))
    return failure();
  for (auto [value, dims] : llvm::zip(op->getResults(), results)) {
    Type element = cast<ShapedType>(value.getType()).getElementType();
    value.setType(tensorType(dims, element));
    sizes[value] = dims;
  }
  return verifyInferredDims(op);
}
