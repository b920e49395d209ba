#include "compiler/artifact/Link.h"

#include "compiler/artifact/RuntimeObject.h"
#include "compiler/artifact/WeightsObject.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <dlfcn.h>
#include <iterator>
#include <optional>

LLD_HAS_DRIVER(elf)

using namespace llvm;
using namespace tenon::artifact;

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Expected<ScratchDirectory> ScratchDirectory::create() {
  SmallString<128> directory;
  if (std::error_code code = sys::fs::createUniqueDirectory("tenon", directory))
    return createStringError(code,
                             "cannot create a folder for temporary files: %s",
                             code.message().c_str());
  return ScratchDirectory(directory);
}

ScratchDirectory::ScratchDirectory(ScratchDirectory &&other)
    : directory(std::move(other.directory)) {
  other.directory.clear();
}

ScratchDirectory::~ScratchDirectory() {
  if (!directory.empty())
    sys::fs::remove_directories(directory);
}

std::string ScratchDirectory::path(StringRef name) const {
  SmallString<128> path = directory;
  sys::path::append(path, name);
  return std::string(path);
}

Expected<std::string> ScratchDirectory::write(StringRef name,
                                              StringRef bytes) const {
  std::string file = path(name);
  std::error_code code;
  raw_fd_ostream os(file, code);
  if (!code) {
    os << bytes;
    os.close();
    code = os.error();
    os.clear_error();
  }
  if (code)
    return createStringError(code, "cannot write '%s': %s", file.c_str(),
                             code.message().c_str());
  return file;
}

/// The nearest `lib/tenon` above `file`: of bin/tenonc and of
/// python/tenon/_tenon.so alike.
static std::string findUpwards(StringRef file) {
  std::string first;
  for (StringRef folder = sys::path::parent_path(file); !folder.empty();
       folder = sys::path::parent_path(folder)) {
    SmallString<128> path(folder);
    sys::path::append(path, "lib", "tenon");
    if (sys::fs::is_directory(path))
      return std::string(path);
    // Named in messages where there is none.
    if (folder == sys::path::parent_path(sys::path::parent_path(file)))
      first = std::string(path);
  }
  return first;
}

std::string tenon::artifact::findLibraryDirectory() {
  // Any address here finds the file it was loaded from: a program, or the
  // Python module, where the program is Python and not ours.
  static const char anchor = 0;
  auto *address = const_cast<char *>(&anchor);
  SmallString<128> file;
  Dl_info loaded;
  if (dladdr(address, &loaded) && loaded.dli_fname &&
      sys::path::extension(loaded.dli_fname) == ".so" &&
      !sys::fs::real_path(loaded.dli_fname, file))
    return findUpwards(file);
  return findUpwards(sys::fs::getMainExecutable("", address));
}

//===----------------------------------------------------------------------===//
// lld
//===----------------------------------------------------------------------===//

/// "ld.lld: error: undefined symbol: f\n>>> referenced by ..." without the
/// name of a tool that the user did not call.
static std::string cleanDiagnostics(StringRef text) {
  std::string result;
  SmallVector<StringRef> lines;
  text.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    line.consume_front("ld.lld: ");
    line.consume_front("error: ");
    if (!result.empty())
      result += '\n';
    result += line;
  }
  return result;
}

/// The object that the linker gets in place of the weights' own.
static Expected<std::string> reserveWeights(const LinkOptions &options,
                                            const ScratchDirectory &scratch) {
  std::string path = scratch.path("room.o");
  std::error_code code;
  raw_fd_ostream os(path, code);
  if (code)
    return createStringError(code, "cannot write '%s': %s", path.c_str(),
                             code.message().c_str());
  if (Error error = writeWeightsRoom(os, options.triple, options.weightsSymbol,
                                     options.weightBytes))
    return std::move(error);
  return path;
}

