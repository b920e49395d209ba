// Matrix products whose right side is encoded in panels (PanelCodecs.h).
//
//   for tile (batch..., block of rows, four panels of columns)
//     for rows in steps of R, panels in steps of C    R x C accumulators
//       for block of k: sum = 0
//         for k in order: decode C panels' values in registers,
//                         sum = fma(lhs[k], code - zero, sum)
//         total = fma(scale, sum, total)          one block: scale * sum
//         (an int8 left side: sums of integers, ByteDots.cpp; few rows by
//         int4: FixedPoint.cpp)
//       epilogue, store
//
// Lanes are columns and every sum runs in order of k, so all CPUs agree, and a
// row's result does not depend on the rows computed with it (by int4: on whether
// they are few). 2:4 sums only the kept values, f16 has no scale: one sum over
// all of k.
#include "passes/lower/emitters/QuantMatmulEmitter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// Dwords (3 KB) by which a panel is asked for before it is needed: one core
/// then reads memory at 91 to 99 % of its rate instead of 60 to 83 %.
constexpr int64_t kPrefetch = 768;
/// Byte dots wait for memory alone: further ahead, into the second level.
constexpr int64_t kPrefetchBytes = 6144;

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
  sharedPanels = wide ? 2 : 1;
  sharedTile = wide ? 12 : 6;
}

//===- Pieces
//--------------------------------------------------------------===//

Value QuantMatmulEmitter::loadDwords(int64_t v, Value at, int64_t dwords) {
  return vector::LoadOp::create(f.b, f.loc,
                                VectorType::get({dwords}, f.b.getI32Type()),
                                rhs.memref, f.add(panelBase[v / perPanel], at));
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
  Value code = arith::AndIOp::create(f.b, f.loc, dwords,
                                     splatInt(((1 << bits) - 1) << low));
  Value exponent = arith::BitcastOp::create(f.b, f.loc, ints(), constant(unit));
  code = arith::OrIOp::create(f.b, f.loc, code, exponent);
  code = arith::BitcastOp::create(f.b, f.loc, floats(), code);
  return arith::SubFOp::create(f.b, f.loc, code,
                               constant(unit + (1 << (bits - 1))));
}

