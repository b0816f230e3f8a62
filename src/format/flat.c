#include "format/flat.h"

#include <string.h>

static void fault(eao_flat *f, size_t at, const char *text) {
  if (f->error) return;
  f->error = text;
  f->error_at = at;
}

static bool spend(eao_flat *f, size_t at, uint64_t bytes) {
  if (bytes > f->work) {
    fault(f, at, "parts of the file are referred to too often");
    f->work = 0;
    return false;
  }
  f->work -= bytes;
  return true;
}

static uint16_t load_u16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}

static bool inside(const eao_flat *f, uint64_t at, uint64_t size) {
  return at <= f->n && size <= f->n - at;
}

static eao_ftab table_at(eao_flat *f, uint64_t pos) {
  eao_ftab none = {.f = f}, t = {.f = f};
  if (!inside(f, pos, 4) || pos > INT32_MAX) {
    fault(f, (size_t)pos, "a table lies outside the file");
    return none;
  }
  int64_t vtable = (int64_t)pos - (int32_t)eao_load_u32(f->p + pos);
  if (vtable < 0 || !inside(f, (uint64_t)vtable, 4)) {
    fault(f, (size_t)pos, "the vtable of a table lies outside the file");
    return none;
  }
  t.pos = (uint32_t)pos;
  t.vtable = (uint32_t)vtable;
  t.vtable_size = load_u16(f->p + vtable);
  t.size = load_u16(f->p + vtable + 2);
  if (t.vtable_size < 4 || t.vtable_size % 2 || !inside(f, t.vtable, t.vtable_size) || t.size < 4 ||
      !inside(f, pos, t.size)) {
    fault(f, (size_t)pos, "a table has an impossible size");
    return none;
  }
  return spend(f, (size_t)pos, (uint64_t)t.size + 4) ? t : none;
}

eao_ftab eao_flat_root(eao_flat *f, const void *p, size_t n, const char id[4]) {
  *f = (eao_flat){.p = p, .n = n, .work = (uint64_t)n * 16 + 65536};
  if (n < 8) {
    fault(f, 0, "the file is too short");
    return (eao_ftab){.f = f};
  }
  if (memcmp(f->p + 4, id, 4) != 0) {
    fault(f, 4, "the file identifier is another");
    return (eao_ftab){.f = f};
  }
  return table_at(f, eao_load_u32(f->p));
}

eao_status eao_flat_check(eao_ctx *ctx, const eao_flat *f) {
  if (!f->error) return EAO_OK;
  return eao_fail(ctx, EAO_ERR_FORMAT, "%s (at byte %zu)", f->error, f->error_at);
}

/* Where a field of `size` bytes is; NULL when absent or malformed. */
static const uint8_t *field(const eao_ftab *t, uint32_t slot, uint32_t size) {
  uint32_t entry = 4 + 2 * slot;
  if (!t->pos || entry + 2 > t->vtable_size) return NULL;
  uint16_t off = load_u16(t->f->p + t->vtable + entry);
  if (off == 0) return NULL;
  if (off < 4 || (uint32_t)off + size > t->size) {
    fault(t->f, t->pos, "a field lies outside its table");
    return NULL;
  }
  return t->f->p + t->pos + off;
}

bool eao_ftab_has(const eao_ftab *t, uint32_t slot) {
  return field(t, slot, 1) != NULL;
}

int64_t eao_ftab_i8(const eao_ftab *t, uint32_t slot, int64_t def) {
  const uint8_t *p = field(t, slot, 1);
  return p ? (int8_t)*p : def;
}

int64_t eao_ftab_i32(const eao_ftab *t, uint32_t slot, int64_t def) {
  const uint8_t *p = field(t, slot, 4);
  return p ? (int32_t)eao_load_u32(p) : def;
}

int64_t eao_ftab_i64(const eao_ftab *t, uint32_t slot, int64_t def) {
  const uint8_t *p = field(t, slot, 8);
  return p ? (int64_t)eao_load_u64(p) : def;
}

uint64_t eao_ftab_u8(const eao_ftab *t, uint32_t slot, uint64_t def) {
  const uint8_t *p = field(t, slot, 1);
  return p ? *p : def;
}

uint64_t eao_ftab_u32(const eao_ftab *t, uint32_t slot, uint64_t def) {
  const uint8_t *p = field(t, slot, 4);
  return p ? eao_load_u32(p) : def;
}

uint64_t eao_ftab_u64(const eao_ftab *t, uint32_t slot, uint64_t def) {
  const uint8_t *p = field(t, slot, 8);
  return p ? eao_load_u64(p) : def;
}

