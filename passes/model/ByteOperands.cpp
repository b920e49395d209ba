#include "passes/model/ByteOperands.h"

#include "dialects/nn/DimBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::model;

/// What is cast or reshaped to `v`, or on the way there the first of bytes.
static Value behindCasts(Value v, bool toBytes = false) {
  while (Operation *op = v.getDefiningOp()) {
    if (!isa<nn::CastOp, nn::ReshapeOp>(op) || (toBytes && isByte(v)))
      break;
    v = op->getOperand(0);
  }
  return v;
}

bool model::isByte(Value value) {
  return nn::DimBuilder::elementOf(value).isInteger(8);
}

/// Whether all elements are integers from -128 to 255.
static bool holdsBytes(Value v) {
  if (std::optional<double> number = numberOf(v))
    return *number >= -128 && *number <= 255 && *number == std::floor(*number);
  return isByte(behindCasts(v, /*toBytes=*/true));
}

bool model::isByteDifference(Value value) {
  auto sub = value.getDefiningOp<nn::SubOp>();
  return sub && !isByte(sub)
             ? holdsBytes(sub.getLhs()) && holdsBytes(sub.getRhs())
             : holdsBytes(value);
}

Shifted model::shifted(Value value) {
  Shifted result;
  // A difference of bytes wraps, and is bytes itself.
  auto sub = value.getDefiningOp<nn::SubOp>();
  if (sub && !isByte(sub) &&
      cast<RankedTensorType>(sub.getLhs().getType()).getShape() ==
          cast<RankedTensorType>(sub.getType()).getShape() &&
      (nn::DimBuilder::elementOf(sub).isInteger() ||
       holdsBytes(sub.getRhs()))) {
    result.zero = sub.getRhs();
    value = sub.getLhs();
  }
  auto cast = value.getDefiningOp<nn::CastOp>();
  result.codes = cast ? cast.getInput() : value;
  return result;
}

std::optional<double> model::numberOf(Value value) {
  return pack::getSplat(behindCasts(value));
}

/// Constant bytes as numbers; splats are written out.
static std::optional<std::vector<int32_t>> numbersOf(Value v) {
  v = behindCasts(v, /*toBytes=*/true);
  auto constant = v.getDefiningOp<pack::ConstantOp>();
  if (!constant || !isByte(v))
    return std::nullopt;
  bool isUnsigned = nn::DimBuilder::elementOf(v).isUnsignedInteger();
  bool splat = false;
  ArrayRef<char> bytes = constant.getBytes(splat);
  std::vector<int32_t> numbers(
      cast<RankedTensorType>(v.getType()).getNumElements());
  for (auto [i, number] : llvm::enumerate(numbers)) {
    char byte = bytes[splat ? 0 : i];
    number = isUnsigned ? (int32_t)(uint8_t)byte : (int32_t)(int8_t)byte;
  }
  return numbers;
}

/// One number per channel, or none.
static std::optional<std::vector<int32_t>> zerosOf(Value zero,
                                                   int64_t channels) {
  if (!zero)
    return std::vector<int32_t>(channels, 0);
  if (std::optional<double> number = numberOf(zero))
    return std::vector<int32_t>(channels, (int32_t)*number);
  std::optional<std::vector<int32_t>> zeros = numbersOf(zero);
  if (!zeros || (int64_t)zeros->size() != channels)
    return std::nullopt;
  return zeros;
}

/// `channels` numbers of which each stands `inner` times in a row.
static ByteWeights withoutZeros(ArrayRef<int32_t> codes,
                                ArrayRef<int32_t> zeros, int64_t inner,
                                bool isUnsigned) {
  int64_t channels = zeros.size();
  ByteWeights result;
  result.totals.resize(channels);
  bool fits = true;
  for (auto [i, code] : llvm::enumerate(codes)) {
    int64_t c = i / inner % channels;
    int32_t difference = code - zeros[c];
    result.totals[c] += difference;
    fits &= difference == (int8_t)difference;
  }
  for (auto [i, code] : llvm::enumerate(codes)) {
    int32_t less = fits ? zeros[i / inner % channels] : isUnsigned ? 128 : 0;
    result.codes.push_back((char)(code - less));
  }
  if (fits)
    return result;
  for (int32_t zero : zeros)
    result.zeros.push_back(zero - (isUnsigned ? 128 : 0));
  return result;
}

std::optional<ByteWeights> model::byteWeights(Value value, int64_t channel) {
  Shifted s = shifted(value);
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.hasStaticShape() || type.getNumElements() == 0 || !isByte(s.codes))
    return std::nullopt;
  int64_t channels = type.getDimSize(channel), inner = 1;
  for (int64_t size : type.getShape().drop_front(channel + 1))
    inner *= size;
  std::optional<std::vector<int32_t>> codes = numbersOf(s.codes),
                                      zeros = zerosOf(s.zero, channels);
  if (!codes || !zeros || (int64_t)codes->size() != type.getNumElements())
    return std::nullopt;
  return withoutZeros(*codes, *zeros, inner,
                      nn::DimBuilder::elementOf(s.codes).isUnsignedInteger());
}

std::optional<ByteWeights>
model::encodedByteWeights(pack::ConstantOp matrix, std::vector<float> &scales) {
  RankedTensorType type = matrix.getType();
  auto encoding = dyn_cast_if_present<pack::IntAttr>(type.getEncoding());
  if (!encoding || encoding.getBits() != 8 || encoding.getGroup() ||
      encoding.getTransposed())
    return std::nullopt;
  int64_t k = type.getDimSize(0), n = type.getDimSize(1);
  bool isSplat = false;
  ArrayRef<char> stored = matrix.getBytes(isSplat);
  if (stored.size() != pack::storedBytes(type))
    return std::nullopt; // bytes that stand elsewhere
  std::unique_ptr<pack::PanelCodec> panels = pack::panelCodec(type);
  auto &codec = static_cast<pack::IntCodec &>(*panels);
  std::vector<int32_t> codes(k * n), zeros(n);
  constexpr int64_t columns = pack::kPanelColumns;
  std::vector<uint8_t> some(columns * k), points(columns);
  std::vector<float> each(columns);
  for (int64_t first = 0; first < n; first += columns) {
    codec.load(stored.data() + first / columns * codec.bytes(), some.data(),
               each.data(), points.data());
    for (int64_t c = 0; c < std::min(columns, n - first); ++c) {
      scales.push_back(each[c]);
      zeros[first + c] = points[c];
      for (int64_t i = 0; i < k; ++i)
        codes[i * n + first + c] = some[c * k + i];
    }
  }
  return withoutZeros(codes, zeros, /*inner=*/1, /*isUnsigned=*/true);
}

Value model::makeI32s(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape,
                      ArrayRef<int32_t> values) {
  std::vector<char> bytes(values.size() * sizeof(int32_t));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return pack::makeConstant(builder, loc,
                            RankedTensorType::get(shape, builder.getI32Type()),
                            std::move(bytes));
}
