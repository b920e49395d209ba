//===- ExpandMathF64.h - what f64 does differently --------------*- C++ -*-===//

#ifndef TENON_PASSES_LOWER_EXPANDMATHF64_H
#define TENON_PASSES_LOWER_EXPANDMATHF64_H

#include "passes/lower/Lanes.h"

namespace tenon {

/// a = quadrant pi / 2 + r, |r| <= pi / 4; only quadrant mod 4 is right.
struct Quadrant {
  Lanes r, quadrant;
};

/// The error function of f64 lanes.
Lanes erfF64(Lanes x);

/// fraction * 2^-62 * pi/2 for |fraction| <= 2^61, in lanes of `element`.
Lanes timesHalfPi(Lanes fraction, mlir::Type element);

/// For 2^20 <= a, finite.
Quadrant reduceHugeF64(Lanes a);

/// Words first + 0 ... first + count - 1 of 2/pi, where `first` is an integer
/// per lane below `firstEnd`, and `zeros` words of 0 come before the point.
llvm::SmallVector<Lanes> wordsOfTwoOverPi(Lanes first, unsigned firstEnd,
                                          unsigned zeros, unsigned count);

} // namespace tenon

#endif // TENON_PASSES_LOWER_EXPANDMATHF64_H
