// Matrix products whose right side is encoded in panels (PanelCodecs.h).
//
//   for tile (batch..., block of rows, four panels of columns)
//     for rows in steps of R, panels in steps of C    R x C accumulators
//       for block of k: sum = 0
//         for k in order: decode C panels' values in registers,
//                         sum = fma(lhs[k], code - zero, sum)
//         total = fma(scale, sum, total)          one block: scale * sum
//       epilogue, store
//
// Lanes are columns and every sum runs in order of k, so all CPUs agree, and a
// row's result does not depend on the rows computed with it. 2:4 sums only the
// kept values, f16 has no scale: one sum over all of k.
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

namespace {

/// Dwords (3 KB) by which a panel is asked for before it is needed: one core
/// then reads memory at 91 to 99 % of its rate instead of 60 to 83 %.
constexpr int64_t kPrefetch = 768;

class QuantMatmulEmitter {
public:
  QuantMatmulEmitter(KernelFrame &f, kern::MatmulOp op)
      : f(f), op(op), plan(*op.getPlan()), epilogue(f),
        type(cast<RankedTensorType>(op.getRhs().getType())) {}
  LogicalResult run();

private:
  using Values = SmallVector<Value>;

  void readRecord();
  void panelsOf(Value from, Value to, Value firstPanel);
  void rowsOf(Value from, Value to, Value firstPanel, int64_t panels,
              Value columns);
  void registerTile(Value r0, int64_t count, Value firstPanel, int64_t panels,
                    Value columns);
  void finishTile(Value firstPanel, ArrayRef<Values> rowAt, ArrayRef<Value> sums,
                  Value columns);

  //===- Sums over k ---------------------------------------------------------===//
  Values sumInt(pack::IntAttr encoding);
  Values sumTwoFour(pack::TwoFourAttr encoding);
  Values sumHalf();
  /// Units of values that share dwords, from k on; `guarded` where the left
  /// side may end before they do.
  Values addUnits(pack::IntAttr encoding, Value k, Value at, Value units,
                  Values sums, ArrayRef<Value> zeros, bool guarded);
  Values addBlock(pack::IntAttr encoding, Value k, Value at, Value units,
                  Value last, Values totals);
  Values addTwoFour(pack::TwoFourAttr encoding, Value block, Value rest,
                    Values sums);

  //===- Pieces --------------------------------------------------------------===//
  Type floats() { return VectorType::get({lanes}, f.b.getF32Type()); }
  VectorType ints() { return VectorType::get({lanes}, f.b.getI32Type()); }
  Value splatInt(int64_t v) {
    return arith::ConstantOp::create(
        f.b, f.loc,
        DenseElementsAttr::get(ints(), APInt(32, (uint64_t)v, false, true)));
  }
  Values zeroSums() {
    Value zero = arith::ConstantOp::create(
        f.b, f.loc, cast<TypedAttr>(f.b.getZeroAttr(floats())));
    return Values(count * vectors, zero);
  }
  Value fma(Value a, Value b, Value c) {
    return math::FmaOp::create(f.b, f.loc, a, b, c);
  }
  Value splat(Value v) {
    return vector::BroadcastOp::create(f.b, f.loc, floats(), v);
  }
  /// `dwords` neighbours at a place of vector v's panel.
  Value loadDwords(int64_t v, Value at, int64_t dwords);
  Value loadDwords(int64_t v, Value at) { return loadDwords(v, at, lanes); }
  /// Where vector v's lanes begin in 16 values of `bits` bits each.
  Value lanesAt(int64_t v, Value at, int64_t bits) {
    return f.add(at, f.index(v % perPanel * lanes * bits / 32));
  }
  Value bitcast(Value v, Type element, int64_t width) {
    return vector::BitCastOp::create(f.b, f.loc,
                                     VectorType::get({width}, element), v);
  }
  /// Bits low .. low + bits of each dword, less the middle of their range.
  Value field(Value dwords, int64_t low, int64_t bits);
  Value shiftRight(Value dwords, int64_t by) {
    return by ? (Value)arith::ShRUIOp::create(f.b, f.loc, dwords, splatInt(by))
              : dwords;
  }
  Value halfToFloat(Value halves);
  Value loadScale(int64_t v, Value at, bool half);
  Value loadZero(int64_t v, Value at);
  void prefetch(Value at);
  Value loadLeft(int64_t r, Value k, bool guarded);
  Value lookup(Value dwords);
  static int64_t splitOf(int64_t bits) { return bits == 4 ? 20 : 16; }
  Value codeAt(Value dwords, Value high, int64_t low, int64_t bits);
  Value pick(ArrayRef<Value> left, Value index, int64_t slot);

