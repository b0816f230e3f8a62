#include "kernel/ref/quant.h"
#include "kernel/ref/reduce.h"

#include <math.h>
#include <string.h>

#include "kernel/block.h"

/* ---- groups ---- */

void eao_groups_init(eao_groups *g, const eao_tensor *t, uint32_t mask) {
  int64_t stride[EAO_MAX_RANK];
  memset(g, 0, sizeof *g);
  eao_tensor_strides(t, stride);
  g->n_group = g->n_run = g->run_len = 1;
  for (int32_t d = 0; d < t->rank; d++) {
    bool reduced = mask >> d & 1, merge = d > 0 && (mask >> (d - 1) & 1) == reduced;
    int32_t *n = reduced ? &g->n_outer : &g->n_kept;
    int64_t *dim = reduced ? g->outer_dim : g->kept_dim;
    int64_t *step = reduced ? g->outer_stride : g->kept_stride;
    if (!merge) dim[(*n)++] = 1;
    dim[*n - 1] *= t->dim[d];
    step[*n - 1] = stride[d];
  }
  for (int32_t k = 0; k < g->n_kept; k++) g->n_group *= g->kept_dim[k];
  if (g->n_outer > 0) {
    g->n_outer--;
    g->run_len = g->outer_dim[g->n_outer];
    g->run_stride = g->outer_stride[g->n_outer];
  }
  for (int32_t k = 0; k < g->n_outer; k++) g->n_run *= g->outer_dim[k];
}

int64_t eao_groups_at(const eao_groups *g, int64_t group, int64_t run) {
  int64_t at = 0;
  for (int32_t k = g->n_kept - 1; k >= 0 && group; k--) {
    at += group % g->kept_dim[k] * g->kept_stride[k];
    group /= g->kept_dim[k];
  }
  for (int32_t k = g->n_outer - 1; k >= 0 && run; k--) {
    at += run % g->outer_dim[k] * g->outer_stride[k];
    run /= g->outer_dim[k];
  }
  return at;
}

bool eao_reduce_mask(const eao_kcall *c, uint32_t *out) {
  const eao_reduce_attr *attr = c->attr;
  const eao_tensor *x = c->in[0], *axes = c->n_in > 1 ? c->in[1] : NULL;
  int64_t n = axes ? eao_tensor_count(axes) : 0;
  *out = n == 0 && !attr->noop_with_empty_axes ? (1u << x->rank) - 1 : 0;
  for (int64_t i = 0; i < n; i++) {
    int64_t axis = eao_get_i64(axes, i);
    if (axis < -x->rank || axis >= x->rank) return false;
    *out |= 1u << (axis < 0 ? axis + x->rank : axis);
  }
  return true;
}

/* ---- reductions ---- */

typedef enum kind { SUM, MEAN, MAX, MIN, PROD, L1, L2, LOG_SUM, LOG_SUM_EXP, SUM_SQUARE } kind;

typedef struct acc {
  double v, top; /* LOG_SUM_EXP: log of the sum is top + log(v) */
} acc;

/* One more term of a sum of exponentials that are kept relative to the largest. */
static void add_exp(acc *a, double x) {
  if (x == -INFINITY) return;
  if (x > a->top) {
    a->v = a->v * exp(a->top - x) + 1;
    a->top = x;
  } else {
    a->v += x == a->top ? 1 : exp(x - a->top);
  }
}

static acc start_f64(kind what) {
  double v = what == MAX ? -INFINITY : what == MIN ? INFINITY : what == PROD ? 1 : 0;
  return (acc){v, -INFINITY};
}

static void step_f64(kind what, acc *a, int64_t n, const double *x) {
  double v = a->v;
  switch (what) {
  case SUM:
  case MEAN:
  case LOG_SUM:
    for (int64_t k = 0; k < n; k++) v += x[k];
    break;
  case MAX: /* NaN stays */
    for (int64_t k = 0; k < n; k++) v = v != v || v > x[k] ? v : x[k];
    break;
  case MIN:
    for (int64_t k = 0; k < n; k++) v = v != v || v < x[k] ? v : x[k];
    break;
  case PROD:
    for (int64_t k = 0; k < n; k++) v *= x[k];
    break;
  case L1:
    for (int64_t k = 0; k < n; k++) v += fabs(x[k]);
    break;
  case L2:
  case SUM_SQUARE:
    for (int64_t k = 0; k < n; k++) v += x[k] * x[k];
    break;
  case LOG_SUM_EXP:
    for (int64_t k = 0; k < n; k++) add_exp(a, x[k]);
    return;
  }
  a->v = v;
}

static double finish_f64(kind what, const acc *a, int64_t n) {
  switch (what) {
  case MEAN: return a->v / (double)n;
  case L2: return sqrt(a->v);
  case LOG_SUM: return log(a->v);
  case LOG_SUM_EXP: return a->v == 0 ? -INFINITY : a->top + log(a->v);
  default: return a->v;
  }
}

