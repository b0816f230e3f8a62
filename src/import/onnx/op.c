/* Assembling ops from ONNX nodes: attributes by name, constants, small helper graphs. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "import/onnx/lower.h"

/* ---- attributes of the node ---- */

const onnx_attr *onnx_attr_of(onnx_call *c, const char *name) {
  for (uint32_t i = 0; i < c->n->n_attr; i++) {
    onnx_attr *a = &c->n->attr[i];
    if (strcmp(a->name, name) != 0) continue;
    a->used = true;
    return a;
  }
  return NULL;
}

int64_t onnx_attr_int(onnx_call *c, const char *name, int64_t def) {
  const onnx_attr *a = onnx_attr_of(c, name);
  return a && a->type == ONNX_ATTR_INT ? a->i : def;
}

float onnx_attr_float(onnx_call *c, const char *name, float def) {
  const onnx_attr *a = onnx_attr_of(c, name);
  return a && a->type == ONNX_ATTR_FLOAT ? a->f : def;
}

const char *onnx_attr_str(onnx_call *c, const char *name, const char *def) {
  const onnx_attr *a = onnx_attr_of(c, name);
  return a && a->type == ONNX_ATTR_STRING ? a->s : def;
}

bool onnx_attr_ints(onnx_call *c, const char *name, const int64_t **v, uint32_t *n) {
  const onnx_attr *a = onnx_attr_of(c, name);
  if (!a || a->type != ONNX_ATTR_INTS) return false;
  *v = a->ints;
  *n = a->n_ints;
  return true;
}

void onnx_use_all(onnx_call *c) {
  for (uint32_t i = 0; i < c->n->n_attr; i++) c->n->attr[i].used = true;
}

/* ---- assembling ---- */

eao_status onnx_begin(onnx_call *c, const char *op) {
  c->op.bad = EAO_OK;
  c->op.id = eao_op_from_name(op);
  c->op.d = eao_op_get(c->op.id);
  if (!c->op.d)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "needs op '%s', which this build lacks", op);
  if (c->op.d->attr_size > ONNX_MAX_ATTR)
    return onnx_fail(c, EAO_ERR_INTERNAL, "attributes of op '%s' are too large", op);
  eao_op_attr_defaults(c->op.d, c->op.attr);
  return EAO_OK;
}

static eao_status attr_kind_fail(onnx_call *c, const onnx_attr *a) {
  return onnx_fail(c, EAO_ERR_FORMAT, "attribute '%s' has the wrong type %d", a->name, a->type);
}

static eao_status put_enum(onnx_call *c, const eao_attr_desc *d, const char *v, int32_t *out) {
  for (int32_t i = 0; d->names[i]; i++) {
    if (strcasecmp(d->names[i], v) != 0) continue;
    *out = i;
    return EAO_OK;
  }
  return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s' is '%s'", d->name, v);
}

static eao_status put_ints(onnx_call *c, const eao_attr_desc *d, const int64_t *v, uint32_t n,
                           void *to) {
  eao_ints list = {.n = (int32_t)n};
  if (n > EAO_MAX_INTS)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s' has %u entries", d->name, n);
  if (n) memcpy(list.v, v, n * sizeof *v);
  memcpy(to, &list, sizeof list);
  return EAO_OK;
}

static eao_status take_scalar(onnx_call *c, const eao_attr_desc *d, const onnx_attr *a, char *to) {
  int32_t narrow = 0;
  if (d->kind == EAO_ATTR_FLOAT) {
    if (a->type != ONNX_ATTR_FLOAT) return attr_kind_fail(c, a);
    memcpy(to, &a->f, sizeof a->f);
    return EAO_OK;
  }
  if (d->kind == EAO_ATTR_ENUM && a->type == ONNX_ATTR_STRING)
    EAO_TRY(put_enum(c, d, a->s, &narrow));
  else if (a->type != ONNX_ATTR_INT)
    return attr_kind_fail(c, a);
  else if (d->kind == EAO_ATTR_INT)
    memcpy(to, &a->i, sizeof a->i);
  else if (a->i < 0 || a->i > INT32_MAX)
    return onnx_fail(c, EAO_ERR_FORMAT, "attribute '%s' is %lld", a->name, (long long)a->i);
  else if (d->kind == EAO_ATTR_DTYPE) {
    narrow = (int32_t)onnx_dtype((int32_t)a->i);
    if (!narrow && a->i)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s': element type %s", a->name,
                       onnx_dtype_name((int32_t)a->i));
  } else {
    narrow = d->kind == EAO_ATTR_BOOL ? a->i != 0 : (int32_t)a->i;
  }
  if (d->kind != EAO_ATTR_INT) memcpy(to, &narrow, sizeof narrow);
  return EAO_OK;
}

