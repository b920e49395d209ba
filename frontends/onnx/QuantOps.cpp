// Operators on quantized integers. Each is written as what it means: integers
// less their zero points, products in i32, scales in float, nn.quantize back.
//
//   DequantizeLinear   (cast x - cast zero) * scale
//   QLinearMatMul      quantize(cast(matmul(a - az, b - bz)) * (as * bs), ...)
#include "frontends/onnx/QuantOps.h"

#include "frontends/onnx/LowBit.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Granularity --------------------------------------------------------===//

/// One number as a scalar, however many dimensions of size 1 it has.
static std::optional<Value> asScalar(NodeContext &node, Value v) {
  Dims dims = node.dimsOf(v);
  if (dims.empty())
    return v;
  for (const DimExpr &d : dims)
    if (!d.isConstant(1))
      return std::nullopt;
  return node.reshape(v, {});
}

/// One number per block along `axis`, repeated over its block and cut to x's
/// size where the last block is not full.
static Value repeatBlocks(NodeContext &node, Value v, const Dims &x,
                          int64_t axis, int64_t block) {
  Dims few = node.dimsOf(v);
  if (few.size() != x.size()) {
    node.error() << "expected a blocked scale and zero point of rank "
                 << x.size() << " like the operand, but got "
                 << dimsToString(few);
    return {};
  }
  DimExpr blocks = few[axis];
  DimExpr expected = DimExpr::ceilDiv(x[axis], block);
  if (blocks.isConstant() && expected.isConstant() && blocks != expected) {
    node.error() << "expected " << expected.str() << " blocks of " << block
                 << " along axis " << axis << ", but got " << blocks.str();
    return {};
  }
  Dims split = few, repeated = few, joined = few;
  split.insert(split.begin() + axis + 1, DimExpr(1));
  repeated.insert(repeated.begin() + axis + 1, DimExpr(block));
  joined[axis] = blocks * DimExpr(block);
  v = node.make<nn::ExpandOp>(node.elementOf(v), node.reshape(v, split),
                              node.dimsAttr(repeated));
  v = node.reshape(v, joined);
  if (joined[axis] == x[axis])
    return v;
  joined[axis] = x[axis];
  SmallVector<int64_t> steps(x.size(), 1);
  return node.make<nn::SliceOp>(
      node.elementOf(v), v, node.dimsAttr(Dims(x.size(), DimExpr(0))),
      ArrayRef<int64_t>(steps), node.dimsAttr(joined));
}

/// Operand i, a scale or zero point, shaped so that it broadcasts against
/// operand 0: one number, one per position along `axis`, or one per block.
static Value broadcastParameter(NodeContext &node, size_t i) {
  Value v = node.in(i), x = node.in(0);
  if (!v || !x)
    return {};
  if (std::optional<Value> scalar = asScalar(node, v))
    return *scalar;
  Dims sizes = node.dimsOf(x), mine = node.dimsOf(v);
  int64_t rank = sizes.size(), asked = node.node.getInt("axis", 1);
  // The axis of a vector needs no saying, and its default is out of range.
  FailureOr<int64_t> axis =
      rank == 1 ? FailureOr<int64_t>(0) : node.axis(asked, rank);
  if (failed(axis))
    return {};
  int64_t block = node.node.getInt("block_size", 0);
  if (block < 0) {
    node.error() << "expected a block_size of 0 or more, but got " << block;
    return {};
  }
  if (block > 0)
    return repeatBlocks(node, v, sizes, *axis, block);
  if (mine.size() != 1) {
    node.error() << "expected a scale and zero point of rank 0 or 1 without "
                    "block_size, but got "
                 << dimsToString(mine);
    return {};
  }
  Dims shape(rank, 1);
  shape[*axis] = mine[0];
  return node.reshape(v, shape);
}

/// Whether an integer operand is absent or a constant of zeros.
static bool isZero(NodeContext &node, size_t i) {
  if (!node.has(i))
    return true;
  std::optional<ArrayRef<char>> bytes = node.constantBytes(i);
  return bytes && llvm::all_of(*bytes, [](char c) { return c == 0; });
}

