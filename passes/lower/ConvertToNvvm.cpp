// Kernels of a GPU become functions for CUDA's PTX:
//
//   func @key(%record, %buffers...)  ->  llvm.func @key(ptr, ptr...)  a kernel
//   gpu.thread_id x                  ->  nvvm.read.ptx.sreg.tid.x
//   memref.alloc of a workgroup      ->  llvm.mlir.global in space 3
//
// ConvertKernelsToLLVM does the rest, as for a CPU.
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "passes/lower/emitters/GpuFrame.h"

namespace tenon::lower {
#define GEN_PASS_DEF_CONVERTTONVVMPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

static constexpr int64_t kIndexBits = 64;
static constexpr unsigned kSharedSpace = 3;

/// Arguments are pointers: nobody asks for a memref's size.
static void passPointers(func::FuncOp kernel) {
  Block &entry = kernel.front();
  auto b = OpBuilder::atBlockBegin(&entry);
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  for (BlockArgument argument : entry.getArguments()) {
    auto type = cast<MemRefType>(argument.getType());
    SmallVector<OpOperand *> uses(
        llvm::make_pointer_range(argument.getUses()));
    argument.setType(pointer);
    Value memref = bufferAt(b, argument.getLoc(), argument, type, kIndexBits);
    for (OpOperand *use : uses)
      use->set(memref);
  }
  kernel.setFunctionType(b.getFunctionType(entry.getArgumentTypes(), {}));
}

/// Where an invocation is, as an index.
template <typename Nvvm> static void replaceId(OpBuilder &b, Operation *op) {
  Value id = Nvvm::create(b, op->getLoc(), b.getI32Type());
  op->replaceAllUsesWith(ValueRange{arith::IndexCastUIOp::create(
      b, op->getLoc(), b.getIndexType(), id)});
  op->erase();
}

static void shareMemory(OpBuilder &b, memref::AllocOp alloc,
                        const std::string &name) {
  Location loc = alloc.getLoc();
  MemRefType type = alloc.getType();
  auto array = LLVM::LLVMArrayType::get(type.getElementType(),
                                        type.getNumElements());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(alloc->getParentOfType<func::FuncOp>());
    LLVM::GlobalOp::create(b, loc, array, /*isConstant=*/false,
                           LLVM::Linkage::Internal, name, Attribute(),
                           /*alignment=*/0, kSharedSpace);
  }
  Type pointer = LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace);
  Value data = LLVM::AddressOfOp::create(b, loc, pointer, name);
  auto numbered =
      MemRefType::get(type.getShape(), type.getElementType(), type.getLayout(),
                      b.getI64IntegerAttr(kSharedSpace));
  alloc.replaceAllUsesWith(bufferAt(b, loc, data, numbered, kIndexBits));
  alloc.erase();
}

static void replaceGpuOps(func::FuncOp kernel) {
  OpBuilder b(kernel);
  int64_t shared = 0;
  kernel.walk([&](Operation *op) {
    b.setInsertionPoint(op);
    if (isa<gpu::ThreadIdOp>(op)) {
      replaceId<NVVM::ThreadIdXOp>(b, op);
    } else if (isa<gpu::BlockIdOp>(op)) {
      replaceId<NVVM::BlockIdXOp>(b, op);
    } else if (isa<gpu::GridDimOp>(op)) {
      replaceId<NVVM::GridDimXOp>(b, op);
    } else if (isa<gpu::BarrierOp>(op)) {
      NVVM::Barrier0Op::create(b, op->getLoc());
      op->erase();
    } else if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      shareMemory(b, alloc,
                  (kernel.getName() + "_shared" + Twine(shared++)).str());
    }
  });
}

namespace {
struct ConvertToNvvmPass
    : lower::impl::ConvertToNvvmPassBase<ConvertToNvvmPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    int32_t size = TargetFacts::of(module).workgroup;
    for (auto kernel : module.getOps<func::FuncOp>()) {
      replaceGpuOps(kernel);
      passPointers(kernel);
    }
    OpPassManager passes(ModuleOp::getOperationName());
    passes.addNestedPass<func::FuncOp>(createSCFToControlFlowPass());
    passes.addPass(createConvertKernelsToLLVMPass());
    if (failed(runPipeline(passes, module)))
      return signalPassFailure();
    Builder b(&getContext());
    for (auto kernel : module.getOps<LLVM::LLVMFuncOp>()) {
      kernel->removeAttr(kWordsAttr);
      kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                      b.getUnitAttr());
      kernel->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                      b.getDenseI32ArrayAttr({size, 1, 1}));
    }
  }
};
} // namespace