static eao_status take_list(onnx_call *c, const eao_attr_desc *d, const onnx_attr *a, char *to) {
  eao_floats floats = {0};
  eao_ints list = {0};
  switch (d->kind) {
  case EAO_ATTR_INTS:
    if (a->type != ONNX_ATTR_INTS) return attr_kind_fail(c, a);
    return put_ints(c, d, a->ints, a->n_ints, to);
  case EAO_ATTR_FLOATS:
    if (a->type != ONNX_ATTR_FLOATS) return attr_kind_fail(c, a);
    if (a->n_floats > EAO_MAX_INTS)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s' has %u entries", d->name,
                       a->n_floats);
    floats.n = (int32_t)a->n_floats;
    if (a->n_floats) memcpy(floats.v, a->floats, a->n_floats * sizeof *a->floats);
    memcpy(to, &floats, sizeof floats);
    return EAO_OK;
  default:
    if (a->type != ONNX_ATTR_STRINGS) return attr_kind_fail(c, a);
    if (a->n_strings > EAO_MAX_INTS)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s' has %u entries", d->name,
                       a->n_strings);
    list.n = (int32_t)a->n_strings;
    for (uint32_t i = 0; i < a->n_strings; i++) {
      int32_t k = 0;
      EAO_TRY(put_enum(c, d, a->strings[i], &k));
      list.v[i] = k;
    }
    memcpy(to, &list, sizeof list);
    return EAO_OK;
  }
}

static eao_status take_one(onnx_call *c, const eao_attr_desc *d, const onnx_attr *a) {
  char *to = (char *)c->op.attr + d->offset;
  switch (d->kind) {
  case EAO_ATTR_INTS:
  case EAO_ATTR_FLOATS:
  case EAO_ATTR_ENUMS: return take_list(c, d, a, to);
  case EAO_ATTR_TEXT:
    if (a->type != ONNX_ATTR_STRING) return attr_kind_fail(c, a);
    if (strlen(a->s) >= EAO_MAX_TEXT)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s' is longer than %d", d->name,
                       EAO_MAX_TEXT - 1);
    memcpy(to, a->s, strlen(a->s) + 1);
    return EAO_OK;
  case EAO_ATTR_GRAPH: return EAO_OK; /* the lowering builds it */
  default: return take_scalar(c, d, a, to);
  }
}

eao_status onnx_take(onnx_call *c) {
  for (uint32_t i = 0; i < c->op.d->n_attrs; i++) {
    const eao_attr_desc *d = &c->op.d->attrs[i];
    const char *name = d->onnx ? d->onnx : d->name;
    const onnx_attr *a = *name ? onnx_attr_of(c, name) : NULL;
    if (a) EAO_TRY(take_one(c, d, a));
  }
  return EAO_OK;
}

static const eao_attr_desc *setter(onnx_call *c, const char *attr) {
  for (uint32_t i = 0; c->op.d && i < c->op.d->n_attrs; i++)
    if (!strcmp(c->op.d->attrs[i].name, attr)) return &c->op.d->attrs[i];
  c->op.bad = onnx_fail(c, EAO_ERR_INTERNAL, "op '%s' has no attribute '%s'",
                        c->op.d ? c->op.d->name : "?", attr);
  return NULL;
}

void onnx_set_int(onnx_call *c, const char *attr, int64_t v) {
  const eao_attr_desc *d = setter(c, attr);
  int32_t narrow = (int32_t)v;
  if (!d) return;
  if (d->kind == EAO_ATTR_INT)
    memcpy(c->op.attr + d->offset, &v, sizeof v);
  else if (d->kind == EAO_ATTR_BOOL || d->kind == EAO_ATTR_ENUM || d->kind == EAO_ATTR_DTYPE)
    memcpy(c->op.attr + d->offset, &narrow, sizeof narrow);
  else
    c->op.bad = onnx_fail(c, EAO_ERR_INTERNAL, "attribute '%s' is no integer", attr);
}

