/* The runtime's own parallel_for.
 *
 *   caller:  body, context ─> go[1..n-1]++ ─> body(0) ─> wait done[1..n-1]
 *   lane i:  wait go[i] ─> body(i) ─> done[i] = go[i]
 *
 * Who waits spins for some microseconds first, since the next step usually
 * comes at once, and then sleeps. Every word has one writer.
 */
#include "internal.h"

#ifdef TENON_THREADS

int pthread_create(uintptr_t *thread, const void *attributes,
                   void *(*start)(void *), void *argument);
int pthread_join(uintptr_t thread, void **result);

#ifdef __APPLE__

int pthread_mutex_init(void *mutex, const void *attributes);
int pthread_mutex_destroy(void *mutex);
int pthread_mutex_lock(void *mutex);
int pthread_mutex_unlock(void *mutex);
int pthread_cond_init(void *condition, const void *attributes);
int pthread_cond_destroy(void *condition);
int pthread_cond_wait(void *condition, void *mutex);
int pthread_cond_broadcast(void *condition);

static bool init_sleep(tenon_lane_state *state) {
  if (pthread_mutex_init(state->mutex, NULL))
    return false;
  if (!pthread_cond_init(state->condition, NULL))
    return true;
  pthread_mutex_destroy(state->mutex);
  return false;
}

static void end_sleep(tenon_lane_state *state) {
  pthread_cond_destroy(state->condition);
  pthread_mutex_destroy(state->mutex);
}

/* `go` and `done` share one condition: they never sleep at the same time. */
static void sleep_on(tenon_lane_state *state, tenon_signal *signal,
                     uint32_t old) {
  pthread_mutex_lock(state->mutex);
  while (atomic_load(&signal->value) == old)
    pthread_cond_wait(state->condition, state->mutex);
  pthread_mutex_unlock(state->mutex);
}

static void wake(tenon_lane_state *state, tenon_signal *signal) {
  (void)signal;
  pthread_mutex_lock(state->mutex);
  pthread_cond_broadcast(state->condition);
  pthread_mutex_unlock(state->mutex);
}

#else /* Linux */

enum { futex_wait_private = 128, futex_wake_private = 129 };

static void futex(_Atomic(uint32_t) *word, long operation, long value) {
#ifdef __x86_64__
  long result = 202;
  register long timeout __asm__("r10") = 0;
  __asm__ volatile("syscall"
                   : "+a"(result)
                   : "D"(word), "S"(operation), "d"(value), "r"(timeout)
                   : "rcx", "r11", "memory");
#else
  register long number __asm__("x8") = 98;
  register long x0 __asm__("x0") = (long)word;
  register long x1 __asm__("x1") = operation;
  register long x2 __asm__("x2") = value;
  register long x3 __asm__("x3") = 0;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(number), "r"(x1), "r"(x2), "r"(x3)
                   : "memory");
#endif
}

static bool init_sleep(tenon_lane_state *state) {
  (void)state;
  return true;
}

static void end_sleep(tenon_lane_state *state) { (void)state; }

/* May return early; the kernel compares the word with `old` itself. */
static void sleep_on(tenon_lane_state *state, tenon_signal *signal,
                     uint32_t old) {
  (void)state;
  futex(&signal->value, futex_wait_private, (long)old);
}

static void wake(tenon_lane_state *state, tenon_signal *signal) {
  (void)state;
  futex(&signal->value, futex_wake_private, 1);
}

#endif

/* About 10 to 40 us: `pause` takes up to 140 cycles, `isb` about 40. */
enum { spins = 1000 };

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  /* `yield` is a no-op on most cores. */
  __asm__ volatile("isb");
#endif
}

/* Waits until the word is no longer `old`. The store of `asleep` and the load
 * after it, and in `set` the store of the value and the load after it, are
 * sequentially consistent: one of the two sees the other's store, so that no
 * wake-up is lost. */
static void await(tenon_lane_state *state, tenon_signal *signal, uint32_t old) {
  for (int i = 0; i < spins; ++i) {
    if (atomic_load_explicit(&signal->value, memory_order_acquire) != old)
      return;
    pause_briefly();
  }
  atomic_store(&signal->asleep, 1);
  while (atomic_load(&signal->value) == old)
    sleep_on(state, signal, old);
  atomic_store_explicit(&signal->asleep, 0, memory_order_relaxed);
}

static void set(tenon_lane_state *state, tenon_signal *signal, uint32_t value) {
  atomic_store(&signal->value, value);
  if (atomic_load(&signal->asleep))
    wake(state, signal);
}

static uint32_t read_own(const tenon_signal *signal) {
  return atomic_load_explicit(&signal->value, memory_order_relaxed);
}

static void *serve(void *argument) {
  tenon_lane_state *state = argument;
  const tenon_model *model = state->model;
  for (uint32_t turn = 0;; ++turn) {
    await(state, &state->go, turn);
    if (!model->body)
      return NULL;
    model->body(model->context, state->lane.index);
    set(state, &state->done, turn + 1);
  }
}

static void stop(tenon_model *model, tenon_index lanes) {
  model->body = NULL;
  for (tenon_index i = 1; i < lanes; ++i) {
    tenon_lane_state *state = &model->lanes[i];
    set(state, &state->go, read_own(&state->go) + 1);
  }
  for (tenon_index i = 1; i < lanes; ++i) {
    pthread_join(model->lanes[i].thread, NULL);
    end_sleep(&model->lanes[i]);
  }
}

tenon_status tenon_pool_start(tenon_model *model) {
  for (tenon_index i = 1; i < model->threads; ++i) {
    tenon_lane_state *state = &model->lanes[i];
    bool ready = init_sleep(state);
    if (ready && !pthread_create(&state->thread, NULL, serve, state))
      continue;
    if (ready)
      end_sleep(state);
    stop(model, i);
    return TENON_THREAD_FAILED;
  }
  return TENON_OK;
}

void tenon_pool_stop(tenon_model *model) { stop(model, model->threads); }

void tenon_pool_run(void *pool, tenon_index count,
                    void (*body)(void *context, tenon_index i), void *context) {
  tenon_model *model = pool;
  model->body = body;
  model->context = context;
  for (tenon_index i = 1; i < count; ++i) {
    tenon_lane_state *state = &model->lanes[i];
    set(state, &state->go, read_own(&state->go) + 1);
  }
  body(context, 0);
  for (tenon_index i = 1; i < count; ++i) {
    /* `done` lags `go` by exactly one turn until the lane is finished. */
    tenon_lane_state *state = &model->lanes[i];
    await(state, &state->done, read_own(&state->go) - 1);
  }
}

#else /* no threads: the lanes take their turns on the caller's */

tenon_status tenon_pool_start(tenon_model *model) {
  (void)model;
  return TENON_OK;
}

void tenon_pool_stop(tenon_model *model) { (void)model; }

void tenon_pool_run(void *pool, tenon_index count,
                    void (*body)(void *context, tenon_index i), void *context) {
  (void)pool;
  for (tenon_index i = 0; i < count; ++i)
    body(context, i);
}

#endif
