//===- loop_nest_test.cpp - how groups walk their operands ----------------===//

#include "dialects/kern/LoopNest.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/MLIRContext.h"

#include "gtest/gtest.h"

using namespace tenon;
using namespace tenon::kern;
using mlir::AffineMap;

namespace tenon {
static void PrintTo(const DimExpr &e, std::ostream *os) { *os << e.str(); }
} // namespace tenon

namespace {
class LoopNestTest : public ::testing::Test {
protected:
  mlir::MLIRContext context;
  DimExpr seq = DimExpr::symbol("seq");

  mlir::AffineExpr d(unsigned i) { return getAffineDimExpr(i, &context); }
  mlir::AffineExpr s(unsigned i) { return getAffineSymbolExpr(i, &context); }
  AffineMap map(unsigned loops, unsigned symbols,
                llvm::ArrayRef<mlir::AffineExpr> at) {
    return AffineMap::get(loops, symbols, at, &context);
  }
  AffineMap identity(unsigned loops) {
    return AffineMap::getMultiDimIdentityMap(loops, &context);
  }
  LoopNest nest(Dims sizes, llvm::ArrayRef<Dims> strides) {
    LoopNest made;
    made.sizes = sizes;
    for (const Dims &each : strides)
      made.accesses.push_back({DimExpr(0), each});
    return made;
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// linearize
//===----------------------------------------------------------------------===//

TEST_F(LoopNestTest, AnIdentityHasRowMajorStrides) {
  LinearAccess access = linearize(identity(3), {}, {2, seq, 64});
  EXPECT_EQ(access.offset, DimExpr(0));
  EXPECT_EQ(access.strides, (Dims{seq * 64, 64, 1}));
}

TEST_F(LoopNestTest, ABroadcastOperandStandsStill) {
  // b[j] and c[0, j] over (i, j)
  EXPECT_EQ(linearize(map(2, 0, {d(1)}), {}, {64}).strides, (Dims{0, 1}));
  auto zero = getAffineConstantExpr(0, &context);
  EXPECT_EQ(linearize(map(2, 0, {zero, d(1)}), {}, {1, 64}).strides,
            (Dims{0, 1}));
}

TEST_F(LoopNestTest, ATransposedOperandSwapsStrides) {
  EXPECT_EQ(linearize(map(2, 0, {d(1), d(0)}), {}, {64, 8}).strides,
            (Dims{1, 8}));
}

TEST_F(LoopNestTest, AWindowAddsItsLoopsStrides) {
  // x[2*o + 3*w]
  LinearAccess access = linearize(map(2, 0, {d(0) * 2 + d(1) * 3}), {}, {100});
  EXPECT_EQ(access.strides, (Dims{2, 3}));
}

TEST_F(LoopNestTest, SymbolsAreOffsetsAndFactors) {
  // x[i + s0, i * s1 + j]
  LinearAccess access = linearize(map(2, 2, {d(0) + s(0), d(0) * s(1) + d(1)}),
                                  {seq, 16}, {seq, 64});
  EXPECT_EQ(access.offset, seq * 64);
  EXPECT_EQ(access.strides, (Dims{80, 1}));
}

TEST_F(LoopNestTest, ANegativeStepWalksBack) {
  LinearAccess access = linearize(map(1, 0, {d(0) * -1 + 7}), {}, {8});
  EXPECT_EQ(access.offset, DimExpr(7));
  EXPECT_EQ(access.strides, (Dims{-1}));
}

TEST_F(LoopNestTest, AScalarHasNoStrides) {
  LinearAccess access = linearize(map(2, 0, {}), {}, {});
  EXPECT_EQ(access.offset, DimExpr(0));
  EXPECT_EQ(access.strides, (Dims{0, 0}));
}

TEST_F(LoopNestTest, StepClasses) {
  EXPECT_EQ(stepClass(0), 0);
  EXPECT_EQ(stepClass(1), 1);
  EXPECT_EQ(stepClass(-1), 2);
  EXPECT_EQ(stepClass(64), 2);
  EXPECT_EQ(stepClass(seq), 2);
}

//===----------------------------------------------------------------------===//
// simplify
//===----------------------------------------------------------------------===//

TEST_F(LoopNestTest, ElementwiseIsOneLongLoop) {
  Dims whole = {seq * 64, 64, 1};
  LoopNest n = nest({2, seq, 64}, {whole, whole});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{seq * 128}));
  EXPECT_EQ(n.accesses[0].strides, (Dims{1}));
}

TEST_F(LoopNestTest, ABroadcastRowKeepsItsLoop) {
  LoopNest n = nest({2, 8, 64}, {{512, 64, 1}, {0, 0, 1}});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{16, 64}));
  EXPECT_EQ(n.accesses[0].strides, (Dims{64, 1}));
  EXPECT_EQ(n.accesses[1].strides, (Dims{0, 1}));
}

