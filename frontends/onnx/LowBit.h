// Weights that stay in the few bits in which the model keeps them.
#ifndef TENON_FRONTENDS_ONNX_LOWBIT_H
#define TENON_FRONTENDS_ONNX_LOWBIT_H

#include "frontends/onnx/OpTranslators.h"

namespace tenon::onnx {

/// The result of a DequantizeLinear node as an encoded [k, n], if all it is
/// made of is constant, only matrix products read it as their right side, and
/// an encoding holds it. A Gemm with transB reads it as if it were transposed
/// already. Null: translate it as it is written.
mlir::Value encodedDequantize(NodeContext &node);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_LOWBIT_H
