/* What the files of the runtime's core share. Nothing here is for users.
 *
 * The core is freestanding: compiler headers only, so that it builds for any
 * target without an SDK. What it needs from a system it declares itself.
 */
#ifndef TENON_SRC_INTERNAL_H
#define TENON_SRC_INTERNAL_H

#include "tenon/runtime.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENON_ALIGNMENT 64

/* Threads need a way to sleep: futexes on the Linux architectures whose
 * system call is spelled out in threads.c, pthread conditions on Apple. */
#if !defined(TENON_NO_THREADS) &&                                              \
    (defined(__APPLE__) ||                                                     \
     (defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))))
#define TENON_THREADS 1
#endif

#if defined(__GNUC__) && !defined(_WIN32)
#define TENON_INTERNAL __attribute__((visibility("hidden")))
#else
#define TENON_INTERNAL
#endif

/* A word that one thread writes and another waits for. There are only loads
 * and stores, no read-modify-write: those would become calls to outlined
 * atomics on AArch64. */
typedef struct tenon_signal {
  _Atomic(uint32_t) value;
  _Atomic(uint32_t) asleep; /* the one who waits may need to be woken */
} tenon_signal;

/* A lane and the thread behind it. The words that different threads write
 * lie on lines of their own. */
typedef struct tenon_lane_state {
  _Alignas(TENON_ALIGNMENT) tenon_lane lane;
  tenon_model *model;
  uintptr_t thread; /* pthread_t is a word on every system served here */
  int32_t status;
  _Alignas(TENON_ALIGNMENT) tenon_signal go;   /* written by the caller */
  _Alignas(TENON_ALIGNMENT) tenon_signal done; /* written by the thread */
#if defined(TENON_THREADS) && defined(__APPLE__)
  /* pthread_mutex_t and pthread_cond_t: their sizes are part of the ABI. */
  _Alignas(TENON_ALIGNMENT) uint64_t mutex[8];
  uint64_t condition[6];
#endif
} tenon_lane_state;

struct tenon_model {
  const tenon_model_info *info;
  tenon_hooks hooks;
  tenon_index threads;
  tenon_lane_state *lanes;
  void **bases;
  int64_t *found; /* sizes that the run finds */
  tenon_index failed_step;
  void *device; /* the loader's state */
  /* The program of the level that this CPU has. */
  tenon_status (*program)(tenon_model *model, const int64_t *symbols,
                          void *const *bases);
  /* The job of the own pool; written before `go`, read after it. */
  void (*body)(void *context, tenon_index i); /* null: end the thread */
  void *context;
};

/* Starts threads for lanes 1 .. threads-1. */
TENON_INTERNAL tenon_status tenon_pool_start(tenon_model *model);

/* Ends them. */
TENON_INTERNAL void tenon_pool_stop(tenon_model *model);

/* The pool as a tenon_parallel_for; `pool` is the model. */
TENON_INTERNAL void tenon_pool_run(void *pool, tenon_index count,
                                   void (*body)(void *context, tenon_index i),
                                   void *context);

/* Rounding to nearest, no flushing of denormals, nothing trapped: results must
 * not depend on what the host program did to these registers. Returns what
 * tenon_restore_float takes. */
static inline uintptr_t tenon_set_float(void) {
  uintptr_t old = 0;
#if defined(__x86_64__) || (defined(__i386__) && defined(__SSE__))
  uint32_t before, wanted = 0x1F80;
  __asm__ volatile("stmxcsr %0" : "=m"(before));
  __asm__ volatile("ldmxcsr %0" : : "m"(wanted));
  old = before;
#elif defined(__aarch64__)
  uint64_t before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0) : "memory");
  old = (uintptr_t)before;
#elif defined(__arm__) && defined(__ARM_FP)
  uint32_t before;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(before));
  __asm__ volatile("vmsr fpscr, %0" : : "r"(0) : "memory");
  old = before;
#endif
  return old;
}

static inline void tenon_restore_float(uintptr_t old) {
#if defined(__x86_64__) || (defined(__i386__) && defined(__SSE__))
  uint32_t before = (uint32_t)old;
  __asm__ volatile("ldmxcsr %0" : : "m"(before));
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)old) : "memory");
#elif defined(__arm__) && defined(__ARM_FP)
  __asm__ volatile("vmsr fpscr, %0" : : "r"((uint32_t)old) : "memory");
#else
  (void)old;
#endif
}

#endif /* TENON_SRC_INTERNAL_H */
