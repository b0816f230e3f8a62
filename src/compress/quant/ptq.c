#include "compress/quant/ptq.h"

#include <math.h>
#include <string.h>

#include "compress/quant/climb.h"
#include "pass/pass.h"

typedef eao_climb run;

/* ---- steps ---- */

static eao_status calibrate(run *r, eao_graph *g, eao_ptq_stats *stats) {
  eao_ptq_stats other;
  EAO_TRY(eao_ptq_stats_init(stats, g));
  eao_status s = eao_ptq_stats_init(&other, g);
  if (s == EAO_OK) {
    eao_sweep w = {&r->source,      "calibrating",  0, r->o->n_samples, EAO_SWEEP_SHARDS,
                   eao_ptq_observe, {stats, &other}};
    s = eao_sweep_run(&w, g);
    if (s == EAO_OK) eao_ptq_stats_merge(stats, &other, g);
    eao_ptq_stats_deinit(&other);
  }
  if (s != EAO_OK) eao_ptq_stats_deinit(stats);
  return s;
}

/* Means of the activations as the plan quantises them. */
static eao_status round_means(run *r, eao_graph *g, eao_ptq_stats *stats, const eao_ptq_plan *p) {
  enum { SAMPLES_MAX = 128 };
  eao_ptq_rounder k = {stats, p};
  uint32_t n = r->o->n_samples < SAMPLES_MAX ? r->o->n_samples : SAMPLES_MAX;
  eao_ptq_rounder_reset(stats, g);
  eao_sweep w = {&r->source, "correcting biases", 0, n, 1, eao_ptq_observe_rounded, {&k}};
  return eao_sweep_run(&w, g);
}

eao_status eao_climb_build(eao_climb *r, const bool *keep_float, const eao_climb_extras *x,
                           eao_graph **out) {
  eao_ptq_plan p;
  *out = NULL;
  EAO_TRY(eao_ptq_plan_init(&p, x->g, r->o, keep_float));
  eao_status s = eao_ptq_plan_ranges(&p, x->g, x->stats, x->range);
  if (s == EAO_OK && x->correct && !x->same_means) s = round_means(r, x->g, x->stats, &p);
  if (s == EAO_OK) s = eao_graph_clone(x->g, out);
  if (s == EAO_OK) s = eao_ptq_convert(*out, &p, r->o, x->correct ? x->stats : NULL, x->moments);
  eao_ptq_plan_deinit(&p);
  if (s != EAO_OK) {
    eao_graph_destroy(*out);
    *out = NULL;
  }
  return s;
}

void eao_climb_note(eao_climb *r, const char *name, double db, bool kept) {
  if (r->report->n_step < EAO_QUANTIZE_STEPS_MAX)
    r->report->step[r->report->n_step++] = (eao_quantize_step){name, db, kept};
}

/* Builds and measures a candidate; keeps it when it is the best so far. */
static eao_status try_one(run *r, const char *name, const eao_climb_extras *x, bool *out_kept) {
  eao_graph *q;
  double db;
  EAO_TRY(eao_climb_build(r, r->keep_float, x, &q));
  eao_status s = eao_ptq_check_run(&r->check, q, &db);
  bool kept = s == EAO_OK && (!r->best || db > r->best_db);
  if (kept) {
    eao_graph_destroy(r->best);
    r->best = q;
    r->best_db = db;
    r->now = *x;
    r->report->range = x->range;
  } else {
    eao_graph_destroy(q);
  }
  if (s == EAO_OK) eao_climb_note(r, name, db, kept);
  *out_kept = kept;
  return s;
}

/* Min-max first, or the kind asked for; then, once biases are corrected, the others. */
static eao_status try_ranges(run *r, bool first) {
  static const char *const names[] = {"naive (min-max)", "+ ranges (percentile 99.99)",
                                      "+ ranges (percentile 99.9)", "+ ranges (mse)",
                                      "+ ranges (kl)"};
  int32_t wanted = r->o->range, from = wanted < 0 ? EAO_RANGE_MINMAX : wanted;
  bool kept;
  for (int32_t k = 0; k < EAO_RANGE_COUNT; k++) {
    if (first != (k == from) || (wanted >= 0 && wanted != k)) continue;
    eao_climb_extras x = r->now;
    x.range = (eao_range_kind)k;
    EAO_TRY(try_one(r, names[k], &x, &kept));
  }
  return EAO_OK;
}

static eao_status try_correction(run *r) {
  eao_climb_extras x = r->now;
  bool kept;
  x.correct = true;
  return r->o->no_bias_correction ? EAO_OK : try_one(r, "+ bias correction", &x, &kept);
}

