#include "compiler/driver/Evaluate.h"

#include "compiler/codegen/ObjectCode.h"
#include "compiler/driver/Weights.h"
#include "compiler/pipelines/Pipelines.h"
#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"
#include "tenon/abi.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "mlir/Pass/PassManager.h"

using namespace llvm;
using namespace tenon;

namespace {

/// Bytes rounded up so that vectors may read behind the last element.
std::vector<char> room(uint64_t bytes) {
  return std::vector<char>(bytes + 128);
}
char *aligned(std::vector<char> &buffer) {
  auto address = reinterpret_cast<uintptr_t>(buffer.data());
  return buffer.data() + ((address + 63) / 64 * 64 - address);
}

/// The runtime of an evaluation: one lane, no model.
struct Lane {
  std::vector<char> scratch;
  int32_t status = 0;
};

tenon_status dispatch(tenon_model *model, void *const *bases,
                      const tenon_step *step) {
  auto *own = reinterpret_cast<Lane *>(model);
  tenon_lane lane{bases, aligned(own->scratch), &own->status, 0};
  if (step->tiles > 0)
    step->kernel(step, 0, step->tiles, &lane);
  return static_cast<tenon_status>(own->status);
}

/// The lowest level with fused multiply-add: its code runs on every machine
/// that compiles, and gives the bits of all others.
Expected<ResolvedTarget> fixedTarget() {
  Triple host(sys::getDefaultTargetTriple());
  return resolveTarget(host.str(), host.isX86() ? "x86-64-v3" : "generic");
}

} // namespace

Expected<std::vector<std::vector<char>>>
JitEvaluator::evaluate(mlir::ModuleOp module) {
  Expected<ResolvedTarget> target = fixedTarget();
  if (!target)
    return target.takeError();
  constexpr StringLiteral prefix = "folded";
  for (StringRef stage : {"schedule", "lower"}) {
    mlir::PassManager passes(module.getContext(),
                             mlir::ModuleOp::getOperationName());
    buildStage(stage, passes, target->options, prefix);
    if (mlir::failed(passes.run(module)))
      return createStringError("the stage '" + stage + "' refused them");
  }
  rt::ProgramOp program;
  for (auto op : module.getOps<rt::ProgramOp>())
    program = op;
  Expected<Weights> weights = Weights::collect(program);
  if (!weights)
    return weights.takeError();
  SmallVector<char, 0> weightBytes;
  weightBytes.reserve(weights->totalBytes() + 128);
  raw_svector_ostream os(weightBytes);
  auto address = reinterpret_cast<uintptr_t>(weightBytes.data());
  os.write_zeros(alignTo(address, 64) - address);
  char *firstWeight = weightBytes.end();
  if (Error error = weights->write(os))
    return std::move(error);
  std::vector<char> slots = room(program.getSlotBytes());
  std::vector<std::vector<char>> outputs;
  std::vector<void *> bases = {aligned(slots), firstWeight};
  for (mlir::Attribute output : program.getOutputs()) {
    auto type = mlir::cast<mlir::TypeAttr>(
                    mlir::cast<mlir::DictionaryAttr>(output).get("type"))
                    .getValue();
    // As a user's buffer: no alignment but the type's, nothing behind it.
    outputs.emplace_back(
        pack::denseBytes(mlir::cast<mlir::RankedTensorType>(type)));
    bases.push_back(outputs.back().data());
  }
  uint64_t laneBytes = 0;
  if (auto lane = program->getAttrOfType<mlir::IntegerAttr>("lane_bytes"))
    laneBytes = lane.getInt();
  program.erase();

  Expected<GeneratedCode> code =
      GeneratedCode::translate(module, *target, prefix);
  if (!code)
    return code.takeError();
  Expected<std::vector<ObjectFile>> objects = code->compile(1);
  if (!objects)
    return objects.takeError();
  auto jit = orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  orc::JITDylib &library = (*jit)->getMainJITDylib();
  orc::SymbolMap symbols;
  auto define = [&](const char *name, void *address) {
    symbols[(*jit)->mangleAndIntern(name)] = {
        orc::ExecutorAddr::fromPtr(address),
        JITSymbolFlags::Exported | JITSymbolFlags::Callable};
  };
  // The runtime's symbols carry the prefix by now.
  define("folded_rt_dispatch", reinterpret_cast<void *>(&dispatch));
  define("memcpy", reinterpret_cast<void *>(&memcpy));
  define("memset", reinterpret_cast<void *>(&memset));
  if (Error error = library.define(orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  for (const ObjectFile &object : *objects)
    if (Error error = (*jit)->addObjectFile(
            MemoryBuffer::getMemBufferCopy(object.contents(), object.name)))
      return std::move(error);
  auto entry = (*jit)->lookup("folded_program");
  if (!entry)
    return entry.takeError();
  Lane lane;
  lane.scratch = room(laneBytes);
  auto run = entry->toPtr<int32_t (*)(void *, const int64_t *, void *const *)>();
  int64_t none = 0;
  if (run(&lane, &none, bases.data()) != TENON_OK)
    return createStringError("their computation ended in an error");
  return outputs;
}
