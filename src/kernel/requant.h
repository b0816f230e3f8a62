/* Requantisation of an accumulator: q = clamp(rne(float(acc) * m) + z, lo, hi).
 *
 * The float form is the definition (docs/integer-spec.md); the integer form gives the same result
 * on a core without an FPU. rne: round to nearest, ties to even. */
#ifndef EAO_KERNEL_REQUANT_H
#define EAO_KERNEL_REQUANT_H

#include <stdint.h>

#include "base/half.h"

/* Nearest integer of v, ties to even, |v| <= 2^22: adding 1.5 * 2^23 leaves no bits below one. */
static inline int32_t eao_rne_f32(float v) {
  volatile float t = v + 12582912.0f; /* volatile: no compiler may cancel the two additions */
  return (int32_t)eao_f32_bits(t) - 0x4B400000;
}

/* lo - z and hi - z must lie within +-2^22 (any 8- or 16-bit type does). Clamping before rounding
 * equals clamping after it: both bounds are integers and rounding is monotone. */
static inline int32_t eao_requant(int32_t acc, float m, int32_t z, int32_t lo, int32_t hi) {
  float v = (float)acc * m, l = (float)(lo - z), h = (float)(hi - z);
  v = v > l ? v : l;
  v = v < h ? v : h;
  return eao_rne_f32(v) + z;
}

/* A float multiplier taken apart: m = mant * 2^exp; mant in [2^23, 2^24), or 0 with m == 0. */
typedef struct eao_requant_int {
  uint32_t mant;
  int32_t exp;
} eao_requant_int;

/* m: finite, >= 0, as its IEEE bits so that no float instruction is needed. */
static inline eao_requant_int eao_requant_split(uint32_t m_bits) {
  uint32_t e = m_bits >> 23 & 255u, f = m_bits & 0x7FFFFFu;
  if (e) return (eao_requant_int){f | 0x800000u, (int32_t)e - 150};
  if (!f) return (eao_requant_int){0, 0};
  int32_t exp = -149;
  while (!(f & 0x800000u)) { /* subnormal */
    f <<= 1;
    exp--;
  }
  return (eao_requant_int){f, exp};
}

/* v * 2^-k rounded to nearest, ties to even; 0 <= k. */
static inline uint64_t eao_shr_rne(uint64_t v, int32_t k) {
  if (k <= 0) return v;
  if (k > 63) return 0; /* v < 2^62 here: below one half */
  uint64_t half = (uint64_t)1 << (k - 1), q = v >> k, rest = v & (((uint64_t)1 << k) - 1);
  return q + (rest > half || (rest == half && (q & 1)) ? 1 : 0);
}

static inline int32_t eao_bit_length(uint64_t v) {
  int32_t n = 0;
  for (int32_t s = 32; s; s >>= 1)
    if (v >> s) {
      v >>= s;
      n += s;
    }
  return n + (v != 0);
}

/* Equal to eao_requant for every acc and every m that the float form accepts, with integers only:
 * the three roundings of the float form (conversion, product, result) are done one by one. */
static inline int32_t eao_requant_by_int(int32_t acc, eao_requant_int m, int32_t z, int32_t lo,
                                         int32_t hi) {
  uint64_t a = acc < 0 ? (uint64_t)0 - (uint64_t)(int64_t)acc : (uint64_t)acc;
  if (!a || !m.mant) return z < lo ? lo : z > hi ? hi : z;
  int32_t exp = m.exp, k = eao_bit_length(a) - 24;
  if (k > 0) { /* conversion to float: 24 significant bits */
    a = eao_shr_rne(a, k);
    exp += k;
  }
  uint64_t p = a * m.mant; /* below 2^49 */
  k = eao_bit_length(p) - 24;
  if (exp + k < -149) k = -149 - exp; /* a subnormal product has fewer bits; rounds to 0 below */
  if (k > 0) {
    p = eao_shr_rne(p, k);
    exp += k;
  }
  /* p * 2^exp, p <= 2^24: beyond 2^24 every 8- and 16-bit result is clamped. */
  uint64_t r = exp > 0 ? (exp > 8 && p ? (uint64_t)1 << 32 : p << exp) : eao_shr_rne(p, -exp);
  int64_t q = (acc < 0 ? -(int64_t)r : (int64_t)r) + z;
  return q < lo ? lo : q > hi ? hi : (int32_t)q;
}

#endif
