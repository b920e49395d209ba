#include "compiler/driver/Compile.h"

#include "compiler/artifact/Identifiers.h"
#include "compiler/artifact/RuntimeBitcode.h"
#include "compiler/artifact/WeightsObject.h"
#include "compiler/artifact/Wrappers.h"
#include "compiler/driver/Interface.h"
#include "compiler/driver/Selftest.h"
#include "compiler/driver/Values.h"
#include "dialects/pack/Pack.h"
#include "runtime/exe/exe.h"

#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Target/TargetMachine.h"
#include "mlir/Pass/PassManager.h"

using namespace llvm;
using namespace tenon;

/// Weights above this size lie in a file of their own: a linker maps its input
/// and its output, and a compile may use 1.5 times the model's size.
static constexpr uint64_t embedLimit = 512ull << 20;

std::vector<std::string> tenon::stagesToStopAfter() {
  std::vector<std::string> stages = {"import"};
  for (StringRef stage : stageNames())
    stages.push_back(stage.str());
  return stages;
}

//===----------------------------------------------------------------------===//
// The story of a compile
//===----------------------------------------------------------------------===//

namespace tenon {

class Compilation {
public:
  Compilation(const CompileOptions &options, Diagnostics &diagnostics)
      : options(options), diagnostics(diagnostics),
        result(std::make_unique<CompiledModel>()) {}

  std::unique_ptr<CompiledModel> run();
  Failure failure = Failure::Refused;

private:
  bool load();
  bool import();
  bool runStages();
  bool describe();
  bool generate();
  bool isLast(StringRef stage);

  bool refuse(Error error) {
    diagnostics.add(std::move(error));
    failure = Failure::Refused;
    return false;
  }
  bool internal(Error error) {
    diagnostics.add(std::move(error));
    failure = Failure::Internal;
    return false;
  }

  const CompileOptions &options;
  Diagnostics &diagnostics;
  std::unique_ptr<CompiledModel> result;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string prefix;
};

} // namespace tenon

std::unique_ptr<CompiledModel> Compilation::run() {
  Expected<ResolvedTarget> target = resolveTarget(options.target, options.cpu);
  if (!target) {
    refuse(target.takeError());
    return nullptr;
  }
  result->target = std::move(*target);

  mlir::DialectRegistry registry;
  registerTenonDialects(registry);
  // Threads of our own run the code generators; passes are short.
  result->context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler handler(
      result->context.get(),
      [&](mlir::Diagnostic &diagnostic) { diagnostics.add(diagnostic); });

  if (!load() || !import())
    return nullptr;
  if (isLast("import"))
    return std::move(result);
  if (!runStages())
    return nullptr;
  if (!options.stopAfter.empty())
    return std::move(result);
  if (!describe() || (!options.analyzeOnly && !generate()))
    return nullptr;
  failure = Failure::None;
  return std::move(result);
}

bool Compilation::isLast(StringRef stage) {
  if (options.stopAfter != stage)
    return false;
  raw_string_ostream os(result->ir);
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(true, /*prettyForm=*/false);
  module->print(os, flags);
  failure = Failure::None;
  return true;
}

bool Compilation::load() {
  StringRef stem = sys::path::stem(options.model);
  // net.onnx.txt
  if (stem.ends_with(".onnx"))
    stem = stem.drop_back(5);
  prefix = options.prefix.empty() ? artifact::makePrefix(stem) : options.prefix;
  if (!artifact::isUsablePrefix(prefix))
    return refuse(createStringError(
        errc::invalid_argument,
        "--prefix=" + prefix + " cannot begin C symbols: expected letters, "
                               "digits and '_', beginning with a letter"));
  onnx::LoadOptions load;
  load.hasTranslator = onnx::hasTranslator;
  Expected<onnx::Model> model =
      options.bytes ? onnx::loadModelFromMemory(*options.bytes, load)
                    : onnx::loadModel(options.model, load);
  if (!model)
    return refuse(model.takeError());
  result->model = std::make_shared<onnx::Model>(std::move(*model));
  diagnostics.addNodes(result->model->graph);
  for (const onnx::ValueInfo &input : result->model->graph.inputs)
    result->inputNames.push_back(input.name);
  for (const std::string &warning : result->model->warnings)
    diagnostics.add(Message::Warning, warning);
  return true;
}

