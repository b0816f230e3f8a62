/* Mixed precision. The sensitivity of a layer is the noise that the outputs get from it alone being
 * int8; noises of layers add up nearly. Layers go back to float, the most noise per added cost
 * first, until the outputs reach the wanted signal to noise ratio; so do those that int8 makes
 * slower. Costs count the conversions at every border between the two. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quant/climb.h"

enum { NEAR_MAX = 24 /* layers that a step weighs against each other */, ROUNDS_MAX = 6 };
static const double default_target_db = 30, float_share_max = 0.5;

/* ---- costs ---- */

/* Without a model of the target: multiply-adds twice as fast in int8, and a conversion like four of
 * them an element. */
static double default_cost(void *user, const eao_layer_work *w) {
  (void)user;
  if (w->conversion) return 4.0 * (double)w->out_elements;
  return (double)w->macs * (w->integer ? 0.5 : 1.0) + (double)w->out_elements;
}

static double cost_of(const eao_climb *r, const eao_layer_work *w) {
  return r->o->layer_cost ? r->o->layer_cost(r->o->layer_cost_user, w) : default_cost(NULL, w);
}

static uint64_t elements(const eao_graph *g, eao_vid v) {
  const eao_tensor *t = &g->value[v].t;
  uint64_t n = t->rank < 0 ? 0 : 1;
  for (int32_t i = 0; i < t->rank; i++) n *= t->dim[i] > 0 ? (uint64_t)t->dim[i] : 0;
  return n;
}

static uint64_t macs_of(const eao_graph *g, const eao_node *n) {
  enum { IO = 8 };
  const eao_op_desc *d = eao_op_get(n->op);
  const eao_tensor *in[IO];
  eao_tensor out[IO];
  eao_cost c = {0};
  if (!d->cost || n->n_in > IO || n->n_out > IO) return 0;
  for (uint32_t i = 0; i < n->n_in; i++)
    in[i] = n->in[i] == EAO_NONE ? NULL : &g->value[n->in[i]].t;
  for (uint32_t i = 0; i < n->n_out; i++)
    out[i] = n->out[i] == EAO_NONE ? (eao_tensor){.rank = -1} : g->value[n->out[i]].t;
  eao_infer f = {.ctx = g->ctx, .attr = n->attr, .n_in = n->n_in, .n_out = n->n_out};
  f.in = in;
  f.out = out;
  d->cost(&f, &c);
  return c.macs;
}

static bool crosses(const eao_ptq_plan *p, const eao_graph *g, eao_vid v, const bool *reads_integer,
                    const bool *reads_float) {
  eao_nid by = g->value[v].producer;
  bool made_integer = by != EAO_NONE && p->integer[by];
  return made_integer ? reads_float[v] : reads_integer[v];
}

/* Of the whole graph with those layers float. */
static eao_status graph_cost(const eao_climb *r, const bool *keep, double *out) {
  const eao_graph *g = r->plain;
  eao_ptq_plan p;
  *out = 0;
  EAO_TRY(eao_ptq_plan_init(&p, g, r->o, keep));
  bool *by_int = eao_alloc(r->ctx, g->n_value + 1u), *by_float = eao_alloc(r->ctx, g->n_value + 1u);
  eao_status s = by_int && by_float ? EAO_OK : EAO_NOMEM(r->ctx);
  for (eao_nid i = 0; s == EAO_OK && i < g->n_node; i++) {
    const eao_node *n = &g->node[i];
    if (!n->op || !n->n_out || n->out[0] == EAO_NONE) continue;
    eao_layer_work w = {.name = n->name, .op = eao_op_get(n->op)->name, .macs = macs_of(g, n)};
    w.out_elements = elements(g, n->out[0]);
    w.integer = p.integer[i];
    *out += cost_of(r, &w);
    for (uint32_t k = 0; k < n->n_in; k++)
      if (n->in[k] != EAO_NONE) (p.integer[i] ? by_int : by_float)[n->in[k]] = true;
  }
  for (uint32_t i = 0; s == EAO_OK && i < g->n_output; i++) by_float[g->output[i]] = true;
  for (eao_vid v = 0; s == EAO_OK && v < g->n_value; v++) {
    const eao_tensor *t = &g->value[v].t;
    if (t->dtype != EAO_F32 || t->data || !crosses(&p, g, v, by_int, by_float)) continue;
    eao_layer_work w = {.name = g->value[v].name, .op = "quantize", .conversion = true};
    w.out_elements = elements(g, v);
    *out += cost_of(r, &w);
  }
  eao_free(r->ctx, by_int);
  eao_free(r->ctx, by_float);
  eao_ptq_plan_deinit(&p);
  return s;
}

