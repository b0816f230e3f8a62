#include "kernel/copy.h"

#include <stdbool.h>
#include <string.h>

/* ---- runs ---- */

#define RUNS(n)                                                                                    \
  static void runs_##n(char *y, int64_t ys, const char *x, int64_t xs, int64_t count) {            \
    for (int64_t i = 0; i < count; i++) memcpy(y + i * ys, x + i * xs, n);                         \
  }
RUNS(1)
RUNS(2)
RUNS(4)
RUNS(8)
RUNS(16)

void eao_copy_runs(void *y, int64_t ys, const void *x, int64_t xs, size_t bytes, int64_t count) {
  char *q = y;
  const char *p = x;
  switch (bytes) {
  case 1: runs_1(q, ys, p, xs, count); return;
  case 2: runs_2(q, ys, p, xs, count); return;
  case 4: runs_4(q, ys, p, xs, count); return;
  case 8: runs_8(q, ys, p, xs, count); return;
  case 16: runs_16(q, ys, p, xs, count); return;
  default: break;
  }
  if (bytes > 16 && bytes <= 32) { /* two that overlap */
    runs_16(q, ys, p, xs, count);
    runs_16(q + bytes - 16, ys, p + bytes - 16, xs, count);
    return;
  }
  for (int64_t i = 0; i < count; i++) memcpy(q + i * ys, p + i * xs, bytes);
}

/* ---- transposition ----
 * Blocks of a few vectors of 16 bytes, which all processors have; a TILE of i's at a time stays in
 * the first-level cache while the j's pass by. */

enum { TILE = 64 };

#define PLAIN(type)                                                                                \
  static void plain_##type(type *y, int64_t ys, const type *x, int64_t xs, int64_t ni,             \
                           int64_t nj) {                                                           \
    for (int64_t j = 0; j < nj; j++)                                                               \
      for (int64_t i = 0; i < ni; i++) y[j * ys + i] = x[i * xs + j];                              \
  }
PLAIN(uint8_t)
PLAIN(uint16_t)
PLAIN(uint32_t)

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLE 1
#endif
#endif

#ifdef HAVE_SHUFFLE
typedef uint32_t v4u32 __attribute__((vector_size(16)));
typedef uint8_t v16u8 __attribute__((vector_size(16)));
typedef uint16_t v8u16 __attribute__((vector_size(16)));

static inline v4u32 load_u32(const uint32_t *p) {
  v4u32 v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* r[j] = { x[0][j], x[1][j], x[2][j], x[3][j] } */
static inline void four_u32(const uint32_t *x, int64_t xs, int64_t n, v4u32 *r) {
  v4u32 a = load_u32(x), b = load_u32(x + xs), c = n > 2 ? load_u32(x + 2 * xs) : b;
  v4u32 d = n > 3 ? load_u32(x + 3 * xs) : c;
  v4u32 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
        cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  v4u32 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7),
        CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}

/* 2 or 3 planes into pixels without gaps: a store writes into the next pixel, which comes later. */
static void interleave_u32(uint32_t *y, const uint32_t *x, int64_t xs, int64_t ni, int64_t nj) {
  int64_t j = 0;
  v4u32 r[4];
  for (; j + 6 <= nj; j += 4) {
    four_u32(x + j, xs, ni, r);
    for (int k = 0; k < 4; k++) memcpy(y + (j + k) * ni, &r[k], sizeof r[k]);
  }
  plain_uint32_t(y + j * ni, ni, x + j, xs, ni, nj - j);
}

static void transpose_u32(uint32_t *y, int64_t ys, const uint32_t *x, int64_t xs, int64_t ni,
                          int64_t nj) {
  int64_t i = 0, nj4 = nj & ~(int64_t)3;
  v4u32 r[4];
  if ((ni == 2 || ni == 3) && ys == ni) {
    interleave_u32(y, x, xs, ni, nj);
    return;
  }
  for (; i + 4 <= ni;) {
    int64_t end = i + TILE < ni ? i + TILE : ni & ~(int64_t)3;
    for (int64_t j = 0; j < nj4; j += 4)
      for (int64_t k = i; k < end; k += 4) {
        four_u32(x + k * xs + j, xs, 4, r);
        for (int l = 0; l < 4; l++) memcpy(y + (j + l) * ys + k, &r[l], sizeof r[l]);
      }
    plain_uint32_t(y + nj4 * ys + i, ys, x + i * xs + nj4, xs, end - i, nj - nj4);
    i = end;
  }
  plain_uint32_t(y + i, ys, x + i * xs, xs, ni - i, nj);
}

