// Samples at computed places: GridSample, RoiAlign, deformable convolution.
// Each element of the result computes where it reads.
#include "passes/schedule/BodyBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

using Float = BodyBuilder::Float;

//===- Grids ---------------------------------------------------------------===//

namespace {
/// GridSample of one element; coordinates in the type of the grid.
struct GridSampler {
  BodyBuilder c;
  nn::GridSampleOp op;
  Value input, image, channel;
  Dims sizes; // spatial

  Value number(Value like, double v) { return c.like(like, v); }
  Value sizeF(unsigned d, Value like) {
    return c.toFloat(c.size(sizes[d]), like.getType());
  }

  /// From [-1, 1] to positions.
  Value place(Value g, unsigned d) {
    Value size = sizeF(d, g), one = number(g, 1), half = number(g, 0.5);
    if (op.getAlignCorners())
      return c.mulF(c.mulF(c.addF(g, one), half), c.subF(size, one));
    return c.mulF(c.subF(c.mulF(c.addF(g, one), size), one), half);
  }

  /// There and back between the ends, as often as it takes.
  Value reflect(Value x, unsigned d) {
    Value size = sizeF(d, x), one = number(x, 1), zero = number(x, 0);
    Value low = number(x, op.getAlignCorners() ? 0 : -0.5);
    Value range = op.getAlignCorners() ? c.subF(size, one) : size;
    Value single = c.compareF(Float::OLE, range, zero);
    Value safe = c.select(single, one, range);
    // The distance from the low end, in periods there and back.
    Value distance = c.make<math::AbsFOp>(c.subF(x, low));
    Value twice = c.addF(safe, safe);
    Value rest = c.subF(distance, c.mulF(c.floor(c.divF(distance, twice)), twice));
    Value back = c.compareF(Float::OGT, rest, safe);
    Value r = c.addF(low, c.select(back, c.subF(twice, rest), rest));
    return c.select(single, zero, r);
  }

  Value clamp(Value x, unsigned d) {
    Value last = c.subF(sizeF(d, x), number(x, 1));
    return c.minF(c.maxF(x, number(x, 0)), last);
  }

  /// What padding does to a position before neighbours are looked up.
  Value pad(Value x, unsigned d) {
    if (op.getPadding() == nn::GridPadding::Border)
      return clamp(x, d);
    if (op.getPadding() == nn::GridPadding::Reflection)
      return reflect(x, d);
    return x;
  }

  /// The element at whole positions, 0 outside where padding says so.
  Value fetch(ArrayRef<Value> whole) {
    SmallVector<Value> at = {image, channel};
    Value inside;
    for (auto [d, w] : llvm::enumerate(whole)) {
      Value position = pad(w, d);
      Value last = c.subF(sizeF(d, w), number(w, 1));
      Value in = c.andOf(c.compareF(Float::OGE, position, number(w, 0)),
                         c.compareF(Float::OLE, position, last));
      inside = inside ? c.andOf(inside, in) : in;
      Value i = c.toIndex(position);
      Value most = c.sub(c.size(sizes[d]), c.constant(1));
      at.push_back(c.max(c.min(i, most), c.constant(0)));
    }
    Value v = c.load(input, at);
    if (op.getPadding() != nn::GridPadding::Zeros)
      return v;
    Value zero = c.make<arith::ConstantOp>(cast<TypedAttr>(c.b.getZeroAttr(v.getType())));
    return c.select(inside, v, zero);
  }

  /// Weighted neighbours of all dimensions, the last one innermost.
  Value blend(ArrayRef<Value> x, SmallVector<Value> &whole, Type type) {
    unsigned d = whole.size();
    if (d == x.size())
      return toComputed(fetch(whole), type);
    Value low = c.floor(x[d]), r = c.subF(x[d], low);
    bool cubic = op.getMode() == nn::SampleMode::Cubic;
    int64_t first = cubic ? -1 : 0, count = cubic ? 4 : 2;
    Value sum;
    for (int64_t t = 0; t < count; ++t) {
      Value distance = c.make<math::AbsFOp>(
          c.subF(r, number(r, (double)(first + t))));
      Value weight = cubic ? keys(distance) : c.subF(number(r, 1), distance);
      whole.push_back(c.addF(low, number(low, (double)(first + t))));
      Value v = blend(x, whole, type);
      whole.pop_back();
      weight = weight.getType() == type ? weight
               : type.isF64() ? c.make<arith::ExtFOp>(type, weight)
                              : c.make<arith::TruncFOp>(type, weight);
      sum = sum ? c.make<math::FmaOp>(v, weight, sum) : c.mulF(v, weight);
    }
    return sum;
  }

