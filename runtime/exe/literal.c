/* Numbers on the command line: 1,2,3 and const:3. */
#include "exe/exe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int64_t tenon_literal_count(const char *text) {
  int64_t count = 1;
  for (; *text; ++text)
    count += *text == ',';
  return count;
}

/* Whole numbers keep all their 64 bits; a double would not. */
static bool parse_integer(const char *text, int32_t type, char **end,
                          uint64_t *bits) {
  errno = 0;
  if (!strncmp(text, "true", 4) || !strncmp(text, "false", 5)) {
    *bits = text[0] == 't';
    *end = (char *)(uintptr_t)(text + (*bits ? 4 : 5));
    return true;
  }
  int width = type == TENON_BOOL ? 1 : tenon_type_bits(type);
  if (tenon_type_is_signed(type)) {
    long long value = strtoll(text, end, 10);
    long long limit = (long long)((UINT64_C(1) << (width - 1)) - 1);
    *bits = (uint64_t)value;
    return *end != text && !errno && value <= limit && value >= -limit - 1;
  }
  while (*text == ' ')
    ++text;
  unsigned long long value = strtoull(text, end, 10);
  *bits = value;
  /* strtoull takes a minus sign and wraps. */
  return *end != text && *text != '-' && !errno &&
         (width == 64 || value >> width == 0);
}

static bool parse_element(const char *text, int32_t type, char **end,
                          uint64_t *bits) {
  if (!tenon_type_is_float(type))
    return parse_integer(text, type, end, bits);
  /* For f32 once more, since two roundings could differ from one. */
  if (type == TENON_F32) {
    float value = strtof(text, end);
    uint32_t low;
    memcpy(&low, &value, sizeof(low));
    *bits = low;
  } else {
    *bits = tenon_float_bits(type, strtod(text, end));
  }
  return *end != text;
}

bool tenon_parse_literal(const char *text, const char *name, bool fill,
                         tenon_array *array, tenon_message *message) {
  const char *at = text;
  uint64_t bits = 0;
  int64_t given = fill ? 1 : array->count;
  for (int64_t i = 0; i < given; ++i) {
    char *end;
    bool last = i + 1 == given;
    if (!parse_element(at, array->type, &end, &bits) ||
        *end != (last ? '\0' : ','))
      return tenon_refuse(message,
                          "input '%s': expected %s numbers, found "
                          "'%.40s'",
                          name, tenon_type_name(array->type), at);
    tenon_set_bits(array->type, array->data, i, bits);
    at = end + !last;
  }
  for (int64_t i = given; fill && i < array->count; ++i)
    tenon_set_bits(array->type, array->data, i, bits);
  return true;
}
