/* The search: preflight, float baseline, candidates, Pareto front, choice, verification, files. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "search/artifact.h"
#include "search/trial.h"

enum { TRIALS_MAX = 16, SCREEN_RUNS = 60, FINAL_RUNS = 200 };

static eao_status read_budgets(eao_search *s) {
  const eao_optimize_opts *o = s->opts;
  if (o->budget_file) {
    eao_conf *c;
    EAO_TRY(eao_conf_load(s->ctx, o->budget_file, &c));
    eao_status st = eao_budget_read(c, eao_conf_root(c), &s->budget);
    eao_conf_destroy(c);
    if (st != EAO_OK) return st;
  }
  return o->budget ? eao_budget_parse(s->ctx, o->budget, &s->budget) : EAO_OK;
}

/* Evaluation and calibration samples never overlap: the description's split "calibration", else the
 * first samples, which evaluation then leaves out. */
static eao_status open_data(eao_search *s) {
  const eao_optimize_opts *o = s->opts;
  uint32_t want = o->n_calibration ? o->n_calibration : 256;
  s->metric = EAO_METRIC_NONE;
  if (!o->data) return EAO_OK;
  eao_dataset_opts cal = {.spec = o->spec, .split = "calibration", .limit = want};
  eao_dataset_opts ev = {.spec = o->spec, .limit = o->eval_limit};
  if (eao_dataset_open(s->ctx, o->data, &cal, &s->calibration) != EAO_OK) {
    cal.split = NULL;
    EAO_TRY(eao_dataset_open(s->ctx, o->data, &cal, &s->calibration));
    ev.first = eao_dataset_get(s->calibration).n;
  }
  s->n_calibration = (uint32_t)eao_dataset_get(s->calibration).n;
  EAO_TRY(eao_dataset_open(s->ctx, o->data, &ev, &s->eval_data));
  eao_dataset_info info = eao_dataset_get(s->eval_data);
  if (info.n == 0)
    return eao_fail(s->ctx, EAO_ERR_ARG,
                    "'%s' has too few samples: %u for calibration leave none to measure accuracy "
                    "on (describe a split 'calibration' in a dataset.yaml)",
                    o->data, s->n_calibration);
  if (!info.labels) { /* nothing to score */
    eao_dataset_close(s->eval_data);
    s->eval_data = NULL;
  }
  return EAO_OK;
}

static eao_status open_search(eao_search *s) {
  const eao_optimize_opts *o = s->opts;
  EAO_TRY(read_budgets(s));
  EAO_TRY(eao_target_load(s->ctx, o->target ? o->target : "host", &s->target));
  if (mkdir(o->out_dir, 0777) != 0 && errno != EEXIST)
    return eao_fail(s->ctx, EAO_ERR_IO, "cannot make '%s': %s", o->out_dir, strerror(errno));
  if (o->time_s > 0) s->deadline_ns = eao_clock_ns() + (uint64_t)(o->time_s * 1e9);
  static const char *const names[EAO_SCHEME_COUNT] = {"float32", "int8"};
  for (int k = 0; k < EAO_SCHEME_COUNT; k++)
    s->scheme[k] = (eao_scheme){.name = names[k], .accuracy = NAN};
  EAO_TRY(open_data(s));
  bool wants_accuracy = s->budget.set[EAO_GOAL_ACCURACY] || s->budget.set[EAO_GOAL_ACCURACY_DROP];
  if (wants_accuracy && !s->eval_data)
    return eao_fail(
        s->ctx, EAO_ERR_ARG,
        "a budget on accuracy needs labelled data: give --data (see `eao eval --help`)");
  return EAO_OK;
}

static void close_search(eao_search *s) {
  for (int k = 0; k < EAO_SCHEME_COUNT; k++)
    if (k != EAO_SCHEME_FLOAT32) eao_model_destroy(s->scheme[k].model);
  eao_dataset_close(s->eval_data);
  eao_dataset_close(s->calibration);
}

static bool out_of_time(const eao_search *s) {
  return s->deadline_ns && eao_clock_ns() > s->deadline_ns;
}

static void describe(const eao_search *s, const eao_trial *t, eao_candidate *c) {
  const char *name = s->scheme[t->scheme].name;
  memset(c, 0, sizeof *c);
  snprintf(c->id, sizeof c->id, "%s-%s", name, t->stream ? "streamed" : "layerwise");
  snprintf(c->what, sizeof c->what, "%s, %s", name, t->stream ? "streamed" : "layer by layer");
}

static void fail_candidate(eao_candidate *c, const char *why) {
  c->failed = true;
  snprintf(c->reason, sizeof c->reason, "%s", why);
}

