/* quantize and dequantize: quantisation is part of the values' types, not of the ops. (ONNX's
 * QuantizeLinear, whose scale is an input, is another op.) */
#include "kernel/ref/quant.h"
#include "op/op.h"

static eao_status infer_quantize(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  eao_tensor *y = &f->out[0];
  eao_dtype to = y->dtype;
  EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  if (!eao_dtype_is_int(to) || !y->quant.n)
    return eao_infer_fail(f, EAO_ERR_TYPE, "the result must be declared with a quantised type");
  if (eao_dtype_bits(to) > 32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "cannot quantise to %s", eao_dtype_name(to));
  eao_infer_like(f, 0, x);
  y->dtype = to;
  if (y->quant.axis >= 0 && y->rank >= 0 &&
      (y->quant.axis >= y->rank ||
       (y->dim[y->quant.axis] >= 0 && y->dim[y->quant.axis] != y->quant.n)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%d scales along axis %d do not fit the shape",
                          y->quant.n, y->quant.axis);
  return EAO_OK;
}

static eao_status infer_dequantize(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  eao_dtype to = f->out[0].dtype;
  EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  eao_infer_like(f, 0, x);
  f->out[0].dtype = eao_dtype_is_float(to) ? to : EAO_F32;
  return EAO_OK;
}

static const float scales[] = {0.02f, 0.5f, 0.01f, 0.03f};
static const int32_t zeros[] = {3, -10, 0, 100};

static eao_quant per_tensor(int32_t k) {
  return (eao_quant){.axis = -1, .n = 1, .scale = &scales[k], .zero = &zeros[k]};
}

static eao_tensor plain(eao_dtype t) {
  return (eao_tensor){.dtype = t, .rank = 2, .dim = {5, 3}};
}

static bool sample_quantize(uint32_t k, eao_sample *s) {
  static const eao_dtype from[] = {EAO_F32, EAO_F32, EAO_F16, EAO_F32, EAO_I8, EAO_U8, EAO_I16};
  static const eao_dtype to[] = {EAO_I8, EAO_U8, EAO_I8, EAO_I16, EAO_I8, EAO_I8, EAO_I8};
  static const float s3[] = {0.01f, 0.02f, 0.03f};
  if (k > EAO_COUNT(from)) return false;
  s->n_in = s->n_out = 1;
  if (k == EAO_COUNT(from)) { /* per axis */
    s->in[0] = plain(EAO_F32);
    s->out[0] = plain(EAO_I8);
    s->out[0].quant = (eao_quant){.axis = 1, .n = 3, .scale = s3};
    return true;
  }
  s->in[0] = plain(from[k]);
  s->out[0] = plain(to[k]);
  s->out[0].quant = per_tensor(to[k] == EAO_U8 ? 3 : 0);
  if (eao_dtype_is_int(from[k])) {
    s->in[0].quant = per_tensor(2);
    s->lo[0] = from[k] == EAO_U8 ? 0 : -100;
    s->hi[0] = 100;
  }
  return true;
}

static bool sample_dequantize(uint32_t k, eao_sample *s) {
  static const eao_dtype from[] = {EAO_I8, EAO_U8, EAO_I16, EAO_I32, EAO_F16};
  if (k >= EAO_COUNT(from)) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = plain(from[k]);
  s->out[0] = plain(EAO_F32);
  if (from[k] != EAO_F16) {
    s->in[0].quant = per_tensor(0);
    s->lo[0] = 0;
    s->hi[0] = 100;
  }
  return true;
}

const eao_op_desc eao_op_quantize = {
    .name = "quantize",
    .doc = "to the quantised type that the result is declared with, from float or another one",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE,
    .infer = infer_quantize,
    .ref = eao_ref_quantize,
    .sample = sample_quantize,
};

const eao_op_desc eao_op_dequantize = {
    .name = "dequantize",
    .doc = "quantised integers (or f16) to the reals they stand for",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE,
    .infer = infer_dequantize,
    .ref = eao_ref_dequantize,
    .sample = sample_dequantize,
};
