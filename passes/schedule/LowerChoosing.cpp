// What looks at all elements before it knows one result: the largest of an
// axis, positions of what is true, boxes that overlap no better one,
// elimination. Plain code, one place of the outer loops at a time.
#include "passes/schedule/BodyBuilder.h"
#include "tenon/abi.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

using Values = BodyBuilder::Values;
using Int = BodyBuilder::Int;
using Float = BodyBuilder::Float;

//===- Heaps ---------------------------------------------------------------===//

namespace {
/// A heap of positions, the least of an order at its root.
struct Heap {
  BodyBuilder c;
  llvm::function_ref<Value(Value slot)> kept;
  llvm::function_ref<void(Value position, Value slot)> keep;
  llvm::function_ref<Value(Value p, Value q)> isLess;

  /// Moves what is in a slot down until no child is less.
  void sift(Value from, Value size);
  /// Orders slots 0 .. size.
  void build(Value size);
};
} // namespace

void Heap::sift(Value from, Value size) {
  Value one = c.constant(1);
  c.repeat({from}, [&](ValueRange carried) {
    Value slot = carried[0], left = c.add(c.mul(slot, c.constant(2)), one);
    return c.ifElse(
        c.compare(Int::slt, left, size),
        [&] {
          Value right = c.min(c.add(left, one), c.sub(size, one));
          Value p = kept(left), q = kept(right), mine = kept(slot);
          Value leftIsLeast = isLess(p, q);
          Value child = c.select(leftIsLeast, left, right);
          Value least = c.select(leftIsLeast, p, q);
          Value swaps = isLess(least, mine);
          c.ifThen(swaps, [&] {
            keep(least, slot);
            keep(mine, child);
          });
          return Values{swaps, child};
        },
        [&] {
          return Values{c.make<arith::ConstantOp>(c.b.getBoolAttr(false)), slot};
        });
  });
}

void Heap::build(Value size) {
  Value half = c.make<arith::DivUIOp>(size, c.constant(2));
  c.forEach(c.constant(0), half, [&](Value i) {
    sift(c.sub(c.sub(half, c.constant(1)), i), size);
  });
}

//===- Top k ---------------------------------------------------------------===//

/// A heap of positions in the result, the worst kept one at its root: O(n log k)
/// and no scratch. Taking the root to the end until it is empty leaves the best
/// first. Equal elements are ordered by position, so there is one answer.
static Value lowerTopK(KernBuilder &k, nn::TopKOp op) {
  Dims x = k.of(op.getInput());
  Type element = k.elementOf(op.getInput());
  unsigned axis = op.getAxis();
  DimExpr count = op.getCount().getExprs()[0];
  KernBuilder::SequenceSpec spec;
  for (unsigned i = 0; i < x.size(); ++i)
    if (i != axis)
      spec.sizes.push_back(x[i]);
  spec.tables = {op.getInput()};
  spec.elements = {k.b.getI64Type()};
  spec.shapes = {k.of(op.getResult())};
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder c{b, loc};
    Values outer;
    for (unsigned i = 0; i < spec.sizes.size(); ++i)
      outer.push_back(c.loop(i));
    auto place = [&](Value at) {
      Values all(outer);
      all.insert(all.begin() + axis, at);
      return all;
    };
    Type i64 = b.getI64Type();
    auto kept = [&](Value slot) {
      return c.make<arith::IndexCastOp>(b.getIndexType(), c.read(a[1], place(slot)));
    };
    auto keep = [&](Value position, Value slot) {
      c.write(c.make<arith::IndexCastOp>(i64, position), a[1], place(slot));
    };
    auto better = [&](Value p, Value q) {
      Value v = c.widen(c.read(a[0], place(p))), w = c.widen(c.read(a[0], place(q)));
      if (!op.getLargest())
        std::swap(v, w);
      Value more, equal;
      if (isa<FloatType>(v.getType())) {
        more = c.compareF(Float::OGT, v, w);
        equal = c.compareF(Float::OEQ, v, w);
      } else {
        bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
        more = c.compare(isUnsigned ? Int::ugt : Int::sgt, v, w);
        equal = c.compare(Int::eq, v, w);
      }
      return c.orOf(more, c.andOf(equal, c.compare(Int::slt, p, q)));
    };
    Value zero = c.constant(0), one = c.constant(1);
    auto isWorse = [&](Value p, Value q) { return better(q, p); };
    Heap heap{c, kept, keep, isWorse};
    Value n = c.size(x[axis]), most = c.size(count);
    Value fits = c.compare(Int::sle, most, n);
    c.check(fits, TENON_SIZE_OUT_OF_BOUNDS);
    most = c.select(fits, most, zero);
    c.forEach(zero, most, [&](Value i) { keep(i, i); });
    heap.build(most);
    Value some = c.compare(Int::sgt, most, zero);
    c.ifThen(some, [&] {
      c.forEach(most, n, [&](Value i) {
        c.ifThen(better(i, kept(zero)), [&] {
          keep(i, zero);
          heap.sift(zero, most);
        });
      });
      c.forEach(zero, c.sub(most, one), [&](Value i) {
        Value end = c.sub(c.sub(most, one), i);
        Value worst = kept(zero), last = kept(end);
        keep(last, zero);
        keep(worst, end);
        heap.sift(zero, end);
      });
    });
  });
}

