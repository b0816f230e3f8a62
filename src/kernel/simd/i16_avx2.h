/* Pairs of 16-bit products in 16 channels at a time; see i16_avx512vnni.h. */
#ifndef EAO_KERNEL_SIMD_I16_AVX2_H
#define EAO_KERNEL_SIMD_I16_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum { CH = 16 };
typedef __m256i vs;
typedef __m256i vi;
typedef __m256 vf;

static inline vs vs_load(const uint8_t *p, vs flip, int n) {
  uint8_t part[CH] = {0};
  __m128i x;
  if (n == CH) {
    x = _mm_loadu_si128((const __m128i *)p);
  } else {
    __builtin_memcpy(part, p, (size_t)n);
    x = _mm_loadu_si128((const __m128i *)part);
  }
  return _mm256_xor_si256(_mm256_cvtepu8_epi16(x), flip);
}
static inline vs vs_flip(int32_t byte) {
  return _mm256_set1_epi16((short)byte);
}
/* The lower half has channels 0-3 and 8-11, the upper half the others. */
static inline vi vs_pair_lo(vs a, vs b) {
  return _mm256_unpacklo_epi16(a, b);
}
static inline vi vs_pair_hi(vs a, vs b) {
  return _mm256_unpackhi_epi16(a, b);
}
static inline vi vi_pairs(vi acc, vi x, vi w) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(x, w));
}
static inline vi vi_load(const void *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}
static inline vi vi_all(int32_t x) {
  return _mm256_set1_epi32(x);
}
static inline vf vf_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline vf vf_all(float x) {
  return _mm256_set1_ps(x);
}
static inline vi vi_requant(vi acc, vf m, vf lo, vf hi, vi z) {
  vf v = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), m);
  v = _mm256_min_ps(_mm256_max_ps(v, lo), hi);
  return _mm256_add_epi32(_mm256_cvtps_epi32(v), z);
}
static inline void vi_store_bytes(uint8_t *p, vi lo, vi hi, int n) {
  vs both = _mm256_and_si256(_mm256_packs_epi32(lo, hi), _mm256_set1_epi16(255));
  vi bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(both, both), 0x08);
  __m128i x = _mm256_castsi256_si128(bytes);
  if (n == CH)
    _mm_storeu_si128((__m128i *)p, x);
  else
    __builtin_memcpy(p, &x, (size_t)n);
}

#endif
