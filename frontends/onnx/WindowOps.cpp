// Operators that slide a window over the spatial dimensions: convolutions and
// pooling, of any number of spatial dimensions.
//
//   sizes of one dimension (x: operand, d*(k-1)+1: window, s: stride)
//     floor   (x + low + high - window) floordiv s + 1
//     ceil    min((x + low + high - window) ceildiv s + 1,
//                 (x + low) ceildiv s)      the last window starts on the data
//     SAME_*  x ceildiv s, padded by what the last window lacks
#include "frontends/onnx/GraphImporter.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

//===- Attributes ---------------------------------------------------------===//

namespace {
/// strides, dilations, pads and auto_pad of a node, per spatial dimension.
struct Window {
  SmallVector<int64_t> strides, dilations;
  Dims low, high;
  /// Taps of the kernel, and what they span with dilation.
  Dims kernel, extent;
  /// SAME_UPPER or SAME_LOWER: `low` and `high` follow from the sizes.
  bool same = false, lower = false;

  size_t rank() const { return kernel.size(); }
};
} // namespace

/// Attribute `name`, one number per spatial dimension (`times` of them); all
/// `otherwise` if absent.
static FailureOr<SmallVector<int64_t>>
perDimension(NodeContext &node, StringRef name, size_t count, int64_t otherwise,
             int64_t least) {
  ArrayRef<int64_t> given = node.node.getInts(name);
  if (given.empty())
    return SmallVector<int64_t>(count, otherwise);
  if (given.size() != count)
    return node.error() << "expected " << count << " numbers in " << name
                        << " for an operand of this rank, but got "
                        << given.size();
  for (int64_t v : given)
    if (v < least)
      return node.error() << "expected " << name << " of " << least
                          << " or more, but got " << v;
  return SmallVector<int64_t>(given);
}

/// The window of a node whose kernel has the sizes `kernel`.
static FailureOr<Window> readWindow(NodeContext &node, Dims kernel) {
  Window w;
  size_t rank = kernel.size();
  FailureOr<SmallVector<int64_t>> strides =
      perDimension(node, "strides", rank, 1, 1);
  FailureOr<SmallVector<int64_t>> dilations =
      perDimension(node, "dilations", rank, 1, 1);
  FailureOr<SmallVector<int64_t>> pads =
      perDimension(node, "pads", 2 * rank, 0, 0);
  if (failed(strides) || failed(dilations) || failed(pads))
    return failure();
  StringRef mode = node.node.getString("auto_pad", "NOTSET");
  w.same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  w.lower = mode == "SAME_LOWER";
  if (!w.same && mode != "NOTSET" && mode != "VALID" && !mode.empty())
    return node.error() << "expected auto_pad to be NOTSET, SAME_UPPER, "
                           "SAME_LOWER or VALID, but got '"
                        << mode << "'";
  if (mode == "VALID")
    pads->assign(2 * rank, 0);
  w.strides = *strides;
  w.dilations = *dilations;
  w.kernel = kernel;
  for (size_t i = 0; i < rank; ++i) {
    w.low.push_back((*pads)[i]);
    w.high.push_back((*pads)[rank + i]);
    w.extent.push_back((kernel[i] - DimExpr(1)) * DimExpr(w.dilations[i]) +
                       DimExpr(1));
  }
  return w;
}

/// Splits padding between the two ends; an odd one leaves the rest where
/// auto_pad says.
static void splitPadding(Window &w, size_t i, const DimExpr &total,
                         bool restLow) {
  DimExpr half = DimExpr::floorDiv(total, 2);
  w.low[i] = restLow ? total - half : half;
  w.high[i] = restLow ? half : total - half;
}

static DimExpr atLeastZero(NodeContext &node, const DimExpr &e) {
  if (e.range(node.analysis.symbols).lo >= 0)
    return e;
  return DimExpr::max(e, 0);
}

