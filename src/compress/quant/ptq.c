#include "compress/quant/ptq.h"

#include <math.h>
#include <string.h>

#include "interp/interp.h"
#include "pass/pass.h"

typedef struct run {
  eao_ctx *ctx;
  const eao_quantize_opts *o;
  eao_quantize_report *report;
  eao_graph *plain; /* prepared float graph */
  eao_ptq_stats stats;
  uint32_t n_check, first_check;
  eao_vid *probe;   /* per output: the value whose error counts */
  eao_tensor *want; /* probes of the float graph: n_check * n_output, data owned */
  eao_graph *best;  /* the best quantised graph so far */
  double best_db;
} run;

static void tell(const run *r, const char *what, uint32_t done, uint32_t total) {
  if (r->o->progress) r->o->progress(r->o->progress_user, what, done, total);
}

/* ---- samples ---- */

typedef struct samples {
  eao_interp *it;
  eao_tensor *in, *out;
} samples;

static eao_status samples_init(samples *s, eao_graph *g) {
  s->it = eao_interp_create(g);
  s->in = eao_alloc(g->ctx, g->n_input * sizeof *s->in);
  s->out = eao_alloc(g->ctx, g->n_output * sizeof *s->out);
  return s->it && s->in && s->out ? EAO_OK : EAO_NOMEM(g->ctx);
}

static void samples_deinit(samples *s, eao_ctx *ctx) {
  eao_interp_destroy(s->it);
  eao_free(ctx, s->in);
  eao_free(ctx, s->out);
}

/* An input that became int8 gets the sample quantised. */
static eao_status quantised_input(eao_ctx *ctx, const eao_tensor *type, eao_tensor *in) {
  if (type->dtype == in->dtype) return EAO_OK;
  int64_t n = eao_tensor_count(in);
  int8_t *q = eao_alloc(ctx, (size_t)n);
  if (!q) return EAO_NOMEM(ctx);
  for (int64_t i = 0; i < n; i++) {
    double v = rint(eao_get_f64(in, i) / (double)type->quant.scale[0]) + type->quant.zero[0];
    q[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
  }
  in->dtype = EAO_I8;
  in->quant = type->quant;
  in->data = q;
  return EAO_OK;
}

static eao_status run_sample(const run *r, eao_graph *g, samples *s, uint32_t k) {
  for (uint32_t i = 0; i < g->n_input; i++) {
    s->in[i] = r->plain->value[r->plain->input[i]].t;
    s->in[i].data = NULL;
  }
  EAO_TRY(r->o->sample(r->o->sample_user, k, s->in, g->n_input));
  eao_status st = EAO_OK;
  for (uint32_t i = 0; st == EAO_OK && i < g->n_input; i++) {
    if (!s->in[i].data) return eao_fail(r->ctx, EAO_ERR_ARG, "sample %u has no input %u", k, i);
    st = quantised_input(r->ctx, &g->value[g->input[i]].t, &s->in[i]);
  }
  eao_interp_reset(s->it);
  if (st == EAO_OK) st = eao_interp_run(s->it, s->in, g->n_input, s->out, g->n_output);
  for (uint32_t i = 0; i < g->n_input; i++)
    if (s->in[i].dtype != r->plain->value[r->plain->input[i]].t.dtype)
      eao_free(r->ctx, s->in[i].data);
  return st;
}

/* ---- error ---- */

typedef struct energy {
  double signal, noise;
} energy;

static double decibels(energy e) {
  if (e.noise == 0) return 200;
  return e.signal > 0 ? 10 * log10(e.signal / e.noise) : -200;
}

static double real_at(const eao_tensor *t, int64_t i) {
  if (t->quant.n == 0) return eao_get_f64(t, i);
  return (double)eao_quant_scale(t, i) * (double)(eao_get_i64(t, i) - eao_quant_zero(t, i));
}

static void add_energy(energy *e, const eao_tensor *want, const eao_tensor *got) {
  int64_t n = eao_tensor_count(want);
  if (n != eao_tensor_count(got)) return;
  for (int64_t i = 0; i < n; i++) {
    double a = real_at(want, i), d = real_at(got, i) - a;
    if (!isfinite(a) || !isfinite(d)) continue;
    e->signal += a * a;
    e->noise += d * d;
  }
}

/* Probabilities saturate and hide what happens to the scores they are made from: where an output is
 * a softmax or the like, its input is measured. Clones keep value numbers. */
static eao_status choose_probes(run *r) {
  const eao_graph *g = r->plain;
  r->probe = eao_alloc(r->ctx, (g->n_output + 1u) * sizeof *r->probe);
  if (!r->probe) return EAO_NOMEM(r->ctx);
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_vid v = g->output[i];
    for (eao_nid by; (by = g->value[v].producer) != EAO_NONE;) {
      uint16_t op = g->node[by].op;
      if (op != EAO_OP_softmax && op != EAO_OP_log_softmax && op != EAO_OP_sigmoid) break;
      v = g->node[by].in[0];
    }
    r->probe[i] = v;
  }
  return EAO_OK;
}

