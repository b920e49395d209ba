// The encodings whose panels a codec writes: what they share.
#include "dialects/pack/Pack.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::pack;

std::unique_ptr<PanelCodec> pack::panelCodec(RankedTensorType type) {
  Attribute encoding = type.getEncoding();
  if (type.getRank() != 2 || !encoding)
    return nullptr;
  int64_t k = type.getDimSize(0);
  return TypeSwitch<Attribute, std::unique_ptr<PanelCodec>>(encoding)
      .Case<IntAttr>([&](IntAttr a) {
        return std::make_unique<IntCodec>(
            k, a.getBits(), a.getGroup(),
            a.getScale().isF16() ? ScaleFormat::F16 : ScaleFormat::F32,
            a.getZeros());
      })
      .Case<TwoFourAttr>([&](TwoFourAttr a) {
        return std::make_unique<TwoFourCodec>(k, a.getValues().isInteger(8));
      })
      .Case<HalfAttr>([&](HalfAttr) { return std::make_unique<HalfCodec>(k); })
      .Default([](Attribute) { return nullptr; });
}

MatrixView pack::denseMatrix(RankedTensorType type, ArrayRef<char> dense) {
  auto encoding = cast<EncodingInterface>(type.getEncoding());
  int64_t k = type.getDimSize(0), n = type.getDimSize(1);
  bool swapped = encoding.isFromTransposed();
  return {reinterpret_cast<const float *>(dense.data()), k, n,
          swapped ? 1 : n, swapped ? k : 1};
}

//===- What every such encoding does ---------------------------------------===//

/// The type with this encoding, wherever it came from.
static RankedTensorType encodedAs(RankedTensorType type, Attribute encoding) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               encoding);
}

static uint64_t storedBytesOf(RankedTensorType type, Attribute encoding) {
  uint64_t panels = (type.getDimSize(1) + kPanelColumns - 1) / kPanelColumns;
  return panels * panelCodec(encodedAs(type, encoding))->bytes();
}

static llvm::Error encodePanels(RankedTensorType type, Attribute encoding,
                                ArrayRef<char> dense, llvm::raw_ostream &os) {
  type = encodedAs(type, encoding);
  std::unique_ptr<PanelCodec> codec = panelCodec(type);
  MatrixView matrix = denseMatrix(type, dense);
  std::vector<float> values;
  std::vector<char> stored(codec->bytes());
  for (int64_t p = 0; p < matrix.panels(); ++p) {
    matrix.readPanel(p, values);
    codec->encode(values.data(), stored.data());
    os.write(stored.data(), stored.size());
  }
  return llvm::Error::success();
}

static llvm::Error decodePanels(RankedTensorType type, Attribute encoding,
                                ArrayRef<char> stored,
                                MutableArrayRef<char> dense) {
  type = encodedAs(type, encoding);
  std::unique_ptr<PanelCodec> codec = panelCodec(type);
  MatrixView matrix =
      denseMatrix(type, ArrayRef<char>(dense.data(), dense.size()));
  std::vector<float> values(kPanelColumns * matrix.k);
  for (int64_t n = 0; n < matrix.n; ++n) {
    int64_t panel = n / kPanelColumns, column = n % kPanelColumns;
    if (column == 0)
      codec->decode(stored.data() + panel * codec->bytes(), values.data());
    for (int64_t k = 0; k < matrix.k; ++k)
      std::memcpy(dense.data() + 4 * (k * matrix.kStride + n * matrix.nStride),
                  &values[column * matrix.k + k], 4);
  }
  return llvm::Error::success();
}

static ErrorSums measurePanels(RankedTensorType type, Attribute encoding,
                               ArrayRef<char> dense) {
  type = encodedAs(type, encoding);
  std::unique_ptr<PanelCodec> codec = panelCodec(type);
  MatrixView matrix = denseMatrix(type, dense);
  ErrorSums sums;
  std::vector<float> values, decoded(kPanelColumns * matrix.k);
  std::vector<char> stored(codec->bytes());
  for (int64_t p = 0; p < matrix.panels(); ++p) {
    matrix.readPanel(p, values);
    codec->encode(values.data(), stored.data());
    codec->decode(stored.data(), decoded.data());
    addError(values.data(), decoded.data(), values.size(), sums);
  }
  return sums;
}

static LogicalResult
verifyMatrix(ArrayRef<int64_t> shape, Type element,
             llvm::function_ref<InFlightDiagnostic()> emitError) {
  if (shape.size() != 2 || ShapedType::isDynamicShape(shape))
    return emitError() << "expected a matrix of static shape, but got rank "
                       << shape.size();
  if (!element.isF32())
    return emitError() << "expected f32 values, but got " << element;
  return success();
}

#define PANEL_ENCODING(ATTR)                                                   \
  uint64_t ATTR::getStoredBytes(RankedTensorType type) const {                 \
    return storedBytesOf(type, *this);                                         \
  }                                                                            \
  uint64_t ATTR::getPanelBytes(RankedTensorType type) const {                  \
    return panelCodec(encodedAs(type, *this))->bytes();                        \
  }                                                                            \
  bool ATTR::isFromTransposed() const { return getTransposed(); }              \
  llvm::Error ATTR::encode(RankedTensorType type, ArrayRef<char> dense,        \
                           llvm::raw_ostream &os) const {                      \
    return encodePanels(type, *this, dense, os);                               \
  }                                                                            \
  llvm::Error ATTR::decode(RankedTensorType type, ArrayRef<char> stored,       \
                           MutableArrayRef<char> dense) const {                \
    return decodePanels(type, *this, stored, dense);                           \
  }                                                                            \
  ErrorSums ATTR::measureError(RankedTensorType type, ArrayRef<char> dense)    \
      const {                                                                  \
    return measurePanels(type, *this, dense);                                  \
  }                                                                            \
  LogicalResult ATTR::verifyEncoding(                                          \
      ArrayRef<int64_t> shape, Type element,                                   \
      llvm::function_ref<InFlightDiagnostic()> emitError) const {              \
    return verifyMatrix(shape, element, emitError);                            \
  }

PANEL_ENCODING(IntAttr)
PANEL_ENCODING(TwoFourAttr)
PANEL_ENCODING(HalfAttr)
#undef PANEL_ENCODING

//===- Verifiers -----------------------------------------------------------===//

LogicalResult IntAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                              int64_t bits, int64_t group, Type scale,
                              bool zeros, bool transposed) {
  if (bits != 4 && bits != 8)
    return emitError() << "expected 4 or 8 bits, but got " << bits;
  if (group < 0 || group % (32 / bits))
    return emitError() << "expected groups of a multiple of " << 32 / bits
                       << " values, but got " << group;
  if (!scale || !(scale.isF16() || scale.isF32()))
    return emitError() << "expected scales of f16 or f32, but got " << scale;
  return success();
}

LogicalResult
TwoFourAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                    Type values, bool transposed) {
  if (!values.isF32() && !values.isSignlessInteger(8))
    return emitError() << "expected values of f32 or i8, but got " << values;
  return success();
}
