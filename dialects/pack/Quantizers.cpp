#include "dialects/pack/Quantizers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace tenon::pack {

//===- Half ----------------------------------------------------------------===//

static uint32_t bitsOf(float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, 4);
  return bits;
}
static float floatOf(uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, 4);
  return v;
}

uint16_t toHalf(float v) {
  uint32_t bits = bitsOf(v), sign = bits >> 16 & 0x8000;
  float magnitude = std::fabs(v);
  if (std::isnan(v))
    return sign | 0x7E00;
  if (magnitude >= 65520.f)
    return sign | 0x7C00;
  // Adding a power of two drops the bits that f16 does not have: 2^-24 is its
  // unit below 2^-14, a 2^-10th of the power of two above.
  if (magnitude < 0x1p-14f)
    return sign | (bitsOf(magnitude + 0.5f) - bitsOf(0.5f));
  uint32_t m = bitsOf(magnitude);
  m += 0xFFF + (m >> 13 & 1);
  return sign | ((m >> 13) - (112 << 10));
}

float fromHalf(uint16_t bits) {
  uint32_t sign = (uint32_t)(bits & 0x8000) << 16, rest = bits & 0x7FFF;
  if (rest >= 0x7C00)
    return floatOf(sign | 0x7F800000 | rest << 13);
  // An f16's bits as those of an f32 are 2^112 too small, denormal or not.
  return floatOf(sign | bitsOf(floatOf(rest << 13) * 0x1p112f));
}

float roundToFormat(float v, ScaleFormat format) {
  return format == ScaleFormat::F16 ? fromHalf(toHalf(v)) : v;
}

//===- Scales --------------------------------------------------------------===//

namespace {
/// Rounds to an integer by adding 1.5 * 2^23; |v| must be below 2^22.
constexpr float kMagic = 0x1.8p23f;
constexpr int kLanes = 8;

float clamped(float v, float lo, float hi) {
  v = v < lo ? lo : v;
  return v > hi ? hi : v;
}

/// Eight lanes whatever the machine's vectors are (GCC's and clang's).
typedef float Lanes __attribute__((vector_size(4 * kLanes)));
/// Used in place of a vector argument: a result by register differs per ABI.
struct Grid {
  Lanes inverse, scale, lo, hi;
  /// acc += (v - scale * code)^2
  void add(Lanes &acc, const Lanes &v) const {
    Lanes q = v * inverse;
    q = q < lo ? lo : q;
    q = q > hi ? hi : q;
    q = (q + kMagic) - kMagic;
    Lanes e = v - q * scale;
    acc += e * e;
  }
};

/// Squared error in eight lanes, lane = index mod 8, then a tree.
float squaredError(const float *values, int64_t count, float scale, float lo,
                   float hi) {
  const Lanes zero = {};
  Grid grid = {zero + 1 / scale, zero + scale, zero + lo, zero + hi};
  Lanes sum = zero, v;
  int64_t whole = count / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    std::memcpy(&v, values + i, sizeof(v));
    grid.add(sum, v);
  }
  if (whole < count) {
    v = zero;
    std::memcpy(&v, values + whole, 4 * (count - whole));
    grid.add(sum, v); // zeros have no error
  }
  return ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
         ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}
} // namespace

float chooseScale(const float *values, int64_t count, int bits,
                  ScaleFormat format) {
  float extreme = 0;
  for (int64_t i = 0; i < count; ++i)
    if (std::fabs(values[i]) > std::fabs(extreme))
      extreme = values[i];
  if (extreme == 0)
    return 0;
  float lo = -(float)(1 << (bits - 1)), hi = (float)(1 << (bits - 1)) - 1;
  float best = 0, bestError = std::numeric_limits<float>::infinity();
  auto attempt = [&](float scale) {
    scale = roundToFormat(scale, format);
    if (scale == 0 || !std::isfinite(scale) || !std::isfinite(1 / scale))
      return;
    float error = squaredError(values, count, scale, lo, hi);
    if (error < bestError) {
      bestError = error;
      best = scale;
    }
  };
  // The extreme value gets the code that has no counterpart, which may turn
  // the scale's sign; or the range is symmetric.
  attempt(std::fabs(extreme) / hi);
  if (bits > 4) {
    for (int i = 1; i < 12; ++i)
      attempt(std::fabs(extreme) / hi * (1 - 0.025f * i));
    return best;
  }
  for (int i = 0; i < 6; ++i)
    for (float sign : {1.f, -1.f})
      attempt(sign * extreme / lo * (1.12f - 0.08f * i));
  float coarse = best;
  for (int i : {-2, -1, 1, 2})
    attempt(coarse * (1 + 0.02f * i));
  return best;
}

void quantize(const float *values, int64_t count, int bits, float scale,
              uint8_t *codes) {
  float half = (float)(1 << (bits - 1));
  float inverse = scale == 0 ? 0 : 1 / scale;
  for (int64_t i = 0; i < count; ++i) {
    float q = clamped(values[i] * inverse, -half, half - 1);
    codes[i] = (uint8_t)(int)(((q + kMagic) - kMagic) + half);
  }
}

//===- 2:4 -----------------------------------------------------------------===//

void chooseTwoOfFour(const float *four, int kept[2]) {
  int first = 0;
  for (int i = 1; i < 4; ++i)
    if (std::fabs(four[i]) > std::fabs(four[first]))
      first = i;
  int second = first == 0 ? 1 : 0;
  for (int i = second + 1; i < 4; ++i)
    if (i != first && std::fabs(four[i]) > std::fabs(four[second]))
      second = i;
  kept[0] = std::min(first, second);
  kept[1] = std::max(first, second);
}

//===- Errors --------------------------------------------------------------===//

void addError(const float *values, const float *approximation, int64_t count,
              ErrorSums &sums) {
  double signal = 0, noise = 0;
  for (int64_t i = 0; i < count; ++i) {
    double v = values[i], e = v - approximation[i];
    signal += v * v;
    noise += e * e;
  }
  sums.signal += signal;
  sums.noise += noise;
}

double snrInDecibel(const ErrorSums &sums) {
  if (sums.noise == 0)
    return std::numeric_limits<double>::infinity();
  return 10 * std::log10(sums.signal / sums.noise);
}

} // namespace tenon::pack
