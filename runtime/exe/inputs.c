/* From NAME=SPEC to arrays: files decide the symbols first, then --dim, then
 * the defaults; what is generated comes last, when all sizes are known.
 */
#include "exe/exe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Who decided a symbol, so that a contradiction names both sides. */
typedef struct binding {
  bool bound;
  char origin[160];
} binding;

typedef struct binder {
  const tenon_model_info *info;
  tenon_values *values;
  binding *bindings;
  const char **specs;
  const tenon_preprocess *preprocess;
  tenon_message *message;
} binder;

static bool bind_symbol(binder *b, int64_t s, int64_t size,
                        const char *origin) {
  const tenon_symbol_info *symbol = &b->info->symbols[s];
  binding *known = &b->bindings[s];
  int64_t *value = &b->values->symbols[s];
  if (known->bound && *value != size)
    return tenon_refuse(b->message,
                        "'%s' is %lld by %s but %lld by %s; both "
                        "must agree",
                        symbol->name, (long long)*value, known->origin,
                        (long long)size, origin);
  if (size < symbol->lo || size > symbol->hi)
    return tenon_refuse(b->message,
                        "%s makes '%s' %lld; the model was "
                        "compiled for %lld..%lld",
                        origin, symbol->name, (long long)size,
                        (long long)symbol->lo, (long long)symbol->hi);
  if (!known->bound)
    snprintf(known->origin, sizeof(known->origin), "%s", origin);
  known->bound = true;
  *value = size;
  return true;
}

static bool bind_option(binder *b, const char *text) {
  const tenon_model_info *info = b->info;
  for (int32_t s = 0; s < info->symbol_count; ++s) {
    size_t length = strlen(info->symbols[s].name);
    if (strncmp(text, info->symbols[s].name, length) || text[length] != '=')
      continue;
    char *end, origin[160];
    errno = 0;
    long long size = strtoll(text + length + 1, &end, 10);
    if (end == text + length + 1 || *end || errno)
      return tenon_refuse(b->message, "--dim %s: expected a number", text);
    snprintf(origin, sizeof(origin), "--dim %.120s", text);
    return bind_symbol(b, s, size, origin);
  }
  char names[512] = "";
  size_t used = 0;
  for (int32_t s = 0; s < info->symbol_count && used < 400; ++s)
    used += (size_t)snprintf(names + used, sizeof(names) - used, " %.64s",
                             info->symbols[s].name);
  return tenon_refuse(b->message, "--dim %s: no such size; the model has:%s",
                      text, used ? names : " none");
}

static bool is_symbol(int64_t dim) { return dim < 0 && dim != INT64_MIN; }

/* Does what was found fit the model? Binds the symbols on the way. */
static bool check_found(binder *b, int32_t i, const char *spec) {
  const tenon_tensor_info *wanted = &b->info->inputs[i];
  const tenon_array *found = &b->values->inputs[i];
  char expected[384], shape[256];
  tenon_tensor_text(expected, sizeof(expected), b->info, wanted);
  tenon_shape_text(shape, sizeof(shape), found->rank, found->dims);
  if (found->type != wanted->type)
    return tenon_refuse(b->message,
                        "input '%s': expected %s, found %s%s in "
                        "'%s'; convert it with numpy's astype",
                        wanted->name, expected, tenon_type_name(found->type),
                        shape, spec);
  bool fits = found->rank == wanted->rank;
  for (int32_t d = 0; fits && d < wanted->rank; ++d)
    fits = wanted->dims[d] < 0 || wanted->dims[d] == found->dims[d];
  if (!fits)
    return tenon_refuse(b->message,
                        "input '%s': expected %s, found %s%s in "
                        "'%s'; reshape it, or compile the model "
                        "for that shape",
                        wanted->name, expected, tenon_type_name(found->type),
                        shape, spec);
  for (int32_t d = 0; d < wanted->rank; ++d) {
    if (!is_symbol(wanted->dims[d]))
      continue;
    char origin[160];
    snprintf(origin, sizeof(origin), "dimension %d of input '%.100s'", (int)d,
             wanted->name);
    if (!bind_symbol(b, -1 - wanted->dims[d], found->dims[d], origin))
      return false;
  }
  return true;
}

/* The part of "x.npz:key" behind the name of the file, or null. */
static const char *npz_key(const char *spec) {
  const char *at = strstr(spec, ".npz");
  if (!at || (at[4] && at[4] != ':'))
    return NULL;
  return at + 4;
}

