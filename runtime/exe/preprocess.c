/* From an image to the tensor that a model takes:
 *
 *   pixels ─ resize ─ crop ─ value * range / 255 ─ (value - mean) / std
 *          ─ RGB or BGR, NCHW or NHWC, the input's type
 */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*===-- what is asked for ------------------------------------------------===*/

/* "224" or "224x160" (height x width). */
static bool parse_size(const char *text, int32_t size[2]) {
  char *end;
  long height = strtol(text, &end, 10), width = 0;
  if (end == text)
    return false;
  if (*end == 'x') {
    const char *second = end + 1;
    width = strtol(second, &end, 10);
    if (end == second || width < 1)
      return false;
  }
  if (*end || height < 1 || height > 32768 || width > 32768)
    return false;
  size[0] = (int32_t)height;
  size[1] = (int32_t)width;
  return true;
}

/* "0.5" for all channels or "0.485:0.456:0.406". */
static bool parse_channels(const char *text, double values[3]) {
  int count = 0;
  for (;;) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || value - value != 0 || count == 3)
      return false;
    values[count++] = value;
    if (!*end)
      break;
    if (*end != ':')
      return false;
    text = end + 1;
  }
  if (count == 1)
    values[1] = values[2] = values[0];
  return count != 2;
}

static bool set_one(tenon_preprocess *p, const char *name, const char *value,
                    tenon_message *message) {
  static const char *const all[] = {"resize", "crop",   "range", "mean",
                                    "std",    "layout", "color"};
  const char *expected = NULL;
  if (!strcmp(name, "resize")) {
    if (!parse_size(value, p->resize))
      expected = "N (the shorter side) or HEIGHTxWIDTH";
  } else if (!strcmp(name, "crop")) {
    if (!parse_size(value, p->crop))
      expected = "N or HEIGHTxWIDTH";
    else if (!p->crop[1])
      p->crop[1] = p->crop[0];
  } else if (!strcmp(name, "range")) {
    char *end;
    p->range = strtod(value, &end);
    if (end == value || *end || !(p->range > 0) || p->range > 65535)
      expected = "the value of full brightness, as 1 or 255";
  } else if (!strcmp(name, "mean")) {
    p->normalized = true;
    if (!parse_channels(value, p->mean))
      expected = "one number or three with ':' between";
  } else if (!strcmp(name, "std")) {
    p->normalized = true;
    if (!parse_channels(value, p->std) ||
        !(p->std[0] > 0 && p->std[1] > 0 && p->std[2] > 0))
      expected = "one number above 0 or three with ':' between";
  } else if (!strcmp(name, "layout")) {
    if (strcmp(value, "nchw") != 0 && strcmp(value, "nhwc") != 0)
      expected = "nchw or nhwc";
    p->layout = value[1] == 'c' ? TENON_NCHW : TENON_NHWC;
  } else if (!strcmp(name, "color")) {
    if (strcmp(value, "rgb") != 0 && strcmp(value, "bgr") != 0)
      expected = "rgb or bgr";
    p->bgr = value[0] == 'b';
  } else {
    const char *near = tenon_nearest(name, all, sizeof(all) / sizeof(all[0]));
    return tenon_refuse(message,
                        "--preprocess has no '%s'%s%s%s; it takes resize, "
                        "crop, range, mean, std, layout and color",
                        name, near ? "; did you mean '" : "", near ? near : "",
                        near ? "'?" : "");
  }
  if (expected)
    return tenon_refuse(message, "--preprocess: %s takes %s, not '%s'", name,
                        expected, value);
  return true;
}

bool tenon_parse_preprocess(tenon_preprocess *p, const char *text,
                            tenon_message *message) {
  char buffer[512];
  if (strlen(text) >= sizeof(buffer))
    return tenon_refuse(message, "--preprocess: the text is too long");
  strcpy(buffer, text);
  for (char *at = buffer; at;) {
    char *comma = strchr(at, ',');
    if (comma)
      *comma = '\0';
    char *equals = strchr(at, '=');
    if (!equals)
      return tenon_refuse(message,
                          "--preprocess takes NAME=VALUE,.., as "
                          "resize=256,crop=224,mean=0.5,std=0.5; found '%s'",
                          at);
    *equals = '\0';
    if (!set_one(p, at, equals + 1, message))
      return false;
    at = comma ? comma + 1 : NULL;
  }
  return true;
}

