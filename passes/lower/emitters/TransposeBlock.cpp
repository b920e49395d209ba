// A square block of registers turned by shuffles of two, log2(n) per register:
//
//   4 rows at a time, inside groups of four lanes:   a0 b0 a1 b1 | c0 d0 c1 d1
//                                                    a0 b0 c0 d0
//   then whole groups change places between registers
#include "passes/lower/emitters/KernelFrame.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::lower;

SmallVector<Value> lower::transposeBlock(KernelFrame &f, ValueRange rows) {
  int64_t n = rows.size();
  assert(llvm::isPowerOf2_64(n) && "expected a square of a power of two");
  auto shuffle = [&](Value x, Value y, llvm::function_ref<int64_t(int64_t)> from) {
    SmallVector<int64_t> mask;
    for (int64_t k = 0; k < n; ++k)
      mask.push_back(from(k));
    return vector::ShuffleOp::create(f.b, f.loc, x, y, mask).getResult();
  };
  if (n == 1)
    return SmallVector<Value>(rows);
  if (n == 2)
    return {shuffle(rows[0], rows[1], [](int64_t k) { return 2 * k; }),
            shuffle(rows[0], rows[1], [](int64_t k) { return 2 * k + 1; })};
  // x0 y0 x1 y1 and x2 y2 x3 y3 of each group; the same with pairs.
  auto singles = [&](Value x, Value y, int64_t first) {
    return shuffle(x, y, [&](int64_t k) {
      return k / 4 * 4 + first + k % 4 / 2 + k % 2 * n;
    });
  };
  auto pairs = [&](Value x, Value y, int64_t first) {
    return shuffle(x, y, [&](int64_t k) {
      return k / 4 * 4 + first + k % 2 + k % 4 / 2 * n;
    });
  };
  // turned[c][g]: of rows 4g .. 4g + 3, the columns 4L + c in group L.
  SmallVector<SmallVector<Value>> turned(4);
  for (int64_t r = 0; r < n; r += 4) {
    Value low01 = singles(rows[r], rows[r + 1], 0);
    Value high01 = singles(rows[r], rows[r + 1], 2);
    Value low23 = singles(rows[r + 2], rows[r + 3], 0);
    Value high23 = singles(rows[r + 2], rows[r + 3], 2);
    turned[0].push_back(pairs(low01, low23, 0));
    turned[1].push_back(pairs(low01, low23, 2));
    turned[2].push_back(pairs(high01, high23, 0));
    turned[3].push_back(pairs(high01, high23, 2));
  }
  SmallVector<Value> result(n);
  for (int64_t c = 0; c < 4; ++c) {
    SmallVector<Value> &groups = turned[c];
    for (int64_t distance = n / 8; distance > 0; distance /= 2)
      for (int64_t g = 0; g < n / 4; ++g) {
        if (g & distance)
          continue;
        int64_t lanes = distance * 4;
        Value x = groups[g], y = groups[g + distance];
        groups[g] = shuffle(x, y, [&](int64_t k) {
          return k & lanes ? n + k - lanes : k;
        });
        groups[g + distance] = shuffle(x, y, [&](int64_t k) {
          return k & lanes ? n + k : k + lanes;
        });
      }
    for (int64_t g = 0; g < n / 4; ++g)
      result[4 * g + c] = groups[g];
  }
  return result;
}
