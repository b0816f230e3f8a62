/* Quantised ops. Where scales and zero points are constants they become part of the values' types
 * and the op is the plain one; where they are computed at run time the op is written out as
 * arithmetic on floats, or on exact integers where ONNX defines it so. */
#include "import/onnx/quant.h"

#include <math.h>
#include <string.h>

/* ---- types ---- */

bool onnx_q_const(const onnx_call *c, eao_vid scale, eao_vid zero) {
  return onnx_const(c, scale) && (zero == EAO_NONE || onnx_const(c, zero));
}

/* Scale and zero point as part of a type. axis matters when there are several scales. */
static eao_status quant_of(onnx_call *c, eao_vid scale, eao_vid zero, int32_t axis,
                           eao_quant *out) {
  const eao_tensor *s = onnx_const(c, scale), *z = onnx_const(c, zero);
  int64_t n = eao_tensor_count(s);
  if (s->rank > 1 || n < 1 || n > INT32_MAX || !eao_dtype_is_float(s->dtype))
    return onnx_fail(c, EAO_ERR_FORMAT, "scales must be one float or a list of floats");
  if (z && eao_tensor_count(z) != n)
    return onnx_fail(c, EAO_ERR_FORMAT, "%lld scales, but %lld zero points", (long long)n,
                     (long long)eao_tensor_count(z));
  float *scales = eao_arena_array(&c->g->root->arena, (uint64_t)n, sizeof *scales);
  int32_t *zeros = z ? eao_arena_array(&c->g->root->arena, (uint64_t)n, sizeof *zeros) : NULL;
  if (!scales || (z && !zeros)) return EAO_NOMEM(c->ctx);
  bool any = false;
  for (int64_t i = 0; i < n; i++) {
    scales[i] = (float)eao_get_f64(s, i);
    if (!(scales[i] >= 0) || isinf(scales[i]))
      return onnx_fail(c, EAO_ERR_FORMAT, "scale %g is not possible", (double)scales[i]);
    if (z) zeros[i] = (int32_t)eao_get_i64(z, i);
    if (z && zeros[i]) any = true;
  }
  *out = (eao_quant){n == 1 ? -1 : axis, (int32_t)n, scales, any ? zeros : NULL};
  return EAO_OK;
}

static bool same_quant(const eao_quant *a, const eao_quant *b) {
  if (a->n != b->n || a->axis != b->axis) return false;
  for (int32_t i = 0; i < a->n; i++)
    if (a->scale[i] != b->scale[i] || (a->zero ? a->zero[i] : 0) != (b->zero ? b->zero[i] : 0))
      return false;
  return true;
}

/* v read with a quantisation. A value that already has another one is read anew. */
static eao_status view_as(onnx_call *c, eao_vid v, const eao_quant *q, eao_vid *out) {
  eao_value *value = &c->g->value[v];
  *out = v;
  if (!value->t.quant.n) {
    value->t.quant = *q;
    return EAO_OK;
  }
  if (same_quant(&value->t.quant, q)) return EAO_OK;
  eao_tensor t = value->t;
  t.quant = *q;
  if (t.data) return eao_graph_add_value(c->g, NULL, &t, out);
  EAO_TRY(eao_graph_add_value(c->g, NULL, &t, out));
  return onnx_reshape_like(c, v, v, *out);
}

static eao_status check_type(onnx_call *c, eao_vid x, eao_vid zero) {
  if (zero != EAO_NONE && onnx_type(c, x)->dtype != onnx_type(c, zero)->dtype)
    return onnx_fail(c, EAO_ERR_TYPE, "%s values have a zero point of type %s",
                     eao_dtype_name(onnx_type(c, x)->dtype),
                     eao_dtype_name(onnx_type(c, zero)->dtype));
  return EAO_OK;
}

/* ---- run-time parameters ---- */

static eao_status dequantize_rt(onnx_call *c, eao_vid x, eao_vid scale, eao_vid zero, int32_t axis,
                                eao_dtype to, eao_vid *out) {
  EAO_TRY(onnx_begin(c, "dequantize_linear"));
  onnx_set_int(c, "axis", axis < 0 ? 0 : axis);
  if (to != onnx_type(c, scale)->dtype) onnx_set_int(c, "output_dtype", to);
  return onnx_end1(c, (eao_vid[]){x, scale, zero}, 3, out);
}