/// SAME padding of a window that walks over `sizes`.
static void padToSame(NodeContext &node, Window &w, ArrayRef<DimExpr> sizes) {
  for (size_t i = 0; w.same && i < w.rank(); ++i) {
    DimExpr stride = w.strides[i];
    DimExpr results = DimExpr::ceilDiv(sizes[i], stride);
    DimExpr needed = (results - DimExpr(1)) * stride + w.extent[i] - sizes[i];
    // A window that spans its stride never lacks less than nothing; without
    // the `max` the result's size is seen to be `results`.
    if ((w.extent[i] - stride).range(node.analysis.symbols).lo < 0)
      needed = atLeastZero(node, needed);
    splitPadding(w, i, needed, w.lower);
  }
}

/// The operand's spatial sizes; an operand without any is reported.
static FailureOr<Dims> spatialDims(NodeContext &node, Value x) {
  if (!x)
    return failure();
  Dims dims = node.dimsOf(x);
  if (dims.size() < 3)
    return node.error() << "expected an operand [N, C, spatial...] of rank 3 "
                           "or more, but got "
                        << dimsToString(dims);
  return Dims(dims.begin() + 2, dims.end());
}

/// The spatial sizes of weights of the operand's rank, which kernel_shape tells
/// where the weights are known only at run time.
static FailureOr<Dims> kernelDims(NodeContext &node, Value &weights,
                                  size_t spatial) {
  if (!weights)
    return failure();
  Dims dims = node.dimsOf(weights);
  if (dims.size() != spatial + 2)
    return node.error() << "expected weights of rank " << spatial + 2
                        << " like the operand, but got " << dimsToString(dims);
  ArrayRef<int64_t> declared = node.node.getInts("kernel_shape");
  for (size_t i = 0; i < std::min(declared.size(), spatial); ++i) {
    if (dims[i + 2].isConstant() && dims[i + 2].constant() != declared[i])
      return node.error() << "expected weights with the kernel_shape's size "
                          << declared[i] << " in dimension " << i + 2
                          << ", but got " << dimsToString(dims);
    dims[i + 2] = declared[i];
  }
  weights = node.settle(weights, dims);
  if (!weights)
    return failure();
  return Dims(dims.begin() + 2, dims.end());
}

//===- Convolutions -------------------------------------------------------===//

/// A convolution of `x` with `weights` by the node's attributes.
static Value convolve(NodeContext &node, Value x, Value weights,
                      std::optional<Value> bias) {
  FailureOr<Dims> sizes = spatialDims(node, x);
  if (failed(sizes))
    return {};
  FailureOr<Dims> kernel = kernelDims(node, weights, sizes->size());
  if (failed(kernel))
    return {};
  FailureOr<Window> w = readWindow(node, *kernel);
  if (failed(w))
    return {};
  padToSame(node, *w, *sizes);
  auto conv = [&](auto b) {
    return node.make<nn::ConvOp>(
        node.elementOf(x), x, weights, b, ArrayRef<int64_t>(w->strides),
        ArrayRef<int64_t>(w->dilations), node.dimsAttr(w->low),
        node.dimsAttr(w->high), node.node.getInt("group", 1));
  };
  return bias ? conv(*bias) : conv(nullptr);
}

static LogicalResult translateConv(NodeContext &node) {
  std::optional<Value> bias;
  if (node.has(2))
    bias = node.in(2);
  return node.yield(convolve(node, node.in(0), node.in(1), bias));
}

/// Integers less their zero point, as i32. A zero point of one number per
/// output channel of weights stands in dimension 0.
static Value lessZeroPoint(NodeContext &node, Value v, size_t zeroPoint) {
  Type i32 = node.builder.getI32Type();
  Value wide = node.cast(v, i32);
  if (!v || !node.has(zeroPoint))
    return wide;
  Value zero = node.cast(node.in(zeroPoint), i32);
  Dims dims = node.dimsOf(zero);
  if (dims.size() == 1 && !dims[0].isConstant(1)) {
    Dims channels(node.dimsOf(v).size(), 1);
    channels[0] = dims[0];
    zero = node.reshape(zero, channels);
  }
  return node.make<nn::SubOp>(i32, wide, zero);
}

