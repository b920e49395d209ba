// Where constants' bytes live: mapped model files, and blobs that the compiler
// itself made, the large ones in mapped files as well. Nothing is copied; the
// operating system pages bytes in when an encoder reads them.
#ifndef TENON_DIALECTS_PACK_WEIGHTSTORE_H
#define TENON_DIALECTS_PACK_WEIGHTSTORE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tenon::pack {

class WeightStore {
public:
  /// Makes the bytes of `buffer` known as `file`.
  void addFile(llvm::StringRef file,
               std::shared_ptr<llvm::MemoryBuffer> buffer);
  /// Takes bytes that no file holds; gives the name to refer to them.
  std::string addBlob(std::vector<char> bytes);
  /// A part of a file. A file not added yet is mapped from disk.
  llvm::Expected<llvm::ArrayRef<char>> read(llvm::StringRef file,
                                            uint64_t offset, uint64_t bytes);
  /// Lets go of mapped pages; they come back when they are read.
  void releasePages();

private:
  std::map<std::string, std::shared_ptr<llvm::MemoryBuffer>> sources;
  unsigned nextBlob = 0;
};

} // namespace tenon::pack

#endif // TENON_DIALECTS_PACK_WEIGHTSTORE_H
