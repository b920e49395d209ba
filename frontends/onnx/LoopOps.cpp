// Scan, Loop and If: bodies with names of their own.
//
//   Loop(trip, true, v0...)   scan.scan over trip; the iteration's number is a
//                             known integer inside, so slices stay slices
//   Loop with a condition     known only at run time: all of the limit's
//                             iterations run, and values stay as they are once
//                             it is false
//   If                        both branches run, and the condition selects
#include "frontends/onnx/Recurrence.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

/// `v` at position `at` of an axis, which is lost.
static Value takeAt(NodeContext &node, Value v, int64_t axis, DimExpr at) {
  Dims shape = node.dimsOf(v), starts(shape.size(), DimExpr(0));
  SmallVector<int64_t> steps(shape.size(), 1);
  starts[axis] = at;
  shape[axis] = 1;
  Value one = node.make<nn::SliceOp>(
      node.elementOf(v), v, node.dimsAttr(starts),
      node.builder.getDenseI64ArrayAttr(steps), node.dimsAttr(shape));
  shape.erase(shape.begin() + axis);
  return node.reshape(one, shape);
}

/// `piece` as the part of an output at position `at` of a new axis.
static ScanStep::Output outputAt(NodeContext &node, Value piece, int64_t axis,
                                 DimExpr trip, DimExpr at) {
  ScanStep::Output output;
  Dims shape = node.dimsOf(piece);
  output.starts.assign(shape.size() + 1, DimExpr(0));
  output.starts[axis] = at;
  shape.insert(shape.begin() + axis, DimExpr(1));
  output.piece = node.reshape(piece, shape);
  shape[axis] = trip;
  output.shape = shape;
  return output;
}

//===- Scan ----------------------------------------------------------------===//

static LogicalResult translateScan(NodeContext &node) {
  const Graph *body = node.node.getGraph("body");
  int64_t scanned = node.node.getInt("num_scan_inputs", 0);
  if (!body || scanned < 1 || scanned > (int64_t)body->inputs.size())
    return node.error() << "expected a body and at least one scan input";
  if (node.inputs() != body->inputs.size())
    return node.error() << "the body takes " << body->inputs.size()
                        << " inputs, but the node gives " << node.inputs()
                        << " (Scan before opset 9 is not compiled)";
  int64_t states = body->inputs.size() - scanned;
  int64_t outputs = (int64_t)body->outputs.size() - states;
  if (outputs < 0)
    return node.error() << "expected an output of the body for each of "
                        << states << " states";
  auto listed = [&](StringRef name, int64_t i) -> int64_t {
    ArrayRef<int64_t> values = node.node.getInts(name);
    return i < (int64_t)values.size() ? values[i] : 0;
  };

  DimExpr trip;
  SmallVector<Value> sequences, inits;
  SmallVector<int64_t> axes;
  for (int64_t i = 0; i < scanned; ++i) {
    Value v = node.in(states + i);
    if (!v)
      return failure();
    auto axis = node.axis(listed("scan_input_axes", i), node.dimsOf(v).size());
    if (failed(axis))
      return failure();
    DimExpr length = node.dimsOf(v)[*axis];
    if (i == 0 || !trip.isConstant())
      trip = i == 0 || length.isConstant() ? length : trip;
    if (length.isConstant() && length != trip)
      return node.error() << "expected scan inputs of one length, but got "
                          << trip.str() << " and " << length.str();
    sequences.push_back(v);
    axes.push_back(*axis);
  }
  for (int64_t i = 0; i < states; ++i)
    inits.push_back(node.in(i));

  auto results = buildScan(
      node, trip, inits,
      [&](const DimExpr &t, ValueRange carried, ScanStep &step) -> LogicalResult {
        GraphImporter::Scope scope(node.importer);
        auto at = [&](int64_t direction) {
          return direction ? trip - DimExpr(1) - t : t;
        };
        for (int64_t i = 0; i < states; ++i)
          node.importer.define(body->inputs[i].name,
                               GraphImporter::Known{carried[i], {}, nullptr});
        for (int64_t i = 0; i < scanned; ++i) {
          Value element = takeAt(node, sequences[i], axes[i],
                                 at(listed("scan_input_directions", i)));
          node.importer.define(body->inputs[states + i].name,
                               GraphImporter::Known{element, {}, nullptr});
        }
        if (failed(node.importer.importNodes(*body)))
          return failure();
        for (auto [i, info] : llvm::enumerate(body->outputs)) {
          Value v = node.importer.lookup(info.name, node.loc);
          if (!v)
            return node.error() << "the body does not compute '" << info.name
                                << "'";
          if ((int64_t)i < states) {
            step.next.push_back(v);
            continue;
          }
          int64_t k = i - states;
          auto axis = node.axis(listed("scan_output_axes", k),
                                node.dimsOf(v).size() + 1);
          if (failed(axis))
            return failure();
          step.outputs.push_back(outputAt(
              node, v, *axis, trip, at(listed("scan_output_directions", k))));
        }
        return success();
      });
  if (failed(results))
    return failure();
  for (auto [i, result] : llvm::enumerate(*results))
    if (failed(node.yield(result, i)))
      return failure();
  return success();
}

