#include "compiler/pipelines/Pipelines.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "passes/compress/Passes.h"
#include "passes/lower/Passes.h"
#include "passes/lower/TargetFacts.h"
#include "passes/model/Passes.h"
#include "passes/schedule/Passes.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace tenon;

void tenon::registerTenonDialects(DialectRegistry &registry) {
  registry.insert<nn::NnDialect, pack::PackDialect, scan::ScanDialect,
                  kern::KernDialect, rt::RtDialect, arith::ArithDialect, math::MathDialect,
                  func::FuncDialect, scf::SCFDialect, vector::VectorDialect,
                  memref::MemRefDialect, LLVM::LLVMDialect, DLTIDialect,
                  gpu::GPUDialect, spirv::SPIRVDialect, NVVM::NVVMDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

ArrayRef<StringRef> tenon::weightsFormats() {
  static const StringRef names[] = {"f32",  "f16", "int8",
                                    "int4", "2:4", "2:4-int8"};
  return names;
}

ArrayRef<StringRef> tenon::stageNames() {
  static const StringRef names[] = {"model", "compress", "schedule", "lower"};
  return names;
}

/// What emitters need to know, from LLVM's table of CPUs.
static lower::TargetFacts factsOf(const TargetOptions &target) {
  lower::TargetFacts facts;
  llvm::Triple triple(target.triple);
  facts.indexBits = triple.isArch64Bit() ? 64 : 32;
  if (!target.device.empty()) {
    facts.workgroup = 64;
    facts.sparseMma = target.device == "cuda";
    return facts;
  }
  facts.halfConversion = triple.isAArch64();
  if (!triple.isAArch64() && triple.getArch() != llvm::Triple::x86_64)
    return facts;
  std::string error;
  const llvm::Target *llvmTarget =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return facts;
  std::unique_ptr<llvm::MCSubtargetInfo> info(llvmTarget->createMCSubtargetInfo(
      triple, target.cpu, target.features));
  if (triple.isAArch64()) {
    facts.vectorBytes = 16;
    facts.registers = 32;
    if (info->checkFeatures("+dotprod"))
      facts.byteDot = lower::ByteDot::Signed;
    return facts;
  }
  if (info->checkFeatures("+avx512f,+avx512bw,+avx512dq,+avx512vl")) {
    facts.vectorBytes = 64;
    facts.registers = 32;
    facts.masks = true;
  } else if (info->checkFeatures("+avx2,+fma")) {
    facts.vectorBytes = 32;
  }
  facts.permute = facts.vectorBytes > 16;
  facts.fma = info->checkFeatures("+fma");
  facts.halfConversion = info->checkFeatures("+f16c");
  if (facts.vectorBytes > 16)
    facts.byteDot = info->checkFeatures(
                        facts.vectorBytes == 64 ? "+avx512vnni" : "+avxvnni")
                        ? lower::ByteDot::Mixed
                        : lower::ByteDot::Pairs;
  return facts;
}

namespace {
/// Writes the machine's facts into the module. The target is options, so that a
/// reproducer names it.
struct AttachTargetPass
    : PassWrapper<AttachTargetPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(AttachTargetPass)
  AttachTargetPass() = default;
  AttachTargetPass(const AttachTargetPass &other) : PassWrapper(other) {}
  explicit AttachTargetPass(const TargetOptions &target) {
    triple = target.triple;
    cpu = target.cpu;
    features = target.features;
    device = target.device;
  }
  StringRef getArgument() const override { return "tenon-attach-target"; }
  StringRef getDescription() const override {
    return "Write what emitters need to know of the target into the module";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<DLTIDialect>();
  }
  void runOnOperation() override {
    factsOf({triple, cpu, features, device}).attachTo(getOperation());
  }
  Option<std::string> triple{*this, "triple"};
  Option<std::string> cpu{*this, "cpu"};
  Option<std::string> features{*this, "features"};
  Option<std::string> device{*this, "device"};
};
} // namespace

/// What a model computes, made smaller.
static void buildModelStage(OpPassManager &passes, const TargetOptions &target,
                            analysis::Evaluator *evaluator) {
  passes.addNestedPass<func::FuncOp>(model::createCheckSizesPass());
  passes.addPass(createCSEPass());
  OpPassManager &program = passes.nest<func::FuncOp>();
  program.addPass(model::createExpandConvTransposePass());
  program.addPass(model::createTrimWindowsPass());
  program.addPass(model::createWidenConvsPass());
  // GPUs have kernels for float products only.
  if (target.device.empty()) {
    program.addPass(model::createRecognizeByteConvsPass());
    program.addPass(model::createRecognizeByteMatmulsPass());
  }
  program.addPass(model::createFoldConstantsPass(evaluator));
  program.addPass(model::createExpandLateConvsPass());
  program.addPass(model::createRecognizeGeluPass());
  program.addPass(model::createRecognizeSiluPass());
  program.addPass(model::createRecognizeSoftmaxPass());
  program.addPass(model::createRecognizeNormsPass());
}

