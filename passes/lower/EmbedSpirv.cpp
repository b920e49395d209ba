// SPIR-V modules become constants of the program, where a step's record finds
// them in place of a function:
//
//   llvm.mlir.global @key = tenon_device_kernel{code, bytes, number, ...}
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "passes/lower/emitters/GpuFrame.h"
#include "tenon/abi.h"

namespace tenon::lower {
#define GEN_PASS_DEF_EMBEDSPIRVPASS
#include "passes/lower/Passes.h.inc"
} // namespace tenon::lower

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

/// Bits of tenon_device_feature that a module needs.
static int64_t featuresOf(spirv::ModuleOp module) {
  int64_t features = 0;
  auto triple = module.getVceTriple();
  for (spirv::Capability c : triple->getCapabilities()) {
    if (c == spirv::Capability::Int64)
      features |= TENON_DEVICE_INT64;
    if (c == spirv::Capability::Float64)
      features |= TENON_DEVICE_FLOAT64;
  }
  return features;
}

namespace {
struct EmbedSpirvPass : lower::impl::EmbedSpirvPassBase<EmbedSpirvPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    int64_t number = 0;
    for (auto kernel :
         llvm::make_early_inc_range(module.getOps<spirv::ModuleOp>()))
      if (failed(embed(kernel, number++)))
        return signalPassFailure();
    for (auto program : module.getOps<rt::ProgramOp>())
      program->setAttr("device_kernels",
                       OpBuilder(program).getI64IntegerAttr(number));
  }

  static LogicalResult embed(spirv::ModuleOp kernel, int64_t number) {
    spirv::SerializationOptions options;
    options.emitSymbolName = false;
    SmallVector<uint32_t, 0> words;
    if (failed(spirv::serialize(kernel, words, options)))
      return failure();
    int64_t bindings = 0;
    kernel.walk([&](spirv::GlobalVariableOp op) {
      bindings += op.getBinding().has_value();
    });
    OpBuilder b(kernel.getContext());
    Location loc = kernel.getLoc();
    std::string name = kernel.getName()->str();
    int64_t recordWords =
        kernel->getAttrOfType<IntegerAttr>(kWordsAttr).getInt();
    int64_t features = featuresOf(kernel);
    b.setInsertionPointAfter(kernel);
    kernel.erase();

    StringRef bytes(reinterpret_cast<const char *>(words.data()),
                    words.size() * sizeof(uint32_t));
    auto code = LLVM::GlobalOp::create(
        b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size()),
        /*isConstant=*/true, LLVM::Linkage::Internal, name + "_code",
        b.getStringAttr(bytes), /*alignment=*/8);

    // Field by field as `struct tenon_device_kernel` in abi.h.
    Type pointer = LLVM::LLVMPointerType::get(b.getContext());
    Type i64 = b.getI64Type(), i32 = b.getI32Type();
    auto type = LLVM::LLVMStructType::getLiteral(
        b.getContext(), {pointer, i64, i32, i32, i32, i32});
    auto global = LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true,
                                         LLVM::Linkage::Internal, name,
                                         Attribute(), /*alignment=*/8);
    Block *block = b.createBlock(&global.getInitializerRegion());
    b.setInsertionPointToEnd(block);
    Value record = LLVM::UndefOp::create(b, loc, type);
    record = LLVM::InsertValueOp::create(
        b, loc, record,
        LLVM::AddressOfOp::create(b, loc, pointer, code.getSymName()),
        ArrayRef<int64_t>{0});
    int64_t values[] = {(int64_t)bytes.size(), number, bindings - 1,
                        recordWords, features};
    for (auto [i, value] : llvm::enumerate(values)) {
      Type field = i == 0 ? i64 : i32;
      Value v = LLVM::ConstantOp::create(b, loc, field,
                                         b.getIntegerAttr(field, value));
      record = LLVM::InsertValueOp::create(b, loc, record, v,
                                           ArrayRef<int64_t>{(int64_t)i + 1});
    }
    LLVM::ReturnOp::create(b, loc, record);
    return success();
  }
};
} // namespace
