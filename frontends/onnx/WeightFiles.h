//===- WeightFiles.h - external data of a model -----------------*- C++ -*-===//

#ifndef TENON_FRONTENDS_ONNX_WEIGHTFILES_H
#define TENON_FRONTENDS_ONNX_WEIGHTFILES_H

#include "frontends/onnx/Model.h"

#include "llvm/ADT/StringMap.h"

#include <optional>

namespace tenon::onnx {

/// Bytes that stay where they are: in files[file], or owned by the Model.
struct ByteRange {
  int file = -1;
  uint64_t offset = 0;
  llvm::ArrayRef<char> bytes;
};

/// Maps the files that tensors of a model refer to. A model may come from
/// anyone, so only files inside its own folder are opened, symbolic links and
/// ".." resolved.
class WeightFiles {
public:
  /// `modelPath` is empty for a model that is not in a file.
  WeightFiles(std::vector<File> &files, llvm::StringRef modelPath)
      : files(files), modelPath(modelPath) {}

  /// What external_data says: without a length, to the end of the file. The
  /// error names neither model nor tensor.
  llvm::Expected<ByteRange> find(llvm::StringRef location, uint64_t offset,
                                 std::optional<uint64_t> length);

private:
  llvm::Expected<int> map(llvm::StringRef location);

  std::vector<File> &files;
  std::string modelPath;
  /// By location as written.
  llvm::StringMap<int> known;
};

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_WEIGHTFILES_H
