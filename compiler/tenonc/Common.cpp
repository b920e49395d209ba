#include "compiler/tenonc/Commands.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errc.h"

#include <thread>

using namespace llvm;
using namespace tenon;

static constexpr OptionRow rows[] = {
    {"--target", Takes::Value, "TRIPLE", "default: this machine's system"},
    {"--mcpu", Takes::Value, "NAME|native|A,B",
     "default: this machine's CPU; `tenonc targets` lists names; several x86 "
     "levels go into one artifact, which chooses when it starts"},
    {"--dim", Takes::Value, "NAME=N|LO..HI",
     "the size, or its bounds, of an open dimension"},
    {"--bound", Takes::Value, "NODE=N",
     "the largest size that a node may find at run time"},
    {"--shape", Takes::Value, "INPUT=1x3x48x192",
     "an input's shape; each size N, LO..HI or a name"},
    {"--value", Takes::Value, "INPUT=X",
     "bind an input to a constant: 3, 1,2,3 or @file.npy"},
    {"--weights-format", Takes::Value, "f32|f16|int8|int4|2:4|2:4-int8",
     "how weights are stored"},
    {"--report", Takes::Value, "FILE.json",
     "write what each constant is stored as, and its error"},
    {"--act", Takes::Value, "int8", "quantize activations per token"},
    {"--prefix", Takes::Value, "NAME", "begins symbols and file names"},
    {"--weights", Takes::Value, "embed|file",
     "in the artifact or beside it; default: by size"},
};

ArrayRef<OptionRow> tenon::compileOptionRows() { return rows; }

int tenon::fail(const Twine &text, int code) {
  errs() << "error: " << text << '\n';
  return code;
}

int tenon::usage(const Twine &text, StringRef command) {
  errs() << "error: " << text << "\ntenonc"
         << (command.empty() ? "" : " ") << command
         << " --help shows what there is\n";
  return exitUsage;
}

std::optional<int> tenon::parseArguments(const ArgumentParser &parser,
                                         CommandArguments given,
                                         StringRef command,
                                         const CommandHelp &help,
                                         Arguments &arguments) {
  Expected<Arguments> parsed = parser.parse(given);
  if (!parsed)
    return usage(toString(parsed.takeError()), command);
  arguments = std::move(*parsed);
  if (arguments.has("--help")) {
    parser.printHelp(help, outs());
    return exitOk;
  }
  return std::nullopt;
}

std::optional<int64_t> tenon::parseNumber(StringRef text, int64_t lo,
                                          int64_t hi) {
  int64_t value;
  if (text.getAsInteger(10, value) || value < lo || value > hi)
    return std::nullopt;
  return value;
}

//===----------------------------------------------------------------------===//
// Options of a compile
//===----------------------------------------------------------------------===//

static Error bad(const Twine &text) {
  return createStringError(errc::invalid_argument, text);
}

/// "NAME=REST"; the name may hold '=' itself.
static Expected<std::pair<StringRef, StringRef>> splitName(StringRef option,
                                                           StringRef text) {
  auto [name, rest] = text.rsplit('=');
  if (name.empty() || rest.empty())
    return bad(option + " takes NAME=VALUE, not '" + text + "'");
  return std::pair(name, rest);
}

static Error readSizes(const Arguments &arguments, CompileOptions &options) {
  for (StringRef text : arguments.all("--dim")) {
    auto pair = splitName("--dim", text);
    if (!pair)
      return pair.takeError();
    auto spec = onnx::DimSpec::parse(pair->second);
    if (!spec || !spec->symbol.empty())
      return bad("--dim " + text + ": expected a size N or bounds LO..HI");
    options.dims[pair->first.str()] = spec->range;
  }
  for (StringRef text : arguments.all("--bound")) {
    auto pair = splitName("--bound", text);
    if (!pair)
      return pair.takeError();
    std::optional<int64_t> most = parseNumber(pair->second, 0, INT64_MAX);
    if (!most)
      return bad("--bound " + text + ": expected a size N");
    options.bounds[pair->first.str()] = *most;
  }
  for (StringRef text : arguments.all("--shape")) {
    auto pair = splitName("--shape", text);
    if (!pair)
      return pair.takeError();
    std::vector<onnx::DimSpec> &shape = options.shapes[pair->first.str()];
    shape.clear();
    if (pair->second == "scalar" || pair->second == "[]")
      continue;
    SmallVector<StringRef> sizes;
    // A name may hold an x itself, so a comma separates too.
    pair->second.split(sizes, pair->second.contains(',') ? ',' : 'x');
    for (StringRef size : sizes) {
      auto spec = onnx::DimSpec::parse(size);
      if (!spec)
        return bad("--shape " + text + ": expected sizes N, LO..HI or names "
                                       "with x or a comma between, found '" +
                   size + "'");
      shape.push_back(*spec);
    }
  }
  for (StringRef text : arguments.all("--value")) {
    // The value may be a path; the name ends at the first '='.
    auto [name, value] = text.split('=');
    if (name.empty() || value.empty())
      return bad("--value takes INPUT=X, not '" + text + "'");
    options.values[name.str()] = value.str();
  }
  return Error::success();
}

std::optional<int> tenon::readCompileOptions(const Arguments &arguments,
                                             CompileOptions &options) {
  if (Error error = readSizes(arguments, options))
    return usage(toString(std::move(error)), "compile");
  options.target = arguments.get("--target").str();
  options.cpu = arguments.get("--mcpu").str();
  // Names that do not exist are the command line's fault, not the model's.
  Expected<std::vector<ResolvedTarget>> targets =
      resolveTargets(options.target, options.cpu);
  if (!targets)
    return usage(toString(targets.takeError()), "compile");
  options.prefix = arguments.get("--prefix").str();
  options.report = arguments.get("--report").str();
  options.threads = std::max(1u, std::thread::hardware_concurrency());
  if (arguments.has("--weights")) {
    StringRef place = arguments.get("--weights");
    if (place != "embed" && place != "file")
      return usage("--weights takes embed or file, not '" + place + "'",
                   "compile");
    options.weights =
        place == "embed" ? WeightsPlace::Embed : WeightsPlace::File;
  }
  if (arguments.has("--weights-format")) {
    StringRef format = arguments.get("--weights-format");
    if (!llvm::is_contained(weightsFormats(), format))
      return usage("--weights-format takes " + join(weightsFormats(), ", ") +
                       ", not '" + format + "'",
                   "compile");
    options.compress.weightsFormat = format.str();
  }
  if (arguments.has("--act")) {
    if (arguments.get("--act") != "int8")
      return usage("--act takes int8, not '" + arguments.get("--act") + "'",
                   "compile");
    options.compress.int8Activations = true;
  }
  return std::nullopt;
}

std::unique_ptr<CompiledModel>
tenon::compileOrExplain(const CompileOptions &options, int &code) {
  Diagnostics diagnostics(options.model);
  Failure failure = Failure::None;
  std::unique_ptr<CompiledModel> model =
      compileModel(options, diagnostics, failure);
  diagnostics.print(errs());
  code = exitOk;
  if (model && !options.report.empty())
    if (auto failed = writeWeightsReport(*model, options.report)) {
      code = *failed;
      return nullptr;
    }
  if (model)
    return model;
  code = exitRefused;
  if (failure == Failure::Internal)
    code = failInternal("", diagnostics.str(), diagnostics.reproducer);
  return nullptr;
}
