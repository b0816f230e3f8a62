/* Cross-layer equalisation (Nagel et al. 2019): the output channels of a layer and the input
 * channels of the next are scaled against each other so that their weights have equal ranges. Exact
 * for real numbers through nothing and through ReLU. */
#include <math.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/matmul.h"

enum { SWEEPS = 20 };

static int32_t act_kind(const eao_node *n) {
  return n->op == EAO_OP_conv ? ((const eao_conv_attr *)n->attr)->act.kind
                              : ((const eao_fully_connected_attr *)n->attr)->act.kind;
}

static bool weights_are_own(const eao_graph *g, const eao_node *n, const uint32_t *uses) {
  return (n->op == EAO_OP_conv || n->op == EAO_OP_fully_connected) && eao_ptq_is_weighted(g, n) &&
         uses[n->in[1]] == 1 && (n->n_in < 3 || n->in[2] == EAO_NONE || uses[n->in[2]] == 1);
}

/* The layer whose output is all that `second` reads, and whose only reader it is. */
static const eao_node *first_of(const eao_graph *g, const eao_node *second, const uint32_t *uses) {
  eao_nid by = g->value[second->in[0]].producer;
  if (by == EAO_NONE || uses[second->in[0]] != 1) return NULL;
  const eao_node *n = &g->node[by];
  if (n->op != second->op && second->op == EAO_OP_fully_connected) return NULL; /* flattened */
  if (!weights_are_own(g, n, uses)) return NULL;
  int32_t k = act_kind(n);
  return k == EAO_ACT_NONE || k == EAO_ACT_RELU ? n : NULL;
}

/* Largest magnitude of the weights of each channel. */
static void ranges(const eao_ptq_channels *c, const eao_tensor *w, bool input, int64_t n,
                   double *out) {
  int64_t total = eao_tensor_count(w);
  const float *v = w->data;
  for (int64_t i = 0; i < n; i++) out[i] = 0;
  for (int64_t i = 0; i < total; i++) {
    int64_t k = input ? eao_ptq_channel_in(c, i) : eao_ptq_channel_out(c, i);
    out[k] = fmax(out[k], fabs((double)v[i]));
  }
}

/* Scales one pair; out: how far the largest factor is from 1. */
static eao_status balance(eao_graph *g, const eao_node *a, const eao_node *b, double *out) {
  const eao_tensor *wa = &g->value[a->in[1]].t, *wb = &g->value[b->in[1]].t;
  eao_ptq_channels ca, cb;
  *out = 0;
  eao_ptq_channels_init(&ca, g, a, wa);
  eao_ptq_channels_init(&cb, g, b, wb);
  int64_t n = ca.outs;
  if (n != cb.outs / cb.per_group * cb.ins) return EAO_OK;
  double *r1 = eao_alloc(g->ctx, (size_t)n * 2 * sizeof *r1), *r2 = r1 ? r1 + n : NULL;
  if (!r1) return EAO_NOMEM(g->ctx);
  ranges(&ca, wa, false, n, r1);
  ranges(&cb, wb, true, n, r2);
  for (int64_t i = 0; i < n; i++) {
    bool dead = !(r1[i] > 1e-12) || !(r2[i] > 1e-12);
    r1[i] = dead ? 1 : fmin(fmax(sqrt(r1[i] / r2[i]), 1e-3), 1e3);
    *out = fmax(*out, fabs(r1[i] - 1));
  }
  float *va = wa->data, *vb = wb->data;
  for (int64_t i = eao_tensor_count(wa); i-- > 0;)
    va[i] = (float)((double)va[i] / r1[eao_ptq_channel_out(&ca, i)]);
  for (int64_t i = eao_tensor_count(wb); i-- > 0;)
    vb[i] = (float)((double)vb[i] * r1[eao_ptq_channel_in(&cb, i)]);
  if (a->n_in > 2 && a->in[2] != EAO_NONE) {
    float *bias = g->value[a->in[2]].t.data;
    for (int64_t i = 0; i < n; i++) bias[i] = (float)((double)bias[i] / r1[i]);
  }
  eao_free(g->ctx, r1);
  return EAO_OK;
}

eao_status eao_ptq_equalise(eao_graph *g, uint32_t *out_pairs) {
  *out_pairs = 0;
  uint32_t *uses = eao_alloc(g->ctx, g->n_value * sizeof *uses);
  if (!uses) return EAO_NOMEM(g->ctx);
  eao_graph_count_uses(g, uses);
  eao_status s = EAO_OK;
  double moved = 1;
  for (int32_t sweep = 0; s == EAO_OK && sweep < SWEEPS && moved > 0.01; sweep++) {
    uint32_t pairs = 0;
    moved = 0;
    for (eao_nid i = 0; s == EAO_OK && i < g->n_node; i++) {
      const eao_node *b = &g->node[i], *a;
      double m;
      if (!weights_are_own(g, b, uses) || !(a = first_of(g, b, uses))) continue;
      s = balance(g, a, b, &m);
      moved = fmax(moved, m);
      pairs++;
    }
    *out_pairs = pairs;
  }
  eao_free(g->ctx, uses);
  return s;
}
