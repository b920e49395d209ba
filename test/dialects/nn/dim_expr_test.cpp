//===- dim_expr_test.cpp - sizes as expressions over symbols --------------===//

#include "dialects/nn/DimExpr.h"

#include "gtest/gtest.h"

#include <random>

using namespace tenon;

static DimExpr sym(const char *name) { return DimExpr::symbol(name); }

static DimExpr parsed(llvm::StringRef text) {
  std::optional<DimExpr> e = DimExpr::parse(text);
  EXPECT_TRUE(e) << text.str();
  return e.value_or(DimExpr(-1));
}

namespace tenon {
// What GoogleTest prints where two sizes differ.
static void PrintTo(const DimExpr &e, std::ostream *os) { *os << e.str(); }
static void PrintTo(const DimRange &r, std::ostream *os) {
  *os << "[" << r.lo << ", " << r.hi << "]";
}
} // namespace tenon

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

TEST(DimExpr, EqualPolynomialsAreEqualValues) {
  DimExpr s = sym("s"), t = sym("t");
  EXPECT_EQ((s + t) * (s + t), s * s + s * t * 2 + t * t);
  EXPECT_EQ(s * t, t * s);
  EXPECT_EQ(s - s, DimExpr(0));
  EXPECT_NE(s, t);
  EXPECT_EQ(hash_value(s + t), hash_value(t + s));
}

TEST(DimExpr, KnowsConstantsAndSymbols) {
  DimExpr s = sym("s");
  EXPECT_TRUE(DimExpr(0).isConstant(0));
  EXPECT_TRUE((s - s + 7).isConstant(7));
  EXPECT_EQ(s.asConstant(), std::nullopt);
  EXPECT_EQ(s.asSymbol(), "s");
  EXPECT_EQ((s * 2).asSymbol(), std::nullopt);
  EXPECT_EQ((s * s).asSymbol(), std::nullopt);
  EXPECT_EQ(DimExpr::min(s, sym("t")).asSymbol(), std::nullopt);
}

TEST(DimExpr, VisitsSymbolsInsideDivisions) {
  std::vector<std::string> seen;
  parsed("floordiv(a + 1, b)*c").forEachSymbol([&](llvm::StringRef name) {
    seen.push_back(name.str());
  });
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c"}));
}

//===----------------------------------------------------------------------===//
// Division
//===----------------------------------------------------------------------===//

TEST(DimExpr, ReshapeToMinusOneCancels) {
  DimExpr s = sym("s0"), t = sym("s1");
  EXPECT_EQ(DimExpr::floorDiv(s * t * 64, t * 64), s);
  EXPECT_EQ(DimExpr::ceilDiv(s * t * 64, s), t * 64);
  EXPECT_EQ(DimExpr::mod(s * t * 64, t * 16), DimExpr(0));
}

TEST(DimExpr, ExactDivisionOfPolynomials) {
  DimExpr s = sym("s"), t = sym("t");
  EXPECT_EQ(DimExpr::exactDiv((s + t) * (s - t), s + t), s - t);
  EXPECT_EQ(DimExpr::exactDiv(s * 6 + 4, 2), s * 3 + 2);
  EXPECT_EQ(DimExpr::exactDiv(DimExpr(0), s), DimExpr(0));
  EXPECT_EQ(DimExpr::exactDiv(s, t), std::nullopt);
  EXPECT_EQ(DimExpr::exactDiv(s * 6 + 3, 2), std::nullopt);
  EXPECT_EQ(DimExpr::exactDiv(s * s + 1, s), std::nullopt);
  EXPECT_EQ(DimExpr::exactDiv(s, DimExpr(0)), std::nullopt);
}

TEST(DimExpr, WhatDividesEvenlyLeavesTheDivision) {
  DimExpr s = sym("s");
  EXPECT_EQ(DimExpr::floorDiv(s * 4 + 3, 4), s);
  EXPECT_EQ(DimExpr::floorDiv(s * 5 + 9, 4),
            s + 2 + DimExpr::floorDiv(s + 1, 4));
  // Padding may be negative: floor, not truncation.
  EXPECT_EQ(DimExpr::floorDiv(s * 4 - 1, 4), s - 1);
  EXPECT_EQ(DimExpr::ceilDiv(s * 4 + 1, 4), s + 1);
}

TEST(DimExpr, StridesOfStridesMultiply) {
  DimExpr s = sym("s");
  EXPECT_EQ(DimExpr::floorDiv(DimExpr::floorDiv(s, 2), 3),
            DimExpr::floorDiv(s, 6));
}

