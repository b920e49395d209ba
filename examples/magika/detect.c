/* What the model sees of a file:
 *
 *   | first 4096 bytes |            ...            | last 4096 bytes |
 *     white space off                                white space off
 *     at the left                                      at the right
 *     |                                                           |
 *     v                                                           v
 *   [ 1024 numbers, 256 as padding | 256 as padding, 1024 numbers ]
 */
#include "detect.h"

#include "tables.h"

_Static_assert(BLOCK_SIZE == DETECT_BLOCK, "block size of the model");
_Static_assert(BEG_SIZE + END_SIZE == DETECT_INPUTS, "inputs of the model");
_Static_assert(LABEL_COUNT == DETECT_OUTPUTS, "outputs of the model");

const file_type *const type_directory = &types[TYPE_DIRECTORY];
const file_type *const type_unknown = &types[TYPE_UNKNOWN];

static bool is_space(uint8_t byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Bytes of the UTF-8 character at `text`, 0 if there is none: no overlong
 * forms, no surrogates, nothing past U+10FFFF. */
static size_t utf8_length(const uint8_t *text, size_t count) {
  uint8_t lead = text[0];
  if (lead < 0x80)
    return 1;
  size_t length = lead < 0xC2   ? 0
                  : lead < 0xE0 ? 2
                  : lead < 0xF0 ? 3
                  : lead < 0xF5 ? 4
                                : 0;
  if (length == 0 || length > count)
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((text[i] & 0xC0) != 0x80)
      return 0;
  if ((lead == 0xE0 && text[1] < 0xA0) || (lead == 0xED && text[1] > 0x9F) ||
      (lead == 0xF0 && text[1] < 0x90) || (lead == 0xF4 && text[1] > 0x8F))
    return 0;
  return length;
}

static bool is_utf8(const uint8_t *text, size_t count) {
  while (count > 0) {
    size_t length = utf8_length(text, count);
    if (length == 0)
      return false;
    text += length;
    count -= length;
  }
  return true;
}

const file_type *prepare_bytes(const uint8_t *head, const uint8_t *tail,
                               size_t count, int32_t bytes[DETECT_INPUTS]) {
  if (count == 0)
    return &types[TYPE_EMPTY];
  size_t first = 0, end = count;
  while (first < count && is_space(head[first]))
    ++first;
  while (end > 0 && is_space(tail[end - 1]))
    --end;
  if (count - first < MIN_FILE_SIZE_FOR_DL)
    return &types[is_utf8(head, count) ? TYPE_TXT : TYPE_UNKNOWN];

  for (size_t i = 0; i < BEG_SIZE; ++i)
    bytes[i] = first + i < count ? head[first + i] : PADDING_TOKEN;
  for (size_t i = 0; i < END_SIZE; ++i)
    bytes[DETECT_INPUTS - 1 - i] = i < end ? tail[end - 1 - i] : PADDING_TOKEN;
  return NULL;
}

const file_type *judge_scores(const float scores[DETECT_OUTPUTS],
                              float *score) {
  size_t best = 0;
  for (size_t i = 1; i < DETECT_OUTPUTS; ++i)
    if (scores[i] > scores[best])
      best = i;
  *score = scores[best];
  const file_type *type = &types[labels[best].type];
  if (scores[best] >= labels[best].threshold)
    return type;
  return &types[type->is_text ? TYPE_TXT : TYPE_UNKNOWN];
}