/*===-- sizes ------------------------------------------------------------===*/

/* [outer][from][inner] to [outer][to][inner] by a triangle as wide as the
 * scale, so that shrinking averages: what Pillow and torchvision do. */
static float *resize_axis(const float *source, int64_t outer, int32_t from,
                          int32_t to, int64_t inner) {
  float *result = calloc((size_t)(outer * to * inner), sizeof(float));
  double scale = (double)from / to;
  double support = scale > 1 ? scale : 1;
  for (int32_t o = 0; result && o < to; ++o) {
    double center = (o + 0.5) * scale, total = 0;
    double low = center - support + 0.5, high = center + support + 0.5;
    int32_t first = low > 0 ? (int32_t)low : 0;
    int32_t last = high < from ? (int32_t)high : from;
    for (int pass = 0; pass < 2; ++pass) {
      for (int32_t i = first; i < last; ++i) {
        double distance = (i + 0.5 - center) / support;
        double weight = 1 - (distance < 0 ? -distance : distance);
        if (weight <= 0)
          continue;
        if (pass == 0) {
          total += weight;
          continue;
        }
        float share = (float)(weight / total);
        for (int64_t row = 0; row < outer; ++row) {
          const float *in = source + (row * from + i) * inner;
          float *out = result + (row * to + o) * inner;
          for (int64_t k = 0; k < inner; ++k)
            out[k] += in[k] * share;
        }
      }
    }
  }
  return result;
}

static bool resize(float **pixels, int32_t size[2], const int32_t wanted[2],
                   int64_t channels) {
  if (size[0] == wanted[0] && size[1] == wanted[1])
    return true;
  float *wide =
      resize_axis(*pixels, size[0], size[1], wanted[1], channels);
  float *done = wide ? resize_axis(wide, 1, size[0], wanted[0],
                                   wanted[1] * channels)
                     : NULL;
  free(wide);
  if (!done)
    return false;
  free(*pixels);
  *pixels = done;
  size[0] = wanted[0];
  size[1] = wanted[1];
  return true;
}

/* Where the image is brought to before the crop: what was asked for, else the
 * model's own size unless a crop or an open dimension decides. */
static void choose_size(const tenon_preprocess *p, const int32_t image[2],
                        const int64_t model[2], int32_t wanted[2]) {
  wanted[0] = image[0];
  wanted[1] = image[1];
  if (p->resize[1]) {
    wanted[0] = p->resize[0];
    wanted[1] = p->resize[1];
  } else if (p->resize[0]) {
    int narrow = image[1] < image[0];
    double ratio = (double)image[!narrow] / image[narrow];
    double longer = p->resize[0] * ratio;
    wanted[narrow] = p->resize[0];
    wanted[!narrow] = longer < 32768 ? (int32_t)longer : 32768;
  } else if (!p->crop[0]) {
    for (int i = 0; i < 2; ++i)
      if (model[i] > 0 && model[i] <= 32768)
        wanted[i] = (int32_t)model[i];
  }
}

/*===-- the tensor -------------------------------------------------------===*/

static bool find_layout(const tenon_preprocess *p,
                        const tenon_tensor_info *wanted, bool *channels_last,
                        int32_t *channels, tenon_message *message) {
  if (wanted->rank != 3 && wanted->rank != 4)
    return tenon_refuse(message,
                        "an image fits an input with 3 or 4 dimensions, this "
                        "one has %d; give a .npy file",
                        (int)wanted->rank);
  int64_t first = wanted->dims[wanted->rank - 3];
  int64_t last = wanted->dims[wanted->rank - 1];
  bool fits_first = first == 1 || first == 3, fits_last = last == 1 || last == 3;
  *channels_last = p->layout == TENON_NHWC ||
                   (p->layout == TENON_ANY_LAYOUT && fits_last && !fits_first);
  if (p->layout == TENON_ANY_LAYOUT && fits_first && fits_last)
    return tenon_refuse(message, "its shape may be NCHW or NHWC; say which "
                                 "with --preprocess layout=nchw");
  if (!(*channels_last ? fits_last : fits_first))
    return tenon_refuse(message,
                        "expected 1 or 3 channels for an image, found %lld; "
                        "give a .npy file",
                        (long long)(*channels_last ? last : first));
  *channels = (int32_t)(*channels_last ? last : first);
  return true;
}

