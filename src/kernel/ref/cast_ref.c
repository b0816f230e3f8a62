#include "kernel/ref/cast.h"

#include <math.h>
#include <string.h>

#include "kernel/block.h"

/* ---- cast ---- */

/* A 64-bit integer becomes a float in one rounding: beyond 2^53 the bits that a double cannot hold
 * are replaced by one sticky bit, far below a float's last place. */
static double sticky_f64(int64_t v, bool is_unsigned) {
  uint64_t mag = v < 0 && !is_unsigned ? 0 - (uint64_t)v : (uint64_t)v;
  if (mag >> 53) mag = (mag & ~(uint64_t)0x7FF) | ((mag & 0x7FF) ? 0x800u : 0);
  return v < 0 && !is_unsigned ? -(double)mag : (double)mag;
}

/* Truncated, saturated to 32 bits, or 64 for types that need them, then the low bits: what
 * hardware conversions followed by a narrowing give, so what other runtimes compute. */
static void floats_to_ints(const eao_tensor *x, eao_tensor *y, int64_t i, int64_t n) {
  bool wide = eao_dtype_bits(y->dtype) == 64 || y->dtype == EAO_U32;
  int64_t v[EAO_BLOCK];
  eao_load_i64(x, i, 1, n, v);
  for (int64_t k = 0; !wide && k < n; k++)
    v[k] = v[k] < INT32_MIN ? INT32_MIN : v[k] > INT32_MAX ? INT32_MAX : v[k];
  eao_store_i64(y, i, 1, n, v);
  for (int64_t k = i; y->dtype == EAO_U64 && k < i + n; k++) {
    double d = eao_get_f64(x, k);
    if (d >= 0x1p63) eao_set_f64(y, k, d);
  }
}

static void ints_to_floats(const eao_tensor *x, eao_tensor *y, int64_t i, int64_t n) {
  int64_t v[EAO_BLOCK];
  double d[EAO_BLOCK];
  bool wide = eao_dtype_bits(x->dtype) == 64 && y->dtype != EAO_F64;
  if (wide) {
    eao_load_i64(x, i, 1, n, v);
    for (int64_t k = 0; k < n; k++) d[k] = sticky_f64(v[k], x->dtype == EAO_U64);
  } else {
    eao_load_f64(x, i, 1, n, d);
  }
  eao_store_f64(y, i, 1, n, d);
}

eao_status eao_ref_cast(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t total = eao_tensor_count(y), v[EAO_BLOCK];
  double d[EAO_BLOCK];
  if (x->dtype == y->dtype) {
    if (total) memcpy(y->data, x->data, (size_t)eao_dtype_bytes(x->dtype, total));
    return EAO_OK;
  }
  bool from_float = eao_dtype_is_float(x->dtype), to_float = eao_dtype_is_float(y->dtype);
  for (EAO_EACH_BLOCK(i, n, total)) {
    if (from_float && eao_dtype_is_int(y->dtype)) {
      floats_to_ints(x, y, i, n);
    } else if (from_float) {
      eao_load_f64(x, i, 1, n, d);
      eao_store_f64(y, i, 1, n, d);
    } else if (to_float) {
      ints_to_floats(x, y, i, n);
    } else {
      eao_load_i64(x, i, 1, n, v);
      eao_store_i64(y, i, 1, n, v);
    }
  }
  return EAO_OK;
}

/* ---- scales ---- */

/* Which entry of scale and zero belongs to an element of x. */
typedef struct scaling {
  const eao_tensor *scale, *zero;
  int64_t n, inner; /* extent of the axis, elements below it */
  int64_t block, n_block;
  bool per_tensor;
} scaling;

static scaling scaling_of(const eao_kcall *c) {
  const eao_quantize_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  scaling s = {.scale = c->in[1], .zero = c->n_in > 2 ? c->in[2] : NULL, .n = 1, .inner = 1};
  s.per_tensor = !attr->block_size && eao_tensor_count(s.scale) == 1;
  int64_t axis = attr->axis < 0 ? attr->axis + x->rank : attr->axis;
  if (s.per_tensor) return s;
  s.n = x->dim[axis];
  for (int64_t d = axis + 1; d < x->rank; d++) s.inner *= x->dim[d];
  s.block = attr->block_size;
  s.n_block = attr->block_size ? s.scale->dim[axis] : 0;
  return s;
}

