// Producer maps move into the groups that read them; maps that follow a matmul,
// a reduction or passes over rows in order become its epilogue.
//
//   %a = kern.map ... { exp }             %b = kern.map ... { exp; addf }
//   %b = kern.map ins(%a) ... { addf }  ->
//
// The rule: a value is not computed more often than before, unless its body
// does nothing (movement), and nothing is recomputed for several readers.
#include "passes/schedule/Passes.h"
#include "mlir/IR/IRMapping.h"

namespace tenon::schedule {
#define GEN_PASS_DEF_FUSEGROUPSPASS
#include "passes/schedule/Passes.h.inc"
} // namespace tenon::schedule

using namespace mlir;
using namespace tenon;

namespace {

/// A body that got as long as this takes no more in: its values leave the
/// registers, and a chain of n nodes would be copied n times.
constexpr size_t kLongestBody = 256;

bool fitTogether(Region &a, Region &b) {
  return a.front().getOperations().size() + b.front().getOperations().size() <=
         kLongestBody;
}

/// Whether a body only passes its argument on.
bool isMovement(kern::MapOp map) {
  return map.getIns().size() == 1 && map.getTables().empty() &&
         llvm::hasSingleElement(map.getBody().front());
}

/// A producer that can be computed where it is read: one result in loop order,
/// written to a buffer of its own.
bool isInlinable(kern::MapOp map) {
  if (map.getNumResults() != 1 || !map.getDests().empty() ||
      !map.getTables().empty() || kern::usesIndices(map.getBody()))
    return false;
  auto result = cast<AffineMapAttr>(map.getMaps().getValue().back()).getValue();
  return result.getResults() ==
         ArrayRef<AffineExpr>(
             AffineMap::getMultiDimIdentityMap(result.getNumDims(),
                                               map.getContext())
                 .getResults());
}

/// Map `inner` (loops p -> operand) after `outer` (loops c -> p); the symbols
/// of inner follow those of outer.
AffineMap compose(AffineMap inner, AffineMap outer, unsigned outerSymbols,
                  unsigned totalSymbols) {
  SmallVector<AffineExpr> symbols;
  for (unsigned i = 0; i < inner.getNumSymbols(); ++i)
    symbols.push_back(getAffineSymbolExpr(outerSymbols + i, inner.getContext()));
  SmallVector<AffineExpr> results;
  for (AffineExpr e : inner.getResults())
    results.push_back(simplifyAffineExpr(
        e.replaceDimsAndSymbols(outer.getResults(), symbols),
        outer.getNumDims(), totalSymbols));
  return AffineMap::get(outer.getNumDims(), totalSymbols, results,
                        inner.getContext());
}

AffineMap withSymbols(AffineMap map, unsigned total) {
  return AffineMap::get(map.getNumDims(), total, map.getResults(),
                        map.getContext());
}

Dims joined(nn::DimsAttr a, nn::DimsAttr b) {
  Dims all = a.getExprs();
  llvm::append_range(all, b.getExprs());
  return all;
}

/// Inlines `producer`, the definition of ins[index] of a map or reduce.
template <typename Consumer>
void inlineProducer(Consumer consumer, unsigned index, kern::MapOp producer) {
  OpBuilder b(consumer);
  MLIRContext *context = b.getContext();
  unsigned outerSymbols = consumer.getSymbols().getExprs().size();
  Dims symbols = joined(consumer.getSymbols(), producer.getSymbols());
  ArrayRef<Attribute> maps = consumer.getMaps().getValue();
  auto read = cast<AffineMapAttr>(maps[index]).getValue();

  SmallVector<Value> ins(consumer.getIns());
  SmallVector<Attribute> newMaps;
  for (Attribute m : maps)
    newMaps.push_back(AffineMapAttr::get(
        withSymbols(cast<AffineMapAttr>(m).getValue(), symbols.size())));
  // The producer's operands come behind those that are left.
  ins.erase(ins.begin() + index);
  newMaps.erase(newMaps.begin() + index);
  Block &body = consumer.getBody().front();
  SmallVector<Value> arguments;
  for (auto [i, value] : llvm::enumerate(producer.getIns())) {
    AffineMap map = compose(
        cast<AffineMapAttr>(producer.getMaps()[i]).getValue(),
        withSymbols(read, symbols.size()), outerSymbols, symbols.size());
    // The same element of the same tensor is one operand.
    std::optional<unsigned> known;
    for (unsigned j = 0; j < ins.size(); ++j)
      if (ins[j] == value &&
          cast<AffineMapAttr>(newMaps[j]).getValue() == map)
        known = j;
    unsigned bodyShift = 1; // the fused argument is still there
    if (known) {
      arguments.push_back(
          body.getArgument(*known + (*known >= index ? bodyShift : 0)));
      continue;
    }
    unsigned at = ins.size();
    ins.push_back(value);
    newMaps.insert(newMaps.begin() + at, AffineMapAttr::get(map));
    arguments.push_back(body.insertArgument(
        at + bodyShift, producer.getBody().getArgument(i).getType(),
        producer.getLoc()));
  }
  IRMapping mapping;
  for (auto [argument, value] :
       llvm::zip(producer.getBody().getArguments(), arguments))
    mapping.map(argument, value);
  b.setInsertionPointToStart(&body);
  Block &inner = producer.getBody().front();
  for (Operation &op : inner.without_terminator())
    b.clone(op, mapping);
  body.getArgument(index).replaceAllUsesWith(
      mapping.lookupOrDefault(inner.getTerminator()->getOperand(0)));
  body.eraseArgument(index);
  consumer.getInsMutable().assign(ins);
  consumer.setMapsAttr(b.getArrayAttr(newMaps));
  consumer.setSymbolsAttr(nn::DimsAttr::get(context, symbols));
  consumer->setLoc(FusedLoc::get(context, {consumer.getLoc(), producer.getLoc()}));
}

/// Producers that are read through views of extra or missing ones of size 1
/// or whose order the view keeps: the map that reads through the view.
std::optional<AffineMap> throughView(kern::ViewOp view, AffineMap read,
                                     const nn::DimAnalysis &dims) {
  Dims from = dims.of(view.getSource()), to = dims.of(view.getResult());
  MLIRContext *context = view.getContext();
  // Walk both shapes; each group of one side must stand for one dimension of
  // the other, or for several that multiply to it.
  SmallVector<AffineExpr> at(from.size());
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && from[i].isConstant(1)) {
      at[i++] = getAffineConstantExpr(0, context);
      continue;
    }
    if (j < to.size() && to[j].isConstant(1)) {
      ++j;
      continue;
    }
    if (i == from.size() || j == to.size())
      return std::nullopt;
    if (from[i] == to[j]) {
      at[i++] = read.getResult(j++);
      continue;
    }
    // from[i] is split into to[j] * to[j+1] * ...
    DimExpr covered = to[j];
    AffineExpr e = read.getResult(j++);
    while (covered != from[i]) {
      if (j == to.size() || !to[j].isConstant())
        return std::nullopt;
      e = e * to[j].constant() + read.getResult(j);
      covered *= to[j++];
      if (covered.isConstant() && from[i].isConstant() &&
          covered.constant() > from[i].constant())
        return std::nullopt;
    }
    at[i++] = e;
  }
  return AffineMap::get(read.getNumDims(), read.getNumSymbols(), at, context);
}

