// Reductions, in one of two orders that no CPU changes:
//
//   rows     the innermost combined loop walks neighbours: element i goes to
//            lane i mod 64, the lanes fold as a tree of halves (64, 32, ... 1)
//   columns  lanes are neighbouring results, each combined in loop order
//   windows  the same with channel blocks as lanes; neighbours on a line share
//            what they read
#include "dialects/kern/RegisterTile.h"
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

/// Vectors of columns that are combined side by side: one sum waits for its
/// last addition, four do not.
constexpr int64_t kColumnVectors = 4;

class ReduceEmitter {
public:
  ReduceEmitter(KernelFrame &f, kern::ReduceOp op)
      : f(f), op(op), plan(*op.getPlan()), paddedLoops(op.getParallel() == 0),
        body(f), finish(f) {}
  void run();

private:
  void readRecord();
  void rows(ArrayRef<Value> tile);
  void columns(ArrayRef<Value> tile);
  void windows(ArrayRef<Value> tile);

  /// Where an access stands at these loop indices (null: not moved).
  Value place(unsigned access, ArrayRef<Value> indices);
  /// The body's values at the loop indices; the vector loop's is the first of
  /// `width`.
  SmallVector<Value> elements(ArrayRef<Value> indices, int64_t width,
                              Value count = {});
  /// As kern.index counts loops: the nest begins with one of its own where all
  /// of the op's are combined.
  SmallVector<Value> ownIndices(ArrayRef<Value> indices) const {
    return SmallVector<Value>(indices.drop_front(paddedLoops));
  }
  /// Loads the extras and writes the results.
  void finishAt(ArrayRef<Value> indices, ValueRange combined, int64_t width,
                Value count = {});
  /// What the body makes of its arguments, as vectors of `width`.
  SmallVector<Value> bodyValues(ValueRange arguments, int64_t width);
  SmallVector<Value> combineAll(ValueRange accumulators, ValueRange values);
  /// combineAll, a product as one fused multiply-add.
  SmallVector<Value> accumulate(ValueRange accumulators, ValueRange values);
  SmallVector<Value> identities(int64_t width);
  /// The combined loops from `loop` to `end`, outermost first, around `body`,
  /// which finds their indices behind the others.
  SmallVector<Value>
  combinedLoops(unsigned loop, unsigned end, SmallVector<Value> &indices,
                ValueRange accumulators,
                llvm::function_ref<SmallVector<Value>(ValueRange)> body);
  /// Lanes of results that lie side by side.
  int64_t columnLanes();
  void column(ArrayRef<Value> tile, Value at, int64_t width, int64_t vectors,
              Value count);
  /// `count` neighbours on a line, from `at` on, in `width` channels.
  void neighbours(ArrayRef<Value> outer, Value at, Value channel, int64_t width,
                  int64_t count);

  KernelFrame &f;
  kern::ReduceOp op;
  kern::PlanAttr plan;
  unsigned paddedLoops;
  BodyWriter body, finish;
  SmallVector<Buffer> ins, tables, extras, results;
  SmallVector<AccessValues> accesses;
  SmallVector<Value> sizes;
  Value chunks;
  SmallVector<Type> valueTypes; // what the body yields
  SmallVector<kern::Combiner> combiners;
  bool fused = false; // a product as the only value of a sum
};

void ReduceEmitter::readRecord() {
  for (Value v : op.getIns())
    ins.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getTables())
    tables.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getExtras())
    extras.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    results.push_back(f.nextBuffer(v.getType()));
  chunks = f.nextParameter();
  for (int64_t i = 0; i < plan.getLoops(); ++i)
    sizes.push_back(f.nextParameter());
  for (unsigned i = 0; i < ins.size() + extras.size() + results.size(); ++i)
    accesses.push_back(f.nextAccess(plan.getLoops()));
  Block &block = op.getBody().front();
  for (auto [i, table] : llvm::enumerate(op.getTables())) {
    SmallVector<Value> strides;
    for (int64_t d = 0; d < cast<ShapedType>(table.getType()).getRank(); ++d)
      strides.push_back(f.nextParameter());
    body.tables[block.getArgument(ins.size() + i)] = {tables[i], strides};
  }
  body.readSizes(op.getBody());
  finish.readSizes(op.getFinish());
  body.readConstants(op.getBody());
  finish.readConstants(op.getFinish());
  body.vectorLoop = finish.vectorLoop = plan.getVector() - paddedLoops;
  llvm::append_range(valueTypes, block.getTerminator()->getOperandTypes());
  for (int32_t c : op.getCombiners())
    combiners.push_back((kern::Combiner)c);
  fused = combiners.size() == 1 &&
          isProductSum(combiners[0], block.getTerminator()->getOperand(0));
}

