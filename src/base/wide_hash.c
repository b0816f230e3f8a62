/* A hash as strong as BLAKE2b that reads memory at the speed of wide registers: packages are
 * verified whole each time they are opened, on devices where that must not take longer than a run.
 *
 * The message, padded with zeros to a multiple of 1024 bytes, is dealt out to eight lanes by 64-bit
 * words: lane j gets words j, j + 8, j + 16, ... Each lane is BLAKE2b-512 (RFC 7693) of its words.
 * The result is BLAKE2b-256 of the eight digests and the message's length. A block of all lanes is
 * then 1024 consecutive bytes, and word i of it one wide load. */
#include <string.h>

#include "base/base.h"
#include "base/blake2b_tables.h"
#include "base/cpu.h"

enum { LANES = 8, WORDS = 16, CHUNK = LANES * WORDS * 8 };

typedef struct state {
  uint64_t h[8][LANES];
  uint64_t count; /* bytes of a lane so far */
} state;

#define ROTATE(x, n) ((x) >> (n) | (x) << (64 - (n)))
#define WORD(wide, i) (*(const wide *)(const void *)(m + (size_t)s[i] * LANES * 8))
#define MIX(wide, a, b, c, d, i)                                                                   \
  v[a] += v[b] + WORD(wide, i);                                                                    \
  v[d] = ROTATE(v[d] ^ v[a], 32);                                                                  \
  v[c] += v[d];                                                                                    \
  v[b] = ROTATE(v[b] ^ v[c], 24);                                                                  \
  v[a] += v[b] + WORD(wide, (i) + 1);                                                              \
  v[d] = ROTATE(v[d] ^ v[a], 16);                                                                  \
  v[c] += v[d];                                                                                    \
  v[b] = ROTATE(v[b] ^ v[c], 63);

/* n chunks; last: the message ends with them. One body, compiled for several widths: vectors of
 * `some` lanes, type `wide`. */
#define BODY(wide, some)                                                                           \
  for (size_t k = 0; k < n; k++, p += CHUNK) {                                                     \
    t->count += WORDS * 8;                                                                         \
    for (int lane = 0; lane < LANES; lane += (some)) {                                             \
      const uint8_t *m = p + lane * 8;                                                             \
      wide v[16];                                                                                  \
      for (int i = 0; i < 8; i++) {                                                                \
        memcpy(&v[i], &t->h[i][lane], sizeof *v);                                                  \
        v[i + 8] = (wide){0} + iv[i];                                                              \
      }                                                                                            \
      v[12] ^= t->count;                                                                           \
      if (last && k + 1 == n) v[14] = ~v[14];                                                      \
      for (int r = 0; r < 12; r++) {                                                               \
        const uint8_t *s = sigma[r];                                                               \
        MIX(wide, 0, 4, 8, 12, 0)                                                                  \
        MIX(wide, 1, 5, 9, 13, 2)                                                                  \
        MIX(wide, 2, 6, 10, 14, 4)                                                                 \
        MIX(wide, 3, 7, 11, 15, 6)                                                                 \
        MIX(wide, 0, 5, 10, 15, 8)                                                                 \
        MIX(wide, 1, 6, 11, 12, 10)                                                                \
        MIX(wide, 2, 7, 8, 13, 12)                                                                 \
        MIX(wide, 3, 4, 9, 14, 14)                                                                 \
      }                                                                                            \
      for (int i = 0; i < 8; i++) {                                                                \
        wide h;                                                                                    \
        memcpy(&h, &t->h[i][lane], sizeof h);                                                      \
        h ^= v[i] ^ v[i + 8];                                                                      \
        memcpy(&t->h[i][lane], &h, sizeof h);                                                      \
      }                                                                                            \
    }                                                                                              \
  }

typedef uint64_t wide2 __attribute__((vector_size(16), aligned(1), may_alias));
static void absorb_any(state *t, const uint8_t *p, size_t n, bool last) {
  BODY(wide2, 2)
}

#if defined(__x86_64__)
typedef uint64_t wide4 __attribute__((vector_size(32), aligned(1), may_alias));
typedef uint64_t wide8 __attribute__((vector_size(64), aligned(1), may_alias));
__attribute__((target("avx2"))) static void absorb_avx2(state *t, const uint8_t *p, size_t n,
                                                        bool last) {
  BODY(wide4, 4)
}
__attribute__((target("avx512f"))) static void absorb_avx512(state *t, const uint8_t *p, size_t n,
                                                             bool last) {
  BODY(wide8, 8)
}
#endif

static void absorb(state *t, const uint8_t *p, size_t n, bool last) {
#if defined(__x86_64__)
  uint32_t cpu = eao_cpu_flags();
  if (cpu & EAO_CPU_AVX512) {
    absorb_avx512(t, p, n, last);
    return;
  }
  if (cpu & EAO_CPU_AVX2) {
    absorb_avx2(t, p, n, last);
    return;
  }
#endif
  absorb_any(t, p, n, last);
}

void eao_wide_hash(const void *data, size_t n, uint8_t out[32]) {
  state t = {.count = 0};
  const uint8_t *p = data;
  _Alignas(64) uint8_t tail[CHUNK] = {0};
  /* The last chunk is always taken from the copy, also when it is full. */
  size_t whole = n ? (n - 1) / CHUNK : 0, rest = n - whole * CHUNK;
  for (int i = 0; i < 8; i++)
    for (int j = 0; j < LANES; j++) t.h[i][j] = iv[i] ^ (i == 0 ? 0x01010000u ^ 64u : 0u);
  absorb(&t, p, whole, false);
  if (rest) memcpy(tail, p + whole * CHUNK, rest);
  absorb(&t, tail, 1, true);
  eao_blake2b b;
  uint8_t digest[64], length[8];
  eao_blake2b_init(&b, 32);
  for (int j = 0; j < LANES; j++) {
    for (int i = 0; i < 64; i++) digest[i] = (uint8_t)(t.h[i / 8][j] >> (8 * (i % 8)));
    eao_blake2b_update(&b, digest, sizeof digest);
  }
  for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)n >> (8 * i));
  eao_blake2b_update(&b, length, sizeof length);
  eao_blake2b_final(&b, out);
}
