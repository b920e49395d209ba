#include "compiler/tenonc/Compare.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Errc.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <cmath>

using namespace llvm;
using namespace tenon;

void Difference::join(const Difference &other) {
  maxAbs = std::max(maxAbs, other.maxAbs);
  maxRel = std::max(maxRel, other.maxRel);
  maxUlp = std::max(maxUlp, other.maxUlp);
}

/// The bits of a float as an integer that grows with its value: neighbours
/// differ by 1.
static int64_t ordered(int32_t type, uint64_t bits) {
  int width = tenon_type_bits(type);
  if (type == TENON_F8E8M0)
    return static_cast<int64_t>(bits);
  uint64_t sign = uint64_t(1) << (width - 1);
  auto magnitude = static_cast<int64_t>(bits & (sign - 1));
  return bits & sign ? -magnitude : magnitude;
}

static uint64_t ulpsBetween(int32_t type, uint64_t a, uint64_t b) {
  int64_t x = ordered(type, a), y = ordered(type, b);
  return x > y ? uint64_t(x) - uint64_t(y) : uint64_t(y) - uint64_t(x);
}

/// Elements below 64 bits, sign extended; for a type that is no float.
static int64_t integerAt(const tenon_array &array, int64_t i) {
  uint64_t bits = tenon_get_bits(array.type, array.data, i);
  int width = tenon_type_bits(array.type);
  if (tenon_type_is_signed(array.type) && width < 64 && bits >> (width - 1) & 1)
    bits |= ~uint64_t(0) << width;
  return static_cast<int64_t>(bits);
}

static std::string placeOf(const tenon_array &array, int64_t i) {
  SmallVector<int64_t> index(array.rank);
  for (int32_t d = array.rank - 1; d >= 0; --d) {
    index[d] = i % array.dims[d];
    i /= array.dims[d];
  }
  std::string text = "[";
  for (int64_t at : index)
    text += (text.size() > 1 ? ", " : "") + std::to_string(at);
  return text + "]";
}

static std::string describe(const tenon_array &array) {
  char shape[512];
  tenon_shape_text(shape, sizeof(shape), array.rank, array.dims);
  return std::string(tenon_type_name(array.type)) + shape;
}

namespace {
/// The worst element so far, for the message.
struct Outliers {
  int64_t count = 0;
  int64_t worst = -1;
  double excess = 0;

  void add(int64_t i, double beyond) {
    ++count;
    if (worst < 0 || beyond > excess) {
      worst = i;
      excess = beyond;
    }
  }
};
} // namespace

static void compareFloats(const tenon_array &actual,
                          const tenon_array &expected, Tolerance tolerance,
                          Difference &difference, Outliers &outliers) {
  int32_t type = expected.type;
  // The last of bfloat16's 8 bits is worth 2^-8; some sums differ by 4 of them.
  if (type == TENON_BF16)
    tolerance.rtol = std::max(tolerance.rtol, 0x1p-6);
  double largest = 0, maxAbs = 0;
  for (int64_t i = 0; i < expected.count; ++i) {
    uint64_t aBits = tenon_get_bits(type, actual.data, i);
    uint64_t bBits = tenon_get_bits(type, expected.data, i);
    double a = tenon_float_value(type, aBits);
    double b = tenon_float_value(type, bBits);
    if (std::isnan(a) || std::isnan(b) || std::isinf(a) || std::isinf(b)) {
      if (a != b && !(std::isnan(a) && std::isnan(b)))
        outliers.add(i, INFINITY);
      continue;
    }
    double distance = std::fabs(a - b);
    largest = std::max(largest, std::fabs(b));
    maxAbs = std::max(maxAbs, distance);
    difference.maxUlp =
        std::max(difference.maxUlp, ulpsBetween(type, aBits, bBits));
    double beyond = distance - (tolerance.atol + tolerance.rtol * std::fabs(b));
    if (beyond > 0)
      outliers.add(i, beyond);
  }
  difference.maxAbs = std::max(difference.maxAbs, maxAbs);
  if (maxAbs > 0)
    difference.maxRel =
        std::max(difference.maxRel, largest > 0 ? maxAbs / largest : INFINITY);
}

static void compareIntegers(const tenon_array &actual,
                            const tenon_array &expected, Difference &difference,
                            Outliers &outliers) {
  double largest = 0, maxAbs = 0;
  for (int64_t i = 0; i < expected.count; ++i) {
    int64_t a = integerAt(actual, i), b = integerAt(expected, i);
    bool isUnsigned = !tenon_type_is_signed(expected.type);
    double x = isUnsigned ? double(uint64_t(a)) : double(a);
    double y = isUnsigned ? double(uint64_t(b)) : double(b);
    largest = std::max(largest, std::fabs(y));
    if (a == b)
      continue;
    maxAbs = std::max(maxAbs, std::fabs(x - y));
    outliers.add(i, std::fabs(x - y));
  }
  difference.maxAbs = std::max(difference.maxAbs, maxAbs);
  if (maxAbs > 0)
    difference.maxRel =
        std::max(difference.maxRel, largest > 0 ? maxAbs / largest : INFINITY);
}

static std::string valueText(const tenon_array &array, int64_t i) {
  if (tenon_type_is_float(array.type))
    return formatv(
        "{0:E6}", tenon_float_value(array.type,
                                    tenon_get_bits(array.type, array.data, i)));
  return std::to_string(integerAt(array, i));
}

Error tenon::compareOutput(StringRef name, const tenon_array &actual,
                           const tenon_array &expected,
                           const Tolerance &tolerance, Difference &difference) {
  std::string wanted = describe(expected), found = describe(actual);
  if (wanted != found)
    return createStringError(errc::invalid_argument,
                             "output '" + name + "': expected " + wanted +
                                 ", but got " + found);
  Outliers outliers;
  if (tenon_type_is_float(expected.type))
    compareFloats(actual, expected, tolerance, difference, outliers);
  else
    compareIntegers(actual, expected, difference, outliers);
  if (!outliers.count)
    return Error::success();
  return createStringError(
      errc::invalid_argument,
      "output '" + name + "': " + Twine(outliers.count) + " of " +
          Twine(expected.count) + " elements differ, most at " +
          placeOf(expected, outliers.worst) + ": expected " +
          valueText(expected, outliers.worst) + ", but got " +
          valueText(actual, outliers.worst));
}
