#include "compiler/artifact/RuntimeObject.h"

#include "compiler/artifact/Link.h"

#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using namespace tenon::artifact;

StringRef tenon::artifact::runtimeNameFor(const Triple &given) {
  // "x86_64-linux-gnu", as people write it, has no vendor.
  Triple triple(Triple::normalize(given.str()));
  if (triple.getArch() == Triple::x86_64 && triple.isOSLinux() &&
      !triple.isX32())
    return "x86_64-linux-gnu";
  if (triple.getArch() == Triple::aarch64) {
    if (triple.isAndroid())
      return "aarch64-linux-android";
    if (triple.isOSLinux())
      return "aarch64-linux-gnu";
    if (triple.isOSDarwin())
      return "arm64-apple-macos";
  }
  if (triple.isThumb() && triple.isOSBinFormatELF() &&
      triple.getSubArch() == Triple::ARMSubArch_v7em)
    return "thumbv7em-none-eabi";
  return {};
}

StringRef tenon::artifact::baselineCpu(const Triple &triple) {
  if (triple.getArch() == Triple::x86_64)
    return "x86-64";
  if (triple.isOSDarwin())
    return "apple-m1";
  return "generic";
}

std::vector<std::string>
tenon::artifact::loaderImports(StringRef device) {
  if (device.empty())
    return {};
  return {"calloc", "dlopen", "dlsym", "free"};
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Helpers of the runtime's files must not meet those of a second model either.
std::string tenon::artifact::runtimeSymbol(StringRef prefix, StringRef name) {
  name.consume_front("tenon_");
  return (prefix + "_rt_" + name).str();
}

void tenon::artifact::renameRuntimeSymbols(Module &module, StringRef prefix) {
  for (GlobalValue &value : module.global_values()) {
    if (!value.getName().starts_with("tenon_"))
      continue;
    value.setName(runtimeSymbol(prefix, value.getName()));
    if (!value.hasLocalLinkage()) {
      value.setVisibility(GlobalValue::HiddenVisibility);
      value.setDSOLocal(true);
    }
  }
}

/// Renames the global symbols that `file` defines, and those of the runtime's
/// other objects that it calls; what it calls of the C library keeps its name.
static Expected<RuntimeObject> renamed(const object::ObjectFile &file,
                                       StringRef prefix) {
  RuntimeObject result;
  objcopy::ConfigManager config;
  BumpPtrAllocator names;
  StringRef mangling = file.isMachO() ? "_" : "";
  for (const object::SymbolRef &symbol : file.symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    Expected<StringRef> name = symbol.getName();
    if (!flags || !name)
      return joinErrors(flags.takeError(), name.takeError());
    StringRef inC = *name;
    inC.consume_front(mangling);
    bool isDefined = !(*flags & object::SymbolRef::SF_Undefined);
    if (!(*flags & object::SymbolRef::SF_Global) ||
        (!isDefined && !inC.starts_with("tenon_")))
      continue;
    std::string own = (mangling + runtimeSymbol(prefix, inC)).str();
    config.Common.SymbolsToRename[*name] = StringRef(own).copy(names);
    if (isDefined)
      result.functions.push_back(inC.str());
  }
  llvm::sort(result.functions);
  SmallVector<char, 0> bytes;
  raw_svector_ostream os(bytes);
  if (Error error = objcopy::executeObjcopyOnBinary(
          config, const_cast<object::ObjectFile &>(file), os))
    return std::move(error);
  result.bytes.assign(bytes.begin(), bytes.end());
  return result;
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static Expected<RuntimeObject> readObject(StringRef path, StringRef prefix) {
  if (!sys::fs::exists(path))
    return createStringError(errc::no_such_file_or_directory,
                             "the runtime '%s' is missing: expected it beside "
                             "the tool; build Tenon again or name its folder",
                             path.str().c_str());
  auto file = object::ObjectFile::createObjectFile(path);
  if (!file)
    return createStringError(
        errc::invalid_argument, "the runtime '%s' cannot be read: %s",
        path.str().c_str(), toString(file.takeError()).c_str());
  return renamed(*file->getBinary(), prefix);
}

Expected<std::vector<RuntimeObject>>
tenon::artifact::loadRuntime(const Triple &triple, StringRef prefix,
                             const RuntimeOptions &options) {
  StringRef name = runtimeNameFor(triple);
  if (name.empty())
    return createStringError(
        errc::not_supported,
        "there is no runtime for target '%s': expected Linux on x86-64 or "
        "AArch64, Android or Apple on AArch64, or thumbv7em",
        triple.str().c_str());
  SmallString<128> directory(options.directory);
  if (directory.empty()) {
    directory = findLibraryDirectory();
    sys::path::append(directory, "runtime");
  }
  std::vector<RuntimeObject> objects;
  auto add = [&](const Twine &stem, StringRef part) -> Error {
    SmallString<128> path = directory;
    sys::path::append(path, stem + ".o");
    Expected<RuntimeObject> object = readObject(path, prefix);
    if (!object)
      return object.takeError();
    object->name = (prefix + "_" + part + ".o").str();
    objects.push_back(std::move(*object));
    return Error::success();
  };
  if (Error error = add(name, "runtime"))
    return std::move(error);
  if (!options.device.empty())
    if (Error error = add(options.device + "-" + name, options.device))
      return std::move(error);
  return objects;
}
