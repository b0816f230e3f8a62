/* concat and split, its inverse. */
#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

/* Two views of one extent: the known one wins; they must not contradict each other. */
static eao_status merge_dim(eao_infer *f, int32_t axis, int64_t d, int64_t *io) {
  if (*io >= 0 && d >= 0 && *io != d)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "inputs have extents %lld and %lld on axis %d",
                          (long long)*io, (long long)d, axis);
  if (d >= 0) *io = d;
  return EAO_OK;
}

static eao_status infer_concat(eao_infer *f) {
  const eao_axis_attr *a = f->attr;
  const eao_tensor *like = f->in[0];
  eao_tensor *y = &f->out[0];
  int64_t sum = 0;
  int32_t axis;
  bool known = true;
  for (uint32_t k = 0; k < f->n_in; k++) {
    if (!f->in[k]) return eao_infer_fail(f, EAO_ERR_FORMAT, "input %u is missing", k);
    if (f->in[k]->dtype != f->in[0]->dtype)
      return eao_infer_fail(f, EAO_ERR_TYPE, "inputs have types %s and %s",
                            eao_dtype_name(f->in[0]->dtype), eao_dtype_name(f->in[k]->dtype));
    if (f->in[k]->rank >= 0) like = f->in[k];
  }
  eao_infer_unknown(f, 0, like->dtype);
  if (like->rank < 0) return EAO_OK;
  EAO_TRY(eao_infer_axis(f, "axis", a->axis, like->rank, &axis));
  eao_infer_rank(f, 0, like->dtype, like->rank);
  for (uint32_t k = 0; k < f->n_in; k++) {
    const eao_tensor *x = f->in[k];
    if (x->rank < 0) {
      known = false;
      continue;
    }
    if (x->rank != like->rank)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "inputs have ranks %d and %d", like->rank, x->rank);
    for (int32_t i = 0; i < x->rank; i++)
      if (i != axis) EAO_TRY(merge_dim(f, i, x->dim[i], &y->dim[i]));
    if (x->dim[axis] < 0)
      known = false;
    else if (!eao_add_i64(sum, x->dim[axis], &sum))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "the result is too large");
  }
  y->dim[axis] = known ? sum : -1;
  return EAO_OK;
}

static eao_status infer_split(eao_infer *f) {
  const eao_split_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *sizes = eao_infer_in(f, 1);
  int64_t n = f->n_out, sum = 0;
  int32_t axis;
  if (a->num_outputs && a->num_outputs != n)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "num_outputs is %lld, the node has %lld",
                          (long long)a->num_outputs, (long long)n);
  for (uint32_t k = 0; k < f->n_out; k++) eao_infer_unknown(f, k, x->dtype);
  if (sizes && (sizes->rank > 1 || (sizes->rank == 1 && sizes->dim[0] >= 0 && sizes->dim[0] != n)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "one size an output is needed");
  if (sizes && sizes->data && (!eao_dtype_is_int(sizes->dtype) || eao_tensor_count(sizes) != n))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "one size an output is needed");
  if (x->rank < 0) return EAO_OK;
  EAO_TRY(eao_infer_axis(f, "axis", a->axis, x->rank, &axis));
  int64_t dim = x->dim[axis], chunk = dim < 0 ? -1 : (dim + n - 1) / n;
  for (uint32_t k = 0; k < f->n_out; k++) {
    int64_t size = chunk;
    if (sizes) size = sizes->data ? eao_get_i64(sizes, k) : -1;
    /* the last part of an even split takes what is left */
    if (!sizes && chunk >= 0 && k + 1 == f->n_out) size = dim - sum;
    if (((!sizes && dim >= 0) || (sizes && sizes->data)) &&
        (size < 0 || !eao_add_i64(sum, size, &sum)))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "extent %lld cannot be split that way",
                            (long long)dim);
    eao_infer_like(f, k, x);
    f->out[k].dim[axis] = size;
  }
  if (sizes && sizes->data && dim >= 0 && sum != dim)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "sizes add up to %lld, the axis has %lld",
                          (long long)sum, (long long)dim);
  return EAO_OK;
}

static bool sample_concat(uint32_t k, eao_sample *s) {
  eao_axis_attr *a = s->attr;
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = 3;
  s->n_out = 1;
  a->axis = k % 2 ? -1 : 1;
  for (int32_t i = 0; i < 3; i++) {
    s->in[i] = s->in[0];
    s->in[i].rank = 3;
    s->in[i].dim[0] = 2;
    s->in[i].dim[1] = a->axis == 1 ? i + 1 : 3;
    s->in[i].dim[2] = a->axis == 1 ? 5 : 2 * i + 1;
  }
  s->out[0].dtype = s->in[0].dtype;
  s->out[0].rank = -1;
  s->out[0].quant = s->in[0].quant;
  return true;
}

static bool sample_split(uint32_t k, eao_sample *s) {
  static const int64_t sizes[3] = {2, 1, 4};
  eao_split_attr *a = s->attr;
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = k % 2 + 1;
  s->n_out = 3;
  a->axis = 1;
  s->in[0].rank = 3;
  s->in[0].dim[0] = 2;
  s->in[0].dim[1] = 7;
  s->in[0].dim[2] = 3;
  if (s->n_in == 2) s->in[1] = eao_sample_ints(sizes, 3);
  for (int32_t i = 0; i < 3; i++)
    s->out[i] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static const eao_attr_desc concat_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_axis_attr, axis),
     .doc = "axis along which the inputs are joined"},
};

const eao_op_desc eao_op_concat = {
    .name = "concat",
    .doc = "joins tensors along an axis",
    .min_in = 1,
    .max_in = EAO_VARIADIC,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_axis_attr),
    .attrs = concat_attrs,
    .n_attrs = EAO_COUNT(concat_attrs),
    .onnx = "Concat",
    .onnx_since = 4,
    .infer = infer_concat,
    .ref = eao_ref_concat,
    .sample = sample_concat,
};

static const eao_attr_desc split_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_split_attr, axis),
     .doc = "axis that is cut"},
    {.name = "num_outputs",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_split_attr, num_outputs),
     .doc = "without sizes: parts of equal size, the last one smaller; 0: one an output"},
};

const eao_op_desc eao_op_split = {
    .name = "split",
    .doc = "cuts a tensor along an axis into parts of the given or of equal sizes",
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = EAO_VARIADIC,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_split_attr),
    .attrs = split_attrs,
    .n_attrs = EAO_COUNT(split_attrs),
    .onnx = "Split",
    .onnx_since = 13,
    .infer = infer_split,
    .ref = eao_ref_split,
    .sample = sample_split,
};
