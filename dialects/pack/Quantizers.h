// Quantizers choose values, encodings store them.
//
//   w ~ scale * (code - zero),   code in [0, 2^bits)
//
// Plain C++ on arrays: results do not depend on the machine that compiles, so
// sums have a stated order and nothing is contracted.
#ifndef TENON_DIALECTS_PACK_QUANTIZERS_H
#define TENON_DIALECTS_PACK_QUANTIZERS_H

#include <cstdint>

namespace tenon::pack {

/// The format in which a scale is kept.
enum class ScaleFormat { F16, F32 };

/// The nearest value of the format, ties to even; infinite if it is too large.
float roundToFormat(float v, ScaleFormat format);
/// The bits of an f16 and its value.
uint16_t toHalf(float v);
float fromHalf(uint16_t bits);

/// The scale in the given format under which codes of `bits` bits around the
/// middle of their range have the least squared error: a grid of factors on
/// the largest magnitude. 0 if all values are 0.
float chooseScale(const float *values, int64_t count, int bits,
                  ScaleFormat format);
/// codes[i] = rint(values[i] / scale) + 2^(bits-1), saturated, ties to even.
void quantize(const float *values, int64_t count, int bits, float scale,
              uint8_t *codes);

/// Which two of four consecutive values stay: those of largest magnitude, the
/// lower index where magnitudes are equal. Gives them in order.
void chooseTwoOfFour(const float *four, int kept[2]);

/// Sum of squares, and of squared differences.
struct ErrorSums {
  double signal = 0, noise = 0;
};
void addError(const float *values, const float *approximation, int64_t count,
              ErrorSums &sums);
/// 10 log10(signal / noise); infinite without noise.
double snrInDecibel(const ErrorSums &sums);

} // namespace tenon::pack

#endif // TENON_DIALECTS_PACK_QUANTIZERS_H
