/* The core, by a model written by hand:
 *
 *   y[i] = 2 x[i] + 1     step 0 "double", one tile per element, through a slot
 *                         step 1 "increment"
 *
 * The first test that fails says what; the last line counts.
 */
#include "check.h"
#include "tenon/runtime.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __x86_64__
#include <xmmintrin.h>
#endif

enum { most = 1000 };

/* Kernels have no state; what tests vary comes through step arguments. */
enum { arg_fail_tile, arg_fail_status, arg_count };

static void *const *bases_of(const tenon_lane *lane) { return lane->bases; }

static void double_kernel(const tenon_step *step, tenon_index begin,
                          tenon_index end, tenon_lane *lane) {
  const float *x = bases_of(lane)[2];
  float *slot = bases_of(lane)[0];
  /* The lane's scratch is its own: others would overwrite it. */
  volatile tenon_index *scratch = lane->scratch;
  for (tenon_index i = begin; i < end; ++i) {
    scratch[0] = i;
    slot[i] = 2 * x[i];
    if (scratch[0] != i)
      *lane->status = TENON_DIM_MISMATCH;
    if (i == step->args[arg_fail_tile])
      *lane->status = (int32_t)step->args[arg_fail_status];
  }
}

static void increment_kernel(const tenon_step *step, tenon_index begin,
                             tenon_index end, tenon_lane *lane) {
  (void)step;
  const float *slot = bases_of(lane)[0];
  const float *one = bases_of(lane)[1];
  float *y = bases_of(lane)[3];
  for (tenon_index i = begin; i < end; ++i)
    y[i] = slot[i] + *one;
#ifdef __x86_64__
  /* Whatever the host set, kernels see the default. */
  if ((_mm_getcsr() & ~0x3Fu) != 0x1F80)
    *lane->status = TENON_STEP_LIMIT;
#endif
}

static tenon_status program(tenon_model *model, const int64_t *symbols,
                            void *const *bases) {
  /* Symbol 1 asks tile N-1 of step 0 to fail. */
  _Alignas(tenon_step) unsigned char
      space[sizeof(tenon_step) + arg_count * sizeof(tenon_index)];
  tenon_step *step = (tenon_step *)(void *)space;
  step->kernel = double_kernel;
  step->tiles = (tenon_index)symbols[0];
  step->node = 0;
  step->args[arg_fail_tile] = (tenon_index)symbols[1] - 1;
  step->args[arg_fail_status] = TENON_INDEX_OUT_OF_BOUNDS;
  tenon_status status = tenon_dispatch(model, bases, step);
  if (status != TENON_OK)
    return status;
  step->kernel = increment_kernel;
  step->node = 1;
  return tenon_dispatch(model, bases, step);
}

static const int64_t dims[] = {-1};
static const tenon_tensor_info input = {"x", TENON_F32, 1, dims};
static const tenon_tensor_info output = {"y", TENON_F32, 1, dims};
static const tenon_symbol_info symbols_info[] = {{"n", 0, most},
                                                 {"fail", 0, most}};
static const char *const step_names[] = {"double", "increment"};
static const float weights[] = {1};

static tenon_model_info make_info(void) {
  return (tenon_model_info){.abi_version = TENON_ABI_VERSION,
                            .name = "test",
                            .target = "any",
                            .input_count = 1,
                            .output_count = 1,
                            .symbol_count = 2,
                            .step_count = 2,
                            .inputs = &input,
                            .outputs = &output,
                            .symbols = symbols_info,
                            .step_names = step_names,
                            .slot_bytes = most * sizeof(float),
                            .lane_bytes = 100,
                            .weight_bytes = sizeof(weights),
                            .weights = weights,
                            .program = program};
}

/*===-- helpers ----------------------------------------------------------===*/

typedef struct host {
  tenon_model_info info;
  tenon_model *model;
  void *arena;
  float x[most], y[most];
} host;

