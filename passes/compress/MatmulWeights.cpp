#include "passes/compress/MatmulWeights.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::compress;

ArrayRef<char> MatmulWeight::bytes() const {
  bool isSplat;
  return pack::ConstantOp(constant).getBytes(isSplat);
}

RankedTensorType MatmulWeight::encodedType(Attribute encoding) const {
  auto type = pack::ConstantOp(constant).getType();
  SmallVector<int64_t> shape(type.getShape());
  if (transposed)
    std::swap(shape[0], shape[1]);
  return RankedTensorType::get(shape, type.getElementType(), encoding);
}

void MatmulWeight::keep(const Twine &reason) const {
  Operation *op = pack::ConstantOp(constant);
  op->setAttr(kKeptAttr, StringAttr::get(op->getContext(), reason));
}

bool MatmulWeight::keepIfNoSmaller(RankedTensorType type) const {
  int64_t panels = llvm::divideCeil(type.getDimSize(1), pack::kPanelColumns);
  uint64_t dense = 4 * type.getDimSize(0) * panels * pack::kPanelColumns;
  if (pack::storedBytes(type) < dense)
    return false;
  keep("so few rows take no less in blocks");
  return true;
}

/// The constant behind a right side, if there is one.
static pack::ConstantOp constantOf(Value rhs, bool &transposed) {
  transposed = false;
  if (auto transpose = rhs.getDefiningOp<nn::TransposeOp>())
    if (transpose.getPermutation() == ArrayRef<int64_t>{1, 0}) {
      transposed = true;
      rhs = transpose.getInput();
    }
  return rhs.getDefiningOp<pack::ConstantOp>();
}

SmallVector<MatmulWeight>
compress::findMatmulWeights(func::FuncOp function, int64_t minElements) {
  llvm::MapVector<std::pair<Operation *, unsigned>, MatmulWeight> found;
  function.walk([&](nn::MatmulOp matmul) {
    bool transposed;
    pack::ConstantOp constant = constantOf(matmul.getRhs(), transposed);
    if (!constant)
      return;
    auto [it, isNew] = found.insert({{constant, (unsigned)transposed}, {}});
    if (isNew)
      it->second = {constant, transposed, {}};
    it->second.readers.push_back(matmul);
  });
  SmallVector<MatmulWeight> weights;
  for (auto &[key, weight] : found) {
    RankedTensorType type = weight.constant.getType();
    bool isSplat = false;
    if (type.getEncoding())
      continue;
    if (!type.getElementType().isF32()) {
      weight.keep("not f32");
    } else if (type.getRank() != 2) {
      weight.keep("not a single matrix");
    } else if (type.getNumElements() < minElements) {
      weight.keep("fewer than " + Twine(minElements) + " values");
    } else if ((void)weight.constant.getBytes(isSplat), isSplat) {
      weight.keep("one value everywhere");
    } else if (!pack::isFinite(
                   reinterpret_cast<const float *>(weight.bytes().data()),
                   type.getNumElements())) {
      weight.keep("holds values that are not finite");
    } else {
      weights.push_back(weight);
    }
  }
  return weights;
}

void compress::encodeWeight(const MatmulWeight &weight, RankedTensorType type,
                            const pack::ErrorSums &error) {
  pack::ConstantOp constant = weight.constant;
  OpBuilder b(constant->getContext());
  b.setInsertionPointAfter(constant);
  auto encode =
      pack::EncodeOp::create(b, constant.getLoc(), type, constant.getResult());
  encode->setAttr(kChangeAttr,
                  b.getDictionaryAttr({b.getNamedAttr(
                      "snr", b.getF64FloatAttr(pack::snrInDecibel(error)))}));
  for (nn::MatmulOp reader : weight.readers) {
    Operation *old = reader.getRhs().getDefiningOp();
    reader.getRhsMutable().assign(encode);
    if (isOpTriviallyDead(old))
      old->erase();
  }
}
