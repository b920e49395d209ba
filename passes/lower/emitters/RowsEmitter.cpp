// Softmax and normalisation: all passes over a row before the next row.
//
//   for row                     x from memory, or from scratch once computed
//     for each pass             total = combine(value(x, totals so far))
//     finish                    y = finish(x, totals, extras)
//
// A pass that changes the element leaves it in the lane's scratch, where each
// innermost row starts at a multiple of 64 elements, so that whole vectors may
// be stored there.
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

class RowsEmitter {
public:
  RowsEmitter(KernelFrame &f, kern::RowsOp op)
      : f(f), op(op), plan(*op.getPlan()), prologue(f), finish(f) {}
  void run();

private:
  void readRecord();
  void writeRow(ArrayRef<Value> tile);
  Value place(unsigned access, ArrayRef<Value> indices);
  Value scratchPlace(ArrayRef<Value> row);
  Value element(ArrayRef<Value> row, int64_t width, Value count);
  void finishAt(ArrayRef<Value> row, int64_t width, Value count);
  unsigned last() { return plan.getLoops() - 1; }
  SmallVector<Value> indicesOf(ArrayRef<Value> row) {
    SmallVector<Value> all(tile);
    all.append(row.begin(), row.end());
    return all;
  }

  KernelFrame &f;
  kern::RowsOp op;
  kern::PlanAttr plan;
  BodyWriter prologue, finish;
  SmallVector<BodyWriter> passes;
  SmallVector<Buffer> ins, extras, results;
  SmallVector<AccessValues> accesses;
  SmallVector<Value> sizes, rowSizes;
  Type elementType;
  int64_t lanes = 1;
  Buffer scratch;
  Value scratchRow; // elements from one innermost row to the next
  // Of the row being written:
  SmallVector<Value> tile, totals;
  bool kept = false; // the element is in scratch
};

void RowsEmitter::readRecord() {
  for (Value v : op.getIns())
    ins.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getExtras())
    extras.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    results.push_back(f.nextBuffer(v.getType()));
  for (int64_t i = 0; i < plan.getLoops(); ++i)
    sizes.push_back(f.nextParameter());
  rowSizes.assign(sizes.begin() + plan.getParallel(), sizes.end());
  for (unsigned i = 0; i < ins.size() + extras.size() + results.size(); ++i)
    accesses.push_back(f.nextAccess(plan.getLoops()));
  for (size_t i = 0; i < op.getPasses().size(); ++i)
    passes.emplace_back(f);
  SmallVector<std::pair<BodyWriter *, Region *>> all = {
      {&prologue, &op.getPrologue()}, {&finish, &op.getFinish()}};
  for (auto [writer, region] : llvm::zip(passes, op.getPasses()))
    all.push_back({&writer, &region});
  for (auto [writer, region] : all)
    writer->readSizes(*region);
  for (auto [writer, region] : all)
    writer->readConstants(*region);

  elementType = op.getPrologue().front().getTerminator()->getOperand(0).getType();
  SmallVector<Type> types = {elementType};
  for (const Buffer &b : llvm::concat<Buffer>(ins, extras, results))
    types.push_back(b.element);
  for (Region &pass : op.getPasses())
    types.push_back(pass.front().getTerminator()->getOperand(1).getType());
  lanes = std::min(f.lanesFor(types), kRowLanes);
  if (!f.facts.workgroup)
    scratch = f.scratch(elementType);
  scratchRow = f.roundDown(f.add(sizes.back(), f.index(kRowLanes - 1)), kRowLanes);
}

Value RowsEmitter::place(unsigned access, ArrayRef<Value> indices) {
  Value at = accesses[access].offset;
  for (auto [d, i] : llvm::enumerate(indices)) {
    if (d == last() && plan.getSteps()[access] < 2) {
      if (plan.getSteps()[access] == 1)
        at = f.add(at, i);
      continue;
    }
    at = f.add(at, f.mul(i, accesses[access].strides[d]));
  }
  return at;
}

Value RowsEmitter::scratchPlace(ArrayRef<Value> row) {
  Value at = f.index(0);
  for (unsigned d = 0; d + 1 < row.size(); ++d)
    at = f.add(f.mul(at, rowSizes[d]), row[d]);
  return f.add(f.mul(at, scratchRow), row.back());
}

