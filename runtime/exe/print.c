/* Outputs and descriptions on stdout, outputs into files. */
#include "exe/exe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Enough digits to get the same value back. JSON has no word for NaN and
 * infinity; a string keeps them apart from each other. */
static void print_element(const tenon_array *array, int64_t i, bool json) {
  uint64_t bits = tenon_get_bits(array->type, array->data, i);
  if (tenon_type_is_float(array->type)) {
    double value = tenon_float_value(array->type, bits);
    const char *quote = json ? "\"" : "";
    if (value != value)
      printf("%sNaN%s", quote, quote);
    else if (value - value != 0)
      printf("%s%sInfinity%s", quote, value < 0 ? "-" : "", quote);
    else
      printf("%.*g", array->type == TENON_F64 ? 17 : 9, value);
  } else if (array->type == TENON_BOOL) {
    printf("%s", bits ? "true" : "false");
  } else if (tenon_type_is_signed(array->type)) {
    int unused = 64 - tenon_type_bits(array->type);
    printf("%lld", (long long)((int64_t)(bits << unused) >> unused));
  } else {
    printf("%llu", (unsigned long long)bits);
  }
}

enum { shown = 4 }; /* values at either end */

static void print_output(const char *name, const tenon_array *array) {
  char shape[512];
  tenon_shape_text(shape, sizeof(shape), array->rank, array->dims);
  printf("%s: %s%s", name, tenon_type_name(array->type), shape);
  for (int64_t i = 0; i < array->count; ++i) {
    if (i == shown && array->count > 2 * shown) {
      printf(" ...");
      i = array->count - shown;
    }
    putchar(' ');
    print_element(array, i, false);
  }
  putchar('\n');
}

static void print_json_output(const char *name, const tenon_array *array) {
  char shape[512];
  tenon_shape_text(shape, sizeof(shape), array->rank, array->dims);
  printf("{\"name\": ");
  tenon_print_json_string(stdout, name);
  printf(", \"type\": \"%s\", \"shape\": %s, \"data\": [",
         tenon_type_name(array->type), shape);
  for (int64_t i = 0; i < array->count; ++i) {
    if (i)
      printf(", ");
    print_element(array, i, true);
  }
  printf("]}");
}

void tenon_print_outputs(const tenon_model_info *info,
                         const tenon_values *values, bool json) {
  if (json)
    printf("{\"outputs\": [");
  for (int32_t i = 0; i < info->output_count; ++i) {
    if (!json) {
      print_output(info->outputs[i].name, &values->outputs[i]);
      continue;
    }
    if (i)
      printf(",\n ");
    print_json_output(info->outputs[i].name, &values->outputs[i]);
  }
  if (json)
    printf("]}\n");
}

static void describe_tensors(const tenon_model_info *info, const char *kind,
                             const tenon_tensor_info *tensors, int32_t count,
                             bool json) {
  char text[512];
  if (json)
    printf(", \"%ss\": [", kind);
  for (int32_t i = 0; i < count; ++i) {
    if (!json) {
      tenon_tensor_text(text, sizeof(text), info, &tensors[i]);
      printf("%-7s %s: %s\n", kind, tensors[i].name, text);
      continue;
    }
    printf("%s{\"name\": ", i ? ", " : "");
    tenon_print_json_string(stdout, tensors[i].name);
    printf(", \"type\": \"%s\", \"shape\": [",
           tenon_type_name(tensors[i].type));
    for (int32_t d = 0; d < tensors[i].rank; ++d) {
      int64_t dim = tensors[i].dims[d];
      if (d)
        printf(", ");
      if (dim >= 0)
        printf("%lld", (long long)dim);
      else
        tenon_print_json_string(
            stdout, dim == INT64_MIN ? "?" : info->symbols[-1 - dim].name);
    }
    printf("]}");
  }
  if (json)
    printf("]");
}

