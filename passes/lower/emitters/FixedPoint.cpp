// Few rows by int4 weights: sums of integers that are as good as sums of
// floats.
//
//   once a lane: for row, for block of 32 k          (into the lane's scratch)
//     unit = a power of two, so that a = round(x / unit) has 24 bits
//     a as three signed bytes, a = (a2 * 256 + a1) * 256 + a0, and sum of a
//   block: sum = 0 (32 bits)
//     for four k at a time: sum[d] += dot4(codes of a column, a[d][k..k+3])
//     total = fma(scale, unit * ((the three sums) - zero * sum of a), total)
//
// |code - 8| <= 8, so a block's sum fits 32 bits though its parts may not. An
// x is off by at most 2^-23 of the block's largest, where a float of that size
// is off by 2^-24. Blocks below 2^-104 have the unit 2^-126. Where any x is
// infinite or no number, all rows are computed in floats.
//
// CPUs without dot products of bytes multiply a by the code; the sum is the
// same.
#include "dialects/kern/FixedPoint.h"
#include "passes/lower/emitters/ByteDots.h"
#include "passes/lower/emitters/QuantMatmulEmitter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// The largest number of three signed bytes is 0x7F7F7F: of [2^22, 2^23) the
/// mantissas above 1 + 8322814 / 2^23 take the next unit.
static constexpr int64_t kBits = 22, kRoundUp = (1 << 23) - 1 - 8322814;
static constexpr int64_t kDigits = 3;
/// A float's exponent from which the unit is a normal number.
static constexpr int64_t kLeastExponent = kBits + 1;
static constexpr int64_t kInfinity = 0x7F800000;

Value QuantMatmulEmitter::constantInt(int64_t v) {
  return arith::ConstantOp::create(f.b, f.loc, f.b.getI32IntegerAttr(v));
}

bool QuantMatmulEmitter::hasDigits() const {
  return f.facts.byteDot != ByteDot::None;
}

/// Block number `block` of a row whose blocks lie from `base` on; carries the
/// bits of the largest |x|.
Value QuantMatmulEmitter::fixBlock(Value block, Value base, bool guarded,
                                   Value highest) {
  int64_t size = kern::fixedBlock(op.getLhs().getType(), type);
  Value k = f.mul(block, f.index(size));
  Value record = f.add(base, f.mul(block, f.index(kern::fixedRecord(size))));
  Values xs;
  for (int64_t i = 0; i < size; i += lanes) {
    Value here = f.add(k, f.index(i)), at = f.add(rowBase[0], here);
    Value left;
    if (guarded) {
      left = arith::MaxSIOp::create(f.b, f.loc, f.sub(depth, here), f.index(0));
      left = f.minimum(left, f.index(lanes));
    }
    xs.push_back(guarded ? f.loadFirst(lhs, at, left, lanes)
                         : f.load(lhs, at, lanes));
  }
  auto create = [&](auto op, Value x, Value y) -> Value {
    return decltype(op)::create(f.b, f.loc, x, y);
  };
  Value most;
  for (Value x : xs) {
    Value bits = bitcast(x, f.b.getI32Type(), lanes);
    bits = create(arith::AndIOp(), bits, splatInt(0x7FFFFFFF));
    most = most ? create(arith::MaxSIOp(), most, bits) : bits;
  }
  Type i32 = f.b.getI32Type(), f32 = f.b.getF32Type();
  most = vector::ReductionOp::create(f.b, f.loc, vector::CombiningKind::MAXSI,
                                     most);
  Value exponent = create(arith::AddIOp(), most, constantInt(kRoundUp));
  exponent = create(arith::ShRUIOp(), exponent, constantInt(23));
  exponent = create(arith::MaxSIOp(), exponent, constantInt(kLeastExponent));
  // 2^(kBits - exponent), and its inverse.
  Value up = create(arith::SubIOp(), constantInt(2 * 127 + kBits), exponent);
  up = create(arith::ShLIOp(), up, constantInt(23));
  up = arith::BitcastOp::create(f.b, f.loc, f32, up);
  Value unit = create(arith::SubIOp(), exponent, constantInt(kBits));
  unit = create(arith::ShLIOp(), unit, constantInt(23));
  auto bytes = VectorType::get({lanes}, f.b.getI8Type());
  Value sum;
  for (auto [i, x] : llvm::enumerate(xs)) {
    // Adding 2^23 of x's sign rounds to an integer, half to even.
    Value v = create(arith::MulFOp(), x, splat(up));
    Value far = bitcast(v, i32, lanes);
    far = create(arith::AndIOp(), far, splatInt(0x80000000));
    far = create(arith::OrIOp(), far, splatInt((int64_t)(127 + 23) << 23));
    far = bitcast(far, f32, lanes);
    v = create(arith::SubFOp(), create(arith::AddFOp(), v, far), far);
    Value a = arith::FPToSIOp::create(f.b, f.loc, ints(), v);
    sum = sum ? create(arith::AddIOp(), sum, a) : a;
    Value at = f.add(record, f.index(i * lanes));
    if (!hasDigits()) {
      f.store(fixedDwords, a, at);
      continue;
    }
    // With 128 more in each byte no digit borrows from the next.
    Value raised = create(arith::AddIOp(), a, splatInt(0x808080));
    raised = create(arith::XOrIOp(), raised, splatInt(0x808080));
    for (int64_t d = 0; d < kDigits; ++d) {
      Value digit = arith::TruncIOp::create(f.b, f.loc, bytes,
                                            shiftRight(raised, 8 * d));
      f.store(fixedBytes, digit,
              f.add(f.mul(record, f.index(4)),
                    f.index(d * size + i * lanes)));
    }
  }
  sum =
      vector::ReductionOp::create(f.b, f.loc, vector::CombiningKind::ADD, sum);
  f.store(fixedDwords, unit, f.add(record, f.index(size)));
  f.store(fixedDwords, sum, f.add(record, f.index(size + 1)));
  return create(arith::MaxSIOp(), highest, most);
}

