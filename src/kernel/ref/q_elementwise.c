/* Element-wise functions on quantised integers. */
#include <math.h>

#include "kernel/block.h"
#include "kernel/fixed.h"
#include "kernel/ref/quant.h"
#include "kernel/requant.h"

static eao_status no_rule(eao_kcall *c) {
  return eao_kfail(c, EAO_ERR_UNSUPPORTED,
                   "no kernel for these quantised types: 8 or 16 bits per tensor, and activations "
                   "that only clip, are possible");
}

/* Reals of a run of elements of t, in the order of the elements of shape. */
static bool load_reals(const eao_tensor *t, const eao_tensor *shape, int64_t first, int64_t n,
                       double *out) {
  int64_t q[EAO_BLOCK];
  eao_qparam p;
  if (eao_dtype_is_float(t->dtype)) {
    eao_load_bcast_f64(t, shape, first, n, out);
    return true;
  }
  if (!eao_q_param(t, &p)) return false;
  eao_load_bcast_i64(t, shape, first, n, q);
  for (int64_t i = 0; i < n; i++) out[i] = (double)eao_q_to_real(&p, q[i]);
  return true;
}

/* y[first ...] = v, quantised by multiplying with 1 / scale as XNNPACK does. */
static void store_reals(eao_tensor *y, const eao_qparam *p, int64_t first, int64_t n,
                        const double *v) {
  int64_t q[EAO_BLOCK];
  float inv = 1.0f / p->scale;
  for (int64_t i = 0; i < n; i++) {
    float t = (float)v[i] * inv + (float)p->zero;
    q[i] = !(t > (float)p->lo) ? p->lo : t >= (float)p->hi ? p->hi : eao_rne_f32(t);
  }
  eao_store_i64(y, first, 1, n, q);
}

eao_status eao_q_fold(eao_kcall *c, eao_q_binary_fn fn, double divisor, const eao_act *act) {
  eao_tensor *y = c->out[0];
  eao_qparam p = {0};
  bool raw = y->dtype == EAO_BOOL || eao_dtype_is_float(y->dtype);
  double a[EAO_BLOCK], b[EAO_BLOCK];
  int64_t total = eao_tensor_count(y);
  if (!raw && !eao_q_param_act(y, act, &p)) return no_rule(c);
  for (EAO_EACH_BLOCK(i, n, total)) {
    if (!load_reals(c->in[0], y, i, n, a)) return no_rule(c);
    for (uint32_t in = 1; in < c->n_in; in++) {
      if (!load_reals(c->in[in], y, i, n, b)) return no_rule(c);
      for (int64_t k = 0; k < n; k++) a[k] = fn(c->attr, a[k], b[k]);
    }
    for (int64_t k = 0; divisor != 1 && k < n; k++) a[k] /= divisor;
    if (raw)
      eao_store_f64(y, i, 1, n, a);
    else
      store_reals(y, &p, i, n, a);
  }
  return EAO_OK;
}

eao_status eao_q_unary(eao_kcall *c, eao_q_unary_fn fn) {
  eao_tensor *y = c->out[0];
  eao_qparam p = {0};
  bool raw = y->dtype == EAO_BOOL || eao_dtype_is_float(y->dtype);
  double v[EAO_BLOCK];
  int64_t total = eao_tensor_count(y);
  if (!raw && !eao_q_param(y, &p)) return no_rule(c);
  for (EAO_EACH_BLOCK(i, n, total)) {
    if (!load_reals(c->in[0], y, i, n, v)) return no_rule(c);
    for (int64_t k = 0; k < n; k++) v[k] = fn(c->attr, v[k]);
    if (raw)
      eao_store_f64(y, i, 1, n, v);
    else
      store_reals(y, &p, i, n, v);
  }
  return EAO_OK;
}

/* ---- add, sub, mul: fixed rules, one integer in, one out ---- */

typedef struct pair {
  eao_qparam a, b, y;
  /* XNNPACK's sum: (qa * ma + qb * mb + bias) >> shift */
  int32_t ma, mb, shift;
  int64_t bias;
  /* TFLite's: both inputs brought to one scale, added, brought to the result's */
  eao_fixed fa, fb, fy;
  int32_t left;
  float scale; /* mul */
  int32_t sign;
} pair;

typedef int64_t (*pair_fn)(const pair *p, int64_t a, int64_t b);

static eao_status run_pair(eao_kcall *c, const pair *p, pair_fn fn) {
  eao_tensor *y = c->out[0];
  int64_t total = eao_tensor_count(y), a[EAO_BLOCK], b[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_bcast_i64(c->in[0], y, i, n, a);
    eao_load_bcast_i64(c->in[1], y, i, n, b);
    for (int64_t k = 0; k < n; k++) {
      int64_t q = fn(p, a[k], b[k]) + p->y.zero;
      a[k] = q < p->y.lo ? p->y.lo : q > p->y.hi ? p->y.hi : q;
    }
    eao_store_i64(y, i, 1, n, a);
  }
  return EAO_OK;
}