  KernelFrame &f;
  kern::MatmulOp op;
  kern::PlanAttr plan;
  BodyWriter epilogue;
  RankedTensorType type;
  Buffer lhs, rhs;
  SmallVector<Buffer> extras, results;
  SmallVector<AccessValues> accesses; // lhs, rhs, extras, results
  Values sizes, bases;
  Value rows, rowBlocks, columnBlocks, rowCount, columnCount, depth;
  unsigned row = 0, panel = 0, column = 0, reduction = 0; // first loops
  int64_t lanes = 0, perPanel = 0;
  int64_t widePanels = 0, tallRows = 0, tallPanels = 0;

  // The register tile at work.
  int64_t count = 0, vectors = 0;
  Values rowBase, panelBase;
  Value table; // of a code's value
};

void QuantMatmulEmitter::readRecord() {
  lhs = f.nextBuffer(op.getLhs().getType());
  rhs = f.nextBuffer(RankedTensorType::get({1}, f.b.getI32Type()));
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
  depth = sizes[reduction];
  lanes = std::min<int64_t>(f.facts.vectorBytes / 4, kern::kBlock);
  perPanel = kern::kBlock / lanes;
  // Chains enough to hide the latency of fma, and registers for two sums each.
  bool wide = lanes == kern::kBlock;
  widePanels = wide ? 4 : 2;
  tallPanels = wide ? 2 : 1;
  tallRows = wide ? 5 : 2;
}

//===- Pieces --------------------------------------------------------------===//

Value QuantMatmulEmitter::loadDwords(int64_t v, Value at, int64_t dwords) {
  return vector::LoadOp::create(
      f.b, f.loc, VectorType::get({dwords}, f.b.getI32Type()), rhs.memref,
      f.add(panelBase[v / perPanel], at));
}

/// Where the bits lie in the mantissa already, those of 2^(23 - low) make them
/// a float: 2^(23 - low) + code, exactly. No shift and no conversion, which few
/// ports have.
Value QuantMatmulEmitter::field(Value dwords, int64_t low, int64_t bits) {
  assert(low + bits <= 23 && "the field must lie in a mantissa");
  double unit = std::ldexp(1.0, 23 - low);
  auto constant = [&](double v) {
    return arith::ConstantOp::create(
        f.b, f.loc,
        DenseElementsAttr::get(cast<ShapedType>(floats()), (float)v));
  };
  Value code = arith::AndIOp::create(
      f.b, f.loc, dwords, splatInt(((1 << bits) - 1) << low));
  Value exponent = arith::BitcastOp::create(f.b, f.loc, ints(), constant(unit));
  code = arith::OrIOp::create(f.b, f.loc, code, exponent);
  code = arith::BitcastOp::create(f.b, f.loc, floats(), code);
  return arith::SubFOp::create(f.b, f.loc, code,
                               constant(unit + (1 << (bits - 1))));
}

Value QuantMatmulEmitter::halfToFloat(Value halves) {
  if (f.facts.halfConversion)
    return arith::ExtFOp::create(f.b, f.loc, floats(), halves);
  // An f16's bits as those of an f32 are 2^112 too small, denormal or not.
  Value bits = arith::BitcastOp::create(
      f.b, f.loc, VectorType::get({lanes}, f.b.getI16Type()), halves);
  bits = arith::ExtUIOp::create(f.b, f.loc, ints(), bits);
  Value sign = arith::AndIOp::create(f.b, f.loc, bits, splatInt(0x8000));
  sign = arith::ShLIOp::create(f.b, f.loc, sign, splatInt(16));
  Value rest = arith::AndIOp::create(f.b, f.loc, bits, splatInt(0x7FFF));
  rest = arith::ShLIOp::create(f.b, f.loc, rest, splatInt(13));
  Value value = arith::BitcastOp::create(
      f.b, f.loc, floats(), arith::OrIOp::create(f.b, f.loc, sign, rest));
  Value up = arith::ConstantOp::create(
      f.b, f.loc,
      DenseElementsAttr::get(cast<ShapedType>(floats()), 0x1p112f));
  return arith::MulFOp::create(f.b, f.loc, value, up);
}

Value QuantMatmulEmitter::loadScale(int64_t v, Value at, bool half) {
  if (!half)
    return bitcast(loadDwords(v, lanesAt(v, at, 32)), f.b.getF32Type(), lanes);
  Value dwords = loadDwords(v, lanesAt(v, at, 16), lanes / 2);
  return halfToFloat(bitcast(dwords, f.b.getF16Type(), lanes));
}

/// Zero points of eight bits, less the middle of the range of `table`.
Value QuantMatmulEmitter::loadZero(int64_t v, Value at) {
  Value bytes = bitcast(loadDwords(v, lanesAt(v, at, 8), lanes / 4),
                        f.b.getI8Type(), lanes);
  return arith::ExtUIOp::create(f.b, f.loc, ints(), bytes);
}

void QuantMatmulEmitter::prefetch(Value at) {
  for (Value base : panelBase)
    memref::PrefetchOp::create(
        f.b, f.loc, rhs.memref,
        ValueRange{f.add(f.add(base, at), f.index(kPrefetch))},
        /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
}

/// lhs[r, k], k along neighbours (MatmulOp sees to it); 0 behind the end, where
/// the stored values are padding.
Value QuantMatmulEmitter::loadLeft(int64_t r, Value k, bool guarded) {
  Value at = k;
  if (guarded)
    at = f.minimum(k, f.sub(depth, f.index(1)));
  Value v = f.load(lhs, f.add(rowBase[r], at));
  if (!guarded)
    return v;
  Value zero = arith::ConstantOp::create(f.b, f.loc, f.b.getF32FloatAttr(0));
  return arith::SelectOp::create(f.b, f.loc, f.less(k, depth), v, zero);
}

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

/// Value `low` / bits of each dword. Those that do not lie in a mantissa are
/// read from `high`, the dwords shifted by splitOf(bits).
Value QuantMatmulEmitter::codeAt(Value dwords, Value high, int64_t low,
                                 int64_t bits) {
  int64_t split = splitOf(bits);
  Value from = low < split ? dwords : high;
  int64_t at = low % split;
  return bits == 4 && at == 0 ? lookup(from) : field(from, at, bits);
}

//===- Integers ------------------------------------------------------------===//

QuantMatmulEmitter::Values QuantMatmulEmitter::addUnits(
    pack::IntAttr encoding, Value k, Value at, Value units, Values sums,
    ArrayRef<Value> zeros, bool guarded) {
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
          next[r * vectors + v] =
              fma(left, weights[v], next[r * vectors + v]);
      }
    }
    return next;
  });
}

