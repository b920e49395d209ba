/* The steps of a run as Chrome trace events, for chrome://tracing, Perfetto
 * and the like. */
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

bool tenon_write_trace(const tenon_recorder *recorder, const char *path,
                       const char *model, tenon_message *message) {
  if (recorder->failed)
    return tenon_refuse(message, "no memory for the trace");
  FILE *file = fopen(path, "w");
  if (!file)
    return tenon_refuse(message, "cannot write '%s': %s", path,
                        strerror(errno));
  fprintf(file, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n"
                "{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, "
                "\"args\": {\"name\": ");
  tenon_print_json_string(file, model);
  fprintf(file, "}}");
  uint64_t start = recorder->count ? recorder->events[0].ns : 0;
  for (size_t i = 0; i < recorder->count; ++i) {
    const tenon_event *event = &recorder->events[i];
    fprintf(file, ",\n{\"name\": ");
    tenon_print_json_string(file, event->name);
    fprintf(file,
            ", \"ph\": \"%c\", \"ts\": %.3f, \"pid\": 1, \"tid\": 1, "
            "\"args\": {\"step\": %lld}}",
            event->begin ? 'B' : 'E', (double)(event->ns - start) * 1e-3,
            (long long)event->step);
  }
  fprintf(file, "\n]}\n");
  bool written = !ferror(file);
  written = fclose(file) == 0 && written;
  if (!written)
    return tenon_refuse(message, "cannot write '%s': %s", path,
                        strerror(errno));
  return true;
}
