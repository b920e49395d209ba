// Matrices that the model keeps in few bits: MatMulNBits, and DequantizeLinear
// of constants that only matrix products read. Their codes, scales and zero
// points become a #pack.int constant as they are; no float is made of them.
//
//   MatMulNBits   B [n][block][bytes of a block], low bits first along k;
//                 scales [n][block]; zero points packed per row of n, padded
//                 to bytes, or absent: 2^(bits-1)
#include "dialects/pack/Activations.h"
#include "frontends/onnx/GraphImporter.h"
#include "frontends/onnx/LowBit.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

namespace {
/// A matrix [k, n] of codes; blocks along k.
struct LowBitMatrix {
  int64_t k, n, bits, group; // group 0: all of k
  std::function<uint8_t(int64_t k, int64_t n)> code;
  std::function<float(int64_t block, int64_t n)> scale;
  std::function<uint8_t(int64_t block, int64_t n)> zero; // null: the middle
};
} // namespace

static float readFloat(const TensorData &tensor, int64_t i) {
  if (tensor.type == DataType::Float16) {
    uint16_t bits;
    std::memcpy(&bits, tensor.bytes.data() + 2 * i, 2);
    return pack::fromHalf(bits);
  }
  float v;
  std::memcpy(&v, tensor.bytes.data() + 4 * i, 4);
  return v;
}
static bool isFloat(const TensorData &tensor) {
  return tensor.type == DataType::Float || tensor.type == DataType::Float16;
}
/// Field i of `bits` bits, low ones first.
static uint8_t readField(ArrayRef<char> bytes, int64_t i, int64_t bits) {
  return (uint8_t)bytes[i * bits / 8] >> i * bits % 8 & ((1 << bits) - 1);
}

/// The matrix as a constant, panel by panel.
static Value makeEncoded(NodeContext &node, const LowBitMatrix &m) {
  MLIRContext *context = node.builder.getContext();
  int64_t blocks = m.group ? (m.k + m.group - 1) / m.group : 1;
  bool half = m.group != 0;
  for (int64_t n = 0; half && n < m.n; ++n)
    for (int64_t b = 0; half && b < blocks; ++b) {
      float s = m.scale(b, n);
      half = pack::roundToFormat(s, pack::ScaleFormat::F16) == s;
    }
  Type f32 = node.builder.getF32Type();
  auto encoding = pack::IntAttr::get(
      context, m.bits, m.group, half ? node.builder.getF16Type() : f32,
      (bool)m.zero, /*transposed=*/false);
  auto type = RankedTensorType::get({m.k, m.n}, f32, encoding);
  pack::IntCodec codec(
      m.k, m.bits, m.group,
      half ? pack::ScaleFormat::F16 : pack::ScaleFormat::F32, (bool)m.zero);
  constexpr int64_t columns = pack::kPanelColumns;
  std::vector<char> stored(pack::storedBytes(type));
  std::vector<uint8_t> codes(columns * m.k), zeros(columns * blocks);
  std::vector<float> scales(columns * blocks);
  uint8_t middle = 1 << (m.bits - 1);
  for (int64_t p = 0; p * columns < m.n; ++p) {
    for (int64_t c = 0; c < columns; ++c) {
      int64_t n = p * columns + c;
      bool exists = n < m.n;
      for (int64_t k = 0; k < m.k; ++k)
        codes[c * m.k + k] = exists ? m.code(k, n) : middle;
      for (int64_t b = 0; b < blocks; ++b) {
        scales[b * columns + c] = exists ? m.scale(b, n) : 0;
        zeros[b * columns + c] = exists && m.zero ? m.zero(b, n) : middle;
      }
    }
    codec.store(codes.data(), scales.data(), zeros.data(),
                stored.data() + p * codec.bytes());
  }
  return node.constant(type, std::move(stored));
}

//===- MatMulNBits --------------------------------------------------------===//

