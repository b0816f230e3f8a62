/* A node whose inputs are all constant becomes its result; so does one that only asks for its
 * input's known shape. Results much larger than what they come from are left to run time. */
#include "pass/pass.h"

static const uint64_t size_max = 64u << 20, small = 64u << 10;

static bool shape_known(const eao_tensor *t) {
  if (t->rank < 0) return false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return true;
}

static bool foldable(const eao_graph *g, const eao_node *n, const eao_op_desc *d,
                     uint64_t *out_bytes) {
  *out_bytes = 0;
  if (!d->ref || (d->traits & (EAO_TRAIT_CONTROL | EAO_TRAIT_RANDOM))) return false;
  bool shape_only = n->op == EAO_OP_shape || n->op == EAO_OP_size;
  for (uint32_t i = 0; i < n->n_in; i++) {
    if (n->in[i] == EAO_NONE) continue;
    const eao_tensor *t = &g->value[n->in[i]].t;
    uint64_t bytes;
    if (!(shape_only ? shape_known(t) : t->data != NULL)) return false;
    if (shape_only) continue;
    if (eao_tensor_nbytes(g->ctx, t, &bytes) != EAO_OK) return false;
    *out_bytes += bytes;
  }
  return true;
}

static eao_status fold(eao_rewrite *r, eao_node *n, const eao_op_desc *d, uint64_t in_bytes) {
  enum { MAX = 32 };
  eao_graph *g = r->g;
  const eao_tensor *in[MAX];
  eao_tensor out[MAX];
  if (n->n_in > MAX || n->n_out > MAX) return EAO_OK;
  for (uint32_t i = 0; i < n->n_in; i++)
    in[i] = n->in[i] == EAO_NONE ? NULL : &g->value[n->in[i]].t;
  for (uint32_t i = 0; i < n->n_out; i++) {
    uint64_t bytes;
    out[i] = n->out[i] == EAO_NONE ? (eao_tensor){.rank = -1} : g->value[n->out[i]].t;
    if (n->out[i] == EAO_NONE || !shape_known(&out[i])) continue;
    EAO_TRY(eao_tensor_nbytes(r->ctx, &out[i], &bytes));
    if (bytes > size_max || (bytes > small && bytes > 4 * in_bytes)) return EAO_OK;
  }
  eao_status s = eao_op_eval(r->ctx, d, n->attr, in, n->n_in, out, n->n_out);
  for (uint32_t i = 0; i < n->n_out; i++) {
    if (s == EAO_OK && n->out[i] != EAO_NONE) {
      uint64_t bytes;
      eao_value *v = &g->value[n->out[i]];
      const eao_quant q = v->t.quant;
      s = eao_tensor_nbytes(r->ctx, &out[i], &bytes);
      v->t = out[i];
      v->t.quant = q;
      v->t.data = eao_arena_dup(&g->root->arena, out[i].data, (size_t)bytes);
      v->producer = EAO_NONE;
      if (!v->t.data) s = EAO_NOMEM(r->ctx);
    }
    eao_free(r->ctx, out[i].data);
  }
  if (s != EAO_OK) return eao_node_fail_within(g, (eao_nid)(n - g->node), s);
  eao_rewrite_remove(r, n);
  return EAO_OK;
}

eao_status eao_pass_fold_constants(eao_rewrite *r) {
  eao_graph *g = r->g;
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_node *n = &g->node[i];
    const eao_op_desc *d = n->op ? eao_op_get(n->op) : NULL;
    uint64_t bytes;
    if (d && foldable(g, n, d, &bytes)) EAO_TRY(fold(r, n, d, bytes));
  }
  return EAO_OK;
}
