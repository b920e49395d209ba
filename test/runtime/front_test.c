/* The front of an executable, called as a shell would: exit codes, and what
 * is said. The model is y = x + x over f32[n, 2], with an unused i64[n].
 */
#include "check.h"
#include "exe/exe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void add_kernel(const tenon_step *step, tenon_index begin,
                       tenon_index end, tenon_lane *lane) {
  (void)step;
  const float *x = lane->bases[2];
  float *y = lane->bases[4];
  for (tenon_index i = 2 * begin; i < 2 * end; ++i)
    y[i] = x[i] + x[i];
}

static tenon_status program(tenon_model *model, const int64_t *symbols,
                            void *const *bases) {
  const tenon_step step = {add_kernel, (tenon_index)symbols[0], 0};
  return tenon_dispatch(model, bases, &step);
}

static void output_dims(const int64_t *symbols, int64_t *dims) {
  dims[0] = symbols[0];
  dims[1] = 2;
}

static const int64_t x_dims[] = {-1, 2}, i_dims[] = {-1};
static const tenon_tensor_info inputs[] = {{"x=1", TENON_F32, 2, x_dims},
                                           {"ids", TENON_I64, 1, i_dims}};
static const tenon_tensor_info outputs[] = {{"layer/y", TENON_F32, 2, x_dims}};
static const tenon_symbol_info symbols[] = {{"seq", 0, 64}};
static const char *const step_names[] = {"layer/add"};

static tenon_model_info info = {.abi_version = TENON_ABI_VERSION,
                                .name = "front_test",
                                .target = "any",
                                .input_count = 2,
                                .output_count = 1,
                                .symbol_count = 1,
                                .step_count = 1,
                                .inputs = inputs,
                                .outputs = outputs,
                                .symbols = symbols,
                                .step_names = step_names,
                                .selftest_seed = 5,
                                .output_dims = output_dims,
                                .program = program};

/*===-- helpers ----------------------------------------------------------===*/

static char said[1 << 16]; /* stdout and stderr of the last call */

/* Runs the front with up to six arguments; returns its exit code. */
static int call(const char *const *arguments) {
  char *argv[8] = {(char *)(uintptr_t)"model"};
  int argc = 1;
  for (; arguments[argc - 1]; ++argc)
    argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
  fflush(stdout);
  fflush(stderr);
  int out = dup(1), err = dup(2);
  FILE *capture = tmpfile();
  dup2(fileno(capture), 1);
  dup2(fileno(capture), 2);
  int code = tenon_main(&info, "./model", argc, argv);
  fflush(stdout);
  fflush(stderr);
  dup2(out, 1);
  dup2(err, 2);
  close(out);
  close(err);
  rewind(capture);
  said[fread(said, 1, sizeof(said) - 1, capture)] = 0;
  fclose(capture);
  return code;
}

#define CALL(...) call((const char *const[]){__VA_ARGS__, NULL})

/* The call ends with the code and says the words. */
#define EXPECT(code, words, ...)                                               \
  do {                                                                         \
    int got = CALL(__VA_ARGS__);                                               \
    CHECK(got == (code));                                                      \
    CHECK(strstr(said, words));                                                \
    if (got != (code) || !strstr(said, words))                                 \
      fprintf(stderr, "exit code %d, said: %s\n", got, said);                  \
  } while (0)

static void write_input(const char *path, int32_t type, int64_t rows,
                        int64_t columns) {
  tenon_message message;
  tenon_array array = {.type = type, .rank = 2, .dims = {rows, columns}};
  uint8_t *bytes;
  size_t size;
  if (!tenon_array_allocate(&array, &message) ||
      !tenon_npy_encode(&array, &bytes, &size, &message) ||
      !tenon_write_file(path, bytes, size, &message))
    abort();
  free(bytes);
  tenon_array_free(&array);
}

/*===-- tests ------------------------------------------------------------===*/

static void values_come_from_the_command_line(results *r) {
  EXPECT(0, "layer/y: f32[2, 2] 2 4 6.5 -8\n", "x=1=1,2,3.25,-4", "ids=0,1");
  EXPECT(0, "layer/y: f32[3, 2] 5 5 5 5 5 5\n", "x=1=const:2.5", "ids=1,2,3");
  EXPECT(0, "layer/y: f32[0, 2]\n", "--dim", "seq=0", "x=1=zeros");
  EXPECT(0, "input 'ids' is not given, so it is random:0", "x=1=random:3");
  EXPECT(0, "\"shape\": [1, 2], \"data\": [\"NaN\", \"-Infinity\"]", "--json",
         "x=1=nan,-inf");
  EXPECT(0, "0 0 0 0 ... 0 0 0 0", "--dim=seq=64", "x=1=zeros", "--threads=3");
}

static void bad_inputs_are_refused(results *r) {
  EXPECT(1, "did you mean 'ids'", "idx=1,2");
  EXPECT(1, "the model has: x=1 ids", "something=1");
  EXPECT(1, "given twice", "ids=1", "ids=2");
  EXPECT(1, "expected f32[seq, 2] with the shape [1, 2]", "x=1=1,2,3");
  EXPECT(1, "'seq' is 2 by the numbers for input 'x=1' but 3 by", "x=1=1,2,3,4",
         "ids=1,2,3");
  EXPECT(1, "compiled for 0..64", "--dim", "seq=65");
  EXPECT(1, "no such size", "--dim", "sequence=5");
  EXPECT(1, "expected i64 numbers, found '1.5'", "ids=1.5");
  EXPECT(1, "expected i64 numbers", "ids=99999999999999999999");
  EXPECT(1, "random:SEED", "ids=random:x");
  EXPECT(1, "cannot read 'missing.npy'", "x=1=missing.npy");
  EXPECT(1, "no output is named 'z'", "--out", "z=z.npy");
}

