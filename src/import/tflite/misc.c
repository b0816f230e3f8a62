/* Casts, quantisation, normalisations, and operators that are made of several IR ops. */
#include <math.h>

#include "format/flex.h"
#include "import/tflite/tflite.h"
#include "kernel/ref/cast.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/detect.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/reduce.h"
#include "kernel/ref/resize.h"
#include "kernel/ref/signal.h"

static eao_status cast_to(eao_tfl_op *o, eao_vid in, eao_vid out) {
  eao_cast_attr a = {.to = (int32_t)o->s->g->value[out].t.dtype};
  return eao_tfl_node(o, EAO_OP_cast, &a, &in, 1, &out, 1);
}

eao_status eao_tfl_cast(eao_tfl_op *o) {
  eao_vid in, out;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return cast_to(o, in, out);
}

/* DEQUANTIZE also widens float16 weights. */
eao_status eao_tfl_dequantize(eao_tfl_op *o) {
  eao_vid in, out;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  if (eao_dtype_is_float(o->s->g->value[in].t.dtype)) return cast_to(o, in, out);
  return eao_tfl_node(o, EAO_OP_dequantize, NULL, &in, 1, &out, 1);
}

/* The weights were unpacked when they were read. */
eao_status eao_tfl_densify_op(eao_tfl_op *o) {
  eao_vid in, out;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  if (o->out.n == 1 && eao_fvec_i32(o->out, 0) >= 0 &&
      o->s->vid[eao_fvec_i32(o->out, 0)] == EAO_NONE) {
    o->s->vid[eao_fvec_i32(o->out, 0)] = in;
    return EAO_OK;
  }
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_identity, NULL, &in, 1, &out, 1);
}

eao_status eao_tfl_l2_norm(eao_tfl_op *o) {
  eao_lp_norm_attr a = {.axis = -1, .p = 2};
  eao_vid in, out;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out_before_act(o, TFL_L2_NORM_FUSED_ACTIVATION_FUNCTION, &out));
  EAO_TRY(eao_tfl_node(o, EAO_OP_lp_norm, &a, &in, 1, &out, 1));
  return eao_tfl_act_node(o, TFL_L2_NORM_FUSED_ACTIVATION_FUNCTION, out);
}

/* alpha multiplies the sum here, and the mean of the window in the IR op. */
eao_status eao_tfl_lrn(eao_tfl_op *o) {
  int64_t radius = eao_ftab_i32(&o->opt, TFL_LOCAL_RESPONSE_NORMALIZATION_RADIUS, 0);
  eao_lrn_attr a = {.size = 2 * radius + 1,
                    .bias = eao_ftab_f32(&o->opt, TFL_LOCAL_RESPONSE_NORMALIZATION_BIAS, 0),
                    .beta = eao_ftab_f32(&o->opt, TFL_LOCAL_RESPONSE_NORMALIZATION_BETA, 0),
                    .layout = EAO_LAYOUT_CHANNELS_LAST};
  eao_vid in, out;
  if (radius < 0) return eao_tfl_fail(o, EAO_ERR_FORMAT, "radius %lld", (long long)radius);
  a.alpha = eao_ftab_f32(&o->opt, TFL_LOCAL_RESPONSE_NORMALIZATION_ALPHA, 0) * (float)a.size;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_lrn, &a, &in, 1, &out, 1);
}

eao_status eao_tfl_resize(eao_tfl_op *o) {
  bool nearest = o->row->code == TFL_RESIZE_NEAREST_NEIGHBOR;
  bool align = eao_ftab_u8(&o->opt,
                           nearest ? TFL_RESIZE_NEAREST_NEIGHBOR_ALIGN_CORNERS
                                   : TFL_RESIZE_BILINEAR_ALIGN_CORNERS,
                           0) != 0;
  bool half = eao_ftab_u8(&o->opt,
                          nearest ? TFL_RESIZE_NEAREST_NEIGHBOR_HALF_PIXEL_CENTERS
                                  : TFL_RESIZE_BILINEAR_HALF_PIXEL_CENTERS,
                          0) != 0;
  eao_resize_attr a;
  eao_vid in[4] = {EAO_NONE, EAO_NONE, EAO_NONE, EAO_NONE}, out;
  eao_op_attr_defaults(eao_op_get(EAO_OP_resize), &a);
  a.axes = (eao_ints){.n = 2, .v = {1, 2}};
  a.mode = nearest ? EAO_RESIZE_NEAREST : EAO_RESIZE_LINEAR;
  a.nearest = align ? EAO_NEAREST_ROUND_PREFER_CEIL : EAO_NEAREST_FLOOR;
  a.coordinates = align     ? EAO_COORD_ALIGN_CORNERS
                  : !half   ? EAO_COORD_ASYMMETRIC
                  : nearest ? EAO_COORD_TF_HALF_PIXEL_NN
                            : EAO_COORD_HALF_PIXEL;
  if (align && half)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "both align_corners and half_pixel_centers");
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[3]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_resize, &a, in, 4, &out, 1);
}

