//===----------------------------------------------------------------------===//
// tenonc verify: do the outputs come out as expected?
//===----------------------------------------------------------------------===//

#include "compiler/tenonc/Commands.h"
#include "compiler/tenonc/OnnxData.h"
#include "compiler/tenonc/Suite.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

using namespace llvm;
using namespace tenon;

static constexpr OptionRow rows[] = {
    {"--data", Takes::Value, "DIR|FILE.npz",
     "inputs and outputs: input_0.pb .., or arrays by name"},
    {"--suite", Takes::Value, "DIR", "verify every case in a folder"},
    {"--jobs", Takes::Value, "N", "cases at a time; default 1"},
    {"--list", Takes::Value, "STATUSFILE",
     "cases that are not expected to pass, with reasons"},
    {"--write-list", Takes::Nothing, "", "write that file anew"},
    {"--filter", Takes::Value, "REGEX", "cases by name"},
    {"--sample", Takes::Value, "N", "one of N cases, by a hash of its name"},
    {"--variant", Takes::Value, "KIND",
     "dynamic: sizes are symbols; constants: inputs are bound"},
    {"--format", Takes::Value, "text|json", "how results are printed"},
    {"--threads", Takes::Value, "N", "of the model; default 1"},
    {"--rtol", Takes::Value, "X", "default 1e-3"},
    {"--atol", Takes::Value, "X", "default 1e-7"},
    {"--limit", Takes::Value, "SECONDS", "per case; default 20"},
};

static constexpr CommandHelp help = {
    "verify MODEL --data=DIR|FILE.npz [options]\n"
    "       tenonc verify --suite=DIR [options]",
    "Runs the object code that an artifact would hold, on given inputs, and "
    "compares\nits outputs with given ones. Inputs that decide shapes are "
    "bound at compile time\nwhere the model does not compile otherwise.\n\n"
    "With --variant=dynamic every size above 1 of an input is a symbol from 1 "
    "to twice\nthe data's, equal sizes share one; the program runs at the "
    "data's sizes, and at\nothers, where a program compiled for those is the "
    "reference. With\n--variant=constants every input is bound to its data "
    "at compile time.",
    "  tenonc verify net.onnx --data=test_data_set_0\n"
    "  tenonc verify net.onnx --data=run.npz --rtol=1e-4\n"
    "  tenonc verify --suite=cases --jobs=2 --list=status.txt\n"
    "  tenonc verify --suite=cases --variant=dynamic --list=dynamic.txt\n"};

namespace {
/// How a case counts.
enum class Verdict { Passed, Failed, Skipped };

struct Row {
  std::string name;
  Verdict verdict = Verdict::Passed;
  std::string message;
  SuiteResult result;
};
} // namespace

static json::Object toJson(const Row &row) {
  static constexpr StringLiteral words[] = {"passed", "failed", "skipped"};
  json::Object object{{"name", json::fixUTF8(row.name)},
                      {"status", words[int(row.verdict)]},
                      {"seconds", row.result.seconds},
                      {"max_abs", row.result.difference.maxAbs},
                      {"max_rel", row.result.difference.maxRel},
                      {"max_ulp", row.result.difference.maxUlp}};
  if (!row.result.bound.empty())
    object["bound"] = json::Array(row.result.bound);
  if (row.result.atOtherSizes)
    object["other_sizes"] = true;
  if (!row.message.empty())
    object["message"] = json::fixUTF8(row.message);
  return object;
}

static int report(ArrayRef<Row> rows, bool asJson, bool verbose) {
  size_t counts[3] = {}, others = 0;
  json::Array list;
  for (const Row &row : rows) {
    ++counts[int(row.verdict)];
    others += row.verdict == Verdict::Passed && row.result.atOtherSizes;
    if (asJson)
      list.push_back(toJson(row));
    else if (row.verdict == Verdict::Failed)
      outs() << "FAILED " << row.name << ": " << row.message << '\n';
    else if (verbose)
      outs() << formatv("{0}: max |a-b| {1:E2}, relative {2:E2}, {3} ULP\n",
                        row.name, row.result.difference.maxAbs,
                        row.result.difference.maxRel,
                        row.result.difference.maxUlp);
  }
  if (others && !asJson)
    outs() << others << " of them ran at a second size too\n";
  std::string line = formatv("{0} passed, {1} failed, {2} skipped\n", counts[0],
                             counts[1], counts[2]);
  if (asJson) {
    outs() << formatv("{0:2}\n",
                      json::Value(json::Object{{"passed", int64_t(counts[0])},
                                               {"failed", int64_t(counts[1])},
                                               {"skipped", int64_t(counts[2])},
                                               {"cases", std::move(list)}}));
    // stdout is one JSON text.
    errs() << line;
  } else {
    outs() << line;
  }
  return counts[1] ? exitMismatch : exitOk;
}

