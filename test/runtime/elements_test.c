/* Elements, random values and digests. */
#include "check.h"
#include "exe/exe.h"

#include <string.h>

static const int32_t float_types[] = {
    TENON_F16,    TENON_BF16,       TENON_F8E4M3FN, TENON_F8E4M3FNUZ,
    TENON_F8E5M2, TENON_F8E5M2FNUZ, TENON_F4E2M1,   TENON_F8E8M0};

static void every_code_survives_its_value(results *r) {
  for (size_t t = 0; t < sizeof(float_types) / sizeof(float_types[0]); ++t) {
    int32_t type = float_types[t];
    int wrong = 0;
    for (uint32_t code = 0; code < 1u << tenon_type_bits(type); ++code) {
      double value = tenon_float_value(type, code);
      uint64_t back = tenon_float_bits(type, value);
      wrong +=
          value != value ? back != tenon_canonical_nan(type) : back != code;
    }
    CHECK(wrong == 0);
  }
}

/* Between two neighbours the nearer wins, and in the middle the even one. */
static void rounding_is_to_nearest_even(results *r) {
  for (size_t t = 0; t + 1 < sizeof(float_types) / sizeof(float_types[0]);
       ++t) {
    int32_t type = float_types[t];
    int wrong = 0;
    for (uint32_t code = 0; code < (1u << (tenon_type_bits(type) - 1)) - 1;
         ++code) {
      double low = tenon_float_value(type, code);
      double high = tenon_float_value(type, code + 1);
      if (!(high > low) || high - high != 0)
        continue;
      double middle = (low + high) / 2, step = (high - low) / 64;
      wrong += tenon_float_bits(type, middle) != code + (code & 1);
      wrong += tenon_float_bits(type, middle - step) != code;
      wrong += tenon_float_bits(type, middle + step) != code + 1;
    }
    CHECK(wrong == 0);
  }
  CHECK(tenon_float_bits(TENON_F16, 65519) == 0x7BFF);
  CHECK(tenon_float_bits(TENON_F16, 65520) == 0x7C00);
  CHECK(tenon_float_bits(TENON_F16, -1e300) == 0xFC00);
  CHECK(tenon_float_bits(TENON_F8E4M3FN, 1e30) == 0x7E);
}

static void packed_elements_keep_their_neighbours(results *r) {
  uint8_t data[4] = {0, 0, 0, 0};
  for (int i = 0; i < 8; ++i)
    tenon_set_bits(TENON_U4, data, i, (uint64_t)i + 3);
  CHECK(data[0] == 0x43 && data[3] == 0xA9);
  tenon_set_bits(TENON_U4, data, 1, 0xF);
  CHECK(data[0] == 0xF3 && tenon_get_bits(TENON_U4, data, 0) == 3);
  tenon_set_bits(TENON_I2, data, 3, 1);
  CHECK(data[0] == 0x73);
  size_t bytes;
  CHECK(tenon_type_bytes(TENON_U4, 5, &bytes) && bytes == 3);
  CHECK(tenon_type_bytes(TENON_I2, 5, &bytes) && bytes == 2);
  CHECK(!tenon_type_bytes(TENON_F32, INT64_MAX, &bytes));
  CHECK(!tenon_type_bytes(8, 1, &bytes)); /* a string */
}

static void random_values_are_reproducible(results *r) {
  float a[64], b[64];
  tenon_fill_random(TENON_F32, "x", 7, 64, a);
  tenon_fill_random(TENON_F32, "x", 7, 64, b);
  CHECK(!memcmp(a, b, sizeof(a)));
  tenon_fill_random(TENON_F32, "y", 7, 64, b);
  CHECK(memcmp(a, b, sizeof(a)));
  tenon_fill_random(TENON_F32, "x", 8, 64, b);
  CHECK(memcmp(a, b, sizeof(a)));
  int inside = 1, negative = 0;
  for (int i = 0; i < 64; ++i) {
    inside &= a[i] >= -1 && a[i] < 1;
    negative += a[i] < 0;
  }
  CHECK(inside && negative > 10 && negative < 54);
  int64_t indices[64];
  tenon_fill_random(TENON_I64, "x", 7, 64, indices);
  int64_t ones = 0;
  for (int i = 0; i < 64; ++i)
    ones += indices[i] == 1 ? 1 : indices[i] == 0 ? 0 : 1000;
  CHECK(ones > 10 && ones < 54);
  /* Values of the definition in random.c, worked out on their own. */
  static const uint32_t known[] = {0x3ef71508, 0x3f29ca12, 0x3e7c8920,
                                   0x3d7b5700};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); ++i)
    CHECK(tenon_get_bits(TENON_F32, a, (int64_t)i) == known[i]);
}

static void digests_know_one_nan(results *r) {
  uint32_t a[] = {0x3f800000, 0x7fc00000}, b[] = {0x3f800000, 0xffc00123};
  CHECK(tenon_digest(TENON_DIGEST_START, TENON_F32, 2, a) ==
        tenon_digest(TENON_DIGEST_START, TENON_F32, 2, b));
  CHECK(tenon_digest(TENON_DIGEST_START, TENON_I32, 2, a) !=
        tenon_digest(TENON_DIGEST_START, TENON_I32, 2, b));
  CHECK(tenon_digest(TENON_DIGEST_START, TENON_F32, 2, a) ==
        tenon_digest_bytes(TENON_DIGEST_START, a, sizeof(a)));
  /* The published test vector of FNV-1a 64. */
  CHECK(tenon_digest_bytes(TENON_DIGEST_START, "foobar", 6) ==
        UINT64_C(0x85944171f73967e8));
  uint8_t c[] = {0x21, 0x03}, d[] = {0x21, 0xF3};
  CHECK(tenon_digest(TENON_DIGEST_START, TENON_U4, 3, c) ==
        tenon_digest(TENON_DIGEST_START, TENON_U4, 3, d));
}

void test_elements(results *r) {
  every_code_survives_its_value(r);
  rounding_is_to_nearest_even(r);
  packed_elements_keep_their_neighbours(r);
  random_values_are_reproducible(r);
  digests_know_one_nan(r);
}
