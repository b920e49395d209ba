/* Says what kind of file each argument is, with the network of the Python
 * package `magika`, compiled by tenonc into libmagika.a and magika.h. */
#define _POSIX_C_SOURCE 200809L
#include "magika.h"
#include "detect.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* All the memory the model works in, itself included. */
static alignas(64) unsigned char arena[MAGIKA_ARENA_BYTES(1)];

/* Reads the first and the last bytes of a file, at most DETECT_BLOCK each.
 * False with errno set if that fails. */
static bool read_ends(FILE *file, off_t size, uint8_t *head, uint8_t *tail,
                      size_t *count) {
  *count = size < DETECT_BLOCK ? (size_t)size : DETECT_BLOCK;
  errno = EIO; /* for a file that has shrunk meanwhile */
  return fread(head, 1, *count, file) == *count &&
         fseeko(file, size - (off_t)*count, SEEK_SET) == 0 &&
         fread(tail, 1, *count, file) == *count;
}

/* Null with errno set if the file cannot be read. */
static const file_type *identify(magika *model, const char *path,
                                 float *score) {
  uint8_t head[DETECT_BLOCK], tail[DETECT_BLOCK];
  int32_t bytes[1][DETECT_INPUTS];
  float target_label[1][DETECT_OUTPUTS];
  size_t count;
  struct stat info;

  *score = 1;
  if (stat(path, &info) != 0)
    return NULL;
  if (S_ISDIR(info.st_mode))
    return type_directory;
  if (!S_ISREG(info.st_mode))
    return type_unknown;
  FILE *file = fopen(path, "rb");
  if (!file)
    return NULL;
  bool read = read_ends(file, info.st_size, head, tail, &count);
  fclose(file);
  if (!read)
    return NULL;

  const file_type *type = prepare_bytes(head, tail, count, bytes[0]);
  if (type)
    return type;
  tenon_status status =
      magika_run(model, (const int32_t (*)[DETECT_INPUTS])bytes, target_label);
  if (status != TENON_OK) {
    fprintf(stderr, "magika: %s\n", magika_status_text(status));
    errno = EIO;
    return NULL;
  }
  return judge_scores(target_label[0], score);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s FILE...\n", argv[0]);
    return 2;
  }
  magika *model;
  tenon_status status = magika_init(&model, arena, sizeof arena, NULL);
  if (status != TENON_OK) {
    fprintf(stderr, "magika: %s\n", magika_status_text(status));
    return 1;
  }
  int failed = 0;
  for (int i = 1; i < argc; ++i) {
    float score;
    const file_type *type = identify(model, argv[i], &score);
    if (type) {
      printf("%-36s %-10s %6.2f%%  %s, %s\n", argv[i], type->label, 100 * score,
             type->description, type->mime);
    } else {
      fprintf(stderr, "%s: %s\n", argv[i], strerror(errno));
      failed = 1;
    }
  }
  magika_close(model);
  return failed;
}
