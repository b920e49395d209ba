//===----------------------------------------------------------------------===//
// tenonc check: would it compile, and what would it cost?
//===----------------------------------------------------------------------===//

#include "compiler/artifact/Header.h"
#include "compiler/tenonc/Commands.h"

#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace tenon;

static constexpr CommandHelp help = {
    "check MODEL [options]",
    "Says what would not compile, all of it in one go; else the model's "
    "parameters,\nFLOPs, memory, and the steps that took the generic path.",
    "  tenonc check net.onnx\n"
    "  tenonc check bert.onnx --dim seq=1..512\n"};

static std::string scaled(uint64_t value) {
  if (value >= 1000000000)
    return formatv("{0} ({1:F2} G)", value, value * 1e-9);
  if (value >= 1000000)
    return formatv("{0} ({1:F2} M)", value, value * 1e-6);
  return std::to_string(value);
}

static void printTensors(const artifact::ModelInterface &model, StringRef role,
                         ArrayRef<artifact::Tensor> tensors) {
  for (const artifact::Tensor &tensor : tensors)
    outs() << formatv(
        "{0,-12}{1} {2}{3}\n", role, tensor.name,
        StringRef(artifact::lookupElementType(tensor.type)->spelling).lower(),
        artifact::formatShape(model, tensor));
}

static void printReport(const CompiledModel &model) {
  const artifact::ModelInterface &interface = model.interface;
  const Statistics &statistics = model.statistics;
  outs() << formatv("{0,-12}{1}, {2}\n", "target", model.target.options.triple,
                    model.target.display);
  printTensors(interface, "input", interface.inputs);
  printTensors(interface, "output", interface.outputs);
  for (const artifact::Symbol &symbol : interface.symbols)
    outs() << formatv("{0,-12}{1} in {2}..{3}\n", "size", symbol.name,
                      symbol.lo, symbol.hi);
  outs() << formatv("{0,-12}{1}\n", "parameters",
                    scaled(statistics.parameters));
  outs() << formatv("{0,-12}{1}{2}\n", "flops", scaled(statistics.flops),
                    interface.symbols.empty() ? "" : " at the largest sizes");
  outs() << formatv("{0,-12}{1} bytes\n", "weights", statistics.weightBytes);
  outs() << formatv("{0,-12}{1} bytes of values", "arena",
                    statistics.slotBytes);
  if (statistics.peakBytes)
    outs() << formatv("; {0} live at the peak, {1:F3} of it",
                      statistics.peakBytes,
                      double(statistics.slotBytes) / statistics.peakBytes);
  outs() << '\n';
  if (Expected<artifact::ArenaSize> arena =
          artifact::computeArenaSize(interface))
    outs() << formatv("{0,-12}{1} bytes and {2} per thread\n", "memory",
                      arena->fixed, arena->perLane);
  else
    consumeError(arena.takeError());
  std::vector<const artifact::Step *> generic;
  for (const artifact::Step &step : interface.steps)
    if (step.generic)
      generic.push_back(&step);
  outs() << formatv("{0,-12}{1}, {2} generic\n", "steps",
                    interface.steps.size(), generic.size());
  for (const artifact::Step *step : generic)
    outs() << "  generic: " << step->name << " (" << step->kernel << ")\n";
}

int tenon::runCheck(CommandArguments given) {
  ArgumentParser parser({compileOptionRows()});
  Arguments arguments;
  if (auto code = parseArguments(parser, given, "check", help, arguments))
    return *code;
  if (arguments.positional.size() != 1)
    return usage("check takes one model", "check");
  CompileOptions options;
  options.model = arguments.positional[0];
  if (auto code = readCompileOptions(arguments, options))
    return *code;
  options.analyzeOnly = true;
  int code;
  std::unique_ptr<CompiledModel> model = compileOrExplain(options, code);
  if (!model)
    return code;
  printReport(*model);
  printWeightsTable(*model, outs());
  return exitOk;
}