/* scale EAO_NONE: 1 */
static eao_status quantize_rt(onnx_call *c, eao_vid x, eao_vid scale, eao_vid zero, int32_t axis,
                              eao_dtype to, eao_vid *out) {
  if (scale == EAO_NONE) EAO_TRY(onnx_scalar(c, EAO_F32, 1, &scale));
  EAO_TRY(onnx_begin(c, "quantize_linear"));
  onnx_set_int(c, "axis", axis < 0 ? 0 : axis);
  if (zero == EAO_NONE) onnx_set_int(c, "output_dtype", to);
  return onnx_end1(c, (eao_vid[]){x, scale, zero}, 3, out);
}

/* ---- parts of lowerings ---- */

eao_status onnx_dequantize(onnx_call *c, eao_vid x, eao_vid scale, eao_vid zero, int32_t axis,
                           eao_dtype to, eao_vid *out) {
  eao_quant q;
  EAO_TRY(check_type(c, x, zero));
  if (!onnx_q_const(c, scale, zero)) return dequantize_rt(c, x, scale, zero, axis, to, out);
  EAO_TRY(quant_of(c, scale, zero, axis, &q));
  EAO_TRY(view_as(c, x, &q, &x));
  EAO_TRY(onnx_begin(c, "dequantize"));
  EAO_TRY(eao_graph_add_value(c->g, NULL, &(eao_tensor){.dtype = to, .rank = -1}, out));
  return onnx_end(c, &x, 1, out, 1);
}

static eao_dtype type_of_zero(onnx_call *c, eao_vid zero, eao_dtype def) {
  return zero == EAO_NONE ? def : onnx_type(c, zero)->dtype;
}

/* Declares out as quantised; the op that computes it stores in that type. */
static eao_status declare_q(onnx_call *c, eao_vid out, eao_dtype to, eao_vid scale, eao_vid zero,
                            int32_t axis) {
  eao_quant q;
  EAO_TRY(quant_of(c, scale, zero, axis, &q));
  c->g->value[out].t.dtype = to;
  c->g->value[out].t.quant = q;
  return EAO_OK;
}

eao_status onnx_q_in(onnx_call *c, bool typed, uint32_t i, int32_t axis, eao_vid *out) {
  eao_vid x = onnx_in(c, i), scale = onnx_in(c, i + 1), zero = onnx_in(c, i + 2);
  eao_quant q;
  if (x == EAO_NONE || scale == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "input %u or its scale is missing", i);
  EAO_TRY(check_type(c, x, zero));
  if (!typed) return dequantize_rt(c, x, scale, zero, axis, EAO_F32, out);
  EAO_TRY(quant_of(c, scale, zero, axis, &q));
  return view_as(c, x, &q, out);
}

eao_status onnx_q_end(onnx_call *c, bool typed, const eao_vid *in, uint32_t n, uint32_t i_scale,
                      eao_dtype like) {
  eao_vid scale = onnx_in(c, i_scale), zero = onnx_in(c, i_scale + 1), y;
  eao_dtype to = type_of_zero(c, zero, like);
  if (typed) {
    EAO_TRY(declare_q(c, c->out[0], to, scale, zero, -1));
    return onnx_end_out(c, in, n);
  }
  EAO_TRY(onnx_end1(c, in, n, &y));
  EAO_TRY(quantize_rt(c, y, scale, zero, -1, to, &y));
  return onnx_result(c, 0, y);
}

bool onnx_q_typed(const onnx_call *c, const uint32_t *scale, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (!onnx_q_const(c, onnx_in(c, scale[i]), onnx_in(c, scale[i] + 1))) return false;
  return true;
}

static eao_dtype dtype_in(onnx_call *c, uint32_t i) {
  eao_vid v = onnx_in(c, i);
  return v == EAO_NONE ? EAO_DTYPE_NONE : onnx_type(c, v)->dtype;
}

/* ---- QuantizeLinear, DequantizeLinear ---- */

/* Axis of a list of scales; -1: one scale. */
static eao_status axis_of(onnx_call *c, eao_vid x, eao_vid scale, int32_t *out) {
  int64_t axis = onnx_attr_int(c, "axis", 1);
  int32_t rank;
  *out = -1;
  if (onnx_type(c, scale)->rank == 0) return EAO_OK;
  EAO_TRY(onnx_rank(c, x, &rank));
  if (rank <= 1) axis = 0; /* the default does not fit a list */
  if (axis < -rank || axis >= rank)
    return onnx_fail(c, EAO_ERR_FORMAT, "axis %lld of a tensor of rank %d", (long long)axis, rank);
  *out = (int32_t)(axis < 0 ? axis + rank : axis);
  return EAO_OK;
}