//===- Loop ----------------------------------------------------------------===//

namespace {
class LoopTranslator {
public:
  explicit LoopTranslator(NodeContext &node)
      : node(node), importer(node.importer) {}
  LogicalResult run();

private:
  LogicalResult bindBody(const DimExpr &t);
  LogicalResult roll();
  LogicalResult unroll(int64_t trip, bool alive);

  NodeContext &node;
  GraphImporter &importer;
  const Graph *body = nullptr;
  DimExpr trip;
  size_t carried = 0, outputs = 0;
};
} // namespace

/// The iteration's number and the condition, which holds inside.
LogicalResult LoopTranslator::bindBody(const DimExpr &t) {
  GraphImporter::Known number, condition;
  number.ints = IntTensor{node.builder.getI64Type(), {}, {t}};
  condition.ints = IntTensor{node.builder.getI1Type(), {}, {1}};
  importer.define(body->inputs[0].name, number);
  importer.define(body->inputs[1].name, condition);
  return success();
}

LogicalResult LoopTranslator::roll() {
  SmallVector<Value> inits;
  for (size_t i = 0; i < carried; ++i)
    inits.push_back(node.in(2 + i));
  const IntTensor *start = node.has(1) ? node.ints(1) : nullptr;
  // Whether the condition is known to hold can be told only from the body: ask
  // a first time for that, and carry it if it is not known.
  Value alive;
  if (node.has(1) && !(start && start->values[0].isConstant(1)))
    alive = node.in(1);
  bool carry = (bool)alive;
  if (!carry) {
    const Node *last = nullptr;
    for (const Node &n : body->nodes)
      if (llvm::is_contained(n.outputs, body->outputs[0].name))
        last = &n;
    bool passed = body->outputs[0].name == body->inputs[1].name ||
                  (last && last->opType == "Identity" &&
                   last->inputs[0] == body->inputs[1].name);
    bool constant = last && last->opType == "Constant";
    if (last && last->opType == "Identity")
      constant |= importer.lookupInts(last->inputs[0]) != nullptr;
    for (const TensorData &t : body->initializers)
      constant |= t.name == body->outputs[0].name ||
                  (last && last->opType == "Identity" &&
                   t.name == last->inputs[0]);
    for (const Node &n : body->nodes)
      constant |= last && last->opType == "Identity" &&
                  n.opType == "Constant" && n.outputs[0] == last->inputs[0];
    carry = !passed && !constant &&
            !importer.lookupInts(body->outputs[0].name);
    if (carry)
      alive = node.scalar(node.builder.getI1Type(), 1);
  }
  if (carry && outputs)
    return node.error()
           << "it has scan outputs, and its condition is known only at run "
              "time, so their size is not known";
  if (carry) {
    alive = node.reshape(alive, {});
    inits.push_back(alive);
  }

  auto results = buildScan(
      node, trip, inits,
      [&](const DimExpr &t, ValueRange values, ScanStep &step) -> LogicalResult {
        GraphImporter::Scope scope(importer);
        if (failed(bindBody(t)))
          return failure();
        for (size_t i = 0; i < carried; ++i)
          importer.define(body->inputs[2 + i].name,
                          GraphImporter::Known{values[i], {}, nullptr});
        if (failed(importer.importNodes(*body)))
          return failure();
        auto result = [&](size_t i) -> Value {
          Value v = importer.lookup(body->outputs[i].name, node.loc);
          if (!v)
            node.error() << "the body does not compute '"
                         << body->outputs[i].name << "'";
          return v;
        };
        if (!carry) {
          const IntTensor *on = importer.lookupInts(body->outputs[0].name);
          if (!on || !on->values[0].isConstant(1))
            return node.error() << "its condition is not known while compiling";
        }
        for (size_t i = 0; i < carried; ++i) {
          Value v = result(1 + i);
          if (carry && v)
            v = node.make<nn::SelectOp>(node.elementOf(v), values.back(), v,
                                        values[i]);
          step.next.push_back(v);
        }
        if (carry) {
          Value on = node.reshape(result(0), {});
          step.next.push_back(
              node.make<nn::AndOp>(node.elementOf(on), values.back(), on));
        }
        for (size_t i = 0; i < outputs; ++i) {
          Value v = result(1 + carried + i);
          if (!v)
            return failure();
          step.outputs.push_back(outputAt(node, v, 0, trip, t));
        }
        return success();
      });
  if (failed(results))
    return failure();
  size_t at = 0;
  for (size_t i = 0; i < results->size(); ++i) {
    if (carry && i == carried)
      continue;
    if (failed(node.yield((*results)[i], at++)))
      return failure();
  }
  return success();
}

