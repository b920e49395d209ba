// Operators that read at computed places, or write back what was read so:
// GridSample, RoiAlign, DeformConv, Col2Im, MaxUnpool; and Det.
#include "frontends/onnx/OpTranslators.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Samples ------------------------------------------------------------===//

static LogicalResult translateGridSample(NodeContext &node) {
  StringRef mode = node.node.getString("mode", "linear");
  StringRef padding = node.node.getString("padding_mode", "zeros");
  std::optional<nn::SampleMode> how =
      mode == "bilinear"  ? nn::SampleMode::Linear
      : mode == "bicubic" ? nn::SampleMode::Cubic
                          : nn::symbolizeSampleMode(mode);
  std::optional<nn::GridPadding> outside = nn::symbolizeGridPadding(padding);
  if (!how)
    return node.error() << "expected the mode linear, nearest or cubic, but got '"
                        << mode << "'";
  if (!outside)
    return node.error() << "expected the padding_mode zeros, border or "
                           "reflection, but got '"
                        << padding << "'";
  return node.yield(node.make<nn::GridSampleOp>(
      node.element(0), node.in(0), node.in(1), *how, *outside,
      node.node.getInt("align_corners", 0) != 0));
}

static LogicalResult translateRoiAlign(NodeContext &node) {
  const Node &n = node.node;
  StringRef mode = n.getString("mode", "avg");
  StringRef coordinates =
      n.getString("coordinate_transformation_mode", "half_pixel");
  if (mode != "avg" && mode != "max")
    return node.error() << "expected the mode avg or max, but got '" << mode
                        << "'";
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    return node.error() << "expected the coordinate_transformation_mode "
                           "half_pixel or output_half_pixel, but got '"
                        << coordinates << "'";
  return node.yield(node.make<nn::RoiAlignOp>(
      node.element(0), node.in(0), node.in(1), node.in(2),
      (uint64_t)n.getInt("output_height", 1), (uint64_t)n.getInt("output_width", 1),
      (uint64_t)n.getInt("sampling_ratio", 0),
      llvm::APFloat((double)n.getFloat("spatial_scale", 1)), mode == "max",
      coordinates == "half_pixel"));
}

/// Columns of samples, then one product per group as in any convolution.
static LogicalResult translateDeformConv(NodeContext &node) {
  const Node &n = node.node;
  Value x = node.in(0), w = node.in(1), offset = node.in(2);
  if (!x || !w || !offset)
    return failure();
  Dims sizes = node.dims(0), weights = node.dims(1);
  ArrayRef<int64_t> kernel = n.getInts("kernel_shape");
  for (size_t i = 0; i < kernel.size() && i + 2 < weights.size(); ++i)
    if (!weights[i + 2].isConstant())
      weights[i + 2] = kernel[i];
  if (sizes.size() != 4 || weights.size() != 4 || !weights[2].isConstant() ||
      !weights[3].isConstant())
    return node.error() << "expected an operand and weights of rank 4 with a "
                           "constant window, but got "
                        << dimsToString(sizes) << " and "
                        << dimsToString(weights);
  w = node.settle(w, weights);
  int64_t window[] = {weights[2].constant(), weights[3].constant()};
  int64_t taps = window[0] * window[1], group = n.getInt("group", 1);
  auto pair = [&](StringRef name, int64_t otherwise) {
    SmallVector<int64_t> all(n.getInts(name));
    if (all.empty())
      all.assign(2, otherwise);
    all.resize(2);
    return all;
  };
  SmallVector<int64_t> strides = pair("strides", 1), low = pair("pads", 0),
                       dilations = pair("dilations", 1);
  Type element = node.element(0);
  auto columns = [&](auto mask) {
    return node.make<nn::DeformColumnsOp>(
        element, x, offset, mask, ArrayRef<int64_t>(window),
        ArrayRef<int64_t>(strides), ArrayRef<int64_t>(dilations),
        ArrayRef<int64_t>(low), (uint64_t)n.getInt("offset_group", 1));
  };
  Value v = node.has(4) ? columns(node.in(4)) : columns(nullptr);
  if (!v)
    return failure();
  DimExpr places = node.dimsOf(v).back();
  DimExpr perGroup = weights[1] * DimExpr(taps);
  DimExpr results = DimExpr::floorDiv(weights[0], group);
  v = node.reshape(v, {sizes[0], group, perGroup, places});
  w = node.reshape(w, {group, results, perGroup});
  Value y = node.make<nn::MatmulOp>(element, w, v);
  Dims at = node.dims(2);
  y = node.reshape(y, {sizes[0], weights[0], at[2], at[3]});
  if (node.has(3))
    y = node.make<nn::AddOp>(element, y,
                             node.reshape(node.in(3), {weights[0], 1, 1}));
  return node.yield(y);
}

//===- Writing back -------------------------------------------------------===//