static LogicalResult translateConvInteger(NodeContext &node) {
  // What stands outside is the zero point, which is 0 after subtracting it.
  return node.yield(convolve(node, lessZeroPoint(node, node.in(0), 2),
                             lessZeroPoint(node, node.in(1), 3), std::nullopt));
}

/// conv(x - x_zero, w - w_zero) + bias in i32, then x_scale * w_scale and the
/// result's quantization in float.
static LogicalResult translateQLinearConv(NodeContext &node) {
  std::optional<Value> bias;
  if (node.has(8))
    bias = node.in(8);
  Value sum = convolve(node, lessZeroPoint(node, node.in(0), 2),
                       lessZeroPoint(node, node.in(3), 5), bias);
  Type f32 = node.builder.getF32Type();
  Value weightScale = node.cast(node.in(4), f32);
  if (!sum || !weightScale)
    return failure();
  Dims scaleDims = node.dimsOf(weightScale);
  if (scaleDims.size() == 1) {
    Dims channels(node.dimsOf(sum).size() - 1, 1);
    channels[0] = scaleDims[0];
    weightScale = node.reshape(weightScale, channels);
  }
  Value scale =
      node.make<nn::MulOp>(f32, node.cast(node.in(1), f32), weightScale);
  Value real = node.make<nn::MulOp>(f32, node.cast(sum, f32), scale);
  return node.yield(node.make<nn::QuantizeOp>(
      node.element(7), real, node.cast(node.in(6), f32), node.in(7)));
}

/// A transposed convolution to the sizes `shape` as one over x with zeros
/// between its elements, by the weights turned round: its window and padding
/// may be known only at run time.
static Value convolveBack(NodeContext &node, Value x, Value weights,
                          std::optional<Value> bias, const Window &w,
                          ArrayRef<DimExpr> shape) {
  Type element = node.elementOf(x);
  Value zero = node.scalar(element, 0);
  auto pad = [&](Value v, const Dims &low, const Dims &high) {
    return node.make<nn::PadOp>(element, v, zero, node.dimsAttr(low),
                                node.dimsAttr(high), nn::PadMode::Constant);
  };
  size_t rank = w.rank();
  Dims from = node.dimsOf(x), apart = {from[0], from[1]}, spread = apart,
       gaps = {0, 0}, low = {0, 0}, high = {0, 0};
  for (size_t i = 0; i < rank; ++i) {
    DimExpr size = from[2 + i], wide = size * DimExpr(w.strides[i]);
    apart.append({size, 1});
    gaps.append({0, w.strides[i] - 1});
    spread.push_back(wide);
    low.push_back(w.extent[i] - DimExpr(1) - w.low[i]);
    high.push_back(shape[i] + w.low[i] - wide);
  }
  x = pad(node.reshape(x, apart), Dims(apart.size(), 0), gaps);
  x = pad(node.reshape(x, spread), low, high);

  Dims sizes = node.dimsOf(weights), split = sizes, starts(rank + 2, 0);
  int64_t group = node.node.getInt("group", 1);
  split[0] = DimExpr::floorDiv(sizes[0], group);
  split.insert(split.begin(), group);
  SmallVector<int64_t> swapped = {0, 2, 1}, steps(rank + 2, 1);
  for (size_t i = 0; i < rank; ++i) {
    swapped.push_back(3 + i);
    starts[2 + i] = sizes[2 + i] - DimExpr(1);
    steps[2 + i] = -1;
  }
  sizes[0] = split[2] * DimExpr(group);
  sizes[1] = split[1];
  weights = node.reshape(
      node.transpose(node.reshape(weights, split), swapped), sizes);
  weights = node.make<nn::SliceOp>(element, weights, node.dimsAttr(starts),
                                   ArrayRef<int64_t>(steps),
                                   node.dimsAttr(sizes));
  SmallVector<int64_t> ones(rank, 1);
  Dims none(rank, 0);
  auto conv = [&](auto b) {
    return node.make<nn::ConvOp>(element, x, weights, b,
                                 ArrayRef<int64_t>(ones),
                                 ArrayRef<int64_t>(w.dilations),
                                 node.dimsAttr(none), node.dimsAttr(none),
                                 group);
  };
  return bias ? conv(*bias) : conv(nullptr);
}

static LogicalResult translateConvTranspose(NodeContext &node) {
  Value x = node.in(0), weights = node.in(1);
  FailureOr<Dims> sizes = spatialDims(node, x);
  if (failed(sizes))
    return failure();
  size_t rank = sizes->size();
  FailureOr<Dims> kernel = kernelDims(node, weights, rank);
  if (failed(kernel))
    return failure();
  FailureOr<Window> w = readWindow(node, *kernel);
  FailureOr<SmallVector<int64_t>> more =
      perDimension(node, "output_padding", rank, 0, 0);
  if (failed(w) || failed(more))
    return failure();
  // Some exporters give output_shape with the batch and the channels.
  ArrayRef<int64_t> asked = node.node.getInts("output_shape");
  if (asked.size() == rank + 2)
    asked = asked.drop_front(2);
  if (!asked.empty() && asked.size() != rank)
    return node.error() << "expected " << rank
                        << " numbers in output_shape, but got " << asked.size();

  Dims shape;
  for (size_t i = 0; i < rank; ++i) {
    DimExpr stride = w->strides[i];
    DimExpr whole = ((*sizes)[i] - DimExpr(1)) * stride + w->extent[i] +
                    DimExpr((*more)[i]);
    if (asked.empty() && !w->same) {
      shape.push_back(whole - w->low[i] - w->high[i]);
      continue;
    }
    shape.push_back(asked.empty() ? (*sizes)[i] * stride : DimExpr(asked[i]));
    // A result larger than the whole gets nothing but the bias at its end.
    bool upper = w->same && !w->lower;
    splitPadding(*w, i, atLeastZero(node, whole - shape.back()), !upper);
  }
  auto isConstant = [](const DimExpr &e) { return e.isConstant(); };
  if (!llvm::all_of(w->extent, isConstant) || !llvm::all_of(w->low, isConstant))
    return node.yield(convolveBack(
        node, x, weights, node.has(2) ? std::optional(node.in(2)) : std::nullopt,
        *w, shape));
  auto conv = [&](auto bias) {
    return node.make<nn::ConvTransposeOp>(
        node.element(0), x, weights, bias, ArrayRef<int64_t>(w->strides),
        ArrayRef<int64_t>(w->dilations), node.dimsAttr(w->low),
        node.dimsAttr(shape), node.node.getInt("group", 1));
  };
  return node.yield(node.has(2) ? conv(node.in(2)) : conv(nullptr));
}

//===- Pooling ------------------------------------------------------------===//

/// Places of a window whose last one begins at `last`. A window that reaches
/// behind the end has one, as in onnxruntime, and is cut.
static DimExpr placesOf(NodeContext &node, const DimExpr &last,
                        const DimExpr &stride) {
  bool fits = last.range(node.analysis.symbols).lo >= 0;
  return DimExpr::floorDiv(fits ? last : DimExpr::max(last, 0), stride) +
         DimExpr(1);
}

static LogicalResult pool(NodeContext &node, nn::PoolKind kind, bool countPad,
                          int64_t p) {
  Value x = node.in(0);
  FailureOr<Dims> sizes = spatialDims(node, x);
  if (failed(sizes))
    return failure();
  size_t rank = sizes->size();
  FailureOr<SmallVector<int64_t>> kernel =
      perDimension(node, "kernel_shape", rank, 0, 1);
  if (failed(kernel))
    return failure();
  if (!node.node.has("kernel_shape"))
    return node.error() << "expected the attribute kernel_shape";
  FailureOr<Window> w = readWindow(node, Dims(kernel->begin(), kernel->end()));
  if (failed(w))
    return failure();
  padToSame(node, *w, *sizes);

  bool ceil = node.node.getInt("ceil_mode", 0) != 0;
  bool valid = node.node.getString("auto_pad", "NOTSET") == "VALID";
  Dims shape;
  for (size_t i = 0; i < rank; ++i) {
    DimExpr stride = w->strides[i], start = (*sizes)[i] + w->low[i];
    DimExpr last = start + w->high[i] - w->extent[i];
    if (w->same)
      shape.push_back(DimExpr::ceilDiv((*sizes)[i], stride));
    else if (ceil && !valid)
      shape.push_back(DimExpr::min(DimExpr::ceilDiv(last, stride) + DimExpr(1),
                                   DimExpr::ceilDiv(start, stride)));
    else
      shape.push_back(placesOf(node, last, stride));
  }
  return node.yield(node.make<nn::PoolOp>(
      node.element(0), x, kind, ArrayRef<int64_t>(*kernel),
      ArrayRef<int64_t>(w->strides), ArrayRef<int64_t>(w->dilations),
      node.dimsAttr(w->low), node.dimsAttr(w->high), node.dimsAttr(shape),
      countPad, p));
}

static LogicalResult translateMaxPool(NodeContext &node) {
  if (failed(pool(node, nn::PoolKind::Max, false, 1)))
    return failure();
  if (!node.node.hasOutput(1))
    return success();
  // The window is that of the pool just made.
  auto made = node.importer.lookup(node.node.outputs[0], node.loc)
                  .getDefiningOp<nn::PoolOp>();
  return node.yield(
      node.make<nn::PoolIndicesOp>(
          node.builder.getI64Type(), made.getInput(), made.getWindow(),
          made.getStrides(), made.getDilations(), made.getLowAttr(),
          made.getShapeAttr(), node.node.getInt("storage_order", 0) != 0),
      1);
}

static LogicalResult translateAveragePool(NodeContext &node) {
  return pool(node, nn::PoolKind::Average,
              node.node.getInt("count_include_pad", 0) != 0, 1);
}

static LogicalResult translateLpPool(NodeContext &node) {
  int64_t p = node.node.getInt("p", 2);
  if (p < 1)
    return node.error() << "expected p of 1 or more, but got " << p;
  return pool(node, nn::PoolKind::Lp, false, p);
}

/// Combines all spatial elements and keeps their dimensions as 1.
static Value reduceSpatial(NodeContext &node, Value x, nn::ReduceKind kind) {
  FailureOr<Dims> sizes = spatialDims(node, x);
  if (failed(sizes))
    return {};
  SmallVector<int64_t> axes;
  for (size_t i = 0; i < sizes->size(); ++i)
    axes.push_back(2 + i);
  return node.make<nn::ReduceOp>(node.elementOf(x), x, kind,
                                 ArrayRef<int64_t>(axes), true);
}

template <nn::ReduceKind kind>
static LogicalResult translateGlobalPool(NodeContext &node) {
  return node.yield(reduceSpatial(node, node.in(0), kind));
}

static LogicalResult translateGlobalLpPool(NodeContext &node) {
  int64_t p = node.node.getInt("p", 2);
  Value x = node.in(0);
  if (p < 1)
    return node.error() << "expected p of 1 or more, but got " << p;
  if (p <= 2)
    return node.yield(reduceSpatial(
        node, x, p == 1 ? nn::ReduceKind::L1 : nn::ReduceKind::L2));
  Type element = node.element(0);
  Value powers = node.make<nn::PowOp>(element, node.make<nn::AbsOp>(element, x),
                                      node.scalar(element, (double)p));
  Value sum = reduceSpatial(node, powers, nn::ReduceKind::Sum);
  return node.yield(
      node.make<nn::PowOp>(element, sum, node.scalar(element, 1.0 / p)));
}

void onnx::addWindowTranslators(TranslatorTable &t) {
  t["Conv"] = translateConv;
  t["ConvInteger"] = translateConvInteger;
  t["QLinearConv"] = translateQLinearConv;
  t["ConvTranspose"] = translateConvTranspose;
  t["MaxPool"] = translateMaxPool;
  t["AveragePool"] = translateAveragePool;
  t["LpPool"] = translateLpPool;
  t["GlobalAveragePool"] = translateGlobalPool<nn::ReduceKind::Mean>;
  t["GlobalMaxPool"] = translateGlobalPool<nn::ReduceKind::Max>;
  t["GlobalLpPool"] = translateGlobalLpPool;
}
