/* Context, diagnostics, memory, checked arithmetic: what every other layer stands on. */
#ifndef EAO_BASE_BASE_H
#define EAO_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eao/eao.h"

#if defined(__GNUC__)
#define EAO_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define EAO_MUST_CHECK __attribute__((warn_unused_result))
#else
#define EAO_PRINTF(a, b)
#define EAO_MUST_CHECK
#endif

#define EAO_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Propagate a failure. */
#define EAO_TRY(expr)                                                                              \
  do {                                                                                             \
    eao_status try_status_ = (expr);                                                               \
    if (try_status_ != EAO_OK) return try_status_;                                                 \
  } while (0)

struct eao_ctx {
  eao_allocator allocator;
  eao_limits limits; /* never 0: defaults filled in */
  uint64_t heap_bytes, heap_peak_bytes;
  void (*warn)(void *user, const char *text);
  void *warn_user;
  int output_fd; /* takes the content of files that are written; -1: they are made by name */
  char message[1024];
};

/* Memory comes from malloc, so that other threads may have contexts beside this one: a caller's
 * allocator need not bear that. */
bool eao_ctx_is_shareable(const eao_ctx *ctx);

/* ---- diagnostics ---- */

/* Records the message of a failure and returns code. */
eao_status eao_fail(eao_ctx *ctx, eao_status code, const char *fmt, ...) EAO_PRINTF(3, 4);
/* Puts "<text>: " before the message of the failure that is on its way up; returns code. */
eao_status eao_fail_within(eao_ctx *ctx, eao_status code, const char *fmt, ...) EAO_PRINTF(3, 4);
void eao_warn(eao_ctx *ctx, const char *fmt, ...) EAO_PRINTF(2, 3);

/* ---- heap: counted against limits.max_total_bytes ---- */

/* NULL on failure or when the limit is reached. n == 0 gives a valid pointer. Zeroed. */
void *eao_alloc(eao_ctx *ctx, size_t n);
/* Grows or shrinks a block from eao_alloc (or NULL); new bytes are not zeroed. */
void *eao_realloc(eao_ctx *ctx, void *p, size_t n);
void eao_free(eao_ctx *ctx, void *p);

/* Makes room for one more element in a growable array; doubles. */
eao_status eao_grow(eao_ctx *ctx, void **array, uint32_t *cap, uint32_t need, size_t elem);

/* ---- arena: many small allocations freed together ---- */

typedef struct eao_arena_block eao_arena_block;
typedef struct eao_arena {
  eao_ctx *ctx;
  eao_arena_block *head;
} eao_arena;

void eao_arena_init(eao_arena *a, eao_ctx *ctx);
void eao_arena_deinit(eao_arena *a);
/* Zeroed, 16-byte aligned; NULL when out of memory. */
void *eao_arena_alloc(eao_arena *a, size_t n);
/* n elements of size each, overflow checked. */
void *eao_arena_array(eao_arena *a, uint64_t n, size_t size);
void *eao_arena_dup(eao_arena *a, const void *p, size_t n);
/* Copies n bytes and adds a NUL. */
char *eao_arena_strn(eao_arena *a, const char *s, size_t n);
char *eao_arena_str(eao_arena *a, const char *s);
char *eao_arena_printf(eao_arena *a, const char *fmt, ...) EAO_PRINTF(2, 3);

#define EAO_NOMEM(ctx) eao_fail((ctx), EAO_ERR_NOMEM, "out of memory")

/* ---- checked arithmetic: true when the result fits ---- */

