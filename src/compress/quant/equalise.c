/* Equalisation between layers (Nagel et al. 2019; the balance of activations against weights is
 * Xiao et al. 2022): the output channels of a layer and the input channels of the next are scaled
 * against each other. Exact for real numbers through nothing and through ReLU. Weights have a scale
 * per output channel, so what is scaled down on the first side costs nothing; the activation
 * between them has one scale, which fits all channels best when they have equal ranges. */
#include <math.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/matmul.h"

static const double MARGIN = 1.1;

static eao_act *act_of(const eao_node *n) {
  return n->op == EAO_OP_conv ? &((eao_conv_attr *)n->attr)->act
                              : &((eao_fully_connected_attr *)n->attr)->act;
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
  int32_t k = act_of(n)->kind;
  return k == EAO_ACT_NONE || k == EAO_ACT_RELU || k == EAO_ACT_RELU6 ? n : NULL;
}

/* Largest magnitude of the weights of each input channel. */
static void weight_peaks(const eao_ptq_channels *c, const eao_tensor *w, int64_t n, double *out) {
  int64_t total = eao_tensor_count(w);
  const float *v = w->data;
  for (int64_t i = 0; i < n; i++) out[i] = 0;
  for (int64_t i = 0; i < total; i++) {
    int64_t k = eao_ptq_channel_in(c, i);
    out[k] = fmax(out[k], fabs((double)v[i]));
  }
}

/* Divides channel i of the activation by f[i]. */
static void scale_pair(eao_graph *g, const eao_node *a, const eao_node *b,
                       const eao_ptq_channels *ca, const eao_ptq_channels *cb, const double *f) {
  const eao_tensor *wa = &g->value[a->in[1]].t, *wb = &g->value[b->in[1]].t;
  float *va = wa->data, *vb = wb->data;
  for (int64_t i = eao_tensor_count(wa); i-- > 0;)
    va[i] = (float)((double)va[i] / f[eao_ptq_channel_out(ca, i)]);
  for (int64_t i = eao_tensor_count(wb); i-- > 0;)
    vb[i] = (float)((double)vb[i] * f[eao_ptq_channel_in(cb, i)]);
  if (a->n_in < 3 || a->in[2] == EAO_NONE) return;
  float *bias = g->value[a->in[2]].t.data;
  for (int64_t i = 0; i < ca->outs; i++) bias[i] = (float)((double)bias[i] / f[i]);
}

static eao_status balance(eao_graph *g, const eao_node *a, const eao_node *b, const double *peak,
                          bool *out_done) {
  eao_ptq_channels ca, cb;
  eao_ptq_channels_init(&ca, g, a, &g->value[a->in[1]].t);
  eao_ptq_channels_init(&cb, g, b, &g->value[b->in[1]].t);
  int64_t n = ca.outs;
  *out_done = false;
  if (n != cb.outs / cb.per_group * cb.ins) return EAO_OK;
  double *f = eao_alloc(g->ctx, (size_t)n * sizeof *f), most = 0;
  if (!f) return EAO_NOMEM(g->ctx);
  weight_peaks(&cb, &g->value[b->in[1]].t, n, f);
  bool depthwise = cb.ins == 1; /* its weights never share a scale: only the activation counts */
  for (int64_t i = 0; i < n; i++) {
    bool dead = !(f[i] > 1e-12) || !(peak[i] > 1e-12);
    f[i] = dead ? 0 : depthwise ? peak[i] : sqrt(peak[i] / f[i]);
    most = fmax(most, f[i]);
  }
  for (int64_t i = 0; i < n; i++) {
    f[i] = most > 0 && f[i] > 0 ? fmax(f[i] / most, 1e-3) : 1;
    /* No scaled channel may reach the clip that it did not reach before. */
    if (act_of(a)->kind == EAO_ACT_RELU6) f[i] = fmin(fmax(f[i], peak[i] * MARGIN / 6), 1);
  }
  scale_pair(g, a, b, &ca, &cb, f);
  eao_free(g->ctx, f);
  *out_done = true;
  return EAO_OK;
}

/* Scaling a pair leaves all other activations as they are, so one calibration serves all pairs. */
eao_status eao_ptq_equalise(eao_graph *g, const eao_ptq_stats *stats, uint32_t *out_pairs) {
  *out_pairs = 0;
  uint32_t *uses = eao_alloc(g->ctx, g->n_value * sizeof *uses);
  if (!uses) return EAO_NOMEM(g->ctx);
  eao_graph_count_uses(g, uses);
  eao_status s = EAO_OK;
  for (eao_nid i = 0; s == EAO_OK && i < g->n_node; i++) {
    const eao_node *b = &g->node[i], *a;
    bool done;
    if (!weights_are_own(g, b, uses) || !(a = first_of(g, b, uses))) continue;
    if (b->in[0] >= stats->n || !stats->peak[b->in[0]]) continue;
    s = balance(g, a, b, stats->peak[b->in[0]], &done);
    *out_pairs += s == EAO_OK && done;
  }
  eao_free(g->ctx, uses);
  return s;
}