//===- True positions ------------------------------------------------------===//

static Value lowerTruePositions(KernBuilder &k, nn::TruePositionsOp op) {
  KernBuilder::SequenceSpec spec;
  spec.tables = {op.getInput()};
  spec.elements = {k.b.getI64Type()};
  spec.shapes = {k.of(op.getResult())};
  DimExpr n = k.of(op.getInput())[0], count = spec.shapes[0][0];
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder c{b, loc};
    Value zero = c.constant(0), one = c.constant(1), most = c.size(count);
    Values found = c.forEach(zero, c.size(n), {zero}, [&](Value i, ValueRange at) {
      Value yes = c.read(a[0], {i});
      c.ifThen(c.andOf(yes, c.compare(Int::slt, at[0], most)), [&] {
        c.write(c.make<arith::IndexCastOp>(b.getI64Type(), i), a[1], {at[0]});
      });
      return Values{c.add(at[0], c.select(yes, one, zero))};
    });
    c.check(c.compare(Int::eq, found[0], most), TENON_SIZE_OUT_OF_BOUNDS);
  });
}

//===- Non-maximum suppression ---------------------------------------------===//

namespace {
/// A box by its corners.
struct Box {
  Value y1, x1, y2, x2;
};
} // namespace

static Box readBox(BodyBuilder c, Value boxes, Value image, Value i, bool centers) {
  Value v[4];
  for (int64_t d = 0; d < 4; ++d)
    v[d] = c.read(boxes, {image, i, c.constant(d)});
  if (centers) {
    // x centre, y centre, width, height
    Value w = c.mulF(v[2], c.like(v[2], 0.5)), h = c.mulF(v[3], c.like(v[3], 0.5));
    return {c.subF(v[1], h), c.subF(v[0], w), c.addF(v[1], h), c.addF(v[0], w)};
  }
  // Any two opposite corners.
  return {c.minF(v[0], v[2]), c.minF(v[1], v[3]), c.maxF(v[0], v[2]),
          c.maxF(v[1], v[3])};
}

static Value areaOf(BodyBuilder c, const Box &box) {
  return c.mulF(c.subF(box.y2, box.y1), c.subF(box.x2, box.x1));
}

/// Whether two boxes overlap by more than the threshold: intersection over
/// union. Most pairs lie apart along x already.
static Value overlaps(BodyBuilder c, const Box &p, const Box &q, Value threshold) {
  Value zero = c.like(threshold, 0);
  Value w = c.subF(c.minF(p.x2, q.x2), c.maxF(p.x1, q.x1));
  return c.ifElse(
      c.compareF(Float::OGT, w, zero),
      [&] {
        Value h = c.subF(c.minF(p.y2, q.y2), c.maxF(p.y1, q.y1));
        Value both = c.mulF(c.maxF(h, zero), w);
        Value either = c.subF(c.addF(areaOf(c, p), areaOf(c, q)), both);
        return Values{c.compareF(Float::OGT, c.divF(both, either), threshold)};
      },
      [&] {
        return Values{c.make<arith::ConstantOp>(c.b.getBoolAttr(false))};
      })[0];
}

