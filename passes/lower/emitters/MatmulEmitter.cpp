// Matrix products in register tiles.
//
//   for tile (batch..., row loops but the last, block of rows, panels)
//     for panels, then rows, down the ladders of #kern.tile
//       R x C accumulators
//       for k: load C columns of rhs, splat R of lhs, fused multiply-add
//       epilogue on the accumulators, store
//
// Lanes are columns and k is summed in order, so every CPU gives the same bits.
// Of bytes (u8 by i8) each step takes four, which lie side by side.
#include "passes/lower/emitters/ByteDots.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

class MatmulEmitter {
public:
  MatmulEmitter(KernelFrame &f, kern::MatmulOp op)
      : f(f), op(op), plan(*op.getPlan()), tile(*op.getTile()), epilogue(f) {}
  void run();

private:
  void readRecord();
  /// All rows of a block on `panels` panels; `columns` of their columns exist
  /// (null: all).
  void rowsOf(Value from, Value to, Value firstPanel, int64_t panels,
              Value columns);
  /// A tile that may have more accumulators than there are registers.
  void cutTile(Value r0, int64_t rows, Value firstPanel, int64_t panels,
               Value columns);
  void registerTile(Value r0, int64_t rows, Value firstPanel, int64_t panels,
                    Value columns);
  /// The epilogue on one row's sums, and its stores.
  void finishRow(Value rowNumber, Value firstPanel, ValueRange sums,
                 Value columns);
  SmallVector<Value> sumsOf(Value r0, int64_t rows, Value firstPanel,
                            int64_t vectors);
  /// An element of an extra or result: vector `v` of row `r`.
  Value at(unsigned access, Value row, Value firstPanel, int64_t v);
  /// Elements with a stride: `count` of them (null: a whole vector).
  Value strided(const Buffer &buffer, Value place, Value stride, Value count);
  /// Bytes (floats stay) as `count` dwords.
  Value asDwords(Value v, int64_t count) {
    return quads ? (Value)vector::BitCastOp::create(
                       f.b, f.loc,
                       VectorType::get({count}, f.b.getI32Type()), v)
                 : v;
  }
  Value splatDword(uint32_t v) {
    return arith::ConstantOp::create(
        f.b, f.loc,
        DenseElementsAttr::get(VectorType::get({lanes}, f.b.getI32Type()),
                               llvm::APInt(32, v)));
  }
  /// The stride number `i` of the tile's fixed ones, or the record's.
  Value step(unsigned i, Value parameter) {
    int64_t fixed = tile.getSteps()[i];
    return fixed ? f.index(fixed) : parameter;
  }

  KernelFrame &f;
  kern::MatmulOp op;
  kern::PlanAttr plan;
  kern::TileAttr tile;
  BodyWriter epilogue;
  Buffer lhs, rhs;
  SmallVector<Buffer> extras, results;
  SmallVector<AccessValues> accesses; // lhs, rhs, extras, results
  SmallVector<Value> sizes, bases;
  Value rows, rowBlocks, columnBlocks, rowCount, columnCount;
  unsigned row = 0, panel = 0, column = 0, reduction = 0; // row: the last one
  int64_t lanes = 0;
  /// A step of the reduction is four bytes on both sides, summed in i32.
  bool quads = false;
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
  row = panel - 1;
  reduction = column + 1;
  lanes = std::min<int64_t>(f.facts.vectorBytes / 4, kern::kBlock);
  quads = lhs.element.isInteger(8);
}

