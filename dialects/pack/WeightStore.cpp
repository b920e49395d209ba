#include "dialects/pack/WeightStore.h"

using namespace tenon::pack;
using namespace llvm;

void WeightStore::addFile(StringRef file, ArrayRef<char> bytes,
                          std::shared_ptr<void> owner) {
  sources[file.str()] = {bytes, std::move(owner)};
}

std::string WeightStore::addBlob(std::vector<char> bytes) {
  auto owned = std::make_shared<std::vector<char>>(std::move(bytes));
  std::string name = "blob" + std::to_string(nextBlob++);
  sources[name] = {ArrayRef<char>(owned->data(), owned->size()), owned};
  return name;
}

Expected<ArrayRef<char>> WeightStore::read(StringRef file, uint64_t offset,
                                           uint64_t bytes) {
  auto it = sources.find(file.str());
  if (it == sources.end()) {
    auto buffer = MemoryBuffer::getFile(file, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false);
    if (!buffer)
      return createStringError("expected weights in '%s', but it cannot be "
                               "read: %s",
                               file.str().c_str(),
                               buffer.getError().message().c_str());
    std::shared_ptr<MemoryBuffer> owner = std::move(*buffer);
    ArrayRef<char> all(owner->getBufferStart(), owner->getBufferSize());
    it = sources.insert({file.str(), {all, owner}}).first;
  }
  ArrayRef<char> all = it->second.bytes;
  if (offset > all.size() || bytes > all.size() - offset)
    return createStringError("expected weights at bytes %llu to %llu of '%s', "
                             "but it has %llu",
                             (unsigned long long)offset,
                             (unsigned long long)(offset + bytes),
                             file.str().c_str(), (unsigned long long)all.size());
  return all.slice(offset, bytes);
}
