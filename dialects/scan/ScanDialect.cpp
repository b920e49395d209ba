#include "dialects/scan/Scan.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::scan;

#include "dialects/scan/ScanDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/scan/ScanOps.cpp.inc"

void ScanDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/scan/ScanOps.cpp.inc"
      >();
}

LogicalResult ScanOp::inferDims(const nn::DimAnalysis &dims,
                                SmallVectorImpl<Dims> &results) {
  for (Value init : getInits())
    results.push_back(dims.of(init));
  return success();
}

void ScanOp::describeRegions(nn::DimAnalysis &dims) {
  int64_t last = getTripCount().range(dims.symbols).hi - 1;
  dims.symbols[getSymbol().str()] = {0, std::max<int64_t>(last, 0)};
  for (auto [argument, init] : llvm::zip(getBody().getArguments(), getInits()))
    dims.set(argument, dims.of(init));
}

LogicalResult ScanOp::verify() {
  Block &block = getBody().front();
  if (block.empty() || !isa<YieldOp>(block.back()))
    return emitOpError("expected a body that ends in scan.yield");
  if (getTrip().getExprs().size() != 1)
    return emitOpError("expected one trip count, but got ")
           << getTrip().getExprs().size();
  for (auto outer = (*this)->getParentOfType<ScanOp>(); outer;
       outer = outer->getParentOfType<ScanOp>())
    if (outer.getSymbol() == getSymbol())
      return emitOpError("expected a symbol of its own, but '")
             << getSymbol() << "' counts an outer scan";
  auto check = [&](TypeRange types, StringRef what) -> LogicalResult {
    if (types.size() != getInits().size())
      return emitOpError("expected as many ")
             << what << " as carried tensors (" << getInits().size()
             << "), but got " << types.size();
    for (auto [i, type, init] : llvm::enumerate(types, getInits().getTypes()))
      if (type != init)
        return emitOpError("expected ")
               << what << " of the carried types, but number " << i << " is "
               << type << ", not " << init;
    return success();
  };
  if (failed(check(getBody().getArgumentTypes(), "arguments")) ||
      failed(check(getYield()->getOperandTypes(), "yielded values")) ||
      failed(check(getResultTypes(), "results")))
    return failure();
  if (!getConditional())
    return success();
  auto first = getInits().empty() ? RankedTensorType()
                                  : cast<RankedTensorType>(getInits()[0].getType());
  if (!first || !first.getElementType().isInteger(1) || first.getRank() != 0)
    return emitOpError("expected 'while' to carry a tensor<i1> first, but got ")
           << (first ? Type(first) : NoneType::get(getContext()));
  return success();
}