/// The type an attribute names; null after an error for one that tensors do
/// not have here.
static Type namedType(NodeContext &node, StringRef attribute) {
  auto type = (DataType)node.node.getInt(attribute, 0);
  Type element = elementType(*node.builder.getContext(), type);
  if (!element)
    node.error() << attribute << " " << dataTypeName(type)
                 << " is not compiled yet; expected a type of 8 bits or more, "
                    "or a float of 16 or more";
  return element;
}

//===- QuantizeLinear, DequantizeLinear -----------------------------------===//

static LogicalResult translateQuantizeLinear(NodeContext &node) {
  Value x = node.in(0), scale = broadcastParameter(node, 1);
  if (!x || !scale)
    return failure();
  Type element = node.builder.getIntegerType(8, false);
  if (node.has(2))
    element = node.element(2);
  else if (node.node.getInt("output_dtype", 0))
    element = namedType(node, "output_dtype");
  // The type of the division.
  Type precision = node.node.getInt("precision", 0)
                       ? namedType(node, "precision")
                       : node.elementOf(scale);
  if (!element || !precision)
    return failure();
  bool saturate = node.node.getInt("saturate", 1) != 0;
  auto quantize = [&](auto zeroPoint) {
    return node.make<nn::QuantizeOp>(element, node.cast(x, precision),
                                     node.cast(scale, precision), zeroPoint,
                                     saturate);
  };
  return node.yield(node.has(2) ? quantize(broadcastParameter(node, 2))
                                : quantize(nullptr));
}

static LogicalResult translateDequantizeLinear(NodeContext &node) {
  if (Value encoded = encodedDequantize(node))
    return node.yield(encoded);
  Value x = node.in(0), scale = broadcastParameter(node, 1);
  if (!x || !scale)
    return failure();
  Type result = node.elementOf(scale);
  if (node.node.getInt("output_dtype", 0))
    result = namedType(node, "output_dtype");
  if (!result)
    return failure();
  // Differences of bytes are exact in every float type; wider integers, and
  // scales of another type than the result, go through float.
  Type computed = result;
  if (node.element(0).getIntOrFloatBitWidth() > 8 ||
      result != node.elementOf(scale))
    if (result.getIntOrFloatBitWidth() < 32)
      computed = node.builder.getF32Type();
  Value y = node.cast(x, computed);
  if (!isZero(node, 2))
    y = node.make<nn::SubOp>(computed, y,
                             node.cast(broadcastParameter(node, 2), computed));
  y = node.make<nn::MulOp>(computed, y, node.cast(scale, computed));
  return node.yield(node.cast(y, result));
}

namespace {
struct Quantized {
  Value values, scale, zeroPoint;
};
} // namespace

/// To ui8 by the range of the values, which is widened to hold 0.
static Quantized quantizeByRange(NodeContext &node, Value x) {
  Type f32 = node.builder.getF32Type();
  Type u8 = node.builder.getIntegerType(8, false);
  SmallVector<int64_t> axes;
  for (size_t i = 0; i < node.dimsOf(x).size(); ++i)
    axes.push_back(i);
  Value zero = node.scalar(f32, 0), most = node.scalar(f32, 255);
  auto extreme = [&](nn::ReduceKind kind) {
    return node.make<nn::ReduceOp>(f32, x, kind, ArrayRef<int64_t>(axes),
                                   false);
  };
  Value low = node.make<nn::MinOp>(f32, extreme(nn::ReduceKind::Min), zero);
  Value high = node.make<nn::MaxOp>(f32, extreme(nn::ReduceKind::Max), zero);
  Value scale =
      node.make<nn::DivOp>(f32, node.make<nn::SubOp>(f32, high, low), most);
  // All zeros: any scale will do but 0.
  Value isZero = node.make<nn::CompareOp>(node.builder.getI1Type(), scale, zero,
                                          nn::Predicate::Eq);
  scale = node.make<nn::SelectOp>(f32, isZero, node.scalar(f32, 1), scale);
  Value at = node.make<nn::NegOp>(f32, node.make<nn::DivOp>(f32, low, scale));
  at = node.make<nn::MinOp>(f32, node.make<nn::MaxOp>(f32, at, zero), most);
  Value zeroPoint = node.cast(node.make<nn::RoundOp>(f32, at), u8);
  Value values = node.make<nn::QuantizeOp>(u8, x, scale, zeroPoint);
  return {values, scale, zeroPoint};
}

