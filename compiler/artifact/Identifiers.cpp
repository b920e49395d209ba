#include "compiler/artifact/Identifiers.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Errc.h"

#include <algorithm>
#include <iterator>

using namespace llvm;
using namespace tenon::artifact;

/// Sorted. Keywords of C23 and C++23, and names that a parameter must not take
/// because the declaration around it uses them, or common headers define them
/// as macros.
static constexpr StringLiteral reservedWords[] = {"I",
                                                  "NULL",
                                                  "alignas",
                                                  "alignof",
                                                  "and",
                                                  "and_eq",
                                                  "asm",
                                                  "assert",
                                                  "auto",
                                                  "bitand",
                                                  "bitor",
                                                  "bool",
                                                  "break",
                                                  "case",
                                                  "catch",
                                                  "char",
                                                  "char16_t",
                                                  "char32_t",
                                                  "char8_t",
                                                  "class",
                                                  "co_await",
                                                  "co_return",
                                                  "co_yield",
                                                  "compl",
                                                  "complex",
                                                  "concept",
                                                  "const",
                                                  "const_cast",
                                                  "consteval",
                                                  "constexpr",
                                                  "constinit",
                                                  "continue",
                                                  "decltype",
                                                  "default",
                                                  "delete",
                                                  "dims",
                                                  "do",
                                                  "double",
                                                  "dynamic_cast",
                                                  "else",
                                                  "enum",
                                                  "errno",
                                                  "explicit",
                                                  "export",
                                                  "extern",
                                                  "false",
                                                  "far",
                                                  "float",
                                                  "for",
                                                  "friend",
                                                  "goto",
                                                  "if",
                                                  "imaginary",
                                                  "inline",
                                                  "int",
                                                  "int16_t",
                                                  "int32_t",
                                                  "int64_t",
                                                  "int8_t",
                                                  "linux",
                                                  "long",
                                                  "main",
                                                  "max",
                                                  "min",
                                                  "model",
                                                  "mutable",
                                                  "namespace",
                                                  "near",
                                                  "new",
                                                  "noexcept",
                                                  "noreturn",
                                                  "not",
                                                  "not_eq",
                                                  "nullptr",
                                                  "operator",
                                                  "or",
                                                  "or_eq",
                                                  "private",
                                                  "protected",
                                                  "ptrdiff_t",
                                                  "public",
                                                  "register",
                                                  "reinterpret_cast",
                                                  "requires",
                                                  "restrict",
                                                  "return",
                                                  "short",
                                                  "signed",
                                                  "size_t",
                                                  "sizeof",
                                                  "static",
                                                  "static_assert",
                                                  "static_cast",
                                                  "stderr",
                                                  "stdin",
                                                  "stdout",
                                                  "struct",
                                                  "switch",
                                                  "template",
                                                  "tenon",
                                                  "this",
                                                  "thread_local",
                                                  "throw",
                                                  "true",
                                                  "try",
                                                  "typedef",
                                                  "typeid",
                                                  "typename",
                                                  "typeof",
                                                  "typeof_unqual",
                                                  "uint16_t",
                                                  "uint32_t",
                                                  "uint64_t",
                                                  "uint8_t",
                                                  "union",
                                                  "unix",
                                                  "unsigned",
                                                  "using",
                                                  "virtual",
                                                  "void",
                                                  "volatile",
                                                  "wchar_t",
                                                  "while",
                                                  "xor",
                                                  "xor_eq"};

static bool isReserved(StringRef word) {
  return std::binary_search(std::begin(reservedWords), std::end(reservedWords),
                            word) ||
         word.starts_with("tenon_");
}

std::string tenon::artifact::makeIdentifier(StringRef name) {
  std::string text;
  for (char c : name) {
    if (isAlnum(c))
      text += c;
    else if (!text.empty() && text.back() != '_')
      text += '_';
  }
  while (!text.empty() && text.back() == '_')
    text.pop_back();
  if (text.empty() || isDigit(text.front()))
    text.insert(text.begin(), 'x');
  if (isReserved(text))
    text += '_';
  return text;
}

std::string tenon::artifact::makePrefix(StringRef modelName) {
  std::string prefix = makeIdentifier(modelName.lower());
  return isReserved(prefix) ? "m_" + prefix : prefix;
}

Error tenon::artifact::verifyPrefix(StringRef prefix) {
  auto refuse = [&](const Twine &why) {
    return createStringError(errc::invalid_argument,
                             "prefix '" + prefix +
                                 "' cannot begin C symbols: " + why);
  };
  if (prefix.empty() || !isAlpha(prefix.front()) ||
      !all_of(prefix, [](char c) { return isAlnum(c) || c == '_'; }))
    return refuse("expected letters, digits and '_', beginning with a letter");
  if (isReserved(prefix))
    return refuse("it is a keyword, or the generated header uses this name "
                  "itself; take another, such as '" +
                  (prefix.starts_with("tenon") ? "my_" + prefix
                                               : prefix + "_net") +
                  "'");
  return Error::success();
}

/// Fills empty identifiers so that no two in `taken` are equal.
template <typename Item>
static void assignUnique(std::vector<Item> &items, StringSet<> &taken) {
  for (Item &item : items) {
    if (!item.identifier.empty())
      continue;
    std::string base = makeIdentifier(item.name);
    std::string candidate = base;
    for (unsigned number = 2; !taken.insert(candidate).second; ++number)
      candidate = base + "_" + std::to_string(number);
    item.identifier = std::move(candidate);
  }
}

void tenon::artifact::assignIdentifiers(ModelInterface &model) {
  StringSet<> parameters;
  parameters.insert(model.prefix);
  parameters.insert(model.prefix + "_dims");
  parameters.insert(model.prefix + "_sizes");
  for (const std::vector<Tensor> *tensors : {&model.inputs, &model.outputs})
    for (const Tensor &tensor : *tensors)
      parameters.insert(tensor.identifier);
  assignUnique(model.inputs, parameters);
  assignUnique(model.outputs, parameters);

  StringSet<> fields;
  for (std::vector<Symbol> *symbols : {&model.symbols, &model.found}) {
    for (const Symbol &symbol : *symbols)
      fields.insert(symbol.identifier);
    assignUnique(*symbols, fields);
  }
}
