/* NumPy's .npy format, versions 1 to 3.
 *
 *   "\x93NUMPY" major minor | header length (2 or 4 bytes) | header | data
 *
 * The header is a Python dictionary of 'descr', 'fortran_order' and 'shape'.
 * Every length is checked against the file before it is used.
 */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*===-- header -----------------------------------------------------------===*/

typedef struct header {
  char descr[16];
  bool fortran;
  int32_t rank;
  int64_t dims[TENON_MAX_RANK];
} header;

typedef struct cursor {
  const char *at, *end;
} cursor;

static void skip_spaces(cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t'))
    ++c->at;
}

static bool take(cursor *c, char expected) {
  skip_spaces(c);
  if (c->at == c->end || *c->at != expected)
    return false;
  ++c->at;
  return true;
}

static bool take_word(cursor *c, const char *word) {
  skip_spaces(c);
  size_t length = strlen(word);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0)
    return false;
  c->at += length;
  return true;
}

/* A quoted string without escapes; numpy writes no others. */
static bool take_string(cursor *c, char *text, size_t size) {
  skip_spaces(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
    return false;
  char quote = *c->at++;
  size_t used = 0;
  while (c->at < c->end && *c->at != quote) {
    if (used + 1 >= size)
      return false;
    text[used++] = *c->at++;
  }
  text[used] = 0;
  return take(c, quote);
}

static bool take_size(cursor *c, int64_t *value) {
  skip_spaces(c);
  const char *begin = c->at;
  *value = 0;
  for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; ++c->at)
    if (__builtin_mul_overflow(*value, (int64_t)10, value) ||
        __builtin_add_overflow(*value, (int64_t)(*c->at - '0'), value))
      return false;
  bool digits = c->at > begin;
  /* Python 2 wrote long integers with an L. */
  if (digits && c->at < c->end && *c->at == 'L')
    ++c->at;
  return digits;
}

static bool take_shape(cursor *c, header *h) {
  if (!take(c, '('))
    return false;
  while (!take(c, ')')) {
    if (h->rank == TENON_MAX_RANK || !take_size(c, &h->dims[h->rank]))
      return false;
    ++h->rank;
    if (!take(c, ','))
      return take(c, ')');
  }
  return true;
}

static bool parse_header(const char *text, size_t length, header *h,
                         tenon_message *message) {
  cursor c = {text, text + length};
  bool descr = false, order = false, shape = false;
  *h = (header){0};
  if (!take(&c, '{'))
    return tenon_refuse(message, "its .npy header is no dictionary");
  while (!take(&c, '}')) {
    char key[16];
    if (!take_string(&c, key, sizeof(key)) || !take(&c, ':'))
      return tenon_refuse(message, "its .npy header is malformed");
    if (!strcmp(key, "descr")) {
      descr = take_string(&c, h->descr, sizeof(h->descr));
      if (!descr)
        return tenon_refuse(message, "it holds records; expected an array of "
                                     "plain numbers");
    } else if (!strcmp(key, "fortran_order")) {
      h->fortran = take_word(&c, "True");
      order = h->fortran || take_word(&c, "False");
    } else if (!strcmp(key, "shape")) {
      h->rank = 0;
      shape = take_shape(&c, h);
      if (!shape)
        return tenon_refuse(message,
                            "the shape in its .npy header is "
                            "malformed or has more than %d dimensions",
                            TENON_MAX_RANK);
    } else {
      return tenon_refuse(message, "its .npy header has an unknown key '%s'",
                          key);
    }
    if (!take(&c, ',') && !(take(&c, '}') && (--c.at, true)))
      return tenon_refuse(message, "its .npy header is malformed");
  }
  if (!descr || !order || !shape)
    return tenon_refuse(message, "its .npy header lacks descr, fortran_order "
                                 "or shape");
  return true;
}

/*===-- types ------------------------------------------------------------===*/

