/* The largest values of outputs, with their labels: what a classifier means. */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct labels {
  char *text; /* owned; lines ended by NUL */
  const char **names;
  int64_t count;
} labels;

static bool read_labels(labels *l, const char *path, tenon_message *message) {
  uint8_t *bytes;
  size_t size;
  tenon_message reason;
  if (!tenon_read_file(path, &bytes, &size, &reason))
    return tenon_refuse(message, "--labels: %.700s", reason.text);
  l->text = malloc(size + 1);
  l->names = l->text ? malloc((size + 1) * sizeof(char *)) : NULL;
  if (l->names) {
    memcpy(l->text, bytes, size);
    l->text[size] = '\0';
  }
  free(bytes);
  if (!l->names)
    return tenon_refuse(message, "no memory");
  for (char *at = l->text; *at;) {
    size_t length = strcspn(at, "\n");
    bool more = at[length] == '\n';
    at[length] = '\0';
    if (length && at[length - 1] == '\r')
      at[length - 1] = '\0';
    l->names[l->count++] = at;
    at += length + (more ? 1 : 0);
  }
  if (!l->count)
    return tenon_refuse(message, "--labels: '%s' is empty; expected a line for "
                                 "each class",
                        path);
  return true;
}

static double value_at(const tenon_array *array, int64_t i) {
  uint64_t bits = tenon_get_bits(array->type, array->data, i);
  if (tenon_type_is_float(array->type))
    return tenon_float_value(array->type, bits);
  int width = tenon_type_bits(array->type);
  if (tenon_type_is_signed(array->type) && bits >> (width - 1) & 1)
    return width == 64 ? (double)(int64_t)bits
                       : (double)bits - (double)(UINT64_C(1) << width);
  return (double)bits;
}

/* The next largest behind (value, index), the lower index first; NaN never. */
static int64_t next_largest(const tenon_array *array, int64_t begin,
                            int64_t count, int64_t last) {
  double bound = last < 0 ? 0 : value_at(array, begin + last), best = 0;
  int64_t found = -1;
  for (int64_t i = 0; i < count; ++i) {
    double value = value_at(array, begin + i);
    bool behind = last < 0 ? value == value
                           : value < bound || (value == bound && i > last);
    if (behind && (found < 0 || value > best)) {
      found = i;
      best = value;
    }
  }
  return found;
}

static int64_t classes_of(const tenon_array *array) {
  return array->rank > 0 ? array->dims[array->rank - 1] : 0;
}

static void print_rows(const char *name, const tenon_array *array,
                       const labels *l, const tenon_options *options) {
  int64_t classes = classes_of(array);
  int64_t rows = classes ? array->count / classes : 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (options->json)
      printf("%s[", row ? ", " : "");
    else if (rows > 1)
      printf("%s, row %lld\n", name, (long long)row);
    else
      printf("%s\n", name);
    int64_t last = -1;
    for (int32_t k = 0; k < options->top; ++k) {
      last = next_largest(array, row * classes, classes, last);
      if (last < 0)
        break;
      const char *label = last < l->count ? l->names[last] : NULL;
      double value = value_at(array, row * classes + last);
      bool is_finite = value - value == 0;
      if (options->json) {
        printf("%s{\"index\": %lld, \"value\": ", k ? ", " : "",
               (long long)last);
        printf(is_finite ? "%.9g" : "\"%g\"", value);
        if (label) {
          printf(", \"label\": ");
          tenon_print_json_string(stdout, label);
        }
        printf("}");
      } else {
        printf("  %6lld  %-12.6g%s%s\n", (long long)last, value,
               label ? "  " : "", label ? label : "");
      }
    }
    if (options->json)
      printf("]");
  }
}

/* Outputs whose last dimension is that of the labels; without labels those
 * with more than one class. */
static bool print_all(const tenon_model_info *info, const tenon_values *values,
                      const labels *l, const tenon_options *options,
                      tenon_message *message) {
  int shown = 0;
  char shapes[512] = "";
  size_t used = 0;
  for (int32_t i = 0; i < info->output_count; ++i) {
    const tenon_array *array = &values->outputs[i];
    int64_t classes = classes_of(array);
    if (l->count ? classes == l->count : classes > 1) {
      if (options->json) {
        printf(shown ? ", " : "{\"top\": {");
        tenon_print_json_string(stdout, info->outputs[i].name);
        printf(": [");
      }
      print_rows(info->outputs[i].name, array, l, options);
      if (options->json)
        printf("]");
      ++shown;
    } else if (used < 400) {
      char shape[128];
      tenon_shape_text(shape, sizeof(shape), array->rank, array->dims);
      used += (size_t)snprintf(shapes + used, sizeof(shapes) - used,
                               " %.64s%.64s", info->outputs[i].name, shape);
    }
  }
  if (shown) {
    if (options->json)
      printf("}}\n");
    return true;
  }
  if (!l->count)
    return tenon_refuse(message, "--top: no output has classes; found%s",
                        shapes);
  return tenon_refuse(message,
                      "--labels: '%s' has %lld lines; expected as many as the "
                      "last dimension of an output, found%s",
                      options->labels, (long long)l->count, shapes);
}

bool tenon_print_top(const tenon_model_info *info, const tenon_values *values,
                     const tenon_options *options, tenon_message *message) {
  labels l = {NULL, NULL, 0};
  bool good = (!options->labels || read_labels(&l, options->labels, message)) &&
              print_all(info, values, &l, options, message);
  free(l.names);
  free(l.text);
  return good;
}
