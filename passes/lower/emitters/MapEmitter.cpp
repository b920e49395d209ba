// Element-wise groups:
//
//   for tile (outer loops..., chunk of the last loop)
//     for i in whole vectors   load or splat operands, body, store
//     for what is left         the same under a mask, or on scalars
//
// Of a short last loop, a tile holds many indices of the loop before.
//
// Where the last loop strides through an operand whose neighbours lie along
// another loop, a tile is a block of both, and the operand is loaded along that
// one and turned:
//
//   for 16 rows of `cross` x 128 of the last loop
//     for squares of a vector's length
//       turn each such operand into a square on the stack
//       for rows of the square   as above, reading the square
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

class MapEmitter {
public:
  MapEmitter(KernelFrame &f, kern::MapOp op)
      : f(f), op(op), plan(*op.getPlan()), body(f), last(plan.getLoops() - 1) {}
  void run();

private:
  void readRecord();
  void strips(ArrayRef<Value> tile);
  void strip(ArrayRef<Value> outer, Value lo, Value hi);
  void squares(ArrayRef<Value> tile);
  void rectangle(ArrayRef<Value> tile);
  void turn(unsigned in, Value base, Value rows, Value columns);
  /// `width` elements from index i of the last loop on.
  void strip(ArrayRef<Value> outer, ArrayRef<Value> bases, Value i,
             int64_t width, Value count, Value square = {});
  /// Where each access stands at these indices of the outer loops.
  SmallVector<Value> basesAt(ArrayRef<Value> outer);
  bool isTurned(unsigned in) {
    return plan.getCross() >= 0 && plan.getSteps()[in] == 2 &&
           plan.getSteps()[accesses.size() + in] == 1;
  }

  KernelFrame &f;
  kern::MapOp op;
  kern::PlanAttr plan;
  BodyWriter body;
  unsigned last;
  SmallVector<Buffer> ins, tables, results;
  SmallVector<AccessValues> accesses;
  SmallVector<Value> sizes;
  Value chunks, crossTiles;
  int64_t lanes = 1;
  bool masked = false; // what is left of a row is a vector too
  SmallVector<Buffer> turned; // squares by operand
};

void MapEmitter::readRecord() {
  for (Value v : op.getIns())
    ins.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getTables())
    tables.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    results.push_back(f.nextBuffer(v.getType()));
  chunks = f.nextParameter();
  if (plan.getCross() >= 0)
    crossTiles = f.nextParameter();
  for (unsigned i = 0; i <= last; ++i)
    sizes.push_back(f.nextParameter());
  for (unsigned i = 0; i < ins.size() + results.size(); ++i)
    accesses.push_back(f.nextAccess(last + 1));
  Block &block = op.getBody().front();
  for (auto [i, table] : llvm::enumerate(op.getTables())) {
    SmallVector<Value> strides;
    for (int64_t d = 0; d < cast<ShapedType>(table.getType()).getRank(); ++d)
      strides.push_back(f.nextParameter());
    body.tables[block.getArgument(ins.size() + i)] = {tables[i], strides};
  }
  body.readSizes(op.getBody());
  body.readConstants(op.getBody());
  body.vectorLoop = last;

  SmallVector<Type> types;
  for (const Buffer &buffer : llvm::concat<Buffer>(ins, results))
    types.push_back(buffer.element);
  bool moves = llvm::any_of(plan.getSteps(), [](int64_t step) { return step; });
  lanes = moves ? f.lanesFor(types) : 1;
  if (plan.getCross() >= 0)
    lanes = std::min(lanes, kern::kCrossRows);
  // Bodies that look where they are may not run where no element is.
  masked = f.facts.masks && lanes > 1;
  op.getBody().walk([&](Operation *inner) {
    masked &= !isa<kern::LoadOp, kern::CheckOp>(inner);
  });
  for (unsigned a = 0; a < accesses.size(); ++a)
    masked &= plan.getSteps()[a] != 2 || (a < ins.size() && isTurned(a));
}

SmallVector<Value> MapEmitter::basesAt(ArrayRef<Value> outer) {
  SmallVector<Value> bases;
  for (const AccessValues &a : accesses) {
    Value at = a.offset;
    for (unsigned d = 0; d < last; ++d)
      at = f.add(at, f.mul(outer[d], a.strides[d]));
    bases.push_back(at);
  }
  return bases;
}

