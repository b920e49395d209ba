//===----------------------------------------------------------------------===//
// From the planned program to the description that all writers read.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_INTERFACE_H
#define TENON_COMPILER_DRIVER_INTERFACE_H

#include "compiler/artifact/ModelInterface.h"
#include "compiler/target/Targets.h"
#include "dialects/rt/Rt.h"

namespace tenon {

/// Describes `program`. Steps are numbered as they stand in it.
llvm::Expected<artifact::ModelInterface>
describeProgram(rt::ProgramOp program, const ResolvedTarget &target,
                llvm::StringRef prefix);

/// The number of abi.h for an element type; 0 if it has none.
int32_t tenonType(mlir::Type element);

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_INTERFACE_H