Value ReduceEmitter::place(unsigned access, ArrayRef<Value> indices) {
  Value at = accesses[access].offset;
  for (auto [d, i] : llvm::enumerate(indices)) {
    if (!i)
      continue;
    if ((int64_t)d == plan.getVector()) {
      int64_t step = plan.getSteps()[access];
      if (step == 0)
        continue;
      if (step == 1) {
        at = f.add(at, i);
        continue;
      }
    }
    at = f.add(at, f.mul(i, accesses[access].strides[d]));
  }
  return at;
}

SmallVector<Value> ReduceEmitter::elements(ArrayRef<Value> indices,
                                           int64_t width, Value count) {
  SmallVector<Value> arguments;
  for (auto [a, buffer] : llvm::enumerate(ins))
    arguments.push_back(f.loadLanes(buffer, place(a, indices), plan.getSteps()[a],
                                    accesses[a].strides[plan.getVector()], width,
                                    count));
  body.indices = ownIndices(indices);
  return bodyValues(arguments, width);
}

SmallVector<Value> ReduceEmitter::bodyValues(ValueRange arguments,
                                             int64_t width) {
  body.width = width;
  SmallVector<Value> values = body.write(op.getBody(), arguments);
  for (Value &v : values)
    v = fused ? body.widenProduct(v) : body.widen(v);
  return values;
}

void ReduceEmitter::finishAt(ArrayRef<Value> indices, ValueRange combined,
                             int64_t width, Value count) {
  SmallVector<Value> arguments(combined);
  for (auto [e, buffer] : llvm::enumerate(extras)) {
    unsigned a = ins.size() + e;
    arguments.push_back(f.loadLanes(buffer, place(a, indices), plan.getSteps()[a],
                                    accesses[a].strides[plan.getVector()], width,
                                    count));
  }
  finish.width = width;
  finish.indices = ownIndices(indices);
  SmallVector<Value> values = finish.write(op.getFinish(), arguments);
  for (auto [r, buffer] : llvm::enumerate(results)) {
    unsigned a = ins.size() + extras.size() + r;
    f.storeLanes(buffer, finish.widen(values[r]), place(a, indices),
                 plan.getSteps()[a], accesses[a].strides[plan.getVector()], count);
  }
}

SmallVector<Value> ReduceEmitter::combineAll(ValueRange accumulators,
                                             ValueRange values) {
  SmallVector<Value> all;
  unsigned at = 0;
  for (kern::Combiner c : combiners) {
    unsigned n = kern::valuesOf(c);
    llvm::append_range(all, combine(f, c, accumulators.slice(at, n),
                                    values.slice(at, n)));
    at += n;
  }
  return all;
}

SmallVector<Value> ReduceEmitter::accumulate(ValueRange accumulators,
                                             ValueRange values) {
  if (fused)
    return {fuseProduct(f, accumulators[0], values[0])};
  return combineAll(accumulators, values);
}

SmallVector<Value> ReduceEmitter::combinedLoops(
    unsigned loop, unsigned end, SmallVector<Value> &indices,
    ValueRange accumulators,
    llvm::function_ref<SmallVector<Value>(ValueRange)> body) {
  if (loop == end)
    return body(accumulators);
  return f.loop(f.index(0), sizes[loop], 1, accumulators,
                [&](Value i, ValueRange carried) {
                  indices.push_back(i);
                  SmallVector<Value> r =
                      combinedLoops(loop + 1, end, indices, carried, body);
                  indices.pop_back();
                  return r;
                });
}

int64_t ReduceEmitter::columnLanes() {
  SmallVector<Type> types(valueTypes);
  for (const Buffer &b : llvm::concat<Buffer>(ins, results))
    types.push_back(b.element);
  return f.lanesFor(types);
}

