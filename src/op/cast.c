/* Casts, and quantisation with explicit scales. */
#include "kernel/ref/cast.h"
#include "op/op.h"

/* ---- inference ---- */

static eao_status infer_cast(eao_infer *f) {
  const eao_cast_attr *attr = f->attr;
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_ANY));
  if (eao_dtype_bits((eao_dtype)attr->to) == 0)
    return eao_infer_fail(f, EAO_ERR_TYPE, "the type to cast to is not given");
  eao_infer_like(f, 0, f->in[0]);
  f->out[0].dtype = (eao_dtype)attr->to;
  return EAO_OK;
}

/* Blocked: scale has x's shape but for the axis, which it covers block by block. */
static eao_status check_blocks(eao_infer *f, const eao_tensor *t, int32_t axis, int64_t block) {
  const eao_tensor *x = f->in[0];
  if (t->rank != x->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "blocked scales have rank %d, x has rank %d", t->rank,
                          x->rank);
  for (int32_t d = 0; d < x->rank; d++) {
    if (x->dim[d] < 0 || t->dim[d] < 0) continue;
    /* Without overflow whatever block is: ceil(x / block). */
    int64_t want = d != axis ? x->dim[d] : x->dim[d] / block + (x->dim[d] % block != 0);
    if (t->dim[d] != want)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d has %lld scales, not %lld", d,
                            (long long)t->dim[d], (long long)want);
  }
  return EAO_OK;
}

static bool one_element(const eao_tensor *t) {
  for (int32_t d = 0; d < t->rank; d++)
    if (t->dim[d] != 1) return false;
  return t->rank >= 0;
}

static eao_status check_scale(eao_infer *f, const eao_tensor *t) {
  const eao_quantize_attr *attr = f->attr;
  const eao_tensor *x = f->in[0];
  int32_t axis;
  if (attr->block_size < 0)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "block_size = %lld", (long long)attr->block_size);
  if (t->rank < 0 || x->rank < 0) return EAO_OK;
  if (!attr->block_size && one_element(t)) return EAO_OK;
  if (t->rank == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "blocked scales cannot be a scalar");
  EAO_TRY(eao_infer_axis(f, "axis", attr->axis, x->rank, &axis));
  if (attr->block_size) return check_blocks(f, t, axis, attr->block_size);
  if (t->rank == 1 && (t->dim[0] < 0 || x->dim[axis] < 0 || t->dim[0] == x->dim[axis]))
    return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_SHAPE, "the scales do not fit axis %d", axis);
}

/* zero must have scale's shape. */
static eao_status check_zero(eao_infer *f) {
  const eao_tensor *scale = f->in[1], *zero = eao_infer_in(f, 2);
  if (!zero) return EAO_OK;
  EAO_TRY(eao_infer_types(f, "zero point", zero, EAO_TYPES_INT));
  EAO_TRY(check_scale(f, zero));
  if (scale->rank < 0 || zero->rank < 0 || (one_element(scale) && one_element(zero))) return EAO_OK;
  bool same = scale->rank == zero->rank;
  for (int32_t d = 0; same && d < scale->rank; d++)
    same = scale->dim[d] < 0 || zero->dim[d] < 0 || scale->dim[d] == zero->dim[d];
  return same ? EAO_OK : eao_infer_fail(f, EAO_ERR_SHAPE, "scale and zero point differ in shape");
}

static eao_status infer_quantize_linear(eao_infer *f) {
  const eao_quantize_attr *attr = f->attr;
  const eao_tensor *x = f->in[0], *zero = eao_infer_in(f, 2);
  if (x->dtype != EAO_I32) EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_types(f, "scale", f->in[1], EAO_TYPES_FLOAT));
  EAO_TRY(check_scale(f, f->in[1]));
  EAO_TRY(check_zero(f));
  eao_dtype to = zero ? zero->dtype : attr->output_dtype ? (eao_dtype)attr->output_dtype : EAO_U8;
  if (zero && attr->output_dtype && attr->output_dtype != (int32_t)to)
    return eao_infer_fail(f, EAO_ERR_TYPE, "output_dtype differs from the zero point's type");
  if (!eao_dtype_is_int(to) || eao_dtype_bits(to) > 16)
    return eao_infer_fail(f, EAO_ERR_TYPE, "cannot quantise to %s", eao_dtype_name(to));
  eao_infer_like(f, 0, x);
  f->out[0].dtype = to;
  return EAO_OK;
}

static eao_status infer_dequantize_linear(eao_infer *f) {
  const eao_quantize_attr *attr = f->attr;
  const eao_tensor *x = f->in[0], *zero = eao_infer_in(f, 2);
  EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_INT));
  if (eao_dtype_bits(x->dtype) > 32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "x cannot be %s", eao_dtype_name(x->dtype));
  EAO_TRY(eao_infer_types(f, "scale", f->in[1], EAO_TYPES_FLOAT));
  EAO_TRY(check_scale(f, f->in[1]));
  EAO_TRY(check_zero(f));
  if (zero && zero->dtype != x->dtype)
    return eao_infer_fail(f, EAO_ERR_TYPE, "x is %s, its zero point %s", eao_dtype_name(x->dtype),
                          eao_dtype_name(zero->dtype));
  eao_dtype to = attr->output_dtype ? (eao_dtype)attr->output_dtype : f->in[1]->dtype;
  if (!eao_dtype_is_float(to))
    return eao_infer_fail(f, EAO_ERR_TYPE, "cannot dequantise to %s", eao_dtype_name(to));
  eao_infer_like(f, 0, x);
  f->out[0].dtype = to;
  return EAO_OK;
}

