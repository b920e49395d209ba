/* Messages for people: why something was refused, what was probably meant. */
#include "exe/exe.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool tenon_refuse(tenon_message *message, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message->text, sizeof(message->text), format, arguments);
  va_end(arguments);
  return false;
}

enum { longest_word = 63 };

/* Levenshtein's distance: insertions, deletions and changes of a letter. */
static size_t distance(const char *a, const char *b) {
  size_t row[longest_word + 1];
  size_t n = strlen(a), m = strlen(b);
  if (n > longest_word || m > longest_word)
    return SIZE_MAX;
  for (size_t j = 0; j <= m; ++j)
    row[j] = j;
  for (size_t i = 1; i <= n; ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; ++j) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      size_t shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      row[j] = change < shorter ? change : shorter;
    }
  }
  return row[m];
}

const char *tenon_nearest(const char *word, const char *const *candidates,
                          size_t count) {
  const char *best = NULL;
  /* A third of the letters may be wrong, so that short words suggest little. */
  size_t least = strlen(word) / 3 + 2;
  for (size_t i = 0; i < count; ++i) {
    size_t d = distance(word, candidates[i]);
    if (d < least) {
      least = d;
      best = candidates[i];
    }
  }
  return best;
}

void tenon_shape_text(char *text, size_t size, int32_t rank,
                      const int64_t *dims) {
  size_t used = (size_t)snprintf(text, size, "[");
  for (int32_t i = 0; i < rank && used + 24 < size; ++i)
    used += (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "",
                             (long long)dims[i]);
  snprintf(text + used, size - used, "]");
}

void tenon_print_json_string(void *stream, const char *text) {
  FILE *file = stream;
  fputc('"', file);
  for (; *text; ++text) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\')
      fprintf(file, "\\%c", c);
    else if (c < 0x20)
      fprintf(file, "\\u%04x", c);
    else
      fputc(c, file);
  }
  fputc('"', file);
}
