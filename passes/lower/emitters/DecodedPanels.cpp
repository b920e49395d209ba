// Many rows: panels are decoded once into a buffer and read by all rows.
//
//   for panels, for up to kSharing rows: totals = 0 (in memory)
//     for chunk of k: decode [k][columns] as floats, without scales
//       for rows in steps of R, for block of the chunk
//         sum = 0; for k in order: sum = fma(lhs[k], decoded, sum)
//         totals = fma(scale, sum, totals)
//     epilogue, store
//
// The operations of an element are those of registerTile, in its order, so the
// bits are the same.
#include "dialects/kern/FixedPoint.h"
#include "passes/lower/emitters/QuantMatmulEmitter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// Rows that share what is decoded, and the longest chunk; both buffers stay
/// in a first-level cache of 32 KiB.
static constexpr int64_t kSharing = 96, kChunk = 128;
/// Fewer rows decode in registers.
static constexpr int64_t kManyRows = kern::kFixedRows;

std::optional<QuantMatmulEmitter::Blocks> QuantMatmulEmitter::blocks() const {
  // The buffers would be much on the stack of a small machine.
  if (!lhs.element.isF32() || f.facts.indexBits < 64)
    return std::nullopt;
  Blocks blocks;
  if (auto encoding = dyn_cast<pack::IntAttr>(type.getEncoding())) {
    int64_t group = encoding.getGroup(), unit = 32 / encoding.getBits();
    if (group > kChunk || (group && kChunk % group))
      return std::nullopt;
    blocks.encoding = encoding;
    blocks.size = group ? group : kChunk;
    blocks.dwords = blocks.size / unit * kern::kBlock;
    if (group)
      blocks.dwords += (encoding.getScale().isF16() ? 8 : 16) +
                       (encoding.getZeros() ? 4 : 0);
    return blocks;
  }
  if (!isa<pack::HalfAttr>(type.getEncoding()))
    return std::nullopt;
  blocks.size = kChunk;
  blocks.dwords = kChunk * kern::kBlock / 2;
  return blocks;
}

/// Decodes `n` values along k of every vector, from block `first` on.
void QuantMatmulEmitter::decodeChunk(const Blocks &blocks, Value first,
                                     Value n) {
  int64_t width = vectors * lanes;
  auto put = [&](Value w, Value k, int64_t v) {
    vector::StoreOp::create(
        f.b, f.loc, w, decoded.memref,
        ValueRange{f.add(f.mul(k, f.index(width)), f.index(v * lanes))});
  };
  if (!blocks.encoding) {
    Value start = f.mul(first, f.index(blocks.dwords));
    f.loop(f.index(0), n, 1, {}, [&](Value k, ValueRange) {
      Value at = f.add(start, f.mul(k, f.index(8)));
      for (int64_t v = 0; v < vectors; ++v) {
        Value dwords = loadDwords(v, lanesAt(v, at, 16), lanes / 2);
        put(halfToFloat(bitcast(dwords, f.b.getF16Type(), lanes)), k, v);
      }
      return Values{};
    });
    return;
  }
  int64_t bits = blocks.encoding.getBits(), unit = 32 / bits;
  Value count = arith::CeilDivUIOp::create(f.b, f.loc, n, f.index(blocks.size));
  f.loop(f.index(0), count, 1, {}, [&](Value block, ValueRange) {
    Value at = f.mul(f.add(first, block), f.index(blocks.dwords));
    Value k = f.mul(block, f.index(blocks.size));
    Value rest = f.minimum(f.sub(n, k), f.index(blocks.size));
    Value units = arith::CeilDivUIOp::create(f.b, f.loc, rest, f.index(unit));
    Values zeros = floatZeros(
        blocks.encoding,
        loadZeros(blocks.encoding, scalesOf(blocks, f.add(first, block))));
    f.loop(f.index(0), units, 1, {}, [&](Value u, ValueRange) {
      Value here = f.add(at, f.mul(u, f.index(kern::kBlock)));
      Value to = f.add(k, f.mul(u, f.index(unit)));
      for (int64_t v = 0; v < vectors; ++v) {
        Value dwords = loadDwords(v, lanesAt(v, here, 32));
        Value high = shiftRight(dwords, splitOf(bits));
        for (int64_t i = 0; i < unit; ++i) {
          Value w = codeAt(dwords, high, i % 4 * 8 + i / 4 * bits, bits);
          if (!zeros.empty())
            w = arith::SubFOp::create(f.b, f.loc, w, zeros[v]);
          put(w, f.add(to, f.index(i)), v);
        }
      }
      return Values{};
    });
    return Values{};
  });
}

/// Where the scales of block number `block` lie: behind its codes, or behind
/// all codes.
Value QuantMatmulEmitter::scalesOf(const Blocks &blocks, Value block) {
  int64_t unit = 32 / blocks.encoding.getBits();
  if (blocks.encoding.getGroup())
    return f.add(f.mul(block, f.index(blocks.dwords)),
                 f.index(blocks.size / unit * kern::kBlock));
  Value units = arith::CeilDivUIOp::create(f.b, f.loc, depth, f.index(unit));
  return f.mul(units, f.index(kern::kBlock));
}