void onnx_set_enum(onnx_call *c, const char *attr, const char *v) {
  const eao_attr_desc *d = setter(c, attr);
  int32_t k = 0;
  if (!d) return;
  eao_status s = d->kind == EAO_ATTR_ENUM
                     ? put_enum(c, d, v, &k)
                     : onnx_fail(c, EAO_ERR_INTERNAL, "attribute '%s' is no choice", attr);
  if (s != EAO_OK) c->op.bad = s;
  memcpy(c->op.attr + d->offset, &k, sizeof k);
}

void onnx_set_float(onnx_call *c, const char *attr, double v) {
  const eao_attr_desc *d = setter(c, attr);
  float f = (float)v;
  if (!d) return;
  if (d->kind == EAO_ATTR_FLOAT)
    memcpy(c->op.attr + d->offset, &f, sizeof f);
  else
    c->op.bad = onnx_fail(c, EAO_ERR_INTERNAL, "attribute '%s' is no float", attr);
}

void onnx_set_ints(onnx_call *c, const char *attr, const int64_t *v, int32_t n) {
  const eao_attr_desc *d = setter(c, attr);
  if (!d) return;
  eao_status s = d->kind == EAO_ATTR_INTS
                     ? put_ints(c, d, v, (uint32_t)n, c->op.attr + d->offset)
                     : onnx_fail(c, EAO_ERR_INTERNAL, "attribute '%s' is no list", attr);
  if (s != EAO_OK) c->op.bad = s;
}

void onnx_set_graph(onnx_call *c, const char *attr, eao_graph *body) {
  const eao_attr_desc *d = setter(c, attr);
  if (!d) return;
  if (d->kind == EAO_ATTR_GRAPH)
    memcpy(c->op.attr + d->offset, &body, sizeof(eao_graph *));
  else
    c->op.bad = onnx_fail(c, EAO_ERR_INTERNAL, "attribute '%s' is no graph", attr);
}

static eao_status check_arity(onnx_call *c, const eao_vid *in, uint32_t n_in, uint32_t n_out) {
  const eao_op_desc *d = c->op.d;
  if (n_in < d->min_in || (d->max_in != EAO_VARIADIC && n_in > d->max_in))
    return onnx_fail(c, EAO_ERR_FORMAT, "%u inputs", n_in);
  if (n_out < d->min_out || (d->max_out != EAO_VARIADIC && n_out > d->max_out))
    return onnx_fail(c, EAO_ERR_FORMAT, "%u outputs", n_out);
  for (uint32_t i = 0; i < d->min_in; i++)
    if (in[i] == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "input %u is missing", i);
  return EAO_OK;
}

/* Keeps the table of computed data as long as the table of values. */
static eao_status grow_known(onnx_body *b) {
  eao_graph *g = b->g;
  EAO_TRY(eao_grow(g->ctx, (void **)&b->known, &b->cap_known, g->n_value, sizeof *b->known));
  while (b->n_known < g->n_value) b->known[b->n_known++] = (eao_tensor){0};
  return EAO_OK;
}

eao_status onnx_end(onnx_call *c, const eao_vid *in, uint32_t n_in, const eao_vid *out,
                    uint32_t n_out) {
  const eao_op_desc *d = c->op.d;
  eao_nid id;
  if (c->op.bad != EAO_OK) return c->op.bad;
  while (n_in > d->min_in && in[n_in - 1] == EAO_NONE) n_in--;
  while (n_out > d->min_out && n_out > 1 && out[n_out - 1] == EAO_NONE) n_out--;
  EAO_TRY(check_arity(c, in, n_in, n_out));
  EAO_TRY(eao_graph_add_node(c->g, c->op.id, c->name, c->op.attr, d->attr_size, in, n_in, out,
                             n_out, &id));
  EAO_TRY(grow_known(c->s->body));
  return eao_node_infer(c->g, id, c->s->body->known);
}

eao_status onnx_new_value(onnx_call *c, eao_vid *out) {
  return eao_graph_add_value(c->g, NULL, &(eao_tensor){.rank = -1}, out);
}

eao_status onnx_end1(onnx_call *c, const eao_vid *in, uint32_t n_in, eao_vid *out) {
  eao_vid y; /* out may be where the inputs stand */
  EAO_TRY(onnx_new_value(c, &y));
  EAO_TRY(onnx_end(c, in, n_in, &y, 1));
  *out = y;
  return EAO_OK;
}

