#include "compiler/driver/Artifacts.h"

#include "compiler/artifact/Header.h"
#include "compiler/artifact/Manifest.h"
#include "compiler/artifact/RuntimeObject.h"
#include "compiler/artifact/Wrappers.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"

using namespace llvm;
using namespace tenon;
namespace fs = sys::fs;
namespace path = sys::path;

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

namespace {
struct EmitRow {
  Emit kind;
  StringLiteral name;
  StringLiteral before, after; ///< around the model's name
  bool isText;
};
} // namespace

static constexpr EmitRow emitRows[] = {
    {Emit::Exe, "exe", "", "", false},
    {Emit::So, "so", "", ".so", false},
    {Emit::Lib, "lib", "lib", ".a", false},
    {Emit::Obj, "obj", "", ".o", false},
    {Emit::Header, "header", "", ".h", true},
    {Emit::Manifest, "manifest", "", ".tenon", false},
    {Emit::Asm, "asm", "", ".s", true},
    {Emit::LLVM, "llvm", "", ".ll", true},
    {Emit::MLIR, "mlir", "", ".mlir", true},
    {Emit::Ptx, "ptx", "", ".ptx", true},
};

static const EmitRow &rowOf(Emit kind) {
  return *llvm::find_if(emitRows,
                        [&](const EmitRow &row) { return row.kind == kind; });
}

std::optional<Emit> tenon::parseEmit(StringRef name) {
  for (const EmitRow &row : emitRows)
    if (row.name == name)
      return row.kind;
  return std::nullopt;
}

std::string tenon::emitNames() {
  std::string names;
  for (const EmitRow &row : emitRows)
    names += (names.empty() ? "" : ", ") + row.name.str();
  return names;
}

std::vector<Emit> tenon::defaultEmits(const ResolvedTarget &target) {
  Triple triple = target.triple();
  if (triple.isNVPTX())
    return {Emit::Ptx, Emit::Manifest};
  bool isLinux = triple.isOSLinux() && !triple.isAndroid();
  if (isLinux && target.options.device.empty())
    return {Emit::Exe, Emit::So, Emit::Lib, Emit::Header, Emit::Manifest};
  if (triple.isOSLinux())
    return {Emit::So, Emit::Lib, Emit::Header, Emit::Manifest};
  return {Emit::Lib, Emit::Header, Emit::Manifest};
}

