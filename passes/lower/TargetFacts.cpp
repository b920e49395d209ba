#include "passes/lower/TargetFacts.h"

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace tenon::lower;

static constexpr StringLiteral kSpec = "dlti.target_system_spec";

TargetFacts TargetFacts::of(ModuleOp module) {
  TargetFacts facts;
  auto system = module->getAttrOfType<TargetSystemSpecAttr>(kSpec);
  if (!system)
    return facts;
  for (DataLayoutEntryInterface device : system.getEntries()) {
    auto spec = dyn_cast<TargetDeviceSpecAttr>(device.getValue());
    if (!spec)
      continue;
    for (DataLayoutEntryInterface entry : spec.getEntries()) {
      auto key = dyn_cast<StringAttr>(entry.getKey());
      auto value = dyn_cast<IntegerAttr>(entry.getValue());
      if (!key || !value)
        continue;
      if (key.getValue() == "tenon.vector_bytes")
        facts.vectorBytes = value.getInt();
      else if (key.getValue() == "tenon.masks")
        facts.masks = value.getInt();
      else if (key.getValue() == "tenon.registers")
        facts.registers = value.getInt();
      else if (key.getValue() == "tenon.index_bits")
        facts.indexBits = value.getInt();
      else if (key.getValue() == "tenon.permute")
        facts.permute = value.getInt();
      else if (key.getValue() == "tenon.fma")
        facts.fma = value.getInt();
      else if (key.getValue() == "tenon.half_conversion")
        facts.halfConversion = value.getInt();
      else if (key.getValue() == "tenon.byte_dot")
        facts.byteDot = (ByteDot)value.getInt();
      else if (key.getValue() == "tenon.workgroup")
        facts.workgroup = value.getInt();
      else if (key.getValue() == "tenon.sparse_mma")
        facts.sparseMma = value.getInt();
    }
  }
  return facts;
}

void TargetFacts::attachTo(ModuleOp module) const {
  MLIRContext *context = module.getContext();
  context->getOrLoadDialect<DLTIDialect>();
  Builder b(context);
  auto entry = [&](StringRef name, int64_t value) -> DataLayoutEntryInterface {
    return DataLayoutEntryAttr::get(b.getStringAttr(name),
                                    b.getI64IntegerAttr(value));
  };
  auto device = TargetDeviceSpecAttr::get(
      context, {entry("tenon.vector_bytes", vectorBytes),
                entry("tenon.masks", masks), entry("tenon.registers", registers),
                entry("tenon.index_bits", indexBits),
                entry("tenon.permute", permute), entry("tenon.fma", fma),
                entry("tenon.half_conversion", halfConversion),
                entry("tenon.byte_dot", (int64_t)byteDot),
                entry("tenon.workgroup", workgroup),
                entry("tenon.sparse_mma", sparseMma)});
  DataLayoutEntryInterface cpu = DataLayoutEntryAttr::get(
      b.getStringAttr(workgroup ? "GPU" : "CPU"), device);
  module->setAttr(kSpec, TargetSystemSpecAttr::get(context, {cpu}));
}
