// A scan whose body is element-wise in its states becomes one group:
//
//   scan.scan t { dA = exp(dt[t] * A); h' = dA * h + dt[t] * B[t] * x[t];
//                 y[t] = reduce_sum(h' * C[t]) }
//     ->
//   kern.scan (channel, state, time) { exp, mulf, addf, kern.fold }
//
// Each yielded value is asked for one element, and asks its operands in turn:
// movement changes the index, element-wise operations become scalar ones,
// what comes from outside becomes an operand read through that index.
#include "passes/schedule/Passes.h"

namespace tenon::schedule {
#define GEN_PASS_DEF_FUSESCANSPASS
#include "passes/schedule/Passes.h.inc"
} // namespace tenon::schedule

using namespace mlir;
using namespace tenon;

namespace {

/// States are kept in registers and the body is written once for each.
constexpr int64_t kMaxStates = 64, kMaxOperations = 4096;

using Index = SmallVector<AffineExpr>;

class ScanFuser {
public:
  ScanFuser(scan::ScanOp loop, nn::DimAnalysis &dims)
      : loop(loop), dims(dims), b(loop), context(loop.getContext()) {}

  bool run();

private:
  struct Output {
    unsigned position; // among the carried
    nn::InsertSliceOp insert;
  };

  Block &body() { return loop.getBody().front(); }
  bool classify();
  bool chooseLoops();
  std::optional<Index> indexOf(ArrayRef<DimExpr> shape);
  std::optional<AffineExpr> affine(const DimExpr &e);
  std::optional<std::pair<Value, Index>> through(Value v, const Index &at);
  Value evaluate(Value v, Index at);
  Value compute(Value v, const Index &at);
  Value read(Value v, const Index &at);
  Value splat(Value v);
  Index broadcast(Value operand, ArrayRef<DimExpr> result, const Index &at);
  Type scalarType(Value v) {
    return nn::storageType(cast<ShapedType>(v.getType()).getElementType());
  }
  AffineMap mapOf(const Index &at) {
    return AffineMap::get(sizes.size(), symbols.size(), at, context);
  }
  AffineExpr zero() { return getAffineConstantExpr(0, context); }

  scan::ScanOp loop;
  nn::DimAnalysis &dims;
  OpBuilder b;
  MLIRContext *context;
  SmallVector<unsigned> states; // among the carried
  SmallVector<Output> outputs;
  Dims mainShape, sizes, symbols; // loops: parallel..., state, time
  int64_t folded = -1;            // dimension of mainShape that folds
  SmallVector<unsigned> loopOf;   // dimension of mainShape -> loop
  Block *made = nullptr;
  SmallVector<std::pair<Value, Index>> ins;
  std::map<std::pair<void *, std::string>, Value> known;
};

} // namespace

/// Carried tensors are states, or outputs that one insert fills step by step.
bool ScanFuser::classify() {
  if (loop.getConditional())
    return false;
  for (auto [i, argument] : llvm::enumerate(body().getArguments())) {
    auto insert = loop.getYield()->getOperand(i).getDefiningOp<nn::InsertSliceOp>();
    if (insert && insert.getDest() == argument && argument.hasOneUse() &&
        insert->hasOneUse() && loop.getInits()[i].getDefiningOp<nn::EmptyOp>())
      outputs.push_back({(unsigned)i, insert});
    else
      states.push_back(i);
  }
  return !states.empty();
}