static inline v16u8 low8(const uint8_t *p) {
  v16u8 v = {0};
  memcpy(&v, p, 8);
  return v;
}
static inline v8u16 zip8(v16u8 a, v16u8 b) {
  return (v8u16)__builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                        23);
}
static inline v8u16 zip8_high(v16u8 a, v16u8 b) {
  return (v8u16)__builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                        15, 31);
}
static inline v4u32 zip16(v8u16 a, v8u16 b) {
  return (v4u32)__builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
static inline v4u32 zip16_high(v8u16 a, v8u16 b) {
  return (v4u32)__builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/* 8 x 8 bytes */
static inline void eight_u8(const uint8_t *x, int64_t xs, uint8_t *y, int64_t ys) {
  v8u16 ab = zip8(low8(x), low8(x + xs)), cd = zip8(low8(x + 2 * xs), low8(x + 3 * xs));
  v8u16 ef = zip8(low8(x + 4 * xs), low8(x + 5 * xs)),
        gh = zip8(low8(x + 6 * xs), low8(x + 7 * xs));
  v4u32 lo = zip16(ab, cd), hi = zip16_high(ab, cd), lo2 = zip16(ef, gh), hi2 = zip16_high(ef, gh);
  v4u32 r[4] = {
      __builtin_shufflevector(lo, lo2, 0, 4, 1, 5), __builtin_shufflevector(lo, lo2, 2, 6, 3, 7),
      __builtin_shufflevector(hi, hi2, 0, 4, 1, 5), __builtin_shufflevector(hi, hi2, 2, 6, 3, 7)};
  for (int k = 0; k < 8; k++) memcpy(y + k * ys, (const char *)&r[k / 2] + k % 2 * 8, 8);
}

/* 3 or 4 planes of bytes into pixels; see interleave_u32. */
static void interleave_u8(uint8_t *y, const uint8_t *x, int64_t xs, int64_t ni, int64_t nj) {
  int64_t j = 0;
  for (; j + 18 <= nj; j += 16) {
    v16u8 p[4];
    for (int64_t k = 0; k < 4; k++) memcpy(&p[k], x + (k < ni ? k : 0) * xs + j, sizeof p[k]);
    v8u16 ab = zip8(p[0], p[1]), cd = zip8(p[2], p[3]), AB = zip8_high(p[0], p[1]),
          CD = zip8_high(p[2], p[3]);
    v4u32 r[4] = {zip16(ab, cd), zip16_high(ab, cd), zip16(AB, CD), zip16_high(AB, CD)};
    for (int k = 0; k < 16; k++) memcpy(y + (j + k) * ni, (const char *)&r[k / 4] + k % 4 * 4, 4);
  }
  plain_uint8_t(y + j * ni, ni, x + j, xs, ni, nj - j);
}

static void transpose_u8(uint8_t *y, int64_t ys, const uint8_t *x, int64_t xs, int64_t ni,
                         int64_t nj) {
  int64_t i = 0, nj8 = nj & ~(int64_t)7;
  if ((ni == 3 || ni == 4) && ys == ni) {
    interleave_u8(y, x, xs, ni, nj);
    return;
  }
  for (; i + 8 <= ni;) {
    int64_t end = i + TILE < ni ? i + TILE : ni & ~(int64_t)7;
    for (int64_t j = 0; j < nj8; j += 8)
      for (int64_t k = i; k < end; k += 8) eight_u8(x + k * xs + j, xs, y + j * ys + k, ys);
    plain_uint8_t(y + nj8 * ys + i, ys, x + i * xs + nj8, xs, end - i, nj - nj8);
    i = end;
  }
  plain_uint8_t(y + i, ys, x + i * xs, xs, ni - i, nj);
}
#else
static void transpose_u32(uint32_t *y, int64_t ys, const uint32_t *x, int64_t xs, int64_t ni,
                          int64_t nj) {
  plain_uint32_t(y, ys, x, xs, ni, nj);
}
static void transpose_u8(uint8_t *y, int64_t ys, const uint8_t *x, int64_t xs, int64_t ni,
                         int64_t nj) {
  plain_uint8_t(y, ys, x, xs, ni, nj);
}
#endif

void eao_copy_transposed(void *y, int64_t ys, const void *x, int64_t xs, int64_t ni, int64_t nj,
                         size_t size) {
  if (size == 4)
    transpose_u32(y, ys, x, xs, ni, nj);
  else if (size == 1)
    transpose_u8(y, ys, x, xs, ni, nj);
  else
    plain_uint16_t(y, ys, x, xs, ni, nj);
}
