#include "compiler/tenonc/Suite.h"

#include "compiler/tenonc/OnnxData.h"
#include "compiler/tenonc/SuiteWorkers.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>

using namespace llvm;
using namespace tenon;
namespace fs = sys::fs;
namespace path = sys::path;

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

static std::string inside(StringRef folder, StringRef name) {
  SmallString<256> full(folder);
  path::append(full, name);
  return std::string(full);
}

/// Tolerances by case: columns `kind`, `name`, `rtol`, `atol` of manifest.tsv.
static std::map<std::string, Tolerance> readManifest(StringRef folder) {
  std::map<std::string, Tolerance> tolerances;
  auto buffer = MemoryBuffer::getFile(inside(folder, "manifest.tsv"));
  if (!buffer)
    return tolerances;
  SmallVector<StringRef> lines, header;
  (*buffer)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  if (lines.empty())
    return tolerances;
  lines[0].split(header, '\t');
  for (StringRef line : ArrayRef(lines).drop_front()) {
    SmallVector<StringRef> fields;
    line.split(fields, '\t');
    std::string kind, name;
    Tolerance tolerance;
    for (auto [title, field] : zip(header, fields)) {
      if (title == "kind")
        kind = field.str();
      else if (title == "name")
        name = field.str();
      else if (title == "rtol")
        field.getAsDouble(tolerance.rtol);
      else if (title == "atol")
        field.getAsDouble(tolerance.atol);
    }
    tolerances[kind.empty() ? name : kind + "/" + name] = tolerance;
  }
  return tolerances;
}

Expected<std::vector<SuiteCase>> tenon::findCases(const SuiteOptions &options) {
  Regex filter(options.filter.empty() ? "." : options.filter);
  std::string problem;
  if (!filter.isValid(problem))
    return createStringError(errc::invalid_argument,
                             "--filter=" + options.filter + ": " + problem);
  std::map<std::string, Tolerance> tolerances = readManifest(options.folder);
  std::vector<SuiteCase> cases;
  std::error_code code;
  for (fs::recursive_directory_iterator it(options.folder, code), end;
       it != end && !code; it.increment(code)) {
    if (path::filename(it->path()) != "model.onnx")
      continue;
    SuiteCase found;
    found.folder = path::parent_path(it->path()).str();
    StringRef name = found.folder;
    name.consume_front(options.folder);
    found.name = name.ltrim('/').str();
    if (findDataSets(found.folder).empty() || !filter.match(found.name) ||
        xxh3_64bits(StringRef(found.name)) % options.sample)
      continue;
    auto known = tolerances.find(found.name);
    if (known != tolerances.end())
      found.tolerance = known->second;
    cases.push_back(std::move(found));
  }
  if (code)
    return createStringError(code, "cannot read the folder '" + options.folder +
                                       "': " + code.message());
  llvm::sort(cases, [](const SuiteCase &a, const SuiteCase &b) {
    return a.name < b.name;
  });
  return cases;
}

Expected<std::map<std::string, std::string>>
tenon::readStatusList(StringRef file) {
  auto buffer = MemoryBuffer::getFile(file);
  if (!buffer)
    return createStringError(buffer.getError(),
                             "cannot read '" + file +
                                 "': " + buffer.getError().message());
  std::map<std::string, std::string> list;
  SmallVector<StringRef> lines;
  (*buffer)->getBuffer().split(lines, '\n');
  for (StringRef line : lines) {
    line = line.trim();
    if (line.empty() || line.starts_with("#"))
      continue;
    auto [name, reason] = line.split(' ');
    list[name.str()] = reason.trim().str();
  }
  return list;
}

//===----------------------------------------------------------------------===//
// One case
//===----------------------------------------------------------------------===//

SuiteResult tenon::runCase(const SuiteOptions &options,
                           const SuiteCase &given) {
  SuiteResult result;
  for (const std::string &folder : findDataSets(given.folder)) {
    Expected<DataSet> data = readDataSet(folder);
    CompileOptions compile = options.compile;
    compile.model = inside(given.folder, "model.onnx");
    Diagnostics diagnostics(compile.model);
    if (!data) {
      // The model may be refused for a better reason than its data.
      std::string reason = toString(data.takeError());
      Failure failure;
      compile.selftest = false;
      compile.analyzeOnly = true;
      if (!compileModel(compile, diagnostics, failure) &&
          diagnostics.hasErrors())
        reason = diagnostics.firstError();
      result.problem = reason;
      return result;
    }
    CaseResult one = verifyData(compile, *data, given.tolerance, 1,
                                options.variant, diagnostics);
    result.difference.join(one.difference);
    result.bound = one.bound;
    result.atOtherSizes |= one.atOtherSizes;
    if (!one.problem.empty()) {
      result.problem = one.problem;
      return result;
    }
  }
  return result;
}
