/* Fuzz target: an image and what --preprocess says of it become a tensor. The
 * first two bytes choose the input's type and shape, then comes the text of
 * --preprocess up to the end of the line, then the file. */
#include "exe/exe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const int64_t shapes[][4] = {{1, 3, -1, -2}, {1, -1, -2, 3},
                                      {1, 1, 8, 8},   {1, 8, 8, 1},
                                      {1, 3, 5, 9},   {3, -1, 4, 3}};
  static const int32_t types[] = {TENON_F32, TENON_U8, TENON_F16, TENON_I64};
  if (size < 3)
    return 0;
  const tenon_tensor_info wanted = {"x", types[bytes[0] % 4],
                                    bytes[1] & 128 ? 3 : 4,
                                    shapes[bytes[1] % 6] + (bytes[1] >> 7)};
  const uint8_t *text = bytes + 2;
  const uint8_t *end = memchr(text, '\n', size - 2);
  if (!end)
    return 0;
  char *words = calloc(1, (size_t)(end - text) + 1);
  memcpy(words, text, (size_t)(end - text));
  tenon_preprocess preprocess = {0};
  preprocess.std[0] = preprocess.std[1] = preprocess.std[2] = 1;
  tenon_message message;
  bool read = !*words || tenon_parse_preprocess(&preprocess, words, &message);
  free(words);
  /* Large pictures are slow with sanitizers and show nothing more. */
  for (int i = 0; i < 2; ++i)
    if (preprocess.resize[i] > 64 || preprocess.crop[i] > 64)
      return 0;
  tenon_array array = {0};
  if (read && tenon_read_image(&preprocess, end + 1,
                               size - (size_t)(end + 1 - bytes), &wanted,
                               &array, &message)) {
    int64_t count = 1;
    for (int32_t i = 0; i < array.rank; ++i)
      count *= array.dims[i];
    if (count != array.count || array.type != wanted.type)
      abort();
    tenon_array_free(&array);
  }
  return 0;
}
