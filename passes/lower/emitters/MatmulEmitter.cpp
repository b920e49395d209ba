// Matrix products in register tiles.
//
//   for tile (batch..., block of rows, two panels of columns)
//     for each panel or pair of panels of 16 columns
//       for rows in steps of R                      R x C accumulators
//         for k: load C columns of rhs, splat R of lhs, fused multiply-add
//         epilogue on the accumulators, store
//
// Lanes are columns and k is summed in order, so every CPU gives the same bits.
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

class MatmulEmitter {
public:
  MatmulEmitter(KernelFrame &f, kern::MatmulOp op)
      : f(f), op(op), plan(*op.getPlan()), epilogue(f) {}
  void run();

private:
  void readRecord();
  /// `count` rows from r0, `vectors` vectors of columns from a panel on;
  /// `columns` of them are stored (null: all).
  void registerTile(Value r0, int64_t count, Value firstPanel, int64_t vectors,
                    Value columns);
  void rowsOf(Value from, Value to, Value firstPanel, int64_t vectors,
              Value columns);
  SmallVector<Value> splitRow(Value number);
  Value rowOffset(unsigned access, ArrayRef<Value> at);
  Value at(unsigned access, ArrayRef<Value> rowAt, Value firstPanel, int64_t v);
  /// Elements with a stride: `count` of them (null: a whole vector).
  Value strided(const Buffer &buffer, Value place, Value stride, Value count);

  KernelFrame &f;
  kern::MatmulOp op;
  kern::PlanAttr plan;
  BodyWriter epilogue;
  Buffer lhs, rhs;
  SmallVector<Buffer> extras, results;
  SmallVector<AccessValues> accesses; // lhs, rhs, extras, results
  SmallVector<Value> sizes, bases;
  Value rows, rowBlocks, columnBlocks, rowCount, columnCount;
  unsigned row = 0, panel = 0, column = 0, reduction = 0; // first loops
  int64_t lanes = 0;
};

void MatmulEmitter::readRecord() {
  lhs = f.nextBuffer(op.getLhs().getType());
  rhs = f.nextBuffer(op.getRhs().getType());
  for (Value v : op.getExtras())
    extras.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    results.push_back(f.nextBuffer(v.getType()));
  rows = f.nextParameter();
  rowBlocks = f.nextParameter();
  columnBlocks = f.nextParameter();
  rowCount = f.nextParameter();
  columnCount = f.nextParameter();
  unsigned loops = plan.getLoops();
  for (unsigned i = 0; i < loops; ++i)
    sizes.push_back(f.nextParameter());
  for (unsigned i = 0; i < 2 + extras.size() + results.size(); ++i)
    accesses.push_back(f.nextAccess(loops));
  epilogue.readSizes(op.getEpilogue());
  epilogue.readConstants(op.getEpilogue());
  column = plan.getVector();
  panel = column - 1;
  row = panel - plan.getRows();
  reduction = column + 1;
  lanes = std::min<int64_t>(f.facts.vectorBytes / 4, kern::kBlock);
}

/// What a row adds to an access: its number is divided over the row loops.
Value MatmulEmitter::rowOffset(unsigned access, ArrayRef<Value> at) {
  Value offset;
  for (unsigned d = 0; d < at.size(); ++d) {
    Value part = f.mul(at[d], accesses[access].strides[row + d]);
    offset = offset ? f.add(offset, part) : part;
  }
  return offset;
}

SmallVector<Value> MatmulEmitter::splitRow(Value number) {
  SmallVector<Value> at(plan.getRows());
  for (unsigned d = plan.getRows() - 1; d > 0; --d) {
    at[d] = arith::RemUIOp::create(f.b, f.loc, number, sizes[row + d]);
    number = arith::DivUIOp::create(f.b, f.loc, number, sizes[row + d]);
  }
  at[0] = number;
  return at;
}

/// An element of an extra or result: vector `v` of the tile's columns.
Value MatmulEmitter::at(unsigned access, ArrayRef<Value> rowAt,
                        Value firstPanel, int64_t v) {
  int64_t perPanel = kern::kBlock / lanes;
  Value place = f.add(bases[access], rowOffset(access, rowAt));
  Value p = f.add(firstPanel, f.index(v / perPanel));
  place = f.add(place, f.mul(p, accesses[access].strides[panel]));
  Value inside = f.index(v % perPanel * lanes);
  switch (plan.getSteps()[access]) {
  case 0: return place;
  case 1: return f.add(place, inside);
  default:
    return f.add(place, f.mul(inside, accesses[access].strides[column]));
  }
}

