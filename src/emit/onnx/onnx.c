/* A graph as an ONNX file (onnx.proto of release 1.18; field numbers in comments). */
#include <string.h>

#include "emit/emit.h"
#include "emit/onnx/onnx_out.h"

/* ValueInfoProto. A value with a name of its own in the file may differ from the graph's. */
static void value_info(onnx_out *o, uint32_t field, const char *name, const eao_value *v) {
  const eao_tensor *t = &v->t;
  eao_pb_mark info = eao_pb_begin(&o->w);
  eao_pb_put_str(&o->w, 1, name);
  eao_pb_mark type = eao_pb_begin(&o->w), tensor = eao_pb_begin(&o->w);
  eao_pb_put_varint(&o->w, 1, (uint64_t)out_dtype(t->dtype));
  if (t->rank >= 0) {
    eao_pb_mark shape = eao_pb_begin(&o->w);
    for (int32_t i = 0; i < t->rank; i++) {
      eao_pb_mark dim = eao_pb_begin(&o->w);
      if (t->dim[i] >= 0)
        eao_pb_put_varint(&o->w, 1, (uint64_t)t->dim[i]);
      else if (v->dim_name && v->dim_name[i])
        eao_pb_put_str(&o->w, 2, v->dim_name[i]);
      eao_pb_end(&o->w, 1, dim);
    }
    eao_pb_end(&o->w, 2, shape);
  }
  eao_pb_end(&o->w, 1, tensor);
  eao_pb_end(&o->w, 2, type);
  eao_pb_end(&o->w, field, info);
}

static eao_status scope_init(out_scope *s, onnx_out *o, const eao_graph *g) {
  *s = (out_scope){.o = o, .g = g};
  s->name = eao_arena_array(&o->tmp, g->n_value, sizeof *s->name);
  s->real = eao_arena_array(&o->tmp, g->n_value, sizeof *s->real);
  return s->name && s->real ? EAO_OK : EAO_NOMEM(o->ctx);
}

/* Results keep their names: they are given away first. */
static eao_status reserve_outputs(out_scope *s) {
  for (uint32_t i = 0; i < s->g->n_output; i++) {
    eao_vid v = s->g->output[i];
    if (s->g->value[v].producer != EAO_NONE && !s->name[v]) (void)out_value(s, v);
  }
  return EAO_OK;
}

static eao_status write_nodes(out_scope *s) {
  const eao_graph *g = s->g;
  for (eao_nid n = 0; n < g->n_node; n++) {
    if (!g->node[n].op) continue;
    eao_status st = out_emit_node(s, n);
    if (st != EAO_OK) {
      const eao_op_desc *d = eao_op_get(g->node[n].op);
      return eao_fail_within(g->ctx, st, "node %u '%s' (%s)", n, g->node[n].name,
                             d ? d->name : "unknown op");
    }
  }
  return EAO_OK;
}

/* A result must be computed in its graph, and only once in the list. */
static eao_status write_outputs(out_scope *s) {
  const eao_graph *g = s->g;
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_vid v = g->output[i];
    bool again = g->value[v].producer == EAO_NONE;
    for (uint32_t k = 0; k < i && !again; k++) again = g->output[k] == v;
    const char *name = out_value(s, v);
    if (again) {
      const char *copy = out_fresh(s->o, g->value[v].name);
      out_simple(s->o, "Identity", &name, 1, copy);
      name = copy;
    }
    value_info(s->o, 12, name, &g->value[v]);
  }
  return EAO_OK;
}