typedef struct probing {
  run *r;
  const eao_graph *g;
  uint32_t sample; /* among the check samples */
  energy *e;       /* per output; NULL: remember instead of comparing */
} probing;

static eao_status remember(run *r, const eao_tensor *t, eao_tensor *w) {
  int64_t bytes = eao_dtype_bytes(t->dtype, eao_tensor_count(t));
  *w = *t;
  w->data = eao_alloc(r->ctx, (size_t)bytes);
  if (!w->data) return EAO_NOMEM(r->ctx);
  if (bytes) memcpy(w->data, t->data, (size_t)bytes);
  return EAO_OK;
}

static eao_status probe(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  probing *p = user;
  uint32_t n = p->r->plain->n_output;
  for (uint32_t i = 0; g == p->g && i < n; i++) {
    if (p->r->probe[i] != v) continue;
    eao_tensor *w = &p->r->want[p->sample * n + i];
    if (p->e)
      add_energy(&p->e[i], w, t);
    else if (!w->data)
      EAO_TRY(remember(p->r, t, w));
  }
  return EAO_OK;
}

static eao_status run_probes(run *r, eao_graph *g, energy *e) {
  samples s = {0};
  probing p = {.r = r, .g = g, .e = e};
  eao_status st = samples_init(&s, g);
  if (st == EAO_OK) eao_interp_set_hook(s.it, probe, &p);
  for (; st == EAO_OK && p.sample < r->n_check; p.sample++) {
    tell(r, "measuring", p.sample, r->n_check);
    st = run_sample(r, g, &s, r->first_check + p.sample);
  }
  tell(r, "measuring", r->n_check, r->n_check);
  samples_deinit(&s, r->ctx);
  return st;
}

/* SQNR over all check samples, the mean of the outputs': they may have very different sizes. */
static eao_status measure(run *r, eao_graph *g, double *out_db) {
  energy *e = eao_alloc(r->ctx, (g->n_output + 1u) * sizeof *e);
  if (!e) return EAO_NOMEM(r->ctx);
  eao_status s = run_probes(r, g, e);
  double sum = 0;
  for (uint32_t i = 0; i < g->n_output; i++) sum += decibels(e[i]);
  *out_db = g->n_output ? sum / g->n_output : 0;
  eao_free(r->ctx, e);
  return s;
}

static eao_status remember_outputs(run *r) {
  EAO_TRY(choose_probes(r));
  r->want = eao_alloc(r->ctx, (size_t)r->n_check * (r->plain->n_output + 1u) * sizeof *r->want);
  return r->want ? run_probes(r, r->plain, NULL) : EAO_NOMEM(r->ctx);
}

/* ---- steps ---- */

static eao_status calibrate(run *r, eao_graph *g, eao_ptq_stats *stats) {
  samples s = {0};
  EAO_TRY(eao_ptq_stats_init(stats, g));
  eao_status st = samples_init(&s, g);
  if (st == EAO_OK) eao_interp_set_hook(s.it, eao_ptq_observe, stats);
  for (uint32_t k = 0; st == EAO_OK && k < r->o->n_samples; k++) {
    tell(r, "calibrating", k, r->o->n_samples);
    st = run_sample(r, g, &s, k);
  }
  tell(r, "calibrating", r->o->n_samples, r->o->n_samples);
  samples_deinit(&s, r->ctx);
  if (st != EAO_OK) eao_ptq_stats_deinit(stats);
  return st;
}