bool Compilation::import() {
  onnx::ImportOptions import;
  import.note = [&](const std::string &text) {
    diagnostics.add(Message::Note, text);
  };
  if (Error error = fillImportOptions(options, *result->model, import))
    return refuse(std::move(error));
  module = onnx::importModel(*result->context, *result->model, import);
  if (!module) {
    failure = Failure::Refused;
    if (!diagnostics.hasErrors())
      return internal(createStringError("the import failed without a reason"));
    return false;
  }
  auto count = [&](const std::vector<onnx::TensorData> &tensors) {
    for (const onnx::TensorData &tensor : tensors)
      result->statistics.parameters += tensor.elements();
  };
  count(result->model->graph.initializers);
  for (const onnx::Node &node : result->model->graph.nodes)
    if (node.domain.empty() && node.opType == "Constant")
      if (const onnx::TensorData *tensor = node.getTensor("value"))
        result->statistics.parameters += tensor->elements();
  return true;
}

bool Compilation::runStages() {
  for (StringRef stage : stageNames()) {
    mlir::PassManager passes(result->context.get(),
                             mlir::ModuleOp::getOperationName());
    buildStage(stage, passes, result->target.options, prefix);
    if (mlir::failed(passes.run(*module))) {
      // Whatever a model can cause is a diagnostic at its node.
      if (!diagnostics.hasErrors())
        return internal(createStringError("stage '" + stage +
                                          "' failed without a reason"));
      failure = Failure::Refused;
      return false;
    }
    if (isLast(stage))
      return true;
  }
  if (options.keepIR) {
    raw_string_ostream os(result->ir);
    module->print(os, mlir::OpPrintingFlags().enableDebugInfo(true, false));
  }
  return true;
}

/// Takes what the program says and then the program itself out of the module.
bool Compilation::describe() {
  rt::ProgramOp program;
  for (auto op : module->getOps<rt::ProgramOp>())
    program = op;
  if (!program)
    return internal(createStringError("the pipelines left no program"));
  Expected<artifact::ModelInterface> interface =
      describeProgram(program, result->target, prefix);
  if (!interface)
    return internal(interface.takeError());
  result->interface = std::move(*interface);
  Statistics &statistics = result->statistics;
  statistics.slotBytes = program.getSlotBytes();
  statistics.peakBytes = program.getPeakBytes();
  statistics.weightBytes = program.getWeightBytes();
  for (const artifact::Step &step : result->interface.steps)
    statistics.flops += step.flops;

  Expected<Weights> weights = Weights::collect(program);
  if (!weights)
    return internal(weights.takeError());
  result->weights = std::move(*weights);
  result->weights.release = [model = result->model] {
    for (const onnx::File &file : model->files)
      file.buffer->dontNeedIfMmap();
  };
  program.erase();

  bool canEmbed = artifact::canEmbedWeights(result->target.triple());
  if (options.weights == WeightsPlace::Embed && !canEmbed)
    return refuse(createStringError(
        errc::not_supported, "--weights=embed: objects for '" +
                                 result->target.options.triple +
                                 "' cannot hold weights; use --weights=file"));
  bool embed = options.weights == WeightsPlace::Embed ||
               (options.weights == WeightsPlace::Auto && canEmbed &&
                statistics.weightBytes <= embedLimit);
  if (!embed && statistics.weightBytes)
    result->interface.weightFile = prefix + ".weights";
  return true;
}

