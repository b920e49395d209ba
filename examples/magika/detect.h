/* All of magika but the network: which bytes of a file the model sees, and
 * what its scores mean. Pure functions, so that a test can call them. */
#ifndef TENON_EXAMPLES_MAGIKA_DETECT_H
#define TENON_EXAMPLES_MAGIKA_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DETECT_BLOCK = 4096, DETECT_INPUTS = 2048, DETECT_OUTPUTS = 214 };

typedef struct file_type {
  const char *label, *description, *mime;
  int is_text;
} file_type;

extern const file_type *const type_directory, *const type_unknown;

/* `head` and `tail` are the first and the last `count` bytes of a file, where
 * count is the smaller of its size and DETECT_BLOCK. Fills the model's input
 * and returns null; or returns the type at once, if the file has too few bytes
 * for the model to judge. */
const file_type *prepare_bytes(const uint8_t *head, const uint8_t *tail,
                               size_t count, int32_t bytes[DETECT_INPUTS]);

/* The type that the model's output speaks for, and the winner's score. A
 * score below its label's threshold says no more than text or binary. */
const file_type *judge_scores(const float scores[DETECT_OUTPUTS], float *score);

#endif /* TENON_EXAMPLES_MAGIKA_DETECT_H */