static void reduce_f64(eao_kcall *c, const eao_groups *g, kind what) {
  double v[EAO_BLOCK];
  for (int64_t o = 0; o < g->n_group; o++) {
    acc a = start_f64(what);
    for (int64_t r = 0; r < g->n_run; r++) {
      int64_t at = eao_groups_at(g, o, r);
      for (EAO_EACH_BLOCK(i, n, g->run_len)) {
        eao_load_f64(c->in[0], at + i * g->run_stride, g->run_stride, n, v);
        step_f64(what, &a, n, v);
      }
    }
    eao_set_f64(c->out[0], o, finish_f64(what, &a, g->n_run * g->run_len));
  }
}

/* Integers; u64 is kept with its top bit flipped while values are compared. */
static int64_t step_i64(kind what, int64_t acc_v, int64_t x) {
  uint64_t a = (uint64_t)acc_v, b = (uint64_t)x;
  switch (what) {
  case MAX: return acc_v > x ? acc_v : x;
  case MIN: return acc_v < x ? acc_v : x;
  case PROD: return (int64_t)(a * b);
  case L1: return (int64_t)(x < 0 ? a - b : a + b);
  case SUM_SQUARE: return (int64_t)(a + b * b);
  default: return (int64_t)(a + b);
  }
}

static eao_status reduce_i64(eao_kcall *c, const eao_groups *g, kind what) {
  const eao_tensor *x = c->in[0];
  bool is_u64 = x->dtype == EAO_U64;
  uint64_t flip = is_u64 && (what == MAX || what == MIN) ? (uint64_t)1 << 63 : 0;
  int64_t start = what == PROD ? 1 : 0, count = g->n_run * g->run_len, v[EAO_BLOCK];
  if (what == MAX) start = is_u64 ? INT64_MIN : eao_dtype_min(x->dtype);
  if (what == MIN) start = is_u64 ? INT64_MAX : eao_dtype_max(x->dtype);
  if (what == MEAN && count == 0 && g->n_group)
    return eao_kfail(c, EAO_ERR_ARG, "integer mean of no elements");
  if (is_u64 && what == L1) what = SUM;
  for (int64_t o = 0; o < g->n_group; o++) {
    int64_t a = start;
    for (int64_t r = 0; r < g->n_run; r++) {
      int64_t at = eao_groups_at(g, o, r);
      for (EAO_EACH_BLOCK(i, n, g->run_len)) {
        eao_load_i64(x, at + i * g->run_stride, g->run_stride, n, v);
        for (int64_t k = 0; k < n; k++) a = step_i64(what, a, (int64_t)((uint64_t)v[k] ^ flip));
      }
    }
    if (what == MEAN) a = is_u64 ? (int64_t)((uint64_t)a / (uint64_t)count) : a / count;
    eao_set_i64(c->out[0], o, (int64_t)((uint64_t)a ^ flip));
  }
  return EAO_OK;
}

static eao_status reduce(eao_kcall *c, kind what) {
  const eao_tensor *x = c->in[0];
  eao_groups g;
  uint32_t mask;
  if (!eao_reduce_mask(c, &mask)) return eao_kfail(c, EAO_ERR_ARG, "an axis is outside of x");
  eao_groups_init(&g, x, mask);
  if (g.n_group != eao_tensor_count(c->out[0]))
    return eao_kfail(c, EAO_ERR_ARG, "the axes do not give the output's shape");
  if (eao_q_call(c) && (what == SUM || what == MEAN)) return eao_q_reduce_sum(c, &g, what == MEAN);
  if (eao_q_call(c) && !((what == MAX || what == MIN) && eao_q_same(x, c->out[0])))
    return eao_kfail_quant(c);
  bool real = what == L2 || what == LOG_SUM || what == LOG_SUM_EXP;
  if (!real && !eao_dtype_is_float(x->dtype)) return reduce_i64(c, &g, what);
  reduce_f64(c, &g, what);
  return EAO_OK;
}

eao_status eao_ref_reduce_sum(eao_kcall *c) {
  return reduce(c, SUM);
}
eao_status eao_ref_reduce_mean(eao_kcall *c) {
  return reduce(c, MEAN);
}
eao_status eao_ref_reduce_max(eao_kcall *c) {
  return reduce(c, MAX);
}
eao_status eao_ref_reduce_min(eao_kcall *c) {
  return reduce(c, MIN);
}
eao_status eao_ref_reduce_prod(eao_kcall *c) {
  return reduce(c, PROD);
}
eao_status eao_ref_reduce_l1(eao_kcall *c) {
  return reduce(c, L1);
}
eao_status eao_ref_reduce_l2(eao_kcall *c) {
  return reduce(c, L2);
}
eao_status eao_ref_reduce_log_sum(eao_kcall *c) {
  return reduce(c, LOG_SUM);
}
eao_status eao_ref_reduce_log_sum_exp(eao_kcall *c) {
  return reduce(c, LOG_SUM_EXP);
}
eao_status eao_ref_reduce_sum_square(eao_kcall *c) {
  return reduce(c, SUM_SQUARE);
}
/* On bools, which hold 0 or 1. */
eao_status eao_ref_reduce_any(eao_kcall *c) {
  return reduce(c, MAX);
}
eao_status eao_ref_reduce_all(eao_kcall *c) {
  return reduce(c, MIN);
}
