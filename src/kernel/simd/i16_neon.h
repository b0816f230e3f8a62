/* Pairs of 16-bit products in 16 channels at a time; see i16_avx512vnni.h. */
#ifndef EAO_KERNEL_SIMD_I16_NEON_H
#define EAO_KERNEL_SIMD_I16_NEON_H

#include <arm_neon.h>

enum { CH = 16 };
typedef struct vs { /* 16 values of 16 bits */
  int16x8_t a, b;
} vs;
typedef struct vi { /* 8 sums of 32 bits */
  int32x4_t a, b;
} vi;
typedef struct vf {
  float32x4_t a, b;
} vf;

static inline vs vs_flip(int32_t byte) {
  int16x8_t x = vdupq_n_s16((int16_t)byte);
  return (vs){x, x};
}
static inline vs vs_load(const uint8_t *p, vs flip, int n) {
  uint8_t t[CH] = {0};
  if (n < CH) {
    for (int i = 0; i < n; i++) t[i] = p[i];
    p = t;
  }
  uint8x16_t x = vld1q_u8(p);
  int16x8_t lo = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(x)));
  int16x8_t hi = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(x)));
  return (vs){veorq_s16(lo, flip.a), veorq_s16(hi, flip.b)};
}
/* Interleaved as on x86: channels 0-3 and 8-11 in the lower pairs, the others in the upper. */
static inline vi vs_pair_lo(vs a, vs b) {
  return (vi){vreinterpretq_s32_s16(vzip1q_s16(a.a, b.a)),
              vreinterpretq_s32_s16(vzip1q_s16(a.b, b.b))};
}
static inline vi vs_pair_hi(vs a, vs b) {
  return (vi){vreinterpretq_s32_s16(vzip2q_s16(a.a, b.a)),
              vreinterpretq_s32_s16(vzip2q_s16(a.b, b.b))};
}
static inline int32x4_t pairs(int32x4_t acc, int32x4_t x, int32x4_t w) {
  int16x8_t p = vreinterpretq_s16_s32(x), q = vreinterpretq_s16_s32(w);
  int32x4_t lo = vmull_s16(vget_low_s16(p), vget_low_s16(q)), hi = vmull_high_s16(p, q);
  return vaddq_s32(acc, vpaddq_s32(lo, hi));
}
static inline vi vi_pairs(vi acc, vi x, vi w) {
  return (vi){pairs(acc.a, x.a, w.a), pairs(acc.b, x.b, w.b)};
}
static inline vi vi_load(const void *p) {
  const int32_t *q = p;
  return (vi){vld1q_s32(q), vld1q_s32(q + 4)};
}
static inline vi vi_all(int32_t x) {
  return (vi){vdupq_n_s32(x), vdupq_n_s32(x)};
}
static inline vf vf_load(const float *p) {
  return (vf){vld1q_f32(p), vld1q_f32(p + 4)};
}
static inline vf vf_all(float x) {
  return (vf){vdupq_n_f32(x), vdupq_n_f32(x)};
}
static inline int32x4_t requant(int32x4_t acc, float32x4_t m, float32x4_t lo, float32x4_t hi,
                                int32x4_t z) {
  float32x4_t v = vmulq_f32(vcvtq_f32_s32(acc), m);
  return vaddq_s32(vcvtnq_s32_f32(vminq_f32(vmaxq_f32(v, lo), hi)), z);
}
static inline vi vi_requant(vi acc, vf m, vf lo, vf hi, vi z) {
  return (vi){requant(acc.a, m.a, lo.a, hi.a, z.a), requant(acc.b, m.b, lo.b, hi.b, z.b)};
}
static inline void vi_store_bytes(uint8_t *p, vi lo, vi hi, int n) {
  int16x8_t x = vcombine_s16(vmovn_s32(lo.a), vmovn_s32(hi.a));
  int16x8_t y = vcombine_s16(vmovn_s32(lo.b), vmovn_s32(hi.b));
  int8x16_t bytes = vcombine_s8(vmovn_s16(x), vmovn_s16(y));
  if (n == CH) {
    vst1q_s8((int8_t *)p, bytes);
    return;
  }
  int8_t t[CH];
  vst1q_s8(t, bytes);
  for (int i = 0; i < n; i++) p[i] = (uint8_t)t[i];
}

#endif