/// Writes the rows into scratch; gives whether the products read them there,
/// null if never.
Value QuantMatmulEmitter::fixRows() {
  int64_t size = kern::fixedBlock(op.getLhs().getType(), type);
  if (!size || row != 0)
    return nullptr;
  fixedDwords = f.scratch(f.b.getI32Type());
  fixedBytes = f.scratch(f.b.getI8Type());
  Value blocks = arith::CeilDivUIOp::create(f.b, f.loc, depth, f.index(size));
  Value whole = arith::DivUIOp::create(f.b, f.loc, depth, f.index(size));
  fixedRow = f.mul(blocks, f.index(kern::fixedRecord(size)));
  bases = {accesses[0].offset};
  auto fixAll = [&] {
    return f.loop(f.index(0), rowCount, 1, {constantInt(0)},
                  [&](Value r, ValueRange carried) {
                    count = 1;
                    placeRows(r);
                    Value base = f.mul(r, fixedRow);
                    Values most(carried);
                    for (bool guarded : {false, true})
                      most = f.loop(guarded ? whole : f.index(0),
                                    guarded ? blocks : whole, 1, most,
                                    [&](Value b, ValueRange c) {
                                      return Values{
                                          fixBlock(b, base, guarded, c[0])};
                                    });
                    return most;
                  });
  };
  Value few = f.less(rowCount, f.index(kern::kFixedRows));
  Value highest = f.when(few, {constantInt(kInfinity)}, fixAll)[0];
  return arith::CmpIOp::create(f.b, f.loc, arith::CmpIPredicate::slt, highest,
                               constantInt(kInfinity));
}