//===----------------------------------------------------------------------===//
// One model
//===----------------------------------------------------------------------===//

/// Names of all inputs and outputs; the data's arrays are found by them.
static std::optional<int>
readArchive(StringRef path, const CompileOptions &options, DataSet &data) {
  onnx::LoadOptions load;
  load.hasTranslator = onnx::hasTranslator;
  Expected<onnx::Model> model = onnx::loadModel(options.model, load);
  if (!model)
    return fail(toString(model.takeError()));
  data.name = path.str();
  for (auto [infos, arrays] :
       {std::pair(&model->graph.inputs, &data.inputs),
        std::pair(&model->graph.outputs, &data.outputs)}) {
    std::vector<std::string> names;
    for (const onnx::ValueInfo &info : *infos)
      if (!options.values.count(info.name))
        names.push_back(info.name);
    bool isInput = arrays == &data.inputs;
    Expected<std::vector<NamedArray>> read = readNpz(path, names, isInput);
    if (!read)
      return fail(toString(read.takeError()));
    *arrays = std::move(*read);
  }
  if (data.outputs.empty())
    return fail("'" + path + "' holds none of the model's outputs");
  return std::nullopt;
}

static std::optional<int> readData(StringRef path,
                                   const CompileOptions &options,
                                   std::vector<DataSet> &sets) {
  if (!sys::fs::is_directory(path)) {
    sets.emplace_back();
    return readArchive(path, options, sets.back());
  }
  for (const std::string &folder : findDataSets(path)) {
    Expected<DataSet> set = readDataSet(folder);
    if (!set)
      return fail("'" + folder + "': " + toString(set.takeError()));
    sets.push_back(std::move(*set));
  }
  if (sets.empty())
    return fail("'" + path + "' holds no test_data_set_0 and no output_0.pb");
  return std::nullopt;
}

static int verifyModel(const Arguments &arguments, CompileOptions options,
                       const Tolerance &tolerance, int32_t threads,
                       Variant variant, bool asJson) {
  std::vector<DataSet> sets;
  if (auto code = readData(arguments.get("--data"), options, sets))
    return *code;
  std::vector<Row> results;
  for (const DataSet &set : sets) {
    Diagnostics diagnostics(options.model);
    CaseResult one = 
        verifyData(options, set, tolerance, threads, variant, diagnostics);
    diagnostics.print(errs());
    if (one.failure == Failure::Internal)
      return failInternal(one.problem, diagnostics.str(),
                          diagnostics.reproducer);
    if (one.refused) {
      if (!diagnostics.hasErrors())
        fail(one.problem);
      return exitRefused;
    }
    if (!one.bound.empty()) {
      errs() << "note: bound at compile time:";
      for (const std::string &name : one.bound)
        errs() << ' ' << name;
      errs() << '\n';
    }
    Row row;
    row.name = set.name;
    row.message = one.problem;
    row.verdict = one.problem.empty() ? Verdict::Passed : Verdict::Failed;
    row.result.difference = one.difference;
    row.result.bound = one.bound;
    row.result.atOtherSizes = one.atOtherSizes;
    results.push_back(std::move(row));
  }
  return report(results, asJson, /*verbose=*/true);
}

//===----------------------------------------------------------------------===//
// A suite
//===----------------------------------------------------------------------===//

static int writeStatusList(StringRef path, StringRef variant,
                           ArrayRef<SuiteCase> cases,
                           ArrayRef<SuiteResult> results) {
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (code)
    return fail("cannot write '" + path + "': " + code.message());
  os << "# Cases that do not pass yet, and why. A case that passes must be "
        "taken off.\n"
        "# Written by tenonc verify --suite=DIR "
     << (variant.empty() ? "" : "--variant=" + variant + " ")
     << "--list=FILE --write-list\n";
  size_t count = 0, others = 0;
  for (const SuiteResult &result : results)
    others += result.problem.empty() && result.atOtherSizes;
  if (others)
    os << "# " << others << " of those that pass ran at a second size too.\n";
  for (auto [entry, result] : zip(cases, results))
    if (!result.problem.empty()) {
      ++count;
      os << entry.name << ' ' << StringRef(result.problem).split('\n').first
         << '\n';
    }
  errs() << path << ": " << count << " of " << cases.size()
         << " cases do not pass\n";
  return exitOk;
}

static Verdict judge(const SuiteResult &result, const std::string *listed,
                     std::string &message) {
  message = StringRef(result.problem).split('\n').first.str();
  if (result.problem.empty() && listed) {
    message = "passes unexpectedly; take it off the list, where it stands "
              "for: " +
              *listed;
    return Verdict::Failed;
  }
  if (result.problem.empty())
    return Verdict::Passed;
  return listed ? Verdict::Skipped : Verdict::Failed;
}