static LogicalResult translateMatMulNBits(NodeContext &node) {
  int64_t k = node.node.getInt("K", 0), n = node.node.getInt("N", 0);
  int64_t bits = node.node.getInt("bits", 4);
  int64_t block = node.node.getInt("block_size", 0);
  if (bits != 4 && bits != 8)
    return node.error() << "bits = " << bits
                        << " is not compiled yet; 4 and 8 are";
  if (k < 1 || n < 1 || block < 16 || block % 16)
    return node.error() << "expected K and N of 1 or more and a block_size of "
                           "a multiple of 16, but got K = "
                        << k << ", N = " << n << ", block_size = " << block;
  if (node.has(4))
    return node.error() << "the operand 'g_idx' is not compiled yet";
  auto constant = [&](size_t i, StringRef name) -> const TensorData * {
    const TensorData *tensor =
        node.importer.lookupConstant(node.node.inputs[i]);
    if (!tensor)
      node.error() << "the operand '" << name << "' must be a constant";
    return tensor;
  };
  const TensorData *codes = constant(1, "B"), *scales = constant(2, "scales");
  const TensorData *zeros = node.has(3) ? constant(3, "zero_points") : nullptr;
  if (!codes || !scales || (node.has(3) && !zeros))
    return failure();
  int64_t blocks = (k + block - 1) / block, rowBytes = blocks * block * bits / 8;
  if ((int64_t)codes->bytes.size() != n * rowBytes)
    return node.error() << "expected B to have " << n * rowBytes
                        << " bytes for K = " << k << ", N = " << n
                        << ", but got " << codes->bytes.size();
  if (!isFloat(*scales) || scales->elements() != n * blocks)
    return node.error() << "expected " << n * blocks
                        << " scales in float, but got " << scales->elements()
                        << " of " << dataTypeName(scales->type);
  LowBitMatrix m{k, n, bits, block, nullptr, nullptr, nullptr};
  m.code = [=](int64_t i, int64_t j) {
    return readField(codes->bytes.slice(j * rowBytes, rowBytes), i, bits);
  };
  m.scale = [=](int64_t b, int64_t j) {
    return readFloat(*scales, j * blocks + b);
  };
  int64_t zeroBytes = (blocks * bits + 7) / 8;
  if (zeros && isFloat(*zeros)) {
    if (zeros->elements() != n * blocks)
      return node.error() << "expected " << n * blocks
                          << " zero points, but got " << zeros->elements();
    for (int64_t i = 0; i < n * blocks; ++i) {
      float z = readFloat(*zeros, i);
      if (!(z >= 0 && z <= 255 && z == std::floor(z)))
        return node.error() << "zero points that are no integers of 0 to 255 "
                               "are not compiled yet, but one is "
                            << z;
    }
    m.zero = [=](int64_t b, int64_t j) {
      return (uint8_t)readFloat(*zeros, j * blocks + b);
    };
  } else if (zeros) {
    if ((int64_t)zeros->bytes.size() != n * zeroBytes)
      return node.error() << "expected " << n * zeroBytes
                          << " bytes of packed zero points, but got "
                          << zeros->bytes.size();
    // Each row of n begins at a byte.
    m.zero = [=](int64_t b, int64_t j) {
      return readField(zeros->bytes.slice(j * zeroBytes, zeroBytes), b, bits);
    };
  }
  Type f32 = node.builder.getF32Type(), result = node.element(0);
  Value a = node.in(0);
  if (!a)
    return failure();
  if (node.dimsOf(a).size() < 2 || !(node.dimsOf(a).back() == DimExpr(k)))
    return node.error() << "expected A of rank 2 or more with " << k
                        << " columns, but got " << dimsToString(node.dimsOf(a));
  Value y = node.make<nn::MatmulOp>(f32, node.cast(a, f32), makeEncoded(node, m));
  if (node.node.getInt("accuracy_level", 0) == 4)
    y.getDefiningOp()->setAttr(pack::kInt8ActivationsAttr,
                               node.builder.getUnitAttr());
  if (node.has(5))
    y = node.make<nn::AddOp>(f32, y, node.cast(node.in(5), f32));
  return node.yield(node.cast(y, result));
}

//===- DequantizeLinear ---------------------------------------------------===//

namespace {
/// How the nodes of a graph read a value.
struct Uses {
  bool products = true; // only as the right side of matrix products
  std::optional<bool> swapped;
  void add(bool isSwapped) {
    products &= !swapped || *swapped == isSwapped;
    swapped = isSwapped;
  }
};
} // namespace

