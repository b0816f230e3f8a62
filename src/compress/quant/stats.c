#include <math.h>
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
  s->peak[v] = eao_alloc(s->ctx, (size_t)g->value[v].t.dim[axis] * sizeof **s->peak);
  s->rounded[v] = eao_alloc(s->ctx, (size_t)g->value[v].t.dim[axis] * sizeof **s->rounded);
  return s->mean[v] && s->peak[v] && s->rounded[v] ? EAO_OK : EAO_NOMEM(s->ctx);
}

eao_status eao_ptq_stats_init(eao_ptq_stats *s, const eao_graph *g) {
  memset(s, 0, sizeof *s);
  s->ctx = g->ctx;
  s->n = g->n_value;
  s->hist = eao_alloc(g->ctx, s->n * sizeof *s->hist);
  s->mean = eao_alloc(g->ctx, s->n * sizeof *s->mean);
  s->peak = eao_alloc(g->ctx, s->n * sizeof *s->peak);
  s->rounded = eao_alloc(g->ctx, s->n * sizeof *s->rounded);
  s->n_rounded = eao_alloc(g->ctx, s->n * sizeof *s->n_rounded);
  s->n_mean = eao_alloc(g->ctx, s->n * sizeof *s->n_mean);
  s->axis = eao_alloc(g->ctx, s->n * sizeof *s->axis);
  eao_status st =
      s->hist && s->mean && s->peak && s->rounded && s->n_rounded && s->n_mean && s->axis
          ? EAO_OK
          : EAO_NOMEM(g->ctx);
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
    if (s->peak) eao_free(s->ctx, s->peak[v]);
    if (s->rounded) eao_free(s->ctx, s->rounded[v]);
  }
  eao_free(s->ctx, s->hist);
  eao_free(s->ctx, s->mean);
  eao_free(s->ctx, s->peak);
  eao_free(s->ctx, s->rounded);
  eao_free(s->ctx, s->n_rounded);
  eao_free(s->ctx, s->n_mean);
  eao_free(s->ctx, s->axis);
  memset(s, 0, sizeof *s);
}

/* false: means of v are not wanted. */
static bool channels_of(const eao_ptq_stats *s, const eao_graph *g, eao_vid v, const eao_tensor *t,
                        int64_t *out_inner, int64_t *out_c) {
  if (!s->mean[v] || s->axis[v] >= t->rank) return false;
  *out_inner = 1;
  *out_c = t->dim[s->axis[v]];
  for (int32_t d = s->axis[v] + 1; d < t->rank; d++) *out_inner *= t->dim[d];
  return *out_c > 0 && *out_c == g->value[v].t.dim[s->axis[v]];
}

eao_status eao_ptq_observe(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  eao_ptq_stats *s = user;
  if (g->root != g || v >= s->n || !s->hist[v] || t->dtype != EAO_F32) return EAO_OK;
  int64_t n = eao_tensor_count(t);
  eao_hist_add(s->hist[v], t->data, n);
  int64_t inner, c;
  if (!channels_of(s, g, v, t, &inner, &c)) return EAO_OK;
  const float *p = t->data;
  for (int64_t i = 0; i < n; i++) {
    int64_t k = i / inner % c;
    s->mean[v][k] += (double)p[i];
    s->peak[v][k] = fmax(s->peak[v][k], fabs((double)p[i]));
  }
  s->n_mean[v] += (uint64_t)(n / c);
  return EAO_OK;
}

void eao_ptq_rounder_reset(eao_ptq_stats *s, const eao_graph *g) {
  for (eao_vid v = 0; v < s->n; v++) {
    s->n_rounded[v] = 0;
    if (!s->rounded[v]) continue;
    for (int64_t k = 0; k < g->value[v].t.dim[s->axis[v]]; k++) s->rounded[v][k] = 0;
  }
}

eao_status eao_ptq_observe_rounded(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  eao_ptq_rounder *r = user;
  eao_ptq_stats *s = r->stats;
  int64_t inner, c, n = eao_tensor_count(t);
  if (g->root != g || v >= s->n || t->dtype != EAO_F32 || !channels_of(s, g, v, t, &inner, &c))
    return EAO_OK;
  eao_vid root = eao_ptq_shared(r->plan, v);
  double scale = (double)r->plan->scale[root], zero = (double)r->plan->zero[root];
  const float *p = t->data;
  for (int64_t i = 0; i < n; i++) {
    double q = rint((double)p[i] / scale) + zero;
    q = q < -128 ? -128 : q > 127 ? 127 : q;
    s->rounded[v][i / inner % c] += (q - zero) * scale - (double)p[i];
  }
  s->n_rounded[v] += (uint64_t)(n / c);
  return EAO_OK;
}