Value MatmulEmitter::strided(const Buffer &buffer, Value place, Value stride,
                             Value count) {
  if (!count)
    return f.loadStrided(buffer, place, stride, lanes);
  Type stored = cast<MemRefType>(buffer.memref.getType()).getElementType();
  Buffer stack{f.stackBuffer(stored, lanes), buffer.element};
  f.loop(f.index(0), count, 1, {}, [&](Value i, ValueRange) {
    Value e = memref::LoadOp::create(f.b, f.loc, buffer.memref,
                                     f.add(place, f.mul(i, stride)));
    memref::StoreOp::create(f.b, f.loc, e, stack.memref, i);
    return SmallVector<Value>{};
  });
  return f.load(stack, f.index(0), lanes);
}

void MatmulEmitter::registerTile(Value r0, int64_t count, Value firstPanel,
                                 int64_t vectors, Value columns) {
  auto vectorType = VectorType::get({lanes}, f.b.getF32Type());
  Value zero = arith::ConstantOp::create(
      f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(vectorType)));
  SmallVector<Value> start(count * vectors, zero);

  // Panels of 16 columns; several vectors may lie in one.
  int64_t perPanel = kern::kBlock / lanes;
  SmallVector<Value> columnBase, rowBase;
  for (int64_t v = 0; v < vectors; ++v) {
    Value p = f.add(firstPanel, f.index(v / perPanel));
    Value base = f.add(bases[1], f.mul(p, accesses[1].strides[panel]));
    columnBase.push_back(f.add(base, f.index(v % perPanel * lanes)));
  }
  SmallVector<SmallVector<Value>> rowAt;
  for (int64_t r = 0; r < count; ++r) {
    rowAt.push_back(splitRow(f.add(r0, f.index(r))));
    rowBase.push_back(f.add(bases[0], rowOffset(0, rowAt.back())));
  }
  // The reductions, outermost first; offsets of both sides grow on the way.
  std::function<SmallVector<Value>(unsigned, Value, Value, ValueRange)> nest =
      [&](unsigned loop, Value left, Value right, ValueRange carried) {
        if (loop == plan.getLoops()) {
          SmallVector<Value> columnsNow, next(carried);
          for (int64_t v = 0; v < vectors; ++v)
            columnsNow.push_back(
                f.load(rhs, f.add(columnBase[v], right), lanes));
          for (int64_t r = 0; r < count; ++r) {
            Value one = f.load(lhs, f.add(rowBase[r], left));
            Value splat =
                vector::BroadcastOp::create(f.b, f.loc, vectorType, one);
            for (int64_t v = 0; v < vectors; ++v)
              next[r * vectors + v] = math::FmaOp::create(
                  f.b, f.loc, splat, columnsNow[v], carried[r * vectors + v]);
          }
          return next;
        }
        return f.loop(
            f.index(0), sizes[loop], 1, carried, [&](Value i, ValueRange c) {
              return nest(
                  loop + 1, f.add(left, f.mul(i, accesses[0].strides[loop])),
                  f.add(right, f.mul(i, accesses[1].strides[loop])), c);
            });
      };
  SmallVector<Value> sums = nest(reduction, f.index(0), f.index(0), start);

  epilogue.width = lanes;
  for (int64_t r = 0; r < count; ++r) {
    for (int64_t v = 0; v < vectors; ++v) {
      Value left;
      if (columns) {
        // Columns of this vector that exist: between 0 and all.
        Value used = f.sub(columns, f.index(v * lanes));
        used = arith::MaxSIOp::create(f.b, f.loc, used, f.index(0));
        left = f.minimum(used, f.index(lanes));
      }
      SmallVector<Value> arguments = {sums[r * vectors + v]};
      for (auto [e, buffer] : llvm::enumerate(extras)) {
        unsigned a = 2 + e;
        Value place = at(a, rowAt[r], firstPanel, v);
        if (plan.getSteps()[a] == 0)
          arguments.push_back(f.load(buffer, place));
        else if (plan.getSteps()[a] == 1)
          arguments.push_back(left ? f.loadFirst(buffer, place, left, lanes)
                                   : f.load(buffer, place, lanes));
        else
          arguments.push_back(
              strided(buffer, place, accesses[a].strides[column], left));
      }
      SmallVector<Value> values = epilogue.write(op.getEpilogue(), arguments);
      for (auto [i, buffer] : llvm::enumerate(results)) {
        unsigned a = 2 + extras.size() + i;
        Value place = at(a, rowAt[r], firstPanel, v), value = epilogue.widen(values[i]);
        if (left)
          f.storeFirst(buffer, value, place, left);
        else
          f.store(buffer, value, place);
      }
    }
  }
}