/// Weights in the format that was asked for.
static void buildCompressStage(OpPassManager &passes,
                               const CompressOptions &options) {
  OpPassManager &program = passes.nest<func::FuncOp>();
  StringRef format = options.weightsFormat;
  if (format == "2:4" || format == "2:4-int8") {
    compress::DetectTwoFourPassOptions detect;
    detect.int8 = format != "2:4";
    detect.minElements = options.minElements;
    program.addPass(compress::createDetectTwoFourPass(detect));
    compress::PruneTwoFourPassOptions prune;
    prune.int8 = detect.int8;
    prune.minElements = options.minElements;
    program.addPass(compress::createPruneTwoFourPass(prune));
  } else if (format != "f32") {
    compress::QuantizeWeightsPassOptions quantize;
    quantize.format = options.weightsFormat;
    quantize.minElements = options.minElements;
    program.addPass(compress::createQuantizeWeightsPass(quantize));
  }
  compress::QuantizeActivationsPassOptions activations;
  activations.all = options.int8Activations;
  program.addPass(compress::createQuantizeActivationsPass(activations));
  compress::ReportWeightsPassOptions report;
  report.minElements = options.minElements;
  passes.addPass(compress::createReportWeightsPass(report));
}

/// Groups of work, each with the key of its kernel.
static void buildScheduleStage(OpPassManager &passes) {
  OpPassManager &program = passes.nest<func::FuncOp>();
  program.addPass(schedule::createChooseLayoutsPass());
  program.addPass(schedule::createFuseScansPass());
  program.addPass(schedule::createLowerToKernPass());
  program.addPass(createCSEPass());
  program.addPass(schedule::createFuseGroupsPass());
  program.addPass(createCSEPass());
  program.addPass(schedule::createKeyKernelsPass());
}

/// Places, code of the kernels, the program, and LLVM's dialect.
static void buildLowerStage(OpPassManager &passes, const TargetOptions &target,
                            StringRef prefix) {
  passes.addPass(std::make_unique<AttachTargetPass>(target));
  passes.addNestedPass<func::FuncOp>(lower::createPlaceCarriedPass());
  passes.addPass(lower::createPlanArenaPass());
  passes.addPass(lower::createEmitKernelsPass());

  OpPassManager &kernel = passes.nest<func::FuncOp>();
  kernel.addPass(createCanonicalizerPass());
  kernel.addPass(createCSEPass());
  kernel.addPass(createLoopInvariantCodeMotionPass());
  kernel.addPass(lower::createExpandMathPass());
  kernel.addPass(lower::createExpandFmaPass());
  kernel.addPass(lower::createExpandHalfPass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  kernel.addPass(arith::createArithExpandOpsPass(expand));
  kernel.addPass(createCanonicalizerPass());
  kernel.addPass(createCSEPass());
  kernel.addPass(createLoopInvariantCodeMotionPass());
  lower::ConvertRtToLLVMPassOptions program;
  program.prefix = prefix.str();
  if (target.device == "vulkan") {
    passes.addPass(lower::createConvertToSpirvPass());
    passes.addPass(lower::createEmbedSpirvPass());
    passes.addPass(lower::createConvertRtToLLVMPass(program));
    return;
  }
  if (target.device == "cuda") {
    passes.addPass(lower::createConvertToNvvmPass());
    return;
  }
  kernel.addPass(createSCFToControlFlowPass());

  passes.addPass(lower::createConvertKernelsToLLVMPass());
  passes.addPass(lower::createConvertRtToLLVMPass(program));
}

void tenon::buildStage(StringRef stage, OpPassManager &passes,
                       const TargetOptions &target, StringRef prefix,
                       const CompressOptions &compress,
                       analysis::Evaluator *evaluator) {
  if (stage == "model")
    buildModelStage(passes, target, evaluator);
  else if (stage == "compress")
    buildCompressStage(passes, compress);
  else if (stage == "schedule")
    buildScheduleStage(passes);
  else if (stage == "lower")
    buildLowerStage(passes, target, prefix);
}

void tenon::registerPassesAndStages() {
  compress::registerCompressPasses();
  model::registerModelPasses();
  schedule::registerSchedulePasses();
  lower::registerLowerPasses();
  PassRegistration<AttachTargetPass>();
  registerCSEPass();
  registerCanonicalizerPass();
  registerLoopInvariantCodeMotionPass();
  registerSCFToControlFlowPass();
  arith::registerArithExpandOpsPass();
  for (StringRef stage : stageNames()) {
    PassPipelineRegistration<>(
        "tenon-stage-" + stage.str(), "The stage '" + stage.str() + "'",
        [stage](OpPassManager &passes) {
          TargetOptions target{"x86_64-unknown-linux-gnu", "x86-64-v3", "", ""};
          buildStage(stage, passes, target, "model");
        });
  }
}
