//===----------------------------------------------------------------------===//
// tenonc run: what the artifact's own program does, for a model or an artifact.
//===----------------------------------------------------------------------===//

#include "compiler/driver/Session.h"
#include "compiler/tenonc/Commands.h"
#include "compiler/tenonc/NpyData.h"

#include "llvm/BinaryFormat/Magic.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

using namespace llvm;
using namespace tenon;

/// The front's own options, as runtime/exe/options.c has them.
static constexpr OptionRow frontRows[] = {
    {"--describe", Takes::Nothing, "", "inputs, outputs, sizes and memory"},
    {"--threads", Takes::Value, "N", "default: the CPUs there are"},
    {"--bench", Takes::MaybeValue, "SECONDS", "measure the time of a run"},
    {"--trace", Takes::Value, "FILE.json", "times of the steps"},
    {"--dump", Takes::Value, "DIR|FILE.npz", "write all outputs"},
    {"--out", Takes::Value, "NAME=FILE.npy", "write one output"},
    {"--preprocess", Takes::Value, "resize=256,crop=224,..",
     "what happens to images; also mean, std, range, color, layout"},
    {"--top", Takes::Value, "K", "the K largest values of each output"},
    {"--labels", Takes::Value, "FILE", "their names, one a line"},
    {"--json", Takes::Nothing, "", "print everything as JSON"},
    {"--selftest", Takes::Nothing, "", "compare with the digest of a compile"},
};

static constexpr CommandHelp help = {
    "run MODEL|ARTIFACT [NAME=VALUE ...] [options]",
    "Runs a model, or an artifact: a program, a .so, or the folder with them.\n"
    "Inputs are NAME=FILE.npy, FILE.npz:KEY, FILE.png, FILE.jpg, random:SEED,\n"
    "zeros, const:3 or 1,2,3. A second --dim NAME=N chooses a size within bounds LO..HI.",
    "  tenonc run net.onnx x=x.npy --dump=out\n"
    "  tenonc run bert.onnx --dim seq=1..512 --dim seq=17 --json\n"
    "  tenonc run net.onnx x=random:7 --bench=5 --threads=1\n"
    "  tenonc run net/net.so --selftest\n"
    "  tenonc run resnet.onnx x=cat.jpg --labels=imagenet.txt \\\n"
    "    --preprocess=resize=256,crop=224,mean=0.485:0.456:0.406,"
    "std=0.229:0.224:0.225\n"};

static int runFront(const LoadedModel &model, StringRef name,
                    ArrayRef<std::string> rest) {
  std::vector<std::string> words = {("tenonc run " + name).str()};
  words.insert(words.end(), rest.begin(), rest.end());
  std::vector<char *> argv;
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  outs().flush();
  return tenon_main(&model.info(), model.path().c_str(),
                    static_cast<int>(words.size()), argv.data());
}

//===----------------------------------------------------------------------===//
// Artifacts
//===----------------------------------------------------------------------===//

/// The library or program in a folder that `tenonc compile` wrote.
static Expected<std::string> findInFolder(StringRef folder) {
  std::string library, program;
  std::error_code code;
  for (sys::fs::directory_iterator it(folder, code), end; it != end && !code;
       it.increment(code)) {
    StringRef path = it->path();
    if (path.ends_with(".so") && (library.empty() || path < library))
      library = path.str();
    else if (sys::path::extension(path).empty() &&
             it->type() == sys::fs::file_type::regular_file &&
             sys::fs::can_execute(path) && (program.empty() || path < program))
      program = path.str();
  }
  if (library.empty() && program.empty())
    return createStringError("'" + folder +
                             "' holds no library or program of a model");
  return library.empty() ? program : library;
}

static int runProgram(StringRef path, ArrayRef<std::string> rest) {
  std::vector<std::string> words = {path.str()};
  words.insert(words.end(), rest.begin(), rest.end());
  std::vector<char *> argv;
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  outs().flush();
  execv(argv[0], argv.data());
  return fail("cannot run '" + path + "': " + std::strerror(errno));
}

static int runArtifact(StringRef path, const Arguments &arguments) {
  std::vector<std::string> rest = arguments.rest;
  for (const OptionRow &row : compileOptionRows()) {
    if (!arguments.has(row.name))
      continue;
    if (row.name != "--dim")
      return usage(row.name + " says how to compile, and '" + path +
                       "' is compiled",
                   "run");
    for (StringRef dim : arguments.all("--dim"))
      rest.push_back(("--dim=" + dim).str());
  }
  std::string file = path.str();
  if (sys::fs::is_directory(path)) {
    Expected<std::string> found = findInFolder(path);
    if (!found)
      return fail(toString(found.takeError()));
    file = *found;
  }
  file_magic magic;
  if (identify_magic(file, magic))
    return fail("cannot read '" + file + "'");
  if (magic == file_magic::elf_executable)
    return runProgram(file, rest);
  Expected<LoadedModel> model = LoadedModel::load(file);
  if (!model)
    return fail(toString(model.takeError()));
  return runFront(*model, file, rest);
}

static bool isArtifact(StringRef path) {
  file_magic magic;
  if (sys::fs::is_directory(path))
    return true;
  return !identify_magic(path, magic) &&
         (magic == file_magic::elf_executable ||
          magic == file_magic::elf_shared_object || magic == file_magic::elf);
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

/// The first of two values for a dimension is for the compile, the second for
/// the run.
static void splitDims(Arguments &arguments, std::vector<std::string> &compile,
                      std::vector<std::string> &run) {
  std::vector<std::string> ranged;
  for (StringRef text : arguments.all("--dim")) {
    auto [name, size] = text.rsplit('=');
    if (size.contains(".."))
      ranged.push_back(name.str());
    if (!size.contains("..") && is_contained(ranged, name))
      run.push_back(("--dim=" + text).str());
    else
      compile.push_back(text.str());
  }
}

/// Shapes of the files that inputs are read from.
static void readHints(ArrayRef<std::string> rest, CompileOptions &options) {
  for (StringRef word : rest) {
    auto [name, spec] = word.split('=');
    if (word.starts_with("-") || !spec.ends_with(".npy"))
      continue;
    Expected<NamedArray> array = readNpy(spec, name);
    if (!array) {
      consumeError(array.takeError()); // the run says it better
      continue;
    }
    options.data.push_back({name.str(), 0, array->shape(), {}, std::nullopt});
  }
}

int tenon::runRun(CommandArguments given) {
  ArgumentParser parser({compileOptionRows()});
  parser.pass(frontRows);
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "run", help, arguments))
    return *code;
  if (arguments.positional.empty())
    return usage("run takes a model or an artifact", "run");
  const std::string &path = arguments.positional[0];
  if (isArtifact(path))
    return runArtifact(path, arguments);

  std::vector<std::string> compileDims, rest;
  splitDims(arguments, compileDims, rest);
  arguments.replace("--dim", compileDims);
  rest.insert(rest.end(), arguments.rest.begin(), arguments.rest.end());

  CompileOptions options;
  options.model = path;
  if (auto code = readCompileOptions(arguments, options))
    return *code;
  readHints(rest, options);
  options.selftest = is_contained(rest, "--selftest");
  int code;
  std::unique_ptr<CompiledModel> model = compileOrExplain(options, code);
  if (!model)
    return code;
  if (!runsOnHost(model->target))
    return fail("this machine cannot run code for " +
                model->target.options.triple + ", " + model->target.display +
                "; compile it and run it there");
  Expected<LoadedModel> loaded = LoadedModel::link(*model);
  if (!loaded)
    return failInternal(toString(loaded.takeError()));
  return runFront(*loaded, path, rest);
}