/// Adds a chunk to the totals of `rowsNow` rows, of which r0 is the first and
/// `place` its number in the totals.
void QuantMatmulEmitter::addChunk(const Blocks &blocks, Value r0, Value place,
                                  int64_t rowsNow, Value first, Value n) {
  count = rowsNow;
  placeRows(r0);
  int64_t width = vectors * lanes;
  bool scaled = blocks.encoding && blocks.encoding.getGroup();
  auto total = [&](int64_t r, int64_t v) {
    return f.add(f.mul(f.add(place, f.index(r)), f.index(width)),
                 f.index(v * lanes));
  };
  auto loadTotals = [&] {
    Values all;
    for (int64_t r = 0; r < count; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        all.push_back(f.load(totals, total(r, v), lanes));
    return all;
  };
  Value blockCount =
      arith::CeilDivUIOp::create(f.b, f.loc, n, f.index(blocks.size));
  Value start = f.mul(first, f.index(blocks.size));
  f.loop(f.index(0), blockCount, 1, {}, [&](Value block, ValueRange) {
    Value from = f.mul(block, f.index(blocks.size));
    Value to = f.minimum(f.add(from, f.index(blocks.size)), n);
    Values sums =
        f.loop(from, to, 1, scaled ? zeroSums() : loadTotals(),
               [&](Value k, ValueRange carried) {
                 Values next(carried), weights;
                 Value at = f.mul(k, f.index(width));
                 for (int64_t v = 0; v < vectors; ++v)
                   weights.push_back(
                       f.load(decoded, f.add(at, f.index(v * lanes)), lanes));
                 for (int64_t r = 0; r < count; ++r) {
                   Value left = splat(loadLeft(r, f.add(start, k), false));
                   for (int64_t v = 0; v < vectors; ++v)
                     next[r * vectors + v] =
                         fma(left, weights[v], next[r * vectors + v]);
                 }
                 return next;
               });
    if (scaled) {
      Value scales = scalesOf(blocks, f.add(first, block));
      for (int64_t v = 0; v < vectors; ++v) {
        Value scale = loadScale(v, scales, blocks.encoding.getScale().isF16());
        for (int64_t r = 0; r < count; ++r) {
          Value &sum = sums[r * vectors + v];
          sum = fma(scale, sum, f.load(totals, total(r, v), lanes));
        }
      }
    }
    for (int64_t r = 0; r < count; ++r)
      for (int64_t v = 0; v < vectors; ++v)
        f.store(totals, sums[r * vectors + v], total(r, v));
    return Values{};
  });
}

/// Up to kSharing rows of neighbouring panels.
void QuantMatmulEmitter::sharedRows(const Blocks &blocks, Value from, Value to,
                                    Value firstPanel, int64_t panels) {
  vectors = panels * perPanel;
  placePanels(firstPanel, panels);
  int64_t width = vectors * lanes;
  Value rowsNow = f.sub(to, from);
  Value zero = arith::ConstantOp::create(
      f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(floats())));
  f.loop(f.index(0), f.mul(rowsNow, f.index(width)), lanes, {},
         [&](Value i, ValueRange) {
           f.store(totals, zero, i);
           return Values{};
         });
  f.loop(f.index(0), depth, kChunk, {}, [&](Value k, ValueRange) {
    Value first = arith::DivUIOp::create(f.b, f.loc, k, f.index(blocks.size));
    Value n = f.minimum(f.sub(depth, k), f.index(kChunk));
    decodeChunk(blocks, first, n);
    // Whole tiles, thirds of tiles, rows.
    f.ladder(f.index(0), rowsNow, {sharedTile, sharedTile / 3, 1},
             [&](Value r, int64_t step) {
               addChunk(blocks, f.add(from, r), r, step, first, n);
             });
    return Values{};
  });
  f.loop(f.index(0), rowsNow, 1, {}, [&](Value r, ValueRange) {
    count = 1;
    Values sums;
    for (int64_t v = 0; v < vectors; ++v) {
      Value at = f.add(f.mul(r, f.index(width)), f.index(v * lanes));
      Value sum = f.load(totals, at, lanes);
      if (blocks.encoding && !blocks.encoding.getGroup()) {
        Value scale = loadScale(v, scalesOf(blocks, f.index(0)),
                                blocks.encoding.getScale().isF16());
        sum = arith::MulFOp::create(f.b, f.loc, scale, sum);
      }
      sums.push_back(sum);
    }
    finishTile(firstPanel, f.add(from, r), sums, nullptr);
    return Values{};
  });
}

/// Whole panels, if there are many rows; gives the condition, null if never.
Value QuantMatmulEmitter::areMany(Value from, Value to) {
  if (!blocks())
    return nullptr;
  return f.less(f.index(kManyRows - 1), f.sub(to, from));
}

void QuantMatmulEmitter::manyRows(Value from, Value to, Value firstPanel,
                                  int64_t panels) {
  int64_t together = std::min(panels, sharedPanels);
  decoded = {f.stackBuffer(f.b.getF32Type(), kChunk * together * kern::kBlock),
             f.b.getF32Type()};
  totals = {f.stackBuffer(f.b.getF32Type(), kSharing * together * kern::kBlock),
            f.b.getF32Type()};
  makeTable();
  f.loop(f.index(0), f.index(panels), together, {}, [&](Value p, ValueRange) {
    f.loop(from, to, kSharing, {}, [&](Value r, ValueRange) {
      sharedRows(*blocks(), r, f.minimum(to, f.add(r, f.index(kSharing))),
                 f.add(firstPanel, p), together);
      return Values{};
    });
    return Values{};
  });
}
