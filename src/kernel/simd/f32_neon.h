/* Vectors of 4 floats; see f32_avx2.h. */
#ifndef EAO_KERNEL_SIMD_F32_NEON_H
#define EAO_KERNEL_SIMD_F32_NEON_H

#include <arm_neon.h>

#define EAO_SIMD(name) name##_neon
enum { VL = 4 };
typedef float32x4_t vf;

static inline vf v_load(const float *p) {
  return vld1q_f32(p);
}
static inline vf v_all(float x) {
  return vdupq_n_f32(x);
}
static inline vf v_fma(vf a, vf b, vf c) {
  return vfmaq_f32(c, a, b);
}
static inline vf v_add(vf a, vf b) {
  return vaddq_f32(a, b);
}
static inline vf v_mul(vf a, vf b) {
  return vmulq_f32(a, b);
}
static inline vf v_max(vf a, vf b) {
  return vmaxq_f32(a, b);
}
static inline vf v_min(vf a, vf b) {
  return vminq_f32(a, b);
}
static inline void v_store(float *p, vf v) {
  vst1q_f32(p, v);
}
static inline void v_store_n(float *p, vf v, int n) {
  float t[4];
  vst1q_f32(t, v);
  for (int i = 0; i < n; i++) p[i] = t[i];
}
static inline vf v_load_n(const float *p, int n) {
  float t[4] = {0};
  for (int i = 0; i < n; i++) t[i] = p[i];
  return vld1q_f32(t);
}
static inline vf v_sub(vf a, vf b) {
  return vsubq_f32(a, b);
}
static inline vf v_div(vf a, vf b) {
  return vdivq_f32(a, b);
}
static inline vf v_sqrt(vf a) {
  return vsqrtq_f32(a);
}
static inline vf v_round(vf a) {
  return vrndnq_f32(a);
}
static inline vf v_scale(vf x, vf n) {
  int32x4_t i = vcvtq_s32_f32(n), half = vshrq_n_s32(i, 1), bias = vdupq_n_s32(127);
  int32x4_t a = vshlq_n_s32(vaddq_s32(half, bias), 23);
  int32x4_t b = vshlq_n_s32(vaddq_s32(vsubq_s32(i, half), bias), 23);
  return vmulq_f32(vmulq_f32(x, vreinterpretq_f32_s32(a)), vreinterpretq_f32_s32(b));
}
static inline vf v_if_less(vf a, vf b, vf x, vf y) {
  return vbslq_f32(vcltq_f32(a, b), x, y);
}
static inline vf v_if_nan(vf x, vf a, vf b) {
  return vbslq_f32(vceqq_f32(x, x), b, a);
}
static inline vf v_abs(vf a) {
  return vabsq_f32(a);
}
static inline vf v_with_sign(vf a, vf s) {
  return vbslq_f32(vdupq_n_u32(0x80000000u), s, a);
}
static inline float v_max_of(vf v) {
  return vmaxvq_f32(v);
}
static inline float v_sum(vf v) {
  return vaddvq_f32(v);
}
static inline vf v_load_f16(const uint16_t *p) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
static inline vf v_load_i8(const int8_t *p) {
  int32_t four;
  __builtin_memcpy(&four, p, sizeof four);
  int16x8_t wide = vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(four)));
  return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
}

#endif
