#include "dialects/kern/LoopNest.h"

#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::kern;

namespace {
struct Linear {
  DimExpr constant;
  Dims coefficients;
};
} // namespace

static Linear linearOf(AffineExpr e, unsigned loops,
                       ArrayRef<DimExpr> symbols) {
  Linear r{0, Dims(loops, DimExpr(0))};
  if (auto c = dyn_cast<AffineConstantExpr>(e)) {
    r.constant = c.getValue();
    return r;
  }
  if (auto d = dyn_cast<AffineDimExpr>(e)) {
    r.coefficients[d.getPosition()] = 1;
    return r;
  }
  if (auto s = dyn_cast<AffineSymbolExpr>(e)) {
    r.constant = symbols[s.getPosition()];
    return r;
  }
  auto binary = cast<AffineBinaryOpExpr>(e);
  Linear a = linearOf(binary.getLHS(), loops, symbols);
  Linear b = linearOf(binary.getRHS(), loops, symbols);
  if (e.getKind() == AffineExprKind::Add) {
    a.constant += b.constant;
    for (unsigned i = 0; i < loops; ++i)
      a.coefficients[i] += b.coefficients[i];
    return a;
  }
  assert(e.getKind() == AffineExprKind::Mul && "an access must be linear");
  // One side has no loops.
  bool rightIsScalar =
      llvm::all_of(b.coefficients, [](const DimExpr &c) { return c.isConstant(0); });
  Linear &vector = rightIsScalar ? a : b;
  const DimExpr scale = rightIsScalar ? b.constant : a.constant;
  vector.constant *= scale;
  for (DimExpr &c : vector.coefficients)
    c *= scale;
  return vector;
}

LinearAccess kern::linearize(AffineMap map, ArrayRef<DimExpr> symbols,
                             ArrayRef<DimExpr> tensor) {
  assert(map.getNumResults() == tensor.size() && "one index per dimension");
  LinearAccess access{0, Dims(map.getNumDims(), DimExpr(0))};
  Dims strides = rowMajorStrides(tensor);
  for (auto [i, e] : llvm::enumerate(map.getResults())) {
    Linear index = linearOf(e, map.getNumDims(), symbols);
    access.offset += index.constant * strides[i];
    for (unsigned d = 0; d < map.getNumDims(); ++d)
      access.strides[d] += index.coefficients[d] * strides[i];
  }
  return access;
}

int64_t kern::stepClass(const DimExpr &stride) {
  return stride.isConstant(0) ? 0 : stride.isConstant(1) ? 1 : 2;
}

void LoopNest::pad(unsigned at) {
  sizes.insert(sizes.begin() + at, DimExpr(1));
  for (LinearAccess &a : accesses)
    a.strides.insert(a.strides.begin() + at, DimExpr(0));
}

void LoopNest::simplify(MutableArrayRef<unsigned> bounds) {
  auto erase = [&](unsigned loop) {
    sizes.erase(sizes.begin() + loop);
    for (LinearAccess &a : accesses)
      a.strides.erase(a.strides.begin() + loop);
    for (unsigned &bound : bounds)
      if (loop < bound)
        --bound;
  };
  for (unsigned i = 0; i < sizes.size();) {
    if (sizes[i].isConstant(1))
      erase(i);
    else
      ++i;
  }
  // (i, i+1) are one loop where every access steps over a whole i+1 per i.
  for (unsigned i = 0; i + 1 < sizes.size();) {
    bool together = !llvm::is_contained(bounds, i + 1);
    for (const LinearAccess &a : accesses)
      together &= a.strides[i] == a.strides[i + 1] * sizes[i + 1];
    if (!together) {
      ++i;
      continue;
    }
    sizes[i + 1] = sizes[i] * sizes[i + 1];
    erase(i);
    if (i > 0)
      --i;
  }
}