bool Compilation::generate() {
  Expected<artifact::ScratchDirectory> directory =
      artifact::ScratchDirectory::create();
  if (!directory)
    return refuse(directory.takeError());
  result->directory.emplace(std::move(*directory));

  Expected<GeneratedCode> code =
      GeneratedCode::translate(*module, result->target, prefix);
  // The IR is large; from here on only code and weights matter.
  module = nullptr;
  if (!code)
    return internal(code.takeError());
  result->code = std::move(*code);
  Expected<std::vector<ObjectFile>> objects =
      result->code.compile(options.threads);
  if (!objects)
    return internal(objects.takeError());
  result->objects = std::move(*objects);

  if (options.selftest && runsOnHost(result->target))
    if (Error error = addSelftest(*result, diagnostics))
      return internal(std::move(error));
  return true;
}

std::unique_ptr<CompiledModel> tenon::compileModel(
    const CompileOptions &options, Diagnostics &diagnostics, Failure &failure) {
  Compilation compilation(options, diagnostics);
  std::unique_ptr<CompiledModel> result = compilation.run();
  failure = compilation.failure;
  return result;
}

//===----------------------------------------------------------------------===//
// Files for the linker
//===----------------------------------------------------------------------===//

Expected<std::string> CompiledModel::weightsFile() {
  if (!weightsPath.empty())
    return weightsPath;
  bool embed = interface.hasEmbeddedWeights();
  std::string path = directory->path(
      embed ? interface.prefix + "_weights.o" : interface.weightFile);
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (code)
    return createStringError(code, "cannot write '" + path +
                                       "': " + code.message());
  Error error =
      embed ? artifact::writeWeightsObject(
                  os, target.triple(), interface.prefix + "_weights",
                  interface.weightBytes,
                  [&](raw_ostream &payload) { return weights.write(payload); })
            : weights.write(os);
  os.close();
  if (!error && os.has_error())
    error = createStringError(os.error(), "cannot write '" + path +
                                              "': " + os.error().message());
  os.clear_error();
  if (error)
    return std::move(error);
  if (!embed) {
    auto file = MemoryBuffer::getFile(path, false, false);
    if (!file)
      return createStringError(file.getError(), "cannot read '" + path + "'");
    interface.weightDigest = tenon_digest_bytes(
        TENON_DIGEST_START, (*file)->getBufferStart(),
        (*file)->getBufferSize());
  }
  return weightsPath = path;
}

/// The runtime and the model's API as one object.
static Error compileApi(const CompiledModel &model, bool executable,
                        SmallVectorImpl<char> &bytes) {
  Triple triple = model.target.triple();
  Expected<std::unique_ptr<TargetMachine>> machine =
      createMachine(model.target, artifact::baselineCpu(triple));
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  Expected<std::unique_ptr<Module>> api = artifact::loadRuntime(
      context, triple, model.interface.prefix, executable);
  if (!api)
    return api.takeError();
  (*api)->setDataLayout((*machine)->createDataLayout());
  if (Error error = artifact::addModelApi(**api, model.interface, executable))
    return error;
  return emitCode(**api, **machine, CodeKind::Object, bytes);
}

Expected<std::vector<std::string>> CompiledModel::linkInputs(bool executable) {
  std::vector<std::string> inputs;
  if (codeFiles.empty())
    for (const ObjectFile &object : objects) {
      Expected<std::string> path =
          directory->write(object.name, object.contents());
      if (!path)
        return path.takeError();
      codeFiles.push_back(*path);
    }
  inputs = codeFiles;
  // The digest of a weights file is part of the API's constants.
  if (interface.weightBytes) {
    Expected<std::string> path = weightsFile();
    if (!path)
      return path.takeError();
    if (interface.hasEmbeddedWeights())
      inputs.push_back(*path);
  }
  std::string &api = apiFiles[executable];
  if (api.empty()) {
    SmallVector<char, 0> bytes;
    if (Error error = compileApi(*this, executable, bytes))
      return std::move(error);
    Expected<std::string> path = directory->write(
        interface.prefix + (executable ? "_main.o" : "_api.o"),
        StringRef(bytes.data(), bytes.size()));
    if (!path)
      return path.takeError();
    api = *path;
  }
  inputs.push_back(api);
  return inputs;
}
