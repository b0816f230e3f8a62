#include "pass/pass.h"

#include <string.h>

#include "kernel/ref/elementwise.h"

enum { ROUNDS_MAX = 16 };

static const struct {
  const char *name, *doc;
  eao_pass_fn run;
  bool exact;
} passes[] = {
#define EAO_PASS(name, exact, doc) {#name, doc, eao_pass_##name, exact},
#include "pass/passes.def"
#undef EAO_PASS
};

static bool skipped(const eao_pass_opts *o, const char *name) {
  for (uint32_t i = 0; o && i < o->n_skip; i++)
    if (strcmp(o->skip[i], name) == 0) return true;
  return false;
}

static eao_status tell(eao_graph *g, const eao_pass_opts *o, const eao_pass_event *e, bool exact) {
  if (o && o->watch) EAO_TRY(o->watch(o->watch_user, g, e));
  return o && o->check ? o->check(o->check_user, g, e->name, exact) : EAO_OK;
}

static eao_status run_one(eao_graph *g, uint32_t k, uint32_t round, const eao_pass_opts *o,
                          eao_pass_report *report) {
  eao_rewrite r = {.g = g, .ctx = g->ctx, .n_uses = g->n_value};
  uint64_t start = eao_clock_ns();
  r.uses = eao_alloc(g->ctx, g->n_value * sizeof *r.uses);
  if (!r.uses) return EAO_NOMEM(g->ctx);
  eao_graph_count_uses(g, r.uses);
  eao_status s = passes[k].run(&r);
  eao_free(g->ctx, r.uses);
  if (s == EAO_OK && r.changes) {
    s = eao_graph_sort(g);
    if (s == EAO_OK) s = eao_graph_infer(g);
    if (s == EAO_OK) s = eao_graph_verify(g);
  }
  eao_pass_event e = {passes[k].name, round, r.changes, eao_clock_ns() - start};
  report->changes += e.changes;
  report->ns += e.ns;
  if (s == EAO_OK && r.changes) s = tell(g, o, &e, passes[k].exact);
  return s == EAO_OK ? s : eao_fail_within(g->ctx, s, "pass %s", passes[k].name);
}

eao_status eao_passes_run(eao_graph *g, const eao_pass_opts *opts,
                          const eao_pass_report **out_reports, uint32_t *out_n) {
  eao_pass_report *rep = eao_arena_array(&g->root->arena, EAO_COUNT(passes), sizeof *rep);
  if (!rep) return EAO_NOMEM(g->ctx);
  for (uint32_t k = 0; k < EAO_COUNT(passes); k++) {
    rep[k].name = passes[k].name;
    rep[k].doc = passes[k].doc;
    rep[k].exact = passes[k].exact;
  }
  bool changed = true;
  for (uint32_t round = 1; changed && round <= ROUNDS_MAX; round++) {
    changed = false;
    for (uint32_t k = 0; k < EAO_COUNT(passes); k++) {
      if (skipped(opts, passes[k].name)) continue;
      uint32_t before = rep[k].changes;
      EAO_TRY(run_one(g, k, round, opts, &rep[k]));
      if (rep[k].changes != before) changed = true;
    }
  }
  if (out_reports) *out_reports = rep;
  if (out_n) *out_n = EAO_COUNT(passes);
  return EAO_OK;
}

const char *eao_pass_doc(uint32_t i, const char **out_name) {
  if (i >= EAO_COUNT(passes)) return NULL;
  *out_name = passes[i].name;
  return passes[i].doc;
}

/* ---- what passes share ---- */

static uint32_t uses(const eao_rewrite *r, eao_vid v) {
  return v < r->n_uses ? r->uses[v] : UINT32_MAX; /* new values: not known, so never "sole" */
}

static void count(eao_rewrite *r, eao_vid v, int by) {
  if (v < r->n_uses) r->uses[v] = (uint32_t)((int64_t)r->uses[v] + by);
}

const eao_node *eao_rewrite_producer(const eao_graph *g, eao_vid v) {
  eao_nid p = v == EAO_NONE ? EAO_NONE : g->value[v].producer;
  return p == EAO_NONE || !g->node[p].op ? NULL : &g->node[p];
}