/// One copy of the body per iteration: sizes may change, and a condition that
/// folds may end it.
LogicalResult LoopTranslator::unroll(int64_t count, bool alive) {
  SmallVector<GraphImporter::Known> values;
  for (size_t i = 0; i < carried; ++i)
    values.push_back(importer.known(node.node.inputs[2 + i]));
  SmallVector<SmallVector<Value>> pieces(outputs);
  for (int64_t t = 0; t < count && alive; ++t) {
    GraphImporter::Scope scope(importer);
    if (failed(bindBody(t)))
      return failure();
    for (size_t i = 0; i < carried; ++i)
      importer.define(body->inputs[2 + i].name, values[i]);
    if (failed(importer.importNodes(*body)))
      return failure();
    const IntTensor *on = importer.lookupInts(body->outputs[0].name);
    if (!on || !on->values[0].isConstant())
      return node.error() << "its condition is known only at run time";
    alive = !on->values[0].isConstant(0);
    for (size_t i = 0; i < carried; ++i) {
      values[i] = importer.known(body->outputs[1 + i].name);
      if (!values[i].value && !values[i].ints && !values[i].constant)
        return node.error() << "the body does not compute '"
                            << body->outputs[1 + i].name << "'";
    }
    for (size_t i = 0; i < outputs; ++i) {
      Value v = importer.lookup(body->outputs[1 + carried + i].name, node.loc);
      Dims shape = node.dimsOf(v);
      shape.insert(shape.begin(), DimExpr(1));
      pieces[i].push_back(node.reshape(v, shape));
      if (!pieces[i].back())
        return failure();
    }
  }
  for (size_t i = 0; i < carried; ++i)
    if (node.node.hasOutput(i))
      importer.define(node.node.outputs[i], values[i]);
  for (size_t i = 0; i < outputs; ++i) {
    if (pieces[i].empty())
      return node.error() << "it never runs, so its outputs have no shape";
    Value all = pieces[i].size() == 1
                    ? pieces[i][0]
                    : node.make<nn::ConcatOp>(
                          node.elementOf(pieces[i][0]), pieces[i],
                          node.builder.getI64IntegerAttr(0));
    if (failed(node.yield(all, carried + i)))
      return failure();
  }
  return success();
}

