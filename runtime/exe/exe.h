/* The front of every generated executable, which `tenonc run` calls too: it
 * reads inputs, runs the model and shows outputs. Unlike the core it may
 * allocate and print; it needs a C library and nothing else.
 *
 *   main ─> options ─> inputs (npy, npz, images) ─> session ─> outputs, bench,
 *           trace, selftest
 */
#ifndef TENON_EXE_EXE_H
#define TENON_EXE_EXE_H

#include "tenon/runtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What `main` returns. */
enum {
  TENON_EXIT_OK = 0,
  TENON_EXIT_REFUSED = 1, /* an input, a file or the machine does not fit */
  TENON_EXIT_USAGE = 2,
  TENON_EXIT_DIGEST = 3 /* the self-test's outputs differ */
};

/* Runs the model as the arguments ask. `self` is the path of the artifact,
 * beside which a weights file lies; argv[0] is the name to show in help. */
int tenon_main(const tenon_model_info *info, const char *self, int argc,
               char **argv);

/*===-- messages ---------------------------------------------------------===*/

/* Why something was refused: which, what was expected, what was found and
 * what to do. */
typedef struct tenon_message {
  char text[1024];
} tenon_message;

/* Fills the message; returns false, so that a check can end with it. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool tenon_refuse(tenon_message *message, const char *format, ...);

/* The candidate nearest to `word` if it is near enough to be meant, else null.
 */
const char *tenon_nearest(const char *word, const char *const *candidates,
                          size_t count);

/*===-- elements ---------------------------------------------------------===*/

/* "f32"; "?" for an unknown type. */
const char *tenon_type_name(int32_t type);

/* Bits of one element; 0 for an unknown type. Below 8, elements are packed. */
int tenon_type_bits(int32_t type);

/* Bytes of `count` elements; false where that is no size or too large. */
bool tenon_type_bytes(int32_t type, int64_t count, size_t *bytes);

bool tenon_type_is_float(int32_t type);
bool tenon_type_is_signed(int32_t type);

/* Element `i` as it is stored, in the low bits. */
uint64_t tenon_get_bits(int32_t type, const void *data, int64_t i);
void tenon_set_bits(int32_t type, void *data, int64_t i, uint64_t bits);

/* The value of a float type's bits; exact. */
double tenon_float_value(int32_t type, uint64_t bits);

/* The nearest value of a float type, ties to even. Past the largest finite
 * value: infinity if the type has one, else that value. */
uint64_t tenon_float_bits(int32_t type, double value);

/* The one NaN that stands for all of a float type; 0 if it has none. */
uint64_t tenon_canonical_nan(int32_t type);

/*===-- random values and digests ----------------------------------------===*/

/* Deterministic values, the same on every machine; see random.c for the
 * definition. */
void tenon_fill_random(int32_t type, const char *name, uint64_t seed,
                       int64_t count, void *data);

/* FNV-1a 64 of bytes, going on from `state`. */
#define TENON_DIGEST_START UINT64_C(0xcbf29ce484222325)
uint64_t tenon_digest_bytes(uint64_t state, const void *data, size_t bytes);

/* The same over the elements of a tensor, every NaN as the canonical one. */
uint64_t tenon_digest(uint64_t state, int32_t type, int64_t count,
                      const void *data);

/*===-- tensors and files ------------------------------------------------===*/

enum { TENON_MAX_RANK = 32 };

typedef struct tenon_array {
  int32_t type; /* tenon_type */
  int32_t rank;
  int64_t dims[TENON_MAX_RANK];
  int64_t count;
  size_t bytes;
  void *data; /* 64-byte aligned, owned; never null once allocated */
} tenon_array;

/* Sets count and bytes from type, rank and dims; and data as well. */
bool tenon_array_measure(tenon_array *array, tenon_message *message);
bool tenon_array_allocate(tenon_array *array, tenon_message *message);
void tenon_array_free(tenon_array *array);

/* "[1, 3, 224]" into `text`. */
void tenon_shape_text(char *text, size_t size, int32_t rank,
                      const int64_t *dims);

