// Where constants' bytes live: mapped model files, and blobs that the compiler
// itself made. Nothing is copied; the operating system pages bytes in when an
// encoder reads them.
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
  /// Makes `bytes` known as `file`; `owner` keeps them alive.
  void addFile(llvm::StringRef file, llvm::ArrayRef<char> bytes,
               std::shared_ptr<void> owner);
  /// Takes bytes that no file holds; gives the name to refer to them.
  std::string addBlob(std::vector<char> bytes);
  /// A part of a file. A file not added yet is mapped from disk.
  llvm::Expected<llvm::ArrayRef<char>> read(llvm::StringRef file,
                                            uint64_t offset, uint64_t bytes);

private:
  struct Source {
    llvm::ArrayRef<char> bytes;
    std::shared_ptr<void> owner;
  };
  std::map<std::string, Source> sources;
  unsigned nextBlob = 0;
};

} // namespace tenon::pack

#endif // TENON_DIALECTS_PACK_WEIGHTSTORE_H
