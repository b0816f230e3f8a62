/* gather, gather_elements, gather_nd, one_hot. */
#include "kernel/ref/gather.h"

#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status check_index(eao_infer *f, const eao_tensor *idx) {
  if (idx->dtype == EAO_DTYPE_NONE || eao_dtype_is_int(idx->dtype)) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_TYPE, "indices are %s, not integers",
                        eao_dtype_name(idx->dtype));
}

/* Extents that must agree; unknown ones do. */
static eao_status same_extent(eao_infer *f, int32_t axis, int64_t a, int64_t b) {
  if (a < 0 || b < 0 || a == b) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_SHAPE, "data and indices have extents %lld and %lld on axis %d",
                        (long long)a, (long long)b, axis);
}

static eao_status too_deep(eao_infer *f) {
  return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "the result has more than %d axes", EAO_MAX_RANK);
}

static eao_status infer_gather(eao_infer *f) {
  const eao_gather_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *idx = f->in[1];
  eao_tensor *y = &f->out[0];
  int32_t axis;
  EAO_TRY(check_index(f, idx));
  eao_infer_unknown(f, 0, x->dtype);
  if (x->rank < 0 || idx->rank < 0) return EAO_OK;
  EAO_TRY(eao_infer_axis(f, "axis", a->axis, x->rank, &axis));
  if (a->batch_dims < -idx->rank || a->batch_dims > idx->rank ||
      eao_axis_from(a->batch_dims, idx->rank) > axis)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "batch_dims %lld is not possible",
                          (long long)a->batch_dims);
  int32_t b = eao_axis_from(a->batch_dims, idx->rank);
  if (x->rank - 1 + idx->rank - b > EAO_MAX_RANK) return too_deep(f);
  y->rank = 0;
  for (int32_t i = 0; i < b; i++) EAO_TRY(same_extent(f, i, x->dim[i], idx->dim[i]));
  for (int32_t i = 0; i < axis; i++) y->dim[y->rank++] = x->dim[i];
  for (int32_t i = b; i < idx->rank; i++) y->dim[y->rank++] = idx->dim[i];
  for (int32_t i = axis + 1; i < x->rank; i++) y->dim[y->rank++] = x->dim[i];
  return EAO_OK;
}

static eao_status infer_gather_elements(eao_infer *f) {
  const eao_axis_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *idx = f->in[1];
  int32_t axis;
  EAO_TRY(check_index(f, idx));
  eao_infer_like(f, 0, idx);
  f->out[0].dtype = x->dtype;
  if (x->rank < 0 || idx->rank < 0) return EAO_OK;
  if (x->rank != idx->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "data and indices have ranks %d and %d", x->rank,
                          idx->rank);
  EAO_TRY(eao_infer_axis(f, "axis", a->axis, x->rank, &axis));
  for (int32_t i = 0; i < x->rank; i++)
    if (i != axis && x->dim[i] >= 0 && idx->dim[i] > x->dim[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "indices are larger than data on axis %d", i);
  return EAO_OK;
}

static eao_status infer_gather_nd(eao_infer *f) {
  const eao_gather_nd_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *idx = f->in[1];
  eao_tensor *y = &f->out[0];
  EAO_TRY(check_index(f, idx));
  eao_infer_unknown(f, 0, x->dtype);
  if (x->rank < 0 || idx->rank < 0) return EAO_OK;
  if (idx->rank < 1 || a->batch_dims < 0 || a->batch_dims >= idx->rank ||
      a->batch_dims >= (x->rank ? x->rank : 1))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "batch_dims %lld with indices of rank %d",
                          (long long)a->batch_dims, idx->rank);
  int64_t depth = idx->dim[idx->rank - 1];
  int32_t b = (int32_t)a->batch_dims;
  if (depth < 0) return EAO_OK;
  if (depth > x->rank - b)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "indices address %lld axes, %d are there",
                          (long long)depth, x->rank - b);
  for (int32_t i = 0; i < b; i++) EAO_TRY(same_extent(f, i, x->dim[i], idx->dim[i]));
  if (idx->rank - 1 + x->rank - b - depth > EAO_MAX_RANK) return too_deep(f);
  y->rank = 0;
  for (int32_t i = 0; i < idx->rank - 1; i++) y->dim[y->rank++] = idx->dim[i];
  for (int32_t i = b + (int32_t)depth; i < x->rank; i++) y->dim[y->rank++] = x->dim[i];
  return EAO_OK;
}

static eao_status infer_one_hot(eao_infer *f) {
  const eao_axis_attr *a = f->attr;
  const eao_tensor *idx = f->in[0], *depth = f->in[1], *values = f->in[2];
  eao_tensor *y = &f->out[0];
  int32_t axis;
  eao_infer_unknown(f, 0, values->dtype);
  if (values->rank > 1 || (values->rank == 1 && values->dim[0] >= 0 && values->dim[0] != 2) ||
      values->rank == 0)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "values must be [off, on]");
  if (depth->data && eao_tensor_count(depth) != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "depth must be one number");
  if (idx->rank < 0) return EAO_OK;
  if (idx->rank >= EAO_MAX_RANK) return too_deep(f);
  EAO_TRY(eao_infer_axis(f, "axis", a->axis, idx->rank + 1, &axis));
  eao_infer_rank(f, 0, values->dtype, idx->rank + 1);
  for (int32_t i = 0; i < idx->rank; i++) y->dim[i < axis ? i : i + 1] = idx->dim[i];
  if (!depth->data) return EAO_OK;
  y->dim[axis] = eao_get_i64(depth, 0);
  if (y->dim[axis] < 0)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "depth is %lld", (long long)y->dim[axis]);
  return EAO_OK;
}