/* A whole file in memory, for the caller to free. */
bool tenon_read_file(const char *path, uint8_t **bytes, size_t *size,
                     tenon_message *message);
bool tenon_write_file(const char *path, const void *bytes, size_t size,
                      tenon_message *message);

/* Reads a .npy image. `wanted` is the type the reader hopes for: numpy has no
 * names for bfloat16, 8-bit floats and types below a byte, so their codes come
 * as plain bytes. array->type says what was found. */
bool tenon_npy_decode(const uint8_t *bytes, size_t size, int32_t wanted,
                      tenon_array *array, tenon_message *message);

/* The .npy image of an array, for the caller to free. */
bool tenon_npy_encode(const tenon_array *array, uint8_t **bytes, size_t *size,
                      tenon_message *message);

/* A member of a .npz image: a part of it, or where it was compressed memory of
 * its own. */
typedef struct tenon_member {
  const uint8_t *bytes;
  size_t size;
  uint8_t *owned; /* for the caller to free; null: none */
} tenon_member;

/* Finds member `key` or `key`.npy. */
bool tenon_npz_find(const uint8_t *bytes, size_t size, const char *key,
                    tenon_member *member, tenon_message *message);

/* Raw deflate data into exactly `plain_size` bytes; both sizes are below 2
 * GiB. */
bool tenon_inflate(const uint8_t *bytes, size_t size, uint8_t *plain,
                   size_t plain_size);

/* Writes arrays as an uncompressed .npz. */
bool tenon_npz_write(const char *path, const tenon_array *arrays,
                     const char *const *names, size_t count,
                     tenon_message *message);

/*===-- images -----------------------------------------------------------===*/

typedef struct tenon_image {
  int32_t width, height;
  uint8_t *pixels; /* rows of pixels of channels */
} tenon_image;

/* Decodes a PNG or JPEG image into 1 (gray) or 3 (RGB) channels. */
bool tenon_image_decode(const uint8_t *bytes, size_t size, int channels,
                        tenon_image *image, tenon_message *message);
void tenon_image_free(tenon_image *image);

/* What --preprocess says; sizes are height and width, 0 where not given. */
typedef struct tenon_preprocess {
  int32_t resize[2]; /* one size: of the shorter side */
  int32_t crop[2];
  double range; /* the value of full brightness; 0: 1 for floats, 255 for u8 */
  double mean[3], std[3];
  bool normalized; /* mean or std were given */
  bool bgr;
  enum { TENON_ANY_LAYOUT, TENON_NCHW, TENON_NHWC } layout;
} tenon_preprocess;

/* Reads "resize=256,crop=224,mean=0.485:0.456:0.406" over what there is. */
bool tenon_parse_preprocess(tenon_preprocess *preprocess, const char *text,
                            tenon_message *message);

/* An image file as the tensor that the model wants, of the image's size where
 * nothing says another. */
bool tenon_read_image(const tenon_preprocess *preprocess, const uint8_t *bytes,
                      size_t size, const tenon_tensor_info *wanted,
                      tenon_array *array, tenon_message *message);

/*===-- what a run needs -------------------------------------------------===*/

typedef struct tenon_options {
  bool help, describe, selftest, json, bench;
  double bench_seconds;
  int32_t threads;
  const char *trace;         /* file, or null */
  const char *dump;          /* directory or .npz, or null */
  const char *labels;        /* file, or null */
  int32_t top;               /* classes to show; 0: whole outputs */
  tenon_preprocess preprocess;
  const char *const *dims;   /* NAME=N */
  const char *const *outs;   /* NAME=FILE.npy */
  const char *const *inputs; /* NAME=SPEC */
  int dim_count, out_count, input_count;
  const char **storage; /* behind the three lists */
} tenon_options;

bool tenon_parse_options(tenon_options *options, int argc, char **argv,
                         tenon_message *message);
void tenon_print_help(const tenon_model_info *info, const char *program);
void tenon_print_describe(const tenon_model_info *info,
                          const tenon_options *options);

