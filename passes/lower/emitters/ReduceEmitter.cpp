// Reductions, in one of two orders that no CPU changes:
//
//   rows     the innermost combined loop walks neighbours: element i goes to
//            lane i mod 64, the lanes fold as a tree of halves (64, 32, ... 1)
//   columns  lanes are neighbouring results, each combined in loop order
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

constexpr int64_t kLanes = 64;

class ReduceEmitter {
public:
  ReduceEmitter(KernelFrame &f, kern::ReduceOp op)
      : f(f), op(op), plan(*op.getPlan()), body(f), finish(f) {}
  void run();

private:
  void readRecord();
  void rows(ArrayRef<Value> tile);
  void columns(ArrayRef<Value> tile);

  /// Where an access stands at these loop indices (null: not moved).
  Value place(unsigned access, ArrayRef<Value> indices);
  /// The body's values at the loop indices; the vector loop's is the first of
  /// `width`.
  SmallVector<Value> elements(ArrayRef<Value> indices, int64_t width);
  /// Loads the extras and writes the results.
  void finishAt(ArrayRef<Value> indices, ValueRange combined, int64_t width);
  SmallVector<Value> combineAll(ValueRange accumulators, ValueRange values);
  /// A product as the only value of a sum is one fused multiply-add.
  bool isProductSum();

  KernelFrame &f;
  kern::ReduceOp op;
  kern::PlanAttr plan;
  BodyWriter body, finish;
  SmallVector<Buffer> ins, tables, extras, results;
  SmallVector<AccessValues> accesses;
  SmallVector<Value> sizes;
  Value chunks;
  SmallVector<Type> valueTypes; // what the body yields
  SmallVector<kern::Combiner> combiners;
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
  body.vectorLoop = finish.vectorLoop = plan.getVector();
  llvm::append_range(valueTypes, block.getTerminator()->getOperandTypes());
  for (int32_t c : op.getCombiners())
    combiners.push_back((kern::Combiner)c);
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
                                           int64_t width) {
  SmallVector<Value> arguments;
  for (auto [a, buffer] : llvm::enumerate(ins)) {
    int64_t step = plan.getSteps()[a];
    Value at = place(a, indices);
    if (step == 2 && width > 1)
      arguments.push_back(f.loadStrided(
          buffer, at, accesses[a].strides[plan.getVector()], width));
    else
      arguments.push_back(f.load(buffer, at, step ? width : 1));
  }
  body.width = width;
  body.indices.assign(indices.begin(), indices.end());
  SmallVector<Value> values = body.write(op.getBody(), arguments);
  // A product that all lanes share is widened factor by factor, so that the
  // sum's multiply-add is fused at every width.
  for (Value &v : values) {
    auto mul = v.getDefiningOp<arith::MulFOp>();
    if (mul && width > 1 && !isa<VectorType>(v.getType()) && isProductSum())
      v = arith::MulFOp::create(f.b, f.loc, body.widen(mul.getLhs()),
                                body.widen(mul.getRhs()));
    else
      v = body.widen(v);
  }
  return values;
}