/* ---- made of several ---- */

/* Number of boundaries that are not above x. */
eao_status eao_tfl_bucketize(eao_tfl_op *o) {
  eao_fvec list = eao_ftab_vec(&o->opt, TFL_BUCKETIZE_BOUNDARIES, 4);
  eao_tensor b = {.dtype = EAO_F32, .rank = 1, .dim = {list.n}}, any = {.rank = -1};
  eao_vid x, out, xf, col, pair[2], ge, count;
  int64_t last = -1;
  eao_reduce_attr reduce = {0};
  EAO_TRY(eao_tfl_need(o, 0, &x));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  b.data =
      eao_arena_dup(&o->m->g->arena, list.n ? (const void *)list.p : "", list.n ? list.n * 4 : 1);
  if (!b.data) return EAO_NOMEM(o->m->ctx);
  eao_graph *g = o->s->g;
  any.dtype = EAO_F32;
  EAO_TRY(eao_graph_add_value(g, "", &any, &xf));
  EAO_TRY(eao_graph_add_value(g, "", &any, &col));
  EAO_TRY(eao_graph_add_value(g, "", &b, &pair[1]));
  eao_vid bounds = pair[1];
  any.dtype = EAO_BOOL;
  EAO_TRY(eao_graph_add_value(g, "", &any, &ge));
  any.dtype = EAO_I32;
  EAO_TRY(eao_graph_add_value(g, "", &any, &count));
  EAO_TRY(cast_to(o, x, xf));
  pair[0] = xf;
  EAO_TRY(eao_tfl_list(o, &last, 1, &pair[1]));
  EAO_TRY(eao_tfl_node(o, EAO_OP_unsqueeze, NULL, pair, 2, &col, 1));
  EAO_TRY(eao_tfl_node(o, EAO_OP_greater_or_equal, NULL, (eao_vid[]){col, bounds}, 2, &ge, 1));
  EAO_TRY(cast_to(o, ge, count));
  EAO_TRY(eao_tfl_list(o, &last, 1, &pair[1]));
  pair[0] = count;
  return eao_tfl_node(o, EAO_OP_reduce_sum, &reduce, pair, 2, &out, 1);
}

/* Values in order of appearance, and which of them each element is. */
eao_status eao_tfl_unique(eao_tfl_op *o) {
  eao_unique_attr a = {.axis = EAO_NO_AXIS};
  eao_tensor t = {.dtype = EAO_I64, .rank = -1};
  eao_vid x, out[3] = {EAO_NONE, EAO_NONE, EAO_NONE}, index;
  EAO_TRY(eao_tfl_need(o, 0, &x));
  EAO_TRY(eao_tfl_out(o, 0, &out[0]));
  EAO_TRY(eao_tfl_out(o, 1, &index));
  bool wide = o->s->g->value[index].t.dtype == EAO_I64;
  out[2] = index;
  if (!wide) EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &out[2]));
  EAO_TRY(eao_tfl_node(o, EAO_OP_unique, &a, &x, 1, out, 3));
  return wide ? EAO_OK : cast_to(o, out[2], index);
}

/* Values that num_bits can hold between min and max, moved so that 0 is one of them. */
eao_status eao_tfl_fake_quant(eao_tfl_op *o) {
  int64_t bits = eao_ftab_i32(&o->opt, TFL_FAKE_QUANT_NUM_BITS, 0);
  bool narrow = eao_ftab_u8(&o->opt, TFL_FAKE_QUANT_NARROW_RANGE, 0) != 0;
  float lo = eao_ftab_f32(&o->opt, TFL_FAKE_QUANT_MIN, 0);
  float hi = eao_ftab_f32(&o->opt, TFL_FAKE_QUANT_MAX, 0);
  eao_vid in[3], out, clipped, q;
  if (bits < 2 || bits > 16 || !(lo <= 0) || !(hi >= 0) || !(hi > lo) || !isfinite(hi - lo))
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%lld bits from %g to %g", (long long)bits, (double)lo,
                        (double)hi);
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  float qmin = narrow ? 1 : 0, qmax = (float)((1 << bits) - 1);
  float *scale = eao_arena_alloc(&o->m->g->arena, sizeof *scale);
  int32_t *zero = eao_arena_alloc(&o->m->g->arena, sizeof *zero);
  if (!scale || !zero) return EAO_NOMEM(o->m->ctx);
  *scale = (hi - lo) / (qmax - qmin);
  float z = qmin - lo / *scale;
  *zero = (int32_t)(z < qmin ? qmin : z > qmax ? qmax : roundf(z));
  eao_tensor t = {.dtype = bits > 8 ? EAO_U16 : EAO_U8, .rank = -1, .quant = {-1, 1, scale, zero}};
  EAO_TRY(eao_tfl_const_like(o, in[0], (double)((qmin - (float)*zero) * *scale), &in[1]));
  EAO_TRY(eao_tfl_const_like(o, in[0], (double)((qmax - (float)*zero) * *scale), &in[2]));
  EAO_TRY(eao_tfl_temp(o, in[0], &clipped));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &q));
  EAO_TRY(eao_tfl_node(o, EAO_OP_clip, NULL, in, 3, &clipped, 1));
  EAO_TRY(eao_tfl_node(o, EAO_OP_quantize, NULL, &clipped, 1, &q, 1));
  return eao_tfl_node(o, EAO_OP_dequantize, NULL, &q, 1, &out, 1);
}

