#include "compiler/tenonc/NpyData.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <cstdlib>

using namespace llvm;
using namespace tenon;

NamedArray::NamedArray(NamedArray &&other)
    : name(std::move(other.name)), array(other.array) {
  other.array = {};
}

NamedArray &NamedArray::operator=(NamedArray &&other) {
  std::swap(name, other.name);
  std::swap(array, other.array);
  return *this;
}

static Error refused(const Twine &where, const tenon_message &message) {
  return createStringError(errc::invalid_argument, where + ": " + message.text);
}

Error NamedArray::allocate(int32_t type, ArrayRef<int64_t> shape) {
  tenon_message message;
  if (shape.size() > TENON_MAX_RANK)
    return createStringError(errc::invalid_argument,
                             "an array has " + Twine(shape.size()) +
                                 " dimensions; at most " +
                                 Twine(int(TENON_MAX_RANK)) + " are read");
  array.type = type;
  array.rank = shape.size();
  std::copy(shape.begin(), shape.end(), array.dims);
  if (!tenon_array_allocate(&array, &message))
    return refused("array '" + name + "'", message);
  return Error::success();
}

static Expected<std::unique_ptr<MemoryBuffer>> open(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, false, false);
  if (!buffer)
    return createStringError(buffer.getError(),
                             "cannot read '" + path +
                                 "': " + buffer.getError().message());
  return std::move(*buffer);
}

static const uint8_t *bytesOf(const MemoryBuffer &buffer) {
  return reinterpret_cast<const uint8_t *>(buffer.getBufferStart());
}

Expected<NamedArray> tenon::readNpy(StringRef path, StringRef name) {
  auto buffer = open(path);
  if (!buffer)
    return buffer.takeError();
  NamedArray result;
  result.name = name.str();
  tenon_message message;
  if (!tenon_npy_decode(bytesOf(**buffer), (*buffer)->getBufferSize(), 0,
                        &result.array, &message))
    return refused("'" + path + "'", message);
  return result;
}

Expected<std::vector<NamedArray>>
tenon::readNpz(StringRef path, ArrayRef<std::string> names, bool need) {
  auto buffer = open(path);
  if (!buffer)
    return buffer.takeError();
  std::vector<NamedArray> arrays;
  for (const std::string &name : names) {
    tenon_member member;
    tenon_message message;
    if (!tenon_npz_find(bytesOf(**buffer), (*buffer)->getBufferSize(),
                        name.c_str(), &member, &message)) {
      if (need)
        return refused("'" + path + "'", message);
      continue;
    }
    NamedArray array;
    array.name = name;
    bool decoded = tenon_npy_decode(member.bytes, member.size, 0, &array.array,
                                    &message);
    std::free(member.owned);
    if (!decoded)
      return refused("'" + path + "', array '" + name + "'", message);
    arrays.push_back(std::move(array));
  }
  return arrays;
}
