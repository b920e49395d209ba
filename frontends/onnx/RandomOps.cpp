// Random numbers, counter-based: element i is a hash of i, the seed and what it
// is for, so that all CPUs and all runs give the same. Without a seed attribute
// the node's name is the seed: nodes differ, runs do not.
//
//   bits(i) = pcg(pcg(i) + seed)     Jarzynski and Olano 2020, Hash Functions
//                                    for GPU Rendering
//   uniform = low + (high - low) * u,             u = (bits >> 8) / 2^24
//   normal  = mean + scale * sqrt(-2 ln (1 - u)) cos(2 pi v)   Box and Muller
#include "frontends/onnx/GraphImporter.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::onnx;

namespace {
class Random {
public:
  Random(NodeContext &node, Dims shape)
      : f32(node.builder.getF32Type()), node(node), shape(shape),
        u32(node.builder.getIntegerType(32, /*isSigned=*/false)) {}
  /// In [0, 1), f32; another `stream` gives other numbers.
  Value uniform(uint32_t stream);
  Value normal();
  Value number(double v) { return node.scalar(f32, v); }

  Type f32;

private:
  Value integer(uint32_t v) { return node.scalar(u32, v); }
  Value hash(Value v);

  NodeContext &node;
  Dims shape;
  Type u32;
};
} // namespace

Value Random::hash(Value v) {
  v = node.make<nn::AddOp>(
      u32, node.make<nn::MulOp>(u32, v, integer(747796405)),
      integer(2891336453));
  Value by = node.make<nn::AddOp>(
      u32, node.make<nn::ShiftRightOp>(u32, v, integer(28)), integer(4));
  Value word = node.make<nn::MulOp>(
      u32,
      node.make<nn::XorOp>(u32, node.make<nn::ShiftRightOp>(u32, v, by), v),
      integer(277803737));
  return node.make<nn::XorOp>(
      u32, node.make<nn::ShiftRightOp>(u32, word, integer(22)), word);
}

Value Random::uniform(uint32_t stream) {
  uint32_t seed = (uint32_t)llvm::xxh3_64bits(node.node.name);
  if (node.node.find("seed")) {
    float given = node.node.getFloat("seed", 0);
    std::memcpy(&seed, &given, sizeof(seed));
  }
  Type i64 = node.builder.getI64Type();
  Value count = node.make<nn::IotaOp>(i64, node.scalar(i64, 0),
                                      node.scalar(i64, 1),
                                      node.dimsAttr({product(shape)}));
  Value bits = hash(node.cast(count, u32));
  bits = hash(node.make<nn::AddOp>(u32, bits, integer(seed + stream)));
  bits = node.make<nn::ShiftRightOp>(u32, bits, integer(8));
  Value u = node.make<nn::MulOp>(f32, node.cast(bits, f32), number(0x1p-24));
  return node.reshape(u, shape);
}

Value Random::normal() {
  Value open = node.make<nn::SubOp>(f32, number(1), uniform(0));
  Value radius = node.make<nn::SqrtOp>(
      f32, node.make<nn::MulOp>(f32, node.make<nn::LogOp>(f32, open),
                                number(-2)));
  Value angle = node.make<nn::MulOp>(f32, uniform(1), number(2 * M_PI));
  return node.make<nn::MulOp>(f32, radius, node.make<nn::CosOp>(f32, angle));
}

/// `Like` takes the sizes, and the type if none is given, of its operand.
template <bool isNormal, bool isLike>
static LogicalResult translateRandom(NodeContext &node) {
  Dims shape;
  Type type = node.builder.getF32Type();
  if (isLike) {
    if (!node.in(0))
      return failure();
    shape = node.dims(0);
    type = node.element(0);
  } else {
    for (int64_t size : node.node.getInts("shape"))
      shape.push_back(size);
  }
  if (node.node.find("dtype"))
    type = elementType(*node.builder.getContext(),
                       (DataType)node.node.getInt("dtype", 1));
  if (!isa_and_nonnull<FloatType>(type))
    return node.error() << "expected random numbers of a float type";
  float low = node.node.getFloat("low", 0), high = node.node.getFloat("high", 1);
  float mean = node.node.getFloat("mean", 0),
        scale = node.node.getFloat("scale", 1);
  Random random(node, shape);
  Value v = isNormal ? random.normal() : random.uniform(0);
  v = node.make<nn::MulOp>(random.f32, v,
                           random.number(isNormal ? scale : high - low));
  v = node.make<nn::AddOp>(random.f32, v, random.number(isNormal ? mean : low));
  return node.yield(node.cast(v, type));
}

/// 1 with the probability that the operand tells. (The body of the schema's
/// function gives 0 with that probability.)
static LogicalResult translateBernoulli(NodeContext &node) {
  Value chance = node.in(0);
  if (!chance)
    return failure();
  Type type = node.elementOf(chance);
  if (node.node.find("dtype"))
    type = elementType(*node.builder.getContext(),
                       (DataType)node.node.getInt("dtype", 1));
  if (!type)
    return node.error() << "expected the type of a number or bool";
  Random random(node, node.dimsOf(chance));
  Value isOne = node.make<nn::CompareOp>(
      node.builder.getI1Type(), random.uniform(0),
      node.cast(chance, random.f32), nn::Predicate::Lt);
  return node.yield(node.cast(isOne, type));
}

void onnx::addRandomTranslators(TranslatorTable &t) {
  t["RandomUniform"] = translateRandom<false, false>;
  t["RandomUniformLike"] = translateRandom<false, true>;
  t["RandomNormal"] = translateRandom<true, false>;
  t["RandomNormalLike"] = translateRandom<true, true>;
  t["Bernoulli"] = translateBernoulli;
}
