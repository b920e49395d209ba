#include "compiler/driver/Compile.h"

#include "compiler/artifact/Identifiers.h"
#include "compiler/artifact/RuntimeObject.h"
#include "compiler/artifact/WeightsObject.h"
#include "compiler/artifact/Wrappers.h"
#include "compiler/codegen/ForeignCalls.h"
#include "compiler/driver/Evaluate.h"
#include "compiler/driver/Interface.h"
#include "compiler/driver/Reproducer.h"
#include "compiler/driver/Selftest.h"
#include "compiler/driver/Values.h"
#include "runtime/exe/exe.h"

#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Target/TargetMachine.h"
#include "mlir/Pass/PassManager.h"

using namespace llvm;
using namespace tenon;

/// Weights above this size lie in a file of their own: each of the program and
/// the libraries would hold them.
static constexpr uint64_t embedLimit = 1ull << 30;

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
  bool compile();
  bool saveReproducer(const Reproducer &reproducer);
  bool runStages();
  bool runStage(StringRef stage);
  void readReport();
  bool describe();
  bool generate();
  bool checkCalls();
  bool addLevels();
  bool addDigest();
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
  /// The program before it is lowered, where this machine cannot run the
  /// target's code.
  mlir::OwningOpRef<mlir::ModuleOp> portable;
  /// Further CPU levels, least first, and the program for each, not yet
  /// lowered.
  std::vector<std::pair<ResolvedTarget, mlir::OwningOpRef<mlir::ModuleOp>>>
      levels;
  std::string prefix;
  /// Begins the runtime's names; a level's own prefix begins with it.
  std::string runtimePrefix;
};

} // namespace tenon

std::unique_ptr<CompiledModel> Compilation::run() {
  Expected<std::vector<ResolvedTarget>> targets =
      resolveTargets(options.target, options.cpu);
  if (!targets) {
    refuse(targets.takeError());
    return nullptr;
  }
  result->target = targets->front();
  for (ResolvedTarget &target : MutableArrayRef(*targets).drop_front())
    levels.emplace_back(std::move(target), nullptr);

  mlir::DialectRegistry registry;
  registerTenonDialects(registry);
  // Threads of our own run the code generators; passes are short.
  result->context = std::make_unique<mlir::MLIRContext>(
      registry, mlir::MLIRContext::Threading::DISABLED);
  // A message names its node; the IR is for --stop-after.
  result->context->printOpOnDiagnostic(false);
  mlir::ScopedDiagnosticHandler handler(
      result->context.get(),
      [&](mlir::Diagnostic &diagnostic) { diagnostics.add(diagnostic); });

  if (!load() || !import())
    return nullptr;
  if (isLast("import"))
    return std::move(result);
  Reproducer reproducer(*module, result->target.options, prefix,
                        options.compress);
  if (!options.reproducer.empty() && !saveReproducer(reproducer))
    return nullptr;
  if (!compile()) {
    if (failure == Failure::Internal)
      diagnostics.reproducer = reproducer.str();
    return nullptr;
  }
  failure = Failure::None;
  return std::move(result);
}

/// From the imported module on.
bool Compilation::compile() {
  if (!runStages())
    return false;
  if (!options.stopAfter.empty())
    return true;
  return describe() && (options.analyzeOnly ||
                        (generate() && addLevels() && addDigest()));
}

