#include "dialects/nn/DimExpr.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cassert>

using namespace tenon;
using Kind = DimExpr::Kind;

//===- Order ---------------------------------------------------------------===//

int DimExpr::Atom::compare(const Atom &a, const Atom &b) {
  if (a.kind != b.kind)
    return a.kind < b.kind ? -1 : 1;
  if (a.kind == Kind::Symbol)
    return a.symbol.compare(b.symbol);
  if (int c = DimExpr::compare(a.operands->first, b.operands->first))
    return c;
  return DimExpr::compare(a.operands->second, b.operands->second);
}

/// Higher degrees come first, so that constants are last and a polynomial
/// division can work on leading terms.
int DimExpr::Term::compareAtoms(const Term &a, const Term &b) {
  if (a.atoms.size() != b.atoms.size())
    return a.atoms.size() > b.atoms.size() ? -1 : 1;
  for (size_t i = 0; i < a.atoms.size(); ++i)
    if (int c = Atom::compare(a.atoms[i], b.atoms[i]))
      return c;
  return 0;
}

int DimExpr::compare(const DimExpr &a, const DimExpr &b) {
  if (a.terms.size() != b.terms.size())
    return a.terms.size() < b.terms.size() ? -1 : 1;
  for (size_t i = 0; i < a.terms.size(); ++i) {
    if (int c = Term::compareAtoms(a.terms[i], b.terms[i]))
      return c;
    if (a.terms[i].coefficient != b.terms[i].coefficient)
      return a.terms[i].coefficient < b.terms[i].coefficient ? -1 : 1;
  }
  return 0;
}

/// As integers of a model do: past the ends they begin anew. Sizes are bounded
/// where tensors are made of them.
template <typename F> static int64_t wrapping(int64_t a, int64_t b, F f) {
  return (int64_t)f((uint64_t)a, (uint64_t)b);
}

//===- Construction --------------------------------------------------------===//

DimExpr::DimExpr(int64_t value) {
  if (value)
    terms.push_back({value, {}});
}

DimExpr DimExpr::fromAtom(Atom atom) {
  DimExpr e;
  e.terms.push_back({1, {std::move(atom)}});
  return e;
}

DimExpr DimExpr::symbol(llvm::StringRef name) {
  return fromAtom({Kind::Symbol, name.str(), nullptr});
}

DimExpr DimExpr::fromTerms(std::vector<Term> terms) {
  std::sort(terms.begin(), terms.end(), [](const Term &a, const Term &b) {
    return Term::compareAtoms(a, b) < 0;
  });
  DimExpr e;
  for (Term &t : terms) {
    if (!e.terms.empty() && Term::compareAtoms(e.terms.back(), t) == 0)
      e.terms.back().coefficient =
          wrapping(e.terms.back().coefficient, t.coefficient, std::plus<>());
    else
      e.terms.push_back(std::move(t));
    if (e.terms.back().coefficient == 0)
      e.terms.pop_back();
  }
  return e;
}

bool DimExpr::isConstant() const {
  return terms.empty() || (terms.size() == 1 && terms[0].atoms.empty());
}
bool DimExpr::isConstant(int64_t value) const {
  return isConstant() && constant() == value;
}
int64_t DimExpr::constant() const {
  assert(isConstant() && "a size with symbols has no single value");
  return terms.empty() ? 0 : terms[0].coefficient;
}
std::optional<int64_t> DimExpr::asConstant() const {
  if (!isConstant())
    return std::nullopt;
  return constant();
}
std::optional<std::string> DimExpr::asSymbol() const {
  if (terms.size() != 1 || terms[0].coefficient != 1 ||
      terms[0].atoms.size() != 1 || terms[0].atoms[0].kind != Kind::Symbol)
    return std::nullopt;
  return terms[0].atoms[0].symbol;
}

