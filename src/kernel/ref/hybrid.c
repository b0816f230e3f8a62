#include "kernel/ref/hybrid.h"

#include <math.h>

#include "kernel/fixed.h"
#include "kernel/requant.h"

typedef struct range {
  float lo, hi; /* 0 is inside */
} range;

static range find_range(const eao_tensor *x, int64_t at, int64_t n) {
  range r = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    float v = (float)eao_get_f64(x, at + i);
    r.lo = v < r.lo ? v : r.lo;
    r.hi = v > r.hi ? v : r.hi;
  }
  return r;
}

/* Nearest, ties away from zero; what does not fit, and NaN, saturates. */
static int32_t away(float v, int32_t lo, int32_t hi) {
  float r = roundf(v);
  if (!(r > (float)lo)) return lo;
  return r >= (float)hi ? hi : (int32_t)r;
}

static eao_hybrid_row symmetric(const eao_tensor *x, int64_t at, int64_t n, range r, int8_t *q) {
  eao_hybrid_row row = {.mode = EAO_HYBRID_SYMMETRIC, .scale = 1};
  float most = -r.lo > r.hi ? -r.lo : r.hi, inverse = 0;
  if (most > 0) {
    row.scale = most / 127;
    inverse = 127 / most;
  }
  for (int64_t i = 0; i < n; i++)
    q[i] = (int8_t)away((float)eao_get_f64(x, at + i) * inverse, -127, 127);
  return row;
}

static eao_hybrid_row asymmetric(const eao_tensor *x, int64_t at, int64_t n, range r, int8_t *q) {
  eao_hybrid_row row = {.mode = EAO_HYBRID_ASYMMETRIC, .scale = 1};
  float inverse = 0;
  if (r.lo != r.hi) {
    double lo = (double)r.lo, hi = (double)r.hi, scale = (hi - lo) / 255;
    double from_lo = -128 - lo / scale, from_hi = 127 - hi / scale;
    double zero = 128 + fabs(lo / scale) < 127 + fabs(hi / scale) ? from_lo : from_hi;
    row.zero = !(zero > -128) ? -128 : zero >= 127 ? 127 : (int32_t)round(zero); /* NaN: -128 */
    row.scale = (float)scale;
    inverse = 1 / row.scale;
  }
  for (int64_t i = 0; i < n; i++) {
    float v = (float)eao_get_f64(x, at + i) * inverse;
    q[i] = (int8_t)away((float)row.zero + v, -128, 127);
  }
  return row;
}

static eao_hybrid_row qd8(const eao_tensor *x, int64_t at, int64_t n, range r, int8_t *q) {
  eao_hybrid_row row = {.mode = EAO_HYBRID_QD8};
  float inverse = r.lo == r.hi ? 1.0f : 255.0f / (r.hi - r.lo);
  float min = r.lo * inverse, max = r.hi * inverse;
  float zero = (-128 + min) + (127 + max) > 0 ? -128 - min : 127 - max;
  zero = !(zero > -128) ? -128 : zero > 127 ? 127 : zero; /* NaN: -128 */
  row.zero = eao_rne_f32(zero);
  row.scale = 1.0f / inverse;
  float lo = (float)(-128 - row.zero), hi = (float)(127 - row.zero);
  for (int64_t i = 0; i < n; i++) {
    float v = (float)eao_get_f64(x, at + i) * inverse;
    v = v > lo ? v : lo;
    q[i] = (int8_t)(eao_rne_f32(v < hi ? v : hi) + row.zero);
  }
  return row;
}

eao_hybrid_row eao_hybrid_quantise(int32_t mode, const eao_tensor *x, int64_t at, int64_t n,
                                   int8_t *q) {
  range r = find_range(x, at, n);
  if (mode == EAO_HYBRID_SYMMETRIC) return symmetric(x, at, n, r, q);
  if (mode == EAO_HYBRID_ASYMMETRIC) return asymmetric(x, at, n, r, q);
  return qd8(x, at, n, r, q);
}

float eao_hybrid_real(const eao_hybrid_row *row, int64_t sum, float w_scale) {
  if (row->mode >= EAO_HYBRID_QD8) return (float)sum * row->scale * w_scale;
  float scale = row->scale * w_scale;
  return (float)sum * scale;
}
