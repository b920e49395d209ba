// The verifiers of the groups: maps against loops and tensors, bodies against
// operands and results, and what may stand in a body.
#include "dialects/kern/Kern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::kern;

static Type storageOf(Value v) {
  return nn::storageType(cast<ShapedType>(v.getType()).getElementType());
}

//===- Maps ----------------------------------------------------------------===//

/// Sums of loops and symbols with constant or symbolic factors: what
/// linearize() takes.
static bool isLinear(AffineExpr e) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(e);
  if (!binary)
    return true;
  if (e.getKind() == AffineExprKind::Add)
    return isLinear(binary.getLHS()) && isLinear(binary.getRHS());
  return e.getKind() == AffineExprKind::Mul && isLinear(binary.getLHS()) &&
         isLinear(binary.getRHS()) &&
         (binary.getLHS().isSymbolicOrConstant() ||
          binary.getRHS().isSymbolicOrConstant());
}

/// Bounds of an index where every loop in it has a constant size.
static std::optional<DimRange> boundsOf(AffineExpr e, ArrayRef<DimExpr> sizes) {
  if (auto c = dyn_cast<AffineConstantExpr>(e))
    return DimRange{c.getValue(), c.getValue()};
  if (auto d = dyn_cast<AffineDimExpr>(e)) {
    const DimExpr &size = sizes[d.getPosition()];
    if (!size.isConstant())
      return std::nullopt;
    return DimRange{0, size.constant() - 1};
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(e);
  if (!binary)
    return std::nullopt;
  auto a = boundsOf(binary.getLHS(), sizes), b = boundsOf(binary.getRHS(), sizes);
  if (!a || !b)
    return std::nullopt;
  if (e.getKind() == AffineExprKind::Add)
    return DimRange{a->lo + b->lo, a->hi + b->hi};
  int64_t ends[] = {a->lo * b->lo, a->lo * b->hi, a->hi * b->lo, a->hi * b->hi};
  return DimRange{*llvm::min_element(ends), *llvm::max_element(ends)};
}

namespace {
/// A value that is read or written through a map.
struct Mapped {
  Value value;
  StringRef what;
  unsigned loops;
  /// Columns behind the last are masked by the kernel.
  bool mayPass = false;
};
} // namespace

static void append(SmallVectorImpl<Mapped> &all, ValueRange values,
                   StringRef what, unsigned loops, bool mayPass = false) {
  for (Value v : values)
    all.push_back({v, what, loops, mayPass});
}

template <typename Op>
static LogicalResult verifyMaps(Op op, ArrayRef<Mapped> values) {
  Dims sizes = op.getSizes().getExprs();
  bool runs = true;
  for (const DimExpr &size : sizes) {
    if (size.isConstant() && size.constant() < 0)
      return op.emitOpError("expected loops of 0 or more, but got ")
             << dimsToString(sizes);
    runs &= !size.isConstant(0);
  }
  for (auto [value, attr] : llvm::zip_equal(values, op.getMaps())) {
    AffineMap map = cast<AffineMapAttr>(attr).getValue();
    if (map.getNumDims() != value.loops)
      return op.emitOpError("expected maps over ")
             << value.loops << " loops for " << value.what << ", but got "
             << attr;
    if (map.getNumSymbols() > op.getSymbols().getExprs().size())
      return op.emitOpError("expected maps of at most ")
             << op.getSymbols().getExprs().size() << " symbols, but got "
             << attr;
    auto type = cast<RankedTensorType>(value.value.getType());
    if ((int64_t)map.getNumResults() != type.getRank())
      return op.emitOpError("expected an index per dimension of ")
             << type << ", but got " << attr;
    for (auto [i, e] : llvm::enumerate(map.getResults())) {
      if (!isLinear(e))
        return op.emitOpError("expected maps that are linear in the loops, "
                              "but got ")
               << attr;
      std::optional<DimRange> bounds = boundsOf(e, sizes);
      if (runs && bounds && !value.mayPass && !type.isDynamicDim(i) &&
          (bounds->lo < 0 || bounds->hi >= type.getDimSize(i)))
        return op.emitOpError("expected indices inside ")
               << type << ", but " << attr << " gives " << bounds->lo << " to "
               << bounds->hi << " in dimension " << i;
    }
  }
  return success();
}

/// Checked before verifyMaps; each family says what the maps are of.
template <typename Op>
static LogicalResult verifyGroup(Op op, ArrayRef<Mapped> values) {
  if (op.getNumResults() == 0)
    return op.emitOpError("expected a result");
  if (!op.getDests().empty() && op.getDests().size() != op.getNumResults())
    return op.emitOpError("expected no destination or one for each of ")
           << op.getNumResults() << " results, but got "
           << op.getDests().size();
  for (auto [dest, result] : llvm::zip(op.getDests(), op.getResults()))
    if (dest.getType() != result.getType())
      return op.emitOpError("expected a destination of the result's type ")
             << result.getType() << ", but got " << dest.getType();
  return verifyMaps(op, values);
}

/// `accesses` step entries (twice with a cross loop), each at most `most`.
static LogicalResult verifyPlan(Operation *op, std::optional<PlanAttr> plan,
                                size_t steps, bool fits, int64_t most = 2) {
  if (!plan)
    return success();
  fits &= plan->getCross() < 0 ||
          (isa<MapOp>(op) && plan->getCross() < plan->getVector());
  if (plan->getCross() >= 0)
    steps *= 2;
  if (!fits || plan->getLoops() < 1 || plan->getVector() < 0 ||
      plan->getVector() >= plan->getLoops() || plan->getSteps().size() != steps ||
      llvm::any_of(plan->getSteps(), [&](int64_t s) { return s < 0 || s > most; }))
    return op->emitOpError("expected a plan of this group with ")
           << steps << " steps of 0 to " << most << ", but got " << *plan;
  return success();
}

//===- Bodies --------------------------------------------------------------===//

static LogicalResult verifyTypes(Operation *op, StringRef what,
                                 TypeRange found, TypeRange expected) {
  if (found == expected)
    return success();
  InFlightDiagnostic error = op->emitOpError("expected ");
  error << what << " (";
  llvm::interleaveComma(expected, error);
  error << "), but got (";
  llvm::interleaveComma(found, error);
  error << ")";
  return error;
}

/// The loop numbers, tables and scalars of one operation in a body.
static LogicalResult verifyInBody(Operation *group, Operation &inner,
                                  size_t loops) {
  if (auto index = dyn_cast<IndexOp>(inner))
    if (index.getLoop() >= loops)
      return inner.emitOpError("expected one of ")
             << loops << " loops, but got " << (int64_t)index.getLoop();
  if (auto size = dyn_cast<SizeOp>(inner))
    if (size.getValue().getExprs().size() != 1)
      return inner.emitOpError("expected one size, but got ")
             << size.getValue();
  if (auto load = dyn_cast<LoadOp>(inner)) {
    auto type = cast<RankedTensorType>(load.getTable().getType());
    if ((int64_t)load.getIndices().size() != type.getRank() ||
        load.getType() != storageOf(load.getTable()))
      return inner.emitOpError("expected ")
             << type.getRank() << " indices and an element of " << type
             << ", but got " << load.getIndices().size() << " and "
             << load.getType();
  }
  if (isa<FoldOp>(inner) && !isa<ScanOp>(group))
    return inner.emitOpError("expected to stand in a kern.scan");
  return success();
}

/// A body is one block of scalar operations on its arguments.
static LogicalResult verifyBody(Operation *group, Region &body, StringRef what,
                                TypeRange arguments, size_t loops) {
  Block &block = body.front();
  if (failed(verifyTypes(group, (what + " arguments").str(),
                         block.getArgumentTypes(), arguments)))
    return failure();
  for (Operation &inner : block) {
    bool isKern = inner.getDialect() == group->getDialect();
    bool known = isKern ? isa<YieldOp, IndexOp, SizeOp, LoadOp, FoldOp,
                              CheckOp>(inner)
                        : isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
                              inner.getDialect());
    if (!known || inner.getNumRegions() || isa<YieldOp>(inner) != (&inner == &block.back()))
      return group->emitOpError("expected scalar arith, math and kern operations "
                                "and a kern.yield at the end of its ")
             << what << ", but got '" << inner.getName() << "'";
    for (Type type : inner.getResultTypes())
      if (!type.isIntOrIndexOrFloat())
        return inner.emitOpError("expected scalars in a body, but got ") << type;
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != &block)
        return inner.emitOpError("expected operands of the same body; a tensor "
                                 "from outside is read through ins or tables");
    if (failed(verifyInBody(group, inner, loops)))
      return failure();
  }
  if (block.empty() || !isa<YieldOp>(block.back()))
    return group->emitOpError("expected a kern.yield at the end of its ") << what;
  return success();
}

