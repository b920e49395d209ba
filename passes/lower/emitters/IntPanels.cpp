// Sums over k with integer codes, decoded in registers: blocks and scales.
#include "passes/lower/emitters/QuantMatmulEmitter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// The lowest nibble of each dword, less 8: one permute of a table where
/// registers of 16 lanes have it.
Value QuantMatmulEmitter::lookup(Value dwords) {
  if (!f.facts.permute || lanes != 16)
    return field(dwords, 0, 4);
  return LLVM::CallIntrinsicOp::create(
             f.b, f.loc, floats(),
             f.b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
             ValueRange{table, dwords})
      .getResult(0);
}

void QuantMatmulEmitter::makeTable() {
  auto encoding = dyn_cast<pack::IntAttr>(type.getEncoding());
  if (!encoding || encoding.getBits() != 4 || !f.facts.permute || lanes != 16)
    return;
  SmallVector<float> values;
  for (int i = 0; i < 16; ++i)
    values.push_back((float)(i - 8));
  table = arith::ConstantOp::create(
      f.b, f.loc,
      DenseElementsAttr::get(cast<ShapedType>(floats()),
                             ArrayRef<float>(values)));
}

/// The zero points behind a block's scales; none if it has none.
QuantMatmulEmitter::Values QuantMatmulEmitter::loadZeros(pack::IntAttr encoding,
                                                         Value scales) {
  Values zeros;
  Value at = f.add(scales, f.index(encoding.getScale().isF16() ? 8 : 16));
  for (int64_t v = 0; v < vectors && encoding.getZeros(); ++v)
    zeros.push_back(loadZero(v, at));
  return zeros;
}

/// What is left to take off codes less the middle of their range.
QuantMatmulEmitter::Values
QuantMatmulEmitter::floatZeros(pack::IntAttr encoding,
                               ArrayRef<Value> zeroPoints) {
  Values zeros;
  for (Value point : zeroPoints) {
    point = arith::SubIOp::create(f.b, f.loc, point,
                                  splatInt(1 << (encoding.getBits() - 1)));
    zeros.push_back(arith::SIToFPOp::create(f.b, f.loc, floats(), point));
  }
  return zeros;
}

/// Value `low` / bits of each dword. Those that do not lie in a mantissa are
/// read from `high`, the dwords shifted by splitOf(bits).
Value QuantMatmulEmitter::codeAt(Value dwords, Value high, int64_t low,
                                 int64_t bits) {
  int64_t split = splitOf(bits);
  Value from = low < split ? dwords : high;
  int64_t at = low % split;
  return bits == 4 && at == 0 ? lookup(from) : field(from, at, bits);
}

QuantMatmulEmitter::Values
QuantMatmulEmitter::addUnits(pack::IntAttr encoding, Value k, Value at,
                             Value units, Values sums, ArrayRef<Value> zeros,
                             bool guarded) {
  int64_t bits = encoding.getBits(), unit = 32 / bits;
  return f.loop(f.index(0), units, 1, sums, [&](Value u, ValueRange carried) {
    Value here = f.add(at, f.mul(u, f.index(kern::kBlock)));
    Value first = f.add(k, f.mul(u, f.index(unit)));
    Values next(carried), dwords, high;
    for (int64_t v = 0; v < vectors; ++v) {
      dwords.push_back(loadDwords(v, lanesAt(v, here, 32)));
      high.push_back(shiftRight(dwords[v], splitOf(bits)));
    }
    prefetch(here);
    for (int64_t i = 0; i < unit; ++i) {
      // Byte i % 4, field i / 4.
      int64_t low = i % 4 * 8 + i / 4 * bits;
      Values weights;
      for (int64_t v = 0; v < vectors; ++v) {
        Value w = codeAt(dwords[v], high[v], low, bits);
        if (!zeros.empty())
          w = arith::SubFOp::create(f.b, f.loc, w, zeros[v]);
        weights.push_back(w);
      }
      for (int64_t r = 0; r < count; ++r) {
        Value left = splat(loadLeft(r, f.add(first, f.index(i)), guarded));
        for (int64_t v = 0; v < vectors; ++v)
          next[r * vectors + v] = fma(left, weights[v], next[r * vectors + v]);
      }
    }
    return next;
  });
}

