//===----------------------------------------------------------------------===//
// Our own faults: a line, a reproducer, exit code 70.
//===----------------------------------------------------------------------===//

#include "compiler/driver/Reproducer.h"
#include "compiler/tenonc/Commands.h"

#include "llvm/ADT/StringExtras.h"
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

std::string tenon::writeReproducer(StringRef text, StringRef ir) {
  SmallString<128> path;
  int file;
  if (sys::fs::createTemporaryFile("tenon-reproducer", "mlir", file, path))
    return "(no file could be written)";
  raw_fd_ostream os(file, /*shouldClose=*/true);
  SmallString<128> folder;
  sys::fs::current_path(folder);
  os << "// in " << folder << "\n//";
  for (int i = 0; i < commandCount; ++i) {
    os << ' ';
    sys::printArg(os, commandWords[i], /*Quote=*/true);
  }
  os << "\n//\n";
  for (StringRef line : split(text.trim(), '\n'))
    os << "// " << line << '\n';
  os << ir;
  os.close();
  os.clear_error();
  return std::string(path);
}

/// The IR of the compile that a crash interrupted.
static std::string interruptedIR() {
  std::string text;
  raw_string_ostream os(text);
  auto *entry = static_cast<const PrettyStackTraceEntry *>(
      SavePrettyStackState());
  for (; entry; entry = entry->getNextEntry())
    if (auto *reproducer = dynamic_cast<const Reproducer *>(entry)) {
      reproducer->print(os);
      break; // an outer compile folds constants with an inner one
    }
  return text;
}

int tenon::failInternal(const Twine &text, StringRef details, StringRef ir) {
  std::string problem = text.str();
  if (!problem.empty())
    fail(problem);
  errs() << "this is a mistake in Tenon, not in the model; to report it: "
         << writeReproducer(details.str() + problem, ir) << '\n';
  return exitInternal;
}

static void onSignal(void *) {
  std::string path = writeReproducer("crashed", interruptedIR());
  std::string line =
      "error: Tenon crashed; this is a mistake in Tenon; to report it: " +
      path + "\n";
  ssize_t written = write(2, line.data(), line.size());
  (void)written;
  _exit(exitInternal);
}

static void onFatalError(void *, const char *reason, bool) {
  std::string path = writeReproducer(reason, interruptedIR());
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