static void collectUses(const Graph &graph, const std::string &name,
                        bool inner, Uses &uses) {
  for (const ValueInfo &output : graph.outputs)
    uses.products &= output.name != name;
  for (const Node &node : graph.nodes) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] != name)
        continue;
      bool matmul = node.opType == "MatMul", gemm = node.opType == "Gemm";
      if (inner || i != 1 || !node.domain.empty() || !(matmul || gemm))
        uses.products = false;
      else
        uses.add(gemm && node.getInt("transB", 0));
    }
    for (const onnx::Attribute &attribute : node.attributes)
      for (const Graph &sub : attribute.graphs)
        collectUses(sub, name, true, uses);
  }
}

Value onnx::encodedDequantize(NodeContext &node) {
  auto constant = [&](size_t i) {
    return node.has(i) ? node.importer.lookupConstant(node.node.inputs[i])
                       : nullptr;
  };
  const TensorData *x = constant(0), *scales = constant(1), *zeros = constant(2);
  if (!x || !scales || (node.has(2) && !zeros) || x->dims.size() != 2 ||
      scales->type != DataType::Float ||
      node.node.getInt("output_dtype", 1) > 1 || !node.node.hasOutput(0))
    return {};
  bool is4 = x->type == DataType::Int4 || x->type == DataType::Uint4;
  bool isSigned = x->type == DataType::Int8 || x->type == DataType::Int4;
  if (!is4 && x->type != DataType::Int8 && x->type != DataType::Uint8)
    return {};
  if (zeros && (zeros->type != x->type ||
                zeros->elements() != scales->elements()))
    return {};
  Uses uses;
  collectUses(node.importer.model.graph, node.node.outputs[0], false, uses);
  if (!uses.products || !uses.swapped)
    return {};
  bool swapped = *uses.swapped;
  int64_t bits = is4 ? 4 : 8, kAxis = swapped ? 1 : 0;
  int64_t k = x->dims[kAxis], n = x->dims[1 - kAxis], columns = x->dims[1];
  // Where the parameter of (block, n) lies.
  int64_t block = node.node.getInt("block_size", 0), group = 0;
  int64_t axis = node.node.getInt("axis", 1);
  axis += axis < 0 ? 2 : 0;
  std::function<int64_t(int64_t, int64_t)> at;
  if (scales->elements() == 1 && block == 0) {
    at = [](int64_t, int64_t) { return 0; };
  } else if (block == 0) {
    if (axis == kAxis || scales->dims.size() != 1 || scales->elements() != n)
      return {};
    at = [](int64_t, int64_t j) { return j; };
  } else {
    if (axis != kAxis || block % (32 / bits) || scales->dims.size() != 2 ||
        scales->dims[kAxis] != (k + block - 1) / block ||
        scales->dims[1 - kAxis] != n)
      return {};
    group = block;
    int64_t few = scales->dims[1];
    at = [=](int64_t b, int64_t j) {
      return swapped ? j * few + b : b * few + j;
    };
  }
  uint8_t flip = isSigned ? 1 << (bits - 1) : 0;
  LowBitMatrix m{k, n, bits, group, nullptr, nullptr, nullptr};
  m.code = [=](int64_t i, int64_t j) -> uint8_t {
    int64_t element = swapped ? j * columns + i : i * columns + j;
    return readField(x->bytes, element, bits) ^ flip;
  };
  m.scale = [=](int64_t b, int64_t j) { return readFloat(*scales, at(b, j)); };
  auto zeroOf = [=](int64_t b, int64_t j) -> uint8_t {
    return (zeros ? readField(zeros->bytes, at(b, j), bits) : 0) ^ flip;
  };
  // Signed codes without zero points lie around the middle.
  bool middle = true;
  int64_t blocks = group ? (k + group - 1) / group : 1;
  for (int64_t j = 0; middle && j < n; ++j)
    for (int64_t b = 0; b < blocks; ++b)
      middle &= zeroOf(b, j) == 1 << (bits - 1);
  if (!middle)
    m.zero = zeroOf;
  return makeEncoded(node, m);
}

void onnx::addLowBitTranslators(TranslatorTable &table) {
  table["com.microsoft::MatMulNBits"] = translateMatMulNBits;
}