static bool ends_with(const char *spec, const char *suffix) {
  size_t length = strlen(spec), tail = strlen(suffix);
  return length > tail && !strcasecmp(spec + length - tail, suffix);
}

static bool is_image(const char *spec) {
  return ends_with(spec, ".png") || ends_with(spec, ".jpg") ||
         ends_with(spec, ".jpeg");
}

static bool is_file(const char *spec) {
  return npz_key(spec) || ends_with(spec, ".npy") || is_image(spec);
}

static bool read_input(binder *b, int32_t i, const char *spec) {
  const tenon_tensor_info *wanted = &b->info->inputs[i];
  const char *key = npz_key(spec);
  char path[4096];
  snprintf(path, sizeof(path), "%.*s",
           (int)(key ? (size_t)(key - spec) : strlen(spec)), spec);
  uint8_t *bytes;
  size_t size;
  tenon_message reason;
  if (!tenon_read_file(path, &bytes, &size, &reason))
    return tenon_refuse(b->message, "input '%s': %.700s", wanted->name,
                        reason.text);
  tenon_member member = {bytes, size, NULL};
  bool read = true;
  if (key)
    read = tenon_npz_find(bytes, size, *key ? key + 1 : wanted->name, &member,
                          &reason);
  if (!key && is_image(spec))
    read = tenon_read_image(b->preprocess, bytes, size, wanted,
                            &b->values->inputs[i], &reason);
  else
    read = read && tenon_npy_decode(member.bytes, member.size, wanted->type,
                                    &b->values->inputs[i], &reason);
  free(member.owned);
  free(bytes);
  if (!read)
    return tenon_refuse(b->message, "input '%s': cannot use '%s': %.700s",
                        wanted->name, path, reason.text);
  return check_found(b, i, spec);
}

static bool is_generated(const char *spec) {
  return !strcmp(spec, "random") || !strncmp(spec, "random:", 7) ||
         !strcmp(spec, "zeros") || !strncmp(spec, "const:", 6);
}

/* A list of numbers decides a symbol if it is the only one in the shape. */
static bool bind_literal(binder *b, int32_t i, const char *spec) {
  const tenon_tensor_info *wanted = &b->info->inputs[i];
  int64_t product = 1, symbol = -1;
  int symbols = 0;
  for (int32_t d = 0; d < wanted->rank; ++d) {
    if (is_symbol(wanted->dims[d])) {
      symbol = -1 - wanted->dims[d];
      ++symbols;
    } else if (wanted->dims[d] <= 0 ||
               __builtin_mul_overflow(product, wanted->dims[d], &product)) {
      return true;
    }
  }
  int64_t count = tenon_literal_count(spec);
  if (symbols != 1 || count % product)
    return true;
  char origin[160];
  snprintf(origin, sizeof(origin), "the numbers for input '%.100s'",
           wanted->name);
  return bind_symbol(b, symbol, count / product, origin);
}

/* Gives an input the sizes that the symbols decide. */
static bool allocate_input(binder *b, int32_t i) {
  const tenon_tensor_info *wanted = &b->info->inputs[i];
  tenon_array *array = &b->values->inputs[i];
  array->type = wanted->type;
  array->rank = wanted->rank;
  if (wanted->rank > TENON_MAX_RANK)
    return tenon_refuse(b->message, "input '%s' has more than %d dimensions",
                        wanted->name, TENON_MAX_RANK);
  for (int32_t d = 0; d < wanted->rank; ++d) {
    int64_t dim = wanted->dims[d];
    if (dim == INT64_MIN)
      return tenon_refuse(b->message,
                          "input '%s': its shape follows from no "
                          "symbol; give a .npy file",
                          wanted->name);
    array->dims[d] = dim < 0 ? b->values->symbols[-1 - dim] : dim;
  }
  tenon_message reason;
  if (!tenon_array_allocate(array, &reason))
    return tenon_refuse(b->message, "input '%s': %.700s", wanted->name,
                        reason.text);
  return true;
}

