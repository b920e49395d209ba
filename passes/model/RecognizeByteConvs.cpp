// Convolutions of dequantized bytes, computed on the bytes:
//
//   conv(sx * (x - zx), sw * (w - zw)) + b
//     -> float(conv(x, w) - zw * conv(x, 1) - zx * sum(w - zw)) * (sx * sw) + b
//   conv(x - zx, w - zw) in i32    the same without scales; zx may come late
//                                  of few channels: in float, where it is exact
//   quantize to i8                 to u8, its zero point 128 more
//
// Sums of products of integers are exact, so every order of them gives the same
// bits. What a window reads outside is zx.
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/model/ByteOperands.h"
#include "passes/model/Passes.h"
#include "passes/model/StructuredMatchers.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZEBYTECONVSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

static RankedTensorType typeOf(Value v) {
  return cast<RankedTensorType>(v.getType());
}

static nn::DimsAttr dimsAttr(OpBuilder &b, ArrayRef<int64_t> shape) {
  return nn::DimsAttr::get(b.getContext(), Dims(shape.begin(), shape.end()));
}

static Value reshape(OpBuilder &b, Value v, ArrayRef<int64_t> shape) {
  return nn::ReshapeOp::create(
      b, v.getLoc(), RankedTensorType::get(shape, typeOf(v).getElementType()),
      v, dimsAttr(b, shape));
}

/// [OC, 1, ...], which broadcasts against the result.
static SmallVector<int64_t> perChannel(ArrayRef<int64_t> weights) {
  SmallVector<int64_t> shape(weights.size() - 1, 1);
  shape[0] = weights[0];
  return shape;
}

/// One number of any type as a scalar of this one.
static Value scalar(OpBuilder &b, Value v, Type element) {
  v = reshape(b, v, {});
  return nn::CastOp::create(b, v.getLoc(), RankedTensorType::get({}, element),
                            v);
}

/// x with `outside` around its places.
static Value pad(OpBuilder &b, Location loc, Value x, nn::DimsAttr low,
                 nn::DimsAttr high, Value outside) {
  Dims before(2, 0), after(2, 0);
  llvm::append_range(before, low.getExprs());
  llvm::append_range(after, high.getExprs());
  SmallVector<int64_t> shape(typeOf(x).getShape());
  for (size_t i = 0; i < shape.size(); ++i) {
    DimExpr more = before[i] + after[i];
    if (!ShapedType::isDynamic(shape[i]) && more.isConstant())
      shape[i] += more.constant();
    else
      shape[i] = ShapedType::kDynamic;
  }
  return nn::PadOp::create(
      b, loc, RankedTensorType::get(shape, typeOf(x).getElementType()), x,
      outside, nn::DimsAttr::get(b.getContext(), before),
      nn::DimsAttr::get(b.getContext(), after), nn::PadMode::Constant);
}

/// Products in a sum; kDynamic where that is known late.
static int64_t depthOf(nn::ConvOp conv) {
  int64_t depth = 1;
  for (int64_t d : typeOf(conv.getWeights()).getShape().drop_front()) {
    if (ShapedType::isDynamic(d))
      return d;
    depth *= d;
  }
  return depth;
}

/// Few channels would leave blocks mostly empty, so they are read where they
/// are, as floats, if that is exact.
static bool takesBytes(nn::ConvOp conv) {
  ArrayRef<int64_t> weights = typeOf(conv.getWeights()).getShape();
  constexpr int64_t few = 8;
  int64_t depth = depthOf(conv);
  return !conv.getBlocked() && weights.size() <= 5 &&
         !ShapedType::isDynamic(depth) && depth <= kDeepestSum &&
         (weights[1] >= few || depth > kDeepestFloatSum);
}

/// What byteSums makes.
static bool isBare(nn::ConvOp conv) {
  Value weights = conv.getWeights();
  return takesBytes(conv) && !conv.getBias() &&
         typeOf(conv.getInput()).getElementType().isUnsignedInteger(8) &&
         typeOf(weights).getElementType().isSignlessInteger(8) &&
         weights.getDefiningOp<pack::ConstantOp>();
}