/// What overlaps adds up: a transposed convolution whose weights pass each of
/// the window's elements to its place.
static LogicalResult translateCol2Im(NodeContext &node) {
  Value x = node.in(0);
  const IntTensor *image = node.requireInts(1, "image_shape");
  const IntTensor *block = node.requireInts(2, "block_shape");
  if (!x || !image || !block)
    return failure();
  size_t rank = image->values.size();
  auto numbers = [&](StringRef name, size_t count, int64_t otherwise) {
    SmallVector<int64_t> all(node.node.getInts(name));
    if (all.empty())
      all.assign(count, otherwise);
    return all;
  };
  SmallVector<int64_t> strides = numbers("strides", rank, 1),
                       dilations = numbers("dilations", rank, 1),
                       pads = numbers("pads", 2 * rank, 0);
  if (block->values.size() != rank || strides.size() != rank ||
      dilations.size() != rank || pads.size() != 2 * rank)
    return node.error() << "expected image_shape, block_shape, strides, "
                           "dilations and pads of one rank";
  int64_t taps = 1;
  SmallVector<int64_t> shape;
  for (const DimExpr &size : block->values) {
    if (!size.isConstant())
      return node.error() << "expected a constant block_shape, but got "
                          << dimsToString(block->values);
    shape.push_back(size.constant());
    if (size.constant() < 1 || llvm::MulOverflow(taps, size.constant(), taps))
      return node.error() << "expected sizes of 1 and more in block_shape, but "
                             "got "
                          << dimsToString(block->values);
  }
  Dims from = node.dims(0);
  if (from.size() != 3)
    return node.error() << "expected an operand [N, C * block, places], but got "
                        << dimsToString(from);
  DimExpr channels = DimExpr::floorDiv(from[1], taps);
  Dims columns = {from[0] * channels, taps}, low, result = {from[0], channels};
  for (size_t i = 0; i < rank; ++i) {
    DimExpr span = image->values[i] + DimExpr(pads[i] + pads[rank + i]) -
                   DimExpr(dilations[i] * (shape[i] - 1) + 1);
    columns.push_back(DimExpr::floorDiv(span, strides[i]) + DimExpr(1));
    low.push_back(pads[i]);
    result.push_back(image->values[i]);
  }
  Type element = node.element(0), i64 = node.builder.getI64Type();
  // weights[t, 0, window...] is 1 at place t of the window.
  Value place = node.make<nn::IotaOp>(i64, node.scalar(i64, 0),
                                      node.scalar(i64, 1), node.dimsAttr({taps}));
  Value same = node.make<nn::CompareOp>(node.builder.getI1Type(), place,
                                        node.reshape(place, {taps, 1}),
                                        nn::Predicate::Eq);
  Dims window = {taps, 1};
  window.append(shape.begin(), shape.end());
  Value weights = node.reshape(node.cast(same, element), window);
  Value y = node.make<nn::ConvTransposeOp>(
      element, node.reshape(x, columns), weights, nullptr,
      ArrayRef<int64_t>(strides), ArrayRef<int64_t>(dilations),
      node.dimsAttr(low), node.dimsAttr(image->values), (uint64_t)1);
  return node.yield(node.reshape(y, result));
}

/// Indices count in the shape that the window gives; a larger output_shape
/// leaves zeros behind it.
static LogicalResult translateMaxUnpool(NodeContext &node) {
  Value x = node.in(0), at = node.in(1);
  if (!x || !at)
    return failure();
  Dims from = node.dims(0), shape = {from[0], from[1]};
  size_t rank = from.size() - 2;
  ArrayRef<int64_t> window = node.node.getInts("kernel_shape"),
                    strides = node.node.getInts("strides"),
                    pads = node.node.getInts("pads");
  if (from.size() < 3 || window.size() != rank)
    return node.error() << "expected a kernel_shape of " << rank
                        << " numbers for an operand of this rank, but got "
                        << window.size();
  for (size_t i = 0; i < rank; ++i) {
    int64_t stride = strides.empty() ? 1 : strides[i];
    int64_t pad = pads.empty() ? 0 : pads[i] + pads[rank + i];
    shape.push_back((from[2 + i] - DimExpr(1)) * DimExpr(stride) +
                    DimExpr(window[i] - pad));
  }
  Type element = node.element(0);
  DimExpr count = product(from);
  Value zeros = node.make<nn::ExpandOp>(element, node.scalar(element, 0),
                                        node.dimsAttr({product(shape)}));
  Value y = node.make<nn::ScatterElementsOp>(
      element, zeros, node.reshape(at, {count}), node.reshape(x, {count}), 0,
      nn::ScatterKind::Replace);
  y = node.reshape(y, shape);
  if (!node.has(2))
    return node.yield(y);
  const IntTensor *asked = node.requireInts(2, "output_shape");
  if (!asked)
    return failure();
  if (asked->values.size() != shape.size())
    return node.error() << "expected an output_shape of " << shape.size()
                        << " numbers, but got " << asked->values.size();
  Dims low(shape.size(), 0), high;
  for (size_t i = 0; i < shape.size(); ++i)
    high.push_back(asked->values[i] - shape[i]);
  return node.yield(node.make<nn::PadOp>(element, y, node.scalar(element, 0),
                                         node.dimsAttr(low), node.dimsAttr(high),
                                         nn::PadMode::Constant));
}

static LogicalResult translateDet(NodeContext &node) {
  return node.yield(node.make<nn::DeterminantOp>(node.element(0), node.in(0)));
}

void onnx::addSamplingTranslators(TranslatorTable &t) {
  t["GridSample"] = translateGridSample;
  t["RoiAlign"] = translateRoiAlign;
  t["DeformConv"] = translateDeformConv;
  t["Col2Im"] = translateCol2Im;
  t["MaxUnpool"] = translateMaxUnpool;
  t["Det"] = translateDet;
}
