#include "op/op.h"

#include <stdio.h>
#include <string.h>

#define EAO_OP(name, number) extern const eao_op_desc eao_op_##name;
#include "op/ops.def"
#undef EAO_OP

static const eao_op_desc *const table[EAO_OP_LIMIT] = {
#define EAO_OP(name, number) [number] = &eao_op_##name,
#include "op/ops.def"
#undef EAO_OP
};

const eao_op_desc *eao_op_get(uint32_t op) {
  return op < EAO_OP_LIMIT ? table[op] : NULL;
}

uint16_t eao_op_from_name(const char *name) {
  for (uint16_t i = 0; i < EAO_OP_LIMIT; i++)
    if (table[i] && strcmp(table[i]->name, name) == 0) return i;
  return EAO_OP_NONE;
}

void eao_op_attr_defaults(const eao_op_desc *d, void *attr) {
  if (!d->attr_size) return;
  memset(attr, 0, d->attr_size);
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const eao_attr_desc *a = &d->attrs[i];
    char *p = (char *)attr + a->offset;
    int32_t narrow = (int32_t)a->def;
    float f = (float)a->deff;
    switch (a->kind) {
    case EAO_ATTR_INT: memcpy(p, &a->def, sizeof a->def); break;
    case EAO_ATTR_BOOL:
    case EAO_ATTR_ENUM:
    case EAO_ATTR_DTYPE: memcpy(p, &narrow, sizeof narrow); break;
    case EAO_ATTR_FLOAT: memcpy(p, &f, sizeof f); break;
    case EAO_ATTR_INTS:
    case EAO_ATTR_FLOATS:
    case EAO_ATTR_ENUMS:
    case EAO_ATTR_TEXT:
    case EAO_ATTR_GRAPH: break; /* empty */
    }
  }
}

const char *const eao_act_names[] = {
    [EAO_ACT_NONE] = "none",
    [EAO_ACT_RELU] = "relu",
    [EAO_ACT_RELU6] = "relu6",
    [EAO_ACT_RELU_N1_1] = "relu_n1_1",
    [EAO_ACT_CLIP] = "clip",
    [EAO_ACT_LEAKY_RELU] = "leaky_relu",
    [EAO_ACT_SIGMOID] = "sigmoid",
    [EAO_ACT_TANH] = "tanh",
    [EAO_ACT_HARD_SIGMOID] = "hard_sigmoid",
    [EAO_ACT_HARD_SWISH] = "hard_swish",
    [EAO_ACT_SILU] = "silu",
    [EAO_ACT_GELU] = "gelu",
    [EAO_ACT_GELU_TANH] = "gelu_tanh",
    NULL,
};

eao_status eao_infer_fail(eao_infer *f, eao_status code, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return eao_fail(f->ctx, code, "%s", text);
}

eao_status eao_infer_types(eao_infer *f, const char *what, const eao_tensor *t, uint32_t set) {
  eao_dtype d = t->dtype;
  bool is_int = eao_dtype_is_int(d);
  if ((set & EAO_TYPES_FLOAT && eao_dtype_is_float(d)) ||
      (set & EAO_TYPES_SIGNED && eao_dtype_is_signed(d)) ||
      (set & EAO_TYPES_UNSIGNED && eao_dtype_is_unsigned(d)) ||
      (set & EAO_TYPES_BOOL && d == EAO_BOOL) || (set & EAO_TYPES_QUANT && is_int && t->quant.n))
    return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_TYPE, "%s cannot be %s", what, eao_dtype_name(d));
}

void eao_infer_like(eao_infer *f, uint32_t i, const eao_tensor *t) {
  if (i >= f->n_out) return;
  f->out[i].dtype = t->dtype;
  f->out[i].rank = t->rank;
  memcpy(f->out[i].dim, t->dim, sizeof t->dim);
}

void eao_infer_unknown(eao_infer *f, uint32_t i, eao_dtype dtype) {
  if (i >= f->n_out) return;
  f->out[i].dtype = dtype;
  f->out[i].rank = -1;
}

void eao_infer_rank(eao_infer *f, uint32_t i, eao_dtype dtype, int32_t rank) {
  eao_infer_unknown(f, i, dtype);
  if (i >= f->n_out) return;
  f->out[i].rank = rank;
  for (int32_t k = 0; k < rank; k++) f->out[i].dim[k] = -1;
}

eao_status eao_infer_broadcast(eao_infer *f, const eao_tensor *a, const eao_tensor *b,
                               eao_tensor *out) {
  if (a->rank < 0 || b->rank < 0) {
    out->rank = -1;
    return EAO_OK;
  }
  int32_t rank = a->rank > b->rank ? a->rank : b->rank;
  int64_t dim[EAO_MAX_RANK] = {0};
  for (int32_t i = 0; i < rank; i++) {
    int32_t ia = i - (rank - a->rank), ib = i - (rank - b->rank);
    int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
    if (da == db || db == 1)
      dim[i] = da;
    else if (da == 1)
      dim[i] = db;
    else if (da < 0 || db < 0)
      dim[i] = da < 0 ? db : da; /* the known extent is not 1: it wins */
    else
      return eao_infer_fail(f, EAO_ERR_SHAPE, "cannot broadcast extents %lld and %lld (axis %d)",
                            (long long)da, (long long)db, i);
  }
  out->rank = rank;
  memcpy(out->dim, dim, sizeof dim);
  return EAO_OK;
}

eao_status eao_infer_axis(eao_infer *f, const char *what, int64_t axis, int32_t rank,
                          int32_t *out) {
  if (axis < -rank || axis >= rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s %lld is outside a tensor of rank %d", what,
                          (long long)axis, rank);
  *out = (int32_t)(axis < 0 ? axis + rank : axis);
  return EAO_OK;
}

eao_status eao_infer_ints(eao_infer *f, const char *what, const eao_tensor *t, int64_t *out,
                          int32_t cap, int32_t *out_n) {
  if (t->rank < 0 || t->rank > 1 || !eao_dtype_is_int(t->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "%s must be a list of integers", what);
  int64_t n = eao_tensor_count(t);
  if (n < 0 || n > cap)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has %lld entries, at most %d are possible", what,
                          (long long)n, cap);
  for (int64_t i = 0; i < n; i++) out[i] = eao_get_i64(t, i);
  *out_n = (int32_t)n;
  return EAO_OK;
}
