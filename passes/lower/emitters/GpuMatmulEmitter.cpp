// Matrix products on a GPU.
//
//   for tile (batch..., rows..., block of rows, panels of columns)   a workgroup
//     for 32 columns, for 32 rows
//                                    8 x 8 invocations, 4 x 4 elements each:
//       for k: 4 of lhs, 4 of rhs, 16 fused multiply-adds     rows y, y + 8, ..
//       epilogue on each element, store                       columns x, x + 8, ..
//
// Rows and columns behind the last are computed again from the last and not
// stored, so that nothing branches in the loops. k is summed in order.
//
// 2:4 weights go to tensor cores, 16 columns by 8 rows by 16 of k at a time:
//
//   a warp: for its panels of the tile, for 8 rows
//     for blocks of 16 k: mma.sp.m16n8k16(weights^T, indices, rows^T)
//
// A float32 is there the sum of two bfloat16 (16 bits of it), and three of the
// four products are summed.
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "passes/lower/emitters/GpuFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

constexpr int64_t kSide = 8;             // invocations along rows and columns
constexpr int64_t kEach = 4;             // rows and columns of an invocation
constexpr int64_t kTile = kSide * kEach; // of a workgroup: two panels wide
static_assert(kTile == 2 * kern::kBlock, "a tile is two panels wide");
constexpr int64_t kWarp = 32;
/// Dwords of a 2:4 block: an index word of each column, 8 values of each.
constexpr int64_t kSparseBlock = kern::kBlock * 9;

class GpuMatmulEmitter {
public:
  GpuMatmulEmitter(GpuFrame &f, kern::MatmulOp op)
      : f(f), op(op), plan(*op.getPlan()), epilogue(f) {}
  void run();

private:
  /// A row or column of this invocation and what it adds to each access.
  struct Line {
    Value exists;
    SmallVector<Value> offsets; // per access
  };

  void readRecord();
  Line rowAt(Value number, Value end);
  Line columnAt(Value number, Value end);
  void tileOf(ArrayRef<Line> rows, ArrayRef<Line> columns);
  void finishAt(const Line &row, const Line &column, Value sum);
  void denseTile(Value from, Value to, Value columnBlock, int64_t panels);
  void sparseTile(Value from, Value to, Value columnBlock);
  /// The four sums of this lane: columns g and g + 8 of a panel (g = lane / 4)
  /// for two rows, which are those of `rows`.
  SmallVector<Value> sparseSums(Value panelAt, const Line &row, Value g,
                                Value t);

  GpuFrame &f;
  kern::MatmulOp op;
  kern::PlanAttr plan;
  BodyWriter epilogue;
  SmallVector<Buffer> buffers;        // lhs, rhs, extras, results
  SmallVector<AccessValues> accesses; // of the same
  SmallVector<Value> sizes, bases;
  Value rows, rowBlocks, columnBlocks, rowCount, columnCount;
  unsigned row = 0, panel = 0, column = 0, reduction = 0; // first loops
  bool isSparse = false;
  unsigned rowLoops = 1;
};

void GpuMatmulEmitter::readRecord() {
  isSparse = kern::readsPanels(op.getRhs().getType());
  buffers.push_back(f.nextBuffer(op.getLhs().getType()));
  buffers.push_back(f.nextBuffer(
      isSparse ? RankedTensorType::get({1}, f.b.getI32Type())
               : op.getRhs().getType()));
  for (Value v : op.getExtras())
    buffers.push_back(f.nextBuffer(v.getType()));
  for (Value v : op.getResults())
    buffers.push_back(f.nextBuffer(v.getType()));
  for (Value *v : {&rows, &rowBlocks, &columnBlocks, &rowCount, &columnCount})
    *v = f.nextParameter();
  for (int64_t i = 0; i < plan.getLoops(); ++i)
    sizes.push_back(f.nextParameter());
  for (unsigned i = 0; i < buffers.size(); ++i)
    accesses.push_back(f.nextAccess(plan.getLoops()));
  epilogue.readSizes(op.getEpilogue());
  epilogue.readConstants(op.getEpilogue());
  column = plan.getVector();
  panel = column - 1;
  // Blocks of rows are cut from the last row loop, or from all of them where
  // the right side is encoded.
  rowLoops = isSparse ? plan.getRows() : 1;
  row = panel - rowLoops;
  reduction = column + 1;
}