static inline bool eao_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
static inline bool eao_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
static inline bool eao_mul_i64(int64_t a, int64_t b, int64_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
static inline bool eao_add_i64(int64_t a, int64_t b, int64_t *out) {
  return !__builtin_add_overflow(a, b, out);
}

/* ---- growing text ---- */

typedef struct eao_text {
  eao_ctx *ctx;
  char *p; /* NUL-terminated once anything was added; NULL before */
  size_t len, cap;
  bool failed; /* an allocation failed: later additions do nothing */
} eao_text;

void eao_text_init(eao_text *t, eao_ctx *ctx);
void eao_text_deinit(eao_text *t);
void eao_text_add(eao_text *t, const char *s, size_t n);
void eao_text_printf(eao_text *t, const char *fmt, ...) EAO_PRINTF(2, 3);
/* Adds s as text or a quoted attribute of HTML: escaped, control characters replaced; NULL: none.
 */
void eao_text_html(eao_text *t, const char *s);
/* Head and style of a page, up to the opened body; its end. */
void eao_html_open(eao_text *t, const char *title);
void eao_html_close(eao_text *t);

/* ---- map from text to numbers ---- */

typedef struct eao_map_slot eao_map_slot;
typedef struct eao_map {
  eao_ctx *ctx;
  eao_map_slot *slot;
  uint32_t n, cap;
} eao_map;
void eao_map_init(eao_map *m, eao_ctx *ctx);
void eao_map_deinit(eao_map *m);
/* Adds or replaces; key is borrowed. out_was_there may be NULL. */
eao_status eao_map_put(eao_map *m, const char *key, uint32_t value,
                       bool *out_was_there) EAO_MUST_CHECK;
bool eao_map_get(const eao_map *m, const char *key, uint32_t *out_value);

/* ---- files ---- */

typedef struct eao_file {
  const uint8_t *data; /* mapped read-only; NULL when size is 0 */
  size_t size;
} eao_file;

/* Maps a regular file. Errors name the path. */
eao_status eao_file_map(eao_ctx *ctx, const char *path, eao_file *out);
void eao_file_unmap(eao_ctx *ctx, eao_file *f);
/* A copy of bytes in memory as if it were a mapped file. */
eao_status eao_file_from_bytes(eao_ctx *ctx, const void *data, size_t n, eao_file *out);
/* The bytes [p, p + n) of a mapped file were read and are not needed soon: their pages no longer
 * count as memory of the process. They can still be read. */
void eao_file_forget(const void *p, size_t n);
/* Writes to a temporary beside path, syncs, renames: a partial file never has the final name. */
eao_status eao_file_write(eao_ctx *ctx, const char *path, const void *data, size_t size);
typedef struct eao_span {
  const void *p;
  size_t n;
} eao_span;
/* The same for content in several pieces. */
eao_status eao_file_write_parts(eao_ctx *ctx, const char *path, const eao_span *part,
                                uint32_t n_part);

/* ---- hash, random numbers, clock ---- */

typedef struct eao_blake2b {
  uint64_t h[8], t[2];
  uint8_t buf[128];
  size_t buflen, outlen;
} eao_blake2b;
/* RFC 7693, unkeyed; outlen 1..64 bytes. */
void eao_blake2b_init(eao_blake2b *s, size_t outlen);
void eao_blake2b_update(eao_blake2b *s, const void *data, size_t n);
void eao_blake2b_final(eao_blake2b *s, uint8_t *out);
/* Eight lanes of BLAKE2b at once, for long messages; wide_hash.c defines it. */
void eao_wide_hash(const void *data, size_t n, uint8_t out[32]);

/* SplitMix64 (Steele et al. 2014): the same numbers on every machine. */
typedef struct eao_rng {
  uint64_t state;
} eao_rng;
static inline uint64_t eao_rng_next(eao_rng *r) {
  uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
/* Uniform in [0,1). */
static inline double eao_rng_f64(eao_rng *r) {
  return (double)(eao_rng_next(r) >> 11) * 0x1p-53;
}
/* Uniform in [0,n); n > 0. */
static inline uint64_t eao_rng_below(eao_rng *r, uint64_t n) {
  return eao_rng_next(r) % n;
}

/* Monotonic, nanoseconds. */
uint64_t eao_clock_ns(void);

#endif
