/* Names, tensors, attributes, types. */
#include <ctype.h>
#include <string.h>

#include "emit/onnx/onnx_out.h"

/* AttributeProto.AttributeType */
enum { A_FLOAT = 1, A_INT = 2, A_STRING = 3, A_FLOATS = 6, A_INTS = 7, A_STRINGS = 8 };

int32_t out_dtype(eao_dtype t) {
  static const uint8_t code[EAO_DTYPE_COUNT] = {
      [EAO_F32] = 1,  [EAO_F16] = 10, [EAO_BF16] = 16, [EAO_F64] = 11, [EAO_I8] = 3,
      [EAO_I16] = 5,  [EAO_I32] = 6,  [EAO_I64] = 7,   [EAO_U8] = 2,   [EAO_U16] = 4,
      [EAO_U32] = 12, [EAO_U64] = 13, [EAO_BOOL] = 9,  [EAO_I4] = 22,  [EAO_U4] = 21};
  return (unsigned)t < EAO_DTYPE_COUNT ? code[t] : 0;
}

/* ---- names ---- */

const char *out_fresh(onnx_out *o, const char *base) {
  const char *name = *base ? base : NULL;
  uint32_t there;
  while (!name || eao_map_get(&o->names, name, &there)) {
    name = eao_arena_printf(&o->tmp, "%s%s%u", base, *base ? "_" : "v", o->serial++);
    if (!name) break;
  }
  if (!name || eao_map_put(&o->names, name, 0, NULL) != EAO_OK) {
    o->w.text.failed = true;
    return "";
  }
  return name;
}

bool out_is_q(const eao_graph *g, eao_vid v) {
  return v != EAO_NONE && g->value[v].t.quant.n > 0 && eao_dtype_is_int(g->value[v].t.dtype);
}

const char *out_value(out_scope *s, eao_vid v) {
  if (v == EAO_NONE) return "";
  if (s->name[v]) return s->name[v];
  const eao_value *value = &s->g->value[v];
  s->name[v] = out_fresh(s->o, value->name);
  if (value->t.data) out_tensor(s->o, 5, s->name[v], &value->t);
  return s->name[v];
}

static void quant_params(onnx_out *o, const eao_tensor *t, const char **scale, const char **zero) {
  const eao_quant *q = &t->quant;
  eao_tensor s = {.dtype = EAO_F32, .rank = q->axis >= 0, .dim = {q->n}};
  s.data = (void *)(uintptr_t)q->scale;
  *scale = out_const(o, &s);
  if (!q->zero) {
    /* The zero point also says the type. */
    s.dtype = t->dtype;
    s.data = eao_arena_alloc(&o->tmp, (size_t)eao_dtype_bytes(t->dtype, q->n));
  } else {
    s.dtype = t->dtype;
    s.data = eao_arena_alloc(&o->tmp, (size_t)eao_dtype_bytes(t->dtype, q->n));
    for (int32_t i = 0; s.data && i < q->n; i++) eao_set_i64(&s, i, q->zero[i]);
  }
  *zero = s.data ? out_const(o, &s) : "";
  if (!s.data) o->w.text.failed = true;
}

static void qdq(onnx_out *o, const char *op, const eao_tensor *type, const char *in,
                const char *out) {
  const char *arg[3] = {in};
  quant_params(o, type, &arg[1], &arg[2]);
  /* ONNX knows int32 only without a zero point. */
  eao_pb_mark m = out_node(o, op, "", arg, type->dtype == EAO_I32 ? 2 : 3, &out, 1);
  if (type->quant.axis >= 0) out_int(o, "axis", type->quant.axis);
  out_node_end(o, m);
}

void out_quantize(onnx_out *o, const eao_tensor *type, const char *in, const char *out) {
  qdq(o, "QuantizeLinear", type, in, out);
}

void out_dequantize(onnx_out *o, const eao_tensor *type, const char *in, const char *out) {
  qdq(o, "DequantizeLinear", type, in, out);
}

const char *out_real(out_scope *s, eao_vid v) {
  const char *name = out_value(s, v);
  if (!out_is_q(s->g, v)) return name;
  if (!s->real[v]) {
    s->real[v] = out_fresh(s->o, "");
    out_dequantize(s->o, &s->g->value[v].t, name, s->real[v]);
  }
  return s->real[v];
}

/* ---- tensors ---- */