/* One candidate: compiled, sizes known, latency screened, accuracy of its precision. */
static eao_status try_one(eao_search *s, const eao_trial *t, eao_candidate *c) {
  describe(s, t, c);
  if (!s->scheme[t->scheme].model) {
    fail_candidate(c, s->scheme[t->scheme].reason);
    return EAO_OK;
  }
  eao_compiled *compiled = NULL;
  eao_status st = eao_trial_compile(s, t, &compiled);
  if (st == EAO_ERR_UNSUPPORTED) {
    fail_candidate(c, eao_ctx_message(s->ctx));
    return EAO_OK;
  }
  if (st != EAO_OK) return st;
  eao_trial_estimate(s, t, compiled, c);
  if (s->target.is_host) st = eao_trial_measure(s, compiled, SCREEN_RUNS, 0.1, false, c, NULL);
  eao_compiled_destroy(compiled);
  if (st == EAO_OK) st = eao_scheme_evaluate(s, t->scheme);
  if (st == EAO_OK) eao_trial_accuracy(s, t, c);
  return st;
}

static eao_status try_all(eao_search *s, eao_trial *trial, eao_candidate *list, uint32_t *out_n) {
  uint32_t n = 0;
  /* All precisions first: compiling rewrites the float model, quantising wants it as it came. */
  for (int k = 0; k < EAO_SCHEME_COUNT; k++) EAO_TRY(eao_scheme_make(s, (eao_scheme_kind)k));
  for (int k = 0; k < EAO_SCHEME_COUNT; k++)
    for (int stream = 1; stream >= 0; stream--)
      trial[n++] = (eao_trial){(eao_scheme_kind)k, stream != 0};
  for (uint32_t i = 0; i < n; i++) {
    eao_search_progress(s, "candidates", i, n);
    if (i > 0 && out_of_time(s)) {
      describe(s, &trial[i], &list[i]);
      fail_candidate(&list[i], "not tried: out of time");
      continue;
    }
    EAO_TRY(try_one(s, &trial[i], &list[i]));
    list[i].user = (int32_t)i;
  }
  eao_search_progress(s, "candidates", n, n);
  *out_n = n;
  return EAO_OK;
}

static eao_status finish(eao_search *s, const eao_trial *trial, eao_candidate *list, uint32_t n,
                         uint64_t started, eao_optimize_result *out) {
  eao_choice choice;
  eao_compiled *compiled = NULL;
  eao_bench *bench = NULL;
  eao_status st = EAO_OK;
  /* The final figures come from a longer run; when they no longer fit, the next candidate is
   * verified. Each turn settles one candidate, so there are at most n. */
  bool settled[TRIALS_MAX] = {false};
  for (uint32_t turn = 0; turn <= n && st == EAO_OK; turn++) {
    eao_choose(&s->budget, list, n, &choice);
    if (choice.nearest < 0 || settled[choice.nearest]) break;
    settled[choice.nearest] = true;
    eao_compiled_destroy(compiled);
    eao_bench_destroy(s->ctx, bench);
    compiled = NULL;
    bench = NULL;
    const eao_trial *t = &trial[choice.nearest];
    st = eao_trial_compile(s, t, &compiled);
    if (st == EAO_OK && s->target.is_host)
      st = eao_trial_measure(s, compiled, FINAL_RUNS, 1, true, &list[choice.nearest], &bench);
  }
  if (st == EAO_OK) {
    eao_outcome o = {.s = s,
                     .list = list,
                     .n = n,
                     .choice = choice,
                     .compiled = compiled,
                     .bench = bench,
                     .seconds = (double)(eao_clock_ns() - started) * 1e-9};
    if (choice.nearest >= 0) o.trial = trial[choice.nearest];
    st = eao_artifact_write(&o, out);
  }
  eao_compiled_destroy(compiled);
  eao_bench_destroy(s->ctx, bench);
  return st;
}

eao_status eao_optimize(eao_ctx *ctx, const eao_optimize_opts *opts, eao_optimize_result *out) {
  eao_search s;
  eao_trial trial[TRIALS_MAX];
  eao_candidate list[TRIALS_MAX];
  uint32_t n = 0;
  uint64_t started = eao_clock_ns();
  memset(out, 0, sizeof *out);
  memset(&s, 0, sizeof s);
  s.ctx = ctx;
  s.opts = opts;
  eao_status st = open_search(&s);
  if (st == EAO_OK) st = try_all(&s, trial, list, &n);
  if (st == EAO_OK) st = finish(&s, trial, list, n, started, out);
  close_search(&s);
  return st;
}
