/* `if` with a constant condition (after shapes are known: what exporters write for squeeze and its
 * like) becomes the branch that is taken. */
#include <string.h>

#include "op/control.h"
#include "pass/pass.h"

/* Values of the body in the graph around it: captures are the node's inputs, others are new. */
static eao_status map_values(eao_rewrite *r, const eao_node *n, const eao_graph *body,
                             eao_vid *map) {
  for (eao_vid v = 0; v < body->n_value; v++) map[v] = EAO_NONE;
  for (uint32_t i = 0; i < body->n_input; i++) map[body->input[i]] = n->in[1 + i];
  for (eao_vid v = 0; v < body->n_value; v++)
    if (map[v] == EAO_NONE) EAO_TRY(eao_graph_add_value(r->g, "", &body->value[v].t, &map[v]));
  return EAO_OK;
}

static eao_status add_mapped(eao_rewrite *r, const eao_node *n, const eao_vid *map) {
  const eao_op_desc *d = eao_op_get(n->op);
  eao_vid *in = eao_alloc(r->ctx, ((size_t)n->n_in + n->n_out + 1) * sizeof *in);
  if (!d || !in) {
    eao_free(r->ctx, in);
    return EAO_NOMEM(r->ctx);
  }
  eao_vid *out = in + n->n_in;
  for (uint32_t i = 0; i < n->n_in; i++) in[i] = n->in[i] == EAO_NONE ? EAO_NONE : map[n->in[i]];
  for (uint32_t i = 0; i < n->n_out; i++)
    out[i] = n->out[i] == EAO_NONE ? EAO_NONE : map[n->out[i]];
  eao_status s = eao_graph_add_node(r->g, n->op, n->name, n->attr, d->attr_size, in, n->n_in, out,
                                    n->n_out, NULL);
  eao_free(r->ctx, in);
  return s;
}

static eao_status splice(eao_rewrite *r, eao_nid id, const eao_graph *body, eao_vid *map) {
  EAO_TRY(map_values(r, &r->g->node[id], body, map));
  for (eao_nid i = 0; i < body->n_node; i++)
    if (body->node[i].op) EAO_TRY(add_mapped(r, &body->node[i], map));
  for (uint32_t i = 0; i < r->g->node[id].n_out; i++) {
    eao_vid from = map[body->output[i]], to = r->g->node[id].out[i];
    if (to != EAO_NONE)
      EAO_TRY(eao_graph_add_node(r->g, EAO_OP_identity, "", NULL, 0, &from, 1, &to, 1, NULL));
  }
  eao_rewrite_remove(r, &r->g->node[id]);
  return EAO_OK;
}

eao_status eao_pass_inline_branches(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *n = &g->node[i];
    if (n->op != EAO_OP_if || !eao_value_is_const(g, n->in[0])) continue;
    const eao_tensor *cond = &g->value[n->in[0]].t;
    if (eao_tensor_count(cond) != 1) continue;
    const eao_if_attr *a = n->attr;
    const eao_graph *body = eao_get_i64(cond, 0) ? a->then_graph : a->else_graph;
    if (!body || body->n_state || body->n_input + 1 != n->n_in || body->n_output != n->n_out)
      continue;
    eao_vid *map = eao_alloc(r->ctx, ((size_t)body->n_value + 1) * sizeof *map);
    eao_status s = map ? splice(r, i, body, map) : EAO_NOMEM(r->ctx);
    eao_free(r->ctx, map);
    if (s != EAO_OK) return s;
  }
  return EAO_OK;
}
