#include "compiler/tenonc/CaseInputs.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"

using namespace llvm;
using namespace tenon;

/// Small integers are likely sizes, axes or counts; small floats behind the
/// first input are scales and limits.
static bool mayDecideShapes(const NamedArray &array, size_t index) {
  constexpr int64_t mostElements = 64;
  const tenon_array &a = array.array;
  if (a.rank > 1 || a.count > mostElements)
    return false;
  return !tenon_type_is_float(a.type) || index > 0;
}

bool tenon::isBound(const NamedArray &array, size_t index, Bind bind) {
  return bind == Bind::Everything ||
         (bind == Bind::SmallInputs && mayDecideShapes(array, index));
}

void tenon::addInputs(CompileOptions &options, const DataSet &data, Bind bind,
                      const SizeRanges &sizes) {
  options.data.clear();
  for (auto [i, array] : enumerate(data.inputs)) {
    InputData entry;
    entry.name = data.byOrder ? std::string() : array.name;
    entry.index = i;
    entry.dims = array.shape();
    if (isBound(array, i, bind)) {
      const char *bytes = static_cast<const char *>(array.array.data);
      entry.bound.emplace(bytes, bytes + array.array.bytes);
    } else if (!sizes.empty()) {
      for (int64_t size : entry.dims) {
        auto open = sizes.find(size);
        if (open == sizes.end())
          entry.shape.push_back({"", {size, size}});
        else
          entry.shape.push_back({"size" + std::to_string(size), open->second});
      }
    }
    options.data.push_back(std::move(entry));
  }
}

/// Sizes above 1 of the inputs that are not bound, in order of appearance. A
/// size of 1 may be one that broadcasts and stays.
static std::vector<int64_t> sizesOf(const DataSet &data, Bind bind) {
  std::vector<int64_t> sizes;
  for (auto [i, array] : enumerate(data.inputs))
    if (!isBound(array, i, bind))
      for (int64_t size : array.shape())
        if (size > 1 && !is_contained(sizes, size))
          sizes.push_back(size);
  return sizes;
}

SizeRanges tenon::openSizes(const DataSet &data, Bind bind) {
  SizeRanges ranges;
  for (int64_t size : sizesOf(data, bind))
    ranges[size] = {1, 2 * size};
  return ranges;
}

std::vector<SizeRanges> tenon::otherSizes(const DataSet &data, Bind bind) {
  std::vector<int64_t> sizes = sizesOf(data, bind);
  std::vector<SizeRanges> all;
  auto add = [&](function_ref<bool(int64_t)> grows) {
    SizeRanges ranges;
    for (int64_t size : sizes) {
      int64_t other = size + grows(size);
      ranges[size] = {other, other};
    }
    all.push_back(std::move(ranges));
  };
  if (sizes.size() > 1)
    add([](int64_t) { return true; });
  for (int64_t size : sizes)
    add([=](int64_t other) { return other == size; });
  return all;
}

static Expected<NamedArray> repeat(const NamedArray &from,
                                   const SizeRanges &sizes) {
  NamedArray to;
  to.name = from.name;
  std::vector<int64_t> shape = from.shape();
  for (int64_t &size : shape)
    if (auto other = sizes.find(size); other != sizes.end())
      size = other->second.hi;
  if (Error error = to.allocate(from.array.type, shape))
    return std::move(error);
  for (int64_t i = 0; i < to.array.count; ++i) {
    int64_t rest = i, at = 0, stride = 1;
    for (size_t d = shape.size(); d-- > 0; rest /= shape[d]) {
      at += rest % shape[d] % from.array.dims[d] * stride;
      stride *= from.array.dims[d];
    }
    tenon_set_bits(to.array.type, to.array.data, i,
                   tenon_get_bits(from.array.type, from.array.data, at));
  }
  return std::move(to);
}

Expected<DataSet> tenon::resizeInputs(const DataSet &data, Bind bind,
                                      const SizeRanges &sizes) {
  DataSet other;
  other.name = data.name;
  other.byOrder = data.byOrder;
  for (auto [i, array] : enumerate(data.inputs)) {
    Expected<NamedArray> made =
        repeat(array, isBound(array, i, bind) ? SizeRanges() : sizes);
    if (!made)
      return made.takeError();
    other.inputs.push_back(std::move(*made));
  }
  return std::move(other);
}
