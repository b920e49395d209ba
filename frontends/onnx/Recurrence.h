// Building scan.scan from a translator.
//
//   buildScan(node, seq, {h0}, [&](const DimExpr &t, ValueRange h, ScanStep &step) {
//     step.next = {node.make<nn::TanhOp>(..., add(row(x, t), h[0]))};
//     step.outputs = {{reshaped, Value(), {seq, batch, size}, {t, 0, 0}}};
//     return success();
//   })
#ifndef TENON_FRONTENDS_ONNX_RECURRENCE_H
#define TENON_FRONTENDS_ONNX_RECURRENCE_H

#include "frontends/onnx/GraphImporter.h"

namespace tenon::onnx {

/// What one step gives.
struct ScanStep {
  /// The next carried values, in their order.
  llvm::SmallVector<mlir::Value> next;
  /// `piece` goes into `dest` (a new tensor of `shape` if null) at `starts`.
  struct Output {
    mlir::Value piece, dest;
    Dims shape, starts;
  };
  std::vector<Output> outputs;
};

using StepBuilder = llvm::function_ref<mlir::LogicalResult(
    const DimExpr &t, mlir::ValueRange carried, ScanStep &step)>;

/// The final carried values, then the outputs. A trip count of one needs no
/// scan. A `conditional` one ends where inits[0], an i1, is false.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
buildScan(NodeContext &node, const DimExpr &trip,
          llvm::ArrayRef<mlir::Value> inits, StepBuilder build,
          bool conditional = false);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_RECURRENCE_H
