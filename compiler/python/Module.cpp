//===----------------------------------------------------------------------===//
// tenon._tenon: the compiler and a loaded model for the Python package beside
// it, which has checked dtypes and shapes. The interpreter lock is released
// while a model is compiled and while it runs.
//===----------------------------------------------------------------------===//

#include "compiler/driver/Artifacts.h"
#include "compiler/driver/Selftest.h"
#include "compiler/driver/Session.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <mutex>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace tenon;

/// lld keeps its state in globals, so one compile follows another.
static std::mutex &compilerLock() {
  static std::mutex lock;
  return lock;
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

[[noreturn]] static void raise(const char *name, nb::object argument,
                               bool internal = false) {
  nb::object type = nb::module_::import_("tenon._errors").attr(name);
  nb::object error = internal ? type(argument, true) : type(argument);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw nb::python_error();
}

[[noreturn]] static void raiseRun(const std::string &text) {
  raise("RunError", nb::str(text.c_str(), text.size()));
}

static nb::list toPython(const Diagnostics &diagnostics) {
  static constexpr const char *kinds[] = {"error", "warning", "note"};
  nb::list rows;
  for (const Message &message : diagnostics.getMessages()) {
    nb::list notes;
    for (const std::string &note : message.notes)
      notes.append(note);
    rows.append(nb::make_tuple(kinds[message.kind], message.text, notes));
  }
  return rows;
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

namespace {
/// The memory of a dense Python buffer.
class InputBuffer {
public:
  explicit InputBuffer(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &view, PyBUF_SIMPLE))
      throw nb::python_error();
  }
  InputBuffer(const InputBuffer &) = delete;
  ~InputBuffer() { PyBuffer_Release(&view); }

  size_t size() const { return size_t(view.len); }
  /// Never null: the runtime refuses that, also where nothing is read.
  const void *data() const {
    static const uint64_t nothing = 0;
    return view.buf ? view.buf : &nothing;
  }

private:
  Py_buffer view;
};

/// The values of a run; outputs that Python has taken are empty.
struct RunValues {
  explicit RunValues(const tenon_model_info &info) : info(info) {}
  RunValues(const RunValues &) = delete;
  ~RunValues() { tenon_values_free(&values, &info); }

  const tenon_model_info &info;
  tenon_values values = {};
};
} // namespace

/// How NumPy sees an element; types it has no name for are their bits.
static nb::dlpack::dtype dtypeOf(int32_t type) {
  using nb::dlpack::dtype_code;
  auto make = [&](dtype_code code) {
    return nb::dlpack::dtype{uint8_t(code), uint8_t(tenon_type_bits(type)), 1};
  };
  switch (type) {
  case TENON_F16:
  case TENON_F32:
  case TENON_F64:
    return make(dtype_code::Float);
  case TENON_BOOL:
    return make(dtype_code::Bool);
  case TENON_BF16:
    return make(dtype_code::UInt);
  default:
    break;
  }
  if (tenon_type_is_float(type) || tenon_type_bits(type) < 8)
    return nb::dtype<uint8_t>();
  return make(tenon_type_is_signed(type) ? dtype_code::Int : dtype_code::UInt);
}

/// Gives the array's memory to a NumPy array.
static nb::object takeArray(tenon_array &array) {
  std::vector<size_t> shape(array.dims, array.dims + array.rank);
  if (tenon_type_bits(array.type) < 8)
    shape = {array.bytes};
  nb::dlpack::dtype dtype = dtypeOf(array.type);
  auto *owned = new tenon_array(array);
  array = {};
  nb::capsule owner(owned, [](void *pointer) noexcept {
    auto *array = static_cast<tenon_array *>(pointer);
    tenon_array_free(array);
    delete array;
  });
  return nb::ndarray<nb::numpy>(owned->data, shape.size(), shape.data(), owner,
                                nullptr, dtype)
      .cast();
}

