/* scatter_elements, scatter_nd, segment_sum. */
#include "kernel/ref/gather.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status check_types(eao_infer *f, const eao_tensor *x, const eao_tensor *idx,
                              const eao_tensor *u) {
  if (u && x->dtype != u->dtype)
    return eao_infer_fail(f, EAO_ERR_TYPE, "data is %s, updates are %s", eao_dtype_name(x->dtype),
                          eao_dtype_name(u->dtype));
  if (idx->dtype != EAO_DTYPE_NONE && !eao_dtype_is_int(idx->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "indices are %s, not integers",
                          eao_dtype_name(idx->dtype));
  return EAO_OK;
}

static eao_status infer_scatter_elements(eao_infer *f) {
  const eao_scatter_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *idx = f->in[1], *u = f->in[2];
  int32_t axis;
  EAO_TRY(check_types(f, x, idx, u));
  eao_infer_like(f, 0, x);
  if (x->rank < 0 || idx->rank < 0 || u->rank < 0) return EAO_OK;
  if (x->rank != idx->rank || x->rank != u->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "data, indices, updates have ranks %d, %d, %d", x->rank,
                          idx->rank, u->rank);
  EAO_TRY(eao_infer_axis(f, "axis", a->axis, x->rank, &axis));
  for (int32_t i = 0; i < x->rank; i++) {
    if (idx->dim[i] >= 0 && u->dim[i] >= 0 && idx->dim[i] != u->dim[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "indices and updates differ on axis %d", i);
    if (i != axis && x->dim[i] >= 0 && idx->dim[i] > x->dim[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "indices are larger than data on axis %d", i);
  }
  return EAO_OK;
}

static eao_status infer_scatter_nd(eao_infer *f) {
  const eao_tensor *x = f->in[0], *idx = f->in[1], *u = f->in[2];
  EAO_TRY(check_types(f, x, idx, u));
  eao_infer_like(f, 0, x);
  if (x->rank < 0 || idx->rank < 0 || u->rank < 0) return EAO_OK;
  if (idx->rank < 1) return eao_infer_fail(f, EAO_ERR_SHAPE, "indices must have an axis");
  int64_t depth = idx->dim[idx->rank - 1];
  if (depth < 0) return EAO_OK;
  if (depth > x->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "indices address %lld axes, %d are there",
                          (long long)depth, x->rank);
  if (u->rank != idx->rank - 1 + x->rank - depth)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "updates have rank %d", u->rank);
  for (int32_t i = 0; i < u->rank; i++) {
    int32_t k = i - (idx->rank - 1);
    int64_t want = k < 0 ? idx->dim[i] : x->dim[depth + k];
    if (want >= 0 && u->dim[i] >= 0 && want != u->dim[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "updates have extent %lld on axis %d, not %lld",
                            (long long)u->dim[i], i, (long long)want);
  }
  return EAO_OK;
}

static eao_status infer_segment_sum(eao_infer *f) {
  const eao_tensor *x = f->in[0], *ids = f->in[1];
  EAO_TRY(check_types(f, x, ids, NULL));
  if (ids->rank >= 0 && ids->rank != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "segment ids must be a list");
  eao_infer_like(f, 0, x);
  if (x->rank < 0) return EAO_OK;
  if (x->rank < 1 ||
      (ids->rank == 1 && ids->dim[0] >= 0 && x->dim[0] >= 0 && ids->dim[0] != x->dim[0]))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "one segment id a row is needed");
  f->out[0].dim[0] = -1;
  if (!ids->data) return EAO_OK;
  int64_t last = ids->dim[0] ? eao_get_i64(ids, ids->dim[0] - 1) : -1;
  if (last < -1 || last == INT64_MAX)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "segment id %lld", (long long)last);
  f->out[0].dim[0] = last + 1;
  return EAO_OK;
}

/* Data [4, 3] of the case's type and declared output. */
static bool sample_data(uint32_t k, eao_sample *s) {
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0].rank = 2;
  s->in[0].dim[0] = 4;
  s->in[0].dim[1] = 3;
  s->in[2] = s->in[0];
  s->in[2].dim[0] = 2;
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static bool sample_scatter_elements(uint32_t k, eao_sample *s) {
  static const int64_t idx[6] = {0, 3, 1, 0, -1, 2};
  eao_scatter_attr *a = s->attr;
  if (!sample_data(k, s)) return false;
  a->reduction = s->in[0].quant.n ? EAO_SCATTER_NONE : (int32_t)k % 5;
  s->in[1] = eao_sample_ints(idx, 6);
  s->in[1].rank = 2;
  s->in[1].dim[0] = 2;
  s->in[1].dim[1] = 3;
  return true;
}

static bool sample_scatter_nd(uint32_t k, eao_sample *s) {
  static const int64_t idx[2] = {-1, 1};
  eao_scatter_attr *a = s->attr;
  if (!sample_data(k, s)) return false;
  a->reduction = s->in[0].quant.n ? EAO_SCATTER_NONE : (int32_t)k % 5;
  s->in[1] = eao_sample_ints(idx, 2);
  s->in[1].rank = 2;
  s->in[1].dim[1] = 1;
  return true;
}

static bool sample_segment_sum(uint32_t k, eao_sample *s) {
  static const int64_t ids[4] = {0, 0, 2, 2};
  static const eao_dtype dtypes[] = {EAO_F32, EAO_I32, EAO_I64};
  if (k >= EAO_COUNT(dtypes)) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 2, .dim = {4, 3}};
  s->in[1] = eao_sample_ints(ids, 4);
  return true;
}

static const char *const reductions[] = {"none", "add", "mul", "min", "max", NULL};

static const eao_attr_desc scatter_attrs[] = {
    {.name = "reduction",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_scatter_attr, reduction),
     .names = reductions,
     .doc = "how an update meets what is there"},
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_scatter_attr, axis),
     .doc = "axis whose coordinate the index replaces"},
};

const eao_op_desc eao_op_scatter_elements = {
    .name = "scatter_elements",
    .doc = "a copy of data with y[i, indices[i, j, k], k] = updates[i, j, k]",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_scatter_attr),
    .attrs = scatter_attrs,
    .n_attrs = EAO_COUNT(scatter_attrs),
    .onnx = "ScatterElements",
    .infer = infer_scatter_elements,
    .ref = eao_ref_scatter_elements,
    .sample = sample_scatter_elements,
};

const eao_op_desc eao_op_scatter_nd = {
    .name = "scatter_nd",
    .doc = "a copy of data with the slices that indices address replaced by updates",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_scatter_attr),
    .attrs = scatter_attrs,
    .n_attrs = 1, /* no axis */
    .onnx = "ScatterND",
    .infer = infer_scatter_nd,
    .ref = eao_ref_scatter_nd,
    .sample = sample_scatter_nd,
};

const eao_op_desc eao_op_segment_sum = {
    .name = "segment_sum",
    .doc = "sums of the rows with the same id; ids are sorted",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_DATA_SHAPE,
    .infer = infer_segment_sum,
    .ref = eao_ref_segment_sum,
    .sample = sample_segment_sum,
};
