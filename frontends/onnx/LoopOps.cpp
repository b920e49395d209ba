// Scan and Loop: bodies with names of their own.
//
//   Loop(trip, true, v0...)   scan.scan over trip; the iteration's number is a
//                             known integer inside, so slices stay slices
//   Loop with a condition     known only at run time, or a trip count: a
//                             conditional scan
#include "frontends/onnx/Recurrence.h"

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
  for (auto [v, axis] : llvm::zip(sequences, axes)) {
    Dims sizes = node.dimsOf(v);
    sizes[axis] = trip;
    v = node.settle(v, sizes);
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
  static constexpr int64_t kUnbounded = int64_t(1) << 40;

public:
  explicit LoopTranslator(NodeContext &node)
      : node(node), importer(node.importer) {}
  LogicalResult run();

private:
  LogicalResult bindBody(const DimExpr &t);
  bool staysAlive();
  Value number(const DimExpr &e);
  Value before(const DimExpr &t);
  DimExpr gatedTrip();
  LogicalResult boundTrip();
  DimExpr iterations(Value alive, Value ran);
  Value firstOf(Value v, const DimExpr &count);
  LogicalResult roll();
  LogicalResult unroll(int64_t trip, bool alive);

  NodeContext &node;
  GraphImporter &importer;
  const Graph *body = nullptr;
  DimExpr trip;
  bool isLate = false; // its trip count is known only at run time
  bool isCut = false;  // its trip count is no more than a bound
  bool isGated = false; // its condition is asked once, for the trip count
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

/// Whether the body hands its condition on, or gives a constant.
bool LoopTranslator::staysAlive() {
  std::string name = body->outputs[0].name;
  const Node *last = nullptr;
  do {
    if (name == body->inputs[1].name || importer.lookupInts(name))
      return true;
    for (const TensorData &t : body->initializers)
      if (t.name == name)
        return true;
    last = nullptr;
    for (const Node &n : body->nodes)
      if (llvm::is_contained(n.outputs, name))
        last = &n;
    if (last && last->opType == "Constant")
      return true;
    if (last && last->opType == "Identity")
      name = last->inputs[0];
  } while (last && last->opType == "Identity");
  return false;
}

Value LoopTranslator::number(const DimExpr &e) {
  return node.make<nn::DimsOp>(node.builder.getI64Type(), node.dimsAttr({e}),
                               node.dimsAttr(Dims()));
}

/// t < the trip count, which is known at run time.
Value LoopTranslator::before(const DimExpr &t) {
  Value count = node.reshape(node.in(0), {});
  Value at = nn::DimsOp::create(
      node.builder, node.loc,
      nn::tensorType(Dims(), node.elementOf(count)), node.dimsAttr({t}),
      node.dimsAttr(Dims()));
  node.analysis.set(at, Dims());
  return node.make<nn::CompareOp>(node.builder.getI1Type(), at, count,
                                  nn::Predicate::Lt);
}

LogicalResult LoopTranslator::roll() {
  Type i1 = node.builder.getI1Type();
  auto both = [&](Value a, Value b) -> Value {
    return a && b ? node.make<nn::AndOp>(i1, a, b) : a ? a : b;
  };
  // What ends the loop early: a condition, or a trip count that comes late.
  std::optional<DimExpr> start = node.oneInt(1);
  bool asks = !staysAlive();
  Value alive;
  if (node.has(1) && !isGated && !(start && start->isConstant(1)))
    alive = node.reshape(node.in(1), {});
  if (asks && !alive)
    alive = node.scalar(i1, 1);
  if (isLate)
    alive = both(alive, before(0));
  bool conditional = (bool)alive;
  bool counts = conditional && outputs;
  if (counts && failed(boundTrip()))
    return failure();
  SmallVector<Value> inits;
  if (conditional)
    inits.push_back(alive);
  for (size_t i = 0; i < carried; ++i)
    inits.push_back(node.in(2 + i));
  if (counts)
    inits.push_back(number(0));

  auto results = buildScan(
      node, trip, inits,
      [&](const DimExpr &t, ValueRange values, ScanStep &step) -> LogicalResult {
        GraphImporter::Scope scope(importer);
        if (failed(bindBody(t)))
          return failure();
        for (size_t i = 0; i < carried; ++i)
          importer.define(
              body->inputs[2 + i].name,
              GraphImporter::Known{values[conditional + i], {}, nullptr});
        if (failed(importer.importNodes(*body)))
          return failure();
        auto result = [&](size_t i) -> Value {
          Value v = importer.lookup(body->outputs[i].name, node.loc);
          if (!v)
            node.error() << "the body does not compute '"
                         << body->outputs[i].name << "'";
          return v;
        };
        std::optional<DimExpr> on = importer.lookupInt(body->outputs[0].name);
        bool ends = on && on->isConstant(0);
        if (!conditional && (!on || !on->isConstant(1)))
          return node.error() << "its condition is not known while compiling";
        if (conditional) {
          Value next = asks || ends ? result(0) : Value();
          if (next)
            next = node.reshape(next, {});
          if (isLate)
            next = both(next, before(t + DimExpr(1)));
          // Asked before the first iteration only.
          step.next.push_back(next ? next : node.scalar(i1, 1));
        }
        for (size_t i = 0; i < carried; ++i)
          step.next.push_back(result(1 + i));
        if (counts)
          step.next.push_back(number(t + DimExpr(1)));
        for (size_t i = 0; i < outputs; ++i) {
          Value v = result(1 + carried + i);
          if (!v)
            return failure();
          step.outputs.push_back(outputAt(node, v, 0, trip, t));
        }
        return success();
      },
      conditional);
  if (failed(results))
    return failure();
  SmallVector<Value> values(ArrayRef<Value>(*results).drop_front(conditional));
  if (counts) {
    DimExpr ran = iterations((*results)[0], values[carried]);
    values.erase(values.begin() + carried);
    for (Value &v : MutableArrayRef(values).drop_front(carried))
      v = firstOf(v, ran);
  }
  for (auto [i, value] : llvm::enumerate(values))
    if (failed(node.yield(value, i)))
      return failure();
  return success();
}

/// The trip count where the condition holds at the start, which only run time
/// knows and no iteration changes; else 0.
DimExpr LoopTranslator::gatedTrip() {
  Type i64 = node.builder.getI64Type();
  Value count = node.make<nn::MaxOp>(
      i64, node.cast(node.reshape(node.in(0), {}), i64), number(0));
  count = node.make<nn::SelectOp>(i64, node.reshape(node.in(1), {}), count,
                                  number(0));
  std::optional<DimExpr> known = node.oneInt(0);
  int64_t most =
      known ? known->range(node.analysis.symbols).hi : INT64_MAX;
  return count ? importer.findSize(node, count, node.node.name,
                                   {0, std::max<int64_t>(most, 0)})
               : DimExpr(0);
}

/// Scan outputs of a loop that its condition ends have room for as many
/// iterations as there can be; without a trip count somebody must say.
LogicalResult LoopTranslator::boundTrip() {
  if (!trip.isConstant(kUnbounded))
    return success();
  int64_t most = kUnbounded;
  for (size_t i = 0; i < outputs; ++i)
    most = importer.mostOf(node, carried + i, 0, most);
  if (most == kUnbounded)
    return node.error() << "it has scan outputs and no trip count; give the "
                           "most iterations with --bound "
                        << node.node.name
                        << "=N, or declare a static shape of its outputs";
  trip = most;
  isCut = true;
  return success();
}

/// How often it has run. A loop that would go on behind its bound counts as
/// one more than that.
DimExpr LoopTranslator::iterations(Value alive, Value ran) {
  int64_t most = trip.range(node.analysis.symbols).hi;
  if (isCut)
    ran = node.make<nn::SelectOp>(node.builder.getI64Type(), alive,
                                  number(trip + DimExpr(1)), ran);
  return ran ? importer.findSize(node, ran, node.node.name, {0, most})
             : DimExpr(0);
}

/// The first `count` rows.
Value LoopTranslator::firstOf(Value v, const DimExpr &count) {
  Dims shape = node.dimsOf(v), starts(shape.size(), DimExpr(0));
  SmallVector<int64_t> steps(shape.size(), 1);
  shape[0] = count;
  return node.make<nn::SliceOp>(node.elementOf(v), v, node.dimsAttr(starts),
                                ArrayRef<int64_t>(steps), node.dimsAttr(shape));
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
    std::optional<DimExpr> on = importer.lookupInt(body->outputs[0].name);
    if (!on || !on->isConstant())
      return node.error() << "its condition is known only at run time";
    alive = !on->isConstant(0);
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
  constexpr int64_t few = 64, much = 4096;
  for (size_t i : {0, 1}) {
    Value v = node.has(i) ? node.in(i) : Value();
    if (node.has(i) && !v)
      return failure();
    if (v && !product(node.dimsOf(v)).isConstant(1))
      return node.error() << "expected one trip count and one condition, but "
                             "operand "
                          << i << " is " << dimsToString(node.dimsOf(v));
  }
  std::optional<DimExpr> count = node.oneInt(0), start = node.oneInt(1);
  bool known = !node.has(1) || (start && start->isConstant());
  // Scan outputs are as long as it runs.
  isGated = outputs && node.has(0) && !known && staysAlive();
  if (isGated)
    count = gatedTrip();
  else if (node.has(0) && !count && outputs &&
           !(count = node.demandInt(0, "trip count", kAnyInt)))
    return failure();
  isLate = node.has(0) && !count;
  trip = count ? DimExpr::max(*count, 0) : DimExpr(kUnbounded);
  // Until its condition ends it.
  if (trip.range(node.analysis.symbols).hi > kUnbounded && !outputs)
    trip = DimExpr::min(trip, kUnbounded);
  if (known && start && start->isConstant(0))
    trip = 0;
  bool unrolls = known && trip.isConstant() && trip.constant() <= few &&
                 trip.constant() * (int64_t)body->nodes.size() <= much;
  if (!unrolls)
    return roll();

  // Rolled if it can be: the diagnostics of the attempt tell nobody anything.
  std::vector<Diagnostic> held;
  if (succeeded(importer.attempt(held, [&] { return roll(); })))
    return success();
  return unroll(trip.constant(), true);
}

static LogicalResult translateLoop(NodeContext &node) {
  return LoopTranslator(node).run();
}

void onnx::addLoopTranslators(TranslatorTable &t) {
  t["Scan"] = translateScan;
  t["Loop"] = translateLoop;
}
