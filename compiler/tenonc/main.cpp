//===----------------------------------------------------------------------===//
// tenonc: the command line of Tenon. Each subcommand has a file of its own.
//===----------------------------------------------------------------------===//

#include "compiler/tenonc/Commands.h"

#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace tenon;

namespace {
struct CommandRow {
  StringLiteral name;
  int (*run)(CommandArguments);
  StringLiteral summary;
};
} // namespace

static constexpr CommandRow commands[] = {
    {"compile", runCompile, "make a program, libraries, header and manifest"},
    {"run", runRun, "run a model, or an artifact made of one"},
    {"verify", runVerify, "compare outputs with expected ones"},
    {"bench", runBench, "race other engines"},
    {"check", runCheck, "say what would not compile, and what a model costs"},
    {"ops", runOps, "list the operators that are compiled"},
    {"targets", runTargets, "list targets and CPUs"},
};

static void printHelp(raw_ostream &os) {
  os << "tenonc makes native programs of ONNX models.\n\n"
        "usage: tenonc COMMAND [ARGUMENTS]\n\n"
        "commands\n";
  for (const CommandRow &command : commands)
    os << formatv("  {0,-10} {1}\n", command.name, command.summary);
  os << "\n  tenonc COMMAND --help tells more; --version tells the version\n\n"
        "examples\n"
        "  tenonc compile net.onnx\n"
        "  tenonc compile bert.onnx --dim seq=1..512 --emit=lib,header -o out\n"
        "  tenonc compile net.onnx --target=aarch64 --mcpu=cortex-a76\n"
        "  tenonc run net.onnx x=x.npy --json\n"
        "  tenonc run net.onnx x=random:7 --bench=5 --threads=1\n"
        "  tenonc verify net.onnx --data=test_data_set_0\n"
        "  tenonc check net.onnx\n\n"
        "exit codes: 0 ok, 1 the model or an input is refused, 2 usage,\n"
        "            3 verification failed, 70 a mistake in Tenon\n";
}

int main(int argc, char **argv) {
  rememberCommand(argc, argv);
  installCrashHandlers();
  StringRef name = argc > 1 ? argv[1] : "";
  if (name == "--version") {
    outs() << "tenonc " << TENON_VERSION << " (LLVM " << LLVM_VERSION_STRING
           << ")\n";
    return exitOk;
  }
  if (name == "--help" || name == "-h" || name == "help") {
    printHelp(outs());
    return exitOk;
  }
  if (name.empty()) {
    printHelp(errs());
    return exitUsage;
  }
  std::vector<StringRef> names;
  for (const CommandRow &command : commands) {
    if (command.name == name) {
      int code = command.run(ArrayRef(argv + 2, argv + argc));
      outs().flush();
      // A full disk behind a pipe must not look like success.
      if (outs().has_error()) {
        outs().clear_error();
        return code ? code : fail("cannot write the output");
      }
      return code;
    }
    names.push_back(command.name);
  }
  StringRef near = nearest(name, names);
  return usage(
      "unknown command '" + name + "'" +
          (near.empty() ? std::string() : "; did you mean " + near.str() + "?"),
      "");
}