static bool sample_data(uint32_t k, eao_sample *s, int64_t d0, int64_t d1, int64_t d2) {
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0].rank = 3;
  s->in[0].dim[0] = d0;
  s->in[0].dim[1] = d1;
  s->in[0].dim[2] = d2;
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static bool sample_gather(uint32_t k, eao_sample *s) {
  static const int64_t idx[6] = {0, -1, 3, 2, 1, -4};
  eao_gather_attr *a = s->attr;
  if (!sample_data(k, s, 2, 4, 3)) return false;
  s->in[1] = eao_sample_ints(idx, 6);
  s->in[1].rank = 2;
  s->in[1].dim[0] = 2;
  s->in[1].dim[1] = 3;
  a->axis = 1;
  a->batch_dims = k % 2;
  return true;
}

static bool sample_gather_elements(uint32_t k, eao_sample *s) {
  static const int64_t idx[8] = {0, -1, 3, 2, 1, -4, 1, 0};
  eao_axis_attr *a = s->attr;
  if (!sample_data(k, s, 2, 4, 3)) return false;
  s->in[1] = eao_sample_ints(idx, 8);
  s->in[1].rank = 3;
  for (int32_t i = 0; i < 3; i++) s->in[1].dim[i] = 2;
  a->axis = 1;
  return true;
}

static bool sample_gather_nd(uint32_t k, eao_sample *s) {
  static const int64_t idx[8] = {0, 2, -1, 1, 1, -1, 0, 0};
  eao_gather_nd_attr *a = s->attr;
  if (!sample_data(k, s, 2, 2, 3)) return false;
  s->in[1] = eao_sample_ints(idx, 8);
  s->in[1].rank = 3;
  for (int32_t i = 0; i < 3; i++) s->in[1].dim[i] = 2;
  if (k % 2) { /* indices into axes 1 and 2 */
    a->batch_dims = 1;
  } else {
    s->in[0].dim[1] = 4;
    s->in[1].rank = 2;
    s->in[1].dim[0] = 4;
  }
  return true;
}

static bool sample_one_hot(uint32_t k, eao_sample *s) {
  static const int64_t idx[4] = {0, -1, 7, 2}, depth[1] = {5};
  eao_axis_attr *a = s->attr;
  if (!eao_sample_moved(k, &s->in[2])) return false;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0] = eao_sample_ints(idx, 4);
  s->in[1] = eao_sample_ints(depth, 1);
  s->in[2].rank = 1;
  s->in[2].dim[0] = 2;
  a->axis = (int64_t)k % 2 - 1;
  s->out[0] = (eao_tensor){.dtype = s->in[2].dtype, .rank = -1, .quant = s->in[2].quant};
  return true;
}

static const eao_attr_desc gather_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_gather_attr, axis),
     .doc = "axis of data that the indices address"},
    {.name = "batch_dims",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_gather_attr, batch_dims),
     .onnx = "",
     .doc = "leading axes that data and indices share"},
};

const eao_op_desc eao_op_gather = {
    .name = "gather",
    .doc = "the slices of data along an axis that indices name",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_gather_attr),
    .attrs = gather_attrs,
    .n_attrs = EAO_COUNT(gather_attrs),
    .onnx = "Gather",
    .infer = infer_gather,
    .ref = eao_ref_gather,
    .sample = sample_gather,
};

static const eao_attr_desc gather_elements_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_axis_attr, axis),
     .doc = "axis whose coordinate the index replaces"},
};

const eao_op_desc eao_op_gather_elements = {
    .name = "gather_elements",
    .doc = "y[i, j, k] = data[i, indices[i, j, k], k]",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_axis_attr),
    .attrs = gather_elements_attrs,
    .n_attrs = EAO_COUNT(gather_elements_attrs),
    .onnx = "GatherElements",
    .infer = infer_gather_elements,
    .ref = eao_ref_gather_elements,
    .sample = sample_gather_elements,
};

static const eao_attr_desc gather_nd_attrs[] = {
    {.name = "batch_dims",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_gather_nd_attr, batch_dims),
     .doc = "leading axes that data and indices share"},
};

const eao_op_desc eao_op_gather_nd = {
    .name = "gather_nd",
    .doc = "the slices of data whose leading coordinates the last axis of indices holds",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_gather_nd_attr),
    .attrs = gather_nd_attrs,
    .n_attrs = EAO_COUNT(gather_nd_attrs),
    .onnx = "GatherND",
    .infer = infer_gather_nd,
    .ref = eao_ref_gather_nd,
    .sample = sample_gather_nd,
};

static const eao_attr_desc one_hot_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_axis_attr, axis),
     .def = -1,
     .doc = "axis of the result that is inserted"},
};

const eao_op_desc eao_op_one_hot = {
    .name = "one_hot",
    .doc = "indices, depth, [off, on]: on where the coordinate on the new axis is the index",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_axis_attr),
    .attrs = one_hot_attrs,
    .n_attrs = EAO_COUNT(one_hot_attrs),
    .onnx = "OneHot",
    .infer = infer_one_hot,
    .ref = eao_ref_one_hot,
    .sample = sample_one_hot,
};
