// Matching values by what they compute: the order of factors and terms, and
// whether a constant multiplies or divides, do not matter.
#ifndef TENON_PASSES_MODEL_STRUCTUREDMATCHERS_H
#define TENON_PASSES_MODEL_STRUCTUREDMATCHERS_H

#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"

namespace tenon::model {

/// A value as number * factor * factor ...
struct Product {
  double number = 1;
  llvm::SmallVector<mlir::Value> factors;
  llvm::SmallVector<mlir::Location> locations; // of the operations taken apart
};
/// Takes multiplications, divisions by a number, and whole powers up to 4
/// apart. An operation inside that others read stays whole.
Product productOf(mlir::Value value);

/// Whether two numbers agree up to what exporters round away.
bool isAbout(double value, double expected);
bool isNumber(mlir::Value value, double expected);

/// The other term where `value` is its sum with this number.
mlir::Value plusNumber(mlir::Value value, double number);
/// The other term and the number where `value` is a sum with a number.
std::pair<mlir::Value, double> sumWithNumber(mlir::Value value);

/// The operand where `value` is the reduction of this kind over the dimensions
/// `axes`, which stay as ones.
mlir::Value reducedBy(mlir::Value value, nn::ReduceKind kind,
                      llvm::ArrayRef<int64_t> axes);

} // namespace tenon::model

#endif // TENON_PASSES_MODEL_STRUCTUREDMATCHERS_H
