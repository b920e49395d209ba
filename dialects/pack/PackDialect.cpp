#include "dialects/pack/Pack.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::pack;

#include "dialects/pack/PackAttrInterfaces.cpp.inc"
#include "dialects/pack/PackDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/pack/PackAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/pack/PackOps.cpp.inc"

void PackDialect::initialize() {
  weights = std::make_shared<WeightStore>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/pack/PackAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/pack/PackOps.cpp.inc"
      >();
}

//===- Bytes ---------------------------------------------------------------===//

static unsigned storedBits(Type element) {
  return element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
}

uint64_t pack::denseBytes(RankedTensorType type) {
  return (type.getNumElements() * (uint64_t)storedBits(type.getElementType()) +
          7) / 8;
}

uint64_t pack::storedBytes(RankedTensorType type) {
  if (auto encoding = dyn_cast_or_null<EncodingInterface>(type.getEncoding()))
    return encoding.getStoredBytes(type);
  return denseBytes(type);
}

DenseElementsAttr pack::denseFromBytes(RankedTensorType type,
                                       ArrayRef<char> bytes) {
  // MLIR keeps i1 as bits; storage keeps a byte each.
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> values;
    for (char c : bytes)
      values.push_back(c != 0);
    return DenseElementsAttr::get(type, values);
  }
  return DenseElementsAttr::getFromRawBuffer(type, bytes);
}

Value pack::makeConstant(OpBuilder &builder, Location loc,
                         RankedTensorType type, std::vector<char> bytes) {
  constexpr size_t inlineLimit = 1024;
  unsigned bits = storedBits(type.getElementType());
  if (bytes.size() <= inlineLimit && bits >= 8 && !bytes.empty() &&
      !type.getEncoding())
    return ConstantOp::create(builder, loc, type, denseFromBytes(type, bytes));
  auto *dialect = builder.getContext()->getOrLoadDialect<PackDialect>();
  uint64_t size = bytes.size();
  std::string name = dialect->getWeights().addBlob(std::move(bytes));
  return ConstantOp::create(
      builder, loc, type, RefAttr::get(builder.getContext(), name, 0, size));
}

std::optional<double> pack::getSplat(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  if (!constant)
    return std::nullopt;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense || !dense.isSplat())
    return std::nullopt;
  if (auto f = dyn_cast<FloatAttr>(dense.getSplatValue<Attribute>()))
    return f.getValueAsDouble();
  if (auto i = dyn_cast<IntegerAttr>(dense.getSplatValue<Attribute>()))
    return i.getType().isUnsignedInteger() || i.getType().isInteger(1)
               ? (double)i.getValue().getZExtValue()
               : (double)i.getValue().getSExtValue();
  return std::nullopt;
}

//===- Operations ----------------------------------------------------------===//

LogicalResult ConstantOp::inferDims(const nn::DimAnalysis &,
                                    SmallVectorImpl<Dims> &results) {
  if (!getType().hasStaticShape())
    return emitOpError("expected a static shape, but got ") << getType();
  Dims dims;
  for (int64_t d : getType().getShape())
    dims.push_back(d);
  results.push_back(dims);
  return success();
}

LogicalResult ConstantOp::verify() {
  if (auto dense = dyn_cast<DenseElementsAttr>(getValue())) {
    auto type = cast<RankedTensorType>(dense.getType());
    if (type.getShape() != getType().getShape() ||
        type.getElementType() != getType().getElementType())
      return emitOpError("expected a value of the result's type ")
             << getType() << ", but got " << type;
    return success();
  }
  auto ref = dyn_cast<RefAttr>(getValue());
  if (!ref)
    return emitOpError("expected dense elements or #pack.ref, but got ")
           << getValue();
  uint64_t expected = storedBytes(getType());
  if (ref.getBytes() != expected)
    return emitOpError("expected a reference to ")
           << expected << " bytes, but got " << ref.getBytes();
  return success();
}