static tenon_status open_host(host *h, const tenon_hooks *hooks) {
  h->info = make_info();
  size_t bytes = tenon_arena_bytes(&h->info, hooks->threads);
  h->arena = aligned_alloc(64, bytes);
  for (int i = 0; i < most; ++i)
    h->x[i] = (float)i;
  return tenon_init(&h->model, &h->info, h->arena, bytes, hooks);
}

static void close_host(host *h) {
  tenon_close(h->model);
  free(h->arena);
}

static tenon_status run_host(host *h, int64_t n, int64_t fail) {
  const int64_t sizes[] = {n, fail};
  const void *inputs[] = {h->x};
  void *outputs[] = {h->y};
  memset(h->y, 0, sizeof(h->y));
  return tenon_run(h->model, sizes, inputs, outputs);
}

static int is_right(const host *h, int64_t n) {
  for (int64_t i = 0; i < most; ++i)
    if (h->y[i] != (i < n ? 2 * (float)i + 1 : 0))
      return 0;
  return 1;
}

/*===-- tests ------------------------------------------------------------===*/

static void init_refuses_a_bad_arena(results *r) {
  tenon_model_info info = make_info();
  tenon_hooks hooks = {.threads = 3};
  size_t bytes = tenon_arena_bytes(&info, 3);
  unsigned char *arena = aligned_alloc(64, bytes + 64);
  tenon_model *model = NULL;
  CHECK(bytes % 64 == 0);
  CHECK(tenon_arena_bytes(&info, 0) == tenon_arena_bytes(&info, 1));
  CHECK(tenon_init(&model, &info, arena, bytes - 1, &hooks) ==
        TENON_ARENA_TOO_SMALL);
  CHECK(!model);
  CHECK(tenon_init(&model, &info, arena + 32, bytes, &hooks) ==
        TENON_ARENA_MISALIGNED);
  CHECK(tenon_init(&model, &info, NULL, bytes, &hooks) == TENON_NULL_ARGUMENT);
  CHECK(tenon_init(&model, NULL, arena, bytes, &hooks) == TENON_NULL_ARGUMENT);
  CHECK(tenon_init(NULL, &info, arena, bytes, &hooks) == TENON_NULL_ARGUMENT);
  info.slot_bytes = UINT64_MAX - 100;
  CHECK(tenon_arena_bytes(&info, 3) == SIZE_MAX);
  CHECK(tenon_init(&model, &info, arena, bytes, &hooks) ==
        TENON_ARENA_TOO_SMALL);
  info = make_info();
  info.lane_bytes = UINT64_MAX / 2;
  CHECK(tenon_arena_bytes(&info, 3) == SIZE_MAX);
  free(arena);
}

/* Notes as its size what the input holds. */
static tenon_status find_sizes(tenon_model *model, const int64_t *symbols,
                               void *const *bases) {
  (void)symbols;
  const float *x = bases[2];
  tenon_note_size(model, 0, (int64_t)x[0]);
  if (x[1] < 0)
    return tenon_fail(model, 2, TENON_SIZE_OUT_OF_BOUNDS);
  tenon_note_size(model, 1, (int64_t)x[1]);
  return TENON_OK;
}

static void a_run_tells_the_sizes_it_finds(results *r) {
  tenon_model_info info = make_info();
  size_t without = tenon_arena_bytes(&info, 1);
  info.found_count = 9;
  info.program = find_sizes;
  size_t bytes = tenon_arena_bytes(&info, 1);
  CHECK(bytes == without + 128);
  unsigned char *arena = aligned_alloc(64, bytes);
  memset(arena, 0xff, bytes);
  tenon_hooks hooks = {.threads = 1};
  tenon_model *model = NULL;
  CHECK(tenon_init(&model, &info, arena, bytes, &hooks) == TENON_OK);
  CHECK(tenon_found_sizes(model)[0] == 0 && tenon_found_sizes(model)[8] == 0);
  const int64_t symbols[] = {2, 0};
  float x[most] = {7, 11}, y[most];
  const void *inputs[] = {x};
  void *outputs[] = {y};
  CHECK(tenon_run(model, symbols, inputs, outputs) == TENON_OK);
  CHECK(tenon_found_sizes(model)[0] == 7 && tenon_found_sizes(model)[1] == 11);
  x[1] = -1;
  CHECK(tenon_run(model, symbols, inputs, outputs) == TENON_SIZE_OUT_OF_BOUNDS);
  CHECK(tenon_failed_step(model) == 2);
  tenon_close(model);
  free(arena);
  CHECK(!tenon_found_sizes(NULL));
}

