/* ONNX bytes to records. Each message is walked twice: once to count its repeated fields, once to
 * fill exactly that many records, so a hostile file cannot make arrays grow beyond its size. */
#include <string.h>

#include "import/onnx/records.h"

enum { MAX_FIELD = 32 };

typedef struct reader {
  eao_ctx *ctx;
  eao_arena *arena;
  const uint8_t *base;
  uint32_t depth;
} reader;

static eao_status bad(reader *r, const uint8_t *at, const char *what) {
  return eao_fail(r->ctx, EAO_ERR_FORMAT, "byte %zu: %s", (size_t)(at - r->base), what);
}

/* Occurrences of each field number below MAX_FIELD; also checks that the message is well formed. */
static eao_status count_fields(reader *r, eao_pb c, uint32_t n[MAX_FIELD]) {
  eao_pb_field f;
  int more;
  memset(n, 0, MAX_FIELD * sizeof *n);
  while ((more = eao_pb_next(&c, &f)) > 0) {
    if (f.number >= MAX_FIELD) continue;
    if (n[f.number] == UINT32_MAX / 64) return bad(r, c.p, "too many fields");
    n[f.number]++;
  }
  return more < 0 ? bad(r, c.p, "malformed or truncated field") : EAO_OK;
}

static void *array(reader *r, uint32_t n, size_t size) {
  return eao_arena_array(r->arena, n, size);
}

static eao_status want(reader *r, const eao_pb_field *f, eao_pb_wire wire, const char *what) {
  return f->wire == (uint32_t)wire ? EAO_OK : bad(r, f->bytes.p, what);
}

static eao_status text(reader *r, const eao_pb_field *f, const char **out) {
  EAO_TRY(want(r, f, EAO_PB_LEN, "a text has the wrong wire type"));
  size_t n = eao_pb_left(&f->bytes);
  if (!n) {
    *out = "";
    return EAO_OK;
  }
  if (memchr(f->bytes.p, 0, n)) return bad(r, f->bytes.p, "a text contains a NUL");
  *out = eao_arena_strn(r->arena, (const char *)f->bytes.p, n);
  return *out ? EAO_OK : EAO_NOMEM(r->ctx);
}

/* An attribute's text may be any bytes; it ends at a NUL here. */
static eao_status blob_text(reader *r, const eao_pb_field *f, const char **out) {
  EAO_TRY(want(r, f, EAO_PB_LEN, "a text has the wrong wire type"));
  *out = eao_arena_strn(r->arena, (const char *)f->bytes.p, eao_pb_left(&f->bytes));
  return *out ? EAO_OK : EAO_NOMEM(r->ctx);
}

static eao_status integer(reader *r, const eao_pb_field *f, int64_t *out) {
  EAO_TRY(want(r, f, EAO_PB_VARINT, "an integer has the wrong wire type"));
  *out = (int64_t)f->value;
  return EAO_OK;
}

static eao_status enumerator(reader *r, const eao_pb_field *f, int32_t *out) {
  int64_t v;
  EAO_TRY(integer(r, f, &v));
  *out = v < 0 || v > INT32_MAX ? INT32_MAX : (int32_t)v;
  return EAO_OK;
}

/* Repeated int64, packed or not: counted when out is NULL, else stored. */
static eao_status ints_of(reader *r, eao_pb c, uint32_t number, int64_t *out, uint32_t *io_n) {
  eao_pb_field f;
  uint32_t n = 0;
  while (eao_pb_next(&c, &f) > 0) {
    if (f.number != number) continue;
    if (f.wire == EAO_PB_VARINT) {
      if (out) out[n] = (int64_t)f.value;
      n++;
      continue;
    }
    EAO_TRY(want(r, &f, EAO_PB_LEN, "a list of integers has the wrong wire type"));
    while (f.bytes.p < f.bytes.end) {
      uint64_t v;
      if (!eao_pb_varint(&f.bytes, &v)) return bad(r, f.bytes.p, "malformed integer");
      if (out) out[n] = (int64_t)v;
      if (++n == UINT32_MAX) return bad(r, f.bytes.p, "too many integers");
    }
  }
  *io_n = n;
  return EAO_OK;
}

static eao_status read_ints(reader *r, eao_pb c, uint32_t number, int64_t **out, uint32_t *out_n) {
  EAO_TRY(ints_of(r, c, number, NULL, out_n));
  if (!*out_n) return EAO_OK;
  *out = array(r, *out_n, sizeof **out);
  return *out ? ints_of(r, c, number, *out, out_n) : EAO_NOMEM(r->ctx);
}

