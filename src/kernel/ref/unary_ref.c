/* Element-wise kernels with one input. */
#include <math.h>

#include "kernel/block.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/q_lut16.h"

eao_status eao_unary_run(eao_kcall *c, eao_unary_f64 fn) {
  if (eao_q_call(c)) return eao_q_unary(c, fn);
  int64_t total = eao_tensor_count(c->out[0]);
  double v[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_f64(c->in[0], i, 1, n, v);
    for (int64_t k = 0; k < n; k++) v[k] = fn(c->attr, v[k]);
    eao_store_f64(c->out[0], i, 1, n, v);
  }
  return EAO_OK;
}

static eao_status run_i64(eao_kcall *c, eao_unary_i64 fn) {
  int64_t total = eao_tensor_count(c->out[0]), v[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_i64(c->in[0], i, 1, n, v);
    for (int64_t k = 0; k < n; k++) v[k] = fn(c->attr, v[k]);
    eao_store_i64(c->out[0], i, 1, n, v);
  }
  return EAO_OK;
}

/* Functions that have an exact integer form. */
static eao_status run_either(eao_kcall *c, eao_unary_f64 fn, eao_unary_i64 fn_i64) {
  bool exact = !eao_dtype_is_float(c->in[0]->dtype) && !c->in[0]->quant.n;
  return exact ? run_i64(c, fn_i64) : eao_unary_run(c, fn);
}

/* ---- functions whose body is one call ---- */

/* With a rule of their own for quantised tensors. */
#define FN16(name, expr, quantised)                                                                \
  static double name##_f64(const void *attr, double x) {                                           \
    (void)attr;                                                                                    \
    return expr;                                                                                   \
  }                                                                                                \
  eao_status eao_ref_##name(eao_kcall *c) {                                                        \
    if (eao_q_call(c)) return quantised;                                                           \
    return eao_unary_run(c, name##_f64);                                                           \
  }
#define FN(name, expr)                                                                             \
  static double name##_f64(const void *attr, double x) {                                           \
    (void)attr;                                                                                    \
    return expr;                                                                                   \
  }                                                                                                \
  eao_status eao_ref_##name(eao_kcall *c) {                                                        \
    return eao_unary_run(c, name##_f64);                                                           \
  }
FN(reciprocal, 1 / x)
FN(sqrt, sqrt(x))
FN16(rsqrt, 1 / sqrt(x), eao_q_lut16(c, rsqrt_f64))
FN16(exp, exp(x), eao_q_lut16(c, exp_f64))
FN16(log, log(x), eao_q_lut16(c, log_f64))
FN(sin, sin(x))
FN(cos, cos(x))
FN(tan, tan(x))
FN(asin, asin(x))
FN(acos, acos(x))
FN(atan, atan(x))
FN(sinh, sinh(x))
FN(cosh, cosh(x))
FN16(tanh, tanh(x), eao_q_sigmoid(c, true, tanh_f64))
FN(asinh, asinh(x))
FN(acosh, acosh(x))
FN(atanh, atanh(x))
FN(ceil, ceil(x))
FN(floor, floor(x))
FN(erf, erf(x))
FN(softsign, x / (1 + fabs(x)))
FN16(sigmoid, 1 / (1 + exp(-x)), eao_q_sigmoid(c, false, sigmoid_f64))
FN(silu, x / (1 + exp(-x)))
#undef FN
#undef FN16

/* ---- functions with an integer form ---- */

static double abs_f64(const void *attr, double x) {
  (void)attr;
  return fabs(x);
}
static int64_t abs_i64(const void *attr, int64_t x) {
  (void)attr;
  return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}
static int64_t same_i64(const void *attr, int64_t x) {
  (void)attr;
  return x;
}
eao_status eao_ref_abs(eao_kcall *c) {
  /* A u64 is read as an int64_t, whose sign means nothing. */
  return run_either(c, abs_f64, c->in[0]->dtype == EAO_U64 ? same_i64 : abs_i64);
}

static double neg_f64(const void *attr, double x) {
  (void)attr;
  return -x;
}
static int64_t neg_i64(const void *attr, int64_t x) {
  (void)attr;
  return (int64_t)(0 - (uint64_t)x);
}
eao_status eao_ref_neg(eao_kcall *c) {
  return run_either(c, neg_f64, neg_i64);
}

