/* Pairs of 16-bit products in 32 channels at a time, for depthwise convolutions of bytes. The same
 * names exist for every ISA; include exactly one simd/i16_*.h. */
#ifndef EAO_KERNEL_SIMD_I16_AVX512VNNI_H
#define EAO_KERNEL_SIMD_I16_AVX512VNNI_H

#include <immintrin.h>
#include <stdint.h>

enum { CH = 32 /* channels of a vector pair */ };
typedef __m512i vs; /* 32 values of 16 bits */
typedef __m512i vi; /* 16 sums of 32 bits */
typedef __m512 vf;

/* n <= CH bytes, each exclusive-or flip, widened without sign; zeros behind. */
static inline vs vs_load(const uint8_t *p, vs flip, int n) {
  __m256i x = n == CH ? _mm256_loadu_si256((const __m256i *)p)
                      : _mm256_maskz_loadu_epi8((__mmask32)((1ull << n) - 1), p);
  return _mm512_xor_si512(_mm512_cvtepu8_epi16(x), flip);
}
static inline vs vs_flip(int32_t byte) {
  return _mm512_set1_epi16((short)byte);
}
/* Channels of a and b side by side, so that each 32-bit lane holds one channel's pair. The lower
 * half has channels 0-3, 8-11, 16-19, 24-27, the upper half the others: vi_order puts them right.
 */
static inline vi vs_pair_lo(vs a, vs b) {
  return _mm512_unpacklo_epi16(a, b);
}
static inline vi vs_pair_hi(vs a, vs b) {
  return _mm512_unpackhi_epi16(a, b);
}
static inline vi vi_pairs(vi acc, vi x, vi w) {
  return _mm512_dpwssd_epi32(acc, x, w);
}
static inline vi vi_load(const void *p) {
  return _mm512_loadu_si512(p);
}
static inline vi vi_all(int32_t x) {
  return _mm512_set1_epi32(x);
}
static inline vf vf_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline vf vf_all(float x) {
  return _mm512_set1_ps(x);
}
/* rne(clamp(float(acc) * m)) + z */
static inline vi vi_requant(vi acc, vf m, vf lo, vf hi, vi z) {
  vf v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), m);
  v = _mm512_min_ps(_mm512_max_ps(v, lo), hi);
  return _mm512_add_epi32(_mm512_cvtps_epi32(v), z);
}
/* The first n of 32 channels as bytes, from the two halves. */
static inline void vi_store_bytes(uint8_t *p, vi lo, vi hi, int n) {
  /* Values fit 8 bits either way of sign: as 16 bits they pack without saturation. */
  vs both = _mm512_packs_epi32(lo, hi);
  _mm256_mask_storeu_epi8(p, (__mmask32)((1ull << n) - 1), _mm512_cvtepi16_epi8(both));
}

#endif