static LogicalResult verifyYield(Operation *group, Region &body, StringRef what,
                                 TypeRange expected) {
  return verifyTypes(group, ("its " + what + " to yield").str(),
                     body.front().back().getOperandTypes(), expected);
}

static SmallVector<Type> storagesOf(ValueRange values) {
  return SmallVector<Type>(llvm::map_range(values, storageOf));
}

//===- Map -----------------------------------------------------------------===//

LogicalResult MapOp::verify() {
  size_t loops = getSizes().getExprs().size();
  SmallVector<Mapped> values;
  append(values, getIns(), "ins", loops);
  append(values, getResults(), "results", loops);
  if (getMaps().size() != values.size())
    return emitOpError("expected a map for each of ")
           << getIns().size() << " ins and " << getNumResults()
           << " results, but got " << getMaps().size();
  SmallVector<Type> arguments = storagesOf(getIns());
  llvm::append_range(arguments, getTables().getTypes());
  std::optional<PlanAttr> plan = getPlan();
  return success(
      succeeded(verifyGroup(*this, values)) &&
      succeeded(verifyBody(*this, getBody(), "body", arguments, loops)) &&
      succeeded(verifyYield(*this, getBody(), "body", storagesOf(getResults()))) &&
      succeeded(verifyPlan(*this, plan, values.size(),
                           plan && plan->getParallel() == plan->getLoops() &&
                               plan->getVector() == plan->getLoops() - 1)));
}