void out_tensor(onnx_out *o, uint32_t field, const char *name, const eao_tensor *t) {
  eao_pb_mark m = eao_pb_begin(&o->w);
  for (int32_t i = 0; i < t->rank; i++) eao_pb_put_varint(&o->w, 1, (uint64_t)t->dim[i]);
  eao_pb_put_varint(&o->w, 2, (uint64_t)out_dtype(t->dtype));
  eao_pb_put_str(&o->w, 8, name);
  eao_pb_put_blob(&o->w, 9, t->data, (size_t)eao_dtype_bytes(t->dtype, eao_tensor_count(t)));
  eao_pb_end(&o->w, field, m);
}

const char *out_const(onnx_out *o, const eao_tensor *t) {
  const char *name = out_fresh(o, "");
  out_tensor(o, 5, name, t);
  return name;
}

/* Small constants live until the file is written: large ones are only referred to. */
const char *out_i64s(onnx_out *o, const int64_t *v, int32_t n) {
  eao_tensor t = {.dtype = EAO_I64, .rank = n >= 0, .dim = {n}};
  t.data = eao_arena_dup(&o->tmp, v, (size_t)(n < 0 ? 1 : n) * sizeof *v);
  if (t.data) return out_const(o, &t);
  o->w.text.failed = true;
  return "";
}

const char *out_scalar(onnx_out *o, eao_dtype dtype, double v) {
  eao_tensor t = {.dtype = dtype};
  t.data = eao_arena_alloc(&o->tmp, 8);
  if (!t.data) {
    o->w.text.failed = true;
    return "";
  }
  eao_set_f64(&t, 0, v);
  return out_const(o, &t);
}

/* ---- nodes and attributes ---- */

eao_pb_mark out_node(onnx_out *o, const char *op, const char *name, const char *const *in,
                     uint32_t n_in, const char *const *out, uint32_t n_out) {
  eao_pb_mark m = eao_pb_begin(&o->w);
  while (n_in && !*in[n_in - 1]) n_in--;
  for (uint32_t i = 0; i < n_in; i++) eao_pb_put_str(&o->w, 1, in[i]);
  while (n_out && !*out[n_out - 1]) n_out--;
  for (uint32_t i = 0; i < n_out; i++) eao_pb_put_str(&o->w, 2, out[i]);
  if (*name) eao_pb_put_str(&o->w, 3, name);
  eao_pb_put_str(&o->w, 4, op);
  return m;
}

void out_node_end(onnx_out *o, eao_pb_mark m) {
  eao_pb_end(&o->w, 1, m);
}

void out_simple(onnx_out *o, const char *op, const char *const *in, uint32_t n_in,
                const char *out) {
  out_node_end(o, out_node(o, op, "", in, n_in, &out, 1));
}

static eao_pb_mark attr_begin(onnx_out *o, const char *name) {
  eao_pb_mark m = eao_pb_begin(&o->w);
  eao_pb_put_str(&o->w, 1, name);
  return m;
}

static void attr_end(onnx_out *o, eao_pb_mark m, uint64_t type) {
  eao_pb_put_varint(&o->w, 20, type);
  eao_pb_end(&o->w, 5, m);
}

void out_int(onnx_out *o, const char *name, int64_t v) {
  eao_pb_mark m = attr_begin(o, name);
  eao_pb_put_varint(&o->w, 3, (uint64_t)v);
  attr_end(o, m, A_INT);
}

void out_float(onnx_out *o, const char *name, float v) {
  eao_pb_mark m = attr_begin(o, name);
  eao_pb_put_f32(&o->w, 2, v);
  attr_end(o, m, A_FLOAT);
}

void out_str(onnx_out *o, const char *name, const char *v) {
  eao_pb_mark m = attr_begin(o, name);
  eao_pb_put_str(&o->w, 4, v);
  attr_end(o, m, A_STRING);
}

void out_ints(onnx_out *o, const char *name, const int64_t *v, uint32_t n) {
  eao_pb_mark m = attr_begin(o, name);
  for (uint32_t i = 0; i < n; i++) eao_pb_put_varint(&o->w, 8, (uint64_t)v[i]);
  attr_end(o, m, A_INTS);
}

void out_transpose(onnx_out *o, const char *in, const char *out, const int64_t *perm, int32_t n) {
  eao_pb_mark m = out_node(o, "Transpose", "", &in, 1, &out, 1);
  out_ints(o, "perm", perm, (uint32_t)n);
  out_node_end(o, m);
}

void out_cast(onnx_out *o, const char *in, const char *out, eao_dtype to) {
  eao_pb_mark m = out_node(o, "Cast", "", &in, 1, &out, 1);
  out_int(o, "to", out_dtype(to));
  out_node_end(o, m);
}

