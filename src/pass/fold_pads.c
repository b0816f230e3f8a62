/* Zero padding before a convolution becomes padding of the convolution. */
#include "kernel/ref/conv.h"
#include "kernel/ref/slice.h"
#include "pass/pass.h"

/* Is what the pad node writes the real number 0? */
static bool pads_zero(const eao_graph *g, const eao_node *n) {
  const eao_tensor *x = &g->value[n->in[0]].t;
  if (((const eao_pad_attr *)n->attr)->mode != EAO_PAD_CONSTANT) return false;
  if (x->quant.n && x->quant.axis >= 0) return false;
  if (n->n_in < 3 || n->in[2] == EAO_NONE) return true;
  const eao_tensor *v = &g->value[n->in[2]].t;
  double zero = x->quant.n && x->quant.zero ? x->quant.zero[0] : 0;
  return v->data && eao_tensor_count(v) == 1 && eao_get_f64(v, 0) == zero;
}

static bool fold(eao_rewrite *r, const eao_node *pad, eao_node *conv) {
  eao_graph *g = r->g;
  eao_conv_attr *a = conv->attr;
  const eao_tensor *x = &g->value[pad->in[0]].t, *pads = &g->value[pad->in[1]].t;
  int32_t spatial = x->rank - 2, first = a->layout == EAO_LAYOUT_CHANNELS_LAST ? 1 : 2;
  bool axes = pad->n_in > 3 && pad->in[3] != EAO_NONE;
  if (axes || !pads->data || eao_tensor_count(pads) != 2 * (int64_t)x->rank) return false;
  if (a->auto_pad != EAO_PAD_EXPLICIT || a->pads.n != 2 * spatial) return false;
  for (int32_t i = 0; i < x->rank; i++) {
    int64_t b, e;
    eao_pad_entry(pads, i, &b, &e);
    bool inside = i >= first && i < first + spatial;
    if (b < 0 || e < 0 || (!inside && (b || e))) return false;
  }
  for (int32_t i = 0; i < spatial; i++) {
    int64_t b, e;
    eao_pad_entry(pads, first + i, &b, &e);
    a->pads.v[i] += b;
    a->pads.v[spatial + i] += e;
  }
  return true;
}

eao_status eao_pass_fold_pads(eao_rewrite *r) {
  eao_graph *g = r->g;
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_node *n = &g->node[i];
    if (n->op != EAO_OP_conv || n->in[0] == EAO_NONE) continue;
    eao_nid p = g->value[n->in[0]].producer;
    if (p == EAO_NONE || g->node[p].op != EAO_OP_pad || !pads_zero(g, &g->node[p])) continue;
    if (!fold(r, &g->node[p], n)) continue;
    n->in[0] = g->node[p].in[0];
    r->changes++;
  }
  return EAO_OK;
}