static LogicalResult translateDynamicQuantizeLinear(NodeContext &node) {
  Value x = node.in(0);
  if (!x)
    return failure();
  Quantized q = quantizeByRange(node, x);
  if (failed(node.yield(q.values, 0)) || failed(node.yield(q.scale, 1)))
    return failure();
  return node.yield(q.zeroPoint, 2);
}

//===- Products -----------------------------------------------------------===//

namespace {
/// With what has to be subtracted first; null: nothing.
struct IntegerMatrix {
  Value values, zeroPoint;
};
} // namespace

/// A parameter per row of a left operand: a vector becomes a column.
static Value perRow(NodeContext &node, Value v) {
  Dims dims = node.dimsOf(v);
  if (!v || dims.size() != 1 || dims[0].isConstant(1))
    return v;
  return node.reshape(v, {dims[0], 1});
}

/// The i32 product of integer matrices, with numpy's rules for vectors.
static Value multiply(NodeContext &node, IntegerMatrix a, IntegerMatrix b) {
  Type i32 = node.builder.getI32Type();
  Value lhs = a.values, rhs = b.values;
  if (!lhs || !rhs)
    return {};
  if (node.dimsOf(lhs).empty() || node.dimsOf(rhs).empty()) {
    node.error() << "expected operands of rank 1 or more, but got "
                 << dimsToString(node.dimsOf(lhs)) << " and "
                 << dimsToString(node.dimsOf(rhs));
    return {};
  }
  bool row = node.dimsOf(lhs).size() == 1,
       column = node.dimsOf(rhs).size() == 1;
  if (row)
    lhs = node.reshape(lhs, {1, node.dimsOf(lhs)[0]});
  if (column)
    rhs = node.reshape(rhs, {node.dimsOf(rhs)[0], 1});
  // nn.matmul widens bytes by itself, so only a zero point asks for i32 here.
  auto subtract = [&](Value v, Value zeroPoint) {
    return node.make<nn::SubOp>(i32, node.cast(v, i32),
                                node.cast(zeroPoint, i32));
  };
  if (a.zeroPoint)
    lhs = subtract(lhs, a.zeroPoint);
  if (b.zeroPoint)
    rhs = subtract(rhs, b.zeroPoint);
  Value y = node.make<nn::MatmulOp>(i32, lhs, rhs);
  if (!y || (!row && !column))
    return y;
  Dims shape = node.dimsOf(y);
  if (column)
    shape.pop_back();
  if (row)
    shape.erase(shape.end() - (column ? 1 : 2));
  return node.reshape(y, shape);
}

/// Operands `values` and `zeroPoint` as a matrix; `left`: a vector of zero
/// points counts rows, else columns.
static IntegerMatrix integerMatrix(NodeContext &node, size_t values,
                                   size_t zeroPoint, bool left) {
  if (isZero(node, zeroPoint))
    return {node.in(values), {}};
  Value zero = node.in(zeroPoint);
  if (!zero)
    return {};
  return {node.in(values), left ? perRow(node, zero) : zero};
}

/// cast(product) * (scale * scale) + bias, in float.
static Value toReal(NodeContext &node, Value product, Value leftScale,
                    Value rightScale, std::optional<Value> bias) {
  Type f32 = node.builder.getF32Type();
  Value scale = node.make<nn::MulOp>(
      f32, node.cast(perRow(node, leftScale), f32), node.cast(rightScale, f32));
  Value real = node.make<nn::MulOp>(f32, node.cast(product, f32), scale);
  return bias ? node.make<nn::AddOp>(f32, real, node.cast(*bias, f32)) : real;
}

