// Convolutions of dequantized bytes, computed on the bytes:
//
//   conv(sx * (x - zx), sw * w) + b
//     -> float(conv(x, w) - zx * sum(w)) * (sx * sw) + b
//   conv(x - zx, w) in i32         the same without scales
//   conv(x - zx, w - zw) in i32    of few products each: in float, exact
//   quantize to i8                 to u8, its zero point 128 more
//
// Sums of products of integers are exact, so every order of them gives the same
// bits. What a window reads outside is zx.
#include "passes/model/Passes.h"
#include "passes/model/StructuredMatchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZEBYTECONVSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;

namespace {
/// scale * (codes - zero)
struct Dequantized {
  Value codes, scale;
  double zero = 0;
};
} // namespace

/// A constant of one number, also one that is still to be cast or reshaped.
static std::optional<double> numberOf(Value v) {
  while (Operation *op = v.getDefiningOp()) {
    if (!isa<nn::CastOp, nn::ReshapeOp>(op))
      break;
    v = op->getOperand(0);
  }
  return pack::getSplat(v);
}

static std::optional<Dequantized> dequantized(Value v) {
  auto mul = v.getDefiningOp<nn::MulOp>();
  if (!mul)
    return std::nullopt;
  Dequantized result;
  result.scale = mul.getRhs();
  Value codes = mul.getLhs();
  if (auto sub = codes.getDefiningOp<nn::SubOp>()) {
    std::optional<double> zero = numberOf(sub.getRhs());
    if (!zero)
      return std::nullopt;
    result.zero = *zero;
    codes = sub.getLhs();
  }
  auto cast = codes.getDefiningOp<nn::CastOp>();
  if (!cast)
    return std::nullopt;
  result.codes = cast.getInput();
  return result;
}

/// codes - zero in i32.
static std::optional<Dequantized> shifted(Value v) {
  Dequantized result;
  if (auto sub = v.getDefiningOp<nn::SubOp>()) {
    std::optional<double> zero = numberOf(sub.getRhs());
    if (!zero)
      return std::nullopt;
    result.zero = *zero;
    v = sub.getLhs();
  }
  auto cast = v.getDefiningOp<nn::CastOp>();
  result.codes = cast ? cast.getInput() : v;
  return result;
}

static RankedTensorType typeOf(Value v) {
  return cast<RankedTensorType>(v.getType());
}

/// Sums of so many products stay in 32 bits.
static constexpr int64_t kDeepest = 1 << 16;
static constexpr int64_t kFewest = 8;

/// x with zero points around its places.
static Value pad(OpBuilder &b, Location loc, Value x, nn::DimsAttr low,
                 nn::DimsAttr high, int64_t value) {
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
  Type element = typeOf(x).getElementType();
  Value outside = pack::makeConstant(
      b, loc, RankedTensorType::get({}, element), {(char)value});
  return nn::PadOp::create(b, loc, RankedTensorType::get(shape, element), x,
                           outside, nn::DimsAttr::get(b.getContext(), before),
                           nn::DimsAttr::get(b.getContext(), after),
                           nn::PadMode::Constant);
}

/// Minus zero times the sum of each result channel's `depth` weights.
static Value correction(OpBuilder &b, Location loc, ArrayRef<char> weights,
                        ArrayRef<int64_t> shape, int64_t depth, int64_t zero) {
  std::vector<char> bytes(shape[0] * 4);
  for (int64_t c = 0; c < shape[0]; ++c) {
    int32_t sum = 0;
    for (char w : weights.slice(c * depth, depth))
      sum -= (int32_t)zero * (int8_t)w;
    std::memcpy(&bytes[c * 4], &sum, 4);
  }
  return pack::makeConstant(b, loc,
                            RankedTensorType::get(shape, b.getI32Type()),
                            std::move(bytes));
}

