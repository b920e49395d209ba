// Building kern groups from nn operations: what the lowering files share.
#ifndef TENON_PASSES_SCHEDULE_KERNBUILDERS_H
#define TENON_PASSES_SCHEDULE_KERNBUILDERS_H

#include "dialects/kern/Kern.h"
#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tenon::schedule {

/// An operand of a group: a tensor read through a map from loops to indices.
struct Access {
  mlir::Value tensor;
  mlir::AffineMap map;
};

/// Builds the scalar body: arguments are the accesses' elements, then tables.
using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    mlir::OpBuilder &, mlir::Location, mlir::ValueRange)>;

class KernBuilder {
public:
  KernBuilder(mlir::OpBuilder &builder, nn::DimAnalysis &dims)
      : b(builder), dims(dims) {}

  mlir::OpBuilder &b;
  nn::DimAnalysis &dims;

  struct MapSpec {
    Dims sizes;                         // loops
    llvm::SmallVector<Access> ins;
    llvm::SmallVector<mlir::Value> tables;
    Dims symbols;                       // what the maps' symbols stand for
    mlir::AffineMap resultMap;          // null: identity over the loops
    Dims shape;                         // of the result; empty with identity
    mlir::Value dest;                   // null: a new tensor
  };
  /// A map with one result of `element`.
  mlir::Value map(mlir::Location loc, mlir::Type element, const MapSpec &spec,
                  Body body);

  struct ReduceSpec {
    Dims sizes;
    unsigned parallel = 0;
    llvm::SmallVector<Access> ins;
    llvm::SmallVector<mlir::Value> tables;
    llvm::SmallVector<Access> extras;   // maps over the parallel loops
    Dims symbols;
    llvm::SmallVector<kern::Combiner> combiners;
    mlir::AffineMap resultMap;          // null: identity over parallel loops
    Dims shape;
  };
  /// A reduction with one result. `finish` gets the combined values, then the
  /// extras; null yields the first combined value.
  mlir::Value reduce(mlir::Location loc, mlir::Type element,
                     const ReduceSpec &spec, Body body, Body finish = nullptr);

  struct RowsSpec {
    Dims sizes;                         // all loops; those of a row come last
    unsigned parallel = 0;
    llvm::SmallVector<Access> ins, extras;
    llvm::SmallVector<kern::Combiner> combiners;
    mlir::AffineMap resultMap;          // over all loops
    Dims shape;
  };
  /// Passes over rows with one result (see kern.rows).
  mlir::Value rows(mlir::Location loc, mlir::Type element, const RowsSpec &spec,
                   Body prologue, llvm::ArrayRef<Body> passes, Body finish);

  struct SequenceSpec {
    Dims sizes;                         // independent places
    llvm::SmallVector<mlir::Value> tables;
    llvm::SmallVector<mlir::Type> elements; // of the results
    llvm::SmallVector<Dims> shapes;
    llvm::SmallVector<mlir::Value> dests; // none, or one per result
  };
  /// Plain code; the body gets the tables, then the results. The first result.
  mlir::Value sequence(mlir::Location loc, const SequenceSpec &spec,
                       llvm::function_ref<void(mlir::OpBuilder &, mlir::Location,
                                               mlir::ValueRange)> body);

  /// A constant's bytes in panels for products that take four steps at once:
  /// columns / 16, steps / 4, 16 columns, 4 steps, together of this shape.
  /// `place` says where an element stands in the constant; -1: it is 0.
  mlir::Value
  quadPanels(mlir::Value constant, llvm::ArrayRef<int64_t> shape,
             llvm::function_ref<int64_t(int64_t column, int64_t step)> place);

  mlir::Value view(mlir::Location loc, mlir::Value v, Dims shape);
  mlir::Value empty(mlir::Location loc, mlir::Type element, Dims shape);
  /// A tensor of one value everywhere, written into a new buffer.
  mlir::Value fill(mlir::Location loc, mlir::Type element, Dims shape,
                   mlir::Value scalarTensor);
  /// Copies `source` into `dest` at `offsets`.
  mlir::Value insert(mlir::Location loc, mlir::Value source, mlir::Value dest,
                     Dims offsets);

  /// Reads `v` at the last `rank(v)` of `loops` loops, numpy style: dimensions
  /// of one are not moved along.
  mlir::AffineMap broadcastMap(mlir::Value v, llvm::ArrayRef<DimExpr> loops);
  mlir::AffineMap identity(unsigned loops) {
    return b.getMultiDimIdentityMap(loops);
  }
  mlir::Type elementOf(mlir::Value v) {
    return mlir::cast<mlir::ShapedType>(v.getType()).getElementType();
  }
  Dims of(mlir::Value v) { return dims.of(v); }
};

/// An index as the storage type of `element` (index_cast and conversions).
mlir::Value indexToElement(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value index, mlir::Type element);
/// An integer element as an index, sign- or zero-extended by its type.
mlir::Value elementToIndex(mlir::OpBuilder &b, mlir::Location loc,
                           mlir::Value v, mlir::Type element);
mlir::Value indexConstant(mlir::OpBuilder &b, mlir::Location loc, int64_t v);

// The families; each gives the replacement of `op`, or null if it is not one
// of its operations. A refused operation has been reported.
mlir::Value lowerElementwise(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerMovement(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerIndexing(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerReduction(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerProduct(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerBlocks(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerWindow(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerResize(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerSampling(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerScatter(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerChoosing(KernBuilder &k, mlir::Operation *op);
mlir::Value lowerCumulate(KernBuilder &k, mlir::Operation *op);

/// Narrow arguments and constants are packed, and so are narrow results; in
/// between a byte holds one element. Puts groups that go between at both ends.
void unpackNarrowOperands(KernBuilder &k, mlir::func::FuncOp program);
void packNarrowResults(KernBuilder &k, mlir::func::FuncOp program);
/// Reports an operation that computes with elements too narrow for it.
mlir::LogicalResult refuseNarrow(mlir::Operation *op);

/// The input with `low` and `high` elements of `value` around its spatial
/// dimensions (from the third on); itself if there are none. -inf stands for
/// the least integer.
mlir::Value padSpatial(KernBuilder &k, mlir::Location loc, mlir::Value input,
                       Dims low, Dims high, double value);

} // namespace tenon::schedule

#endif // TENON_PASSES_SCHEDULE_KERNBUILDERS_H
