/* Fixed-point arithmetic of TensorFlow Lite's integer kernels (after gemmlowp's fixedpoint.h and
 * Jacob et al., "Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference", 2018). Used where docs/integer-spec.md says so. */
#ifndef EAO_KERNEL_FIXED_H
#define EAO_KERNEL_FIXED_H

#include <stdint.h>

/* real = mult / 2^31 * 2^shift; mult in [2^30, 2^31) or 0. */
typedef struct eao_fixed {
  int32_t mult, shift;
} eao_fixed;

/* Nearest representable multiplier; too small to matter (below 2^-32): 0. real: finite. */
eao_fixed eao_fixed_from(double real);

static inline int32_t eao_sat32(int64_t v) {
  return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}
static inline int32_t eao_sat16(int64_t v) {
  return v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : (int32_t)v;
}
/* Arithmetic shift right, also where the compiler's >> of negative numbers is not one. */
static inline int64_t eao_asr(int64_t v, int32_t k) {
  return v >= 0 ? v >> k : ~(~v >> k);
}

/* a * b / 2^31, rounded half away from zero; the one overflow saturates. */
static inline int32_t eao_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  int64_t ab = (int64_t)a * b;
  return (int32_t)((ab + (ab >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30))) /
                   ((int64_t)1 << 31));
}

/* x / 2^k, rounded half away from zero. */
static inline int32_t eao_rounding_shr(int32_t x, int32_t k) {
  int64_t mask = ((int64_t)1 << k) - 1, rest = (int64_t)x & mask;
  int64_t limit = (mask >> 1) + (x < 0 ? 1 : 0);
  return (int32_t)(eao_asr(x, k) + (rest > limit ? 1 : 0));
}

/* x * m, rounded twice as gemmlowp does. Shifted-out high bits wrap. */
static inline int32_t eao_fixed_mul(int32_t x, eao_fixed m) {
  int32_t left = m.shift > 0 ? m.shift : 0, right = m.shift > 0 ? 0 : -m.shift;
  int32_t shifted = (int32_t)((uint32_t)x << (left > 31 ? 31 : left));
  return eao_rounding_shr(eao_high_mul(shifted, m.mult), right > 31 ? 31 : right);
}

/* x * m for |x| < 2^47 with the multiplier cut to 16 bits; rounded half up once. */
static inline int32_t eao_fixed_mul64(int64_t x, eao_fixed m) {
  int32_t mult = m.mult < 0x7FFF0000 ? (m.mult + (1 << 15)) >> 16 : 0x7FFF;
  int32_t shift = 15 - m.shift;
  if (shift <= 0) return eao_sat32(x * mult * ((int64_t)1 << (shift < -15 ? 15 : -shift)));
  return eao_sat32(eao_asr(x * mult + ((int64_t)1 << (shift - 1)), shift));
}

#endif
