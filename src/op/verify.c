/* The rules of ir/graph.h and op/op.h, checked. */
#include <math.h>
#include <string.h>

#include "op/op.h"

static eao_status check_type(eao_graph *g, eao_vid v) {
  eao_ctx *ctx = g->ctx;
  const eao_tensor *t = &g->value[v].t;
  const char *name = g->value[v].name;
  if ((unsigned)t->dtype >= EAO_DTYPE_COUNT)
    return eao_fail(ctx, EAO_ERR_FORMAT, "value %u '%s': dtype %d", v, name, (int)t->dtype);
  if (t->rank < -1 || t->rank > EAO_MAX_RANK)
    return eao_fail(ctx, EAO_ERR_FORMAT, "value %u '%s': rank %d", v, name, t->rank);
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < -1 || (t->data && t->dim[i] < 0))
      return eao_fail(ctx, EAO_ERR_FORMAT, "value %u '%s': extent %lld", v, name,
                      (long long)t->dim[i]);
  if (t->data) {
    uint64_t bytes;
    EAO_TRY(eao_tensor_nbytes(ctx, t, &bytes));
  }
  const eao_quant *q = &t->quant;
  if (q->n == 0) return EAO_OK;
  bool per_axis = q->axis >= 0;
  if (q->n < 0 || !q->scale || (!per_axis && q->n != 1) ||
      (per_axis && t->rank >= 0 &&
       (q->axis >= t->rank || (t->dim[q->axis] >= 0 && t->dim[q->axis] != q->n))))
    return eao_fail(ctx, EAO_ERR_FORMAT, "value %u '%s': %d scales for axis %d do not fit", v, name,
                    q->n, q->axis);
  for (int32_t i = 0; i < q->n; i++)
    if (!(q->scale[i] >= 0) || isinf(q->scale[i]))
      return eao_fail(ctx, EAO_ERR_FORMAT, "value %u '%s': scale %g", v, name, (double)q->scale[i]);
  return EAO_OK;
}

static eao_status verify_graph(eao_graph *g, uint32_t depth);

static eao_status check_attr(eao_ctx *ctx, const eao_attr_desc *a, const void *attr,
                             uint32_t depth) {
  const char *p = (const char *)attr + a->offset;
  int32_t i = 0;
  memcpy(&i, p, sizeof i);
  switch (a->kind) {
  case EAO_ATTR_BOOL:
    if (i != 0 && i != 1) return eao_fail(ctx, EAO_ERR_FORMAT, "%s is %d", a->name, i);
    break;
  case EAO_ATTR_ENUM: {
    int32_t n = 0;
    while (a->names[n]) n++;
    if (i < 0 || i >= n) return eao_fail(ctx, EAO_ERR_FORMAT, "%s is %d", a->name, i);
    break;
  }
  case EAO_ATTR_DTYPE:
    if (i < 0 || i >= EAO_DTYPE_COUNT)
      return eao_fail(ctx, EAO_ERR_FORMAT, "%s is no dtype: %d", a->name, i);
    break;
  case EAO_ATTR_INTS:
  case EAO_ATTR_FLOATS: /* both structs start with their count */
    if (i < 0 || i > EAO_MAX_INTS)
      return eao_fail(ctx, EAO_ERR_FORMAT, "%s has %d entries", a->name, i);
    break;
  case EAO_ATTR_GRAPH: {
    eao_graph *body;
    memcpy(&body, p, sizeof body);
    if (!body) return eao_fail(ctx, EAO_ERR_FORMAT, "%s is missing", a->name);
    eao_status s = verify_graph(body, depth + 1);
    return s == EAO_OK ? s : eao_fail_within(ctx, s, "%s", a->name);
  }
  case EAO_ATTR_ENUMS: {
    const eao_ints *list = (const void *)p;
    int64_t n = 0;
    while (a->names[n]) n++;
    if (i < 0 || i > EAO_MAX_INTS)
      return eao_fail(ctx, EAO_ERR_FORMAT, "%s has %d entries", a->name, i);
    for (int32_t k = 0; k < i; k++)
      if (list->v[k] < 0 || list->v[k] >= n)
        return eao_fail(ctx, EAO_ERR_FORMAT, "%s[%d] is no choice", a->name, k);
    break;
  }
  case EAO_ATTR_TEXT:
    if (!memchr(p, 0, EAO_MAX_TEXT))
      return eao_fail(ctx, EAO_ERR_FORMAT, "%s does not end", a->name);
    break;
  case EAO_ATTR_INT:
  case EAO_ATTR_FLOAT: break; /* ranges are the op's business: infer checks them */
  }
  return EAO_OK;
}

