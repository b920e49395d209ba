//===----------------------------------------------------------------------===//
// From a model to everything that an artifact is made of:
//
//   model ─ import ─ model ─ compress ─ schedule ─ lower ─┬─> GeneratedCode
//                                                         ├─> ModelInterface
//                                                         └─> Weights
//   objects of the generated code + weights ─> Session (runs) | Artifacts
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_COMPILE_H
#define TENON_COMPILER_DRIVER_COMPILE_H

#include "compiler/artifact/Link.h"
#include "compiler/artifact/ModelInterface.h"
#include "compiler/codegen/ObjectCode.h"
#include "compiler/driver/CompileOptions.h"
#include "compiler/driver/Diagnostics.h"
#include "compiler/driver/Weights.h"
#include "compiler/target/Targets.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <optional>

namespace tenon {

/// What `tenonc check` tells of a model.
struct Statistics {
  uint64_t parameters = 0;
  uint64_t flops = 0;
  uint64_t slotBytes = 0;
  uint64_t peakBytes = 0;
  uint64_t weightBytes = 0;
};

/// What became of one constant.
struct WeightRow {
  std::string name;
  std::vector<int64_t> shape;
  std::string format;
  double bitsPerWeight = 0;
  uint64_t bytes = 0;
  /// Signal to noise ratio in dB of a change, infinite if nothing was lost.
  std::optional<double> snr;
  /// Why it stays float.
  std::string kept;
};

/// Why a compile ended early.
enum class Failure {
  None,
  Refused,  ///< the model or an option does not fit: messages say why
  Internal, ///< our own mistake
};

class CompiledModel {
public:
  artifact::ModelInterface interface;
  ResolvedTarget target;
  Statistics statistics;
  std::vector<WeightRow> weightRows;
  /// Names of the model file's inputs, those bound to constants included.
  std::vector<std::string> inputNames;
  /// Files that were read: the model, its external data, values of inputs.
  std::vector<std::string> sources;
  /// Generated code, without the runtime and its API.
  std::vector<ObjectFile> objects;
  GeneratedCode code;
  Weights weights;
  /// The IR that `--stop-after` or `--emit=mlir` asked for.
  std::string ir;

  /// The weights in the form in which they are linked or shipped, written at
  /// the first call: an object to link, or the side file.
  llvm::Expected<std::string> weightsFile();
  /// What the objects to link are for.
  enum class Use { Library, Executable, Session };
  /// Paths of the objects to link, without weights: a session maps their file
  /// and hands them over. Fills `runtimeFunctions`.
  llvm::Expected<std::vector<std::string>> linkInputs(Use use);
  /// A folder of files on their way to the linker.
  artifact::ScratchDirectory &scratch() { return *directory; }

  /// What this model's runtime defines, by the names in C.
  std::vector<std::string> runtimeFunctions;

  /// The self-test changed the interface: its object must be made anew.
  void forgetApi() { apiFiles.clear(); }
  /// A name in scratch() that no library loaded from there has had: dlopen
  /// knows what it loaded by its path.
  std::string nextSessionPath() {
    return directory->path(interface.prefix + "_session" +
                           std::to_string(sessions++) + ".so");
  }

private:
  friend class Compilation;
  std::unique_ptr<mlir::MLIRContext> context;
  std::shared_ptr<onnx::Model> model;
  std::optional<artifact::ScratchDirectory> directory;
  std::string weightsPath;
  unsigned sessions = 0;
  std::vector<std::string> codeFiles, runtimeFiles;
  std::map<Use, std::string> apiFiles;
};

/// Compiles. Null on failure, and then `failure` says whose fault it is; what
/// there is to say is in `diagnostics` in both cases.
std::unique_ptr<CompiledModel> compileModel(const CompileOptions &options,
                                            Diagnostics &diagnostics,
                                            Failure &failure);

/// "import" and the pipelines' stages.
std::vector<std::string> stagesToStopAfter();

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_COMPILE_H
