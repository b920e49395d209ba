#include "compiler/artifact/RuntimeBitcode.h"

#include "compiler/artifact/Link.h"

#include "llvm/IRReader/IRReader.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

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

void tenon::artifact::renameRuntimeSymbols(Module &module, StringRef prefix) {
  for (GlobalValue &value : module.global_values()) {
    StringRef name = value.getName();
    if (!name.consume_front("tenon_"))
      continue;
    value.setName(prefix + "_rt_" + name);
    if (!value.hasLocalLinkage()) {
      value.setVisibility(GlobalValue::HiddenVisibility);
      value.setDSOLocal(true);
    }
  }
}

std::vector<std::string>
tenon::artifact::loaderImports(StringRef device) {
  if (device.empty())
    return {};
  return {"calloc", "dlopen", "dlsym", "free"};
}

/// Other functions of the runtime's files must not meet those of a second
/// model either.
static void renameHelpers(Module &module, StringRef prefix) {
  for (GlobalValue &value : module.global_values()) {
    if (value.isDeclaration() || value.hasLocalLinkage() ||
        value.getName().starts_with("llvm.") ||
        value.getName().starts_with((prefix + "_rt_").str()))
      continue;
    value.setName(prefix + "_rt_" + value.getName());
    value.setVisibility(GlobalValue::HiddenVisibility);
    value.setDSOLocal(true);
  }
}

/// The front of an executable is compiled already and calls the runtime by the
/// names it has in C. One program holds one model, so they are free.
static void addPlainNames(Module &module, StringRef prefix) {
  std::string own = (prefix + "_rt_").str();
  for (Function &function : llvm::make_early_inc_range(module)) {
    StringRef name = function.getName();
    if (function.isDeclaration() || function.hasLocalLinkage() ||
        !name.consume_front(own))
      continue;
    GlobalAlias::create(GlobalValue::ExternalLinkage, "tenon_" + name,
                        &function)
        ->setVisibility(GlobalValue::HiddenVisibility);
  }
}

/// The functions are compiled for the least CPU of the target, whatever the
/// model's own code asks for: the check of the CPU runs before that code may.
static void setBaseline(Module &module, const Triple &triple) {
  for (Function &function : module) {
    function.removeFnAttr("tune-cpu");
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", baselineCpu(triple));
    // An empty string stands for "nothing beyond the CPU"; without it the
    // target machine's own features would apply.
    if (!function.hasFnAttribute("target-features"))
      function.addFnAttr("target-features", "");
  }
}

static Expected<std::unique_ptr<Module>> readModule(LLVMContext &context,
                                                    StringRef path) {
  if (!sys::fs::exists(path))
    return createStringError(errc::no_such_file_or_directory,
                             "the runtime '%s' is missing: expected it beside "
                             "the tool; build Tenon again or name its folder",
                             path.str().c_str());
  SMDiagnostic diagnostic;
  std::unique_ptr<Module> module = parseIRFile(path, diagnostic, context);
  if (!module)
    return createStringError(
        errc::invalid_argument, "the runtime '%s' cannot be read: %s",
        path.str().c_str(), diagnostic.getMessage().str().c_str());
  return module;
}

Expected<std::unique_ptr<Module>>
tenon::artifact::loadRuntime(LLVMContext &context, const Triple &triple,
                             StringRef prefix, bool forExecutable,
                             const RuntimeOptions &options) {
  StringRef name = runtimeNameFor(triple);
  if (name.empty() || (forExecutable && !name.ends_with("-gnu")))
    return createStringError(
        errc::not_supported, "there is no runtime for %s on target '%s': %s",
        forExecutable ? "programs" : "libraries", triple.str().c_str(),
        forExecutable
            ? "expected Linux on x86-64 or AArch64; ask for a library"
            : "expected Linux on x86-64 or AArch64, Android or Apple on "
              "AArch64, or thumbv7em");
  SmallString<128> directory(options.directory);
  if (directory.empty()) {
    directory = findLibraryDirectory();
    sys::path::append(directory, "runtime");
  }
  auto file = [&](const Twine &stem) {
    SmallString<128> path = directory;
    sys::path::append(path, stem + ".bc");
    return path;
  };

  Expected<std::unique_ptr<Module>> module = readModule(context, file(name));
  if (!module)
    return module.takeError();
  if (!options.device.empty()) {
    SmallString<128> loader = file(options.device + "-" + name);
    Expected<std::unique_ptr<Module>> more = readModule(context, loader);
    if (!more)
      return more.takeError();
    if (Linker::linkModules(**module, std::move(*more)))
      return createStringError(errc::invalid_argument,
                               "the runtime '%s' does not fit '%s': "
                               "build Tenon again",
                               file(name).c_str(), loader.c_str());
  }

  (*module)->setTargetTriple(triple);
  (*module)->setModuleIdentifier((prefix + "_runtime").str());
  (*module)->setSourceFileName("tenon runtime");
  if (NamedMDNode *ident = (*module)->getNamedMetadata("llvm.ident"))
    ident->eraseFromParent();
  renameRuntimeSymbols(**module, prefix);
  renameHelpers(**module, prefix);
  if (forExecutable)
    addPlainNames(**module, prefix);
  setBaseline(**module, triple);
  return module;
}