DimExpr DimExpr::operator+(const DimExpr &o) const {
  std::vector<Term> all = terms;
  all.insert(all.end(), o.terms.begin(), o.terms.end());
  return fromTerms(std::move(all));
}
DimExpr DimExpr::operator-(const DimExpr &o) const {
  return *this + o * DimExpr(-1);
}
DimExpr DimExpr::operator*(const DimExpr &o) const {
  std::vector<Term> all;
  for (const Term &a : terms)
    for (const Term &b : o.terms) {
      Term t{wrapping(a.coefficient, b.coefficient, std::multiplies<>()), a.atoms};
      t.atoms.insert(t.atoms.end(), b.atoms.begin(), b.atoms.end());
      std::sort(t.atoms.begin(), t.atoms.end(),
                [](const Atom &x, const Atom &y) {
                  return Atom::compare(x, y) < 0;
                });
      all.push_back(std::move(t));
    }
  return fromTerms(std::move(all));
}

//===- Division ------------------------------------------------------------===//

std::optional<DimExpr> DimExpr::exactDiv(const DimExpr &a, const DimExpr &b) {
  if (b.terms.empty())
    return std::nullopt;
  // Polynomial long division by leading terms; it must leave no remainder.
  DimExpr rest = a, quotient;
  const Term &lead = b.terms.front();
  for (int guard = 0; !rest.terms.empty(); ++guard) {
    if (guard > 64)
      return std::nullopt;
    const Term &top = rest.terms.front();
    // INT64_MIN / -1 traps.
    if (lead.coefficient == -1 ? top.coefficient == INT64_MIN
                               : top.coefficient % lead.coefficient != 0)
      return std::nullopt;
    Term q{top.coefficient / lead.coefficient, {}};
    size_t used = 0;
    for (const Atom &atom : top.atoms) {
      if (used < lead.atoms.size() &&
          Atom::compare(atom, lead.atoms[used]) == 0)
        ++used;
      else
        q.atoms.push_back(atom);
    }
    if (used != lead.atoms.size())
      return std::nullopt;
    DimExpr step = fromTerms({std::move(q)});
    quotient += step;
    rest = rest - step * b;
  }
  return quotient;
}

static int64_t floorDivide(int64_t a, int64_t b) {
  if (b == -1)
    return wrapping(0, a, std::minus<>());
  int64_t q = a / b;
  return q - ((a % b != 0) && ((a < 0) != (b < 0)));
}

static DimExpr makeBinary(Kind kind, const DimExpr &a, const DimExpr &b,
                          DimExpr (*fromAtom)(DimExpr::Atom)) {
  return fromAtom({kind, "", std::make_shared<const std::pair<DimExpr, DimExpr>>(
                                 a, b)});
}

DimExpr DimExpr::floorDiv(const DimExpr &a, const DimExpr &b) {
  if (a.isConstant() && b.isConstant() && b.constant() != 0)
    return floorDivide(a.constant(), b.constant());
  if (auto exact = exactDiv(a, b))
    return *exact;
  if (b.isConstant() && b.constant() > 0) {
    // (4*s + 3) floordiv 4 = s: what divides evenly leaves the division.
    std::vector<Term> out, in;
    for (const Term &t : a.terms) {
      int64_t c = b.constant();
      int64_t q = floorDivide(t.coefficient, c);
      if (q)
        out.push_back({q, t.atoms});
      if (int64_t r = t.coefficient - q * c)
        in.push_back({r, t.atoms});
    }
    if (!out.empty()) {
      DimExpr rest = fromTerms(std::move(in));
      return fromTerms(std::move(out)) + floorDiv(rest, b);
    }
    // floordiv(floordiv(x, p), q) = floordiv(x, p * q)
    if (a.terms.size() == 1 && a.terms[0].coefficient == 1 &&
        a.terms[0].atoms.size() == 1 &&
        a.terms[0].atoms[0].kind == Kind::FloorDiv) {
      const auto &inner = *a.terms[0].atoms[0].operands;
      if (inner.second.isConstant() && inner.second.constant() > 0)
        return floorDiv(inner.first, inner.second * b);
    }
  }
  return makeBinary(Kind::FloorDiv, a, b, fromAtom);
}

DimExpr DimExpr::ceilDiv(const DimExpr &a, const DimExpr &b) {
  if (auto exact = exactDiv(a, b))
    return *exact;
  if (b.isConstant())
    return floorDiv(a + b - DimExpr(1), b);
  return makeBinary(Kind::CeilDiv, a, b, fromAtom);
}