/* ---- sensitivity ---- */

static bool is_layer(const eao_climb *r, eao_nid i) {
  return r->plain->node[i].op && !r->keep_float[i] &&
         eao_ptq_is_weighted(r->plain, &r->plain->node[i]);
}

static eao_status measure_omegas(eao_climb *r, bool *keep) {
  const eao_graph *g = r->plain;
  eao_climb_extras x = r->now;
  x.same_means = true;
  r->omega = eao_alloc(r->ctx, (g->n_node + 1u) * sizeof *r->omega);
  if (!r->omega) return EAO_NOMEM(r->ctx);
  for (eao_nid i = 0; i < g->n_node; i++) {
    keep[i] = true;
    r->omega[i] = -1;
  }
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_graph *q;
    double db;
    if (!is_layer(r, i)) continue;
    keep[i] = false;
    EAO_TRY(eao_climb_build(r, keep, &x, &q));
    keep[i] = true;
    eao_status s = eao_ptq_check_run(&r->check, q, &db);
    eao_graph_destroy(q);
    EAO_TRY(s);
    r->omega[i] = pow(10, -db / 10);
  }
  memcpy(keep, r->keep_float, g->n_node * sizeof *keep);
  return EAO_OK;
}

/* ---- choice ---- */

typedef struct rated {
  eao_nid layer;
  double rate; /* noise per multiply-add */
} rated;

typedef struct mixing {
  eao_climb *r;
  bool *keep;
  rated *layer; /* most noise per multiply-add first */
  uint32_t n_layer;
  double cost, noise; /* with keep; noise: predicted */
} mixing;

static int by_rate(const void *a, const void *b) {
  const rated *x = a, *y = b;
  if (x->rate != y->rate) return x->rate < y->rate ? 1 : -1;
  return x->layer < y->layer ? -1 : x->layer > y->layer;
}

static eao_status rate_layers(mixing *m) {
  eao_climb *r = m->r;
  m->layer = eao_alloc(r->ctx, (r->plain->n_node + 1u) * sizeof *m->layer);
  if (!m->layer) return EAO_NOMEM(r->ctx);
  for (eao_nid i = 0; i < r->plain->n_node; i++) {
    if (r->omega[i] < 0) continue;
    double macs = (double)macs_of(r->plain, &r->plain->node[i]) + 1;
    m->layer[m->n_layer++] = (rated){i, r->omega[i] / macs};
    m->noise += r->omega[i];
  }
  qsort(m->layer, m->n_layer, sizeof *m->layer, by_rate);
  return graph_cost(r, m->keep, &m->cost);
}

/* Makes the layer float that buys the most for its cost. *out_done false: none is left. slower:
 * only one that int8 makes slower. */
static eao_status make_one_float(mixing *m, bool slower, bool *out_done) {
  eao_nid best = EAO_NONE;
  double best_rate = -1, best_cost = m->cost;
  *out_done = false;
  for (uint32_t i = 0, seen = 0; i < m->n_layer && (slower || seen < NEAR_MAX); i++) {
    eao_nid l = m->layer[i].layer;
    double cost;
    if (m->keep[l]) continue;
    seen++;
    m->keep[l] = true;
    eao_status s = graph_cost(m->r, m->keep, &cost);
    m->keep[l] = false;
    EAO_TRY(s);
    if (slower && cost >= m->cost) continue;
    double rate = m->r->omega[l] / fmax(cost - m->cost, 1e-9 * m->cost + 1e-30);
    if (rate <= best_rate) continue;
    best = l;
    best_rate = rate;
    best_cost = cost;
  }
  if (best == EAO_NONE) return EAO_OK;
  m->keep[best] = true;
  m->cost = best_cost;
  m->noise -= m->r->omega[best];
  *out_done = true;
  return EAO_OK;
}

