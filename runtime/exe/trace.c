/* The steps of a run as Chrome trace events, for chrome://tracing, Perfetto
 * and the like: what a step reads and writes in bytes and its operations stand
 * in the arguments of its begin. */
#include "exe/exe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tenon_event {
  const char *name;
  tenon_index step;
  int begin;
  uint64_t ns;
} tenon_event;

void tenon_record(void *context, const char *step_name, tenon_index step,
                  int begin) {
  tenon_recorder *recorder = context;
  if (!recorder->active || recorder->failed)
    return;
  if (recorder->count == recorder->capacity) {
    size_t capacity = recorder->capacity ? recorder->capacity * 2 : 1024;
    tenon_event *larger =
        realloc(recorder->events, capacity * sizeof(tenon_event));
    /* The run goes on; that the trace is short is said when it is written. */
    recorder->failed = !larger;
    if (!larger)
      return;
    recorder->events = larger;
    recorder->capacity = capacity;
  }
  recorder->events[recorder->count++] =
      (tenon_event){step_name, step, begin, tenon_clock_ns()};
}

/* The costs at the sizes of a run, for the caller to free; null where there are
 * none or no memory. */
static tenon_step_cost *costs_of(const tenon_model_info *info,
                                 const int64_t *symbols) {
  size_t bytes = (size_t)info->step_count * sizeof(tenon_step_cost);
  tenon_step_cost *costs = info->step_costs ? malloc(bytes) : NULL;
  if (!costs)
    return NULL;
  memcpy(costs, info->step_costs, bytes);
  if (info->late_costs)
    info->late_costs(symbols, costs);
  return costs;
}

bool tenon_write_trace(const tenon_recorder *recorder, const char *path,
                       const tenon_model_info *info, const int64_t *symbols,
                       tenon_message *message) {
  tenon_step_cost *costs = costs_of(info, symbols);
  if (recorder->failed || (info->step_costs && !costs)) {
    free(costs);
    return tenon_refuse(message, "no memory for the trace");
  }
  FILE *file = fopen(path, "w");
  if (!file) {
    free(costs);
    return tenon_refuse(message, "cannot write '%s': %s", path,
                        strerror(errno));
  }
  fprintf(file, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n"
                "{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, "
                "\"args\": {\"name\": ");
  tenon_print_json_string(file, info->name);
  fprintf(file, "}}");
  uint64_t start = recorder->count ? recorder->events[0].ns : 0;
  for (size_t i = 0; i < recorder->count; ++i) {
    const tenon_event *event = &recorder->events[i];
    fprintf(file, ",\n{\"name\": ");
    tenon_print_json_string(file, event->name);
    fprintf(file,
            ", \"ph\": \"%c\", \"ts\": %.3f, \"pid\": 1, \"tid\": 1, "
            "\"args\": {\"step\": %lld",
            event->begin ? 'B' : 'E', (double)(event->ns - start) * 1e-3,
            (long long)event->step);
    if (event->begin && costs)
      fprintf(file, ", \"bytes\": %lld, \"flops\": %lld",
              (long long)costs[event->step].bytes,
              (long long)costs[event->step].flops);
    fprintf(file, "}}");
  }
  free(costs);
  fprintf(file, "\n]}\n");
  bool written = !ferror(file);
  written = fclose(file) == 0 && written;
  if (!written)
    return tenon_refuse(message, "cannot write '%s': %s", path,
                        strerror(errno));
  return true;
}
