/* The model inside the caller's arena: its layout, its life, its steps.
 *
 *   header | bases | sizes found | slots | scratch of lane 0, 1, ..
 *          | lane state 0, 1, ..
 */
#include "internal.h"

_Static_assert(sizeof(tenon_model) <= TENON_ARENA_HEADER_BYTES,
               "the header must fit the size that abi.h promises");
_Static_assert(sizeof(tenon_lane_state) <= TENON_ARENA_LANE_BYTES,
               "a lane's state must fit the size that abi.h promises");

/* A size that knows whether it still fits the machine. 32-bit targets meet
 * 64-bit byte counts here. */
typedef struct sum {
  size_t bytes;
  bool overflow;
} sum;

static void add(sum *total, uint64_t bytes, uint64_t times) {
  uint64_t rounded, product;
  size_t result;
  if (__builtin_add_overflow(bytes, (uint64_t)TENON_ALIGNMENT - 1, &rounded)) {
    total->overflow = true;
    return;
  }
  rounded &= ~(uint64_t)(TENON_ALIGNMENT - 1);
  /* On 32-bit targets a 64-bit __builtin_mul_overflow is a library call. Both
   * factors below 2^32 cannot overflow; larger ones fit no such target. */
  if (sizeof(size_t) < 8) {
    if (rounded >> 32 || times >> 32) {
      total->overflow = true;
      return;
    }
    product = rounded * times;
  } else if (__builtin_mul_overflow(rounded, times, &product)) {
    total->overflow = true;
    return;
  }
  if (__builtin_add_overflow(total->bytes, product, &result))
    total->overflow = true;
  total->bytes = result;
}

/* Where the parts of the arena begin. */
typedef struct layout {
  size_t bases, found, slots, scratch, lanes, end;
  bool overflow;
} layout;

static tenon_index lane_count(int32_t threads) {
  return threads > 1 ? threads : 1;
}

static layout plan(const tenon_model_info *info, tenon_index lanes) {
  layout at;
  sum total = {0, false};
  uint64_t pointers =
      2 + (uint64_t)info->input_count + (uint64_t)info->output_count;
  add(&total, TENON_ARENA_HEADER_BYTES, 1);
  at.bases = total.bytes;
  add(&total, pointers * sizeof(void *), 1);
  at.found = total.bytes;
  add(&total, (uint64_t)info->found_count * sizeof(int64_t), 1);
  at.slots = total.bytes;
  add(&total, info->slot_bytes, 1);
  at.scratch = total.bytes;
  add(&total, info->lane_bytes, (uint64_t)lanes);
  at.lanes = total.bytes;
  add(&total, TENON_ARENA_LANE_BYTES, (uint64_t)lanes);
  at.end = total.bytes;
  at.overflow = total.overflow;
  return at;
}

size_t tenon_arena_bytes(const tenon_model_info *info, int32_t threads) {
  if (!info)
    return 0;
  layout at = plan(info, lane_count(threads));
  /* No arena is that large, so init will refuse whatever is given. */
  return at.overflow ? SIZE_MAX : at.end;
}

static tenon_lane_state *lane_at(const tenon_model *model, tenon_index i) {
  return &model->lanes[i];
}

static void init_lanes(tenon_model *model, unsigned char *scratch) {
  size_t stride = ((size_t)model->info->lane_bytes + TENON_ALIGNMENT - 1) &
                  ~(size_t)(TENON_ALIGNMENT - 1);
  for (tenon_index i = 0; i < model->threads; ++i) {
    tenon_lane_state *state = lane_at(model, i);
    state->lane.bases = model->bases;
    state->lane.scratch = scratch + (size_t)i * stride;
    state->lane.status = &state->status;
    state->lane.index = i;
    state->model = model;
    state->thread = 0;
    state->status = TENON_OK;
    atomic_init(&state->go.value, 0);
    atomic_init(&state->go.asleep, 0);
    atomic_init(&state->done.value, 0);
    atomic_init(&state->done.asleep, 0);
  }
}

