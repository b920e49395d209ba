#ifndef TENON_PASSES_LOWER_PASSES_TD
#define TENON_PASSES_LOWER_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlaceCarriedPass : Pass<"tenon-place-carried", "::mlir::func::FuncOp"> {
  let summary = "Give each tensor that a scan carries one buffer";
  let description = [{
    What starts a scan is copied where others see it too. The next value is
    written over the old one where nobody reads that afterwards:
    ```mlir
    %h1 = kern.map ins(%x0, %h : ...)              { tanh(x + h) }
    ```
    becomes
    ```mlir
    %h1 = kern.map ins(%x0, %h : ...) dests(%h : ...) { tanh(x + h) }
    ```
    and elsewhere a copy into `%h` ends the step. After this pass every yielded
    value is an update of its own argument.
  }];
  let dependentDialects = ["::tenon::kern::KernDialect"];
}

def PlanArenaPass : Pass<"tenon-plan-arena", "::mlir::ModuleOp"> {
  let summary = "Give every value a place, and every group a step";
  let description = [{
    Values become an arena offset, a place in the weights, or a buffer of the
    caller; groups become `rt.step`, one `rt.kernel` stands for all groups of a
    key. Buffers are planned at the bounds of the symbols, the largest first,
    each at the lowest offset free while it lives. Below this pass there are no
    tensors.
  }];
  let dependentDialects = ["::tenon::rt::RtDialect", "::tenon::kern::KernDialect"];
}

def EmitKernelsPass : Pass<"tenon-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "Write the code of each kernel: loops, vectors, memory";
  let description = [{
    `rt.kernel` becomes `func.func @key(%step, %begin, %end, %lane)` over
    one-dimensional memrefs. The module's dlti device spec says how wide
    vectors are and whether they have masks. For a GPU it is
    `func.func @key(%record, %buffers...)`, one workgroup per tile.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::func::FuncDialect", "::mlir::gpu::GPUDialect"];
}

def ConvertToSpirvPass : Pass<"tenon-convert-to-spirv", "::mlir::ModuleOp"> {
  let summary = "Write a GPU's kernels as SPIR-V for Vulkan";
  let description = [{
    Each function that a GPU's frame wrote becomes a `spirv.module` with one
    entry point. Binding 0 is the step's record, the others its buffers in the
    record's order.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::spirv::SPIRVDialect"];
}

def ConvertToNvvmPass : Pass<"tenon-convert-to-nvvm", "::mlir::ModuleOp"> {
  let summary = "Write a GPU's kernels as functions for PTX";
  let description = [{
    Each function that a GPU's frame wrote becomes an `llvm.func` that NVPTX
    knows as a kernel: the step's record, then its buffers, as pointers.
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect", "::mlir::NVVM::NVVMDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::cf::ControlFlowDialect"];
}

def EmbedSpirvPass : Pass<"tenon-embed-spirv", "::mlir::ModuleOp"> {
  let summary = "Store SPIR-V modules as constants of the program";
  let description = [{
    A `spirv.module` becomes a constant `tenon_device_kernel` of its name, which
    the records of steps point to.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ExpandMathPass : Pass<"tenon-expand-math"> {
  let summary = "Write math functions as arithmetic of known error";
  let description = [{
    exp, log, tanh, erf, sin, cos and the rest become arith and math.fma on
    vectors of any width: at most 2 ULP, no library call, the same bits on
    every CPU with fused multiply-add.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ExpandFmaPass : Pass<"tenon-expand-fma", "::mlir::func::FuncOp"> {
  let summary = "Compute math.fma where the machine has no such instruction";
  let description = [{
    Without `tenon.fma`, f32 goes through f64 with a sum rounded to odd, which
    gives the same bits; other types become a product and a sum.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def ExpandHalfPass : Pass<"tenon-expand-half", "::mlir::func::FuncOp"> {
  let summary = "Convert f16 where the machine has no such instruction";
  let description = [{
    Without `tenon.half_conversion`, f16 becomes f32 and back by arithmetic on
    bits, and what computes in f16 computes in f32. On every machine f64 becomes
    f16 or bf16 with one rounding.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def ConvertKernelsToLLVMPass : Pass<"tenon-convert-kernels-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Write kernels in LLVM's dialect";
  let description = [{
    func, cf, vector, memref, math and arith become llvm, all at once: an index
    has the width of the module's `tenon.index_bits`. `rt.program` stays.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ConvertRtToLLVMPass : Pass<"tenon-convert-rt-to-llvm", "::mlir::ModuleOp"> {
  let summary = "Write the program: one call per step";
  let description = [{
    `rt.program` stays (it describes the model); beside it come
    `<prefix>_program`, which checks sizes and dispatches each step, and
    `<prefix>_output_dims`. A step whose sizes are all constant is a constant
    record, else a record on the stack.
  }];
  let options = [Option<"prefix", "prefix", "std::string", "\"model\"",
                        "What every symbol begins with">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif
