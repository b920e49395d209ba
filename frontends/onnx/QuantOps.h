// Products by quantized matrices, for translators of other files.
#ifndef TENON_FRONTENDS_ONNX_QUANTOPS_H
#define TENON_FRONTENDS_ONNX_QUANTOPS_H

#include "frontends/onnx/OpTranslators.h"

namespace tenon::onnx {

/// A matrix [k, n] of integers, `scale * (codes - zero)`; scale and zero (null:
/// 0) are one number, or one per column.
struct QuantizedMatrix {
  mlir::Value codes, zero, scale;
};

/// x [.., k], quantized to ui8 by the range of its values (onnxruntime's
/// DynamicQuantizeMatMul), by the matrix: f32 [.., n].
mlir::Value multiplyByRange(NodeContext &node, mlir::Value x,
                            QuantizedMatrix matrix);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_QUANTOPS_H