eao_status out_emit_body(out_scope *outer, const eao_graph *body, const char *attr,
                         const char *const *captured, uint32_t n_own) {
  onnx_out *o = outer->o;
  out_scope s;
  EAO_TRY(scope_init(&s, o, body));
  eao_pb_mark a = eao_pb_begin(&o->w);
  eao_pb_put_str(&o->w, 1, attr);
  eao_pb_mark g = eao_pb_begin(&o->w);
  eao_pb_put_str(&o->w, 2, *body->name ? body->name : attr);
  for (uint32_t i = 0; i < body->n_input; i++) {
    eao_vid v = body->input[i];
    if (i >= n_own) {
      s.name[v] = captured[i - n_own];
      continue;
    }
    value_info(o, 11, out_value(&s, v), &body->value[v]);
  }
  EAO_TRY(reserve_outputs(&s));
  EAO_TRY(write_nodes(&s));
  EAO_TRY(write_outputs(&s));
  eao_pb_end(&o->w, 6, g);
  eao_pb_put_varint(&o->w, 20, 5); /* GRAPH */
  eao_pb_end(&o->w, 5, a);
  return EAO_OK;
}

static eao_status write_graph(onnx_out *o) {
  const eao_graph *g = o->root;
  out_scope s;
  EAO_TRY(scope_init(&s, o, g));
  eao_pb_mark m = eao_pb_begin(&o->w);
  eao_pb_put_str(&o->w, 2, *g->name ? g->name : "graph");
  for (uint32_t i = 0; i < g->n_input; i++)
    value_info(o, 11, out_value(&s, g->input[i]), &g->value[g->input[i]]);
  EAO_TRY(reserve_outputs(&s));
  EAO_TRY(write_nodes(&s));
  EAO_TRY(write_outputs(&s));
  eao_pb_end(&o->w, 7, m);
  return EAO_OK;
}

static void write_meta(onnx_out *o) {
  for (uint32_t i = 0; i < o->root->n_meta; i++) {
    const eao_meta *meta = &o->root->meta[i];
    if (!strcmp(meta->key, "producer")) continue;
    if (!strcmp(meta->key, "description")) {
      eao_pb_put_str(&o->w, 6, meta->text);
      continue;
    }
    eao_pb_mark m = eao_pb_begin(&o->w);
    eao_pb_put_str(&o->w, 1, meta->key);
    eao_pb_put_str(&o->w, 2, meta->text);
    eao_pb_end(&o->w, 14, m);
  }
}

static uint32_t first_opset(const eao_graph *root) {
  for (const eao_graph *g = root; g; g = g->next_sub)
    for (eao_vid v = 0; v < g->n_value; v++) {
      const eao_tensor *t = &g->value[v].t;
      bool narrow = t->dtype == EAO_I4 || t->dtype == EAO_U4;
      if (narrow || (t->quant.n && (t->dtype == EAO_I16 || t->dtype == EAO_U16)))
        return OUT_OPSET_NARROW;
    }
  return OUT_OPSET;
}

static eao_status write_model(onnx_out *o) {
  if (o->root->n_state)
    return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "state that lives across runs has no ONNX form");
  EAO_TRY(write_graph(o));
  /* The version of the file format that came with the opset. */
  eao_pb_put_varint(&o->w, 1, o->opset > OUT_OPSET_NARROW ? 11 : o->opset > OUT_OPSET ? 10 : 9);
  eao_pb_put_str(&o->w, 2, "eao");
  eao_pb_put_str(&o->w, 3, EAO_VERSION_STRING);
  write_meta(o);
  eao_pb_mark m = eao_pb_begin(&o->w);
  eao_pb_put_str(&o->w, 1, "");
  eao_pb_put_varint(&o->w, 2, o->opset);
  eao_pb_end(&o->w, 8, m);
  return EAO_OK;
}

eao_status eao_emit_onnx(const eao_graph *g, const char *path) {
  onnx_out o = {.ctx = g->ctx, .root = g, .opset = first_opset(g)};
  eao_arena_init(&o.tmp, g->ctx);
  eao_map_init(&o.names, g->ctx);
  eao_pb_writer_init(&o.w, g->ctx);
  eao_status s = write_model(&o);
  if (s == EAO_OK) s = eao_pb_save(&o.w, path);
  eao_pb_writer_deinit(&o.w);
  eao_map_deinit(&o.names);
  eao_arena_deinit(&o.tmp);
  return s;
}
