// Reductions, ArgMax and running sums.
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

template <nn::ReduceKind kind>
static LogicalResult reduce(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  int64_t rank = node.rank(0);
  SmallVector<int64_t> axes;
  if (node.has(1)) {
    const IntTensor *given = node.requireInts(1, "axes");
    if (!given)
      return failure();
    for (const DimExpr &e : given->values) {
      FailureOr<int64_t> axis =
          node.axis(e.asConstant().value_or(INT64_MAX), rank);
      if (failed(axis))
        return failure();
      axes.push_back(*axis);
    }
  }
  if (axes.empty()) {
    if (node.node.getInt("noop_with_empty_axes", 0)) {
      // Only the element-wise part of the operator remains.
      if (kind == nn::ReduceKind::SumSquare)
        return node.yield(node.make<nn::MulOp>(node.element(0), x, x));
      if (kind == nn::ReduceKind::L1 || kind == nn::ReduceKind::L2)
        return node.yield(node.make<nn::AbsOp>(node.element(0), x));
      if (kind == nn::ReduceKind::LogSum)
        return node.yield(node.make<nn::LogOp>(node.element(0), x));
      return node.yield(x);
    }
    for (int64_t i = 0; i < rank; ++i)
      axes.push_back(i);
  }
  llvm::sort(axes);
  return node.yield(node.make<nn::ReduceOp>(
      node.element(0), x, kind, axes, node.node.getInt("keepdims", 1) != 0));
}

static LogicalResult translateArg(NodeContext &node) {
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("axis", 0), node.rank(0));
  if (failed(axis))
    return failure();
  Builder &b = node.builder;
  return node.yield(node.make<nn::ArgReduceOp>(
      b.getI64Type(), node.in(0), b.getI64IntegerAttr(*axis),
      b.getBoolAttr(node.node.opType == "ArgMax"),
      b.getBoolAttr(node.node.getInt("select_last_index", 0)),
      b.getBoolAttr(node.node.getInt("keepdims", 1))));
}

static LogicalResult translateCumulate(NodeContext &node) {
  std::optional<DimExpr> given = node.requireInt(1, "axis");
  if (!given)
    return failure();
  FailureOr<int64_t> axis =
      node.axis(given->asConstant().value_or(INT64_MAX), node.rank(0));
  if (failed(axis))
    return failure();
  return node.yield(node.make<nn::CumulateOp>(
      node.element(0), node.in(0),
      node.node.opType == "CumProd" ? nn::ReduceKind::Prod
                                    : nn::ReduceKind::Sum,
      *axis, node.node.getInt("exclusive", 0) != 0,
      node.node.getInt("reverse", 0) != 0));
}

void onnx::addReductionTranslators(TranslatorTable &t) {
  t["ReduceSum"] = reduce<nn::ReduceKind::Sum>;
  t["ReduceProd"] = reduce<nn::ReduceKind::Prod>;
  t["ReduceMin"] = reduce<nn::ReduceKind::Min>;
  t["ReduceMax"] = reduce<nn::ReduceKind::Max>;
  t["ReduceMean"] = reduce<nn::ReduceKind::Mean>;
  t["ReduceSumSquare"] = reduce<nn::ReduceKind::SumSquare>;
  t["ReduceL1"] = reduce<nn::ReduceKind::L1>;
  t["ReduceL2"] = reduce<nn::ReduceKind::L2>;
  t["ReduceLogSum"] = reduce<nn::ReduceKind::LogSum>;
  t["ReduceLogSumExp"] = reduce<nn::ReduceKind::LogSumExp>;
  t["ArgMax"] = translateArg;
  t["ArgMin"] = translateArg;
  t["CumSum"] = translateCumulate;
  t["CumProd"] = translateCumulate;
}
