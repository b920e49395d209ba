// The state of one import: names to values, constants and known integers.
#ifndef TENON_FRONTENDS_ONNX_GRAPHIMPORTER_H
#define TENON_FRONTENDS_ONNX_GRAPHIMPORTER_H

#include "frontends/onnx/OpTranslators.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <deque>
#include <set>

namespace tenon::onnx {

/// A name that a DimExpr can hold: letters, digits, '_' and '.'.
std::string symbolName(llvm::StringRef name);

class GraphImporter {
public:
  GraphImporter(mlir::OpBuilder &builder, const Model &model,
                const ImportOptions &options)
      : builder(builder), model(model), options(options),
        countErrors(builder.getContext(), [this](mlir::Diagnostic &diagnostic) {
          errors += diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
          return mlir::failure();
        }) {}

  mlir::LogicalResult importMain(mlir::ModuleOp module);
  /// Imports the nodes of a graph (the main one, or a branch taken). One that
  /// is refused does not end it, so that all of them are reported.
  mlir::LogicalResult importNodes(const Graph &graph);

  mlir::Value lookup(const std::string &name, mlir::Location loc);
  const IntTensor *lookupInts(const std::string &name);
  /// The value of an integer tensor of one element, if it is known.
  std::optional<DimExpr> lookupInt(const std::string &name);
  const TensorData *lookupConstant(const std::string &name);
  /// As lookupConstant; a few numbers that the model computes from constants
  /// alone are computed here and now.
  const TensorData *demandConstant(const std::string &name);

  void define(const std::string &name, mlir::Value value) {
    values[name] = value;
  }
  void defineInts(const std::string &name, IntTensor contents);
  /// A constant that the model computes from others.
  void defineConstant(const std::string &name, DataType type,
                      std::vector<int64_t> dims, std::vector<char> bytes);
  void alias(const std::string &name, const std::string &of);
  /// Everything known about a value: a tensor, contents, or both.
  struct Known {
    mlir::Value value;
    std::optional<IntTensor> ints;
    const TensorData *constant = nullptr;
  };
  Known known(const std::string &name);
  void define(const std::string &name, const Known &known);

  /// Names defined while a Scope lives are forgotten when it ends: a body sees
  /// outer names, but not the other way round.
  class Scope {
  public:
    explicit Scope(GraphImporter &importer)
        : importer(importer), values(importer.values),
          integers(importer.integers), constants(importer.constants),
          producers(importer.producers), refused(importer.refused) {}
    ~Scope() {
      importer.values = std::move(values);
      importer.integers = std::move(integers);
      importer.constants = std::move(constants);
      importer.producers = std::move(producers);
      importer.refused = std::move(refused);
    }

  private:
    GraphImporter &importer;
    std::map<std::string, mlir::Value> values;
    std::map<std::string, IntTensor> integers;
    std::map<std::string, const TensorData *> constants;
    std::map<std::string, const Node *> producers;
    std::set<std::string> refused;
  };
  /// Tries a way of importing. Errors are held back, for there may be another.
  mlir::LogicalResult attempt(std::vector<mlir::Diagnostic> &held,
                              llvm::function_ref<mlir::LogicalResult()> way);
  /// Reports errors that were held back.
  void report(std::vector<mlir::Diagnostic> &held);

  /// A name that no symbol has, for the number of an iteration.
  std::string freshSymbol();

  //===- Sizes that the data decide (FoundSizes.cpp) ----------------------===//
  /// A symbol for the size that `value`, one integer, has when the model runs.
  DimExpr findSize(NodeContext &node, mlir::Value value,
                   const std::string &name, DimRange range);
  /// A run in which `value`, or what `known` makes of it, is not as `told` while
  /// compiling ends with a status that names `loc`.
  mlir::LogicalResult
  checkSize(NodeContext &node, mlir::Value value, const std::string &name,
            const DimExpr &told, mlir::Location loc,
            llvm::function_ref<DimExpr(const DimExpr &)> known = nullptr);
  /// `most` or less: what the model declares for a dimension of result i, and
  /// the user's bound.
  int64_t mostOf(NodeContext &node, size_t i, size_t dim, int64_t most);
  /// The contents of an integer tensor that decides shapes: known, followed
  /// back to what they are computed from, or read when the model runs.
  const IntTensor *demandInts(NodeContext &node, const std::string &name,
                              DimRange range, unsigned depth);
  /// The sizes found so far: their symbols and the nodes that needed them.
  std::map<std::string, const Node *> found;

  mlir::Location locationOf(const Node &node);

  mlir::OpBuilder &builder;
  const Model &model;
  const ImportOptions &options;
  nn::DimAnalysis analysis;
  std::map<std::string, const ValueInfo *> declared;
  /// False where the user opens a size that the model declares.
  bool declaredHold = true;

private:
  mlir::LogicalResult addInput(const ValueInfo &info,
                               llvm::SmallVectorImpl<mlir::Type> &types,
                               llvm::SmallVectorImpl<Dims> &shapes);
  DimExpr sizeOf(const Dim &dim, const std::string &input, size_t axis);
  void addSymbol(const std::string &name, DimRange range);
  mlir::Value materialize(const TensorData &tensor, mlir::Location loc);
  mlir::LogicalResult importNode(const Node &node);
  /// What a Constant holds: a tensor or numbers; null for anything else.
  const TensorData *constantOf(const Node &node);
  void standInFor(const Node &node);
  /// A bound of a found size that `size` is, or follows from.
  void tighten(const DimExpr &size, DimRange range);
  void boundBy(const DimExpr &size, int64_t most);
  int64_t mostSelected(const std::string &name);
  void boundByDeclared(const std::string &name);
  /// Writes the bounds; refuses sizes without one that buffers need.
  mlir::LogicalResult settleSizes(mlir::func::FuncOp program);

  std::map<std::string, mlir::Value> values;
  std::map<std::string, IntTensor> integers;
  std::map<std::string, const TensorData *> constants;
  std::deque<TensorData> numbers; // constants given as attributes
  std::map<std::string, const Node *> producers;
  std::deque<std::pair<TensorData, std::vector<char>>> computed;
  std::set<std::string> boundsUsed;
  unsigned loops = 0;
  /// Results of refused nodes whose sizes nobody knows; what needs them is not
  /// looked at.
  std::set<std::string> refused;
  bool metRefused = false;
  size_t errors = 0;
  mlir::ScopedDiagnosticHandler countErrors;
};

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_GRAPHIMPORTER_H