GpuMatmulEmitter::Line GpuMatmulEmitter::rowAt(Value number, Value end) {
  Line line{f.less(number, end), {}};
  Value rest = f.minimum(number, f.sub(end, f.index(1)));
  SmallVector<Value> at(rowLoops);
  for (unsigned d = rowLoops - 1; d > 0; --d) {
    at[d] = arith::RemUIOp::create(f.b, f.loc, rest, sizes[row + d]);
    rest = arith::DivUIOp::create(f.b, f.loc, rest, sizes[row + d]);
  }
  at[0] = rest;
  for (const AccessValues &a : accesses) {
    Value offset = f.mul(at[0], a.strides[row]);
    for (unsigned d = 1; d < at.size(); ++d)
      offset = f.add(offset, f.mul(at[d], a.strides[row + d]));
    line.offsets.push_back(offset);
  }
  return line;
}

GpuMatmulEmitter::Line GpuMatmulEmitter::columnAt(Value number, Value end) {
  Line line{f.less(number, end), {}};
  Value at = f.minimum(number, f.sub(end, f.index(1)));
  Value p = arith::DivUIOp::create(f.b, f.loc, at, f.index(kern::kBlock));
  Value inside = arith::RemUIOp::create(f.b, f.loc, at, f.index(kern::kBlock));
  for (auto [a, access] : llvm::enumerate(accesses)) {
    Value offset = f.mul(p, access.strides[panel]);
    int64_t step = plan.getSteps()[a];
    if (step == 1 || a == 1) // columns of rhs are neighbours
      offset = f.add(offset, inside);
    else if (step == 2)
      offset = f.add(offset, f.mul(inside, access.strides[column]));
    line.offsets.push_back(offset);
  }
  return line;
}

void GpuMatmulEmitter::finishAt(const Line &row, const Line &column,
                                Value sum) {
  auto place = [&](unsigned access) {
    return f.add(f.add(bases[access], row.offsets[access]),
                 column.offsets[access]);
  };
  f.ifTrue(arith::AndIOp::create(f.b, f.loc, row.exists, column.exists), [&] {
    SmallVector<Value> arguments = {sum};
    unsigned a = 2;
    for (unsigned e = 0; e < op.getExtras().size(); ++e, ++a)
      arguments.push_back(f.load(buffers[a], place(a)));
    SmallVector<Value> values = epilogue.write(op.getEpilogue(), arguments);
    for (Value v : values) {
      f.store(buffers[a], v, place(a));
      ++a;
    }
  });
}

void GpuMatmulEmitter::tileOf(ArrayRef<Line> rows, ArrayRef<Line> columns) {
  auto start = [&](unsigned access, ArrayRef<Line> lines) {
    SmallVector<Value> at;
    for (const Line &line : lines)
      at.push_back(f.add(bases[access], line.offsets[access]));
    return at;
  };
  SmallVector<Value> left = start(0, rows), right = start(1, columns);
  Value zero = arith::ConstantOp::create(f.b, f.loc, f.b.getF32FloatAttr(0));
  // The reductions, outermost first; offsets of both sides grow on the way.
  std::function<SmallVector<Value>(unsigned, Value, Value, ValueRange)> nest =
      [&](unsigned loop, Value l, Value r, ValueRange sums) {
        if (loop == plan.getLoops()) {
          SmallVector<Value> ls, rs, next;
          for (Value at : left)
            ls.push_back(f.load(buffers[0], f.add(at, l)));
          for (Value at : right)
            rs.push_back(f.load(buffers[1], f.add(at, r)));
          for (unsigned i = 0; i < ls.size(); ++i)
            for (unsigned j = 0; j < rs.size(); ++j)
              next.push_back(math::FmaOp::create(f.b, f.loc, ls[i], rs[j],
                                                 sums[i * rs.size() + j]));
          return next;
        }
        return f.loop(
            f.index(0), sizes[loop], 1, sums, [&](Value i, ValueRange c) {
              return nest(loop + 1,
                          f.add(l, f.mul(i, accesses[0].strides[loop])),
                          f.add(r, f.mul(i, accesses[1].strides[loop])), c);
            });
      };
  SmallVector<Value> sums(rows.size() * columns.size(), zero);
  sums = nest(reduction, f.index(0), f.index(0), sums);
  for (unsigned i = 0; i < rows.size(); ++i)
    for (unsigned j = 0; j < columns.size(); ++j)
      finishAt(rows[i], columns[j], sums[i * columns.size() + j]);
}

