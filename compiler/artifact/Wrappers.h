//===----------------------------------------------------------------------===//
// What the user of a compiled model calls, as LLVM IR, and the constant that
// describes the model to the runtime:
//
//   rn50_run(model, data, prob) ──> rn50_rt_run(model, null, {data}, {prob})
//   main(argc, argv) ──> tenon_main(&rn50_model_info, argv[0], argc, argv)
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_WRAPPERS_H
#define TENON_COMPILER_ARTIFACT_WRAPPERS_H

#include "compiler/artifact/ModelInterface.h"

#include "llvm/IR/Module.h"

namespace tenon::artifact {

/// Adds the model's functions and its `tenon_model_info` to `module`, which
/// has the target's data layout. The runtime, `<prefix>_program`, `<prefix>_output_dims`, `<prefix>_output_bounds`,
/// `<prefix>_late_costs` and, unless they are in a file, `<prefix>_weights` are
/// left to other objects of the same link.
/// `executable` adds `main`.
llvm::Error addModelApi(llvm::Module &module, const ModelInterface &model,
                        bool executable);

/// The functions that the header declares, in its order; what a shared library
/// exports.
std::vector<std::string> publicSymbols(const ModelInterface &model);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_WRAPPERS_H
