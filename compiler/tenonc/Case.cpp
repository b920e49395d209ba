#include "compiler/tenonc/Case.h"

#include "compiler/driver/Session.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Errc.h"

using namespace llvm;
using namespace tenon;

namespace {
/// One data set on its way through compiler and runs.
class Case {
public:
  Case(CompileOptions options, const DataSet &data, const Tolerance &tolerance,
       int32_t threads, Variant variant, Diagnostics &diagnostics)
      : options(std::move(options)), data(data), tolerance(tolerance),
        threads(threads), variant(variant), diagnostics(diagnostics) {
    this->options.selftest = false;
  }

  CaseResult verify();

private:
  std::unique_ptr<CompiledModel> compile();
  Error run(CompiledModel &model);
  Error compareWithData(const Session &session, const tenon_model_info &info);
  Error runAtOtherSizes(const CompiledModel &model, const LoadedModel &loaded);
  Error compareAt(const SizeRanges &sizes, CompiledModel &reference,
                  const CompiledModel &model, const LoadedModel &loaded);

  CompileOptions options;
  const DataSet &data;
  const Tolerance &tolerance;
  int32_t threads;
  Variant variant;
  Diagnostics &diagnostics;
  Bind bind = Bind::Nothing;
  CaseResult result;
};
} // namespace

//===----------------------------------------------------------------------===//
// Compile
//===----------------------------------------------------------------------===//

std::unique_ptr<CompiledModel> Case::compile() {
  auto attempt = [&](Bind how) {
    bind = how;
    addInputs(options, data, how,
              variant == Variant::Dynamic ? openSizes(data, how)
                                          : SizeRanges());
    return compileModel(options, diagnostics, result.failure);
  };
  if (variant == Variant::Constants)
    return attempt(Bind::Everything);
  std::unique_ptr<CompiledModel> model = attempt(Bind::Nothing);
  if (model || result.failure == Failure::Internal)
    return model;
  // Perhaps inputs decide shapes, as in Reshape(x, shape).
  bool mayHelp = false;
  for (auto [i, array] : enumerate(data.inputs))
    mayHelp |= isBound(array, i, Bind::SmallInputs);
  if (!mayHelp)
    return nullptr;
  diagnostics = Diagnostics(options.model);
  model = attempt(Bind::SmallInputs);
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

//===----------------------------------------------------------------------===//
// Run
//===----------------------------------------------------------------------===//

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

static Error runOn(const CompiledModel &model, const DataSet &data,
                   const tenon_model_info &info, int32_t threads,
                   Session &session) {
  if (Error error = session.prepare())
    return error;
  if (Error error = bindInputs(model, data, info, session.values()))
    return error;
  if (Error error = session.start(threads))
    return error;
  return session.run();
}

Error Case::compareWithData(const Session &session,
                            const tenon_model_info &info) {
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

Error Case::run(CompiledModel &model) {
  result.refused = true;
  Expected<LoadedModel> loaded = LoadedModel::link(model);
  if (!loaded) {
    result.failure = Failure::Internal;
    return loaded.takeError();
  }
  Session session(*loaded);
  if (Error error = runOn(model, data, loaded->info(), threads, session))
    return error;
  result.refused = false;
  if (Error error = compareWithData(session, loaded->info()))
    return error;
  if (variant == Variant::Dynamic)
    return runAtOtherSizes(model, *loaded);
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Other sizes
//===----------------------------------------------------------------------===//

Error Case::compareAt(const SizeRanges &sizes, CompiledModel &reference,
                      const CompiledModel &model, const LoadedModel &loaded) {
  Expected<DataSet> other = resizeInputs(data, bind, sizes);
  if (!other)
    return other.takeError();
  Expected<LoadedModel> fixed = LoadedModel::link(reference);
  if (!fixed)
    return fixed.takeError();
  Session expected(*fixed), actual(loaded);
  if (Error error =
          runOn(reference, *other, fixed->info(), threads, expected)) {
    // A check of the data, say: nothing to compare with.
    consumeError(std::move(error));
    return Error::success();
  }
  if (Error error = runOn(model, *other, loaded.info(), threads, actual))
    return error;
  result.atOtherSizes = true;
  for (int32_t i = 0; i < loaded.info().output_count; ++i)
    if (Error error = compareOutput(
            loaded.info().outputs[i].name, actual.values().outputs[i],
            expected.values().outputs[i], tolerance, result.difference))
      return error;
  return Error::success();
}

/// The reference is the same model compiled for the other sizes alone.
Error Case::runAtOtherSizes(const CompiledModel &model,
                            const LoadedModel &loaded) {
  for (const SizeRanges &sizes : otherSizes(data, bind)) {
    addInputs(options, data, bind, sizes);
    Diagnostics unheard(options.model);
    Failure failure = Failure::None;
    std::unique_ptr<CompiledModel> reference =
        compileModel(options, unheard, failure);
    if (!reference)
      continue; // the model has no meaning at these sizes
    std::string where;
    for (const auto &[from, to] : sizes)
      where += (where.empty() ? "" : ", ") + std::to_string(from) + " as " +
               std::to_string(to.hi);
    if (Error error = compareAt(sizes, *reference, model, loaded))
      return createStringError(errc::invalid_argument,
                               "sizes " + where + ": " +
                                   toString(std::move(error)));
    if (result.atOtherSizes)
      break;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// All of it
//===----------------------------------------------------------------------===//

CaseResult Case::verify() {
  std::unique_ptr<CompiledModel> model = compile();
  if (!model) {
    result.refused = true;
    result.problem = diagnostics.firstError();
    if (result.problem.empty())
      result.problem = "does not compile";
    return std::move(result);
  }
  if (!runsOnHost(model->target)) {
    result.refused = true;
    result.problem = "this machine cannot run code for " +
                     model->target.options.triple + ", " +
                     model->target.display;
    return std::move(result);
  }
  if (Error error = run(*model))
    result.problem = toString(std::move(error));
  return std::move(result);
}

CaseResult tenon::verifyData(CompileOptions options, const DataSet &data,
                             const Tolerance &tolerance, int32_t threads,
                             Variant variant, Diagnostics &diagnostics) {
  return Case(std::move(options), data, tolerance, threads, variant,
              diagnostics)
      .verify();
}