void GpuMatmulEmitter::denseTile(Value from, Value to, Value columnBlock,
                                 int64_t panels) {
  Value side = f.index(kSide);
  Value x = arith::RemUIOp::create(f.b, f.loc, f.invocation, side);
  Value y = arith::DivUIOp::create(f.b, f.loc, f.invocation, side);
  Value width = f.index(panels * kern::kBlock);
  Value left = f.mul(columnBlock, width);
  Value right = f.minimum(f.add(left, width), columnCount);
  f.loop(left, right, kTile, {}, [&](Value first, ValueRange) {
    SmallVector<Line> columns;
    for (int64_t j = 0; j < kEach; ++j)
      columns.push_back(
          columnAt(f.add(f.add(first, x), f.index(j * kSide)), right));
    f.loop(from, to, kTile, {}, [&](Value r0, ValueRange) {
      SmallVector<Line> lines;
      for (int64_t i = 0; i < kEach; ++i)
        lines.push_back(rowAt(f.add(f.add(r0, y), f.index(i * kSide)), to));
      tileOf(lines, columns);
      return SmallVector<Value>{};
    });
    return SmallVector<Value>{};
  });
}

//===- 2:4 -----------------------------------------------------------------===//

/// Two bfloat16 in a word, the upper halves of float32 bits.
static Value packHalves(GpuFrame &f, Value low, Value high) {
  auto word = [&](int32_t v) -> Value {
    return arith::ConstantOp::create(f.b, f.loc, f.b.getI32IntegerAttr(v));
  };
  Value l = arith::ShRUIOp::create(f.b, f.loc, low, word(16));
  Value h = arith::AndIOp::create(f.b, f.loc, high, word(0xFFFF0000));
  return arith::OrIOp::create(f.b, f.loc, l, h);
}

/// float32 values as two words of bfloat16: what they are cut to, and what of
/// the rest is.
static std::pair<Value, Value> splitPair(GpuFrame &f, Value low, Value high) {
  Type i32 = f.b.getI32Type(), f32 = f.b.getF32Type();
  Value mask = arith::ConstantOp::create(f.b, f.loc,
                                         f.b.getI32IntegerAttr(0xFFFF0000));
  Value bits[2], rest[2];
  for (int i = 0; i < 2; ++i) {
    Value v = i ? high : low;
    bits[i] = arith::BitcastOp::create(f.b, f.loc, i32, v);
    Value cut = arith::BitcastOp::create(
        f.b, f.loc, f32, arith::AndIOp::create(f.b, f.loc, bits[i], mask));
    rest[i] = arith::BitcastOp::create(
        f.b, f.loc, i32, arith::SubFOp::create(f.b, f.loc, v, cut));
  }
  return {packHalves(f, bits[0], bits[1]), packHalves(f, rest[0], rest[1])};
}