/* "f32[batch, 3, 224]". */
void tenon_tensor_text(char *text, size_t size, const tenon_model_info *info,
                       const tenon_tensor_info *tensor);

/* The tensor that "NAME=rest" names, and the rest; -1 and a message with the
 * names there are if there is none. Names may contain '=' themselves. `what`
 * is "input" or "output". */
int32_t tenon_find_tensor(const tenon_tensor_info *tensors, int32_t count,
                          const char *text, const char *what, const char **rest,
                          tenon_message *message);

/* The values of one run. */
typedef struct tenon_values {
  int64_t *symbols; /* behind them the sizes that the run finds */
  tenon_array *inputs, *outputs;
  const void **input_pointers;
  void **output_pointers;
} tenon_values;

/* Gives memory for the lists; the arrays in them are still empty. */
bool tenon_values_init(tenon_values *values, const tenon_model_info *info,
                       tenon_message *message);
void tenon_values_free(tenon_values *values, const tenon_model_info *info);

/* Reads all inputs as the arguments say and settles the symbols. */
bool tenon_bind_inputs(tenon_values *values, const tenon_model_info *info,
                       const tenon_options *options, tenon_message *message);

/* Inputs and symbols of the self-test. */
bool tenon_bind_selftest(tenon_values *values, const tenon_model_info *info,
                         tenon_message *message);

/* Sizes and allocates outputs; fills the lists of pointers. */
bool tenon_bind_outputs(tenon_values *values, const tenon_model_info *info,
                        tenon_message *message);

/* Gives the outputs the sizes that a run has found. */
bool tenon_settle_outputs(tenon_values *values, const tenon_model_info *info,
                          const int64_t *found, tenon_message *message);

/* Numbers separated by commas, or one number for every element, into an
 * allocated array. `text` was counted by tenon_literal_count. */
int64_t tenon_literal_count(const char *text);
bool tenon_parse_literal(const char *text, const char *name, bool fill,
                         tenon_array *array, tenon_message *message);

/* The model at work: arena, threads and mapped weights. */
typedef struct tenon_session {
  const tenon_model_info *info;
  tenon_model *model;
  void *arena;
  void *mapped; /* weights file */
  size_t mapped_bytes;
} tenon_session;

bool tenon_session_open(tenon_session *session, const tenon_model_info *info,
                        const char *self, const tenon_hooks *hooks,
                        tenon_message *message);
bool tenon_session_run(tenon_session *session, tenon_values *values,
                       tenon_message *message);
void tenon_session_close(tenon_session *session);

/* Lanes that are used when --threads is not given. */
int32_t tenon_default_threads(void);

uint64_t tenon_clock_ns(void);

bool tenon_bench(tenon_session *session, tenon_values *values,
                 const tenon_options *options, tenon_message *message);

/* Collects steps while `active`; goes into tenon_hooks. */
typedef struct tenon_recorder {
  bool active, failed;
  struct tenon_event *events;
  size_t count, capacity;
} tenon_recorder;

void tenon_record(void *recorder, const char *step_name, tenon_index step,
                  int begin);
bool tenon_write_trace(const tenon_recorder *recorder, const char *path,
                       const tenon_model_info *info, const int64_t *symbols,
                       tenon_message *message);

/* Prints a string as JSON, with quotes. `stream` is a FILE. */
void tenon_print_json_string(void *stream, const char *text);

void tenon_print_outputs(const tenon_model_info *info,
                         const tenon_values *values, bool json);
/* The largest values of each output in place of all of them. */
bool tenon_print_top(const tenon_model_info *info, const tenon_values *values,
                     const tenon_options *options, tenon_message *message);
/* Are all --out NAME=FILE meant for outputs there are? Asked before the run. */
bool tenon_check_outs(const tenon_model_info *info,
                      const tenon_options *options, tenon_message *message);
bool tenon_save_outputs(const tenon_model_info *info,
                        const tenon_values *values,
                        const tenon_options *options, tenon_message *message);

#ifdef __cplusplus
}
#endif
#endif /* TENON_EXE_EXE_H */
