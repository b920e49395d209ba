// The frame of a kernel on a GPU:
//
//   func @key(%record, %buffers...)     {tenon.words = n}
//     %record: status, tiles, parameters..., constants...    32-bit words
//     for tile in block .. tiles step blocks                 one workgroup each
//
// A workgroup shares the elements of its tile (KernelFrame::forEach).
#ifndef TENON_PASSES_LOWER_EMITTERS_GPUFRAME_H
#define TENON_PASSES_LOWER_EMITTERS_GPUFRAME_H

#include "passes/lower/emitters/KernelFrame.h"

namespace tenon::lower {

/// On kernels of a GPU: how many words their record has.
inline constexpr llvm::StringLiteral kWordsAttr = "tenon.words";

class GpuFrame : public KernelFrame {
public:
  using KernelFrame::KernelFrame;

  /// This invocation's number in the workgroup.
  mlir::Value invocation;

  mlir::func::FuncOp start(llvm::StringRef name) override;
  /// What the emitter left to be said about the function.
  void finish();
  Buffer nextBuffer(mlir::Type tensor) override;
  void report(mlir::Value condition, int32_t status) override;
  void
  forEachTile(llvm::ArrayRef<mlir::Value> extents,
              llvm::function_ref<void(llvm::ArrayRef<mlir::Value>)> body)
      override;
  void forEach(mlir::Value lo, mlir::Value hi, int64_t step,
               llvm::function_ref<void(mlir::Value)> body) override;

  void once(llvm::function_ref<void()> body) override {
    ifTrue(equal(invocation, index(0)), body);
  }

  /// Memory that a workgroup shares, and the point where all its writes are
  /// seen by all.
  Buffer shared(mlir::Type element, int64_t size);
  void barrier() { mlir::gpu::BarrierOp::create(b, loc); }
  void ifTrue(mlir::Value condition, llvm::function_ref<void()> body);

protected:
  mlir::Value argument() override;

private:
  mlir::Value record;
};

/// combineRow, an invocation per lane; all of them get the totals.
llvm::SmallVector<mlir::Value>
combineRowOfWorkgroup(GpuFrame &frame, const RowCombiner &row,
                      llvm::ArrayRef<mlir::Value> sizes, RowElements elements);

mlir::LogicalResult emitGpuMatmul(GpuFrame &frame, kern::MatmulOp op);

} // namespace tenon::lower

#endif // TENON_PASSES_LOWER_EMITTERS_GPUFRAME_H
