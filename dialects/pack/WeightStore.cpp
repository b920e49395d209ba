#include "dialects/pack/WeightStore.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <sys/mman.h>

using namespace tenon::pack;
using namespace llvm;

void WeightStore::addFile(StringRef file,
                          std::shared_ptr<MemoryBuffer> buffer) {
  sources[file.str()] = std::move(buffer);
}

/// The bytes in a file without a name, which is mapped; null where there is no
/// room for one.
static std::unique_ptr<MemoryBuffer> moveToFile(ArrayRef<char> bytes) {
  int descriptor = -1;
  SmallString<128> path;
  if (sys::fs::createTemporaryFile("tenon", "blob", descriptor, path))
    return nullptr;
  raw_fd_ostream os(descriptor, /*shouldClose=*/true, /*unbuffered=*/true);
  os.write(bytes.data(), bytes.size());
  os.flush();
  bool written = !os.has_error();
  os.clear_error();
  std::unique_ptr<MemoryBuffer> mapped;
  if (written)
    if (auto file = MemoryBuffer::getOpenFile(descriptor, path, bytes.size(),
                                              false))
      mapped = std::move(*file);
  sys::fs::remove(path);
  return mapped;
}

std::string WeightStore::addBlob(std::vector<char> bytes) {
  // Below this a mapping costs more than it saves.
  constexpr size_t mappedBytes = 1 << 20;
  std::unique_ptr<MemoryBuffer> buffer;
  if (bytes.size() >= mappedBytes)
    buffer = moveToFile(bytes);
  if (!buffer)
    buffer = MemoryBuffer::getMemBufferCopy(
        StringRef(bytes.data(), bytes.size()));
  std::string name = "blob" + std::to_string(nextBlob++);
  sources[name] = std::move(buffer);
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
    it = sources.insert({file.str(), std::move(*buffer)}).first;
  }
  StringRef all = it->second->getBuffer();
  if (offset > all.size() || bytes > all.size() - offset)
    return createStringError("expected weights at bytes %llu to %llu of '%s', "
                             "but it has %llu",
                             (unsigned long long)offset,
                             (unsigned long long)(offset + bytes),
                             file.str().c_str(), (unsigned long long)all.size());
  return ArrayRef<char>(all.data() + offset, bytes);
}

void WeightStore::releasePages() {
  uint64_t page = sys::Process::getPageSizeEstimate();
  for (const auto &[name, buffer] : sources) {
    if (buffer->getBufferKind() != MemoryBuffer::MemoryBuffer_MMap)
      continue;
    uint64_t begin =
        alignTo(reinterpret_cast<uintptr_t>(buffer->getBufferStart()), page);
    uint64_t end =
        alignDown(reinterpret_cast<uintptr_t>(buffer->getBufferEnd()), page);
    // The C library's posix_madvise, which MemoryBuffer calls, does nothing.
    if (begin < end)
      madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
  }
}