float eao_ftab_f32(const eao_ftab *t, uint32_t slot, float def) {
  const uint8_t *p = field(t, slot, 4);
  if (!p) return def;
  uint32_t bits = eao_load_u32(p);
  float v;
  memcpy(&v, &bits, sizeof v);
  return v;
}

/* Absolute position that the offset field in `slot` names; 0 when absent. */
static uint64_t follow(const eao_ftab *t, uint32_t slot) {
  const uint8_t *p = field(t, slot, 4);
  if (!p) return 0;
  uint32_t off = eao_load_u32(p);
  if (off == 0) {
    fault(t->f, (size_t)(p - t->f->p), "an offset is 0");
    return 0;
  }
  return (uint64_t)(p - t->f->p) + off;
}

eao_ftab eao_ftab_tab(const eao_ftab *t, uint32_t slot) {
  uint64_t pos = follow(t, slot);
  return pos ? table_at(t->f, pos) : (eao_ftab){.f = t->f};
}

eao_fvec eao_ftab_vec(const eao_ftab *t, uint32_t slot, uint32_t elem) {
  eao_fvec v = {NULL, 0};
  uint64_t pos = follow(t, slot);
  if (!pos) return v;
  if (!inside(t->f, pos, 4)) {
    fault(t->f, (size_t)pos, "a vector lies outside the file");
    return v;
  }
  uint32_t n = eao_load_u32(t->f->p + pos);
  uint64_t bytes = (uint64_t)n * elem;
  if (!inside(t->f, pos + 4, bytes)) {
    fault(t->f, (size_t)pos, "a vector ends outside the file");
    return v;
  }
  /* Byte vectors are handed on, not walked: they cost nothing. */
  if (n == 0 || !spend(t->f, (size_t)pos, elem > 1 ? bytes : 4)) return v;
  v.p = t->f->p + pos + 4;
  v.n = n;
  return v;
}

eao_fvec eao_ftab_str(const eao_ftab *t, uint32_t slot) {
  eao_fvec v = eao_ftab_vec(t, slot, 1);
  if (v.n && !spend(t->f, (size_t)(v.p - t->f->p), v.n)) return (eao_fvec){NULL, 0};
  return v;
}

eao_ftab eao_fvec_tab(eao_flat *f, eao_fvec v, uint32_t i) {
  const uint8_t *p = v.p + (size_t)i * 4;
  return table_at(f, (uint64_t)(p - f->p) + eao_load_u32(p));
}

/* ---- builder ---- */

void eao_fbuild_init(eao_fbuild *b, eao_ctx *ctx) {
  memset(b, 0, sizeof *b);
  b->ctx = ctx;
}

void eao_fbuild_deinit(eao_fbuild *b) {
  eao_free(b->ctx, b->buf);
  eao_free(b->ctx, b->vtable);
  b->buf = NULL;
  b->vtable = NULL;
}

/* Makes room for n bytes in front; NULL after a failure. */
static uint8_t *take(eao_fbuild *b, size_t n) {
  if (b->status != EAO_OK) return NULL;
  if (n > (size_t)INT32_MAX - b->used) {
    b->status = eao_fail(b->ctx, EAO_ERR_UNSUPPORTED, "the file would exceed 2 GiB");
    return NULL;
  }
  if (b->used + n > b->cap || !b->buf) {
    size_t cap = b->cap ? b->cap : 1024;
    while (cap < b->used + n) cap *= 2;
    uint8_t *p = eao_alloc(b->ctx, cap);
    if (!p) {
      b->status = EAO_NOMEM(b->ctx);
      return NULL;
    }
    if (b->used) memcpy(p + cap - b->used, b->buf + b->cap - b->used, b->used);
    eao_free(b->ctx, b->buf);
    b->buf = p;
    b->cap = cap;
  }
  b->used += n;
  return b->buf + b->cap - b->used;
}

/* Pads so that after n more bytes the front is aligned, counted from the end. */
static void align_front(eao_fbuild *b, size_t n, size_t align) {
  size_t pad = (align - (b->used + n) % align) % align;
  uint8_t *p = take(b, pad);
  if (p && pad) memset(p, 0, pad);
}