/// Eight nibbles (places among 16) as eight pairs of bits (places among four).
static Value packIndices(GpuFrame &f, Value word) {
  auto step = [&](Value v, int32_t shift, int32_t mask) -> Value {
    auto constant = [&](int32_t c) -> Value {
      return arith::ConstantOp::create(f.b, f.loc, f.b.getI32IntegerAttr(c));
    };
    Value moved = arith::ShRUIOp::create(f.b, f.loc, v, constant(shift));
    v = arith::OrIOp::create(f.b, f.loc, v, moved);
    return arith::AndIOp::create(f.b, f.loc, v, constant(mask));
  };
  Value mask = arith::ConstantOp::create(f.b, f.loc,
                                         f.b.getI32IntegerAttr(0x33333333));
  Value v = arith::AndIOp::create(f.b, f.loc, word, mask);
  v = step(v, 2, 0x0F0F0F0F);
  v = step(v, 4, 0x00FF00FF);
  return step(v, 8, 0x0000FFFF);
}

SmallVector<Value> GpuMatmulEmitter::sparseSums(Value panelAt, const Line &row,
                                                Value g, Value t) {
  Type f32 = f.b.getF32Type();
  auto word = [&](Value at) { return f.load(buffers[1], at); };
  auto real = [&](Value at) -> Value {
    return arith::BitcastOp::create(f.b, f.loc, f32, word(at));
  };
  Value zero = arith::ConstantOp::create(f.b, f.loc, f.b.getF32FloatAttr(0));
  Value none = arith::ConstantOp::create(f.b, f.loc, f.b.getI32IntegerAttr(0));
  Value high = arith::ConstantOp::create(f.b, f.loc, f.b.getI32IntegerAttr(16));
  Value k = sizes[reduction], pair = f.mul(t, f.index(2));
  Value lhsAt = f.add(bases[0], row.offsets[0]);
  auto lhs = [&](Value at) -> Value {
    // Behind k nothing is read; the stored weights there are 0.
    Value inside = f.less(at, k);
    Value place = f.minimum(at, f.sub(k, f.index(1)));
    Value v = f.load(buffers[0], f.add(lhsAt, f.mul(place, accesses[0].strides[reduction])));
    return arith::SelectOp::create(f.b, f.loc, inside, v, zero);
  };
  SmallVector<Value> start(4, zero);
  Value blocks = arith::DivUIOp::create(
      f.b, f.loc, f.add(k, f.index(kern::kBlock - 1)), f.index(kern::kBlock));
  auto result = LLVM::LLVMStructType::getLiteral(f.b.getContext(),
                                                 {f32, f32, f32, f32});
  return f.loop(f.index(0), blocks, 1, start, [&](Value b, ValueRange sums) {
    Value block = f.add(panelAt, f.mul(b, f.index(kSparseBlock)));
    // Lanes 4 i give the indices of columns i (low half) and i + 8.
    Value upper = f.add(block, f.add(g, f.index(8)));
    Value indices = arith::OrIOp::create(
        f.b, f.loc, packIndices(f, word(f.add(block, g))),
        arith::ShLIOp::create(f.b, f.loc, packIndices(f, word(upper)), high));
    // Kept values 2t and 2t + 1 of both columns; k = 2t, 2t + 1 and 8 behind.
    SmallVector<Value> a[2], x[2];
    Value values = f.add(block, f.add(f.mul(pair, f.index(kern::kBlock)),
                                      f.index(kern::kBlock)));
    for (int64_t half : {0, 8}) {
      Value at = f.add(values, f.add(g, f.index(half)));
      auto [cut, rest] =
          splitPair(f, real(at), real(f.add(at, f.index(kern::kBlock))));
      a[0].push_back(cut);
      a[1].push_back(rest);
      Value first = f.add(f.add(f.mul(b, f.index(kern::kBlock)), pair),
                          f.index(half));
      std::tie(cut, rest) =
          splitPair(f, lhs(first), lhs(f.add(first, f.index(1))));
      x[0].push_back(cut);
      x[1].push_back(rest);
    }
    SmallVector<Value> next(sums);
    for (auto [i, j] : {std::pair(1, 0), std::pair(0, 1), std::pair(0, 0)}) {
      auto mma = NVVM::MmaSpOp::create(
          f.b, f.loc, result, a[i], x[j], next, indices, none,
          ArrayRef<int64_t>{16, 8, 16}, std::nullopt,
          std::array<NVVM::MMATypes, 2>{NVVM::MMATypes::bf16,
                                        NVVM::MMATypes::bf16});
      mma.setOrderedMetadata(true);
      for (int64_t s = 0; s < 4; ++s)
        next[s] = LLVM::ExtractValueOp::create(f.b, f.loc, f32, mma.getRes(),
                                               ArrayRef<int64_t>{s});
    }
    return next;
  });
}