std::string tenon::fileNameFor(Emit kind, StringRef name) {
  const EmitRow &row = rowOf(kind);
  return (row.before + name + row.after).str();
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static Error writeFile(StringRef file,
                       function_ref<Error(raw_ostream &)> write) {
  std::error_code code;
  raw_fd_ostream os(file, code);
  if (!code) {
    if (Error error = write(os)) {
      os.clear_error();
      return error;
    }
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (code)
    return createStringError(code,
                             "cannot write '" + file + "': " + code.message());
  return Error::success();
}

/// A CUDA model is kernels without a program; others have no PTX.
static Error checkKind(const CompiledModel &model, Emit kind) {
  bool isCuda = model.target.triple().isNVPTX();
  bool needsProgram = !rowOf(kind).isText || kind == Emit::Header;
  if (isCuda ? !needsProgram || kind == Emit::Manifest : kind != Emit::Ptx)
    return Error::success();
  return createStringError(
      errc::not_supported,
      "--emit=" + rowOf(kind).name.str() + " is not made for " +
          model.target.display + ": expected " +
          (isCuda ? "ptx, manifest, llvm or mlir"
                  : "anything else, or --target=nvptx64-nvidia-cuda"));
}

static Error writeOne(CompiledModel &model, Emit kind, StringRef file) {
  if (Error error = checkKind(model, kind))
    return error;
  const artifact::ModelInterface &interface = model.interface;
  auto link = [&](artifact::LinkOptions &options,
                  CompiledModel::Use use) -> Error {
    Expected<std::vector<std::string>> inputs = model.linkInputs(use);
    if (!inputs)
      return inputs.takeError();
    options.objects = std::move(*inputs);
    if (interface.weightBytes && interface.hasEmbeddedWeights()) {
      Expected<std::string> weights = model.weightsFile();
      if (!weights)
        return weights.takeError();
      options.weights = *weights;
      options.weightsSymbol = interface.prefix + "_weights";
      options.weightBytes = interface.weightBytes;
    }
    options.triple = model.target.triple();
    options.output = file.str();
    return Error::success();
  };
  switch (kind) {
  case Emit::Exe: {
    if (!interface.device.empty())
      return createStringError(
          errc::not_supported,
          "cannot link program '" + file + "' for " + model.target.display +
              ": programs are static and load no driver; ask for a library "
              "(--emit=so), which `tenonc run` runs");
    artifact::ExecutableOptions options;
    if (Error error = link(options, CompiledModel::Use::Executable))
      return error;
    options.prefix = interface.prefix;
    options.runtimeFunctions = model.runtimeFunctions;
    return artifact::linkExecutable(options);
  }
  case Emit::So: {
    artifact::SharedOptions options;
    if (Error error = link(options, CompiledModel::Use::Library))
      return error;
    options.exports = artifact::publicSymbols(interface);
    options.imports = artifact::loaderImports(interface.device);
    options.soname = fileNameFor(kind, interface.name);
    return artifact::linkShared(options);
  }
  case Emit::Lib: {
    artifact::LinkOptions options;
    if (Error error = link(options, CompiledModel::Use::Library))
      return error;
    return artifact::writeArchive(options);
  }
  case Emit::Obj: {
    artifact::LinkOptions options;
    if (Error error = link(options, CompiledModel::Use::Library))
      return error;
    return artifact::linkRelocatable(options);
  }
  case Emit::Header:
    return writeFile(file, [&](raw_ostream &os) {
      return artifact::writeHeader(interface, os);
    });
  case Emit::Manifest:
    return writeFile(file, [&](raw_ostream &os) {
      os << artifact::writeManifest(interface);
      return Error::success();
    });
  case Emit::Asm:
  case Emit::Ptx:
  case Emit::LLVM: {
    if (!interface.levels.empty())
      return createStringError(
          errc::not_supported,
          "--emit=" + rowOf(kind).name.str() +
              " shows the code of one CPU, found " + interface.cpu +
              ": name one with --mcpu");
    Expected<std::string> text = model.code.print(
        kind == Emit::LLVM ? CodeKind::LLVM : CodeKind::Assembly);
    if (!text)
      return text.takeError();
    return writeFile(file, [&](raw_ostream &os) {
      os << *text;
      return Error::success();
    });
  }
  case Emit::MLIR:
    return writeFile(file, [&](raw_ostream &os) {
      os << model.ir;
      return Error::success();
    });
  }
  llvm_unreachable("a kind of artifact without a writer");
}

namespace {
/// Files under temporary names in their own folder, so that naming them at the
/// end cannot fail for lack of room. No other process has these names, and a
/// signal that ends this one takes the files along.
class Staging {
public:
  explicit Staging(StringRef folder) : folder(folder) {}
  ~Staging() {
    for (const auto &[temporary, name] : files) {
      fs::remove(temporary);
      sys::DontRemoveFileOnSignal(temporary);
    }
  }

  std::string add(StringRef name) {
    SmallString<256> pattern(folder), temporary, final(folder);
    path::append(pattern, "." + name + ".%%%%%%%%.part");
    fs::createUniquePath(pattern, temporary, /*MakeAbsolute=*/false);
    path::append(final, name);
    sys::RemoveFileOnSignal(temporary);
    files.push_back({std::string(temporary), std::string(final)});
    return files.back().first;
  }

  Expected<std::vector<std::string>> commit() {
    std::vector<std::string> names;
    // The one thing that would stop in the midst.
    for (const auto &[temporary, name] : files)
      if (fs::is_directory(name))
        return createStringError(errc::is_a_directory,
                                 "cannot write '" + name +
                                     "': it is a folder");
    for (const auto &[temporary, name] : files) {
      if (std::error_code code = fs::rename(temporary, name))
        return createStringError(code, "cannot write '" + name +
                                           "': " + code.message());
      sys::DontRemoveFileOnSignal(temporary);
      names.push_back(name);
    }
    files.clear();
    return names;
  }

private:
  std::string folder;
  std::vector<std::pair<std::string, std::string>> files;
};
} // namespace

static Error printOne(CompiledModel &model, Emit kind) {
  if (!rowOf(kind).isText)
    return createStringError(errc::invalid_argument,
                             "-o - takes a text, and " +
                                 rowOf(kind).name.str() +
                                 " is none: name a file");
  std::string file = model.scratch().path("stdout");
  if (Error error = writeOne(model, kind, file))
    return error;
  auto buffer = MemoryBuffer::getFile(file);
  if (!buffer)
    return createStringError(buffer.getError(), "cannot read '" + file + "'");
  outs() << (*buffer)->getBuffer();
  return Error::success();
}

Expected<std::vector<std::string>> tenon::writeArtifacts(CompiledModel &model,
                                                         ArrayRef<Emit> kinds,
                                                         StringRef output,
                                                         bool isFile) {
  if (output == "-") {
    for (Emit kind : kinds)
      if (Error error = printOne(model, kind))
        return std::move(error);
    return std::vector<std::string>();
  }
  StringRef folder = isFile ? path::parent_path(output) : output;
  if (folder.empty())
    folder = ".";
  if (std::error_code code = fs::create_directories(folder, true, fs::all_all))
    return createStringError(code, "cannot create the folder '" + folder +
                                       "': " + code.message());
  Staging staging(folder);
  bool needsWeights = false;
  for (Emit kind : kinds) {
    StringRef name = isFile ? path::filename(output) : StringRef();
    std::string own = fileNameFor(kind, model.interface.name);
    std::string file = staging.add(isFile ? name : StringRef(own));
    // A manifest or header alone still has the digest of the weights.
    if (kind != Emit::Asm && kind != Emit::LLVM && kind != Emit::MLIR &&
        !model.interface.weightFile.empty()) {
      needsWeights = true;
      Expected<std::string> weights = model.weightsFile();
      if (!weights)
        return weights.takeError();
    }
    if (Error error = writeOne(model, kind, file))
      return std::move(error);
  }
  if (needsWeights) {
    Expected<std::string> weights = model.weightsFile();
    if (!weights)
      return weights.takeError();
    std::string file = staging.add(model.interface.weightFile);
    if (std::error_code code = fs::copy_file(*weights, file))
      return createStringError(code, "cannot write '" + file +
                                         "': " + code.message());
  }
  return staging.commit();
}
