//===----------------------------------------------------------------------===//
// tenonc compile: a model becomes files.
//===----------------------------------------------------------------------===//

#include "compiler/driver/Artifacts.h"
#include "compiler/tenonc/Commands.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace tenon;

static constexpr OptionRow rows[] = {
    {"-o", Takes::Value, "DIR|FILE",
     "where to write; default: a folder with the model's name"},
    {"--emit", Takes::Value, "exe,so,lib,obj,..",
     "also header, manifest, asm, llvm, mlir, ptx; default: exe, so, lib, header "
     "and manifest"},
    {"--stop-after", Takes::Value, "STAGE",
     "print the IR after import, model, compress, schedule or lower"},
    {"--save-reproducer", Takes::Value, "FILE",
     "write the imported IR with its passes, for tenon-opt --run-reproducer"},
    {"--depfile", Takes::Value, "FILE",
     "write what the files depend on, as Make and Ninja read it"},
    {"--no-selftest", Takes::Nothing, "",
     "leave out the digest that --selftest of the artifact compares with"},
};

static constexpr CommandHelp help = {
    "compile MODEL [options]",
    "Compiles an ONNX model (.onnx or ONNX text) ahead of time.",
    "  tenonc compile net.onnx\n"
    "  tenonc compile net.onnx -o build --emit=lib,header --prefix=net\n"
    "  tenonc compile bert.onnx --dim batch=1 --dim seq=1..512\n"
    "  tenonc compile net.onnx --shape x=1x3x48x192 --mcpu=x86-64-v3\n"
    "  tenonc compile net.onnx --mcpu=x86-64-v3,x86-64-v4\n"
    "  tenonc compile net.onnx --stop-after=schedule\n"};

static std::optional<int> readEmits(const Arguments &arguments,
                                    std::vector<Emit> &kinds) {
  SmallVector<StringRef> names;
  for (StringRef list : arguments.all("--emit"))
    list.split(names, ',', -1, /*KeepEmpty=*/false);
  for (StringRef name : names) {
    std::optional<Emit> kind = parseEmit(name);
    if (!kind)
      return usage("--emit takes " + emitNames() + ", not '" + name + "'",
                   "compile");
    if (!is_contained(kinds, *kind))
      kinds.push_back(*kind);
  }
  return std::nullopt;
}

static int printIR(const CompiledModel &model, StringRef output) {
  if (output.empty() || output == "-") {
    outs() << model.ir;
    return exitOk;
  }
  std::error_code code;
  raw_fd_ostream os(output, code);
  if (code)
    return fail("cannot write '" + output + "': " + code.message());
  os << model.ir;
  return exitOk;
}

/// Make's escapes, which Ninja understands too.
static std::string escapePath(StringRef path) {
  SmallString<256> absolute(path);
  sys::fs::make_absolute(absolute);
  std::string text;
  for (char c : absolute) {
    if (c == ' ' || c == '#')
      text += '\\';
    text += c;
    if (c == '$')
      text += c;
  }
  return text;
}

static std::optional<int> writeDepfile(StringRef file,
                                       ArrayRef<std::string> made,
                                       ArrayRef<std::string> sources) {
  std::error_code code;
  raw_fd_ostream os(file, code);
  if (!code) {
    os << join(map_range(made, escapePath), " ") << ':';
    for (const std::string &source : sources)
      os << " \\\n  " << escapePath(source);
    os << '\n';
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (code)
    return fail("cannot write '" + file + "': " + code.message());
  return std::nullopt;
}

static void printSummary(const CompiledModel &model,
                         ArrayRef<std::string> files) {
  errs() << "compiled for " << model.target.options.triple << ", "
         << model.target.display << ':';
  for (const std::string &file : files) {
    uint64_t bytes = 0;
    if (sys::fs::file_size(file, bytes))
      bytes = 0;
    errs() << (files.size() > 1 ? " " : " ") << file << " ("
           << formatv("{0:N0}", bytes) << ")";
  }
  errs() << '\n';
}

int tenon::runCompile(CommandArguments given) {
  ArgumentParser parser({rows, compileOptionRows()});
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "compile", help, arguments))
    return *code;
  if (arguments.positional.size() != 1)
    return usage(arguments.positional.empty()
                     ? "compile takes a model"
                     : "compile takes one model, found also '" +
                           arguments.positional[1] + "'",
                 "compile");
  CompileOptions options;
  options.model = arguments.positional[0];
  if (auto code = readCompileOptions(arguments, options))
    return *code;
  std::vector<Emit> kinds;
  if (auto code = readEmits(arguments, kinds))
    return *code;
  options.stopAfter = arguments.get("--stop-after").str();
  std::vector<std::string> stages = stagesToStopAfter();
  if (!options.stopAfter.empty() && !is_contained(stages, options.stopAfter))
    return usage("--stop-after takes " + join(stages, ", ") + ", not '" +
                     options.stopAfter + "'",
                 "compile");
  options.keepIR = is_contained(kinds, Emit::MLIR);
  options.reproducer = arguments.get("--save-reproducer").str();
  options.selftest = !arguments.has("--no-selftest");

  int code;
  std::unique_ptr<CompiledModel> model = compileOrExplain(options, code);
  if (!model)
    return code;
  StringRef output = arguments.get("-o");
  if (!options.stopAfter.empty())
    return printIR(*model, output);

  bool isFile = kinds.size() == 1 && !output.empty() &&
                !output.ends_with("/") && !sys::fs::is_directory(output);
  if (kinds.empty())
    kinds = defaultEmits(model->target);
  std::string folder =
      output.empty() ? model->interface.name : output.rtrim('/').str();
  if (folder.empty())
    folder = "/";
  Expected<std::vector<std::string>> files =
      writeArtifacts(*model, kinds, folder, isFile);
  if (!files)
    return fail(toString(files.takeError()));
  if (arguments.has("--depfile"))
    if (auto failed =
            writeDepfile(arguments.get("--depfile"), *files, model->sources))
      return *failed;
  printWeightsTable(*model, errs());
  printSummary(*model, *files);
  return exitOk;
}
