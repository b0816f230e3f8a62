/* Nodes that hand on their input: identity, casts to the same type, transposes that keep the order,
 * reshapes to the same shape, reshapes of reshapes, sums with zero ... */
#include <string.h>

#include "kernel/ref/elementwise.h"
#include "kernel/ref/move.h"
#include "pass/pass.h"

static bool same_type(const eao_tensor *a, const eao_tensor *b) {
  if (a->dtype != b->dtype || a->rank != b->rank || a->rank < 0) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i] || a->dim[i] < 0) return false;
  return true;
}

/* Would a consumer see other real numbers through the output's quantisation? */
static bool same_meaning(const eao_quant *a, const eao_quant *b) {
  if (a->n != b->n) return false;
  for (int32_t i = 0; i < a->n; i++)
    if (a->scale[i] != b->scale[i] || (a->zero ? a->zero[i] : 0) != (b->zero ? b->zero[i] : 0))
      return false;
  return a->n == 0 || a->axis == b->axis;
}

static bool keeps_order(const eao_transpose_attr *a, const eao_tensor *x) {
  /* Axes of extent 1 may go anywhere: only the order of the others moves data. */
  int64_t last = -1;
  for (int32_t i = 0; i < x->rank; i++) {
    int64_t p = a->perm.n ? a->perm.v[i] : x->rank - 1 - i;
    if (x->dim[p] == 1) continue;
    if (p < last) return false;
    last = p;
  }
  return true;
}

static bool is_all(const eao_graph *g, eao_vid v, double value) {
  if (!eao_value_is_const(g, v)) return false;
  const eao_tensor *t = &g->value[v].t;
  if (t->quant.n) return false;
  int64_t n = eao_tensor_count(t);
  for (int64_t i = 0; i < n; i++)
    if (eao_get_f64(t, i) != value) return false;
  return n > 0 && n < 1 << 20;
}

static bool no_act(const eao_node *n) {
  return ((const eao_binary_attr *)n->attr)->act.kind == EAO_ACT_NONE;
}

/* Input that the node's output equals; -1: none. */
static int passes_on(const eao_graph *g, const eao_node *n) {
  switch (n->op) {
  case EAO_OP_identity:
  case EAO_OP_reshape:
  case EAO_OP_squeeze:
  case EAO_OP_unsqueeze:
  case EAO_OP_flatten:
  case EAO_OP_expand:
  case EAO_OP_tile:
  case EAO_OP_cast:
  case EAO_OP_quantize:
  case EAO_OP_dropout: return 0;
  case EAO_OP_concat: return n->n_in == 1 ? 0 : -1;
  case EAO_OP_transpose:
    /* The same shape after a permutation of equal extents is not the same tensor. */
    return keeps_order(n->attr, &g->value[n->in[0]].t) ? 0 : -1;
  case EAO_OP_add:
    if (!no_act(n)) return -1;
    return is_all(g, n->in[1], 0) ? 0 : is_all(g, n->in[0], 0) ? 1 : -1;
  case EAO_OP_mul:
    if (!no_act(n)) return -1;
    return is_all(g, n->in[1], 1) ? 0 : is_all(g, n->in[0], 1) ? 1 : -1;
  case EAO_OP_sub: return no_act(n) && is_all(g, n->in[1], 0) ? 0 : -1;
  case EAO_OP_div: return no_act(n) && is_all(g, n->in[1], 1) ? 0 : -1;
  default: return -1;
  }
}

static bool is_reshape(uint16_t op) {
  return op == EAO_OP_reshape || op == EAO_OP_squeeze || op == EAO_OP_unsqueeze ||
         op == EAO_OP_flatten;
}

/* reshape(reshape(x)), and transposes that move nothing but axes of extent 1: one reshape of known
 * shape. */
static eao_status simplify_reshape(eao_rewrite *r, eao_nid id) {
  eao_graph *g = r->g;
  const eao_node *n = &g->node[id];
  const eao_tensor *y = &g->value[n->out[0]].t;
  eao_vid x = n->in[0];
  eao_nid p = g->value[x].producer;
  bool turned = n->op == EAO_OP_transpose && keeps_order(n->attr, &g->value[x].t);
  bool doubled =
      is_reshape(n->op) && p != EAO_NONE && is_reshape(g->node[p].op) && !g->value[x].t.quant.n;
  if ((!turned && !doubled) || y->rank < 0) return EAO_OK;
  for (int32_t i = 0; i < y->rank; i++)
    if (y->dim[i] <= 0) return EAO_OK;
  if (g->value[x].t.quant.n && g->value[x].t.quant.axis >= 0) return EAO_OK;
  eao_vid shape, in[2] = {doubled ? g->node[p].in[0] : x}, out = n->out[0], fresh;
  const char *name = n->name;
  EAO_TRY(eao_graph_add_i64(g, "", y->dim, y->rank, &shape));
  in[1] = shape;
  EAO_TRY(eao_rewrite_node(r, EAO_OP_reshape, name, NULL, in, 2, &fresh));
  g->value[fresh].t = g->value[out].t;
  if (eao_rewrite_replace(r, out, fresh)) eao_rewrite_remove(r, &g->node[id]);
  return EAO_OK;
}

eao_status eao_pass_remove_identities(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    eao_node *n = &g->node[i];
    if (!n->op || n->n_out < 1 || n->out[0] == EAO_NONE) continue;
    for (uint32_t k = 1; k < n->n_out; k++)
      if (n->out[k] != EAO_NONE && r->uses[n->out[k]]) goto next;
    int k = passes_on(g, n);
    if (k >= 0 && n->in[k] != EAO_NONE) {
      const eao_tensor *x = &g->value[n->in[k]].t, *y = &g->value[n->out[0]].t;
      if (same_type(x, y) && same_meaning(&x->quant, &y->quant) &&
          eao_rewrite_replace(r, n->out[0], n->in[k])) {
        eao_rewrite_remove(r, n);
        continue;
      }
    }
    EAO_TRY(simplify_reshape(r, i));
  next:;
  }
  return EAO_OK;
}