LogicalResult LoopTranslator::run() {
  body = node.node.getGraph("body");
  if (!body || body->inputs.size() < 2 ||
      body->outputs.size() + 1 < body->inputs.size() ||
      node.inputs() != body->inputs.size())
    return node.error() << "expected a body with an iteration number, a "
                           "condition, and each carried value";
  carried = body->inputs.size() - 2;
  outputs = body->outputs.size() - 1 - carried;
  if (!node.has(0))
    return node.error() << "it has no trip count; one that only its condition "
                           "ends is not compiled yet";
  const IntTensor *count = node.requireInts(0, "trip count");
  if (!count)
    return failure();
  trip = DimExpr::max(count->values[0], 0);
  constexpr int64_t unbounded = int64_t(1) << 40, few = 64, much = 4096;
  if (trip.range(node.analysis.symbols).hi > unbounded)
    return node.error() << "its trip count has no bound; one that only its "
                           "condition ends is not compiled yet";
  const IntTensor *start = node.has(1) ? node.ints(1) : nullptr;
  bool known = !node.has(1) || (start && start->values[0].isConstant());
  if (known && start && start->values[0].isConstant(0))
    trip = 0;
  // Outputs need the start's value too: without it their size is unknown.
  if (!known && outputs && !node.requireInts(1, "condition"))
    return failure();
  bool unrolls = known && trip.isConstant() && trip.constant() <= few &&
                 trip.constant() * (int64_t)body->nodes.size() <= much;
  if (!unrolls)
    return roll();

  // Rolled if it can be: the diagnostics of the attempt tell nobody anything.
  {
    ScopedDiagnosticHandler silent(node.builder.getContext(),
                                   [](Diagnostic &) { return success(); });
    if (succeeded(roll()))
      return success();
  }
  return unroll(trip.constant(), true);
}

static LogicalResult translateLoop(NodeContext &node) {
  return LoopTranslator(node).run();
}

//===- If ------------------------------------------------------------------===//

/// A condition known only at run time: both branches, then a selection.
static LogicalResult translateIf(NodeContext &node) {
  const Graph *branches[] = {node.node.getGraph("then_branch"),
                             node.node.getGraph("else_branch")};
  constexpr size_t small = 32;
  SmallVector<Value> results[2];
  for (int i = 0; i < 2; ++i) {
    if (!branches[i])
      return node.error() << "expected two branches";
    if (branches[i]->nodes.size() > small)
      return node.error()
             << "its condition is known only at run time, and a branch has "
             << branches[i]->nodes.size() << " nodes; both branches are "
             << "computed, so this is compiled up to " << small << " only";
    GraphImporter::Scope scope(node.importer);
    if (failed(node.importer.importNodes(*branches[i])))
      return failure();
    for (const ValueInfo &info : branches[i]->outputs) {
      Value v = node.importer.lookup(info.name, node.loc);
      if (!v)
        return node.error() << "a branch does not compute '" << info.name
                            << "'";
      results[i].push_back(v);
    }
  }
  Value condition = node.in(0);
  if (!condition || results[0].size() != results[1].size())
    return node.error() << "expected branches with equal outputs";
  condition = node.reshape(condition, {});
  for (auto [i, a, b] : llvm::enumerate(results[0], results[1])) {
    if (node.dimsOf(a) != node.dimsOf(b) ||
        node.elementOf(a) != node.elementOf(b))
      return node.error() << "its branches give "
                          << dimsToString(node.dimsOf(a)) << " and "
                          << dimsToString(node.dimsOf(b))
                          << " for output " << i
                          << "; with a condition known only at run time they "
                             "must agree";
    if (failed(node.yield(node.make<nn::SelectOp>(node.elementOf(a), condition,
                                                  a, b), i)))
      return failure();
  }
  return success();
}

void onnx::addLoopTranslators(TranslatorTable &t) {
  t["Scan"] = translateScan;
  t["Loop"] = translateLoop;
  t["If"] = translateIf;
}