/* Ranges change with the weights, so calibration runs again. */
static eao_status try_equalised(run *r) {
  eao_climb_extras x = r->now;
  eao_ptq_stats stats;
  uint32_t pairs;
  bool kept = false;
  if (r->o->no_equalise) return EAO_OK;
  EAO_TRY(eao_graph_clone(r->plain, &x.g));
  eao_status s = eao_ptq_equalise(x.g, &r->stats, &pairs);
  if (s != EAO_OK || pairs == 0) {
    eao_graph_destroy(x.g);
    return s;
  }
  s = calibrate(r, x.g, &stats);
  x.stats = &stats;
  if (s == EAO_OK) s = try_one(r, "+ equalisation", &x, &kept);
  if (s == EAO_OK && kept) {
    eao_graph_destroy(r->plain);
    eao_ptq_stats_deinit(&r->stats);
    r->plain = x.g;
    r->stats = stats;
    r->now.stats = &r->stats;
    return EAO_OK;
  }
  if (s == EAO_OK) eao_ptq_stats_deinit(&stats);
  eao_graph_destroy(x.g);
  return s;
}

static eao_status gather_moments(run *r) {
  enum { SAMPLES_MAX = 256 };
  uint32_t n = r->o->n_samples < SAMPLES_MAX ? r->o->n_samples : SAMPLES_MAX;
  EAO_TRY(eao_ptq_moments_init(&r->moments, r->plain, n));
  eao_sweep w = {&r->source, "rounding", 0, n, 1, eao_ptq_moments_observe, {&r->moments}};
  return eao_sweep_run(&w, r->plain);
}

/* Rounding leaves the mean to the bias, so the two go together first. */
static eao_status try_rounding(run *r) {
  eao_climb_extras x = r->now;
  bool kept;
  if (r->o->no_rounding) return EAO_OK;
  EAO_TRY(gather_moments(r));
  x.correct = x.correct || !r->o->no_bias_correction;
  x.moments = &r->moments;
  return try_one(r, "+ rounding", &x, &kept);
}

/* ---- report ---- */

static void count_nodes(run *r) {
  for (eao_nid i = 0; i < r->best->n_node; i++) {
    const eao_node *n = &r->best->node[i];
    if (!n->op || n->n_out == 0 || n->out[0] == EAO_NONE) continue;
    const eao_tensor *y = &r->best->value[n->out[0]].t;
    if (n->op == EAO_OP_quantize || n->op == EAO_OP_dequantize)
      r->report->conversions++;
    else if (y->dtype == EAO_I8 && y->quant.n > 0)
      r->report->integer_nodes++;
    else
      r->report->float_nodes++;
  }
}

/* ---- all of it ---- */

/* Layers asked to stay float, by name of the node or of what it makes. */
static eao_status find_kept(run *r) {
  const eao_graph *g = r->plain;
  r->keep_float = eao_alloc(r->ctx, (g->n_node + 1u) * sizeof *r->keep_float);
  if (!r->keep_float) return EAO_NOMEM(r->ctx);
  for (uint32_t k = 0; k < r->o->n_keep_float; k++) {
    const char *name = r->o->keep_float[k];
    bool found = false;
    for (eao_nid i = 0; i < g->n_node; i++) {
      const eao_node *n = &g->node[i];
      bool is = n->op && n->name && strcmp(n->name, name) == 0;
      for (uint32_t q = 0; n->op && !is && q < n->n_out; q++)
        is = n->out[q] != EAO_NONE && strcmp(g->value[n->out[q]].name, name) == 0;
      if (is) r->keep_float[i] = found = true;
    }
    if (!found)
      return eao_fail(r->ctx, EAO_ERR_ARG,
                      "no layer '%s' to keep float: names are those of the report of layers", name);
  }
  return EAO_OK;
}

static eao_status prepare(run *r, const eao_graph *g) {
  EAO_TRY(eao_graph_clone(g, &r->plain));
  /* Weights that came narrow are widened: this run may choose otherwise. */
  static const char *const skip[] = {"narrow_weights"};
  eao_pass_opts o = {.skip = skip, .n_skip = EAO_COUNT(skip)};
  EAO_TRY(eao_passes_run(r->plain, &o, NULL, NULL));
  EAO_TRY(eao_ptq_prepare(r->plain));
  return find_kept(r);
}

static eao_status remember(run *r) {
  return eao_ptq_check_init(&r->check, &r->source, r->plain, r->o->n_samples - r->n_check,
                            r->n_check);
}

