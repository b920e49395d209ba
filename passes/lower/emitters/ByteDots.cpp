// Sums over k of integer codes by an int8 left side: integers, so every way of
// making them gives the same bits.
//
//   block of k: sum = 0 (32 bits)
//     for four k at a time: sum += dot4(codes of a column, lhs[k..k+3])
//     sum - zero * (sum of lhs over the block)     in float from here on
#include "passes/lower/emitters/ByteDots.h"
#include "passes/lower/emitters/QuantMatmulEmitter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// x86 instructions exist for 256 and 512 bits.
static Value callX86(KernelFrame &f, StringRef narrow, StringRef wide,
                     VectorType type, ValueRange operands) {
  bool isWide = type.getNumElements() * type.getElementTypeBitWidth() == 512;
  return LLVM::CallIntrinsicOp::create(
             f.b, f.loc, type, f.b.getStringAttr(isWide ? wide : narrow),
             operands)
      .getResult(0);
}

/// Codes as the dot product of this CPU reads them, so that a code stands for
/// its value less byteOffset().
int64_t QuantMatmulEmitter::byteOffset(int64_t bits) const {
  return f.facts.byteDot == ByteDot::Signed && bits == 8 ? 128 : 0;
}

/// Plane p of dwords: a code in each byte.
Value QuantMatmulEmitter::codeBytes(Value dwords, int64_t p, int64_t bits) {
  if (bits == 4)
    return arith::AndIOp::create(f.b, f.loc, shiftRight(dwords, 4 * p),
                                 splatInt(0x0F0F0F0F));
  if (byteOffset(bits))
    return arith::XOrIOp::create(f.b, f.loc, dwords, splatInt(0x80808080));
  return dwords;
}

/// Pairs of words, added in dwords.
static Value addWords(KernelFrame &f, VectorType dwords, Value x, Value y) {
  return callX86(f, "llvm.x86.avx2.pmadd.wd", "llvm.x86.avx512.pmaddw.d.512",
                 dwords, {x, y});
}

Value lower::zeroDots(KernelFrame &f, VectorType dwords, int64_t bits) {
  // 8 * 2 * 15 * 128 fits a word.
  if (f.facts.byteDot == ByteDot::Pairs && bits == 4)
    dwords = VectorType::get({2 * dwords.getNumElements()}, f.b.getI16Type());
  return arith::ConstantOp::create(f.b, f.loc,
                                   cast<TypedAttr>(f.b.getZeroAttr(dwords)));
}

Value lower::finishDots(KernelFrame &f, Value sum) {
  auto words = cast<VectorType>(sum.getType());
  if (words.getElementType().isInteger(32))
    return sum;
  Value one = arith::ConstantOp::create(
      f.b, f.loc, DenseElementsAttr::get(words, llvm::APInt(16, 1)));
  auto dwords =
      VectorType::get({words.getNumElements() / 2}, f.b.getI32Type());
  return addWords(f, dwords, sum, one);
}

