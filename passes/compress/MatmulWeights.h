// The constants that compression may change: right sides of matrix products.
#ifndef TENON_PASSES_COMPRESS_MATMULWEIGHTS_H
#define TENON_PASSES_COMPRESS_MATMULWEIGHTS_H

#include "passes/compress/Passes.h"

namespace tenon::compress {

/// What a change did, on a pack.encode; why there was none, on a constant.
inline constexpr llvm::StringLiteral kChangeAttr = "pack.change";
inline constexpr llvm::StringLiteral kKeptAttr = "pack.kept";
inline constexpr llvm::StringLiteral kReportAttr = "pack.report";

/// A constant matrix [k, n] that products read, and how.
struct MatmulWeight {
  pack::ConstantOp constant;
  bool transposed; // the constant is [n, k]
  llvm::SmallVector<nn::MatmulOp> readers;

  llvm::ArrayRef<char> bytes() const;
  /// The type of the matrix as `encoding` stores it.
  mlir::RankedTensorType encodedType(mlir::Attribute encoding) const;
  void keep(const llvm::Twine &reason) const;
  /// Keeps it where `type` stores no less than f32 does, in panels as well.
  bool keepIfNoSmaller(mlir::RankedTensorType type) const;
};

/// All of a function, in order; those that cannot be changed, or have fewer
/// elements, are marked with the reason and left out.
llvm::SmallVector<MatmulWeight> findMatmulWeights(mlir::func::FuncOp function,
                                                  int64_t minElements);

/// Lets the readers read `weight` as `type`.
void encodeWeight(const MatmulWeight &weight, mlir::RankedTensorType type,
                  const pack::ErrorSums &error);

} // namespace tenon::compress

#endif // TENON_PASSES_COMPRESS_MATMULWEIGHTS_H
