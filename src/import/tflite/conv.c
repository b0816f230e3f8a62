/* Convolutions, pooling, matrix products. */
#include <string.h>

#include "import/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/hybrid.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"

static eao_status padding(eao_tfl_op *o, uint32_t slot, int32_t *out) {
  int64_t p = eao_ftab_i8(&o->opt, slot, TFL_PAD_SAME);
  if (p != TFL_PAD_SAME && p != TFL_PAD_VALID)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "padding %lld does not exist", (long long)p);
  *out = p == TFL_PAD_SAME ? EAO_PAD_SAME_UPPER : EAO_PAD_VALID;
  return EAO_OK;
}

/* h and w from two slots of the options. */
static eao_ints pair(const eao_tfl_op *o, uint32_t h, uint32_t w, int64_t def) {
  return (eao_ints){.n = 2, .v = {eao_ftab_i32(&o->opt, h, def), eao_ftab_i32(&o->opt, w, def)}};
}
static eao_ints triple(const eao_tfl_op *o, uint32_t d, uint32_t h, uint32_t w, int64_t def) {
  return (eao_ints){.n = 3,
                    .v = {eao_ftab_i32(&o->opt, d, def), eao_ftab_i32(&o->opt, h, def),
                          eao_ftab_i32(&o->opt, w, def)}};
}

/* Nameless zeros: how the exporter writes a missing bias, because XNNPACK wants one. */
static bool stands_for_none(const eao_value *bias) {
  const eao_tensor *t = &bias->t;
  if (!t->data || *bias->name || t->rank != 1) return false;
  for (int64_t i = 0; i < t->dim[0]; i++)
    if (eao_get_f64(t, i) != 0) return false;
  return true;
}

/* x, w and bias of the operator; n is 2 without bias. */
static eao_status weighted(eao_tfl_op *o, eao_vid *in, uint32_t *out_n) {
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  EAO_TRY(eao_tfl_in(o, 2, &in[2]));
  if (in[2] != EAO_NONE && stands_for_none(&o->s->g->value[in[2]])) in[2] = EAO_NONE;
  *out_n = in[2] == EAO_NONE ? 2 : 3;
  return EAO_OK;
}

/* What LiteRT does with a float x under integer weights w: XNNPACK's kernel where `delegated`,
 * otherwise its own. Weights of other types count as the reals they stand for. */
static int32_t hybrid_of(const eao_tfl_op *o, eao_vid x, eao_vid w, bool delegated, int32_t own) {
  const eao_tensor *xt = &o->s->g->value[x].t, *wt = &o->s->g->value[w].t;
  if (xt->dtype != EAO_F32 || (wt->dtype != EAO_I8 && wt->dtype != EAO_I4) || wt->quant.n < 1)
    return EAO_HYBRID_NONE;
  return delegated && wt->data ? EAO_HYBRID_QD8 : own;
}

/* CONV_2D's own kernel takes a zero point where scales differ between channels or groups exist.
 * XNNPACK makes a matrix product of a convolution that mixes the channels of single pixels. */
static int32_t conv_hybrid(const eao_tfl_op *o, const eao_vid *in, const eao_conv_attr *a) {
  const eao_tensor *w = &o->s->g->value[in[1]].t;
  bool differ = a->group != 1;
  for (int32_t i = 1; i < w->quant.n; i++)
    differ = differ || w->quant.scale[i] != w->quant.scale[0];
  int32_t mode = hybrid_of(o, in[0], in[1], w->dtype == EAO_I8,
                           differ ? EAO_HYBRID_ASYMMETRIC : EAO_HYBRID_SYMMETRIC);
  bool pixel = w->rank == 4 && w->dim[1] == 1 && w->dim[2] == 1 && a->strides.v[0] == 1 &&
               a->strides.v[1] == 1 && a->group == 1 && (w->dim[0] > 1 || w->dim[3] > 1);
  return mode == EAO_HYBRID_QD8 && pixel ? EAO_HYBRID_QD8_PIXEL : mode;
}

static eao_status conv_node(eao_tfl_op *o, eao_conv_attr *a) {
  eao_vid in[3], out;
  uint32_t n;
  EAO_TRY(weighted(o, in, &n));
  a->hybrid = o->row->code == TFL_CONV_2D
                  ? conv_hybrid(o, in, a)
                  : hybrid_of(o, in[0], in[1], false, EAO_HYBRID_ASYMMETRIC);
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_conv, a, in, n, &out, 1);
}