Value RowsEmitter::element(ArrayRef<Value> row, int64_t width, Value count) {
  if (kept && !f.facts.workgroup)
    return f.load(scratch, scratchPlace(row), width);
  SmallVector<Value> indices = indicesOf(row), arguments;
  for (auto [a, buffer] : llvm::enumerate(ins))
    arguments.push_back(f.loadLanes(buffer, place(a, indices), plan.getSteps()[a],
                                    accesses[a].strides[last()], width, count));
  prologue.width = width;
  Value v = prologue.write(op.getPrologue(), arguments)[0];
  // A GPU has no scratch: the element is computed again.
  for (size_t p = 0; kept && p < totals.size(); ++p) {
    SmallVector<Value> of = {v};
    of.append(totals.begin(), totals.begin() + p);
    passes[p].width = width;
    v = passes[p].write(op.getPasses()[p], of)[0];
  }
  return v;
}

void RowsEmitter::finishAt(ArrayRef<Value> row, int64_t width, Value count) {
  SmallVector<Value> indices = indicesOf(row), arguments = {element(row, width, count)};
  llvm::append_range(arguments, totals);
  for (auto [e, buffer] : llvm::enumerate(extras)) {
    unsigned a = ins.size() + e;
    arguments.push_back(f.loadLanes(buffer, place(a, indices), plan.getSteps()[a],
                                    accesses[a].strides[last()], width, count));
  }
  finish.width = width;
  SmallVector<Value> values = finish.write(op.getFinish(), arguments);
  for (auto [r, buffer] : llvm::enumerate(results)) {
    unsigned a = ins.size() + extras.size() + r;
    f.storeLanes(buffer, finish.widen(values[r]), place(a, indices),
                 plan.getSteps()[a], accesses[a].strides[last()], count);
  }
}

void RowsEmitter::writeRow(ArrayRef<Value> at) {
  tile.assign(at.begin(), at.end());
  totals.clear();
  kept = false;
  for (size_t p = 0; p < passes.size(); ++p) {
    Region &pass = op.getPasses()[p];
    Operation *yield = pass.front().getTerminator();
    bool keeps = yield->getOperand(0) != pass.getArgument(0) ||
                 (p == 0 && !op.reloads());
    RowCombiner row;
    row.combiners = {(kern::Combiner)op.getCombiners()[p]};
    row.types = {yield->getOperand(1).getType()};
    row.fused = isProductSum(row.combiners[0], yield->getOperand(1));
    row.lanes = lanes;
    BodyWriter &writer = passes[p];
    Value total = combineRow(
        f, row, rowSizes,
        [&](ArrayRef<Value> indices, int64_t width, Value count) {
          SmallVector<Value> arguments = {element(indices, width, count)};
          llvm::append_range(arguments, totals);
          writer.width = width;
          SmallVector<Value> values = writer.write(pass, arguments);
          if (keeps && !f.facts.workgroup)
            f.store(scratch, writer.widen(values[0]), scratchPlace(indices));
          return SmallVector<Value>{row.fused ? writer.widenProduct(values[1])
                                              : writer.widen(values[1])};
        })[0];
    totals.push_back(total);
    kept |= keeps;
  }
  SmallVector<Value> row;
  std::function<void()> nest = [&] {
    Value size = rowSizes[row.size()];
    auto strips = [&](Value from, Value to, int64_t step, bool partial) {
      f.loop(from, to, step, {}, [&](Value i, ValueRange) {
        row.push_back(i);
        finishAt(row, lanes, partial ? f.sub(to, i) : Value());
        row.pop_back();
        return SmallVector<Value>{};
      });
    };
    if (row.size() + 1 == rowSizes.size() && f.facts.workgroup)
      return f.forEach(f.index(0), size, 1, [&](Value i) {
        row.push_back(i);
        finishAt(row, 1, {});
        row.pop_back();
      });
    if (row.size() + 1 == rowSizes.size()) {
      Value whole = f.roundDown(size, lanes);
      strips(f.index(0), whole, lanes, false);
      return strips(whole, size, lanes, true);
    }
    f.loop(f.index(0), size, 1, {}, [&](Value i, ValueRange) {
      row.push_back(i);
      nest();
      row.pop_back();
      return SmallVector<Value>{};
    });
  };
  nest();
}

void RowsEmitter::run() {
  readRecord();
  f.forEachTile(ArrayRef(sizes).take_front(plan.getParallel()),
                [&](ArrayRef<Value> tile) { writeRow(tile); });
}

} // namespace

LogicalResult lower::emitRows(KernelFrame &f, kern::RowsOp op) {
  RowsEmitter(f, op).run();
  return success();
}