/// Whether the last loop walks neighbours or stands still: a row that lies
/// across memory is turned by a map of its own.
bool walksRows(AffineMap map) {
  unsigned last = map.getNumDims() - 1;
  for (auto [i, e] : llvm::enumerate(map.getResults()))
    if (e.isFunctionOfDim(last) &&
        (i + 1 < map.getNumResults() || e != getAffineDimExpr(last, map.getContext())))
      return false;
  return true;
}

/// A single reader's worth of fusion into ins[index]. True if it changed.
template <typename Consumer>
bool fuseInto(Consumer consumer, unsigned index, const nn::DimAnalysis &dims) {
  // Index bodies keep their loops; reading elsewhere is still fine for them.
  Value operand = consumer.getIns()[index];
  auto mapAt = [&]() {
    return cast<AffineMapAttr>(consumer.getMaps()[index]).getValue();
  };
  if (auto view = operand.getDefiningOp<kern::ViewOp>()) {
    auto producer = view.getSource().getDefiningOp<kern::MapOp>();
    bool isInput = isa<BlockArgument>(view.getSource());
    if (!isInput && (!producer || !isInlinable(producer)))
      return false;
    if (producer && (!view->hasOneUse() || !producer->hasOneUse()) &&
        !isMovement(producer))
      return false;
    std::optional<AffineMap> map = throughView(view, mapAt(), dims);
    if (!map)
      return false;
    SmallVector<Attribute> maps(consumer.getMaps().getValue());
    maps[index] = AffineMapAttr::get(*map);
    consumer.getInsMutable().slice(index, 1).assign(view.getSource());
    consumer.setMapsAttr(ArrayAttr::get(consumer.getContext(), maps));
    return true;
  }
  auto producer = operand.getDefiningOp<kern::MapOp>();
  if (!producer || !isInlinable(producer) ||
      producer->getBlock() != consumer->getBlock() ||
      !fitTogether(consumer.getBody(), producer.getBody()))
    return false;
  bool free = isMovement(producer) || producer.getIns().empty();
  if (!free && !producer->hasOneUse())
    return false;
  // Broadcast reads would compute the value once per reading loop.
  if (!free) {
    DimExpr computed = product(producer.getSizes().getExprs());
    DimExpr readings = product(consumer.getSizes().getExprs());
    if (computed != readings)
      return false;
  }
  if (!producer->hasOneUse() && !free)
    return false;
  if (isa<kern::RowsOp>(consumer.getOperation()))
    for (unsigned i = 0; i < producer.getIns().size(); ++i)
      if (!walksRows(compose(
              cast<AffineMapAttr>(producer.getMaps()[i]).getValue(), mapAt(),
              consumer.getSymbols().getExprs().size(),
              joined(consumer.getSymbols(), producer.getSymbols()).size())))
        return false;
  inlineProducer(consumer, index, producer);
  return true;
}