static eao_status infer_dynamic_quantize_linear(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  if (x->dtype != EAO_F32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "x cannot be %s", eao_dtype_name(x->dtype));
  eao_infer_like(f, 0, x);
  f->out[0].dtype = EAO_U8;
  eao_infer_like(f, 1, &(eao_tensor){.dtype = EAO_F32});
  eao_infer_like(f, 2, &(eao_tensor){.dtype = EAO_U8});
  return EAO_OK;
}

/* ---- samples ---- */

static bool sample_cast(uint32_t k, eao_sample *s) {
  eao_cast_attr *a = s->attr;
  if (k >= 15 * 15) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = (eao_dtype)(k / 15 + 1), .rank = 2, .dim = {3, 5}};
  s->lo[0] = eao_dtype_is_unsigned(s->in[0].dtype) ? 0 : -8;
  s->hi[0] = 8;
  a->to = (int32_t)(k % 15) + 1;
  return true;
}

/* Case k: scale per tensor, per axis, in blocks; with and without a zero point. */
static bool sample_scales(uint32_t k, eao_sample *s) {
  eao_quantize_attr *a = s->attr;
  if (k >= 6) return false;
  s->n_out = 1;
  s->n_in = k % 2 ? 2 : 3;
  s->in[0] = (eao_tensor){.rank = 3, .dim = {2, 6, 5}};
  s->in[1] = (eao_tensor){.dtype = EAO_F32};
  if (k / 2 == 1) s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {6}};
  if (k / 2 == 2) {
    s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 2, 5}};
    a->block_size = 4;
  }
  s->in[2] = s->in[1];
  s->lo[1] = 0.01;
  s->hi[1] = 0.1;
  s->lo[2] = 0;
  s->hi[2] = 7;
  if (k == 3) a->axis = -2;
  return true;
}

static bool sample_quantize_linear(uint32_t k, eao_sample *s) {
  static const eao_dtype from[] = {EAO_F32, EAO_F32, EAO_F16, EAO_BF16, EAO_F32, EAO_F32};
  static const eao_dtype to[] = {EAO_I8, EAO_U8, EAO_U8, EAO_U8, EAO_U4, EAO_I16};
  if (!sample_scales(k, s)) return false;
  s->in[0].dtype = s->in[1].dtype = from[k];
  s->in[2].dtype = to[k];
  if (k == 5) ((eao_quantize_attr *)s->attr)->output_dtype = EAO_I16;
  return true;
}

static bool sample_dequantize_linear(uint32_t k, eao_sample *s) {
  static const eao_dtype from[] = {EAO_I8, EAO_I32, EAO_U8, EAO_U16, EAO_I4, EAO_U4};
  static const eao_dtype to[] = {EAO_F32, EAO_F32, EAO_F16, EAO_BF16, EAO_F32, EAO_F32};
  if (!sample_scales(k, s)) return false;
  s->in[0].dtype = s->in[2].dtype = from[k];
  s->in[1].dtype = to[k];
  s->hi[0] = 7;
  return true;
}

static bool sample_dynamic_quantize_linear(uint32_t k, eao_sample *s) {
  if (k >= 3) return false;
  s->n_in = 1;
  s->n_out = 3;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {3, 5}};
  s->lo[0] = k == 1 ? 1 : -3;
  s->hi[0] = k == 2 ? -1 : 4;
  return true;
}

/* ---- the table ---- */

static const eao_attr_desc cast_attrs[] = {
    {.name = "to",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_cast_attr, to),
     .doc = "type of the result"},
};

static const eao_attr_desc quantize_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_quantize_attr, axis),
     .def = 1,
     .doc = "axis that has its own scales or blocks"},
    {.name = "block_size",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_quantize_attr, block_size),
     .doc = "elements of the axis that share a scale; 0: not blocked"},
    {.name = "output_dtype",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_quantize_attr, output_dtype),
     .doc = "type of the result; none: as the other inputs say"},
};

const eao_op_desc eao_op_cast = {
    .name = "cast",
    .doc = "another element type; floats are truncated to integers",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE,
    .attr_size = sizeof(eao_cast_attr),
    .attrs = cast_attrs,
    .n_attrs = EAO_COUNT(cast_attrs),
    .onnx = "Cast",
    .onnx_since = 6,
    .infer = infer_cast,
    .ref = eao_ref_cast,
    .sample = sample_cast,
};

#define QUANTIZE(id, text, onnx_op, since)                                                         \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = 2,                                                    \
                                   .max_in = 3,                                                    \
                                   .min_out = 1,                                                   \
                                   .max_out = 1,                                                   \
                                   .attr_size = sizeof(eao_quantize_attr),                         \
                                   .attrs = quantize_attrs,                                        \
                                   .n_attrs = EAO_COUNT(quantize_attrs),                           \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = since,                                            \
                                   .infer = infer_##id,                                            \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_##id};

QUANTIZE(quantize_linear, "saturate(round(x / scale) + zero)", "QuantizeLinear", 10)
QUANTIZE(dequantize_linear, "(q - zero) * scale", "DequantizeLinear", 10)

const eao_op_desc eao_op_dynamic_quantize_linear = {
    .name = "dynamic_quantize_linear",
    .doc = "x as u8 over its own range, with the scale and zero point found",
    .min_in = 1,
    .max_in = 1,
    .min_out = 3,
    .max_out = 3,
    .onnx = "DynamicQuantizeLinear",
    .onnx_since = 11,
    .infer = infer_dynamic_quantize_linear,
    .ref = eao_ref_dynamic_quantize_linear,
    .sample = sample_dynamic_quantize_linear,
};
