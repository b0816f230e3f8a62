#include <string.h>

#include "op/op.h"

static eao_status clone_quant(eao_graph *g, eao_quant *q) {
  if (q->n <= 0) return EAO_OK;
  bool has_zero = q->zero != NULL;
  q->scale = eao_arena_dup(&g->arena, q->scale, (size_t)q->n * sizeof *q->scale);
  if (has_zero) q->zero = eao_arena_dup(&g->arena, q->zero, (size_t)q->n * sizeof *q->zero);
  return q->scale && (q->zero || !has_zero) ? EAO_OK : EAO_NOMEM(g->ctx);
}

static eao_status clone_value(eao_graph *to, const eao_value *v) {
  eao_tensor t = v->t;
  eao_vid id;
  uint64_t bytes;
  EAO_TRY(clone_quant(to, &t.quant));
  if (t.data) {
    EAO_TRY(eao_tensor_nbytes(to->ctx, &t, &bytes));
    t.data = eao_arena_alloc(&to->arena, bytes ? (size_t)bytes : 1);
    if (!t.data) return EAO_NOMEM(to->ctx);
    if (bytes) memcpy(t.data, v->t.data, (size_t)bytes);
  }
  return eao_graph_add_value(to, v->name, &t, &id);
}

static eao_status clone_node(eao_graph *to, const eao_node *n) {
  const eao_op_desc *d = eao_op_get(n->op);
  if (!d) return EAO_OK; /* removed */
  if (d->traits & EAO_TRAIT_CONTROL)
    return eao_fail(to->ctx, EAO_ERR_UNSUPPORTED, "node '%s' (%s): a graph with control flow",
                    n->name, d->name);
  return eao_graph_add_node(to, n->op, n->name, n->attr, n->attr ? d->attr_size : 0, n->in, n->n_in,
                            n->out, n->n_out, NULL);
}

static eao_status clone_state(eao_graph *to, const eao_graph *from, const eao_state *s) {
  eao_state copy = *s;
  uint64_t bytes;
  if (copy.init) {
    EAO_TRY(eao_tensor_nbytes(to->ctx, &from->value[s->in].t, &bytes));
    copy.init = eao_arena_dup(&to->arena, s->init, (size_t)bytes);
    if (!copy.init) return EAO_NOMEM(to->ctx);
  }
  if (copy.name && !(copy.name = eao_arena_str(&to->arena, copy.name))) return EAO_NOMEM(to->ctx);
  return eao_graph_add_state(to, &copy);
}

static eao_status clone_all(eao_graph *to, const eao_graph *from) {
  if (from->name && !(to->name = eao_arena_str(&to->arena, from->name))) return EAO_NOMEM(to->ctx);
  for (eao_vid v = 0; v < from->n_value; v++) EAO_TRY(clone_value(to, &from->value[v]));
  for (eao_nid n = 0; n < from->n_node; n++) EAO_TRY(clone_node(to, &from->node[n]));
  for (uint32_t i = 0; i < from->n_input; i++) EAO_TRY(eao_graph_add_input(to, from->input[i]));
  for (uint32_t i = 0; i < from->n_output; i++) EAO_TRY(eao_graph_add_output(to, from->output[i]));
  for (uint32_t i = 0; i < from->n_state; i++) EAO_TRY(clone_state(to, from, &from->state[i]));
  for (uint32_t i = 0; i < from->n_meta; i++)
    EAO_TRY(eao_graph_add_meta(to, from->meta[i].key, from->meta[i].text));
  return EAO_OK;
}

eao_status eao_graph_clone(const eao_graph *g, eao_graph **out) {
  *out = NULL;
  eao_graph *to = eao_graph_create(g->ctx);
  if (!to) return EAO_ERR_NOMEM;
  eao_status s = clone_all(to, g);
  if (s != EAO_OK) {
    eao_graph_destroy(to);
    return s;
  }
  *out = to;
  return EAO_OK;
}
