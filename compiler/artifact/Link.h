//===----------------------------------------------------------------------===//
// From objects to what the user asked for, by lld inside this process:
//
//   objects + weights ──> model.o | libmodel.a | model.so | model
//
// Nothing here reads the environment, and equal inputs give equal bytes: no
// build id, no time, no path of an input reaches an output. Calls may follow
// one another in one process, but lld's state allows one at a time.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_LINK_H
#define TENON_COMPILER_ARTIFACT_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/TargetParser/Triple.h"

#include <string>
#include <vector>

namespace tenon::artifact {

/// A directory for objects on their way to the linker, removed at the end.
class ScratchDirectory {
public:
  static llvm::Expected<ScratchDirectory> create();
  ScratchDirectory(ScratchDirectory &&other);
  ScratchDirectory(const ScratchDirectory &) = delete;
  ~ScratchDirectory();

  /// The path of `name` in it.
  std::string path(llvm::StringRef name) const;

  /// Writes `bytes` to `name`; gives the path.
  llvm::Expected<std::string> write(llvm::StringRef name,
                                    llvm::StringRef bytes) const;

private:
  explicit ScratchDirectory(llvm::StringRef directory) : directory(directory) {}
  llvm::SmallString<128> directory;
};

struct LinkOptions {
  llvm::Triple triple;
  /// The file to write. It appears only when all went well.
  std::string output;
  /// Object files, in order.
  std::vector<std::string> objects;
  /// What `writeWeightsObject` wrote; empty: there is none.
  std::string weights;
  std::string weightsSymbol;
  uint64_t weightBytes = 0;
  /// Drop symbols and debug lines.
  bool strip = false;
};

struct SharedOptions : LinkOptions {
  std::string soname;
  /// What a program may call; all else is hidden.
  std::vector<std::string> exports;
  /// Undefined symbols to allow besides `isAllowedLibcSymbol`.
  std::vector<std::string> imports;
};

struct ExecutableOptions : LinkOptions {
  /// The folder with musl's crt1.o and libc.a; empty: found beside the tool.
  std::string sysroot;
  /// The front of executables is the same in all and calls the runtime by the
  /// names it has in C; `prefix` is that of the model's own copy.
  std::string prefix;
  /// What the runtime defines, by those names.
  std::vector<std::string> runtimeFunctions;
};

/// One object in which the given ones are joined (ELF only).
llvm::Error linkRelocatable(const LinkOptions &options);

/// A shared library that needs nothing but the C library of the program that
/// loads it. An undefined symbol that is not the C library's is an error.
llvm::Error linkShared(const SharedOptions &options);

/// A static program for Linux, on x86-64 or AArch64.
llvm::Error linkExecutable(const ExecutableOptions &options);

/// An archive with a symbol table. Members are named as their files are.
llvm::Error writeArchive(const LinkOptions &options);

/// `../lib/tenon` of the running tool, where its runtime and sysroots lie.
std::string findLibraryDirectory();

/// True for the C library's functions that a model's code may call.
bool isAllowedLibcSymbol(llvm::StringRef name);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_LINK_H