static eao_status floats_of(reader *r, eao_pb c, uint32_t number, float *out, uint32_t *io_n) {
  eao_pb_field f;
  uint32_t n = 0, u;
  while (eao_pb_next(&c, &f) > 0) {
    if (f.number != number) continue;
    if (f.wire == EAO_PB_I32) {
      if (out) out[n] = eao_f32_from_bits((uint32_t)f.value);
      n++;
      continue;
    }
    EAO_TRY(want(r, &f, EAO_PB_LEN, "a list of floats has the wrong wire type"));
    while (f.bytes.p < f.bytes.end) {
      if (!eao_pb_u32(&f.bytes, &u)) return bad(r, f.bytes.p, "malformed float");
      if (out) out[n] = eao_f32_from_bits(u);
      if (++n == UINT32_MAX) return bad(r, f.bytes.p, "too many floats");
    }
  }
  *io_n = n;
  return EAO_OK;
}

static eao_status read_floats(reader *r, eao_pb c, uint32_t number, float **out, uint32_t *out_n) {
  EAO_TRY(floats_of(r, c, number, NULL, out_n));
  if (!*out_n) return EAO_OK;
  *out = array(r, *out_n, sizeof **out);
  return *out ? floats_of(r, c, number, *out, out_n) : EAO_NOMEM(r->ctx);
}

/* StringStringEntryProto */
static eao_status read_pair(reader *r, eao_pb c, const char **key, const char **value) {
  eao_pb_field f;
  int more;
  *key = *value = "";
  while ((more = eao_pb_next(&c, &f)) > 0) {
    if (f.number == 1) EAO_TRY(text(r, &f, key));
    if (f.number == 2) EAO_TRY(blob_text(r, &f, value));
  }
  return more < 0 ? bad(r, c.p, "malformed key and value") : EAO_OK;
}

static eao_status read_tensor(reader *r, eao_pb c, onnx_tensor *t) {
  eao_pb_field f;
  int more;
  int64_t *dim = NULL;
  memset(t, 0, sizeof *t);
  t->name = "";
  t->body = c;
  eao_pb all = c;
  while ((more = eao_pb_next(&c, &f)) > 0) {
    int32_t location;
    const char *key, *value;
    switch (f.number) {
    case 2: EAO_TRY(enumerator(r, &f, &t->type)); break;
    case 3: return eao_fail(r->ctx, EAO_ERR_UNSUPPORTED, "tensor '%s' has segments", t->name);
    case 8: EAO_TRY(text(r, &f, &t->name)); break;
    case 9:
      EAO_TRY(want(r, &f, EAO_PB_LEN, "raw_data has the wrong wire type"));
      t->has_raw = true;
      t->raw = f.bytes;
      break;
    case 13:
      EAO_TRY(want(r, &f, EAO_PB_LEN, "external_data has the wrong wire type"));
      EAO_TRY(read_pair(r, f.bytes, &key, &value));
      if (!strcmp(key, "location")) t->location = value;
      if (!strcmp(key, "offset")) t->ext_offset = value;
      if (!strcmp(key, "length")) t->ext_size = value;
      break;
    case 14:
      EAO_TRY(enumerator(r, &f, &location));
      t->external = location == 1;
      break;
    default: break;
    }
  }
  if (more < 0) return bad(r, c.p, "malformed tensor");
  EAO_TRY(read_ints(r, all, 1, &dim, &t->n_dim));
  t->dim = dim;
  return EAO_OK;
}

static eao_status read_graph(reader *r, eao_pb c, onnx_graph **out);

static eao_status read_attr_field(reader *r, const eao_pb_field *f, onnx_attr *a,
                                  uint32_t *n_strings) {
  switch (f->number) {
  case 1: return text(r, f, &a->name);
  case 2:
    EAO_TRY(want(r, f, EAO_PB_I32, "a float has the wrong wire type"));
    a->f = eao_f32_from_bits((uint32_t)f->value);
    return EAO_OK;
  case 3: return integer(r, f, &a->i);
  case 4: return blob_text(r, f, &a->s);
  case 5:
    EAO_TRY(want(r, f, EAO_PB_LEN, "a tensor has the wrong wire type"));
    a->t = array(r, 1, sizeof *a->t);
    return a->t ? read_tensor(r, f->bytes, a->t) : EAO_NOMEM(r->ctx);
  case 6:
    EAO_TRY(want(r, f, EAO_PB_LEN, "a graph has the wrong wire type"));
    return read_graph(r, f->bytes, &a->g);
  case 9: return blob_text(r, f, &a->strings[(*n_strings)++]);
  case 20: return enumerator(r, f, &a->type);
  case 21: return text(r, f, &a->ref);
  default: return EAO_OK;
  }
}

