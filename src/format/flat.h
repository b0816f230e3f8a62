/* FlatBuffers: a bounded reader that works in place, and a builder.
 *
 * Reader: a view (table, vector, string) is checked against the buffer when it is made; reading
 * its elements afterwards cannot leave the buffer. A malformed part gives an empty view and sets
 * the reader's error, which stays; callers read a whole record and then test it once. `work`
 * bounds how often parts of the file may be visited, so that a small file in which many offsets
 * name the same part cannot cost more time than its size warrants.
 * Format: https://flatbuffers.dev/internals/ (little-endian on every machine). */
#ifndef EAO_FORMAT_FLAT_H
#define EAO_FORMAT_FLAT_H

#include "base/base.h"

typedef struct eao_flat {
  const uint8_t *p;
  size_t n;
  uint64_t work;     /* bytes that may still be visited */
  const char *error; /* static text of the first fault, NULL: none */
  size_t error_at;
} eao_flat;

/* A table; pos 0: absent, every field has its default. */
typedef struct eao_ftab {
  eao_flat *f;
  uint32_t pos, vtable;
  uint16_t vtable_size, size;
} eao_ftab;

/* n elements of a vector, in place. p is NULL only when n is 0. */
typedef struct eao_fvec {
  const uint8_t *p;
  uint32_t n;
} eao_fvec;

/* Root table of a buffer with the given 4-byte identifier. p must outlive the views. */
eao_ftab eao_flat_root(eao_flat *f, const void *p, size_t n, const char id[4]);
/* Fails with EAO_ERR_FORMAT when the reader met a fault. */
eao_status eao_flat_check(eao_ctx *ctx, const eao_flat *f) EAO_MUST_CHECK;

static inline bool eao_ftab_ok(const eao_ftab *t) {
  return t->pos != 0;
}
bool eao_ftab_has(const eao_ftab *t, uint32_t slot);
int64_t eao_ftab_i8(const eao_ftab *t, uint32_t slot, int64_t def);
int64_t eao_ftab_i32(const eao_ftab *t, uint32_t slot, int64_t def);
int64_t eao_ftab_i64(const eao_ftab *t, uint32_t slot, int64_t def);
uint64_t eao_ftab_u8(const eao_ftab *t, uint32_t slot, uint64_t def);
uint64_t eao_ftab_u32(const eao_ftab *t, uint32_t slot, uint64_t def);
uint64_t eao_ftab_u64(const eao_ftab *t, uint32_t slot, uint64_t def);
float eao_ftab_f32(const eao_ftab *t, uint32_t slot, float def);
eao_ftab eao_ftab_tab(const eao_ftab *t, uint32_t slot);
/* elem: bytes of an element (4 for a vector of tables or strings). */
eao_fvec eao_ftab_vec(const eao_ftab *t, uint32_t slot, uint32_t elem);
/* Bytes without the terminating NUL. */
eao_fvec eao_ftab_str(const eao_ftab *t, uint32_t slot);
/* Element i of a vector of tables; i < v.n. */
eao_ftab eao_fvec_tab(eao_flat *f, eao_fvec v, uint32_t i);

static inline uint32_t eao_load_u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t eao_load_u64(const uint8_t *p) {
  return eao_load_u32(p) | (uint64_t)eao_load_u32(p + 4) << 32;
}
/* i < v.n. */
static inline int32_t eao_fvec_i32(eao_fvec v, uint32_t i) {
  return (int32_t)eao_load_u32(v.p + (size_t)i * 4);
}
static inline int64_t eao_fvec_i64(eao_fvec v, uint32_t i) {
  return (int64_t)eao_load_u64(v.p + (size_t)i * 8);
}

/* ---- builder: children first, then the table that refers to them ---- */

enum { EAO_FBUILD_SLOTS = 24 };

typedef uint32_t eao_fref; /* distance of an object from the end of the buffer; 0: none */

typedef struct eao_fbuild {
  eao_ctx *ctx;
  uint8_t *buf; /* filled from its end */
  size_t cap, used;
  eao_status status; /* first failure; later calls do nothing */
  struct {
    uint64_t bits;
    uint8_t size; /* 0: absent; 4 with ref: an offset */
    bool ref;
  } slot[EAO_FBUILD_SLOTS];
  uint32_t *vtable; /* distances of the vtables so far: equal ones are shared */
  uint32_t n_vtable, cap_vtable;
} eao_fbuild;

void eao_fbuild_init(eao_fbuild *b, eao_ctx *ctx);
void eao_fbuild_deinit(eao_fbuild *b);
/* Vector of n elements of elem bytes, its first element aligned to align. */
eao_fref eao_fbuild_vec(eao_fbuild *b, const void *data, size_t n, uint32_t elem, uint32_t align);
eao_fref eao_fbuild_str(eao_fbuild *b, const char *s, size_t n);
eao_fref eao_fbuild_refs(eao_fbuild *b, const eao_fref *ref, size_t n);
/* Fields of the next table: size 1, 2, 4 or 8 bytes. */
void eao_fbuild_int(eao_fbuild *b, uint32_t slot, uint32_t size, int64_t v);
void eao_fbuild_f32(eao_fbuild *b, uint32_t slot, float v);
void eao_fbuild_ref(eao_fbuild *b, uint32_t slot, eao_fref ref); /* ref 0: left out */
/* Writes the table with the fields set since the last call. */
eao_fref eao_fbuild_table(eao_fbuild *b);
/* Adds the root offset and identifier. *out_data is borrowed from b. */
eao_status eao_fbuild_finish(eao_fbuild *b, eao_fref root, const char id[4],
                             const uint8_t **out_data, size_t *out_size) EAO_MUST_CHECK;

#endif