static const struct {
  char kind;
  int bytes;
  int32_t type;
} numpy_types[] = {
    {'f', 4, TENON_F32}, {'f', 8, TENON_F64}, {'f', 2, TENON_F16},
    {'i', 1, TENON_I8},  {'i', 2, TENON_I16}, {'i', 4, TENON_I32},
    {'i', 8, TENON_I64}, {'u', 1, TENON_U8},  {'u', 2, TENON_U16},
    {'u', 4, TENON_U32}, {'u', 8, TENON_U64}, {'b', 1, TENON_BOOL},
};
enum { numpy_type_count = sizeof(numpy_types) / sizeof(numpy_types[0]) };

/* Bytes of one element in a file: packed types take one each there. */
static size_t file_bytes(int32_t type) {
  int bits = tenon_type_bits(type);
  return bits < 8 ? 1 : (size_t)bits / 8;
}

static bool known_to_numpy(int32_t type) {
  for (int i = 0; i < numpy_type_count; ++i)
    if (numpy_types[i].type == type)
      return true;
  return false;
}

static bool type_of(const char *descr, int32_t wanted, int32_t *type,
                    tenon_message *message) {
  if (descr[0] == '>')
    return tenon_refuse(message,
                        "its numbers are big endian (%s); save "
                        "x.astype(x.dtype.newbyteorder('<'))",
                        descr);
  const char *rest =
      descr + (descr[0] == '<' || descr[0] == '|' || descr[0] == '=');
  char kind = rest[0];
  char *end = NULL;
  long bytes = kind ? strtol(rest + 1, &end, 10) : 0;
  if (kind && end != rest + 1 && !*end) {
    /* numpy saves the types it has no name for as V1 or V2; people also save
     * their codes as integers. */
    bool codes = kind == 'V' || kind == 'u' ||
                 (kind == 'i' && tenon_type_bits(wanted) < 8);
    if (wanted && codes && !known_to_numpy(wanted) &&
        (size_t)bytes == file_bytes(wanted)) {
      *type = wanted;
      return true;
    }
    for (int i = 0; i < numpy_type_count; ++i)
      if (numpy_types[i].kind == kind && numpy_types[i].bytes == bytes) {
        *type = numpy_types[i].type;
        return true;
      }
  }
  return tenon_refuse(message,
                      "its element type '%s' is none that a model "
                      "takes; convert it with numpy's astype",
                      descr);
}

/*===-- data -------------------------------------------------------------===*/

/* Copies elements in row-major order, from either order. */
static void copy_elements(tenon_array *array, const uint8_t *from,
                          bool fortran) {
  size_t size = file_bytes(array->type);
  if (!fortran && tenon_type_bits(array->type) >= 8) {
    memcpy(array->data, from, array->bytes);
    return;
  }
  int64_t index[TENON_MAX_RANK] = {0}, stride[TENON_MAX_RANK];
  int64_t product = 1;
  for (int32_t k = 0; k < array->rank; ++k) {
    int32_t d = fortran ? k : array->rank - 1 - k;
    stride[d] = product;
    product *= array->dims[d];
  }
  int64_t offset = 0;
  for (int64_t i = 0; i < array->count; ++i) {
    uint64_t bits = 0;
    memcpy(&bits, from + (size_t)offset * size, size);
    tenon_set_bits(array->type, array->data, i, bits);
    for (int32_t d = array->rank - 1; d >= 0; --d) {
      offset += stride[d];
      if (++index[d] < array->dims[d])
        break;
      offset -= stride[d] * array->dims[d];
      index[d] = 0;
    }
  }
}

