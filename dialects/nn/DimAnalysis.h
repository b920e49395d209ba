// Sizes of every tensor of a program, as expressions over its symbols.
//
//   func.func @main(%ids: tensor<1x?xi64> {nn.shape = #nn.dims<1, seq>})
//       attributes {nn.symbols = {seq = array<i64: 1, 512>}}
//
// The arguments' sizes stand in the program; those of every other value follow
// from DimsOpInterface, operation by operation.
#ifndef TENON_DIALECTS_NN_DIMANALYSIS_H
#define TENON_DIALECTS_NN_DIMANALYSIS_H

#include "dialects/nn/DimExpr.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/DenseMap.h"

namespace tenon::nn {

class DimAnalysis {
public:
  DimAnalysis() = default;
  /// Walks a whole program; sizes that contradict are diagnostics there, and
  /// the analysis is not valid then.
  explicit DimAnalysis(mlir::FunctionOpInterface program);
  bool isValid() const { return valid; }

  /// Static sizes need no entry.
  Dims of(mlir::Value value) const;
  void set(mlir::Value value, Dims dims) { sizes[value] = std::move(dims); }
  /// Before a value is destroyed: another may be made at its address.
  void forget(mlir::Value value) { sizes.erase(value); }
  /// Infer the results of one op and remember them; sets the result types.
  llvm::LogicalResult infer(mlir::Operation *op);

  /// The program's symbols, and inside a loop its own.
  SymbolRanges symbols;

private:
  llvm::DenseMap<mlir::Value, Dims> sizes;
  bool valid = true;
};

/// Names of the attributes that carry sizes on a program.
inline constexpr llvm::StringLiteral kShapeAttr = "nn.shape";
inline constexpr llvm::StringLiteral kSymbolsAttr = "nn.symbols";
inline constexpr llvm::StringLiteral kNameAttr = "nn.name";
/// Elements of a tensor, and every size in an attribute.
inline constexpr int64_t kLargestSize = int64_t(1) << 48;
/// Whether the constant sizes alone make more elements than that.
bool isTooLarge(llvm::ArrayRef<DimExpr> dims);
/// A `?` of which nothing is known is a symbol that begins so.
inline constexpr llvm::StringLiteral kUnknownSize = "unknown.";

/// The symbols of a dictionary, or of a program, with their bounds.
SymbolRanges symbolRanges(mlir::DictionaryAttr symbols);
SymbolRanges getSymbols(mlir::Operation *program);
void setSymbols(mlir::Operation *program, const SymbolRanges &symbols);
/// Whether this is a dictionary of symbols with their bounds.
llvm::LogicalResult verifySymbols(mlir::Operation *op, mlir::Attribute symbols);

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_DIMANALYSIS_H