static bool generate_input(binder *b, int32_t i, const char *spec) {
  const tenon_tensor_info *wanted = &b->info->inputs[i];
  tenon_array *array = &b->values->inputs[i];
  if (!allocate_input(b, i))
    return false;
  if (!strcmp(spec, "zeros"))
    return true;
  if (!strncmp(spec, "const:", 6))
    return tenon_parse_literal(spec + 6, wanted->name, true, array, b->message);
  if (!strncmp(spec, "random", 6)) {
    const char *digits = spec[6] ? spec + 7 : "0";
    char *end;
    errno = 0;
    uint64_t seed = strtoull(digits, &end, 10);
    if (end == digits || *end || errno || *digits == '-')
      return tenon_refuse(b->message,
                          "input '%s': random:SEED takes a whole "
                          "number, not '%s'",
                          wanted->name, digits);
    tenon_fill_random(array->type, wanted->name, seed, array->count,
                      array->data);
    return true;
  }
  int64_t count = tenon_literal_count(spec);
  if (count != array->count) {
    char expected[384], shape[256];
    tenon_tensor_text(expected, sizeof(expected), b->info, wanted);
    tenon_shape_text(shape, sizeof(shape), array->rank, array->dims);
    return tenon_refuse(b->message,
                        "input '%s': expected %s with the shape "
                        "%s, so %lld numbers, found %lld in "
                        "'%.60s'; use const:N to repeat one number "
                        "or give a .npy file",
                        wanted->name, expected, shape, (long long)array->count,
                        (long long)count, spec);
  }
  return tenon_parse_literal(spec, wanted->name, false, array, b->message);
}

static int64_t within(const tenon_symbol_info *symbol, int64_t least) {
  int64_t size = symbol->lo > least ? symbol->lo : least;
  return size < symbol->hi ? size : symbol->hi;
}

static bool bind_all(binder *b, const tenon_options *options) {
  const tenon_model_info *info = b->info;
  for (int i = 0; i < options->input_count; ++i) {
    const char *spec;
    int32_t which =
        tenon_find_tensor(info->inputs, info->input_count, options->inputs[i],
                          "input", &spec, b->message);
    if (which < 0)
      return false;
    if (b->specs[which])
      return tenon_refuse(b->message, "input '%s' is given twice",
                          info->inputs[which].name);
    b->specs[which] = spec;
  }
  for (int32_t i = 0; i < info->input_count; ++i) {
    const char *spec = b->specs[i];
    if (spec && is_file(spec) && !read_input(b, i, spec))
      return false;
    if (spec && !is_file(spec) && !is_generated(spec) &&
        !bind_literal(b, i, spec))
      return false;
  }
  for (int i = 0; i < options->dim_count; ++i)
    if (!bind_option(b, options->dims[i]))
      return false;
  for (int32_t s = 0; s < info->symbol_count; ++s) {
    if (b->bindings[s].bound)
      continue;
    int64_t size = within(&info->symbols[s], 1);
    b->values->symbols[s] = size;
    fprintf(stderr, "note: '%s' is %lld; --dim %s=N chooses another size\n",
            info->symbols[s].name, (long long)size, info->symbols[s].name);
  }
  for (int32_t i = 0; i < info->input_count; ++i) {
    if (b->values->inputs[i].data)
      continue;
    if (!b->specs[i])
      fprintf(stderr, "note: input '%s' is not given, so it is random:0\n",
              info->inputs[i].name);
    if (!generate_input(b, i, b->specs[i] ? b->specs[i] : "random:0"))
      return false;
  }
  return true;
}

bool tenon_bind_inputs(tenon_values *values, const tenon_model_info *info,
                       const tenon_options *options, tenon_message *message) {
  binder b = {info, values, NULL, NULL, &options->preprocess, message};
  b.bindings = calloc((size_t)info->symbol_count + 1, sizeof(*b.bindings));
  b.specs = calloc((size_t)info->input_count + 1, sizeof(*b.specs));
  bool bound = b.bindings && b.specs ? bind_all(&b, options)
                                     : tenon_refuse(message, "no memory");
  free(b.bindings);
  free(b.specs);
  return bound;
}

bool tenon_bind_selftest(tenon_values *values, const tenon_model_info *info,
                         tenon_message *message) {
  binder b = {info, values, NULL, NULL, NULL, message};
  for (int32_t s = 0; s < info->symbol_count; ++s)
    values->symbols[s] = within(&info->symbols[s], 16);
  for (int32_t i = 0; i < info->input_count; ++i) {
    tenon_array *array = &values->inputs[i];
    if (!allocate_input(&b, i))
      return false;
    tenon_fill_random(array->type, info->inputs[i].name, info->selftest_seed,
                      array->count, array->data);
  }
  return true;
}
