// Integer operands of products as the bytes they are made of.
#ifndef TENON_PASSES_MODEL_BYTEOPERANDS_H
#define TENON_PASSES_MODEL_BYTEOPERANDS_H

#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"

namespace tenon::model {

/// Sums of so many products of differences of bytes stay in 32 bits, and of so
/// many they are exact in a float.
inline constexpr int64_t kDeepestSum = ((int64_t(1) << 31) - 1) / (255 * 255);
inline constexpr int64_t kDeepestFloatSum = (1 << 24) / (255 * 255);

/// codes - zero; a zero point of null is 0.
struct Shifted {
  mlir::Value codes, zero;
};
/// Takes `cast(codes) - zero` apart, where codes have the shape of the whole
/// and zero is an integer; any other value is codes.
Shifted shifted(mlir::Value value);

bool isByte(mlir::Value value);
/// Whether all elements are from -255 to 255: a byte, or one less another.
bool isByteDifference(mlir::Value value);
/// A constant of one number, also one that is still to be cast or reshaped.
std::optional<double> numberOf(mlir::Value value);

/// Constant weights as i8, and what belongs to each channel of the result.
struct ByteWeights {
  std::vector<char> codes;     // in the shape of the weights
  std::vector<int32_t> zeros;  // zero points of the codes; empty: all are 0
  std::vector<int32_t> totals; // sums of code - zero point
};
/// Constant codes - zero point, whose dimension `channel` is the result's.
/// Zero points are one number or one per channel. Codes of u8 are 128 less;
/// what fits i8 without a zero point has none.
std::optional<ByteWeights> byteWeights(mlir::Value value, int64_t channel);

/// Codes of 8 bits that a matrix [k, n] keeps with a scale per column, which
/// is added to `scales`.
std::optional<ByteWeights> encodedByteWeights(pack::ConstantOp matrix,
                                              std::vector<float> &scales);

/// A constant of i32.
mlir::Value makeI32s(mlir::OpBuilder &builder, mlir::Location loc,
                     llvm::ArrayRef<int64_t> shape,
                     llvm::ArrayRef<int32_t> values);

} // namespace tenon::model

#endif // TENON_PASSES_MODEL_BYTEOPERANDS_H