/* Files before IR version 2 do not say the type. */
static int32_t guess_type(const onnx_attr *a, const uint32_t n[MAX_FIELD]) {
  if (n[2]) return ONNX_ATTR_FLOAT;
  if (n[3]) return ONNX_ATTR_INT;
  if (n[4]) return ONNX_ATTR_STRING;
  if (n[5]) return ONNX_ATTR_TENSOR;
  if (n[6]) return ONNX_ATTR_GRAPH;
  if (a->n_floats) return ONNX_ATTR_FLOATS;
  if (a->n_strings) return ONNX_ATTR_STRINGS;
  return ONNX_ATTR_INTS;
}

static eao_status read_attr(reader *r, eao_pb c, onnx_attr *a) {
  uint32_t n[MAX_FIELD], n_strings = 0;
  eao_pb_field f;
  eao_pb all = c;
  EAO_TRY(count_fields(r, c, n));
  a->name = a->s = "";
  a->n_strings = n[9];
  a->strings = array(r, n[9], sizeof *a->strings);
  if (!a->strings) return EAO_NOMEM(r->ctx);
  while (eao_pb_next(&c, &f) > 0) EAO_TRY(read_attr_field(r, &f, a, &n_strings));
  EAO_TRY(read_floats(r, all, 7, &a->floats, &a->n_floats));
  EAO_TRY(read_ints(r, all, 8, &a->ints, &a->n_ints));
  if (!a->type && !a->ref) a->type = guess_type(a, n);
  bool present = (a->type != ONNX_ATTR_TENSOR || a->t) && (a->type != ONNX_ATTR_GRAPH || a->g);
  if (!present && !a->ref)
    return eao_fail(r->ctx, EAO_ERR_FORMAT, "byte %zu: attribute '%s' has no value",
                    (size_t)(all.p - r->base), a->name);
  return EAO_OK;
}

static eao_status read_node(reader *r, eao_pb c, onnx_node *n) {
  uint32_t k[MAX_FIELD], n_attr = 0;
  eao_pb_field f;
  EAO_TRY(count_fields(r, c, k));
  n->name = n->op = n->domain = n->overload = "";
  n->in = array(r, k[1], sizeof *n->in);
  n->out = array(r, k[2], sizeof *n->out);
  n->attr = array(r, k[5], sizeof *n->attr);
  if (!n->in || !n->out || !n->attr) return EAO_NOMEM(r->ctx);
  while (eao_pb_next(&c, &f) > 0) {
    switch (f.number) {
    case 1: EAO_TRY(text(r, &f, &n->in[n->n_in++])); break;
    case 2: EAO_TRY(text(r, &f, &n->out[n->n_out++])); break;
    case 3: EAO_TRY(text(r, &f, &n->name)); break;
    case 4: EAO_TRY(text(r, &f, &n->op)); break;
    case 5: {
      EAO_TRY(want(r, &f, EAO_PB_LEN, "an attribute has the wrong wire type"));
      n->n_attr = n_attr + 1;
      EAO_TRY(read_attr(r, f.bytes, &n->attr[n_attr++]));
      break;
    }
    case 7: EAO_TRY(text(r, &f, &n->domain)); break;
    case 8: EAO_TRY(text(r, &f, &n->overload)); break;
    default: break;
    }
  }
  if (!strcmp(n->domain, "ai.onnx")) n->domain = "";
  return EAO_OK;
}

static eao_status read_shape(reader *r, eao_pb c, onnx_value *v) {
  uint32_t n[MAX_FIELD];
  eao_pb_field f, d;
  EAO_TRY(count_fields(r, c, n));
  v->rank = 0;
  v->dim = array(r, n[1], sizeof *v->dim);
  if (!v->dim) return EAO_NOMEM(r->ctx);
  while (eao_pb_next(&c, &f) > 0) {
    if (f.number != 1) continue;
    EAO_TRY(want(r, &f, EAO_PB_LEN, "a dimension has the wrong wire type"));
    onnx_dim *dim = &v->dim[v->rank++];
    dim->value = -1;
    int more;
    while ((more = eao_pb_next(&f.bytes, &d)) > 0) {
      if (d.number == 1) EAO_TRY(integer(r, &d, &dim->value));
      if (d.number == 2) EAO_TRY(text(r, &d, &dim->param));
    }
    if (more < 0) return bad(r, f.bytes.p, "malformed dimension");
  }
  return EAO_OK;
}

