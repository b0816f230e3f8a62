/* What a model costs, from its graph alone. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"

eao_graph *eao_node_body(const eao_node *n, uint32_t k, const char **out_attr) {
  const eao_op_desc *d = eao_op_get(n->op);
  for (uint32_t i = 0; d && n->attr && i < d->n_attrs; i++) {
    if (d->attrs[i].kind != EAO_ATTR_GRAPH) continue;
    eao_graph *g;
    memcpy(&g, (const char *)n->attr + d->attrs[i].offset, sizeof g);
    if (!g || k-- > 0) continue;
    if (out_attr) *out_attr = d->attrs[i].name;
    return g;
  }
  return NULL;
}

static bool is_known(const eao_tensor *t) {
  if (t->rank < 0) return false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return true;
}

uint64_t eao_node_macs(const eao_graph *g, const eao_node *n, bool *out_known) {
  enum { IO_MAX = 16 };
  const eao_op_desc *d = eao_op_get(n->op);
  const eao_tensor *in[IO_MAX];
  eao_tensor out[IO_MAX];
  eao_cost cost = {0};
  bool known = true;
  if (d && d->cost && n->n_in <= IO_MAX && n->n_out <= IO_MAX) {
    for (uint32_t i = 0; i < n->n_in; i++) {
      in[i] = n->in[i] == EAO_NONE ? NULL : &g->value[n->in[i]].t;
      known = known && (!in[i] || is_known(in[i]));
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
      out[i] = n->out[i] == EAO_NONE ? (eao_tensor){.rank = -1} : g->value[n->out[i]].t;
      known = known && (n->out[i] == EAO_NONE || is_known(&out[i]));
    }
    eao_infer f = {
        .ctx = g->ctx, .attr = n->attr, .n_in = n->n_in, .n_out = n->n_out, .in = in, .out = out};
    if (known) d->cost(&f, &cost);
  }
  if (out_known) *out_known = known;
  return cost.macs;
}

/* ---- constants ---- */

static bool is_weight(const eao_tensor *t) {
  return eao_dtype_is_float(t->dtype) || t->quant.n ||
         (eao_dtype_is_int(t->dtype) && eao_dtype_bits(t->dtype) <= 8);
}

static eao_status count_constants(const eao_graph *g, eao_model_stats *s) {
  uint32_t *uses = eao_alloc(g->ctx, g->n_value * sizeof *uses);
  if (!uses) return EAO_NOMEM(g->ctx);
  eao_graph_count_uses(g, uses);
  eao_status st = EAO_OK;
  for (eao_vid v = 0; st == EAO_OK && v < g->n_value; v++) {
    const eao_tensor *t = &g->value[v].t;
    uint64_t bytes;
    if (!t->data || !uses[v]) continue;
    st = eao_tensor_nbytes(g->ctx, t, &bytes);
    if (st != EAO_OK) break;
    s->weight_bytes += bytes;
    if (is_weight(t)) s->params += (uint64_t)eao_tensor_count(t);
  }
  eao_free(g->ctx, uses);
  return st;
}

/* ---- quantisation ---- */

/* Is this value quantised, itself or as the product of a dequantising node? */
static bool is_quantised(const eao_graph *g, eao_vid v) {
  if (v == EAO_NONE) return false;
  const eao_value *x = &g->value[v];
  if (!eao_dtype_is_float(x->t.dtype)) return true;
  const eao_op_desc *d = x->producer == EAO_NONE ? NULL : eao_op_get(g->node[x->producer].op);
  return d && strncmp(d->name, "dequantize", 10) == 0;
}

static void count_quantised(const eao_graph *g, const eao_node *n, eao_model_stats *s) {
  s->compute_nodes++;
  /* Pooling has no weights: its data decide. */
  bool data = n->n_in > 0 && is_quantised(g, n->in[0]),
       weight = n->n_in > 1 ? is_quantised(g, n->in[1]) : data;
  if (data && weight) s->integer_nodes++;
  if (!data && weight) s->weight_only_nodes++;
}

static const char *quantisation(const eao_model_stats *s) {
  if (!s->compute_nodes) return "";
  if (s->integer_nodes == s->compute_nodes) return "integer";
  if (s->integer_nodes) return "mixed";
  return s->weight_only_nodes ? "weights only" : "none";
}

/* ---- nodes ---- */

/* Adds the nodes of g and its bodies; returns the MACs of one run. Depth is bounded by the
 * importer's limit on nesting. */
static eao_status count_nodes(const eao_graph *g, eao_model_stats *s, uint64_t *macs) {
  EAO_TRY(count_constants(g, s));
  for (eao_nid i = 0; i < g->n_node; i++) {
    const eao_node *n = &g->node[i];
    const eao_op_desc *d = eao_op_get(n->op);
    if (!d) continue;
    s->nodes++;
    if (d->cost) count_quantised(g, n, s);
    uint64_t most = eao_node_macs(g, n, NULL);
    const eao_graph *body;
    for (uint32_t k = 0; (body = eao_node_body(n, k, NULL)); k++) {
      uint64_t inner = 0;
      EAO_TRY(count_nodes(body, s, &inner));
      if (inner > most) most = inner;
    }
    if (!eao_add_u64(*macs, most, macs)) *macs = UINT64_MAX;
  }
  return EAO_OK;
}

/* ---- memory ---- */

typedef struct liveness {
  const eao_graph *g;
  uint32_t *root; /* value whose bytes this one shares */
  uint32_t *uses; /* of a root: uses left of all that share it */
  uint64_t *bytes;
  uint64_t live, peak;
  eao_nid peak_node;
  uint32_t unknown;
} liveness;

