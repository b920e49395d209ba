/* Elements of every type: sizes, stored bits, and small floats as values.
 *
 * Data is little endian, as every target is. Types below a byte lie packed,
 * the first element in the low bits.
 */
#include "exe/exe.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are little endian"
#endif

typedef struct type_info {
  const char *name;
  uint8_t bits;
  bool is_float, is_signed;
} type_info;

/* Tables read best as tables.
 * clang-format off */
static type_info describe(int32_t type) {
  switch ((tenon_type)type) {
  case TENON_F32:
    return (type_info){"f32", 32, true, true};
  case TENON_F64:
    return (type_info){"f64", 64, true, true};
  case TENON_F16:
    return (type_info){"f16", 16, true, true};
  case TENON_BF16:
    return (type_info){"bf16", 16, true, true};
  case TENON_U8:
    return (type_info){"u8", 8, false, false};
  case TENON_U16:
    return (type_info){"u16", 16, false, false};
  case TENON_U32:
    return (type_info){"u32", 32, false, false};
  case TENON_U64:
    return (type_info){"u64", 64, false, false};
  case TENON_I8:
    return (type_info){"i8", 8, false, true};
  case TENON_I16:
    return (type_info){"i16", 16, false, true};
  case TENON_I32:
    return (type_info){"i32", 32, false, true};
  case TENON_I64:
    return (type_info){"i64", 64, false, true};
  case TENON_BOOL:
    return (type_info){"bool", 8, false, false};
  case TENON_F8E4M3FN:
    return (type_info){"f8e4m3fn", 8, true, true};
  case TENON_F8E4M3FNUZ:
    return (type_info){"f8e4m3fnuz", 8, true, true};
  case TENON_F8E5M2:
    return (type_info){"f8e5m2", 8, true, true};
  case TENON_F8E5M2FNUZ:
    return (type_info){"f8e5m2fnuz", 8, true, true};
  case TENON_F8E8M0:
    return (type_info){"f8e8m0", 8, true, false};
  case TENON_F4E2M1:
    return (type_info){"f4e2m1", 4, true, true};
  case TENON_U4:
    return (type_info){"u4", 4, false, false};
  case TENON_I4:
    return (type_info){"i4", 4, false, true};
  case TENON_U2:
    return (type_info){"u2", 2, false, false};
  case TENON_I2:
    return (type_info){"i2", 2, false, true};
  }
  return (type_info){"?", 0, false, false};
}
/* clang-format on */

const char *tenon_type_name(int32_t type) { return describe(type).name; }
int tenon_type_bits(int32_t type) { return describe(type).bits; }
bool tenon_type_is_float(int32_t type) { return describe(type).is_float; }
bool tenon_type_is_signed(int32_t type) { return describe(type).is_signed; }

bool tenon_type_bytes(int32_t type, int64_t count, size_t *bytes) {
  int bits = tenon_type_bits(type);
  /* So bounded, count * bits stays within 63 bits. */
  if (!bits || count < 0 || count > (INT64_MAX >> 7))
    return false;
  uint64_t needed = ((uint64_t)count * (uint64_t)bits + 7) / 8;
  if (needed > SIZE_MAX / 2)
    return false;
  *bytes = (size_t)needed;
  return true;
}

uint64_t tenon_get_bits(int32_t type, const void *data, int64_t i) {
  int bits = tenon_type_bits(type);
  const uint8_t *bytes = data;
  if (bits < 8) {
    int64_t per_byte = 8 / bits;
    unsigned shift = (unsigned)(i % per_byte) * (unsigned)bits;
    return (uint64_t)(bytes[i / per_byte] >> shift) & ((1u << bits) - 1);
  }
  uint64_t value = 0;
  size_t size = (size_t)bits / 8;
  memcpy(&value, bytes + (size_t)i * size, size);
  return value;
}

void tenon_set_bits(int32_t type, void *data, int64_t i, uint64_t value) {
  int bits = tenon_type_bits(type);
  uint8_t *bytes = data;
  if (bits < 8) {
    int64_t per_byte = 8 / bits;
    unsigned shift = (unsigned)(i % per_byte) * (unsigned)bits;
    unsigned mask = ((1u << bits) - 1) << shift;
    uint8_t *byte = &bytes[i / per_byte];
    *byte = (uint8_t)((*byte & ~mask) | ((unsigned)(value << shift) & mask));
    return;
  }
  size_t size = (size_t)bits / 8;
  memcpy(bytes + (size_t)i * size, &value, size);
}

/*===-- floats -----------------------------------------------------------===*/

/* A float of 16 bits or less: sign, exponent, mantissa. Above the largest
 * finite code lie infinity (if the type has one) and NaNs. */
typedef struct layout {
  int exponent, mantissa, bias;
  unsigned largest, infinity, nan; /* codes; 0: none */
} layout;

