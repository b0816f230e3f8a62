#include "search/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eao/rt.h"

enum { ALIGN = 64 };

void eao_search_progress(const eao_search *s, const char *what, uint64_t done, uint64_t total) {
  if (s->opts->progress) s->opts->progress(s->opts->progress_user, what, done, total);
}

/* ---- precisions ---- */

typedef struct calibration {
  eao_search *s;
  eao_tensor sample; /* owned: data of the last one */
} calibration;

static eao_status next_sample(void *user, uint32_t i, eao_tensor *in, uint32_t n_in) {
  calibration *c = user;
  if (n_in != 1)
    return eao_fail(c->s->ctx, EAO_ERR_UNSUPPORTED, "data sets are for models with one input");
  eao_free(c->s->ctx, c->sample.data);
  c->sample.data = NULL;
  EAO_TRY(eao_dataset_input(c->s->calibration, i, &in[0], &c->sample));
  in[0] = c->sample;
  return EAO_OK;
}

static void on_quantize(void *user, const char *what, uint32_t done, uint32_t total) {
  eao_search_progress(user, what, done, total);
}

static eao_status make_int8(eao_search *s, eao_scheme *to) {
  calibration c = {.s = s};
  eao_quantize_opts o = {.sample = next_sample,
                         .sample_user = &c,
                         .n_samples = s->n_calibration,
                         .range = EAO_RANGE_BEST,
                         .progress = on_quantize,
                         .progress_user = s};
  eao_status st = eao_quantize(s->scheme[EAO_SCHEME_FLOAT32].model, &o, &to->model, &to->quant);
  eao_free(s->ctx, c.sample.data);
  return st;
}

eao_status eao_scheme_make(eao_search *s, eao_scheme_kind k) {
  eao_scheme *to = &s->scheme[k];
  if (to->tried) return EAO_OK;
  to->tried = true;
  if (k == EAO_SCHEME_FLOAT32) {
    to->model = s->opts->model;
    return EAO_OK;
  }
  eao_model_stats stats;
  EAO_TRY(eao_model_stats_get(s->scheme[EAO_SCHEME_FLOAT32].model, &stats));
  if (stats.integer_nodes > 0) {
    snprintf(to->reason, sizeof to->reason, "the model is quantised already");
    return EAO_OK;
  }
  if (!s->calibration) {
    snprintf(to->reason, sizeof to->reason, "quantising needs data (--data)");
    return EAO_OK;
  }
  eao_status st = make_int8(s, to);
  if (st == EAO_ERR_UNSUPPORTED) {
    snprintf(to->reason, sizeof to->reason, "%s", eao_ctx_message(s->ctx));
    return EAO_OK;
  }
  return st;
}

/* ---- accuracy ---- */

typedef struct runner {
  eao_search *s;
  eao_package package;
  eao_session *session;
  void *block;
} runner;

static eao_status run_one(void *user, const eao_tensor *in, eao_tensor *out) {
  runner *r = user;
  const eao_tensor *to = eao_session_input(r->session, 0);
  uint64_t bytes = 1;
  for (int32_t i = 0; i < to->rank; i++) bytes *= (uint64_t)to->dim[i];
  memcpy(to->data, in->data, (size_t)((bytes * (uint64_t)eao_dtype_bits(to->dtype) + 7) / 8));
  eao_session_reset(r->session);
  eao_status st = eao_session_run(r->session);
  if (st != EAO_OK) return eao_fail(r->s->ctx, st, "%s", eao_session_message(r->session));
  *out = *eao_session_output(r->session, 0);
  return EAO_OK;
}

static void on_eval(void *user, uint64_t done, uint64_t total) {
  eao_search_progress(user, "measuring accuracy", done, total);
}

static eao_status open_session(runner *r, const eao_compiled *c) {
  size_t size;
  const void *data = eao_compiled_data(c, &size);
  eao_status st = eao_package_open_memory(&r->package, data, size);
  if (st != EAO_OK) return eao_fail(r->s->ctx, st, "%s", eao_package_message(&r->package));
  size_t n = eao_package_arena_bytes(&r->package);
  r->block = eao_alloc(r->s->ctx, n + ALIGN);
  if (!r->block) return EAO_NOMEM(r->s->ctx);
  char *arena = (char *)r->block + (ALIGN - (uintptr_t)r->block % ALIGN) % ALIGN;
  return eao_session_create(&r->package, arena, n, &r->session);
}

/* Accuracy is measured on this machine, whatever the target: integers are the same everywhere. */
eao_status eao_scheme_evaluate(eao_search *s, eao_scheme_kind k) {
  eao_scheme *to = &s->scheme[k];
  if (to->evaluated || !to->model || !s->eval_data) return EAO_OK;
  eao_compile_opts co = {.threads = 1};
  eao_compiled *c = NULL;
  EAO_TRY(eao_model_compile(to->model, &co, &c));
  runner r = {.s = s};
  eao_status st = open_session(&r, c);
  if (st == EAO_OK) {
    eao_tensor type = *eao_session_input(r.session, 0);
    type.data = NULL;
    eao_eval_model m = {run_one, &r, &type};
    eao_eval_opts o = {
        .metric = s->metric, .seed = s->opts->seed, .progress = on_eval, .progress_user = s};
    eao_evaluation e;
    st = eao_eval(s->ctx, s->eval_data, &m, &o, &e);
    if (st == EAO_OK) {
      double unit = e.score[0].metric == EAO_METRIC_AUC ? 1 : 100;
      s->metric = e.score[0].metric;
      s->eval_samples = (uint64_t)e.n;
      to->accuracy = e.score[0].value * unit;
      to->lo = e.score[0].lo * unit;
      to->hi = e.score[0].hi * unit;
      to->evaluated = true;
    }
  }
  eao_free(s->ctx, r.block);
  if (r.session) eao_package_close(&r.package);
  eao_compiled_destroy(c);
  return st;
}

