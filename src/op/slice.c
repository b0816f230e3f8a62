/* slice, strided_slice, dynamic_update_slice. */
#include "kernel/ref/slice.h"

#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

/* A list of n integers, or one whose values are not known. */
static eao_status check_list(eao_infer *f, const char *what, const eao_tensor *t, int64_t n) {
  if (!t) return EAO_OK;
  if (t->rank > 1 || (t->dtype != EAO_DTYPE_NONE && !eao_dtype_is_int(t->dtype)))
    return eao_infer_fail(f, EAO_ERR_TYPE, "%s must be a list of integers", what);
  int64_t len = t->rank < 0 ? -1 : t->rank == 0 ? 1 : t->dim[0];
  if (len >= 0 && n >= 0 && len != n)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has %lld entries, %lld are needed", what,
                          (long long)len, (long long)n);
  return EAO_OK;
}

static eao_status infer_slice(eao_infer *f) {
  const eao_tensor *x = f->in[0], *starts = f->in[1], *ends = f->in[2];
  const eao_tensor *axes = eao_infer_in(f, 3), *steps = eao_infer_in(f, 4);
  eao_tensor *y = &f->out[0];
  int64_t n = starts->rank == 1 ? starts->dim[0] : starts->rank == 0 ? 1 : -1;
  bool seen[EAO_MAX_RANK] = {false};
  EAO_TRY(check_list(f, "starts", starts, n));
  EAO_TRY(check_list(f, "ends", ends, n));
  EAO_TRY(check_list(f, "axes", axes, n));
  EAO_TRY(check_list(f, "steps", steps, n));
  eao_infer_unknown(f, 0, x->dtype);
  if (x->rank < 0) return EAO_OK;
  if (n > x->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld slices of a tensor of rank %d", (long long)n,
                          x->rank);
  if (n < 0 || (axes && !axes->data)) { /* which axes stay whole is unknown */
    eao_infer_rank(f, 0, x->dtype, x->rank);
    return EAO_OK;
  }
  eao_infer_like(f, 0, x);
  bool known = starts->data && ends->data && (!steps || steps->data);
  for (int64_t k = 0; k < n; k++) {
    int32_t i = (int32_t)k;
    eao_slice_dim d;
    if (axes) EAO_TRY(eao_infer_axis(f, "axis", eao_get_i64(axes, k), x->rank, &i));
    if (seen[i]) return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d is sliced twice", i);
    seen[i] = true;
    y->dim[i] = -1;
    if (!known || x->dim[i] < 0) continue;
    if (!eao_slice_resolve(x->dim[i], eao_get_i64(starts, k), eao_get_i64(ends, k),
                           steps ? eao_get_i64(steps, k) : 1, &d))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "the step of axis %d is 0", i);
    y->dim[i] = d.count;
  }
  return EAO_OK;
}

static eao_status infer_strided_slice(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  int64_t n = f->in[1]->rank == 1 ? f->in[1]->dim[0] : f->in[1]->rank == 0 ? 1 : -1;
  eao_strided_slice_plan plan;
  static const char *const names[] = {"", "begin", "end", "strides"};
  bool known = x->rank >= 0 && n >= 0;
  for (uint32_t k = 1; k < 4; k++) {
    EAO_TRY(check_list(f, names[k], f->in[k], n));
    if (!f->in[k]->data) known = false;
  }
  eao_infer_unknown(f, 0, x->dtype);
  for (int32_t i = 0; i < x->rank; i++)
    if (x->dim[i] < 0) known = false;
  if (!known) return EAO_OK;
  const char *wrong = eao_strided_slice_resolve(f->attr, x, f->in[1], f->in[2], f->in[3], &plan);
  if (wrong) return eao_infer_fail(f, EAO_ERR_SHAPE, "%s", wrong);
  eao_infer_rank(f, 0, x->dtype, plan.rank);
  for (int32_t i = 0; i < plan.rank; i++) f->out[0].dim[i] = plan.dim[i];
  return EAO_OK;
}

