// Elements of less than a byte: packed where the caller or a file holds them,
// a byte each in between.
//
//   %x : tensor<5x5xi4>      13 bytes, the first element in the low bits
//     -> kern.view as ui8 [13] -> kern.map -> tensor<5x5xi4>, 25 bytes
//
// Floats of 8 bits are bytes everywhere.
#include "passes/schedule/BodyBuilder.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::schedule;

static bool isPacked(Value v) {
  auto type = dyn_cast<RankedTensorType>(v.getType());
  return type && nn::isNarrow(type.getElementType()) &&
         type.getElementType().getIntOrFloatBitWidth() < 8;
}

static int64_t bitsOf(Type element) { return element.getIntOrFloatBitWidth(); }

/// The buffer of a packed tensor as bytes, or the other way round.
static Value viewAs(KernBuilder &k, Location loc, Value v, Type element,
                    Dims shape) {
  auto view = kern::ViewOp::create(k.b, loc, nn::tensorType(shape, element), v,
                                   nn::DimsAttr::get(k.b.getContext(), shape));
  k.dims.set(view, shape);
  return view;
}

static Value unpack(KernBuilder &k, Value packed) {
  Location loc = packed.getLoc();
  Type element = k.elementOf(packed);
  int64_t bits = bitsOf(element), each = 8 / bits;
  Dims shape = k.of(packed);
  DimExpr count = product(shape);
  Type byte = k.b.getIntegerType(8, false);
  KernBuilder::MapSpec spec;
  spec.sizes = {count};
  spec.tables = {viewAs(k, loc, packed, byte, {DimExpr::ceilDiv(count, each)})};
  bool isSigned = nn::byteType(element).isSignlessInteger();
  Value flat = k.map(loc, element, spec, [&](OpBuilder &b, Location loc,
                                             ValueRange a) {
    BodyBuilder x{b, loc};
    Value i = x.loop(0), per = x.constant(each);
    Value group = x.load(a[0], {Value(x.make<arith::DivUIOp>(i, per))});
    Value place = x.make<arith::RemUIOp>(i, per);
    auto shift = [&](Value amount) {
      return x.make<arith::IndexCastOp>(b.getI8Type(), amount);
    };
    // To the top, then down with or without the sign.
    Value up = x.sub(x.constant(8 - bits), x.mul(place, x.constant(bits)));
    Value v = x.make<arith::ShLIOp>(group, shift(up));
    Value down = shift(x.constant(8 - bits));
    v = isSigned ? x.make<arith::ShRSIOp>(v, down) : x.make<arith::ShRUIOp>(v, down);
    return SmallVector<Value>{v};
  });
  return k.view(loc, flat, shape);
}

static Value packBytes(KernBuilder &k, Value bytes) {
  Location loc = bytes.getLoc();
  Type element = k.elementOf(bytes);
  int64_t bits = bitsOf(element), each = 8 / bits;
  Dims shape = k.of(bytes);
  DimExpr count = product(shape);
  KernBuilder::MapSpec spec;
  spec.sizes = {DimExpr::ceilDiv(count, each)};
  spec.tables = {k.view(loc, bytes, {count})};
  Value flat = k.map(loc, k.b.getIntegerType(8, false), spec,
                     [&](OpBuilder &b, Location loc, ValueRange a) {
    BodyBuilder x{b, loc};
    auto byte = [&](int64_t v) {
      return x.make<arith::ConstantOp>(b.getI8IntegerAttr(v));
    };
    Value first = x.mul(x.loop(0), x.constant(each)), all = byte(0);
    Value last = x.sub(x.size(count), x.constant(1));
    for (int64_t j = 0; j < each; ++j) {
      Value at = x.add(first, x.constant(j));
      Value v = x.load(a[0], {x.min(at, last)});
      v = x.andOf(v, byte((1 << bits) - 1));
      v = x.make<arith::ShLIOp>(v, byte(j * bits));
      Value inside = x.compare(arith::CmpIPredicate::sle, at, last);
      all = x.orOf(all, x.select(inside, v, byte(0)));
    }
    return SmallVector<Value>{all};
  });
  return viewAs(k, loc, flat, element, shape);
}

void schedule::unpackNarrowOperands(KernBuilder &k, func::FuncOp program) {
  SmallVector<Value> packed;
  for (Value argument : program.getArguments())
    if (isPacked(argument) && !argument.use_empty())
      packed.push_back(argument);
  program.walk([&](pack::ConstantOp constant) {
    if (isPacked(constant))
      packed.push_back(constant);
  });
  for (Value v : packed) {
    k.b.setInsertionPointAfterValue(v);
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : v.getUses())
      if (!isa<pack::EncodeOp>(use.getOwner()))
        uses.push_back(&use);
    if (uses.empty())
      continue;
    Value bytes = unpack(k, v);
    for (OpOperand *use : uses)
      use->set(bytes);
  }
}

void schedule::packNarrowResults(KernBuilder &k, func::FuncOp program) {
  auto ret = cast<func::ReturnOp>(program.front().getTerminator());
  k.b.setInsertionPoint(ret);
  for (OpOperand &operand : ret->getOpOperands())
    if (isPacked(operand.get()))
      operand.set(packBytes(k, operand.get()));
}

LogicalResult schedule::refuseNarrow(Operation *op) {
  // These move elements or convert them.
  if (isa<nn::CastOp, nn::QuantizeOp, nn::SelectOp, nn::ReshapeOp, nn::ExpandOp,
          nn::TransposeOp, nn::SliceOp, nn::EmptyOp, nn::InsertSliceOp,
          nn::ConcatOp, nn::PadOp, nn::TileOp, nn::OneHotOp, nn::GatherOp,
          nn::GatherElementsOp, nn::GatherNdOp>(op))
    return success();
  auto refused = [](Value v) {
    auto type = dyn_cast<ShapedType>(v.getType());
    return type && nn::isNarrow(type.getElementType());
  };
  for (ValueRange values : {ValueRange(op->getOperands()), ValueRange(op->getResults())})
    for (Value v : values)
      if (refused(v))
        return op->emitError("'")
               << op->getName() << "' does not compute in "
               << cast<ShapedType>(v.getType()).getElementType()
               << "; expected 8-bit integers or floats of 16 bits and more: "
                  "put a Cast before it";
  return success();
}
