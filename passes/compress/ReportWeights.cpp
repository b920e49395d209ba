// What became of each constant, for people and for --report=FILE.json.
#include "passes/compress/MatmulWeights.h"

namespace tenon::compress {
#define GEN_PASS_DEF_REPORTWEIGHTSPASS
#include "passes/compress/Passes.h.inc"
} // namespace tenon::compress

using namespace mlir;
using namespace tenon;
using namespace tenon::compress;

static std::string nameOf(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (std::string name = nameOf(part); !name.empty())
        return name;
  return "";
}

static std::string formatOf(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Attribute encoding = type.getEncoding();
  if (auto integer = dyn_cast_or_null<pack::IntAttr>(encoding)) {
    os << "int" << integer.getBits();
    if (integer.getGroup())
      os << " g" << integer.getGroup();
  } else if (auto sparse = dyn_cast_or_null<pack::TwoFourAttr>(encoding)) {
    os << (sparse.getValues().isInteger(8) ? "2:4 int8" : "2:4");
  } else if (isa_and_nonnull<pack::HalfAttr>(encoding)) {
    os << "f16";
  } else {
    os << type.getElementType();
  }
  return text;
}

namespace {
struct ReportWeightsPass
    : compress::impl::ReportWeightsPassBase<ReportWeightsPass> {
  using Base::Base;

  void runOnOperation() override {
    Builder b(&getContext());
    SmallVector<Attribute> rows;
    auto add = [&](Operation *op, StringRef reason, Attribute snr) {
      auto type = cast<RankedTensorType>(op->getResult(0).getType());
      double bytes = pack::storedBytes(type);
      SmallVector<NamedAttribute> row = {
          b.getNamedAttr("name", b.getStringAttr(nameOf(op->getLoc()))),
          b.getNamedAttr("shape", b.getDenseI64ArrayAttr(type.getShape())),
          b.getNamedAttr("format", b.getStringAttr(formatOf(type))),
          b.getNamedAttr("bits", b.getF64FloatAttr(
                                     8 * bytes / type.getNumElements())),
          b.getNamedAttr("bytes", b.getI64IntegerAttr((int64_t)bytes))};
      if (snr)
        row.push_back(b.getNamedAttr("snr", snr));
      if (!reason.empty())
        row.push_back(b.getNamedAttr("kept", b.getStringAttr(reason)));
      rows.push_back(b.getDictionaryAttr(row));
    };
    getOperation().walk([&](pack::ConstantOp constant) {
      RankedTensorType type = constant.getType();
      bool isOther = false;
      for (Operation *user : constant->getUsers()) {
        auto change = user->getAttrOfType<DictionaryAttr>(kChangeAttr);
        if (change)
          add(user, "", change.get("snr"));
        isOther |= !change;
      }
      if (type.getEncoding())
        return add(constant, "", {});
      if (!isOther || !isa<FloatType>(type.getElementType()) ||
          type.getNumElements() < minElements)
        return;
      auto kept = constant->getAttrOfType<StringAttr>(kKeptAttr);
      add(constant, kept ? kept.getValue() : "no matrix product's right side",
          {});
    });
    getOperation()->setAttr(kReportAttr, b.getArrayAttr(rows));
  }
};
} // namespace
