/* Fuzz target: what a run reads of its user: .npy, .npz and literals. The first
 * byte chooses the reader, the second the type that is hoped for. */
#include "exe/exe.h"

#include <stdlib.h>
#include <string.h>

static void decode(const uint8_t *bytes, size_t size, int32_t wanted) {
  tenon_array array = {0};
  tenon_message message;
  if (!tenon_npy_decode(bytes, size, wanted, &array, &message))
    return;
  /* What was read is written and read again as the same. */
  uint8_t *image = NULL;
  size_t image_size = 0;
  tenon_array again = {0};
  if (!tenon_npy_encode(&array, &image, &image_size, &message) ||
      !tenon_npy_decode(image, image_size, array.type, &again, &message) ||
      again.count != array.count || again.rank != array.rank ||
      again.bytes != array.bytes ||
      memcmp(again.data, array.data, array.bytes))
    abort();
  free(image);
  tenon_array_free(&again);
  tenon_array_free(&array);
}

static void literal(const uint8_t *bytes, size_t size, int32_t type) {
  char *text = malloc(size + 1);
  memcpy(text, bytes, size);
  text[size] = 0;
  tenon_message message;
  int64_t count = tenon_literal_count(text);
  tenon_array array = {.type = type, .rank = 1, .dims = {count}};
  if (count > 0 && tenon_array_allocate(&array, &message)) {
    tenon_parse_literal(text, "x", count == 1, &array, &message);
    tenon_array_free(&array);
  }
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (size < 2)
    return 0;
  int32_t type = bytes[1] % 32;
  int reader = bytes[0] % 3;
  bytes += 2;
  size -= 2;
  tenon_member member;
  tenon_message message;
  if (reader == 0)
    decode(bytes, size, type);
  else if (reader == 1)
    literal(bytes, size, type);
  else if (tenon_npz_find(bytes, size, "x", &member, &message)) {
    decode(member.bytes, member.size, type);
    free(member.owned);
  }
  return 0;
}
