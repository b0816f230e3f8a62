/* Mutation of protobuf messages field by field: a field is changed, dropped, doubled, renumbered or
 * replaced by another one of the file, and the lengths around it are put right. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { DEPTH_MAX = 12, FIELDS_MAX = 4096 };

typedef struct field {
  size_t tag, value, end; /* bytes of the file */
  unsigned number, wire;
  int parent; /* the message that holds it; -1: the file itself */
} field;

typedef struct table {
  field f[FIELDS_MAX];
  int n;
} table;

static bool varint(const uint8_t *p, size_t end, size_t *at, uint64_t *out) {
  *out = 0;
  for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
    uint8_t b = p[(*at)++];
    *out |= (uint64_t)(b & 0x7F) << shift;
    if (b < 0x80) return true;
  }
  return false;
}

/* Lists the fields of p[at, end) and, where they look like messages, of what they hold. False, and
 * nothing added, when this is no message. */
static bool list(table *t, const uint8_t *p, size_t at, size_t end, int parent, int depth) {
  int before = t->n;
  while (at < end && t->n < FIELDS_MAX) {
    field f = {.tag = at, .parent = parent};
    uint64_t tag, n = 0;
    if (!varint(p, end, &at, &tag)) goto none;
    f.number = (unsigned)(tag >> 3);
    f.wire = tag & 7;
    f.value = at;
    if (f.wire == 0 ? !varint(p, end, &at, &n) : f.wire == 2 && !varint(p, end, &at, &n)) goto none;
    if (f.wire == 2) f.value = at;
    n = f.wire == 2 ? n : f.wire == 1 ? 8 : f.wire == 5 ? 4 : 0;
    if (f.number == 0 || f.wire == 3 || f.wire == 4 || f.wire > 5 || n > end - at) goto none;
    at += (size_t)n;
    f.end = at;
    int self = t->n;
    t->f[t->n++] = f;
    if (f.wire == 2 && f.end - f.value > 1 && depth < DEPTH_MAX)
      (void)list(t, p, f.value, f.end, self, depth + 1);
  }
  return true;
none:
  t->n = before;
  return false;
}

static size_t put_varint(uint8_t *to, uint64_t v) {
  size_t n = 0;
  for (; v >= 0x80; v >>= 7) to[n++] = (uint8_t)(v | 0x80);
  to[n++] = (uint8_t)v;
  return n;
}

/* Writes `bytes` in the place of field k, tag included, into `to` (`cap` bytes), with the lengths
 * of the messages around it put right. 0: does not fit. */
static size_t rebuild(const table *t, int k, const uint8_t *p, size_t size, const uint8_t *bytes,
                      size_t n, uint8_t *to, size_t cap) {
  size_t from = t->f[k].tag, until = t->f[k].end;
  uint8_t *now = malloc(cap), *next = malloc(cap);
  size_t len = n;
  if (now && next && n <= cap) memcpy(now, bytes, n);
  bool ok = now && next && n <= cap;
  for (int m = t->f[k].parent; ok; m = t->f[m].parent) {
    size_t begin = m < 0 ? 0 : t->f[m].value, end = m < 0 ? size : t->f[m].end;
    size_t body = (from - begin) + len + (end - until), at = 0;
    ok = body + 20 <= cap;
    if (!ok) break;
    if (m >= 0) {
      at = put_varint(next, (uint64_t)t->f[m].number << 3 | 2);
      at += put_varint(next + at, body);
    }
    memcpy(next + at, p + begin, from - begin);
    memcpy(next + at + (from - begin), now, len);
    memcpy(next + at + (from - begin) + len, p + until, end - until);
    len = at + body;
    uint8_t *swap = now;
    now = next;
    next = swap;
    if (m < 0) break;
    from = t->f[m].tag;
    until = t->f[m].end;
  }
  if (ok) memcpy(to, now, len);
  free(now);
  free(next);
  return ok ? len : 0;
}

/* The new bytes of a field, its tag included. */
static size_t change(const table *t, const field *f, const uint8_t *p, size_t size, uint8_t *to,
                     size_t cap, eao_rng *rng) {
  size_t whole = f->end - f->tag, n;
  const field *other = &t->f[eao_rng_below(rng, (uint64_t)t->n)];
  switch (eao_rng_below(rng, 8)) {
  case 0: return 0; /* dropped */
  case 1:           /* twice */
    if (2 * whole > cap) return 0;
    memcpy(to, p + f->tag, whole);
    memcpy(to + whole, p + f->tag, whole);
    return 2 * whole;
  case 2: /* another field of the file, as it is */
    whole = other->end - other->tag;
    if (whole > cap) return 0;
    memcpy(to, p + other->tag, whole);
    return whole;
  case 3: /* another number */
    n = put_varint(to, ((uint64_t)1 + eao_rng_below(rng, 32)) << 3 | f->wire);
    if (f->wire == 2) n += put_varint(to + n, f->end - f->value);
    if (n + (f->end - f->value) > cap) return 0;
    memcpy(to + n, p + f->value, f->end - f->value);
    return n + (f->end - f->value);
  default: break;
  }
  if (f->wire != 2) { /* another number in it */
    uint64_t v = fuzz_interesting(rng, f->wire == 5 ? 32 : 64, size - f->end);
    n = put_varint(to, (uint64_t)f->number << 3 | f->wire);
    if (f->wire == 0) return n + put_varint(to + n, v);
    memcpy(to + n, &v, f->wire == 5 ? 4 : 8);
    return n + (f->wire == 5 ? 4u : 8u);
  }
  /* Other content: that of another field (names that meet, cycles), or random changes. */
  size_t len = f->end - f->value, room = cap > 32 ? cap - 32 : 0;
  const uint8_t *from = p + f->value;
  bool borrow = other->wire == 2 && eao_rng_below(rng, 2);
  if (borrow) {
    len = other->end - other->value;
    from = p + other->value;
  }
  if (len > room) return 0;
  uint8_t *tmp = malloc(room ? room : 1);
  if (!tmp) return 0;
  memcpy(tmp, from, len);
  if (!borrow) len = LLVMFuzzerMutate(tmp, len, room < len + 64 ? room : len + 64);
  n = put_varint(to, (uint64_t)f->number << 3 | 2);
  n += put_varint(to + n, len);
  memcpy(to + n, tmp, len);
  free(tmp);
  return n + len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  eao_rng rng = {seed};
  table *t = malloc(sizeof *t);
  uint8_t *fresh = malloc(max_size + 32);
  size_t out = 0;
  if (t) t->n = 0;
  if (t && fresh && eao_rng_below(&rng, 8) && list(t, data, 0, size, -1, 0) && t->n > 0) {
    int k = (int)eao_rng_below(&rng, (uint64_t)t->n);
    size_t n = change(t, &t->f[k], data, size, fresh, max_size, &rng);
    uint8_t *copy = malloc(size ? size : 1);
    if (copy) {
      memcpy(copy, data, size);
      out = rebuild(t, k, copy, size, fresh, n, data, max_size);
      free(copy);
    }
  }
  free(t);
  free(fresh);
  return out ? out : LLVMFuzzerMutate(data, size, max_size);
}