/// The sums of a convolution of x.codes - x.zero by `w`, in i32 and without
/// bias; null where bytes do not serve.
static Value byteSums(PatternRewriter &b, nn::ConvOp conv, const Shifted &x,
                      Value w) {
  ArrayRef<int64_t> shape = typeOf(w).getShape();
  auto from = typeOf(x.codes);
  // Signed codes become unsigned where they are made, if they can.
  bool isSigned = from.getElementType().isSignlessInteger(8) &&
                  !x.codes.getDefiningOp<nn::QuantizeOp>();
  if (!takesBytes(conv) ||
      (!isSigned && !from.getElementType().isUnsignedInteger(8)))
    return {};
  if (x.zero && (!typeOf(x.zero).hasStaticShape() ||
                 typeOf(x.zero).getNumElements() != 1))
    return {};
  std::optional<ByteWeights> weights = byteWeights(w, 0);
  // Sums of the codes under a window are those of all groups.
  if (!weights || (!weights->zeros.empty() && conv.getGroup() != 1))
    return {};
  Location loc = conv.getLoc();
  Type i8 = b.getI8Type(), i32 = b.getI32Type();
  std::optional<double> zero = x.zero ? numberOf(x.zero) : 0;
  Value codes = x.codes, late = zero ? Value() : scalar(b, x.zero, i32);
  Type u8 = b.getIntegerType(8, false);
  if (isSigned) {
    Value middle = makeI32s(b, loc, {}, {128});
    codes = nn::CastOp::create(b, loc, from.clone(i32), codes);
    codes = nn::AddOp::create(b, loc, codes.getType(), codes, middle);
    codes = nn::CastOp::create(b, loc, from.clone(u8), codes);
    if (zero)
      *zero += 128;
    else
      late = nn::AddOp::create(b, loc, late.getType(), late, middle);
  }
  nn::DimsAttr low = conv.getLowAttr(), high = conv.getHighAttr();
  auto isZero = [](const DimExpr &d) { return d.isConstant(0); };
  if (zero != 0.0 && (!llvm::all_of(low.getExprs(), isZero) ||
                      !llvm::all_of(high.getExprs(), isZero))) {
    Value outside =
        zero ? pack::makeConstant(b, loc, RankedTensorType::get({}, u8),
                                  {(char)(int)*zero})
             : scalar(b, late, u8);
    codes = pad(b, loc, codes, low, high, outside);
    low = high = dimsAttr(b, SmallVector<int64_t>(shape.size() - 2, 0));
  }
  auto convolve = [&](ArrayRef<int64_t> shape, std::vector<char> bytes) {
    SmallVector<int64_t> sums(typeOf(conv.getResult()).getShape());
    sums[1] = shape[0];
    return nn::ConvOp::create(
        b, loc, RankedTensorType::get(sums, i32), codes,
        pack::makeConstant(b, loc, RankedTensorType::get(shape, i8),
                           std::move(bytes)),
        Value(), conv.getStridesAttr(), conv.getDilationsAttr(), low, high,
        conv.getGroupAttr(), UnitAttr());
  };
  Value y = convolve(shape, std::move(weights->codes));
  auto type = typeOf(y);
  SmallVector<int64_t> channel = perChannel(shape);
  if (!weights->zeros.empty()) {
    SmallVector<int64_t> one(shape);
    one[0] = 1;
    Value sums = convolve(one, std::vector<char>(depthOf(conv), 1));
    Value zeros = makeI32s(b, loc, channel, weights->zeros);
    y = nn::SubOp::create(b, loc, type, y,
                          nn::MulOp::create(b, loc, type, sums, zeros));
  }
  if (zero == 0.0)
    return y;
  if (zero) {
    for (int32_t &total : weights->totals)
      total *= -(int32_t)*zero;
    return nn::AddOp::create(b, loc, type, y,
                             makeI32s(b, loc, channel, weights->totals));
  }
  Value totals = makeI32s(b, loc, channel, weights->totals);
  return nn::SubOp::create(
      b, loc, type, y,
      nn::MulOp::create(b, loc, totals.getType(), totals, late));
}

