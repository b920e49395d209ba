/* Values that are the same on every machine, and the digest of tensors.
 *
 * The definition, for whoever needs the same values elsewhere:
 *
 *   state = SEED xor FNV-1a-64(bytes of the tensor's name)
 *   z(i)  = splitmix64's i-th output from that state, i = 1, 2, ..:
 *           z = state + i * 0x9e3779b97f4a7c15
 *           z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9
 *           z = (z ^ z >> 27) * 0x94d049bb133111eb
 *           z = z ^ z >> 31
 *   f64           ((z >> 11) - 2^52) * 2^-52          in [-1, 1), exact
 *   other floats  ((z >> 40) - 2^23) * 2^-23          in [-1, 1), exact in f32,
 *                 rounded to nearest even where the type is smaller
 *   f8e8m0        code 127 + (z >> 63), that is 1 or 2
 *   integers      z >> 63, that is 0 or 1: also good as an index
 */
#include "exe/exe.h"

#include <string.h>

static uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

static uint64_t random_bits(int32_t type, uint64_t z) {
  if (type == TENON_F8E8M0)
    return 127 + (z >> 63);
  if (!tenon_type_is_float(type))
    return z >> 63;
  if (type == TENON_F64)
    return tenon_float_bits(
        type, (double)((int64_t)(z >> 11) - (INT64_C(1) << 52)) * 0x1p-52);
  return tenon_float_bits(
      type, (double)((int64_t)(z >> 40) - (INT64_C(1) << 23)) * 0x1p-23);
}

void tenon_fill_random(int32_t type, const char *name, uint64_t seed,
                       int64_t count, void *data) {
  uint64_t state =
      seed ^ tenon_digest_bytes(TENON_DIGEST_START, name, strlen(name));
  size_t bytes;
  /* Bits behind the last element of a packed type are 0. */
  if (tenon_type_bits(type) < 8 && tenon_type_bytes(type, count, &bytes))
    memset(data, 0, bytes);
  for (int64_t i = 0; i < count; ++i) {
    state += UINT64_C(0x9e3779b97f4a7c15);
    tenon_set_bits(type, data, i, random_bits(type, mix(state)));
  }
}

uint64_t tenon_digest_bytes(uint64_t state, const void *data, size_t bytes) {
  const uint8_t *byte = data;
  for (size_t i = 0; i < bytes; ++i)
    state = (state ^ byte[i]) * UINT64_C(0x100000001b3);
  return state;
}

uint64_t tenon_digest(uint64_t state, int32_t type, int64_t count,
                      const void *data) {
  int bits = tenon_type_bits(type);
  size_t bytes;
  if (!tenon_type_bytes(type, count, &bytes))
    return state;
  if (!tenon_type_is_float(type) && bits >= 8)
    return tenon_digest_bytes(state, data, bytes);
  if (bits >= 8) {
    uint64_t nan = tenon_canonical_nan(type);
    for (int64_t i = 0; i < count; ++i) {
      uint64_t element = tenon_get_bits(type, data, i);
      double value = tenon_float_value(type, element);
      if (value != value)
        element = nan;
      state = tenon_digest_bytes(state, &element, (size_t)bits / 8);
    }
    return state;
  }
  if (!bytes)
    return state;
  /* What lies behind the last packed element is nobody's. */
  state = tenon_digest_bytes(state, data, bytes - 1);
  unsigned rest = (unsigned)((uint64_t)count * (unsigned)bits % 8);
  uint8_t last = ((const uint8_t *)data)[bytes - 1];
  if (rest)
    last &= (uint8_t)((1u << rest) - 1);
  return tenon_digest_bytes(state, &last, 1);
}
