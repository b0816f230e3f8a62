/* Vectors of 16 sums of products of bytes. The same names exist for every ISA with a four-byte dot
 * product; include exactly one simd/i8_*.h. */
#ifndef EAO_KERNEL_SIMD_I8_AVX512VNNI_H
#define EAO_KERNEL_SIMD_I8_AVX512VNNI_H

#include <immintrin.h>
#include <stdint.h>

enum { VL = 16 };
typedef __m512i vi;
typedef __m512 vf;

static inline vi vi_load(const void *p) {
  return _mm512_loadu_si512(p);
}
static inline vi vi_all(int32_t x) {
  return _mm512_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b) {
  return _mm512_add_epi32(a, b);
}
static inline vi vi_xor(vi a, vi b) {
  return _mm512_xor_si512(a, b);
}
/* acc += the four products u8 * s8 of each lane; exact, wraps at 32 bits. */
static inline vi vi_dot(vi acc, vi x, vi w) {
  return _mm512_dpbusd_epi32(acc, x, w);
}
/* Sum of n bytes, each exclusive-or flip. */
static inline int32_t vi_sum_bytes(const uint8_t *p, int64_t n, vi flip) {
  vi sum = _mm512_setzero_si512(), ones = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < n; i += 64) {
    __mmask64 m = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1;
    vi x = _mm512_maskz_mov_epi8(m, vi_xor(_mm512_maskz_loadu_epi8(m, p + i), flip));
    sum = vi_dot(sum, x, ones);
  }
  return _mm512_reduce_add_epi32(sum);
}
static inline vf vf_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline vf vf_all(float x) {
  return _mm512_set1_ps(x);
}
/* rne(clamp(float(acc) * m)) + z as n bytes: the float rule of docs/integer-spec.md. */
static inline void vi_store_requant(uint8_t *p, vi acc, vf m, vf lo, vf hi, vi z, int n) {
  vf v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), m);
  v = _mm512_min_ps(_mm512_max_ps(v, lo), hi);
  vi q = _mm512_add_epi32(_mm512_cvtps_epi32(v), z);
  _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1), _mm512_cvtepi32_epi8(q));
}

#endif
