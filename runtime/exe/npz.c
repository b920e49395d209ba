/* NumPy's .npz: a zip archive of .npy files, read as savez and savez_compressed
 * write them and written as savez does.
 *
 *   (local header, name, extra, data)* central directory, end record
 *
 * Members are found through the central directory at the end, whose sizes are
 * right even where numpy leaves those of the local headers open.
 */
#include "exe/exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  local_bytes = 30,
  central_bytes = 46,
  end_bytes = 22,
  locator_bytes = 20
};

static uint64_t read_le(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  memcpy(&value, at, (size_t)bytes);
  return value;
}

static void write_le(uint8_t *at, uint64_t value, int bytes) {
  memcpy(at, &value, (size_t)bytes);
}

static uint32_t crc32_of(const uint8_t *bytes, size_t size) {
  /* Four bits at a time: the table is small and the speed of disks. */
  static const uint32_t table[16] = {
      0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
      0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
      0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 0; i < size; ++i) {
    crc = table[(crc ^ bytes[i]) & 15] ^ crc >> 4;
    crc = table[(crc ^ (uint32_t)(bytes[i] >> 4)) & 15] ^ crc >> 4;
  }
  return ~crc;
}

/* Where the central directory lies. */
static bool find_directory(const uint8_t *bytes, size_t size, uint64_t *offset,
                           uint64_t *entries, tenon_message *message) {
  if (size < end_bytes)
    return tenon_refuse(message, "it is no .npz file");
  size_t at = size - end_bytes;
  /* A comment of up to 65535 bytes may follow the end record. */
  size_t lowest = at > 65535 ? at - 65535 : 0;
  while (read_le(bytes + at, 4) != 0x06054b50) {
    if (at-- == lowest)
      return tenon_refuse(message, "it is no .npz file, or is cut off");
  }
  *entries = read_le(bytes + at + 10, 2);
  *offset = read_le(bytes + at + 16, 4);
  if (*offset != 0xFFFFFFFF && *entries != 0xFFFF)
    return true;
  /* The 64-bit end record, found through the locator just before. */
  if (at < locator_bytes ||
      read_le(bytes + at - locator_bytes, 4) != 0x07064b50)
    return tenon_refuse(message, "its .npz directory is malformed");
  uint64_t record = read_le(bytes + at - locator_bytes + 8, 8);
  if (size < 56 || record > size - 56 ||
      read_le(bytes + record, 4) != 0x06064b50)
    return tenon_refuse(message, "its .npz directory is malformed");
  *entries = read_le(bytes + record + 32, 8);
  *offset = read_le(bytes + record + 48, 8);
  return true;
}

typedef struct entry {
  const char *name;
  size_t name_length;
  uint32_t method, crc;
  uint64_t stored, plain, offset;
} entry;

/* Sizes that do not fit 32 bits stand in an extra field, in this order. */
static void read_extra(const uint8_t *extra, size_t length, entry *e) {
  while (length >= 4) {
    uint64_t id = read_le(extra, 2), bytes = read_le(extra + 2, 2);
    if (bytes > length - 4)
      return;
    if (id == 1) {
      const uint8_t *at = extra + 4, *end = at + bytes;
      uint64_t *fields[] = {&e->plain, &e->stored, &e->offset};
      for (int i = 0; i < 3; ++i)
        if (*fields[i] == 0xFFFFFFFF && end - at >= 8) {
          *fields[i] = read_le(at, 8);
          at += 8;
        }
      return;
    }
    extra += 4 + bytes;
    length -= 4 + (size_t)bytes;
  }
}

/* Reads the entry at *at and moves behind it. */
static bool read_entry(const uint8_t *bytes, size_t size, uint64_t *at,
                       entry *e) {
  if (*at > size || size - *at < central_bytes ||
      read_le(bytes + *at, 4) != 0x02014b50)
    return false;
  const uint8_t *p = bytes + *at;
  e->name_length = (size_t)read_le(p + 28, 2);
  size_t extra = (size_t)read_le(p + 30, 2);
  size_t total =
      central_bytes + e->name_length + extra + (size_t)read_le(p + 32, 2);
  if (total > size - *at)
    return false;
  e->method = (uint32_t)read_le(p + 10, 2);
  e->crc = (uint32_t)read_le(p + 16, 4);
  e->stored = read_le(p + 20, 4);
  e->plain = read_le(p + 24, 4);
  e->offset = read_le(p + 42, 4);
  e->name = (const char *)p + central_bytes;
  read_extra(p + central_bytes + e->name_length, extra, e);
  *at += total;
  return true;
}

static bool is_named(const entry *e, const char *key) {
  size_t length = strlen(key);
  if (e->name_length < length || memcmp(e->name, key, length) != 0)
    return false;
  size_t rest = e->name_length - length;
  return rest == 0 || (rest == 4 && !memcmp(e->name + length, ".npy", 4));
}

/* The bytes of a compressed member. A bit of deflate is at most 129 bytes. */
static bool inflate(const uint8_t *stored, const entry *e, const char *key,
                    uint8_t **plain, tenon_message *message) {
  if (e->plain / 1032 > e->stored)
    return tenon_refuse(message, "its member '%s' is damaged (size)", key);
  if (e->plain > INT32_MAX || e->stored > INT32_MAX)
    return tenon_refuse(message,
                        "its member '%s' is compressed and over 2 GiB; write "
                        "it with numpy.savez",
                        key);
  *plain = malloc((size_t)e->plain + 1);
  if (!*plain)
    return tenon_refuse(message, "no memory for its member '%s'", key);
  if (tenon_inflate(stored, (size_t)e->stored, *plain, (size_t)e->plain))
    return true;
  free(*plain);
  *plain = NULL;
  return tenon_refuse(message, "its member '%s' is damaged (deflate)", key);
}

