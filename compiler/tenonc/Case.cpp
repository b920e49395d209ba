#include "compiler/tenonc/Case.h"

#include "compiler/driver/Session.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Errc.h"

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

static void addData(CompileOptions &options, const DataSet &data, bool bind) {
  options.data.clear();
  for (auto [i, array] : enumerate(data.inputs)) {
    InputData entry;
    entry.name = data.byOrder ? std::string() : array.name;
    entry.index = i;
    entry.dims = array.shape();
    if (bind && mayDecideShapes(array, i)) {
      const char *bytes = static_cast<const char *>(array.array.data);
      entry.bound.emplace(bytes, bytes + array.array.bytes);
    }
    options.data.push_back(std::move(entry));
  }
}

static std::unique_ptr<CompiledModel> compileFor(CompileOptions &options,
                                                 const DataSet &data,
                                                 Diagnostics &diagnostics,
                                                 CaseResult &result) {
  options.selftest = false;
  addData(options, data, /*bind=*/false);
  std::unique_ptr<CompiledModel> model =
      compileModel(options, diagnostics, result.failure);
  if (model || result.failure == Failure::Internal)
    return model;
  // Perhaps inputs decide shapes, as in Reshape(x, shape).
  addData(options, data, /*bind=*/true);
  if (llvm::none_of(options.data,
                    [](const InputData &d) { return d.bound.has_value(); }))
    return nullptr;
  diagnostics = Diagnostics(options.model);
  model = compileModel(options, diagnostics, result.failure);
  if (!model)
    return nullptr;
  for (auto [i, entry] : enumerate(options.data))
    if (entry.bound)
      result.bound.push_back(!entry.name.empty() ? entry.name
                             : i < model->inputNames.size()
                                 ? model->inputNames[i]
                                 : std::to_string(i));
  return model;
}

static const NamedArray *findInput(const CompiledModel &model,
                                   const DataSet &data, StringRef name) {
  for (auto [i, array] : enumerate(data.inputs)) {
    StringRef own = array.name;
    if (data.byOrder)
      own = i < model.inputNames.size() ? StringRef(model.inputNames[i]) : "";
    if (own == name)
      return &array;
  }
  return nullptr;
}

static Error bindInputs(const CompiledModel &model, const DataSet &data,
                        const tenon_model_info &info, tenon_values &values) {
  for (int32_t i = 0; i < info.input_count; ++i) {
    const tenon_tensor_info &wanted = info.inputs[i];
    const NamedArray *given = findInput(model, data, wanted.name);
    if (!given)
      return createStringError(errc::invalid_argument,
                               Twine("the data have no input '") + wanted.name +
                                   "'");
    bool fits =
        given->array.type == wanted.type && given->array.rank == wanted.rank;
    for (int32_t d = 0; fits && d < wanted.rank; ++d) {
      int64_t size = given->array.dims[d];
      if (wanted.dims[d] >= 0)
        fits = size == wanted.dims[d];
      else if (wanted.dims[d] != INT64_MIN)
        values.symbols[-1 - wanted.dims[d]] = size;
    }
    if (!fits) {
      char text[512], shape[512];
      tenon_tensor_text(text, sizeof(text), &info, &wanted);
      tenon_shape_text(shape, sizeof(shape), given->array.rank,
                       given->array.dims);
      return createStringError(
          errc::invalid_argument,
          Twine("input '") + wanted.name + "': the model takes " + text +
              ", the data have " + tenon_type_name(given->array.type) + shape);
    }
    NamedArray copy;
    if (Error error = copy.allocate(wanted.type, given->shape()))
      return error;
    std::copy_n(static_cast<const char *>(given->array.data),
                given->array.bytes, static_cast<char *>(copy.array.data));
    std::swap(values.inputs[i], copy.array);
  }
  return Error::success();
}

static Error runAndCompare(CompiledModel &model, const DataSet &data,
                           const Tolerance &tolerance, int32_t threads,
                           CaseResult &result) {
  result.refused = true;
  Expected<LoadedModel> loaded = LoadedModel::link(model);
  if (!loaded) {
    result.failure = Failure::Internal;
    return loaded.takeError();
  }
  const tenon_model_info &info = loaded->info();
  Session session(*loaded);
  if (Error error = session.prepare())
    return error;
  if (Error error = bindInputs(model, data, info, session.values()))
    return error;
  if (Error error = session.start(threads))
    return error;
  if (Error error = session.run())
    return error;
  result.refused = false;
  if (data.outputs.empty())
    return createStringError(errc::invalid_argument,
                             "the data have no outputs to compare with");
  for (auto [i, expected] : enumerate(data.outputs)) {
    int32_t at = data.byOrder ? int32_t(i) : -1;
    for (int32_t k = 0; !data.byOrder && k < info.output_count; ++k)
      if (expected.name == info.outputs[k].name)
        at = k;
    if (at < 0 || at >= info.output_count)
      return createStringError(errc::invalid_argument,
                               "the model has no output " + Twine(i));
    if (Error error =
            compareOutput(info.outputs[at].name, session.values().outputs[at],
                          expected.array, tolerance, result.difference))
      return error;
  }
  return Error::success();
}

CaseResult tenon::verifyData(CompileOptions options, const DataSet &data,
                             const Tolerance &tolerance, int32_t threads,
                             Diagnostics &diagnostics) {
  CaseResult result;
  std::unique_ptr<CompiledModel> model =
      compileFor(options, data, diagnostics, result);
  if (!model) {
    result.refused = true;
    result.problem = diagnostics.firstError();
    if (result.problem.empty())
      result.problem = "does not compile";
    return result;
  }
  if (!runsOnHost(model->target)) {
    result.refused = true;
    result.problem = "this machine cannot run code for " +
                     model->target.options.triple + ", " +
                     model->target.display;
    return result;
  }
  if (Error error = runAndCompare(*model, data, tolerance, threads, result))
    result.problem = toString(std::move(error));
  return result;
}