namespace {
/// Of floats.
struct RecognizeByteConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::ConvOp conv,
                                PatternRewriter &b) const override {
    auto x = conv.getInput().getDefiningOp<nn::MulOp>(),
         w = conv.getWeights().getDefiningOp<nn::MulOp>();
    if (!x || !w || !typeOf(conv.getResult()).getElementType().isF32())
      return b.notifyMatchFailure(conv, "expected dequantized sides");
    Shifted codes = shifted(x.getLhs());
    SmallVector<int64_t> channel = perChannel(typeOf(w.getLhs()).getShape());
    auto left = typeOf(x.getRhs()), scales = typeOf(w.getRhs());
    bool each = scales.getRank() > 0 && scales.getDimSize(0) == channel[0];
    if (!left.hasStaticShape() || !scales.hasStaticShape() ||
        left.getNumElements() != 1 ||
        scales.getNumElements() != (each ? channel[0] : 1))
      return b.notifyMatchFailure(conv, "expected a scale per channel");
    Value y = isa<FloatType>(typeOf(codes.codes).getElementType())
                  ? Value()
                  : byteSums(b, conv, codes, w.getLhs());
    if (!y)
      return b.notifyMatchFailure(conv, "expected u8 by constant bytes");
    Location loc = conv.getLoc();
    Type real = conv.getType();
    y = nn::CastOp::create(b, loc, real, y);
    Value scale = reshape(b, x.getRhs(), {});
    Value factor =
        each ? reshape(b, w.getRhs(), channel) : reshape(b, w.getRhs(), {});
    scale = nn::MulOp::create(b, loc, factor.getType(), factor, scale);
    y = nn::MulOp::create(b, loc, real, y, scale);
    if (conv.getBias())
      y = nn::AddOp::create(b, loc, real, y,
                            reshape(b, conv.getBias(), channel));
    b.replaceOp(conv, y);
    return success();
  }
};

/// Of integers, as ConvInteger and QLinearConv are written.
struct RecognizeIntegerConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::ConvOp conv,
                                PatternRewriter &b) const override {
    if (!typeOf(conv.getResult()).getElementType().isSignlessInteger(32))
      return b.notifyMatchFailure(conv, "expected codes less a zero point");
    Shifted x = shifted(conv.getInput());
    Value w = conv.getWeights();
    Value y = isBare(conv) ? Value() : byteSums(b, conv, x, w);
    if (!y)
      return b.notifyMatchFailure(conv, "expected u8 by constant bytes");
    if (conv.getBias())
      y = nn::AddOp::create(
          b, conv.getLoc(), conv.getType(), y,
          reshape(b, conv.getBias(), perChannel(typeOf(w).getShape())));
    b.replaceOp(conv, y);
    return success();
  }
};

/// Of integers that bytes do not serve: every sum is an integer that a float
/// holds.
struct ComputeExactInFloat : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::ConvOp conv,
                                PatternRewriter &b) const override {
    auto type = typeOf(conv.getResult());
    if (!type.getElementType().isSignlessInteger(32) || conv.getBlocked() ||
        isBare(conv))
      return b.notifyMatchFailure(conv, "expected integers that are no bytes");
    int64_t depth = depthOf(conv);
    if (ShapedType::isDynamic(depth) || depth > kDeepestFloatSum ||
        !isByteDifference(conv.getInput()) ||
        !isByteDifference(conv.getWeights()))
      return b.notifyMatchFailure(conv, "sums may need more than 24 bits");
    Location loc = conv.getLoc();
    Type f32 = b.getF32Type();
    auto toFloat = [&](Value v) {
      return nn::CastOp::create(b, loc, typeOf(v).clone(f32), v);
    };
    Value sums = nn::ConvOp::create(
        b, loc, type.clone(f32), toFloat(conv.getInput()),
        toFloat(conv.getWeights()), Value(), conv.getStridesAttr(),
        conv.getDilationsAttr(), conv.getLowAttr(), conv.getHighAttr(),
        conv.getGroupAttr(), UnitAttr());
    Value y = nn::CastOp::create(b, loc, type, sums);
    if (conv.getBias())
      y = nn::AddOp::create(
          b, loc, type, y,
          reshape(b, conv.getBias(),
                  perChannel(typeOf(conv.getWeights()).getShape())));
    b.replaceOp(conv, y);
    return success();
  }
};

