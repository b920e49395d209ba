//===----------------------------------------------------------------------===//
// What went wrong with a model, in the words its user knows:
//
//   net.onnx: node '/conv1/Conv' (Conv): expected ...
//     note: ...
//===----------------------------------------------------------------------===//

#ifndef TENON_COMPILER_DRIVER_DIAGNOSTICS_H
#define TENON_COMPILER_DRIVER_DIAGNOSTICS_H

#include "frontends/onnx/Model.h"

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

#include <string>
#include <vector>

namespace tenon {

struct Message {
  enum Kind { Error, Warning, Note };
  Kind kind = Error;
  std::string text;
  std::vector<std::string> notes;
};

/// The nodes of the model that a location names, outermost first.
std::vector<std::string> nodesOf(mlir::Location location);

/// Collects messages about one model file.
class Diagnostics {
public:
  /// `file` begins each message.
  explicit Diagnostics(std::string file = "model") : file(std::move(file)) {}

  /// Learns the operators of the model's nodes.
  void addNodes(const onnx::Graph &graph);

  void add(Message::Kind kind, llvm::Twine text);
  void add(llvm::Error error);
  void add(const mlir::Diagnostic &diagnostic);

  bool hasErrors() const;
  const std::vector<Message> &getMessages() const { return messages; }
  /// Each message with its notes, one line or more.
  void print(llvm::raw_ostream &os) const;
  std::string str() const;
  /// The first error alone, on one line.
  std::string firstError() const;

  /// What shows a mistake of ours again (Reproducer.h), if there was one.
  std::string reproducer;

private:
  std::string describe(const mlir::Diagnostic &diagnostic) const;

  std::string file;
  llvm::StringMap<std::string> operators;
  std::vector<Message> messages;
};

} // namespace tenon

#endif // TENON_COMPILER_DRIVER_DIAGNOSTICS_H