  Value keys(Value d) {
    constexpr double a = -0.75;
    auto f = [&](double v) { return c.like(d, v); };
    Value near = c.addF(c.mulF(c.mulF(c.subF(c.mulF(f(a + 2), d), f(a + 3)), d), d), f(1));
    Value far = c.subF(c.mulF(c.addF(c.mulF(c.subF(c.mulF(f(a), d), f(5 * a)), d),
                                     f(8 * a)), d), f(4 * a));
    return c.select(c.compareF(Float::OLE, d, f(1)), near, far);
  }

  Value toComputed(Value v, Type type) {
    if (!isa<FloatType>(v.getType()))
      return c.make<arith::SIToFPOp>(type, v);
    return c.widen(v);
  }
};
} // namespace

static Value lowerGridSample(KernBuilder &k, nn::GridSampleOp op) {
  Dims x = k.of(op.getInput());
  Type element = k.elementOf(op.getInput());
  bool nearest = op.getMode() == nn::SampleMode::Nearest;
  if (!nearest && !isa<FloatType>(element))
    return {};
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(op.getResult());
  unsigned rank = spec.sizes.size(), spatial = rank - 2;
  for (unsigned d = 0; d < spatial; ++d) {
    SmallVector<AffineExpr> at = {k.b.getAffineDimExpr(0)};
    for (unsigned i = 0; i < spatial; ++i)
      at.push_back(k.b.getAffineDimExpr(2 + i));
    // The grid names the last dimension first.
    at.push_back(k.b.getAffineConstantExpr(spatial - 1 - d));
    spec.ins.push_back({op.getGrid(), AffineMap::get(rank, 0, at, k.b.getContext())});
  }
  spec.tables = {op.getInput()};
  return k.map(op.getLoc(), element, spec, [&](OpBuilder &b, Location loc,
                                               ValueRange a) {
    BodyBuilder c{b, loc};
    GridSampler sampler{c, op, a.back(), c.loop(0), c.loop(1),
                        Dims(x.begin() + 2, x.end())};
    SmallVector<Value> places, whole;
    for (unsigned d = 0; d < spatial; ++d) {
      Value place = sampler.place(c.widen(a[d]), d);
      places.push_back(sampler.pad(place, d));
    }
    if (nearest) {
      for (Value &p : places)
        p = c.make<math::RoundEvenOp>(p);
      return SmallVector<Value>{sampler.fetch(places)};
    }
    Type type = element.isF64() ? element : (Type)b.getF32Type();
    Value v = sampler.blend(places, whole, type);
    return SmallVector<Value>{c.narrow(v, nn::storageType(element))};
  });
}

//===- Regions -------------------------------------------------------------===//

namespace {
/// The four neighbours of (y, x) in a plane and their weights.
struct Corners {
  Value at[4][2], weight[4];
};
} // namespace

/// Neighbours of a place that lies inside; what is past the last row or column
/// counts as on it.
static Corners cornersOf(BodyBuilder c, Value y, Value x, const DimExpr &height,
                         const DimExpr &width) {
  Value low[2], high[2], rest[2];
  const DimExpr *sizes[2] = {&height, &width};
  Value places[2] = {y, x};
  for (int d = 0; d < 2; ++d) {
    Value last = c.sub(c.size(*sizes[d]), c.constant(1));
    Value p = c.maxF(places[d], c.like(y, 0));
    Value lastF = c.toFloat(last, y.getType());
    p = c.minF(p, lastF);
    low[d] = c.min(c.toIndex(c.floor(p)), last);
    high[d] = c.min(c.add(low[d], c.constant(1)), last);
    rest[d] = c.subF(p, c.floor(p));
  }
  Value one = c.like(y, 1);
  Corners corners;
  for (int i = 0; i < 4; ++i) {
    bool down = i & 2, right = i & 1;
    corners.at[i][0] = down ? high[0] : low[0];
    corners.at[i][1] = right ? high[1] : low[1];
    corners.weight[i] = c.mulF(down ? rest[0] : c.subF(one, rest[0]),
                               right ? rest[1] : c.subF(one, rest[1]));
  }
  return corners;
}

