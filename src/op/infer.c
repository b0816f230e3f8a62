/* Shape inference over a graph, with evaluation of the small integer expressions that compute
 * shapes (Shape -> Gather -> Mul -> Concat -> Reshape). */
#include <string.h>

#include "op/op.h"

enum { KNOWN_MAX = 4096 /* elements of a value worth evaluating */, IO_MAX = 64 };

eao_status eao_node_fail_in(eao_ctx *ctx, const eao_graph *g, eao_nid n, eao_status code) {
  const eao_op_desc *d = eao_op_get(g->node[n].op);
  return eao_fail_within(ctx, code, "node %u '%s' (%s)", n, g->node[n].name,
                         d ? d->name : "unknown op");
}

eao_status eao_node_fail_within(eao_graph *g, eao_nid n, eao_status code) {
  return eao_node_fail_in(g->ctx, g, n, code);
}

/* known[v].data: the value's data when it could be computed ahead of time. */
static const eao_tensor *view(const eao_graph *g, const eao_tensor *known, eao_vid v) {
  if (v == EAO_NONE) return NULL;
  return known[v].data ? &known[v] : &g->value[v].t;
}

static void merge_type(eao_tensor *to, const eao_tensor *from) {
  to->dtype = from->dtype;
  to->rank = from->rank;
  memcpy(to->dim, from->dim, sizeof from->dim);
}

/* Does the node's result follow from what is known of input t? */
static bool suffices(const eao_op_desc *d, const eao_tensor *t) {
  if (!(d->traits & EAO_TRAIT_SHAPE_ONLY)) return t->data && eao_tensor_count(t) <= KNOWN_MAX;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return t->rank >= 0;
}

static eao_status try_eval(eao_graph *g, const eao_op_desc *d, const eao_node *n,
                           const eao_tensor *const *in, eao_tensor *known) {
  if (!d->ref || (d->traits & (EAO_TRAIT_CONTROL | EAO_TRAIT_RANDOM))) return EAO_OK;
  for (uint32_t i = 0; i < n->n_in; i++)
    if (in[i] && !suffices(d, in[i])) return EAO_OK;
  eao_tensor out[IO_MAX];
  for (uint32_t i = 0; i < n->n_out; i++) {
    out[i] = n->out[i] == EAO_NONE ? (eao_tensor){.rank = -1} : g->value[n->out[i]].t;
    /* Only integer results matter for shapes; floats are left to the folding pass. */
    if (n->out[i] == EAO_NONE || !(eao_dtype_is_int(out[i].dtype) || out[i].dtype == EAO_BOOL))
      if (!(eao_dtype_is_float(out[i].dtype) && out[i].rank <= 1)) return EAO_OK;
    if (out[i].rank >= 0) {
      uint64_t bytes;
      for (int32_t k = 0; k < out[i].rank; k++)
        if (out[i].dim[k] < 0) return EAO_OK;
      if (eao_tensor_nbytes(g->ctx, &out[i], &bytes) != EAO_OK || bytes > KNOWN_MAX * 8)
        return EAO_OK;
    }
  }
  eao_status s = eao_op_eval(g->ctx, d, n->attr, in, n->n_in, out, n->n_out);
  for (uint32_t i = 0; i < n->n_out; i++) {
    if (s == EAO_OK && n->out[i] != EAO_NONE && eao_tensor_count(&out[i]) <= KNOWN_MAX) {
      known[n->out[i]] = out[i];
      merge_type(&g->value[n->out[i]].t, &out[i]);
    } else {
      eao_free(g->ctx, out[i].data);
    }
  }
  return s;
}

eao_status eao_node_infer(eao_graph *g, eao_nid id, eao_tensor *known) {
  const eao_node *n = &g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  if (!d) return eao_fail(g->ctx, EAO_ERR_INTERNAL, "op %u has no descriptor", n->op);
  const eao_tensor *in_small[IO_MAX], **in = in_small;
  eao_tensor out_small[IO_MAX], *out = out_small;
  eao_status s = EAO_OK;
  if (n->n_in > IO_MAX) in = eao_alloc(g->ctx, n->n_in * sizeof *in);
  if (n->n_out > IO_MAX) out = eao_alloc(g->ctx, n->n_out * sizeof *out);
  if (!in || !out) s = EAO_NOMEM(g->ctx);
  if (s == EAO_OK) {
    for (uint32_t i = 0; i < n->n_in; i++) in[i] = view(g, known, n->in[i]);
    for (uint32_t i = 0; i < n->n_out; i++)
      out[i] = n->out[i] == EAO_NONE ? (eao_tensor){.rank = -1} : g->value[n->out[i]].t;
    eao_infer f = {g->ctx, n->attr, n->n_in, n->n_out, in, out};
    s = d->infer(&f);
  }
  for (uint32_t i = 0; s == EAO_OK && i < n->n_out; i++) s = eao_tensor_check(g->ctx, &out[i]);
  for (uint32_t i = 0; s == EAO_OK && i < n->n_out; i++) {
    if (n->out[i] == EAO_NONE) continue;
    eao_tensor *t = &g->value[n->out[i]].t;
    merge_type(t, &out[i]);
    s = eao_moved_quant(g->ctx, n->op, n->attr, n->n_in ? in[0] : NULL, t);
  }
  if (s == EAO_OK && n->n_out <= IO_MAX) s = try_eval(g, d, n, in, known);
  if (in != in_small) eao_free(g->ctx, in);
  if (out != out_small) eao_free(g->ctx, out);
  return s;
}

eao_status eao_graph_infer(eao_graph *g) {
  eao_tensor *known = eao_alloc(g->ctx, g->n_value * sizeof *known);
  if (!known) return EAO_NOMEM(g->ctx);
  uint32_t n_value = g->n_value;
  eao_status s = EAO_OK;
  for (eao_nid n = 0; s == EAO_OK && n < g->n_node; n++) {
    if (!g->node[n].op) continue;
    s = eao_node_infer(g, n, known);
    if (s != EAO_OK) s = eao_node_fail_within(g, n, s);
  }
  for (eao_vid v = 0; v < n_value; v++) eao_free(g->ctx, known[v].data);
  eao_free(g->ctx, known);
  return s;
}