void MapEmitter::strip(ArrayRef<Value> outer, ArrayRef<Value> bases, Value i,
                       int64_t width, Value count, Value square) {
  auto place = [&](unsigned a) {
    int64_t step = plan.getSteps()[a];
    return step == 0   ? bases[a]
           : step == 1 ? f.add(bases[a], i)
                       : f.add(bases[a], f.mul(i, accesses[a].strides[last]));
  };
  SmallVector<Value> arguments;
  for (auto [a, buffer] : llvm::enumerate(ins)) {
    if (square && isTurned(a))
      arguments.push_back(f.load(turned[a], square, width));
    else
      arguments.push_back(f.loadLanes(buffer, place(a), plan.getSteps()[a],
                                      accesses[a].strides[last], width, count));
  }
  body.width = width;
  body.indices.assign(outer.begin(), outer.end());
  body.indices.push_back(i);
  SmallVector<Value> values = body.write(op.getBody(), arguments);
  for (auto [r, buffer] : llvm::enumerate(results)) {
    unsigned a = ins.size() + r;
    f.storeLanes(buffer, body.widen(values[r]), place(a), plan.getSteps()[a],
                 accesses[a].strides[last], count);
  }
}

/// Elements lo .. hi of the last loop, in vectors and what is left.
void MapEmitter::strip(ArrayRef<Value> outer, Value lo, Value hi) {
  SmallVector<Value> bases = basesAt(outer);
  auto run = [&](Value from, Value to, int64_t step, int64_t width, bool partial) {
    auto body = [&](Value i) {
      strip(outer, bases, i, width, partial ? f.sub(to, i) : Value());
    };
    // The invocations of a workgroup share the rows where a tile has many.
    plan.getRows() ? f.KernelFrame::forEach(from, to, step, body)
                   : f.forEach(from, to, step, body);
  };
  Value whole = f.add(lo, f.roundDown(f.sub(hi, lo), lanes));
  if (lanes > 1)
    run(lo, whole, lanes, lanes, false);
  if (masked)
    run(whole, hi, lanes, lanes, true);
  else
    run(lanes > 1 ? whole : lo, hi, 1, 1, false);
}

void MapEmitter::strips(ArrayRef<Value> tile) {
  SmallVector<Value> outer(tile.drop_back());
  Value lo = f.mul(tile.back(), f.index(kern::kMapChunk));
  Value hi = f.minimum(f.add(lo, f.index(kern::kMapChunk)), sizes.back());
  int64_t rows = plan.getRows();
  if (rows == 0)
    return strip(outer, lo, hi);
  Value first = f.mul(outer.back(), f.index(rows));
  Value end = f.minimum(f.add(first, f.index(rows)), sizes[last - 1]);
  f.forEach(first, end, 1, [&](Value row) {
    outer.back() = row;
    strip(outer, lo, hi);
  });
}

