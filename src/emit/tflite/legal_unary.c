/* Functions of one input that TFLite has no operator for, from those it has. They are float
 * arithmetic: a quantised input is dequantised before and the result quantised after. */
#include <math.h>

#include "emit/tflite/tflite.h"
#include "kernel/ref/elementwise.h"

/* ---- expressions: after a failure, calls do nothing ---- */

typedef struct expr {
  eao_tfe *e;
  eao_dtype dtype;
  eao_status status;
} expr;

static eao_vid number(expr *x, double v) {
  eao_vid out = EAO_NONE;
  if (x->status == EAO_OK) x->status = eao_tfe_float(x->e, x->dtype, v, &out);
  return out;
}

/* op(a, b), or op(a) when b is EAO_NONE, as `out` or as a temporary. */
static eao_vid put(expr *x, uint16_t op, eao_vid a, eao_vid b, eao_dtype type, eao_vid out) {
  eao_vid in[2] = {a, b};
  if (x->status == EAO_OK && out == EAO_NONE) x->status = eao_tfe_temp_of(x->e, type, &out);
  if (x->status == EAO_OK)
    x->status = eao_tfe_node(x->e, op, NULL, in, b == EAO_NONE ? 1 : 2, &out, 1);
  return out;
}

static eao_vid f1(expr *x, uint16_t op, eao_vid a) {
  return put(x, op, a, EAO_NONE, x->dtype, EAO_NONE);
}
static eao_vid f2(expr *x, uint16_t op, eao_vid a, eao_vid b) {
  return put(x, op, a, b, x->dtype, EAO_NONE);
}
static eao_vid times(expr *x, eao_vid a, double k) {
  return f2(x, EAO_OP_mul, a, number(x, k));
}
static eao_vid plus(expr *x, eao_vid a, double k) {
  return f2(x, EAO_OP_add, a, number(x, k));
}
static eao_status done(expr *x, uint16_t op, eao_vid a, eao_vid b, eao_vid out) {
  put(x, op, a, b, x->dtype, out);
  return x->status;
}

/* condition ? a : b, the result in out. */
static eao_status choose(expr *x, eao_vid condition, eao_vid a, eao_vid b, eao_vid out) {
  if (x->status != EAO_OK) return x->status;
  return eao_tfe_node(x->e, EAO_OP_where, NULL, (eao_vid[]){condition, a, b}, 3, &out, 1);
}

/* ---- functions ---- */

typedef eao_status (*real_fn)(expr *x, const eao_node *n, eao_vid in, eao_vid out);

/* Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: within 1.5e-7. */
static eao_status erf_of(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  static const double a[] = {1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592};
  (void)n;
  eao_vid size = f1(x, EAO_OP_abs, in), one = number(x, 1);
  eao_vid t = f2(x, EAO_OP_div, one, plus(x, times(x, size, 0.3275911), 1));
  eao_vid sum = plus(x, times(x, t, a[0]), a[1]);
  for (int i = 2; i < 5; i++) sum = plus(x, f2(x, EAO_OP_mul, sum, t), a[i]);
  eao_vid bell = f1(x, EAO_OP_exp, f1(x, EAO_OP_neg, f2(x, EAO_OP_mul, in, in)));
  eao_vid rest = f2(x, EAO_OP_mul, f2(x, EAO_OP_mul, sum, t), bell);
  return done(x, EAO_OP_mul, f2(x, EAO_OP_sub, one, rest), f1(x, EAO_OP_sign, in), out);
}

/* max(x, 0) + alpha * elu(min(x, 0) / divisor), times gamma. */
static eao_status elu_like(expr *x, eao_vid in, double alpha, double divisor, double gamma,
                           eao_vid out) {
  eao_vid low = f2(x, EAO_OP_min, in, number(x, 0));
  if (divisor != 1) low = f2(x, EAO_OP_div, low, number(x, divisor));
  eao_vid sum = f2(x, EAO_OP_add, f1(x, EAO_OP_relu, in), times(x, f1(x, EAO_OP_elu, low), alpha));
  return done(x, EAO_OP_mul, sum, number(x, gamma), out);
}

