#include "frontends/onnx/Recurrence.h"

#include "dialects/scan/Scan.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

/// Whether two sizes may be meant to be one: neither is made of the other, and
/// no iteration has one of its own.
static bool mayAgree(NodeContext &node, const DimExpr &a, const DimExpr &b,
                     llvm::function_ref<bool(const DimExpr &)> moves) {
  DimRange difference = (a - b).range(node.analysis.symbols);
  bool shares = false;
  a.forEachSymbol([&](StringRef s) {
    b.forEachSymbol([&](StringRef t) { shares |= s == t; });
  });
  return difference.lo <= 0 && difference.hi >= 0 && !shares && !moves(a) &&
         !moves(b);
}

/// What is carried must keep its type and sizes; [heads] that goes on as [4]
/// has 4 heads.
static LogicalResult
settleCarried(NodeContext &node, ArrayRef<Value> inits,
              MutableArrayRef<Value> next,
              llvm::function_ref<bool(const DimExpr &)> moves) {
  assert(inits.size() == next.size() && "a next value for each carried one");
  for (auto [i, init, value] : llvm::enumerate(inits, next)) {
    if (!value)
      return failure();
    if (node.elementOf(init) != node.elementOf(value))
      return node.error() << "carried value " << i << " starts as "
                          << node.elementOf(init) << " and goes on as "
                          << node.elementOf(value);
    Dims from = node.dimsOf(init), to = node.dimsOf(value);
    bool agree = from.size() == to.size();
    for (size_t d = 0; agree && d < from.size(); ++d)
      agree = from[d] == to[d] || mayAgree(node, from[d], to[d], moves);
    if (!agree)
      return node.error() << "carried value " << i << " starts as "
                          << dimsToString(from) << " and goes on as "
                          << dimsToString(to)
                          << "; one whose size changes is not compiled yet";
    value = node.settle(value, from);
  }
  return success();
}

static Value emptyFor(NodeContext &node, const ScanStep::Output &output) {
  Type element = node.elementOf(output.piece);
  return node.make<nn::EmptyOp>(element, node.dimsAttr(output.shape));
}

static Value insertInto(NodeContext &node, const ScanStep::Output &output,
                        Value dest) {
  return node.make<nn::InsertSliceOp>(node.elementOf(dest), output.piece, dest,
                                      node.dimsAttr(output.starts));
}

static FailureOr<SmallVector<Value>> buildOnce(NodeContext &node,
                                               ArrayRef<Value> inits,
                                               StepBuilder build) {
  ScanStep step;
  if (failed(build(DimExpr(0), inits, step)) ||
      failed(settleCarried(node, inits, step.next,
                           [](const DimExpr &) { return false; })))
    return failure();
  for (const ScanStep::Output &output : step.outputs) {
    bool whole = node.dimsOf(output.piece) == output.shape;
    Value dest = output.dest;
    if (!whole && !dest)
      dest = emptyFor(node, output);
    Value result = whole ? output.piece : insertInto(node, output, dest);
    if (!result)
      return failure();
    step.next.push_back(result);
  }
  return step.next;
}

FailureOr<SmallVector<Value>> onnx::buildScan(NodeContext &node,
                                              const DimExpr &trip,
                                              ArrayRef<Value> inits,
                                              StepBuilder build,
                                              bool conditional) {
  if (llvm::is_contained(inits, Value()))
    return failure();
  if (trip.isConstant(1) && !conditional)
    return buildOnce(node, inits, build);

  OpBuilder &b = node.builder;
  nn::DimAnalysis &analysis = node.analysis;
  std::string symbol = node.importer.freshSymbol();
  int64_t last = trip.range(analysis.symbols).hi - 1;
  std::map<std::string, const Node *> foundBefore = node.importer.found;
  analysis.symbols[symbol] = {0, std::max<int64_t>(last, 0)};
  Region region;
  Block *block = new Block;
  region.push_back(block);
  for (Value init : inits)
    analysis.set(block->addArgument(init.getType(), init.getLoc()),
                 analysis.of(init));

  auto moves = [&](const DimExpr &size) {
    bool any = false;
    size.forEachSymbol([&](StringRef s) {
      any |= s == symbol || (node.importer.found.count(s.str()) &&
                             !foundBefore.count(s.str()));
    });
    return any;
  };
  ScanStep step;
  auto fill = [&]() -> LogicalResult {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(block);
    if (failed(build(DimExpr::symbol(symbol), block->getArguments(), step)) ||
        failed(settleCarried(node, inits, step.next, moves)))
      return failure();
    for (const ScanStep::Output &output : step.outputs) {
      if (!output.piece)
        return failure();
      if (llvm::any_of(output.shape, moves))
        return node.error() << "an output of size "
                            << dimsToString(output.shape)
                            << " differs from iteration to iteration";
      Type type = nn::tensorType(output.shape, node.elementOf(output.piece));
      Value dest = block->addArgument(type, node.loc);
      analysis.set(dest, output.shape);
      step.next.push_back(insertInto(node, output, dest));
    }
    if (llvm::is_contained(step.next, Value()))
      return failure();
    scan::YieldOp::create(b, node.loc, step.next);
    return success();
  };
  LogicalResult filled = fill();
  analysis.symbols.erase(symbol);
  if (failed(filled)) {
    region.walk([&](Operation *op) {
      for (Value result : op->getResults())
        analysis.forget(result);
    });
    region.walk([&](Block *inner) {
      for (Value argument : inner->getArguments())
        analysis.forget(argument);
    });
    return failure();
  }

  SmallVector<Value> all(inits);
  for (const ScanStep::Output &output : step.outputs)
    all.push_back(output.dest ? output.dest : emptyFor(node, output));
  auto op = scan::ScanOp::create(b, node.loc, TypeRange(ValueRange(all)),
                                 b.getStringAttr(symbol),
                                 node.dimsAttr({trip}), conditional, all);
  op.getBody().takeBody(region);
  for (auto [result, init] : llvm::zip(op.getResults(), all))
    analysis.set(result, analysis.of(init));
  return SmallVector<Value>(op.getResults());
}
