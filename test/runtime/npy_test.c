/* .npy and .npz: what is written can be read, and no file crashes the reader.
 */
#include "check.h"
#include "exe/exe.h"

#include <stdlib.h>
#include <string.h>

static const char scratch_file[] = "runtime_test.npz";

static tenon_array make_array(int32_t type, int32_t rank, const int64_t *dims) {
  tenon_message message;
  tenon_array array = {.type = type, .rank = rank};
  for (int32_t d = 0; d < rank; ++d)
    array.dims[d] = dims[d];
  if (!tenon_array_allocate(&array, &message))
    abort();
  tenon_fill_random(type, "x", 1, array.count, array.data);
  return array;
}

static int equal_arrays(const tenon_array *a, const tenon_array *b) {
  return a->type == b->type && a->rank == b->rank && a->count == b->count &&
         !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(int64_t)) &&
         !memcmp(a->data, b->data, a->bytes);
}

static void every_type_comes_back(results *r) {
  static const int64_t dims[] = {3, 1, 5};
  tenon_message message;
  for (int32_t type = 1; type <= TENON_I2; ++type) {
    if (!tenon_type_bits(type))
      continue;
    for (int32_t rank = 0; rank <= 3; ++rank) {
      tenon_array array = make_array(type, rank, dims), back;
      uint8_t *image;
      size_t size;
      CHECK(tenon_npy_encode(&array, &image, &size, &message));
      CHECK((size -
             (size_t)array.count * (tenon_type_bits(type) < 8
                                        ? 1
                                        : (size_t)tenon_type_bits(type) / 8)) %
                64 ==
            0);
      CHECK(tenon_npy_decode(image, size, type, &back, &message));
      CHECK(equal_arrays(&array, &back));
      free(image);
      tenon_array_free(&array);
      tenon_array_free(&back);
    }
  }
}

static void an_archive_comes_back(results *r) {
  static const int64_t dims[] = {2, 0, 7};
  tenon_message message;
  tenon_array arrays[] = {make_array(TENON_F32, 1, dims),
                          make_array(TENON_I4, 1, dims),
                          make_array(TENON_U8, 3, dims)};
  const char *names[] = {"a", "b/c", "empty"};
  CHECK(tenon_npz_write(scratch_file, arrays, names, 3, &message));
  uint8_t *bytes;
  size_t size;
  CHECK(tenon_read_file(scratch_file, &bytes, &size, &message));
  for (int i = 0; i < 3; ++i) {
    tenon_member member;
    tenon_array back;
    CHECK(tenon_npz_find(bytes, size, names[i], &member, &message));
    CHECK(!member.owned);
    CHECK(tenon_npy_decode(member.bytes, member.size, arrays[i].type, &back,
                           &message));
    CHECK(equal_arrays(&arrays[i], &back));
    tenon_array_free(&back);
  }
  tenon_member member;
  CHECK(!tenon_npz_find(bytes, size, "nothing", &member, &message));
  CHECK(strstr(message.text, "b/c.npy"));
  /* Cut anywhere and with any byte changed: refused or read, never a crash. */
  for (size_t cut = 0; cut < size; ++cut) {
    uint8_t *part = malloc(cut + 1);
    memcpy(part, bytes, cut);
    CHECK(!tenon_npz_find(part, cut, "a", &member, &message));
    free(part);
  }
  for (size_t i = 0; i < size; ++i) {
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    copy[i] ^= 0xFF;
    tenon_array back;
    if (tenon_npz_find(copy, size, "a", &member, &message)) {
      if (tenon_npy_decode(member.bytes, member.size, TENON_F32, &back,
                           &message))
        tenon_array_free(&back);
      free(member.owned);
    }
    free(copy);
  }
  free(bytes);
  remove(scratch_file);
  for (int i = 0; i < 3; ++i)
    tenon_array_free(&arrays[i]);
}

/* A version 1 or 2 image with a header written by hand. The copy is as long
 * as the image, so that a sanitizer sees every byte read too many. */
static int decode(int version, const char *header, size_t data_bytes,
                  int32_t wanted, tenon_array *array, tenon_message *message) {
  size_t length = strlen(header), start = version == 1 ? 10 : 12;
  size_t size = start + length + data_bytes;
  uint8_t *image = calloc(1, size);
  memcpy(image, "\x93NUMPY", 6);
  image[6] = (uint8_t)version;
  image[8] = (uint8_t)length;
  memcpy(image + start, header, length);
  for (size_t i = 0; i < data_bytes; ++i)
    image[start + length + i] = (uint8_t)i;
  int good = tenon_npy_decode(image, size, wanted, array, message);
  free(image);
  return good;
}

static void versions_and_orders_are_read(results *r) {
  tenon_message message;
  tenon_array array;
  for (int version = 1; version <= 3; ++version) {
    CHECK(decode(version,
                 "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n",
                 6, TENON_U8, &array, &message));
    static const uint8_t rows[] = {0, 2, 4, 1, 3, 5};
    CHECK(!memcmp(array.data, rows, 6));
    tenon_array_free(&array);
  }
  CHECK(decode(1, "{'shape':(4,),'fortran_order':False,'descr':'<i2'}", 8,
               TENON_I16, &array, &message));
  tenon_array_free(&array);
  /* The types that numpy has no names for. */
  CHECK(decode(1, "{'descr':'<V2','fortran_order':False,'shape':()}", 2,
               TENON_BF16, &array, &message));
  CHECK(array.type == TENON_BF16 && array.count == 1);
  tenon_array_free(&array);
  CHECK(decode(1, "{'descr':'|i1','fortran_order':False,'shape':(3,)}", 3,
               TENON_I4, &array, &message));
  CHECK(array.type == TENON_I4 && array.bytes == 2);
  tenon_array_free(&array);
}

static void malformed_files_are_refused(results *r) {
  static const char *const headers[] = {
      "",
      "{",
      "{}",
      "[1, 2]",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,) 'x': 1}",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}",
      "{'descr': '<f4', 'shape': (2,)}",
      "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
      "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
      "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904,"
      " 4)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': "
      "(99999999999999999999999999,)}",
      "{'descr': '<f4', 'fortran_order': False, 'shape': "
      "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
  };
  tenon_message message;
  tenon_array array;
  for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); ++i) {
    int accepted = decode(1, headers[i], 8, TENON_F32, &array, &message);
    if (accepted)
      fprintf(stderr, "accepted: %s\n", headers[i]);
    CHECK(!accepted);
    CHECK(message.text[0]);
  }
  CHECK(!decode(9, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 8,
                TENON_F32, &array, &message));
  CHECK(!tenon_npy_decode((const uint8_t *)"\x93NUMPX\1\0\0\0", 10, TENON_F32,
                          &array, &message));
  CHECK(!tenon_read_file("no/such/file.npy", &(uint8_t *){0}, &(size_t){0},
                         &message));
  /* A good file, cut off anywhere. */
  static const int64_t dims[] = {2, 3};
  tenon_array whole = make_array(TENON_F32, 2, dims);
  uint8_t *image;
  size_t size;
  CHECK(tenon_npy_encode(&whole, &image, &size, &message));
  for (size_t cut = 0; cut < size; ++cut) {
    uint8_t *part = malloc(cut + 1);
    memcpy(part, image, cut);
    CHECK(!tenon_npy_decode(part, cut, TENON_F32, &array, &message));
    free(part);
  }
  free(image);
  tenon_array_free(&whole);
}

void test_files(results *r) {
  every_type_comes_back(r);
  an_archive_comes_back(r);
  versions_and_orders_are_read(r);
  malformed_files_are_refused(r);
}