SmallVector<Value> ReduceEmitter::identities(int64_t width) {
  SmallVector<Value> start;
  body.width = width;
  for (kern::Combiner c : combiners)
    for (unsigned v = 0; v < kern::valuesOf(c); ++v) {
      Type type = valueTypes[start.size()];
      TypedAttr zero = v == 0 ? identityOf(f.b, c, type)
                              : cast<TypedAttr>(f.b.getZeroAttr(type));
      start.push_back(body.widen(arith::ConstantOp::create(f.b, f.loc, zero)));
    }
  return start;
}

/// Columns at .. at + width * vectors, of which only `count` may exist.
void ReduceEmitter::column(ArrayRef<Value> tile, Value at, int64_t width,
                           int64_t vectors, Value count) {
  unsigned parallel = plan.getParallel();
  SmallVector<Value> indices(tile.begin(), tile.end());
  auto columnOf = [&](int64_t v) { return v ? f.add(at, f.index(v * width)) : at; };
  SmallVector<Value> start;
  for (int64_t v = 0; v < vectors; ++v)
    llvm::append_range(start, identities(width));
  size_t each = start.size() / vectors;
  SmallVector<Value> combined = combinedLoops(
      parallel, plan.getLoops(), indices, start, [&](ValueRange accumulators) {
        SmallVector<Value> next;
        for (int64_t v = 0; v < vectors; ++v) {
          indices[parallel - 1] = columnOf(v);
          SmallVector<Value> values = elements(indices, width, count);
          llvm::append_range(
              next, accumulate(accumulators.slice(v * each, each), values));
        }
        return next;
      });
  for (int64_t v = 0; v < vectors; ++v) {
    indices[parallel - 1] = columnOf(v);
    finishAt(indices, ArrayRef(combined).slice(v * each, each), width, count);
  }
}

void ReduceEmitter::columns(ArrayRef<Value> tile) {
  unsigned parallel = plan.getParallel();
  Value lo = f.mul(tile.back(), f.index(kern::kReduceChunk));
  Value hi = f.minimum(f.add(lo, f.index(kern::kReduceChunk)),
                       sizes[parallel - 1]);
  int64_t lanes = columnLanes();
  auto run = [&](Value to, int64_t width, int64_t vectors, bool partial) {
    f.forEach(lo, to, width * vectors, [&](Value at) {
      column(tile, at, width, vectors, partial ? f.sub(to, at) : Value());
    });
    lo = to;
  };
  // Bodies that look where they are may not run where no element is.
  bool looks = kern::usesIndices(op.getBody()) || kern::usesIndices(op.getFinish());
  auto whole = [&](int64_t step) {
    return f.add(lo, f.roundDown(f.sub(hi, lo), step));
  };
  if (lanes > 1) {
    if (!looks)
      run(whole(lanes * kColumnVectors), lanes, kColumnVectors, false);
    run(whole(lanes), lanes, 1, false);
  }
  if (lanes > 1 && f.facts.masks && !looks && !llvm::is_contained(plan.getSteps(), 2))
    run(hi, lanes, 1, true);
  else
    run(hi, 1, 1, false);
}