TEST(DimExpr, ConstantDivisionRoundsDown) {
  EXPECT_EQ(DimExpr::floorDiv(-7, 2), DimExpr(-4));
  EXPECT_EQ(DimExpr::ceilDiv(-7, 2), DimExpr(-3));
  EXPECT_EQ(DimExpr::mod(-7, 2), DimExpr(1));
}

TEST(DimExpr, MinAndMaxOfAKnownDifference) {
  DimExpr s = sym("s"), t = sym("t");
  EXPECT_EQ(DimExpr::min(s + 1, s), s);
  EXPECT_EQ(DimExpr::max(s + 1, s), s + 1);
  EXPECT_EQ(DimExpr::min(s, t), DimExpr::min(t, s));
  EXPECT_EQ(DimExpr::max(s, t), DimExpr::max(t, s));
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

TEST(DimExpr, PrintsHighestDegreeFirst) {
  DimExpr s = sym("seq"), h = sym("heads");
  EXPECT_EQ((DimExpr(1) + s * 2 * h - s).str(), "2*heads*seq - seq + 1");
  EXPECT_EQ((DimExpr(0) - s).str(), "-seq");
  EXPECT_EQ(DimExpr(0).str(), "0");
  EXPECT_EQ(DimExpr::floorDiv(s - 3, 2).str(), "floordiv(seq + 1, 2) - 2");
  EXPECT_EQ(DimExpr::ceilDiv(s, h).str(), "ceildiv(seq, heads)");
}

TEST(DimExpr, ParsesWhatItPrints) {
  for (const char *text :
       {"0", "-3", "seq", "-seq", "2*seq*heads + 1", "a*a*b - 4*c",
        "floordiv(seq, 2)*b", "ceildiv(a, b)", "mod(a + 1, 3)", "min(a, 2*b)",
        "max(min(a, b), mod(c, d)) - 7", "past.len + N_1$"}) {
    DimExpr e = parsed(text);
    EXPECT_EQ(parsed(e.str()), e) << text;
  }
  EXPECT_EQ(parsed(" -( a+b )*2 - 1").str(), "-2*a - 2*b - 1");
}

TEST(DimExpr, RefusesOtherText) {
  for (const char *text :
       {"", "2*", "a b", "(a", "a)", "floordiv(a)", "floordiv(a, b", "a/2",
        "99999999999999999999", "a + ", "a - -1", "min(a; b)"})
    EXPECT_FALSE(DimExpr::parse(text)) << text;
}

//===----------------------------------------------------------------------===//
// Ranges, shapes
//===----------------------------------------------------------------------===//

TEST(DimExpr, RangesFollowTheSymbols) {
  SymbolRanges symbols = {{"s", {1, 512}}, {"t", {2, 8}}};
  auto range = [&](const char *text) { return parsed(text).range(symbols); };
  EXPECT_EQ(range("7"), (DimRange{7, 7}));
  EXPECT_EQ(range("2*s + 1"), (DimRange{3, 1025}));
  EXPECT_EQ(range("s - t"), (DimRange{-7, 510}));
  EXPECT_EQ(range("s*t"), (DimRange{2, 4096}));
  EXPECT_EQ(range("floordiv(s, t)"), (DimRange{0, 256}));
  EXPECT_EQ(range("ceildiv(s, t)"), (DimRange{1, 256}));
  EXPECT_EQ(range("mod(s, t)"), (DimRange{0, 7}));
  EXPECT_EQ(range("min(s, 4*t)"), (DimRange{1, 32}));
  EXPECT_EQ(range("max(s, 4*t)"), (DimRange{8, 512}));
}

TEST(DimExpr, RangesSaturate) {
  constexpr int64_t limit = INT64_MAX / 4;
  EXPECT_EQ(sym("unknown").range({}), (DimRange{0, limit}));
  EXPECT_EQ(parsed("a*b*c").range({}), (DimRange{0, limit}));
  EXPECT_EQ(parsed("-4*a").range({}), (DimRange{-limit, 0}));
}

TEST(DimExpr, RowMajorStridesAndProducts) {
  DimExpr s = sym("s");
  Dims shape = {2, s, 64};
  EXPECT_EQ(product(shape), s * 128);
  EXPECT_EQ(product({}), DimExpr(1));
  EXPECT_EQ(rowMajorStrides(shape), (Dims{s * 64, 64, 1}));
  EXPECT_EQ(dimsToString(shape), "[2, s, 64]");
}

//===----------------------------------------------------------------------===//
// Random expressions against direct evaluation
//===----------------------------------------------------------------------===//

namespace {
constexpr const char *kNames[] = {"a", "b", "c"};
constexpr int kPoints = 8;

/// An expression and its value at some assignments of the symbols.
struct Sample {
  DimExpr e;
  std::array<int64_t, kPoints> at{};
};

class Random {
public:
  Random() {
    for (auto &point : points)
      for (const char *name : kNames)
        point[name] = pick(1, 40);
  }
  int64_t pick(int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(engine);
  }
  Sample make(int depth) {
    if (depth == 0 || pick(0, 4) == 0)
      return leaf();
    Sample x = make(depth - 1);
    switch (pick(0, 7)) {
    case 0:
      return join(x, make(depth - 1), [](auto a, auto b) { return a + b; });
    case 1:
      return join(x, make(depth - 1), [](auto a, auto b) { return a - b; });
    case 2:
      return join(x, leaf(), [](auto a, auto b) { return a * b; });
    case 3:
      return join(x, divisor(), &DimExpr::floorDiv, floorOf);
    case 4:
      return join(x, divisor(), &DimExpr::ceilDiv,
                  [](int64_t a, int64_t b) { return -floorOf(-a, b); });
    case 5:
      return join(x, divisor(), &DimExpr::mod,
                  [](int64_t a, int64_t b) { return a - floorOf(a, b) * b; });
    case 6:
      return join(x, make(depth - 1), &DimExpr::min,
                  [](int64_t a, int64_t b) { return std::min(a, b); });
    default:
      return join(x, make(depth - 1), &DimExpr::max,
                  [](int64_t a, int64_t b) { return std::max(a, b); });
    }
  }
  std::array<std::map<std::string, int64_t>, kPoints> points;

private:
  static int64_t floorOf(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a - q * b < 0 ? q - 1 : q;
  }
  Sample leaf() {
    Sample s;
    if (pick(0, 1)) {
      const char *name = kNames[pick(0, 2)];
      s.e = sym(name);
      for (int i = 0; i < kPoints; ++i)
        s.at[i] = points[i][name];
    } else {
      int64_t c = pick(-9, 9);
      s.e = c;
      s.at.fill(c);
    }
    return s;
  }
  /// Positive for all symbols, as the contract of division asks.
  Sample divisor() {
    Sample s = leaf();
    while (s.e.isConstant() && s.e.constant() <= 0)
      s = leaf();
    if (!pick(0, 2)) {
      Sample two;
      two.e = 2;
      two.at.fill(2);
      s = join(s, two, [](auto a, auto b) { return a * b; });
    }
    return s;
  }
  template <typename F, typename G>
  static Sample join(const Sample &x, const Sample &y, F onExprs, G onValues) {
    Sample s;
    s.e = onExprs(x.e, y.e);
    for (int i = 0; i < kPoints; ++i)
      s.at[i] = onValues(x.at[i], y.at[i]);
    return s;
  }
  template <typename F>
  static Sample join(const Sample &x, const Sample &y, F f) {
    return join(x, y, f, f);
  }
  std::mt19937_64 engine{22};
};
} // namespace

TEST(DimExprProperty, SimplifiedExpressionsKeepTheirValues) {
  Random random;
  SymbolRanges symbols;
  for (const char *name : kNames)
    symbols[name] = {1, 40};
  for (int n = 0; n < 20000; ++n) {
    Sample s = random.make(4);
    DimRange range = s.e.range(symbols);
    for (int i = 0; i < kPoints; ++i) {
      ASSERT_EQ(s.e.evaluate(random.points[i]), s.at[i]) << s.e.str();
      ASSERT_LE(range.lo, s.at[i]) << s.e.str();
      ASSERT_GE(range.hi, s.at[i]) << s.e.str();
    }
    std::optional<DimExpr> again = DimExpr::parse(s.e.str());
    ASSERT_TRUE(again) << s.e.str();
    ASSERT_EQ(*again, s.e);
  }
}

TEST(DimExprProperty, AProductDividesByItsFactors) {
  Random random;
  for (int n = 0; n < 2000; ++n) {
    DimExpr x = random.make(2).e, y = random.make(2).e;
    if (y == DimExpr(0))
      continue;
    ASSERT_EQ(DimExpr::exactDiv(x * y, y), x)
        << "(" << x.str() << ") * (" << y.str() << ")";
  }
}

TEST(DimExprProperty, TheOrderIsTotal) {
  Random random;
  std::vector<DimExpr> all;
  for (int n = 0; n < 200; ++n)
    all.push_back(random.make(3).e);
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    ASSERT_FALSE(all[i + 1] < all[i]);
    ASSERT_EQ(all[i] == all[i + 1], all[i].str() == all[i + 1].str());
  }
}