Value QuantMatmulEmitter::halfToFloat(Value halves) {
  return arith::ExtFOp::create(f.b, f.loc, floats(), halves);
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

bool QuantMatmulEmitter::readsBytes() const {
  return fixed || !lhs.element.isF32();
}

/// Panels are read side by side: what lies ahead of a panel's end is not the
/// next one, which is read now, but the one behind this tile's.
Value QuantMatmulEmitter::aheadOf(Value at) {
  Value isNear = f.less(at, aheadEnd);
  return arith::SelectOp::create(f.b, f.loc, isNear, aheadNear,
                                 f.add(aheadNear, aheadStep));
}

void QuantMatmulEmitter::prefetch(Value at, Value distance) {
  bool bytes = readsBytes();
  Value ahead = f.add(at, distance);
  for (Value base : panelBase)
    memref::PrefetchOp::create(f.b, f.loc, rhs.memref, f.add(base, ahead),
                               /*isWrite=*/false,
                               /*localityHint=*/bytes ? 2 : 3,
                               /*isDataCache=*/true);
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

//===- f16
//-----------------------------------------------------------------===//

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

//===- Tiles
//---------------------------------------------------------------===//

void QuantMatmulEmitter::placePanels(Value firstPanel, int64_t panels) {
  panelBase.clear();
  for (int64_t p = 0; p < panels; ++p)
    panelBase.push_back(
        f.mul(f.add(firstPanel, f.index(p)), accesses[1].strides[panel]));
  Value distance = f.index(readsBytes() ? kPrefetchBytes : kPrefetch);
  Value size = accesses[1].strides[panel];
  Value whole = arith::DivUIOp::create(f.b, f.loc, distance, size);
  aheadStep = f.mul(size, f.index(panels - 1));
  aheadNear = f.add(distance, f.mul(whole, aheadStep));
  aheadEnd = f.sub(size, f.sub(distance, f.mul(whole, size)));
}

/// The coordinates of a row: its number is divided over the row loops.
QuantMatmulEmitter::Values QuantMatmulEmitter::coordinatesOf(Value number) {
  Values at(plan.getRows());
  for (unsigned d = plan.getRows() - 1; d > 0; --d) {
    at[d] = arith::RemUIOp::create(f.b, f.loc, number, sizes[row + d]);
    number = arith::DivUIOp::create(f.b, f.loc, number, sizes[row + d]);
  }
  at[0] = number;
  return at;
}

/// The left sides of `count` rows from r0 on.
void QuantMatmulEmitter::placeRows(Value r0) {
  rowBase.clear();
  fixedBase.clear();
  for (int64_t r = 0; r < count; ++r) {
    Value number = f.add(r0, f.index(r)), base = bases[0];
    for (auto [d, i] : llvm::enumerate(coordinatesOf(number)))
      base = f.add(base, f.mul(i, accesses[0].strides[row + d]));
    rowBase.push_back(base);
    if (fixed)
      fixedBase.push_back(f.mul(number, fixedRow));
  }
}

void QuantMatmulEmitter::registerTile(Value r0, int64_t rowsNow,
                                      Value firstPanel, int64_t panels,
                                      Value columns) {
  count = rowsNow;
  vectors = panels * perPanel;
  placePanels(firstPanel, panels);
  placeRows(r0);
  Values sums =
      TypeSwitch<Attribute, Values>(type.getEncoding())
          .Case<pack::IntAttr>([&](auto e) { return sumInt(e); })
          .Case<pack::TwoFourAttr>([&](auto e) { return sumTwoFour(e); })
          .Default([&](Attribute) { return sumHalf(); });
  finishTile(firstPanel, r0, sums, columns);
}

/// The epilogue on the sums, and stores of the first `columns` (null: all).
void QuantMatmulEmitter::finishTile(Value firstPanel, Value r0,
                                    ArrayRef<Value> sums, Value columns) {
  epilogue.width = lanes;
  auto finishRow = [&](Value r, ValueRange ofRow) {
    Values rowAt = coordinatesOf(f.add(r0, r));
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
        for (auto [d, i] : llvm::enumerate(rowAt))
          at = f.add(at, f.mul(i, accesses[a].strides[row + d]));
        Value p = f.add(firstPanel, f.index(v / perPanel));
        at = f.add(at, f.mul(p, accesses[a].strides[panel]));
        return f.add(at, f.mul(f.index(v % perPanel * lanes),
                               accesses[a].strides[column]));
      };
      Values arguments = {ofRow[v]};
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
  };
  epilogue.forEachRow(op.getEpilogue(), count, sums, finishRow);
}

/// Whole panels: one row reads several at once, more rows share what is
/// decoded.
void QuantMatmulEmitter::rowsOf(Value from, Value to, Value firstPanel,
                                int64_t panels, Value columns) {
  if (fixed) {
    // Three sums an element: two rows where there are 32 wide registers.
    SmallVector<int64_t> steps = {1};
    if (lanes == kern::kBlock)
      steps.insert(steps.begin(), 2);
    f.ladder(from, to, steps, [&](Value r0, int64_t rowsNow) {
      registerTile(r0, rowsNow, firstPanel, panels, columns);
    });
    return;
  }
  Value tall =
      arith::DivUIOp::create(f.b, f.loc, f.sub(to, from), f.index(tallRows));
  Value end = f.add(from, f.mul(tall, f.index(tallRows)));
  int64_t together = std::min(panels, tallPanels);
  f.loop(f.index(0), f.index(panels), together, {}, [&](Value p, ValueRange) {
    f.loop(from, end, tallRows, {}, [&](Value r0, ValueRange) {
      registerTile(r0, tallRows, f.add(firstPanel, p), together, columns);
      return Values{};
    });
    return Values{};
  });
  // Two rows, then one.
  Value pairs = arith::DivUIOp::create(f.b, f.loc, f.sub(to, end), f.index(2));
  Value single = f.add(end, f.mul(pairs, f.index(2)));
  if (tallRows > 2)
    f.loop(end, single, 2, {}, [&](Value r0, ValueRange) {
      registerTile(r0, 2, firstPanel, panels, columns);
      return Values{};
    });
  f.loop(tallRows > 2 ? single : end, to, 1, {}, [&](Value r0, ValueRange) {
    registerTile(r0, 1, firstPanel, panels, columns);
    return Values{};
  });
}

void QuantMatmulEmitter::panelsOf(Value from, Value to, Value firstPanel) {
  Value columns = f.sub(columnCount, f.mul(firstPanel, f.index(kern::kBlock)));
  Value last =
      f.minimum(f.add(firstPanel, f.index(kern::kEncodedPanels)), sizes[panel]);
  Value whole =
      f.less(f.index(kern::kEncodedPanels * kern::kBlock - 1), columns);
  auto ifOp = scf::IfOp::create(f.b, f.loc, whole, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(f.b);
  f.b.setInsertionPointToStart(ifOp.thenBlock());
  auto few = [&] {
    f.loop(firstPanel, last, widePanels, {}, [&](Value p, ValueRange) {
      rowsOf(from, to, p, widePanels, nullptr);
      return Values{};
    });
  };
  if (Value many = fixed ? nullptr : areMany(from, to)) {
    auto choice = scf::IfOp::create(f.b, f.loc, many, /*withElse=*/true);
    OpBuilder::InsertionGuard inner(f.b);
    f.b.setInsertionPointToStart(choice.thenBlock());
    manyRows(from, to, firstPanel, kern::kEncodedPanels);
    f.b.setInsertionPointToStart(choice.elseBlock());
    few();
  } else {
    few();
  }
  f.b.setInsertionPointToStart(ifOp.elseBlock());
  f.loop(firstPanel, last, 1, {}, [&](Value p, ValueRange) {
    rowsOf(from, to, p, 1, f.sub(columnCount, f.mul(p, f.index(kern::kBlock))));
    return Values{};
  });
}

LogicalResult QuantMatmulEmitter::run() {
  if (plan.getLoops() != plan.getVector() + 2)
    return op.emitError("expected one reduction loop with an encoded right "
                        "side, but got ")
           << plan.getLoops() - plan.getVector() - 1;
  readRecord();
  Value useFixed = fixRows();
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
    Value firstPanel = f.mul(tile[row + 1], f.index(kern::kEncodedPanels));
    if (!useFixed)
      return panelsOf(from, to, firstPanel);
    auto choice = scf::IfOp::create(f.b, f.loc, useFixed, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(f.b);
    for (bool isFixed : {true, false}) {
      fixed = isFixed;
      f.b.setInsertionPointToStart(isFixed ? choice.thenBlock()
                                           : choice.elseBlock());
      panelsOf(from, to, firstPanel);
    }
  });
  return success();
}

LogicalResult lower::emitQuantMatmul(KernelFrame &f, kern::MatmulOp op) {
  return QuantMatmulEmitter(f, op).run();
}
