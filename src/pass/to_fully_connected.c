/* x * B with a constant float matrix B, and ONNX's Gemm on one: fully_connected, for which there
 * are fast kernels with packed weights. B may be stored as f16 or int8. */
#include <string.h>

#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "pass/pass.h"

static bool is_matrix(const eao_graph *g, eao_vid v) {
  return g->value[v].t.rank == 2 && g->value[v].t.dtype == EAO_F32 &&
         (eao_value_is_const(g, v) || eao_rewrite_narrow_source(g, v) != EAO_NONE);
}

/* NULL-free bias of n elements: [n], [1, n] or absent. */
static bool bias_fits(const eao_graph *g, eao_vid v, int64_t n) {
  if (!eao_value_is_const(g, v)) return false;
  const eao_tensor *t = &g->value[v].t;
  return t->dtype == EAO_F32 && t->rank >= 1 && t->rank <= 2 && t->dim[t->rank - 1] == n &&
         eao_tensor_count(t) == n;
}

static eao_status convert(eao_rewrite *r, eao_nid id, bool transpose, eao_vid bias) {
  eao_graph *g = r->g;
  eao_vid in[3] = {g->node[id].in[0], g->node[id].in[1], bias}, out = g->node[id].out[0], fresh;
  eao_transpose_attr p;
  memset(&p, 0, sizeof p);
  p.perm = (eao_ints){.n = 2, .v = {1, 0}};
  eao_vid narrow = eao_rewrite_narrow_source(g, in[1]);
  if (narrow != EAO_NONE) in[1] = narrow;
  if (transpose && narrow != EAO_NONE)
    EAO_TRY(eao_rewrite_turned(r, narrow, &in[1]));
  else if (transpose)
    EAO_TRY(eao_rewrite_node(r, EAO_OP_transpose, "", &p, &g->node[id].in[1], 1, &in[1]));
  if (bias != EAO_NONE && g->value[bias].t.rank == 2) {
    eao_tensor flat = g->value[bias].t;
    flat.rank = 1;
    flat.dim[0] = flat.dim[1];
    EAO_TRY(eao_rewrite_constant(r, &flat, &in[2]));
  }
  eao_fully_connected_attr a;
  memset(&a, 0, sizeof a);
  a.keep_dims = 1;
  EAO_TRY(eao_rewrite_node(r, EAO_OP_fully_connected, g->node[id].name, &a, in,
                           bias == EAO_NONE ? 2 : 3, &fresh));
  g->value[fresh].t = g->value[out].t;
  if (eao_rewrite_replace(r, out, fresh)) eao_rewrite_remove(r, &g->node[id]);
  return EAO_OK;
}

eao_status eao_pass_to_fully_connected(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *n = &g->node[i];
    if (n->op != EAO_OP_matmul && n->op != EAO_OP_gemm) continue;
    const eao_tensor *x = &g->value[n->in[0]].t;
    if (!is_matrix(g, n->in[1]) || x->rank < 2 || x->dtype != EAO_F32 || x->data) continue;
    if (n->op == EAO_OP_matmul) {
      EAO_TRY(convert(r, i, true, EAO_NONE));
      continue;
    }
    const eao_gemm_attr *a = n->attr;
    const eao_tensor *b = &g->value[n->in[1]].t;
    eao_vid c = n->n_in > 2 ? n->in[2] : EAO_NONE;
    if (a->trans_a || a->alpha != 1 || (c != EAO_NONE && a->beta != 1)) continue;
    if (c != EAO_NONE && !bias_fits(g, c, b->dim[a->trans_b ? 0 : 1])) continue;
    EAO_TRY(convert(r, i, !a->trans_b, c));
  }
  return EAO_OK;
}
