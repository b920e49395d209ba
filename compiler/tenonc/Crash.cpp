//===----------------------------------------------------------------------===//
// Our own faults: a line, a reproducer, exit code 70.
//===----------------------------------------------------------------------===//

#include "compiler/tenonc/Commands.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Signals.h"

#include <unistd.h>

using namespace llvm;
using namespace tenon;

// Asked for in a signal's handler, where no one can pass it down.
static int commandCount;
static char **commandWords;

void tenon::rememberCommand(int argc, char **argv) {
  commandCount = argc;
  commandWords = argv;
}

std::string tenon::writeReproducer(StringRef text) {
  SmallString<128> path;
  int file;
  if (sys::fs::createTemporaryFile("tenon-reproducer", "txt", file, path))
    return "(no file could be written)";
  raw_fd_ostream os(file, /*shouldClose=*/true);
  SmallString<128> folder;
  sys::fs::current_path(folder);
  os << "# in " << folder << "\n";
  for (int i = 0; i < commandCount; ++i) {
    os << (i ? " " : "");
    sys::printArg(os, commandWords[i], /*Quote=*/true);
  }
  os << "\n\n" << text << '\n';
  os.close();
  os.clear_error();
  return std::string(path);
}

int tenon::failInternal(const Twine &text, StringRef details) {
  std::string problem = text.str();
  if (!problem.empty())
    fail(problem);
  errs() << "this is a mistake in Tenon, not in the model; to report it: "
         << writeReproducer(details.str() + problem) << '\n';
  return exitInternal;
}

static void onSignal(void *) {
  std::string path = writeReproducer("crashed");
  std::string line =
      "error: Tenon crashed; this is a mistake in Tenon; to report it: " +
      path + "\n";
  ssize_t written = write(2, line.data(), line.size());
  (void)written;
  _exit(exitInternal);
}

static void onFatalError(void *, const char *reason, bool) {
  std::string path = writeReproducer(reason);
  std::string line = "error: " + std::string(reason) +
                     "\nthis is a mistake in Tenon; to report it: " + path +
                     "\n";
  ssize_t written = write(2, line.data(), line.size());
  (void)written;
  _exit(exitInternal);
}

void tenon::installCrashHandlers() {
  sys::AddSignalHandler(onSignal, nullptr);
  install_fatal_error_handler(onFatalError);
  install_bad_alloc_error_handler(onFatalError);
}