static void choose_level(tenon_model *model) {
  const tenon_model_info *info = model->info;
  model->program = info->program;
  for (int32_t i = 0; i < info->level_count; ++i)
    if (!tenon_cpu_missing(info->levels[i].cpu_features)) {
      model->program = info->levels[i].program;
      return;
    }
}

tenon_status tenon_init(tenon_model **model, const tenon_model_info *info,
                        void *arena, size_t bytes, const tenon_hooks *hooks) {
  if (!model)
    return TENON_NULL_ARGUMENT;
  *model = NULL;
  if (!info)
    return TENON_NULL_ARGUMENT;
  /* The version comes first: under another one the rest may lie elsewhere. */
  if (info->abi_version != TENON_ABI_VERSION)
    return TENON_ABI_MISMATCH;
  if (tenon_cpu_missing(info->cpu_features))
    return TENON_CPU_UNSUPPORTED;
  if (!arena)
    return TENON_NULL_ARGUMENT;
  if ((uintptr_t)arena % TENON_ALIGNMENT)
    return TENON_ARENA_MISALIGNED;
  tenon_index lanes = lane_count(hooks ? hooks->threads : 1);
  layout at = plan(info, lanes);
  if (at.overflow || bytes < at.end)
    return TENON_ARENA_TOO_SMALL;
  const void *weights =
      hooks && hooks->weights ? hooks->weights : info->weights;
  if (info->weight_bytes && !weights)
    return TENON_WEIGHTS_MISSING;

  unsigned char *base = arena;
  tenon_model *self = arena;
  self->info = info;
  self->hooks = hooks ? *hooks : (tenon_hooks){0};
  self->threads = lanes;
  self->lanes = (tenon_lane_state *)(void *)(base + at.lanes);
  self->bases = (void **)(void *)(base + at.bases);
  self->found = (int64_t *)(void *)(base + at.found);
  for (int32_t i = 0; i < info->found_count; ++i)
    self->found[i] = 0;
  self->failed_step = -1;
  self->body = NULL;
  self->context = NULL;
  self->bases[0] = base + at.slots;
  /* Weights are never written; `bases` is not const because outputs are. */
  self->bases[1] = (void *)(uintptr_t)weights;
  init_lanes(self, base + at.scratch);
  choose_level(self);
  self->device = NULL;
  if (info->device) {
    /* No step runs on the lanes, so they need no threads. */
    tenon_status status = info->device->open(&self->device, info, weights);
    if (status != TENON_OK)
      return status;
  } else if (!self->hooks.parallel_for) {
    tenon_status status = tenon_pool_start(self);
    if (status != TENON_OK)
      return status;
  }
  *model = self;
  return TENON_OK;
}

void tenon_close(tenon_model *model) {
  if (!model)
    return;
  if (model->info->device)
    model->info->device->close(model->device);
  else if (!model->hooks.parallel_for)
    tenon_pool_stop(model);
}

static tenon_status check_symbols(const tenon_model_info *info,
                                  const int64_t *symbols) {
  if (info->symbol_count > 0 && !symbols)
    return TENON_NULL_ARGUMENT;
  for (int32_t i = 0; i < info->symbol_count; ++i)
    if (symbols[i] < info->symbols[i].lo || symbols[i] > info->symbols[i].hi)
      return TENON_DIM_OUT_OF_BOUNDS;
  return TENON_OK;
}

/* The program with its steps on a GPU. What has begun is ended, so that the
 * next run finds nothing of this one. */
static tenon_status run_on_device(tenon_model *model, const int64_t *symbols) {
  const tenon_device *device = model->info->device;
  tenon_status status = device->begin(model->device, symbols, model->bases);
  if (status != TENON_OK)
    return status;
  status = model->info->program(model, symbols, model->bases);
  tenon_index failed = -1;
  tenon_status ended = device->end(model->device, model->bases, &failed);
  if (ended != TENON_OK && failed >= 0)
    model->failed_step = failed;
  return ended != TENON_OK ? ended : status;
}