//===- Reduce --------------------------------------------------------------===//

/// Whether a combiner joins values of this type.
static bool combines(Combiner c, Type type) {
  switch (c) {
  case Combiner::MinF: case Combiner::MaxF:
    return isa<FloatType>(type);
  case Combiner::MinS: case Combiner::MaxS: case Combiner::MinU:
  case Combiner::MaxU: case Combiner::And: case Combiner::Or:
    return isa<IntegerType>(type);
  default:
    return type.isIntOrFloat();
  }
}

static LogicalResult verifyCombiners(ReduceOp op, TypeRange combined) {
  size_t at = 0;
  for (int32_t number : op.getCombiners()) {
    std::optional<Combiner> c = symbolizeCombiner(number);
    if (!c)
      return op.emitOpError("expected combiners from 0 to ")
             << getMaxEnumValForCombiner() << ", but got " << number;
    size_t next = at + valuesOf(*c);
    if (next > combined.size())
      break;
    Type type = combined[at];
    bool fits = combines(*c, type);
    if (valuesOf(*c) == 2)
      fits &= isa<IntegerType>(combined[at + 1]);
    if (!fits)
      return op.emitOpError("expected values that ")
             << stringifyCombiner(*c) << " joins, but got " << type;
    at = next;
  }
  if (op.getCombiners().empty() || at != combined.size())
    return op.emitOpError("expected the values of ")
           << op.getCombiners().size() << " combiners from the body, but got "
           << combined.size();
  return success();
}

static LogicalResult verifyTile(Operation *op, std::optional<TileAttr> tile,
                                size_t steps) {
  auto positive = [](ArrayRef<int64_t> ladder) {
    return !ladder.empty() &&
           llvm::all_of(ladder, [](int64_t size) { return size > 0; });
  };
  if (tile && (!positive(tile->getRows()) || !positive(tile->getPanels()) ||
               !positive(tile->getDepth()) || tile->getSteps().size() != steps))
    return op->emitOpError("expected a tile with ladders of positive sizes and ")
           << steps << " steps, but got " << *tile;
  return success();
}

