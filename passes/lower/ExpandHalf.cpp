// Floats of 16 bits, where the CPU does not convert them: the bits that CPUs
// with such instructions give, and no call of a library.
//
//   half to f32   bits shifted to their places are the value times 2^-112,
//                 denormal or not; infinity and NaN get their exponent after
//   f32 to half   rebias and round to even as integers; denormals by adding a
//                 number whose last bit is theirs
//
// What computes in half types computes in f32. Everywhere, f64 becomes half by
// way of an f32 rounded to odd, which rounds once (see ExpandFma.cpp).
#include "passes/lower/Lanes.h"
#include "passes/lower/Passes.h"
#include "passes/lower/TargetFacts.h"

namespace tenon::lower {
#define GEN_PASS_DEF_EXPANDHALFPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

static bool isF16(Type type) { return getElementTypeOrSelf(type).isF16(); }

static Type likeWith(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? (Type)vector.clone(element) : element;
}

/// Unsigned.
template <typename T> static Lanes isAbove(Lanes a, T b) {
  return a.with(arith::CmpIOp::create(a.getBuilder(), a.getLoc(),
                                      arith::CmpIPredicate::ugt, a.get(),
                                      lanes::as(a, b).get()));
}

/// f64 as the f32 next to it that is odd, unless it is one.
static Value toOddFloat(OpBuilder &b, Location loc, Value v) {
  Lanes x(b, loc, v);
  Lanes near = x.with(
      arith::TruncFOp::create(b, loc, x.withElement(b.getF32Type()), v));
  Lanes back = x.with(arith::ExtFOp::create(b, loc, v.getType(), near.get()));
  // Ordered: a NaN is what it is.
  Lanes inexact = compare(arith::CmpFPredicate::ONE, back, x);
  Lanes bits = near.toBits();
  Lanes even = isIntEq(bits & 1, bits.constant(0));
  Lanes moved = select(isGt(abs(back), abs(x)), bits - 1, bits + 1);
  return select(inexact & even, moved, bits).toFloat().get();
}

static Value toFloat(OpBuilder &b, Location loc, Value v) {
  Lanes half = Lanes(b, loc, v).toBits();
  Lanes bits = half.with(arith::ExtUIOp::create(
      b, loc, half.withElement(b.getI32Type()), half.get()));
  Lanes rest = bits & 0x7fff, sign = (bits & 0x8000) << 16;
  Lanes value = ((rest << 13).toFloat() * 0x1p112).toBits();
  Lanes infinite = select(isAbove(rest, 0x7bff), value.constant(0x7f800000),
                          value.constant(0));
  Lanes special =
      select(isAbove(rest, 0x7c00), value.constant(0x7fc00000), infinite);
  return (value | special | sign).toFloat().get();
}

static Value toHalf(OpBuilder &b, Location loc, Value v) {
  Lanes bits = Lanes(b, loc, v).toBits();
  Lanes sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  // 65536 stands for all that is too large.
  Lanes large = select(isAbove(magnitude, 0x47800000),
                       magnitude.constant(0x47800000), magnitude);
  Lanes normal = (large + ((large >> 13) & 1) - 0x37fff001) >> 13;
  // The last bit of 0.5 is the least half.
  Lanes small = (magnitude.toFloat() + 0.5).toBits() - 0x3f000000;
  Lanes nan = ((magnitude >> 13) & 0x3ff) | 0x7e00;
  Lanes half = select(isAbove(magnitude, 0x387fffff), normal, small);
  half = select(isAbove(magnitude, 0x7f800000), nan, half) | sign;
  Lanes narrow = half.with(arith::TruncIOp::create(
      b, loc, half.withElement(b.getI16Type()), half.get()));
  return arith::BitcastOp::create(b, loc, half.withElement(b.getF16Type()),
                                  narrow.get());
}

/// What an operation of arith or math takes and gives becomes f32.
static void widen(Operation *op) {
  OpBuilder b(op);
  for (OpOperand &operand : op->getOpOperands())
    if (Type type = operand.get().getType(); isF16(type))
      operand.set(arith::ExtFOp::create(
          b, op->getLoc(), likeWith(type, b.getF32Type()), operand.get()));
  b.setInsertionPointAfter(op);
  for (Value result : op->getResults()) {
    Type type = result.getType();
    if (!isF16(type))
      continue;
    result.setType(likeWith(type, b.getF32Type()));
    auto narrow = arith::TruncFOp::create(b, op->getLoc(), type, result);
    result.replaceAllUsesExcept(narrow, narrow);
  }
}

static bool computesInHalf(Operation *op) {
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
         !isa<arith::ConstantOp, arith::BitcastOp, arith::SelectOp,
              arith::ExtFOp, arith::TruncFOp>(op) &&
         (llvm::any_of(op->getOperandTypes(), isF16) ||
          llvm::any_of(op->getResultTypes(), isF16));
}

namespace {
struct ExpandHalfPass : lower::impl::ExpandHalfPassBase<ExpandHalfPass> {
  void runOnOperation() override;
};
} // namespace

void ExpandHalfPass::runOnOperation() {
  func::FuncOp kernel = getOperation();
  bool converts =
      TargetFacts::of(kernel->getParentOfType<ModuleOp>()).halfConversion;
  SmallVector<Operation *> computing, conversions;
  kernel.walk([&](Operation *op) {
    if (!converts && computesInHalf(op))
      computing.push_back(op);
  });
  llvm::for_each(computing, widen);
  kernel.walk([&](Operation *op) {
    if (isa<arith::ExtFOp, arith::TruncFOp>(op))
      conversions.push_back(op);
  });
  for (Operation *op : conversions) {
    OpBuilder b(op);
    Location loc = op->getLoc();
    Value from = op->getOperand(0), v = from;
    Type type = op->getResult(0).getType(), to = getElementTypeOrSelf(type);
    if (isa<arith::TruncFOp>(op)) {
      if (getElementTypeOrSelf(v).isF64() && (to.isF16() || to.isBF16()))
        v = toOddFloat(b, loc, v);
      // LLVM makes one conversion of two, which is a call on x86 and rounds
      // otherwise.
      auto before = v.getDefiningOp<arith::TruncFOp>();
      if (to.isF16() && (!converts || before))
        v = toHalf(b, loc, v);
      else if (v != from)
        v = arith::TruncFOp::create(b, loc, type, v);
    } else if (isF16(v.getType()) && !converts) {
      v = toFloat(b, loc, v);
      if (to.isF64())
        v = arith::ExtFOp::create(b, loc, type, v);
    }
    if (v == from)
      continue;
    op->getResult(0).replaceAllUsesWith(v);
    op->erase();
  }
}
