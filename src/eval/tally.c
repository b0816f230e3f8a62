/* Samples' shares of each metric, and the metrics of all. */
#include "eval/tally.h"

#include <math.h>
#include <string.h>

bool eval_needs_reference(eao_metric m) {
  return m == EAO_METRIC_MSE || m == EAO_METRIC_SQNR || m == EAO_METRIC_AGREEMENT;
}

bool eval_is_boxes(eao_metric m) {
  return m == EAO_METRIC_MAP || m == EAO_METRIC_MAP50 || m == EAO_METRIC_VOC50;
}

bool eval_is_text(eao_metric m) {
  return m == EAO_METRIC_WER || m == EAO_METRIC_CER;
}

eao_status eval_tally_init(eval_tally *t, int64_t n) {
  size_t bytes = (size_t)n * sizeof(double);
  t->n = n;
  t->a = eao_alloc(t->ctx, bytes);
  t->b = eao_alloc(t->ctx, bytes);
  t->c = eao_alloc(t->ctx, bytes);
  t->elements = eao_alloc(t->ctx, bytes);
  t->label = eao_alloc(t->ctx, (size_t)n);
  t->found = eao_alloc(t->ctx, (size_t)n * sizeof *t->found);
  bool all = t->a && t->b && t->c && t->elements && t->label && t->found;
  return all ? EAO_OK : EAO_NOMEM(t->ctx);
}

void eval_tally_deinit(eval_tally *t) {
  for (int64_t i = 0; t->found && i < t->n; i++) eao_free(t->ctx, t->found[i].at);
  eao_free(t->ctx, t->found);
  eao_free(t->ctx, t->truth.at);
  eao_free(t->ctx, t->a);
  eao_free(t->ctx, t->b);
  eao_free(t->ctx, t->c);
  eao_free(t->ctx, t->elements);
  eao_free(t->ctx, t->label);
}

/* ---- one sample ---- */

/* Outputs that are larger than the label's, equal ones before it included. */
static int64_t rank_of(const eao_tensor *out, int64_t label) {
  int64_t n = eao_tensor_elements(out), rank = 0;
  double v = eao_tensor_raw(out, label);
  for (int64_t i = 0; i < n; i++) {
    double u = eao_tensor_raw(out, i);
    if (u > v || (u == v && i < label) || (v != v && i != label)) rank++;
  }
  return rank;
}

static int64_t largest(const eao_tensor *out) {
  int64_t n = eao_tensor_elements(out), best = 0;
  for (int64_t i = 1; i < n; i++)
    if (eao_tensor_raw(out, i) > eao_tensor_raw(out, best)) best = i;
  return best;
}

static eao_status add_top(eval_tally *t, int64_t i, const eao_tensor *out, int64_t label) {
  int64_t n = eao_tensor_elements(out);
  if (label < 0)
    return eao_fail(t->ctx, EAO_ERR_SHAPE, "sample %lld (%s) has no label",
                    (long long)eval_sample(t, i), eao_dataset_name(t->d, eval_sample(t, i)));
  if (label >= n)
    return eao_fail(t->ctx, EAO_ERR_SHAPE,
                    "sample %lld has label %lld, the model has %lld outputs (0 to %lld): other "
                    "classes than the model's, or labels to shift (--label-offset)",
                    (long long)i, (long long)label, (long long)n, (long long)n - 1);
  int64_t rank = rank_of(out, label);
  t->a[i] = rank < 1;
  t->b[i] = rank < 5;
  return EAO_OK;
}

static eao_status add_auc(eval_tally *t, int64_t i, const eao_tensor *in, const eao_tensor *out,
                          int64_t label) {
  int64_t n = eao_tensor_elements(out);
  if (label < 0 || label > 1)
    return eao_fail(t->ctx, EAO_ERR_SHAPE, "sample %lld has label %lld; AUC needs 0 and 1",
                    (long long)i, (long long)label);
  t->label[i] = (uint8_t)label;
  if (n <= 2) {
    t->a[i] = eao_tensor_real(out, n - 1);
    return EAO_OK;
  }
  if (n != eao_tensor_elements(in))
    return eao_fail(t->ctx, EAO_ERR_SHAPE, "AUC needs one score, the model has %lld outputs",
                    (long long)n);
  double sum = 0;
  for (int64_t k = 0; k < n; k++) {
    double e = eao_tensor_real(out, k) - eao_tensor_real(in, k);
    sum += e * e;
  }
  t->a[i] = sum / (double)n;
  return EAO_OK;
}

static eao_status add_difference(eval_tally *t, int64_t i, const eao_tensor *out,
                                 const eao_tensor *want) {
  int64_t n = eao_tensor_elements(out);
  if (n != eao_tensor_elements(want))
    return eao_fail(t->ctx, EAO_ERR_SHAPE, "the models have %lld and %lld outputs", (long long)n,
                    (long long)eao_tensor_elements(want));
  for (int64_t k = 0; k < n; k++) {
    double w = eao_tensor_real(want, k), e = eao_tensor_real(out, k) - w;
    t->a[i] += e * e;
    t->b[i] += w * w;
  }
  t->elements[i] = (double)n;
  t->c[i] = largest(out) == largest(want);
  return EAO_OK;
}