/// The map that reads `root`'s result in order becomes part of `region`.
/// Its other operands become extras; where it writes a part of a destination,
/// the root does.
template <typename Root>
bool fuseEpilogue(Root root, Region &region, unsigned extrasAt) {
  if (root.getNumResults() != 1 || !root->hasOneUse() || !root.getDests().empty())
    return false;
  auto map = dyn_cast<kern::MapOp>(*root->user_begin());
  if (!map || map.getNumResults() != 1 || !map.getTables().empty() ||
      kern::usesIndices(map.getBody()) ||
      map->getBlock() != root->getBlock() ||
      !fitTogether(region, map.getBody()))
    return false;
  OpBuilder b(map);
  MLIRContext *context = b.getContext();
  ArrayRef<Attribute> rootMaps = root.getMaps().getValue();
  auto rootResult = cast<AffineMapAttr>(rootMaps.back()).getValue();
  auto isIdentity = [&](AffineMap m) {
    return m.getNumDims() == m.getNumResults() &&
           m.getResults() == ArrayRef<AffineExpr>(
                                 b.getMultiDimIdentityMap(m.getNumDims())
                                     .getResults());
  };
  std::optional<unsigned> at;
  for (auto [i, value] : llvm::enumerate(map.getIns()))
    if (value == root->getResult(0)) {
      if (at || !isIdentity(cast<AffineMapAttr>(map.getMaps()[i]).getValue()))
        return false;
      at = i;
    }
  if (!at)
    return false;
  auto mapResult = cast<AffineMapAttr>(map.getMaps().getValue().back()).getValue();
  if (!isIdentity(mapResult) && map.getDests().empty())
    return false;
  // The first rows alone are read in order too.
  auto shape = cast<nn::DimsAttr>(root.getShapes()[0]);
  if (map.getSizes().getExprs() != shape.getExprs())
    return false;
  // Parts of a destination that the map reads too stay in order.
  if (llvm::is_contained(map.getDests(), root->getResult(0)))
    return false;
  // Extras must be computed before the root: move it down to the map.
  root->moveBefore(map);

  unsigned symbolsBefore = root.getSymbols().getExprs().size();
  Dims symbols = joined(root.getSymbols(), map.getSymbols());
  SmallVector<Attribute> maps;
  for (Attribute m : rootMaps)
    maps.push_back(AffineMapAttr::get(
        withSymbols(cast<AffineMapAttr>(m).getValue(), symbols.size())));
  SmallVector<Value> extras(root.getExtras());
  Block &body = region.front();
  Operation *yield = body.getTerminator();
  IRMapping mapping;
  mapping.map(map.getBody().getArgument(*at), yield->getOperand(0));
  for (auto [i, value] : llvm::enumerate(map.getIns())) {
    if (i == *at)
      continue;
    // Where the root writes an element, the map reads its other operands.
    AffineMap shifted = compose(
        cast<AffineMapAttr>(map.getMaps()[i]).getValue(),
        withSymbols(rootResult, symbols.size()), symbolsBefore, symbols.size());
    maps.insert(maps.begin() + extrasAt + extras.size(),
                AffineMapAttr::get(shifted));
    extras.push_back(value);
    mapping.map(map.getBody().getArgument(i),
                body.addArgument(map.getBody().getArgument(i).getType(),
                                 map.getLoc()));
  }
  b.setInsertionPoint(yield);
  for (Operation &op : map.getBody().front().without_terminator())
    b.clone(op, mapping);
  yield->setOperand(0, mapping.lookupOrDefault(
                           map.getBody().front().getTerminator()->getOperand(0)));
  maps.back() = AffineMapAttr::get(
      compose(mapResult, withSymbols(rootResult, symbols.size()),
              symbolsBefore, symbols.size()));
  root.getExtrasMutable().assign(extras);
  root.getDestsMutable().assign(map.getDests());
  root.setMapsAttr(b.getArrayAttr(maps));
  root.setSymbolsAttr(nn::DimsAttr::get(context, symbols));
  root.setShapesAttr(map.getShapesAttr());
  root->getResult(0).setType(map.getResult(0).getType());
  root->setLoc(FusedLoc::get(context, {root.getLoc(), map.getLoc()}));
  map.getResult(0).replaceAllUsesWith(root->getResult(0));
  map->erase();
  return true;
}