void ReduceEmitter::finishAt(ArrayRef<Value> indices, ValueRange combined,
                             int64_t width) {
  SmallVector<Value> arguments(combined);
  for (auto [e, buffer] : llvm::enumerate(extras)) {
    unsigned a = ins.size() + e;
    int64_t step = width > 1 ? plan.getSteps()[a] : 1;
    Value at = place(a, indices);
    if (step == 2)
      arguments.push_back(f.loadStrided(
          buffer, at, accesses[a].strides[plan.getVector()], width));
    else
      arguments.push_back(f.load(buffer, at, step ? width : 1));
  }
  finish.width = width;
  finish.indices.assign(indices.begin(), indices.end());
  SmallVector<Value> values = finish.write(op.getFinish(), arguments);
  for (auto [r, buffer] : llvm::enumerate(results)) {
    unsigned a = ins.size() + extras.size() + r;
    Value at = place(a, indices), v = finish.widen(values[r]);
    if (width > 1 && plan.getSteps()[a] != 1)
      f.storeStrided(buffer, v, at, accesses[a].strides[plan.getVector()]);
    else
      f.store(buffer, v, at);
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

bool ReduceEmitter::isProductSum() {
  if (combiners.size() != 1 || combiners[0] != kern::Combiner::Add)
    return false;
  Value v = op.getBody().front().getTerminator()->getOperand(0);
  return v.getDefiningOp<arith::MulFOp>() && v.hasOneUse();
}

/// Puts a multiply and its add together: the sum's last product is fused.
static Value fuseProduct(KernelFrame &f, Value accumulator, Value product) {
  auto mul = product.getDefiningOp<arith::MulFOp>();
  if (!mul)
    return arith::AddFOp::create(f.b, f.loc, accumulator, product);
  Value fma = math::FmaOp::create(f.b, f.loc, mul.getLhs(), mul.getRhs(),
                                  accumulator);
  return fma;
}

void ReduceEmitter::columns(ArrayRef<Value> tile) {
  unsigned parallel = plan.getParallel(), loops = plan.getLoops();
  Value lo = f.mul(tile.back(), f.index(kern::kReduceChunk));
  Value hi = f.minimum(f.add(lo, f.index(kern::kReduceChunk)),
                       sizes[parallel - 1]);
  SmallVector<Type> types(valueTypes);
  for (const Buffer &b : ins)
    types.push_back(b.element);
  for (const Buffer &b : results)
    types.push_back(b.element);
  int64_t lanes = f.lanesFor(types);
  bool fused = isProductSum();

  auto run = [&](Value from, Value to, int64_t width) {
    f.loop(from, to, width, {}, [&](Value column, ValueRange) {
      SmallVector<Value> indices(tile.begin(), tile.end() - 1);
      indices.push_back(column);
      SmallVector<Value> start;
      unsigned at = 0;
      for (kern::Combiner c : combiners)
        for (unsigned v = 0; v < kern::valuesOf(c); ++v, ++at) {
          TypedAttr zero = v == 0 ? identityOf(f.b, c, valueTypes[at])
                                  : cast<TypedAttr>(f.b.getZeroAttr(valueTypes[at]));
          body.width = width;
          start.push_back(body.widen(arith::ConstantOp::create(f.b, f.loc, zero)));
        }
      // The combined loops, outermost first.
      std::function<SmallVector<Value>(unsigned, ValueRange)> nest =
          [&](unsigned loop, ValueRange accumulators) -> SmallVector<Value> {
        if (loop == loops) {
          SmallVector<Value> values = elements(indices, width);
          if (fused)
            return {fuseProduct(f, accumulators[0], values[0])};
          return combineAll(accumulators, values);
        }
        return f.loop(f.index(0), sizes[loop], 1, accumulators,
                      [&](Value i, ValueRange carried) {
                        indices.push_back(i);
                        SmallVector<Value> r = nest(loop + 1, carried);
                        indices.pop_back();
                        return r;
                      });
      };
      SmallVector<Value> combined = nest(parallel, start);
      finishAt(indices, combined, width);
      return SmallVector<Value>{};
    });
  };
  Value whole = f.add(lo, f.roundDown(f.sub(hi, lo), lanes));
  if (lanes > 1)
    run(lo, whole, lanes);
  run(lanes > 1 ? whole : lo, hi, 1);
}

void ReduceEmitter::rows(ArrayRef<Value> tile) {
  unsigned parallel = plan.getParallel(), loops = plan.getLoops();
  unsigned last = loops - 1;
  // As many registers per combiner as 64 lanes need.
  SmallVector<Type> types(valueTypes);
  for (const Buffer &b : ins)
    types.push_back(b.element);
  int64_t lanes = std::min(f.lanesFor(types), kLanes);
  int64_t registers = kLanes / lanes;
  bool fused = isProductSum();
  SmallVector<Value> indices(tile.begin(), tile.end());

  SmallVector<Value> start;
  for (auto [c, type] : llvm::zip(combiners, valueTypes)) {
    Value identity = arith::ConstantOp::create(f.b, f.loc, identityOf(f.b, c, type));
    body.width = lanes;
    for (int64_t r = 0; r < registers; ++r)
      start.push_back(body.widen(identity));
  }
  Value size = sizes[last];
  Value whole = f.roundDown(size, kLanes);
  // What is left of a row goes lane by lane through memory.
  SmallVector<Value> stacks;
  for (Type type : valueTypes)
    stacks.push_back(f.stackBuffer(type, kLanes));

  auto addOne = [&](ValueRange accumulators, ValueRange values) {
    return fused ? SmallVector<Value>{fuseProduct(f, accumulators[0], values[0])}
                 : combineAll(accumulators, values);
  };
  auto spill = [&](ValueRange accumulators) {
    for (auto [v, stack] : llvm::enumerate(stacks))
      for (int64_t r = 0; r < registers; ++r)
        vector::StoreOp::create(f.b, f.loc, accumulators[v * registers + r],
                                stack, f.index(r * lanes));
  };
  auto reload = [&]() {
    SmallVector<Value> accumulators;
    for (auto [type, stack] : llvm::zip(valueTypes, stacks))
      for (int64_t r = 0; r < registers; ++r)
        accumulators.push_back(vector::LoadOp::create(
            f.b, f.loc, VectorType::get({lanes}, type), stack, f.index(r * lanes)));
    return accumulators;
  };

  std::function<SmallVector<Value>(unsigned, ValueRange)> nest =
      [&](unsigned loop, ValueRange accumulators) -> SmallVector<Value> {
    if (loop < last)
      return f.loop(f.index(0), sizes[loop], 1, accumulators,
                    [&](Value i, ValueRange carried) {
                      indices.push_back(i);
                      SmallVector<Value> r = nest(loop + 1, carried);
                      indices.pop_back();
                      return r;
                    });
    SmallVector<Value> sums = f.loop(
        f.index(0), whole, kLanes, accumulators,
        [&](Value i, ValueRange carried) {
          SmallVector<Value> next(carried);
          for (int64_t r = 0; r < registers; ++r) {
            indices.push_back(f.add(i, f.index(r * lanes)));
            SmallVector<Value> values = elements(indices, lanes);
            indices.pop_back();
            SmallVector<Value> here;
            for (unsigned v = 0; v < stacks.size(); ++v)
              here.push_back(carried[v * registers + r]);
            SmallVector<Value> joined = addOne(here, values);
            for (unsigned v = 0; v < stacks.size(); ++v)
              next[v * registers + r] = joined[v];
          }
          return next;
        });
    // Elements behind the last 64: one by one into their lanes.
    spill(sums);
    f.loop(whole, size, 1, {}, [&](Value i, ValueRange) {
      Value lane = f.sub(i, whole);
      indices.push_back(i);
      SmallVector<Value> values = elements(indices, 1);
      indices.pop_back();
      SmallVector<Value> here;
      for (Value stack : stacks)
        here.push_back(memref::LoadOp::create(f.b, f.loc, stack, lane));
      for (auto [v, stack] : llvm::zip(addOne(here, values), stacks))
        memref::StoreOp::create(f.b, f.loc, v, stack, lane);
      return SmallVector<Value>{};
    });
    return reload();
  };
  SmallVector<Value> lanesOf = nest(parallel, start);

  // The tree of halves: registers first, then inside one register.
  SmallVector<Value> totals;
  for (auto [v, c] : llvm::enumerate(combiners)) {
    SmallVector<Value> level(lanesOf.begin() + v * registers,
                             lanesOf.begin() + (v + 1) * registers);
    while (level.size() > 1) {
      SmallVector<Value> next;
      size_t half = level.size() / 2;
      for (size_t i = 0; i < half; ++i)
        next.push_back(combine(f, c, level[i], level[half + i])[0]);
      level = next;
    }
    Value all = level[0];
    for (int64_t width = lanes; width > 1; width /= 2) {
      Value low = vector::ExtractStridedSliceOp::create(
          f.b, f.loc, all, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{width / 2},
          ArrayRef<int64_t>{1});
      Value high = vector::ExtractStridedSliceOp::create(
          f.b, f.loc, all, ArrayRef<int64_t>{width / 2},
          ArrayRef<int64_t>{width / 2}, ArrayRef<int64_t>{1});
      all = combine(f, c, low, high)[0];
    }
    totals.push_back(
        vector::ExtractOp::create(f.b, f.loc, all, ArrayRef<int64_t>{0}));
  }
  indices.resize(parallel);
  finishAt(indices, totals, 1);
}

void ReduceEmitter::run() {
  readRecord();
  SmallVector<Value> extents(sizes.begin(), sizes.begin() + plan.getParallel() - 1);
  extents.push_back(chunks);
  bool isRows = plan.getVector() >= plan.getParallel();
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    isRows ? rows(tile) : columns(tile);
  });
}

} // namespace

LogicalResult lower::emitReduce(KernelFrame &f, kern::ReduceOp op) {
  ReduceEmitter(f, op).run();
  return success();
}