/* Fewer input channels in the filter than in x: the channels form groups. */
static eao_status groups(eao_tfl_op *o, int32_t axis, int64_t *out) {
  int64_t c, per_group;
  EAO_TRY(eao_tfl_dim(o, 0, axis, &c));
  EAO_TRY(eao_tfl_dim(o, 1, axis, &per_group));
  *out = 1;
  if (c <= 0 || per_group <= 0 || c == per_group) return EAO_OK;
  if (c % per_group)
    return eao_tfl_fail(o, EAO_ERR_SHAPE, "%lld channels do not divide into groups of %lld",
                        (long long)c, (long long)per_group);
  *out = c / per_group;
  return EAO_OK;
}

eao_status eao_tfl_conv_2d(eao_tfl_op *o) {
  eao_conv_attr a = {.layout = EAO_LAYOUT_CHANNELS_LAST, .w_layout = EAO_WLAYOUT_OKI};
  EAO_TRY(padding(o, TFL_CONV2D_PADDING, &a.auto_pad));
  EAO_TRY(eao_tfl_act(o, TFL_CONV2D_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(groups(o, 3, &a.group));
  a.strides = pair(o, TFL_CONV2D_STRIDE_H, TFL_CONV2D_STRIDE_W, 0);
  a.dilations = pair(o, TFL_CONV2D_DILATION_H_FACTOR, TFL_CONV2D_DILATION_W_FACTOR, 1);
  return conv_node(o, &a);
}

eao_status eao_tfl_depthwise(eao_tfl_op *o) {
  eao_conv_attr a = {.layout = EAO_LAYOUT_CHANNELS_LAST, .w_layout = EAO_WLAYOUT_1KO};
  int64_t outputs, mult = eao_ftab_i32(&o->opt, TFL_DEPTHWISE_CONV2D_DEPTH_MULTIPLIER, 0);
  EAO_TRY(padding(o, TFL_DEPTHWISE_CONV2D_PADDING, &a.auto_pad));
  EAO_TRY(eao_tfl_act(o, TFL_DEPTHWISE_CONV2D_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(eao_tfl_dim(o, 1, 3, &outputs));
  if (mult < 1 || outputs < mult || outputs % mult)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%lld filters with a depth multiplier of %lld",
                        (long long)outputs, (long long)mult);
  a.group = outputs / mult;
  a.strides = pair(o, TFL_DEPTHWISE_CONV2D_STRIDE_H, TFL_DEPTHWISE_CONV2D_STRIDE_W, 0);
  a.dilations =
      pair(o, TFL_DEPTHWISE_CONV2D_DILATION_H_FACTOR, TFL_DEPTHWISE_CONV2D_DILATION_W_FACTOR, 1);
  return conv_node(o, &a);
}

/* A constant filter [d, h, w, in, out] as [out, d, h, w, in]. */
static eao_status turned_filter_3d(eao_tfl_op *o, eao_vid v, eao_vid *out) {
  eao_tensor t = o->s->g->value[v].t;
  const float *from = t.data;
  int64_t n = eao_tensor_count(&t), outs = t.dim[4], rest = outs ? n / outs : 0;
  for (int32_t i = 4; i > 0; i--) t.dim[i] = t.dim[i - 1];
  t.dim[0] = outs;
  float *to = t.data = eao_arena_array(&o->m->g->arena, (uint64_t)n + 1, sizeof *to);
  if (!to) return EAO_NOMEM(o->m->ctx);
  for (int64_t i = 0; i < n; i++) to[i % outs * rest + i / outs] = from[i];
  return eao_graph_add_value(o->s->g, o->s->g->value[v].name, &t, out);
}

/* The filter of CONV_3D is [d, h, w, in, out]. */
eao_status eao_tfl_conv_3d(eao_tfl_op *o) {
  eao_conv_attr a = {.layout = EAO_LAYOUT_CHANNELS_LAST, .w_layout = EAO_WLAYOUT_OKI, .group = 1};
  eao_transpose_attr perm = {{.n = 5, .v = {4, 0, 1, 2, 3}}};
  eao_vid in[3], out, w;
  uint32_t n;
  EAO_TRY(padding(o, TFL_CONV3D_PADDING, &a.auto_pad));
  EAO_TRY(eao_tfl_act(o, TFL_CONV3D_FUSED_ACTIVATION_FUNCTION, &a.act));
  a.strides = triple(o, TFL_CONV3D_STRIDE_D, TFL_CONV3D_STRIDE_H, TFL_CONV3D_STRIDE_W, 0);
  a.dilations = triple(o, TFL_CONV3D_DILATION_D_FACTOR, TFL_CONV3D_DILATION_H_FACTOR,
                       TFL_CONV3D_DILATION_W_FACTOR, 1);
  EAO_TRY(weighted(o, in, &n));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  const eao_tensor from = o->s->g->value[in[1]].t;
  if (from.data && from.rank == 5 && from.dtype == EAO_F32) {
    EAO_TRY(turned_filter_3d(o, in[1], &in[1]));
    return eao_tfl_node(o, EAO_OP_conv, &a, in, n, &out, 1);
  }
  EAO_TRY(eao_tfl_temp(o, in[1], &w));
  EAO_TRY(eao_tfl_node(o, EAO_OP_transpose, &perm, &in[1], 1, &w, 1));
  in[1] = w;
  return eao_tfl_node(o, EAO_OP_conv, &a, in, n, &out, 1);
}

/* ---- transposed convolution: the file gives the output's extents ---- */

/* Padding as for the convolution from y to x, and what is left of y beyond the last window. */
static eao_status transposed_pads(eao_tfl_op *o, eao_conv_transpose_attr *a, int64_t x, int64_t y,
                                  int64_t k, int32_t d, int32_t n) {
  int64_t s = a->strides.v[d], begin = 0;
  if (s < 1 || y < 1 || x < 0 || k < 1)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "extents or strides are not known or not positive");
  int64_t full = (x - 1) * s + k;
  if (a->auto_pad == EAO_PAD_SAME_UPPER) {
    int64_t total = ((y + s - 1) / s - 1) * s + k - y;
    begin = total > 0 ? total / 2 : 0;
  }
  int64_t end = full - begin - y;
  a->pads.v[d] = begin;
  a->pads.v[n + d] = end > 0 ? end : 0;
  a->output_padding.v[d] = end < 0 ? -end : 0;
  return EAO_OK;
}

/* y's spatial extents: the shape input, or what the file declares when that is computed. */
static eao_status output_extents(eao_tfl_op *o, int32_t rank, int64_t *out) {
  eao_vid v;
  int32_t n;
  EAO_TRY(eao_tfl_need(o, 0, &v));
  if (o->s->g->value[v].t.data) {
    EAO_TRY(eao_tfl_ints(o, 0, "the output shape", out, rank, &n));
    if (n != rank) return eao_tfl_fail(o, EAO_ERR_FORMAT, "the output shape has %d entries", n);
    return EAO_OK;
  }
  eao_tensor t;
  if (!o->out.n) return eao_tfl_fail(o, EAO_ERR_FORMAT, "it has no output");
  EAO_TRY(eao_tfl_type_of(o->s, eao_fvec_i32(o->out, 0), &t));
  if (t.rank != rank)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "the output shape is computed at run time");
  memcpy(out, t.dim, (size_t)rank * sizeof *out);
  return EAO_OK;
}

eao_status eao_tfl_transpose_conv(eao_tfl_op *o) {
  eao_conv_transpose_attr a = {
      .layout = EAO_LAYOUT_CHANNELS_LAST, .w_layout = EAO_WLAYOUT_OKI, .group = 1};
  eao_vid in[3], out;
  int64_t shape[4], x, k;
  EAO_TRY(padding(o, TFL_TRANSPOSE_CONV_PADDING, &a.auto_pad));
  EAO_TRY(eao_tfl_act(o, TFL_TRANSPOSE_CONV_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(output_extents(o, 4, shape));
  a.strides = pair(o, TFL_TRANSPOSE_CONV_STRIDE_H, TFL_TRANSPOSE_CONV_STRIDE_W, 0);
  a.pads.n = 4;
  a.output_padding.n = 2;
  for (int32_t d = 0; d < 2; d++) {
    EAO_TRY(eao_tfl_dim(o, 2, d + 1, &x));
    EAO_TRY(eao_tfl_dim(o, 1, d + 1, &k));
    EAO_TRY(transposed_pads(o, &a, x, shape[d + 1], k, d, 2));
  }
  a.auto_pad = EAO_PAD_EXPLICIT;
  EAO_TRY(eao_tfl_need(o, 2, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  a.hybrid = hybrid_of(o, in[0], in[1], o->s->g->value[in[1]].t.dtype == EAO_I8, EAO_HYBRID_NONE);
  EAO_TRY(eao_tfl_in(o, 3, &in[2]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_conv_transpose, &a, in, in[2] == EAO_NONE ? 2 : 3, &out, 1);
}

/* The filter of CONV_3D_TRANSPOSE is [d, h, w, out, in]. */
eao_status eao_tfl_conv_3d_transpose(eao_tfl_op *o) {
  eao_conv_transpose_attr a = {
      .layout = EAO_LAYOUT_CHANNELS_LAST, .w_layout = EAO_WLAYOUT_OKI, .group = 1};
  eao_transpose_attr perm = {{.n = 5, .v = {3, 0, 1, 2, 4}}};
  eao_vid in[3], out, w;
  int64_t shape[5], x, k;
  EAO_TRY(padding(o, TFL_CONV3D_PADDING, &a.auto_pad));
  EAO_TRY(eao_tfl_act(o, TFL_CONV3D_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(output_extents(o, 5, shape));
  a.strides = triple(o, TFL_CONV3D_STRIDE_D, TFL_CONV3D_STRIDE_H, TFL_CONV3D_STRIDE_W, 0);
  a.pads.n = 6;
  a.output_padding.n = 3;
  for (int32_t d = 0; d < 3; d++) {
    EAO_TRY(eao_tfl_dim(o, 2, d + 1, &x));
    EAO_TRY(eao_tfl_dim(o, 1, d, &k));
    EAO_TRY(transposed_pads(o, &a, x, shape[d + 1], k, d, 3));
  }
  a.auto_pad = EAO_PAD_EXPLICIT;
  EAO_TRY(eao_tfl_need(o, 2, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  a.hybrid = hybrid_of(o, in[0], in[1], o->s->g->value[in[1]].t.dtype == EAO_I8, EAO_HYBRID_NONE);
  EAO_TRY(eao_tfl_in(o, 3, &in[2]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(eao_tfl_temp(o, in[1], &w));
  EAO_TRY(eao_tfl_node(o, EAO_OP_transpose, &perm, &in[1], 1, &w, 1));
  in[1] = w;
  return eao_tfl_node(o, EAO_OP_conv_transpose, &a, in, in[2] == EAO_NONE ? 2 : 3, &out, 1);
}

/* ---- pooling ---- */

static eao_status pool_attr(eao_tfl_op *o, eao_pool_attr *a) {
  *a = (eao_pool_attr){.layout = EAO_LAYOUT_CHANNELS_LAST};
  EAO_TRY(padding(o, TFL_POOL2D_PADDING, &a->auto_pad));
  EAO_TRY(eao_tfl_act(o, TFL_POOL2D_FUSED_ACTIVATION_FUNCTION, &a->act));
  a->strides = pair(o, TFL_POOL2D_STRIDE_H, TFL_POOL2D_STRIDE_W, 0);
  a->kernel = pair(o, TFL_POOL2D_FILTER_HEIGHT, TFL_POOL2D_FILTER_WIDTH, 0);
  return EAO_OK;
}

eao_status eao_tfl_pool(eao_tfl_op *o) {
  eao_pool_attr a;
  eao_vid in, out;
  EAO_TRY(pool_attr(o, &a));
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, o->row->op, &a, &in, 1, &out, 1);
}

/* sqrt(average of squares) */
eao_status eao_tfl_l2_pool(eao_tfl_op *o) {
  eao_pool_attr a;
  eao_vid in, square, mean, root;
  EAO_TRY(pool_attr(o, &a));
  a.act = (eao_act){0};
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_temp(o, in, &square));
  EAO_TRY(eao_tfl_temp(o, in, &mean));
  EAO_TRY(eao_tfl_out_before_act(o, TFL_POOL2D_FUSED_ACTIVATION_FUNCTION, &root));
  EAO_TRY(eao_tfl_node(o, EAO_OP_square, NULL, &in, 1, &square, 1));
  EAO_TRY(eao_tfl_node(o, EAO_OP_avg_pool, &a, &square, 1, &mean, 1));
  EAO_TRY(eao_tfl_node(o, EAO_OP_sqrt, NULL, &mean, 1, &root, 1));
  return eao_tfl_act_node(o, TFL_POOL2D_FUSED_ACTIVATION_FUNCTION, root);
}

/* ---- matrix products ---- */

static int32_t fully_connected_hybrid(const eao_tfl_op *o, const eao_vid *in) {
  const eao_tensor *w = &o->s->g->value[in[1]].t;
  bool delegated = w->dtype == EAO_I8 || (w->rank == 2 && w->dim[1] % 2 == 0);
  bool asymmetric = eao_ftab_u8(&o->opt, TFL_FULLY_CONNECTED_ASYMMETRIC_QUANTIZE_INPUTS, 0) != 0;
  return hybrid_of(o, in[0], in[1], delegated,
                   asymmetric ? EAO_HYBRID_ASYMMETRIC : EAO_HYBRID_SYMMETRIC);
}

eao_status eao_tfl_fully_connected(eao_tfl_op *o) {
  eao_fully_connected_attr a = {0};
  eao_vid in[3], out;
  uint32_t n;
  int64_t format = eao_ftab_i8(&o->opt, TFL_FULLY_CONNECTED_WEIGHTS_FORMAT, 0);
  if (format != 0)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "weights format %lld (shuffled) is not supported",
                        (long long)format);
  a.keep_dims = eao_ftab_u8(&o->opt, TFL_FULLY_CONNECTED_KEEP_NUM_DIMS, 0) != 0;
  EAO_TRY(eao_tfl_act(o, TFL_FULLY_CONNECTED_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(weighted(o, in, &n));
  a.hybrid = fully_connected_hybrid(o, in);
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_fully_connected, &a, in, n, &out, 1);
}

/* Input i of a matrix product with its last two axes exchanged when `swap`. */
static eao_status matrix(eao_tfl_op *o, uint32_t i, bool swap, eao_vid *out) {
  eao_vid v;
  int32_t rank;
  EAO_TRY(eao_tfl_need(o, i, &v));
  *out = v;
  if (!swap) return EAO_OK;
  EAO_TRY(eao_tfl_rank(o, i, &rank));
  if (rank < 2) return eao_tfl_fail(o, EAO_ERR_SHAPE, "input %u has %d dimensions", i, rank);
  eao_transpose_attr a = {{.n = rank}};
  for (int32_t d = 0; d < rank; d++) a.perm.v[d] = d;
  a.perm.v[rank - 2] = rank - 1;
  a.perm.v[rank - 1] = rank - 2;
  EAO_TRY(eao_tfl_temp(o, v, out));
  return eao_tfl_node(o, EAO_OP_transpose, &a, &v, 1, out, 1);
}

/* An integer matrix under float rows is a fully connected layer, which knows attribute hybrid. */
static eao_status hybrid_matmul(eao_tfl_op *o, bool w_is_transposed) {
  eao_fully_connected_attr a = {.keep_dims = 1, .hybrid = EAO_HYBRID_QD8};
  eao_vid in[2], w, out;
  EAO_TRY(matrix(o, 0, eao_ftab_u8(&o->opt, TFL_BATCH_MAT_MUL_ADJ_X, 0) != 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &w));
  in[1] = w;
  if (!w_is_transposed) {
    eao_tensor t = o->s->g->value[w].t, from = t;
    t.dim[0] = from.dim[1];
    t.dim[1] = from.dim[0];
    if (t.quant.axis >= 0) t.quant.axis = 1 - t.quant.axis;
    t.data = eao_arena_alloc(&o->m->g->arena, (size_t)eao_tensor_count(&t));
    if (!t.data) return EAO_NOMEM(o->m->ctx);
    for (int64_t i = 0; i < t.dim[0]; i++)
      for (int64_t k = 0; k < t.dim[1]; k++)
        ((int8_t *)t.data)[i * t.dim[1] + k] = ((const int8_t *)from.data)[k * t.dim[0] + i];
    EAO_TRY(eao_graph_add_value(o->s->g, o->s->g->value[w].name, &t, &in[1]));
  }
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_fully_connected, &a, in, 2, &out, 1);
}

eao_status eao_tfl_batch_matmul(eao_tfl_op *o) {
  bool adj_y = eao_ftab_u8(&o->opt, TFL_BATCH_MAT_MUL_ADJ_Y, 0) != 0;
  eao_tensor x, y;
  eao_vid in[2], out;
  EAO_TRY(eao_tfl_constant(o->s, eao_fvec_i32(o->in, 0), &x));
  EAO_TRY(eao_tfl_constant(o->s, eao_fvec_i32(o->in, 1), &y));
  if (x.dtype == EAO_F32 && y.dtype == EAO_I8 && y.quant.n && y.data && y.rank == 2 &&
      (y.quant.n == 1 || y.quant.axis == (adj_y ? 0 : 1)))
    return hybrid_matmul(o, adj_y);
  EAO_TRY(matrix(o, 0, eao_ftab_u8(&o->opt, TFL_BATCH_MAT_MUL_ADJ_X, 0) != 0, &in[0]));
  EAO_TRY(matrix(o, 1, adj_y, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_matmul, NULL, in, 2, &out, 1);
}