ArrayRef<char> ConstantOp::getBytes(bool &isSplat) {
  isSplat = false;
  if (auto dense = dyn_cast<DenseElementsAttr>(getValue())) {
    isSplat = dense.isSplat();
    return dense.getRawData();
  }
  auto ref = cast<RefAttr>(getValue());
  auto *dialect = getContext()->getOrLoadDialect<PackDialect>();
  auto bytes = dialect->getWeights().read(ref.getFile(), ref.getOffset(),
                                          ref.getBytes());
  if (bytes)
    return *bytes;
  emitOpError(llvm::toString(bytes.takeError()));
  return {};
}

LogicalResult EncodeOp::inferDims(const nn::DimAnalysis &dims,
                                  SmallVectorImpl<Dims> &results) {
  Dims shape = dims.of(getSource());
  auto encoding = dyn_cast_or_null<EncodingInterface>(
      cast<RankedTensorType>(getType()).getEncoding());
  if (!encoding)
    return emitOpError("expected a result with an encoding, but got ")
           << getType();
  if (encoding.isFromTransposed() && shape.size() > 1)
    std::swap(shape.back(), shape[shape.size() - 2]);
  results.push_back(shape);
  return success();
}

LogicalResult EncodeOp::verify() {
  auto to = cast<RankedTensorType>(getType());
  auto from = cast<RankedTensorType>(getSource().getType());
  if (from.getElementType() != to.getElementType() || from.getEncoding())
    return emitOpError("expected one element type and a plain source, but got ")
           << from << " and " << to;
  return success();
}

//===- #pack.panels --------------------------------------------------------===//

namespace {
/// Sizes and strides of a matrix stack as panels see them.
struct PanelShape {
  int64_t batch = 1, k, n, panels, kStride, nStride;
  unsigned elementBytes;
  PanelShape(PanelsAttr attr, RankedTensorType type) {
    ArrayRef<int64_t> shape = type.getShape();
    for (int64_t d : shape.drop_back(2))
      batch *= d;
    int64_t rows = shape[shape.size() - 2], columns = shape.back();
    k = attr.getTransposed() ? columns : rows;
    n = attr.getTransposed() ? rows : columns;
    kStride = attr.getTransposed() ? 1 : columns;
    nStride = attr.getTransposed() ? columns : 1;
    panels = (n + attr.getColumns() - 1) / attr.getColumns();
    elementBytes = storedBits(type.getElementType()) / 8;
  }
};
} // namespace

/// Elements that a panel holds one by one: whole bytes, sizes known.
static LogicalResult
verifyPlain(ArrayRef<int64_t> shape, Type element, unsigned rank,
            llvm::function_ref<InFlightDiagnostic()> emitError) {
  if (shape.size() < rank || ShapedType::isDynamicShape(shape))
    return emitError() << "expected a static shape of rank " << rank
                       << " or more, but got rank " << shape.size();
  if (!element.isIntOrFloat() || storedBits(element) % 8)
    return emitError() << "expected elements of whole bytes, but got "
                       << element;
  return success();
}

LogicalResult PanelsAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type element,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  return verifyPlain(shape, element, 2, emitError);
}

LogicalResult
PanelsAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   int64_t columns, bool transposed) {
  if (columns == kPanelColumns)
    return success();
  return emitError() << "expected panels of " << kPanelColumns
                     << " columns, but got " << columns;
}

uint64_t PanelsAttr::getStoredBytes(RankedTensorType type) const {
  PanelShape p(*this, type);
  return (uint64_t)p.batch * p.panels * p.k * getColumns() * p.elementBytes;
}

llvm::Error PanelsAttr::encode(RankedTensorType type, ArrayRef<char> dense,
                               llvm::raw_ostream &os) const {
  PanelShape p(*this, type);
  int64_t columns = getColumns();
  std::vector<char> panel;
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t j = 0; j < p.panels; ++j) {
      panel.assign(p.k * columns * p.elementBytes, 0);
      int64_t used = std::min(columns, p.n - j * columns);
      const char *from =
          dense.data() +
          (b * p.k * p.n + j * columns * p.nStride) * p.elementBytes;
      for (int64_t k = 0; k < p.k; ++k)
        for (int64_t c = 0; c < used; ++c)
          std::memcpy(&panel[(k * columns + c) * p.elementBytes],
                      from + (k * p.kStride + c * p.nStride) * p.elementBytes,
                      p.elementBytes);
      os.write(panel.data(), panel.size());
    }
  return llvm::Error::success();
}

