// Each tensor that a scan carries gets one buffer, that of its start:
//
//   %f = scan.scan "t" trip .. carried(%a)        %a: own, one reader
//   ^bb0(%h):
//     %h1 = kern.map ins(.., %h) dests(%h)        written over the old value
//     scan.yield %h1
//
// The next value may be written over the old one where every other reader of
// the old one runs before, or the same group reads exactly the element that it
// writes. Elsewhere the step ends in a copy; values that trade places go
// through a buffer between.
#include "passes/lower/CopyGroup.h"
#include "passes/lower/Passes.h"

namespace tenon::lower {
#define GEN_PASS_DEF_PLACECARRIEDPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

class ScanPlacer {
public:
  ScanPlacer(scan::ScanOp loop, nn::DimAnalysis &dims)
      : loop(loop), dims(dims), b(loop) {}

  void run() {
    ownInits();
    ownDestinations();
    placeYields();
  }

private:
  Block &body() { return loop.getBody().front(); }
  Value copy(Operation *before, Value value, Value dest = {});
  bool ownsBuffer(Value v);
  Value carriedRoot(Value v);
  void forEachReader(Value v, llvm::function_ref<void(OpOperand &)> f);
  bool readBefore(Value argument, Operation *writer);
  bool writeInPlace(unsigned i);
  void ownInits();
  void ownDestinations();
  void placeYields();

  scan::ScanOp loop;
  nn::DimAnalysis &dims;
  OpBuilder b;
};

/// A step that copies `value` into `dest`, or a buffer of its own.
Value ScanPlacer::copy(Operation *before, Value value, Value dest) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(before);
  return copyGroup(b, dims, value, dest);
}

/// Whether the scan may write into this value's buffer: made beside the scan,
/// and read by it alone.
bool ScanPlacer::ownsBuffer(Value v) {
  while (true) {
    Operation *def = v.getDefiningOp();
    if (!def || !v.hasOneUse() || def->getBlock() != loop->getBlock())
      return false;
    auto view = dyn_cast<kern::ViewOp>(def);
    if (!view)
      return isa<kern::GroupOpInterface, kern::EmptyOp, scan::ScanOp>(def);
    v = view.getSource();
  }
}

void ScanPlacer::ownInits() {
  for (OpOperand &init : loop->getOpOperands())
    if (!ownsBuffer(init.get()))
      init.set(copy(loop, init.get()));
}

/// The argument of this scan whose buffer a value of the body lies in, or null.
Value ScanPlacer::carriedRoot(Value v) {
  while (Operation *def = v.getDefiningOp()) {
    if (auto view = dyn_cast<kern::ViewOp>(def)) {
      v = view.getSource();
    } else if (auto inner = dyn_cast<scan::ScanOp>(def)) {
      v = inner.getInits()[cast<OpResult>(v).getResultNumber()];
    } else {
      OperandRange dests = kern::destsOf(def);
      if (dests.empty())
        return {};
      v = dests[cast<OpResult>(v).getResultNumber()];
    }
  }
  return cast<BlockArgument>(v).getOwner() == &body() ? v : Value();
}

/// Uses of a value and of its views.
void ScanPlacer::forEachReader(Value v,
                               llvm::function_ref<void(OpOperand &)> f) {
  for (OpOperand &use : v.getUses()) {
    if (auto view = dyn_cast<kern::ViewOp>(use.getOwner()))
      forEachReader(view.getResult(), f);
    else
      f(use);
  }
}

/// Whether all others read `argument` before `writer` runs, and `writer` itself
/// only the element that it writes.
bool ScanPlacer::readBefore(Value argument, Operation *writer) {
  bool ok = true;
  forEachReader(argument, [&](OpOperand &use) {
    Operation *reader = body().findAncestorOpInBlock(*use.getOwner());
    if (reader != writer) {
      ok &= reader->isBeforeInBlock(writer);
      return;
    }
    OperandRange dests = kern::destsOf(writer);
    if (use.getOperandNumber() >= writer->getNumOperands() - dests.size())
      return;
    auto map = dyn_cast<kern::MapOp>(writer);
    if (!map || use.getOperandNumber() >= map.getIns().size()) {
      ok = false;
      return;
    }
    kern::LoopNest nest = kern::loopNestOf(map, dims);
    const kern::LinearAccess &read = nest.accesses[use.getOperandNumber()];
    const kern::LinearAccess &write = nest.accesses.back();
    ok &= read.offset == write.offset && read.strides == write.strides;
  });
  return ok;
}