static LogicalResult translateMatMulInteger(NodeContext &node) {
  return node.yield(multiply(node, integerMatrix(node, 0, 2, true),
                             integerMatrix(node, 1, 3, false)));
}

static LogicalResult translateQLinearMatMul(NodeContext &node) {
  Value product = multiply(node, integerMatrix(node, 0, 2, true),
                           integerMatrix(node, 3, 5, false));
  Value real = toReal(node, product, node.in(1), node.in(4), std::nullopt);
  Type f32 = node.builder.getF32Type();
  return node.yield(node.make<nn::QuantizeOp>(
      node.element(7), real, node.cast(perRow(node, node.in(6)), f32),
      perRow(node, node.in(7))));
}

/// onnxruntime: A, B with their scales and zero points, [C], then those of the
/// result; without them it is in float. C is in i32 by alpha * a_scale *
/// b_scale, so it joins the sums.
static LogicalResult translateQGemm(NodeContext &node) {
  auto turned = [&](IntegerMatrix m, StringRef attribute) {
    if (node.node.getInt(attribute, 0) && node.dimsOf(m.values).size() == 2)
      m.values = node.transpose(m.values, {1, 0});
    return m;
  };
  Value sum =
      multiply(node, turned(integerMatrix(node, 0, 2, true), "transA"),
               turned(integerMatrix(node, 3, 5, false), "transB"));
  Type f32 = node.builder.getF32Type();
  if (node.has(6))
    sum = node.make<nn::AddOp>(node.builder.getI32Type(), sum, node.in(6));
  Value scale = node.cast(node.in(1), f32);
  float alpha = node.node.getFloat("alpha", 1);
  if (alpha != 1)
    scale = node.make<nn::MulOp>(f32, node.scalar(f32, alpha), scale);
  Value real = toReal(node, sum, scale, node.in(4), std::nullopt);
  if (!node.has(7))
    return node.yield(real);
  if (!node.has(8))
    return node.yield(node.make<nn::QuantizeOp>(node.element(0), real,
                                                node.in(7), nullptr));
  return node.yield(node.make<nn::QuantizeOp>(node.element(8), real,
                                              node.in(7), node.in(8)));
}

/// onnxruntime: A, B, a_scale, b_scale, [a_zero], [b_zero], [bias].
static LogicalResult translateMatMulIntegerToFloat(NodeContext &node) {
  std::optional<Value> bias;
  if (node.has(6))
    bias = node.in(6);
  Value product = multiply(node, integerMatrix(node, 0, 4, true),
                           integerMatrix(node, 1, 5, false));
  Value real = toReal(node, product, node.in(2), node.in(3), bias);
  return node.yield(node.cast(real, node.element(2)));
}

Value onnx::multiplyByRange(NodeContext &node, Value x,
                            QuantizedMatrix matrix) {
  Quantized q = quantizeByRange(node, x);
  Value product =
      multiply(node, {q.values, q.zeroPoint}, {matrix.codes, matrix.zero});
  return toReal(node, product, q.scale, matrix.scale, std::nullopt);
}

/// onnxruntime: A in float, B, b_scale, [b_zero], [bias].
static LogicalResult translateDynamicQuantizeMatMul(NodeContext &node) {
  Value a = node.in(0);
  if (!a)
    return failure();
  IntegerMatrix matrix = integerMatrix(node, 1, 3, false);
  Value y =
      multiplyByRange(node, a, {matrix.values, matrix.zeroPoint, node.in(2)});
  if (node.has(4))
    y = node.make<nn::AddOp>(node.builder.getF32Type(), y, node.in(4));
  return node.yield(y);
}

//===- onnxruntime's lookup -------------------------------------------------===//

