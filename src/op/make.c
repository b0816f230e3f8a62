/* shape, size, fill, range, eye_like: tensors made of shapes and scalars. */
#include "kernel/ref/make.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status infer_shape(eao_infer *f) {
  const eao_shape_attr *a = f->attr;
  int32_t first;
  if (a->dtype != EAO_I64 && a->dtype != EAO_I32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "a shape is i32 or i64, not %s",
                          eao_dtype_name((eao_dtype)a->dtype));
  eao_infer_rank(f, 0, (eao_dtype)a->dtype, 1);
  if (f->in[0]->rank >= 0) f->out[0].dim[0] = eao_shape_range(a, f->in[0]->rank, &first);
  return EAO_OK;
}

static eao_status infer_size(eao_infer *f) {
  eao_infer_rank(f, 0, EAO_I64, 0);
  return EAO_OK;
}

static eao_status infer_fill(eao_infer *f) {
  const eao_tensor *shape = f->in[0], *value = f->in[1];
  eao_tensor *y = &f->out[0];
  eao_infer_unknown(f, 0, value->dtype);
  if (value->data && eao_tensor_count(value) != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the value must be one element");
  if (!shape->data) {
    if (shape->rank == 1 && shape->dim[0] >= 0 && shape->dim[0] <= EAO_MAX_RANK)
      eao_infer_rank(f, 0, value->dtype, (int32_t)shape->dim[0]);
    return EAO_OK;
  }
  EAO_TRY(eao_infer_ints(f, "shape", shape, y->dim, EAO_MAX_RANK, &y->rank));
  for (int32_t i = 0; i < y->rank; i++)
    if (y->dim[i] < 0)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "shape[%d] is %lld", i, (long long)y->dim[i]);
  return EAO_OK;
}

static eao_status infer_range(eao_infer *f) {
  bool known = true;
  for (uint32_t i = 0; i < 3; i++) {
    if (f->in[i]->dtype != f->in[0]->dtype)
      return eao_infer_fail(f, EAO_ERR_TYPE, "inputs have types %s and %s",
                            eao_dtype_name(f->in[0]->dtype), eao_dtype_name(f->in[i]->dtype));
    if (f->in[i]->data && eao_tensor_count(f->in[i]) != 1)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "input %u must be one number", i);
    if (!f->in[i]->data) known = false;
  }
  eao_infer_rank(f, 0, f->in[0]->dtype, 1);
  if (!known) return EAO_OK;
  f->out[0].dim[0] = eao_range_count(f->in[0], f->in[1], f->in[2]);
  if (f->out[0].dim[0] < 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the range does not end");
  return EAO_OK;
}

static eao_status infer_eye_like(eao_infer *f) {
  const eao_eye_like_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  if (x->rank >= 0 && x->rank != 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the input has rank %d, not 2", x->rank);
  eao_infer_like(f, 0, x);
  if (a->dtype != EAO_DTYPE_NONE) f->out[0].dtype = (eao_dtype)a->dtype;
  return EAO_OK;
}

static bool sample_shape(uint32_t k, eao_sample *s) {
  eao_shape_attr *a = s->attr;
  if (k >= 3) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {2, 3, 1, 5}};
  if (k == 1) a->start = -2;
  if (k == 2) a->end = 1;
  return true;
}

static bool sample_size(uint32_t k, eao_sample *s) {
  if (k >= 1) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_U8, .rank = 3, .dim = {2, 3, 5}};
  return true;
}

static bool sample_fill(uint32_t k, eao_sample *s) {
  static const int64_t shape[] = {3, 1, 5};
  if (!eao_sample_moved(k, &s->in[1])) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = eao_sample_ints(shape, 3);
  s->out[0] = (eao_tensor){.dtype = s->in[1].dtype, .rank = -1, .quant = s->in[1].quant};
  return true;
}

static bool sample_range(uint32_t k, eao_sample *s) {
  static const int64_t ints[] = {10, -3, -4};
  static const float floats[] = {0.5f, 3, 0.25f};
  if (k >= 2) return false;
  s->n_in = 3;
  s->n_out = 1;
  for (int32_t i = 0; i < 3; i++)
    s->in[i] = k ? (eao_tensor){.dtype = EAO_F32, .data = (void *)(uintptr_t)&floats[i]}
                 : (eao_tensor){.dtype = EAO_I64, .data = (void *)(uintptr_t)&ints[i]};
  return true;
}

static bool sample_eye_like(uint32_t k, eao_sample *s) {
  eao_eye_like_attr *a = s->attr;
  if (k >= 3) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {3, 5}};
  a->k = (int64_t)k - 1;
  a->dtype = k ? EAO_I32 : EAO_DTYPE_NONE;
  return true;
}

static const eao_attr_desc shape_attrs[] = {
    {.name = "start",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_shape_attr, start),
     .doc = "first axis"},
    {.name = "end",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_shape_attr, end),
     .def = INT64_MAX,
     .doc = "axis after the last"},
    {.name = "dtype",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_shape_attr, dtype),
     .onnx = "",
     .def = EAO_I64,
     .doc = "i64 or i32"},
};

const eao_op_desc eao_op_shape = {
    .name = "shape",
    .doc = "extents of axes start to end",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_SHAPE_ONLY,
    .attr_size = sizeof(eao_shape_attr),
    .attrs = shape_attrs,
    .n_attrs = EAO_COUNT(shape_attrs),
    .onnx = "Shape",
    .infer = infer_shape,
    .ref = eao_ref_shape,
    .sample = sample_shape,
};

const eao_op_desc eao_op_size = {
    .name = "size",
    .doc = "number of elements",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_SHAPE_ONLY,
    .onnx = "Size",
    .infer = infer_size,
    .ref = eao_ref_size,
    .sample = sample_size,
};

const eao_op_desc eao_op_fill = {
    .name = "fill",
    .doc = "a tensor of the given shape, every element the value",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .infer = infer_fill,
    .ref = eao_ref_fill,
    .sample = sample_fill,
};

const eao_op_desc eao_op_range = {
    .name = "range",
    .doc = "start, start + delta, ... up to limit, which is left out",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .onnx = "Range",
    .infer = infer_range,
    .ref = eao_ref_range,
    .sample = sample_range,
};

static const eao_attr_desc eye_like_attrs[] = {
    {.name = "k",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_eye_like_attr, k),
     .doc = "diagonal, above the main one when positive"},
    {.name = "dtype",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_eye_like_attr, dtype),
     .doc = "of the result; none: the input's"},
};

const eao_op_desc eao_op_eye_like = {
    .name = "eye_like",
    .doc = "ones on a diagonal, the input's shape",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_SHAPE_ONLY,
    .attr_size = sizeof(eao_eye_like_attr),
    .attrs = eye_like_attrs,
    .n_attrs = EAO_COUNT(eye_like_attrs),
    .onnx = "EyeLike",
    .infer = infer_eye_like,
    .ref = eao_ref_eye_like,
    .sample = sample_eye_like,
};