//===----------------------------------------------------------------------===//
// A model
//===----------------------------------------------------------------------===//

namespace {
class Model {
public:
  Model(std::string bytes, CompileOptions options)
      : bytes(std::move(bytes)), options(std::move(options)),
        diagnostics(this->options.model) {}
  Model(const Model &) = delete;
  ~Model() { tenon_session_close(&session); }

  void compile(bool hasBytes, int32_t threads);
  nb::list run(const std::vector<int64_t> &symbols, nb::sequence inputs);
  std::vector<std::string> save(const std::string &folder,
                                const std::vector<std::string> &emits);

  nb::list describe(const std::vector<artifact::Tensor> &tensors) const;
  nb::list symbols() const;
  nb::list messages() const { return toPython(diagnostics); }
  nb::list weights() const;
  std::string target() const {
    return compiled->target.options.triple + ", " + compiled->target.display;
  }
  const artifact::ModelInterface &interface() const {
    return compiled->interface;
  }

private:
  /// Without the interpreter lock. An error's text, or none.
  std::string load(int32_t threads);
  void checkInput(int32_t i, const tenon_values &values, size_t found) const;

  std::string bytes; ///< the weights may lie in it
  CompileOptions options;
  Diagnostics diagnostics;
  std::unique_ptr<CompiledModel> compiled;
  std::optional<LoadedModel> library;
  tenon_session session = {};
  std::mutex running;
};
} // namespace

void Model::compile(bool hasBytes, int32_t threads) {
  if (hasBytes)
    options.bytes = llvm::MemoryBufferRef(bytes, options.model);
  Failure failure = Failure::None;
  std::string problem;
  {
    nb::gil_scoped_release release;
    std::lock_guard<std::mutex> guard(compilerLock());
    compiled = compileModel(options, diagnostics, failure);
    if (compiled && runsOnHost(compiled->target))
      problem = load(threads);
  }
  if (!problem.empty())
    diagnostics.add(Message::Error, problem);
  if (!compiled || !problem.empty())
    raise("CompileError", messages(),
          failure == Failure::Internal || !problem.empty());
}

std::string Model::load(int32_t threads) {
  // As addSelftest has it: what it links must be what is loaded here, since
  // the system loads one library of a name.
  compiled->interface.selftestSeed = 1;
  llvm::Expected<LoadedModel> loaded = LoadedModel::link(*compiled);
  if (!loaded)
    return llvm::toString(loaded.takeError());
  library.emplace(std::move(*loaded));
  tenon_hooks hooks = {};
  hooks.threads = threads;
  tenon_message message;
  if (!tenon_session_open(&session, &library->info(), library->path().c_str(),
                          &hooks, &message))
    return message.text;
  return {};
}

/// The package has said what is wrong already; this guards the memory.
void Model::checkInput(int32_t i, const tenon_values &values,
                       size_t found) const {
  const tenon_tensor_info &input = library->info().inputs[i];
  int64_t count = 1;
  bool known = true;
  for (int32_t d = 0; d < input.rank; ++d) {
    int64_t dim = input.dims[d];
    known &= dim != INT64_MIN;
    if (known && dim < 0)
      dim = values.symbols[-1 - dim];
    known = known && !__builtin_mul_overflow(count, dim, &count);
  }
  size_t wanted;
  if (!known || !tenon_type_bytes(input.type, count, &wanted))
    raiseRun(std::string("input '") + input.name + "' has no known size");
  if (wanted != found)
    raiseRun(std::string("input '") + input.name + "': expected " +
             std::to_string(wanted) + " bytes, found " + std::to_string(found));
}

