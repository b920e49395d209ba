//===----------------------------------------------------------------------===//
// A folder of cases, each a model with its data, verified by workers:
//
//   parent ─ fork ─> worker: cases 0..24    one line of JSON per case
//          ─ fork ─> worker: cases 25..49   crash or time limit: one case lost,
//                                           a new worker takes the rest
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_SUITE_H
#define TENON_COMPILER_TENONC_SUITE_H

#include "compiler/tenonc/Case.h"

#include <map>

namespace tenon {

struct SuiteCase {
  /// Its folder, relative to the suite's: "node/test_abs".
  std::string name;
  std::string folder;
  Tolerance tolerance;
};

struct SuiteOptions {
  std::string folder;
  unsigned jobs = 1;
  /// A pattern that names must hold; empty: all.
  std::string filter;
  /// One of so many cases, chosen by name.
  unsigned sample = 1;
  Variant variant = Variant::AsIs;
  int secondsPerCase = 20;
  CompileOptions compile;
};

struct SuiteResult {
  std::string problem;
  bool crashed = false;
  double seconds = 0;
  Difference difference;
  std::vector<std::string> bound;
  bool atOtherSizes = false;
};

/// All folders with a model.onnx and data, sorted by name, with the tolerances
/// of manifest.tsv if there is one.
llvm::Expected<std::vector<SuiteCase>> findCases(const SuiteOptions &options);

/// Verifies them; results stand in the order of the cases.
std::vector<SuiteResult> runSuite(const SuiteOptions &options,
                                  llvm::ArrayRef<SuiteCase> cases);

/// The list of cases that are expected not to pass: a name and the reason per
/// line, `#` begins a comment.
llvm::Expected<std::map<std::string, std::string>>
readStatusList(llvm::StringRef path);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_SUITE_H
