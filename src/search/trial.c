/* A candidate compiled, estimated, measured. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eao/target.h"
#include "search/search.h"

void eao_point_describe(const eao_search *s, const eao_point *p, eao_candidate *c) {
  static const char *const what[EAO_MEMORY_COUNT] = {"streamed", "partly streamed",
                                                     "layer by layer"};
  const eao_variant *v = &s->variant[p->variant];
  memset(c, 0, sizeof *c);
  snprintf(c->id, sizeof c->id, "%.24s-%s-t%u", v->name, eao_memory_plan_name(p->memory),
           p->threads);
  snprintf(c->what, sizeof c->what, "%s, %s, %u thread%s", v->name, what[p->memory], p->threads,
           p->threads > 1 ? "s" : "");
}

/* ---- compiling ---- */

void eao_built_free(eao_built *b) {
  eao_compiled_destroy(b->compiled);
  if (!b->borrowed) eao_model_destroy(b->model);
  *b = (eao_built){0};
}

/* Compiling rewrites a graph, so each compilation gets a copy: the bytes do not depend on what was
 * compiled before. */
eao_status eao_variant_compile(eao_search *s, uint32_t i, const eao_compile_opts *o,
                               eao_built *out) {
  const eao_variant *v = &s->variant[i];
  *out = (eao_built){.borrowed = v->borrowed, .model = v->model};
  if (!v->borrowed) EAO_TRY(eao_model_clone(v->model, &out->model));
  eao_status st = eao_model_compile(out->model, o, &out->compiled);
  if (st != EAO_OK) eao_built_free(out);
  (void)s;
  return st;
}

uint64_t eao_point_fit(const eao_search *s, const eao_point *p) {
  eao_model_stats stats;
  double limit = s->budget.limit[EAO_GOAL_RAM_PEAK_KIB] * 1024;
  if (s->replay) return s->fit_bytes;
  if (!s->budget.set[EAO_GOAL_RAM_PEAK_KIB]) return INT64_MAX; /* only where it pays */
  if (eao_model_stats_get(s->variant[p->variant].model, &stats) != EAO_OK) return 1;
  /* Weights are padded when they are packed: by 2 % and a little. */
  limit -= s->target.weights_in_ram * (1.02 * (double)stats.weight_bytes + 4096);
  return limit > 1 ? (uint64_t)limit : 1;
}

eao_status eao_point_build(eao_search *s, const eao_point *p, bool golden, eao_built *out) {
  static const eao_stream_mode modes[EAO_MEMORY_COUNT] = {EAO_STREAM_ALWAYS, EAO_STREAM_AUTO,
                                                          EAO_STREAM_NEVER};
  eao_compile_opts o = {.target = s->target.is_host ? NULL : s->opts->target,
                        .threads = p->threads,
                        .stream = modes[p->memory],
                        .ram_budget = p->memory == EAO_MEMORY_AUTO ? eao_point_fit(s, p) : 0,
                        .golden = golden};
  return eao_variant_compile(s, p->variant, &o, out);
}

/* ---- estimates ---- */

static void set(eao_candidate *c, eao_goal g, double value, bool estimated) {
  c->known[g] = true;
  c->value[g] = value;
  c->estimated[g] = estimated;
}

eao_status eao_point_estimate(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                              eao_candidate *c) {
  eao_prediction e;
  const char *target = s->opts->target ? s->opts->target : "host";
  EAO_TRY(eao_target_predict(s->ctx, target, compiled, p->threads, &e));
  set(c, EAO_GOAL_LATENCY_P95_MS, e.latency_ms, true);
  set(c, EAO_GOAL_ENERGY_MJ, e.energy_mj, true);
  set(c, EAO_GOAL_RAM_PEAK_KIB, e.ram_kib, false);
  set(c, EAO_GOAL_SIZE_KIB, (double)eao_compiled_get(compiled).file_bytes / 1024, false);
  return EAO_OK;
}

/* ---- measuring ---- */

/* The model's dynamic energy, and static power over the measured time. */
static eao_status set_energy(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                             double p50_ms, eao_candidate *c) {
  eao_prediction e;
  const char *target = s->opts->target ? s->opts->target : "host";
  EAO_TRY(eao_target_predict(s->ctx, target, compiled, p->threads, &e));
  set(c, EAO_GOAL_ENERGY_MJ, e.dynamic_mj + s->target.idle_mw * p50_ms * 1e-3, true);
  return EAO_OK;
}

static eao_status measure_there(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                                const char *path, uint32_t runs, double seconds, eao_candidate *c) {
  eao_device_run r;
  EAO_TRY(eao_device_measure(&s->device, path, runs, p->threads, seconds, &r));
  set(c, EAO_GOAL_LATENCY_P95_MS, r.p95_ms, false);
  return set_energy(s, p, compiled, r.p50_ms, c);
}

static eao_status measure_here(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                               const char *path, uint32_t runs, double seconds, bool profile,
                               eao_candidate *c, eao_bench **out_bench) {
  eao_bench_opts o = {.warmup = 10,
                      .runs = runs,
                      .seconds = seconds,
                      .threads = p->threads,
                      .seed = s->opts->seed,
                      .profile = profile};
  eao_bench *b = NULL;
  eao_status st = eao_bench_package(s->ctx, path, &o, &b);
  if (st != EAO_OK) return st;
  set(c, EAO_GOAL_LATENCY_P95_MS, b->p95_ms, false);
  if (isnan(b->energy_mj))
    st = set_energy(s, p, compiled, b->p50_ms, c);
  else
    set(c, EAO_GOAL_ENERGY_MJ, b->energy_mj, false);
  if (out_bench)
    *out_bench = b;
  else
    eao_bench_destroy(s->ctx, b);
  return st;
}

eao_status eao_point_measure(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                             uint32_t runs, double seconds, bool profile, eao_candidate *c,
                             eao_bench **out_bench) {
  char path[700];
  snprintf(path, sizeof path, "%s/.eao-state/trial.eao", s->opts->out_dir);
  EAO_TRY(eao_compiled_save(compiled, path));
  eao_status st = *s->device.dir
                      ? measure_there(s, p, compiled, path, runs, seconds, c)
                      : measure_here(s, p, compiled, path, runs, seconds, profile, c, out_bench);
  remove(path);
  return st;
}
