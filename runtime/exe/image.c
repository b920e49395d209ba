/* PNG and JPEG, by stb_image. Plain C alone, no SSE or NEON: the same file
 * gives the same pixels on every machine. */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>

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
#define STBI_MAX_DIMENSIONS (1 << 15)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-compare"
#include <stb/stb_image.h>
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
  image->pixels = stbi_load_from_memory(bytes, (int)size, &width, &height, &own,
                                        channels);
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
