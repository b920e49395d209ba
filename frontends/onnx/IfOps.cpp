// If with a condition known only at run time: each branch is a scan of at most
// one iteration, and the second writes over the results of the first.
//
//   y = If (c) < then: [2, 4], else: [n, 4] with n <= 9 >
//     frame [9, 4], sizes [2]     scan.scan(not c) else   frame = y2, sizes = n, 4
//                                 scan.scan(c)     then   frame = y1, sizes = 2, 4
//     nn.size "y.0" = sizes[0]    y = frame[0:y.0, :]
//
// A branch that cannot be compiled for the sizes given is a status if a run
// takes it.
#include "frontends/onnx/Recurrence.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

namespace {
/// An output of both branches. Where their sizes differ, or only the branch
/// knows them, `frame` is room for either and `sizes` holds what the branch
/// taken gave.
struct BranchOutput {
  Value frame;
  Value sizes; // i64 per dimension; null: the frame's
  SmallVector<bool> open; // dimensions that are not the frame's
  bool isOpen() const { return llvm::is_contained(open, true); }
};
} // namespace

/// Sizes as a tensor.
static Value sizesOf(NodeContext &node, const Dims &sizes) {
  return nn::DimsOp::create(
      node.builder, node.loc,
      nn::tensorType({(int64_t)sizes.size()}, node.builder.getI64Type()),
      node.dimsAttr(sizes), node.dimsAttr({(int64_t)sizes.size()}));
}

/// Room for a size that differs from run to run.
static FailureOr<DimExpr> roomFor(NodeContext &node, const DimExpr &size) {
  int64_t most = size.range(node.analysis.symbols).hi;
  if (most > nn::kLargestSize)
    return node.error() << "an output of its branches has the size '"
                        << dimsToString({size})
                        << "', which is known only at run time and has no "
                           "bound; give its node one with --bound";
  return DimExpr(most);
}

/// The frame of an output, made larger if the other branch needs it, and the
/// sizes in front of it, if they are not the same.
static LogicalResult growFrame(NodeContext &node, BranchOutput &output,
                               const Dims &sizes) {
  Dims have = node.dimsOf(output.frame), need = have;
  for (auto [to, other, open] : llvm::zip(need, sizes, output.open)) {
    if (to == other)
      continue;
    FailureOr<DimExpr> mine = roomFor(node, to), others = roomFor(node, other);
    if (failed(mine) || failed(others))
      return failure();
    to = std::max(mine->constant(), others->constant());
    open = true;
  }
  if (output.isOpen() && !output.sizes)
    output.sizes = sizesOf(node, have);
  if (need == have)
    return success();
  Value room = node.make<nn::EmptyOp>(node.elementOf(output.frame),
                                      node.dimsAttr(need));
  output.frame = node.make<nn::InsertSliceOp>(
      node.elementOf(output.frame), output.frame, room,
      node.dimsAttr(Dims(need.size(), DimExpr(0))));
  return success(output.frame != nullptr);
}

/// One branch as a scan of at most one iteration, over `results` if there are
/// any.
static LogicalResult importBranch(NodeContext &node, const Graph &branch,
                                  Value asked,
                                  SmallVector<BranchOutput> &results,
                                  bool &disagree) {
  bool isFirst = results.empty();
  OpBuilder::InsertPoint outside = node.builder.saveInsertionPoint();
  std::map<std::string, const Node *> foundOutside = node.importer.found;
  auto isInside = [&](const DimExpr &size) {
    bool any = false;
    size.forEachSymbol([&](StringRef s) {
      any |= node.importer.found.count(s.str()) && !foundOutside.count(s.str());
    });
    return any;
  };
  SmallVector<BranchOutput> next;
  auto build = [&](const DimExpr &, ValueRange carried,
                   ScanStep &step) -> LogicalResult {
    GraphImporter::Scope scope(node.importer);
    if (failed(node.importer.importNodes(branch)))
      return failure();
    step.next.push_back(carried[0]);
    for (auto [i, info] : llvm::enumerate(branch.outputs)) {
      Value v = node.importer.lookup(info.name, node.loc);
      if (!v)
        return node.error() << "a branch does not compute '" << info.name
                            << "'";
      Dims sizes = node.dimsOf(v), frame = sizes;
      if (isFirst)
        next.push_back({{}, {}, SmallVector<bool>(sizes.size(), false)});
      BranchOutput &given = isFirst ? next.back() : results[i];
      disagree = !isFirst &&
                 (sizes.size() != given.open.size() ||
                  node.elementOf(v) != node.elementOf(given.frame));
      if (disagree)
        return node.error()
               << "its branches give " << v.getType() << " and "
               << given.frame.getType() << " for output " << i
               << "; with a condition known only at run time their ranks and "
                  "types must agree";
      for (auto [size, open] : llvm::zip(frame, given.open)) {
        if (!isInside(size))
          continue;
        FailureOr<DimExpr> room = roomFor(node, size);
        if (failed(room))
          return failure();
        size = *room;
        open = true;
      }
      if (!isFirst) {
        OpBuilder::InsertionGuard guard(node.builder);
        node.builder.restoreInsertionPoint(outside);
        if (failed(growFrame(node, given, frame)))
          return failure();
        frame = node.dimsOf(given.frame);
      }
      step.outputs.push_back(
          {v, given.frame, frame, Dims(frame.size(), DimExpr(0))});
      if (given.isOpen())
        step.outputs.push_back(
            {sizesOf(node, sizes), given.sizes, {(int64_t)sizes.size()}, {0}});
    }
    return success();
  };
  auto made = buildScan(node, 1, {asked}, build, /*conditional=*/true);
  if (failed(made))
    return failure();
  if (isFirst)
    results = next;
  auto value = made->begin() + 1;
  for (BranchOutput &given : results) {
    given.frame = *value++;
    if (given.isOpen())
      given.sizes = *value++;
  }
  return success();
}

