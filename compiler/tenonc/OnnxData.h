//===----------------------------------------------------------------------===//
// ONNX's test data: folders `test_data_set_N` of TensorProto files
// `input_I.pb` and `output_I.pb`.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_ONNXDATA_H
#define TENON_COMPILER_TENONC_ONNXDATA_H

#include "compiler/tenonc/NpyData.h"

namespace tenon {

/// Reads the bytes of a TensorProto.
llvm::Expected<NamedArray> parseTensorProto(llvm::StringRef bytes);

/// Reads one data set: all of `input_I.pb` and `output_I.pb`, in order.
llvm::Expected<DataSet> readDataSet(llvm::StringRef folder);

/// The data sets of a case's folder, or the folder itself if it is one.
std::vector<std::string> findDataSets(llvm::StringRef folder);

} // namespace tenon

#endif // TENON_COMPILER_TENONC_ONNXDATA_H
