/* What a program that runs a compiled model may call. Every function is also
 * emitted with the model's prefix in place of `tenon_`; the generated header
 * declares those, so two models link into one program.
 *
 * Nothing here allocates, prints or has static state: the caller owns the
 * arena, the arena owns the model. One model serves one caller at a time;
 * several models (also of the same code) may run at once.
 */
#ifndef TENON_RUNTIME_H
#define TENON_RUNTIME_H

#include "tenon/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of arena that `threads` lanes need (0 counts as 1). */
size_t tenon_arena_bytes(const tenon_model_info *info, int32_t threads);

/* Checks CPU, ABI and arena, starts threads-1 threads, and gives the model,
 * which lives inside `arena` (64-byte aligned, `bytes` long). */
tenon_status tenon_init(tenon_model **model, const tenon_model_info *info,
                        void *arena, size_t bytes, const tenon_hooks *hooks);

/* One inference. `symbols` has symbol_count sizes (null if there are none);
 * `inputs` and `outputs` point to dense row-major buffers with the natural
 * alignment of their type. Outputs whose sizes the run finds have room for
 * output_bounds. */
tenon_status tenon_run(tenon_model *model, const int64_t *symbols,
                       const void *const *inputs, void *const *outputs);

/* The found_count sizes that the last run found in its data; not all of them
 * are set after one that failed. */
const int64_t *tenon_found_sizes(const tenon_model *model);

/* Ends the threads. The arena is the caller's again. */
void tenon_close(tenon_model *model);

/* The step that reported the last error, or the check (step_count and up): an
 * index into step_names; -1 if there is none. */
tenon_index tenon_failed_step(const tenon_model *model);

/* Bits of tenon_cpu_feature that this CPU lacks of `needed`; 0 if none. */
uint32_t tenon_cpu_missing(uint32_t needed);

/* English, static. */
const char *tenon_status_text(tenon_status status);

#ifdef __cplusplus
}
#endif
#endif /* TENON_RUNTIME_H */