LogicalResult ReduceOp::verify() {
  size_t loops = getSizes().getExprs().size(), parallel = getParallel();
  if (parallel > loops)
    return emitOpError("expected at most ")
           << loops << " parallel loops, but got " << (int64_t)parallel;
  SmallVector<Mapped> values;
  append(values, getIns(), "ins", loops);
  append(values, getExtras(), "extras", parallel);
  append(values, getResults(), "results", parallel);
  if (getMaps().size() != values.size())
    return emitOpError("expected a map for each in, extra and result (")
           << values.size() << "), but got " << getMaps().size();
  SmallVector<Type> arguments = storagesOf(getIns());
  llvm::append_range(arguments, getTables().getTypes());
  if (failed(verifyGroup(*this, values)) ||
      failed(verifyBody(*this, getBody(), "body", arguments, loops)))
    return failure();
  SmallVector<Type> finished(getBody().front().back().getOperandTypes());
  if (failed(verifyCombiners(*this, finished)))
    return failure();
  llvm::append_range(finished, storagesOf(getExtras()));
  std::optional<PlanAttr> plan = getPlan();
  if (getTile() && (!plan || plan->getParallel() < 2 ||
                    plan->getVector() != plan->getParallel() - 1))
    return emitOpError("expected a tile only with a plan whose vectors are the "
                       "last of two or more parallel loops, but got ")
           << *getTile();
  return success(
      succeeded(verifyTile(*this, getTile(), 2 * getIns().size())) &&
      succeeded(verifyBody(*this, getFinish(), "finish", finished, parallel)) &&
      succeeded(verifyYield(*this, getFinish(), "finish",
                            storagesOf(getResults()))) &&
      succeeded(verifyPlan(
          *this, plan, values.size(),
          plan && plan->getParallel() >= 1 &&
              plan->getParallel() < plan->getLoops() &&
              (plan->getVector() == plan->getParallel() - 1 ||
               plan->getVector() == plan->getLoops() - 1),
          /*most=*/3)));
}

//===- Rows ----------------------------------------------------------------===//

LogicalResult RowsOp::verify() {
  size_t loops = getSizes().getExprs().size(), count = getPasses().size();
  if (getParallel() > loops)
    return emitOpError("expected at most ")
           << loops << " parallel loops, but got " << (int64_t)getParallel();
  SmallVector<Mapped> values;
  append(values, getIns(), "ins", loops);
  append(values, getExtras(), "extras", loops);
  append(values, getResults(), "results", loops);
  if (getMaps().size() != values.size())
    return emitOpError("expected a map for each in, extra and result (")
           << values.size() << "), but got " << getMaps().size();
  if (getCombiners().empty() || getCombiners().size() != count)
    return emitOpError("expected a pass for each of one or more combiners (")
           << getCombiners().size() << "), but got " << count;
  if (failed(verifyGroup(*this, values)) ||
      failed(verifyBody(*this, getPrologue(), "prologue", storagesOf(getIns()),
                        /*loops=*/0)))
    return failure();
  TypeRange element(getPrologue().front().back().getOperandTypes());
  if (element.size() != 1 || !isa<FloatType>(element[0]))
    return emitOpError("expected the prologue to yield one float");
  // The element, then the totals so far.
  SmallVector<Type> seen = {element[0]};
  for (auto [number, pass] : llvm::zip(getCombiners(), getPasses())) {
    if (failed(verifyBody(*this, pass, "pass", seen, /*loops=*/0)))
      return failure();
    TypeRange yielded(pass.front().back().getOperandTypes());
    std::optional<Combiner> c = symbolizeCombiner(number);
    if (!c || valuesOf(*c) != 1)
      return emitOpError("expected combiners of one value, but got ") << number;
    if (yielded.size() != 2 || yielded[0] != element[0] ||
        !combines(*c, yielded[1]))
      return emitOpError("expected each pass to yield the element and a value that ")
             << stringifyCombiner(*c) << " joins";
    seen.push_back(yielded[1]);
  }
  llvm::append_range(seen, storagesOf(getExtras()));
  std::optional<PlanAttr> plan = getPlan();
  return success(
      succeeded(verifyBody(*this, getFinish(), "finish", seen, /*loops=*/0)) &&
      succeeded(verifyYield(*this, getFinish(), "finish",
                            storagesOf(getResults()))) &&
      succeeded(verifyPlan(*this, plan, values.size(),
                           plan && plan->getParallel() >= 1 &&
                               plan->getParallel() < plan->getLoops() &&
                               plan->getVector() == plan->getLoops() - 1)));
}

//===- Matmul --------------------------------------------------------------===//