static eao_status elu_family(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  const eao_unary_attr *a = n->attr;
  double alpha = (double)a->alpha;
  if (n->op == EAO_OP_selu) return elu_like(x, in, alpha, 1, (double)a->beta, out);
  return elu_like(x, in, alpha, n->op == EAO_OP_celu ? alpha : 1, 1, out);
}

static eao_status hyperbolic(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  eao_vid up = f1(x, EAO_OP_exp, in), down = f1(x, EAO_OP_exp, f1(x, EAO_OP_neg, in));
  eao_vid sum = f2(x, n->op == EAO_OP_sinh ? EAO_OP_sub : EAO_OP_add, up, down);
  return done(x, EAO_OP_mul, sum, number(x, 0.5), out);
}

static eao_status area(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  eao_vid one = number(x, 1);
  if (n->op == EAO_OP_atanh) {
    eao_vid q = f2(x, EAO_OP_div, f2(x, EAO_OP_add, one, in), f2(x, EAO_OP_sub, one, in));
    return done(x, EAO_OP_mul, f1(x, EAO_OP_log, q), number(x, 0.5), out);
  }
  bool odd = n->op == EAO_OP_asinh;
  eao_vid size = odd ? f1(x, EAO_OP_abs, in) : in, square = f2(x, EAO_OP_mul, in, in);
  eao_vid root = f1(x, EAO_OP_sqrt, f2(x, odd ? EAO_OP_add : EAO_OP_sub, square, one));
  eao_vid sum = f2(x, EAO_OP_add, size, root);
  if (!odd) return done(x, EAO_OP_log, sum, EAO_NONE, out);
  return done(x, EAO_OP_mul, f1(x, EAO_OP_log, sum), f1(x, EAO_OP_sign, in), out);
}

static eao_status arc(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  eao_vid one = number(x, 1);
  if (n->op == EAO_OP_atan) { /* ATAN2 does not broadcast: ones of x's shape */
    eao_vid ones = f2(x, EAO_OP_max, f1(x, EAO_OP_sign, in), one);
    return done(x, EAO_OP_atan2, in, ones, out);
  }
  eao_vid other = f1(x, EAO_OP_sqrt, f2(x, EAO_OP_sub, one, f2(x, EAO_OP_mul, in, in)));
  if (n->op == EAO_OP_asin) return done(x, EAO_OP_atan2, in, other, out);
  return done(x, EAO_OP_atan2, other, in, out);
}

static eao_status tan_of(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  return done(x, EAO_OP_div, f1(x, EAO_OP_sin, in), f1(x, EAO_OP_cos, in), out);
}