Value MatmulEmitter::at(unsigned access, Value rowNumber, Value firstPanel,
                        int64_t v) {
  int64_t perPanel = kern::kBlock / lanes;
  Value place =
      f.add(bases[access], f.mul(rowNumber, accesses[access].strides[row]));
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

SmallVector<Value> MatmulEmitter::sumsOf(Value r0, int64_t count,
                                         Value firstPanel, int64_t vectors) {
  auto vectorType = VectorType::get(
      {lanes}, quads ? (Type)f.b.getI32Type() : f.b.getF32Type());
  Value zero = arith::ConstantOp::create(
      f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(vectorType)));
  SmallVector<Value> start(count * vectors, zero);
  // A product of signed bytes takes the left side less 128: the sums of the
  // columns tell what is missing.
  bool centred = quads && f.facts.byteDot == ByteDot::Signed;
  if (centred)
    start.append(vectors, zero);
  int64_t each = quads ? 4 : 1;

  // Panels of 16 columns; several vectors may lie in one.
  int64_t perPanel = kern::kBlock / lanes;
  SmallVector<Value> columnBase;
  for (int64_t v = 0; v < vectors; ++v) {
    Value p = f.add(firstPanel, f.index(v / perPanel));
    Value base = f.add(bases[1], f.mul(p, accesses[1].strides[panel]));
    columnBase.push_back(f.add(base, f.index(v % perPanel * lanes * each)));
  }
  unsigned inner = plan.getLoops() - 1;
  Value rowStep = step(0, accesses[0].strides[row]);
  Value leftStep = step(1, accesses[0].strides[inner]);
  Value rightStep = step(2, accesses[1].strides[inner]);
  Value leftBase = f.add(bases[0], f.mul(r0, rowStep));

  auto multiply = [&](Value left, Value right, ValueRange sums) {
    SmallVector<Value> columns, next(sums);
    for (int64_t v = 0; v < vectors; ++v)
      columns.push_back(asDwords(
          f.load(rhs, f.add(columnBase[v], right), lanes * each), lanes));
    if (centred)
      for (int64_t v = 0; v < vectors; ++v)
        next[count * vectors + v] = dotBytes(
            f, splatDword(0x01010101), columns[v], next[count * vectors + v]);
    for (int64_t r = 0; r < count; ++r) {
      Value place = f.add(left, f.mul(f.index(r), rowStep));
      Value one = f.load(lhs, place, each);
      if (quads)
        one = vector::ExtractOp::create(f.b, f.loc, asDwords(one, 1),
                                        ArrayRef<int64_t>{0});
      Value splat = vector::BroadcastOp::create(f.b, f.loc, vectorType, one);
      if (centred)
        splat = arith::XOrIOp::create(f.b, f.loc, splat,
                                      splatDword(0x80808080));
      if (quads) {
        for (int64_t v = 0; v < vectors; ++v)
          next[r * vectors + v] =
              dotBytes(f, splat, columns[v], next[r * vectors + v]);
        continue;
      }
      for (int64_t v = 0; v < vectors; ++v)
        next[r * vectors + v] = math::FmaOp::create(
            f.b, f.loc, splat, columns[v], next[r * vectors + v]);
    }
    return next;
  };
  // The reductions, outermost first; the innermost is written out.
  std::function<SmallVector<Value>(unsigned, Value, Value, ValueRange)> nest =
      [&](unsigned loop, Value left, Value right, ValueRange carried) {
        if (loop < inner)
          return f.loop(
              f.index(0), sizes[loop], 1, carried, [&](Value i, ValueRange c) {
                return nest(
                    loop + 1,
                    f.add(left, f.mul(i, accesses[0].strides[loop])),
                    f.add(right, f.mul(i, accesses[1].strides[loop])), c);
              });
        SmallVector<Value> sums(carried);
        Value from = f.index(0);
        for (int64_t depth : tile.getDepth()) {
          Value steps = arith::DivUIOp::create(
              f.b, f.loc, f.sub(sizes[inner], from), f.index(depth));
          Value end = f.add(from, f.mul(steps, f.index(depth)));
          sums = f.loop(from, end, depth, sums, [&](Value k, ValueRange c) {
            SmallVector<Value> now(c);
            Value l = f.add(left, f.mul(k, leftStep));
            Value r = f.add(right, f.mul(k, rightStep));
            for (int64_t i = 0; i < depth; ++i)
              now = multiply(f.add(l, f.mul(f.index(i), leftStep)),
                             f.add(r, f.mul(f.index(i), rightStep)), now);
            return now;
          });
          from = end;
        }
        return sums;
      };
  SmallVector<Value> sums = nest(reduction, leftBase, f.index(0), start);
  if (centred) {
    for (int64_t i = 0; i < count * vectors; ++i)
      sums[i] = arith::AddIOp::create(
          f.b, f.loc, sums[i],
          arith::MulIOp::create(f.b, f.loc,
                                sums[count * vectors + i % vectors],
                                splatDword(128)));
    sums.truncate(count * vectors);
  }
  return sums;
}

void MatmulEmitter::finishRow(Value rowNumber, Value firstPanel,
                              ValueRange sums, Value columns) {
  epilogue.width = lanes;
  for (auto [index, sum] : llvm::enumerate(sums)) {
    int64_t v = index;
    Value left;
    if (columns) {
      // Columns of this vector that exist: between 0 and all.
      Value used = f.sub(columns, f.index(v * lanes));
      used = arith::MaxSIOp::create(f.b, f.loc, used, f.index(0));
      left = f.minimum(used, f.index(lanes));
    }
    SmallVector<Value> arguments = {sum};
    for (auto [e, buffer] : llvm::enumerate(extras)) {
      unsigned a = 2 + e;
      Value place = at(a, rowNumber, firstPanel, v);
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
      Value place = at(a, rowNumber, firstPanel, v);
      Value value = epilogue.widen(values[i]);
      if (left)
        f.storeFirst(buffer, value, place, left);
      else
        f.store(buffer, value, place);
    }
  }
}