static void the_arena_is_what_the_header_promises(results *r) {
  tenon_model_info info = make_info();
  size_t pointers = (4 * sizeof(void *) + 63) / 64 * 64;
  for (int32_t threads = 1; threads < 9; ++threads)
    CHECK(tenon_arena_bytes(&info, threads) ==
          TENON_ARENA_HEADER_BYTES + pointers + 4032 +
              (size_t)threads * (128 + TENON_ARENA_LANE_BYTES));
}

static void init_refuses_what_does_not_fit_the_model(results *r) {
  tenon_model_info info = make_info();
  size_t bytes = tenon_arena_bytes(&info, 1);
  void *arena = aligned_alloc(64, bytes);
  tenon_model *model = NULL;
  /* A bit that no CPU has. */
  info.cpu_features = 1u << 31;
  CHECK(tenon_cpu_missing(1u << 31) == 1u << 31);
  CHECK(tenon_cpu_missing(0) == 0);
  CHECK(tenon_init(&model, &info, arena, bytes, NULL) == TENON_CPU_UNSUPPORTED);
  info.cpu_features = 0;
  info.abi_version = 0;
  CHECK(tenon_init(&model, &info, arena, bytes, NULL) == TENON_ABI_MISMATCH);
  info.abi_version = TENON_ABI_VERSION;
  info.weights = NULL;
  CHECK(tenon_init(&model, &info, arena, bytes, NULL) == TENON_WEIGHTS_MISSING);
  tenon_hooks hooks = {.weights = weights};
  CHECK(tenon_init(&model, &info, arena, bytes, &hooks) == TENON_OK);
  tenon_close(model);
  tenon_close(NULL);
  free(arena);
}

static tenon_status refuse_to_run(tenon_model *model, const int64_t *symbols,
                                  void *const *bases) {
  (void)model, (void)symbols, (void)bases;
  return TENON_STEP_LIMIT;
}

/* The first level whose features the CPU has, else the program below them. */
static void init_chooses_a_level(results *r) {
  tenon_model_info info = make_info();
  tenon_level levels[] = {{1u << 31, refuse_to_run}, {0, program}};
  info.levels = levels;
  info.level_count = 2;
  info.program = refuse_to_run;
  size_t bytes = tenon_arena_bytes(&info, 1);
  void *arena = aligned_alloc(64, bytes);
  float values[most] = {0}, results_of[most];
  const void *inputs[] = {values};
  void *outputs[] = {results_of};
  int64_t sizes[] = {4, 0};
  tenon_model *model = NULL;
  CHECK(tenon_init(&model, &info, arena, bytes, NULL) == TENON_OK);
  CHECK(tenon_run(model, sizes, inputs, outputs) == TENON_OK);
  tenon_close(model);
  info.level_count = 1;
  CHECK(tenon_init(&model, &info, arena, bytes, NULL) == TENON_OK);
  CHECK(tenon_run(model, sizes, inputs, outputs) == TENON_STEP_LIMIT);
  tenon_close(model);
  free(arena);
}

