/* What a generated executable does: the story of one call. */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>

static int refused(const tenon_message *message) {
  fprintf(stderr, "error: %s\n", message->text);
  return TENON_EXIT_REFUSED;
}

static int show_selftest(const tenon_model_info *info,
                         const tenon_values *values, bool json) {
  uint64_t digest = TENON_DIGEST_START;
  for (int32_t i = 0; i < info->output_count; ++i)
    digest = tenon_digest(digest, values->outputs[i].type,
                          values->outputs[i].count, values->outputs[i].data);
  bool known = info->selftest_digest != 0;
  bool equal = !known || digest == info->selftest_digest;
  if (json) {
    printf("{\"selftest\": \"%016llx\", \"expected\": ",
           (unsigned long long)digest);
    if (known)
      printf("\"%016llx\"", (unsigned long long)info->selftest_digest);
    else
      printf("null");
    printf(", \"ok\": %s}\n", !known ? "null" : equal ? "true" : "false");
  } else if (!known) {
    printf("selftest: %016llx (the model holds no digest to compare with)\n",
           (unsigned long long)digest);
  } else if (equal) {
    printf("selftest: %016llx ok\n", (unsigned long long)digest);
  } else {
    printf("selftest: %016llx differs; expected %016llx\n",
           (unsigned long long)digest,
           (unsigned long long)info->selftest_digest);
  }
  return equal ? TENON_EXIT_OK : TENON_EXIT_DIGEST;
}

/* One run before the recorded one, which would show page faults else. */
static bool run_traced(tenon_session *session, tenon_values *values,
                       tenon_recorder *recorder, const char *path,
                       tenon_message *message) {
  if (!tenon_session_run(session, values, message))
    return false;
  recorder->active = true;
  bool ran = tenon_session_run(session, values, message);
  recorder->active = false;
  return ran && tenon_write_trace(recorder, path, session->info,
                                  values->symbols, message);
}

static int work(const tenon_model_info *info, const char *self,
                const tenon_options *options, tenon_session *session,
                tenon_values *values, tenon_recorder *recorder) {
  tenon_message message;
  if (!tenon_check_outs(info, options, &message) ||
      !tenon_values_init(values, info, &message))
    return refused(&message);
  bool bound = options->selftest
                   ? tenon_bind_selftest(values, info, &message)
                   : tenon_bind_inputs(values, info, options, &message);
  if (!bound || !tenon_bind_outputs(values, info, &message))
    return refused(&message);

  tenon_hooks hooks = {.threads = options->threads};
  if (options->trace) {
    hooks.trace = tenon_record;
    hooks.trace_context = recorder;
  }
  if (!tenon_session_open(session, info, self, &hooks, &message))
    return refused(&message);
  bool ran = options->trace ? run_traced(session, values, recorder,
                                         options->trace, &message)
                            : tenon_session_run(session, values, &message);
  if (!ran || !tenon_save_outputs(info, values, options, &message))
    return refused(&message);
  if (options->selftest)
    return show_selftest(info, values, options->json);
  if (options->bench)
    return tenon_bench(session, values, options, &message) ? TENON_EXIT_OK
                                                           : refused(&message);
  if (options->top)
    return tenon_print_top(info, values, options, &message) ? TENON_EXIT_OK
                                                            : refused(&message);
  if (options->json || (!options->dump && !options->out_count))
    tenon_print_outputs(info, values, options->json);
  return TENON_EXIT_OK;
}

static int run(const tenon_model_info *info, const char *self,
               tenon_options *options) {
  tenon_session session = {0};
  tenon_values values = {0};
  tenon_recorder recorder = {0};
  int code = work(info, self, options, &session, &values, &recorder);
  tenon_session_close(&session);
  tenon_values_free(&values, info);
  free(recorder.events);
  return code;
}

int tenon_main(const tenon_model_info *info, const char *self, int argc,
               char **argv) {
  const char *program = argc > 0 ? argv[0] : info->name;
  tenon_message message;
  tenon_options options;
  if (info->abi_version != TENON_ABI_VERSION) {
    tenon_refuse(&message,
                 "the model was compiled for version %u of the "
                 "runtime; this is version %u",
                 (unsigned)info->abi_version, (unsigned)TENON_ABI_VERSION);
    return refused(&message);
  }
  int code = TENON_EXIT_OK;
  if (!tenon_parse_options(&options, argc, argv, &message)) {
    fprintf(stderr, "error: %s\n%s --help shows what there is\n", message.text,
            program);
    code = TENON_EXIT_USAGE;
  } else {
    if (!options.threads)
      options.threads = tenon_default_threads();
    if (options.help)
      tenon_print_help(info, program);
    else if (options.describe)
      tenon_print_describe(info, &options);
    else
      code = run(info, self, &options);
  }
  free(options.storage);
  /* A full disk behind a pipe must not look like success. */
  if (fflush(stdout) && code == TENON_EXIT_OK) {
    fprintf(stderr, "error: cannot write the output\n");
    code = TENON_EXIT_REFUSED;
  }
  return code;
}
