/* nonzero, compress, unique: results whose size depends on the data. */
#include "kernel/ref/gather.h"

#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status infer_nonzero(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  eao_infer_rank(f, 0, EAO_I64, 2);
  if (x->rank >= 0) f->out[0].dim[0] = x->rank;
  if (x->data) f->out[0].dim[1] = eao_nonzero_count(x);
  return EAO_OK;
}

static eao_status infer_compress(eao_infer *f) {
  const eao_axis_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *cond = f->in[1];
  bool flat = a->axis == EAO_NO_AXIS;
  int64_t dim = 1;
  int32_t axis = 0;
  if (cond->dtype != EAO_BOOL || (cond->rank >= 0 && cond->rank != 1))
    return eao_infer_fail(f, EAO_ERR_TYPE, "the condition must be a list of bool");
  if (flat)
    eao_infer_rank(f, 0, x->dtype, 1);
  else
    eao_infer_like(f, 0, x);
  if (x->rank < 0) return EAO_OK;
  if (!flat) EAO_TRY(eao_infer_axis(f, "axis", a->axis, x->rank, &axis));
  f->out[0].dim[axis] = -1;
  for (int32_t i = 0; i < x->rank; i++)
    if (flat || i == axis) {
      if (x->dim[i] < 0) return EAO_OK;
      if (!eao_mul_i64(dim, x->dim[i], &dim))
        return eao_infer_fail(f, EAO_ERR_SHAPE, "too many elements");
    }
  if (!cond->data) return EAO_OK;
  if (cond->dim[0] > dim)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the condition has %lld entries for %lld elements",
                          (long long)cond->dim[0], (long long)dim);
  f->out[0].dim[axis] = eao_compress_count(cond, dim);
  return EAO_OK;
}

static eao_status infer_unique(eao_infer *f) {
  const eao_unique_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  bool flat = a->axis == EAO_NO_AXIS;
  int64_t count = -1, slices = -1;
  int32_t axis = 0;
  eao_infer_unknown(f, 0, x->dtype);
  for (uint32_t i = 1; i < f->n_out; i++) eao_infer_rank(f, i, EAO_I64, 1);
  if (x->rank >= 0 && !flat) EAO_TRY(eao_infer_axis(f, "axis", a->axis, x->rank, &axis));
  if (x->data) {
    int64_t *work = eao_alloc(f->ctx, eao_unique_scratch(x, a));
    if (!work) return EAO_NOMEM(f->ctx);
    count = eao_unique_group(x, a, work);
    slices = eao_unique_slices(x, a);
    eao_free(f->ctx, work);
  }
  if (flat)
    eao_infer_rank(f, 0, x->dtype, 1);
  else
    eao_infer_like(f, 0, x);
  if (f->out[0].rank > 0) f->out[0].dim[axis] = count;
  for (uint32_t i = 1; i < f->n_out; i++) f->out[i].dim[0] = i == 2 ? slices : count;
  return EAO_OK;
}

static bool sample_nonzero(uint32_t k, eao_sample *s) {
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = s->n_out = 1;
  s->in[0].quant = (eao_quant){0};
  s->in[0].rank = 2;
  s->in[0].dim[0] = 3;
  s->in[0].dim[1] = 5;
  return true;
}

static bool sample_compress(uint32_t k, eao_sample *s) {
  static const uint8_t cond[4] = {1, 0, 0, 1};
  eao_axis_attr *a = s->attr;
  if (!sample_nonzero(k, s)) return false;
  s->n_in = 2;
  s->in[1] =
      (eao_tensor){.dtype = EAO_BOOL, .rank = 1, .dim = {4}, .data = (void *)(uintptr_t)cond};
  a->axis = k % 2 ? 1 : EAO_NO_AXIS;
  return true;
}

static bool sample_unique(uint32_t k, eao_sample *s) {
  eao_unique_attr *a = s->attr;
  if (!sample_nonzero(k, s)) return false;
  s->n_out = 4;
  a->sorted = k % 2;
  a->axis = k % 3 ? EAO_NO_AXIS : 0;
  return true;
}

const eao_op_desc eao_op_nonzero = {
    .name = "nonzero",
    .doc = "coordinates of the elements that are not 0, one a column",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_DATA_SHAPE,
    .onnx = "NonZero",
    .infer = infer_nonzero,
    .ref = eao_ref_nonzero,
    .sample = sample_nonzero,
};

static const eao_attr_desc compress_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_axis_attr, axis),
     .def = EAO_NO_AXIS,
     .doc = "axis of the slices; the smallest integer: the tensor counts as flat"},
};

const eao_op_desc eao_op_compress = {
    .name = "compress",
    .doc = "the slices whose entry of the condition is true",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT | EAO_TRAIT_DATA_SHAPE,
    .attr_size = sizeof(eao_axis_attr),
    .attrs = compress_attrs,
    .n_attrs = EAO_COUNT(compress_attrs),
    .onnx = "Compress",
    .infer = infer_compress,
    .ref = eao_ref_compress,
    .sample = sample_compress,
};

static const eao_attr_desc unique_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_unique_attr, axis),
     .def = EAO_NO_AXIS,
     .doc = "axis of the slices; the smallest integer: the tensor counts as flat"},
    {.name = "sorted",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_unique_attr, sorted),
     .def = 1,
     .doc = "ascending order, else order of appearance"},
};

const eao_op_desc eao_op_unique = {
    .name = "unique",
    .doc = "the different slices; where each is first, which one each input slice is, how often",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 4,
    .traits = EAO_TRAIT_DATA_SHAPE,
    .attr_size = sizeof(eao_unique_attr),
    .attrs = unique_attrs,
    .n_attrs = EAO_COUNT(unique_attrs),
    .onnx = "Unique",
    .infer = infer_unique,
    .ref = eao_ref_unique,
    .ref_scratch = eao_ref_unique_scratch,
    .sample = sample_unique,
};
