#include "compiler/driver/Values.h"

#include "runtime/exe/exe.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/MemoryBuffer.h"

#include <set>

using namespace llvm;
using namespace tenon;

static const onnx::ValueInfo *findInput(const onnx::Model &model,
                                        StringRef name) {
  for (const onnx::ValueInfo &input : model.graph.inputs)
    if (input.name == name)
      return &input;
  return nullptr;
}

static Error noSuchInput(const onnx::Model &model, StringRef option,
                         StringRef name) {
  std::string names;
  for (const onnx::ValueInfo &input : model.graph.inputs)
    names += (names.empty() ? " " : ", ") + input.name;
  return createStringError(errc::invalid_argument,
                           option + ": no input is named '" + name +
                               "'; the model has" +
                               (names.empty() ? " none" : names));
}

/// The name by which `--dim` knows a dimension, as the importer has it.
static std::string dimName(const onnx::ValueInfo &input, size_t axis) {
  const std::string &symbol = input.type.dims[axis].symbol;
  return symbol.empty() ? input.name + "." + std::to_string(axis) : symbol;
}

static std::string cleaned(StringRef name) {
  std::string text;
  for (char c : name)
    text += isAlnum(c) || c == '_' || c == '.' ? c : '_';
  return text.empty() || isDigit(text.front()) ? "d" + text : text;
}

static const DimRange *findBounds(const onnx::ImportOptions &import,
                                  const onnx::ValueInfo &input, size_t axis) {
  std::string name = dimName(input, axis);
  auto found = import.dims.find(name);
  if (found == import.dims.end())
    found = import.dims.find(cleaned(name));
  return found == import.dims.end() ? nullptr : &found->second;
}

/// Every name that `--dim` gives must be one of the model's, or of a --shape.
static Error checkDims(const CompileOptions &options,
                       const onnx::Model &model) {
  std::set<std::string> names;
  for (const onnx::ValueInfo &input : model.graph.inputs)
    for (size_t i = 0; i < input.type.dims.size(); ++i)
      if (!input.type.dims[i].isStatic())
        names.insert(dimName(input, i));
  for (const auto &[input, specs] : options.shapes)
    for (const onnx::DimSpec &spec : specs)
      if (!spec.symbol.empty())
        names.insert(spec.symbol);
  for (const auto &[name, range] : options.dims) {
    auto same = [&, &name = name](const std::string &known) {
      return known == name || cleaned(known) == name;
    };
    if (llvm::none_of(names, same))
      return createStringError(
          errc::invalid_argument,
          "--dim " + name + ": no dimension has this name; the model has" +
              (names.empty() ? " none that is open" : " " + join(names, ", ")));
  }
  return Error::success();
}

/// The shape that an input will be compiled for, if it is static.
static std::optional<std::vector<int64_t>>
staticShape(const onnx::ValueInfo &input, const onnx::ImportOptions &import) {
  std::vector<int64_t> shape;
  auto given = import.shapes.find(input.name);
  if (given != import.shapes.end()) {
    for (const onnx::DimSpec &spec : given->second) {
      if (!spec.symbol.empty() || spec.range.lo != spec.range.hi)
        return std::nullopt;
      shape.push_back(spec.range.lo);
    }
    return shape;
  }
  if (!input.type.ranked)
    return std::nullopt;
  for (auto [i, dim] : enumerate(input.type.dims)) {
    const DimRange *range = findBounds(import, input, i);
    if (dim.isStatic())
      shape.push_back(dim.value);
    else if (!range)
      shape.push_back(1); // as the importer takes it
    else if (range->lo == range->hi)
      shape.push_back(range->lo);
    else
      return std::nullopt;
  }
  return shape;
}