Value lower::dotBytes(KernelFrame &f, Value codes, Value left, Value sum,
                      int64_t bits) {
  auto dwords = cast<VectorType>(codes.getType());
  int64_t lanes = dwords.getNumElements();
  auto bitcast = [&](Value v, Type element, int64_t width) -> Value {
    return vector::BitCastOp::create(f.b, f.loc,
                                     VectorType::get({width}, element), v);
  };
  auto splatInt = [&](int64_t v) -> Value {
    return arith::ConstantOp::create(
        f.b, f.loc,
        DenseElementsAttr::get(dwords, llvm::APInt(32, (uint64_t)v)));
  };
  auto create = [&](auto op, Value x, Value y) -> Value {
    return decltype(op)::create(f.b, f.loc, x, y);
  };
  auto bytes = [&](Value v) { return bitcast(v, f.b.getI8Type(), 4 * lanes); };
  Type i16 = f.b.getI16Type();
  auto words = VectorType::get({2 * lanes}, i16);
  auto addPairs = [&](Value x, Value y, Value to) {
    return create(arith::AddIOp(), to, addWords(f, dwords, x, y));
  };
  auto splatWord = [&](int64_t v) {
    return arith::ConstantOp::create(
        f.b, f.loc, DenseElementsAttr::get(words, llvm::APInt(16, v)));
  };
  switch (f.facts.byteDot) {
  case ByteDot::Mixed:
    return callX86(f, "llvm.x86.avx512.vpdpbusd.256",
                   "llvm.x86.avx512.vpdpbusd.512", dwords,
                   {sum, bytes(codes), bytes(left)});
  case ByteDot::Signed:
    return LLVM::CallIntrinsicOp::create(
               f.b, f.loc, dwords,
               f.b.getStringAttr("llvm.aarch64.neon.sdot.v4i32.v16i8"),
               ValueRange{sum, bytes(codes), bytes(left)})
        .getResult(0);
  case ByteDot::Pairs:
    // Two products with 15 fit 16 bits; with 255 they do not.
    if (bits == 4) {
      Value pairs = callX86(f, "llvm.x86.avx2.pmadd.ub.sw",
                            "llvm.x86.avx512.pmaddubs.w.512", words,
                            {bytes(codes), bytes(left)});
      return sum.getType() == words ? create(arith::AddIOp(), sum, pairs)
                                    : addPairs(pairs, splatWord(1), sum);
    }
    {
      Value l = bitcast(left, i16, 2 * lanes), eight = splatWord(8);
      Value even =
          create(arith::ShRSIOp(), create(arith::ShLIOp(), l, eight), eight);
      Value low = create(arith::AndIOp(), codes, splatInt(0x00FF00FF));
      sum = addPairs(bitcast(low, i16, 2 * lanes), even, sum);
      Value high =
          create(arith::ShRUIOp(), bitcast(codes, i16, 2 * lanes), eight);
      return addPairs(high, create(arith::ShRSIOp(), l, eight), sum);
    }
  case ByteDot::None:
    for (int64_t j = 0; j < 4; ++j) {
      Value code =
          create(arith::AndIOp(), j ? create(arith::ShRUIOp(), codes, splatInt(8 * j)) : codes, splatInt(0xFF));
      Value value = create(arith::ShLIOp(), left, splatInt(24 - 8 * j));
      value = create(arith::ShRSIOp(), value, splatInt(24));
      sum = create(arith::AddIOp(), sum, create(arith::MulIOp(), code, value));
    }
    return sum;
  }
  llvm_unreachable("no such dot product");
}

/// Four int8 of a row from k on, in every dword; 0 behind the end.
Value QuantMatmulEmitter::loadFour(int64_t r, Value k, bool guarded) {
  Value dword;
  if (!guarded) {
    Value four = f.load(lhs, f.add(rowBase[r], k), 4);
    dword = vector::ExtractOp::create(
        f.b, f.loc, bitcast(four, f.b.getI32Type(), 1), ArrayRef<int64_t>{0});
  } else {
    Type i32 = f.b.getI32Type();
    auto constant = [&](int64_t v) {
      return arith::ConstantOp::create(f.b, f.loc, f.b.getIntegerAttr(i32, v));
    };
    dword = constant(0);
    for (int64_t j = 0; j < 4; ++j) {
      Value here = f.add(k, f.index(j));
      Value last = f.sub(depth, f.index(1));
      Value v = f.load(lhs, f.add(rowBase[r], f.minimum(here, last)));
      v = arith::ExtUIOp::create(f.b, f.loc, i32, v);
      v = arith::SelectOp::create(f.b, f.loc, f.less(here, depth), v,
                                  constant(0));
      v = arith::ShLIOp::create(f.b, f.loc, v, constant(8 * j));
      dword = arith::OrIOp::create(f.b, f.loc, dword, v);
    }
  }
  return vector::BroadcastOp::create(f.b, f.loc, ints(), dword);
}

