/* NumPy's archive: a zip file of .npy members, found through the central directory at its end
 * (APPNOTE.TXT 6.3.10; zip64 for sizes is read, encryption and multi-volume are not). */
#include <string.h>
#include <zlib.h>

#include "data/data.h"

typedef struct member {
  char *name;
  uint64_t offset, packed, size;
  uint32_t crc;
  uint16_t method;
} member;

struct eao_npz {
  eao_ctx *ctx;
  eao_file file;
  char *path;
  member *item;
  uint32_t n, cap;
};

enum { MEMBERS_MAX = 1 << 20, END_SIZE = 22, CENTRAL_SIZE = 46, LOCAL_SIZE = 30 };

static uint16_t get16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}
static uint32_t get32(const uint8_t *p) {
  return get16(p) | (uint32_t)get16(p + 2) << 16;
}
static uint64_t get64(const uint8_t *p) {
  return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static eao_status bad(eao_npz *z, const char *what) {
  return eao_fail(z->ctx, EAO_ERR_FORMAT, "'%s': %s", z->path, what);
}

/* Zip64 replaces fields that are all ones by 64-bit ones in an extra record, in this order. */
static bool read_zip64(const uint8_t *p, size_t n, member *m, bool size, bool packed, bool offset) {
  while (n >= 4) {
    size_t len = get16(p + 2);
    if (len > n - 4) return false;
    if (get16(p) == 1) {
      const uint8_t *q = p + 4, *end = q + len;
      uint64_t *field[3] = {size ? &m->size : NULL, packed ? &m->packed : NULL,
                            offset ? &m->offset : NULL};
      for (int i = 0; i < 3; i++) {
        if (!field[i]) continue;
        if (end - q < 8) return false;
        *field[i] = get64(q);
        q += 8;
      }
      return true;
    }
    p += 4 + len;
    n -= 4 + len;
  }
  return false;
}

static eao_status add_member(eao_npz *z, const uint8_t *p, size_t name_len, size_t extra_len) {
  EAO_TRY(eao_grow(z->ctx, (void **)&z->item, &z->cap, z->n + 1, sizeof *z->item));
  member *m = &z->item[z->n];
  memset(m, 0, sizeof *m);
  m->method = get16(p + 10);
  m->crc = get32(p + 16);
  m->packed = get32(p + 20);
  m->size = get32(p + 24);
  m->offset = get32(p + 42);
  bool size = m->size == UINT32_MAX, packed = m->packed == UINT32_MAX,
       offset = m->offset == UINT32_MAX;
  if ((size || packed || offset) &&
      !read_zip64(p + CENTRAL_SIZE + name_len, extra_len, m, size, packed, offset))
    return bad(z, "a zip64 record is malformed");
  if (get16(p + 8) & 1) return bad(z, "members are encrypted");
  const char *name = (const char *)p + CENTRAL_SIZE;
  if (name_len > 4 && memcmp(name + name_len - 4, ".npy", 4) == 0) name_len -= 4;
  m->name = eao_alloc(z->ctx, name_len + 1);
  if (!m->name) return EAO_NOMEM(z->ctx);
  memcpy(m->name, name, name_len);
  z->n++;
  return EAO_OK;
}

static eao_status read_directory(eao_npz *z) {
  const uint8_t *d = z->file.data;
  size_t n = z->file.size, end = n;
  if (n < END_SIZE || memcmp(d, "PK", 2) != 0) return bad(z, "not an .npz archive");
  for (size_t i = n - END_SIZE; end == n; i--) { /* a comment of up to 64 KiB may follow */
    if (memcmp(d + i, "PK\5\6", 4) == 0) end = i;
    if (i == 0 || n - i > END_SIZE + 65535) break;
  }
  if (end == n) return bad(z, "the archive's directory is missing (cut off?)");
  uint64_t count = get16(d + end + 10), at = get32(d + end + 16);
  if (end >= 20 && memcmp(d + end - 20, "PK\6\7", 4) == 0) {
    uint64_t e64 = get64(d + end - 12);
    if (e64 > n || n - e64 < 56 || memcmp(d + e64, "PK\6\6", 4) != 0)
      return bad(z, "the zip64 directory is malformed");
    count = get64(d + e64 + 32);
    at = get64(d + e64 + 48);
  }
  if (count > MEMBERS_MAX) return bad(z, "too many members");
  for (uint64_t i = 0; i < count; i++) {
    if (at > n || n - at < CENTRAL_SIZE || memcmp(d + at, "PK\1\2", 4) != 0)
      return bad(z, "the archive's directory is malformed");
    size_t name = get16(d + at + 28), extra = get16(d + at + 30), note = get16(d + at + 32);
    if (n - at - CENTRAL_SIZE < name + extra + note)
      return bad(z, "the archive's directory is cut off");
    EAO_TRY(add_member(z, d + at, name, extra));
    at += CENTRAL_SIZE + name + extra + note;
  }
  return EAO_OK;
}

eao_status eao_npz_open(eao_ctx *ctx, const char *path, eao_npz **out) {
  eao_npz *z = eao_alloc(ctx, sizeof *z);
  *out = NULL;
  if (!z) return EAO_NOMEM(ctx);
  z->ctx = ctx;
  z->path = eao_alloc(ctx, strlen(path) + 1);
  if (z->path) memcpy(z->path, path, strlen(path));
  eao_status s = z->path ? eao_file_map(ctx, path, &z->file) : EAO_NOMEM(ctx);
  if (s == EAO_OK) s = read_directory(z);
  if (s != EAO_OK) {
    eao_npz_close(z);
    return s;
  }
  *out = z;
  return EAO_OK;
}

void eao_npz_close(eao_npz *z) {
  if (!z) return;
  for (uint32_t i = 0; i < z->n; i++) eao_free(z->ctx, z->item[i].name);
  eao_free(z->ctx, z->item);
  eao_free(z->ctx, z->path);
  eao_file_unmap(z->ctx, &z->file);
  eao_free(z->ctx, z);
}

uint32_t eao_npz_count(const eao_npz *z) {
  return z->n;
}

const char *eao_npz_name(const eao_npz *z, uint32_t i) {
  return z->item[i].name;
}

/* deflate cannot shrink more than 1032:1, so the declared size is bounded by the file. */
static eao_status inflate_member(eao_npz *z, const member *m, const uint8_t *p, eao_tensor *out) {
  if (m->size / 1032 > m->packed + 1 || m->size > z->ctx->limits.max_tensor_bytes)
    return bad(z, "a member's declared size is impossible");
  uint8_t *plain = eao_alloc(z->ctx, (size_t)m->size);
  if (!plain) return EAO_NOMEM(z->ctx);
  z_stream s = {0};
  eao_status st = EAO_OK;
  if (m->packed > UINT32_MAX || m->size > UINT32_MAX)
    st = eao_fail(z->ctx, EAO_ERR_UNSUPPORTED, "'%s': compressed member above 4 GiB", z->path);
  else if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
    st = EAO_NOMEM(z->ctx);
  if (st == EAO_OK) {
    s.next_in = (Bytef *)(uintptr_t)p;
    s.avail_in = (uInt)m->packed;
    s.next_out = plain;
    s.avail_out = (uInt)m->size;
    if (inflate(&s, Z_FINISH) != Z_STREAM_END || s.total_out != m->size)
      st = bad(z, "a member does not decompress");
    inflateEnd(&s);
  }
  if (st == EAO_OK && crc32_z(0, plain, (z_size_t)m->size) != m->crc)
    st = bad(z, "a member's checksum is wrong");
  if (st == EAO_OK) st = eao_npy_parse(z->ctx, m->name, plain, (size_t)m->size, out);
  eao_free(z->ctx, plain);
  return st;
}

eao_status eao_npz_read(eao_npz *z, uint32_t i, eao_tensor *out) {
  memset(out, 0, sizeof *out);
  if (i >= z->n) return eao_fail(z->ctx, EAO_ERR_ARG, "'%s' has no member %u", z->path, i);
  const member *m = &z->item[i];
  const uint8_t *d = z->file.data;
  size_t n = z->file.size;
  if (m->offset > n || n - m->offset < LOCAL_SIZE || memcmp(d + m->offset, "PK\3\4", 4) != 0)
    return bad(z, "a member's header is malformed");
  uint64_t start = m->offset + LOCAL_SIZE + get16(d + m->offset + 26) + get16(d + m->offset + 28);
  if (start > n || m->packed > n - start) return bad(z, "a member is cut off");
  eao_status s;
  if (m->method == 0) {
    s = m->packed != m->size ? bad(z, "sizes of a member differ")
        : crc32_z(0, d + start, (z_size_t)m->size) != m->crc
            ? bad(z, "a member's checksum is wrong")
            : eao_npy_parse(z->ctx, m->name, d + start, (size_t)m->size, out);
  } else if (m->method == 8) {
    s = inflate_member(z, m, d + start, out);
  } else {
    s = eao_fail(z->ctx, EAO_ERR_UNSUPPORTED, "'%s': compression method %u", z->path, m->method);
  }
  return s == EAO_OK ? s : eao_fail_within(z->ctx, s, "member '%s'", m->name);
}