/// "3" for every element, "1,2,3", or "@file.npy".
static Error parseValue(const onnx::ValueInfo &input, StringRef text,
                        onnx::ImportOptions &import, std::vector<char> &bytes) {
  std::string option = "--value " + input.name;
  std::optional<std::vector<int64_t>> shape = staticShape(input, import);
  if (!shape)
    return createStringError(errc::invalid_argument,
                             option + ": the input's shape must be static; "
                                      "give it with --shape");
  tenon_array array = {};
  tenon_message message;
  array.type = static_cast<int32_t>(input.type.element);
  if (text.consume_front("@")) {
    auto file = MemoryBuffer::getFile(text, false, false);
    if (!file)
      return createStringError(file.getError(), option + ": '" + text +
                                                    "' cannot be read: " +
                                                    file.getError().message());
    if (!tenon_npy_decode(
            reinterpret_cast<const uint8_t *>((*file)->getBufferStart()),
            (*file)->getBufferSize(), array.type, &array, &message))
      return createStringError(errc::invalid_argument,
                               option + ": " + message.text);
    if (array.type != static_cast<int32_t>(input.type.element)) {
      std::string found = tenon_type_name(array.type);
      tenon_array_free(&array);
      return createStringError(errc::invalid_argument,
                               option + ": expected elements of " +
                                   onnx::dataTypeName(input.type.element) +
                                   ", but got " + found);
    }
    std::vector<onnx::DimSpec> specs;
    for (int32_t i = 0; i < array.rank; ++i)
      specs.push_back({"", {array.dims[i], array.dims[i]}});
    import.shapes[input.name] = specs;
  } else {
    std::string copy = text.str();
    int64_t count = tenon_literal_count(copy.c_str());
    array.rank = shape->size();
    llvm::copy(*shape, array.dims);
    // One dimension that nobody knows is as long as the list.
    if (shape->size() == 1 && count > 1 && (*shape)[0] == 1)
      array.dims[0] = count;
    if (!tenon_array_allocate(&array, &message) ||
        !tenon_parse_literal(copy.c_str(), input.name.c_str(), count == 1,
                             &array, &message)) {
      tenon_array_free(&array);
      return createStringError(errc::invalid_argument,
                               option + ": " + message.text);
    }
    if (!import.shapes.count(input.name) && array.rank == 1)
      import.shapes[input.name] = {{"", {array.dims[0], array.dims[0]}}};
  }
  const char *data = static_cast<const char *>(array.data);
  bytes.assign(data, data + array.bytes);
  tenon_array_free(&array);
  return Error::success();
}

/// Data at hand settles what neither model nor user says.
static void applyHint(const onnx::ValueInfo &input,
                      const std::vector<int64_t> &sizes,
                      onnx::ImportOptions &import) {
  if (import.shapes.count(input.name))
    return;
  const onnx::TensorType &type = input.type;
  if (type.ranked && type.dims.size() != sizes.size())
    return; // the run will say so, better
  std::vector<onnx::DimSpec> specs;
  bool open = !type.ranked;
  for (auto [i, size] : enumerate(sizes)) {
    onnx::DimSpec spec{"", {size, size}};
    if (type.ranked && type.dims[i].isStatic()) {
      spec.range = {type.dims[i].value, type.dims[i].value};
    } else if (const DimRange *range =
                   type.ranked ? findBounds(import, input, i) : nullptr) {
      if (range->lo != range->hi)
        spec.symbol = dimName(input, i);
      spec.range = *range;
    } else {
      open = true;
    }
    specs.push_back(spec);
  }
  if (open)
    import.shapes[input.name] = specs;
}

Error tenon::fillImportOptions(const CompileOptions &options,
                               const onnx::Model &model,
                               onnx::ImportOptions &import) {
  import.dims = options.dims;
  import.bounds = options.bounds;
  import.shapes = options.shapes;
  for (const auto &entry : options.shapes)
    if (!findInput(model, entry.first))
      return noSuchInput(model, "--shape", entry.first);
  if (Error error = checkDims(options, model))
    return error;
  for (const InputData &data : options.data) {
    const onnx::ValueInfo *input = nullptr;
    if (!data.name.empty())
      input = findInput(model, data.name);
    else if (data.index < model.graph.inputs.size())
      input = &model.graph.inputs[data.index];
    if (!input)
      continue; // whoever runs the model says so
    if (data.shape.empty())
      applyHint(*input, data.dims, import);
    else
      import.shapes.insert({input->name, data.shape});
    if (data.bound)
      import.values[input->name] = *data.bound;
  }
  for (const auto &[name, text] : options.values) {
    const onnx::ValueInfo *input = findInput(model, name);
    if (!input)
      return noSuchInput(model, "--value", name);
    if (Error error = parseValue(*input, text, import, import.values[name]))
      return error;
  }
  return Error::success();
}
