//===----------------------------------------------------------------------===//
// Two models small enough to write by hand, and the way of a model through the
// artifact library, as the driver goes it.
//
//   add: out[i] = in[i] + w[i], i < 4, four tiles     scale: out[i] = 2 in[i],
//                                                     i < n, n in 1..8
//===----------------------------------------------------------------------===//

#ifndef TENON_TEST_COMPILER_ARTIFACT_ARTIFACTTESTSUPPORT_H
#define TENON_TEST_COMPILER_ARTIFACT_ARTIFACTTESTSUPPORT_H

#include "compiler/artifact/Header.h"
#include "compiler/artifact/Identifiers.h"
#include "compiler/artifact/Link.h"
#include "compiler/artifact/RuntimeObject.h"
#include "compiler/artifact/WeightsObject.h"
#include "compiler/artifact/Wrappers.h"
#include "runtime/include/tenon/abi.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "gtest/gtest.h"

namespace tenon::artifact::test {

inline const char *const x86 = "x86_64-unknown-linux-gnu";
inline const char *const arm64 = "aarch64-unknown-linux-gnu";

inline const char *const addCode = R"(
@step = private constant {ptr, WORD, WORD} {ptr @kernel, WORD 4, WORD 0}

declare i32 @tenon_dispatch(ptr, ptr, ptr)

define internal void @kernel(ptr %step, WORD %begin, WORD %end, ptr %lane) {
  %bases = load ptr, ptr %lane
  %pw = getelementptr ptr, ptr %bases, i32 1
  %w = load ptr, ptr %pw
  %pin = getelementptr ptr, ptr %bases, i32 2
  %in = load ptr, ptr %pin
  %pout = getelementptr ptr, ptr %bases, i32 3
  %out = load ptr, ptr %pout
  br label %loop
loop:
  %i = phi WORD [%begin, %0], [%next, %loop]
  %pa = getelementptr float, ptr %in, WORD %i
  %a = load float, ptr %pa
  %pb = getelementptr float, ptr %w, WORD %i
  %b = load float, ptr %pb
  %sum = fadd float %a, %b
  %pc = getelementptr float, ptr %out, WORD %i
  store float %sum, ptr %pc
  %next = add WORD %i, 1
  %more = icmp slt WORD %next, %end
  br i1 %more, label %loop, label %done
done:
  ret void
}
define hidden i32 @PREFIX_program(ptr %model, ptr %symbols, ptr %bases) {
  %status = call i32 @tenon_dispatch(ptr %model, ptr %bases, ptr @step)
  ret i32 %status
}
define hidden void @PREFIX_output_dims(ptr %symbols, ptr %dims) {
  store i64 4, ptr %dims
  ret void
}
)";

inline const char *const scaleCode = R"(
define hidden i32 @PREFIX_program(ptr %model, ptr %symbols, ptr %bases) {
  %n = load i64, ptr %symbols
  %pin = getelementptr ptr, ptr %bases, i32 2
  %in = load ptr, ptr %pin
  %pout = getelementptr ptr, ptr %bases, i32 3
  %out = load ptr, ptr %pout
  br label %loop
loop:
  %i = phi i64 [0, %0], [%next, %loop]
  %pa = getelementptr float, ptr %in, i64 %i
  %a = load float, ptr %pa
  %twice = fadd float %a, %a
  %pc = getelementptr float, ptr %out, i64 %i
  store float %twice, ptr %pc
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret i32 0
}
define hidden void @PREFIX_output_dims(ptr %symbols, ptr %dims) {
  %n = load i64, ptr %symbols
  store i64 %n, ptr %dims
  ret void
}
)";

inline constexpr float addWeights[4] = {10, 20, 30, 40};

inline ModelInterface addModel(std::string prefix = "add") {
  ModelInterface model;
  model.prefix = std::move(prefix);
  model.name = "add four";
  model.triple = x86;
  model.inputs = {{"data", "", TENON_F32, {Dim::fixed(4)}}};
  model.outputs = {{"sum", "", TENON_F32, {Dim::fixed(4)}}};
  model.laneBytes = 100;
  model.slotBytes = 1000;
  model.weightBytes = sizeof(addWeights);
  model.selftestSeed = 1;
  model.steps = {{"node_add", "map_f32", "map", false, 48, 4}};
  assignIdentifiers(model);
  return model;
}

inline ModelInterface scaleModel(std::string prefix = "scale") {
  ModelInterface model;
  model.prefix = std::move(prefix);
  model.name = "scale";
  model.triple = x86;
  model.symbols = {{"n", "", 1, 8}};
  model.inputs = {{"x", "", TENON_F32, {Dim::symbol(0)}}};
  model.outputs = {{"y", "", TENON_F32, {Dim::symbol(0)}}};
  assignIdentifiers(model);
  return model;
}

/// Fails the test with the error's text.
inline void expectSuccess(llvm::Error error) {
  if (error)
    FAIL() << llvm::toString(std::move(error));
}