void eao_trial_accuracy(const eao_search *s, const eao_trial *t, eao_candidate *c) {
  const eao_scheme *k = &s->scheme[t->scheme], *base = &s->scheme[EAO_SCHEME_FLOAT32];
  if (!k->evaluated) return;
  c->known[EAO_GOAL_ACCURACY] = true;
  c->value[EAO_GOAL_ACCURACY] = k->accuracy;
  c->accuracy_lo = k->lo;
  c->accuracy_hi = k->hi;
  if (!base->evaluated) return;
  c->known[EAO_GOAL_ACCURACY_DROP] = true;
  c->value[EAO_GOAL_ACCURACY_DROP] = base->accuracy - k->accuracy;
}

/* ---- cost ---- */

eao_status eao_trial_compile(eao_search *s, const eao_trial *t, eao_compiled **out) {
  eao_compile_opts o = {.target = s->target.is_host ? NULL : s->opts->target,
                        .threads = 1,
                        .stream = t->stream ? EAO_STREAM_ALWAYS : EAO_STREAM_NEVER,
                        .golden = true};
  return eao_model_compile(s->scheme[t->scheme].model, &o, out);
}

static void set(eao_candidate *c, eao_goal g, double value, bool estimated) {
  c->known[g] = true;
  c->value[g] = value;
  c->estimated[g] = estimated;
}

/* Work of a step; the caches hold the arena when it fits them, and weights likewise. */
static eao_step_work work_of(const eao_search *s, const eao_trial *t, const eao_compiled_info *info,
                             const eao_compiled_step *step) {
  const eao_cluster *k = &s->target.cluster[0];
  double last = (k->l3_kib > 0 ? k->l3_kib : k->l2_kib > 0 ? k->l2_kib : k->l1d_kib) * 1024;
  eao_step_work w = {.macs = (double)step->macs,
                     .reference = strcmp(step->kernel, "ref") == 0,
                     .is_int8 = t->scheme == EAO_SCHEME_INT8};
  double data = (double)step->out_bytes, weights = (double)step->weight_bytes;
  bool data_fits = (double)info->arena_bytes <= last;
  bool weights_fit = (double)(info->arena_bytes + info->weight_bytes) <= last;
  w.bytes_in_cache = (data_fits ? 2 * data : 0) + (weights_fit ? weights : 0);
  w.bytes_dram = (data_fits ? 0 : 2 * data) + (weights_fit ? 0 : weights);
  return w;
}

void eao_trial_estimate(const eao_search *s, const eao_trial *t, const eao_compiled *compiled,
                        eao_candidate *c) {
  eao_compiled_info info = eao_compiled_get(compiled);
  double ms = 0, mj = 0;
  for (uint32_t i = 0; i < info.n_step; i++) {
    eao_compiled_step step = eao_compiled_get_step(compiled, i);
    eao_step_work w = work_of(s, t, &info, &step);
    ms += eao_target_step_ms(&s->target, &w, 1);
    mj += eao_target_step_mj(&s->target, &w);
  }
  double ram = (double)info.arena_bytes + s->target.weights_in_ram * (double)info.weight_bytes;
  set(c, EAO_GOAL_LATENCY_P95_MS, ms, true);
  set(c, EAO_GOAL_ENERGY_MJ, mj + s->target.idle_mw * ms * 1e-3, true);
  set(c, EAO_GOAL_RAM_PEAK_KIB, ram / 1024, false);
  set(c, EAO_GOAL_SIZE_KIB, (double)info.file_bytes / 1024, false);
}

eao_status eao_trial_measure(eao_search *s, const eao_compiled *compiled, uint32_t runs,
                             double seconds, bool profile, eao_candidate *c,
                             eao_bench **out_bench) {
  char path[600];
  snprintf(path, sizeof path, "%s/.trial.eao", s->opts->out_dir);
  EAO_TRY(eao_compiled_save(compiled, path));
  eao_bench_opts o = {
      .warmup = 10, .runs = runs, .seconds = seconds, .seed = s->opts->seed, .profile = profile};
  eao_bench *b = NULL;
  eao_status st = eao_bench_package(s->ctx, path, &o, &b);
  remove(path);
  if (st != EAO_OK) return st;
  /* The model's dynamic energy stays; its static part follows the measured time. */
  double was = c->value[EAO_GOAL_LATENCY_P95_MS];
  double mj = c->value[EAO_GOAL_ENERGY_MJ] + s->target.idle_mw * (b->p50_ms - was) * 1e-3;
  set(c, EAO_GOAL_LATENCY_P95_MS, b->p95_ms, false);
  set(c, EAO_GOAL_ENERGY_MJ, mj, true);
  if (out_bench)
    *out_bench = b;
  else
    eao_bench_destroy(s->ctx, b);
  return EAO_OK;
}
