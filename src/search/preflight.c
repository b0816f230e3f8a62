/* What no candidate can meet, from the graph and the profile alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/search.h"

typedef struct least {
  double macs, params, arena_bytes, weight_bits, input_scale;
} least;

/* Peak speed that the target is granted: of all cores a candidate may use, in its fastest
 * precision, with a quarter more than was measured here. */
static double peak_gmacs(const eao_search *s) {
  const eao_cluster *k = &s->target.cluster[0];
  double most = fmax(k->f32_gmacs, k->i8_gmacs), threads = 1;
  for (uint32_t i = 0; i < s->n_point; i++) threads = fmax(threads, s->point[i].threads);
  return most * threads * (s->target.is_host ? 1.25 : 1);
}

/* The float model at an input size, compiled with as little memory as possible: its activations
 * take four times what 8-bit ones take. */
static eao_status look_at(eao_search *s, const eao_input_size *z, least *l, eao_preflight *out) {
  eao_model_stats stats;
  eao_built b = {0};
  EAO_TRY(eao_model_stats_get(z->model, &stats));
  l->macs = fmin(l->macs, (double)stats.macs);
  l->params = fmin(l->params, (double)stats.params);
  eao_status st = eao_model_clone(z->model, &b.model);
  if (st == EAO_ERR_UNSUPPORTED) return EAO_OK; /* control flow: no bound, the search will tell */
  EAO_TRY(st);
  eao_compile_opts o = {.target = s->target.is_host ? NULL : s->opts->target, .threads = 1};
  st = eao_model_compile(b.model, &o, &b.compiled);
  if (st == EAO_OK) {
    eao_compiled_info info = eao_compiled_get(b.compiled);
    double bytes = (double)info.arena_bound_bytes * (stats.integer_nodes ? 1 : 0.25);
    l->arena_bytes = fmin(l->arena_bytes, bytes);
    for (uint32_t i = 0; z == s->size && i < info.n_step; i++) {
      eao_compiled_step step = eao_compiled_get_step(b.compiled, i);
      out->macs += (double)step.macs;
      if (strcmp(step.kernel, "ref") == 0) out->ref_macs += (double)step.macs;
    }
  }
  eao_built_free(&b);
  return st;
}

static void bound(eao_search *s, eao_preflight *out, eao_goal g, double least_value,
                  const char *why) {
  out->bound[g] = least_value;
  out->binding[g] = s->budget.set[g] && s->budget.limit[g] < least_value;
  snprintf(out->why[g], sizeof out->why[g], "%s", why);
}

eao_status eao_preflight_run(eao_search *s, eao_preflight *out) {
  uint64_t start = eao_clock_ns();
  char why[160];
  least l = {INFINITY, INFINITY, INFINITY, 32, 1};
  eao_model_stats stats;
  memset(out, 0, sizeof *out);
  for (int g = 0; g < EAO_GOAL_COUNT; g++) out->bound[g] = NAN;
  EAO_TRY(eao_model_stats_get(s->opts->model, &stats));
  for (uint32_t z = 0; z < s->n_size; z++) EAO_TRY(look_at(s, &s->size[z], &l, out));
  for (uint32_t v = 0; v < s->n_variant; v++) {
    const eao_scheme_info *k = eao_scheme_get(s->variant[v].scheme);
    if (!k->needs_data || s->calibration || s->opts->preflight_only)
      l.weight_bits = fmin(l.weight_bits, k->weight_bits);
  }
  double weights = stats.integer_nodes ? (double)stats.weight_bytes : l.params * l.weight_bits / 8;
  double gmacs = peak_gmacs(s), ms = l.macs / gmacs * 1e-6;
  snprintf(why, sizeof why, "%.4g parameters of at least %.3g bits", l.params, l.weight_bits);
  bound(s, out, EAO_GOAL_SIZE_KIB, weights / 1024, why);
  snprintf(why, sizeof why, "%.4g multiply-accumulates at the peak of %.4g billion a second",
           l.macs, gmacs);
  bound(s, out, EAO_GOAL_LATENCY_P95_MS, ms, why);
  double ram = (isfinite(l.arena_bytes) ? l.arena_bytes : 0) + s->target.weights_in_ram * weights;
  snprintf(why, sizeof why, "8-bit activations in the leanest plan%s",
           s->target.weights_in_ram > 0 ? ", and the weights" : "");
  bound(s, out, EAO_GOAL_RAM_PEAK_KIB, ram / 1024, why);
  double pj = fmin(s->target.pj_per_mac_f32, s->target.pj_per_mac_i8);
  bound(s, out, EAO_GOAL_ENERGY_MJ, l.macs * pj * 1e-9 + s->target.idle_mw * ms * 1e-3,
        "multiply-accumulates and static power over the least latency (a model)");
  out->ms = (double)(eao_clock_ns() - start) * 1e-6;
  return EAO_OK;
}
