// Makes operations whose result types follow from their operands.
#ifndef TENON_DIALECTS_NN_DIMBUILDER_H
#define TENON_DIALECTS_NN_DIMBUILDER_H

#include "dialects/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tenon::nn {

class DimBuilder : public mlir::OpBuilder {
public:
  /// Walks `program`; see DimAnalysis::isValid.
  explicit DimBuilder(mlir::func::FuncOp program)
      : OpBuilder(program.getContext()), dims(program) {}

  /// The result of an `Op` of elements of this type; null where sizes
  /// contradict, after a diagnostic.
  template <typename Op, typename... Args>
  mlir::Value make(mlir::Location loc, mlir::Type element, Args &&...args) {
    auto op = Op::create(*this, loc, mlir::RankedTensorType::get({}, element),
                         std::forward<Args>(args)...);
    return succeeded(dims.infer(op)) ? op->getResult(0) : mlir::Value();
  }
  mlir::Value reshape(mlir::Location loc, mlir::Value v, const Dims &shape) {
    return make<ReshapeOp>(loc, elementOf(v), v, attr(shape));
  }
  mlir::Value cast(mlir::Location loc, mlir::Value v, mlir::Type element) {
    return elementOf(v) == element ? v : make<CastOp>(loc, element, v);
  }
  DimsAttr attr(const Dims &d) { return DimsAttr::get(getContext(), d); }

  static mlir::Type elementOf(mlir::Value v) {
    return llvm::cast<mlir::ShapedType>(v.getType()).getElementType();
  }

  DimAnalysis dims;
};

} // namespace tenon::nn

#endif // TENON_DIALECTS_NN_DIMBUILDER_H