struct FuseGroupsPass : schedule::impl::FuseGroupsPassBase<FuseGroupsPass> {
  void runOnOperation() override {
    func::FuncOp program = getOperation();
    nn::DimAnalysis dims(program);
    if (!dims.isValid())
      return signalPassFailure();
    bool changed = true;
    while (changed) {
      changed = false;
      SmallVector<Operation *> groups;
      program.walk([&](kern::GroupOpInterface op) { groups.push_back(op); });
      // Epilogues first, in order: a map next to a matmul belongs to it.
      for (Operation *&op : groups) {
        if (!op)
          continue;
        auto grow = [&](auto root, Region &region, unsigned extrasAt) {
          while (true) {
            Operation *next = root->hasOneUse() ? *root->user_begin() : nullptr;
            if (!fuseEpilogue(root, region, extrasAt))
              break;
            for (Operation *&other : groups)
              if (other == next)
                other = nullptr;
            changed = true;
          }
        };
        if (auto matmul = dyn_cast<kern::MatmulOp>(op))
          grow(matmul, matmul.getEpilogue(), 2);
        else if (auto reduce = dyn_cast<kern::ReduceOp>(op))
          grow(reduce, reduce.getFinish(), reduce.getIns().size());
        else if (auto rows = dyn_cast<kern::RowsOp>(op))
          grow(rows, rows.getFinish(), rows.getIns().size());
      }
      for (Operation *op : groups) {
        if (!op)
          continue;
        auto all = [&](auto consumer) {
          for (unsigned i = 0; i < consumer.getIns().size();)
            if (fuseInto(consumer, i, dims))
              changed = true;
            else
              ++i;
        };
        if (auto map = dyn_cast<kern::MapOp>(op))
          all(map);
        else if (auto reduce = dyn_cast<kern::ReduceOp>(op))
          all(reduce);
        else if (auto rows = dyn_cast<kern::RowsOp>(op))
          all(rows);
      }
      eraseDead(program);
    }
  }

  static void eraseDead(func::FuncOp program) {
    SmallVector<Operation *> ops;
    program.walk([&](Operation *op) {
      if (op != program && isa<func::FuncOp, scan::ScanOp>(op->getParentOp()))
        ops.push_back(op);
    });
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace
