// Convolutional nets in blocks of 16 channels: [N, C, H, W] becomes
// [N, C/16, H, W, 16], so that a vector is 16 channels of one place.
//
//   conv -> relu -> conv      to_blocks -> conv -> relu -> conv -> from_blocks
//
// A convolution decides for blocks; what stands between two of them follows if
// it works on any layout, and the conversions between meet and vanish. Lanes
// behind the last channel are zero after a convolution and stay finite, so the
// zero weights that meet them later make them harmless.
#include "dialects/nn/DimBuilder.h"
#include "mlir/IR/Iterators.h"
#include "passes/schedule/Passes.h"
#include <numeric>

namespace tenon::schedule {
#define GEN_PASS_DEF_CHOOSELAYOUTSPASS
#include "passes/schedule/Passes.h.inc"
} // namespace tenon::schedule

using namespace mlir;
using namespace tenon;

namespace {

constexpr int64_t kBlock = kern::kBlock;

class Layouts {
public:
  explicit Layouts(func::FuncOp program) : program(program), b(program) {}
  LogicalResult run();

private:
  bool blockConv(nn::ConvOp conv);
  bool blockByteConv(nn::ConvOp conv);
  bool blockElementwise(Operation *op);
  bool blockPool(nn::PoolOp pool);
  bool blockReduce(nn::ReduceOp reduce);
  bool blockConcat(nn::ConcatOp concat);
  bool blockInterleave(nn::InterleaveOp interleave);
  bool blockResize(nn::ResizeOp resize);
  bool blockPad(nn::PadOp pad);

  Value toBlocks(Value v) {
    // Conversions that meet vanish.
    if (auto from = v.getDefiningOp<nn::FromBlocksOp>())
      return from.getInput();
    if (Value constant = constantToBlocks(v))
      return constant;
    return b.make<nn::ToBlocksOp>(v.getLoc(), b.elementOf(v), v);
  }
  Value fromBlocks(Location loc, Value v, int64_t channels) {
    return b.make<nn::FromBlocksOp>(loc, b.elementOf(v), v,
                                    b.getI64IntegerAttr(channels));
  }
  void replace(Operation *op, Value with) {
    op->getResult(0).replaceAllUsesWith(with);
    op->erase();
  }
  std::optional<std::vector<char>> bytesOf(Value v, uint64_t elements);
  Value mergeGroups(Value weights, int64_t &group);
  Value constantToBlocks(Value v);

  func::FuncOp program;
  nn::DimBuilder b;
};

/// A constant's bytes, splats written out.
std::optional<std::vector<char>> Layouts::bytesOf(Value v, uint64_t elements) {
  auto constant = v.getDefiningOp<pack::ConstantOp>();
  if (!constant)
    return std::nullopt;
  bool splat;
  ArrayRef<char> bytes = constant.getBytes(splat);
  if (bytes.empty())
    return std::nullopt;
  if (!splat)
    return std::vector<char>(bytes.begin(), bytes.end());
  std::vector<char> all;
  for (uint64_t i = 0; i < elements; ++i)
    all.insert(all.end(), bytes.begin(), bytes.end());
  return all;
}

/// Constant numbers per channel, [1, C, 1...], in blocks; null for other values.
Value Layouts::constantToBlocks(Value v) {
  Dims shape = b.dims.of(v);
  if (auto reshape = v.getDefiningOp<nn::ReshapeOp>())
    v = reshape.getInput();
  if (!shape[1].isConstant() || product(shape) != shape[1] ||
      !b.elementOf(v).isF32())
    return {};
  int64_t channels = shape[1].constant();
  std::optional<std::vector<char>> bytes = bytesOf(v, channels);
  if (!bytes)
    return {};
  int64_t blocks = (channels + kBlock - 1) / kBlock;
  bytes->resize(blocks * kBlock * sizeof(float), 0);
  SmallVector<int64_t> sizes(shape.size() + 1, 1);
  sizes[1] = blocks;
  sizes.back() = kBlock;
  return pack::makeConstant(b, v.getLoc(),
                            RankedTensorType::get(sizes, b.getF32Type()),
                            std::move(*bytes));
}

/// Weights whose groups have whole blocks on both sides: neighbouring groups
/// become one, with zeros between them (15 of 16 at most) and behind the last,
/// and `group` the number of those left. Where blocks would be left over, a few
/// groups become one convolution, and null stands for many.
Value Layouts::mergeGroups(Value weights, int64_t &group) {
  Dims w = b.dims.of(weights);
  int64_t oc = w[0].constant(), inner = w[1].constant(), window = 1;
  int64_t outer = oc / group;
  auto toWhole = [](int64_t n) { return kBlock / std::gcd(kBlock, n); };
  int64_t merged = std::lcm(toWhole(outer), toWhole(inner));
  int64_t left = llvm::divideCeil(group, merged);
  auto isWhole = [&](int64_t each) {
    return left * merged * each == (int64_t)llvm::alignTo(group * each, kBlock);
  };
  if (!isWhole(outer) || !isWhole(inner)) {
    constexpr int64_t few = 32;
    if (group > few)
      return {};
    merged = group;
    left = 1;
  }
  group = left;
  if (merged == 1)
    return weights;
  SmallVector<int64_t> shape = {group * merged * outer, inner * merged};
  for (const DimExpr &d : ArrayRef(w).drop_front(2)) {
    window *= d.constant();
    shape.push_back(d.constant());
  }
  Type element = b.elementOf(weights);
  // Bytes of one result channel.
  int64_t row = inner * window * element.getIntOrFloatBitWidth() / 8;
  std::optional<std::vector<char>> bytes = bytesOf(weights, oc * inner * window);
  if (!bytes)
    return {};
  std::vector<char> all(shape[0] * merged * row, 0);
  for (int64_t o = 0; o < oc; ++o)
    std::memcpy(&all[(o * merged + o / outer % merged) * row],
                &(*bytes)[o * row], row);
  Value made =
      pack::makeConstant(b, weights.getLoc(),
                         RankedTensorType::get(shape, element), std::move(all));
  b.dims.set(made, Dims(shape.begin(), shape.end()));
  return made;
}

/// u8 by i8: the weights stay as they are until the lowering puts four
/// channels side by side.
bool Layouts::blockByteConv(nn::ConvOp conv) {
  Value weights = conv.getWeights();
  if (conv.getBlocked() || conv.getBias() ||
      !b.elementOf(conv.getInput()).isUnsignedInteger(8) ||
      !b.elementOf(weights).isSignlessInteger(8) ||
      !weights.getDefiningOp<pack::ConstantOp>() ||
      !b.dims.of(conv.getInput())[1].isConstant() ||
      b.dims.of(weights).size() > 5)
    return false;
  b.setInsertionPoint(conv);
  int64_t channels = b.dims.of(weights)[0].constant(), group = conv.getGroup();
  if (group != 1)
    weights = mergeGroups(weights, group);
  if (!weights)
    return false;
  Value made = b.make<nn::ConvOp>(
      conv.getLoc(), b.elementOf(conv.getResult()), toBlocks(conv.getInput()),
      weights, Value(), conv.getStridesAttr(), conv.getDilationsAttr(),
      conv.getLowAttr(), conv.getHighAttr(), b.getI64IntegerAttr(group),
      b.getUnitAttr());
  replace(conv, fromBlocks(conv.getLoc(), made, channels));
  return true;
}

bool Layouts::blockConv(nn::ConvOp conv) {
  Value weights = conv.getWeights();
  Dims w = b.dims.of(weights), x = b.dims.of(conv.getInput());
  if (conv.getBlocked() || !b.elementOf(conv.getInput()).isF32() ||
      !weights.getDefiningOp<pack::ConstantOp>() || !x[1].isConstant() ||
      w.size() > 5)
    return false;
  int64_t oc = w[0].constant(), ic = x[1].constant(), group = conv.getGroup();
  bool depthwise = group == ic && group == oc && group > 1;
  b.setInsertionPoint(conv);
  if (group != 1 && !depthwise) {
    weights = mergeGroups(weights, group);
    if (!weights)
      return false;
    w = b.dims.of(weights);
  }
  int64_t padded = (oc + kBlock - 1) / kBlock * kBlock;
  Value bias = conv.getBias();
  if (bias && padded != oc) {
    std::optional<std::vector<char>> bytes = bytesOf(bias, oc);
    if (!bytes)
      return false;
    bytes->resize(padded * 4, 0);
    bias = pack::makeConstant(
        b, bias.getLoc(), RankedTensorType::get({padded}, b.getF32Type()),
        std::move(*bytes));
  }
  if (depthwise) {
    // [C, 1, window...] as [C/16, window..., 16]
    int64_t window = 1;
    SmallVector<int64_t> shape = {padded / kBlock};
    for (const DimExpr &d : ArrayRef(w).drop_front(2)) {
      window *= d.constant();
      shape.push_back(d.constant());
    }
    shape.push_back(kBlock);
    std::optional<std::vector<char>> bytes = bytesOf(weights, oc * window);
    if (!bytes)
      return false;
    std::vector<char> blocks(padded * window * 4, 0);
    for (int64_t c = 0; c < oc; ++c)
      for (int64_t i = 0; i < window; ++i)
        std::memcpy(
            &blocks[((c / kBlock * window + i) * kBlock + c % kBlock) * 4],
            &(*bytes)[(c * window + i) * 4], 4);
    weights = pack::makeConstant(b, weights.getLoc(),
                                 RankedTensorType::get(shape, b.getF32Type()),
                                 std::move(blocks));
    // Its sizes are those of a convolution with one channel per group.
    Value input = toBlocks(conv.getInput());
    Dims y = b.dims.of(conv.getResult());
    Dims result = {y[0], padded / kBlock};
    result.append(y.begin() + 2, y.end());
    result.push_back(kBlock);
    auto made = nn::DepthwiseConvOp::create(
        b, conv.getLoc(), nn::tensorType(result, b.getF32Type()), input,
        weights, bias, conv.getStridesAttr(), conv.getDilationsAttr(),
        conv.getLowAttr(), conv.getHighAttr());
    (void)b.dims.infer(made);
    replace(conv, fromBlocks(conv.getLoc(), made, oc));
    return true;
  }
  // Few channels are read where they are: blocks would be mostly zeros.
  Value input = ic < kBlock / 2 ? conv.getInput() : toBlocks(conv.getInput());
  bool plain = input == conv.getInput();
  auto encoding = pack::ConvPanelsAttr::get(b.getContext(), plain ? 1 : kBlock);
  auto type = cast<RankedTensorType>(weights.getType());
  auto encoded = pack::EncodeOp::create(
      b, weights.getLoc(),
      RankedTensorType::get(type.getShape(), type.getElementType(), encoding),
      weights);
  b.dims.set(encoded, w);
  SmallVector<Value> operands = {input, encoded};
  auto made = nn::ConvOp::create(
      b, conv.getLoc(), RankedTensorType::get({}, b.getF32Type()), input,
      encoded, bias, conv.getStridesAttr(), conv.getDilationsAttr(),
      conv.getLowAttr(), conv.getHighAttr(),
      b.getI64IntegerAttr(group), b.getUnitAttr());
  if (failed(b.dims.infer(made)))
    return false;
  replace(conv, fromBlocks(conv.getLoc(), made, oc));
  return true;
}

/// Operations that keep finite lanes finite.
static bool keepsFinite(Operation *op) {
  auto isInteger = [](Value v) {
    return isa<IntegerType>(cast<ShapedType>(v.getType()).getElementType());
  };
  if (isInteger(op->getResult(0)) ||
      (isa<nn::CastOp>(op) && isInteger(op->getOperand(0))))
    return true;
  return isa<nn::ReluOp, nn::AddOp, nn::SubOp, nn::MulOp, nn::MaxOp, nn::MinOp,
             nn::SigmoidOp, nn::SiluOp, nn::TanhOp, nn::AbsOp, nn::NegOp,
             nn::GeluOp>(op);
}

bool Layouts::blockElementwise(Operation *op) {
  if (!isa<nn::ElementwiseOpInterface>(op))
    return false;
  Dims shape = b.dims.of(op->getResult(0));
  std::optional<int64_t> channels;
  for (Value v : op->getOperands())
    if (auto from = v.getDefiningOp<nn::FromBlocksOp>())
      if (b.dims.of(v) == shape)
        channels = from.getChannels();
  // One element in all looks like a scalar below; it gains nothing.
  if (!channels || !shape[1].isConstant(*channels) ||
      product(shape).isConstant(1))
    return false;
  bool whole = *channels % kBlock == 0;
  if (!whole && !keepsFinite(op)) {
    // A constant divisor is as good as a factor.
    auto div = dyn_cast<nn::DivOp>(op);
    std::optional<double> by = div ? pack::getSplat(div.getRhs()) : std::nullopt;
    if (!by || *by == 0)
      return false;
  }
  // Each operand must be one number or have all channels; missing leading
  // dimensions are ones.
  auto aligned = [&](Value v) {
    Dims mine = b.dims.of(v), all(shape.size() - mine.size(), DimExpr(1));
    llvm::append_range(all, mine);
    return all;
  };
  SmallVector<Value> operands(op->getOperands());
  for (Value v : operands)
    if (!product(b.dims.of(v)).isConstant(1) &&
        !aligned(v)[1].isConstant(*channels))
      return false;
  b.setInsertionPoint(op);
  auto reshaped = [&](Value v, Dims to) -> Value {
    if (b.dims.of(v) == to)
      return v;
    return b.make<nn::ReshapeOp>(v.getLoc(), b.elementOf(v), v, b.attr(to));
  };
  for (Value &v : operands) {
    Dims mine = aligned(v);
    if (product(mine).isConstant(1)) {
      v = reshaped(v, Dims());
    } else if (whole && product(mine).isConstant(*channels)) {
      // Numbers per channel lie in order already.
      mine[1] = *channels / kBlock;
      mine.push_back(kBlock);
      v = reshaped(v, mine);
    } else {
      v = toBlocks(reshaped(v, mine));
    }
  }
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(RankedTensorType::get({}, b.elementOf(op->getResult(0))));
  state.addAttributes(op->getAttrs());
  Operation *made = b.create(state);
  if (failed(b.dims.infer(made))) {
    made->erase();
    return false;
  }
  replace(op, fromBlocks(op->getLoc(), made->getResult(0), *channels));
  return true;
}

bool Layouts::blockPool(nn::PoolOp pool) {
  auto from = pool.getInput().getDefiningOp<nn::FromBlocksOp>();
  if (!from || pool.getBlocked())
    return false;
  b.setInsertionPoint(pool);
  Value made = b.make<nn::PoolOp>(
      pool.getLoc(), b.elementOf(pool.getInput()), from.getInput(),
      pool.getKindAttr(), pool.getWindowAttr(), pool.getStridesAttr(),
      pool.getDilationsAttr(), pool.getLowAttr(), pool.getHighAttr(),
      pool.getShapeAttr(), pool.getCountPadAttr(), pool.getPAttr(),
      b.getUnitAttr());
  replace(pool, fromBlocks(pool.getLoc(), made, from.getChannels()));
  return true;
}

/// Global pooling: the spatial dimensions of blocks are combined.
bool Layouts::blockReduce(nn::ReduceOp reduce) {
  auto from = reduce.getInput().getDefiningOp<nn::FromBlocksOp>();
  if (!from)
    return false;
  Dims x = b.dims.of(reduce.getInput());
  SmallVector<int64_t> axes(reduce.getAxes());
  if (axes.size() != x.size() - 2 || axes.front() != 2)
    return false;
  b.setInsertionPoint(reduce);
  Value made = b.make<nn::ReduceOp>(
      reduce.getLoc(), b.elementOf(from.getInput()), from.getInput(),
      reduce.getKindAttr(), reduce.getAxesAttr(), b.getBoolAttr(true));
  Value flat = fromBlocks(reduce.getLoc(), made, from.getChannels());
  if (!reduce.getKeepdims())
    flat = b.make<nn::ReshapeOp>(reduce.getLoc(), b.elementOf(flat), flat,
                                 b.attr(b.dims.of(reduce.getResult())));
  replace(reduce, flat);
  return true;
}

bool Layouts::blockConcat(nn::ConcatOp concat) {
  if (concat.getAxis() != 1)
    return false;
  int64_t channels = 0;
  SmallVector<Value> inputs;
  for (Value v : concat.getInputs()) {
    auto from = v.getDefiningOp<nn::FromBlocksOp>();
    if (!from || from.getChannels() % kBlock)
      return false;
    channels += from.getChannels();
    inputs.push_back(from.getInput());
  }
  b.setInsertionPoint(concat);
  Value made = b.make<nn::ConcatOp>(concat.getLoc(), b.elementOf(inputs[0]),
                                    inputs, concat.getAxisAttr());
  replace(concat, fromBlocks(concat.getLoc(), made, channels));
  return true;
}

bool Layouts::blockInterleave(nn::InterleaveOp interleave) {
  SmallVector<Value> inputs;
  int64_t channels = 0;
  for (Value v : interleave.getInputs()) {
    auto from = v.getDefiningOp<nn::FromBlocksOp>();
    if (!from)
      return false;
    channels = from.getChannels();
    inputs.push_back(from.getInput());
  }
  b.setInsertionPoint(interleave);
  Value made = b.make<nn::InterleaveOp>(
      interleave.getLoc(), b.elementOf(inputs[0]), inputs,
      interleave.getStepsAttr(), interleave.getShapeAttr());
  replace(interleave, fromBlocks(interleave.getLoc(), made, channels));
  return true;
}

/// A resize of the spatial dimensions works on blocks as on channels.
bool Layouts::blockResize(nn::ResizeOp resize) {
  auto from = resize.getInput().getDefiningOp<nn::FromBlocksOp>();
  Dims x = b.dims.of(resize.getInput()), y = b.dims.of(resize.getResult());
  if (!from || x.size() < 3 || x[0] != y[0] || x[1] != y[1] ||
      resize.getScales()[0] != 1 || resize.getScales()[1] != 1 ||
      resize.getCoordinates() == "tf_crop_and_resize")
    return false;
  b.setInsertionPoint(resize);
  Dims shape = y;
  shape[1] = b.dims.of(from.getInput())[1];
  shape.push_back(kBlock);
  SmallVector<double> scales(resize.getScales());
  scales.push_back(1);
  Value made = b.make<nn::ResizeOp>(
      resize.getLoc(), b.elementOf(from.getInput()), from.getInput(),
      b.attr(shape), b.getDenseF64ArrayAttr(scales), resize.getRoiAttr(),
      resize.getModeAttr(), resize.getCoordinatesAttr(),
      resize.getNearestAttr(), resize.getCubicCoefficientAttr(),
      resize.getExcludeOutsideAttr(), resize.getAntialiasAttr(),
      resize.getExtrapolationAttr());
  replace(resize, fromBlocks(resize.getLoc(), made, from.getChannels()));
  return true;
}

/// Around the places alone.
bool Layouts::blockPad(nn::PadOp pad) {
  auto from = pad.getInput().getDefiningOp<nn::FromBlocksOp>();
  Dims low = pad.getLow().getExprs(), high = pad.getHigh().getExprs();
  if (!from || low.size() < 3)
    return false;
  for (size_t i = 0; i < 2; ++i)
    if (!low[i].isConstant(0) || !high[i].isConstant(0))
      return false;
  low.push_back(0);
  high.push_back(0);
  b.setInsertionPoint(pad);
  Value made = b.make<nn::PadOp>(pad.getLoc(), b.elementOf(pad.getResult()),
                                 from.getInput(), pad.getValue(), b.attr(low),
                                 b.attr(high), pad.getModeAttr());
  replace(pad, fromBlocks(pad.getLoc(), made, from.getChannels()));
  return true;
}

LogicalResult Layouts::run() {
  if (!b.dims.isValid())
    return failure();
  if (program.isExternal())
    return success();
  // In program order, bodies of scans (branches, loops) in their places, so
  // that every operand's layout is known.
  SmallVector<Operation *> ops;
  program.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops) {
    if (auto conv = dyn_cast<nn::ConvOp>(op))
      blockByteConv(conv) || blockConv(conv);
    else if (auto pool = dyn_cast<nn::PoolOp>(op))
      blockPool(pool);
    else if (auto reduce = dyn_cast<nn::ReduceOp>(op))
      blockReduce(reduce);
    else if (auto concat = dyn_cast<nn::ConcatOp>(op))
      blockConcat(concat);
    else if (auto interleave = dyn_cast<nn::InterleaveOp>(op))
      blockInterleave(interleave);
    else if (auto resize = dyn_cast<nn::ResizeOp>(op))
      blockResize(resize);
    else if (auto pad = dyn_cast<nn::PadOp>(op))
      blockPad(pad);
    else
      blockElementwise(op);
  }
  program.walk<WalkOrder::PostOrder, mlir::ReverseIterator>([](Operation *op) {
    if (isOpTriviallyDead(op))
      op->erase();
  });
  return success();
}

struct ChooseLayoutsPass
    : schedule::impl::ChooseLayoutsPassBase<ChooseLayoutsPass> {
  void runOnOperation() override {
    if (failed(Layouts(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
