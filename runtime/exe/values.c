/* Memory for the values of a run, and the model's tensors as text. */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tenon_values_init(tenon_values *values, const tenon_model_info *info,
                       tenon_message *message) {
  /* One more each: calloc(0) may give null. */
  size_t inputs = (size_t)info->input_count + 1;
  size_t outputs = (size_t)info->output_count + 1;
  values->symbols =
      calloc((size_t)info->symbol_count + (size_t)info->found_count + 1,
             sizeof(int64_t));
  values->inputs = calloc(inputs, sizeof(tenon_array));
  values->outputs = calloc(outputs, sizeof(tenon_array));
  values->input_pointers = calloc(inputs, sizeof(void *));
  values->output_pointers = calloc(outputs, sizeof(void *));
  if (!values->symbols || !values->inputs || !values->outputs ||
      !values->input_pointers || !values->output_pointers)
    return tenon_refuse(message, "no memory");
  return true;
}

void tenon_values_free(tenon_values *values, const tenon_model_info *info) {
  for (int32_t i = 0; values->inputs && i < info->input_count; ++i)
    tenon_array_free(&values->inputs[i]);
  for (int32_t i = 0; values->outputs && i < info->output_count; ++i)
    tenon_array_free(&values->outputs[i]);
  free(values->symbols);
  free(values->inputs);
  free(values->outputs);
  free(values->input_pointers);
  free(values->output_pointers);
  *values = (tenon_values){0};
}

static bool allocate_output(tenon_array *array, const tenon_tensor_info *tensor,
                            const int64_t *symbols, const int64_t *computed,
                            tenon_message *message) {
  array->type = tensor->type;
  array->rank = tensor->rank;
  for (int32_t d = 0; d < tensor->rank; ++d) {
    int64_t dim = tensor->dims[d];
    if (computed)
      dim = computed[d];
    else if (dim == INT64_MIN)
      return tenon_refuse(message,
                          "output '%s': the model has no function for "
                          "its sizes",
                          tensor->name);
    else if (dim < 0)
      dim = symbols[-1 - dim];
    array->dims[d] = dim;
  }
  tenon_message reason;
  if (!tenon_array_allocate(array, &reason))
    return tenon_refuse(message, "output '%s': %.700s", tensor->name,
                        reason.text);
  return true;
}

/* Room for the sizes of all outputs; null without memory. */
static int64_t *output_sizes(const tenon_model_info *info) {
  size_t ranks = 0;
  for (int32_t i = 0; i < info->output_count; ++i)
    ranks += (size_t)info->outputs[i].rank;
  return calloc(ranks + 1, sizeof(int64_t));
}

bool tenon_bind_outputs(tenon_values *values, const tenon_model_info *info,
                        tenon_message *message) {
  for (int32_t i = 0; i < info->output_count; ++i) {
    if (info->outputs[i].rank > TENON_MAX_RANK)
      return tenon_refuse(message, "output '%s' has more than %d dimensions",
                          info->outputs[i].name, TENON_MAX_RANK);
  }
  int64_t *dims = output_sizes(info);
  if (!dims)
    return tenon_refuse(message, "no memory");
  if (info->found_count)
    info->output_bounds(values->symbols, dims);
  else if (info->output_dims)
    info->output_dims(values->symbols, dims);
  bool good = true;
  const int64_t *at = dims;
  for (int32_t i = 0; i < info->output_count && good; ++i) {
    good =
        allocate_output(&values->outputs[i], &info->outputs[i], values->symbols,
                        info->output_dims ? at : NULL, message);
    at += info->outputs[i].rank;
    values->output_pointers[i] = values->outputs[i].data;
  }
  for (int32_t i = 0; i < info->input_count; ++i)
    values->input_pointers[i] = values->inputs[i].data;
  free(dims);
  return good;
}

bool tenon_settle_outputs(tenon_values *values, const tenon_model_info *info,
                          const int64_t *found, tenon_message *message) {
  if (!info->found_count)
    return true;
  int64_t *dims = output_sizes(info);
  if (!dims)
    return tenon_refuse(message, "no memory");
  memcpy(values->symbols + info->symbol_count, found,
         (size_t)info->found_count * sizeof(int64_t));
  info->output_dims(values->symbols, dims);
  const int64_t *at = dims;
  bool good = true;
  for (int32_t i = 0; i < info->output_count && good; ++i) {
    tenon_array *array = &values->outputs[i];
    for (int32_t d = 0; d < array->rank; ++d)
      array->dims[d] = *at++;
    good = tenon_array_measure(array, message);
  }
  free(dims);
  return good;
}

void tenon_tensor_text(char *text, size_t size, const tenon_model_info *info,
                       const tenon_tensor_info *tensor) {
  size_t used =
      (size_t)snprintf(text, size, "%s[", tenon_type_name(tensor->type));
  for (int32_t d = 0; d < tensor->rank && used + 72 < size; ++d) {
    int64_t dim = tensor->dims[d];
    const char *comma = d ? ", " : "";
    if (dim == INT64_MIN)
      used += (size_t)snprintf(text + used, size - used, "%s?", comma);
    else if (dim < 0)
      used += (size_t)snprintf(text + used, size - used, "%s%.64s", comma,
                               info->symbols[-1 - dim].name);
    else
      used += (size_t)snprintf(text + used, size - used, "%s%lld", comma,
                               (long long)dim);
  }
  snprintf(text + used, size - used, "]");
}

int32_t tenon_find_tensor(const tenon_tensor_info *tensors, int32_t count,
                          const char *text, const char *what, const char **rest,
                          tenon_message *message) {
  int32_t best = -1;
  size_t longest = 0;
  for (int32_t i = 0; i < count; ++i) {
    size_t length = strlen(tensors[i].name);
    if (strncmp(text, tensors[i].name, length) || text[length] != '=')
      continue;
    if (best >= 0 && length < longest)
      continue;
    best = i;
    longest = length;
    *rest = text + length + 1;
  }
  if (best >= 0)
    return best;

  char word[128], all[512] = "";
  snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, "="), text);
  const char **names = calloc((size_t)count + 1, sizeof(*names));
  size_t used = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (names)
      names[i] = tensors[i].name;
    if (used < 400)
      used += (size_t)snprintf(all + used, sizeof(all) - used, " %.64s",
                               tensors[i].name);
  }
  const char *near = names ? tenon_nearest(word, names, (size_t)count) : NULL;
  if (near)
    tenon_refuse(message, "no %s is named '%s'; did you mean '%s'?", what, word,
                 near);
  else
    tenon_refuse(message, "no %s is named '%s'; the model has:%s", what, word,
                 used ? all : " none");
  free(names);
  return -1;
}
