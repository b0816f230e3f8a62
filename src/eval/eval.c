/* Runs a model over a data set and scores it. */
#include <math.h>
#include <string.h>

#include "base/base.h"
#include "eval/stats.h"

static const char *const names[] = {"", "top1", "top5", "auc", "mse", "sqnr", "agreement"};

eao_metric eao_metric_from_name(const char *name) {
  for (size_t i = 1; i < EAO_COUNT(names); i++)
    if (strcmp(names[i], name) == 0) return (eao_metric)i;
  return EAO_METRIC_NONE;
}

const char *eao_metric_name(eao_metric m) {
  return names[(size_t)m < EAO_COUNT(names) ? m : 0];
}

/* Per sample, as the metric needs it. */
typedef struct tally {
  eao_ctx *ctx;
  eao_metric metric;
  int64_t n;
  double *a, *b; /* top1, top5 | score | squared error, squared signal */
  double *c;     /* agreement */
  double *elements;
  uint8_t *label;
} tally;

static bool needs_reference(eao_metric m) {
  return m == EAO_METRIC_MSE || m == EAO_METRIC_SQNR || m == EAO_METRIC_AGREEMENT;
}

static eao_status tally_init(tally *t, int64_t n) {
  size_t bytes = (size_t)n * sizeof(double);
  t->n = n;
  t->a = eao_alloc(t->ctx, bytes);
  t->b = eao_alloc(t->ctx, bytes);
  t->c = eao_alloc(t->ctx, bytes);
  t->elements = eao_alloc(t->ctx, bytes);
  t->label = eao_alloc(t->ctx, (size_t)n);
  return t->a && t->b && t->c && t->elements && t->label ? EAO_OK : EAO_NOMEM(t->ctx);
}

static void tally_deinit(tally *t) {
  eao_free(t->ctx, t->a);
  eao_free(t->ctx, t->b);
  eao_free(t->ctx, t->c);
  eao_free(t->ctx, t->elements);
  eao_free(t->ctx, t->label);
}

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

static eao_status add_top(tally *t, int64_t i, const eao_tensor *out, int64_t label) {
  if (label < 0 || label >= eao_tensor_elements(out))
    return eao_fail(t->ctx, EAO_ERR_SHAPE, "sample %lld has label %lld, the model has %lld outputs",
                    (long long)i, (long long)label, (long long)eao_tensor_elements(out));
  int64_t rank = rank_of(out, label);
  t->a[i] = rank < 1;
  t->b[i] = rank < 5;
  return EAO_OK;
}

