//===----------------------------------------------------------------------===//
// The subcommands of tenonc. Each takes the arguments behind its name and
// gives the process's exit code.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_TENONC_COMMANDS_H
#define TENON_COMPILER_TENONC_COMMANDS_H

#include "compiler/driver/Compile.h"
#include "compiler/tenonc/Options.h"

namespace tenon {

enum ExitCode {
  exitOk = 0,
  exitRefused = 1, ///< the model or an input; diagnostics were printed
  exitUsage = 2,
  exitMismatch = 3, ///< verification failed
  exitInternal = 70,
};

using CommandArguments = llvm::ArrayRef<const char *>;

int runCompile(CommandArguments arguments);
int runRun(CommandArguments arguments);
int runVerify(CommandArguments arguments);
int runBench(CommandArguments arguments);
int runCheck(CommandArguments arguments);
int runOps(CommandArguments arguments);
int runTargets(CommandArguments arguments);

//===-- what they share ---------------------------------------------------===//

/// Options that say how a model is compiled.
llvm::ArrayRef<OptionRow> compileOptionRows();

/// Fills `options` from those. A value that is not understood is a usage
/// error; one that is not implemented is refused. Prints why; gives the exit
/// code, or nothing if all is well.
std::optional<int> readCompileOptions(const Arguments &arguments,
                                      CompileOptions &options);

/// Parses; prints help or a usage error and gives the exit code then.
std::optional<int> parseArguments(const ArgumentParser &parser,
                                  CommandArguments given,
                                  llvm::StringRef command,
                                  const CommandHelp &help,
                                  Arguments &arguments);

/// Prints "error: .." and gives `code`.
int fail(const llvm::Twine &text, int code = exitRefused);
int usage(const llvm::Twine &text, llvm::StringRef command);
/// Our own fault: prints it and where its reproducer is, which holds `details`
/// and the IR too; gives exit code 70.
int failInternal(const llvm::Twine &text, llvm::StringRef details = "",
                 llvm::StringRef ir = "");

/// Compiles and prints what there is to say. Null and the exit code on failure.
std::unique_ptr<CompiledModel> compileOrExplain(const CompileOptions &options,
                                                int &code);

/// What constants are stored as, if any is not what the model says.
void printWeightsTable(const CompiledModel &model, llvm::raw_ostream &os);
/// The same as JSON, of all constants. A code if it cannot be written.
std::optional<int> writeWeightsReport(const CompiledModel &model,
                                      llvm::StringRef path);

/// A whole number in a range; nothing if `text` is none.
std::optional<int64_t> parseNumber(llvm::StringRef text, int64_t lo,
                                   int64_t hi);

/// Remembers the command line, for a reproducer.
void rememberCommand(int argc, char **argv);
/// Writes the command line and `text` as comments, then `ir`, into a file that
/// tenon-opt --run-reproducer takes; gives its path.
std::string writeReproducer(llvm::StringRef text, llvm::StringRef ir);
/// Makes crashes end in exitInternal with a reproducer.
void installCrashHandlers();

} // namespace tenon

#endif // TENON_COMPILER_TENONC_COMMANDS_H
