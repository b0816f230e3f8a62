/* Vectors of 8 sums of products of bytes, all but the product itself; see i8_avx512vnni.h. */
#ifndef EAO_KERNEL_SIMD_I8_256_H
#define EAO_KERNEL_SIMD_I8_256_H

#include <immintrin.h>
#include <stdint.h>

enum { VL = 8 };
typedef __m256i vi;
typedef __m256 vf;

static inline vi vi_load(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}
static inline vi vi_all(int32_t x) {
  return _mm256_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b) {
  return _mm256_add_epi32(a, b);
}
static inline vi vi_xor(vi a, vi b) {
  return _mm256_xor_si256(a, b);
}
static inline int32_t vi_sum_bytes(const uint8_t *p, int64_t n, vi flip) {
  vi sum = _mm256_setzero_si256();
  uint8_t mask = (uint8_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(flip));
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) /* four sums of 64 bits, each below 2^32 in its lane */
    sum = vi_add(sum, _mm256_sad_epu8(vi_xor(vi_load(p + i), flip), _mm256_setzero_si256()));
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  s = _mm_hadd_epi32(s, s);
  int32_t rest = _mm_cvtsi128_si32(_mm_hadd_epi32(s, s));
  for (; i < n; i++) rest += p[i] ^ mask;
  return rest;
}
static inline void vi_store(void *p, vi a) {
  _mm256_storeu_si256((__m256i *)p, a);
}
/* Bytes of a and b by turns, in each 128 bits: of the lower or upper half of these. */
static inline vi vi_zip8_lo(vi a, vi b) {
  return _mm256_unpacklo_epi8(a, b);
}
static inline vi vi_zip8_hi(vi a, vi b) {
  return _mm256_unpackhi_epi8(a, b);
}
static inline vi vi_zip16_lo(vi a, vi b) {
  return _mm256_unpacklo_epi16(a, b);
}
static inline vi vi_zip16_hi(vi a, vi b) {
  return _mm256_unpackhi_epi16(a, b);
}
/* The first n bytes. */
static inline void vi_store_n(void *p, vi a, int n) {
  uint8_t part[32];
  _mm256_storeu_si256((__m256i *)part, a);
  __builtin_memcpy(p, part, n > 32 ? 32 : (size_t)n);
}
static inline vf vf_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline vf vf_all(float x) {
  return _mm256_set1_ps(x);
}
/* What requantisation to bytes needs: multiplied sums are rounded and come to lie around z, all
 * less 128 when bytes are unsigned, which flip puts right. */
typedef struct vi_bytes {
  vi z, lo, hi, flip;
} vi_bytes;
static inline vi_bytes vi_bytes_init(int32_t z, int32_t lo, int32_t hi) {
  int32_t off = hi > 127 ? 128 : 0;
  return (vi_bytes){_mm256_set1_epi16((short)(z - off)), _mm256_set1_epi8((char)(lo - off)),
                    _mm256_set1_epi8((char)(hi - off)), _mm256_set1_epi8((char)off)};
}
/* rne(acc * m), or less where that does not fit 32 bits. */
static inline vi vi_scaled(vi acc, vf m) {
  vf v = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), m);
  return _mm256_cvtps_epi32(_mm256_min_ps(v, _mm256_set1_ps(0x1p30f)));
}
/* The float rule of docs/integer-spec.md for 4 VL sums, acc[k] times m[k], zipped as vi_zip16 of
 * vi_zip8 leaves them: packing undoes it. Bounds are integers, so they may come after rounding. */
static inline vi vi_requant4(const vi *acc, const float *const *m, const vi_bytes *q) {
  vi a = _mm256_packs_epi32(vi_scaled(acc[0], _mm256_loadu_ps(m[0])),
                            vi_scaled(acc[1], _mm256_loadu_ps(m[1])));
  vi b = _mm256_packs_epi32(vi_scaled(acc[2], _mm256_loadu_ps(m[2])),
                            vi_scaled(acc[3], _mm256_loadu_ps(m[3])));
  vi r = _mm256_packs_epi16(_mm256_adds_epi16(a, q->z), _mm256_adds_epi16(b, q->z));
  return vi_xor(_mm256_min_epi8(_mm256_max_epi8(r, q->lo), q->hi), q->flip);
}
/* The same for vectors that are not zipped: of `per` pixels (2 or 4, a constant) that are `stride`
 * bytes apart in y, the first `some`, `left` bytes of each. */
static inline __attribute__((always_inline)) void
vi_store_quarters(uint8_t *y, int64_t stride, const int per, int some, int left, const vi *acc,
                  const float *const *m, const vi_bytes *q) {
  const vi order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  vi r = _mm256_permutevar8x32_epi32(vi_requant4(acc, m, q), order);
  if (left >= 4 / per * VL && per == 2) {
    _mm_storeu_si128((__m128i *)(void *)y, _mm256_castsi256_si128(r));
    if (some > 1) _mm_storeu_si128((__m128i *)(void *)(y + stride), _mm256_extracti128_si256(r, 1));
    return;
  }
  uint8_t all[4 * VL];
  const int width = 4 / per * VL;
  size_t n = left < width ? (size_t)left : (size_t)width;
  _mm256_storeu_si256((__m256i *)(void *)all, r);
#pragma GCC unroll 4
  for (int i = 0; i < per; i++)
    if (i < some) {
      if (left >= width)
        __builtin_memcpy(y + i * stride, all + i * width, (size_t)width);
      else
        __builtin_memcpy(y + i * stride, all + i * width, n);
    }
}

#endif
