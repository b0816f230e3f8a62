/* Kernels along one axis: arg-extremes, softmax, cumulative sums, the k largest. */
#include <math.h>

#include "kernel/block.h"
#include "kernel/ref/quant.h"
#include "kernel/ref/reduce.h"

/* ---- order ---- */

/* Sign of x[i] - x[j], exact for every type. NaN is larger than everything else. */
static int compare(const eao_tensor *x, int64_t i, int64_t j) {
  if (eao_dtype_is_float(x->dtype)) {
    double a = eao_get_f64(x, i), b = eao_get_f64(x, j);
    bool na = a != a, nb = b != b;
    return na || nb ? (int)na - (int)nb : (a > b) - (a < b);
  }
  int64_t a = eao_get_i64(x, i), b = eao_get_i64(x, j);
  uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
  return x->dtype == EAO_U64 ? (ua > ub) - (ua < ub) : (a > b) - (a < b);
}

static eao_status arg_extreme(eao_kcall *c, int sign) {
  const eao_arg_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  int64_t outer, n, inner;
  eao_axis_split(x, attr->axis, &outer, &n, &inner);
  for (int64_t i = 0; i < outer * inner; i++) {
    int64_t at = i / inner * n * inner + i % inner, best = 0;
    for (int64_t k = 1; k < n; k++) {
      int order = sign * compare(x, at + k * inner, at + best * inner);
      if (order > 0 || (order == 0 && attr->select_last_index)) best = k;
    }
    eao_set_i64(c->out[0], i, best);
  }
  return EAO_OK;
}

eao_status eao_ref_argmax(eao_kcall *c) {
  return arg_extreme(c, 1);
}
eao_status eao_ref_argmin(eao_kcall *c) {
  return arg_extreme(c, -1);
}

/* ---- topk: a heap of the k best, the worst of them at its root ---- */

typedef struct ranking {
  const eao_tensor *x;
  int64_t at, stride;
  int sign; /* 1: largest first */
} ranking;

static bool ranks_before(const ranking *r, int64_t i, int64_t j) {
  int order = r->sign * compare(r->x, r->at + i * r->stride, r->at + j * r->stride);
  return order ? order > 0 : i < j;
}

static void sift_down(const ranking *r, int64_t *heap, int64_t n, int64_t i) {
  for (;;) {
    int64_t worst = i, left = 2 * i + 1;
    for (int64_t child = left; child < n && child <= left + 1; child++)
      if (ranks_before(r, heap[worst], heap[child])) worst = child;
    if (worst == i) return;
    int64_t t = heap[i];
    heap[i] = heap[worst];
    heap[worst] = t;
    i = worst;
  }
}

/* heap: room for k. Leaves the k first of n in order. */
static void rank_first(const ranking *r, int64_t n, int64_t k, int64_t *heap) {
  for (int64_t i = 0; i < k; i++) heap[i] = i;
  for (int64_t i = k / 2 - 1; i >= 0; i--) sift_down(r, heap, k, i);
  for (int64_t i = k; i < n; i++) {
    if (!ranks_before(r, i, heap[0])) continue;
    heap[0] = i;
    sift_down(r, heap, k, 0);
  }
  for (int64_t left = k - 1; left > 0; left--) {
    int64_t t = heap[0];
    heap[0] = heap[left];
    heap[left] = t;
    sift_down(r, heap, left, 0);
  }
}

/* Either output may be unwanted; both have the same shape. */
static const eao_tensor *topk_shape(const eao_kcall *c) {
  return c->out[0] ? c->out[0] : c->out[1];
}

size_t eao_ref_topk_scratch(const eao_kcall *c) {
  const eao_topk_attr *attr = c->attr;
  int64_t outer, k, inner;
  eao_axis_split(topk_shape(c), attr->axis, &outer, &k, &inner);
  return (size_t)k * sizeof(int64_t);
}

eao_status eao_ref_topk(eao_kcall *c) {
  const eao_topk_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  eao_tensor *values = c->out[0], *indices = c->n_out > 1 ? c->out[1] : NULL;
  int64_t outer, n, inner, k, *heap = c->scratch;
  eao_axis_split(topk_shape(c), attr->axis, &outer, &k, &inner);
  eao_axis_split(x, attr->axis, &outer, &n, &inner);
  bool is_float = eao_dtype_is_float(x->dtype);
  for (int64_t i = 0; k > 0 && i < outer * inner; i++) {
    ranking r = {x, i / inner * n * inner + i % inner, inner, attr->largest ? 1 : -1};
    rank_first(&r, n, k, heap);
    int64_t to = i / inner * k * inner + i % inner;
    for (int64_t m = 0; m < k; m++, to += inner) {
      int64_t from = r.at + heap[m] * inner;
      if (values && is_float)
        eao_set_f64(values, to, eao_get_f64(x, from));
      else if (values)
        eao_set_i64(values, to, eao_get_i64(x, from));
      if (indices) eao_set_i64(indices, to, heap[m]);
    }
  }
  return EAO_OK;
}