static double sign_f64(const void *attr, double x) {
  (void)attr;
  return x > 0 ? 1 : x < 0 ? -1 : x; /* keeps NaN */
}
eao_status eao_ref_sign(eao_kcall *c) {
  return eao_unary_run(c, sign_f64);
}

static double square_f64(const void *attr, double x) {
  (void)attr;
  return x * x;
}
static int64_t square_i64(const void *attr, int64_t x) {
  (void)attr;
  return (int64_t)((uint64_t)x * (uint64_t)x);
}
eao_status eao_ref_square(eao_kcall *c) {
  return run_either(c, square_f64, square_i64);
}

static double relu_f64(const void *attr, double x) {
  (void)attr;
  return x < 0 ? 0 : x; /* keeps NaN */
}
static int64_t relu_i64(const void *attr, int64_t x) {
  (void)attr;
  return x < 0 ? 0 : x;
}
eao_status eao_ref_relu(eao_kcall *c) {
  return run_either(c, relu_f64, relu_i64);
}

static int64_t not_i64(const void *attr, int64_t x) {
  (void)attr;
  return !x;
}
eao_status eao_ref_not(eao_kcall *c) {
  return run_i64(c, not_i64);
}

static int64_t bitwise_not_i64(const void *attr, int64_t x) {
  (void)attr;
  return ~x;
}
eao_status eao_ref_bitwise_not(eao_kcall *c) {
  return run_i64(c, bitwise_not_i64);
}

/* ---- rounding and tests ---- */

/* To nearest, ties to even, whatever the rounding mode of the machine. */
static double round_f64(const void *attr, double x) {
  (void)attr;
  double r = floor(x), d = x - r;
  if (!(d >= 0 && d < 1)) return x; /* infinite or NaN */
  if (d > 0.5 || (d == 0.5 && fmod(r, 2) != 0)) r += 1;
  return copysign(r, x);
}
eao_status eao_ref_round(eao_kcall *c) {
  return eao_unary_run(c, round_f64);
}

static double is_nan_f64(const void *attr, double x) {
  (void)attr;
  return x != x;
}
eao_status eao_ref_is_nan(eao_kcall *c) {
  return eao_unary_run(c, is_nan_f64);
}

static double is_inf_f64(const void *attr, double x) {
  const eao_is_inf_attr *a = attr;
  return (a->detect_positive && x == INFINITY) || (a->detect_negative && x == -INFINITY);
}
eao_status eao_ref_is_inf(eao_kcall *c) {
  return eao_unary_run(c, is_inf_f64);
}

/* ---- activations ---- */

static double alpha(const void *attr) {
  return (double)((const eao_unary_attr *)attr)->alpha;
}
static double beta(const void *attr) {
  return (double)((const eao_unary_attr *)attr)->beta;
}

static double leaky_relu_f64(const void *attr, double x) {
  return x < 0 ? alpha(attr) * x : x;
}
eao_status eao_ref_leaky_relu(eao_kcall *c) {
  if (eao_q_call(c)) return eao_q_leaky_relu(c, (float)alpha(c->attr), leaky_relu_f64);
  return eao_unary_run(c, leaky_relu_f64);
}

static double elu_f64(const void *attr, double x) {
  return x < 0 ? alpha(attr) * expm1(x) : x;
}
eao_status eao_ref_elu(eao_kcall *c) {
  return eao_unary_run(c, elu_f64);
}

static double selu_f64(const void *attr, double x) {
  return beta(attr) * (x > 0 ? x : alpha(attr) * expm1(x));
}
eao_status eao_ref_selu(eao_kcall *c) {
  return eao_unary_run(c, selu_f64);
}

static double celu_f64(const void *attr, double x) {
  return x < 0 ? alpha(attr) * expm1(x / alpha(attr)) : x;
}
eao_status eao_ref_celu(eao_kcall *c) {
  return eao_unary_run(c, celu_f64);
}

static double hard_sigmoid_f64(const void *attr, double x) {
  double y = alpha(attr) * x + beta(attr);
  return y < 0 ? 0 : y > 1 ? 1 : y;
}
eao_status eao_ref_hard_sigmoid(eao_kcall *c) {
  return eao_unary_run(c, hard_sigmoid_f64);
}