/* Means of the activations as the plan quantises them. */
static eao_status round_means(run *r, eao_graph *g, eao_ptq_stats *stats, const eao_ptq_plan *p) {
  enum { SAMPLES_MAX = 128 };
  eao_ptq_rounder k = {stats, p};
  samples s = {0};
  uint32_t n = r->o->n_samples < SAMPLES_MAX ? r->o->n_samples : SAMPLES_MAX;
  eao_ptq_rounder_reset(stats, g);
  eao_status st = samples_init(&s, g);
  if (st == EAO_OK) eao_interp_set_hook(s.it, eao_ptq_observe_rounded, &k);
  for (uint32_t i = 0; st == EAO_OK && i < n; i++) {
    tell(r, "correcting biases", i, n);
    st = run_sample(r, g, &s, i);
  }
  tell(r, "correcting biases", n, n);
  samples_deinit(&s, r->ctx);
  return st;
}

/* What a candidate has besides ranges. */
typedef struct extras {
  bool correct;
  const eao_ptq_moments *moments;
} extras;

static eao_status build(run *r, eao_graph *g, eao_ptq_stats *stats, const extras *x,
                        eao_range_kind range, eao_graph **out) {
  eao_ptq_plan p;
  *out = NULL;
  EAO_TRY(eao_ptq_plan_init(&p, g, r->o));
  eao_status s = eao_ptq_plan_ranges(&p, g, stats, range);
  if (s == EAO_OK && x->correct) s = round_means(r, g, stats, &p);
  if (s == EAO_OK) s = eao_graph_clone(g, out);
  if (s == EAO_OK) s = eao_ptq_convert(*out, &p, r->o, x->correct ? stats : NULL, x->moments);
  eao_ptq_plan_deinit(&p);
  if (s != EAO_OK) {
    eao_graph_destroy(*out);
    *out = NULL;
  }
  return s;
}

/* Builds and measures a candidate; keeps it when it is the best so far. */
static eao_status try_one(run *r, const char *name, eao_graph *g, eao_ptq_stats *stats,
                          const extras *x, eao_range_kind range, bool *out_kept) {
  eao_graph *q;
  double db;
  EAO_TRY(build(r, g, stats, x, range, &q));
  eao_status s = measure(r, q, &db);
  bool kept = s == EAO_OK && (!r->best || db > r->best_db);
  if (kept) {
    eao_graph_destroy(r->best);
    r->best = q;
    r->best_db = db;
    r->report->range = range;
  } else {
    eao_graph_destroy(q);
  }
  if (s == EAO_OK && r->report->n_step < EAO_QUANTIZE_STEPS_MAX)
    r->report->step[r->report->n_step++] = (eao_quantize_step){name, db, kept};
  *out_kept = kept;
  return s;
}

static eao_status try_ranges(run *r) {
  static const char *const names[] = {"naive (min-max)", "+ ranges (percentile 99.99)",
                                      "+ ranges (percentile 99.9)", "+ ranges (mse)",
                                      "+ ranges (kl)"};
  bool kept;
  for (int32_t k = 0; k < EAO_RANGE_COUNT; k++)
    if (r->o->range < 0 || r->o->range == k)
      EAO_TRY(try_one(r, names[k], r->plain, &r->stats, &(extras){0}, (eao_range_kind)k, &kept));
  return EAO_OK;
}

/* Ranges change with the weights, so calibration runs again. */
static eao_status try_equalised(run *r, const extras *x) {
  eao_graph *g;
  eao_ptq_stats stats;
  uint32_t pairs;
  bool kept = false;
  EAO_TRY(eao_graph_clone(r->plain, &g));
  eao_status s = eao_ptq_equalise(g, &r->stats, &pairs);
  if (s != EAO_OK || pairs == 0) {
    eao_graph_destroy(g);
    return s;
  }
  s = calibrate(r, g, &stats);
  if (s == EAO_OK) s = try_one(r, "+ equalisation", g, &stats, x, r->report->range, &kept);
  if (s == EAO_OK && kept) {
    eao_graph_destroy(r->plain);
    eao_ptq_stats_deinit(&r->stats);
    r->plain = g;
    r->stats = stats;
    return EAO_OK;
  }
  if (s == EAO_OK) eao_ptq_stats_deinit(&stats);
  eao_graph_destroy(g);
  return s;
}