static eao_status read_type(reader *r, eao_pb c, onnx_value *v) {
  eao_pb_field f, g;
  int more;
  while ((more = eao_pb_next(&c, &f)) > 0) {
    switch (f.number) {
    case 1: v->kind = "tensor"; break;
    case 4: v->kind = "sequence"; break;
    case 5: v->kind = "map"; break;
    case 7: v->kind = "opaque"; break;
    case 8: v->kind = "sparse tensor"; break;
    case 9: v->kind = "optional"; break;
    default: break;
    }
    if (f.number != 1) continue;
    EAO_TRY(want(r, &f, EAO_PB_LEN, "a type has the wrong wire type"));
    while ((more = eao_pb_next(&f.bytes, &g)) > 0) {
      if (g.number == 1) EAO_TRY(enumerator(r, &g, &v->type));
      if (g.number != 2) continue;
      EAO_TRY(want(r, &g, EAO_PB_LEN, "a shape has the wrong wire type"));
      EAO_TRY(read_shape(r, g.bytes, v));
    }
    if (more < 0) return bad(r, f.bytes.p, "malformed type");
  }
  return more < 0 ? bad(r, c.p, "malformed type") : EAO_OK;
}

static eao_status read_value(reader *r, eao_pb c, onnx_value *v) {
  eao_pb_field f;
  int more;
  v->name = "";
  v->rank = -1;
  while ((more = eao_pb_next(&c, &f)) > 0) {
    if (f.number == 1) EAO_TRY(text(r, &f, &v->name));
    if (f.number != 2) continue;
    EAO_TRY(want(r, &f, EAO_PB_LEN, "a type has the wrong wire type"));
    EAO_TRY(read_type(r, f.bytes, v));
  }
  return more < 0 ? bad(r, c.p, "malformed value") : EAO_OK;
}

static eao_status read_graph_field(reader *r, const eao_pb_field *f, onnx_graph *g) {
  switch (f->number) {
  case 1:
  case 5:
  case 11:
  case 12: EAO_TRY(want(r, f, EAO_PB_LEN, "a field of a graph has the wrong wire type")); break;
  default: break;
  }
  switch (f->number) {
  case 1: return read_node(r, f->bytes, &g->node[g->n_node++]);
  case 2: return text(r, f, &g->name);
  case 5: return read_tensor(r, f->bytes, &g->init[g->n_init++]);
  case 11: return read_value(r, f->bytes, &g->input[g->n_input++]);
  case 12: return read_value(r, f->bytes, &g->output[g->n_output++]);
  case 15: g->n_sparse++; return EAO_OK;
  default: return EAO_OK;
  }
}

static eao_status read_graph(reader *r, eao_pb c, onnx_graph **out) {
  uint32_t n[MAX_FIELD];
  eao_pb_field f;
  if (r->depth >= r->ctx->limits.max_depth)
    return eao_fail(r->ctx, EAO_ERR_FORMAT, "byte %zu: graphs are nested deeper than %u",
                    (size_t)(c.p - r->base), r->ctx->limits.max_depth);
  EAO_TRY(count_fields(r, c, n));
  if (n[1] > r->ctx->limits.max_nodes)
    return eao_fail(r->ctx, EAO_ERR_NOMEM, "a graph has %u nodes, the limit is %u", n[1],
                    r->ctx->limits.max_nodes);
  onnx_graph *g = array(r, 1, sizeof *g);
  if (!g) return EAO_NOMEM(r->ctx);
  g->name = "";
  g->node = array(r, n[1], sizeof *g->node);
  g->init = array(r, n[5], sizeof *g->init);
  g->input = array(r, n[11], sizeof *g->input);
  g->output = array(r, n[12], sizeof *g->output);
  if (!g->node || !g->init || !g->input || !g->output) return EAO_NOMEM(r->ctx);
  r->depth++;
  while (eao_pb_next(&c, &f) > 0) EAO_TRY(read_graph_field(r, &f, g));
  r->depth--;
  *out = g;
  return EAO_OK;
}

static eao_status read_opset(reader *r, const eao_pb_field *at, onnx_opset *o) {
  eao_pb_field f;
  int more;
  EAO_TRY(want(r, at, EAO_PB_LEN, "an opset has the wrong wire type"));
  eao_pb c = at->bytes;
  o->domain = "";
  while ((more = eao_pb_next(&c, &f)) > 0) {
    if (f.number == 1) EAO_TRY(text(r, &f, &o->domain));
    if (f.number == 2) EAO_TRY(integer(r, &f, &o->version));
  }
  if (!strcmp(o->domain, "ai.onnx")) o->domain = "";
  return more < 0 ? bad(r, c.p, "malformed opset") : EAO_OK;
}

