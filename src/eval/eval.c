/* Runs a model over a data set and scores it. */
#include <pthread.h>
#include <string.h>

#include "eval/tally.h"

static const char *const names[] = {"",          "top1", "top5",  "auc",   "mse", "sqnr",
                                    "agreement", "map",  "map50", "voc50", "wer", "cer"};

eao_metric eao_metric_from_name(const char *name) {
  for (size_t i = 1; i < EAO_COUNT(names); i++)
    if (strcmp(names[i], name) == 0) return (eao_metric)i;
  return EAO_METRIC_NONE;
}

const char *eao_metric_name(eao_metric m) {
  return names[(size_t)m < EAO_COUNT(names) ? m : 0];
}

/* ---- running ---- */

/* What threads share. Everything but the runs themselves happens under the lock: contexts and data
 * sets are not for several threads. Each sample's share is stored at its own place, so the scores
 * do not depend on who ran what. */
typedef struct eval_job {
  eao_ctx *ctx;
  eao_dataset *d;
  const eao_eval_opts *o;
  eval_tally *t;
  pthread_mutex_t lock;
  int64_t next, done, failed_at; /* first sample that failed; -1: none */
  eao_status status;
  char message[1024]; /* of that failure */
  double seconds;
} eval_job;

typedef struct eval_worker {
  eval_job *job;
  const eao_eval_model *model, *reference; /* reference NULL: none */
  eao_tensor *out, *ref_out;
} eval_worker;

/* Outside of the lock. */
static eao_status run_model(const eao_eval_model *m, const eao_tensor *in, eao_tensor *out,
                            double *seconds) {
  uint64_t start = eao_clock_ns();
  eao_status s = m->run(m->user, in, out);
  *seconds += (double)(eao_clock_ns() - start) * 1e-9;
  return s;
}

static eao_status one_sample(eval_worker *w, int64_t i) {
  eval_job *j = w->job;
  eao_tensor in = {0}, ref_in = {0};
  double seconds = 0, ignored = 0;
  int64_t at = eval_sample(j->t, i);
  eao_status s = eao_dataset_input(j->d, at, w->model->input, &in);
  if (s == EAO_OK && w->reference) s = eao_dataset_input(j->d, at, w->reference->input, &ref_in);
  if (s == EAO_OK) {
    pthread_mutex_unlock(&j->lock);
    s = run_model(w->model, &in, w->out, &seconds);
    if (s == EAO_OK && w->reference) s = run_model(w->reference, &ref_in, w->ref_out, &ignored);
    pthread_mutex_lock(&j->lock);
    if (s != EAO_OK && !j->ctx->message[0]) (void)eao_fail(j->ctx, s, "%s", eao_status_name(s));
    if (s != EAO_OK) s = eao_fail_within(j->ctx, s, "sample %lld", (long long)at);
  }
  if (s == EAO_OK)
    s = eval_tally_add(j->t, i, &in, w->out, w->model->n_out ? w->model->n_out : 1, w->ref_out);
  j->seconds += seconds;
  eao_tensor_destroy(j->ctx, &in);
  eao_tensor_destroy(j->ctx, &ref_in);
  return s;
}

static void *work(void *user) {
  eval_worker *w = user;
  eval_job *j = w->job;
  pthread_mutex_lock(&j->lock);
  while (j->next < j->t->n && j->status == EAO_OK) {
    int64_t i = j->next++;
    eao_status s = one_sample(w, i);
    j->done++;
    if (s != EAO_OK && (j->failed_at < 0 || i < j->failed_at)) { /* as one thread would report */
      j->failed_at = i;
      j->status = s;
      memcpy(j->message, j->ctx->message, sizeof j->message);
    }
    if (s == EAO_OK && j->o->progress)
      j->o->progress(j->o->progress_user, (uint64_t)j->done, (uint64_t)j->t->n);
  }
  pthread_mutex_unlock(&j->lock);
  return NULL;
}

static eao_status worker_init(eval_job *j, eval_worker *w, const eao_eval_model *m,
                              const eao_eval_model *reference) {
  eao_ctx *ctx = j->ctx;
  *w = (eval_worker){.job = j, .model = m, .reference = reference};
  w->out = eao_alloc(ctx, (m->n_out + (size_t)1) * sizeof *w->out);
  w->ref_out = eao_alloc(ctx, ((reference ? reference->n_out : 0) + (size_t)1) * sizeof *w->out);
  return w->out && w->ref_out ? EAO_OK : EAO_NOMEM(ctx);
}

/* n workers: this thread and n - 1 more. A thread that cannot be had only costs time. */
static void run_workers(eval_worker *w, uint32_t n) {
  enum { MOST = 64 };
  pthread_t thread[MOST];
  uint32_t started = 0;
  for (uint32_t k = 1; k < n && started < MOST; k++)
    if (pthread_create(&thread[started], NULL, work, &w[k]) == 0) started++;
  work(&w[0]);
  for (uint32_t k = 0; k < started; k++) pthread_join(thread[k], NULL);
}