DimExpr DimExpr::mod(const DimExpr &a, const DimExpr &b) {
  if (a.isConstant() && b.isConstant() && b.constant() != 0)
    return a.constant() - floorDivide(a.constant(), b.constant()) * b.constant();
  if (exactDiv(a, b))
    return DimExpr(0);
  return makeBinary(Kind::Mod, a, b, fromAtom);
}

DimExpr DimExpr::min(const DimExpr &a, const DimExpr &b) {
  DimExpr difference = a - b;
  if (difference.isConstant())
    return difference.constant() <= 0 ? a : b;
  return b < a ? makeBinary(Kind::Min, b, a, fromAtom)
               : makeBinary(Kind::Min, a, b, fromAtom);
}
DimExpr DimExpr::max(const DimExpr &a, const DimExpr &b) {
  DimExpr difference = a - b;
  if (difference.isConstant())
    return difference.constant() >= 0 ? a : b;
  return b < a ? makeBinary(Kind::Max, b, a, fromAtom)
               : makeBinary(Kind::Max, a, b, fromAtom);
}

//===- Evaluation ----------------------------------------------------------===//

int64_t
DimExpr::evaluate(const std::map<std::string, int64_t> &values) const {
  return fold<int64_t>(
      [](int64_t c) { return c; },
      [&](llvm::StringRef s) {
        auto it = values.find(s.str());
        assert(it != values.end() && "a symbol without a size");
        return it->second;
      },
      [](char op, int64_t a, int64_t b) -> int64_t {
        switch (op) {
        case '+': return a + b;
        case '*': return a * b;
        case '/': return b ? floorDivide(a, b) : 0;
        case '^': return b ? -floorDivide(-a, b) : 0;
        case '%': return b ? a - floorDivide(a, b) * b : 0;
        case '<': return std::min(a, b);
        default: return std::max(a, b);
        }
      });
}

static int64_t clampToInt64(__int128 v) {
  constexpr int64_t limit = INT64_MAX / 4;
  return v > limit ? limit : v < -limit ? -limit : (int64_t)v;
}

