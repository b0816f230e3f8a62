#include <stdio.h>
#include <string.h>

#include "base/base.h"

enum { BLOCK_BYTES = 16384, ALIGN = 16 };

struct eao_arena_block {
  eao_arena_block *next;
  size_t used, cap;
  size_t pad; /* keeps the payload 16-byte aligned */
};

void eao_arena_init(eao_arena *a, eao_ctx *ctx) {
  a->ctx = ctx;
  a->head = NULL;
}

void eao_arena_deinit(eao_arena *a) {
  while (a->head) {
    eao_arena_block *b = a->head;
    a->head = b->next;
    eao_free(a->ctx, b);
  }
}

void *eao_arena_alloc(eao_arena *a, size_t n) {
  if (n > SIZE_MAX / 2) return NULL;
  n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
  eao_arena_block *b = a->head;
  if (!b || b->cap - b->used < n) {
    /* A large request gets its own block behind the head, so that the head keeps filling up. */
    bool large = n > BLOCK_BYTES / 4;
    size_t cap = large ? n : BLOCK_BYTES;
    eao_arena_block *fresh = eao_alloc(a->ctx, sizeof *fresh + cap);
    if (!fresh) return NULL;
    fresh->cap = cap;
    if (large && b) {
      fresh->next = b->next;
      b->next = fresh;
    } else {
      fresh->next = b;
      a->head = fresh;
    }
    b = fresh;
  }
  void *p = (char *)(b + 1) + b->used;
  b->used += n;
  return p;
}

void *eao_arena_array(eao_arena *a, uint64_t n, size_t size) {
  uint64_t bytes;
  if (!eao_mul_u64(n, size, &bytes) || bytes > SIZE_MAX) return NULL;
  return eao_arena_alloc(a, (size_t)bytes);
}

void *eao_arena_dup(eao_arena *a, const void *p, size_t n) {
  void *q = eao_arena_alloc(a, n);
  if (q && n) memcpy(q, p, n);
  return q;
}

char *eao_arena_strn(eao_arena *a, const char *s, size_t n) {
  char *q = n < SIZE_MAX ? eao_arena_alloc(a, n + 1) : NULL;
  if (q && n) memcpy(q, s, n);
  return q;
}

char *eao_arena_str(eao_arena *a, const char *s) {
  return eao_arena_strn(a, s, strlen(s));
}

char *eao_arena_printf(eao_arena *a, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *q = n < 0 ? NULL : eao_arena_alloc(a, (size_t)n + 1);
  if (q) vsnprintf(q, (size_t)n + 1, fmt, again);
  va_end(again);
  return q;
}