/* Our choices are lower case; ONNX has some in capitals. */
static const char *spelled(onnx_out *o, const char *attr, const char *v) {
  static const char *const activations[] = {
      "Sigmoid",         "Tanh",       "Relu",        "Affine",   "LeakyRelu", "Elu",
      "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Softsign", "Softplus"};
  if (!strcmp(attr, "activations")) {
    for (size_t i = 0; i < EAO_COUNT(activations); i++) {
      const char *a = activations[i];
      size_t k = 0;
      while (a[k] && tolower((unsigned char)a[k]) == v[k]) k++;
      if (!a[k] && !v[k]) return a;
    }
    return v;
  }
  bool upper = !strcmp(attr, "auto_pad") || !strcmp(v, "left") || !strcmp(v, "right") ||
               !strcmp(v, "dcr") || !strcmp(v, "crd");
  char *copy = eao_arena_str(&o->tmp, v);
  for (char *p = copy; upper && p && *p; p++) *p = (char)toupper((unsigned char)*p);
  return copy ? copy : v;
}

/* Attributes without a default in ONNX. */
static bool required(const eao_op_desc *d, const char *attr) {
  static const char *const list[][2] = {{"concat", "axis"},
                                        {"lrn", "size"},
                                        {"depth_to_space", "blocksize"},
                                        {"cast", "to"},
                                        {"space_to_depth", "blocksize"},
                                        {"group_norm", "num_groups"},
                                        {"scan", "num_scan_inputs"},
                                        {"bit_shift", "direction"}};
  for (size_t i = 0; i < EAO_COUNT(list); i++)
    if (!strcmp(d->name, list[i][0]) && !strcmp(attr, list[i][1])) return true;
  return false;
}

static eao_status scalar_attr(onnx_out *o, const eao_op_desc *d, const eao_attr_desc *a,
                              const char *name, const char *p) {
  int64_t wide;
  int32_t narrow;
  float f;
  memcpy(&narrow, p, sizeof narrow);
  bool must = required(d, name);
  switch (a->kind) {
  case EAO_ATTR_INT:
    memcpy(&wide, p, sizeof wide);
    if (wide != a->def || must) out_int(o, name, wide);
    return EAO_OK;
  case EAO_ATTR_FLOAT:
    memcpy(&f, p, sizeof f);
    if (f != (float)a->deff) out_float(o, name, f);
    return EAO_OK;
  case EAO_ATTR_DTYPE:
    if (narrow != (int32_t)a->def || must) out_int(o, name, out_dtype((eao_dtype)narrow));
    return EAO_OK;
  case EAO_ATTR_ENUM:
    if (narrow != (int32_t)a->def || must) out_str(o, name, spelled(o, name, a->names[narrow]));
    return EAO_OK;
  case EAO_ATTR_TEXT:
    if (*p) out_str(o, name, p);
    return EAO_OK;
  default:
    if (narrow != (int32_t)a->def || must) out_int(o, name, narrow);
    return EAO_OK;
  }
}

/* Dilations of 1 are the default, and not all of a runtime's ops know the attribute. */
static bool is_default(const char *name, const eao_ints *list) {
  for (int32_t i = 0; i < list->n; i++)
    if (list->v[i] != 1) return false;
  return !strcmp(name, "dilations");
}

eao_status out_attrs(onnx_out *o, const eao_op_desc *d, const void *attr) {
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const eao_attr_desc *a = &d->attrs[i];
    const char *name = a->onnx ? a->onnx : a->name, *p = (const char *)attr + a->offset;
    if (!*name || a->kind == EAO_ATTR_GRAPH) continue;
    if (a->kind == EAO_ATTR_INTS) {
      eao_ints list;
      memcpy(&list, p, sizeof list);
      if (list.n && !is_default(name, &list)) out_ints(o, name, list.v, (uint32_t)list.n);
    } else if (a->kind == EAO_ATTR_FLOATS) {
      eao_floats list;
      memcpy(&list, p, sizeof list);
      eao_pb_mark m = attr_begin(o, name);
      for (int32_t k = 0; k < list.n; k++) eao_pb_put_f32(&o->w, 7, list.v[k]);
      if (list.n) {
        attr_end(o, m, A_FLOATS);
      } else {
        o->w.text.len = m.at; /* an empty list is the same as none */
      }
    } else if (a->kind == EAO_ATTR_ENUMS) {
      eao_ints list;
      memcpy(&list, p, sizeof list);
      if (!list.n) continue;
      eao_pb_mark m = attr_begin(o, name);
      for (int32_t k = 0; k < list.n; k++)
        eao_pb_put_str(&o->w, 9, spelled(o, name, a->names[list.v[k]]));
      attr_end(o, m, A_STRINGS);
    } else {
      EAO_TRY(scalar_attr(o, d, a, name, p));
    }
  }
  return EAO_OK;
}