DimRange DimExpr::range(const SymbolRanges &symbols) const {
  auto over = [](DimRange a, DimRange b, auto f) {
    __int128 c[4] = {f(a.lo, b.lo), f(a.lo, b.hi), f(a.hi, b.lo),
                     f(a.hi, b.hi)};
    return DimRange{clampToInt64(*std::min_element(c, c + 4)),
                    clampToInt64(*std::max_element(c, c + 4))};
  };
  return fold<DimRange>(
      [](int64_t c) { return DimRange{c, c}; },
      [&](llvm::StringRef s) {
        auto it = symbols.find(s.str());
        return it == symbols.end() ? DimRange{0, INT64_MAX / 4} : it->second;
      },
      [&](char op, DimRange a, DimRange b) -> DimRange {
        auto positive = DimRange{std::max<int64_t>(b.lo, 1),
                                 std::max<int64_t>(b.hi, 1)};
        switch (op) {
        case '+':
          return over(a, b, [](__int128 x, __int128 y) { return x + y; });
        case '*':
          return over(a, b, [](__int128 x, __int128 y) { return x * y; });
        case '/':
          return over(a, positive, [](__int128 x, __int128 y) {
            return (__int128)floorDivide((int64_t)x, (int64_t)y);
          });
        case '^':
          return over(a, positive, [](__int128 x, __int128 y) {
            return -(__int128)floorDivide(-(int64_t)x, (int64_t)y);
          });
        case '%': return DimRange{0, positive.hi - 1};
        case '<':
          return DimRange{std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
        default:
          return DimRange{std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
        }
      });
}

void DimExpr::forEachSymbol(
    llvm::function_ref<void(llvm::StringRef)> visit) const {
  for (const Term &t : terms)
    for (const Atom &a : t.atoms) {
      if (a.kind == Kind::Symbol) {
        visit(a.symbol);
        continue;
      }
      a.operands->first.forEachSymbol(visit);
      a.operands->second.forEachSymbol(visit);
    }
}

//===- Text ----------------------------------------------------------------===//

static const char *nameOf(Kind kind) {
  switch (kind) {
  case Kind::FloorDiv: return "floordiv";
  case Kind::CeilDiv: return "ceildiv";
  case Kind::Mod: return "mod";
  case Kind::Min: return "min";
  case Kind::Max: return "max";
  case Kind::Symbol: break;
  }
  return "";
}

std::string DimExpr::str() const {
  if (terms.empty())
    return "0";
  std::string text;
  for (const Term &t : terms) {
    int64_t c = t.coefficient;
    if (!text.empty())
      text += c < 0 ? " - " : " + ";
    else if (c < 0)
      text += "-";
    uint64_t magnitude = c < 0 ? -(uint64_t)c : (uint64_t)c;
    if (t.atoms.empty() || magnitude != 1)
      text += std::to_string(magnitude) + (t.atoms.empty() ? "" : "*");
    for (size_t i = 0; i < t.atoms.size(); ++i) {
      const Atom &a = t.atoms[i];
      text += i ? "*" : "";
      text += a.kind == Kind::Symbol
                  ? a.symbol
                  : std::string(nameOf(a.kind)) + "(" + a.operands->first.str() +
                        ", " + a.operands->second.str() + ")";
    }
  }
  return text;
}

namespace {
/// sum := product (('+'|'-') product)*; product := unit ('*' unit)*
struct Parser {
  llvm::StringRef rest;
  bool failed = false;

  bool eat(char c) {
    rest = rest.ltrim();
    return rest.consume_front(llvm::StringRef(&c, 1));
  }
  DimExpr sum() {
    bool negative = eat('-');
    DimExpr e = product();
    if (negative)
      e = DimExpr(0) - e;
    while (!failed) {
      if (eat('+'))
        e = e + product();
      else if (eat('-'))
        e = e - product();
      else
        break;
    }
    return e;
  }
  DimExpr product() {
    DimExpr e = unit();
    while (!failed && eat('*'))
      e = e * unit();
    return e;
  }
  DimExpr unit() {
    rest = rest.ltrim();
    if (eat('(')) {
      DimExpr e = sum();
      failed |= !eat(')');
      return e;
    }
    if (!rest.empty() && llvm::isDigit(rest.front())) {
      int64_t value = 0;
      failed |= rest.consumeInteger(10, value);
      return value;
    }
    llvm::StringRef name = rest.take_while([](char c) {
      return llvm::isAlnum(c) || c == '_' || c == '.' || c == '$';
    });
    rest = rest.drop_front(name.size());
    if (name.empty()) {
      failed = true;
      return 0;
    }
    for (Kind kind : {Kind::FloorDiv, Kind::CeilDiv, Kind::Mod, Kind::Min,
                      Kind::Max}) {
      if (name != nameOf(kind) || !eat('('))
        continue;
      DimExpr a = sum();
      failed |= !eat(',');
      DimExpr b = sum();
      failed |= !eat(')');
      switch (kind) {
      case Kind::FloorDiv: return DimExpr::floorDiv(a, b);
      case Kind::CeilDiv: return DimExpr::ceilDiv(a, b);
      case Kind::Mod: return DimExpr::mod(a, b);
      case Kind::Min: return DimExpr::min(a, b);
      default: return DimExpr::max(a, b);
      }
    }
    return DimExpr::symbol(name);
  }
};
} // namespace

std::optional<DimExpr> DimExpr::parse(llvm::StringRef text) {
  Parser parser{text};
  DimExpr e = parser.sum();
  if (parser.failed || !parser.rest.trim().empty())
    return std::nullopt;
  return e;
}

llvm::raw_ostream &tenon::operator<<(llvm::raw_ostream &os, const DimExpr &e) {
  return os << e.str();
}

DimExpr tenon::product(llvm::ArrayRef<DimExpr> dims) {
  DimExpr p(1);
  for (const DimExpr &d : dims)
    p *= d;
  return p;
}

Dims tenon::rowMajorStrides(llvm::ArrayRef<DimExpr> dims) {
  Dims strides(dims.size(), DimExpr(1));
  for (int i = (int)dims.size() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * dims[i + 1];
  return strides;
}

std::string tenon::dimsToString(llvm::ArrayRef<DimExpr> dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); ++i)
    text += (i ? ", " : "") + dims[i].str();
  return text + "]";
}