static bool load_pair(const eao_kcall *c, const eao_act *act, pair *p) {
  return eao_q_param(c->in[0], &p->a) && eao_q_param(c->in[1], &p->b) &&
         eao_q_param_act(c->out[0], act, &p->y) && c->in[0]->dtype == c->in[1]->dtype &&
         c->in[0]->dtype == c->out[0]->dtype;
}

static int64_t sum_8bit(const pair *p, int64_t a, int64_t b) {
  return eao_asr(a * p->ma + b * p->mb + p->bias, p->shift);
}

static int64_t sum_fixed(const pair *p, int64_t a, int64_t b) {
  int32_t sa = eao_sat32((a - p->a.zero) * ((int64_t)1 << p->left));
  int32_t sb = eao_sat32((b - p->b.zero) * ((int64_t)1 << p->left));
  int64_t sum = (int64_t)eao_fixed_mul(sa, p->fa) + p->sign * (int64_t)eao_fixed_mul(sb, p->fb);
  return eao_fixed_mul(eao_sat32(sum), p->fy);
}

static eao_status add_or_sub(eao_kcall *c, const eao_act *act, int32_t sign) {
  pair p = {.sign = sign};
  if (!load_pair(c, act, &p)) return no_rule(c);
  float ra = p.a.scale / p.y.scale, rb = p.b.scale / p.y.scale, most = ra > rb ? ra : rb;
  bool narrow = eao_dtype_bits(c->out[0]->dtype) <= 8;
  if (narrow && ra >= 0x1p-10f && rb >= 0x1p-10f && most < 0x1p8f) {
    int32_t exponent = (int32_t)(eao_f32_bits(most) >> 23) - 127;
    p.shift = 20 - exponent;
    p.ma = (int32_t)lrintf(ldexpf(ra, p.shift));
    p.mb = sign * (int32_t)lrintf(ldexpf(rb, p.shift));
    p.bias = ((int64_t)1 << (p.shift - 1)) - (int64_t)p.ma * p.a.zero - (int64_t)p.mb * p.b.zero;
    return run_pair(c, &p, sum_8bit);
  }
  double twice = 2.0 * (double)(p.a.scale > p.b.scale ? p.a.scale : p.b.scale);
  p.left = narrow ? 20 : 15;
  p.fa = eao_fixed_from((double)p.a.scale / twice);
  p.fb = eao_fixed_from((double)p.b.scale / twice);
  p.fy = eao_fixed_from(twice / (ldexp(1, p.left) * (double)p.y.scale));
  return run_pair(c, &p, sum_fixed);
}

eao_status eao_q_add(eao_kcall *c, const eao_act *act) {
  return add_or_sub(c, act, 1);
}

eao_status eao_q_sub(eao_kcall *c, const eao_act *act) {
  return add_or_sub(c, act, -1);
}

static int64_t product_8bit(const pair *p, int64_t a, int64_t b) {
  int32_t ab = (int32_t)((a - p->a.zero) * (b - p->b.zero));
  return eao_requant(ab, p->scale, p->y.zero, p->y.lo, p->y.hi) - p->y.zero;
}

static int64_t product_16bit(const pair *p, int64_t a, int64_t b) {
  return eao_fixed_mul(eao_sat32((a - p->a.zero) * (b - p->b.zero)), p->fy);
}

eao_status eao_q_mul(eao_kcall *c, const eao_act *act) {
  pair p = {.sign = 1};
  if (!load_pair(c, act, &p)) return no_rule(c);
  p.scale = p.a.scale * p.b.scale / p.y.scale;
  if (eao_dtype_bits(c->out[0]->dtype) <= 8) return run_pair(c, &p, product_8bit);
  p.fy = eao_fixed_from((double)p.scale);
  return run_pair(c, &p, product_16bit);
}

/* ---- leaky relu: 8-bit factors with 8 fraction bits ---- */

static int32_t q8_8(int64_t centred, float ratio) {
  return (int32_t)eao_asr(centred * lrintf(256.0f * ratio) + 128, 8);
}

static bool fits_q8_8(float ratio) {
  float r = fabsf(ratio);
  return r >= 0x1p-8f && r <= 0x1p7f;
}

/* 16 bits: the fixed-point rule, its factors rounded to float first. */
static void leaky_relu16(eao_kcall *c, const eao_qparam *x, const eao_qparam *p, float pos,
                         float neg) {
  eao_fixed above = eao_fixed_from((double)pos), below = eao_fixed_from((double)neg);
  int64_t total = eao_tensor_count(c->out[0]);
  for (int64_t i = 0; i < total; i++) {
    int32_t v = (int32_t)eao_get_i64(c->in[0], i) - x->zero;
    int64_t q = (int64_t)eao_fixed_mul(v, v >= 0 ? above : below) + p->zero;
    eao_set_i64(c->out[0], i, q < p->lo ? p->lo : q > p->hi ? p->hi : q);
  }
}