/// The sums of a block, zero points taken off (none: the middle).
QuantMatmulEmitter::Values
QuantMatmulEmitter::fmaBlock(pack::IntAttr encoding, Value k, Value at,
                             Value units, Value last,
                             ArrayRef<Value> zeroPoints) {
  int64_t bits = encoding.getBits(), unit = 32 / bits;
  Values zeros = floatZeros(encoding, zeroPoints);
  Values sums = addUnits(encoding, k, at, units, zeroSums(), zeros, false);
  if (!last)
    return sums;
  Value done = f.mul(units, f.index(unit));
  return addUnits(encoding, f.add(k, done),
                  f.add(at, f.mul(units, f.index(kern::kBlock))), last, sums,
                  zeros, true);
}

/// A block of `units` whole units, and `last` (0 or 1) that k ends in.
QuantMatmulEmitter::Values QuantMatmulEmitter::addBlock(pack::IntAttr encoding,
                                                        Value k, Value at,
                                                        Value units, Value last,
                                                        Values totals) {
  int64_t bits = encoding.getBits(), unit = 32 / bits;
  bool half = encoding.getScale().isF16(), whole = encoding.getGroup() == 0;
  // Codes, scales, zero points.
  Value codes = whole ? f.mul(f.add(units, last), f.index(kern::kBlock))
                      : f.index(encoding.getGroup() / unit * kern::kBlock);
  Value scales = f.add(at, codes);
  Values zeroPoints = loadZeros(encoding, scales);
  // Scales move codes off the lines' beginnings: one line in nine holds the
  // end of a code's dwords and scales, and is asked for by no other.
  if (!whole)
    prefetch(scales);
  if (fixed)
    return addFixed(encoding, k, at,
                    last ? f.sub(depth, k) : f.index(encoding.getGroup()),
                    scales, zeroPoints, totals);
  Values sums = lhs.element.isF32()
                    ? fmaBlock(encoding, k, at, units, last, zeroPoints)
                    : dotBlock(encoding, k, at, units, last, zeroPoints);
  for (int64_t v = 0; v < vectors; ++v) {
    Value scale = loadScale(v, scales, half);
    for (int64_t r = 0; r < count; ++r) {
      Value &total = totals[r * vectors + v];
      Value sum = sums[r * vectors + v];
      total = whole ? (Value)arith::MulFOp::create(f.b, f.loc, scale, sum)
                    : fma(scale, sum, total);
    }
  }
  return totals;
}

QuantMatmulEmitter::Values QuantMatmulEmitter::sumInt(pack::IntAttr encoding) {
  int64_t unit = 32 / encoding.getBits(), group = encoding.getGroup();
  if (!fixed)
    makeTable();
  auto split = [&](Value number, int64_t by) {
    Value whole = arith::DivUIOp::create(f.b, f.loc, number, f.index(by));
    return std::make_pair(whole, f.sub(number, f.mul(whole, f.index(by))));
  };
  auto isLeft = [&](Value rest) -> Value {
    return f.minimum(rest, f.index(1));
  };
  if (group == 0) {
    auto [units, rest] = split(depth, unit);
    return addBlock(encoding, f.index(0), f.index(0), units, isLeft(rest),
                    zeroSums());
  }
  bool half = encoding.getScale().isF16();
  int64_t blockDwords = group / unit * kern::kBlock + (half ? 8 : 16) +
                        (encoding.getZeros() ? 4 : 0);
  auto [blocks, rest] = split(depth, group);
  Values totals = f.loop(
      f.index(0), blocks, 1, zeroSums(), [&](Value b, ValueRange carried) {
        return addBlock(encoding, f.mul(b, f.index(group)),
                        f.mul(b, f.index(blockDwords)), f.index(group / unit),
                        nullptr, Values(carried));
      });
  // The block that k ends in, if it does.
  Value tail = rest, at = f.mul(blocks, f.index(blockDwords)),
        first = f.mul(blocks, f.index(group));
  return f.loop(f.index(0), isLeft(tail), 1, totals,
                [&](Value, ValueRange carried) {
                  auto [units, left] = split(tail, unit);
                  return addBlock(encoding, first, at, units, isLeft(left),
                                  Values(carried));
                });
}