static int verifySuite(const Arguments &arguments, SuiteOptions options,
                       bool asJson) {
  Expected<std::vector<SuiteCase>> cases = findCases(options);
  if (!cases)
    return fail(toString(cases.takeError()));
  if (cases->empty())
    return fail("no case in '" + options.folder +
                "': expected folders with model.onnx and test_data_set_0");
  if (!arguments.has("--rtol") && !arguments.has("--atol")) {
    // As the suite has them.
  } else {
    for (SuiteCase &entry : *cases) {
      arguments.get("--rtol").getAsDouble(entry.tolerance.rtol);
      arguments.get("--atol").getAsDouble(entry.tolerance.atol);
    }
  }
  StringRef listPath = arguments.get("--list");
  std::map<std::string, std::string> list;
  if (!listPath.empty() && !arguments.has("--write-list")) {
    auto read = readStatusList(listPath);
    if (!read)
      return fail(toString(read.takeError()));
    list = std::move(*read);
  }
  std::vector<SuiteResult> results = runSuite(options, *cases);
  if (arguments.has("--write-list"))
    return writeStatusList(listPath, arguments.get("--variant"), *cases,
                           results);

  std::vector<Row> table;
  for (auto [entry, result] : zip(*cases, results)) {
    auto listed = list.find(entry.name);
    Row row;
    row.name = entry.name;
    row.verdict = judge(
        result, listed == list.end() ? nullptr : &listed->second, row.message);
    row.result = std::move(result);
    table.push_back(std::move(row));
    if (listed != list.end())
      list.erase(listed);
  }
  // A name that no case has would hide a case that went missing.
  if (options.filter.empty() && options.sample == 1)
    for (const auto &[name, reason] : list) {
      Row row;
      row.name = name;
      row.verdict = Verdict::Failed;
      row.message = "is on the list, but there is no such case";
      table.push_back(std::move(row));
    }
  return report(table, asJson, /*verbose=*/false);
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

int tenon::runVerify(CommandArguments given) {
  ArgumentParser parser({rows, compileOptionRows()});
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "verify", help, arguments))
    return *code;
  StringRef format = arguments.get("--format", "text");
  if (format != "text" && format != "json")
    return usage("--format takes text or json, not '" + format + "'", "verify");
  auto jobs = parseNumber(arguments.get("--jobs", "1"), 1, 256);
  auto threads = parseNumber(arguments.get("--threads", "1"), 1, 1024);
  auto limit = parseNumber(arguments.get("--limit", "20"), 1, 86400);
  if (!jobs || !threads || !limit)
    return usage("--jobs, --threads and --limit take whole numbers above 0",
                 "verify");
  Tolerance tolerance;
  for (auto [option, value] : {std::pair("--rtol", &tolerance.rtol),
                               std::pair("--atol", &tolerance.atol)})
    if (arguments.has(option) &&
        (arguments.get(option).getAsDouble(*value) || *value < 0))
      return usage(Twine(option) + " takes a number, not '" +
                       arguments.get(option) + "'",
                   "verify");
  auto sample = parseNumber(arguments.get("--sample", "1"), 1, 1000000);
  if (!sample)
    return usage("--sample takes a whole number above 0", "verify");
  auto variant = StringSwitch<std::optional<Variant>>(arguments.get("--variant"))
                     .Case("", Variant::AsIs)
                     .Case("dynamic", Variant::Dynamic)
                     .Case("constants", Variant::Constants)
                     .Default(std::nullopt);
  if (!variant)
    return usage("--variant takes dynamic or constants, not '" +
                     arguments.get("--variant") + "'",
                 "verify");
  CompileOptions options;
  if (auto code = readCompileOptions(arguments, options))
    return *code;

  bool isSuite = arguments.has("--suite");
  if (isSuite != arguments.positional.empty() ||
      arguments.positional.size() > 1 || isSuite == arguments.has("--data"))
    return usage("verify takes MODEL --data=DIR|FILE.npz, or --suite=DIR",
                 "verify");
  if (arguments.has("--write-list") && !arguments.has("--list"))
    return usage("--write-list needs --list=FILE", "verify");
  if (!isSuite) {
    options.model = arguments.positional[0];
    return verifyModel(arguments, options, tolerance, *threads, *variant,
                       format == "json");
  }
  SuiteOptions suite;
  suite.folder = arguments.get("--suite").rtrim('/').str();
  suite.jobs = *jobs;
  suite.filter = arguments.get("--filter").str();
  suite.sample = *sample;
  suite.variant = *variant;
  suite.secondsPerCase = *limit;
  suite.compile = options;
  // Workers are many; each compiles on its own thread.
  suite.compile.threads = 1;
  return verifySuite(arguments, suite, format == "json");
}
