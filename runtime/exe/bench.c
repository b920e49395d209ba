/* How long does a run take? */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>

enum { least_runs = 5, most_runs = 1000000 };

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Runs that are not counted bring caches, pages and the CPU's clock to where
 * they stay: a tenth of the time asked for, two runs at least. */
static bool warm_up(tenon_session *session, tenon_values *values,
                    double seconds, tenon_message *message) {
  uint64_t end = tenon_clock_ns() + (uint64_t)(seconds * 1e8);
  for (int run = 0; run < 2 || tenon_clock_ns() < end; ++run)
    if (!tenon_session_run(session, values, message))
      return false;
  return true;
}

bool tenon_bench(tenon_session *session, tenon_values *values,
                 const tenon_options *options, tenon_message *message) {
  double seconds = options->bench_seconds;
  if (!warm_up(session, values, seconds, message))
    return false;
  uint64_t *times = NULL;
  size_t runs = 0, capacity = 0;
  uint64_t start = tenon_clock_ns(), now = start;
  uint64_t budget = (uint64_t)(seconds * 1e9);
  while (runs < least_runs || (now - start < budget && runs < most_runs)) {
    if (runs == capacity) {
      capacity = capacity ? capacity * 2 : 256;
      uint64_t *larger = realloc(times, capacity * sizeof(*times));
      if (!larger) {
        free(times);
        return tenon_refuse(message, "no memory");
      }
      times = larger;
    }
    uint64_t begin = tenon_clock_ns();
    if (!tenon_session_run(session, values, message)) {
      free(times);
      return false;
    }
    now = tenon_clock_ns();
    times[runs++] = now - begin;
  }
  qsort(times, runs, sizeof(*times), compare);
  double least = (double)times[0] * 1e-6;
  double median =
      ((double)times[(runs - 1) / 2] + (double)times[runs / 2]) * 0.5e-6;
  double p90 = (double)times[(runs * 9 - 1) / 10] * 1e-6;
  free(times);
  if (options->json) {
    printf("{\"model\": ");
    tenon_print_json_string(stdout, session->info->name);
    printf(", \"min_ms\": %.6f, \"median_ms\": %.6f, \"p90_ms\": %.6f, "
           "\"runs\": %zu, \"threads\": %d}\n",
           least, median, p90, runs, (int)options->threads);
  } else {
    printf("%s: min %.4f ms, median %.4f ms, p90 %.4f ms, %zu runs, %d "
           "thread%s\n",
           session->info->name, least, median, p90, runs, (int)options->threads,
           options->threads == 1 ? "" : "s");
  }
  return true;
}