static nn::DimsAttr dimsAttr(OpBuilder &b, ArrayRef<int64_t> shape) {
  return nn::DimsAttr::get(b.getContext(), Dims(shape.begin(), shape.end()));
}

static Value reshape(OpBuilder &b, Value v, ArrayRef<int64_t> shape) {
  return nn::ReshapeOp::create(
      b, v.getLoc(),
      RankedTensorType::get(shape, typeOf(v).getElementType()), v,
      dimsAttr(b, shape));
}

/// [OC, 1, ...], which broadcasts against the result.
static SmallVector<int64_t> perChannel(ArrayRef<int64_t> weights) {
  SmallVector<int64_t> shape(weights.size() - 1, 1);
  shape[0] = weights[0];
  return shape;
}

/// Few channels are read where they are, as floats.
static bool takesBytes(nn::ConvOp conv) {
  ArrayRef<int64_t> weights = typeOf(conv.getWeights()).getShape();
  return conv.getGroup() == 1 && !conv.getBlocked() &&
         weights[1] >= kFewest && weights.size() <= 4;
}

/// The sums of a convolution of x.codes - x.zero by the weights `w`, in i32
/// and without bias; null where bytes do not serve.
static Value byteSums(PatternRewriter &b, nn::ConvOp conv,
                      const Dequantized &x, Value w) {
  auto constant = w.getDefiningOp<pack::ConstantOp>();
  ArrayRef<int64_t> weights = typeOf(w).getShape();
  if (!constant || !typeOf(w).getElementType().isSignlessInteger(8) ||
      !typeOf(x.codes).getElementType().isUnsignedInteger(8))
    return {};
  int64_t depth = 1;
  for (int64_t d : weights.drop_front())
    depth *= d;
  if (!takesBytes(conv) || depth > kDeepest)
    return {};
  Location loc = conv.getLoc();
  Value codes = x.codes;
  nn::DimsAttr low = conv.getLowAttr(), high = conv.getHighAttr();
  auto isZero = [](const DimExpr &d) { return d.isConstant(0); };
  if (x.zero != 0 && (!llvm::all_of(low.getExprs(), isZero) ||
                      !llvm::all_of(high.getExprs(), isZero))) {
    codes = pad(b, loc, codes, low, high, (int64_t)x.zero);
    low = high = dimsAttr(b, SmallVector<int64_t>(weights.size() - 2, 0));
  }
  auto sums = typeOf(conv.getResult()).clone(b.getI32Type());
  Value y = nn::ConvOp::create(b, loc, sums, codes, w, Value(),
                               conv.getStridesAttr(), conv.getDilationsAttr(),
                               low, high, conv.getGroupAttr(), UnitAttr());
  if (x.zero == 0)
    return y;
  bool splat = false;
  ArrayRef<char> bytes = constant.getBytes(splat);
  std::vector<char> all(bytes.begin(), bytes.end());
  all.resize(depth * weights[0], bytes.front());
  return nn::AddOp::create(b, loc, sums, y,
                           correction(b, loc, all, perChannel(weights), depth,
                                      (int64_t)x.zero));
}