static void run_refuses_bad_arguments(results *r) {
  host h;
  CHECK(open_host(&h, &(tenon_hooks){0}) == TENON_OK);
  const int64_t sizes[] = {4, 0}, below[] = {-1, 0}, above[] = {most + 1, 0};
  const void *inputs[] = {h.x}, *no_inputs[] = {NULL};
  void *outputs[] = {h.y}, *no_outputs[] = {NULL};
  CHECK(tenon_run(NULL, sizes, inputs, outputs) == TENON_NULL_ARGUMENT);
  CHECK(tenon_run(h.model, NULL, inputs, outputs) == TENON_NULL_ARGUMENT);
  CHECK(tenon_run(h.model, sizes, NULL, outputs) == TENON_NULL_ARGUMENT);
  CHECK(tenon_run(h.model, sizes, inputs, NULL) == TENON_NULL_ARGUMENT);
  CHECK(tenon_run(h.model, sizes, no_inputs, outputs) == TENON_NULL_ARGUMENT);
  CHECK(tenon_run(h.model, sizes, inputs, no_outputs) == TENON_NULL_ARGUMENT);
  CHECK(tenon_run(h.model, below, inputs, outputs) == TENON_DIM_OUT_OF_BOUNDS);
  CHECK(tenon_run(h.model, above, inputs, outputs) == TENON_DIM_OUT_OF_BOUNDS);
  CHECK(tenon_failed_step(h.model) == -1);
  CHECK(tenon_failed_step(NULL) == -1);
  CHECK(tenon_run(h.model, sizes, inputs, outputs) == TENON_OK);
  close_host(&h);
}

static void any_number_of_threads_gives_the_same(results *r) {
  static const int64_t tiles[] = {0, 1, 2, 3, 5, 7, 64, 997, most};
  for (int32_t threads = 1; threads <= 4; ++threads) {
    host h;
    CHECK(open_host(&h, &(tenon_hooks){.threads = threads}) == TENON_OK);
    int right = 1;
    for (int i = 0; i < 4000; ++i) {
      int64_t n = tiles[i % 9];
      right &= run_host(&h, n, 0) == TENON_OK && is_right(&h, n);
    }
    CHECK(right);
    close_host(&h);
  }
}

/* Threads that sleep between runs must wake for the next. */
static void sleeping_threads_wake(results *r) {
  host h;
  CHECK(open_host(&h, &(tenon_hooks){.threads = 3}) == TENON_OK);
  int right = 1;
  for (int i = 0; i < 20; ++i) {
    struct timespec pause = {0, 2000000};
    nanosleep(&pause, NULL);
    right &= run_host(&h, 100, 0) == TENON_OK && is_right(&h, 100);
  }
  CHECK(right);
  close_host(&h);
}

static void a_status_from_any_lane_comes_back(results *r) {
  for (int32_t threads = 1; threads <= 4; ++threads) {
    host h;
    CHECK(open_host(&h, &(tenon_hooks){.threads = threads}) == TENON_OK);
    for (int64_t tile = 0; tile < 10; ++tile) {
      CHECK(run_host(&h, 10, tile + 1) == TENON_INDEX_OUT_OF_BOUNDS);
      CHECK(tenon_failed_step(h.model) == 0);
    }
    /* An error leaves nothing behind. */
    CHECK(run_host(&h, 10, 0) == TENON_OK && is_right(&h, 10));
    CHECK(tenon_failed_step(h.model) == -1);
    close_host(&h);
  }
}

typedef struct log_text {
  char text[256];
} log_text;

static void log_step(void *context, const char *name, tenon_index step,
                     int begin) {
  log_text *l = context;
  size_t used = strlen(l->text);
  snprintf(l->text + used, sizeof(l->text) - used, "%s%s:%d ",
           begin ? "+" : "-", name, (int)step);
}

static void the_trace_has_every_step_in_order(results *r) {
  log_text l = {""};
  tenon_hooks hooks = {.threads = 2, .trace = log_step, .trace_context = &l};
  host h;
  CHECK(open_host(&h, &hooks) == TENON_OK);
  CHECK(run_host(&h, 10, 0) == TENON_OK);
  CHECK(!strcmp(l.text, "+double:0 -double:0 +increment:1 -increment:1 "));
  l.text[0] = 0;
  CHECK(run_host(&h, 10, 3) == TENON_INDEX_OUT_OF_BOUNDS);
  CHECK(!strcmp(l.text, "+double:0 -double:0 "));
  close_host(&h);
}