static eao_status gather_moments(run *r, eao_ptq_moments *m) {
  enum { SAMPLES_MAX = 256 };
  samples s = {0};
  uint32_t n = r->o->n_samples < SAMPLES_MAX ? r->o->n_samples : SAMPLES_MAX;
  EAO_TRY(eao_ptq_moments_init(m, r->plain, n));
  eao_status st = samples_init(&s, r->plain);
  if (st == EAO_OK) eao_interp_set_hook(s.it, eao_ptq_moments_observe, m);
  for (uint32_t k = 0; st == EAO_OK && k < n; k++) {
    tell(r, "rounding", k, n);
    st = run_sample(r, r->plain, &s, k);
  }
  tell(r, "rounding", n, n);
  samples_deinit(&s, r->ctx);
  if (st != EAO_OK) eao_ptq_moments_deinit(m);
  return st;
}

/* Rounding leaves the mean to the bias, so the two go together first. */
static eao_status try_rounding(run *r, const extras *before) {
  eao_ptq_moments m;
  bool kept;
  EAO_TRY(gather_moments(r, &m));
  extras x = {.correct = !r->o->no_bias_correction || before->correct, .moments = &m};
  eao_status s = try_one(r, "+ rounding", r->plain, &r->stats, &x, r->report->range, &kept);
  eao_ptq_moments_deinit(&m);
  return s;
}

/* ---- report ---- */

typedef struct layers {
  run *r;
  eao_graph *q;
  eao_vid *pair;    /* value of plain -> of q with the same meaning; EAO_NONE: none */
  eao_tensor *kept; /* per value of q: the float values of the current sample */
  energy *e;        /* per value of q */
} layers;

static eao_status keep_float(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  layers *l = user;
  if (g != l->r->plain || l->pair[v] == EAO_NONE) return EAO_OK;
  eao_tensor *k = &l->kept[l->pair[v]];
  int64_t bytes = eao_dtype_bytes(t->dtype, eao_tensor_count(t));
  eao_free(l->r->ctx, k->data);
  *k = *t;
  k->data = eao_alloc(l->r->ctx, (size_t)bytes);
  if (!k->data) return EAO_NOMEM(l->r->ctx);
  if (bytes) memcpy(k->data, t->data, (size_t)bytes);
  return EAO_OK;
}

static eao_status compare_layer(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  layers *l = user;
  if (g == l->q && l->kept[v].data) add_energy(&l->e[v], &l->kept[v], t);
  return EAO_OK;
}

/* Clones keep value numbers: a value of the float graph is the one of the same number. */
static void pair_values(layers *l) {
  for (eao_vid v = 0; v < l->r->plain->n_value; v++) {
    const eao_tensor *a = &l->r->plain->value[v].t, *b = &l->q->value[v].t;
    bool same = a->dtype == EAO_F32 && !a->data && b->dtype == EAO_I8 && b->quant.n == 1 &&
                l->q->value[v].producer != EAO_NONE;
    l->pair[v] = same ? v : EAO_NONE;
  }
}

static eao_status list_layers(layers *l) {
  eao_quantize_report *rep = l->r->report;
  for (eao_vid v = 0; v < l->q->n_value; v++) rep->n_layer += l->e[v].signal > 0;
  eao_quantize_layer *layer = eao_arena_array(&l->q->arena, rep->n_layer + 1u, sizeof *layer);
  rep->layer = layer;
  if (!layer) return EAO_NOMEM(l->r->ctx);
  uint32_t n = 0;
  for (eao_nid i = 0; i < l->q->n_node; i++)
    for (uint32_t k = 0; k < l->q->node[i].n_out; k++) {
      eao_vid v = l->q->node[i].out[k];
      if (v == EAO_NONE || !(l->e[v].signal > 0) || n == rep->n_layer) continue;
      layer[n++] = (eao_quantize_layer){l->q->value[v].name, eao_op_get(l->q->node[i].op)->name,
                                        decibels(l->e[v])};
    }
  rep->n_layer = n;
  return EAO_OK;
}

