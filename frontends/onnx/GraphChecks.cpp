//===- GraphChecks.cpp - is the graph a graph? ----------------------------===//

#include "frontends/onnx/GraphChecks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <queue>

using namespace tenon::onnx;
using llvm::createStringError;
using llvm::Error;
using llvm::StringRef;
using llvm::Twine;

std::string tenon::onnx::describe(const Node &node) {
  std::string op =
      node.domain.empty() ? node.opType : node.domain + "." + node.opType;
  return "node '" + node.name + "' (" + op + ")";
}

namespace {
/// One graph while it is checked, and those around it.
class Scope {
public:
  Scope(Graph &graph, const Scope *outer) : graph(graph), outer(outer) {}

  Error run() {
    if (Error error = defineAll())
      return error;
    predecessors.resize(graph.nodes.size());
    for (auto [index, node] : llvm::enumerate(graph.nodes))
      if (Error error = checkNode(node, static_cast<int>(index)))
        return error;
    for (const ValueInfo &output : graph.outputs)
      if (Error error = checkOutput(output))
        return error;
    return sort();
  }

  /// Names of the graphs around that this one reads.
  llvm::StringSet<> captures;

private:
  // Who defines a name: a node, or one of these.
  static constexpr int byInput = -1;
  static constexpr int byInitializer = -2;

  std::string definer(int who) const {
    if (who == byInput)
      return "an input of the graph";
    if (who == byInitializer)
      return "an initializer";
    return describe(graph.nodes[who]);
  }

  Error define(StringRef name, int who) {
    if (name.empty())
      return createStringError("expected a name for " + definer(who) +
                               ", found none");
    auto [place, isNew] = definitions.try_emplace(name, who);
    if (isNew)
      return Error::success();
    return createStringError("value '" + name + "' is defined twice: by " +
                             definer(place->second) + " and by " +
                             definer(who) + "; rename one of them");
  }

  Error defineAll() {
    for (const ValueInfo &input : graph.inputs)
      if (Error error = define(input.name, byInput))
        return error;
    for (const TensorData &initializer : graph.initializers)
      if (Error error = define(initializer.name, byInitializer))
        return error;
    for (const SparseTensorData &initializer : graph.sparseInitializers)
      if (Error error = define(initializer.values.name, byInitializer))
        return error;
    for (auto [index, node] : llvm::enumerate(graph.nodes))
      for (const std::string &output : node.outputs)
        if (!output.empty())
          if (Error error = define(output, static_cast<int>(index)))
            return error;
    return Error::success();
  }

  bool definedOutside(StringRef name) const {
    for (const Scope *scope = outer; scope; scope = scope->outer)
      if (scope->definitions.contains(name))
        return true;
    return false;
  }

  /// Node `user` reads `name`; false if nothing defines it.
  bool use(StringRef name, int user) {
    auto place = definitions.find(name);
    if (place != definitions.end()) {
      if (place->second >= 0)
        predecessors[user].push_back(place->second);
      return true;
    }
    if (!definedOutside(name))
      return false;
    captures.insert(name);
    return true;
  }

  Error checkNode(Node &node, int index) {
    if (node.opType.empty())
      return createStringError(describe(node) +
                               ": expected an operator, found none");
    for (auto [position, input] : llvm::enumerate(node.inputs))
      if (!input.empty() && !use(input, index))
        return createStringError(
            describe(node) + ": input " + Twine(position) + " '" + input +
            "' is not defined; expected a graph input, an initializer or the "
            "output of a node");
    llvm::StringSet<> attributeNames;
    for (Attribute &attribute : node.attributes) {
      if (!attributeNames.insert(attribute.name).second)
        return createStringError(describe(node) + ": attribute '" +
                                 attribute.name + "' is given twice");
      for (Graph &subgraph : attribute.graphs) {
        Scope inner(subgraph, this);
        if (Error error = inner.run())
          return createStringError("in attribute '" + attribute.name + "' of " +
                                   describe(node) + ": " +
                                   llvm::toString(std::move(error)));
        for (const auto &name : inner.captures)
          use(name.getKey(), index);
      }
    }
    return Error::success();
  }

  Error checkOutput(const ValueInfo &output) {
    if (definitions.contains(output.name))
      return Error::success();
    if (definedOutside(output.name)) {
      captures.insert(output.name);
      return Error::success();
    }
    return createStringError("output '" + output.name +
                             "' of the graph is not defined; expected a graph "
                             "input, an initializer or the output of a node");
  }

  /// Kahn's algorithm, taking the first ready node as the file lists them.
  Error sort() {
    size_t count = graph.nodes.size();
    std::vector<std::vector<int>> successors(count);
    std::vector<size_t> open(count);
    std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
    for (size_t index = 0; index < count; ++index) {
      open[index] = predecessors[index].size();
      for (int predecessor : predecessors[index])
        successors[predecessor].push_back(static_cast<int>(index));
      if (open[index] == 0)
        ready.push(static_cast<int>(index));
    }
    std::vector<int> order;
    while (!ready.empty()) {
      int index = ready.top();
      ready.pop();
      order.push_back(index);
      for (int successor : successors[index])
        if (--open[successor] == 0)
          ready.push(successor);
    }
    if (order.size() != count)
      return reportCycle(open);
    if (llvm::is_sorted(order))
      return Error::success();
    std::vector<Node> sorted;
    sorted.reserve(count);
    for (int index : order)
      sorted.push_back(std::move(graph.nodes[index]));
    graph.nodes = std::move(sorted);
    return Error::success();
  }

  /// Walks back from a node that never became ready until one comes again.
  Error reportCycle(const std::vector<size_t> &open) const {
    int at = static_cast<int>(
        llvm::find_if(open, [](size_t n) { return n != 0; }) - open.begin());
    std::vector<int> path;
    while (!llvm::is_contained(path, at)) {
      path.push_back(at);
      at =
          *llvm::find_if(predecessors[at], [&](int p) { return open[p] != 0; });
    }
    path.erase(path.begin(), llvm::find(path, at));
    std::string message = "the graph has a cycle: " + describe(graph.nodes[at]);
    constexpr size_t shown = 8;
    // Walked backwards; told in the direction of the data.
    for (size_t i = path.size(); i-- > 1;) {
      if (path.size() - i > shown) {
        message += " -> (" + std::to_string(i) + " more)";
        break;
      }
      message += " -> " + describe(graph.nodes[path[i]]);
    }
    return createStringError(message + " -> " + describe(graph.nodes[at]));
  }

  Graph &graph;
  const Scope *outer;
  llvm::StringMap<int> definitions;
  /// Per node, the nodes of this graph it reads from.
  std::vector<std::vector<int>> predecessors;
};
} // namespace

/// Inside a body the same value may go two ways, but the model's outputs are
/// arguments of one function.
static Error checkOutputNames(const Graph &graph) {
  llvm::StringSet<> names;
  for (const ValueInfo &output : graph.outputs)
    if (!names.insert(output.name).second)
      return createStringError("output '" + output.name +
                               "' of the graph is listed twice; let one of "
                               "them be an Identity of it");
  return Error::success();
}

Error tenon::onnx::checkAndSort(Graph &graph) {
  if (Error error = checkOutputNames(graph))
    return error;
  return Scope(graph, nullptr).run();
}