static eao_status run_all(eval_job *j, const eao_eval_model *m) {
  const eao_eval_opts *o = j->o;
  bool ref = eval_needs_reference(j->t->metric);
  uint32_t n = o->more && (!ref || o->more_reference) ? o->n_more + 1 : 1;
  eval_worker *w = eao_alloc(j->ctx, n * sizeof *w);
  eao_status s = w ? EAO_OK : EAO_NOMEM(j->ctx);
  for (uint32_t k = 0; s == EAO_OK && k < n; k++)
    s = worker_init(j, &w[k], k ? &o->more[k - 1] : m,
                    !ref ? NULL
                    : k  ? &o->more_reference[k - 1]
                         : o->reference);
  if (s == EAO_OK) {
    pthread_mutex_init(&j->lock, NULL);
    run_workers(w, n);
    pthread_mutex_destroy(&j->lock);
    s = j->status;
    if (s != EAO_OK) memcpy(j->ctx->message, j->message, sizeof j->message);
  }
  for (uint32_t k = 0; w && k < n; k++) {
    eao_free(j->ctx, w[k].out);
    eao_free(j->ctx, w[k].ref_out);
  }
  eao_free(j->ctx, w);
  return s;
}

/* ---- which metric ---- */

static eao_status check_labels(eao_ctx *ctx, const eao_dataset_info *info, eao_metric m) {
  const char *needs = eval_is_boxes(m) && !info->boxes  ? "true boxes (label_kind: boxes)"
                      : eval_is_text(m) && !info->texts ? "true texts (label_kind: text)"
                      : !eval_is_boxes(m) && !eval_is_text(m) && !info->labels ? "labels"
                                                                               : NULL;
  if (!needs) return EAO_OK;
  return eao_fail(ctx, EAO_ERR_ARG,
                  "%s needs %s, the data have none; a description (dataset.yaml) says where they "
                  "are, or compare with another model (--reference)",
                  eao_metric_name(m), needs);
}

static eao_status choose_metric(eao_ctx *ctx, const eao_dataset_info *info, eao_eval_opts *o) {
  if (o->metric == EAO_METRIC_NONE && info->metric[0]) {
    o->metric = eao_metric_from_name(info->metric);
    if (o->metric == EAO_METRIC_NONE)
      return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "the data set asks for metric '%s'", info->metric);
  }
  if (o->metric == EAO_METRIC_NONE)
    o->metric = info->boxes    ? EAO_METRIC_MAP
                : info->texts  ? EAO_METRIC_WER
                : info->labels ? EAO_METRIC_TOP1
                               : EAO_METRIC_SQNR;
  if (!o->resamples) o->resamples = 1000;
  if (!eval_needs_reference(o->metric)) return check_labels(ctx, info, o->metric);
  if (o->reference) return EAO_OK;
  if (info->labels)
    return eao_fail(ctx, EAO_ERR_ARG, "%s needs a reference model (--reference)",
                    eao_metric_name(o->metric));
  return eao_fail(ctx, EAO_ERR_ARG,
                  "the data have no labels: say where they are in a description (dataset.yaml), or "
                  "name a model to compare with (--reference)");
}

static eao_status check_samples(eao_ctx *ctx, const eao_dataset_info *info,
                                const eao_eval_opts *o) {
  for (int64_t i = 0; o->sample && i < o->n_sample; i++)
    if (o->sample[i] < 0 || o->sample[i] >= info->n)
      return eao_fail(ctx, EAO_ERR_ARG, "the data have no sample %lld", (long long)o->sample[i]);
  return EAO_OK;
}

eao_status eao_eval(eao_ctx *ctx, eao_dataset *d, const eao_eval_model *m,
                    const eao_eval_opts *opts, eao_evaluation *out) {
  eao_eval_opts o = opts ? *opts : (eao_eval_opts){0};
  eao_dataset_info info = eao_dataset_get(d);
  memset(out, 0, sizeof *out);
  EAO_TRY(choose_metric(ctx, &info, &o));
  EAO_TRY(check_samples(ctx, &info, &o));
  eval_tally t = {.ctx = ctx, .d = d, .info = info, .metric = o.metric, .sample = o.sample};
  eval_job job = {.ctx = ctx, .d = d, .o = &o, .t = &t, .failed_at = -1};
  int64_t n = o.sample ? o.n_sample : info.n;
  eao_status s = eval_tally_init(&t, n);
  if (s == EAO_OK && o.progress) o.progress(o.progress_user, 0, (uint64_t)n);
  ctx->message[0] = 0; /* a run that fails may leave none */
  if (s == EAO_OK) s = run_all(&job, m);
  if (s == EAO_OK) s = eval_tally_scores(&t, &o, out);
  if (s == EAO_OK && o.out_value && (o.metric == EAO_METRIC_TOP1 || o.metric == EAO_METRIC_TOP5))
    for (int64_t i = 0; i < n; i++)
      o.out_value[i] = (float)(o.metric == EAO_METRIC_TOP1 ? t.a[i] : t.b[i]);
  out->n = n;
  out->seconds = job.seconds;
  eval_tally_deinit(&t);
  return s;
}