static eao_status try_narrow(run *r, const char *name, const eao_ptq_stats *stats,
                             const eao_ptq_moments *moments) {
  eao_graph *q;
  uint32_t n;
  double db = (double)NAN;
  EAO_TRY(eao_graph_clone(r->plain, &q));
  eao_status s = eao_ptq_narrow(q, r->o->scheme, stats, moments, &n);
  if (s == EAO_OK && n == 0)
    s = eao_fail(r->ctx, EAO_ERR_UNSUPPORTED,
                 "no float weights that could be stored in fewer bits");
  if (s == EAO_OK && r->n_check) s = eao_ptq_check_run(&r->check, q, &db);
  bool kept = s == EAO_OK && (!r->best || db > r->best_db);
  if (s == EAO_OK && r->n_check) eao_climb_note(r, name, db, kept);
  if (!kept) {
    eao_graph_destroy(q);
    return s;
  }
  eao_graph_destroy(r->best);
  r->best = q;
  r->best_db = db;
  r->report->narrow_weights = n;
  return EAO_OK;
}

/* Weights alone. Without data they are rounded as they are. */
static eao_status narrow(run *r) {
  if (r->n_check) EAO_TRY(remember(r));
  EAO_TRY(try_narrow(r, "weights", NULL, NULL));
  if (r->n_check && !r->o->no_bias_correction) {
    EAO_TRY(calibrate(r, r->plain, &r->stats));
    EAO_TRY(try_narrow(r, "+ bias correction", &r->stats, NULL));
  }
  if (r->n_check && !r->o->no_rounding && r->stats.hist && r->o->scheme != EAO_QUANT_FP16) {
    EAO_TRY(gather_moments(r));
    EAO_TRY(try_narrow(r, "+ rounding", &r->stats, &r->moments));
  }
  count_nodes(r);
  return EAO_OK;
}

static eao_status climb(run *r) {
  EAO_TRY(calibrate(r, r->plain, &r->stats));
  EAO_TRY(remember(r));
  r->now = (eao_climb_extras){.g = r->plain, .stats = &r->stats};
  EAO_TRY(try_ranges(r, true));
  EAO_TRY(try_correction(r));
  EAO_TRY(try_ranges(r, false));
  EAO_TRY(try_equalised(r));
  EAO_TRY(try_rounding(r));
  if (r->o->scheme == EAO_QUANT_MIXED) EAO_TRY(eao_climb_mix(r));
  uint32_t n = r->n_check < 4 ? r->n_check : 4;
  EAO_TRY(eao_ptq_layers(&r->source, r->plain, r->best, r->check.first, n, r->report));
  if (r->o->scheme == EAO_QUANT_MIXED) eao_climb_explain(r);
  count_nodes(r);
  return EAO_OK;
}

eao_status eao_ptq_run(const eao_graph *g, const eao_quantize_opts *o, eao_graph **out,
                       eao_quantize_report *out_report) {
  run r = {.ctx = g->ctx, .o = o, .report = out_report};
  memset(out_report, 0, sizeof *out_report);
  out_report->scheme = o->scheme;
  *out = NULL;
  bool weights_only = o->scheme == EAO_QUANT_FP16 || o->scheme == EAO_QUANT_INT8_WEIGHTS;
  if ((unsigned)o->scheme >= EAO_QUANT_COUNT)
    return eao_fail(g->ctx, EAO_ERR_ARG, "no such quantisation scheme");
  if (!weights_only && (!o->sample || o->n_samples == 0))
    return eao_fail(g->ctx, EAO_ERR_ARG, "quantisation needs at least one calibration sample");
  r.n_check = o->n_check ? o->n_check : 32;
  if (r.n_check > o->n_samples) r.n_check = o->n_samples;
  eao_status s = prepare(&r, g);
  r.source = (eao_sweep_source){r.ctx, o, g};
  if (s == EAO_OK) s = weights_only ? narrow(&r) : climb(&r);
  out_report->sqnr_db = r.best_db;
  eao_ptq_check_deinit(&r.check);
  eao_free(r.ctx, r.keep_float);
  eao_free(r.ctx, r.omega);
  if (r.moments.m) eao_ptq_moments_deinit(&r.moments);
  if (r.stats.hist) eao_ptq_stats_deinit(&r.stats);
  eao_graph_destroy(r.plain);
  if (s != EAO_OK) {
    eao_graph_destroy(r.best);
    return s;
  }
  *out = r.best;
  return EAO_OK;
}
