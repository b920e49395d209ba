// Resize, one dimension after another. Which neighbours an element has, and
// their weights, depend on its position along the dimension alone: they are
// computed once per position into two small tables.
//
//   at[tap][o], weight[tap][o]                          maps over (tap, position)
//   y[.., o, ..] = sum over taps of x[.., at, ..] * weight     a map with loads
//
// Formulas: ONNX Resize; cubics with coefficient a: Keys, IEEE ASSP 1981.
#include "passes/schedule/BodyBuilder.h"
#include <cmath>

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

using Float = BodyBuilder::Float;

namespace {
/// One dimension of a Resize.
struct Axis {
  mutable nn::ResizeOp op; // its getters are not const
  unsigned dim;
  DimExpr from, to;
  double scale; // 0: to / from when the model runs
  double least; // what it is at the least

  /// Of places and weights: doubles for doubles.
  Type real() const {
    OpBuilder b(op.getContext());
    Type element =
        cast<RankedTensorType>(op.getInput().getType()).getElementType();
    return element.isF64() ? element : (Type)b.getF32Type();
  }
  bool isNearest() const { return op.getMode() == "nearest"; }
  bool isCubic() const { return op.getMode() == "cubic"; }
  /// Or may shrink, for some sizes.
  bool shrinks() const { return op.getAntialias() && least < 1; }
  /// The first neighbour is floor(x) + first; there are `taps` of them.
  int64_t first() const {
    if (isNearest())
      return 0;
    double reach = isCubic() ? 2 : 1;
    return (int64_t)std::floor(-reach / (shrinks() ? least : 1)) + 1;
  }
  int64_t taps() const {
    if (isNearest())
      return 1;
    return isCubic() || shrinks() ? 2 - 2 * first() : 2;
  }
  bool extrapolates() const {
    return op.getCoordinates() == "tf_crop_and_resize";
  }
};
} // namespace

static Value sizesRatio(BodyBuilder c, const Axis &axis) {
  auto sizeOf = [&](const DimExpr &e) {
    return c.toFloat(c.size(e), axis.real());
  };
  return c.divF(sizeOf(axis.to), sizeOf(axis.from));
}

/// Where the element at a position stands in the operand.
static Value coordinate(BodyBuilder c, const Axis &axis, Value position) {
  Type real = axis.real();
  StringRef mode = axis.op.getCoordinates();
  auto f = [&](double v) { return c.number(real, v); };
  auto sizeOf = [&](const DimExpr &e) { return c.toFloat(c.size(e), real); };
  Value o = c.toFloat(position, real);
  Value scale = axis.scale > 0 ? f(axis.scale) : sizesRatio(c, axis);
  Value one = f(1), half = f(0.5);
  Value last = c.subF(sizeOf(axis.from), one);
  // The last position; a scale that was given is exact where sizes were rounded.
  Value end = c.subF(axis.scale > 0 ? c.mulF(scale, sizeOf(axis.from))
                                    : sizeOf(axis.to), one);
  Value isOne = c.compareF(Float::OLE, sizeOf(axis.to), one);
  if (mode == "asymmetric")
    return c.divF(o, scale);
  if (mode == "align_corners")
    return c.select(isOne, f(0), c.divF(c.mulF(o, last), end));
  if (mode == "tf_crop_and_resize") {
    ArrayRef<double> roi = axis.op.getRoi();
    double start = roi[axis.dim], stop = roi[roi.size() / 2 + axis.dim];
    Value inside = c.divF(c.mulF(c.mulF(o, f(stop - start)), last),
                          c.subF(sizeOf(axis.to), one));
    return c.select(isOne, c.mulF(f(0.5 * (start + stop)), last),
                    c.addF(c.mulF(f(start), last), inside));
  }
  Value centre = c.subF(c.divF(c.addF(o, half), scale), half);
  if (mode == "pytorch_half_pixel")
    return c.select(isOne, f(-0.5), centre);
  if (mode == "half_pixel_symmetric") {
    // The sizes' rounding is shared by both ends.
    Value adjustment = c.divF(sizeOf(axis.to), c.mulF(scale, sizeOf(axis.from)));
    Value offset = c.mulF(c.mulF(sizeOf(axis.from), half), c.subF(one, adjustment));
    return c.addF(offset, centre);
  }
  return centre;
}

static Value clampTo(BodyBuilder c, Value i, const DimExpr &size) {
  return c.max(c.min(i, c.sub(c.size(size), c.constant(1))), c.constant(0));
}