static eao_status run_layers(layers *l, samples *a, samples *b) {
  EAO_TRY(samples_init(a, l->r->plain));
  EAO_TRY(samples_init(b, l->q));
  eao_interp_set_hook(a->it, keep_float, l);
  eao_interp_set_hook(b->it, compare_layer, l);
  uint32_t n = l->r->n_check < 4 ? l->r->n_check : 4;
  for (uint32_t k = 0; k < n; k++) {
    EAO_TRY(run_sample(l->r, l->r->plain, a, l->r->first_check + k));
    EAO_TRY(run_sample(l->r, l->q, b, l->r->first_check + k));
  }
  return list_layers(l);
}

static eao_status measure_layers(run *r) {
  layers l = {.r = r, .q = r->best};
  samples a = {0}, b = {0};
  l.pair = eao_alloc(r->ctx, r->plain->n_value * sizeof *l.pair);
  l.kept = eao_alloc(r->ctx, l.q->n_value * sizeof *l.kept);
  l.e = eao_alloc(r->ctx, l.q->n_value * sizeof *l.e);
  eao_status s = l.pair && l.kept && l.e ? EAO_OK : EAO_NOMEM(r->ctx);
  if (s == EAO_OK) {
    pair_values(&l);
    s = run_layers(&l, &a, &b);
  }
  samples_deinit(&a, r->ctx);
  samples_deinit(&b, r->ctx);
  for (eao_vid v = 0; l.kept && v < l.q->n_value; v++) eao_free(r->ctx, l.kept[v].data);
  eao_free(r->ctx, l.kept);
  eao_free(r->ctx, l.pair);
  eao_free(r->ctx, l.e);
  return s;
}

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

static eao_status prepare(run *r, const eao_graph *g) {
  EAO_TRY(eao_graph_clone(g, &r->plain));
  /* Weights that came narrow are widened: this run may choose otherwise. */
  static const char *const skip[] = {"narrow_weights"};
  eao_pass_opts o = {.skip = skip, .n_skip = EAO_COUNT(skip)};
  EAO_TRY(eao_passes_run(r->plain, &o, NULL, NULL));
  return eao_ptq_prepare(r->plain);
}

/* Weights alone: nothing to calibrate, at most an error to measure. */
static eao_status narrow(run *r) {
  EAO_TRY(eao_graph_clone(r->plain, &r->best));
  EAO_TRY(eao_ptq_narrow(r->best, r->o->scheme, &r->report->narrow_weights));
  if (r->report->narrow_weights == 0)
    return eao_fail(r->ctx, EAO_ERR_UNSUPPORTED,
                    "no float weights that could be stored in fewer bits");
  r->best_db = (double)NAN;
  count_nodes(r);
  if (r->n_check == 0) return EAO_OK;
  EAO_TRY(remember_outputs(r));
  EAO_TRY(measure(r, r->best, &r->best_db));
  r->report->step[r->report->n_step++] = (eao_quantize_step){"weights", r->best_db, true};
  return EAO_OK;
}

static eao_status climb(run *r) {
  bool kept;
  EAO_TRY(calibrate(r, r->plain, &r->stats));
  EAO_TRY(remember_outputs(r));
  EAO_TRY(try_ranges(r));
  extras x = {0};
  if (!r->o->no_bias_correction) {
    EAO_TRY(try_one(r, "+ bias correction", r->plain, &r->stats, &(extras){.correct = true},
                    r->report->range, &kept));
    x.correct = kept;
  }
  if (!r->o->no_equalise) EAO_TRY(try_equalised(r, &x));
  if (!r->o->no_rounding) EAO_TRY(try_rounding(r, &x));
  EAO_TRY(measure_layers(r));
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
  r.first_check = o->n_samples - r.n_check;
  eao_status s = prepare(&r, g);
  if (s == EAO_OK) s = weights_only ? narrow(&r) : climb(&r);
  out_report->sqnr_db = r.best_db;
  for (uint32_t i = 0; r.want && i < r.n_check * r.plain->n_output; i++)
    eao_free(r.ctx, r.want[i].data);
  eao_free(r.ctx, r.want);
  eao_free(r.ctx, r.probe);
  if (r.stats.hist) eao_ptq_stats_deinit(&r.stats);
  eao_graph_destroy(r.plain);
  if (s != EAO_OK) {
    eao_graph_destroy(r.best);
    return s;
  }
  *out = r.best;
  return EAO_OK;
}