static int64_t scale_index(const scaling *s, int64_t i) {
  if (s->per_tensor) return 0;
  int64_t at = i / s->inner % s->n;
  if (!s->block) return at;
  int64_t outer = i / s->inner / s->n;
  return (outer * s->n_block + at / s->block) * s->inner + i % s->inner;
}

static int64_t zero_of(const scaling *s, int64_t k) {
  return s->zero ? eao_get_i64(s->zero, k) : 0;
}

static bool in_double(const eao_kcall *c) {
  return c->in[0]->dtype == EAO_F64 || c->in[1]->dtype == EAO_F64;
}

/* To nearest, ties to even, whatever the rounding mode of the machine. */
static double rne(double x) {
  double r = floor(x), d = x - r;
  if (!(d >= 0 && d < 1)) return x;
  return d > 0.5 || (d == 0.5 && fmod(r, 2) != 0) ? r + 1 : r;
}

/* ---- quantise, dequantise ---- */

eao_status eao_ref_quantize_linear(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  scaling s = scaling_of(c);
  bool wide = in_double(c);
  double lo = (double)eao_dtype_min(y->dtype), hi = (double)eao_dtype_max(y->dtype), v[EAO_BLOCK];
  int64_t total = eao_tensor_count(x);
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_f64(x, i, 1, n, v);
    for (int64_t k = 0; k < n; k++) {
      int64_t at = scale_index(&s, i + k);
      double scale = eao_get_f64(s.scale, at);
      double q = wide ? v[k] / scale : (double)((float)v[k] / (float)scale);
      q = rne(q) + (double)zero_of(&s, at);
      v[k] = q < lo ? lo : q > hi ? hi : q; /* NaN becomes 0 when it is stored */
    }
    eao_store_f64(y, i, 1, n, v);
  }
  return EAO_OK;
}

eao_status eao_ref_dequantize_linear(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  scaling s = scaling_of(c);
  bool wide = in_double(c);
  double v[EAO_BLOCK];
  int64_t total = eao_tensor_count(x), q[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_i64(x, i, 1, n, q);
    for (int64_t k = 0; k < n; k++) {
      int64_t at = scale_index(&s, i + k);
      double scale = eao_get_f64(s.scale, at);
      /* Both are 32 bits at most, so the difference is exact before it is rounded to a float. */
      double d = (double)(q[k] - zero_of(&s, at));
      v[k] = wide ? d * scale : (double)((float)d * (float)scale);
    }
    eao_store_f64(c->out[0], i, 1, n, v);
  }
  return EAO_OK;
}

eao_status eao_ref_dynamic_quantize_linear(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  int64_t total = eao_tensor_count(x);
  double v[EAO_BLOCK], lo = 0, hi = 0;
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_f64(x, i, 1, n, v);
    for (int64_t k = 0; k < n; k++) {
      lo = v[k] < lo ? v[k] : lo;
      hi = v[k] > hi ? v[k] : hi;
    }
  }
  float scale = ((float)hi - (float)lo) / 255.0f;
  if (scale == 0) scale = 1; /* all zero: any scale represents it */
  double zero = rne((double)(0 - (float)lo / scale));
  zero = zero < 0 ? 0 : zero > 255 ? 255 : zero;
  for (EAO_EACH_BLOCK(i, n, c->out[0] ? total : 0)) {
    eao_load_f64(x, i, 1, n, v);
    for (int64_t k = 0; k < n; k++) v[k] = rne((double)((float)v[k] / scale)) + zero;
    eao_store_f64(c->out[0], i, 1, n, v);
  }
  if (c->n_out > 1 && c->out[1]) eao_set_f64(c->out[1], 0, (double)scale);
  if (c->n_out > 2 && c->out[2]) eao_set_f64(c->out[2], 0, zero);
  return EAO_OK;
}
