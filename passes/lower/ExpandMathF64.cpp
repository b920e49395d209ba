//===- ExpandMathF64.cpp - what f64 does differently ----------------------===//
//
// Most functions of f64 are those of f32 with longer polynomials. Two are not:
//
//   erf    |x| <= 1     x + x P(x^2)
//          |x| > 1      1 - exp(-x^2) Q((t - 2) / (t + 2)),  t = |x| <= 6
//          -log(1 - erf) would need some 25 terms over the whole range; the
//          shape of the second is that of M. Shepherd and J. Laframboise,
//          Math. Comp. 36 (1981).
//
//   sin, cos, tan of |x| > 2^20: 53 bits of mantissa times 192 bits of 2/pi,
//          128 bits of it kept, in limbs of 32 bits:
//
//             mantissa        m1 m0
//             window    a0 a1 a2 a3 a4 a5
//             column    0  1  2  3              each a sum of four halves
//
//===----------------------------------------------------------------------===//

#include "passes/lower/ExpandMathF64.h"
#include "passes/lower/ExpandMath.h"

using namespace mlir;
using namespace tenon;
using namespace tenon::minimax;

Lanes tenon::erfF64(Lanes x) {
  Lanes a = abs(x);
  Lanes square = a * a;
  Lanes small = fma(polynomial(square, kErfSmallF64), a, a);
  // erf(6) = 1 - 2^-55 rounds to 1.
  Lanes t = atMost(a, a.constant(6.0));
  Lanes u = (t - 2.0) / (t + 2.0);
  Value decay = buildExp(x.getBuilder(), x.getLoc(), (-(t * t)).get());
  Lanes large = fma(-x.with(decay), polynomial(u, kErfcLargeF64), 1.0);
  return copySign(select(isLt(a, 1.0), small, large), x);
}

Quadrant tenon::reduceHugeF64(Lanes a) {
  const int64_t kMask = 0xffffffff;
  Lanes bits = a.toBits();
  Lanes mantissa = (bits & ((int64_t(1) << 52) - 1)) | (int64_t(1) << 52);
  Lanes m0 = mantissa & kMask, m1 = mantissa >> 32;
  // a = mantissa * 2^(exponent - 1075). The window begins with the bit worth
  // 2 / mantissa, `start` bits after the 64 zeros put in front.
  Lanes start = (bits >> 52) - 1013;
  SmallVector<Lanes> words = wordsOfTwoOverPi(start >> 5, 33, 2, 7);
  Lanes shift = start & 31;
  SmallVector<Lanes> low, high; // m0 * a[i] and m1 * a[i]
  for (int i = 0; i < 6; ++i) {
    Lanes joined = (words[i] << 32) | words[i + 1];
    Lanes limb = (joined << shift) >> 32;
    low.push_back(m0 * limb);
    high.push_back(m1 * limb);
  }
  SmallVector<Lanes> columns;
  for (int i = 0; i < 4; ++i)
    columns.push_back((low[i] & kMask) + (low[i + 1] >> 32) +
                      (high[i + 1] & kMask) + (high[i + 2] >> 32));
  for (int i = 3; i > 0; --i)
    columns[i - 1] = columns[i - 1] + (columns[i] >> 32);

  // The product mod 4: `top` in units of 2^-62, `rest` in units of 2^-125.
  Lanes top = (columns[0] << 32) | (columns[1] & kMask);
  Lanes rest = ((columns[2] & kMask) << 31) | ((columns[3] & kMask) >> 1);
  Lanes quadrant = (top + (int64_t(1) << 61)) >> 62;
  Lanes fraction = top - (quadrant << 62);
  // The rest matters where the fraction is small and exact in the product.
  Type f64 = a.getElementType();
  Lanes r = timesHalfPi(fraction, f64);
  r = fma(toFloatValue(rest, f64), kHalfPi.f64[0] * 0x1p-125, r);
  return {r, quadrant};
}
