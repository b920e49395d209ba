#include "dialects/nn/Nn.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::nn;

#include "dialects/nn/NnDialect.cpp.inc"
#include "dialects/nn/NnEnums.cpp.inc"
#include "dialects/nn/NnOpInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NnAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NnOps.cpp.inc"

void NnDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NnAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NnOps.cpp.inc"
      >();
}

//===- #nn.dims<seq, 64, 2*seq + 1> -----------------------------------------===//

void DimsAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getExprs(), printer, [&](const DimExpr &e) {
    if (e.isConstant())
      printer << e;
    else
      printer << '"' << e << '"';
  });
  printer << ">";
}

Attribute DimsAttr::parse(AsmParser &parser, Type) {
  Dims exprs;
  auto one = [&]() -> ParseResult {
    int64_t value;
    OptionalParseResult number = parser.parseOptionalInteger(value);
    if (number.has_value()) {
      exprs.push_back(value);
      return *number;
    }
    std::string text;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseString(&text))
      return failure();
    std::optional<DimExpr> e = DimExpr::parse(text);
    if (!e)
      return parser.emitError(loc, "expected a size such as \"2*seq + 1\", "
                                   "but got \"")
             << text << '"';
    exprs.push_back(*e);
    return success();
  };
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalGreater()))
    return DimsAttr::get(parser.getContext(), exprs);
  if (parser.parseCommaSeparatedList(one) || parser.parseGreater())
    return {};
  return DimsAttr::get(parser.getContext(), exprs);
}

//===- Attributes of a program ---------------------------------------------===//

LogicalResult nn::verifySymbols(Operation *op, Attribute value) {
  auto dict = dyn_cast<DictionaryAttr>(value);
  if (!dict)
    return op->emitError("expected ")
           << kSymbolsAttr << " to be a dictionary, but got " << value;
  for (NamedAttribute symbol : dict) {
    auto bounds = dyn_cast<DenseI64ArrayAttr>(symbol.getValue());
    if (!bounds || bounds.size() != 2 || bounds[0] < 0 ||
        bounds[0] > bounds[1])
      return op->emitError("expected bounds such as array<i64: 1, 512> of the "
                           "symbol '")
             << symbol.getName().getValue() << "', but got "
             << symbol.getValue();
  }
  return success();
}

LogicalResult NnDialect::verifyOperationAttribute(Operation *op,
                                                  NamedAttribute attribute) {
  if (attribute.getName() == kSymbolsAttr)
    return verifySymbols(op, attribute.getValue());
  return success();
}

LogicalResult NnDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                  unsigned index,
                                                  NamedAttribute attribute) {
  if (attribute.getName() == kNameAttr && !isa<StringAttr>(attribute.getValue()))
    return op->emitError("expected ")
           << kNameAttr << " of argument " << index
           << " to be a string, but got " << attribute.getValue();
  auto program = dyn_cast<FunctionOpInterface>(op);
  if (attribute.getName() != kShapeAttr || !program)
    return success();
  auto type = dyn_cast<RankedTensorType>(program.getArgumentTypes()[index]);
  auto shape = dyn_cast<DimsAttr>(attribute.getValue());
  if (!type || !shape ||
      tensorType(shape.getExprs(), type.getElementType()) != type)
    return op->emitError("expected ")
           << kShapeAttr << " of argument " << index << " to fit its type "
           << program.getArgumentTypes()[index] << ", but got "
           << attribute.getValue();
  return success();
}

//===- Types ---------------------------------------------------------------===//

RankedTensorType nn::tensorType(ArrayRef<DimExpr> dims, Type element) {
  SmallVector<int64_t> shape;
  for (const DimExpr &d : dims)
    shape.push_back(d.isConstant() && d.constant() >= 0 ? d.constant()
                                                        : ShapedType::kDynamic);
  return RankedTensorType::get(shape, element);
}

bool nn::isNarrow(Type element) {
  return isa<FloatType, IntegerType>(element) && !element.isInteger(1) &&
         element.getIntOrFloatBitWidth() < (isa<FloatType>(element) ? 16u : 8u);
}

Type nn::byteType(Type element) {
  if (!isNarrow(element))
    return element;
  bool isUnsigned = isa<FloatType>(element) || element.isUnsignedInteger();
  return IntegerType::get(element.getContext(), 8,
                          isUnsigned ? IntegerType::Unsigned
                                     : IntegerType::Signless);
}

Type nn::storageType(Type element) {
  element = byteType(element);
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}