namespace {
/// Of floats.
struct RecognizeByteConv : OpRewritePattern<nn::ConvOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(nn::ConvOp conv,
                                PatternRewriter &b) const override {
    std::optional<Dequantized> x = dequantized(conv.getInput()),
                               w = dequantized(conv.getWeights());
    if (!x || !w || w->zero != 0 ||
        !typeOf(conv.getResult()).getElementType().isF32())
      return b.notifyMatchFailure(conv, "expected dequantized sides");
    SmallVector<int64_t> channel = perChannel(typeOf(w->codes).getShape());
    auto scales = typeOf(w->scale);
    bool each = scales.getRank() > 0 && scales.getDimSize(0) == channel[0];
    if (!typeOf(x->scale).hasStaticShape() || !scales.hasStaticShape() ||
        typeOf(x->scale).getNumElements() != 1 ||
        scales.getNumElements() != (each ? channel[0] : 1))
      return b.notifyMatchFailure(conv, "expected a scale per channel");
    Value y = byteSums(b, conv, *x, w->codes);
    if (!y)
      return b.notifyMatchFailure(conv, "expected u8 by constant, centred i8");
    Location loc = conv.getLoc();
    Type real = conv.getType();
    y = nn::CastOp::create(b, loc, real, y);
    Value scale = reshape(b, x->scale, {});
    Value factor =
        each ? reshape(b, w->scale, channel) : reshape(b, w->scale, {});
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
    std::optional<Dequantized> x = shifted(conv.getInput()),
                               w = shifted(conv.getWeights());
    if (!x || !w || w->zero != 0 ||
        !typeOf(conv.getResult()).getElementType().isSignlessInteger(32))
      return b.notifyMatchFailure(conv, "expected codes less a zero point");
    bool isBare = x->codes == conv.getInput() && w->codes == conv.getWeights();
    Value y = isBare && !conv.getBias() ? Value()
                                        : byteSums(b, conv, *x, w->codes);
    if (!y)
      return b.notifyMatchFailure(conv, "expected u8 by constant, centred i8");
    if (conv.getBias())
      y = nn::AddOp::create(
          b, conv.getLoc(), conv.getType(), y,
          reshape(b, conv.getBias(),
                  perChannel(typeOf(w->codes).getShape())));
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
    if (!type.getElementType().isSignlessInteger(32) || takesBytes(conv) ||
        conv.getBlocked())
      return b.notifyMatchFailure(conv, "expected few products of integers");
    int64_t depth = 1;
    for (int64_t d : typeOf(conv.getWeights()).getShape().drop_front())
      depth = ShapedType::isDynamic(d) ? kLargest : depth * d;
    if (depth * 255 * 255 > kLargest || !isDifference(conv.getInput()) ||
        !isDifference(conv.getWeights()))
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

private:
  static constexpr int64_t kLargest = 1 << 24;
  static bool isByte(Value v) {
    if (std::optional<double> known = numberOf(v))
      return *known >= -128 && *known <= 255;
    while (auto op = v.getDefiningOp<nn::ReshapeOp>())
      v = op.getInput();
    auto cast = v.getDefiningOp<nn::CastOp>();
    return cast && typeOf(cast.getInput()).getElementType().isInteger(8);
  }
  /// From -255 to 255: a byte, or one less another of its type.
  static bool isDifference(Value v) {
    auto sub = v.getDefiningOp<nn::SubOp>();
    return sub ? isByte(sub.getLhs()) && isByte(sub.getRhs()) : isByte(v);
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
      return b.notifyMatchFailure(quantize, "expected i8 by a known zero point");
    for (Operation *user : quantize->getUsers())
      if (!isa<nn::CastOp>(user) || !holdsBytes(user->getResult(0)))
        return b.notifyMatchFailure(user, "reads the codes themselves");
    Location loc = quantize.getLoc();
    Type u8 = b.getIntegerType(8, false);
    Value middle = pack::makeConstant(b, loc, RankedTensorType::get({}, u8),
                                      {(char)(int)(*zero + 128)});
    Value codes = nn::QuantizeOp::create(b, loc, type.clone(u8),
                                         quantize.getInput(),
                                         quantize.getScale(), middle, true);
    for (Operation *user :
         llvm::make_early_inc_range(quantize->getUsers())) {
      b.setInsertionPoint(user);
      Type real = user->getResult(0).getType();
      Value wide = nn::CastOp::create(b, loc, real, codes);
      // One subtraction takes both off.
      for (Operation *reader :
           llvm::make_early_inc_range(user->getUsers())) {
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
    RewritePatternSet patterns(&getContext());
    patterns.add<RecognizeByteConv, RecognizeIntegerConv, ComputeExactInFloat,
                 MakeCodesUnsigned>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