bool tenon_npy_decode(const uint8_t *bytes, size_t size, int32_t wanted,
                      tenon_array *array, tenon_message *message) {
  *array = (tenon_array){0};
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6) != 0)
    return tenon_refuse(message, "it is no .npy file");
  if (bytes[6] < 1 || bytes[6] > 3)
    return tenon_refuse(message, "its .npy version %d is unknown", bytes[6]);
  size_t start = bytes[6] == 1 ? 10 : 12;
  uint64_t length = (uint64_t)bytes[8] | (uint64_t)bytes[9] << 8;
  if (bytes[6] > 1 && size >= start)
    length |= (uint64_t)bytes[10] << 16 | (uint64_t)bytes[11] << 24;
  if (size < start || length > size - start)
    return tenon_refuse(message, "its .npy header is cut off");
  header h;
  if (!parse_header((const char *)bytes + start, (size_t)length, &h, message) ||
      !type_of(h.descr, wanted, &array->type, message))
    return false;

  array->rank = h.rank;
  memcpy(array->dims, h.dims, sizeof(h.dims));
  size_t available = size - start - (size_t)length;
  /* Before memory is asked for: a header can claim any shape. */
  uint64_t needed = file_bytes(array->type);
  bool empty = false, overflow = false;
  for (int32_t i = 0; i < h.rank; ++i) {
    empty |= h.dims[i] == 0;
    overflow |= __builtin_mul_overflow(needed, (uint64_t)h.dims[i], &needed);
  }
  if (!empty && (overflow || needed > available)) {
    char shape[256];
    tenon_shape_text(shape, sizeof(shape), h.rank, h.dims);
    return tenon_refuse(message,
                        "it is cut off: %zu bytes of data are too few "
                        "for the shape %s",
                        available, shape);
  }
  if (!tenon_array_allocate(array, message))
    return false;
  if (array->count)
    copy_elements(array, bytes + start + length, h.fortran && h.rank > 1);
  return true;
}

static void descr_of(int32_t type, char *text, size_t size) {
  int bytes = (int)file_bytes(type);
  char kind = 'V';
  if (tenon_type_bits(type) < 8 && !tenon_type_is_float(type))
    kind = tenon_type_is_signed(type) ? 'i' : 'u';
  for (int i = 0; i < numpy_type_count; ++i)
    if (numpy_types[i].type == type)
      kind = numpy_types[i].kind;
  snprintf(text, size, "%c%c%d", bytes == 1 ? '|' : '<', kind, bytes);
}

bool tenon_npy_encode(const tenon_array *array, uint8_t **bytes, size_t *size,
                      tenon_message *message) {
  char descr[16], text[1024];
  descr_of(array->type, descr, sizeof(descr));
  size_t used = (size_t)snprintf(
      text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (",
      descr);
  for (int32_t i = 0; i < array->rank; ++i)
    used += (size_t)snprintf(text + used, sizeof(text) - used, "%lld,%s",
                             (long long)array->dims[i],
                             i + 1 < array->rank ? " " : "");
  used += (size_t)snprintf(text + used, sizeof(text) - used, "), }");

  /* Data begins at a multiple of 64, after a line feed. */
  size_t start = (10 + used + 1 + 63) / 64 * 64;
  size_t element = file_bytes(array->type);
  size_t total = start + (size_t)array->count * element;
  uint8_t *image = malloc(total);
  if (!image)
    return tenon_refuse(message, "no memory for %zu bytes", total);
  memcpy(image, "\x93NUMPY\x01\x00", 8);
  image[8] = (uint8_t)(start - 10);
  image[9] = (uint8_t)((start - 10) >> 8);
  memset(image + 10, ' ', start - 10);
  memcpy(image + 10, text, used);
  image[start - 1] = '\n';
  if (tenon_type_bits(array->type) >= 8) {
    memcpy(image + start, array->data, array->bytes);
  } else {
    for (int64_t i = 0; i < array->count; ++i) {
      unsigned code = (unsigned)tenon_get_bits(array->type, array->data, i);
      unsigned sign = 1u << (tenon_type_bits(array->type) - 1);
      /* Signed integers keep their value in the wider byte. */
      if (!tenon_type_is_float(array->type) &&
          tenon_type_is_signed(array->type))
        code = (code ^ sign) - sign;
      image[start + (size_t)i] = (uint8_t)code;
    }
  }
  *bytes = image;
  *size = total;
  return true;
}
