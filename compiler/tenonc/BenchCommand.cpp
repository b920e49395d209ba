//===----------------------------------------------------------------------===//
// tenonc bench: a race against other engines, run by peers.py, which alternates
// between them; without Python, our own time alone.
//===----------------------------------------------------------------------===//

#include "compiler/driver/Session.h"
#include "compiler/tenonc/Commands.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <cstdlib>

using namespace llvm;
using namespace tenon;

static constexpr OptionRow rows[] = {
    {"--peers", Takes::Value, "onnxruntime,openvino,..",
     "also iree, torch, none; default: onnxruntime,openvino"},
    {"--threads", Takes::Value, "1,2", "all in one race; default 1"},
    {"--seconds", Takes::Value, "S", "per engine and race; default 5"},
    {"--json", Takes::Value, "FILE", "write the figures"},
};

static constexpr CommandHelp help = {
    "bench MODEL [options]",
    "Times a model on several engines in turn, on the same inputs: minimum "
    "and\n"
    "median, and how far the outputs differ.",
    "  tenonc bench net.onnx --threads=1,2\n"
    "  tenonc bench bert.onnx --dim seq=128 --peers=onnxruntime\n"};

//===----------------------------------------------------------------------===//
// peers.py
//===----------------------------------------------------------------------===//

/// What ./setup wrote beside the tool: peers.py and the Python to run it with.
static std::string besideTool(StringRef name) {
  SmallString<256> path(artifact::findLibraryDirectory());
  sys::path::append(path, name);
  return std::string(path);
}

static std::string findPython() {
  if (const char *given = std::getenv("TENON_PYTHON"))
    return given;
  if (auto file = MemoryBuffer::getFile(besideTool("python.txt"))) {
    std::string path = (*file)->getBuffer().trim().str();
    if (sys::fs::can_execute(path))
      return path;
  }
  ErrorOr<std::string> found = sys::findProgramByName("python3");
  return found ? *found : std::string();
}

static int runPython(StringRef python, ArrayRef<std::string> arguments,
                     bool quiet) {
  std::vector<StringRef> words = {python};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::optional<StringRef> redirects[] = {std::nullopt, std::nullopt,
                                          std::nullopt};
  if (quiet)
    redirects[1] = redirects[2] = StringRef();
  return sys::ExecuteAndWait(python, words, std::nullopt, redirects);
}

/// The package `tenon` is built beside the tools.
static void addPythonPath() {
  std::string libraries = artifact::findLibraryDirectory();
  SmallString<256> path(
      sys::path::parent_path(sys::path::parent_path(libraries)));
  sys::path::append(path, "python");
  std::string all(path);
  if (const char *given = std::getenv("PYTHONPATH"))
    all += std::string(":") + given;
  setenv("PYTHONPATH", all.c_str(), 1);
}

/// peers.py's names for engines; nothing if one is unknown.
static std::optional<std::string> engineNames(StringRef peers) {
  SmallVector<StringRef> names;
  peers.split(names, ',', -1, /*KeepEmpty=*/false);
  std::string engines;
  for (StringRef name : names) {
    if (name == "none")
      continue;
    if (name == "onnxruntime")
      name = "ort";
    if (name != "ort" && name != "openvino" && name != "iree" &&
        name != "torch")
      return std::nullopt;
    engines += (engines.empty() ? "" : ",") + name.str();
  }
  return engines;
}

//===----------------------------------------------------------------------===//
// Our own time
//===----------------------------------------------------------------------===//

static int benchAlone(const CompileOptions &options, double seconds,
                      ArrayRef<int64_t> threads) {
  int code;
  std::unique_ptr<CompiledModel> model = compileOrExplain(options, code);
  if (!model)
    return code;
  if (!runsOnHost(model->target))
    return fail("this machine cannot run code for " + model->target.display);
  Expected<LoadedModel> loaded = LoadedModel::link(*model);
  if (!loaded)
    return failInternal(toString(loaded.takeError()));
  for (int64_t count : threads) {
    std::vector<std::string> words = {"tenonc bench",
                                      "--bench=" + std::to_string(seconds),
                                      "--threads=" + std::to_string(count)};
    std::vector<char *> argv;
    for (std::string &word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    outs().flush();
    code = tenon_main(&loaded->info(), loaded->path().c_str(), words.size(),
                      argv.data());
    if (code)
      return code;
  }
  return exitOk;
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

static int race(const Arguments &arguments, const std::string &python,
                const std::string &engines) {
  std::vector<std::string> words = {
      besideTool("peers.py"), arguments.positional[0], "--engines=" + engines,
      "--threads=" + arguments.get("--threads", "1").str(),
      "--seconds=" + arguments.get("--seconds", "5").str()};
  for (StringRef option : {"--dim", "--shape", "--weights-format"})
    for (StringRef value : arguments.all(option))
      words.push_back((option + "=" + value).str());
  if (arguments.has("--json"))
    words.push_back(("--json=" + arguments.get("--json")).str());
  outs().flush();
  return runPython(python, words, /*quiet=*/false) ? exitRefused : exitOk;
}

int tenon::runBench(CommandArguments given) {
  ArgumentParser parser({rows, compileOptionRows()});
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "bench", help, arguments))
    return *code;
  if (arguments.positional.size() != 1)
    return usage("bench takes one model", "bench");
  SmallVector<StringRef> counts;
  arguments.get("--threads", "1").split(counts, ',');
  std::vector<int64_t> threads;
  for (StringRef count : counts) {
    auto value = parseNumber(count, 1, 1024);
    if (!value)
      return usage("--threads takes numbers such as 1,2, not '" + count + "'",
                   "bench");
    threads.push_back(*value);
  }
  double seconds = 5;
  if (arguments.get("--seconds", "5").getAsDouble(seconds) || seconds <= 0)
    return usage("--seconds takes a number above 0", "bench");
  std::optional<std::string> engines =
      engineNames(arguments.get("--peers", "onnxruntime,openvino"));
  if (!engines)
    return usage("--peers takes onnxruntime, openvino, iree, torch or none",
                 "bench");
  CompileOptions options;
  options.model = arguments.positional[0];
  options.selftest = false;
  if (auto code = readCompileOptions(arguments, options))
    return *code;

  std::string python = engines->empty() ? std::string() : findPython();
  addPythonPath();
  bool hasPeers = !python.empty() && sys::fs::exists(besideTool("peers.py")) &&
                  runPython(python, {"-c", "import numpy, onnx"}, true) == 0;
  bool hasTenon =
      hasPeers && runPython(python, {"-c", "import tenon"}, true) == 0;
  if (hasTenon)
    return race(arguments, python, *engines + ",tenon");
  if (hasPeers) {
    errs() << "note: the Python package 'tenon' is not there, so our own time "
              "is taken behind the others', not interleaved\n";
    race(arguments, python, *engines);
  } else if (!engines->empty()) {
    errs() << "note: no Python with numpy and onnx was found, so this is our "
              "own time alone; TENON_PYTHON names one\n";
  }
  return benchAlone(options, seconds, threads);
}
