//===----------------------------------------------------------------------===//
// One model and the data it is verified with.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_CASE_H
#define TENON_COMPILER_TENONC_CASE_H

#include "compiler/driver/Compile.h"
#include "compiler/tenonc/CaseInputs.h"
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
  /// With dynamic sizes: the program ran at other sizes too and gave what a
  /// program compiled for those alone gives.
  bool atOtherSizes = false;
};

/// Compiles `options.model` for the data, runs the objects that an artifact
/// would hold and compares. With dynamic sizes the model is compiled once and
/// runs at the data's sizes and at others, where the model has a meaning there.
CaseResult verifyData(CompileOptions options, const DataSet &data,
                      const Tolerance &tolerance, int32_t threads,
                      Variant variant, Diagnostics &diagnostics);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_CASE_H
