// The pack dialect: how a tensor's values are stored.
#ifndef TENON_DIALECTS_PACK_PACK_H
#define TENON_DIALECTS_PACK_PACK_H

#include "dialects/nn/Nn.h"
#include "dialects/pack/PanelCodecs.h"
#include "dialects/pack/WeightStore.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"

#include "dialects/pack/PackAttrInterfaces.h.inc"
#include "dialects/pack/PackDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/pack/PackAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/pack/PackOps.h.inc"

namespace tenon::pack {

/// Bytes of one element in memory: bool is a byte; sub-byte types are packed.
uint64_t denseBytes(mlir::RankedTensorType type);
/// Bytes of a tensor as its encoding stores it, or dense.
uint64_t storedBytes(mlir::RankedTensorType type);
/// How a panel of this encoded type is stored; null if its elements are plain.
std::unique_ptr<PanelCodec> panelCodec(mlir::RankedTensorType type);
/// The dense f32 matrix that is encoded as `type`.
MatrixView denseMatrix(mlir::RankedTensorType type,
                       llvm::ArrayRef<char> dense);
/// A constant's value if it is one float or integer everywhere.
std::optional<double> getSplat(mlir::Value value);
/// The DenseElementsAttr of raw little-endian bytes (bool a byte each).
mlir::DenseElementsAttr denseFromBytes(mlir::RankedTensorType type,
                                       llvm::ArrayRef<char> bytes);
/// A constant of these bytes: in the IR if small, else in the WeightStore.
mlir::Value makeConstant(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::RankedTensorType type, std::vector<char> bytes);

} // namespace tenon::pack

#endif // TENON_DIALECTS_PACK_PACK_H
