/* The model at work: its weights mapped, its arena allocated, its threads. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#define _FILE_OFFSET_BITS 64
#include "exe/exe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

enum { path_bytes = 4096 };

int32_t tenon_default_threads(void) {
#ifdef __linux__
  cpu_set_t set;
  if (!sched_getaffinity(0, sizeof(set), &set)) {
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > 64 ? 64 : count;
  }
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count > 64 ? 64 : (int32_t)count;
}

uint64_t tenon_clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Beside the artifact. A bare name was found in PATH or means this folder. */
static void weights_path(char *path, const char *self, const char *name) {
  char own[path_bytes];
  const char *slash = self ? strrchr(self, '/') : NULL;
  snprintf(path, path_bytes, "%.*s%s.weights",
           slash ? (int)(slash - self + 1) : 0, self ? self : "", name);
  if (slash || !access(path, R_OK))
    return;
  ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
  if (length <= 0)
    return;
  own[length] = 0;
  slash = strrchr(own, '/');
  if (slash)
    snprintf(path, path_bytes, "%.*s%s.weights", (int)(slash - own + 1), own,
             name);
}

static bool map_weights(tenon_session *session, const char *self,
                        tenon_message *message) {
  const tenon_model_info *info = session->info;
  char path[path_bytes];
  struct stat status;
  weights_path(path, self, info->name);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status)) {
    int reason = errno;
    if (file >= 0)
      close(file);
    return tenon_refuse(message,
                        "cannot read the weights file '%s': %s; put "
                        "it beside the model",
                        path, strerror(reason));
  }
  if (status.st_size < 0 || (uint64_t)status.st_size != info->weight_bytes) {
    close(file);
    return tenon_refuse(message,
                        "the weights file '%s' has %lld bytes; "
                        "expected %llu; it is another model's or cut "
                        "off",
                        path, (long long)status.st_size,
                        (unsigned long long)info->weight_bytes);
  }
  size_t bytes = (size_t)info->weight_bytes;
  void *mapped = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (mapped == MAP_FAILED)
    return tenon_refuse(message, "cannot map the weights file '%s': %s", path,
                        strerror(errno));
  session->mapped = mapped;
  session->mapped_bytes = bytes;
  uint64_t digest = tenon_digest_bytes(TENON_DIGEST_START, mapped, bytes);
  if (digest != info->weight_digest)
    return tenon_refuse(message,
                        "the weights file '%s' has the digest "
                        "%016llx; expected %016llx; it is another "
                        "model's or damaged",
                        path, (unsigned long long)digest,
                        (unsigned long long)info->weight_digest);
  return true;
}

static bool refuse_cpu(const tenon_model_info *info, tenon_message *message) {
  static const struct {
    uint32_t bit;
    const char *name;
  } names[] = {{TENON_CPU_X86_V2, "x86-64-v2"},
               {TENON_CPU_X86_V3, "x86-64-v3 (AVX2, FMA)"},
               {TENON_CPU_X86_V4, "x86-64-v4 (AVX-512)"},
               {TENON_CPU_AVX512_VNNI, "avx512vnni"},
               {TENON_CPU_AVX512_VBMI, "avx512vbmi"},
               {TENON_CPU_AVX512_BF16, "avx512bf16"},
               {TENON_CPU_AVX_VNNI, "avxvnni"},
               {TENON_CPU_ARM_DOTPROD, "dotprod"},
               {TENON_CPU_ARM_I8MM, "i8mm"},
               {TENON_CPU_ARM_BF16, "bf16"},
               {TENON_CPU_ARM_FP16, "fp16"}};
  uint32_t missing = tenon_cpu_missing(info->cpu_features);
  char list[256] = "";
  size_t used = 0;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); ++i)
    if (missing & names[i].bit)
      used += (size_t)snprintf(list + used, sizeof(list) - used, " %s",
                               names[i].name);
  return tenon_refuse(message,
                      "this CPU lacks what the model was compiled for "
                      "(%s):%s; compile it for this CPU",
                      info->target, used ? list : " an unknown feature");
}

bool tenon_session_open(tenon_session *session, const tenon_model_info *info,
                        const char *self, const tenon_hooks *hooks,
                        tenon_message *message) {
  *session = (tenon_session){.info = info};
  tenon_hooks all = *hooks;
  if (info->weight_bytes && !info->weights && !all.weights) {
    if (!map_weights(session, self, message))
      return false;
    all.weights = session->mapped;
  }
  size_t bytes = tenon_arena_bytes(info, all.threads);
  if (bytes == SIZE_MAX || !(session->arena = aligned_alloc(64, bytes)))
    return tenon_refuse(message, "no memory for the model's arena of %zu bytes",
                        bytes);
  tenon_status status =
      tenon_init(&session->model, info, session->arena, bytes, &all);
  if (status == TENON_CPU_UNSUPPORTED)
    return refuse_cpu(info, message);
  if (status != TENON_OK)
    return tenon_refuse(message, "the model cannot start: %s",
                        tenon_status_text(status));
  return true;
}

bool tenon_session_run(tenon_session *session, tenon_values *values,
                       tenon_message *message) {
  tenon_status status =
      tenon_run(session->model, values->symbols, values->input_pointers,
                values->output_pointers);
  if (status == TENON_OK)
    return tenon_settle_outputs(values, session->info,
                                tenon_found_sizes(session->model), message);
  tenon_index step = tenon_failed_step(session->model);
  const char *const *names = session->info->step_names;
  if (step < 0 || !names)
    return tenon_refuse(message, "the run failed: %s",
                        tenon_status_text(status));
  bool check = step >= session->info->step_count;
  return tenon_refuse(message, "the run failed %s '%s': %s",
                      check ? "at" : "in step", names[step],
                      tenon_status_text(status));
}

void tenon_session_close(tenon_session *session) {
  tenon_close(session->model);
  free(session->arena);
  if (session->mapped)
    munmap(session->mapped, session->mapped_bytes);
  *session = (tenon_session){0};
}