LogicalResult MatmulOp::verify() {
  Dims sizes = getSizes().getExprs();
  size_t expected = 2 + getExtras().size() + getNumResults();
  if (getMaps().size() != expected)
    return emitOpError("expected a map for each operand and result (")
           << expected << "), but got " << getMaps().size();
  int64_t rows = getRows(), reductions = getReductions();
  int64_t loops = sizes.size();
  if (rows < 1 || reductions < 1 || rows > loops || reductions > loops ||
      loops < rows + reductions + 2)
    return emitOpError("expected loops for rows, panel, column and "
                       "reductions, but got ")
           << loops << " loops";
  if (!sizes[panelLoop() + 1].isConstant(kBlock) ||
      getColumns().getExprs().size() != 1)
    return emitOpError("expected ")
           << kBlock << " columns a panel and one number of columns, but got "
           << dimsToString(sizes) << " and " << getColumns();
  SmallVector<Mapped> values;
  unsigned outer = panelLoop() + 2;
  append(values, {getLhs()}, "lhs", loops);
  append(values, {getRhs()}, "rhs", loops, /*mayPass=*/true);
  append(values, getExtras(), "extras", outer, /*mayPass=*/true);
  append(values, getResults(), "results", outer, /*mayPass=*/true);
  if (failed(verifyGroup(*this, values)))
    return failure();
  AffineMap lhs = cast<AffineMapAttr>(getMaps()[0]).getValue();
  for (unsigned loop : {panelLoop(), panelLoop() + 1})
    if (lhs.isFunctionOfDim(loop))
      return emitOpError("expected a left side that does not move along panel "
                         "and column, but got ")
             << getMaps()[0];
  Block &epilogue = getEpilogue().front();
  if (epilogue.getNumArguments() == 0 ||
      !epilogue.getArgument(0).getType().isIntOrFloat())
    return emitOpError("expected an epilogue that gets the sum");
  SmallVector<Type> arguments = {epilogue.getArgument(0).getType()};
  llvm::append_range(arguments, storagesOf(getExtras()));
  std::optional<PlanAttr> plan = getPlan();
  std::optional<TileAttr> tile = getTile();
  if (tile.has_value() != (plan && !readsPanels(getRhs().getType())))
    return emitOpError("expected a tile with the plan of a product that reads "
                       "no encoded panels, and no other");
  return success(
      succeeded(verifyTile(*this, tile, /*steps=*/3)) &&
      succeeded(verifyBody(*this, getEpilogue(), "epilogue", arguments,
                           /*loops=*/0)) &&
      succeeded(verifyYield(*this, getEpilogue(), "epilogue",
                            storagesOf(getResults()))) &&
      succeeded(verifyPlan(
          *this, plan, values.size(),
          plan && plan->getRows() >= 1 &&
              plan->getVector() >= plan->getRows() + 1 &&
              plan->getParallel() == plan->getVector() + 1 &&
              plan->getParallel() < plan->getLoops())));
}

//===- Scan ----------------------------------------------------------------===//

LogicalResult ScanOp::verify() {
  Dims sizes = getSizes().getExprs();
  size_t loops = sizes.size(), inits = getInits().size();
  if (loops < 2 || !sizes[loops - 2].isConstant() ||
      sizes[loops - 2].constant() < 1)
    return emitOpError("expected loops for a state of constant size and time");
  if (getNumResults() < inits)
    return emitOpError("expected a final value of each of ")
           << inits << " states, but got " << getNumResults() << " results";
  SmallVector<Mapped> values;
  append(values, getIns(), "ins", loops);
  append(values, getInits(), "inits", loops);
  append(values, getResults(), "results", loops);
  if (getMaps().size() != values.size())
    return emitOpError("expected a map for each in, init and result (")
           << values.size() << "), but got " << getMaps().size();
  SmallVector<Type> arguments = storagesOf(getInits());
  llvm::append_range(arguments, storagesOf(getIns()));
  std::optional<PlanAttr> plan = getPlan();
  return success(
      succeeded(verifyGroup(*this, values)) &&
      succeeded(verifyBody(*this, getBody(), "body", arguments, loops)) &&
      succeeded(verifyYield(*this, getBody(), "body", storagesOf(getResults()))) &&
      succeeded(verifyPlan(*this, plan, 3 * values.size(),
                           plan && plan->getParallel() >= 1 &&
                               plan->getLoops() == plan->getParallel() + 2 &&
                               plan->getVector() == plan->getParallel() - 1 &&
                               plan->getRows() == getStateSize())));
}

LogicalResult SequenceOp::verify() {
  size_t expected = getTables().size() + getNumResults();
  if (getBody().getNumArguments() != expected)
    return emitOpError("expected a body argument for each of ")
           << getTables().size() << " tables and " << getNumResults()
           << " results, but got " << getBody().getNumArguments();
  if (getShapes().size() != getNumResults())
    return emitOpError("expected a shape for each of ")
           << getNumResults() << " results, but got " << getShapes().size();
  if (!getDests().empty() && getDests().size() != getNumResults())
    return emitOpError("expected no destinations or one for each of ")
           << getNumResults() << " results, but got " << getDests().size();
  if (getBody().front().getTerminator()->getNumOperands())
    return emitOpError("expected a body that yields nothing");
  return success();
}
