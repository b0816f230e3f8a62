/* Element-wise kernels with several inputs that broadcast to the output. */
#include <math.h>

#include "kernel/block.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/quant.h"

typedef double (*fn_f64)(const void *attr, double a, double b);
typedef int64_t (*fn_i64)(const void *attr, int64_t a, int64_t b);

/* The forms of one function. Integers up to 32 bits and i64 use i64; u64, reinterpreted, uses u64
 * (NULL: the same as i64, because only the low bits matter). */
typedef struct forms {
  fn_f64 f64;
  fn_i64 i64, u64;
} forms;

static bool on_floats(const eao_kcall *c) {
  return eao_dtype_is_float(c->in[0]->dtype);
}

static void act_f64(const eao_act *act, int64_t n, double *v) {
  if (!act || act->kind == EAO_ACT_NONE) return;
  for (int64_t k = 0; k < n; k++) v[k] = eao_act_apply(act, v[k]);
}

static int64_t bound_i64(float v) {
  return v >= 0x1p63f ? INT64_MAX : v >= -0x1p63f ? (int64_t)v : INT64_MIN;
}

static void act_i64(const eao_act *act, int64_t n, int64_t *v) {
  float lo, hi;
  if (!act || act->kind == EAO_ACT_NONE || !eao_act_bounds(act, &lo, &hi)) return;
  for (int64_t k = 0; k < n; k++) {
    if ((double)v[k] < (double)lo) v[k] = bound_i64(lo);
    if ((double)v[k] > (double)hi) v[k] = bound_i64(hi);
  }
}

/* out = act(fn(...fn(fn(in[0], in[1]), in[2])...) / divisor) */
static eao_status fold_f64(eao_kcall *c, fn_f64 fn, double divisor, const eao_act *act) {
  eao_tensor *y = c->out[0];
  int64_t total = eao_tensor_count(y);
  double a[EAO_BLOCK], b[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_bcast_f64(c->in[0], y, i, n, a);
    for (uint32_t in = 1; in < c->n_in; in++) {
      eao_load_bcast_f64(c->in[in], y, i, n, b);
      for (int64_t k = 0; k < n; k++) a[k] = fn(c->attr, a[k], b[k]);
    }
    for (int64_t k = 0; divisor != 1 && k < n; k++) a[k] /= divisor;
    act_f64(act, n, a);
    eao_store_f64(y, i, 1, n, a);
  }
  return EAO_OK;
}

static eao_status fold_i64(eao_kcall *c, fn_i64 fn, const eao_act *act) {
  eao_tensor *y = c->out[0];
  int64_t total = eao_tensor_count(y), a[EAO_BLOCK], b[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_bcast_i64(c->in[0], y, i, n, a);
    for (uint32_t in = 1; in < c->n_in; in++) {
      eao_load_bcast_i64(c->in[in], y, i, n, b);
      for (int64_t k = 0; k < n; k++) a[k] = fn(c->attr, a[k], b[k]);
    }
    act_i64(act, n, a);
    eao_store_i64(y, i, 1, n, a);
  }
  return EAO_OK;
}

static eao_status run_act(eao_kcall *c, const forms *f, const eao_act *act) {
  if (f->f64 && eao_q_call(c)) return eao_q_fold(c, f->f64, 1, act);
  if (on_floats(c)) return fold_f64(c, f->f64, 1, act);
  return fold_i64(c, c->in[0]->dtype == EAO_U64 && f->u64 ? f->u64 : f->i64, act);
}

static eao_status run(eao_kcall *c, const forms *f) {
  return run_act(c, f, NULL);
}

/* Integer division has no result for a divisor of 0. */
static eao_status run_divide(eao_kcall *c, const forms *f, const eao_act *act) {
  const eao_tensor *b = c->in[1];
  if (!on_floats(c) && !c->in[0]->quant.n) {
    int64_t total = eao_tensor_count(c->out[0]) ? eao_tensor_count(b) : 0;
    for (int64_t i = 0; i < total; i++)
      if (eao_get_i64(b, i) == 0) return eao_kfail(c, EAO_ERR_ARG, "integer division by zero");
  }
  return run_act(c, f, act);
}

#define F64(name, expr)                                                                            \
  static double name##_f64(const void *attr, double a, double b) {                                 \
    (void)attr;                                                                                    \
    return expr;                                                                                   \
  }
#define I64(name, expr)                                                                            \
  static int64_t name##_i64(const void *attr, int64_t a, int64_t b) {                              \
    (void)attr;                                                                                    \
    return (int64_t)(expr);                                                                        \
  }
#define U64(name, expr)                                                                            \
  static int64_t name##_u64(const void *attr, int64_t sa, int64_t sb) {                            \
    (void)attr;                                                                                    \
    uint64_t a = (uint64_t)sa, b = (uint64_t)sb;                                                   \
    return (int64_t)(expr);                                                                        \
  }

/* ---- arithmetic with an optional activation ---- */

static const eao_act *act_of(const eao_kcall *c) {
  return &((const eao_binary_attr *)c->attr)->act;
}