eao_status onnx_op1(onnx_call *c, const char *op, const eao_vid *in, uint32_t n_in, eao_vid *out) {
  EAO_TRY(onnx_begin(c, op));
  return onnx_end1(c, in, n_in, out);
}

eao_status onnx_result(onnx_call *c, uint32_t i, eao_vid v) {
  if (!onnx_wants(c, i)) return EAO_OK;
  EAO_TRY(onnx_begin(c, "identity"));
  return onnx_end(c, &v, 1, &c->out[i], 1);
}

/* ---- constants ---- */

eao_status onnx_i64s(onnx_call *c, const int64_t *v, int32_t n, eao_vid *out) {
  return eao_graph_add_i64(c->g, NULL, v, n, out);
}

eao_status onnx_set_const(onnx_call *c, uint32_t i, const eao_tensor *t) {
  if (onnx_wants(c, i)) c->g->value[c->out[i]].t = *t;
  return EAO_OK;
}

eao_status onnx_blank(onnx_call *c, const eao_tensor *type, eao_vid *out, eao_tensor *out_data) {
  eao_tensor t = *type;
  uint64_t bytes;
  EAO_TRY(eao_tensor_nbytes(c->ctx, &t, &bytes));
  if (bytes > c->ctx->limits.max_tensor_bytes)
    return onnx_fail(c, EAO_ERR_NOMEM, "a constant of %llu bytes is above the limit",
                     (unsigned long long)bytes);
  t.data = eao_arena_alloc(&c->g->root->arena, bytes ? (size_t)bytes : 1);
  if (!t.data) return EAO_NOMEM(c->ctx);
  EAO_TRY(eao_graph_add_value(c->g, NULL, &t, out));
  *out_data = t;
  return EAO_OK;
}

eao_status onnx_fill(onnx_call *c, eao_dtype dtype, const int64_t *dim, int32_t rank, double v,
                     eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = rank};
  for (int32_t i = 0; i < rank; i++) t.dim[i] = dim[i];
  EAO_TRY(onnx_blank(c, &t, out, &t));
  for (int64_t i = 0, n = eao_tensor_count(&t); i < n; i++) eao_set_f64(&t, i, v);
  return EAO_OK;
}

eao_status onnx_scalar(onnx_call *c, eao_dtype t, double v, eao_vid *out) {
  return onnx_fill(c, t, NULL, 0, v, out);
}

const eao_tensor *onnx_const(const onnx_call *c, eao_vid v) {
  const onnx_body *b = c->s->body;
  if (v == EAO_NONE) return NULL;
  if (c->g->value[v].t.data) return &c->g->value[v].t;
  return v < b->n_known && b->known[v].data ? &b->known[v] : NULL;
}

bool onnx_const_ints(const onnx_call *c, eao_vid v, int64_t *out, int32_t cap, int32_t *out_n) {
  const eao_tensor *t = onnx_const(c, v);
  if (!t || t->rank > 1 || !eao_dtype_is_int(t->dtype) || eao_tensor_count(t) > cap) return false;
  *out_n = (int32_t)eao_tensor_count(t);
  for (int32_t i = 0; i < *out_n; i++) out[i] = eao_get_i64(t, i);
  return true;
}

eao_status onnx_rank(onnx_call *c, eao_vid v, int32_t *out) {
  if (v == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  *out = c->g->value[v].t.rank;
  if (*out < 0)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED,
                     "the rank of input '%s' is not known; bind the shapes of the inputs",
                     c->g->value[v].name);
  return EAO_OK;
}

/* ---- small graphs ---- */

eao_status onnx_cast(onnx_call *c, eao_vid x, eao_dtype to, eao_vid *out) {
  if (onnx_type(c, x)->dtype == to) {
    *out = x;
    return EAO_OK;
  }
  EAO_TRY(onnx_begin(c, "cast"));
  onnx_set_int(c, "to", to);
  return onnx_end1(c, &x, 1, out);
}

eao_status onnx_binary(onnx_call *c, const char *op, eao_vid a, eao_vid b, eao_vid *out) {
  return onnx_op1(c, op, (eao_vid[]){a, b}, 2, out);
}