void tenon_print_describe(const tenon_model_info *info,
                          const tenon_options *options) {
  bool json = options->json;
  size_t arena = tenon_arena_bytes(info, options->threads);
  if (json) {
    printf("{\"name\": ");
    tenon_print_json_string(stdout, info->name);
    printf(", \"target\": ");
    tenon_print_json_string(stdout, info->target);
  } else {
    printf("model   %s\ntarget  %s\n", info->name, info->target);
  }
  describe_tensors(info, "input", info->inputs, info->input_count, json);
  describe_tensors(info, "output", info->outputs, info->output_count, json);
  if (json)
    printf(", \"symbols\": [");
  for (int32_t s = 0; s < info->symbol_count; ++s) {
    const tenon_symbol_info *symbol = &info->symbols[s];
    if (json) {
      printf("%s{\"name\": ", s ? ", " : "");
      tenon_print_json_string(stdout, symbol->name);
      printf(", \"lo\": %lld, \"hi\": %lld}", (long long)symbol->lo,
             (long long)symbol->hi);
    } else {
      printf("size    %s: %lld..%lld\n", symbol->name, (long long)symbol->lo,
             (long long)symbol->hi);
    }
  }
  if (json)
    printf("], \"steps\": %d, \"arena_bytes\": %zu, \"threads\": %d, "
           "\"weight_bytes\": %llu, \"weights_in_file\": %s, ",
           (int)info->step_count, arena, (int)options->threads,
           (unsigned long long)info->weight_bytes,
           info->weight_bytes && !info->weights ? "true" : "false");
  else
    printf("steps   %d\narena   %zu bytes with %d thread%s\n"
           "weights %llu bytes%s\n",
           (int)info->step_count, arena, (int)options->threads,
           options->threads == 1 ? "" : "s",
           (unsigned long long)info->weight_bytes,
           info->weight_bytes && !info->weights ? " in a file" : "");
  if (json && info->selftest_digest)
    printf("\"selftest_digest\": \"%016llx\"}\n",
           (unsigned long long)info->selftest_digest);
  else if (json)
    printf("\"selftest_digest\": null}\n");
}

/*===-- files ------------------------------------------------------------===*/

static bool save_array(const tenon_array *array, const char *path,
                       tenon_message *message) {
  uint8_t *bytes;
  size_t size;
  if (!tenon_npy_encode(array, &bytes, &size, message))
    return false;
  bool written = tenon_write_file(path, bytes, size, message);
  free(bytes);
  return written;
}

static bool dump_archive(const tenon_model_info *info,
                         const tenon_values *values, const char *path,
                         tenon_message *message) {
  size_t count = (size_t)info->output_count;
  const char **names = calloc(count + 1, sizeof(*names));
  if (!names)
    return tenon_refuse(message, "no memory");
  for (size_t i = 0; i < count; ++i)
    names[i] = info->outputs[i].name;
  bool written = tenon_npz_write(path, values->outputs, names, count, message);
  free(names);
  return written;
}

static bool dump_folder(const tenon_model_info *info,
                        const tenon_values *values, const char *folder,
                        tenon_message *message) {
  if (mkdir(folder, 0777) && errno != EEXIST)
    return tenon_refuse(message, "cannot make the folder '%s': %s", folder,
                        strerror(errno));
  for (int32_t i = 0; i < info->output_count; ++i) {
    char path[4096];
    size_t used = (size_t)snprintf(path, sizeof(path), "%.3000s/", folder);
    snprintf(path + used, sizeof(path) - used, "%.240s.npy",
             info->outputs[i].name);
    /* ONNX names are often paths themselves. */
    for (char *at = path + used; *at; ++at)
      if (*at == '/' || *at == '\\')
        *at = '_';
    if (!save_array(&values->outputs[i], path, message))
      return false;
  }
  return true;
}

bool tenon_check_outs(const tenon_model_info *info,
                      const tenon_options *options, tenon_message *message) {
  const char *path;
  for (int i = 0; i < options->out_count; ++i)
    if (tenon_find_tensor(info->outputs, info->output_count, options->outs[i],
                          "output", &path, message) < 0)
      return false;
  return true;
}

bool tenon_save_outputs(const tenon_model_info *info,
                        const tenon_values *values,
                        const tenon_options *options, tenon_message *message) {
  for (int i = 0; i < options->out_count; ++i) {
    const char *path;
    int32_t which =
        tenon_find_tensor(info->outputs, info->output_count, options->outs[i],
                          "output", &path, message);
    if (which < 0 || !save_array(&values->outputs[which], path, message))
      return false;
  }
  if (!options->dump)
    return true;
  size_t length = strlen(options->dump);
  if (length > 4 && !strcmp(options->dump + length - 4, ".npz"))
    return dump_archive(info, values, options->dump, message);
  return dump_folder(info, values, options->dump, message);
}