void GpuMatmulEmitter::sparseTile(Value from, Value to, Value columnBlock) {
  auto div = [&](Value v, int64_t by) -> Value {
    return arith::DivUIOp::create(f.b, f.loc, v, f.index(by));
  };
  auto rem = [&](Value v, int64_t by) -> Value {
    return arith::RemUIOp::create(f.b, f.loc, v, f.index(by));
  };
  Value warp = div(f.invocation, kWarp), lane = rem(f.invocation, kWarp);
  Value g = div(lane, 4), t = rem(lane, 4);
  Value first = f.mul(columnBlock, f.index(kern::kEncodedPanels));
  Value last = f.minimum(f.add(first, f.index(kern::kEncodedPanels)),
                         sizes[panel]);
  int64_t warps = f.facts.workgroup / kWarp;
  f.loop(f.add(first, warp), last, warps, {}, [&](Value p, ValueRange) {
    Value panelAt = f.add(bases[1], f.mul(p, accesses[1].strides[panel]));
    Line columns[2];
    for (int64_t half : {0, 1})
      columns[half] = this->columnAt(f.add(f.add(f.mul(p, f.index(kern::kBlock)), g),
                                     f.index(half * 8)),
                               columnCount);
    f.loop(from, to, 8, {}, [&](Value r0, ValueRange) {
      SmallVector<Value> sums =
          sparseSums(panelAt, rowAt(f.add(r0, g), to), g, t);
      for (int64_t i = 0; i < 2; ++i) {
        Line row = rowAt(
            f.add(r0, f.add(f.mul(t, f.index(2)), f.index(i))), to);
        for (int64_t half : {0, 1})
          finishAt(row, columns[half], sums[half * 2 + i]);
      }
      return SmallVector<Value>{};
    });
    return SmallVector<Value>{};
  });
}

void GpuMatmulEmitter::run() {
  readRecord();
  assert(f.facts.workgroup == kSide * kSide && "a workgroup is 8 x 8");
  kern::TileAttr tile = op.getTileAttr();
  // In the order of the CPU's tiles: a window's panels before its lines.
  bool lines = tile && plan.getRows() > 1;
  unsigned batch = row + rowLoops - plan.getRows();
  SmallVector<Value> extents(sizes.begin(), sizes.begin() + row);
  extents.push_back(rowBlocks);
  unsigned columnAt = lines ? batch : extents.size();
  extents.insert(extents.begin() + columnAt, columnBlocks);
  f.forEachTile(extents, [&](ArrayRef<Value> where) {
    SmallVector<Value> at(where);
    Value columnBlock = at[columnAt];
    at.erase(at.begin() + columnAt);
    bases.clear();
    for (const AccessValues &a : accesses) {
      Value base = a.offset;
      for (unsigned d = 0; d < row; ++d)
        base = f.add(base, f.mul(at[d], a.strides[d]));
      bases.push_back(base);
    }
    Value from = f.mul(at[row], rows);
    Value to = f.minimum(f.add(from, rows), rowCount);
    if (isSparse)
      sparseTile(from, to, columnBlock);
    else
      denseTile(from, to, columnBlock, tile ? tile.getPanels()[0] : 2);
  });
}

} // namespace

LogicalResult lower::emitGpuMatmul(GpuFrame &f, kern::MatmulOp op) {
  GpuMatmulEmitter(f, op).run();
  return success();
}
