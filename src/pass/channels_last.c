/* Spatial ops become channels-last, between two transposes; sink_transposes then gets rid of most
 * of those. Fast kernels and row streaming need channels-last data. */
#include <string.h>

#include "kernel/ref/conv.h"
#include "kernel/ref/move.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/space.h"
#include "pass/pass.h"

/* Where an op keeps its layout; NULL when it has none. */
static int32_t *layout_of(const eao_node *n) {
  switch (n->op) {
  case EAO_OP_conv: return &((eao_conv_attr *)n->attr)->layout;
  case EAO_OP_conv_integer: return &((eao_conv_attr *)n->attr)->layout;
  case EAO_OP_conv_transpose: return &((eao_conv_transpose_attr *)n->attr)->layout;
  case EAO_OP_max_pool:
  case EAO_OP_avg_pool:
  case EAO_OP_lp_pool: return &((eao_pool_attr *)n->attr)->layout;
  case EAO_OP_batch_norm: return &((eao_batch_norm_attr *)n->attr)->layout;
  case EAO_OP_instance_norm:
  case EAO_OP_group_norm: return &((eao_group_norm_attr *)n->attr)->layout;
  case EAO_OP_lrn: return &((eao_lrn_attr *)n->attr)->layout;
  case EAO_OP_depth_to_space:
  case EAO_OP_space_to_depth: return &((eao_depth_space_attr *)n->attr)->layout;
  default: return NULL;
  }
}

static void to_last(int32_t rank, eao_transpose_attr *out) {
  memset(out, 0, sizeof *out);
  out->perm.n = rank;
  for (int32_t i = 1; i < rank; i++) out->perm.v[i] = i == rank - 1 ? 1 : i + 1;
}

static void to_first(int32_t rank, eao_transpose_attr *out) {
  memset(out, 0, sizeof *out);
  out->perm.n = rank;
  for (int32_t i = 1; i < rank; i++) out->perm.v[i] = i == 1 ? rank - 1 : i - 1;
}

/* w transposed, its per-axis quantisation with it. */
static eao_status transpose_weights(eao_rewrite *r, eao_vid w, const eao_transpose_attr *p,
                                    eao_vid *out) {
  eao_graph *g = r->g;
  EAO_TRY(eao_rewrite_node(r, EAO_OP_transpose, "", p, &w, 1, out));
  const eao_tensor *from = &g->value[w].t;
  eao_tensor *to = &g->value[*out].t;
  to->quant = from->quant;
  for (int32_t i = 0; i < from->rank; i++)
    if (from->quant.n && from->quant.axis == p->perm.v[i]) to->quant.axis = i;
  return EAO_OK;
}

/* O I k... to O k... I, or for one channel a group to 1 k... O. */
static eao_status convert_weights(eao_rewrite *r, eao_nid id) {
  eao_graph *g = r->g;
  eao_conv_attr *a = g->node[id].attr;
  eao_vid w = g->node[id].in[1], fresh;
  const eao_tensor *t = &g->value[w].t;
  eao_transpose_attr p;
  if (a->w_layout != EAO_WLAYOUT_OIK || t->rank < 3) return EAO_OK;
  bool depthwise = t->dim[1] == 1 && a->group == t->dim[0];
  to_last(t->rank, &p);
  if (depthwise)
    for (int32_t i = 0; i < t->rank; i++) p.perm.v[i] = i == 0 ? 1 : i == t->rank - 1 ? 0 : i + 1;
  a->w_layout = depthwise ? EAO_WLAYOUT_1KO : EAO_WLAYOUT_OKI;
  EAO_TRY(transpose_weights(r, w, &p, &fresh));
  g->node[id].in[1] = fresh;
  return EAO_OK;
}

/* Where is the channel axis of a value's per-axis quantisation after p? Spatial ops keep
 * activations quantised per tensor; anything else is left alone. */
static bool convertible(const eao_graph *g, const eao_node *n) {
  const eao_tensor *x = &g->value[n->in[0]].t;
  if (x->rank < 3 || x->rank > 5 || (x->quant.n && x->quant.axis >= 0)) return false;
  for (uint32_t i = 1; i < n->n_out; i++)
    if (n->out[i] != EAO_NONE) return false; /* indices, running means */
  const eao_tensor *y = &g->value[n->out[0]].t;
  return y->rank == x->rank && !(y->quant.n && y->quant.axis >= 0);
}

static eao_status convert(eao_rewrite *r, eao_nid id) {
  eao_graph *g = r->g;
  int32_t rank = g->value[g->node[id].in[0]].t.rank;
  eao_transpose_attr last, first;
  eao_vid x, y = g->node[id].out[0], inner;
  eao_tensor inner_type = g->value[y].t;
  to_last(rank, &last);
  to_first(rank, &first);
  EAO_TRY(eao_rewrite_node(r, EAO_OP_transpose, "", &last, &g->node[id].in[0], 1, &x));
  g->value[x].t.quant = g->value[g->node[id].in[0]].t.quant;
  for (int32_t i = 0; i < rank; i++) inner_type.dim[i] = g->value[y].t.dim[last.perm.v[i]];
  EAO_TRY(eao_graph_add_value(g, "", &inner_type, &inner));
  EAO_TRY(
      eao_graph_add_node(g, EAO_OP_transpose, "", &first, sizeof first, &inner, 1, &y, 1, NULL));
  eao_node *n = &g->node[id];
  n->in[0] = x;
  n->out[0] = inner;
  g->value[inner].producer = id;
  *layout_of(n) = EAO_LAYOUT_CHANNELS_LAST;
  r->changes++;
  return n->op == EAO_OP_conv || n->op == EAO_OP_conv_integer ? convert_weights(r, id) : EAO_OK;
}

eao_status eao_pass_channels_last(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const int32_t *layout = g->node[i].op ? layout_of(&g->node[i]) : NULL;
    if (layout && *layout == EAO_LAYOUT_CHANNELS_FIRST && convertible(g, &g->node[i]))
      EAO_TRY(convert(r, i));
  }
  return EAO_OK;
}
