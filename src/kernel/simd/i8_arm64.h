/* Vectors of 4 sums of products of bytes; see i8_avx512vnni.h. The dot product is signed by signed,
 * so activations are kept signed (EAO_SIGNED_X). Processors without the dot product (Cortex-A53,
 * A72) multiply to 16 bits and add pairs twice, which is as exact: two products of -128 by -128 fit
 * 32 bits. */
#ifndef EAO_KERNEL_SIMD_I8_ARM64_H
#define EAO_KERNEL_SIMD_I8_ARM64_H

#include <arm_neon.h>
#include <stddef.h>

enum { VL = 4 };
typedef int32x4_t vi;
typedef float32x4_t vf;

static inline vi vi_load(const void *p) {
  return vreinterpretq_s32_u8(vld1q_u8(p));
}
static inline vi vi_all(int32_t x) {
  return vdupq_n_s32(x);
}
static inline vi vi_add(vi a, vi b) {
  return vaddq_s32(a, b);
}
static inline vi vi_xor(vi a, vi b) {
  return veorq_s32(a, b);
}
static inline vi vi_dot(vi acc, vi x, vi w) {
  int8x16_t a = vreinterpretq_s8_s32(x), b = vreinterpretq_s8_s32(w);
#ifdef __ARM_FEATURE_DOTPROD
  return vdotq_s32(acc, a, b);
#else
  int32x4_t lo = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
  int32x4_t hi = vpaddlq_s16(vmull_high_s8(a, b));
  return vaddq_s32(acc, vpaddq_s32(lo, hi));
#endif
}
static inline int32_t vi_sum_bytes(const uint8_t *p, int64_t n, vi flip) {
  vi sum = vdupq_n_s32(0), ones = vreinterpretq_s32_s8(vdupq_n_s8(1));
  uint8_t mask = (uint8_t)vgetq_lane_s32(flip, 0);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) sum = vi_dot(sum, vi_xor(vi_load(p + i), flip), ones);
  int32_t rest = vaddvq_s32(sum);
  for (; i < n; i++) rest += (int8_t)(p[i] ^ mask);
  return rest;
}
static inline vf vf_load(const float *p) {
  return vld1q_f32(p);
}
static inline vf vf_all(float x) {
  return vdupq_n_f32(x);
}
static inline void vi_store_requant(uint8_t *p, vi acc, vf m, vf lo, vf hi, vi z, int n) {
  vf v = vmulq_f32(vcvtq_f32_s32(acc), m);
  v = vminq_f32(vmaxq_f32(v, lo), hi);
  vi q = vaddq_s32(vcvtnq_s32_f32(v), z);
  uint32_t bytes =
      (uint32_t)(vgetq_lane_s32(q, 0) & 255) | (uint32_t)(vgetq_lane_s32(q, 1) & 255) << 8 |
      (uint32_t)(vgetq_lane_s32(q, 2) & 255) << 16 | (uint32_t)(vgetq_lane_s32(q, 3) & 255) << 24;
  __builtin_memcpy(p, &bytes, (size_t)n);
}

/* See i8_avx512vnni.h. */
typedef struct vi_bytes {
  vf lo, hi;
  vi z;
} vi_bytes;
static inline vi_bytes vi_bytes_init(int32_t z, int32_t lo, int32_t hi) {
  return (vi_bytes){vf_all((float)(lo - z)), vf_all((float)(hi - z)), vi_all(z)};
}
static inline __attribute__((always_inline)) void
vi_store_quarters(uint8_t *y, int64_t stride, const int per, int some, int left, const vi *acc,
                  const float *const *m, const vi_bytes *q) {
  const int nv = 4 / per;
#pragma GCC unroll 4
  for (int k = 0; k < 4; k++) {
    int n = left - k % nv * VL;
    if (k / nv < some && n > 0)
      vi_store_requant(y + k / nv * stride + k % nv * VL, acc[k], vf_load(m[k]), q->lo, q->hi, q->z,
                       n < VL ? n : VL);
  }
}

#endif
