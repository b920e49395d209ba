// Products of integer matrices, computed on the bytes they are made of:
//
//   (x - zx) * (w - zw) in i32, w constant
//     -> x * w - sums(x) * zw - zx * sums(w - zw)
//        x as u8 and w as i8, by 128 more or less, and their zero points too
//   sx * (x - zx) by W kept as codes of 8 bits, a scale per column sw
//     -> float(the same sums) * (sx * sw)
//   both sides known late, few products
//     -> in float, exact
//
// Sums of products of integers are exact, so every order of them gives the same
// bits. What is subtracted may be known late (DynamicQuantizeLinear).
#include "dialects/nn/DimBuilder.h"
#include "passes/model/ByteOperands.h"
#include "passes/model/Passes.h"

namespace tenon::model {
#define GEN_PASS_DEF_RECOGNIZEBYTEMATMULSPASS
#include "passes/model/Passes.h.inc"
} // namespace tenon::model

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

namespace {

class Recognizer {
public:
  explicit Recognizer(func::FuncOp program) : program(program), b(program) {}
  LogicalResult run();

private:
  /// The sums; null after an error.
  Value onBytes(nn::MatmulOp op, Shifted x, const ByteWeights &w);
  LogicalResult integers(nn::MatmulOp op);
  LogicalResult dequantized(nn::MatmulOp op);
  LogicalResult inFloat(nn::MatmulOp op);
  /// Fails where `y` is null.
  LogicalResult replace(nn::MatmulOp op, Value y);
  Value perColumn(Location loc, ArrayRef<int32_t> values) {
    return makeI32s(b, loc, {(int64_t)values.size()}, values);
  }
  int64_t depthOf(nn::MatmulOp op) {
    DimExpr depth = b.dims.of(op.getLhs()).back();
    return depth.isConstant() ? depth.constant() : ShapedType::kDynamic;
  }

  func::FuncOp program;
  nn::DimBuilder b;
};

} // namespace

/// Whether the left side's zero point is one number, or one per row.
static bool isPerRow(Value zero) {
  if (!zero)
    return true;
  auto type = cast<RankedTensorType>(zero.getType());
  return type.getRank() == 0 || type.getShape().back() == 1;
}

Value Recognizer::onBytes(nn::MatmulOp op, Shifted x, const ByteWeights &w) {
  Location loc = op.getLoc();
  Type i32 = b.getI32Type(), u8 = b.getIntegerType(8, false);
  Value codes = x.codes;
  Value zero = x.zero ? b.cast(loc, x.zero, i32) : Value();
  if (!nn::DimBuilder::elementOf(codes).isUnsignedInteger()) {
    Value middle = makeI32s(b, loc, {}, {128});
    codes = b.cast(loc, codes, i32);
    codes = b.cast(loc, b.make<nn::AddOp>(loc, i32, codes, middle), u8);
    zero = zero ? b.make<nn::AddOp>(loc, i32, zero, middle) : middle;
  }
  Value sums;
  if (!w.zeros.empty()) {
    int64_t last = b.dims.of(codes).size() - 1;
    sums = b.make<nn::ReduceOp>(loc, i32, b.cast(loc, codes, i32),
                                nn::ReduceKind::Sum, ArrayRef<int64_t>{last},
                                /*keepdims=*/true);
  }
  int64_t columns = w.totals.size(), depth = llvm::alignTo(depthOf(op), 4);
  if (int64_t more = depth - depthOf(op)) {
    Dims low(b.dims.of(codes).size(), 0), high = low;
    high.back() = more;
    codes = b.make<nn::PadOp>(
        loc, u8, codes, Value(), b.attr(low), b.attr(high),
        nn::PadModeAttr::get(b.getContext(), nn::PadMode::Constant));
  }
  std::vector<char> right = w.codes;
  right.resize(depth * columns, 0);
  Value y = b.make<nn::MatmulOp>(
      loc, i32, codes,
      pack::makeConstant(b, loc,
                         RankedTensorType::get({depth, columns}, b.getI8Type()),
                         std::move(right)));
  // The sums of a row times a zero point of the column.
  if (sums)
    y = b.make<nn::SubOp>(
        loc, i32, y,
        b.make<nn::MulOp>(loc, i32, sums, perColumn(loc, w.zeros)));
  if (zero)
    y = b.make<nn::SubOp>(
        loc, i32, y,
        b.make<nn::MulOp>(loc, i32, zero, perColumn(loc, w.totals)));
  return y;
}

