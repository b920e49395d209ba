/* Whole files in memory, and arrays. */
#define _FILE_OFFSET_BITS 64
#include "exe/exe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tenon_read_file(const char *path, uint8_t **bytes, size_t *size,
                     tenon_message *message) {
  FILE *file = fopen(path, "rb");
  if (!file)
    return tenon_refuse(message, "cannot read '%s': %s", path, strerror(errno));
  /* Reading until the end serves pipes as well as files. */
  size_t used = 0, capacity = 1 << 16;
  uint8_t *data = malloc(capacity);
  while (data) {
    used += fread(data + used, 1, capacity - used, file);
    if (used < capacity)
      break;
    uint8_t *larger =
        capacity > SIZE_MAX / 4 ? NULL : realloc(data, capacity * 2);
    if (!larger)
      free(data);
    data = larger;
    capacity *= 2;
  }
  bool failed = ferror(file) != 0;
  int reason = errno;
  fclose(file);
  if (!data)
    return tenon_refuse(message, "'%s' is too large for memory", path);
  if (failed) {
    free(data);
    return tenon_refuse(message, "cannot read '%s': %s", path,
                        strerror(reason));
  }
  *bytes = data;
  *size = used;
  return true;
}

bool tenon_write_file(const char *path, const void *bytes, size_t size,
                      tenon_message *message) {
  FILE *file = fopen(path, "wb");
  if (!file)
    return tenon_refuse(message, "cannot write '%s': %s", path,
                        strerror(errno));
  bool written = fwrite(bytes, 1, size, file) == size;
  /* A full disk may show only here. */
  written = fclose(file) == 0 && written;
  if (!written)
    return tenon_refuse(message, "cannot write '%s': %s", path,
                        strerror(errno));
  return true;
}

bool tenon_array_measure(tenon_array *array, tenon_message *message) {
  int64_t count = 1;
  bool empty = false;
  for (int32_t i = 0; i < array->rank; ++i)
    empty |= array->dims[i] == 0;
  for (int32_t i = 0; i < array->rank && !empty; ++i)
    if (array->dims[i] < 0 ||
        __builtin_mul_overflow(count, array->dims[i], &count))
      return tenon_refuse(message, "the shape is too large for this machine");
  array->count = empty ? 0 : count;
  if (!tenon_type_bytes(array->type, array->count, &array->bytes))
    return tenon_refuse(message, "the shape is too large for this machine");
  return true;
}

bool tenon_array_allocate(tenon_array *array, tenon_message *message) {
  if (!tenon_array_measure(array, message))
    return false;
  /* aligned_alloc wants a multiple of the alignment; null is never handed to
   * the model, even for a tensor without elements. */
  size_t rounded = (array->bytes + 64) & ~(size_t)63;
  array->data = aligned_alloc(64, rounded);
  if (!array->data)
    return tenon_refuse(message, "no memory for %zu bytes", array->bytes);
  /* Pages are touched now and not in the first timed run. */
  memset(array->data, 0, rounded);
  return true;
}

void tenon_array_free(tenon_array *array) {
  free(array->data);
  array->data = NULL;
}