/// All rows of the block: whole register tiles, then a ladder of smaller ones.
void MatmulEmitter::rowsOf(Value from, Value to, Value firstPanel, int64_t vectors,
                           Value columns) {
  // Accumulators, one vector per column and a splat fill the registers.
  int64_t most = (f.facts.registers - vectors - 1) / vectors;
  int64_t tall = most >= 12 ? 12 : most >= 6 ? 6 : 2;
  for (int64_t step : {tall, tall / 3, (int64_t)1}) {
    if (step == 0)
      continue;
    Value steps = arith::DivUIOp::create(f.b, f.loc, f.sub(to, from), f.index(step));
    Value end = f.add(from, f.mul(steps, f.index(step)));
    f.loop(from, end, step, {}, [&](Value r0, ValueRange) {
      registerTile(r0, step, firstPanel, vectors, columns);
      return SmallVector<Value>{};
    });
    from = end;
    if (step == 1)
      break;
  }
}

void MatmulEmitter::run() {
  readRecord();
  SmallVector<Value> extents(sizes.begin(), sizes.begin() + row);
  extents.push_back(rowBlocks);
  extents.push_back(columnBlocks);
  int64_t perPanel = kern::kBlock / lanes;
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    bases.clear();
    for (const AccessValues &a : accesses) {
      Value base = a.offset;
      for (unsigned d = 0; d < row; ++d)
        base = f.add(base, f.mul(tile[d], a.strides[d]));
      bases.push_back(base);
    }
    Value from = f.mul(tile[row], rows);
    Value to = f.minimum(f.add(from, rows), rowCount);
    Value first = f.mul(tile[row + 1], f.index(2));
    Value columns =
        f.sub(columnCount, f.mul(first, f.index(kern::kBlock)));
    auto branch = [&](Value condition, auto yes, auto no) {
      auto ifOp = scf::IfOp::create(f.b, f.loc, condition, /*withElse=*/true);
      OpBuilder::InsertionGuard guard(f.b);
      f.b.setInsertionPointToStart(ifOp.thenBlock());
      yes();
      f.b.setInsertionPointToStart(ifOp.elseBlock());
      no();
    };
    auto atLeast = [&](Value have, int64_t count) {
      return f.less(f.index(count - 1), have);
    };
    if (perPanel == 1) {
      // One register is one panel: two panels at a time.
      branch(
          atLeast(columns, 2 * kern::kBlock),
          [&] { rowsOf(from, to, first, 2, nullptr); },
          [&] {
            branch(
                atLeast(columns, kern::kBlock + 1),
                [&] { rowsOf(from, to, first, 2, columns); },
                [&] { rowsOf(from, to, first, 1, columns); });
          });
      return;
    }
    Value panels = f.minimum(f.add(first, f.index(2)), sizes[panel]);
    f.loop(first, panels, 1, {}, [&](Value p, ValueRange) {
      Value left = f.sub(columnCount, f.mul(p, f.index(kern::kBlock)));
      branch(
          atLeast(left, kern::kBlock),
          [&] { rowsOf(from, to, p, perPanel, nullptr); },
          [&] { rowsOf(from, to, p, perPanel, left); });
      return SmallVector<Value>{};
    });
  });
}

} // namespace

LogicalResult lower::emitMatmul(KernelFrame &f, kern::MatmulOp op) {
  MatmulEmitter(f, op).run();
  return success();
}
