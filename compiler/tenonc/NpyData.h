//===----------------------------------------------------------------------===//
// Arrays with names, and where they are read from: .npy and .npz here, ONNX's
// test data in OnnxData.h.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_NPYDATA_H
#define TENON_COMPILER_TENONC_NPYDATA_H

#include "runtime/exe/exe.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace tenon {

/// Owns its elements.
struct NamedArray {
  NamedArray() = default;
  NamedArray(NamedArray &&other);
  NamedArray &operator=(NamedArray &&other);
  ~NamedArray() { tenon_array_free(&array); }

  std::vector<int64_t> shape() const {
    return {array.dims, array.dims + array.rank};
  }
  /// Makes room for an array of this type and shape.
  llvm::Error allocate(int32_t type, llvm::ArrayRef<int64_t> shape);

  std::string name;
  tenon_array array = {};
};

/// What a model is given and what it should give.
struct DataSet {
  std::string name;
  std::vector<NamedArray> inputs, outputs;
  /// Inputs are named by their order, not by `name`.
  bool byOrder = false;
};

llvm::Expected<NamedArray> readNpy(llvm::StringRef path, llvm::StringRef name);

/// A .npz archive: finds the arrays called `names`; `missing` says what to do
/// without one (an error, or leave it out).
llvm::Expected<std::vector<NamedArray>>
readNpz(llvm::StringRef path, llvm::ArrayRef<std::string> names, bool need);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_NPYDATA_H