/// A block of `units` whole units, and `last` (0 or 1) that k ends in.
QuantMatmulEmitter::Values
QuantMatmulEmitter::addBlock(pack::IntAttr encoding, Value k, Value at,
                             Value units, Value last, Values totals) {
  int64_t bits = encoding.getBits(), unit = 32 / bits;
  bool half = encoding.getScale().isF16(), whole = encoding.getGroup() == 0;
  // Codes, scales, zero points.
  Value codes = whole
                    ? f.mul(f.add(units, last), f.index(kern::kBlock))
                    : f.index(encoding.getGroup() / unit * kern::kBlock);
  Value scales = f.add(at, codes);
  Value points = f.add(scales, f.index(half ? 8 : 16));
  Values zeros;
  if (encoding.getZeros())
    for (int64_t v = 0; v < vectors; ++v) {
      Value zero = arith::SubIOp::create(f.b, f.loc, loadZero(v, points),
                                         splatInt(1 << (bits - 1)));
      zeros.push_back(arith::SIToFPOp::create(f.b, f.loc, floats(), zero));
    }
  Values sums = addUnits(encoding, k, at, units, zeroSums(), zeros, false);
  if (last) {
    Value done = f.mul(units, f.index(unit));
    sums = addUnits(encoding, f.add(k, done),
                    f.add(at, f.mul(units, f.index(kern::kBlock))), last, sums,
                    zeros, true);
  }
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

QuantMatmulEmitter::Values
QuantMatmulEmitter::sumInt(pack::IntAttr encoding) {
  int64_t unit = 32 / encoding.getBits(), group = encoding.getGroup();
  if (encoding.getBits() == 4 && f.facts.permute && lanes == 16) {
    SmallVector<float> values;
    for (int i = 0; i < 16; ++i)
      values.push_back((float)(i - 8));
    table = arith::ConstantOp::create(
        f.b, f.loc,
        DenseElementsAttr::get(cast<ShapedType>(floats()),
                               ArrayRef<float>(values)));
  }
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

//===- 2:4 -----------------------------------------------------------------===//

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
    Value one = splat(vector::ExtractOp::create(
        f.b, f.loc, left[at / lanes], ArrayRef<int64_t>{at % lanes}));
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
  Values sums = f.loop(f.index(0), blocks, 1, zeroSums(),
                       [&](Value b, ValueRange carried) {
                         return addTwoFour(encoding, b, nullptr,
                                           Values(carried));
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
        sums[r * vectors + v] = arith::MulFOp::create(
            f.b, f.loc, scale, sums[r * vectors + v]);
    }
  }
  return sums;
}

//===- f16 -----------------------------------------------------------------===//

QuantMatmulEmitter::Values QuantMatmulEmitter::sumHalf() {
  return f.loop(
      f.index(0), depth, 1, zeroSums(), [&](Value k, ValueRange carried) {
        Values next(carried);
        Value at = f.mul(k, f.index(8));
        prefetch(at);
        for (int64_t v = 0; v < vectors; ++v) {
          Value dwords = loadDwords(v, lanesAt(v, at, 16), lanes / 2);
          Value w = halfToFloat(bitcast(dwords, f.b.getF16Type(), lanes));
          for (int64_t r = 0; r < count; ++r)
            next[r * vectors + v] =
                fma(splat(loadLeft(r, k, false)), w, next[r * vectors + v]);
        }
        return next;
      });
}

//===- Tiles ---------------------------------------------------------------===//

void QuantMatmulEmitter::registerTile(Value r0, int64_t rowsNow,
                                      Value firstPanel, int64_t panels,
                                      Value columns) {
  count = rowsNow;
  vectors = panels * perPanel;
  panelBase.clear();
  rowBase.clear();
  for (int64_t p = 0; p < panels; ++p)
    panelBase.push_back(f.mul(f.add(firstPanel, f.index(p)),
                              accesses[1].strides[panel]));
  SmallVector<Values> rowAt;
  for (int64_t r = 0; r < count; ++r) {
    // A row's number is divided over the row loops.
    Value number = f.add(r0, f.index(r));
    Values at(plan.getRows());
    for (unsigned d = plan.getRows() - 1; d > 0; --d) {
      at[d] = arith::RemUIOp::create(f.b, f.loc, number, sizes[row + d]);
      number = arith::DivUIOp::create(f.b, f.loc, number, sizes[row + d]);
    }
    at[0] = number;
    Value base = bases[0];
    for (auto [d, i] : llvm::enumerate(at))
      base = f.add(base, f.mul(i, accesses[0].strides[row + d]));
    rowBase.push_back(base);
    rowAt.push_back(at);
  }
  Values sums = TypeSwitch<Attribute, Values>(type.getEncoding())
                    .Case<pack::IntAttr>([&](auto e) { return sumInt(e); })
                    .Case<pack::TwoFourAttr>([&](auto e) { return sumTwoFour(e); })
                    .Default([&](Attribute) { return sumHalf(); });
  finishTile(firstPanel, rowAt, sums, columns);
}

/// The epilogue on the sums, and stores of the first `columns` (null: all).
void QuantMatmulEmitter::finishTile(Value firstPanel, ArrayRef<Values> rowAt,
                                    ArrayRef<Value> sums, Value columns) {
  epilogue.width = lanes;
  for (int64_t r = 0; r < count; ++r)
    for (int64_t v = 0; v < vectors; ++v) {
      Value left;
      if (columns) {
        left = arith::MaxSIOp::create(
            f.b, f.loc, f.sub(columns, f.index(v * lanes)), f.index(0));
        left = f.minimum(left, f.index(lanes));
      }
      // Element (row, first column of the vector) of an extra or result.
      auto place = [&](unsigned a) {
        Value at = bases[a];
        for (auto [d, i] : llvm::enumerate(rowAt[r]))
          at = f.add(at, f.mul(i, accesses[a].strides[row + d]));
        Value p = f.add(firstPanel, f.index(v / perPanel));
        at = f.add(at, f.mul(p, accesses[a].strides[panel]));
        return f.add(at, f.mul(f.index(v % perPanel * lanes),
                               accesses[a].strides[column]));
      };
      Values arguments = {sums[r * vectors + v]};
      for (const auto &entry : llvm::enumerate(extras)) {
        size_t e = entry.index();
        const Buffer &buffer = entry.value();
        unsigned a = 2 + e;
        Value at = place(a), stride = accesses[a].strides[column];
        switch (plan.getSteps()[a]) {
        case 0:
          arguments.push_back(f.load(buffer, at));
          break;
        case 1:
          arguments.push_back(left ? f.loadFirst(buffer, at, left, lanes)
                                   : f.load(buffer, at, lanes));
          break;
        default:
          if (!left) {
            arguments.push_back(f.loadStrided(buffer, at, stride, lanes));
            break;
          }
          Type stored =
              cast<MemRefType>(buffer.memref.getType()).getElementType();
          Buffer stack{f.stackBuffer(stored, lanes), buffer.element};
          f.loop(f.index(0), left, 1, {}, [&](Value i, ValueRange) {
            Value e = memref::LoadOp::create(f.b, f.loc, buffer.memref,
                                             f.add(at, f.mul(i, stride)));
            memref::StoreOp::create(f.b, f.loc, e, stack.memref, i);
            return Values{};
          });
          arguments.push_back(f.load(stack, f.index(0), lanes));
        }
      }
      Values values = epilogue.write(op.getEpilogue(), arguments);
      for (auto [i, buffer] : llvm::enumerate(results)) {
        unsigned a = 2 + extras.size() + i;
        Value value = epilogue.widen(values[i]);
        if (left)
          f.storeFirst(buffer, value, place(a), left);
        else
          f.store(buffer, value, place(a));
      }
    }
}

/// Whole panels: one row reads several at once, more rows share what is
/// decoded.
void QuantMatmulEmitter::rowsOf(Value from, Value to, Value firstPanel,
                                int64_t panels, Value columns) {
  Value tall = arith::DivUIOp::create(f.b, f.loc, f.sub(to, from),
                                      f.index(tallRows));
  Value end = f.add(from, f.mul(tall, f.index(tallRows)));
  int64_t together = std::min(panels, tallPanels);
  f.loop(f.index(0), f.index(panels), together, {}, [&](Value p, ValueRange) {
    f.loop(from, end, tallRows, {}, [&](Value r0, ValueRange) {
      registerTile(r0, tallRows, f.add(firstPanel, p), together, columns);
      return Values{};
    });
    return Values{};
  });
  f.loop(end, to, 1, {}, [&](Value r0, ValueRange) {
    registerTile(r0, 1, firstPanel, panels, columns);
    return Values{};
  });
}

void QuantMatmulEmitter::panelsOf(Value from, Value to, Value firstPanel) {
  Value columns =
      f.sub(columnCount, f.mul(firstPanel, f.index(kern::kBlock)));
  Value last = f.minimum(f.add(firstPanel, f.index(kern::kEncodedPanels)),
                         sizes[panel]);
  Value whole = f.less(f.index(kern::kEncodedPanels * kern::kBlock - 1),
                       columns);
  auto ifOp = scf::IfOp::create(f.b, f.loc, whole, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(f.b);
  f.b.setInsertionPointToStart(ifOp.thenBlock());
  f.loop(firstPanel, last, widePanels, {}, [&](Value p, ValueRange) {
    rowsOf(from, to, p, widePanels, nullptr);
    return Values{};
  });
  f.b.setInsertionPointToStart(ifOp.elseBlock());
  f.loop(firstPanel, last, 1, {}, [&](Value p, ValueRange) {
    rowsOf(from, to, p, 1,
           f.sub(columnCount, f.mul(p, f.index(kern::kBlock))));
    return Values{};
  });
}

LogicalResult QuantMatmulEmitter::run() {
  if (plan.getLoops() != plan.getVector() + 2)
    return op.emitError("expected one reduction loop with an encoded right "
                        "side, but got ")
           << plan.getLoops() - plan.getVector() - 1;
  readRecord();
  Values extents(sizes.begin(), sizes.begin() + row);
  extents.push_back(rowBlocks);
  extents.push_back(columnBlocks);
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
    panelsOf(from, to, f.mul(tile[row + 1], f.index(kern::kEncodedPanels)));
  });
  return success();
}

} // namespace

LogicalResult lower::emitQuantMatmul(KernelFrame &f, kern::MatmulOp op) {
  return QuantMatmulEmitter(f, op).run();
}
