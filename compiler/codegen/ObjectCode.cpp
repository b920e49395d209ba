#include "compiler/codegen/ObjectCode.h"

#include "compiler/artifact/RuntimeObject.h"
#include "compiler/codegen/Optimize.h"
#include "compiler/codegen/SplitModule.h"

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/Errc.h"
#include "llvm/Target/TargetMachine.h"

#include <atomic>
#include <thread>

using namespace llvm;
using namespace tenon;

//===----------------------------------------------------------------------===//
// Machines and jobs
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<TargetMachine>>
tenon::createMachine(const ResolvedTarget &target,
                     std::optional<StringRef> cpu) {
  initializeTargets();
  Triple triple = target.triple();
  std::string message;
  const llvm::Target *found = TargetRegistry::lookupTarget(triple, message);
  if (!found)
    return createStringError(errc::invalid_argument, message);

  llvm::TargetOptions options;
  options.FunctionSections = true;
  options.DataSections = true;
  // What fuses is written as fma; nothing else may.
  options.AllowFPOpFusion = FPOpFusion::Strict;
  // Bare metal is linked where it runs: no global offset table.
  Reloc::Model relocations = triple.isThumb() ? Reloc::Static : Reloc::PIC_;
  return std::unique_ptr<TargetMachine>(found->createTargetMachine(
      triple, cpu.value_or(target.options.cpu),
      cpu ? StringRef() : StringRef(target.options.features), options,
      relocations, std::nullopt, CodeGenOptLevel::Default));
}

Error tenon::emitCode(Module &module, TargetMachine &machine, CodeKind kind,
                      SmallVectorImpl<char> &bytes) {
  raw_svector_ostream os(bytes);
  if (kind == CodeKind::LLVM) {
    module.print(os, nullptr);
    return Error::success();
  }
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr,
                                  kind == CodeKind::Object
                                      ? CodeGenFileType::ObjectFile
                                      : CodeGenFileType::AssemblyFile))
    return createStringError(errc::not_supported,
                             "LLVM cannot write code for '%s'",
                             machine.getTargetTriple().str().c_str());
  passes.run(module);
  return Error::success();
}

void tenon::runJobs(ArrayRef<std::function<void()>> jobs, unsigned threads) {
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t i; (i = next++) < jobs.size();)
      jobs[i]();
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < std::min<size_t>(threads, jobs.size()); ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
}

//===----------------------------------------------------------------------===//
// Generated code
//===----------------------------------------------------------------------===//

/// The attributes by which a function says what it is compiled for. They stand
/// on each function so that printed IR compiles alike elsewhere.
static void setTarget(Module &module, const ResolvedTarget &target) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", target.options.cpu);
    function.addFnAttr("target-features", target.options.features);
    if (target.triple().isX86())
      function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("warn-stack-size", Twine(kLargestFrame).str());
    function.setDoesNotThrow();
    // No prologue that asks libc for anything, no unwind tables.
    function.removeFnAttr("uwtable");
  }
}

Expected<GeneratedCode> GeneratedCode::translate(mlir::ModuleOp op,
                                                 const ResolvedTarget &target,
                                                 StringRef prefix,
                                                 StringRef runtimePrefix) {
  Expected<std::unique_ptr<TargetMachine>> machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  std::unique_ptr<Module> module =
      mlir::translateModuleToLLVMIR(op, context, prefix);
  if (!module)
    return createStringError(errc::invalid_argument,
                             "the program does not translate to LLVM IR");
  module->setTargetTriple(target.triple());
  module->setDataLayout((*machine)->createDataLayout());
  module->setModuleIdentifier(prefix);
  module->setSourceFileName(prefix);
  artifact::renameRuntimeSymbols(
      *module, runtimePrefix.empty() ? prefix : runtimePrefix);
  setTarget(*module, target);

  GeneratedCode code;
  code.target = target;
  code.prefix = prefix.str();
  code.parts = assignParts(*module, prefix);
  raw_string_ostream os(code.bitcode);
  WriteBitcodeToFile(*module, os);
  return code;
}

namespace {
/// Notes large frames; LLVM says all else itself.
struct FrameHandler : DiagnosticHandler {
  explicit FrameHandler(std::vector<LargeFrame> &frames) : frames(frames) {}
  bool handleDiagnostics(const DiagnosticInfo &info) override {
    auto *frame = dyn_cast<DiagnosticInfoStackSize>(&info);
    if (frame)
      frames.push_back(
          {frame->getFunction().getName().str(), frame->getStackSize()});
    return frame != nullptr;
  }
  std::vector<LargeFrame> &frames;
};
} // namespace

static Error compilePart(StringRef bitcode, const ResolvedTarget &target,
                         std::optional<unsigned> part, CodeKind kind,
                         SmallVectorImpl<char> &bytes,
                         std::vector<LargeFrame> &frames) {
  LLVMContext context;
  context.setDiagnosticHandler(std::make_unique<FrameHandler>(frames));
  Expected<std::unique_ptr<Module>> module =
      parseBitcodeFile(MemoryBufferRef(bitcode, "model"), context);
  if (!module)
    return module.takeError();
  keepPart(**module, part);
  Expected<std::unique_ptr<TargetMachine>> machine = createMachine(target);
  if (!machine)
    return machine.takeError();
  optimize(**module, **machine);
  return emitCode(**module, **machine, kind, bytes);
}

Expected<std::vector<ObjectFile>>
GeneratedCode::compile(unsigned threads) const {
  std::vector<ObjectFile> objects(parts);
  std::vector<std::string> problems(parts);
  std::vector<std::function<void()>> jobs;
  for (unsigned part = 0; part < parts; ++part) {
    objects[part].name =
        part == 0 ? prefix + "_program.o"
                  : prefix + "_kernels" + std::to_string(part - 1) + ".o";
    jobs.push_back([&, part] {
      if (Error error = compilePart(bitcode, target, part, CodeKind::Object,
                                    objects[part].bytes,
                                    objects[part].largeFrames))
        problems[part] = toString(std::move(error));
    });
  }
  // The program is small; kernels begin first.
  std::rotate(jobs.begin(), jobs.begin() + 1, jobs.end());
  runJobs(jobs, threads);
  for (const std::string &problem : problems)
    if (!problem.empty())
      return createStringError(errc::invalid_argument, problem);
  return objects;
}

Expected<std::string> GeneratedCode::print(CodeKind kind) const {
  SmallVector<char, 0> bytes;
  std::vector<LargeFrame> frames;
  if (Error error =
          compilePart(bitcode, target, std::nullopt, kind, bytes, frames))
    return error;
  return std::string(bytes.begin(), bytes.end());
}
