// Sums over k with 2:4 panels: the left side is permuted to the kept values.
#include "passes/lower/emitters/QuantMatmulEmitter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// What a kept slot multiplies: nibble `slot` of each dword picks among 16
/// values of the left side, which lie in 16 / lanes vectors. Slots 0 to 3 pick
/// among the first 8, the others among the last.
Value QuantMatmulEmitter::pick(ArrayRef<Value> left, Value index,
                               int64_t slot) {
  if (slot)
    index = arith::ShRUIOp::create(f.b, f.loc, index, splatInt(4 * slot));
  if (f.facts.permute && lanes == 16)
    return LLVM::CallIntrinsicOp::create(
               f.b, f.loc, floats(),
               f.b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
               ValueRange{left[0], index})
        .getResult(0);
  if (f.facts.permute && lanes == 8)
    return LLVM::CallIntrinsicOp::create(
               f.b, f.loc, floats(), f.b.getStringAttr("llvm.x86.avx2.permps"),
               ValueRange{left[slot / 4], index})
        .getResult(0);
  index = arith::AndIOp::create(f.b, f.loc, index, splatInt(3));
  Value picked;
  for (int64_t i = 0; i < 4; ++i) {
    int64_t at = slot / 2 * 4 + i;
    Value one = splat(vector::ExtractOp::create(f.b, f.loc, left[at / lanes],
                                                ArrayRef<int64_t>{at % lanes}));
    if (i == 0) {
      picked = one;
      continue;
    }
    Value is = arith::CmpIOp::create(f.b, f.loc, arith::CmpIPredicate::eq,
                                     index, splatInt(i));
    picked = arith::SelectOp::create(f.b, f.loc, is, one, picked);
  }
  return picked;
}

/// Adds one block of 16 k; `rest` of them exist (null: all).
QuantMatmulEmitter::Values
QuantMatmulEmitter::addTwoFour(pack::TwoFourAttr encoding, Value block,
                               Value rest, Values sums) {
  bool isInt8 = encoding.getValues().isInteger(8);
  Value at = f.mul(block, f.index(isInt8 ? 48 : 144));
  Value k = f.mul(block, f.index(16));
  SmallVector<Values> left(count);
  for (int64_t r = 0; r < count; ++r)
    for (int64_t i = 0; i < perPanel; ++i) {
      Value from = f.add(rowBase[r], f.add(k, f.index(i * lanes)));
      if (!rest) {
        left[r].push_back(f.load(lhs, from, lanes));
        continue;
      }
      Value have = arith::MaxSIOp::create(
          f.b, f.loc, f.sub(rest, f.index(i * lanes)), f.index(0));
      left[r].push_back(
          f.loadFirst(lhs, from, f.minimum(have, f.index(lanes)), lanes));
    }
  Values indices;
  for (int64_t v = 0; v < vectors; ++v)
    indices.push_back(loadDwords(v, lanesAt(v, at, 32)));
  prefetch(at);
  for (int64_t slot = 0; slot < 8; ++slot) {
    int64_t row = isInt8 ? slot / 4 : slot;
    Value here = f.add(at, f.index(16 + 16 * row));
    if (slot && (!isInt8 || slot % 4 == 0))
      prefetch(here);
    for (int64_t v = 0; v < vectors; ++v) {
      Value w = loadDwords(v, lanesAt(v, here, 32));
      w = isInt8 ? field(shiftRight(w, slot % 4 / 2 * 16), slot % 2 * 8, 8)
                 : bitcast(w, f.b.getF32Type(), lanes);
      for (int64_t r = 0; r < count; ++r) {
        Value &sum = sums[r * vectors + v];
        sum = fma(pick(left[r], indices[v], slot), w, sum);
      }
    }
  }
  return sums;
}

QuantMatmulEmitter::Values
QuantMatmulEmitter::sumTwoFour(pack::TwoFourAttr encoding) {
  Value blocks = arith::DivUIOp::create(f.b, f.loc, depth, f.index(16));
  Value rest = f.sub(depth, f.mul(blocks, f.index(16)));
  Values sums = f.loop(
      f.index(0), blocks, 1, zeroSums(), [&](Value b, ValueRange carried) {
        return addTwoFour(encoding, b, nullptr, Values(carried));
      });
  Value tails = f.minimum(rest, f.index(1));
  sums = f.loop(f.index(0), tails, 1, sums, [&](Value, ValueRange carried) {
    return addTwoFour(encoding, blocks, rest, Values(carried));
  });
  if (encoding.getValues().isInteger(8)) {
    Value at = f.mul(f.add(blocks, tails), f.index(48));
    for (int64_t v = 0; v < vectors; ++v) {
      Value scale = loadScale(v, at, /*half=*/false);
      for (int64_t r = 0; r < count; ++r)
        sums[r * vectors + v] =
            arith::MulFOp::create(f.b, f.loc, scale, sums[r * vectors + v]);
    }
  }
  return sums;
}
