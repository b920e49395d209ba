// How a product's left side may be stored; what the model itself says.
#ifndef TENON_DIALECTS_PACK_ACTIVATIONS_H
#define TENON_DIALECTS_PACK_ACTIVATIONS_H

#include "llvm/ADT/StringRef.h"

namespace tenon::pack {

/// On an nn.matmul: int8 with a scale per row is good enough.
inline constexpr llvm::StringLiteral kInt8ActivationsAttr =
    "pack.int8_activations";

} // namespace tenon::pack

#endif // TENON_DIALECTS_PACK_ACTIVATIONS_H
