// What holds for every operation whose result sizes are inferred, and the
// relations between element types. Ranges of attributes are checked where the
// sizes are inferred from them (NnDims.cpp).
#include "dialects/nn/Nn.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

//===- Element types
//-------------------------------------------------------===//

static Type elementOf(Value v) {
  return cast<ShapedType>(v.getType()).getElementType();
}

/// Numbers and bool; signed integers are written signless.
static bool isElement(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type))
    return !integer.isSigned() &&
           llvm::is_contained({1u, 2u, 4u, 8u, 16u, 32u, 64u},
                              integer.getWidth());
  return isa<FloatType>(type) && type.getIntOrFloatBitWidth() <= 64;
}

static LogicalResult expectOne(Operation *op, ArrayRef<Value> values) {
  if (llvm::all_equal(llvm::map_range(values, elementOf)))
    return success();
  InFlightDiagnostic error =
      op->emitOpError("expected one element type, but got ");
  llvm::interleaveComma(llvm::map_range(values, elementOf), error);
  return error;
}

static LogicalResult expectKind(Operation *op, StringRef what, Value value,
                                StringRef kind,
                                llvm::function_ref<bool(Type)> holds) {
  if (!value || holds(elementOf(value)))
    return success();
  return op->emitOpError("expected ")
         << kind << " in " << what << ", but got " << elementOf(value);
}

static bool isFloat(Type type) { return isa<FloatType>(type); }
static bool isInteger(Type type) { return isa<IntegerType>(type); }
static bool isBool(Type type) { return type.isInteger(1); }

/// All operands and the result.
static SmallVector<Value> valuesOf(Operation *op) {
  SmallVector<Value> values(op->getOperands());
  llvm::append_range(values, op->getResults());
  return values;
}

static LogicalResult verifyBitcast(BitcastOp op) {
  // bool is a byte in memory.
  auto bits = [](Value v) {
    return std::max(8u, elementOf(v).getIntOrFloatBitWidth());
  };
  if (bits(op.getInput()) == bits(op.getResult()))
    return success();
  return op.emitOpError("expected element types of one width, but got ")
         << elementOf(op.getInput()) << " and " << elementOf(op.getResult());
}

static LogicalResult verifyElements(Operation *op) {
  for (Value v : valuesOf(op))
    if (!isElement(elementOf(v)))
      return op->emitOpError("expected bool, integers or floats of at most 64 "
                             "bits, but got ")
             << elementOf(v);
  auto result = [&] { return op->getResult(0); };
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<CastOp>([](auto) { return success(); })
      .Case([](BitcastOp o) { return verifyBitcast(o); })
      .Case([](CompareOp o) {
        return success(succeeded(expectOne(o, {o.getLhs(), o.getRhs()})) &&
                       succeeded(expectKind(o, "the result", o.getResult(),
                                            "bool", isBool)));
      })
      .Case<IsNanOp, IsInfOp>([](auto o) {
        return success(succeeded(expectKind(o, "the operand", o.getInput(),
                                            "floats", isFloat)) &&
                       succeeded(expectKind(o, "the result", o.getResult(),
                                            "bool", isBool)));
      })
      .Case([](SelectOp o) {
        return success(
            succeeded(expectKind(o, "the condition", o.getCondition(), "bool",
                                 isBool)) &&
            succeeded(expectOne(o, {o.getLhs(), o.getRhs(), o.getResult()})));
      })
      .Case([](PowOp o) { return expectOne(o, {o.getLhs(), o.getResult()}); })
      .Case([](QuantizeOp o) {
        return success(
            succeeded(
                expectKind(o, "the scale", o.getScale(), "floats", isFloat)) &&
            (!o.getZeroPoint() ||
             succeeded(expectOne(o, {o.getZeroPoint(), o.getResult()}))));
      })
      .Case<AndOp, OrOp, XorOp, NotOp, ShiftLeftOp, ShiftRightOp>([&](auto o) {
        return success(succeeded(expectOne(o, valuesOf(o))) &&
                       succeeded(expectKind(o, "the result", result(),
                                            "integers or bool", isInteger)));
      })
      .Case<SqrtOp, ExpOp, LogOp, SinOp, CosOp, TanOp, AsinOp, AcosOp, AtanOp,
            SinhOp, CoshOp, AsinhOp, AcoshOp, AtanhOp, TanhOp, ErfOp, SigmoidOp,
            SiluOp, GeluOp, FloorOp, CeilOp, RoundOp, ReciprocalOp>(
          [&](auto o) {
            return success(succeeded(expectOne(o, valuesOf(o))) &&
                           succeeded(expectKind(o, "the result", result(),
                                                "floats", isFloat)));
          })
      .Case<SoftmaxOp>([&](auto o) {
        return success(succeeded(expectOne(o, valuesOf(o))) &&
                       succeeded(expectKind(o, "the result", result(), "floats",
                                            isFloat)));
      })
      .Case([&](NormOp o) {
        return success(
            succeeded(expectOne(o, {o.getInput(), o.getResult()})) &&
            succeeded(expectKind(o, "the operand", o.getInput(), "floats",
                                 isFloat)) &&
            succeeded(
                expectKind(o, "scale", o.getScale(), "floats", isFloat)) &&
            succeeded(expectKind(o, "bias", o.getBias(), "floats", isFloat)));
      })
      .Case<GatherOp, GatherElementsOp, GatherNdOp>([](auto o) {
        return success(succeeded(expectOne(o, {o.getData(), o.getResult()})) &&
                       succeeded(expectKind(o, "indices", o.getIndices(),
                                            "integers", isInteger)));
      })
      .Case([](OneHotOp o) {
        return expectOne(o, {o.getValues(), o.getResult()});
      })
      .Case([](TriluOp o) {
        return success(
            succeeded(expectOne(o, {o.getInput(), o.getResult()})) &&
            succeeded(expectKind(o, "k", o.getK(), "integers", isInteger)));
      })
      .Case<DimsOp, ArgReduceOp>([&](auto o) {
        return expectKind(o, "the result", result(), "integers", isInteger);
      })
      .Case<MatmulOp, ConvOp, ConvTransposeOp, DepthwiseConvOp>([&](auto o) {
        // Integers are widened to the result's type.
        if (isInteger(elementOf(result()))) {
          for (Value v : o->getOperands())
            if (failed(expectKind(o, "an operand of an integer product", v,
                                  "integers", isInteger)))
              return failure();
          return success();
        }
        // int8 rows by encoded integers, whose scales make floats of the sums.
        if (auto product = dyn_cast<MatmulOp>(op)) {
          auto right = cast<RankedTensorType>(product.getRhs().getType());
          if (right.getEncoding() && elementOf(product.getLhs()).isInteger(8))
            return expectOne(product, {product.getRhs(), product.getResult()});
        }
        return expectOne(o, valuesOf(o));
      })
      .Case<EmptyOp>([](auto) { return success(); })
      .Case<ScatterElementsOp, ScatterNdOp>([](auto o) {
        return success(
            succeeded(expectOne(o, {o.getData(), o.getUpdates(), o.getResult()})) &&
            succeeded(expectKind(o, "indices", o.getIndices(), "integers",
                                 isInteger)));
      })
      .Case<TopKOp, TruePositionsOp, NonMaxSuppressionOp, PoolIndicesOp>(
          [&](auto o) {
            return expectKind(o, "the result", result(), "integers", isInteger);
          })
      .Case<GridSampleOp, RoiAlignOp>([&](auto o) {
        return expectOne(o, {o.getInput(), o.getResult()});
      })
      .Default([](Operation *o) { return expectOne(o, valuesOf(o)); });
}