static double act_f64(int32_t kind, double x) {
  return eao_act_apply(&(eao_act){.kind = kind}, x);
}
static double hard_swish_f64(const void *attr, double x) {
  (void)attr;
  return act_f64(EAO_ACT_HARD_SWISH, x);
}
eao_status eao_ref_hard_swish(eao_kcall *c) {
  return eao_unary_run(c, hard_swish_f64);
}

static double gelu_f64(const void *attr, double x) {
  const eao_gelu_attr *a = attr;
  return act_f64(a->approximate ? EAO_ACT_GELU_TANH : EAO_ACT_GELU, x);
}
eao_status eao_ref_gelu(eao_kcall *c) {
  return eao_unary_run(c, gelu_f64);
}

/* log(1 + exp(x)) without overflow. */
static double softplus_f64(const void *attr, double x) {
  (void)attr;
  return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}
eao_status eao_ref_softplus(eao_kcall *c) {
  return eao_unary_run(c, softplus_f64);
}

static double mish_f64(const void *attr, double x) {
  return x * tanh(softplus_f64(attr, x));
}
eao_status eao_ref_mish(eao_kcall *c) {
  return eao_unary_run(c, mish_f64);
}

static double thresholded_relu_f64(const void *attr, double x) {
  return x > alpha(attr) || x != x ? x : 0;
}
eao_status eao_ref_thresholded_relu(eao_kcall *c) {
  return eao_unary_run(c, thresholded_relu_f64);
}

static double shrink_f64(const void *attr, double x) {
  double lambd = alpha(attr), bias = beta(attr);
  return x < -lambd ? x + bias : x > lambd ? x - bias : x != x ? x : 0;
}
eao_status eao_ref_shrink(eao_kcall *c) {
  return eao_unary_run(c, shrink_f64);
}

/* ---- clip: the bounds are inputs ---- */

static const eao_tensor *optional(const eao_kcall *c, uint32_t i) {
  return i < c->n_in ? c->in[i] : NULL;
}

static eao_status clip_i64(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *lo = optional(c, 1), *hi = optional(c, 2);
  /* With the top bit flipped, u64 values compare as int64_t do. */
  uint64_t flip = x->dtype == EAO_U64 ? (uint64_t)1 << 63 : 0;
  int64_t min = lo ? (int64_t)((uint64_t)eao_get_i64(lo, 0) ^ flip) : INT64_MIN;
  int64_t max = hi ? (int64_t)((uint64_t)eao_get_i64(hi, 0) ^ flip) : INT64_MAX;
  int64_t total = eao_tensor_count(x), v[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_i64(x, i, 1, n, v);
    for (int64_t k = 0; k < n; k++) {
      int64_t a = (int64_t)((uint64_t)v[k] ^ flip);
      a = a < min ? min : a;
      a = a > max ? max : a;
      v[k] = (int64_t)((uint64_t)a ^ flip);
    }
    eao_store_i64(c->out[0], i, 1, n, v);
  }
  return EAO_OK;
}

/* min above max gives max, as numpy does. NaN stays. */
eao_status eao_ref_clip(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *lo = optional(c, 1), *hi = optional(c, 2);
  if (eao_q_call(c) && !eao_q_same(x, c->out[0]))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "clip cannot change the quantisation");
  if (!eao_dtype_is_float(x->dtype)) return clip_i64(c);
  double min = lo ? eao_get_f64(lo, 0) : -INFINITY, max = hi ? eao_get_f64(hi, 0) : INFINITY;
  int64_t total = eao_tensor_count(x);
  double v[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_f64(x, i, 1, n, v);
    for (int64_t k = 0; k < n; k++) {
      v[k] = v[k] < min ? min : v[k];
      v[k] = v[k] > max ? max : v[k];
    }
    eao_store_f64(c->out[0], i, 1, n, v);
  }
  return EAO_OK;
}

/* ---- an activation as an op ---- */

static double fused_f64(const void *attr, double x) {
  const eao_binary_attr *a = attr;
  return eao_act_apply(&a->act, x);
}

eao_status eao_ref_act(eao_kcall *c) {
  return eao_unary_run(c, fused_f64);
}