static eao_status infer_dynamic_update_slice(eao_infer *f) {
  const eao_tensor *x = f->in[0], *u = f->in[1], *start = f->in[2];
  if (x->dtype != u->dtype)
    return eao_infer_fail(f, EAO_ERR_TYPE, "inputs have types %s and %s", eao_dtype_name(x->dtype),
                          eao_dtype_name(u->dtype));
  eao_infer_like(f, 0, x);
  EAO_TRY(check_list(f, "start", start, x->rank < 0 ? -1 : x->rank));
  if (x->rank < 0 || u->rank < 0) return EAO_OK;
  if (x->rank != u->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "ranks %d and %d differ", x->rank, u->rank);
  for (int32_t i = 0; i < x->rank; i++)
    if (x->dim[i] >= 0 && u->dim[i] > x->dim[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "the update is larger than the tensor on axis %d", i);
  return EAO_OK;
}

static bool sample_input(uint32_t k, eao_sample *s) {
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_out = 1;
  s->in[0].rank = 3;
  for (int32_t i = 0; i < 3; i++) s->in[0].dim[i] = 4 + i;
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static bool sample_slice(uint32_t k, eao_sample *s) {
  static const int64_t starts[] = {-1, 1}, ends[] = {INT64_MIN, 100}, axes[] = {-1, 0};
  static const int64_t steps[] = {-2, 1};
  if (!sample_input(k, s)) return false;
  s->n_in = 5;
  s->in[1] = eao_sample_ints(starts, 2);
  s->in[2] = eao_sample_ints(ends, 2);
  s->in[3] = eao_sample_ints(axes, 2);
  s->in[4] = eao_sample_ints(steps, 2);
  return true;
}

static bool sample_strided_slice(uint32_t k, eao_sample *s) {
  static const int64_t begin[] = {1, -1, 0}, end[] = {0, 0, 5}, strides[] = {1, 1, 2};
  eao_strided_slice_attr *a = s->attr;
  if (!sample_input(k, s)) return false;
  s->n_in = 4;
  s->in[1] = eao_sample_ints(begin, 3);
  s->in[2] = eao_sample_ints(end, 3);
  s->in[3] = eao_sample_ints(strides, 3);
  a->end_mask = 1;
  a->shrink_axis_mask = 2;
  return true;
}

static bool sample_dynamic_update_slice(uint32_t k, eao_sample *s) {
  static const int64_t start[] = {1, 99, -3};
  if (!sample_input(k, s)) return false;
  s->n_in = 3;
  s->in[1] = s->in[0];
  for (int32_t i = 0; i < 3; i++) s->in[1].dim[i] = i + 2;
  s->in[2] = eao_sample_ints(start, 3);
  return true;
}

const eao_op_desc eao_op_slice = {
    .name = "slice",
    .doc = "start:end:step of the named axes, or of the first ones",
    .min_in = 3,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .onnx = "Slice",
    .onnx_since = 10,
    .infer = infer_slice,
    .ref = eao_ref_slice,
    .sample = sample_slice,
};

#define MASK(field, text)                                                                          \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_INT, .offset = EAO_ATTR_AT(eao_strided_slice_attr, field),    \
    .onnx = "", .doc = text                                                                        \
  }
static const eao_attr_desc strided_slice_attrs[] = {
    MASK(begin_mask, "bit i: begin[i] is the axis's start"),
    MASK(end_mask, "bit i: end[i] is the axis's end"),
    MASK(ellipsis_mask, "bit i: entry i stands for the axes that the others leave"),
    MASK(new_axis_mask, "bit i: entry i inserts an axis of extent 1"),
    MASK(shrink_axis_mask, "bit i: the axis is dropped, begin[i] stays"),
    {.name = "offset",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_strided_slice_attr, offset),
     .onnx = "",
     .doc = "end counts from begin"},
};

const eao_op_desc eao_op_strided_slice = {
    .name = "strided_slice",
    .doc = "numpy's x[begin:end:stride, ...], with masks for what begin and end cannot say",
    .min_in = 4,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_strided_slice_attr),
    .attrs = strided_slice_attrs,
    .n_attrs = EAO_COUNT(strided_slice_attrs),
    .infer = infer_strided_slice,
    .ref = eao_ref_strided_slice,
    .sample = sample_strided_slice,
};

const eao_op_desc eao_op_dynamic_update_slice = {
    .name = "dynamic_update_slice",
    .doc = "the first input with a part, at a start moved so that it fits, replaced by the second",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .infer = infer_dynamic_update_slice,
    .ref = eao_ref_dynamic_update_slice,
    .sample = sample_dynamic_update_slice,
};