static eao_status check_node(eao_graph *g, eao_nid id, uint8_t *defined, uint32_t depth) {
  const eao_node *n = &g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  eao_ctx *ctx = g->ctx;
  if (!d) return eao_fail(ctx, EAO_ERR_FORMAT, "op number %u does not exist", n->op);
  if (n->n_in < d->min_in || (d->max_in != EAO_VARIADIC && n->n_in > d->max_in))
    return eao_fail(ctx, EAO_ERR_FORMAT, "%u inputs", n->n_in);
  if (n->n_out < d->min_out || (d->max_out != EAO_VARIADIC && n->n_out > d->max_out))
    return eao_fail(ctx, EAO_ERR_FORMAT, "%u outputs", n->n_out);
  for (uint32_t i = 0; i < n->n_in; i++) {
    if (n->in[i] == EAO_NONE) {
      if (i < d->min_in) return eao_fail(ctx, EAO_ERR_FORMAT, "input %u is missing", i);
      continue;
    }
    if (n->in[i] >= g->n_value || !defined[n->in[i]])
      return eao_fail(ctx, EAO_ERR_FORMAT, "input %u is used before it is produced", i);
  }
  for (uint32_t i = 0; i < n->n_out; i++) {
    eao_vid v = n->out[i];
    if (v == EAO_NONE) continue;
    if (v >= g->n_value || defined[v] || g->value[v].producer != id)
      return eao_fail(ctx, EAO_ERR_FORMAT, "output %u is produced twice or by another node", i);
    defined[v] = 1;
  }
  if (d->attr_size && !n->attr) return eao_fail(ctx, EAO_ERR_FORMAT, "no attributes");
  for (uint32_t i = 0; i < d->n_attrs; i++) EAO_TRY(check_attr(ctx, &d->attrs[i], n->attr, depth));
  return EAO_OK;
}

static eao_status check_edges(eao_graph *g, uint8_t *defined) {
  eao_ctx *ctx = g->ctx;
  for (uint32_t i = 0; i < g->n_input; i++) {
    eao_vid v = g->input[i];
    if (v >= g->n_value || g->value[v].producer != EAO_NONE || defined[v])
      return eao_fail(ctx, EAO_ERR_FORMAT, "graph input %u is repeated, constant or computed", i);
    defined[v] = 1;
  }
  for (uint32_t i = 0; i < g->n_state; i++) {
    eao_vid v = g->state[i].in;
    if (v >= g->n_value || g->value[v].producer != EAO_NONE || defined[v])
      return eao_fail(ctx, EAO_ERR_FORMAT, "state %u is repeated, constant or computed", i);
    defined[v] = 1;
  }
  return EAO_OK;
}

static eao_status check_ends(eao_graph *g, const uint8_t *defined) {
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] >= g->n_value || !defined[g->output[i]])
      return eao_fail(g->ctx, EAO_ERR_FORMAT, "graph output %u is not produced", i);
  for (uint32_t i = 0; i < g->n_state; i++)
    if (g->state[i].out >= g->n_value || !defined[g->state[i].out])
      return eao_fail(g->ctx, EAO_ERR_FORMAT, "state %u is not produced", i);
  return EAO_OK;
}

static eao_status verify_graph(eao_graph *g, uint32_t depth) {
  if (depth > g->ctx->limits.max_depth)
    return eao_fail(g->ctx, EAO_ERR_FORMAT, "subgraphs nested deeper than %u",
                    g->ctx->limits.max_depth);
  uint8_t *defined = eao_alloc(g->ctx, g->n_value);
  if (!defined) return EAO_NOMEM(g->ctx);
  eao_status s = EAO_OK;
  for (eao_vid v = 0; s == EAO_OK && v < g->n_value; v++) {
    s = check_type(g, v);
    defined[v] = g->value[v].t.data != NULL;
    if (s == EAO_OK && defined[v] && g->value[v].producer != EAO_NONE)
      s = eao_fail(g->ctx, EAO_ERR_FORMAT, "value %u '%s' is constant and computed", v,
                   g->value[v].name);
  }
  if (s == EAO_OK) s = check_edges(g, defined);
  for (eao_nid n = 0; s == EAO_OK && n < g->n_node; n++) {
    if (!g->node[n].op) continue;
    s = check_node(g, n, defined, depth);
    if (s != EAO_OK) s = eao_node_fail_within(g, n, s);
  }
  if (s == EAO_OK) s = check_ends(g, defined);
  eao_free(g->ctx, defined);
  return s;
}

eao_status eao_graph_verify(eao_graph *g) {
  return verify_graph(g, 0);
}

eao_status eao_op_check_attrs(eao_ctx *ctx, const eao_op_desc *d, const void *attr) {
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    if (d->attrs[i].kind == EAO_ATTR_GRAPH)
      return eao_fail(ctx, EAO_ERR_FORMAT, "%s is no plain data", d->attrs[i].name);
    EAO_TRY(check_attr(ctx, &d->attrs[i], attr, 0));
  }
  return EAO_OK;
}