static Value lowerRoiAlign(KernBuilder &k, nn::RoiAlignOp op) {
  Dims x = k.of(op.getInput()), y = k.of(op.getResult());
  Type element = k.elementOf(op.getInput()), index = k.elementOf(op.getBatch());
  KernBuilder::SequenceSpec spec;
  spec.sizes = y;
  spec.tables = {op.getInput(), op.getRois(), op.getBatch()};
  spec.elements = {element};
  spec.shapes = {y};
  return k.sequence(op.getLoc(), spec, [&](OpBuilder &b, Location loc,
                                           ValueRange a) {
    BodyBuilder c{b, loc};
    Type type = element.isF64() ? element : (Type)b.getF32Type();
    auto f = [&](double v) { return c.number(type, v); };
    Value roi = c.loop(0), channel = c.loop(1), zero = c.constant(0);
    Value image = elementToIndex(b, loc, c.read(a[2], {roi}), index);
    image = c.checked(image, c.size(x[0]));
    double offset = op.getHalfPixel() ? 0.5 : 0;
    double scale = op.getSpatialScale().convertToDouble();
    Value ends[4];
    for (int64_t i = 0; i < 4; ++i)
      ends[i] = c.subF(c.mulF(c.widen(c.read(a[1], {roi, c.constant(i)})), f(scale)),
                       f(offset));
    int64_t bins[2] = {(int64_t)op.getHeight(), (int64_t)op.getWidth()};
    Value start[2] = {ends[1], ends[0]}, bin[2], samples[2];
    for (int d = 0; d < 2; ++d) {
      Value length = c.subF(ends[3 - d], start[d]);
      if (!op.getHalfPixel())
        length = c.maxF(length, f(1));
      bin[d] = c.divF(length, f(bins[d]));
      samples[d] = op.getSamplingRatio() > 0
                       ? c.constant(op.getSamplingRatio())
                       : c.max(c.toIndex(c.make<math::CeilOp>(bin[d])), zero);
    }
    auto placeOf = [&](int d, Value i) {
      Value first = c.addF(start[d], c.mulF(c.toFloat(c.loop(2 + d), type), bin[d]));
      Value share = c.divF(c.mulF(c.addF(c.toFloat(i, type), f(0.5)), bin[d]),
                           c.toFloat(samples[d], type));
      return c.addF(first, share);
    };
    auto isNear = [&](Value p, const DimExpr &size) {
      return c.andOf(c.compareF(Float::OGE, p, f(-1)),
                     c.compareF(Float::OLE, p, c.toFloat(c.size(size), type)));
    };
    Value least = f(op.getMax() ? -std::numeric_limits<double>::infinity() : 0);
    auto rows = c.forEach(zero, samples[0], {least}, [&](Value i, ValueRange sum) {
      Value py = placeOf(0, i);
      return c.forEach(zero, samples[1], sum, [&](Value j, ValueRange sum) {
        Value px = placeOf(1, j);
        Corners corners = cornersOf(c, py, px, x[2], x[3]);
        Value near = c.andOf(isNear(py, x[2]), isNear(px, x[3]));
        Value all = sum[0], one;
        for (int n = 0; n < 4; ++n) {
          Value v = c.widen(c.read(a[0], {image, channel, corners.at[n][0],
                                          corners.at[n][1]}));
          v = c.mulF(v, corners.weight[n]);
          v = c.select(near, v, f(0));
          if (op.getMax())
            one = one ? c.maxF(one, v) : v;
          else
            one = one ? c.addF(one, v) : v;
        }
        all = op.getMax() ? c.maxF(all, one) : c.addF(all, one);
        return BodyBuilder::Values{all};
      });
    });
    Value count = c.max(c.mul(samples[0], samples[1]), c.constant(1));
    Value v = rows[0];
    if (!op.getMax())
      v = c.divF(v, c.toFloat(count, type));
    else
      v = c.select(c.compareF(Float::OEQ, v, least), f(0), v);
    c.write(c.narrow(v, nn::storageType(element)), a[3],
            {roi, channel, c.loop(2), c.loop(3)});
  });
}

