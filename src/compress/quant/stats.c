#include <string.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/spatial.h"

static int32_t channel_axis(const eao_graph *g, const eao_node *n) {
  int32_t rank = g->value[n->in[0]].t.rank;
  if (n->op == EAO_OP_conv)
    return eao_spatial_channel_axis(((const eao_conv_attr *)n->attr)->layout, rank);
  return n->op == EAO_OP_fully_connected ? rank - 1 : -1;
}

static eao_status want_mean(eao_ptq_stats *s, const eao_graph *g, const eao_node *n) {
  eao_vid v = n->in[0];
  int32_t axis = channel_axis(g, n);
  if (axis < 0 || s->mean[v] || g->value[v].t.dim[axis] < 1) return EAO_OK;
  s->axis[v] = axis;
  s->mean[v] = eao_alloc(s->ctx, (size_t)g->value[v].t.dim[axis] * sizeof **s->mean);
  return s->mean[v] ? EAO_OK : EAO_NOMEM(s->ctx);
}

eao_status eao_ptq_stats_init(eao_ptq_stats *s, const eao_graph *g) {
  memset(s, 0, sizeof *s);
  s->ctx = g->ctx;
  s->n = g->n_value;
  s->hist = eao_alloc(g->ctx, s->n * sizeof *s->hist);
  s->mean = eao_alloc(g->ctx, s->n * sizeof *s->mean);
  s->n_mean = eao_alloc(g->ctx, s->n * sizeof *s->n_mean);
  s->axis = eao_alloc(g->ctx, s->n * sizeof *s->axis);
  eao_status st = s->hist && s->mean && s->n_mean && s->axis ? EAO_OK : EAO_NOMEM(g->ctx);
  for (eao_vid v = 0; st == EAO_OK && v < s->n; v++) {
    const eao_tensor *t = &g->value[v].t;
    if (t->dtype != EAO_F32 || t->data) continue;
    if (!(s->hist[v] = eao_alloc(g->ctx, sizeof **s->hist))) st = EAO_NOMEM(g->ctx);
  }
  for (eao_nid n = 0; st == EAO_OK && n < g->n_node; n++)
    if (eao_ptq_is_weighted(g, &g->node[n])) st = want_mean(s, g, &g->node[n]);
  if (st != EAO_OK) eao_ptq_stats_deinit(s);
  return st;
}

void eao_ptq_stats_deinit(eao_ptq_stats *s) {
  for (eao_vid v = 0; v < s->n; v++) {
    if (s->hist) eao_free(s->ctx, s->hist[v]);
    if (s->mean) eao_free(s->ctx, s->mean[v]);
  }
  eao_free(s->ctx, s->hist);
  eao_free(s->ctx, s->mean);
  eao_free(s->ctx, s->n_mean);
  eao_free(s->ctx, s->axis);
  memset(s, 0, sizeof *s);
}

eao_status eao_ptq_observe(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  eao_ptq_stats *s = user;
  if (g->root != g || v >= s->n || !s->hist[v] || t->dtype != EAO_F32) return EAO_OK;
  int64_t n = eao_tensor_count(t);
  eao_hist_add(s->hist[v], t->data, n);
  if (!s->mean[v] || s->axis[v] >= t->rank) return EAO_OK;
  int64_t inner = 1, c = t->dim[s->axis[v]];
  for (int32_t d = s->axis[v] + 1; d < t->rank; d++) inner *= t->dim[d];
  if (c != g->value[v].t.dim[s->axis[v]] || c == 0) return EAO_OK;
  const float *p = t->data;
  for (int64_t i = 0; i < n; i++) s->mean[v][i / inner % c] += (double)p[i];
  s->n_mean[v] += (uint64_t)(n / c);
  return EAO_OK;
}
