// What a translator works with, and the table of all of them.
//
//   static LogicalResult translateAdd(NodeContext &node) {
//     return node.yield(node.make<nn::AddOp>(node.element(0), node.in(0), node.in(1)));
//   }
//
// `make` gives a null value after an error it has reported, takes null for
// null, and `yield` fails on null: a chain of them needs no checks between.
#ifndef TENON_FRONTENDS_ONNX_OPTRANSLATORS_H
#define TENON_FRONTENDS_ONNX_OPTRANSLATORS_H

#include "dialects/nn/Nn.h"
#include "dialects/pack/Pack.h"
#include "frontends/onnx/Importer.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

namespace tenon::onnx {

class GraphImporter;

/// The contents of a small integer (or bool) tensor, as far as known while
/// importing.
struct IntTensor {
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  Dims values; // row-major
};
/// What an operand that decides shapes may hold: sizes, or any integer.
inline constexpr DimRange kAnySize{0, INT64_MAX}, kAnyInt{INT64_MIN, INT64_MAX};
/// Tensors up to this many elements are followed.
inline constexpr int64_t kIntTensorLimit = 64;

class NodeContext {
public:
  NodeContext(GraphImporter &importer, const Node &node,
              llvm::ArrayRef<mlir::Value> operands = {});

  const Node &node;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  nn::DimAnalysis &analysis;

  //===- Operands ----------------------------------------------------------===//
  size_t inputs() const { return node.inputs.size(); }
  bool has(size_t i) const { return node.hasInput(i); }
  /// The operand; null if it is not given.
  mlir::Value in(size_t i);
  Dims dims(size_t i) { return dimsOf(in(i)); }
  Dims dimsOf(mlir::Value v) { return v ? analysis.of(v) : Dims(); }
  int64_t rank(size_t i) { return dims(i).size(); }
  mlir::Type element(size_t i) { return elementOf(in(i)); }
  mlir::Type elementOf(mlir::Value v);
  /// The contents of an integer operand, if they are known.
  const IntTensor *ints(size_t i);
  /// The value of an integer operand of one element, if it is known.
  std::optional<DimExpr> oneInt(size_t i);
  /// The same as `ints`, reporting an error that names the operand if they are not.
  const IntTensor *requireInts(size_t i, llvm::StringRef name);
  /// The same of one element.
  std::optional<DimExpr> requireInt(size_t i, llvm::StringRef name);
  /// The contents of a small integer operand that decides shapes, as symbols
  /// where only run time knows them; an error if it is none.
  const IntTensor *demandInts(size_t i, llvm::StringRef name, DimRange range);
  std::optional<DimExpr> demandInt(size_t i, llvm::StringRef name,
                                   DimRange range);
  /// Sizes were taken from a declared shape: where operand i, known only at
  /// run time, is not `expected`, a run ends with a status at this node. An
  /// element may also be one of `others`.
  mlir::LogicalResult checkInts(size_t i, llvm::StringRef name,
                                const Dims &expected,
                                llvm::ArrayRef<int64_t> others = {});
  /// The bytes of an operand that is a constant of the model; `type` and
  /// `shape` as the tensor says.
  std::optional<llvm::ArrayRef<char>> constantBytes(size_t i);
  /// A constant float operand's elements.
  std::optional<std::vector<double>> constantFloats(size_t i);

  //===- Attributes --------------------------------------------------------===//
  /// An axis attribute (or given axis) counted from the front; reports one
  /// outside [-rank, rank).
  mlir::FailureOr<int64_t> axis(int64_t value, int64_t rank);

  //===- Results -----------------------------------------------------------===//
  template <typename Op, typename... Args>
  mlir::Value make(mlir::Type element, Args &&...args) {
    if (!element || (isNull(args) || ...))
      return {};
    auto op = Op::create(builder, loc, mlir::RankedTensorType::get({}, element),
                         std::forward<Args>(args)...);
    return infer(op);
  }
  mlir::Value constant(mlir::RankedTensorType type, std::vector<char> bytes);
  /// A scalar of the element type.
  mlir::Value scalar(mlir::Type element, double value);
  mlir::Value reshape(mlir::Value v, Dims shape);
  /// `v` with the sizes it must have: what only run time tells is checked then.
  mlir::Value settle(mlir::Value v, llvm::ArrayRef<DimExpr> sizes);
  mlir::Value transpose(mlir::Value v, llvm::ArrayRef<int64_t> permutation);
  mlir::Value cast(mlir::Value v, mlir::Type element);
  nn::DimsAttr dimsAttr(const Dims &dims) {
    return nn::DimsAttr::get(builder.getContext(), dims);
  }

  /// Result 0 as the ai.onnx operator `opType` computes it of `operands`, by
  /// the node's attributes and `more`, which come first.
  mlir::Value translateAs(llvm::StringRef opType,
                          llvm::ArrayRef<mlir::Value> operands,
                          std::vector<Attribute> more = {});
  mlir::LogicalResult yield(mlir::Value result, size_t i = 0);
  void yieldInts(IntTensor contents, size_t i = 0);
  /// The sizes the model declares for result i, if all are static.
  std::optional<Dims> declaredDims(size_t i);
  /// The rank it declares, which holds where its sizes are opened.
  std::optional<int64_t> declaredRank(size_t i);

  mlir::InFlightDiagnostic error();
  GraphImporter &importer;

private:
  /// The only element of `contents`; none where it is null, or after an error
  /// for any other number of elements.
  std::optional<DimExpr> only(const IntTensor *contents, llvm::StringRef name);
  /// In place of those the node names; empty: they are looked up.
  llvm::SmallVector<mlir::Value> operands;

  mlir::Value infer(mlir::Operation *op);
  static bool isNull(const mlir::Value &v) { return !v; }
  static bool isNull(const llvm::SmallVector<mlir::Value> &v) {
    return llvm::is_contained(v, mlir::Value());
  }
  template <typename T> static bool isNull(const T &) { return false; }
};

using Translator = mlir::LogicalResult (*)(NodeContext &);

/// Operators by "Op" (ai.onnx) or "domain::Op".
using TranslatorTable = std::map<std::string, Translator>;
const TranslatorTable &translators();

// One per family, each in its own file.
void addElementwiseTranslators(TranslatorTable &table);
void addShapeTranslators(TranslatorTable &table);
void addIndexTranslators(TranslatorTable &table);
void addReductionTranslators(TranslatorTable &table);
void addProductTranslators(TranslatorTable &table);
void addWindowTranslators(TranslatorTable &table);
void addNormTranslators(TranslatorTable &table);
void addQuantTranslators(TranslatorTable &table);
void addLowBitTranslators(TranslatorTable &table);
void addQOperatorTranslators(TranslatorTable &table);
void addFusedTranslators(TranslatorTable &table);
void addLoopTranslators(TranslatorTable &table);
void addIfTranslators(TranslatorTable &table);
void addRnnTranslators(TranslatorTable &table);
void addChoiceTranslators(TranslatorTable &table);
void addSamplingTranslators(TranslatorTable &table);
void addSignalTranslators(TranslatorTable &table);
void addAttentionTranslators(TranslatorTable &table);
void addNgramTranslators(TranslatorTable &table);
void addRandomTranslators(TranslatorTable &table);

/// Follows integer tensors that describe shapes. True if the node's results
/// are known now and need no operation.
bool foldShapeArithmetic(NodeContext &node);

} // namespace tenon::onnx

#endif // TENON_FRONTENDS_ONNX_OPTRANSLATORS_H
