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
static inline float v_sum(vf v) {
  return vaddvq_f32(v);
}

#endif