static eao_status read_function_field(reader *r, const eao_pb_field *f, onnx_function *fn) {
  switch (f->number) {
  case 1: return text(r, f, &fn->name);
  case 4: return text(r, f, &fn->in[fn->n_in++]);
  case 5: return text(r, f, &fn->out[fn->n_out++]);
  case 6: return text(r, f, &fn->attr_name[fn->n_attr_name++]);
  case 7:
    EAO_TRY(want(r, f, EAO_PB_LEN, "a node has the wrong wire type"));
    return read_node(r, f->bytes, &fn->node[fn->n_node++]);
  case 9: return read_opset(r, f, &fn->opset[fn->n_opset++]);
  case 10: return text(r, f, &fn->domain);
  case 11:
    EAO_TRY(want(r, f, EAO_PB_LEN, "an attribute has the wrong wire type"));
    return read_attr(r, f->bytes, &fn->attr[fn->n_attr++]);
  case 13: return text(r, f, &fn->overload);
  default: return EAO_OK;
  }
}

static eao_status read_function(reader *r, eao_pb c, onnx_function *fn) {
  uint32_t n[MAX_FIELD];
  eao_pb_field f;
  EAO_TRY(count_fields(r, c, n));
  fn->name = fn->domain = fn->overload = "";
  fn->in = array(r, n[4], sizeof *fn->in);
  fn->out = array(r, n[5], sizeof *fn->out);
  fn->attr_name = array(r, n[6], sizeof *fn->attr_name);
  fn->node = array(r, n[7], sizeof *fn->node);
  fn->opset = array(r, n[9], sizeof *fn->opset);
  fn->attr = array(r, n[11], sizeof *fn->attr);
  if (!fn->in || !fn->out || !fn->attr_name || !fn->node || !fn->opset || !fn->attr)
    return EAO_NOMEM(r->ctx);
  while (eao_pb_next(&c, &f) > 0) EAO_TRY(read_function_field(r, &f, fn));
  return EAO_OK;
}

static eao_status read_model_field(reader *r, const eao_pb_field *f, onnx_model *m) {
  switch (f->number) {
  case 1: return integer(r, f, &m->ir_version);
  case 2: return text(r, f, &m->producer);
  case 3: return text(r, f, &m->producer_version);
  case 6: return blob_text(r, f, &m->doc);
  case 7:
    EAO_TRY(want(r, f, EAO_PB_LEN, "the graph has the wrong wire type"));
    if (m->graph) return bad(r, f->bytes.p, "a second graph");
    return read_graph(r, f->bytes, &m->graph);
  case 8: return read_opset(r, f, &m->opset[m->n_opset++]);
  case 14: {
    onnx_prop *p = &m->prop[m->n_prop++];
    EAO_TRY(want(r, f, EAO_PB_LEN, "metadata has the wrong wire type"));
    return read_pair(r, f->bytes, &p->key, &p->text);
  }
  case 25:
    EAO_TRY(want(r, f, EAO_PB_LEN, "a function has the wrong wire type"));
    return read_function(r, f->bytes, &m->function[m->n_function++]);
  default: return EAO_OK;
  }
}

eao_status onnx_read_model(eao_ctx *ctx, eao_arena *arena, eao_pb c, onnx_model *m) {
  reader r = {.ctx = ctx, .arena = arena, .base = c.p};
  uint32_t n[MAX_FIELD];
  eao_pb_field f;
  memset(m, 0, sizeof *m);
  m->producer = m->producer_version = m->doc = "";
  EAO_TRY(count_fields(&r, c, n));
  m->opset = array(&r, n[8], sizeof *m->opset);
  m->prop = array(&r, n[14], sizeof *m->prop);
  m->function = array(&r, n[25], sizeof *m->function);
  if (!m->opset || !m->prop || !m->function) return EAO_NOMEM(ctx);
  while (eao_pb_next(&c, &f) > 0) EAO_TRY(read_model_field(&r, &f, m));
  if (!m->graph) return eao_fail(ctx, EAO_ERR_FORMAT, "the file has no graph: not an ONNX model");
  return EAO_OK;
}

eao_status onnx_read_tensor(eao_ctx *ctx, eao_arena *arena, eao_pb bytes, onnx_tensor *out) {
  reader r = {.ctx = ctx, .arena = arena, .base = bytes.p};
  return read_tensor(&r, bytes, out);
}

const onnx_attr *onnx_find_attr(const onnx_node *n, const char *name) {
  for (uint32_t i = 0; i < n->n_attr; i++)
    if (!strcmp(n->attr[i].name, name)) return &n->attr[i];
  return NULL;
}