static void store(uint8_t *p, uint64_t v, uint32_t size) {
  for (uint32_t i = 0; i < size; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static void put(eao_fbuild *b, uint64_t v, uint32_t size) {
  uint8_t *p = take(b, size);
  if (p) store(p, v, size);
}

eao_fref eao_fbuild_vec(eao_fbuild *b, const void *data, size_t n, uint32_t elem, uint32_t align) {
  uint64_t bytes;
  if (!eao_mul_u64(n, elem, &bytes) || bytes > INT32_MAX) {
    if (b->status == EAO_OK)
      b->status = eao_fail(b->ctx, EAO_ERR_UNSUPPORTED, "the file would exceed 2 GiB");
    return 0;
  }
  align_front(b, (size_t)bytes, align > 4 ? align : 4);
  uint8_t *p = take(b, (size_t)bytes);
  if (p && bytes) memcpy(p, data, (size_t)bytes);
  put(b, n, 4);
  return (eao_fref)b->used;
}

eao_fref eao_fbuild_str(eao_fbuild *b, const char *s, size_t n) {
  align_front(b, n + 1, 4);
  put(b, 0, 1);
  uint8_t *p = take(b, n);
  if (p && n) memcpy(p, s, n);
  put(b, n, 4);
  return (eao_fref)b->used;
}

eao_fref eao_fbuild_refs(eao_fbuild *b, const eao_fref *ref, size_t n) {
  align_front(b, n * 4, 4);
  for (size_t i = n; i-- > 0;) put(b, b->used + 4 - ref[i], 4);
  put(b, n, 4);
  return (eao_fref)b->used;
}

void eao_fbuild_int(eao_fbuild *b, uint32_t slot, uint32_t size, int64_t v) {
  b->slot[slot].bits = (uint64_t)v;
  b->slot[slot].size = (uint8_t)size;
  b->slot[slot].ref = false;
}

void eao_fbuild_f32(eao_fbuild *b, uint32_t slot, float v) {
  uint32_t bits;
  memcpy(&bits, &v, sizeof bits);
  eao_fbuild_int(b, slot, 4, bits);
}

void eao_fbuild_ref(eao_fbuild *b, uint32_t slot, eao_fref ref) {
  if (!ref) return;
  eao_fbuild_int(b, slot, 4, ref);
  b->slot[slot].ref = true;
}

/* A vtable with these bytes that was written before; 0: none. */
static uint32_t same_vtable(const eao_fbuild *b, const uint8_t *v, uint32_t size) {
  for (uint32_t i = b->n_vtable; i-- > 0;) {
    const uint8_t *old = b->buf + b->cap - b->vtable[i];
    if (load_u16(old) == size && memcmp(old, v, size) == 0) return b->vtable[i];
  }
  return 0;
}

eao_fref eao_fbuild_table(eao_fbuild *b) {
  uint8_t vt[4 + 2 * EAO_FBUILD_SLOTS] = {0};
  uint32_t n = 0, at[EAO_FBUILD_SLOTS] = {0};
  size_t end = b->used;
  /* Small fields end up last, so that each is aligned without padding between them. */
  for (uint32_t size = 1; size <= 8; size *= 2)
    for (uint32_t i = EAO_FBUILD_SLOTS; i-- > 0;) {
      if (b->slot[i].size != size) continue;
      align_front(b, size, size);
      uint64_t bits = b->slot[i].bits;
      if (b->slot[i].ref) bits = b->used + 4 - bits;
      put(b, bits, size);
      at[i] = (uint32_t)b->used;
      if (i + 1 > n) n = i + 1;
    }
  align_front(b, 4, 4);
  put(b, 0, 4); /* the offset of the vtable, set below */
  uint32_t table = (uint32_t)b->used, vsize = 4 + 2 * n;
  for (uint32_t i = 0; i < n; i++)
    if (b->slot[i].size) store(vt + 4 + 2 * i, table - at[i], 2);
  memset(b->slot, 0, sizeof b->slot);
  store(vt, vsize, 2);
  store(vt + 2, table - end, 2);
  if (b->status != EAO_OK) return 0;
  uint32_t old = same_vtable(b, vt, vsize);
  if (!old) {
    if (vsize % 4) align_front(b, vsize, 2);
    uint8_t *p = take(b, vsize);
    if (!p) return 0;
    memcpy(p, vt, vsize);
    old = (uint32_t)b->used;
    b->status =
        eao_grow(b->ctx, (void **)&b->vtable, &b->cap_vtable, b->n_vtable + 1, sizeof *b->vtable);
    if (b->status != EAO_OK) return 0;
    b->vtable[b->n_vtable++] = old;
  }
  store(b->buf + b->cap - table, (uint32_t)(old - table), 4);
  return table;
}

eao_status eao_fbuild_finish(eao_fbuild *b, eao_fref root, const char id[4],
                             const uint8_t **out_data, size_t *out_size) {
  align_front(b, 8, 16);
  uint8_t *p = take(b, 8);
  if (b->status != EAO_OK) return b->status;
  memcpy(p + 4, id, 4);
  store(p, b->used - root, 4);
  *out_data = p;
  *out_size = b->used;
  return EAO_OK;
}
