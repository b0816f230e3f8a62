/* IEEE 754 binary16 and bfloat16 to and from float, round to nearest even. No libc. */
#ifndef EAO_BASE_HALF_H
#define EAO_BASE_HALF_H

#include <stdint.h>

static inline uint32_t eao_f32_bits(float f) {
  union {
    float f;
    uint32_t u;
  } c = {f};
  return c.u;
}
static inline float eao_f32_from_bits(uint32_t u) {
  union {
    uint32_t u;
    float f;
  } c = {u};
  return c.f;
}

static inline float eao_f16_to_f32(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exp = (h >> 10) & 31u, man = h & 1023u;
  if (exp == 31) return eao_f32_from_bits(sign | 0x7F800000u | (man << 13));
  if (exp == 0) {
    float m = (float)man * 0x1p-24f;
    return eao_f32_from_bits(sign | eao_f32_bits(m));
  }
  return eao_f32_from_bits(sign | ((exp + 112u) << 23) | (man << 13));
}

static inline uint16_t eao_f32_to_f16(float f) {
  uint32_t u = eao_f32_bits(f), sign = (u >> 16) & 0x8000u, a = u & 0x7FFFFFFFu;
  if (a > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | ((a >> 13) & 0x3FFu));
  if (a >= 0x47800000u) return (uint16_t)(sign | 0x7C00u); /* 65536 and up, infinity */
  if (a < 0x38800000u) { /* subnormal: adding 0.5 aligns 2^-24 with the last bit, FPU rounds */
    float m = eao_f32_from_bits(a) + 0.5f;
    return (uint16_t)(sign | (eao_f32_bits(m) - 0x3F000000u));
  }
  a += 0xFFFu + ((a >> 13) & 1u);
  return (uint16_t)(sign | ((a - 0x38000000u) >> 13)); /* a carry makes infinity, as it should */
}

static inline float eao_bf16_to_f32(uint16_t h) {
  return eao_f32_from_bits((uint32_t)h << 16);
}

static inline uint16_t eao_f32_to_bf16(float f) {
  uint32_t u = eao_f32_bits(f);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return (uint16_t)((u >> 16) | 0x40u);
  return (uint16_t)((u + 0x7FFFu + ((u >> 16) & 1u)) >> 16);
}

#endif
