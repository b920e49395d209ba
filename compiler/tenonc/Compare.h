//===----------------------------------------------------------------------===//
// How far an output lies from the one expected.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_COMPARE_H
#define TENON_COMPILER_TENONC_COMPARE_H

#include "compiler/tenonc/NpyData.h"

namespace tenon {

/// |a - b| <= atol + rtol * |b|; integers and bools are compared exactly.
struct Tolerance {
  double rtol = 1e-3;
  double atol = 1e-7;
};

struct Difference {
  double maxAbs = 0;
  /// max |a - b| / max |b|, the largest of all outputs.
  double maxRel = 0;
  uint64_t maxUlp = 0;

  void join(const Difference &other);
};

/// Compares an output with the expected one; what is beyond the tolerance is
/// an error that names the element. `difference` is filled in both cases.
llvm::Error compareOutput(llvm::StringRef name, const tenon_array &actual,
                          const tenon_array &expected,
                          const Tolerance &tolerance, Difference &difference);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_COMPARE_H
