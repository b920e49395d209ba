#include "compiler/artifact/ModelInterface.h"

#include "compiler/artifact/Identifiers.h"
#include "runtime/include/tenon/abi.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/Errc.h"

using namespace llvm;
using namespace tenon::artifact;

const ElementType *tenon::artifact::lookupElementType(int32_t type) {
  static const struct {
    int32_t type;
    ElementType facts;
  } table[] = {
      {TENON_F32, {"F32", "float", 32}},
      {TENON_U8, {"U8", "uint8_t", 8}},
      {TENON_I8, {"I8", "int8_t", 8}},
      {TENON_U16, {"U16", "uint16_t", 16}},
      {TENON_I16, {"I16", "int16_t", 16}},
      {TENON_I32, {"I32", "int32_t", 32}},
      {TENON_I64, {"I64", "int64_t", 64}},
      {TENON_BOOL, {"BOOL", "uint8_t", 8}},
      {TENON_F16, {"F16", "uint16_t", 16}},
      {TENON_F64, {"F64", "double", 64}},
      {TENON_U32, {"U32", "uint32_t", 32}},
      {TENON_U64, {"U64", "uint64_t", 64}},
      {TENON_BF16, {"BF16", "uint16_t", 16}},
      {TENON_F8E4M3FN, {"F8E4M3FN", "uint8_t", 8}},
      {TENON_F8E4M3FNUZ, {"F8E4M3FNUZ", "uint8_t", 8}},
      {TENON_F8E5M2, {"F8E5M2", "uint8_t", 8}},
      {TENON_F8E5M2FNUZ, {"F8E5M2FNUZ", "uint8_t", 8}},
      {TENON_U4, {"U4", "uint8_t", 4}},
      {TENON_I4, {"I4", "uint8_t", 4}},
      {TENON_F4E2M1, {"F4E2M1", "uint8_t", 4}},
      {TENON_F8E8M0, {"F8E8M0", "uint8_t", 8}},
      {TENON_U2, {"U2", "uint8_t", 2}},
      {TENON_I2, {"I2", "uint8_t", 2}},
  };
  for (const auto &row : table)
    if (row.type == type)
      return &row.facts;
  return nullptr;
}

std::string tenon::artifact::formatShape(const ModelInterface &model,
                                         const Tensor &tensor) {
  std::string text = "[";
  for (const Dim &dim : tensor.dims) {
    if (text.size() > 1)
      text += ", ";
    switch (dim.kind) {
    case Dim::Kind::Fixed:
      text += std::to_string(dim.value);
      break;
    case Dim::Kind::Symbol:
      text += model.symbols[dim.value].name;
      break;
    case Dim::Kind::Expression:
      text += dim.text;
      break;
    }
  }
  return text + "]";
}

int64_t tenon::artifact::countElements(const Tensor &tensor) {
  int64_t count = 1;
  for (const Dim &dim : tensor.dims) {
    if (!dim.isFixed())
      return -1;
    std::optional<int64_t> product = checkedMul(count, dim.value);
    if (!product)
      return -1;
    count = *product;
  }
  return count;
}

template <typename... Ts> static Error refuse(const char *format, Ts... args) {
  return createStringError(errc::invalid_argument, format, args...);
}

static Error verifyTensor(const ModelInterface &model, const Tensor &tensor,
                          const char *role) {
  if (!lookupElementType(tensor.type))
    return refuse("%s '%s' has element type %d, which no compiled model can "
                  "take or give: expected a tenon_type of abi.h",
                  role, tensor.name.c_str(), tensor.type);
  for (const Dim &dim : tensor.dims) {
    if (dim.kind == Dim::Kind::Fixed && dim.value < 0)
      return refuse("%s '%s' has a dimension of %lld: expected a size of 0 or "
                    "more",
                    role, tensor.name.c_str(),
                    static_cast<long long>(dim.value));
    if (dim.kind == Dim::Kind::Symbol &&
        (dim.value < 0 || dim.value >= int64_t(model.symbols.size())))
      return refuse("%s '%s' names symbol %lld, but the model has %zu", role,
                    tensor.name.c_str(), static_cast<long long>(dim.value),
                    model.symbols.size());
  }
  return Error::success();
}

Error tenon::artifact::verifyInterface(const ModelInterface &model) {
  if (Error error = verifyPrefix(model.prefix))
    return error;
  for (const Tensor &tensor : model.inputs)
    if (Error error = verifyTensor(model, tensor, "input"))
      return error;
  for (const Tensor &tensor : model.outputs)
    if (Error error = verifyTensor(model, tensor, "output"))
      return error;
  for (const std::vector<Symbol> *symbols : {&model.symbols, &model.found})
    for (const Symbol &symbol : *symbols)
      if ((symbols == &model.symbols && symbol.lo < 0) || symbol.lo > symbol.hi)
        return refuse("symbol '%s' is bounded by %lld..%lld: expected 0 <= lo "
                      "<= hi",
                      symbol.name.c_str(), static_cast<long long>(symbol.lo),
                      static_cast<long long>(symbol.hi));
  return Error::success();
}