static void fill(tenon_array *array, const float *pixels, int32_t width,
                 const int32_t corner[2], const int32_t size[2], int32_t channels,
                 bool channels_last, const tenon_preprocess *p) {
  bool is_float = tenon_type_is_float(array->type);
  double range = p->range > 0 ? p->range : is_float ? 1 : 255;
  int64_t at = 0, plane = (int64_t)size[0] * size[1];
  for (int32_t y = 0; y < size[0]; ++y)
    for (int32_t x = 0; x < size[1]; ++x, ++at)
      for (int32_t c = 0; c < channels; ++c) {
        int32_t from = p->bgr ? channels - 1 - c : c;
        int64_t pixel = (int64_t)(corner[0] + y) * width + corner[1] + x;
        double value = pixels[pixel * channels + from] * (range / 255);
        value = (value - p->mean[c]) / p->std[c];
        int64_t to = channels_last ? at * channels + c : c * plane + at;
        double rounded = value + 0.5;
        uint64_t bits = is_float ? tenon_float_bits(array->type, value)
                        : rounded >= 255 ? 255
                        : rounded > 0    ? (uint64_t)rounded
                                         : 0;
        tenon_set_bits(array->type, array->data, to, bits);
      }
}

static bool convert(const tenon_preprocess *p, const tenon_image *image,
                    const tenon_tensor_info *wanted, bool channels_last,
                    int32_t channels, tenon_array *array,
                    tenon_message *message) {
  int64_t count = (int64_t)image->width * image->height * channels;
  float *pixels = malloc((size_t)count * sizeof(float));
  if (!pixels)
    return tenon_refuse(message, "no memory for %d x %d pixels", image->width,
                        image->height);
  for (int64_t i = 0; i < count; ++i)
    pixels[i] = image->pixels[i];
  const int64_t *spatial = wanted->dims + wanted->rank - (channels_last ? 3 : 2);
  int32_t size[2] = {image->height, image->width}, to[2], corner[2] = {0, 0};
  choose_size(p, size, spatial, to);
  if (!resize(&pixels, size, to, channels)) {
    free(pixels);
    return tenon_refuse(message, "no memory for %d x %d pixels", to[1], to[0]);
  }
  int32_t width = size[1];
  for (int i = 0; p->crop[0] && i < 2; ++i) {
    if (p->crop[i] > size[i]) {
      free(pixels);
      return tenon_refuse(message,
                          "cannot crop %d x %d (height x width) out of %d x "
                          "%d; resize it first",
                          p->crop[0], p->crop[1], size[0], size[1]);
    }
    corner[i] = (size[i] - p->crop[i]) / 2;
    size[i] = p->crop[i];
  }
  array->type = wanted->type;
  array->rank = wanted->rank;
  array->dims[0] = 1;
  int64_t *dims = array->dims + wanted->rank - 3;
  dims[channels_last ? 2 : 0] = channels;
  dims[channels_last ? 0 : 1] = size[0];
  dims[channels_last ? 1 : 2] = size[1];
  bool made = tenon_array_allocate(array, message);
  if (made)
    fill(array, pixels, width, corner, size, channels, channels_last, p);
  free(pixels);
  return made;
}

bool tenon_read_image(const tenon_preprocess *p, const uint8_t *bytes,
                      size_t size, const tenon_tensor_info *wanted,
                      tenon_array *array, tenon_message *message) {
  bool channels_last;
  int32_t channels;
  if (!find_layout(p, wanted, &channels_last, &channels, message))
    return false;
  if (!tenon_type_is_float(wanted->type) && wanted->type != TENON_U8)
    return tenon_refuse(message,
                        "an image fits float types and u8, not %s; give a "
                        ".npy file",
                        tenon_type_name(wanted->type));
  if (wanted->type == TENON_U8 && p->normalized)
    return tenon_refuse(message, "--preprocess: mean and std are for float "
                                 "inputs, this one is u8");
  tenon_image image;
  if (!tenon_image_decode(bytes, size, channels, &image, message))
    return false;
  bool made =
      convert(p, &image, wanted, channels_last, channels, array, message);
  tenon_image_free(&image);
  return made;
}
