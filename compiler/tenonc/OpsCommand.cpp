//===----------------------------------------------------------------------===//
// tenonc ops: what the front end translates.
//===----------------------------------------------------------------------===//

#include "compiler/tenonc/Commands.h"

#include <map>

using namespace llvm;
using namespace tenon;

static constexpr CommandHelp help = {
    "ops",
    "Lists the operators that are compiled, by domain, one to a line. "
    "Operators\n"
    "that ONNX defines by others compile too if those do.",
    "  tenonc ops\n"};

int tenon::runOps(CommandArguments given) {
  ArgumentParser parser({});
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "ops", help, arguments))
    return *code;
  if (!arguments.positional.empty())
    return usage("ops takes no '" + arguments.positional[0] + "'", "ops");
  std::map<std::string, std::vector<std::string>> byDomain;
  for (const std::string &name : onnx::listTranslators()) {
    auto [domain, op] = StringRef(name).rsplit("::");
    if (op.empty())
      byDomain[""].push_back(name);
    else
      byDomain[domain.str()].push_back(op.str());
  }
  for (const auto &[domain, names] : byDomain) {
    outs() << (domain.empty() ? "ai.onnx" : domain) << ", opset "
           << (domain.empty() ? std::to_string(onnx::kOpset) : "1") << ": "
           << names.size() << "\n";
    for (const std::string &name : names)
      outs() << "  " << name << "\n";
  }
  return exitOk;
}
