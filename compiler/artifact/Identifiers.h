//===----------------------------------------------------------------------===//
// C identifiers for the names people give to models, tensors and sizes.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_IDENTIFIERS_H
#define TENON_COMPILER_ARTIFACT_IDENTIFIERS_H

#include "compiler/artifact/ModelInterface.h"

namespace tenon::artifact {

/// `/encoder/layer.0:out` -> `encoder_layer_0_out`. Never empty, never a
/// keyword of C or C++, never a name that a standard header takes.
std::string makeIdentifier(llvm::StringRef name);

/// A prefix for a model's symbols from its file name: `ResNet-50 v1` ->
/// `resnet_50_v1`.
std::string makePrefix(llvm::StringRef modelName);

/// Refuses what may not begin symbols or be a type's name itself.
llvm::Error verifyPrefix(llvm::StringRef prefix);

/// Fills the empty `identifier`s of inputs, outputs and symbols. Parameters
/// are unique among themselves, and so are symbols.
void assignIdentifiers(ModelInterface &model);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_IDENTIFIERS_H