TEST_F(LoopNestTest, AScalarOperandKeepsNothing) {
  LoopNest n = nest({8, 64}, {{64, 1}, {0, 0}});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{512}));
  EXPECT_EQ(n.accesses[1].strides, (Dims{0}));
}

TEST_F(LoopNestTest, LoopsOfOneIterationAreDropped) {
  LoopNest n = nest({1, 8, 1, 64}, {{512, 1, 7, 8}});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{8, 64}));
  EXPECT_EQ(n.accesses[0].strides, (Dims{1, 8}));
}

TEST_F(LoopNestTest, ATransposedOperandKeepsBothLoops) {
  LoopNest n = nest({8, 64}, {{64, 1}, {1, 8}});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{8, 64}));
}

TEST_F(LoopNestTest, ASymbolIsNotTakenForOne) {
  LoopNest n = nest({seq, 64}, {{128, 1}});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{seq, 64}));
}

TEST_F(LoopNestTest, NothingMergesAcrossABound) {
  // (2, 8 | 4, 16): results stand before the bar, what is combined after it.
  LoopNest n = nest({2, 8, 4, 16}, {{512, 64, 16, 1}});
  unsigned bounds[] = {2};
  n.simplify(bounds);
  EXPECT_EQ(bounds[0], 1u);
  EXPECT_EQ(n.sizes, (Dims{16, 64}));
  EXPECT_EQ(n.accesses[0].strides, (Dims{64, 1}));
}

TEST_F(LoopNestTest, BoundsMoveAsLoopsGo) {
  // (1, 8 | 1, 4 | 16)
  LoopNest n = nest({1, 8, 1, 4, 16}, {{512, 64, 64, 16, 1}});
  unsigned bounds[] = {2, 4};
  n.simplify(bounds);
  EXPECT_EQ(bounds[0], 1u);
  EXPECT_EQ(bounds[1], 2u);
  EXPECT_EQ(n.sizes, (Dims{8, 4, 16}));
}

TEST_F(LoopNestTest, ASegmentMayEndUpEmpty) {
  // (1, 1 | 16) and (8 | 1)
  LoopNest first = nest({1, 1, 16}, {{16, 16, 1}});
  unsigned bounds[] = {2};
  first.simplify(bounds);
  EXPECT_EQ(bounds[0], 0u);
  EXPECT_EQ(first.sizes, (Dims{16}));
  LoopNest last = nest({8, 1}, {{1, 0}});
  bounds[0] = 1;
  last.simplify(bounds);
  EXPECT_EQ(bounds[0], 1u);
  EXPECT_EQ(last.sizes, (Dims{8}));
}

TEST_F(LoopNestTest, APadIsALoopThatNothingWalks) {
  LoopNest n = nest({8}, {{1}, {64}});
  n.pad(0);
  n.pad(2);
  EXPECT_EQ(n.sizes, (Dims{1, 8, 1}));
  EXPECT_EQ(n.accesses[1].strides, (Dims{0, 64, 0}));
}

TEST_F(LoopNestTest, ThreeLoopsMergeFromTheInside) {
  // The inner two merge first; only then does the outer one fit.
  LoopNest n = nest({2, 3, 4}, {{12, 4, 1}, {24, 8, 2}});
  n.simplify();
  EXPECT_EQ(n.sizes, (Dims{24}));
  EXPECT_EQ(n.accesses[1].strides, (Dims{2}));
}