/* A complex number is a pair of floats on the last axis. */
eao_status eao_tfl_complex_abs(eao_tfl_op *o) {
  eao_reduce_attr a = {0};
  int64_t last = -1;
  eao_vid in[2], out;
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_list(o, &last, 1, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_reduce_l2, &a, in, 2, &out, 1);
}

eao_status eao_tfl_complex_part(eao_tfl_op *o) {
  eao_gather_attr a = {.axis = -1};
  int64_t which = o->row->code == TFL_IMAG;
  eao_vid in[2], out;
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_list(o, &which, -1, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_gather, &a, in, 2, &out, 1);
}

/* A real transform of the last axis, then a complex one of the axis before. */
eao_status eao_tfl_rfft2d(eao_tfl_op *o) {
  eao_tensor t = {.dtype = EAO_F32, .rank = -1};
  eao_dft_attr real = {.onesided = 1}, complex = {0};
  int64_t points[2], axis;
  int32_t n;
  eao_vid x[2], row[3], column[3], out;
  EAO_TRY(eao_tfl_need(o, 0, &x[0]));
  EAO_TRY(eao_tfl_ints(o, 1, "the length", points, 2, &n));
  if (n != 2) return eao_tfl_fail(o, EAO_ERR_FORMAT, "the length has %d entries", n);
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &row[0]));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &column[0]));
  axis = -1;
  EAO_TRY(eao_tfl_list(o, &axis, 1, &x[1]));
  EAO_TRY(eao_tfl_node(o, EAO_OP_unsqueeze, NULL, x, 2, &row[0], 1));
  axis = -2;
  EAO_TRY(eao_tfl_list(o, &points[1], -1, &row[1]));
  EAO_TRY(eao_tfl_list(o, &axis, -1, &row[2]));
  EAO_TRY(eao_tfl_node(o, EAO_OP_dft, &real, row, 3, &column[0], 1));
  axis = -3;
  EAO_TRY(eao_tfl_list(o, &points[0], -1, &column[1]));
  EAO_TRY(eao_tfl_list(o, &axis, -1, &column[2]));
  return eao_tfl_node(o, EAO_OP_dft, &complex, column, 3, &out, 1);
}

/* The custom operator's options are a FlexBuffers map. */
eao_status eao_tfl_detection(eao_tfl_op *o) {
  eao_detection_attr a;
  eao_fvec map = eao_ftab_vec(&o->tab, TFL_OPERATOR_CUSTOM_OPTIONS, 1);
  const eao_op_desc *d = eao_op_get(EAO_OP_detection_postprocess);
  eao_vid in[3], out[4];
  eao_op_attr_defaults(d, &a);
  for (uint32_t i = 0; i < d->n_attrs; i++) { /* the attributes have the map's names */
    char *at = (char *)&a + d->attrs[i].offset;
    double v;
    if (!map.n || !eao_flex_number(map.p, map.n, d->attrs[i].name, &v)) continue;
    if (!(fabs(v) < 2147483648.0))
      return eao_tfl_fail(o, EAO_ERR_FORMAT, "%s is %g", d->attrs[i].name, v);
    if (d->attrs[i].kind == EAO_ATTR_INT)
      *(int64_t *)(void *)at = (int64_t)v;
    else if (d->attrs[i].kind == EAO_ATTR_FLOAT)
      *(float *)(void *)at = (float)v;
    else if (d->attrs[i].kind == EAO_ATTR_BOOL)
      *(int32_t *)(void *)at = v != 0;
  }
  for (uint32_t i = 0; i < 3; i++) EAO_TRY(eao_tfl_need(o, i, &in[i]));
  for (uint32_t i = 0; i < 4; i++) EAO_TRY(eao_tfl_out(o, i, &out[i]));
  return eao_tfl_node(o, EAO_OP_detection_postprocess, &a, in, 3, out, 4);
}
