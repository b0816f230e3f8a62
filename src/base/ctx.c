#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each block carries its size so that the total can be counted with any allocator. */
typedef struct header {
  size_t size;
  size_t pad; /* keeps the payload 16-byte aligned */
} header;

static void *default_realloc(void *user, void *p, size_t n) {
  (void)user;
  if (n == 0) {
    free(p);
    return NULL;
  }
  return realloc(p, n);
}

eao_ctx *eao_ctx_create(const eao_allocator *allocator, const eao_limits *limits) {
  eao_allocator a = allocator ? *allocator : (eao_allocator){default_realloc, NULL};
  eao_ctx *ctx = a.realloc(a.user, NULL, sizeof *ctx);
  if (!ctx) return NULL;
  memset(ctx, 0, sizeof *ctx);
  ctx->allocator = a;
  ctx->output_fd = -1;
  if (limits) ctx->limits = *limits;
  eao_limits *l = &ctx->limits;
  if (!l->max_tensor_bytes) l->max_tensor_bytes = (uint64_t)2 << 30;
  if (!l->max_total_bytes) l->max_total_bytes = (uint64_t)16 << 30;
  if (!l->max_nodes) l->max_nodes = 1000000;
  if (!l->max_depth) l->max_depth = 32;
  if (!l->max_steps) l->max_steps = 10000000;
  return ctx;
}

void eao_ctx_destroy(eao_ctx *ctx) {
  if (ctx) ctx->allocator.realloc(ctx->allocator.user, ctx, 0);
}

bool eao_ctx_is_shareable(const eao_ctx *ctx) {
  return ctx->allocator.realloc == default_realloc;
}

const char *eao_ctx_message(const eao_ctx *ctx) {
  return ctx->message;
}

void eao_ctx_set_output(eao_ctx *ctx, int fd) {
  ctx->output_fd = fd;
}

void eao_ctx_on_warning(eao_ctx *ctx, void (*fn)(void *user, const char *text), void *user) {
  ctx->warn = fn;
  ctx->warn_user = user;
}

eao_status eao_fail(eao_ctx *ctx, eao_status code, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(ctx->message, sizeof ctx->message, fmt, ap);
  va_end(ap);
  return code;
}

eao_status eao_fail_within(eao_ctx *ctx, eao_status code, const char *fmt, ...) {
  char text[sizeof ctx->message];
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  if (n < 0 || (size_t)n + 3 >= sizeof text) return code;
  int room = (int)(sizeof text - (size_t)n) - 3; /* a long message loses its end */
  snprintf(text + n, sizeof text - (size_t)n, ": %.*s", room, ctx->message);
  memcpy(ctx->message, text, sizeof text);
  return code;
}

void eao_warn(eao_ctx *ctx, const char *fmt, ...) {
  if (!ctx->warn) return;
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  ctx->warn(ctx->warn_user, text);
}

void *eao_realloc(eao_ctx *ctx, void *p, size_t n) {
  header *old = p ? (header *)p - 1 : NULL;
  uint64_t had = old ? old->size : 0;
  if (n > SIZE_MAX - sizeof(header) || ctx->heap_bytes - had + n > ctx->limits.max_total_bytes)
    return NULL;
  header *h = ctx->allocator.realloc(ctx->allocator.user, old, (n ? n : 1) + sizeof *h);
  if (!h) return NULL;
  h->size = n;
  ctx->heap_bytes += n - had;
  if (ctx->heap_bytes > ctx->heap_peak_bytes) ctx->heap_peak_bytes = ctx->heap_bytes;
  return h + 1;
}

void *eao_alloc(eao_ctx *ctx, size_t n) {
  void *p = eao_realloc(ctx, NULL, n);
  if (p) memset(p, 0, n);
  return p;
}

void eao_free(eao_ctx *ctx, void *p) {
  if (!p) return;
  header *h = (header *)p - 1;
  ctx->heap_bytes -= h->size;
  ctx->allocator.realloc(ctx->allocator.user, h, 0);
}

eao_status eao_grow(eao_ctx *ctx, void **array, uint32_t *cap, uint32_t need, size_t elem) {
  if (need <= *cap) return EAO_OK;
  uint64_t n = *cap ? (uint64_t)*cap * 2 : 16;
  if (n < need) n = need;
  if (n > UINT32_MAX || n > SIZE_MAX / elem) return EAO_NOMEM(ctx);
  void *p = eao_realloc(ctx, *array, (size_t)n * elem);
  if (!p) return EAO_NOMEM(ctx);
  *array = p;
  *cap = (uint32_t)n;
  return EAO_OK;
}
