#include "dialects/kern/RegisterTile.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::kern;

/// Rows times two panels of 16 columns that 32 registers of 16 lanes accumulate,
/// beside a vector per panel, a splat, and the next steps' operands: with 14
/// rows LLVM loads those ahead and spills sums instead.
static constexpr int64_t kTallest = 12;
/// Results of a line of windows that are combined side by side.
static constexpr int64_t kLongestRun = 14;
/// A row distance that is a multiple of this puts all rows of a tile into one
/// set of the first-level cache, which holds eight lines.
static constexpr int64_t kSetPeriod = 512;

/// As many tiles of the same height as cover `extent`, and what is left.
static SmallVector<int64_t> evenly(int64_t extent, int64_t most) {
  extent = std::max<int64_t>(extent, 1);
  int64_t parts = (extent + most - 1) / most;
  int64_t each = (extent + parts - 1) / parts;
  SmallVector<int64_t> ladder = {each};
  if (extent % each)
    ladder.push_back(extent % each);
  return ladder;
}

/// `first`, then what the constant extent leaves, or halves down to one.
static SmallVector<int64_t> ladderOf(const DimExpr &extent, int64_t first) {
  SmallVector<int64_t> ladder;
  if (extent.isConstant()) {
    int64_t all = std::max<int64_t>(extent.constant(), 1);
    ladder.push_back(std::min(first, all));
    if (int64_t rest = all % ladder[0])
      ladder.push_back(rest);
    return ladder;
  }
  for (int64_t step = first; step > 0; step /= 2)
    ladder.push_back(step);
  return ladder;
}

TileAttr kern::chooseTile(MLIRContext *context, const MatmulNest &nest,
                          const DimExpr &columns) {
  const DimExpr &rows = nest.sizes[nest.panel - 1];
  const LinearAccess &lhs = nest.accesses[0], &rhs = nest.accesses[1];
  unsigned inner = nest.sizes.size() - 1;

  DimExpr rowStep = lhs.strides[nest.panel - 1];
  bool aliases = rowStep.isConstant() && rowStep.constant() > 0 &&
                 rowStep.constant() % kSetPeriod == 0;
  SmallVector<int64_t> heights = {kTallest, 8, 4, 2, 1};
  int64_t wide = 2;
  if (rows.isConstant()) {
    heights = evenly(rows.constant(), aliases ? 6 : kTallest);
    // Few rows take more panels, so that enough sums are under way.
    wide = heights[0] <= 2 ? 8 : heights[0] <= 6 ? 4 : 2;
  } else if (aliases) {
    heights = {6, 3, 1};
    wide = 4;
  }
  SmallVector<int64_t> panels;
  DimExpr whole = DimExpr::floorDiv(columns, kBlock);
  if (whole.isConstant()) {
    // Halves of the widest tile, as far as they occur.
    int64_t count = whole.constant();
    while (wide > 1 && wide > count)
      wide /= 2;
    for (int64_t step = wide; step > 0; step /= 2) {
      if (count >= step)
        panels.push_back(step);
      count %= step;
    }
    if (panels.empty())
      panels.push_back(1);
  } else {
    panels = ladderOf(whole, wide);
  }

  // With fixed steps one pointer serves all rows of a tile, and several steps
  // of the reduction are written out; else each row is stepped to.
  SmallVector<int64_t> steps(3, 0);
  int64_t unroll = 1;
  if (rowStep.isConstant() && rowStep.constant() > 0) {
    auto fixed = [](const DimExpr &e) {
      return e.isConstant() ? e.constant() : 0;
    };
    steps = {rowStep.constant(), fixed(lhs.strides[inner]),
             fixed(rhs.strides[inner])};
    unroll = inner > nest.reduction ? kBlock : 4;
    // No two of them read the same splat: LLVM would load it once and keep it
    // beside the sums.
    if (steps[1] > 0)
      unroll = std::min(unroll, std::max<int64_t>(steps[0] / steps[1], 1));
  }
  return TileAttr::get(context, heights, panels,
                       ladderOf(nest.sizes[inner], unroll), steps,
                       !DimExpr::mod(columns, kBlock).isConstant(0));
}

DimExpr kern::rowsOfBlock(const MatmulNest &nest, TileAttr tile) {
  int64_t tall = tile.getRows()[0];
  DimExpr depth = product(ArrayRef(nest.sizes).drop_front(nest.reduction));
  DimExpr rows = DimExpr::floorDiv(131072, DimExpr::max(depth, 1));
  rows = DimExpr::floorDiv(DimExpr::min(rows, 480), tall) * DimExpr(tall);
  rows = DimExpr::max(rows, tall);
  const DimExpr &all = nest.sizes[nest.panel - 1];
  if (!all.isConstant() || !rows.isConstant())
    return rows;
  // Equal blocks of whole tiles.
  int64_t tiles = std::max<int64_t>((all.constant() + tall - 1) / tall, 1);
  int64_t most = rows.constant() / tall, blocks = (tiles + most - 1) / most;
  return (tiles + blocks - 1) / blocks * tall;
}

/// Steps of a window's line that are written out.
static constexpr int64_t kLongestLine = 16;

TileAttr kern::chooseWindowTile(MLIRContext *context, const LoopNest &nest,
                                size_t ins) {
  unsigned inner = nest.sizes.size() - 1;
  if (nest.parallel < 2 || !nest.sizes[nest.parallel - 1].isConstant(kBlock) ||
      !nest.sizes[inner].isConstant() || nest.sizes[inner].constant() < 1 ||
      nest.sizes[inner].constant() > kLongestLine)
    return {};
  unsigned line = nest.parallel - 2;
  SmallVector<int64_t> steps;
  for (const LinearAccess &a : ArrayRef(nest.accesses).take_front(ins)) {
    if (stepClass(a.strides[nest.parallel - 1]) == 2)
      return {};
    for (unsigned loop : {line, inner}) {
      if (!a.strides[loop].isConstant())
        return {};
      steps.push_back(a.strides[loop].constant());
    }
  }
  SmallVector<int64_t> lengths = {kLongestRun, 4, 1};
  if (nest.sizes[line].isConstant())
    lengths = evenly(nest.sizes[line].constant(), kLongestRun);
  return TileAttr::get(context, lengths, /*panels=*/{1},
                       /*depth=*/{nest.sizes[inner].constant()}, steps,
                       /*partial=*/false);
}