/// The state of highest rank gives the loops; what the body sums over is the
/// state loop, all others are parallel.
bool ScanFuser::chooseLoops() {
  for (unsigned s : states) {
    Dims shape = dims.of(body().getArgument(s));
    if (shape.size() > mainShape.size() || mainShape.empty())
      mainShape = shape;
  }
  int64_t operations = 0;
  for (Operation &op : body().without_terminator()) {
    if (op.getNumRegions() || isa<nn::SizeOp>(op))
      return false;
    operations += isa<nn::ElementwiseOpInterface>(op);
    auto reduce = dyn_cast<nn::ReduceOp>(op);
    if (!reduce)
      continue;
    if (reduce.getKind() != nn::ReduceKind::Sum || reduce.getAxes().size() != 1 ||
        !isa<FloatType>(scalarType(reduce.getInput())))
      return false;
    // Aligned to the right of the state, as broadcasting does.
    int64_t axis = reduce.getAxes()[0] + (int64_t)mainShape.size() -
                   (int64_t)dims.of(reduce.getInput()).size();
    if (axis < 0 || (folded >= 0 && folded != axis))
      return false;
    folded = axis;
  }
  int64_t count = 1;
  if (folded >= 0) {
    if (!mainShape[folded].isConstant() ||
        mainShape[folded].constant() > kMaxStates)
      return false;
    count = mainShape[folded].constant();
  }
  if (operations * count > kMaxOperations)
    return false;
  loopOf.resize(mainShape.size());
  for (auto [i, size] : llvm::enumerate(mainShape)) {
    if ((int64_t)i == folded)
      continue;
    loopOf[i] = sizes.size();
    sizes.push_back(size);
  }
  if (folded >= 0)
    loopOf[folded] = sizes.size();
  sizes.push_back(count);
  sizes.push_back(loop.getTripCount());
  return true;
}

/// The element of a tensor of this shape that belongs to the loops' place:
/// shaped like the state, or like it without the dimension that folds; ones
/// may be missing or more.
std::optional<Index> ScanFuser::indexOf(ArrayRef<DimExpr> shape) {
  for (bool withFolded : {true, false}) {
    Index at;
    size_t next = 0;
    auto skip = [&](size_t i) {
      return (!withFolded && (int64_t)i == folded) || mainShape[i].isConstant(1);
    };
    bool ok = true;
    for (const DimExpr &size : shape) {
      if (size.isConstant(1)) {
        at.push_back(zero());
        continue;
      }
      while (next < mainShape.size() && skip(next))
        ++next;
      if (next == mainShape.size() || mainShape[next] != size) {
        ok = false;
        break;
      }
      at.push_back(getAffineDimExpr(loopOf[next++], context));
    }
    while (ok && next < mainShape.size() && skip(next))
      ++next;
    if (ok && next == mainShape.size())
      return at;
    if (folded < 0)
      break;
  }
  return std::nullopt;
}

/// A start that moves with the iteration: c * t + what stays.
std::optional<AffineExpr> ScanFuser::affine(const DimExpr &e) {
  std::string t = loop.getSymbol().str();
  int64_t coefficient = 0;
  for (const DimExpr::Term &term : e.getTerms())
    if (term.atoms.size() == 1 && term.atoms[0].kind == DimExpr::Kind::Symbol &&
        term.atoms[0].symbol == t)
      coefficient = term.coefficient;
  DimExpr rest = e - DimExpr(coefficient) * DimExpr::symbol(t);
  bool moves = false;
  rest.forEachSymbol([&](StringRef s) { moves |= s == t; });
  if (moves)
    return std::nullopt;
  AffineExpr time = getAffineDimExpr(sizes.size() - 1, context) * coefficient;
  if (rest.isConstant())
    return time + rest.constant();
  symbols.push_back(rest);
  return time + getAffineSymbolExpr(symbols.size() - 1, context);
}

/// Movement: where an element of the result stands in the operand.
std::optional<std::pair<Value, Index>> ScanFuser::through(Value v,
                                                          const Index &at) {
  Operation *op = v.getDefiningOp();
  if (auto transpose = dyn_cast_or_null<nn::TransposeOp>(op)) {
    Index from(at.size());
    for (auto [i, p] : llvm::enumerate(transpose.getPermutation()))
      from[p] = at[i];
    return std::make_pair(transpose.getInput(), from);
  }
  if (auto expand = dyn_cast_or_null<nn::ExpandOp>(op))
    return std::make_pair(expand.getInput(),
                          broadcast(expand.getInput(), dims.of(v), at));
  if (auto slice = dyn_cast_or_null<nn::SliceOp>(op)) {
    Index from;
    Dims starts = slice.getStarts().getExprs();
    for (auto [i, e] : llvm::enumerate(at)) {
      std::optional<AffineExpr> start = affine(starts[i]);
      if (!start)
        return std::nullopt;
      from.push_back(e * slice.getSteps()[i] + *start);
    }
    return std::make_pair(slice.getInput(), from);
  }
  if (auto reshape = dyn_cast_or_null<nn::ReshapeOp>(op)) {
    // Only ones come and go.
    Dims to = dims.of(v), from = dims.of(reshape.getInput());
    Index kept, all;
    Dims toKept, fromKept;
    for (auto [size, e] : llvm::zip(to, at))
      if (!size.isConstant(1)) {
        toKept.push_back(size);
        kept.push_back(e);
      }
    for (const DimExpr &size : from)
      if (!size.isConstant(1))
        fromKept.push_back(size);
    if (toKept != fromKept)
      return std::nullopt;
    size_t next = 0;
    for (const DimExpr &size : from)
      all.push_back(size.isConstant(1) ? zero() : kept[next++]);
    return std::make_pair(reshape.getInput(), all);
  }
  return std::nullopt;
}

