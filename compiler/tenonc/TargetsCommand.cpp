//===----------------------------------------------------------------------===//
// tenonc targets: for what code can be made.
//===----------------------------------------------------------------------===//

#include "compiler/target/Targets.h"
#include "compiler/tenonc/Commands.h"

using namespace llvm;
using namespace tenon;

static constexpr CommandHelp help = {
    "targets", "Lists targets, CPU levels and what this machine is.",
    "  tenonc targets\n"
    "  tenonc compile net.onnx --target=aarch64 --mcpu=neoverse-n1\n"};

int tenon::runTargets(CommandArguments given) {
  ArgumentParser parser({});
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "targets", help, arguments))
    return *code;
  if (!arguments.positional.empty())
    return usage("targets takes no '" + arguments.positional[0] + "'",
                 "targets");
  printTargets(outs());
  return exitOk;
}
