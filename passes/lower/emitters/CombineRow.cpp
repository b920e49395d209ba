// The order of a row, which no CPU changes:
//
//   element   0 1 2 ... 63 | 64 65 ...        of the row's last loop
//   lane      0 1 2 ... 63 |  0  1 ...        64 / width registers
//
//   lanes     (0 + 32) (1 + 33) ... then (0 + 16) ... then halves down to one
//
// The elements behind the last 64 go into their lanes through memory.
#include "passes/lower/emitters/GpuFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {
class RowWriter {
public:
  RowWriter(KernelFrame &f, const RowCombiner &row, ArrayRef<Value> sizes,
            RowElements elements)
      : f(f), row(row), sizes(sizes), elements(elements),
        registers(kRowLanes / row.lanes) {}
  SmallVector<Value> run();

private:
  SmallVector<Value> start();
  SmallVector<Value> nest(ValueRange accumulators);
  SmallVector<Value> rest(ValueRange accumulators, Value whole, Value size);
  Value fold(unsigned c, ArrayRef<Value> level);
  Value join(unsigned c, Value accumulator, Value v) {
    return row.fused ? fuseProduct(f, accumulator, v)
                     : combine(f, row.combiners[c], accumulator, v)[0];
  }
  VectorType vectorOf(Type element) {
    return VectorType::get({row.lanes}, element);
  }
  unsigned count() { return row.combiners.size(); }

  KernelFrame &f;
  const RowCombiner &row;
  ArrayRef<Value> sizes;
  RowElements elements;
  int64_t registers;
  SmallVector<Value> indices;
};
} // namespace

/// Register r of combiner c is accumulator c * registers + r.
SmallVector<Value> RowWriter::start() {
  SmallVector<Value> all;
  for (auto [c, type] : llvm::zip(row.combiners, row.types)) {
    Value identity =
        arith::ConstantOp::create(f.b, f.loc, identityOf(f.b, c, type));
    if (row.lanes > 1)
      identity = vector::BroadcastOp::create(f.b, f.loc, vectorOf(type), identity);
    all.append(registers, identity);
  }
  return all;
}

SmallVector<Value> RowWriter::nest(ValueRange accumulators) {
  Value size = sizes[indices.size()];
  if (indices.size() + 1 < sizes.size())
    return f.loop(f.index(0), size, 1, accumulators,
                  [&](Value i, ValueRange carried) {
                    indices.push_back(i);
                    SmallVector<Value> next = nest(carried);
                    indices.pop_back();
                    return next;
                  });
  Value whole = f.roundDown(size, kRowLanes);
  SmallVector<Value> sums = f.loop(
      f.index(0), whole, kRowLanes, accumulators,
      [&](Value i, ValueRange carried) {
        SmallVector<Value> next(carried);
        for (int64_t r = 0; r < registers; ++r) {
          indices.push_back(f.add(i, f.index(r * row.lanes)));
          SmallVector<Value> values = elements(indices, row.lanes, {});
          indices.pop_back();
          for (unsigned c = 0; c < count(); ++c)
            next[c * registers + r] = join(c, carried[c * registers + r], values[c]);
        }
        return next;
      });
  return f.when(f.less(whole, size), sums,
                [&] { return rest(sums, whole, size); });
}

SmallVector<Value> RowWriter::rest(ValueRange accumulators, Value whole,
                                   Value size) {
  SmallVector<Value> stacks;
  for (Type type : row.types)
    stacks.push_back(f.stackBuffer(type, kRowLanes));
  for (unsigned c = 0; c < count(); ++c)
    for (int64_t r = 0; r < registers; ++r)
      vector::StoreOp::create(f.b, f.loc, accumulators[c * registers + r],
                              stacks[c], f.index(r * row.lanes));
  auto pieces = [&](Value from, Value to, bool partial) {
    f.loop(from, to, row.lanes, {}, [&](Value i, ValueRange) {
      Value count = partial ? f.minimum(f.sub(to, i), f.index(row.lanes)) : Value();
      Value lane = f.sub(i, whole);
      indices.push_back(i);
      SmallVector<Value> values = elements(indices, row.lanes, count);
      indices.pop_back();
      for (auto [c, stack] : llvm::enumerate(stacks)) {
        Value old = vector::LoadOp::create(f.b, f.loc, vectorOf(row.types[c]),
                                           stack, lane);
        Value v = join(c, old, values[c]);
        if (partial)
          v = arith::SelectOp::create(f.b, f.loc, f.firstLanes(count, row.lanes),
                                      v, old);
        vector::StoreOp::create(f.b, f.loc, v, stack, lane);
      }
      return SmallVector<Value>{};
    });
  };
  // With masks all are written alike; without, only the last is special.
  Value last = whole;
  if (!f.facts.masks) {
    last = f.roundDown(size, row.lanes);
    pieces(whole, last, /*partial=*/false);
  }
  pieces(last, size, /*partial=*/true);
  SmallVector<Value> all;
  for (auto [type, stack] : llvm::zip(row.types, stacks))
    for (int64_t r = 0; r < registers; ++r)
      all.push_back(vector::LoadOp::create(f.b, f.loc, vectorOf(type), stack,
                                           f.index(r * row.lanes)));
  return all;
}

/// The tree of halves: registers first, then inside one register.
Value RowWriter::fold(unsigned c, ArrayRef<Value> registersOf) {
  SmallVector<Value> level(registersOf);
  while (level.size() > 1) {
    size_t half = level.size() / 2;
    for (size_t i = 0; i < half; ++i)
      level[i] = combine(f, row.combiners[c], level[i], level[half + i])[0];
    level.resize(half);
  }
  Value all = level[0];
  auto half = [&](int64_t from, int64_t width) -> Value {
    return vector::ExtractStridedSliceOp::create(
        f.b, f.loc, all, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{width},
        ArrayRef<int64_t>{1});
  };
  for (int64_t width = row.lanes / 2; width > 0; width /= 2) {
    Value low = half(0, width), high = half(width, width);
    all = combine(f, row.combiners[c], low, high)[0];
  }
  return vector::ExtractOp::create(f.b, f.loc, all, ArrayRef<int64_t>{0});
}

SmallVector<Value> RowWriter::run() {
  SmallVector<Value> lanes = nest(start()), totals;
  for (unsigned c = 0; c < count(); ++c)
    totals.push_back(fold(c, ArrayRef(lanes).slice(c * registers, registers)));
  return totals;
}

SmallVector<Value> lower::combineRow(KernelFrame &f, const RowCombiner &row,
                                     ArrayRef<Value> sizes,
                                     RowElements elements) {
  if (f.facts.workgroup)
    return combineRowOfWorkgroup(static_cast<GpuFrame &>(f), row, sizes,
                                 elements);
  return RowWriter(f, row, sizes, elements).run();
}