//===- Sizes
//---------------------------------------------------------------===//

/// Whether some symbol of `e` stands for a `?` of an operand.
static bool dependsOnUnknown(const DimExpr &e) {
  bool found = false;
  e.forEachSymbol(
      [&](StringRef name) { found |= name.starts_with(kUnknownSize); });
  return found;
}

bool nn::isTooLarge(ArrayRef<DimExpr> dims) {
  if (llvm::any_of(dims, [](auto &d) { return d.isConstant(0); }))
    return false;
  __int128 elements = 1;
  for (const DimExpr &d : dims)
    if (d.isConstant() && elements <= kLargestSize)
      elements *= d.constant();
  return elements > kLargestSize;
}

static LogicalResult verifyMagnitudes(Operation *op, const Dims &result) {
  // The contents of nn.dims are no sizes.
  if (!isa<DimsOp>(op))
    for (NamedAttribute attr : op->getAttrs())
      if (auto sizes = dyn_cast<DimsAttr>(attr.getValue()))
        for (const DimExpr &e : sizes.getExprs())
          if (e.isConstant() &&
              (e.constant() > kLargestSize || e.constant() < -kLargestSize))
            return op->emitOpError("expected sizes of at most 2^48 in ")
                   << attr.getName().getValue() << ", but got " << sizes;
  if (isTooLarge(result))
    return op->emitOpError("expected a result of at most 2^48 elements, but it "
                           "would be ")
           << dimsToString(result);
  return success();
}

LogicalResult nn::verifyInferredDims(Operation *op) {
  // Without a program around it a `?` is any size.
  DimAnalysis none;
  SmallVector<Dims> results;
  if (failed(cast<DimsOpInterface>(op).inferDims(none, results)))
    return failure();
  if (results.size() != op->getNumResults())
    return op->emitOpError("expected ")
           << results.size() << " results, but got " << op->getNumResults();
  for (auto [dims, result] : llvm::zip(results, op->getResultTypes())) {
    auto type = cast<RankedTensorType>(result);
    bool fits = (int64_t)dims.size() == type.getRank();
    for (size_t i = 0; fits && i < dims.size(); ++i) {
      if (dims[i].isConstant() && dims[i].constant() < 0)
        return op->emitOpError("expected sizes of 0 or more, but the result "
                               "would be ")
               << dimsToString(dims);
      if (type.isDynamicDim(i))
        continue;
      fits = dims[i].isConstant() ? dims[i].constant() == type.getDimSize(i)
                                  : dependsOnUnknown(dims[i]);
    }
    if (!fits)
      return op->emitOpError("expected a result of sizes ")
             << dimsToString(dims) << ", but got " << type;
    if (failed(verifyMagnitudes(op, dims)))
      return failure();
  }
  return isa<NnDialect>(op->getDialect()) ? verifyElements(op) : success();
}
