//===----------------------------------------------------------------------===//
// One model and the data it is verified with.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_CASE_H
#define TENON_COMPILER_TENONC_CASE_H

#include "compiler/driver/Compile.h"
#include "compiler/tenonc/Compare.h"

namespace tenon {

struct CaseResult {
  /// Empty: the outputs are as expected.
  std::string problem;
  /// Nothing ran: the model or its data were refused.
  bool refused = false;
  Failure failure = Failure::None;
  Difference difference;
  /// Inputs that decide shapes and were bound to constants at compile time,
  /// since the model does not compile otherwise.
  std::vector<std::string> bound;
};

/// Compiles `options.model` for the shapes of the data, runs the objects that
/// an artifact would hold and compares.
CaseResult verifyData(CompileOptions options, const DataSet &data,
                      const Tolerance &tolerance, int32_t threads,
                      Diagnostics &diagnostics);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_CASE_H
