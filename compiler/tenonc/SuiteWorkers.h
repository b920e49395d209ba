//===----------------------------------------------------------------------===//
// Processes that verify cases, and the one that looks after them.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_SUITEWORKERS_H
#define TENON_COMPILER_TENONC_SUITEWORKERS_H

#include "compiler/tenonc/Suite.h"

namespace tenon {

/// Verifies one case in this process.
SuiteResult runCase(const SuiteOptions &options, const SuiteCase &given);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_SUITEWORKERS_H
