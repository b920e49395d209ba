// The size of a dimension as an expression over the program's symbols.
//
// A DimExpr is a polynomial with integer coefficients whose atoms are symbols
// and the results of floordiv, ceildiv, mod, min and max:
//
//     2*seq*heads + floordiv(width - 3, 2) + 1
//
// Terms and atoms are kept sorted, so equal expressions are equal values.
// A division that comes out even cancels (AffineExpr keeps (s0*s1*64)
// floordiv (s1*64) as it is, and every Reshape with -1 makes one).
#ifndef TENON_DIALECTS_NN_DIMEXPR_H
#define TENON_DIALECTS_NN_DIMEXPR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace llvm {
class raw_ostream;
}

namespace tenon {

/// Inclusive bounds of a symbol or of an expression.
struct DimRange {
  int64_t lo = 0, hi = 0;
  bool operator==(const DimRange &o) const { return lo == o.lo && hi == o.hi; }
};
using SymbolRanges = std::map<std::string, DimRange>;

class DimExpr {
public:
  enum class Kind { Symbol, FloorDiv, CeilDiv, Mod, Min, Max };
  struct Atom;
  struct Term;

  DimExpr(int64_t value = 0);
  static DimExpr symbol(llvm::StringRef name);

  bool isConstant() const;
  bool isConstant(int64_t value) const;
  /// The value; only for constants.
  int64_t constant() const;
  std::optional<int64_t> asConstant() const;
  /// The name, if this is exactly one symbol.
  std::optional<std::string> asSymbol() const;

  DimExpr operator+(const DimExpr &o) const;
  DimExpr operator-(const DimExpr &o) const;
  DimExpr operator*(const DimExpr &o) const;
  DimExpr &operator+=(const DimExpr &o) { return *this = *this + o; }
  DimExpr &operator*=(const DimExpr &o) { return *this = *this * o; }
  /// Rounds toward minus infinity; the divisor must be positive at run time.
  static DimExpr floorDiv(const DimExpr &a, const DimExpr &b);
  static DimExpr ceilDiv(const DimExpr &a, const DimExpr &b);
  static DimExpr mod(const DimExpr &a, const DimExpr &b);
  static DimExpr min(const DimExpr &a, const DimExpr &b);
  static DimExpr max(const DimExpr &a, const DimExpr &b);
  /// a / b where b divides a for every value of the symbols, if that can be
  /// seen from the polynomials.
  static std::optional<DimExpr> exactDiv(const DimExpr &a, const DimExpr &b);

  bool operator==(const DimExpr &o) const { return compare(*this, o) == 0; }
  bool operator!=(const DimExpr &o) const { return compare(*this, o) != 0; }
  bool operator<(const DimExpr &o) const { return compare(*this, o) < 0; }

  /// The value for given sizes; every symbol must be named in `values`.
  int64_t evaluate(const std::map<std::string, int64_t> &values) const;
  /// Bounds by interval arithmetic (saturating); unknown symbols count as
  /// [0, INT64_MAX / 4].
  DimRange range(const SymbolRanges &symbols) const;
  /// Calls `visit` for each symbol in it.
  void forEachSymbol(llvm::function_ref<void(llvm::StringRef)> visit) const;

  /// Folds over the expression: `constant`, `symbol`, `combine(kind, a, b)`
  /// build the result bottom-up ('+' and '*' for the polynomial's own ops).
  template <typename T>
  T fold(llvm::function_ref<T(int64_t)> constant,
         llvm::function_ref<T(llvm::StringRef)> symbol,
         llvm::function_ref<T(char, T, T)> combine) const;

  std::string str() const;
  static std::optional<DimExpr> parse(llvm::StringRef text);

  static int compare(const DimExpr &a, const DimExpr &b);
  friend llvm::hash_code hash_value(const DimExpr &e) {
    return llvm::hash_value(e.str());
  }

  const std::vector<Term> &getTerms() const { return terms; }

private:
  static DimExpr fromAtom(Atom atom);
  static DimExpr fromTerms(std::vector<Term> terms);
  std::vector<Term> terms; // sorted; no zero coefficients
};

struct DimExpr::Atom {
  Kind kind = Kind::Symbol;
  std::string symbol;
  std::shared_ptr<const std::pair<DimExpr, DimExpr>> operands;
  static int compare(const Atom &a, const Atom &b);
};

struct DimExpr::Term {
  int64_t coefficient = 0;
  std::vector<Atom> atoms; // sorted, with repetition for powers
  static int compareAtoms(const Term &a, const Term &b);
};

/// One letter per operation, as fold() and the run-time code name them.
inline char letterOf(DimExpr::Kind kind) {
  switch (kind) {
  case DimExpr::Kind::Symbol: return 's';
  case DimExpr::Kind::FloorDiv: return '/';
  case DimExpr::Kind::CeilDiv: return '^';
  case DimExpr::Kind::Mod: return '%';
  case DimExpr::Kind::Min: return '<';
  case DimExpr::Kind::Max: return '>';
  }
  return '?';
}

template <typename T>
T DimExpr::fold(llvm::function_ref<T(int64_t)> constant,
                llvm::function_ref<T(llvm::StringRef)> symbol,
                llvm::function_ref<T(char, T, T)> combine) const {
  if (terms.empty())
    return constant(0);
  std::optional<T> sum;
  for (const Term &term : terms) {
    std::optional<T> product;
    for (const Atom &atom : term.atoms) {
      T value = atom.kind == Kind::Symbol
                    ? symbol(atom.symbol)
                    : combine(letterOf(atom.kind),
                              atom.operands->first.template fold<T>(
                                  constant, symbol, combine),
                              atom.operands->second.template fold<T>(
                                  constant, symbol, combine));
      product = product ? combine('*', *product, value) : value;
    }
    if (!product)
      product = constant(term.coefficient);
    else if (term.coefficient != 1)
      product = combine('*', *product, constant(term.coefficient));
    sum = sum ? combine('+', *sum, *product) : *product;
  }
  return *sum;
}

llvm::raw_ostream &operator<<(llvm::raw_ostream &os, const DimExpr &e);

/// The sizes of a tensor, or the contents of a small integer tensor.
using Dims = llvm::SmallVector<DimExpr, 6>;

/// The number of elements.
DimExpr product(llvm::ArrayRef<DimExpr> dims);
/// Row-major strides, in elements.
Dims rowMajorStrides(llvm::ArrayRef<DimExpr> dims);
/// "[seq, 64]".
std::string dimsToString(llvm::ArrayRef<DimExpr> dims);

} // namespace tenon

namespace llvm {
inline hash_code hash_value(const tenon::Dims &dims) {
  return hash_combine_range(dims.begin(), dims.end());
}
} // namespace llvm

#endif // TENON_DIALECTS_NN_DIMEXPR_H