template <typename T> T expectValue(llvm::Expected<T> value) {
  if (!value) {
    std::string text = llvm::toString(value.takeError());
    ADD_FAILURE() << text;
    llvm::report_fatal_error(llvm::StringRef(text));
  }
  return std::move(*value);
}

inline std::string readAll(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

inline std::unique_ptr<llvm::TargetMachine>
makeMachine(const llvm::Triple &triple, llvm::StringRef cpu) {
  static const bool once = [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmParsers();
    llvm::InitializeAllAsmPrinters();
    return true;
  }();
  (void)once;
  std::string message;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, message);
  EXPECT_TRUE(target) << message;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, "", llvm::TargetOptions(), llvm::Reloc::PIC_));
}

inline std::string compileModule(llvm::Module &module,
                                 llvm::TargetMachine &machine) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  llvm::legacy::PassManager passes;
  EXPECT_FALSE(machine.addPassesToEmitFile(passes, os, nullptr,
                                           llvm::CodeGenFileType::ObjectFile));
  passes.run(module);
  return std::string(bytes.begin(), bytes.end());
}

/// The model's API as a module of its own.
inline std::unique_ptr<llvm::Module> makeApi(llvm::LLVMContext &context,
                                             const ModelInterface &model,
                                             bool executable = false) {
  llvm::Triple triple(model.triple);
  auto module = std::make_unique<llvm::Module>(model.prefix, context);
  module->setTargetTriple(triple);
  module->setDataLayout(makeMachine(triple, "")->createDataLayout());
  expectSuccess(addModelApi(*module, model, executable));
  return module;
}

/// A model's objects in a scratch directory, in the order of linking.
inline std::vector<std::string> buildObjects(const ScratchDirectory &scratch,
                                             const ModelInterface &model,
                                             llvm::StringRef code,
                                             bool executable) {
  llvm::Triple triple(model.triple);
  std::unique_ptr<llvm::TargetMachine> machine =
      makeMachine(triple, triple.getArch() == llvm::Triple::x86_64 ? "x86-64-v3"
                                                                   : "generic");
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::string text = llvm::StringRef(code).str();
  for (auto [from, to] :
       {std::pair<std::string, std::string>{"PREFIX", model.prefix},
        {"WORD", triple.isArch64Bit() ? "i64" : "i32"}})
    for (size_t at; (at = text.find(from)) != std::string::npos;)
      text.replace(at, from.size(), to);
  auto program = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(program) << diagnostic.getMessage().str();
  program->setTargetTriple(triple);
  program->setDataLayout(machine->createDataLayout());
  renameRuntimeSymbols(*program, model.prefix);

  auto api = makeApi(context, model, executable);

  std::vector<std::string> paths;
  paths.push_back(expectValue(scratch.write(
      model.prefix + "_program.o", compileModule(*program, *machine))));
  paths.push_back(expectValue(
      scratch.write(model.prefix + "_api.o", compileModule(*api, *machine))));
  for (const RuntimeObject &object :
       expectValue(loadRuntime(triple, model.prefix)))
    paths.push_back(expectValue(scratch.write(object.name, object.bytes)));
  if (!model.hasEmbeddedWeights())
    return paths;
  paths.push_back(scratch.path(model.prefix + "_weights.o"));
  std::error_code failed;
  llvm::raw_fd_ostream os(paths.back(), failed);
  expectSuccess(writeWeightsObject(
      os, triple, model.prefix + "_weights", model.weightBytes,
      [](llvm::raw_ostream &payload) {
        payload.write(reinterpret_cast<const char *>(addWeights),
                      sizeof(addWeights));
        return llvm::Error::success();
      }));
  return paths;
}

inline std::string writeHeaderFile(const ScratchDirectory &scratch,
                                   const ModelInterface &model) {
  std::string text;
  llvm::raw_string_ostream os(text);
  expectSuccess(writeHeader(model, os));
  return expectValue(scratch.write(model.prefix + ".h", text));
}

/// Runs a program; gives its exit code, and its output if asked.
inline int run(std::vector<std::string> command, std::string *out = nullptr) {
  llvm::ErrorOr<std::string> program =
      llvm::sys::findProgramByName(command.front());
  if (!program)
    return -1;
  ScratchDirectory scratch = expectValue(ScratchDirectory::create());
  std::string log = scratch.path("log");
  std::vector<llvm::StringRef> args(command.begin(), command.end());
  std::optional<llvm::StringRef> redirects[] = {std::nullopt, log, log};
  int code = llvm::sys::ExecuteAndWait(*program, args, std::nullopt, redirects);
  if (out)
    *out = readAll(log);
  else if (code != 0)
    ADD_FAILURE() << llvm::join(command, " ") << "\n" << readAll(log);
  return code;
}

} // namespace tenon::artifact::test

#endif // TENON_TEST_COMPILER_ARTIFACT_ARTIFACTTESTSUPPORT_H
