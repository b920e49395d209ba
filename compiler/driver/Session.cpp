#include "compiler/driver/Session.h"

#include "compiler/artifact/RuntimeObject.h"
#include "compiler/artifact/Wrappers.h"

#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"

#include <dlfcn.h>

using namespace llvm;
using namespace tenon;

LoadedModel::LoadedModel(LoadedModel &&other)
    : library(std::move(other.library)), handle(other.handle),
      description(std::move(other.description)),
      weights(std::move(other.weights)) {
  other.handle = nullptr;
}

LoadedModel::~LoadedModel() {
  if (handle)
    dlclose(handle);
}

Expected<LoadedModel> LoadedModel::open(std::string path,
                                        std::string infoSymbol) {
  // A bare name would be looked for in the system's folders.
  SmallString<256> absolute(path);
  sys::fs::make_absolute(absolute);
  LoadedModel model;
  model.handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!model.handle)
    return createStringError(errc::invalid_argument,
                             "cannot load '" + path + "': " + dlerror());
  auto info = reinterpret_cast<const tenon_model_info *(*)()>(
      dlsym(model.handle, infoSymbol.c_str()));
  if (!info)
    return createStringError(errc::invalid_argument,
                             "'" + path + "' has no '" + infoSymbol + "'");
  model.description = std::make_unique<tenon_model_info>(*info());
  model.library = std::string(absolute);
  return model;
}

/// The weights in the file that a linker would get, or in the side file.
static Expected<StringRef> payloadOf(const CompiledModel &model,
                                     const MemoryBuffer &file) {
  if (!model.interface.hasEmbeddedWeights())
    return file.getBuffer();
  Expected<std::unique_ptr<object::ObjectFile>> object =
      object::ObjectFile::createObjectFile(file.getMemBufferRef());
  if (!object)
    return object.takeError();
  std::string name = model.interface.prefix + "_weights";
  for (object::SymbolRef symbol : (*object)->symbols()) {
    Expected<StringRef> own = symbol.getName();
    if (!own)
      return own.takeError();
    if (*own != name)
      continue;
    Expected<object::section_iterator> section = symbol.getSection();
    if (!section)
      return section.takeError();
    return (*section)->getContents();
  }
  return createStringError(errc::invalid_argument,
                           "the weights' object has no '" + name + "'");
}

Expected<LoadedModel> LoadedModel::link(CompiledModel &model) {
  Expected<std::vector<std::string>> inputs =
      model.linkInputs(CompiledModel::Use::Session);
  if (!inputs)
    return inputs.takeError();
  artifact::SharedOptions options;
  options.triple = model.target.triple();
  options.output = model.nextSessionPath();
  options.objects = std::move(*inputs);
  options.exports = artifact::publicSymbols(model.interface);
  options.imports = artifact::loaderImports(model.interface.device);
  if (Error error = artifact::linkShared(options))
    return std::move(error);
  Expected<LoadedModel> loaded =
      open(options.output, model.interface.prefix + "_info");
  // What is loaded needs no name.
  sys::fs::remove(options.output);
  if (!loaded || !model.interface.weightBytes)
    return loaded;

  Expected<std::string> path = model.weightsFile();
  if (!path)
    return path.takeError();
  auto file = MemoryBuffer::getFile(*path, false, false);
  if (!file)
    return createStringError(file.getError(), "cannot read '" + *path + "'");
  Expected<StringRef> payload = payloadOf(model, **file);
  if (!payload)
    return payload.takeError();
  loaded->weights = std::move(*file);
  loaded->description->weights = payload->data();
  return loaded;
}

Expected<LoadedModel> LoadedModel::load(StringRef path) {
  Expected<object::OwningBinary<object::ObjectFile>> binary =
      object::ObjectFile::createObjectFile(path);
  if (!binary)
    return createStringError(
        errc::invalid_argument,
        "'" + path + "' is no library: " + toString(binary.takeError()));
  auto *elf = dyn_cast<object::ELFObjectFileBase>(binary->getBinary());
  if (!elf)
    return createStringError(errc::invalid_argument,
                             "'" + path + "' is no library of this machine");
  std::string symbol;
  for (object::ELFSymbolRef candidate : elf->getDynamicSymbolIterators()) {
    Expected<StringRef> name = candidate.getName();
    if (!name) {
      consumeError(name.takeError());
      continue;
    }
    if (name->ends_with("_info"))
      symbol = name->str();
  }
  if (symbol.empty())
    return createStringError(errc::invalid_argument,
                             "'" + path + "' holds no compiled model");
  return open(path.str(), symbol);
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

static Error failed(const tenon_message &message) {
  return createStringError(std::string(message.text), inconvertibleErrorCode());
}

Session::~Session() {
  tenon_session_close(&session);
  tenon_values_free(&data, &model.info());
}

Error Session::prepare() {
  tenon_message message;
  if (!tenon_values_init(&data, &model.info(), &message))
    return failed(message);
  return Error::success();
}

Error Session::start(int32_t threads) {
  tenon_message message;
  tenon_hooks hooks = {};
  hooks.threads = threads;
  if (!tenon_bind_outputs(&data, &model.info(), &message) ||
      !tenon_session_open(&session, &model.info(), model.path().c_str(), &hooks,
                          &message))
    return failed(message);
  return Error::success();
}

Error Session::run() {
  tenon_message message;
  if (!tenon_session_run(&session, &data, &message))
    return failed(message);
  return Error::success();
}

uint64_t Session::digest() const {
  uint64_t state = TENON_DIGEST_START;
  for (int32_t i = 0; i < model.info().output_count; ++i)
    state = tenon_digest(state, data.outputs[i].type, data.outputs[i].count,
                         data.outputs[i].data);
  return state;
}
