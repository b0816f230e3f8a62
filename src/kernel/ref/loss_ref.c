#include "kernel/ref/loss.h"

#include <math.h>

/* A position's scores: C of them, stride apart. */
typedef struct scores {
  const eao_tensor *x;
  int64_t at, n, stride;
} scores;

/* log of the sum of exp(score) */
static double log_sum_exp(const scores *s) {
  double max = -INFINITY, sum = 0;
  for (int64_t k = 0; k < s->n; k++) {
    double v = eao_get_f64(s->x, s->at + k * s->stride);
    max = v > max ? v : max;
  }
  for (int64_t k = 0; k < s->n; k++) sum += exp(eao_get_f64(s->x, s->at + k * s->stride) - max);
  return max + log(sum);
}

static eao_status loss(eao_kcall *c, bool softmax) {
  const eao_loss_attr *attr = c->attr;
  const eao_tensor *x = c->in[0], *labels = c->in[1], *weight = c->n_in > 2 ? c->in[2] : NULL;
  eao_tensor *y = c->out[0], *log_prob = c->n_out > 1 ? c->out[1] : NULL;
  int64_t inner = 1, total = eao_tensor_count(labels);
  for (int32_t d = 2; d < x->rank; d++) inner *= x->dim[d];
  double sum = 0, weights = 0;
  for (int64_t i = 0; i < total; i++) {
    scores s = {x, i / inner * x->dim[1] * inner + i % inner, x->dim[1], inner};
    double shift = softmax ? log_sum_exp(&s) : 0, term = 0;
    for (int64_t k = 0; log_prob && k < s.n; k++)
      eao_set_f64(log_prob, s.at + k * inner, eao_get_f64(x, s.at + k * inner) - shift);
    int64_t label = eao_get_i64(labels, i);
    bool counts = attr->ignore_index == EAO_LOSS_NO_LABEL || label != attr->ignore_index;
    if (counts && (label < 0 || label >= s.n))
      return eao_kfail(c, EAO_ERR_ARG, "a label is not a class");
    if (counts) {
      double w = weight ? eao_get_f64(weight, label) : 1;
      term = w * (shift - eao_get_f64(x, s.at + label * inner));
      weights += w;
    }
    sum += term;
    if (y && attr->reduction == EAO_LOSS_NONE) eao_set_f64(y, i, term);
  }
  if (attr->reduction == EAO_LOSS_MEAN) sum /= weights;
  if (y && attr->reduction != EAO_LOSS_NONE) eao_set_f64(y, 0, sum);
  return EAO_OK;
}

eao_status eao_ref_nll_loss(eao_kcall *c) {
  return loss(c, false);
}
eao_status eao_ref_softmax_cross_entropy_loss(eao_kcall *c) {
  return loss(c, true);
}