static bool member_data(const uint8_t *bytes, size_t size, const entry *e,
                        const char *key, tenon_member *member,
                        tenon_message *message) {
  enum { stored = 0, deflated = 8 };
  if (e->method != stored && e->method != deflated)
    return tenon_refuse(message,
                        "its member '%s' is compressed by zip's method %u; "
                        "write it with numpy.savez or savez_compressed",
                        key, (unsigned)e->method);
  if (e->offset > size || size - e->offset < local_bytes ||
      read_le(bytes + e->offset, 4) != 0x04034b50)
    return tenon_refuse(message, "its member '%s' is cut off", key);
  const uint8_t *local = bytes + e->offset;
  uint64_t start =
      e->offset + local_bytes + read_le(local + 26, 2) + read_le(local + 28, 2);
  if (start > size || e->stored > size - start ||
      (e->method == stored && e->plain != e->stored))
    return tenon_refuse(message, "its member '%s' is cut off", key);
  *member = (tenon_member){bytes + start, (size_t)e->plain, NULL};
  if (e->method == deflated) {
    if (!inflate(bytes + start, e, key, &member->owned, message))
      return false;
    member->bytes = member->owned;
  }
  if (crc32_of(member->bytes, member->size) == e->crc)
    return true;
  free(member->owned);
  member->owned = NULL;
  return tenon_refuse(message, "its member '%s' is damaged (CRC)", key);
}

bool tenon_npz_find(const uint8_t *bytes, size_t size, const char *key,
                    tenon_member *member, tenon_message *message) {
  uint64_t at = 0, entries = 0;
  if (!find_directory(bytes, size, &at, &entries, message))
    return false;
  char members[512] = "";
  size_t used = 0;
  for (uint64_t i = 0; i < entries; ++i) {
    entry e;
    if (!read_entry(bytes, size, &at, &e))
      return tenon_refuse(message, "its .npz directory is malformed");
    if (is_named(&e, key))
      return member_data(bytes, size, &e, key, member, message);
    if (used + e.name_length + 3 < sizeof(members))
      used += (size_t)snprintf(members + used, sizeof(members) - used, " %.*s",
                               (int)e.name_length, e.name);
  }
  return tenon_refuse(message, "it has no member '%s'; it has:%s", key,
                      members);
}

/*===-- writing ----------------------------------------------------------===*/

/* The fields that a local header and a directory entry share, from "version
 * needed" on. */
static void write_common(uint8_t *at, uint32_t crc, size_t size, size_t name) {
  memset(at, 0, 26);
  write_le(at, 20, 2);
  write_le(at + 4, 0, 2);
  /* 1980-01-01, the earliest date there is: the same values, the same bytes. */
  write_le(at + 8, 0x21, 2);
  write_le(at + 10, crc, 4);
  write_le(at + 14, size, 4);
  write_le(at + 18, size, 4);
  write_le(at + 22, name, 2);
}

static bool write_member(FILE *file, const tenon_array *array, const char *name,
                         uint64_t *offset, uint8_t *central,
                         tenon_message *message) {
  uint8_t *image;
  size_t size;
  if (!tenon_npy_encode(array, &image, &size, message))
    return false;
  size_t length = strlen(name) + 4;
  if (*offset + size + length + local_bytes > 0xFFFFFFF0u) {
    free(image);
    return tenon_refuse(message, "outputs over 4 GB do not fit a .npz; dump "
                                 "them into a directory");
  }
  uint8_t local[local_bytes] = {'P', 'K', 3, 4};
  uint32_t crc = crc32_of(image, size);
  write_common(local + 4, crc, size, length);
  memset(central, 0, central_bytes);
  memcpy(central, "PK\1\2\x14", 5);
  write_common(central + 6, crc, size, length);
  write_le(central + 42, *offset, 4);
  bool written = fwrite(local, local_bytes, 1, file) == 1 &&
                 fprintf(file, "%s.npy", name) == (int)length &&
                 fwrite(image, 1, size, file) == size;
  free(image);
  *offset += local_bytes + length + size;
  return written || tenon_refuse(message, "the disk is full or failed");
}

bool tenon_npz_write(const char *path, const tenon_array *arrays,
                     const char *const *names, size_t count,
                     tenon_message *message) {
  FILE *file = fopen(path, "wb");
  uint8_t (*central)[central_bytes] = calloc(count + 1, central_bytes);
  uint64_t offset = 0, directory = 0;
  bool good = file && central;
  if (!good)
    tenon_refuse(message, "cannot write '%s'", path);
  for (size_t i = 0; i < count && good; ++i)
    good =
        write_member(file, &arrays[i], names[i], &offset, central[i], message);
  for (size_t i = 0; i < count && good; ++i) {
    size_t length = strlen(names[i]) + 4;
    good = fwrite(central[i], central_bytes, 1, file) == 1 &&
           fprintf(file, "%s.npy", names[i]) == (int)length;
    directory += central_bytes + length;
  }
  uint8_t end[end_bytes] = {'P', 'K', 5, 6};
  write_le(end + 8, count, 2);
  write_le(end + 10, count, 2);
  write_le(end + 12, directory, 4);
  write_le(end + 16, offset, 4);
  bool closed = good && fwrite(end, end_bytes, 1, file) == 1;
  if (file)
    closed = fclose(file) == 0 && closed;
  free(central);
  if (good && !closed)
    return tenon_refuse(message, "cannot write '%s'", path);
  return good;
}