/// Updates of an argument that somebody reads later, or that are not what is
/// carried on, work on a copy.
void ScanPlacer::ownDestinations() {
  SmallVector<OpOperand *> shared;
  for (Operation &op : body().without_terminator()) {
    unsigned first = op.getNumOperands() - kern::destsOf(&op).size();
    for (OpOperand &operand : op.getOpOperands().drop_front(first)) {
      Value dest = operand.get();
      while (auto view = dest.getDefiningOp<kern::ViewOp>())
        dest = view.getSource();
      auto argument = dyn_cast<BlockArgument>(dest);
      if (!argument || argument.getOwner() != &body())
        continue;
      Value yielded = loop.getYield()->getOperand(argument.getArgNumber());
      unsigned writers = 0;
      forEachReader(argument, [&](OpOperand &use) {
        Operation *user = use.getOwner();
        writers += use.getOperandNumber() >=
                   user->getNumOperands() - kern::destsOf(user).size();
      });
      if (carriedRoot(yielded) != argument || writers != 1 ||
          !readBefore(argument, &op))
        shared.push_back(&operand);
    }
  }
  for (OpOperand *operand : shared)
    operand->set(copy(operand->getOwner(), operand->get()));
}

/// Lets the group that computes the next value write it over the old one.
bool ScanPlacer::writeInPlace(unsigned i) {
  BlockArgument argument = body().getArgument(i);
  Value v = loop.getYield()->getOperand(i);
  while (auto view = v.getDefiningOp<kern::ViewOp>()) {
    if (view->getBlock() != &body() || !view->hasOneUse())
      return false;
    v = view.getSource();
  }
  Operation *def = v.getDefiningOp();
  if (!def || def->getBlock() != &body() || def->getNumResults() != 1 ||
      !kern::destsOf(def).empty() || !isa<kern::GroupOpInterface>(def) ||
      !readBefore(argument, def))
    return false;
  // Nobody may carry this value to another place as well.
  unsigned yields = 0;
  forEachReader(v, [&](OpOperand &use) { yields += use.getOwner() == loop.getYield(); });
  if (yields != 1)
    return false;
  Value dest = argument;
  if (v.getType() != argument.getType() || dims.of(v) != dims.of(argument)) {
    b.setInsertionPoint(def);
    auto shape = nn::DimsAttr::get(b.getContext(), dims.of(v));
    dest = kern::ViewOp::create(b, v.getLoc(), v.getType(), argument, shape);
    dims.set(dest, dims.of(v));
  }
  bool isKnown = true;
  TypeSwitch<Operation *>(def)
      .Case<kern::MapOp, kern::ReduceOp, kern::MatmulOp>(
          [&](auto op) { op.getDestsMutable().assign(dest); })
      .Default([&](Operation *) { isKnown = false; });
  return isKnown;
}

void ScanPlacer::placeYields() {
  Operation *yield = loop.getYield();
  SmallVector<unsigned> copied;
  for (unsigned i = 0; i < yield->getNumOperands(); ++i)
    if (carriedRoot(yield->getOperand(i)) != body().getArgument(i) &&
        !writeInPlace(i))
      copied.push_back(i);
  // What lies in a buffer that is about to be overwritten moves out first.
  for (unsigned i : copied)
    if (carriedRoot(yield->getOperand(i)))
      yield->setOperand(i, copy(yield, yield->getOperand(i)));
  for (unsigned i : copied)
    yield->setOperand(
        i, copy(yield, yield->getOperand(i), body().getArgument(i)));
}

struct PlaceCarriedPass : lower::impl::PlaceCarriedPassBase<PlaceCarriedPass> {
  void runOnOperation() override {
    nn::DimAnalysis dims(getOperation());
    if (!dims.isValid())
      return signalPassFailure();
    SmallVector<scan::ScanOp> loops;
    getOperation().walk([&](scan::ScanOp loop) { loops.push_back(loop); });
    for (scan::ScanOp loop : loops)
      ScanPlacer(loop, dims).run();
  }
};
} // namespace
