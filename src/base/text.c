#include <stdio.h>
#include <string.h>

#include "base/base.h"

void eao_text_init(eao_text *t, eao_ctx *ctx) {
  memset(t, 0, sizeof *t);
  t->ctx = ctx;
}

void eao_text_deinit(eao_text *t) {
  eao_free(t->ctx, t->p);
  t->p = NULL;
}

static bool reserve(eao_text *t, size_t n) {
  if (t->failed) return false;
  if (n < t->cap - t->len) return true;
  size_t cap = t->cap ? t->cap : 256;
  while (cap - t->len <= n) {
    if (cap > SIZE_MAX / 2) {
      t->failed = true;
      return false;
    }
    cap *= 2;
  }
  char *p = eao_realloc(t->ctx, t->p, cap);
  if (!p) {
    t->failed = true;
    return false;
  }
  t->p = p;
  t->cap = cap;
  return true;
}

void eao_text_add(eao_text *t, const char *s, size_t n) {
  if (!reserve(t, n)) return;
  if (n) memcpy(t->p + t->len, s, n);
  t->len += n;
  t->p[t->len] = 0;
}

void eao_text_printf(eao_text *t, const char *fmt, ...) {
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  if (n >= 0 && reserve(t, (size_t)n)) {
    vsnprintf(t->p + t->len, (size_t)n + 1, fmt, again);
    t->len += (size_t)n;
  }
  va_end(again);
}
