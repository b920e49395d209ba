// Products of integer matrices, computed on the bytes they are made of:
//
//   (x - zx) * (w - zw) in i32, w constant
//     -> x * w - sums(x) * zw - zx * sums(w - zw)
//        x as u8 and w as i8, by 128 more or less, and their zero points too
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
  LogicalResult onBytes(nn::MatmulOp op, Shifted x, const ByteWeights &w);
  LogicalResult inFloat(nn::MatmulOp op);
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

LogicalResult Recognizer::onBytes(nn::MatmulOp op, Shifted x,
                                  const ByteWeights &w) {
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
  if (!y)
    return failure();
  op.getResult().replaceAllUsesWith(y);
  op.erase();
  return success();
}

LogicalResult Recognizer::inFloat(nn::MatmulOp op) {
  Location loc = op.getLoc();
  Type f32 = b.getF32Type();
  Value y = b.make<nn::MatmulOp>(loc, f32, b.cast(loc, op.getLhs(), f32),
                                 b.cast(loc, op.getRhs(), f32));
  if (!y)
    return failure();
  op.getResult().replaceAllUsesWith(b.cast(loc, y, b.getI32Type()));
  op.erase();
  return success();
}

LogicalResult Recognizer::run() {
  if (!b.dims.isValid())
    return failure();
  SmallVector<nn::MatmulOp> products;
  program.walk([&](nn::MatmulOp op) { products.push_back(op); });
  for (nn::MatmulOp op : products) {
    int64_t depth = depthOf(op);
    if (!nn::DimBuilder::elementOf(op.getResult()).isSignlessInteger(32) ||
        ShapedType::isDynamic(depth) || depth > kDeepestSum)
      continue;
    b.setInsertionPoint(op);
    Shifted x = shifted(op.getLhs());
    std::optional<ByteWeights> w =
        isByte(x.codes) && isPerRow(x.zero) &&
                cast<RankedTensorType>(op.getRhs().getType()).getRank() == 2
            ? byteWeights(op.getRhs(), 1)
            : std::nullopt;
    LogicalResult done =
        w ? onBytes(op, x, *w)
          : success(depth > kDeepestFloatSum ||
                    !isByteDifference(op.getLhs()) ||
                    !isByteDifference(op.getRhs()) || succeeded(inFloat(op)));
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
