//===- GraphChecks.h - is the graph a graph? --------------------*- C++ -*-===//

#ifndef TENON_FRONTENDS_ONNX_GRAPHCHECKS_H
#define TENON_FRONTENDS_ONNX_GRAPHCHECKS_H

#include "frontends/onnx/Model.h"

namespace tenon::onnx {

/// "node 'name' (Op)", with the domain if it is not ai.onnx.
std::string describe(const Node &node);

/// Checks that every name is defined once and before it is used, here and in
/// subgraphs, and sorts the nodes; nodes in order stay in order. A name inside
/// a subgraph may hide one outside. The error does not name the file.
llvm::Error checkAndSort(Graph &graph);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_GRAPHCHECKS_H