nb::list Model::run(const std::vector<int64_t> &symbols, nb::sequence inputs) {
  if (!library)
    raiseRun("the model was compiled for " + target() +
             ", which this machine cannot run");
  const tenon_model_info &info = library->info();
  std::vector<std::unique_ptr<InputBuffer>> buffers;
  for (nb::handle input : inputs)
    buffers.push_back(std::make_unique<InputBuffer>(input));
  if (buffers.size() != size_t(info.input_count) ||
      symbols.size() != size_t(info.symbol_count))
    raiseRun("expected " + std::to_string(info.input_count) + " inputs and " +
             std::to_string(info.symbol_count) + " sizes");

  RunValues holder(info);
  tenon_values &values = holder.values;
  tenon_message message;
  if (!tenon_values_init(&values, &info, &message))
    raiseRun(message.text);
  for (auto [i, size] : llvm::enumerate(symbols)) {
    if (size < info.symbols[i].lo || size > info.symbols[i].hi)
      raiseRun(std::string("'") + info.symbols[i].name + "' is " +
               std::to_string(size) + ", outside its bounds");
    values.symbols[i] = size;
  }
  for (int32_t i = 0; i < info.input_count; ++i)
    checkInput(i, values, buffers[i]->size());

  bool good;
  {
    nb::gil_scoped_release release;
    good = tenon_bind_outputs(&values, &info, &message);
    // Binding points them at arrays of the front; here there are none.
    for (int32_t i = 0; i < info.input_count; ++i)
      values.input_pointers[i] = buffers[i]->data();
    std::lock_guard<std::mutex> guard(running);
    good = good && tenon_session_run(&session, &values, &message);
  }
  if (!good)
    raiseRun(message.text);
  nb::list outputs;
  for (int32_t i = 0; i < info.output_count; ++i)
    outputs.append(takeArray(values.outputs[i]));
  return outputs;
}

std::vector<std::string> Model::save(const std::string &folder,
                                     const std::vector<std::string> &emits) {
  std::vector<Emit> kinds;
  std::string problem;
  for (const std::string &name : emits) {
    std::optional<Emit> kind = parseEmit(name);
    if (!kind || *kind == Emit::MLIR)
      throw nb::value_error(("emit: '" + name +
                             "' is none of exe, so, lib, obj, header, "
                             "manifest, asm, llvm")
                                .c_str());
    kinds.push_back(*kind);
  }
  std::vector<std::string> files;
  {
    nb::gil_scoped_release release;
    std::lock_guard<std::mutex> guard(compilerLock());
    if (kinds.empty())
      kinds = defaultEmits(compiled->target);
    // Left out of the compile, which only has to be fast.
    if (!compiled->interface.selftestDigest && runsOnHost(compiled->target))
      if (llvm::Error error = addSelftest(*compiled, diagnostics))
        problem = llvm::toString(std::move(error));
    if (problem.empty()) {
      auto written = writeArtifacts(*compiled, kinds, folder, false);
      if (written)
        files = std::move(*written);
      else
        problem = llvm::toString(written.takeError());
    }
  }
  if (problem.empty())
    return files;
  Diagnostics all(options.model);
  all.add(Message::Error, problem);
  raise("CompileError", toPython(all));
}

nb::list Model::describe(const std::vector<artifact::Tensor> &tensors) const {
  nb::list rows;
  for (const artifact::Tensor &tensor : tensors) {
    nb::list shape;
    for (const artifact::Dim &dim : tensor.dims) {
      if (dim.kind == artifact::Dim::Kind::Fixed)
        shape.append(dim.value);
      else if (dim.kind == artifact::Dim::Kind::Symbol)
        shape.append(interface().symbols[dim.value].name);
      else
        shape.append(dim.text);
    }
    std::string type =
        llvm::StringRef(artifact::lookupElementType(tensor.type)->spelling)
            .lower();
    rows.append(nb::make_tuple(tensor.name, type, shape));
  }
  return rows;
}

nb::list Model::symbols() const {
  nb::list rows;
  for (const artifact::Symbol &symbol : interface().symbols)
    rows.append(nb::make_tuple(symbol.name, symbol.lo, symbol.hi));
  return rows;
}

