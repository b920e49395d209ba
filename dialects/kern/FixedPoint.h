// Left sides of few rows by int4 weights as numbers of fixed point: what a row
// takes in the lane's scratch, and which products have them. On every CPU the
// same ones, as their sums round otherwise than sums of floats.
#ifndef TENON_DIALECTS_KERN_FIXEDPOINT_H
#define TENON_DIALECTS_KERN_FIXEDPOINT_H

#include "dialects/kern/Kern.h"
#include "dialects/pack/Pack.h"

namespace tenon::kern {

/// From so many rows on decoded weights pay: left sides stay floats.
inline constexpr int64_t kFixedRows = 12;

/// Neighbours along k that share a unit, a power of two; 0 where left sides of
/// this type by these weights stay floats.
inline int64_t fixedBlock(mlir::Type lhs, mlir::Type rhs) {
  auto tensor = mlir::cast<mlir::RankedTensorType>(rhs);
  auto encoding =
      mlir::dyn_cast_or_null<pack::IntAttr>(tensor.getEncoding());
  // 32 products with codes less 8 are the most that a 32-bit sum can hold.
  if (!encoding || encoding.getBits() != 4 ||
      !mlir::cast<mlir::ShapedType>(lhs).getElementType().isF32())
    return 0;
  int64_t group = encoding.getGroup();
  return group == 16 ? 16 : group && group % 32 == 0 ? 32 : 0;
}

/// Dwords of a block in scratch: its values, their unit, their sum.
inline int64_t fixedRecord(int64_t block) { return block + 2; }

} // namespace tenon::kern

#endif // TENON_DIALECTS_KERN_FIXEDPOINT_H