/// A block's sums of products with its codes from `at` on, in 32 bits.
QuantMatmulEmitter::Values
QuantMatmulEmitter::fixedSums(Value at, ArrayRef<Value> records) {
  int64_t size = kern::fixedBlock(op.getLhs().getType(), type);
  int64_t digits = hasDigits() ? kDigits : 1, tile = count * vectors;
  auto left = [&](int64_t r, int64_t dword) -> Value {
    Value v = f.load(fixedDwords, f.add(records[r], f.index(dword)));
    return vector::BroadcastOp::create(f.b, f.loc, ints(), v);
  };
  Values sums(digits * tile,
              hasDigits() ? zeroDots(f, ints(), 4) : splatInt(0));
  Value ahead = aheadOf(at);
  for (int64_t u = 0; u < size / 8; ++u) {
    Value here = f.add(at, f.index(u * kern::kBlock));
    Values dwords;
    for (int64_t v = 0; v < vectors; ++v)
      dwords.push_back(loadDwords(v, lanesAt(v, here, 32)));
    prefetch(here, ahead);
    for (int64_t p = 0; p < 2 && hasDigits(); ++p) {
      Values codes;
      for (Value d : dwords)
        codes.push_back(codeBytes(d, p, 4));
      for (int64_t r = 0; r < count; ++r)
        for (int64_t d = 0; d < digits; ++d) {
          Value four = left(r, (d * size + u * 8 + p * 4) / 4);
          for (int64_t v = 0; v < vectors; ++v) {
            Value &sum = sums[d * tile + r * vectors + v];
            sum = dotBytes(f, codes[v], four, sum, 4);
          }
        }
    }
    for (int64_t i = 0; i < 8 && !hasDigits(); ++i) {
      Values codes;
      for (Value d : dwords)
        codes.push_back(
            arith::AndIOp::create(f.b, f.loc,
                                  shiftRight(d, i % 4 * 8 + i / 4 * 4),
                                  splatInt(15)));
      for (int64_t r = 0; r < count; ++r) {
        Value a = left(r, u * 8 + i);
        for (int64_t v = 0; v < vectors; ++v) {
          Value &sum = sums[r * vectors + v];
          Value product = arith::MulIOp::create(f.b, f.loc, codes[v], a);
          sum = arith::AddIOp::create(f.b, f.loc, sum, product);
        }
      }
    }
  }
  if (!hasDigits())
    return sums;
  Values whole;
  for (int64_t i = 0; i < tile; ++i) {
    Value sum;
    for (int64_t d = digits - 1; d >= 0; --d) {
      Value digit = finishDots(f, sums[d * tile + i]);
      if (sum)
        sum = arith::ShLIOp::create(f.b, f.loc, sum, splatInt(8));
      sum = sum ? (Value)arith::AddIOp::create(f.b, f.loc, sum, digit) : digit;
    }
    whole.push_back(sum);
  }
  return whole;
}

/// Adds `n` values along k, whose codes begin at `at`, to the totals.
QuantMatmulEmitter::Values
QuantMatmulEmitter::addFixed(pack::IntAttr encoding, Value k, Value at, Value n,
                             Value scales, ArrayRef<Value> zeroPoints,
                             Values totals) {
  int64_t size = kern::fixedBlock(op.getLhs().getType(), type);
  Value first = arith::DivUIOp::create(f.b, f.loc, k, f.index(size));
  Value blocks = arith::CeilDivUIOp::create(f.b, f.loc, n, f.index(size));
  Values zeros = floatZeros(encoding, zeroPoints), weightScales;
  for (int64_t v = 0; v < vectors; ++v)
    weightScales.push_back(
        loadScale(v, scales, encoding.getScale().isF16()));
  return f.loop(
      f.index(0), blocks, 1, totals, [&](Value block, ValueRange carried) {
        Values next(carried), records;
        Value record = f.mul(f.add(first, block),
                             f.index(kern::fixedRecord(size)));
        for (int64_t r = 0; r < count; ++r)
          records.push_back(f.add(fixedBase[r], record));
        Value here =
            f.add(at, f.mul(block, f.index(size / 8 * kern::kBlock)));
        Values sums = fixedSums(here, records);
        for (int64_t r = 0; r < count; ++r) {
          Value unit = f.load(fixedDwords, f.add(records[r], f.index(size)));
          unit = splat(
              arith::BitcastOp::create(f.b, f.loc, f.b.getF32Type(), unit));
          Value left =
              f.load(fixedDwords, f.add(records[r], f.index(size + 1)));
          Value middle = arith::MulIOp::create(f.b, f.loc, left,
                                               constantInt(8));
          middle = vector::BroadcastOp::create(f.b, f.loc, ints(), middle);
          Value floatLeft = splat(
              arith::SIToFPOp::create(f.b, f.loc, f.b.getF32Type(), left));
          for (int64_t v = 0; v < vectors; ++v) {
            Value sum = arith::SubIOp::create(
                f.b, f.loc, sums[r * vectors + v], middle);
            sum = arith::SIToFPOp::create(f.b, f.loc, floats(), sum);
            if (!zeros.empty())
              sum = fma(arith::NegFOp::create(f.b, f.loc, zeros[v]), floatLeft,
                        sum);
            sum = arith::MulFOp::create(f.b, f.loc, sum, unit);
            Value &total = next[r * vectors + v];
            total = fma(weightScales[v], sum, total);
          }
        }
        return next;
      });
}