/// The square of operand `in` from `base` on, `rows` of the cross loop by
/// `columns` of the last one, goes to turned[in], a row after another.
void MapEmitter::turn(unsigned in, Value base, Value rows, Value columns) {
  Value stride = accesses[in].strides[last];
  // Bools stay bytes.
  Type stored = cast<MemRefType>(ins[in].memref.getType()).getElementType();
  Buffer from{ins[in].memref, stored}, to{turned[in].memref, stored};
  auto write = [&](ValueRange vectors) {
    for (auto [r, v] : llvm::enumerate(transposeBlock(f, vectors)))
      f.store(to, v, f.index(r * lanes));
  };
  Value all = f.index(lanes);
  Value whole = arith::AndIOp::create(f.b, f.loc, f.equal(rows, all),
                                      f.equal(columns, all));
  auto branch = scf::IfOp::create(f.b, f.loc, whole, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(f.b);
  f.b.setInsertionPointToStart(branch.thenBlock());
  SmallVector<Value> vectors;
  for (int64_t i = 0; i < lanes; ++i)
    vectors.push_back(
        f.load(from, f.add(base, f.mul(f.index(i), stride)), lanes));
  write(vectors);
  f.b.setInsertionPointToStart(&branch.getElseRegion().front());
  f.loop(f.index(0), columns, 1, {}, [&](Value i, ValueRange) {
    Value v = f.loadFirst(from, f.add(base, f.mul(i, stride)), rows, lanes);
    f.store(to, v, f.mul(i, all));
    return SmallVector<Value>{};
  });
  vectors.clear();
  for (int64_t i = 0; i < lanes; ++i)
    vectors.push_back(f.load(to, f.index(i * lanes), lanes));
  write(vectors);
}

/// The tile of a map that reads across, element by element.
void MapEmitter::rectangle(ArrayRef<Value> tile) {
  unsigned cross = plan.getCross();
  Value rowLo = f.mul(tile[cross], f.index(kern::kCrossRows));
  Value rowHi = f.minimum(f.add(rowLo, f.index(kern::kCrossRows)), sizes[cross]);
  Value lo = f.mul(tile.back(), f.index(kern::kCrossColumns));
  Value hi = f.minimum(f.add(lo, f.index(kern::kCrossColumns)), sizes.back());
  SmallVector<Value> outer(tile.drop_back());
  f.loop(rowLo, rowHi, 1, {}, [&](Value row, ValueRange) {
    outer[cross] = row;
    SmallVector<Value> bases = basesAt(outer);
    f.forEach(lo, hi, 1, [&](Value i) { strip(outer, bases, i, 1, {}); });
    return SmallVector<Value>{};
  });
}

void MapEmitter::squares(ArrayRef<Value> tile) {
  unsigned cross = plan.getCross();
  Value size = sizes[cross];
  Value rowLo = f.mul(tile[cross], f.index(kern::kCrossRows));
  Value rowHi = f.minimum(f.add(rowLo, f.index(kern::kCrossRows)), size);
  Value lo = f.mul(tile.back(), f.index(kern::kCrossColumns));
  Value hi = f.minimum(f.add(lo, f.index(kern::kCrossColumns)), sizes.back());
  Value all = f.index(lanes);
  SmallVector<Value> outer(tile.drop_back());
  f.loop(rowLo, rowHi, lanes, {}, [&](Value row, ValueRange) {
    Value rows = f.minimum(f.sub(rowHi, row), all);
    f.loop(lo, hi, lanes, {}, [&](Value i, ValueRange) {
      Value columns = f.minimum(f.sub(hi, i), all);
      outer[cross] = row;
      SmallVector<Value> bases = basesAt(outer);
      for (unsigned a = 0; a < ins.size(); ++a)
        if (isTurned(a))
          turn(a, f.add(bases[a], f.mul(i, accesses[a].strides[last])), rows,
               columns);
      auto branch = scf::IfOp::create(f.b, f.loc, f.equal(columns, all),
                                      /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(f.b);
      auto rowsOf = [&](llvm::function_ref<void(Value, ArrayRef<Value>)> write) {
        f.loop(f.index(0), rows, 1, {}, [&](Value r, ValueRange) {
          outer[cross] = f.add(row, r);
          write(f.mul(r, all), basesAt(outer));
          return SmallVector<Value>{};
        });
      };
      f.b.setInsertionPointToStart(branch.thenBlock());
      rowsOf([&](Value square, ArrayRef<Value> bases) {
        strip(outer, bases, i, lanes, {}, square);
      });
      f.b.setInsertionPointToStart(&branch.getElseRegion().front());
      rowsOf([&](Value square, ArrayRef<Value> bases) {
        if (masked)
          return strip(outer, bases, i, lanes, columns, square);
        f.loop(f.index(0), columns, 1, {}, [&](Value c, ValueRange) {
          strip(outer, bases, f.add(i, c), 1, {}, f.add(square, c));
          return SmallVector<Value>{};
        });
      });
      return SmallVector<Value>{};
    });
    return SmallVector<Value>{};
  });
}

void MapEmitter::run() {
  readRecord();
  SmallVector<Value> extents(sizes.begin(), sizes.end() - 1);
  if (int64_t rows = plan.getRows())
    extents.back() =
        arith::CeilDivUIOp::create(f.b, f.loc, extents.back(), f.index(rows));
  extents.push_back(chunks);
  if (f.facts.workgroup && plan.getCross() >= 0) {
    extents[plan.getCross()] = crossTiles;
    return f.forEachTile(extents,
                         [&](ArrayRef<Value> tile) { rectangle(tile); });
  }
  if (plan.getCross() < 0 || lanes == 1) {
    assert(plan.getCross() < 0 && "a vector of one has nothing to turn");
    return f.forEachTile(extents, [&](ArrayRef<Value> tile) { strips(tile); });
  }
  extents[plan.getCross()] = crossTiles;
  for (unsigned a = 0; a < ins.size(); ++a)
    turned.push_back(
        isTurned(a) ? Buffer{f.stackBuffer(cast<MemRefType>(ins[a].memref.getType())
                                               .getElementType(),
                                           lanes * lanes),
                             ins[a].element}
                    : Buffer());
  f.forEachTile(extents, [&](ArrayRef<Value> tile) { squares(tile); });
}

} // namespace

LogicalResult lower::emitMap(KernelFrame &f, kern::MapOp op) {
  MapEmitter(f, op).run();
  return success();
}
