//===----------------------------------------------------------------------===//
// Constants that the user binds to inputs: `--value INPUT=X`.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_VALUES_H
#define TENON_COMPILER_DRIVER_VALUES_H

#include "compiler/driver/CompileOptions.h"

namespace tenon {

/// Fills `import` for a loaded model: sizes, shapes from data, bound values.
/// Names that the model has not are errors that list those it has.
llvm::Error fillImportOptions(const CompileOptions &options,
                              const onnx::Model &model,
                              onnx::ImportOptions &import);

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_VALUES_H