Index ScanFuser::broadcast(Value operand, ArrayRef<DimExpr> result,
                           const Index &at) {
  Dims own = dims.of(operand);
  Index from;
  size_t shift = at.size() - own.size();
  for (auto [i, size] : llvm::enumerate(own))
    from.push_back(size.isConstant(1) && !result[shift + i].isConstant(1)
                       ? zero()
                       : at[shift + i]);
  return from;
}

/// A number that is the same everywhere.
Value ScanFuser::splat(Value v) {
  Type type = scalarType(v);
  std::optional<double> number;
  if (!type.isInteger(64))
    number = pack::getSplat(v);
  if (!number)
    return {};
  TypedAttr attr =
      isa<FloatType>(type)
          ? (TypedAttr)b.getFloatAttr(type, *number)
          : (TypedAttr)IntegerAttr::get(
                type, APInt(type.getIntOrFloatBitWidth(),
                            (uint64_t)(int64_t)*number, false, true));
  return arith::ConstantOp::create(b, loop.getLoc(), attr);
}

/// An operand of the group. Transposes and slices outside are read through
/// where lanes stay neighbours (or do not matter).
Value ScanFuser::read(Value v, const Index &at) {
  if (Value number = splat(v))
    return number;
  std::pair<Value, Index> best = {v, at}, here = best;
  int64_t lanes = (int64_t)sizes.size() - 3;
  while (auto next = through(here.first, here.second)) {
    here = *next;
    bool neighbours = true;
    for (size_t i = 0; i + 1 < here.second.size(); ++i)
      neighbours &= lanes < 0 || !here.second[i].isFunctionOfDim(lanes);
    if (neighbours)
      best = here;
  }
  ins.push_back(best);
  return made->addArgument(scalarType(best.first), v.getLoc());
}

Value ScanFuser::evaluate(Value v, Index at) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (AffineExpr &e : at) {
    e = simplifyAffineExpr(e, sizes.size(), symbols.size());
    os << e << ",";
  }
  // Equal starts get symbols of their own, so this is exact.
  auto key = std::make_pair(v.getAsOpaquePointer(), text);
  auto it = known.find(key);
  if (it != known.end())
    return it->second;
  Value result = compute(v, at);
  if (result)
    known[key] = result;
  return result;
}

Value ScanFuser::compute(Value v, const Index &at) {
  if (auto argument = dyn_cast<BlockArgument>(v)) {
    if (argument.getOwner() != &body())
      return read(v, at);
    auto state = llvm::find(states, argument.getArgNumber());
    // An output that is read, or a state at another place than its own.
    if (state == states.end() || indexOf(dims.of(v)) != at)
      return {};
    return made->getArgument(state - states.begin());
  }
  Operation *op = v.getDefiningOp();
  if (op->getBlock() != &body())
    return read(v, at);
  if (auto moved = through(v, at))
    return evaluate(moved->first, moved->second);
  if (isa<pack::ConstantOp>(op)) {
    op->moveBefore(loop);
    return read(v, at);
  }
  if (auto elementwise = dyn_cast<nn::ElementwiseOpInterface>(op)) {
    SmallVector<Value> arguments;
    for (Value operand : op->getOperands()) {
      Value element = evaluate(operand, broadcast(operand, dims.of(v), at));
      if (!element)
        return {};
      arguments.push_back(element);
    }
    Value result = elementwise.buildScalar(b, op->getLoc(), arguments);
    return result;
  }
  if (auto reduce = dyn_cast<nn::ReduceOp>(op)) {
    Index from(at.begin(), at.end());
    int64_t axis = reduce.getAxes()[0];
    AffineExpr each = getAffineDimExpr(sizes.size() - 2, context);
    if (reduce.getKeepdims())
      from[axis] = each;
    else
      from.insert(from.begin() + axis, each);
    if (dims.of(reduce.getInput())[axis] != sizes[sizes.size() - 2])
      return {};
    Value element = evaluate(reduce.getInput(), from);
    if (!element)
      return {};
    return kern::FoldOp::create(b, op->getLoc(), element.getType(), element);
  }
  return {};
}