/// Of each class, boxes leave a heap from the best on, and stay if they overlap
/// none that stayed before: those lie side by side.
static Value lowerNonMaxSuppression(KernBuilder &k, nn::NonMaxSuppressionOp op) {
  Dims scores = k.of(op.getScores());
  DimExpr images = scores[0], classes = scores[1], n = scores[2];
  DimExpr count = k.of(op.getResult())[0];
  Type i64 = k.b.getI64Type();
  auto scalar = [&](Value v) { return k.view(op.getLoc(), v, {1}); };
  KernBuilder::SequenceSpec spec;
  spec.tables = {op.getBoxes(), op.getScores(), scalar(op.getLimit()),
                 scalar(op.getIouThreshold()), scalar(op.getScoreThreshold())};
  // Also the heap, and the corners of the boxes that stayed.
  spec.elements = {i64, i64, k.elementOf(op.getBoxes())};
  spec.shapes = {k.of(op.getResult()), {n}, {n, 4}};
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder c{b, loc};
    Value zero = c.constant(0), one = c.constant(1), none = c.constant(-1);
    Value boxes = c.size(n), most = c.size(count);
    Value limit = c.make<arith::IndexCastOp>(b.getIndexType(), c.read(a[2], {zero}));
    Value iou = c.read(a[3], {zero}), least = c.read(a[4], {zero});
    Value yes = c.make<arith::ConstantOp>(b.getBoolAttr(true));
    Value no = c.make<arith::ConstantOp>(b.getBoolAttr(false));
    bool centers = op.getCenters();
    auto number = [&](Value i) { return c.make<arith::IndexCastOp>(i64, i); };
    auto kept = [&](Value slot) {
      return c.make<arith::IndexCastOp>(b.getIndexType(), c.read(a[6], {slot}));
    };
    auto keep = [&](Value i, Value slot) { c.write(number(i), a[6], {slot}); };
    auto perClass = [&](Value image, Value kind, Value rows) {
      auto score = [&](Value i) { return c.read(a[1], {image, kind, i}); };
      // The first of equals is the better one.
      auto isBetter = [&](Value p, Value q) {
        Value v = score(p), w = score(q);
        return c.orOf(c.compareF(Float::OGT, v, w),
                      c.andOf(c.compareF(Float::OEQ, v, w),
                              c.compare(Int::slt, p, q)));
      };
      Heap heap{c, kept, keep, isBetter};
      Value open = c.forEach(zero, boxes, {zero}, [&](Value i, ValueRange at) {
        Value passes = c.compareF(Float::OGT, score(i), least);
        c.ifThen(passes, [&] { keep(i, at[0]); });
        return Values{c.add(at[0], c.select(passes, one, zero))};
      })[0];
      heap.build(open);
      return c.repeat({rows, zero, open}, [&](ValueRange at) {
        Value row = at[0], stayed = at[1], left = at[2];
        auto next = [&] {
          Value best = kept(zero), end = c.sub(left, one);
          keep(kept(end), zero);
          heap.sift(zero, end);
          Box mine = readBox(c, a[0], image, best, centers);
          Value seen = c.repeat({zero}, [&](ValueRange j) {
            return c.ifElse(
                c.compare(Int::slt, j[0], stayed),
                [&] {
                  Value v[4];
                  for (int64_t d = 0; d < 4; ++d)
                    v[d] = c.read(a[7], {j[0], c.constant(d)});
                  Value hit = overlaps(c, {v[0], v[1], v[2], v[3]}, mine, iou);
                  return Values{c.select(hit, no, yes),
                                c.select(hit, j[0], c.add(j[0], one))};
                },
                [&] { return Values{no, j[0]}; });
          })[0];
          Value stays = c.compare(Int::eq, seen, stayed);
          c.ifThen(stays, [&] {
            Value corners[] = {mine.y1, mine.x1, mine.y2, mine.x2};
            for (auto [d, v] : llvm::enumerate(corners))
              c.write(v, a[7], {stayed, c.constant(d)});
            c.ifThen(c.compare(Int::slt, row, most), [&] {
              c.write(number(image), a[5], {row, zero});
              c.write(number(kind), a[5], {row, one});
              c.write(number(best), a[5], {row, c.constant(2)});
            });
          });
          Value more = c.select(stays, one, zero);
          return Values{yes, c.add(row, more), c.add(stayed, more), end};
        };
        Value goes = c.andOf(c.compare(Int::sgt, left, zero),
                             c.compare(Int::slt, stayed, limit));
        return c.ifElse(goes, next,
                        [&] { return Values{no, row, stayed, left}; });
      })[0];
    };
    Values rows = c.forEach(zero, c.size(images), {zero}, [&](Value image, ValueRange at) {
      return c.forEach(zero, c.size(classes), at, [&](Value kind, ValueRange at) {
        return Values{perClass(image, kind, at[0])};
      });
    });
    c.check(c.compare(Int::sle, rows[0], most), TENON_SIZE_OUT_OF_BOUNDS);
    c.forEach(rows[0], most, [&](Value i) {
      for (int64_t d = 0; d < 3; ++d)
        c.write(number(none), a[5], {i, c.constant(d)});
    });
  });
}