void MatmulEmitter::registerTile(Value r0, int64_t count, Value firstPanel,
                                 int64_t panels, Value columns) {
  int64_t vectors = panels * kern::kBlock / lanes;
  SmallVector<Value> sums = sumsOf(r0, count, firstPanel, vectors);
  epilogue.forEachRow(op.getEpilogue(), count, sums,
                      [&](Value r, ValueRange row) {
                        finishRow(f.add(r0, r), firstPanel, row, columns);
                      });
}

void MatmulEmitter::cutTile(Value r0, int64_t count, Value firstPanel,
                            int64_t panels, Value columns) {
  // Accumulators, a vector per column and a splat fill the registers.
  auto tallest = [&](int64_t p) {
    int64_t vectors = p * kern::kBlock / lanes;
    return (f.facts.registers - vectors - 1) / vectors;
  };
  int64_t wide = panels;
  while (wide > 1 && tallest(wide) < count)
    wide /= 2;
  int64_t parts = llvm::divideCeil(count, std::max<int64_t>(tallest(wide), 1));
  SmallVector<int64_t> heights = {(int64_t)llvm::divideCeil(count, parts)};
  if (int64_t rest = count % heights[0])
    heights.push_back(rest);
  f.loop(f.index(0), f.index(panels), wide, {}, [&](Value p, ValueRange) {
    f.ladder(f.index(0), f.index(count), heights, [&](Value r, int64_t tall) {
      registerTile(f.add(r0, r), tall, f.add(firstPanel, p), wide, columns);
    });
    return SmallVector<Value>{};
  });
}

void MatmulEmitter::rowsOf(Value from, Value to, Value firstPanel,
                           int64_t panels, Value columns) {
  f.ladder(from, to, tile.getRows(), [&](Value r0, int64_t count) {
    cutTile(r0, count, firstPanel, panels, columns);
  });
}

void MatmulEmitter::run() {
  readRecord();
  // A window's panels stay in the cache while its lines pass by; else the rows
  // stay while the panels do.
  bool lines = plan.getRows() > 1;
  unsigned batch = row + 1 - plan.getRows();
  SmallVector<Value> extents(sizes.begin(), sizes.begin() + batch);
  SmallVector<Value> outer(sizes.begin() + batch, sizes.begin() + row);
  outer.push_back(rowBlocks);
  if (lines)
    extents.push_back(columnBlocks);
  llvm::append_range(extents, outer);
  if (!lines)
    extents.push_back(columnBlocks);
  f.forEachTile(extents, [&](ArrayRef<Value> where) {
    Value columnBlock = where[lines ? batch : row + 1];
    auto loopAt = [&](unsigned d) { return where[d + (lines && d >= batch)]; };
    bases.clear();
    for (const AccessValues &a : accesses) {
      Value base = a.offset;
      for (unsigned d = 0; d < row; ++d)
        base = f.add(base, f.mul(loopAt(d), a.strides[d]));
      bases.push_back(base);
    }
    Value from = f.mul(loopAt(row), rows);
    Value to = f.minimum(f.add(from, rows), rowCount);
    Value first = f.mul(columnBlock, f.index(tile.getPanels()[0]));
    Value last = f.minimum(f.add(first, f.index(tile.getPanels()[0])),
                           sizes[panel]);
    Value whole = last;
    if (tile.getPartial())
      whole = f.minimum(last, arith::DivUIOp::create(f.b, f.loc, columnCount,
                                                     f.index(kern::kBlock)));
    f.ladder(first, whole, tile.getPanels(), [&](Value p, int64_t panels) {
      rowsOf(from, to, p, panels, nullptr);
    });
    if (tile.getPartial())
      f.loop(whole, last, 1, {}, [&](Value p, ValueRange) {
        rowsOf(from, to, p, 1,
               f.sub(columnCount, f.mul(p, f.index(kern::kBlock))));
        return SmallVector<Value>{};
      });
  });
}

} // namespace

LogicalResult lower::emitMatmul(KernelFrame &f, kern::MatmulOp op) {
  MatmulEmitter(f, op).run();
  return success();
}
