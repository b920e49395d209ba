//===----------------------------------------------------------------------===//
// A compiled model in this process: its objects, as an artifact would hold
// them, linked into a library that is loaded and described by its
// tenon_model_info. What runs it is the runtime's front (runtime/exe/exe.h).
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_SESSION_H
#define TENON_COMPILER_DRIVER_SESSION_H

#include "compiler/driver/Compile.h"
#include "runtime/exe/exe.h"

namespace tenon {

/// A loaded library of one model.
class LoadedModel {
public:
  /// Links and loads `model`, which must live longer.
  static llvm::Expected<LoadedModel> link(CompiledModel &model);
  /// Loads the library of an artifact.
  static llvm::Expected<LoadedModel> load(llvm::StringRef path);

  LoadedModel(LoadedModel &&other);
  LoadedModel(const LoadedModel &) = delete;
  ~LoadedModel();

  const tenon_model_info &info() const { return *description; }
  /// Beside which a weights file lies, unless info() has the weights.
  const std::string &path() const { return library; }

private:
  LoadedModel() = default;
  static llvm::Expected<LoadedModel> open(std::string path,
                                          std::string infoSymbol);

  std::string library;
  void *handle = nullptr;
  /// A copy, since a linked model gets the address of its weights here.
  std::unique_ptr<tenon_model_info> description;
  std::unique_ptr<llvm::MemoryBuffer> weights;
};

/// A loaded model at work, with values for its runs. Not movable: the runtime
/// holds its address.
class Session {
public:
  explicit Session(const LoadedModel &model) : model(model) {}
  Session(const Session &) = delete;
  ~Session();

  /// Makes room for inputs; their memory is still empty.
  llvm::Error prepare();
  tenon_values &values() { return data; }
  const tenon_values &values() const { return data; }
  /// Sizes the outputs from the inputs at hand and starts the model.
  llvm::Error start(int32_t threads);
  llvm::Error run();
  /// Of all outputs, as the self-test has it.
  uint64_t digest() const;

private:
  const LoadedModel &model;
  tenon_values data = {};
  tenon_session session = {};
};

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_SESSION_H