static void files_are_checked(results *r) {
  const char *path = "runtime_test.npy";
  write_input(path, TENON_F32, 4, 2);
  EXPECT(0, "layer/y: f32[4, 2]", "x=1=runtime_test.npy");
  EXPECT(1, "4 by dimension 0 of input 'x=1' but 5 by --dim seq=5",
         "x=1=runtime_test.npy", "--dim", "seq=5");
  write_input(path, TENON_F64, 4, 2);
  EXPECT(1, "expected f32[seq, 2], found f64[4, 2]", "x=1=runtime_test.npy");
  write_input(path, TENON_F32, 4, 3);
  EXPECT(1, "expected f32[seq, 2], found f32[4, 3]", "x=1=runtime_test.npy");
  write_input(path, TENON_F32, 65, 2);
  EXPECT(1, "makes 'seq' 65", "x=1=runtime_test.npy");
  remove(path);
}

static void outputs_are_written(results *r) {
  EXPECT(0, "", "x=1=1,2", "--dump=runtime_test.npz");
  EXPECT(0, "layer/y: f32[1, 2] 4 8\n", "x=1=runtime_test.npz:layer/y");
  EXPECT(0, "", "x=1=1,2", "--dump=runtime_test.d");
  EXPECT(0, "layer/y: f32[1, 2] 4 8\n", "x=1=runtime_test.d/layer_y.npy");
  EXPECT(0, "", "x=1=1,2", "--out", "layer/y=runtime_test.npy");
  EXPECT(0, "layer/y: f32[1, 2] 4 8\n", "x=1=runtime_test.npy");
  remove("runtime_test.npz");
  remove("runtime_test.npy");
  remove("runtime_test.d/layer_y.npy");
  rmdir("runtime_test.d");
}

static void options_are_checked(results *r) {
  EXPECT(2, "did you mean --threads", "--thread=2");
  EXPECT(2, "unknown option '--zzzzzz'", "--zzzzzz");
  EXPECT(2, "needs a value", "--dump");
  EXPECT(2, "takes no value", "--json=1");
  EXPECT(2, "takes 1 to 1024", "--threads", "0");
  EXPECT(2, "takes NAME=N", "--dim=seq");
  EXPECT(2, "expected NAME=FILE.npy or an option", "model.npy");
  EXPECT(0, "examples", "--help");
  EXPECT(0, "size    seq: 0..64", "--describe");
  EXPECT(0, "\"shape\": [\"seq\", 2]", "--describe", "--json");
}

static void the_selftest_compares(results *r) {
  EXPECT(0, "no digest", "--selftest");
  unsigned long long digest = 0;
  CHECK(sscanf(said, "selftest: %llx", &digest) == 1);
  info.selftest_digest = digest;
  EXPECT(0, " ok\n", "--selftest", "--threads=1");
  EXPECT(0, " ok\n", "--selftest", "--threads=4");
  info.selftest_digest = digest + 1;
  EXPECT(3, "differs", "--selftest");
  info.selftest_digest = 0;
}

static void time_is_measured(results *r) {
  EXPECT(0, "median", "--bench=0.01", "ids=1");
  EXPECT(0, "\"p90_ms\"", "--bench", "0.01", "--json");
  EXPECT(0, "", "--trace=runtime_test.json");
  tenon_message message;
  uint8_t *bytes;
  size_t size;
  CHECK(tenon_read_file("runtime_test.json", &bytes, &size, &message));
  bytes[size - 1] = 0;
  CHECK(strstr((char *)bytes, "\"name\": \"layer/add\", \"ph\": \"B\""));
  CHECK(strstr((char *)bytes, "\"name\": \"layer/add\", \"ph\": \"E\""));
  free(bytes);
  remove("runtime_test.json");
}

static void weights_in_a_file_are_checked(results *r) {
  static const uint8_t weights[] = {1, 2, 3, 4};
  const char *path = "front_test.weights";
  tenon_message message;
  info.weight_bytes = sizeof(weights);
  info.weight_digest =
      tenon_digest_bytes(TENON_DIGEST_START, weights, sizeof(weights));
  EXPECT(1, "cannot read the weights file './front_test.weights'", "ids=1");
  CHECK(tenon_write_file(path, weights, sizeof(weights), &message));
  EXPECT(0, "layer/y", "ids=1");
  ++info.weight_digest;
  EXPECT(1, "has the digest", "ids=1");
  ++info.weight_bytes;
  EXPECT(1, "has 4 bytes; expected 5", "ids=1");
  info.weight_bytes = 0;
  remove(path);
  info.cpu_features = 1u << 31;
  EXPECT(1, "this CPU lacks", "ids=1");
  info.cpu_features = 0;
}

void test_front(results *r) {
  values_come_from_the_command_line(r);
  bad_inputs_are_refused(r);
  files_are_checked(r);
  outputs_are_written(r);
  options_are_checked(r);
  the_selftest_compares(r);
  time_is_measured(r);
  weights_in_a_file_are_checked(r);
}