F64(add, a + b)
I64(add, (uint64_t)a + (uint64_t)b)
eao_status eao_ref_add(eao_kcall *c) {
  if (eao_q_call(c)) return eao_q_add(c, act_of(c));
  return run_act(c, &(forms){add_f64, add_i64, NULL}, act_of(c));
}

F64(sub, a - b)
I64(sub, (uint64_t)a - (uint64_t)b)
eao_status eao_ref_sub(eao_kcall *c) {
  if (eao_q_call(c)) return eao_q_sub(c, act_of(c));
  return run_act(c, &(forms){sub_f64, sub_i64, NULL}, act_of(c));
}

F64(mul, a *b)
I64(mul, (uint64_t)a *(uint64_t)b)
eao_status eao_ref_mul(eao_kcall *c) {
  if (eao_q_call(c)) return eao_q_mul(c, act_of(c));
  return run_act(c, &(forms){mul_f64, mul_i64, NULL}, act_of(c));
}

/* b == -1 apart: INT64_MIN / -1 overflows. */
F64(div, a / b)
I64(div, b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)
U64(div, a / b)
eao_status eao_ref_div(eao_kcall *c) {
  return run_divide(c, &(forms){div_f64, div_i64, div_u64}, act_of(c));
}

/* ---- other arithmetic ---- */