//===- Determinant ---------------------------------------------------------===//

/// Elimination with the largest element of a column as its pivot.
static Value lowerDeterminant(KernBuilder &k, nn::DeterminantOp op) {
  Dims x = k.of(op.getInput());
  DimExpr n = x.back();
  unsigned rank = x.size();
  Type element = k.elementOf(op.getInput());
  Type type = element.getIntOrFloatBitWidth() < 32 ? (Type)k.b.getF32Type() : element;
  KernBuilder::SequenceSpec spec;
  spec.sizes = Dims(x.begin(), x.end() - 2);
  spec.tables = {op.getInput()};
  // The second result is the matrix that is eliminated.
  spec.elements = {element, type};
  spec.shapes = {spec.sizes, x};
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder c{b, loc};
    Values outer;
    for (unsigned i = 0; i + 2 < rank; ++i)
      outer.push_back(c.loop(i));
    auto place = [&](Value row, Value column) {
      Values all(outer);
      all.append({row, column});
      return all;
    };
    auto at = [&](Value row, Value column) { return c.read(a[2], place(row, column)); };
    auto put = [&](Value v, Value row, Value column) {
      c.write(v, a[2], place(row, column));
    };
    Value zero = c.constant(0), one = c.constant(1), size = c.size(n);
    c.forEach(zero, size, [&](Value i) {
      c.forEach(zero, size, [&](Value j) {
        put(c.widen(c.read(a[0], place(i, j))), i, j);
      });
    });
    Values product = c.forEach(zero, size, {c.number(type, 1)}, [&](Value p, ValueRange d) {
      auto magnitude = [&](Value row) { return c.make<math::AbsFOp>(at(row, p)); };
      Value row = c.forEach(c.add(p, one), size, {p}, [&](Value i, ValueRange best) {
        Value larger = c.compareF(Float::OGT, magnitude(i), magnitude(best[0]));
        return Values{c.select(larger, i, best[0])};
      })[0];
      c.forEach(zero, size, [&](Value j) {
        Value v = at(p, j), w = at(row, j);
        put(w, p, j);
        put(v, row, j);
      });
      Value pivot = at(p, p);
      Value isZero = c.compareF(Float::OEQ, pivot, c.like(pivot, 0));
      c.forEach(c.add(p, one), size, [&](Value i) {
        Value factor = c.select(isZero, c.like(pivot, 0), c.divF(at(i, p), pivot));
        c.forEach(p, size, [&](Value j) {
          put(c.subF(at(i, j), c.mulF(factor, at(p, j))), i, j);
        });
      });
      Value next = c.mulF(d[0], pivot);
      Value swapped = c.compare(Int::ne, row, p);
      return Values{c.select(swapped, c.make<arith::NegFOp>(next), next)};
    });
    c.write(c.narrow(product[0], nn::storageType(element)), a[1], outer);
  });
}

Value schedule::lowerChoosing(KernBuilder &k, Operation *op) {
  if (auto topK = dyn_cast<nn::TopKOp>(op))
    return lowerTopK(k, topK);
  if (auto positions = dyn_cast<nn::TruePositionsOp>(op))
    return lowerTruePositions(k, positions);
  if (auto boxes = dyn_cast<nn::NonMaxSuppressionOp>(op))
    return lowerNonMaxSuppression(k, boxes);
  if (auto determinant = dyn_cast<nn::DeterminantOp>(op))
    return lowerDeterminant(k, determinant);
  return {};
}