/// Keys' cubic at a distance >= 0.
static Value cubicWeight(BodyBuilder c, Value d, double a) {
  auto f = [&](double v) { return c.like(d, v); };
  // Horner: (a + 2) d^3 - (a + 3) d^2 + 1 and a d^3 - 5a d^2 + 8a d - 4a
  Value near = c.addF(c.mulF(c.mulF(c.subF(c.mulF(f(a + 2), d), f(a + 3)), d), d), f(1));
  Value far = c.subF(c.mulF(c.addF(c.mulF(c.subF(c.mulF(f(a), d), f(5 * a)), d),
                                   f(8 * a)), d), f(4 * a));
  Value w = c.select(c.compareF(Float::OLT, d, f(2)), far, f(0));
  return c.select(c.compareF(Float::OLE, d, f(1)), near, w);
}

/// The weight of neighbour `tap` before they are made to sum to 1.
static Value rawWeight(BodyBuilder c, const Axis &axis, Value x, Value tap) {
  Value place = c.addF(c.floor(x), c.toFloat(c.add(tap, c.constant(axis.first())),
                                             x.getType()));
  Value d = c.make<math::AbsFOp>(c.subF(place, x));
  if (axis.shrinks())
    d = c.mulF(d, axis.scale > 0 ? c.like(d, axis.scale)
                                 : c.minF(sizesRatio(c, axis), c.like(d, 1)));
  Value w = axis.isCubic()
                ? cubicWeight(c, d, axis.op.getCubicCoefficient().convertToDouble())
                : c.maxF(c.subF(c.like(d, 1), d), c.like(d, 0));
  if (!axis.op.getExcludeOutside())
    return w;
  Value last = c.subF(c.toFloat(c.size(axis.from), x.getType()), c.like(x, 1));
  Value inside = c.andOf(c.compareF(Float::OGE, place, c.like(x, 0)),
                         c.compareF(Float::OLE, place, last));
  return c.select(inside, w, c.like(w, 0));
}

static Value nearestIndex(BodyBuilder c, const Axis &axis, Value x) {
  StringRef mode = axis.op.getNearest();
  auto ceil = [&](Value v) { return c.make<math::CeilOp>(v); };
  Value at = mode == "floor"              ? c.floor(x)
             : mode == "ceil"             ? ceil(x)
             : mode == "round_prefer_ceil" ? c.floor(c.addF(x, c.like(x, 0.5)))
                                           : ceil(c.subF(x, c.like(x, 0.5)));
  return c.toIndex(at);
}

/// Indices (i32) or weights of all positions: [taps, to].
static Value table(KernBuilder &k, const Axis &axis, bool weights) {
  KernBuilder::MapSpec spec;
  spec.sizes = {axis.taps(), axis.to};
  Type i32 = k.b.getI32Type();
  return k.map(axis.op.getLoc(), weights ? axis.real() : i32, spec,
               [&](OpBuilder &b, Location loc, ValueRange) {
                 BodyBuilder c{b, loc};
                 Value tap = c.loop(0), x = coordinate(c, axis, c.loop(1));
                 if (!weights) {
                   Value at = axis.isNearest()
                                  ? nearestIndex(c, axis, x)
                                  : c.add(c.toIndex(c.floor(x)),
                                          c.add(tap, c.constant(axis.first())));
                   return SmallVector<Value>{c.make<arith::IndexCastOp>(
                       i32, clampTo(c, at, axis.from))};
                 }
                 Value w = rawWeight(c, axis, x, tap);
                 if (axis.shrinks() || axis.op.getExcludeOutside()) {
                   Value sum;
                   for (int64_t t = 0; t < axis.taps(); ++t) {
                     Value each = rawWeight(c, axis, x, c.constant(t));
                     sum = sum ? c.addF(sum, each) : each;
                   }
                   w = c.divF(w, sum);
                 }
                 return SmallVector<Value>{w};
               });
}

/// Is the position outside the operand, where extrapolation has its say?
static Value isOutside(BodyBuilder c, const Axis &axis, Value position) {
  Value x = coordinate(c, axis, position);
  Value last = c.subF(c.toFloat(c.size(axis.from), x.getType()), c.like(x, 1));
  return c.orOf(c.compareF(Float::OLT, x, c.like(x, 0)),
                c.compareF(Float::OGT, x, last));
}