eao_status eao_q_leaky_relu(eao_kcall *c, float alpha, eao_q_unary_fn fn) {
  eao_tensor *y = c->out[0];
  eao_qparam x, p;
  if (!eao_q_param(c->in[0], &x) || !eao_q_param(y, &p)) return no_rule(c);
  float pos = x.scale / p.scale, neg = pos * alpha;
  if (c->in[0]->dtype == EAO_I16 && y->dtype == EAO_I16) {
    leaky_relu16(c, &x, &p, pos, x.scale * alpha / p.scale);
    return EAO_OK;
  }
  if (eao_dtype_bits(y->dtype) != 8 || c->in[0]->dtype != y->dtype || !fits_q8_8(pos) ||
      !fits_q8_8(neg))
    return eao_q_unary(c, fn);
  int64_t total = eao_tensor_count(y);
  for (int64_t i = 0; i < total; i++) {
    int64_t v = eao_get_i64(c->in[0], i) - x.zero;
    int64_t q = q8_8(v, v < 0 ? neg : pos) + (int64_t)p.zero;
    eao_set_i64(y, i, q < p.lo ? p.lo : q > p.hi ? p.hi : q);
  }
  return EAO_OK;
}

/* ---- moving to another quantisation ---- */

/* Integer to integer: three ways, chosen as LiteRT does. */
static int64_t rescale(const eao_qparam *x, const eao_qparam *y, bool short_factor, eao_fixed m,
                       int64_t q) {
  int64_t v = q - x->zero;
  v = (short_factor ? q8_8(v, x->scale / y->scale) : eao_fixed_mul((int32_t)v, m)) +
      (int64_t)y->zero;
  return v < y->lo ? y->lo : v > y->hi ? y->hi : v;
}

/* To or from 32 bits: the fixed-point rule, which saturates. */
static eao_status requantize32(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  if (x->quant.n != 1 || y->quant.n != 1) return no_rule(c);
  eao_fixed m = eao_fixed_from((double)eao_quant_scale(x, 0) / (double)eao_quant_scale(y, 0));
  int64_t lo = eao_dtype_min(y->dtype), hi = eao_dtype_max(y->dtype), total = eao_tensor_count(y);
  for (int64_t i = 0; i < total; i++) {
    int32_t v = eao_sat32(eao_get_i64(x, i) - eao_quant_zero(x, 0));
    int64_t q = (int64_t)eao_fixed_mul(v, m) + eao_quant_zero(y, 0);
    eao_set_i64(y, i, q < lo ? lo : q > hi ? hi : q);
  }
  return EAO_OK;
}

static eao_status requantize(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  eao_qparam p, q;
  if (x->dtype == EAO_I32 || y->dtype == EAO_I32) return requantize32(c);
  if (!eao_q_param(x, &p) || !eao_q_param(y, &q)) return no_rule(c);
  bool short_factor =
      x->dtype == y->dtype && eao_dtype_bits(x->dtype) == 8 && fits_q8_8(p.scale / q.scale);
  eao_fixed m = eao_fixed_from((double)p.scale / (double)q.scale);
  int64_t total = eao_tensor_count(y);
  for (int64_t i = 0; i < total; i++)
    eao_set_i64(y, i, rescale(&p, &q, short_factor, m, eao_get_i64(x, i)));
  return EAO_OK;
}

/* Float to integer. 8 bits: times 1 / scale; others: divided, halves away from zero. */
static int64_t quantize_one(float v, float scale, int32_t zero, eao_dtype t) {
  bool narrow = eao_dtype_bits(t) <= 8;
  double lo = (double)eao_dtype_min(t), hi = (double)eao_dtype_max(t);
  double q = narrow ? rint((double)(v * (1.0f / scale))) : round((double)(v / scale));
  q += zero;
  return !(q > lo) ? (int64_t)lo : q >= hi ? (int64_t)hi : (int64_t)q;
}

eao_status eao_ref_quantize(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  if (eao_q_is(x)) return requantize(c);
  int64_t total = eao_tensor_count(y);
  for (int64_t i = 0; i < total; i++)
    eao_set_i64(y, i,
                quantize_one((float)eao_get_f64(x, i), eao_quant_scale(y, i), eao_quant_zero(y, i),
                             y->dtype));
  return EAO_OK;
}

eao_status eao_ref_dequantize(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  int64_t total = eao_tensor_count(x);
  for (int64_t i = 0; i < total; i++) {
    float v = (float)eao_get_f64(x, i);
    if (eao_q_is(x)) v = (float)(eao_get_i64(x, i) - eao_quant_zero(x, i)) * eao_quant_scale(x, i);
    eao_set_f64(c->out[0], i, (double)v);
  }
  return EAO_OK;
}
