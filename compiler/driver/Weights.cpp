#include "compiler/driver/Weights.h"

#include "dialects/pack/Pack.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Errc.h"

using namespace llvm;
using namespace tenon;
using mlir::DenseElementsAttr;
using mlir::RankedTensorType;

/// Where a program's weights would contradict one another: our own mistake.
static Error mismatch(const char *what, uint64_t offset) {
  return createStringError(errc::invalid_argument,
                           "the weight at offset %llu %s",
                           static_cast<unsigned long long>(offset), what);
}

Expected<Weights> Weights::collect(rt::ProgramOp program) {
  Weights weights;
  weights.total = program.getWeightBytes();
  weights.store = &program.getContext()
                       ->getOrLoadDialect<pack::PackDialect>()
                       ->getWeights();
  for (auto op : program.getBody().getOps<rt::WeightOp>()) {
    auto type = dyn_cast<RankedTensorType>(op.getType());
    if (!type || !type.hasStaticShape())
      return mismatch("has no static tensor type", op.getOffset());
    weights.pieces.push_back(
        {op.getOffset(), pack::storedBytes(type), op.getValue(), type,
         op.getEncoded()});
  }
  llvm::stable_sort(weights.pieces, [](const Piece &a, const Piece &b) {
    return a.offset < b.offset;
  });
  uint64_t end = 0;
  for (const Piece &piece : weights.pieces) {
    if (piece.offset < end)
      return mismatch("overlaps the one before it", piece.offset);
    end = piece.offset + piece.bytes;
  }
  if (end > weights.total)
    return mismatch("ends behind the program's weights",
                    weights.pieces.back().offset);
  return weights;
}

bool Weights::equals(const Weights &other) const {
  return total == other.total &&
         llvm::equal(pieces, other.pieces, [](const Piece &a, const Piece &b) {
           return a.offset == b.offset && a.bytes == b.bytes &&
                  a.value == b.value && a.type == b.type &&
                  a.encoded == b.encoded;
         });
}

static RankedTensorType withoutEncoding(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(), type.getElementType());
}

/// The bytes of elements in the IR as memory has them: a bool is a byte, what
/// is below a byte is packed, first element in the low bits.
static std::vector<char> denseBytesOf(DenseElementsAttr dense,
                                      RankedTensorType type) {
  std::vector<char> bytes(pack::denseBytes(type), 0);
  mlir::Type element = type.getElementType();
  if (bytes.empty())
    return bytes;
  if (element.isInteger(1)) {
    for (auto [i, value] : enumerate(dense.getValues<bool>()))
      bytes[i] = value;
    return bytes;
  }
  unsigned bits = element.getIntOrFloatBitWidth();
  if (bits >= 8) {
    ArrayRef<char> raw = dense.getRawData();
    // A splat holds one element.
    for (size_t at = 0; at < bytes.size(); at += raw.size())
      std::copy(raw.begin(), raw.end(), bytes.begin() + at);
    return bytes;
  }
  auto put = [&](size_t i, uint64_t value) {
    bytes[i * bits / 8] |= value << (i * bits % 8);
  };
  if (isa<mlir::FloatType>(element))
    for (auto [i, value] : enumerate(dense.getValues<APFloat>()))
      put(i, value.bitcastToAPInt().getZExtValue());
  else
    for (auto [i, value] : enumerate(dense.getValues<APInt>()))
      put(i, value.getZExtValue());
  return bytes;
}

Error Weights::writePiece(const Piece &piece, raw_ostream &os) const {
  auto encoding =
      dyn_cast_or_null<pack::EncodingInterface>(piece.type.getEncoding());
  RankedTensorType plain = withoutEncoding(piece.type);
  std::vector<char> owned;
  ArrayRef<char> bytes;
  if (auto dense = dyn_cast<DenseElementsAttr>(piece.value)) {
    owned = denseBytesOf(dense, plain);
    bytes = owned;
  } else if (auto ref = dyn_cast<pack::RefAttr>(piece.value)) {
    Expected<ArrayRef<char>> read =
        store->read(ref.getFile(), ref.getOffset(), ref.getBytes());
    if (!read)
      return read.takeError();
    bytes = *read;
  } else {
    return mismatch("is neither elements nor a reference", piece.offset);
  }
  if (!encoding || piece.encoded) {
    if (bytes.size() != piece.bytes)
      return mismatch("has another size than its type", piece.offset);
    os.write(bytes.data(), bytes.size());
    return Error::success();
  }
  return encoding.encode(plain, bytes, os);
}

Error Weights::write(raw_ostream &os) const {
  constexpr uint64_t releaseBytes = 32 << 20;
  uint64_t at = 0, held = 0;
  auto pad = [&](uint64_t end) {
    os.write_zeros(end - at);
    at = end;
  };
  for (const Piece &piece : pieces) {
    pad(piece.offset);
    uint64_t begin = os.tell();
    if (Error error = writePiece(piece, os))
      return error;
    if (os.tell() - begin != piece.bytes)
      return mismatch("encodes to another size than planned", piece.offset);
    at += piece.bytes;
    held += piece.bytes;
    if (held >= releaseBytes) {
      store->releasePages();
      held = 0;
    }
  }
  pad(total);
  if (store)
    store->releasePages();
  return Error::success();
}
