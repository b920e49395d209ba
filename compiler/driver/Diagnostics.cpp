#include "compiler/driver/Diagnostics.h"

#include "mlir/IR/Location.h"
#include "llvm/ADT/STLExtras.h"

using namespace llvm;
using namespace tenon;

static void collectNames(mlir::Location location,
                         std::vector<std::string> &names) {
  if (auto name = dyn_cast<mlir::NameLoc>(location)) {
    if (!llvm::is_contained(names, name.getName().str()))
      names.push_back(name.getName().str());
  } else if (auto fused = dyn_cast<mlir::FusedLoc>(location)) {
    for (mlir::Location part : fused.getLocations())
      collectNames(part, names);
  } else if (auto call = dyn_cast<mlir::CallSiteLoc>(location)) {
    collectNames(call.getCallee(), names);
  }
}

std::vector<std::string> tenon::nodesOf(mlir::Location location) {
  std::vector<std::string> names;
  collectNames(location, names);
  return names;
}

void Diagnostics::addNodes(const onnx::Graph &graph) {
  for (const onnx::Node &node : graph.nodes) {
    operators[node.name] = node.opType;
    for (const onnx::Attribute &attribute : node.attributes)
      for (const onnx::Graph &inner : attribute.graphs)
        addNodes(inner);
  }
}

std::string Diagnostics::describe(const mlir::Diagnostic &diagnostic) const {
  std::string text = diagnostic.str();
  for (const std::string &name : nodesOf(diagnostic.getLocation())) {
    auto known = operators.find(name);
    if (known == operators.end())
      continue;
    // The name is said once, and in the model's words, not in the IR's.
    StringRef rest = text;
    if (rest.consume_front("node '" + name + "'")) {
      rest.consume_front(" (" + known->second + ")");
      rest.consume_front(": ");
    }
    if (rest.starts_with("'")) {
      auto [op, message] = rest.drop_front().split("' op ");
      if (!message.empty() && op.contains('.') && !op.contains('\''))
        rest = message;
    }
    return "node '" + name + "' (" + known->second + "): " + rest.str();
  }
  return text;
}

void Diagnostics::add(Message::Kind kind, Twine text) {
  messages.push_back({kind, file + ": " + text.str(), {}});
}

void Diagnostics::add(llvm::Error error) {
  handleAllErrors(std::move(error), [&](const ErrorInfoBase &info) {
    std::string whole = info.message();
    StringRef text = whole;
    // Loading names the file itself.
    text.consume_front(file + ": ");
    add(Message::Error, text);
  });
}

void Diagnostics::add(const mlir::Diagnostic &diagnostic) {
  Message::Kind kind = Message::Error;
  if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning)
    kind = Message::Warning;
  else if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
    kind = Message::Note;
  std::string text = file + ": " + describe(diagnostic);
  // One mistake seen twice is one message.
  for (const Message &known : messages)
    if (known.text == text && known.kind == kind)
      return;
  messages.push_back({kind, std::move(text), {}});
  for (const mlir::Diagnostic &note : diagnostic.getNotes())
    messages.back().notes.push_back(describe(note));
}

bool Diagnostics::hasErrors() const {
  return llvm::any_of(messages, [](const Message &message) {
    return message.kind == Message::Error;
  });
}

void Diagnostics::print(raw_ostream &os) const {
  static constexpr StringLiteral kinds[] = {"error: ", "warning: ", "note: "};
  for (const Message &message : messages) {
    os << kinds[message.kind] << message.text << '\n';
    for (const std::string &note : message.notes)
      os << "  note: " << note << '\n';
  }
}

std::string Diagnostics::str() const {
  std::string text;
  raw_string_ostream os(text);
  print(os);
  return text;
}

std::string Diagnostics::firstError() const {
  for (const Message &message : messages)
    if (message.kind == Message::Error) {
      StringRef text = message.text;
      text.consume_front(file + ": ");
      std::string line = text.split('\n').first.str();
      return line;
    }
  return {};
}
