//===----------------------------------------------------------------------===//
// The manifest, model.tenon: the ModelInterface as a FlatBuffer (Manifest.fbs)
// or as JSON text.
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_ARTIFACT_MANIFEST_H
#define TENON_COMPILER_ARTIFACT_MANIFEST_H

#include "compiler/artifact/ModelInterface.h"

#include "llvm/Support/raw_ostream.h"

namespace tenon::artifact {

/// The manifest's bytes; equal interfaces give equal bytes.
std::string writeManifest(const ModelInterface &model);

/// Reads what `writeManifest` wrote. The bytes need not be trusted: they are
/// verified before anything is read, and the result is a valid interface.
llvm::Expected<ModelInterface> readManifest(llvm::StringRef bytes);

/// The same for people and scripts. Digests are strings of hexadecimal
/// digits, since JSON's numbers do not hold 64 bits.
void writeManifestJson(const ModelInterface &model, llvm::raw_ostream &os);

} // namespace tenon::artifact

#endif // TENON_COMPILER_ARTIFACT_MANIFEST_H