static double floor_mod_f64(const void *attr, double a, double b) {
  (void)attr;
  double r = fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static int64_t floor_mod_i64(const void *attr, int64_t a, int64_t b) {
  (void)attr;
  int64_t r = b == -1 ? 0 : a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
U64(mod, a % b)
eao_status eao_ref_floor_mod(eao_kcall *c) {
  return run_divide(c, &(forms){floor_mod_f64, floor_mod_i64, mod_u64}, NULL);
}

F64(fmod, fmod(a, b))
I64(fmod, b == -1 ? 0 : a % b)
eao_status eao_ref_mod(eao_kcall *c) {
  const eao_mod_attr *attr = c->attr;
  if (!attr->fmod) return eao_ref_floor_mod(c);
  return run_divide(c, &(forms){fmod_f64, fmod_i64, mod_u64}, NULL);
}

/* The quotient is rounded to float before floor, as TFLite, the only format with this op, does. */
F64(floor_div, floor((double)(float)(a / b)))
static int64_t floor_div_i64(const void *attr, int64_t a, int64_t b) {
  if (b == -1) return div_i64(attr, a, b);
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
eao_status eao_ref_floor_div(eao_kcall *c) {
  return run_divide(c, &(forms){floor_div_f64, floor_div_i64, div_u64}, NULL);
}

F64(pow, pow(a, b))
/* Wraps. A negative exponent gives the truncated fraction: 0 unless a is 1 or -1. */
static int64_t pow_i64(const void *attr, int64_t a, int64_t b) {
  (void)attr;
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
  uint64_t r = 1, base = (uint64_t)a;
  for (; b; b >>= 1, base *= base)
    if (b & 1) r *= base;
  return (int64_t)r;
}
/* The exponent may have another type than the base. */
eao_status eao_ref_pow(eao_kcall *c) {
  if (eao_q_call(c)) return eao_q_fold(c, pow_f64, 1, NULL);
  if (on_floats(c) || eao_dtype_is_float(c->in[1]->dtype)) return fold_f64(c, pow_f64, 1, NULL);
  return fold_i64(c, pow_i64, NULL);
}

F64(squared_difference, (a - b) * (a - b))
I64(squared_difference, ((uint64_t)a - (uint64_t)b) * ((uint64_t)a - (uint64_t)b))
eao_status eao_ref_squared_difference(eao_kcall *c) {
  return run(c, &(forms){squared_difference_f64, squared_difference_i64, NULL});
}

F64(prelu, a < 0 ? a * b : a)
I64(prelu, a < 0 ? (uint64_t)a * (uint64_t)b : (uint64_t)a)
static int64_t prelu_u64(const void *attr, int64_t a, int64_t b) {
  (void)attr;
  (void)b;
  return a; /* never negative */
}
eao_status eao_ref_prelu(eao_kcall *c) {
  return run(c, &(forms){prelu_f64, prelu_i64, prelu_u64});
}

F64(atan2, atan2(a, b))
eao_status eao_ref_atan2(eao_kcall *c) {
  return run(c, &(forms){atan2_f64, NULL, NULL});
}

/* ---- variadic; NaN wins ---- */

F64(min, a != a || a < b ? a : b)
I64(min, a < b ? a : b)
U64(min, a < b ? a : b)
eao_status eao_ref_min(eao_kcall *c) {
  return run(c, &(forms){min_f64, min_i64, min_u64});
}

F64(max, a != a || a > b ? a : b)
I64(max, a > b ? a : b)
U64(max, a > b ? a : b)
eao_status eao_ref_max(eao_kcall *c) {
  return run(c, &(forms){max_f64, max_i64, max_u64});
}

eao_status eao_ref_sum(eao_kcall *c) {
  return run(c, &(forms){add_f64, add_i64, NULL});
}

eao_status eao_ref_mean(eao_kcall *c) {
  if (eao_q_call(c)) return eao_q_fold(c, add_f64, (double)c->n_in, NULL);
  return fold_f64(c, add_f64, (double)c->n_in, NULL);
}

/* ---- comparison: the output is bool ---- */

F64(equal, a == b)
I64(equal, a == b)
eao_status eao_ref_equal(eao_kcall *c) {
  return run(c, &(forms){equal_f64, equal_i64, NULL});
}

F64(not_equal, a != b)
I64(not_equal, a != b)
eao_status eao_ref_not_equal(eao_kcall *c) {
  return run(c, &(forms){not_equal_f64, not_equal_i64, NULL});
}

F64(greater, a > b)
I64(greater, a > b)
U64(greater, a > b)
eao_status eao_ref_greater(eao_kcall *c) {
  return run(c, &(forms){greater_f64, greater_i64, greater_u64});
}

F64(greater_or_equal, a >= b)
I64(greater_or_equal, a >= b)
U64(greater_or_equal, a >= b)
eao_status eao_ref_greater_or_equal(eao_kcall *c) {
  return run(c, &(forms){greater_or_equal_f64, greater_or_equal_i64, greater_or_equal_u64});
}

F64(less, a < b)
I64(less, a < b)
U64(less, a < b)
eao_status eao_ref_less(eao_kcall *c) {
  return run(c, &(forms){less_f64, less_i64, less_u64});
}

F64(less_or_equal, a <= b)
I64(less_or_equal, a <= b)
U64(less_or_equal, a <= b)
eao_status eao_ref_less_or_equal(eao_kcall *c) {
  return run(c, &(forms){less_or_equal_f64, less_or_equal_i64, less_or_equal_u64});
}

/* ---- bits: logical ops are the same on bools, which hold 0 or 1 ---- */

I64(and, a &b)
eao_status eao_ref_bitwise_and(eao_kcall *c) {
  return fold_i64(c, and_i64, NULL);
}
eao_status eao_ref_and(eao_kcall *c) {
  return fold_i64(c, and_i64, NULL);
}

I64(or, a | b)
eao_status eao_ref_bitwise_or(eao_kcall *c) {
  return fold_i64(c, or_i64, NULL);
}
eao_status eao_ref_or(eao_kcall *c) {
  return fold_i64(c, or_i64, NULL);
}

I64(xor, a ^ b)
eao_status eao_ref_bitwise_xor(eao_kcall *c) {
  return fold_i64(c, xor_i64, NULL);
}
eao_status eao_ref_xor(eao_kcall *c) {
  return fold_i64(c, xor_i64, NULL);
}

/* Shifts by 64 or more, or by less than 0 (as unsigned: huge), push every bit out. */
static int64_t shift_left(const void *attr, int64_t a, int64_t b) {
  (void)attr;
  return (uint64_t)b < 64 ? (int64_t)((uint64_t)a << b) : 0;
}
static int64_t shift_right(const void *attr, int64_t a, int64_t b) {
  (void)attr;
  uint64_t sign = a < 0 ? ~(uint64_t)0 : 0; /* right shift of a negative number, portably */
  return (uint64_t)b < 64 ? (int64_t)((((uint64_t)a ^ sign) >> b) ^ sign) : (int64_t)sign;
}
U64(shift_right, b < 64 ? a >> b : 0)
eao_status eao_ref_bit_shift(eao_kcall *c) {
  const eao_bit_shift_attr *attr = c->attr;
  if (!attr->direction) return run(c, &(forms){NULL, shift_left, NULL});
  return run(c, &(forms){NULL, shift_right, shift_right_u64});
}

/* ---- where ---- */

eao_status eao_ref_where(eao_kcall *c) {
  const eao_tensor *cond = c->in[0], *x = c->in[1];
  eao_tensor *y = c->out[0];
  if (eao_q_is(x) && !(eao_q_same(x, c->in[2]) && eao_q_same(x, y)))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "where cannot change the quantisation");
  bool is_float = eao_dtype_is_float(x->dtype);
  int64_t total = eao_tensor_count(y), pick[EAO_BLOCK], a[EAO_BLOCK], b[EAO_BLOCK];
  double fa[EAO_BLOCK], fb[EAO_BLOCK];
  for (EAO_EACH_BLOCK(i, n, total)) {
    eao_load_bcast_i64(cond, y, i, n, pick);
    if (is_float) {
      eao_load_bcast_f64(x, y, i, n, fa);
      eao_load_bcast_f64(c->in[2], y, i, n, fb);
      for (int64_t k = 0; k < n; k++) fa[k] = pick[k] ? fa[k] : fb[k];
      eao_store_f64(y, i, 1, n, fa);
    } else {
      eao_load_bcast_i64(x, y, i, n, a);
      eao_load_bcast_i64(c->in[2], y, i, n, b);
      for (int64_t k = 0; k < n; k++) a[k] = pick[k] ? a[k] : b[k];
      eao_store_i64(y, i, 1, n, a);
    }
  }
  return EAO_OK;
}
