// Matrix products in register tiles.
//
//   for tile (batch..., block of rows, block of 32 columns)
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
  /// Rows r0.. of `count`, `vectors` vectors of columns from n0; `columns` of
  /// them are stored (null: all).
  void registerTile(Value r0, int64_t count, Value n0, int64_t vectors,
                    Value columns);
  void rowsOf(Value from, Value to, Value n0, int64_t vectors, Value columns);
  Value at(unsigned access, Value row, Value column);
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
  Value rows, rowBlocks, columnBlocks;
  unsigned m = 0, n = 0, k = 0; // loop numbers
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
  unsigned loops = plan.getLoops();
  for (unsigned i = 0; i < loops; ++i)
    sizes.push_back(f.nextParameter());
  for (unsigned i = 0; i < 2 + extras.size() + results.size(); ++i)
    accesses.push_back(f.nextAccess(loops));
  epilogue.readSizes(op.getEpilogue());
  epilogue.readConstants(op.getEpilogue());
  m = loops - 3;
  n = loops - 2;
  k = loops - 1;
  lanes = std::min<int64_t>(f.facts.vectorBytes / 4, kern::kBlock);
}

/// Element (row, column) of an extra or result.
Value MatmulEmitter::at(unsigned access, Value row, Value column) {
  Value place = f.add(bases[access], f.mul(row, accesses[access].strides[m]));
  switch (plan.getSteps()[access]) {
  case 0: return place;
  case 1: return f.add(place, column);
  default: return f.add(place, f.mul(column, accesses[access].strides[n]));
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

void MatmulEmitter::registerTile(Value r0, int64_t count, Value n0,
                                 int64_t vectors, Value columns) {
  Type element = f.b.getF32Type();
  auto vectorType = VectorType::get({lanes}, element);
  Value zero = arith::ConstantOp::create(
      f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(vectorType)));
  SmallVector<Value> start(count * vectors, zero);

  // Panels of 16 columns; several vectors may lie in one.
  int64_t perPanel = kern::kBlock / lanes;
  Value firstPanel = arith::DivUIOp::create(f.b, f.loc, n0, f.index(kern::kBlock));
  SmallVector<Value> columnBase;
  for (int64_t v = 0; v < vectors; ++v) {
    Value panel = f.add(firstPanel, f.index(v / perPanel));
    Value base = f.add(bases[1], f.mul(panel, accesses[1].strides[n]));
    columnBase.push_back(f.add(base, f.index(v % perPanel * lanes)));
  }
  SmallVector<Value> rowBase;
  for (int64_t r = 0; r < count; ++r)
    rowBase.push_back(f.add(bases[0], f.mul(f.add(r0, f.index(r)),
                                            accesses[0].strides[m])));
  SmallVector<Value> sums = f.loop(
      f.index(0), sizes[k], 1, start, [&](Value i, ValueRange carried) {
        Value down = f.mul(i, accesses[1].strides[k]);
        Value right = f.mul(i, accesses[0].strides[k]);
        SmallVector<Value> columnsNow, next(carried);
        for (int64_t v = 0; v < vectors; ++v)
          columnsNow.push_back(
              f.load(rhs, f.add(columnBase[v], down), lanes));
        for (int64_t r = 0; r < count; ++r) {
          Value one = f.load(lhs, f.add(rowBase[r], right));
          Value splat = vector::BroadcastOp::create(f.b, f.loc, vectorType, one);
          for (int64_t v = 0; v < vectors; ++v)
            next[r * vectors + v] = math::FmaOp::create(
                f.b, f.loc, splat, columnsNow[v], carried[r * vectors + v]);
        }
        return next;
      });

  epilogue.width = lanes;
  for (int64_t r = 0; r < count; ++r) {
    Value row = f.add(r0, f.index(r));
    for (int64_t v = 0; v < vectors; ++v) {
      Value column = f.add(n0, f.index(v * lanes));
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
        Value place = at(a, row, column);
        if (plan.getSteps()[a] == 0)
          arguments.push_back(f.load(buffer, place));
        else if (plan.getSteps()[a] == 1)
          arguments.push_back(left ? f.loadFirst(buffer, place, left, lanes)
                                   : f.load(buffer, place, lanes));
        else
          arguments.push_back(
              strided(buffer, place, accesses[a].strides[n], left));
      }
      SmallVector<Value> values = epilogue.write(op.getEpilogue(), arguments);
      for (auto [i, buffer] : llvm::enumerate(results)) {
        unsigned a = 2 + extras.size() + i;
        Value place = at(a, row, column), value = epilogue.widen(values[i]);
        if (left)
          f.storeFirst(buffer, value, place, left);
        else
          f.store(buffer, value, place);
      }
    }
  }
}

/// All rows of the block: whole register tiles, then a ladder of smaller ones.
void MatmulEmitter::rowsOf(Value from, Value to, Value n0, int64_t vectors,
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
      registerTile(r0, step, n0, vectors, columns);
      return SmallVector<Value>{};
    });
    from = end;
    if (step == 1)
      break;
  }
}

void MatmulEmitter::run() {
  readRecord();
  SmallVector<Value> extents(sizes.begin(), sizes.begin() + m);
  extents.push_back(rowBlocks);
  extents.push_back(columnBlocks);
  int64_t perPanel = kern::kBlock / lanes;
  f.forEachTile(extents, [&](ArrayRef<Value> tile) {
    bases.clear();
    for (const AccessValues &a : accesses) {
      Value base = a.offset;
      for (unsigned d = 0; d < m; ++d)
        base = f.add(base, f.mul(tile[d], a.strides[d]));
      bases.push_back(base);
    }
    Value from = f.mul(tile[m], rows);
    Value to = f.minimum(f.add(from, rows), sizes[m]);
    Value n0 = f.mul(tile[m + 1], f.index(2 * kern::kBlock));
    Value columns = f.sub(sizes[n], n0);
    auto branch = [&](Value condition, auto yes, auto no) {
      auto ifOp = scf::IfOp::create(f.b, f.loc, condition, /*withElse=*/true);
      OpBuilder::InsertionGuard guard(f.b);
      f.b.setInsertionPointToStart(ifOp.thenBlock());
      yes();
      f.b.setInsertionPointToStart(ifOp.elseBlock());
      no();
    };
    auto atLeast = [&](int64_t count) {
      return f.less(f.index(count - 1), columns);
    };
    if (perPanel == 1) {
      // One register is one panel: two panels at a time.
      branch(
          atLeast(2 * kern::kBlock),
          [&] { rowsOf(from, to, n0, 2, nullptr); },
          [&] {
            branch(
                atLeast(kern::kBlock + 1),
                [&] { rowsOf(from, to, n0, 2, columns); },
                [&] { rowsOf(from, to, n0, 1, columns); });
          });
      return;
    }
    Value panels = f.minimum(columns, f.index(2 * kern::kBlock));
    f.loop(f.index(0), panels, kern::kBlock, {}, [&](Value shift, ValueRange) {
      Value column = f.add(n0, shift);
      Value left = f.sub(sizes[n], column);
      branch(
          f.less(f.index(kern::kBlock - 1), left),
          [&] { rowsOf(from, to, column, perPanel, nullptr); },
          [&] { rowsOf(from, to, column, perPanel, left); });
      return SmallVector<Value>{};
    });
  });
}

} // namespace

LogicalResult lower::emitMatmul(KernelFrame &f, kern::MatmulOp op) {
  MatmulEmitter(f, op).run();
  return success();
}
