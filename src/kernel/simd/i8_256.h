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
static inline vf vf_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline vf vf_all(float x) {
  return _mm256_set1_ps(x);
}
static inline void vi_store_requant(uint8_t *p, vi acc, vf m, vf lo, vf hi, vi z, int n) {
  vf v = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), m);
  v = _mm256_min_ps(_mm256_max_ps(v, lo), hi);
  vi q = _mm256_add_epi32(_mm256_cvtps_epi32(v), z);
  vi low = _mm256_shuffle_epi8(q, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                                   -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1,
                                                   -1, -1, -1, -1, -1, -1));
  uint64_t bytes = (uint32_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(low)) |
                   (uint64_t)(uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(low, 1)) << 32;
  __builtin_memcpy(p, &bytes, (size_t)n);
}

#endif