//===- Deformable convolution ----------------------------------------------===//

static Value lowerDeformColumns(KernBuilder &k, nn::DeformColumnsOp op) {
  Dims x = k.of(op.getInput()), offset = k.of(op.getOffset());
  Type element = k.elementOf(op.getInput());
  int64_t kw = op.getWindow()[1], taps = op.getWindow()[0] * kw;
  DimExpr perGroup = DimExpr::floorDiv(x[1], (int64_t)op.getGroups());
  // Loops (n, group, channel, tap, row, column).
  KernBuilder::MapSpec spec;
  spec.sizes = {x[0], (int64_t)op.getGroups(), perGroup, taps, offset[2], offset[3]};
  spec.symbols = {perGroup, offset[3]};
  auto d = [&](unsigned i) { return k.b.getAffineDimExpr(i); };
  MLIRContext *context = k.b.getContext();
  for (int64_t which = 0; which < 2; ++which)
    spec.ins.push_back(
        {op.getOffset(), AffineMap::get(6, 2, {d(0), d(1) * (2 * taps) + d(3) * 2 + which,
                                               d(4), d(5)}, context)});
  if (op.getMask())
    spec.ins.push_back(
        {op.getMask(), AffineMap::get(6, 2, {d(0), d(1) * taps + d(3), d(4), d(5)}, context)});
  spec.tables = {op.getInput()};
  spec.resultMap = AffineMap::get(
      6, 2, {d(0), d(1) * k.b.getAffineSymbolExpr(0) + d(2), d(3),
             d(4) * k.b.getAffineSymbolExpr(1) + d(5)}, context);
  spec.shape = k.of(op.getResult());
  return k.map(op.getLoc(), element, spec, [&](OpBuilder &b, Location loc,
                                               ValueRange a) {
    BodyBuilder c{b, loc};
    Type type = element.isF64() ? element : (Type)b.getF32Type();
    Value tap = c.loop(3), width = c.constant(kw);
    Value step[2] = {c.make<arith::DivUIOp>(tap, width), c.make<arith::RemUIOp>(tap, width)};
    Value place[2];
    for (int i = 0; i < 2; ++i) {
      Value whole = c.sub(c.add(c.mul(c.loop(4 + i), c.constant(op.getStrides()[i])),
                                c.mul(step[i], c.constant(op.getDilations()[i]))),
                          c.constant(op.getLow()[i]));
      place[i] = c.addF(c.toFloat(whole, type), c.widen(a[i]));
    }
    Value channel = c.add(c.mul(c.loop(1), c.size(perGroup)), c.loop(2));
    // Neighbours outside count as zero.
    Value sum;
    Value low[2] = {c.floor(place[0]), c.floor(place[1])};
    for (int n = 0; n < 4; ++n) {
      Value weight, inside;
      SmallVector<Value> at = {c.loop(0), channel};
      for (int i = 0; i < 2; ++i) {
        bool up = i == 0 ? n & 2 : n & 1;
        Value whole = up ? c.addF(low[i], c.number(type, 1)) : low[i];
        Value share = c.subF(c.number(type, 1),
                             c.make<math::AbsFOp>(c.subF(place[i], whole)));
        weight = weight ? c.mulF(weight, share) : share;
        Value position = c.toIndex(whole), size = c.size(x[2 + i]);
        Value in = c.isInside(position, size);
        inside = inside ? c.andOf(inside, in) : in;
        at.push_back(c.select(in, position, c.constant(0)));
      }
      Value v = c.select(inside, c.widen(c.load(a.back(), at)), c.number(type, 0));
      sum = sum ? c.make<math::FmaOp>(v, weight, sum) : c.mulF(v, weight);
    }
    if (op.getMask())
      sum = c.mulF(sum, c.widen(a[2]));
    return SmallVector<Value>{c.narrow(sum, nn::storageType(element))};
  });
}

Value schedule::lowerSampling(KernBuilder &k, Operation *op) {
  if (auto sample = dyn_cast<nn::GridSampleOp>(op))
    return lowerGridSample(k, sample);
  if (auto regions = dyn_cast<nn::RoiAlignOp>(op))
    return lowerRoiAlign(k, regions);
  if (auto columns = dyn_cast<nn::DeformColumnsOp>(op))
    return lowerDeformColumns(k, columns);
  return {};
}
