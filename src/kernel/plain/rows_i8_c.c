/* Softmax and sums of quantised bytes. Rules: docs/integer-spec.md. */
#include <math.h>

#include "kernel/plain/rows_f32.h"
#include "kernel/ref/quant.h"
#include "kernel/requant.h"

static bool is_byte(const eao_tensor *t) {
  return (t->dtype == EAO_I8 || t->dtype == EAO_U8) && t->quant.n == 1;
}

/* ---- softmax: an element is one of 256, so its exponential is computed once ---- */

bool eao_k_softmax_i8_c_match(const eao_kcall *c) {
  const eao_softmax_attr *a = c->attr;
  int64_t outer, n, inner;
  eao_axis_split(c->in[0], a->axis, &outer, &n, &inner);
  return is_byte(c->in[0]) && is_byte(c->out[0]) && inner == 1;
}

size_t eao_k_softmax_i8_c_scratch(const eao_kcall *c, uint32_t n_part) {
  (void)c;
  return 256 * sizeof(double) * (n_part ? n_part : 1);
}

eao_status eao_k_softmax_i8_c(eao_kcall *c) {
  const eao_softmax_attr *a = c->attr;
  eao_qparam in, out;
  int64_t outer, n, inner, r, end;
  double *table = (double *)c->scratch + c->part * 256; /* of e^(-scale * i); 0: not yet known */
  if (!eao_q_param(c->in[0], &in) || !eao_q_param(c->out[0], &out))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "unmatched call");
  uint8_t flip = c->in[0]->dtype == EAO_I8 ? 0x80 : 0;
  double scale = (double)(in.scale * a->beta);
  eao_axis_split(c->in[0], a->axis, &outer, &n, &inner);
  eao_kcall_share(c, outer, 1, &r, &end);
  for (int i = 0; i < 256; i++) table[i] = -1;
  for (; r < end; r++) {
    const uint8_t *x = (const uint8_t *)c->in[0]->data + r * n;
    uint8_t *y = (uint8_t *)c->out[0]->data + r * n;
    int32_t most = 0;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) most = (x[i] ^ flip) > most ? x[i] ^ flip : most;
    for (int64_t i = 0; i < n; i++) {
      int32_t d = most - (x[i] ^ flip);
      if (table[d] < 0) table[d] = exp(scale * (double)-d);
      sum += table[d];
    }
    for (int64_t i = 0; i < n; i++)
      y[i] = (uint8_t)eao_q_from_real(&out, (float)(table[most - (x[i] ^ flip)] / sum));
  }
  return EAO_OK;
}

/* ---- reduce_mean, reduce_sum over adjacent axes ---- */

static bool reduce_match(const eao_kcall *c) {
  int64_t outer, n, inner;
  const eao_tensor *axes = c->n_in > 1 ? c->in[1] : NULL;
  return is_byte(c->in[0]) && is_byte(c->out[0]) && (!axes || axes->data) &&
         eao_reduce_split(c, &outer, &n, &inner) && n > 0 && n < 1 << 23;
}
bool eao_k_reduce_mean_i8_c_match(const eao_kcall *c) {
  return reduce_match(c);
}
bool eao_k_reduce_sum_i8_c_match(const eao_kcall *c) {
  return reduce_match(c);
}

/* Sums of n unsigned bytes in each of `count` columns. */
static void column_sums(const uint8_t *x, int64_t n, int64_t inner, int count, uint8_t flip,
                        int32_t *sum) {
  for (int i = 0; i < count; i++) sum[i] = 0;
  for (int64_t k = 0; k < n; k++, x += inner)
    for (int i = 0; i < count; i++) sum[i] += (uint8_t)(x[i] ^ flip);
}

static eao_status reduce(eao_kcall *c, bool mean) {
  enum { BLOCK = 64 };
  eao_qparam in, out;
  int64_t outer, n, inner, begin, end;
  if (!eao_q_param(c->in[0], &in) || !eao_q_param(c->out[0], &out))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "unmatched call");
  eao_reduce_split(c, &outer, &n, &inner);
  uint8_t flip = c->in[0]->dtype == EAO_I8 ? 0x80 : 0;
  float m = in.scale / out.scale;
  if (mean) m *= 1.0f / (float)n;
  float zero = (float)out.zero - (float)(n * in.zero) * m, lo = (float)out.lo, hi = (float)out.hi;
  eao_kcall_share(c, outer * inner, 1, &begin, &end);
  for (int64_t i = begin; i < end;) {
    int32_t sum[BLOCK];
    int64_t o = i / inner, at = i % inner, count = inner - at < BLOCK ? inner - at : BLOCK;
    if (count > end - i) count = end - i;
    column_sums((const uint8_t *)c->in[0]->data + o * n * inner + at, n, inner, (int)count, flip,
                sum);
    for (int64_t k = 0; k < count; k++) {
      float v = (float)(sum[k] - (flip ? 128 * (int32_t)n : 0)) * m + zero;
      v = v > lo ? v : lo;
      ((uint8_t *)c->out[0]->data)[i + k] = (uint8_t)eao_rne_f32(v < hi ? v : hi);
    }
    i += count;
  }
  return EAO_OK;
}

eao_status eao_k_reduce_mean_i8_c(eao_kcall *c) {
  return reduce(c, true);
}
eao_status eao_k_reduce_sum_i8_c(eao_kcall *c) {
  return reduce(c, false);
}