/// The part of the frame that the branch taken gave.
static Value takeGiven(NodeContext &node, const BranchOutput &output,
                       const std::string &name) {
  if (!output.isOpen())
    return output.frame;
  Dims sizes = node.dimsOf(output.frame);
  for (auto [d, size] : llvm::enumerate(sizes)) {
    if (!output.open[d])
      continue;
    DimRange range = size.range(node.analysis.symbols);
    Value one = node.make<nn::SliceOp>(
        node.builder.getI64Type(), output.sizes, node.dimsAttr({(int64_t)d}),
        ArrayRef<int64_t>{1}, node.dimsAttr({1}));
    if (!one)
      return {};
    size = node.importer.findSize(
        node, one,
        sizes.size() == 1 ? name : name + "." + std::to_string(d),
        {0, range.hi});
  }
  return node.make<nn::SliceOp>(
      node.elementOf(output.frame), output.frame,
      node.dimsAttr(Dims(sizes.size(), DimExpr(0))),
      SmallVector<int64_t>(sizes.size(), 1), node.dimsAttr(sizes));
}

/// The first error, with the node it is at.
static std::string firstOf(ArrayRef<Diagnostic> errors) {
  const Diagnostic &first = errors.front();
  std::string text = first.str();
  auto name = first.getLocation()->findInstanceOf<NameLoc>();
  if (!name || StringRef(text).starts_with("node '"))
    return text;
  // What an operation of nn says begins with 'nn.conv' op.
  StringRef message = StringRef(text).split("' op ").second;
  return ("node '" + name.getName().strref() +
          "': " + (message.empty() ? StringRef(text) : message))
      .str();
}

/// A run may not take a branch of which `why` says why it was refused.
static LogicalResult refuseBranch(NodeContext &node, StringRef branch,
                                  Value condition, ArrayRef<Diagnostic> why) {
  std::string text =
      "its " + branch.str() + " is not compiled: " + firstOf(why);
  if (const auto &note = node.importer.options.note)
    note("node '" + node.node.name + "' (If): " + text +
         "; a run that takes it ends with a status");
  Location loc = NameLoc::get(
      node.builder.getStringAttr(node.node.name + " (" + text + ")"));
  return node.importer.checkSize(node, condition, node.node.name + ".taken",
                                 branch == "else_branch" ? 1 : 0, loc);
}

/// A condition known only at run time: the branches are scans of at most one
/// iteration, the second of which writes over the results of the first.
static LogicalResult translateIf(NodeContext &node) {
  Value condition = node.in(0);
  const Graph *otherwise = node.node.getGraph("else_branch");
  const Graph *then = node.node.getGraph("then_branch");
  if (!condition)
    return failure();
  if (!otherwise || !then)
    return node.error() << "expected two branches";
  if (otherwise->outputs.size() != then->outputs.size())
    return node.error() << "expected branches with equal outputs";
  condition = node.reshape(condition, {});
  Value opposite = node.make<nn::NotOp>(node.builder.getI1Type(), condition);

  SmallVector<BranchOutput> results;
  std::vector<Diagnostic> held[2];
  bool ok[2] = {}, disagree = false;
  for (auto [i, branch, asked] : {std::tuple(0, otherwise, opposite),
                                  std::tuple(1, then, condition)})
    ok[i] = succeeded(node.importer.attempt(held[i], [&, b = branch, a = asked] {
      return importBranch(node, *b, a, results, disagree);
    }));
  // Of those that could be compiled alone nobody knows which is meant.
  bool refused = (!ok[0] && !ok[1]) || disagree;
  for (int i : {0, 1})
    refused |= !ok[i] && held[i].empty();
  if (refused) {
    for (int i : {0, 1})
      if (!ok[i])
        node.importer.report(held[i]);
    return failure();
  }
  for (auto [i, name] :
       {std::pair(0, "else_branch"), std::pair(1, "then_branch")})
    if (!ok[i] && failed(refuseBranch(node, name, condition, held[i])))
      return failure();
  for (auto [i, result] : llvm::enumerate(results))
    if (failed(node.yield(takeGiven(node, result, node.node.outputs[i]), i)))
      return failure();
  return success();
}

void onnx::addIfTranslators(TranslatorTable &t) { t["If"] = translateIf; }