static eao_status live_init(liveness *l, const eao_graph *g) {
  eao_ctx *ctx = g->ctx;
  l->g = g;
  l->peak_node = EAO_NONE;
  l->root = eao_alloc(ctx, g->n_value * sizeof *l->root);
  l->uses = eao_alloc(ctx, g->n_value * sizeof *l->uses);
  l->bytes = eao_alloc(ctx, g->n_value * sizeof *l->bytes);
  if (!l->root || !l->uses || !l->bytes) return EAO_NOMEM(ctx);
  eao_graph_count_uses(g, l->uses);
  for (eao_vid v = 0; v < g->n_value; v++) {
    const eao_tensor *t = &g->value[v].t;
    l->root[v] = v;
    if (t->data) continue;
    if (!is_known(t)) {
      l->unknown += l->uses[v] > 0;
      continue;
    }
    if (eao_tensor_nbytes(ctx, t, &l->bytes[v]) != EAO_OK) l->unknown++;
  }
  /* A reshape's output is its input seen differently. */
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_node *nd = &g->node[n];
    const eao_op_desc *d = eao_op_get(nd->op);
    if (!d || !(d->traits & EAO_TRAIT_VIEW) || !nd->n_in || !nd->n_out) continue;
    if (nd->in[0] == EAO_NONE || nd->out[0] == EAO_NONE) continue;
    uint32_t r = l->root[nd->in[0]];
    l->root[nd->out[0]] = r;
    l->uses[r] += l->uses[nd->out[0]];
  }
  return EAO_OK;
}

static void live_deinit(liveness *l) {
  eao_free(l->g->ctx, l->root);
  eao_free(l->g->ctx, l->uses);
  eao_free(l->g->ctx, l->bytes);
}

static void drop(liveness *l, eao_vid v) {
  uint32_t r = l->root[v];
  if (l->uses[r] > 0 && --l->uses[r] == 0) l->live -= l->bytes[r];
}

static eao_status peak_of(const eao_graph *g, bool is_body, liveness *l);

static eao_status peak_at(liveness *l, eao_nid id) {
  const eao_node *n = &l->g->node[id];
  for (uint32_t i = 0; i < n->n_out; i++)
    if (n->out[i] != EAO_NONE && l->root[n->out[i]] == n->out[i]) l->live += l->bytes[n->out[i]];
  uint64_t inner = 0;
  const eao_graph *body;
  for (uint32_t k = 0; (body = eao_node_body(n, k, NULL)); k++) {
    liveness b = {0};
    eao_status s = peak_of(body, true, &b);
    live_deinit(&b);
    EAO_TRY(s);
    l->unknown += b.unknown;
    if (b.peak > inner) inner = b.peak;
  }
  if (l->live + inner > l->peak || l->peak_node == EAO_NONE) {
    l->peak = l->live + inner;
    l->peak_node = id;
  }
  for (uint32_t i = 0; i < n->n_in; i++)
    if (n->in[i] != EAO_NONE && !l->g->value[n->in[i]].t.data) drop(l, n->in[i]);
  for (uint32_t i = 0; i < n->n_out; i++) { /* what nobody reads goes at once */
    eao_vid v = n->out[i];
    if (v != EAO_NONE && l->root[v] == v && l->uses[v] == 0) l->live -= l->bytes[v];
  }
  return EAO_OK;
}

/* A body's inputs are values of the graph around it and counted there. */
static eao_status peak_of(const eao_graph *g, bool is_body, liveness *l) {
  EAO_TRY(live_init(l, g));
  for (uint32_t i = 0; i < g->n_input; i++) {
    eao_vid v = g->input[i];
    if (is_body) l->bytes[v] = 0;
    if (l->uses[v]) l->live += l->bytes[v];
  }
  for (uint32_t i = 0; i < g->n_state; i++) l->live += l->bytes[g->state[i].in];
  for (eao_nid n = 0; n < g->n_node; n++) EAO_TRY(peak_at(l, n));
  return EAO_OK;
}

eao_status eao_model_stats_get(eao_model *m, eao_model_stats *out) {
  memset(out, 0, sizeof *out);
  EAO_TRY(count_nodes(m->g, out, &out->macs));
  liveness l = {0};
  eao_status s = peak_of(m->g, false, &l);
  live_deinit(&l);
  out->peak_activation_bytes = l.peak;
  out->peak_node = l.peak_node;
  out->unknown_values = l.unknown;
  out->quantization = quantisation(out);
  return s;
}

/* ---- histogram ---- */

static void count_ops(const eao_graph *g, eao_op_count *count) {
  for (eao_nid i = 0; i < g->n_node; i++) {
    const eao_node *n = &g->node[i];
    const eao_op_desc *d = eao_op_get(n->op);
    if (!d) continue;
    count[n->op].op = d->name;
    count[n->op].count++;
    count[n->op].macs += eao_node_macs(g, n, NULL);
    const eao_graph *body;
    for (uint32_t k = 0; (body = eao_node_body(n, k, NULL)); k++) count_ops(body, count);
  }
}

static int by_count(const void *pa, const void *pb) {
  const eao_op_count *a = pa, *b = pb;
  if (a->count != b->count) return a->count < b->count ? 1 : -1;
  return a->op && b->op ? strcmp(a->op, b->op) : 0;
}

uint32_t eao_model_ops(const eao_model *m, eao_op_count *out, uint32_t cap) {
  eao_op_count count[EAO_OP_LIMIT] = {0};
  count_ops(m->g, count);
  qsort(count, EAO_OP_LIMIT, sizeof *count, by_count);
  uint32_t n = 0;
  while (n < EAO_OP_LIMIT && count[n].count) n++;
  for (uint32_t i = 0; i < n && i < cap; i++) out[i] = count[i];
  return n;
}
