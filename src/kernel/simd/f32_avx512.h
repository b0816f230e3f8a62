/* Vectors of 16 floats; see f32_avx2.h. */
#ifndef EAO_KERNEL_SIMD_F32_AVX512_H
#define EAO_KERNEL_SIMD_F32_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define EAO_SIMD(name) name##_avx512
enum { VL = 16 };
typedef __m512 vf;

static inline vf v_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline vf v_all(float x) {
  return _mm512_set1_ps(x);
}
static inline vf v_fma(vf a, vf b, vf c) {
  return _mm512_fmadd_ps(a, b, c);
}
static inline vf v_add(vf a, vf b) {
  return _mm512_add_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
  return _mm512_mul_ps(a, b);
}
static inline vf v_max(vf a, vf b) {
  return _mm512_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
  return _mm512_min_ps(a, b);
}
static inline void v_store(float *p, vf v) {
  _mm512_storeu_ps(p, v);
}
static inline __mmask16 v_mask(int n) {
  return (__mmask16)((1u << n) - 1);
}
static inline void v_store_n(float *p, vf v, int n) {
  _mm512_mask_storeu_ps(p, v_mask(n), v);
}
static inline vf v_load_n(const float *p, int n) {
  return _mm512_maskz_loadu_ps(v_mask(n), p);
}
static inline vf v_sub(vf a, vf b) {
  return _mm512_sub_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
  return _mm512_div_ps(a, b);
}
static inline vf v_sqrt(vf a) {
  return _mm512_sqrt_ps(a);
}
static inline vf v_round(vf a) {
  vf big = _mm512_set1_ps(0x1.8p23f); /* whose neighbours are the integers */
  return _mm512_sub_ps(_mm512_add_ps(a, big), big);
}
static inline vf v_scale(vf x, vf n) {
  return _mm512_scalef_ps(x, n);
}
static inline vf v_if_less(vf a, vf b, vf x, vf y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
static inline vf v_if_nan(vf x, vf a, vf b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), b, a);
}
static inline vf v_abs(vf a) {
  return _mm512_abs_ps(a);
}
static inline vf v_with_sign(vf a, vf s) {
  return _mm512_or_ps(a, _mm512_and_ps(_mm512_set1_ps(-0.0f), s));
}
static inline float v_max_of(vf v) {
  return _mm512_reduce_max_ps(v);
}
static inline float v_sum(vf v) {
  return _mm512_reduce_add_ps(v);
}
static inline vf v_load_f16(const uint16_t *p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline vf v_load_i8(const int8_t *p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}

#endif