static Error runLld(const LinkOptions &options, std::vector<std::string> args) {
  if (!options.triple.isOSBinFormatELF())
    return createStringError(
        errc::not_supported,
        "cannot link '%s' for target '%s': expected ELF; ask for an object "
        "or an archive and link it with the target's own tools",
        options.output.c_str(), options.triple.str().c_str());
  if (options.objects.empty())
    return createStringError(errc::invalid_argument,
                             "cannot link '%s': no object was given",
                             options.output.c_str());
  args.insert(args.end(), {"-o", options.output, "--build-id=none",
                           "--color-diagnostics=never", "--error-limit=20",
                           "-znoexecstack"});
  if (options.strip)
    args.push_back("--strip-all");
  bool fill = !options.weights.empty() && canReserveWeights(options.triple);
  std::optional<ScratchDirectory> scratch;
  if (fill) {
    Expected<ScratchDirectory> folder = ScratchDirectory::create();
    if (!folder)
      return folder.takeError();
    scratch.emplace(std::move(*folder));
    Expected<std::string> room = reserveWeights(options, *scratch);
    if (!room)
      return room.takeError();
    args.push_back(*room);
    std::string script =
        weightsRoomScript(options.triple, options.weightsSymbol);
    if (!script.empty() && !is_contained(args, "-r")) {
      Expected<std::string> file = scratch->write("room.ld", script);
      if (!file)
        return file.takeError();
      args.push_back("-T" + *file);
    }
  } else if (!options.weights.empty()) {
    args.push_back(options.weights);
  }

  std::vector<const char *> argv = {"ld.lld"};
  for (const std::string &arg : args)
    argv.push_back(arg.c_str());
  std::string out, err;
  raw_string_ostream outStream(out), errStream(err);
  lld::Result result =
      lld::lldMain(argv, outStream, errStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0 && result.canRunAgain)
    return fill ? fillWeightsRoom(options.output, options.weights,
                                  options.weightBytes)
                : Error::success();
  return createStringError(errc::invalid_argument, "cannot link '%s': %s",
                           options.output.c_str(),
                           cleanDiagnostics(err).c_str());
}

Error tenon::artifact::linkRelocatable(const LinkOptions &options) {
  std::vector<std::string> args = {"-r"};
  args.insert(args.end(), options.objects.begin(), options.objects.end());
  // --strip-all would take the symbols that the user links against.
  LinkOptions joined = options;
  joined.strip = false;
  if (options.strip)
    args.push_back("--strip-debug");
  return runLld(joined, std::move(args));
}

//===----------------------------------------------------------------------===//
// Shared libraries
//===----------------------------------------------------------------------===//

/// Sorted. The pool's, the CPU check's, and what LLVM makes of loops; the math
/// functions are not here because kernels bring their own.
static constexpr StringLiteral libcSymbols[] = {
    "getauxval", "memcmp",         "memcpy",      "memmove",
    "memset",    "pthread_create", "pthread_join"};

bool tenon::artifact::isAllowedLibcSymbol(StringRef name) {
  return std::binary_search(std::begin(libcSymbols), std::end(libcSymbols),
                            name);
}

/// The library may ask its program for the C library only; anything else would
/// fail on the user's machine, when it is loaded.
static Error checkUndefined(const SharedOptions &options) {
  Expected<object::OwningBinary<object::ObjectFile>> binary =
      object::ObjectFile::createObjectFile(options.output);
  if (!binary)
    return binary.takeError();
  const auto &elf = cast<object::ELFObjectFileBase>(*binary->getBinary());
  std::vector<std::string> strangers;
  for (object::ELFSymbolRef symbol : elf.getDynamicSymbolIterators()) {
    Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    constexpr uint32_t mask =
        object::SymbolRef::SF_Undefined | object::SymbolRef::SF_Weak;
    if ((*flags & mask) != object::SymbolRef::SF_Undefined)
      continue;
    Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if (!name->empty() && !isAllowedLibcSymbol(*name) &&
        !is_contained(options.imports, *name))
      strangers.push_back(name->str());
  }
  if (strangers.empty())
    return Error::success();
  sys::fs::remove(options.output);
  return createStringError(
      errc::invalid_argument,
      "cannot link '%s': undefined symbol%s %s: expected none but the C "
      "library's; give the object that defines it",
      options.output.c_str(), strangers.size() > 1 ? "s" : "",
      join(strangers, ", ").c_str());
}

