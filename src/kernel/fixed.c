#include "kernel/fixed.h"

#include <math.h>

eao_fixed eao_fixed_from(double real) {
  if (real == 0 || isnan(real) || isinf(real)) return (eao_fixed){0, 0};
  int shift;
  double frac = frexp(real, &shift);
  int64_t q = (int64_t)round(frac * 2147483648.0);
  if (q == (int64_t)1 << 31) {
    q /= 2;
    shift++;
  }
  if (shift < -31) return (eao_fixed){0, 0};
  return (eao_fixed){(int32_t)q, shift};
}
