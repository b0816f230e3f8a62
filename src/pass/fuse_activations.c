/* relu, clip and their like become the activation of the node before them. Only those that every
 * fast kernel computes in its last loop; the others are cheaper apart. */
#include <math.h>

#include "kernel/ref/conv.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "pass/pass.h"

static eao_act *act_of(const eao_node *n) {
  switch (n->op) {
  case EAO_OP_conv: return &((eao_conv_attr *)n->attr)->act;
  case EAO_OP_conv_transpose: return &((eao_conv_transpose_attr *)n->attr)->act;
  case EAO_OP_fully_connected: return &((eao_fully_connected_attr *)n->attr)->act;
  case EAO_OP_avg_pool:
  case EAO_OP_max_pool: return &((eao_pool_attr *)n->attr)->act;
  case EAO_OP_add:
  case EAO_OP_sub:
  case EAO_OP_mul:
  case EAO_OP_div: return &((eao_binary_attr *)n->attr)->act;
  default: return NULL;
  }
}

/* The node as an activation; false when it is none. */
static bool as_act(const eao_graph *g, const eao_node *n, eao_act *out) {
  const eao_unary_attr *u = n->attr;
  double lo = -INFINITY, hi = INFINITY;
  *out = (eao_act){0};
  switch (n->op) {
  case EAO_OP_relu: out->kind = EAO_ACT_RELU; return true;
  case EAO_OP_hard_swish: out->kind = EAO_ACT_HARD_SWISH; return true;
  case EAO_OP_leaky_relu: *out = (eao_act){EAO_ACT_LEAKY_RELU, u->alpha, 0}; return true;
  case EAO_OP_hard_sigmoid: *out = (eao_act){EAO_ACT_HARD_SIGMOID, u->alpha, u->beta}; return true;
  case EAO_OP_clip:
    if (n->n_in > 1 && n->in[1] != EAO_NONE && !eao_rewrite_scalar(g, n->in[1], &lo)) return false;
    if (n->n_in > 2 && n->in[2] != EAO_NONE && !eao_rewrite_scalar(g, n->in[2], &hi)) return false;
    if (!(lo <= hi)) return false;
    *out = (eao_act){EAO_ACT_CLIP, (float)lo, (float)hi};
    if (lo == 0 && hi == 6) *out = (eao_act){EAO_ACT_RELU6, 0, 0};
    return true;
  default: return false;
  }
}

eao_status eao_pass_fuse_activations(eao_rewrite *r) {
  eao_graph *g = r->g;
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_node *n = &g->node[i];
    eao_act act;
    if (!n->op || n->n_in == 0 || n->in[0] == EAO_NONE || !as_act(g, n, &act)) continue;
    eao_vid x = n->in[0], y = n->out[0];
    eao_nid p = g->value[x].producer;
    if (p == EAO_NONE || r->uses[x] != 1 || eao_rewrite_is_output(g, x)) continue;
    /* A quantised tensor between the two is rounded to its own scale: not the same without it. */
    if (g->value[x].t.dtype != EAO_F32 || g->value[y].t.dtype != EAO_F32) continue;
    eao_act *to = act_of(&g->node[p]);
    if (!to || to->kind != EAO_ACT_NONE) continue;
    for (uint32_t k = 1; k < g->node[p].n_out; k++)
      if (g->node[p].out[k] != EAO_NONE) to = NULL;
    if (!to) continue;
    *to = act;
    g->node[p].out[0] = y;
    g->value[y].producer = p;
    eao_rewrite_remove(r, n);
  }
  return EAO_OK;
}