Error tenon::artifact::linkShared(const SharedOptions &options) {
  Expected<ScratchDirectory> scratch = ScratchDirectory::create();
  if (!scratch)
    return scratch.takeError();
  std::string script = "{\n";
  if (!options.exports.empty())
    script += "global:\n  " + join(options.exports, ";\n  ") + ";\n";
  script += "local: *;\n};\n";
  Expected<std::string> scriptFile = scratch->write("exports", script);
  if (!scriptFile)
    return scriptFile.takeError();

  std::vector<std::string> args = {
      "-shared",       "--version-script=" + *scriptFile,
      "--gc-sections", "--hash-style=gnu",
      "-zrelro",       "-znow",
      "-Bsymbolic",    "-zlrodata-after-bss"};
  if (!options.soname.empty())
    args.push_back("-soname=" + options.soname);
  args.insert(args.end(), options.objects.begin(), options.objects.end());
  if (Error error = runLld(options, std::move(args)))
    return error;
  return checkUndefined(options);
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

static Expected<std::string> findSysroot(const ExecutableOptions &options) {
  Triple triple(Triple::normalize(options.triple.str()));
  StringRef name;
  if (runtimeNameFor(triple) == "x86_64-linux-gnu")
    name = "x86_64-linux-musl";
  else if (runtimeNameFor(triple) == "aarch64-linux-gnu")
    name = "aarch64-linux-musl";
  else
    return createStringError(
        errc::not_supported,
        "cannot link program '%s' for target '%s': expected Linux on x86-64 "
        "or AArch64; ask for a library",
        options.output.c_str(), triple.str().c_str());
  if (!options.sysroot.empty())
    return options.sysroot;
  SmallString<128> path(findLibraryDirectory());
  sys::path::append(path, "sysroot", name);
  return std::string(path);
}

Error tenon::artifact::linkExecutable(const ExecutableOptions &options) {
  Expected<std::string> sysroot = findSysroot(options);
  if (!sysroot)
    return sysroot.takeError();
  auto file = [&](StringRef name) {
    SmallString<128> path(*sysroot);
    sys::path::append(path, name);
    return std::string(path);
  };
  for (StringRef name : {"crt1.o", "crti.o", "crtn.o", "libc.a"})
    if (!sys::fs::exists(file(name)))
      return createStringError(
          errc::no_such_file_or_directory,
          "cannot link program '%s': '%s' is missing; run ./setup, which "
          "fetches it, or ask for a library",
          options.output.c_str(), file(name).c_str());

  SmallString<128> front(findLibraryDirectory());
  sys::path::append(front, "runtime",
                    "exe-" + runtimeNameFor(Triple(options.triple)) + ".a");
  if (!sys::fs::exists(front))
    return createStringError(errc::no_such_file_or_directory,
                             "cannot link program '%s': '%s' is missing; build "
                             "Tenon again, or ask for a library",
                             options.output.c_str(), front.c_str());

  std::vector<std::string> args = {
      "-static", "--gc-sections", "-zlrodata-after-bss",
      "-zrelro", file("crt1.o"),  file("crti.o")};
  for (const std::string &name : options.runtimeFunctions)
    args.push_back("--defsym=" + name + "=" +
                   runtimeSymbol(options.prefix, name));
  args.insert(args.end(), options.objects.begin(), options.objects.end());
  args.push_back(std::string(front));
  args.push_back("--start-group");
  args.push_back(file("libc.a"));
  // musl's printf for AArch64 uses libgcc's 128-bit floating point.
  if (sys::fs::exists(file("libgcc.a")))
    args.push_back(file("libgcc.a"));
  args.push_back("--end-group");
  args.push_back(file("crtn.o"));
  return runLld(options, std::move(args));
}

//===----------------------------------------------------------------------===//
// Archives
//===----------------------------------------------------------------------===//

Error tenon::artifact::writeArchive(const LinkOptions &options) {
  std::vector<NewArchiveMember> members;
  std::vector<std::string> objects = options.objects;
  if (!options.weights.empty())
    objects.push_back(options.weights);
  for (const std::string &object : objects) {
    Expected<NewArchiveMember> member =
        NewArchiveMember::getFile(object, /*Deterministic=*/true);
    if (!member)
      return createStringError(errc::no_such_file_or_directory,
                               "cannot read '%s' for archive '%s': %s",
                               object.c_str(), options.output.c_str(),
                               toString(member.takeError()).c_str());
    member->MemberName = sys::path::filename(object);
    members.push_back(std::move(*member));
  }
  object::Archive::Kind kind = options.triple.isOSDarwin()
                                   ? object::Archive::K_DARWIN
                                   : object::Archive::K_GNU;
  return llvm::writeArchive(options.output, members,
                            SymtabWritingMode::NormalSymtab, kind,
                            /*Deterministic=*/true, /*Thin=*/false);
}