bool eao_rewrite_is_plain(const eao_node *n, uint16_t op) {
  return n && n->op == op && n->attr &&
         ((const eao_binary_attr *)n->attr)->act.kind == EAO_ACT_NONE;
}

eao_node *eao_rewrite_sole_producer(const eao_rewrite *r, eao_vid v, uint16_t op) {
  if (v == EAO_NONE || uses(r, v) != 1 || eao_rewrite_is_output(r->g, v)) return NULL;
  eao_nid p = r->g->value[v].producer;
  return p != EAO_NONE && r->g->node[p].op == op ? &r->g->node[p] : NULL;
}

eao_node *eao_rewrite_sole_consumer(const eao_rewrite *r, eao_vid v) {
  if (uses(r, v) != 1) return NULL;
  for (eao_nid n = 0; n < r->g->n_node; n++) {
    eao_node *x = &r->g->node[n];
    for (uint32_t i = 0; x->op && i < x->n_in; i++)
      if (x->in[i] == v) return x;
  }
  return NULL;
}

bool eao_rewrite_is_output(const eao_graph *g, eao_vid v) {
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] == v) return true;
  for (uint32_t i = 0; i < g->n_state; i++)
    if (g->state[i].out == v) return true;
  return false;
}

bool eao_rewrite_replace(eao_rewrite *r, eao_vid from, eao_vid to) {
  eao_graph *g = r->g;
  if (eao_rewrite_is_output(g, from)) {
    if (g->value[to].producer == EAO_NONE || eao_rewrite_is_output(g, to)) return false;
    const char *name = g->value[to].name;
    g->value[to].name = g->value[from].name;
    g->value[from].name = name;
  }
  eao_graph_replace_uses(g, from, to);
  if (from < r->n_uses) {
    count(r, to, (int)r->uses[from]);
    r->uses[from] = 0;
  }
  return true;
}

void eao_rewrite_remove(eao_rewrite *r, eao_node *n) {
  for (uint32_t i = 0; i < n->n_in; i++)
    if (n->in[i] != EAO_NONE) count(r, n->in[i], -1);
  n->op = EAO_OP_NONE;
  r->changes++;
}

eao_status eao_rewrite_constant(eao_rewrite *r, const eao_tensor *t, eao_vid *out) {
  uint64_t bytes;
  EAO_TRY(eao_tensor_nbytes(r->ctx, t, &bytes));
  eao_tensor copy = *t;
  copy.data = eao_arena_dup(&r->g->root->arena, t->data, (size_t)bytes);
  if (!copy.data) return EAO_NOMEM(r->ctx);
  return eao_graph_add_value(r->g, "", &copy, out);
}

eao_status eao_rewrite_node(eao_rewrite *r, uint16_t op, const char *name, const void *attr,
                            const eao_vid *in, uint32_t n_in, eao_vid *out) {
  const eao_op_desc *d = eao_op_get(op);
  eao_tensor unknown = {.rank = -1};
  void *defaults = NULL;
  if (!attr && d->attr_size) {
    defaults = eao_arena_alloc(&r->g->root->arena, d->attr_size);
    if (!defaults) return EAO_NOMEM(r->ctx);
    eao_op_attr_defaults(d, defaults);
    attr = defaults;
  }
  EAO_TRY(eao_graph_add_value(r->g, "", &unknown, out));
  EAO_TRY(eao_graph_add_node(r->g, op, name, attr, d->attr_size, in, n_in, out, 1, NULL));
  for (uint32_t i = 0; i < n_in; i++)
    if (in[i] != EAO_NONE) count(r, in[i], 1);
  r->changes++;
  return EAO_OK;
}

bool eao_rewrite_scalar(const eao_graph *g, eao_vid v, double *out) {
  if (!eao_value_is_const(g, v)) return false;
  const eao_tensor *t = &g->value[v].t;
  if (!eao_dtype_is_float(t->dtype) || eao_tensor_count(t) != 1) return false;
  *out = eao_get_f64(t, 0);
  return true;
}