static eao_status softsign(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  return done(x, EAO_OP_div, in, plus(x, f1(x, EAO_OP_abs, in), 1), out);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which does not overflow */
static eao_vid softplus_value(expr *x, eao_vid in, eao_vid out) {
  eao_vid t = f1(x, EAO_OP_exp, f1(x, EAO_OP_neg, f1(x, EAO_OP_abs, in)));
  return put(x, EAO_OP_add, f1(x, EAO_OP_relu, in), f1(x, EAO_OP_log, plus(x, t, 1)), x->dtype,
             out);
}

static eao_status softplus(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  softplus_value(x, in, out);
  return x->status;
}

static eao_status mish(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  return done(x, EAO_OP_mul, in, f1(x, EAO_OP_tanh, softplus_value(x, in, EAO_NONE)), out);
}

static eao_status silu(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  return done(x, EAO_OP_mul, in, f1(x, EAO_OP_sigmoid, in), out);
}

static eao_status hard_sigmoid(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  const eao_unary_attr *u = n->attr;
  eao_act a = {EAO_ACT_HARD_SIGMOID, u->alpha, u->beta};
  return eao_tfe_act(x->e, &a, in, out);
}

static eao_status reciprocal(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  return done(x, EAO_OP_div, number(x, 1), in, out);
}

static eao_status thresholded(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  eao_vid limit = number(x, (double)((const eao_unary_attr *)n->attr)->alpha);
  eao_vid above = put(x, EAO_OP_greater, in, limit, EAO_BOOL, EAO_NONE);
  return choose(x, above, in, number(x, 0), out);
}

static eao_status shrink(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  const eao_unary_attr *a = n->attr;
  eao_vid middle, lambd = number(x, (double)a->alpha), minus = number(x, -(double)a->alpha);
  eao_vid above = put(x, EAO_OP_greater, in, lambd, EAO_BOOL, EAO_NONE);
  eao_vid below = put(x, EAO_OP_less, in, minus, EAO_BOOL, EAO_NONE);
  eao_vid less = plus(x, in, -(double)a->beta), more = plus(x, in, (double)a->beta);
  EAO_TRY(x->status);
  EAO_TRY(eao_tfe_temp_of(x->e, x->dtype, &middle));
  EAO_TRY(choose(x, above, less, number(x, 0), middle));
  return choose(x, below, more, middle, out);
}

static eao_status is_nan(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  (void)n;
  put(x, EAO_OP_not_equal, in, in, EAO_BOOL, out);
  return x->status;
}

static eao_status is_inf(expr *x, const eao_node *n, eao_vid in, eao_vid out) {
  const eao_is_inf_attr *a = n->attr;
  bool both = a->detect_negative && a->detect_positive;
  if (!a->detect_negative && !a->detect_positive)
    return eao_tfe_fail(x->e, "a test for no infinity");
  eao_vid v = both ? f1(x, EAO_OP_abs, in) : in;
  put(x, EAO_OP_equal, v, number(x, a->detect_positive ? INFINITY : -INFINITY), EAO_BOOL, out);
  return x->status;
}

static real_fn find(uint16_t op) {
  switch (op) {
  case EAO_OP_erf: return erf_of;
  case EAO_OP_selu:
  case EAO_OP_celu: return elu_family;
  case EAO_OP_sinh:
  case EAO_OP_cosh: return hyperbolic;
  case EAO_OP_asinh:
  case EAO_OP_acosh:
  case EAO_OP_atanh: return area;
  case EAO_OP_asin:
  case EAO_OP_acos:
  case EAO_OP_atan: return arc;
  case EAO_OP_tan: return tan_of;
  case EAO_OP_softsign: return softsign;
  case EAO_OP_softplus: return softplus;
  case EAO_OP_mish: return mish;
  case EAO_OP_silu: return silu;
  case EAO_OP_hard_sigmoid: return hard_sigmoid;
  case EAO_OP_reciprocal: return reciprocal;
  case EAO_OP_thresholded_relu: return thresholded;
  case EAO_OP_shrink: return shrink;
  case EAO_OP_is_nan: return is_nan;
  case EAO_OP_is_inf: return is_inf;
  default: return NULL;
  }
}

/* ELU as TFLite has it is copied; with another factor it is made. */
static real_fn find_for(const eao_node *n) {
  if (n->op != EAO_OP_elu) return find(n->op);
  return ((const eao_unary_attr *)n->attr)->alpha != 1 ? elu_family : NULL;
}

static eao_status unary(eao_tfe *e, const eao_node *n) {
  real_fn fn = find_for(n);
  bool last = eao_tfe_only_last(e, n->in[0]);
  const eao_tensor *t = eao_tfe_type(e, n->in[0]), *y = eao_tfe_type(e, n->out[0]);
  eao_vid in, out, a, b;
  if (!fn) return eao_tfe_copy(e, n);
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &in) : eao_tfe_plain(e, n->in[0], &in));
  EAO_TRY(eao_tfe_out(e, n->out[0], last, &out));
  if (!t->quant.n && !eao_dtype_is_float(t->dtype))
    return eao_tfe_fail(e, "the function on %s", eao_dtype_name(t->dtype));
  expr x = {.e = e, .dtype = t->quant.n ? EAO_F32 : t->dtype};
  if (!t->quant.n) return fn(&x, n, in, out);
  if (t->quant.n > 1) return eao_tfe_fail(e, "several scales");
  EAO_TRY(eao_tfe_temp_of(e, EAO_F32, &a));
  EAO_TRY(eao_tfe_unary(e, EAO_OP_dequantize, NULL, in, a));
  if (!y->quant.n) return fn(&x, n, a, out);
  EAO_TRY(eao_tfe_temp_of(e, EAO_F32, &b));
  EAO_TRY(fn(&x, n, a, b));
  return eao_tfe_unary(e, EAO_OP_quantize, NULL, b, out);
}

eao_tfe_fn eao_tfe_find_unary(uint16_t op) {
  return op == EAO_OP_elu || find(op) ? unary : NULL;
}