/* The op whose parameters are inputs: they are computed, or there is one for each block. */
static eao_status qdq_inputs(onnx_call *c) {
  (void)onnx_attr_int(c, "saturate", 1);
  (void)onnx_attr_int(c, "precision", 0);
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

static bool is_typed(onnx_call *c) {
  return onnx_attr_int(c, "block_size", 0) == 0 && onnx_q_const(c, onnx_in(c, 1), onnx_in(c, 2));
}

static eao_status output_dtype(onnx_call *c, eao_dtype def, eao_dtype *out) {
  int64_t code = onnx_attr_int(c, "output_dtype", 0);
  *out = code ? onnx_dtype(code > 0 && code < 64 ? (int32_t)code : 0) : def;
  if (*out) return EAO_OK;
  return onnx_fail(c, EAO_ERR_UNSUPPORTED, "element type %lld of the result", (long long)code);
}

eao_status onnx_quantize_linear(onnx_call *c) {
  eao_vid x = onnx_in(c, 0), scale = onnx_in(c, 1), zero = onnx_in(c, 2);
  eao_dtype to;
  int32_t axis;
  if (x == EAO_NONE || scale == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  if (!is_typed(c)) return qdq_inputs(c);
  (void)onnx_attr_int(c, "saturate", 1);
  (void)onnx_attr_int(c, "precision", 0);
  EAO_TRY(axis_of(c, x, scale, &axis));
  EAO_TRY(output_dtype(c, EAO_U8, &to));
  to = type_of_zero(c, zero, to);
  if (!eao_dtype_is_float(onnx_type(c, x)->dtype)) EAO_TRY(onnx_cast(c, x, EAO_F32, &x));
  EAO_TRY(onnx_begin(c, "quantize"));
  EAO_TRY(declare_q(c, c->out[0], to, scale, zero, axis));
  return onnx_end_out(c, &x, 1);
}

eao_status onnx_dequantize_linear(onnx_call *c) {
  eao_vid x = onnx_in(c, 0), scale = onnx_in(c, 1), zero = onnx_in(c, 2);
  eao_dtype to;
  eao_quant q;
  int32_t axis;
  if (x == EAO_NONE || scale == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  EAO_TRY(check_type(c, x, zero));
  if (!is_typed(c)) return qdq_inputs(c);
  EAO_TRY(axis_of(c, x, scale, &axis));
  EAO_TRY(output_dtype(c, onnx_type(c, scale)->dtype, &to));
  EAO_TRY(quant_of(c, scale, zero, axis, &q));
  EAO_TRY(view_as(c, x, &q, &x));
  EAO_TRY(onnx_begin(c, "dequantize"));
  c->g->value[c->out[0]].t.dtype = to;
  return onnx_end_out(c, &x, 1);
}

eao_status onnx_dynamic_quantize(onnx_call *c, eao_vid x, eao_vid *y, eao_vid *scale,
                                 eao_vid *zero) {
  EAO_TRY(onnx_new_value(c, y));
  EAO_TRY(onnx_new_value(c, scale));
  EAO_TRY(onnx_new_value(c, zero));
  EAO_TRY(onnx_begin(c, "dynamic_quantize_linear"));
  return onnx_end(c, &x, 1, (eao_vid[]){*y, *scale, *zero}, 3);
}

/* ---- QLinear ops ---- */

/* Bias at s_x * s_w: as a type, or as floats. */
static eao_status conv_bias(onnx_call *c, bool typed, eao_vid *out) {
  eao_vid b = onnx_in(c, 8), xs = onnx_in(c, 1), ws = onnx_in(c, 4);
  *out = b;
  if (b == EAO_NONE) return EAO_OK;
  if (!typed) {
    EAO_TRY(onnx_cast(c, b, EAO_F32, &b));
    EAO_TRY(onnx_binary(c, "mul", b, xs, &b));
    return onnx_binary(c, "mul", b, ws, out);
  }
  eao_quant q;
  EAO_TRY(quant_of(c, ws, EAO_NONE, 0, &q));
  float sx = (float)eao_get_f64(onnx_const(c, xs), 0);
  for (int32_t i = 0; i < q.n; i++) ((float *)(uintptr_t)q.scale)[i] *= sx;
  return view_as(c, b, &q, out);
}

eao_status onnx_qlinear_conv(onnx_call *c) {
  bool typed = onnx_q_typed(c, (const uint32_t[]){1, 4, 6}, 3);
  eao_vid in[3];
  EAO_TRY(onnx_q_in(c, typed, 0, 1, &in[0]));
  EAO_TRY(onnx_q_in(c, typed, 3, 0, &in[1]));
  EAO_TRY(conv_bias(c, typed, &in[2]));
  EAO_TRY(onnx_begin(c, "conv"));
  EAO_TRY(onnx_take(c));
  if (onnx_attr_int(c, "channels_last", 0)) onnx_set_enum(c, "layout", "channels_last");
  return onnx_q_end(c, typed, in, 3, 6, dtype_in(c, 0));
}

/* Constant matrix [K, N] -> [N, K]. */
static eao_status transposed(onnx_call *c, eao_vid b, eao_vid *out) {
  const eao_tensor *t = onnx_const(c, b);
  eao_tensor type = *t, data;
  type.data = NULL;
  type.dim[0] = t->dim[1];
  type.dim[1] = t->dim[0];
  eao_tensor from = *t;
  type.quant = (eao_quant){0};
  EAO_TRY(onnx_blank(c, &type, out, &data));
  for (int64_t k = 0; k < from.dim[0]; k++)
    for (int64_t n = 0; n < from.dim[1]; n++)
      eao_set_i64(&data, n * from.dim[0] + k, eao_get_i64(&from, k * from.dim[1] + n));
  return EAO_OK;
}

/* A constant matrix on the right: a fully connected layer. */
static eao_status qlinear_dense(onnx_call *c, eao_vid a, eao_vid b) {
  eao_quant q;
  eao_vid w;
  EAO_TRY(transposed(c, b, &w));
  EAO_TRY(quant_of(c, onnx_in(c, 4), onnx_in(c, 5), 0, &q));
  EAO_TRY(view_as(c, w, &q, &w));
  EAO_TRY(onnx_begin(c, "fully_connected"));
  onnx_set_int(c, "keep_dims", 1);
  return onnx_q_end(c, true, (eao_vid[]){a, w}, 2, 6, dtype_in(c, 0));
}

static eao_status qlinear_matmul(onnx_call *c) {
  bool typed = onnx_q_typed(c, (const uint32_t[]){1, 4, 6}, 3);
  eao_vid a = onnx_in(c, 0), b = onnx_in(c, 3), y, m;
  if (a == EAO_NONE || b == EAO_NONE || onnx_in(c, 7) == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  const eao_tensor *bt = onnx_const(c, b), *as = onnx_const(c, onnx_in(c, 1));
  if (typed && bt && bt->data && bt->rank == 2 && eao_tensor_count(as) == 1 &&
      onnx_type(c, a)->rank >= 2) {
    EAO_TRY(onnx_q_in(c, true, 0, -1, &a));
    return qlinear_dense(c, a, b);
  }
  /* Exact integers, then rne(sum * (s_a * s_b / s_y)) + z_y. */
  EAO_TRY(onnx_begin(c, "matmul_integer"));
  EAO_TRY(onnx_end1(c, (eao_vid[]){a, b, onnx_in(c, 2), onnx_in(c, 5)}, 4, &y));
  EAO_TRY(onnx_cast(c, onnx_in(c, 1), EAO_F32, &m));
  EAO_TRY(onnx_cast(c, onnx_in(c, 4), EAO_F32, &b));
  EAO_TRY(onnx_binary(c, "mul", m, b, &m));
  EAO_TRY(onnx_cast(c, onnx_in(c, 6), EAO_F32, &b));
  EAO_TRY(onnx_binary(c, "div", m, b, &m));
  EAO_TRY(onnx_cast(c, y, EAO_F32, &y));
  EAO_TRY(onnx_binary(c, "mul", y, m, &y));
  EAO_TRY(quantize_rt(c, y, EAO_NONE, onnx_in(c, 7), -1, dtype_in(c, 7), &y));
  return onnx_result(c, 0, y);
}

const onnx_rule onnx_rules_quant[] = {
    {"QuantizeLinear", 10, 0, onnx_quantize_linear, "quantize_linear"},
    {"DequantizeLinear", 10, 0, onnx_dequantize_linear, "dequantize_linear"},
    {"QLinearConv", 10, 0, onnx_qlinear_conv, NULL},
    {"QLinearMatMul", 10, 0, qlinear_matmul, NULL},
    {0},
};