bool Compilation::saveReproducer(const Reproducer &reproducer) {
  std::error_code code;
  raw_fd_ostream os(options.reproducer, code);
  if (!code) {
    reproducer.print(os);
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (!code)
    return true;
  return refuse(createStringError(code, "cannot write '" + options.reproducer +
                                            "': " + code.message()));
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
  if (Error error = artifact::verifyPrefix(prefix))
    return refuse(std::move(error));
  runtimePrefix = prefix;
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
  if (!options.bytes)
    result->sources.push_back(options.model);
  for (const onnx::File &file : result->model->files)
    if (!file.path.empty() && !llvm::is_contained(result->sources, file.path))
      result->sources.push_back(file.path);
  for (const auto &[input, value] : options.values)
    if (StringRef(value).starts_with("@"))
      result->sources.push_back(value.substr(1));
  for (const std::string &warning : result->model->warnings)
    diagnostics.add(Message::Warning, warning);
  return true;
}

bool Compilation::import() {
  onnx::ImportOptions import;
  import.note = [&](const std::string &text) {
    diagnostics.add(Message::Note, text);
  };
  JitEvaluator evaluator;
  import.evaluator = &evaluator;
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

bool Compilation::runStage(StringRef stage) {
  JitEvaluator evaluator;
  mlir::PassManager passes(module->getContext(),
                           mlir::ModuleOp::getOperationName());
  buildStage(stage, passes, result->target.options, prefix, options.compress,
             &evaluator);
  if (mlir::succeeded(passes.run(*module)))
    return true;
  // Whatever a model can cause is a diagnostic at its node.
  if (!diagnostics.hasErrors())
    return internal(createStringError("stage '" + stage +
                                      "' failed without a reason"));
  failure = Failure::Refused;
  return false;
}

bool Compilation::runStages() {
  for (StringRef stage : stageNames()) {
    if (stage == "lower" && options.selftest && !options.analyzeOnly &&
        options.stopAfter.empty() && !runsOnHost(result->target) &&
        result->target.options.device.empty())
      portable = mlir::cast<mlir::ModuleOp>((*module)->clone());
    if (stage == "lower" && !options.analyzeOnly && options.stopAfter.empty())
      for (auto &[target, program] : levels)
        program = mlir::cast<mlir::ModuleOp>((*module)->clone());
    if (!runStage(stage))
      return false;
    if (stage == "compress")
      readReport();
    if (isLast(stage))
      return true;
  }
  if (options.keepIR) {
    raw_string_ostream os(result->ir);
    module->print(os, mlir::OpPrintingFlags().enableDebugInfo(true, false));
  }
  return true;
}

/// The rows that the stage "compress" left on the module.
void Compilation::readReport() {
  auto report = (*module)->getAttrOfType<mlir::ArrayAttr>("pack.report");
  (*module)->removeAttr("pack.report");
  if (!report)
    return;
  for (auto row : report.getAsRange<mlir::DictionaryAttr>()) {
    WeightRow made;
    auto text = [&](StringRef key) {
      auto attr = row.getAs<mlir::StringAttr>(key);
      return attr ? attr.getValue().str() : std::string();
    };
    made.name = text("name");
    made.format = text("format");
    made.kept = text("kept");
    made.shape = row.getAs<mlir::DenseI64ArrayAttr>("shape").asArrayRef().vec();
    made.bitsPerWeight = row.getAs<mlir::FloatAttr>("bits").getValueAsDouble();
    made.bytes = row.getAs<mlir::IntegerAttr>("bytes").getInt();
    if (auto snr = row.getAs<mlir::FloatAttr>("snr"))
      made.snr = snr.getValueAsDouble();
    result->weightRows.push_back(std::move(made));
  }
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
    statistics.flops += step.flops * step.runs;

  Expected<Weights> weights = Weights::collect(program);
  if (!weights)
    return internal(weights.takeError());
  result->weights = std::move(*weights);
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
    result->interface.weightFile = result->interface.name + ".weights";
  return true;
}

bool Compilation::generate() {
  Expected<artifact::ScratchDirectory> directory =
      artifact::ScratchDirectory::create();
  if (!directory)
    return refuse(directory.takeError());
  result->directory.emplace(std::move(*directory));

  Expected<GeneratedCode> code =
      GeneratedCode::translate(*module, result->target, prefix, runtimePrefix);
  // The IR is large; from here on only code and weights matter.
  module = nullptr;
  if (!code)
    return internal(code.takeError());
  result->code = std::move(*code);
  // PTX is a text; there is no program around it.
  if (result->target.triple().isNVPTX())
    return true;
  Expected<std::vector<ObjectFile>> objects =
      result->code.compile(options.threads);
  if (!objects)
    return internal(objects.takeError());
  result->objects = std::move(*objects);
  return checkCalls();
}

/// Refuses code that calls functions which the target's programs need not
/// have, or needs more stack than threads have; names the first node whose kernel does.
bool Compilation::checkCalls() {
  Expected<std::vector<ForeignCall>> calls =
      findForeignCalls(result->objects, runtimePrefix);
  if (!calls)
    return internal(calls.takeError());
  auto nodeOf = [&](StringRef kernel) {
    kernel.consume_front(prefix + "_");
    for (const artifact::Step &step : result->interface.steps)
      if (step.kernel == kernel)
        return "node '" + step.name + "': ";
    return std::string();
  };
  bool fits = true;
  for (const ObjectFile &object : result->objects)
    for (const LargeFrame &frame : object.largeFrames) {
      refuse(createStringError(
          errc::not_supported,
          nodeOf(frame.function) + "its code for '" +
              result->target.options.triple + "', " + result->target.display +
              ", has " + Twine(frame.bytes) +
              " bytes on the stack: expected at most " + Twine(kLargestFrame) +
              ", since threads may have no more than 128 KB; compile it for "
              "another --mcpu"));
      fits = false;
    }
  for (const ForeignCall &call : *calls)
    refuse(createStringError(
        errc::not_supported,
        nodeOf(call.caller) + "its code for '" + result->target.options.triple + "', " +
            result->target.display + ", calls '" + call.symbol +
            "': expected instructions for every operation; this type and "
            "operation need another --mcpu or --target"));
  return fits && calls->empty();
}

/// The same scheduled program for each further level: only tiles and code
/// differ, so weights and names are those of the least.
bool Compilation::addLevels() {
  artifact::ModelInterface &interface = result->interface;
  for (auto &[target, program] : levels) {
    Compilation here(options, diagnostics);
    here.prefix =
        prefix + "_" + artifact::makePrefix(target.display);
    here.runtimePrefix = prefix;
    here.module = std::move(program);
    here.result->target = target;
    here.result->model = result->model;
    if (!here.runStage("lower") || !here.describe() || !here.generate()) {
      failure = here.failure;
      return false;
    }
    const artifact::ModelInterface &own = here.result->interface;
    if (!here.result->weights.equals(result->weights) ||
        own.steps.size() != interface.steps.size())
      return internal(createStringError("'" + target.display +
                                        "' wants other weights or steps than "
                                        "'" + result->target.display + "'"));
    // One arena serves all.
    interface.slotBytes = std::max(interface.slotBytes, own.slotBytes);
    interface.laneBytes = std::max(interface.laneBytes, own.laneBytes);
    interface.levels.insert(interface.levels.begin(),
                            {target.display, own.cpuFeatures, here.prefix});
    interface.cpu += ", " + target.display;
    for (ObjectFile &object : here.result->objects)
      result->objects.push_back(std::move(object));
  }
  if (!levels.empty())
    result->target.display = interface.cpu;
  return true;
}

/// The digest of a run on this machine. Outputs have the same bits everywhere,
/// so code for this machine makes the digest of any target.
bool Compilation::addDigest() {
  // A GPU's bits are its own, so there is no digest to compare with.
  if (!options.selftest || !result->target.options.device.empty())
    return true;
  if (!portable) {
    if (Error error = addSelftest(*result, diagnostics))
      return internal(std::move(error));
    return true;
  }
  Expected<ResolvedTarget> host = resolveTarget("", "native");
  if (!host) {
    diagnostics.add(Message::Note,
                    "no self-test: " + toString(host.takeError()));
    return true;
  }
  Compilation here(options, diagnostics);
  here.prefix = here.runtimePrefix = prefix;
  here.module = std::move(portable);
  here.result->target = std::move(*host);
  here.result->model = result->model;
  if (!here.runStage("lower") || !here.describe() || !here.generate() ||
      !here.addDigest()) {
    failure = here.failure;
    return false;
  }
  result->interface.selftestSeed = here.result->interface.selftestSeed;
  result->interface.selftestDigest = here.result->interface.selftestDigest;
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

namespace {
/// Passes bytes on and keeps their digest, so that nobody reads them again.
class DigestStream : public raw_ostream {
public:
  explicit DigestStream(raw_ostream &os) : os(os) { SetBufferSize(1 << 16); }
  ~DigestStream() override { flush(); }
  uint64_t finish() {
    flush();
    return digest;
  }

private:
  void write_impl(const char *bytes, size_t count) override {
    digest = tenon_digest_bytes(digest, bytes, count);
    os.write(bytes, count);
    written += count;
  }
  uint64_t current_pos() const override { return written; }

  raw_ostream &os;
  uint64_t digest = TENON_DIGEST_START;
  uint64_t written = 0;
};
} // namespace

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
  Error error = Error::success();
  if (embed) {
    error = artifact::writeWeightsObject(
        os, target.triple(), interface.prefix + "_weights",
        interface.weightBytes,
        [&](raw_ostream &payload) { return weights.write(payload); });
  } else {
    DigestStream digest(os);
    error = weights.write(digest);
    interface.weightDigest = digest.finish();
  }
  os.close();
  if (!error && os.has_error())
    error = createStringError(os.error(), "cannot write '" + path +
                                              "': " + os.error().message());
  os.clear_error();
  if (error)
    return std::move(error);
  return weightsPath = path;
}

/// The model's API as an object.
static Error compileApi(const ResolvedTarget &target,
                        const artifact::ModelInterface &interface,
                        bool executable, SmallVectorImpl<char> &bytes) {
  Triple triple = target.triple();
  Expected<std::unique_ptr<TargetMachine>> machine =
      createMachine(target, artifact::baselineCpu(triple));
  if (!machine)
    return machine.takeError();
  LLVMContext context;
  Module api(interface.prefix + "_api", context);
  api.setTargetTriple(triple);
  api.setDataLayout((*machine)->createDataLayout());
  if (Error error = artifact::addModelApi(api, interface, executable))
    return error;
  return emitCode(api, **machine, CodeKind::Object, bytes);
}

Expected<std::vector<std::string>> CompiledModel::linkInputs(Use use) {
  if (codeFiles.empty())
    for (const ObjectFile &object : objects) {
      Expected<std::string> path =
          directory->write(object.name, object.contents());
      if (!path)
        return path.takeError();
      codeFiles.push_back(*path);
    }
  if (runtimeFiles.empty()) {
    Expected<std::vector<artifact::RuntimeObject>> runtime =
        artifact::loadRuntime(target.triple(), interface.prefix,
                              {"", interface.device});
    if (!runtime)
      return runtime.takeError();
    for (const artifact::RuntimeObject &object : *runtime) {
      Expected<std::string> path =
          directory->write(object.name, object.bytes);
      if (!path)
        return path.takeError();
      runtimeFiles.push_back(*path);
      llvm::append_range(runtimeFunctions, object.functions);
    }
  }
  std::vector<std::string> inputs = codeFiles;
  artifact::ModelInterface own = interface;
  if (use == Use::Session) {
    own.weightFile = own.name + ".weights";
  } else if (interface.weightBytes) {
    // The digest of a weights file is part of the API's constants.
    Expected<std::string> path = weightsFile();
    if (!path)
      return path.takeError();
    own.weightDigest = interface.weightDigest;
  }
  std::string &api = apiFiles[use];
  if (api.empty()) {
    static constexpr StringLiteral names[] = {"_api.o", "_main.o",
                                              "_session.o"};
    SmallVector<char, 0> bytes;
    if (Error error =
            compileApi(target, own, use == Use::Executable, bytes))
      return std::move(error);
    Expected<std::string> path =
        directory->write((interface.prefix + names[int(use)]).str(),
                         StringRef(bytes.data(), bytes.size()));
    if (!path)
      return path.takeError();
    api = *path;
  }
  inputs.push_back(api);
  llvm::append_range(inputs, runtimeFiles);
  return inputs;
}
