//===----------------------------------------------------------------------===//
// What objects ask of others besides the runtime. LLVM turns some operations
// into calls (64-bit division on 32-bit machines, f64 arithmetic without an
// FPU) that no library a model may count on has.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_CODEGEN_FOREIGNCALLS_H
#define TENON_COMPILER_CODEGEN_FOREIGNCALLS_H

#include "compiler/codegen/ObjectCode.h"

#include <string>

namespace tenon {

struct ForeignCall {
  std::string symbol;
  /// The function that calls it; empty where the format does not say.
  std::string caller;
};

/// The undefined symbols of `objects` which neither begin with `prefix` nor
/// are copies and fills of memory; each once, in order.
llvm::Expected<std::vector<ForeignCall>>
findForeignCalls(llvm::ArrayRef<ObjectFile> objects, llvm::StringRef prefix);

} // namespace tenon

#endif // TENON_COMPILER_CODEGEN_FOREIGNCALLS_H