tenon_status tenon_run(tenon_model *model, const int64_t *symbols,
                       const void *const *inputs, void *const *outputs) {
  if (!model)
    return TENON_NULL_ARGUMENT;
  model->failed_step = -1;
  const tenon_model_info *info = model->info;
  if ((info->input_count > 0 && !inputs) ||
      (info->output_count > 0 && !outputs))
    return TENON_NULL_ARGUMENT;
  tenon_status status = check_symbols(info, symbols);
  if (status != TENON_OK)
    return status;

  void **base = model->bases + 2;
  for (int32_t i = 0; i < info->input_count; ++i) {
    if (!inputs[i])
      return TENON_NULL_ARGUMENT;
    *base++ = (void *)(uintptr_t)inputs[i];
  }
  for (int32_t i = 0; i < info->output_count; ++i) {
    if (!outputs[i])
      return TENON_NULL_ARGUMENT;
    *base++ = outputs[i];
  }
  if (info->device)
    return run_on_device(model, symbols);
  uintptr_t old = tenon_set_float();
  status = model->program(model, symbols, model->bases);
  tenon_restore_float(old);
  return status;
}

tenon_index tenon_failed_step(const tenon_model *model) {
  return model ? model->failed_step : -1;
}

/* One step as the lanes see it. */
typedef struct job {
  const tenon_model *model;
  void *const *bases;
  const tenon_step *step;
  tenon_index share; /* tiles of every lane */
  tenon_index extra; /* the first lanes that take one more */
} job;

static void run_lane(void *context, tenon_index i) {
  const job *work = context;
  tenon_lane_state *state = lane_at(work->model, i);
  tenon_index begin = i * work->share + (i < work->extra ? i : work->extra);
  tenon_index end = begin + work->share + (i < work->extra);
  state->lane.bases = work->bases;
  state->status = TENON_OK;
  /* Here and not at the start of a thread, because with a host's
   * parallel_for the threads are the host's. */
  uintptr_t old = tenon_set_float();
  work->step->kernel(work->step, begin, end, &state->lane);
  tenon_restore_float(old);
}

static tenon_status run_step(tenon_model *model, void *const *bases,
                             const tenon_step *step) {
  if (model->info->device)
    return model->info->device->dispatch(model->device, step);
  tenon_index tiles = step->tiles;
  tenon_index lanes = model->threads < tiles ? model->threads : tiles;
  if (lanes <= 1) {
    tenon_lane_state *state = lane_at(model, 0);
    state->lane.bases = bases;
    state->status = TENON_OK;
    step->kernel(step, 0, tiles, &state->lane);
    return (tenon_status)state->status;
  }
  job work = {model, bases, step, tiles / lanes, tiles % lanes};
  if (model->hooks.parallel_for)
    model->hooks.parallel_for(model->hooks.pool, lanes, run_lane, &work);
  else
    tenon_pool_run(model, lanes, run_lane, &work);
  /* The lowest lane's error, whichever came first in time: the same input
   * gives the same status. */
  for (tenon_index i = 0; i < lanes; ++i)
    if (lane_at(model, i)->status != TENON_OK)
      return (tenon_status)lane_at(model, i)->status;
  return TENON_OK;
}

tenon_status tenon_fail(tenon_model *model, tenon_index node,
                        tenon_status status) {
  model->failed_step = node;
  return status;
}

void tenon_note_size(tenon_model *model, tenon_index i, int64_t size) {
  model->found[i] = size;
}

const int64_t *tenon_found_sizes(const tenon_model *model) {
  return model ? model->found : NULL;
}

static void trace(const tenon_model *model, const tenon_step *step, int begin) {
  const char *const *names = model->info->step_names;
  const char *name = names ? names[step->node] : "";
  model->hooks.trace(model->hooks.trace_context, name, step->node, begin);
}

tenon_status tenon_dispatch(tenon_model *model, void *const *bases,
                            const tenon_step *step) {
  if (step->tiles <= 0)
    return TENON_OK;
  bool traced = __builtin_expect(model->hooks.trace != NULL, 0);
  if (traced)
    trace(model, step, 1);
  tenon_status status = run_step(model, bases, step);
  if (traced)
    trace(model, step, 0);
  if (__builtin_expect(status != TENON_OK, 0))
    model->failed_step = step->node;
  return status;
}
