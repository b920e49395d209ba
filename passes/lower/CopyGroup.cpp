#include "passes/lower/CopyGroup.h"

using namespace mlir;
using namespace tenon;

Value lower::copyGroup(OpBuilder &b, nn::DimAnalysis &dims, Value value,
                       Value dest) {
  OpBuilder::InsertionGuard guard(b);
  Dims sizes = dims.of(value);
  auto type = cast<RankedTensorType>(value.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  auto shape = nn::DimsAttr::get(b.getContext(), sizes);
  auto copy = kern::MapOp::create(
      b, value.getLoc(), TypeRange{type}, ValueRange{value}, ValueRange{},
      dest ? ValueRange{dest} : ValueRange{}, shape,
      nn::DimsAttr::get(b.getContext(), Dims()),
      b.getAffineMapArrayAttr({identity, identity}), b.getArrayAttr({shape}),
      nullptr);
  Block *block = b.createBlock(&copy.getBody());
  block->addArgument(nn::storageType(type.getElementType()), value.getLoc());
  kern::YieldOp::create(b, value.getLoc(), block->getArguments());
  // The plan depends on the result's sizes too.
  dims.set(copy.getResult(0), sizes);
  copy->setAttr("kernel", b.getStringAttr(copy.planKernel(dims)));
  return copy.getResult(0);
}
