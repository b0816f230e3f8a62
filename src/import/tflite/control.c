/* Operators that run subgraphs. IF and WHILE keep theirs as bodies; CALL and STABLEHLO_COMPOSITE
 * are replaced by theirs. */
#include "op/control.h"
#include "import/tflite/tflite.h"

/* A body from subgraph `index`, which must take and give these numbers of values. */
static eao_status body(eao_tfl_op *o, int64_t index, uint32_t n_in, uint32_t n_out,
                       eao_graph **out) {
  uint32_t in_has, out_has;
  EAO_TRY(eao_tfl_sub_io(o->m, index, &in_has, &out_has));
  if (in_has != n_in || out_has != n_out)
    return eao_tfl_fail(o, EAO_ERR_FORMAT,
                        "subgraph %lld has %u inputs and %u outputs, not %u and %u",
                        (long long)index, in_has, out_has, n_in, n_out);
  *out = eao_graph_create_sub(o->s->g);
  if (!*out) return EAO_ERR_NOMEM;
  return eao_tfl_subgraph(o->m, (uint32_t)index, *out, "", NULL, NULL);
}

/* The node with all inputs and outputs of the operator. */
static eao_status node(eao_tfl_op *o, const void *attr) {
  uint32_t n = o->in.n + o->out.n;
  eao_vid *v = eao_alloc(o->m->ctx, n * sizeof *v);
  eao_status s = v ? EAO_OK : EAO_NOMEM(o->m->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < o->in.n; i++) s = eao_tfl_need(o, i, &v[i]);
  for (uint32_t i = 0; s == EAO_OK && i < o->out.n; i++) s = eao_tfl_out(o, i, &v[o->in.n + i]);
  if (s == EAO_OK) s = eao_tfl_node(o, o->row->op, attr, v, o->in.n, v + o->in.n, o->out.n);
  eao_free(o->m->ctx, v);
  return s;
}

eao_status eao_tfl_if(eao_tfl_op *o) {
  eao_if_attr a = {0};
  uint32_t n = o->in.n - 1;
  EAO_TRY(
      body(o, eao_ftab_i32(&o->opt, TFL_IF_THEN_SUBGRAPH_INDEX, 0), n, o->out.n, &a.then_graph));
  EAO_TRY(
      body(o, eao_ftab_i32(&o->opt, TFL_IF_ELSE_SUBGRAPH_INDEX, 0), n, o->out.n, &a.else_graph));
  return node(o, &a);
}

eao_status eao_tfl_while(eao_tfl_op *o) {
  eao_while_attr a = {0};
  uint32_t n = o->in.n;
  if (o->out.n != n)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%u inputs but %u outputs", n, o->out.n);
  EAO_TRY(body(o, eao_ftab_i32(&o->opt, TFL_WHILE_COND_SUBGRAPH_INDEX, 0), n, 1, &a.cond_graph));
  EAO_TRY(body(o, eao_ftab_i32(&o->opt, TFL_WHILE_BODY_SUBGRAPH_INDEX, 0), n, n, &a.body_graph));
  return node(o, &a);
}

/* Output i of the operator is v, which has its own name already. */
static eao_status alias(eao_tfl_op *o, uint32_t i, eao_vid v) {
  int32_t t = eao_fvec_i32(o->out, i);
  eao_graph *g = o->s->g;
  if (t < 0) return EAO_OK;       /* nobody wants it */
  if (o->s->vid[t] != EAO_NONE) { /* read already: the file is out of order */
    eao_vid out = o->s->vid[t];
    return eao_tfl_node(o, EAO_OP_identity, NULL, &v, 1, &out, 1);
  }
  o->s->vid[t] = v;
  if (g->value[v].producer == EAO_NONE) return EAO_OK; /* an input or constant keeps its name */
  const char *name = eao_tfl_tensor_name(o->s, t);
  if (!name) return EAO_NOMEM(o->m->ctx);
  g->value[v].name = name;
  return EAO_OK;
}

static eao_status inline_subgraph(eao_tfl_op *o, int64_t index) {
  uint32_t n_in, n_out;
  EAO_TRY(eao_tfl_sub_io(o->m, index, &n_in, &n_out));
  if (n_in != o->in.n || n_out != o->out.n)
    return eao_tfl_fail(o, EAO_ERR_FORMAT,
                        "subgraph %lld has %u inputs and %u outputs, not %u and %u",
                        (long long)index, n_in, n_out, o->in.n, o->out.n);
  eao_vid *v = eao_alloc(o->m->ctx, (n_in + n_out) * sizeof *v);
  eao_status s = v ? EAO_OK : EAO_NOMEM(o->m->ctx);
  const char *prefix =
      eao_arena_printf(&o->m->g->arena, "%sg%uo%u/", o->s->prefix, o->s->index, o->index);
  if (!prefix) s = EAO_NOMEM(o->m->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < n_in; i++) s = eao_tfl_need(o, i, &v[i]);
  if (s == EAO_OK) s = eao_tfl_subgraph(o->m, (uint32_t)index, o->s->g, prefix, v, v + n_in);
  for (uint32_t i = 0; s == EAO_OK && i < n_out; i++) s = alias(o, i, v[n_in + i]);
  eao_free(o->m->ctx, v);
  return s;
}

eao_status eao_tfl_call(eao_tfl_op *o) {
  return inline_subgraph(o, (int64_t)eao_ftab_u32(&o->opt, TFL_CALL_SUBGRAPH, 0));
}

eao_status eao_tfl_composite(eao_tfl_op *o) {
  return inline_subgraph(o, eao_ftab_i32(&o->opt, TFL_COMPOSITE_DECOMPOSITION_SUBGRAPH_INDEX, 0));
}