LogicalResult Recognizer::replace(nn::MatmulOp op, Value y) {
  if (!y)
    return failure();
  op.getResult().replaceAllUsesWith(y);
  op.erase();
  return success();
}

/// Of floats, as DequantizeLinear on both sides leaves them.
LogicalResult Recognizer::dequantized(nn::MatmulOp op) {
  auto x = op.getLhs().getDefiningOp<nn::MulOp>();
  auto matrix = op.getRhs().getDefiningOp<pack::ConstantOp>();
  if (!x || !matrix || b.dims.of(x.getLhs()) != b.dims.of(x))
    return success();
  Shifted codes = shifted(x.getLhs());
  std::vector<float> scales;
  if (!isByte(codes.codes) || !isPerRow(codes.zero) || !isPerRow(x.getRhs()))
    return success();
  std::optional<ByteWeights> w = encodedByteWeights(matrix, scales);
  if (!w)
    return success();
  Location loc = op.getLoc();
  Type f32 = b.getF32Type();
  Value y = onBytes(op, codes, *w);
  std::vector<char> bytes(scales.size() * sizeof(float));
  std::memcpy(bytes.data(), scales.data(), bytes.size());
  Value factor = b.make<nn::MulOp>(
      loc, f32,
      pack::makeConstant(b, loc,
                         RankedTensorType::get({(int64_t)scales.size()}, f32),
                         std::move(bytes)),
      x.getRhs());
  return replace(op,
                 y ? b.make<nn::MulOp>(loc, f32, b.cast(loc, y, f32), factor)
                   : Value());
}

LogicalResult Recognizer::inFloat(nn::MatmulOp op) {
  Location loc = op.getLoc();
  Type f32 = b.getF32Type();
  Value y = b.make<nn::MatmulOp>(loc, f32, b.cast(loc, op.getLhs(), f32),
                                 b.cast(loc, op.getRhs(), f32));
  return replace(op, y ? b.cast(loc, y, b.getI32Type()) : Value());
}

/// Of integers, as MatMulInteger and QLinearMatMul are written.
LogicalResult Recognizer::integers(nn::MatmulOp op) {
  Shifted x = shifted(op.getLhs());
  if (isByte(x.codes) && isPerRow(x.zero) &&
      cast<RankedTensorType>(op.getRhs().getType()).getRank() == 2)
    if (std::optional<ByteWeights> w = byteWeights(op.getRhs(), 1))
      return replace(op, onBytes(op, x, *w));
  if (depthOf(op) > kDeepestFloatSum || !isByteDifference(op.getLhs()) ||
      !isByteDifference(op.getRhs()))
    return success();
  return inFloat(op);
}

LogicalResult Recognizer::run() {
  if (!b.dims.isValid())
    return failure();
  SmallVector<nn::MatmulOp> products;
  program.walk([&](nn::MatmulOp op) { products.push_back(op); });
  for (nn::MatmulOp op : products) {
    int64_t depth = depthOf(op);
    if (ShapedType::isDynamic(depth) || depth > kDeepestSum)
      continue;
    b.setInsertionPoint(op);
    Type element = nn::DimBuilder::elementOf(op.getResult());
    LogicalResult done = element.isSignlessInteger(32) ? integers(op)
                         : element.isF32()             ? dequantized(op)
                                                       : success();
    if (failed(done))
      return failure();
  }
  return success();
}

namespace {
struct RecognizeByteMatmulsPass
    : model::impl::RecognizeByteMatmulsPassBase<RecognizeByteMatmulsPass> {
  void runOnOperation() override {
    if (failed(Recognizer(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