nb::list Model::weights() const {
  nb::list rows;
  for (const WeightRow &row : compiled->weightRows)
    rows.append(nb::make_tuple(row.name, row.shape, row.format,
                               row.bitsPerWeight, row.bytes,
                               row.snr ? nb::cast(*row.snr) : nb::none(),
                               row.kept));
  return rows;
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

static onnx::DimSpec parseSize(const std::string &text) {
  std::optional<onnx::DimSpec> spec = onnx::DimSpec::parse(text);
  if (!spec)
    throw nb::value_error(("'" + text + "' is no size").c_str());
  return *spec;
}

static std::unique_ptr<Model>
compile(const std::string &path, nb::object data,
        const std::map<std::string, std::string> &dims,
        const std::map<std::string, std::vector<std::string>> &shapes,
        const std::map<std::string, std::string> &values,
        const std::map<std::string, int64_t> &bounds, int32_t threads,
        const std::string &target, const std::string &cpu,
        const std::string &prefix, const std::string &weightsFormat,
        const std::string &act, const std::string &weights) {
  if (!llvm::is_contained(weightsFormats(), weightsFormat))
    throw nb::value_error(("weights_format: expected " +
                           llvm::join(weightsFormats(), ", ") + ", found '" +
                           weightsFormat + "'")
                              .c_str());
  if (!act.empty() && act != "int8")
    throw nb::value_error(
        ("act: expected int8 or None, found '" + act + "'").c_str());
  if (!weights.empty() && weights != "embed" && weights != "file")
    throw nb::value_error(
        ("weights: expected embed, file or None, found '" + weights + "'")
            .c_str());
  CompileOptions options;
  options.compress.weightsFormat = weightsFormat;
  options.compress.int8Activations = act == "int8";
  if (!weights.empty())
    options.weights =
        weights == "embed" ? WeightsPlace::Embed : WeightsPlace::File;
  options.model = path;
  options.target = target;
  options.cpu = cpu;
  options.prefix = prefix;
  options.values = values;
  options.bounds = bounds;
  options.selftest = false;
  for (const auto &[name, text] : dims)
    options.dims[name] = parseSize(text).range;
  for (const auto &[name, texts] : shapes) {
    std::vector<onnx::DimSpec> &shape = options.shapes[name];
    for (const std::string &text : texts)
      shape.push_back(parseSize(text));
  }
  std::string bytes;
  if (!data.is_none()) {
    auto object = nb::cast<nb::bytes>(data);
    bytes.assign(object.c_str(), object.size());
  }
  auto model = std::make_unique<Model>(std::move(bytes), std::move(options));
  model->compile(!data.is_none(), threads);
  return model;
}

NB_MODULE(_tenon, m) {
  m.doc() = "The native half of the package tenon.";
  m.attr("version") = TENON_VERSION;
  nb::class_<Model>(m, "Model")
      .def_prop_ro("inputs",
                   [](const Model &model) {
                     return model.describe(model.interface().inputs);
                   })
      .def_prop_ro("outputs",
                   [](const Model &model) {
                     return model.describe(model.interface().outputs);
                   })
      .def_prop_ro("symbols", &Model::symbols)
      .def_prop_ro("diagnostics", &Model::messages)
      .def_prop_ro("target", &Model::target)
      .def_prop_ro("weights", &Model::weights)
      .def("run", &Model::run, nb::arg("symbols"), nb::arg("inputs"))
      .def("save", &Model::save, nb::arg("folder"), nb::arg("emit"));
  m.def("compile", &compile, nb::arg("path"), nb::arg("data").none(),
        nb::arg("dims"), nb::arg("shapes"), nb::arg("values"), nb::arg("bounds"),
        nb::arg("threads"), nb::arg("target"), nb::arg("cpu"),
        nb::arg("prefix"), nb::arg("weights_format"), nb::arg("act"),
        nb::arg("weights"));
}