/// Bytes that hold several numbers each, low bits first, along the last
/// dimension.
static Value unpackBytes(NodeContext &node, Value v, int64_t bits) {
  if (!v || bits == 8)
    return v;
  Type u8 = node.elementOf(v);
  Dims shape = node.dimsOf(v), apart = shape;
  apart.push_back(1);
  SmallVector<Value> fields;
  for (int64_t low = 0; low < 8; low += bits) {
    Value field = node.make<nn::ShiftRightOp>(u8, v, node.scalar(u8, low));
    field =
        node.make<nn::AndOp>(u8, field, node.scalar(u8, (1 << bits) - 1));
    fields.push_back(node.reshape(field, apart));
  }
  shape.back() *= DimExpr(8 / bits);
  return node.reshape(node.make<nn::ConcatOp>(u8, fields, shape.size()), shape);
}

/// onnxruntime: rows of a table that blocks of numbers share a scale of; data,
/// indices, scales, [zero points]. Only the rows asked for are dequantized.
static LogicalResult translateGatherBlockQuantized(NodeContext &node) {
  Value data = node.in(0), indices = node.in(1), scales = node.in(2);
  if (!data || !indices || !scales)
    return failure();
  int64_t rank = node.rank(0), bits = node.node.getInt("bits", 4);
  int64_t block = node.node.getInt("block_size", 128);
  FailureOr<int64_t> axis =
      node.axis(node.node.getInt("gather_axis", 0), rank);
  FailureOr<int64_t> along =
      node.axis(node.node.getInt("quantize_axis", 1), rank);
  if (failed(axis) || failed(along))
    return failure();
  bool bytes = node.element(0).isUnsignedInteger(8);
  if (block < 16 || (bits != 2 && bits != 4 && bits != 8) || *axis == *along ||
      (bytes && bits < 8 && *axis == rank - 1))
    return node.error() << "expected a block_size of 16 or more, 2, 4 or 8 "
                           "bits, and a gather_axis that is neither "
                           "quantize_axis nor that of packed bytes, but got "
                        << block << ", " << bits << ", " << *axis << " and "
                        << *along;
  auto rows = [&](Value v) {
    return node.make<nn::GatherOp>(node.elementOf(v), v, indices, *axis);
  };
  Type result = node.elementOf(scales);
  Value codes = rows(data), scale = rows(scales);
  if (bytes)
    codes = unpackBytes(node, codes, bits);
  if (!codes || !scale)
    return failure();
  Dims sizes = node.dimsOf(codes), few = node.dimsOf(scale);
  int64_t to = *along + (*along > *axis ? node.rank(1) - 1 : 0);
  Value y = node.cast(codes, result);
  if (node.has(3)) {
    Value zero = rows(node.in(3));
    if (bytes && bits < 8) {
      // Those of the last byte may be more than there are blocks.
      SmallVector<int64_t> steps(few.size(), 1);
      zero = node.make<nn::SliceOp>(
          node.elementOf(zero), unpackBytes(node, zero, bits),
          node.dimsAttr(Dims(few.size(), 0)), ArrayRef<int64_t>(steps),
          node.dimsAttr(few));
    }
    zero = repeatBlocks(node, node.cast(zero, result), sizes, to, block);
    y = node.make<nn::SubOp>(result, y, zero);
  } else if (bytes) {
    y = node.make<nn::SubOp>(result, y,
                             node.scalar(result, 1 << (bits - 1)));
  }
  return node.yield(node.make<nn::MulOp>(
      result, y, repeatBlocks(node, scale, sizes, to, block)));
}

void onnx::addQuantTranslators(TranslatorTable &t) {
  t["QuantizeLinear"] = translateQuantizeLinear;
  t["DequantizeLinear"] = translateDequantizeLinear;
  t["DynamicQuantizeLinear"] = translateDynamicQuantizeLinear;
  t["MatMulInteger"] = translateMatMulInteger;
  t["QLinearMatMul"] = translateQLinearMatMul;
  t["com.microsoft::QGemm"] = translateQGemm;
  t["com.microsoft::DynamicQuantizeMatMul"] = translateDynamicQuantizeMatMul;
  t["com.microsoft::MatMulIntegerToFloat"] = translateMatMulIntegerToFloat;
  t["com.microsoft::GatherBlockQuantized"] = translateGatherBlockQuantized;
}
