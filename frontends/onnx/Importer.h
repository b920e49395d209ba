// From an ONNX model to the nn dialect, node by node.
#ifndef TENON_FRONTENDS_ONNX_IMPORTER_H
#define TENON_FRONTENDS_ONNX_IMPORTER_H

#include "dialects/nn/DimExpr.h"
#include "frontends/onnx/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "passes/analysis/Evaluator.h"

namespace tenon::onnx {

/// A size the user asks for: a number, bounds, or the name of a symbol, with
/// its bounds or those of `--dim`.
struct DimSpec {
  std::string symbol;
  DimRange range{-1, -1}; // lo == hi: static

  /// "3", "1..512" or "seq".
  static std::optional<DimSpec> parse(llvm::StringRef text);
};

struct ImportOptions {
  /// Bounds by the name of a symbolic dimension.
  std::map<std::string, DimRange> dims;
  /// Bounds of sizes known only at run time, by node.
  std::map<std::string, int64_t> bounds;
  /// Whole shapes by input name; they replace the model's.
  std::map<std::string, std::vector<DimSpec>> shapes;
  /// Inputs bound to a constant: their bytes, in the input's element type.
  std::map<std::string, std::vector<char>> values;
  /// Runs what a model computes from constants alone, where sizes depend on it;
  /// null: such sizes are known only at run time.
  analysis::Evaluator *evaluator = nullptr;
  /// Told about decisions the user may want to know.
  std::function<void(const std::string &)> note;
};

/// Whether the importer has a translator for an operator of a domain.
bool hasTranslator(llvm::StringRef domain, llvm::StringRef opType);
/// All operators with translators, as "domain::Op" ("" is ai.onnx), sorted.
std::vector<std::string> listTranslators();

/// Builds `func.func @main`. Every problem is a diagnostic at the node it
/// concerns; all nodes that are refused are reported in one go.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context,
                                              const Model &model,
                                              const ImportOptions &options);

/// The tensor element type of an ONNX type; null if tensors of it are refused.
mlir::Type elementType(mlir::MLIRContext &context, DataType type);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_IMPORTER_H