/// The operand with one dimension resized.
static Value resizeAlong(KernBuilder &k, const Axis &axis, Value input) {
  Location loc = axis.op.getLoc();
  Type element = k.elementOf(input);
  KernBuilder::MapSpec spec;
  spec.sizes = k.of(input);
  spec.sizes[axis.dim] = axis.to;
  unsigned rank = spec.sizes.size();
  MLIRContext *context = k.b.getContext();
  Value at = table(k, axis, false);
  Value weights = axis.isNearest() ? Value() : table(k, axis, true);
  int64_t taps = axis.taps();
  auto tapMap = [&](int64_t t) {
    return AffineMap::get(rank, 0, {k.b.getAffineConstantExpr(t),
                                    k.b.getAffineDimExpr(axis.dim)}, context);
  };
  for (int64_t t = 0; t < taps; ++t)
    spec.ins.push_back({at, tapMap(t)});
  for (int64_t t = 0; weights && t < taps; ++t)
    spec.ins.push_back({weights, tapMap(t)});
  spec.tables = {input};
  bool isUnsigned = element.isUnsignedInteger();
  return k.map(loc, element, spec, [&](OpBuilder &b, Location loc, ValueRange a) {
    BodyBuilder c{b, loc};
    Value from = a.back();
    auto loadTap = [&](int64_t t) {
      SmallVector<Value> place;
      for (unsigned d = 0; d < rank; ++d)
        place.push_back(d == axis.dim
                            ? c.make<arith::IndexCastOp>(b.getIndexType(), a[t])
                            : c.loop(d));
      return c.load(from, place);
    };
    Value y = loadTap(0);
    Type type = y.getType(), computed = axis.real();
    auto toFloat = [&](Value v) -> Value {
      if (!isa<FloatType>(type))
        return isUnsigned ? c.make<arith::UIToFPOp>(computed, v)
                          : c.make<arith::SIToFPOp>(computed, v);
      return c.widen(v);
    };
    auto toElement = [&](Value v) -> Value {
      if (isa<FloatType>(type))
        return c.narrow(v, type);
      // Integers are rounded, and cubics may leave their range.
      unsigned width = type.getIntOrFloatBitWidth();
      double lo = isUnsigned ? 0 : -std::ldexp(1.0, width - 1);
      double hi = std::ldexp(1.0, isUnsigned ? width : width - 1);
      hi -= width > 24 ? std::ldexp(1.0, width - 24) : 1;
      v = c.make<math::RoundEvenOp>(v);
      v = c.minF(c.maxF(v, c.like(v, lo)), c.like(v, hi));
      return isUnsigned ? c.make<arith::FPToUIOp>(type, v)
                        : c.make<arith::FPToSIOp>(type, v);
    };
    if (weights) {
      auto weight = [&](int64_t t) { return a[taps + t]; };
      Value sum = c.mulF(toFloat(y), weight(0));
      for (int64_t t = 1; t < taps; ++t)
        sum = c.make<math::FmaOp>(toFloat(loadTap(t)), weight(t), sum);
      y = toElement(sum);
    }
    if (axis.extrapolates()) {
      double value = axis.op.getExtrapolation().convertToDouble();
      Value outside = isOutside(c, axis, c.loop(axis.dim));
      y = c.select(outside, toElement(c.number(computed, value)), y);
    }
    return SmallVector<Value>{y};
  });
}

Value schedule::lowerResize(KernBuilder &k, Operation *operation) {
  auto op = dyn_cast<nn::ResizeOp>(operation);
  if (!op)
    return {};
  Dims from = k.of(op.getInput()), to = k.of(op.getResult());
  Value v = op.getInput();
  // The last dimension first, while the others are still small or large alike:
  // the order of interpolation is that of ONNX's reference for every shape.
  for (unsigned i = from.size(); i-- > 0;) {
    double scale = op.getScales()[i];
    bool crops = op.getCoordinates() == "tf_crop_and_resize" &&
                 (op.getRoi()[i] != 0 || op.getRoi()[from.size() + i] != 1);
    if (from[i] == to[i] && scale == 1 && !crops)
      continue;
    double least = scale;
    if (scale == 0)
      least = (double)std::max<int64_t>(to[i].range(k.dims.symbols).lo, 1) /
              std::max<int64_t>(from[i].range(k.dims.symbols).hi, 1);
    v = resizeAlong(k, {op, i, from[i], to[i], scale, least}, v);
  }
  return v;
}