static eao_status add_auc(tally *t, int64_t i, const eao_tensor *in, const eao_tensor *out,
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

static eao_status add_difference(tally *t, int64_t i, const eao_tensor *out,
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

static eao_status run_one(eao_ctx *ctx, eao_dataset *d, const eao_eval_model *m, int64_t i,
                          eao_tensor *in, eao_tensor *out, double *seconds) {
  EAO_TRY(eao_dataset_input(d, i, m->input, in));
  uint64_t start = eao_clock_ns();
  eao_status s = m->run(m->user, in, out);
  *seconds += (double)(eao_clock_ns() - start) * 1e-9;
  return s == EAO_OK ? s : eao_fail_within(ctx, s, "sample %lld", (long long)i);
}

/* Entry i of the tally. */
static eao_status add_sample(tally *t, eao_dataset *d, const eao_eval_model *m,
                             const eao_eval_opts *o, int64_t i, double *seconds) {
  eao_tensor in = {0}, out, ref_in = {0}, ref_out;
  int64_t sample = o->sample ? o->sample[i] : i;
  if (sample < 0 || sample >= eao_dataset_get(d).n)
    return eao_fail(t->ctx, EAO_ERR_ARG, "the data have no sample %lld", (long long)sample);
  eao_status s = run_one(t->ctx, d, m, sample, &in, &out, seconds);
  int64_t label = eao_dataset_label(d, sample);
  if (s == EAO_OK && needs_reference(t->metric)) {
    double ignored = 0;
    s = run_one(t->ctx, d, o->reference, sample, &ref_in, &ref_out, &ignored);
    if (s == EAO_OK) s = add_difference(t, i, &out, &ref_out);
  } else if (s == EAO_OK && t->metric == EAO_METRIC_AUC) {
    s = add_auc(t, i, &in, &out, label);
  } else if (s == EAO_OK) {
    s = add_top(t, i, &out, label);
  }
  eao_tensor_destroy(t->ctx, &in);
  eao_tensor_destroy(t->ctx, &ref_in);
  return s;
}

/* Ratios of sums over the samples: mean squared error and SQNR. */
static void bootstrap_ratio(const double *num, const double *den, int64_t n, bool db,
                            const eao_eval_opts *o, double *sorted, eao_score *out) {
  eao_rng rng = {o->seed};
  double a = 0, b = 0;
  for (int64_t i = 0; i < n; i++) {
    a += num[i];
    b += den[i];
  }
  out->value = db ? 10 * log10(a / b) : a / b;
  for (uint32_t r = 0; r < o->resamples; r++) {
    a = b = 0;
    for (int64_t i = 0; i < n; i++) {
      uint64_t k = eao_rng_below(&rng, (uint64_t)n);
      a += num[k];
      b += den[k];
    }
    sorted[r] = db ? 10 * log10(a / b) : a / b;
  }
  eao_percentiles(sorted, o->resamples, &out->lo, &out->hi);
}

static void add_score(eao_evaluation *e, eao_metric m, const double *values, int64_t n,
                      const eao_eval_opts *o) {
  eao_score *s = &e->score[e->n_score++];
  s->metric = m;
  eao_bootstrap_mean(values, n, o->resamples, o->seed, s);
}

static eao_status summarise(tally *t, const eao_eval_opts *o, eao_evaluation *e) {
  if (t->metric == EAO_METRIC_AUC) {
    e->n_score = 1;
    return eao_auc(t->ctx, t->a, t->label, t->n, o->resamples, o->seed, &e->score[0]);
  }
  if (!needs_reference(t->metric)) {
    add_score(e, EAO_METRIC_TOP1, t->a, t->n, o);
    add_score(e, EAO_METRIC_TOP5, t->b, t->n, o);
  } else {
    double *work = eao_alloc(t->ctx, o->resamples * sizeof *work);
    if (!work) return EAO_NOMEM(t->ctx);
    e->score[0].metric = EAO_METRIC_MSE;
    bootstrap_ratio(t->a, t->elements, t->n, false, o, work, &e->score[0]);
    e->score[1].metric = EAO_METRIC_SQNR;
    bootstrap_ratio(t->b, t->a, t->n, true, o, work, &e->score[1]);
    e->n_score = 2;
    eao_free(t->ctx, work);
    add_score(e, EAO_METRIC_AGREEMENT, t->c, t->n, o);
  }
  for (uint32_t i = 1; i < e->n_score; i++) /* what was asked for comes first */
    if (e->score[i].metric == t->metric) {
      eao_score first = e->score[i];
      memmove(e->score + 1, e->score, i * sizeof first);
      e->score[0] = first;
    }
  return EAO_OK;
}

static eao_status choose_metric(eao_ctx *ctx, const eao_dataset_info *info, eao_eval_opts *o) {
  if (o->metric == EAO_METRIC_NONE && info->metric[0]) {
    o->metric = eao_metric_from_name(info->metric);
    if (o->metric == EAO_METRIC_NONE)
      return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "the data set asks for metric '%s'", info->metric);
  }
  if (o->metric == EAO_METRIC_NONE) o->metric = info->labels ? EAO_METRIC_TOP1 : EAO_METRIC_SQNR;
  if (needs_reference(o->metric)) {
    if (!o->reference)
      return eao_fail(ctx, EAO_ERR_ARG, "%s needs a reference model%s", eao_metric_name(o->metric),
                      info->labels ? "" : "; the data have no labels");
  } else if (!info->labels) {
    return eao_fail(ctx, EAO_ERR_ARG, "%s needs labels, the data have none",
                    eao_metric_name(o->metric));
  }
  if (!o->resamples) o->resamples = 1000;
  return EAO_OK;
}

eao_status eao_eval(eao_ctx *ctx, eao_dataset *d, const eao_eval_model *m,
                    const eao_eval_opts *opts, eao_evaluation *out) {
  eao_eval_opts o = opts ? *opts : (eao_eval_opts){0};
  eao_dataset_info info = eao_dataset_get(d);
  memset(out, 0, sizeof *out);
  EAO_TRY(choose_metric(ctx, &info, &o));
  tally t = {.ctx = ctx, .metric = o.metric};
  int64_t n = o.sample ? o.n_sample : info.n;
  eao_status s = tally_init(&t, n);
  for (int64_t i = 0; s == EAO_OK && i < n; i++) {
    s = add_sample(&t, d, m, &o, i, &out->seconds);
    if (s == EAO_OK && o.progress) o.progress(o.progress_user, (uint64_t)i + 1, (uint64_t)n);
  }
  if (s == EAO_OK) s = summarise(&t, &o, out);
  if (s == EAO_OK && o.out_value && (o.metric == EAO_METRIC_TOP1 || o.metric == EAO_METRIC_TOP5))
    for (int64_t i = 0; i < n; i++)
      o.out_value[i] = (float)(o.metric == EAO_METRIC_TOP1 ? t.a[i] : t.b[i]);
  out->n = n;
  tally_deinit(&t);
  return s;
}
