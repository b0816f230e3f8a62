/* Vectors of 8 floats. The same names exist for every ISA, so that a template in tmpl/ is written
 * once; include exactly one simd/f32_*.h. */
#ifndef EAO_KERNEL_SIMD_F32_AVX2_H
#define EAO_KERNEL_SIMD_F32_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define EAO_SIMD(name) name##_avx2
enum { VL = 8 };
typedef __m256 vf;

static inline vf v_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline vf v_all(float x) {
  return _mm256_set1_ps(x);
}
static inline vf v_fma(vf a, vf b, vf c) {
  return _mm256_fmadd_ps(a, b, c);
}
static inline vf v_add(vf a, vf b) {
  return _mm256_add_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
  return _mm256_mul_ps(a, b);
}
/* NaN in b passes through: max(lo, NaN) = NaN. */
static inline vf v_max(vf a, vf b) {
  return _mm256_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
  return _mm256_min_ps(a, b);
}
static inline void v_store(float *p, vf v) {
  _mm256_storeu_ps(p, v);
}
/* The first n of VL lanes. */
static inline __m256i v_mask(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline void v_store_n(float *p, vf v, int n) {
  _mm256_maskstore_ps(p, v_mask(n), v);
}
static inline vf v_load_n(const float *p, int n) {
  return _mm256_maskload_ps(p, v_mask(n));
}
static inline vf v_sub(vf a, vf b) {
  return _mm256_sub_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
  return _mm256_div_ps(a, b);
}
static inline vf v_sqrt(vf a) {
  return _mm256_sqrt_ps(a);
}
/* Nearest integer, ties to even; for |a| < 2^22. */
static inline vf v_round(vf a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* x * 2^n for an integral n in [-252, 252]. */
static inline vf v_scale(vf x, vf n) {
  __m256i i = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(i, 1), bias = _mm256_set1_epi32(127);
  __m256i a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
  __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, half), bias), 23);
  return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
}
/* a < b ? x : y */
static inline vf v_if_less(vf a, vf b, vf x, vf y) {
  return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
/* x is NaN ? a : b */
static inline vf v_if_nan(vf x, vf a, vf b) {
  return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
static inline vf v_abs(vf a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}
/* a >= 0 with the sign of s */
static inline vf v_with_sign(vf a, vf s) {
  return _mm256_or_ps(a, _mm256_and_ps(_mm256_set1_ps(-0.0f), s));
}
static inline float v_max_of(vf v) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
static inline float v_sum(vf v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
/* VL halves or bytes as floats. */
static inline vf v_load_f16(const uint16_t *p) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
static inline vf v_load_i8(const int8_t *p) {
  return _mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}

#endif