/// Codes that are only read as wider numbers may be unsigned.
struct MakeCodesUnsigned : OpRewritePattern<nn::QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::QuantizeOp quantize,
                                PatternRewriter &b) const override {
    auto type = typeOf(quantize.getResult());
    std::optional<double> zero = 0;
    if (quantize.getZeroPoint())
      zero = numberOf(quantize.getZeroPoint());
    if (!type.getElementType().isSignlessInteger(8) || !zero ||
        quantize->use_empty())
      return b.notifyMatchFailure(quantize,
                                  "expected i8 by a known zero point");
    for (Operation *user : quantize->getUsers())
      if (!isa<nn::CastOp>(user) || !holdsBytes(user->getResult(0)))
        return b.notifyMatchFailure(user, "reads the codes themselves");
    Location loc = quantize.getLoc();
    Type u8 = b.getIntegerType(8, false);
    Value middle = pack::makeConstant(b, loc, RankedTensorType::get({}, u8),
                                      {(char)(int)(*zero + 128)});
    Value codes =
        nn::QuantizeOp::create(b, loc, type.clone(u8), quantize.getInput(),
                               quantize.getScale(), middle, true);
    for (Operation *user : llvm::make_early_inc_range(quantize->getUsers())) {
      b.setInsertionPoint(user);
      Type real = user->getResult(0).getType();
      Value wide = nn::CastOp::create(b, loc, real, codes);
      // One subtraction takes both off.
      for (Operation *reader : llvm::make_early_inc_range(user->getUsers())) {
        auto sub = dyn_cast<nn::SubOp>(reader);
        if (!sub || sub.getLhs() != user->getResult(0))
          continue;
        if (std::optional<double> more = numberOf(sub.getRhs())) {
          b.setInsertionPoint(sub);
          b.replaceOpWithNewOp<nn::SubOp>(sub, sub.getType(), wide,
                                          number(b, loc, real, *more + 128));
        }
      }
      b.setInsertionPoint(user);
      if (user->use_empty())
        b.eraseOp(user);
      else
        b.replaceOpWithNewOp<nn::SubOp>(user, real, wide,
                                        number(b, loc, real, 128));
    }
    b.eraseOp(quantize);
    return success();
  }

private:
  static bool holdsBytes(Value v) {
    Type element = typeOf(v).getElementType();
    return isa<FloatType>(element) || element.isSignlessInteger(32);
  }
  static Value number(OpBuilder &b, Location loc, Type like, double value) {
    Type element = cast<RankedTensorType>(like).getElementType();
    auto type = RankedTensorType::get({}, element);
    TypedAttr attribute;
    if (isa<FloatType>(element))
      attribute = b.getFloatAttr(element, value);
    else
      attribute = b.getIntegerAttr(element, (int64_t)value);
    return pack::ConstantOp::create(b, loc, type,
                                    DenseElementsAttr::get(type, attribute));
  }
};

struct RecognizeByteConvsPass
    : model::impl::RecognizeByteConvsPassBase<RecognizeByteConvsPass> {
  void runOnOperation() override {
    RewritePatternSet onBytes(&getContext()), rest(&getContext());
    onBytes.add<RecognizeByteConv, RecognizeIntegerConv, MakeCodesUnsigned>(
        &getContext());
    rest.add<ComputeExactInFloat>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(onBytes))) ||
        failed(applyPatternsGreedily(getOperation(), std::move(rest))))
      signalPassFailure();
  }
};
} // namespace
