/* The command line: --option=value or --option value, and NAME=SPEC. */
#include "exe/exe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum value_use { no_value, needs_value, may_have_value };

static const char *const names[] = {
    "--help",  "--describe", "--selftest",   "--json", "--bench",
    "--threads", "--trace",  "--dump",       "--dim",  "--out",
    "--top",   "--labels",   "--preprocess"};
static const enum value_use uses[] = {
    no_value,    no_value,    no_value,    no_value,    may_have_value,
    needs_value, needs_value, needs_value, needs_value, needs_value,
    needs_value, needs_value, needs_value};
enum { name_count = sizeof(names) / sizeof(names[0]) };

static bool set_option(tenon_options *o, int which, const char *value,
                       tenon_message *message) {
  char *end;
  /* clang-format off */
  switch (which) {
  case 0: o->help = true; return true;
  case 1: o->describe = true; return true;
  case 2: o->selftest = true; return true;
  case 3: o->json = true; return true;
  case 4:
    o->bench = true;
    if (!value)
      return true;
    o->bench_seconds = strtod(value, &end);
    if (end == value || *end || !(o->bench_seconds > 0) ||
        o->bench_seconds > 86400)
      return tenon_refuse(message, "--bench takes seconds above 0, not '%s'",
                          value);
    return true;
  case 5: {
    long threads = strtol(value, &end, 10);
    if (end == value || *end || threads < 1 || threads > 1024)
      return tenon_refuse(message, "--threads takes 1 to 1024, not '%s'",
                          value);
    o->threads = (int32_t)threads;
    return true;
  }
  case 6: o->trace = value; return true;
  case 7: o->dump = value; return true;
  case 10: {
    long top = strtol(value, &end, 10);
    if (end == value || *end || top < 1 || top > 1000)
      return tenon_refuse(message, "--top takes 1 to 1000, not '%s'", value);
    o->top = (int32_t)top;
    return true;
  }
  case 11: o->labels = value; return true;
  case 12: return tenon_parse_preprocess(&o->preprocess, value, message);
  default: break;
  }
  /* clang-format on */
  const char *equals = strchr(value, '=');
  if (!equals || equals == value || !equals[1])
    return tenon_refuse(message, "%s takes %s, not '%s'", names[which],
                        which == 8 ? "NAME=N" : "NAME=FILE.npy", value);
  /* Each list has room for every argument: they lie one after the other. */
  if (which == 8)
    ((const char **)(uintptr_t)o->dims)[o->dim_count++] = value;
  else
    ((const char **)(uintptr_t)o->outs)[o->out_count++] = value;
  return true;
}

/* Is the next argument a value of --bench, which needs none? */
static bool is_number(const char *text) {
  return text && isdigit((unsigned char)text[0]) && !strchr(text, '=');
}

bool tenon_parse_options(tenon_options *o, int argc, char **argv,
                         tenon_message *message) {
  size_t room = argc > 0 ? (size_t)argc : 1;
  *o = (tenon_options){.bench_seconds = 2, .threads = 0};
  for (int c = 0; c < 3; ++c)
    o->preprocess.std[c] = 1;
  o->storage = calloc(3 * room, sizeof(char *));
  if (!o->storage)
    return tenon_refuse(message, "no memory");
  o->dims = o->storage;
  o->outs = o->storage + room;
  const char **inputs = o->storage + 2 * room;
  o->inputs = inputs;
  for (int i = 1; i < argc; ++i) {
    const char *argument = argv[i];
    if (argument[0] != '-' || !argument[1]) {
      if (!strchr(argument, '='))
        return tenon_refuse(message,
                            "expected NAME=FILE.npy or an option, "
                            "found '%s'",
                            argument);
      inputs[o->input_count++] = argument;
      continue;
    }
    if (!strcmp(argument, "-h"))
      argument = "--help";
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    int which = 0;
    while (which < name_count && (strlen(names[which]) != length ||
                                  memcmp(names[which], argument, length) != 0))
      ++which;
    if (which == name_count) {
      char word[64];
      snprintf(word, sizeof(word), "%.*s", (int)length, argument);
      const char *near = tenon_nearest(word, names, name_count);
      return tenon_refuse(message, "unknown option '%s'%s%s%s", word,
                          near ? "; did you mean " : "", near ? near : "",
                          near ? "?" : "");
    }
    const char *value = equals ? equals + 1 : NULL;
    if (value && uses[which] == no_value)
      return tenon_refuse(message, "%s takes no value", names[which]);
    const char *next = i + 1 < argc ? argv[i + 1] : NULL;
    if (!value && uses[which] == needs_value) {
      if (!next)
        return tenon_refuse(message, "%s needs a value", names[which]);
      value = argv[++i];
    } else if (!value && uses[which] == may_have_value && is_number(next)) {
      value = argv[++i];
    }
    if (!set_option(o, which, value, message))
      return false;
  }
  if (o->labels && !o->top)
    o->top = 5;
  return true;
}

void tenon_print_help(const tenon_model_info *info, const char *program) {
  const char *input = info->input_count ? info->inputs[0].name : "x";
  const char *output = info->output_count ? info->outputs[0].name : "y";
  printf("%s: runs the model '%s'\n\n"
         "usage: %s [NAME=VALUE ...] [options]\n\n"
         "inputs\n"
         "  NAME=FILE.npy        a NumPy array\n"
         "  NAME=FILE.npz:KEY    one array of an archive\n"
         "  NAME=FILE.png|.jpg   an image; see --preprocess\n"
         "  NAME=random:SEED     the same values on every machine\n"
         "  NAME=zeros           zeros\n"
         "  NAME=const:3         one value everywhere\n"
         "  NAME=1,2,3           the values themselves\n"
         "  An input that is not given is random:0.\n\n"
         "options\n"
         "  --describe           inputs, outputs, sizes and memory\n"
         "  --dim NAME=N         a size that no given array decides\n"
         "  --threads=N          default: the CPUs this process may use\n"
         "  --dump=DIR           write every output as DIR/NAME.npy\n"
         "  --dump=FILE.npz      write all outputs into one archive\n"
         "  --out NAME=FILE.npy  write one output\n"
         "  --preprocess=resize=256,crop=224,mean=0.485:0.456:0.406,\\\n"
         "      std=0.229:0.224:0.225,range=1,color=rgb,layout=nchw\n"
         "                       what happens to images, in this order; any of\n"
         "                       these; sizes N or HEIGHTxWIDTH; without resize\n"
         "                       and crop: to the input's size, values 0..1\n"
         "  --top=K              the K largest values of each output\n"
         "  --labels=FILE        their names, one a line; --top is 5 then\n"
         "  --json               print everything as JSON\n"
         "  --bench[=SECONDS]    measure the time of a run\n"
         "  --trace=FILE.json    write the steps' times for a trace viewer\n"
         "  --selftest           compare with the digest in the model\n"
         "  --help               this text\n\n",
         program, info->name, program);
  printf("examples\n"
         "  %s --describe\n"
         "  %s '%s=x.npy' --out '%s=y.npy'\n"
         "  %s '%s=random:7' --bench=5 --threads=1\n",
         program, program, input, output, program, input);
  if (info->symbol_count)
    printf("  %s --dim %s=%lld --json\n", program, info->symbols[0].name,
           (long long)info->symbols[0].hi);
  printf("\nexit codes: 0 ok, 1 refused, 2 usage, 3 the self-test differs\n");
}