/* A host's pool may run the parts in any order. */
static void backwards(void *pool, tenon_index count,
                      void (*body)(void *context, tenon_index i),
                      void *context) {
  *(int *)pool += 1;
  for (tenon_index i = count; i-- > 0;)
    body(context, i);
}

static void a_host_may_bring_its_own_pool(results *r) {
  int calls = 0;
  tenon_hooks hooks = {.threads = 4, .parallel_for = backwards, .pool = &calls};
  host h;
  CHECK(open_host(&h, &hooks) == TENON_OK);
  CHECK(run_host(&h, 101, 0) == TENON_OK && is_right(&h, 101));
  CHECK(calls == 2);
  CHECK(run_host(&h, 1, 0) == TENON_OK && is_right(&h, 1));
  CHECK(calls == 2); /* one tile needs no pool */
  close_host(&h);
}

static void the_float_environment_is_the_hosts_again(results *r) {
#ifdef __x86_64__
  host h;
  CHECK(open_host(&h, &(tenon_hooks){.threads = 2}) == TENON_OK);
  unsigned before = _mm_getcsr();
  _mm_setcsr(0x1F80 | 0x8000 | 0x0040 | 0x6000); /* FTZ, DAZ, to zero */
  tenon_status status = run_host(&h, 100, 0);
  unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(status == TENON_OK);
  CHECK((after & ~0x3Fu) == (0x1F80 | 0x8000 | 0x0040 | 0x6000));
  close_host(&h);
#else
  skip(r, __func__, "reads the x86 control register");
#endif
}

static void *run_many(void *argument) {
  host *h = argument;
  for (int i = 0; i < 500; ++i)
    if (run_host(h, 1 + i % most, 0) != TENON_OK || !is_right(h, 1 + i % most))
      return NULL;
  return h;
}

static void two_models_run_at_once(results *r) {
  static host a, b;
  CHECK(open_host(&a, &(tenon_hooks){.threads = 2}) == TENON_OK);
  CHECK(open_host(&b, &(tenon_hooks){.threads = 3}) == TENON_OK);
  pthread_t thread;
  void *result = NULL;
  CHECK(!pthread_create(&thread, NULL, run_many, &a));
  CHECK(run_many(&b));
  CHECK(!pthread_join(thread, &result) && result);
  close_host(&a);
  close_host(&b);
}

static void every_status_has_a_text(results *r) {
  for (int s = TENON_OK; s <= TENON_STEP_LIMIT; ++s)
    CHECK(strcmp(tenon_status_text((tenon_status)s), "unknown status"));
  CHECK(!strcmp(tenon_status_text((tenon_status)99), "unknown status"));
}

int main(int argc, char **argv) {
  results all = {0}, *r = &all;
  (void)argc;
  (void)argv;
  init_refuses_a_bad_arena(r);
  a_run_tells_the_sizes_it_finds(r);
  the_arena_is_what_the_header_promises(r);
  init_refuses_what_does_not_fit_the_model(r);
  init_chooses_a_level(r);
  run_refuses_bad_arguments(r);
  any_number_of_threads_gives_the_same(r);
  sleeping_threads_wake(r);
  a_status_from_any_lane_comes_back(r);
  the_trace_has_every_step_in_order(r);
  a_host_may_bring_its_own_pool(r);
  the_float_environment_is_the_hosts_again(r);
  two_models_run_at_once(r);
  every_status_has_a_text(r);
  test_elements(r);
  test_files(r);
  test_front(r);
  printf("%d passed, %d failed, %d skipped\n", all.passed, all.failed,
         all.skipped);
  return all.failed != 0;
}
