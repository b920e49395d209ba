#include "compiler/tenonc/OnnxData.h"

#include "frontends/onnx/Model.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cstring>

using namespace llvm;
using namespace tenon;

//===----------------------------------------------------------------------===//
// Protobuf's wire format
//===----------------------------------------------------------------------===//

namespace {
/// Reads fields one after the other; `good` goes false at the first thing that
/// is no protobuf.
struct Wire {
  explicit Wire(StringRef bytes) : rest(bytes) {}

  StringRef rest;
  bool good = true;
  uint64_t number = 0; // of the field
  uint64_t scalar = 0; // varint or fixed
  StringRef bytes;     // length-delimited
  int type = 0;

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest.empty())
        break;
      uint8_t byte = rest.front();
      rest = rest.drop_front();
      value |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return value;
    }
    good = false;
    return 0;
  }
  StringRef take(uint64_t count) {
    if (count > rest.size()) {
      good = false;
      return {};
    }
    StringRef result = rest.take_front(count);
    rest = rest.drop_front(count);
    return result;
  }
  /// False at the end, or when it is not good.
  bool next() {
    if (rest.empty() || !good)
      return false;
    uint64_t tag = varint();
    number = tag >> 3;
    type = tag & 7;
    bytes = {};
    switch (type) {
    case 0:
      scalar = varint();
      break;
    case 1:
    case 5:
      bytes = take(type == 1 ? 8 : 4);
      break;
    case 2:
      bytes = take(varint());
      break;
    default:
      good = false;
    }
    return good;
  }
};

/// The fields of TensorProto that are read.
struct Tensor {
  std::vector<int64_t> dims;
  int32_t type = 0;
  std::string name;
  std::string floats, doubles; // little-endian
  std::vector<uint64_t> integers;
  StringRef raw;
  bool hasRaw = false, isExternal = false;
};
} // namespace

static void addVarints(Wire &wire, std::vector<uint64_t> &values) {
  if (wire.type == 0) {
    values.push_back(wire.scalar);
    return;
  }
  Wire inner(wire.bytes);
  while (!inner.rest.empty() && inner.good)
    values.push_back(inner.varint());
  wire.good &= inner.good;
}

static bool readFields(StringRef bytes, Tensor &tensor) {
  Wire wire(bytes);
  while (wire.next()) {
    switch (wire.number) {
    case 1: {
      std::vector<uint64_t> dims;
      addVarints(wire, dims);
      tensor.dims.insert(tensor.dims.end(), dims.begin(), dims.end());
      break;
    }
    case 2:
      tensor.type = static_cast<int32_t>(wire.scalar);
      break;
    case 4:
      tensor.floats += wire.bytes;
      break;
    case 5:
    case 7:
    case 11:
      addVarints(wire, tensor.integers);
      break;
    case 8:
      tensor.name = wire.bytes.str();
      break;
    case 9:
      tensor.raw = wire.bytes;
      tensor.hasRaw = true;
      break;
    case 10:
      tensor.doubles += wire.bytes;
      break;
    case 14:
      tensor.isExternal = wire.scalar == 1;
      break;
    default:
      break;
    }
  }
  return wire.good;
}

Expected<NamedArray> tenon::parseTensorProto(StringRef bytes) {
  auto refuse = [](const Twine &text) {
    return createStringError(errc::invalid_argument, text);
  };
  Tensor tensor;
  if (!readFields(bytes, tensor))
    return refuse("no TensorProto");
  auto type = static_cast<onnx::DataType>(tensor.type);
  if (!tenon_type_bits(tensor.type))
    return refuse("elements of " + onnx::dataTypeName(type) + " are not read");
  if (tensor.isExternal)
    return refuse("data in another file is not read");
  NamedArray result;
  result.name = tensor.name;
  if (Error error = result.allocate(tensor.type, tensor.dims))
    return std::move(error);
  tenon_array &array = result.array;
  StringRef source = tensor.raw;
  if (!tensor.hasRaw)
    source = tensor.type == TENON_F64 ? StringRef(tensor.doubles)
                                      : StringRef(tensor.floats);
  if (tensor.hasRaw || tensor.type == TENON_F32 || tensor.type == TENON_F64) {
    if (source.size() != array.bytes)
      return refuse("expected " + Twine(array.bytes) + " bytes, but got " +
                    Twine(source.size()));
    if (!source.empty())
      std::memcpy(array.data, source.data(), source.size());
    return result;
  }
  // Elements below a byte are packed into integers of a byte each.
  int bits = tenon_type_bits(tensor.type);
  size_t expected = bits < 8 ? array.bytes : size_t(array.count);
  if (tensor.integers.size() != expected)
    return refuse("expected " + Twine(expected) + " numbers, but got " +
                  Twine(tensor.integers.size()));
  for (size_t i = 0; i < expected; ++i)
    if (bits < 8)
      static_cast<uint8_t *>(array.data)[i] = tensor.integers[i];
    else
      tenon_set_bits(tensor.type, array.data, i, tensor.integers[i]);
  return result;
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

static Expected<std::vector<NamedArray>> readRole(StringRef folder,
                                                  StringRef role) {
  std::vector<NamedArray> arrays;
  for (unsigned i = 0;; ++i) {
    SmallString<256> path(folder);
    sys::path::append(path, role + "_" + Twine(i) + ".pb");
    if (!sys::fs::exists(path))
      return arrays;
    auto buffer = MemoryBuffer::getFile(path, false, false);
    if (!buffer)
      return createStringError(buffer.getError(), "cannot read '" + path + "'");
    Expected<NamedArray> array = parseTensorProto((*buffer)->getBuffer());
    if (!array)
      return createStringError(errc::invalid_argument,
                               role + " " + Twine(i) + ": " +
                                   toString(array.takeError()));
    arrays.push_back(std::move(*array));
  }
}

Expected<DataSet> tenon::readDataSet(StringRef folder) {
  DataSet set;
  set.name = sys::path::filename(folder).str();
  set.byOrder = true;
  for (auto [role, arrays] :
       {std::pair("input", &set.inputs), std::pair("output", &set.outputs)}) {
    Expected<std::vector<NamedArray>> read = readRole(folder, role);
    if (!read)
      return read.takeError();
    *arrays = std::move(*read);
  }
  return set;
}

std::vector<std::string> tenon::findDataSets(StringRef folder) {
  std::vector<std::string> sets;
  std::error_code code;
  for (sys::fs::directory_iterator it(folder, code), end; it != end && !code;
       it.increment(code))
    if (sys::path::filename(it->path()).starts_with("test_data_set_"))
      sets.push_back(it->path());
  std::sort(sets.begin(), sets.end());
  SmallString<256> output(folder);
  sys::path::append(output, "output_0.pb");
  if (sets.empty() && sys::fs::exists(output))
    sets.push_back(folder.str());
  return sets;
}