bool ScanFuser::run() {
  if (!classify() || !chooseLoops())
    return false;
  Region region;
  made = new Block;
  region.push_back(made);
  b.setInsertionPointToEnd(made);
  SmallVector<Index> stateIndex, outputIndex;
  for (unsigned s : states) {
    std::optional<Index> at = indexOf(dims.of(body().getArgument(s)));
    if (!at)
      return false;
    stateIndex.push_back(*at);
    made->addArgument(scalarType(body().getArgument(s)), loop.getLoc());
  }
  SmallVector<Value> yielded;
  for (auto [s, at] : llvm::zip(states, stateIndex)) {
    Value next = evaluate(loop.getYield()->getOperand(s), at);
    if (!next)
      return false;
    yielded.push_back(next);
  }
  for (Output &output : outputs) {
    Value source = output.insert.getSource();
    std::optional<Index> at = indexOf(dims.of(source));
    Value value = at ? evaluate(source, *at) : Value();
    if (!value)
      return false;
    yielded.push_back(value);
    Index to;
    for (auto [e, start] :
         llvm::zip(*at, output.insert.getStarts().getExprs())) {
      std::optional<AffineExpr> moved = affine(start);
      if (!moved)
        return false;
      to.push_back(e + *moved);
    }
    outputIndex.push_back(to);
  }
  // A body with loops of its own cannot be written once per state.
  bool simple = true;
  for (Operation &op : *made)
    simple &= op.getNumRegions() == 0 && op.getNumResults() == 1 &&
              !isa<kern::SizeOp, kern::IndexOp>(op);
  if (!simple)
    return false;
  kern::YieldOp::create(b, loop.getLoc(), yielded);

  SmallVector<Attribute> maps, shapes;
  SmallVector<Value> inputs, inits;
  auto addMap = [&](const Index &at) {
    maps.push_back(AffineMapAttr::get(mapOf(at)));
  };
  for (auto &[tensor, at] : ins) {
    inputs.push_back(tensor);
    addMap(at);
  }
  for (auto [s, at] : llvm::zip(states, stateIndex)) {
    inits.push_back(loop.getInits()[s]);
    addMap(at);
  }
  SmallVector<Type> types;
  SmallVector<unsigned> positions(states);
  for (const Output &output : outputs)
    positions.push_back(output.position);
  for (const Index &at : stateIndex)
    addMap(at);
  for (const Index &at : outputIndex)
    addMap(at);
  for (unsigned p : positions) {
    types.push_back(loop.getResult(p).getType());
    shapes.push_back(nn::DimsAttr::get(context, dims.of(loop.getResult(p))));
  }
  b.setInsertionPoint(loop);
  SmallVector<Location> places = {loop.getLoc()};
  for (Operation &op : body().without_terminator())
    places.push_back(op.getLoc());
  auto group = kern::ScanOp::create(
      b, FusedLoc::get(context, places), types, inputs, inits, ValueRange{},
      nn::DimsAttr::get(context, sizes), nn::DimsAttr::get(context, symbols),
      b.getArrayAttr(maps), b.getArrayAttr(shapes), nullptr);
  group.getBody().takeBody(region);
  for (auto [i, p] : llvm::enumerate(positions)) {
    dims.set(group.getResult(i), dims.of(loop.getResult(p)));
    loop.getResult(p).replaceAllUsesWith(group.getResult(i));
  }
  loop.erase();
  return true;
}

namespace {
struct FuseScansPass : schedule::impl::FuseScansPassBase<FuseScansPass> {
  void runOnOperation() override {
    nn::DimAnalysis dims(getOperation());
    if (!dims.isValid())
      return signalPassFailure();
    SmallVector<scan::ScanOp> loops;
    getOperation().walk([&](scan::ScanOp loop) { loops.push_back(loop); });
    for (scan::ScanOp loop : loops)
      ScanFuser(loop, dims).run();
  }
};
} // namespace
