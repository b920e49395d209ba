/* PNG and JPEG, and the deflate in PNG, by stb_image. Plain C alone, no SSE or NEON: the same file
 * gives the same pixels on every machine. */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_SIMD
#define STBI_NO_THREAD_LOCALS
#define STBI_ASSERT(x) ((void)0)
#ifndef STBI_MAX_DIMENSIONS
#define STBI_MAX_DIMENSIONS (1 << 15)
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include "stb/stb_image.h"
#pragma GCC diagnostic pop

bool tenon_image_decode(const uint8_t *bytes, size_t size, int channels,
                        tenon_image *image, tenon_message *message) {
  if (size > INT_MAX)
    return tenon_refuse(message, "an image of more than 2 GiB");
  int width, height, own;
  /* The header first: the pixels of a small file may fill the memory. */
  if (!stbi_info_from_memory(bytes, (int)size, &width, &height, &own))
    return tenon_refuse(message,
                        "expected a PNG or JPEG image, but it is none: %s; "
                        "convert it",
                        stbi_failure_reason());
  if ((int64_t)width * height > INT64_C(1) << 27)
    return tenon_refuse(message,
                        "the image has %d x %d pixels; expected at most 2^27, "
                        "scale it down",
                        width, height);
  stbi__g_failure_reason = NULL;
  image->pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, &own,
                                        channels);
  /* Behind a marker that it cannot read, stb_image gives what it has and a
   * reason; the first format that it tries leaves one too. */
  const char *reason = stbi_failure_reason();
  if (image->pixels && reason && strcmp(reason, "bad png sig") != 0)
    tenon_image_free(image);
  if (!image->pixels)
    return tenon_refuse(message, "the image is damaged: %s",
                        stbi_failure_reason());
  image->width = width;
  image->height = height;
  return true;
}

void tenon_image_free(tenon_image *image) {
  stbi_image_free(image->pixels);
  image->pixels = NULL;
}

bool tenon_inflate(const uint8_t *bytes, size_t size, uint8_t *plain,
                   size_t plain_size) {
  int made = stbi_zlib_decode_noheader_buffer(
      (char *)plain, (int)plain_size, (const char *)bytes, (int)size);
  return made >= 0 && (size_t)made == plain_size;
}