/// The sum of `n` int8 of a row from k on.
Value QuantMatmulEmitter::sumLeft(int64_t r, Value k, Value n) {
  constexpr int64_t kWidth = 16;
  auto wide = VectorType::get({kWidth}, f.b.getI32Type());
  Value zero = arith::ConstantOp::create(
      f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(wide)));
  Value base = f.add(rowBase[r], k);
  Value whole = arith::DivUIOp::create(f.b, f.loc, n, f.index(kWidth));
  Value sum = f.loop(f.index(0), whole, 1, {zero}, [&](Value i, ValueRange c) {
    Value v = f.load(lhs, f.add(base, f.mul(i, f.index(kWidth))), kWidth);
    v = arith::ExtSIOp::create(f.b, f.loc, wide, v);
    return Values{arith::AddIOp::create(f.b, f.loc, c[0], v)};
  })[0];
  sum =
      vector::ReductionOp::create(f.b, f.loc, vector::CombiningKind::ADD, sum);
  return f.loop(f.mul(whole, f.index(kWidth)), n, 1, {sum},
                [&](Value i, ValueRange c) {
                  Value v = f.load(lhs, f.add(base, i));
                  v = arith::ExtSIOp::create(f.b, f.loc, f.b.getI32Type(), v);
                  return Values{arith::AddIOp::create(f.b, f.loc, c[0], v)};
                })[0];
}

QuantMatmulEmitter::Values QuantMatmulEmitter::addDots(pack::IntAttr encoding,
                                                       Value k, Value at,
                                                       Value units, Values sums,
                                                       bool guarded) {
  int64_t bits = encoding.getBits(), unit = 32 / bits;
  return f.loop(f.index(0), units, 1, sums, [&](Value u, ValueRange carried) {
    Value here = f.add(at, f.mul(u, f.index(kern::kBlock)));
    Value first = f.add(k, f.mul(u, f.index(unit)));
    Values next(carried), dwords;
    for (int64_t v = 0; v < vectors; ++v)
      dwords.push_back(loadDwords(v, lanesAt(v, here, 32)));
    prefetch(here);
    for (int64_t p = 0; p < 8 / bits; ++p) {
      Values codes;
      for (Value d : dwords)
        codes.push_back(codeBytes(d, p, bits));
      for (int64_t r = 0; r < count; ++r) {
        Value left = loadFour(r, f.add(first, f.index(4 * p)), guarded);
        for (int64_t v = 0; v < vectors; ++v)
          next[r * vectors + v] =
              dotBytes(f, codes[v], left, next[r * vectors + v], bits);
      }
    }
    return next;
  });
}

/// The sums of a block as floats, zero points taken off (null: the middle).
QuantMatmulEmitter::Values
QuantMatmulEmitter::dotBlock(pack::IntAttr encoding, Value k, Value at,
                             Value units, Value last,
                             ArrayRef<Value> zeroPoints) {
  int64_t bits = encoding.getBits(), unit = 32 / bits;
  Value zero = arith::ConstantOp::create(
      f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(ints())));
  Values sums =
      addDots(encoding, k, at, units, Values(count * vectors, zero), false);
  if (last)
    sums = addDots(encoding, f.add(k, f.mul(units, f.index(unit))),
                   f.add(at, f.mul(units, f.index(kern::kBlock))), last, sums,
                   true);
  Value n = last ? f.sub(depth, k) : f.index(encoding.getGroup());
  Value offset = splatInt(byteOffset(bits));
  for (int64_t r = 0; r < count; ++r) {
    Value left =
        vector::BroadcastOp::create(f.b, f.loc, ints(), sumLeft(r, k, n));
    for (int64_t v = 0; v < vectors; ++v) {
      Value point =
          zeroPoints.empty() ? splatInt(1 << (bits - 1)) : zeroPoints[v];
      point = arith::SubIOp::create(f.b, f.loc, point, offset);
      point = arith::MulIOp::create(f.b, f.loc, point, left);
      Value &sum = sums[r * vectors + v];
      sum = arith::SubIOp::create(f.b, f.loc, sum, point);
      sum = arith::SIToFPOp::create(f.b, f.loc, floats(), sum);
    }
  }
  return sums;
}