static eao_status add_text(eval_tally *t, int64_t i, const eao_tensor *out) {
  char *text;
  const char *want = eao_dataset_text(t->d, eval_sample(t, i));
  int64_t edits[2] = {0}, n[2] = {0};
  EAO_TRY(eval_spell(t, out, &text));
  eao_status s = EAO_OK;
  for (int k = 0; s == EAO_OK && k < 2; k++)
    s = eao_edits(t->ctx, text, want ? want : "", k == 0, &edits[k], &n[k]);
  eao_free(t->ctx, text);
  t->a[i] = (double)edits[0];
  t->b[i] = (double)n[0];
  t->c[i] = (double)edits[1];
  t->elements[i] = (double)n[1];
  return s;
}

eao_status eval_tally_add(eval_tally *t, int64_t i, const eao_tensor *in, const eao_tensor *out,
                          uint32_t n_out, const eao_tensor *want) {
  int64_t label = eao_dataset_label(t->d, eval_sample(t, i));
  if (eval_needs_reference(t->metric)) return add_difference(t, i, out, want);
  if (eval_is_boxes(t->metric)) return eval_detections(t, i, in, out, n_out, &t->found[i]);
  if (eval_is_text(t->metric)) return add_text(t, i, out);
  if (t->metric == EAO_METRIC_AUC) return add_auc(t, i, in, out, label);
  return add_top(t, i, out, label);
}

/* ---- all ---- */

/* Ratios of sums over the samples: mean squared error, SQNR, error rates. */
static eao_status bootstrap_ratio(eval_tally *t, const double *num, const double *den, bool db,
                                  const eao_eval_opts *o, eao_score *out) {
  eao_rng rng = {o->seed};
  double a = 0, b = 0, *sorted = eao_alloc(t->ctx, o->resamples * sizeof *sorted);
  if (!sorted) return EAO_NOMEM(t->ctx);
  for (int64_t i = 0; i < t->n; i++) {
    a += num[i];
    b += den[i];
  }
  out->value = db ? 10 * log10(a / b) : a / b;
  for (uint32_t r = 0; r < o->resamples; r++) {
    a = b = 0;
    for (int64_t i = 0; i < t->n; i++) {
      uint64_t k = eao_rng_below(&rng, (uint64_t)t->n);
      a += num[k];
      b += den[k];
    }
    sorted[r] = db ? 10 * log10(a / b) : a / b;
  }
  eao_percentiles(sorted, o->resamples, &out->lo, &out->hi);
  eao_free(t->ctx, sorted);
  return EAO_OK;
}

static eao_status add_ratio(eval_tally *t, eao_evaluation *e, eao_metric m, const double *num,
                            const double *den, const eao_eval_opts *o) {
  eao_score *s = &e->score[e->n_score++];
  s->metric = m;
  return bootstrap_ratio(t, num, den, m == EAO_METRIC_SQNR, o, s);
}

static void add_mean(eao_evaluation *e, eao_metric m, const double *values, int64_t n,
                     const eao_eval_opts *o) {
  eao_score *s = &e->score[e->n_score++];
  s->metric = m;
  eao_bootstrap_mean(values, n, o->resamples, o->seed, s);
}

static eao_status box_scores(eval_tally *t, const eao_eval_opts *o, eao_evaluation *e) {
  eval_boxes all = {0};
  eao_status s = EAO_OK;
  for (int64_t i = 0; s == EAO_OK && i < t->n; i++) {
    s = eval_true_boxes(t, i);
    for (uint32_t k = 0; s == EAO_OK && k < t->found[i].n; k++)
      s = eval_boxes_add(t->ctx, &all, &t->found[i].at[k]);
  }
  if (s == EAO_OK)
    s = eao_mean_ap(t->ctx, t->truth.at, t->truth.n, all.at, all.n, t->n, o->resamples, o->seed,
                    e->score);
  e->n_score = 3;
  eao_free(t->ctx, all.at);
  return s;
}

static eao_status all_scores(eval_tally *t, const eao_eval_opts *o, eao_evaluation *e) {
  if (eval_is_boxes(t->metric)) return box_scores(t, o, e);
  if (t->metric == EAO_METRIC_AUC) {
    e->n_score = 1;
    return eao_auc(t->ctx, t->a, t->label, t->n, o->resamples, o->seed, &e->score[0]);
  }
  if (eval_is_text(t->metric)) {
    EAO_TRY(add_ratio(t, e, EAO_METRIC_WER, t->a, t->b, o));
    return add_ratio(t, e, EAO_METRIC_CER, t->c, t->elements, o);
  }
  if (!eval_needs_reference(t->metric)) {
    add_mean(e, EAO_METRIC_TOP1, t->a, t->n, o);
    add_mean(e, EAO_METRIC_TOP5, t->b, t->n, o);
    return EAO_OK;
  }
  EAO_TRY(add_ratio(t, e, EAO_METRIC_MSE, t->a, t->elements, o));
  EAO_TRY(add_ratio(t, e, EAO_METRIC_SQNR, t->b, t->a, o));
  add_mean(e, EAO_METRIC_AGREEMENT, t->c, t->n, o);
  return EAO_OK;
}

eao_status eval_tally_scores(eval_tally *t, const eao_eval_opts *o, eao_evaluation *e) {
  EAO_TRY(all_scores(t, o, e));
  for (uint32_t i = 1; i < e->n_score; i++) /* what was asked for comes first */
    if (e->score[i].metric == t->metric) {
      eao_score first = e->score[i];
      memmove(e->score + 1, e->score, i * sizeof first);
      e->score[0] = first;
    }
  return EAO_OK;
}