/* ---- softmax ---- */

/* max and log-free sum of exp(beta * (x - max)) of a row. */
static void softmax_sums(const eao_tensor *x, int64_t at, int64_t n, int64_t stride, double beta,
                         double *out_max, double *out_sum) {
  double v[EAO_BLOCK], max = -INFINITY, sum = 0;
  for (EAO_EACH_BLOCK(i, m, n)) {
    eao_load_f64(x, at + i * stride, stride, m, v);
    for (int64_t k = 0; k < m; k++) max = max != max || max > beta * v[k] ? max : beta * v[k];
  }
  for (EAO_EACH_BLOCK(i, m, n)) {
    eao_load_f64(x, at + i * stride, stride, m, v);
    for (int64_t k = 0; k < m; k++) sum += exp(beta * v[k] - max);
  }
  *out_max = max;
  *out_sum = sum;
}

static eao_status softmax(eao_kcall *c, bool log_of) {
  const eao_softmax_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  if (eao_q_call(c)) return eao_q_softmax(c, attr, log_of);
  int64_t outer, n, inner;
  double v[EAO_BLOCK], max, sum, beta = (double)attr->beta;
  eao_axis_split(x, attr->axis, &outer, &n, &inner);
  for (int64_t r = 0; r < outer * inner; r++) {
    int64_t at = r / inner * n * inner + r % inner;
    softmax_sums(x, at, n, inner, beta, &max, &sum);
    double log_sum = log(sum);
    for (EAO_EACH_BLOCK(i, m, n)) {
      eao_load_f64(x, at + i * inner, inner, m, v);
      for (int64_t k = 0; k < m; k++) {
        double d = beta * v[k] - max;
        v[k] = log_of ? d - log_sum : exp(d) / sum;
      }
      eao_store_f64(c->out[0], at + i * inner, inner, m, v);
    }
  }
  return EAO_OK;
}

eao_status eao_ref_softmax(eao_kcall *c) {
  return softmax(c, false);
}
eao_status eao_ref_log_softmax(eao_kcall *c) {
  return softmax(c, true);
}

/* 1 at the first of the largest values, else 0. */
eao_status eao_ref_hardmax(eao_kcall *c) {
  const eao_softmax_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  int64_t outer, n, inner;
  eao_axis_split(x, attr->axis, &outer, &n, &inner);
  for (int64_t r = 0; r < outer * inner; r++) {
    int64_t at = r / inner * n * inner + r % inner, best = 0;
    for (int64_t k = 1; k < n; k++)
      if (compare(x, at + k * inner, at + best * inner) > 0) best = k;
    for (int64_t k = 0; k < n; k++) eao_set_f64(c->out[0], at + k * inner, k == best);
  }
  return EAO_OK;
}

/* ---- cumulative sum ---- */

eao_status eao_ref_cumsum(eao_kcall *c) {
  const eao_cumsum_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t outer, n, inner;
  if (x->quant.n) return eao_kfail_quant(c);
  bool is_float = eao_dtype_is_float(x->dtype);
  int64_t axis = eao_get_i64(c->in[1], 0); /* may be computed by the model itself */
  if (axis < -x->rank || axis >= x->rank)
    return eao_kfail(c, EAO_ERR_ARG, "the axis is outside of the tensor");
  eao_axis_split(x, axis, &outer, &n, &inner);
  for (int64_t r = 0; r < outer * inner; r++) {
    double sum = 0;
    uint64_t isum = 0;
    for (int64_t k = 0; k < n; k++) {
      int64_t at = r / inner * n * inner + r % inner + (attr->reverse ? n - 1 - k : k) * inner;
      double before = sum;
      uint64_t ibefore = isum;
      if (is_float) {
        sum += eao_get_f64(x, at);
        eao_set_f64(y, at, attr->exclusive ? before : sum);
      } else {
        isum += (uint64_t)eao_get_i64(x, at);
        eao_set_i64(y, at, (int64_t)(attr->exclusive ? ibefore : isum));
      }
    }
  }
  return EAO_OK;
}