llvm::Error PanelsAttr::decode(RankedTensorType type, ArrayRef<char> stored,
                               MutableArrayRef<char> dense) const {
  PanelShape p(*this, type);
  int64_t columns = getColumns();
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t k = 0; k < p.k; ++k)
      for (int64_t n = 0; n < p.n; ++n)
        std::memcpy(&dense[(b * p.k * p.n + k * p.kStride + n * p.nStride) *
                           p.elementBytes],
                    &stored[(((b * p.panels + n / columns) * p.k + k) * columns +
                             n % columns) * p.elementBytes],
                    p.elementBytes);
  return llvm::Error::success();
}

//===- #pack.conv_panels ---------------------------------------------------===//

namespace {
struct ConvShape {
  int64_t oc, ic, window = 1, blocks, channels, panels;
  unsigned elementBytes;
  ConvShape(ConvPanelsAttr attr, RankedTensorType type) {
    ArrayRef<int64_t> shape = type.getShape();
    oc = shape[0];
    ic = shape[1];
    for (int64_t d : shape.drop_front(2))
      window *= d;
    channels = attr.getChannels();
    blocks = (ic + channels - 1) / channels;
    panels = (oc + 15) / 16;
    elementBytes = storedBits(type.getElementType()) / 8;
  }
  /// Elements of one panel, and where an element of it lies.
  int64_t panelSize() const { return blocks * window * channels * 16; }
  int64_t at(int64_t c, int64_t w, int64_t column) const {
    return ((c / channels * window + w) * channels + c % channels) * 16 + column;
  }
};
} // namespace

LogicalResult ConvPanelsAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type element,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  return verifyPlain(shape, element, 3, emitError);
}

LogicalResult
ConvPanelsAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                       int64_t channels) {
  if (channels == 1 || channels == kPanelColumns)
    return success();
  return emitError() << "expected 1 or " << kPanelColumns
                     << " channels, but got " << channels;
}

uint64_t ConvPanelsAttr::getStoredBytes(RankedTensorType type) const {
  ConvShape s(*this, type);
  return (uint64_t)s.panels * s.panelSize() * s.elementBytes;
}

llvm::Error ConvPanelsAttr::encode(RankedTensorType type, ArrayRef<char> dense,
                                   llvm::raw_ostream &os) const {
  ConvShape s(*this, type);
  std::vector<char> panel;
  for (int64_t p = 0; p < s.panels; ++p) {
    panel.assign(s.panelSize() * s.elementBytes, 0);
    for (int64_t column = 0; column < 16 && p * 16 + column < s.oc; ++column) {
      const char *from =
          dense.data() + (p * 16 + column) * s.ic * s.window * s.elementBytes;
      for (int64_t c = 0; c < s.ic; ++c)
        for (int64_t w = 0; w < s.window; ++w)
          std::memcpy(&panel[s.at(c, w, column) * s.elementBytes],
                      from + (c * s.window + w) * s.elementBytes,
                      s.elementBytes);
    }
    os.write(panel.data(), panel.size());
  }
  return llvm::Error::success();
}

llvm::Error ConvPanelsAttr::decode(RankedTensorType type,
                                   ArrayRef<char> stored,
                                   MutableArrayRef<char> dense) const {
  ConvShape s(*this, type);
  for (int64_t o = 0; o < s.oc; ++o)
    for (int64_t c = 0; c < s.ic; ++c)
      for (int64_t w = 0; w < s.window; ++w)
        std::memcpy(
            &dense[((o * s.ic + c) * s.window + w) * s.elementBytes],
            &stored[(o / 16 * s.panelSize() + s.at(c, w, o % 16)) *
                    s.elementBytes],
            s.elementBytes);
  return llvm::Error::success();
}