void ReduceEmitter::neighbours(ArrayRef<Value> outer, Value at, Value channel,
                               int64_t width, int64_t count) {
  kern::TileAttr tile = *op.getTile();
  unsigned line = plan.getParallel() - 2, inner = plan.getLoops() - 1;
  SmallVector<Value> start;
  for (int64_t n = 0; n < count; ++n)
    llvm::append_range(start, identities(width));
  size_t each = start.size() / count;
  SmallVector<Value> indices(outer);
  indices.append({at, channel});
  // The innermost loop is written out. Strides are fixed, so what neighbours
  // share is loaded once; all that read it come together, that it may be
  // forgotten. Each result still takes its steps in their order.
  SmallVector<std::pair<int64_t, int64_t>> order;
  for (int64_t k = 0; k < tile.getDepth()[0]; ++k)
    for (int64_t n = 0; n < count; ++n)
      order.emplace_back(k, n);
  for (size_t a = 0; a < ins.size(); ++a) {
    ArrayRef<int64_t> steps = tile.getSteps().slice(2 * a, 2);
    if (steps[0] <= 0 || steps[1] <= 0)
      continue;
    llvm::stable_sort(order, [&](const auto &x, const auto &y) {
      return x.first * steps[1] + x.second * steps[0] <
             y.first * steps[1] + y.second * steps[0];
    });
    break;
  }
  auto written = [&](ValueRange carried) {
    SmallVector<Value> sums(carried), bases;
    for (size_t a = 0; a < ins.size(); ++a) {
      ArrayRef<Value> fixed(indices);
      Value base = place(a, fixed.take_front(line));
      base = f.add(base, f.mul(at, f.index(tile.getSteps()[2 * a])));
      if (plan.getSteps()[a])
        base = f.add(base, channel);
      for (unsigned d = line + 2; d < inner; ++d)
        base = f.add(base, f.mul(indices[d], accesses[a].strides[d]));
      bases.push_back(base);
    }
    for (auto [k, n] : order) {
      SmallVector<Value> arguments;
      for (auto [a, buffer] : llvm::enumerate(ins)) {
        ArrayRef<int64_t> steps = tile.getSteps().slice(2 * a, 2);
        Value where = f.add(bases[a], f.index(n * steps[0] + k * steps[1]));
        arguments.push_back(
            f.load(buffer, where, plan.getSteps()[a] ? width : 1));
      }
      SmallVector<Value> values = bodyValues(arguments, width);
      MutableArrayRef<Value> sum = MutableArrayRef(sums).slice(n * each, each);
      llvm::copy(accumulate(ArrayRef<Value>(sum), values), sum.begin());
    }
    return sums;
  };
  SmallVector<Value> combined =
      combinedLoops(line + 2, inner, indices, start, written);
  for (int64_t n = 0; n < count; ++n) {
    indices[line] = f.add(at, f.index(n));
    finishAt(indices, ArrayRef(combined).slice(n * each, each), width);
  }
}

void ReduceEmitter::windows(ArrayRef<Value> where) {
  kern::TileAttr tile = *op.getTile();
  unsigned line = plan.getParallel() - 2;
  Value length = f.index(kern::lineOfWindows(tile));
  Value from = f.mul(where.back(), length);
  Value to = f.minimum(f.add(from, length), sizes[line]);
  ArrayRef<Value> outer = where.drop_back();
  int64_t lanes = std::min(columnLanes(), kern::kBlock);
  if (lanes == 1) {
    f.loop(from, to, 1, {}, [&](Value at, ValueRange) {
      SmallVector<Value> indices(outer);
      indices.append({at, f.index(0)});
      columns(indices);
      return SmallVector<Value>{};
    });
    return;
  }
  // Sums, as many operands and the vector they share fill the registers.
  int64_t most = f.facts.registers / 2 - 1;
  f.ladder(from, to, tile.getRows(), [&](Value at, int64_t results) {
    int64_t parts = llvm::divideCeil(results, most);
    for (int64_t c = 0; c < kern::kBlock; c += lanes)
      for (int64_t part = 0, n = 0; part < parts; ++part) {
        int64_t count = llvm::divideCeil(results - n, parts - part);
        neighbours(outer, f.add(at, f.index(n)), f.index(c), lanes, count);
        n += count;
      }
  });
}

void ReduceEmitter::rows(ArrayRef<Value> tile) {
  unsigned parallel = plan.getParallel();
  RowCombiner row;
  row.combiners = combiners;
  row.types = valueTypes;
  row.fused = fused;
  SmallVector<Type> types(valueTypes);
  for (const Buffer &b : ins)
    types.push_back(b.element);
  row.lanes = std::min(f.lanesFor(types), kRowLanes);
  SmallVector<Value> indices(tile.begin(), tile.end());
  SmallVector<Value> totals = combineRow(
      f, row, ArrayRef(sizes).drop_front(parallel),
      [&](ArrayRef<Value> at, int64_t width, Value count) {
        indices.append(at.begin(), at.end());
        SmallVector<Value> values = elements(indices, width, count);
        indices.resize(parallel);
        return values;
      });
  f.once([&] { finishAt(indices, totals, 1); });
}

void ReduceEmitter::run() {
  readRecord();
  unsigned outer = plan.getParallel() - (op.getTile() ? 2 : 1);
  SmallVector<Value> extents(sizes.begin(), sizes.begin() + outer);
  extents.push_back(chunks);
  bool isRows = plan.getVector() >= plan.getParallel();
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    isRows ? rows(tile) : op.getTile() ? windows(tile) : columns(tile);
  });
}

} // namespace

LogicalResult lower::emitReduce(KernelFrame &f, kern::ReduceOp op) {
  ReduceEmitter(f, op).run();
  return success();
}