static double float_share(const mixing *m) {
  double all = 0, kept = 0;
  for (uint32_t i = 0; i < m->n_layer; i++) {
    double macs = (double)macs_of(m->r->plain, &m->r->plain->node[m->layer[i].layer]);
    all += macs;
    kept += m->keep[m->layer[i].layer] ? macs : 0;
  }
  return all > 0 ? kept / all : 0;
}

/* Builds and measures; takes it over when it is better. */
static eao_status take(mixing *m, double *out_db) {
  eao_climb *r = m->r;
  eao_graph *q;
  EAO_TRY(eao_climb_build(r, m->keep, &r->now, &q));
  eao_status s = eao_ptq_check_run(&r->check, q, out_db);
  bool kept = s == EAO_OK && *out_db > r->best_db;
  if (s == EAO_OK) eao_climb_note(r, "+ layers in float", *out_db, kept);
  if (kept) {
    eao_graph_destroy(r->best);
    r->best = q;
    r->best_db = *out_db;
    memcpy(r->keep_float, m->keep, r->plain->n_node * sizeof *m->keep);
    r->report->cost = m->cost;
  } else {
    eao_graph_destroy(q);
  }
  return s;
}

static eao_status mix(mixing *m, double target_db) {
  double want = pow(10, -target_db / 10), scale = 1, db = m->r->best_db;
  bool more = true, changed = false;
  while (more) {
    EAO_TRY(make_one_float(m, true, &more));
    changed = changed || more;
  }
  for (int32_t round = 0; round < ROUNDS_MAX && (changed || db < target_db); round++) {
    more = db < target_db;
    while (more && m->noise * scale > want && float_share(m) < float_share_max) {
      EAO_TRY(make_one_float(m, false, &more));
      changed = changed || more;
    }
    if (!changed) return EAO_OK; /* nothing left that pays */
    EAO_TRY(take(m, &db));
    changed = false;
    /* Noises do not add up quite: the next round goes by what was measured. */
    scale = fmax(pow(10, -db / 10) / fmax(m->noise, 1e-30), scale * 1.1);
  }
  return EAO_OK;
}

eao_status eao_climb_mix(eao_climb *r) {
  mixing m = {.r = r};
  bool *all = eao_alloc(r->ctx, r->plain->n_node + 1u);
  m.keep = eao_alloc(r->ctx, r->plain->n_node + 1u);
  eao_status s = all && m.keep ? EAO_OK : EAO_NOMEM(r->ctx);
  for (eao_nid i = 0; s == EAO_OK && i < r->plain->n_node; i++) all[i] = true;
  if (s == EAO_OK) s = graph_cost(r, all, &r->report->cost_float);
  if (s == EAO_OK) s = graph_cost(r, r->keep_float, &r->report->cost_int8);
  if (s == EAO_OK) r->report->cost = r->report->cost_int8;
  if (s == EAO_OK) s = measure_omegas(r, m.keep);
  if (s == EAO_OK) s = rate_layers(&m);
  if (s == EAO_OK) s = mix(&m, r->o->target_db > 0 ? r->o->target_db : default_target_db);
  eao_free(r->ctx, m.layer);
  eao_free(r->ctx, m.keep);
  eao_free(r->ctx, all);
  return s;
}

void eao_climb_explain(eao_climb *r) {
  eao_quantize_layer *layer = (eao_quantize_layer *)(uintptr_t)r->report->layer;
  for (uint32_t i = 0; i < r->report->n_layer; i++) {
    uint32_t v = layer[i].value;
    eao_nid by = v < r->plain->n_value ? r->plain->value[v].producer : EAO_NONE;
    if (by == EAO_NONE || r->omega[by] < 0) continue;
    layer[i].sensitivity_db = r->omega[by] > 0 ? -10 * log10(r->omega[by]) : 200;
    layer[i].why = r->keep_float[by] ? "float: int8 here costs the outputs more than it saves time"
                                     : "int8: its noise is small for the time it saves";
  }
}