/* clang-format off */
static layout layout_of(int32_t type) {
  switch (type) {
  case TENON_F16: return (layout){5, 10, 15, 0x7BFF, 0x7C00, 0x7E00};
  case TENON_BF16: return (layout){8, 7, 127, 0x7F7F, 0x7F80, 0x7FC0};
  case TENON_F8E4M3FN: return (layout){4, 3, 7, 0x7E, 0, 0x7F};
  case TENON_F8E4M3FNUZ: return (layout){4, 3, 8, 0x7F, 0, 0x80};
  case TENON_F8E5M2: return (layout){5, 2, 15, 0x7B, 0x7C, 0x7E};
  case TENON_F8E5M2FNUZ: return (layout){5, 2, 16, 0x7F, 0, 0x80};
  default: return (layout){2, 1, 1, 0x7, 0, 0}; /* f4e2m1 */
  }
}
/* clang-format on */

static double from_double_bits(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

/* 2^power for the exponents of normal doubles, without libm. */
static double power_of_two(int power) {
  return from_double_bits((uint64_t)(power + 1023) << 52);
}

static double quiet_nan(void) {
  return from_double_bits(UINT64_C(0x7ff8000000000000));
}

static double small_value(int32_t type, unsigned code) {
  layout l = layout_of(type);
  if (type == TENON_F8E8M0)
    return code == 0xFF ? quiet_nan() : power_of_two((int)code - 127);
  unsigned sign_bit = 1u << (l.exponent + l.mantissa);
  unsigned magnitude = code & (sign_bit - 1);
  double sign = code & sign_bit ? -1.0 : 1.0;
  /* The types with "UZ" put their NaN where negative zero would be. */
  if (l.nan == sign_bit && code == sign_bit)
    return quiet_nan();
  if (magnitude > l.largest)
    return l.infinity && magnitude == l.infinity
               ? sign * from_double_bits(UINT64_C(0x7ff0000000000000))
               : quiet_nan();
  int exponent = (int)(magnitude >> l.mantissa);
  double fraction = (double)(magnitude & ((1u << l.mantissa) - 1)) *
                    power_of_two(-l.mantissa);
  double value = exponent ? (1.0 + fraction) * power_of_two(exponent - l.bias)
                          : fraction * power_of_two(1 - l.bias);
  return sign * value;
}

static unsigned small_bits(int32_t type, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  unsigned negative = (unsigned)(bits >> 63);
  int exponent = (int)(bits >> 52 & 0x7FF) - 1023;
  uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  if (type == TENON_F8E8M0) {
    /* Powers of two only, and no sign: what is not above 0 is the least. */
    if (value != value)
      return 0xFF;
    int code = exponent + 127 + (mantissa >= UINT64_C(3) << 51);
    return negative || code < 0 ? 0 : code > 254 ? 254 : (unsigned)code;
  }
  layout l = layout_of(type);
  unsigned sign = negative << (l.exponent + l.mantissa);
  if (value != value)
    return l.nan;
  /* Shifting out all but the kept bits; denormals keep fewer. */
  int least = 1 - l.bias;
  int shift = 52 - l.mantissa + (exponent < least ? least - exponent : 0);
  unsigned code = 0;
  if (exponent > 128) {
    code = l.largest + 1;
  } else if (shift < 54) {
    uint64_t kept = mantissa >> shift;
    uint64_t rest = mantissa - (kept << shift);
    uint64_t half = UINT64_C(1) << (shift - 1);
    if (rest > half || (rest == half && (kept & 1)))
      ++kept;
    /* The implicit bit and a carry both land in the exponent's field. */
    code = (unsigned)kept;
    if (exponent > least)
      code += (unsigned)(exponent - least) << l.mantissa;
  }
  if (code > l.largest)
    code = l.infinity ? l.infinity : l.largest;
  if (!code && l.nan == 1u << (l.exponent + l.mantissa))
    return 0; /* no negative zero */
  return sign | code;
}

double tenon_float_value(int32_t type, uint64_t bits) {
  if (type == TENON_F64)
    return from_double_bits(bits);
  if (type == TENON_F32) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof(value));
    return value;
  }
  return small_value(type, (unsigned)bits);
}

uint64_t tenon_float_bits(int32_t type, double value) {
  if (type == TENON_F64) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
  }
  if (type == TENON_F32) {
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof(bits));
    return bits;
  }
  return small_bits(type, value);
}

uint64_t tenon_canonical_nan(int32_t type) {
  switch (type) {
  case TENON_F64:
    return UINT64_C(0x7ff8000000000000);
  case TENON_F32:
    return 0x7fc00000;
  case TENON_F8E8M0:
    return 0xFF;
  default:
    return layout_of(type).nan;
  }
}
