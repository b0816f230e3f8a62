/* Ops that give a tensor another shape without touching its elements; reshape has its own file. */
#include "kernel/ref/move.h"
#include "op/op.h"

/* How many axes a list names, -1 when even that is unknown. */
static int64_t list_length(const eao_tensor *t) {
  return t->rank == 0 ? 1 : t->rank == 1 ? t->dim[0] : -1;
}

/* Marks the named axes of a tensor of this rank. */
static eao_status mark_axes(eao_infer *f, const eao_tensor *axes, int32_t rank, bool *mark,
                            int32_t *out_n) {
  int64_t list[EAO_MAX_RANK];
  EAO_TRY(eao_infer_ints(f, "axes", axes, list, EAO_MAX_RANK, out_n));
  for (int32_t k = 0; k < *out_n; k++) {
    int32_t axis;
    EAO_TRY(eao_infer_axis(f, "axis", list[k], rank, &axis));
    if (mark[axis]) return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d is named twice", axis);
    mark[axis] = true;
  }
  return EAO_OK;
}

static eao_status infer_squeeze(eao_infer *f) {
  const eao_tensor *x = f->in[0], *axes = eao_infer_in(f, 1);
  eao_tensor *y = &f->out[0];
  bool drop[EAO_MAX_RANK] = {false};
  int32_t n;
  eao_infer_unknown(f, 0, x->dtype);
  if (x->rank < 0) return EAO_OK;
  if (axes && !axes->data) {
    int64_t len = list_length(axes);
    if (len >= 0 && len <= x->rank) eao_infer_rank(f, 0, x->dtype, x->rank - (int32_t)len);
    return EAO_OK;
  }
  if (axes) EAO_TRY(mark_axes(f, axes, x->rank, drop, &n));
  for (int32_t i = 0; i < x->rank; i++) {
    if (!axes && x->dim[i] < 0) return EAO_OK; /* it may be 1 */
    if (!axes) drop[i] = x->dim[i] == 1;
    if (drop[i] && x->dim[i] >= 0 && x->dim[i] != 1)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d to drop has extent %lld, not 1", i,
                            (long long)x->dim[i]);
  }
  y->rank = 0;
  for (int32_t i = 0; i < x->rank; i++)
    if (!drop[i]) y->dim[y->rank++] = x->dim[i];
  return EAO_OK;
}

static eao_status infer_unsqueeze(eao_infer *f) {
  const eao_tensor *x = f->in[0], *axes = f->in[1];
  eao_tensor *y = &f->out[0];
  bool fresh[EAO_MAX_RANK] = {false};
  int64_t len = list_length(axes);
  int32_t n;
  eao_infer_unknown(f, 0, x->dtype);
  if (x->rank < 0 || len < 0) return EAO_OK;
  if (len > EAO_MAX_RANK - x->rank)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "the result has more than %d axes", EAO_MAX_RANK);
  int32_t rank = x->rank + (int32_t)len;
  if (!axes->data) {
    eao_infer_rank(f, 0, x->dtype, rank);
    return EAO_OK;
  }
  EAO_TRY(mark_axes(f, axes, rank, fresh, &n));
  y->rank = rank;
  for (int32_t i = 0, k = 0; i < rank; i++) y->dim[i] = fresh[i] ? 1 : x->dim[k++];
  return EAO_OK;
}

static eao_status infer_flatten(eao_infer *f) {
  const eao_axis_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  eao_tensor *y = &f->out[0];
  eao_infer_rank(f, 0, x->dtype, 2);
  if (x->rank < 0) return EAO_OK;
  if (a->axis < -x->rank || a->axis > x->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %lld is outside a tensor of rank %d",
                          (long long)a->axis, x->rank);
  int32_t axis = eao_axis_from(a->axis, x->rank);
  for (int32_t half = 0; half < 2; half++) {
    int64_t n = 1;
    for (int32_t i = half ? axis : 0; n >= 0 && i < (half ? x->rank : axis); i++) {
      if (x->dim[i] < 0)
        n = -1;
      else if (!eao_mul_i64(n, x->dim[i], &n))
        return eao_infer_fail(f, EAO_ERR_SHAPE, "too many elements");
    }
    y->dim[half] = n;
  }
  return EAO_OK;
}

static bool sample_shape(uint32_t k, eao_sample *s) {
  static const eao_dtype dtypes[] = {EAO_F32, EAO_I8, EAO_I64, EAO_U4};
  static const float scale[] = {0.5f};
  static const int32_t zero[] = {3};
  if (k >= EAO_COUNT(dtypes)) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 4, .dim = {3, 1, 5, 1}};
  if (dtypes[k] == EAO_I8) s->in[0].quant = (eao_quant){-1, 1, scale, zero};
  s->out[0].quant = s->in[0].quant;
  return true;
}

static bool sample_axes(uint32_t k, eao_sample *s) {
  static const int64_t axes[2] = {1, -1};
  if (!sample_shape(k, s)) return false;
  s->n_in = 2;
  s->in[1] = (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = (void *)(uintptr_t)axes};
  return true;
}

const eao_op_desc eao_op_squeeze = {
    .name = "squeeze",
    .doc = "drops axes of extent 1: those named by axes, or all",
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_VIEW | EAO_TRAIT_KEEPS_QUANT,
    .onnx = "Squeeze",
    .onnx_since = 13,
    .infer = infer_squeeze,
    .ref = eao_ref_copy,
    .sample = sample_axes,
};

const eao_op_desc eao_op_unsqueeze = {
    .name = "unsqueeze",
    .doc = "inserts axes of extent 1; axes count in the result",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_VIEW | EAO_TRAIT_KEEPS_QUANT,
    .onnx = "Unsqueeze",
    .onnx_since = 13,
    .infer = infer_unsqueeze,
    .ref = eao_ref_copy,
    .sample = sample_axes,
};

static const eao_attr_desc flatten_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_axis_attr, axis),
     .def = 1,
     .doc = "axes before it become rows, the others columns"},
};

const eao_op_desc eao_op_flatten = {
    .name = "flatten",
    .doc = "a matrix of the same elements",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_VIEW | EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_axis_attr),
    .attrs = flatten_attrs,
    .n_attrs = EAO_COUNT(flatten_attrs),
    .onnx = "Flatten",
    .infer = infer_flatten,
    .ref = eao_ref_copy,
    .sample = sample_shape,
};
