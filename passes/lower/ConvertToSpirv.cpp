// Kernels of a GPU become SPIR-V modules for Vulkan, one each:
//
//   func @key(%record, %buffers...)  ->  spirv.module @key
//                                          binding 0: the record, 1..: buffers
#include "mlir/Conversion/GPUToSPIRV/GPUToSPIRVPass.h"
#include "mlir/Conversion/MathToSPIRV/MathToSPIRVPass.h"
#include "mlir/Conversion/MemRefToSPIRV/MemRefToSPIRVPass.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/SPIRV/IR/TargetAndABI.h"
#include "mlir/Dialect/SPIRV/Transforms/Passes.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Pass/PassManager.h"
#include "passes/lower/emitters/GpuFrame.h"

namespace tenon::lower {
#define GEN_PASS_DEF_CONVERTTOSPIRVPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// Vulkan 1.1 with 64-bit numbers; 8 and 16 bits are parts of 32-bit words.
static spirv::TargetEnvAttr vulkan(MLIRContext *context) {
  auto triple = spirv::VerCapExtAttr::get(
      spirv::Version::V_1_3,
      {spirv::Capability::Shader, spirv::Capability::Int64,
       spirv::Capability::Float64},
      {spirv::Extension::SPV_KHR_storage_buffer_storage_class}, context);
  return spirv::TargetEnvAttr::get(
      triple, spirv::getDefaultResourceLimits(context),
      spirv::ClientAPI::Vulkan, spirv::Vendor::Unknown,
      spirv::DeviceType::Unknown, spirv::TargetEnvAttr::kUnknownDeviceID);
}

/// Moves a function into a `gpu.module` of its name.
static gpu::GPUFuncOp outlineKernel(func::FuncOp function) {
  OpBuilder b(function);
  Location loc = function.getLoc();
  auto module = gpu::GPUModuleOp::create(b, loc, function.getName());
  b.setInsertionPointToEnd(module.getBody());
  // Loaders know the entry by this name.
  auto kernel =
      gpu::GPUFuncOp::create(b, loc, "main", function.getFunctionType());
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  kernel.getBody().takeBody(function.getBody());
  Operation *end = kernel.getBody().front().getTerminator();
  b.setInsertionPoint(end);
  gpu::ReturnOp::create(b, end->getLoc());
  end->erase();
  function.erase();
  return kernel;
}

/// A workgroup's memory by the number that the next pass knows.
static void numberSpaces(gpu::GPUFuncOp kernel) {
  AttrTypeReplacer replacer;
  Attribute number = Builder(kernel.getContext()).getI64IntegerAttr(3);
  replacer.addReplacement([=](MemRefType type) -> std::optional<Type> {
    if (!type.getMemorySpace())
      return std::nullopt;
    return MemRefType::get(type.getShape(), type.getElementType(),
                           type.getLayout(), number);
  });
  replacer.recursivelyReplaceElementsIn(kernel, /*replaceAttrs=*/false,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

/// Drivers may rewrite float arithmetic as if it were exact unless each
/// operation forbids it; `(x + 1.5 * 2^23) - 1.5 * 2^23` rounds.
static void forbidRewrites(spirv::ModuleOp module) {
  auto unit = UnitAttr::get(module.getContext());
  module.walk([&](Operation *op) {
    if (isa<spirv::FAddOp, spirv::FSubOp, spirv::FMulOp, spirv::FDivOp,
            spirv::FNegateOp>(op))
      op->setAttr("no_contraction", unit);
  });
}

namespace {
struct ConvertToSpirvPass
    : lower::impl::ConvertToSpirvPassBase<ConvertToSpirvPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    int32_t size = TargetFacts::of(module).workgroup;
    std::map<std::string, Attribute> words;
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      Attribute own = function->getAttr(kWordsAttr);
      if (!own)
        continue;
      words[function.getName().str()] = own;
      gpu::GPUFuncOp kernel = outlineKernel(function);
      numberSpaces(kernel);
      kernel->setAttr(spirv::getEntryPointABIAttrName(),
                      spirv::getEntryPointABIAttr(&getContext(), {size, 1, 1}));
      for (unsigned i = 0; i < kernel.getNumArguments(); ++i)
        kernel.setArgAttr(
            i, spirv::getInterfaceVarABIAttrName(),
            spirv::getInterfaceVarABIAttr(0, i, std::nullopt, &getContext()));
    }
    module->setAttr(spirv::getTargetEnvAttrName(), vulkan(&getContext()));

    OpPassManager passes(ModuleOp::getOperationName());
    passes.addPass(createMapMemRefStorageClassPass());
    passes.addPass(createConvertMathToSPIRVPass());
    passes.addPass(createConvertGPUToSPIRVPass());
    OpPassManager &spirv = passes.nest<spirv::ModuleOp>();
    spirv.addPass(spirv::createSPIRVLowerABIAttributesPass());
    spirv.addPass(spirv::createSPIRVUpdateVCEPass());
    if (failed(runPipeline(passes, module))) {
      module.emitError("a step has no form as a Vulkan kernel yet; compile "
                       "the model for a CPU");
      return signalPassFailure();
    }
    module->removeAttr(spirv::getTargetEnvAttrName());
    for (auto kernel :
         llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
      std::string name = kernel.getName().str();
      kernel.erase();
      auto made = module.lookupSymbol<spirv::ModuleOp>("__spv__" + name);
      made.setSymName(name);
      made->setAttr(kWordsAttr, words[name]);
      forbidRewrites(made);
    }
  }
};
} // namespace
