/* Which TFLite operator a legal node is, and its options. */
#include <string.h>

#include "emit/tflite/tflite.h"
#include "format/flex.h"
#include "kernel/kernel.h"
#include "kernel/ref/cast.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/hybrid.h"
#include "kernel/ref/make.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/reduce.h"
#include "kernel/ref/resize.h"
#include "kernel/ref/slice.h"
#include "kernel/ref/space.h"
#include "kernel/ref/tflite_seq.h"
#include "op/control.h"

static eao_status refuse(eao_tfw_sub *s, const char *what) {
  return eao_fail(s->w->ctx, EAO_ERR_UNSUPPORTED, "TFLite cannot express %s", what);
}

/* Integer fields that are 0 are left out: that is their default. */
static void set(eao_tfw_sub *s, uint32_t slot, uint32_t size, int64_t v) {
  if (v) eao_fbuild_int(&s->w->b, slot, size, v);
}

static int64_t entry(const eao_ints *list, int32_t i, int64_t def) {
  return i < list->n ? list->v[i] : def;
}

static eao_status set_act(eao_tfw_sub *s, uint32_t slot, const eao_act *a) {
  int v = a->kind == EAO_ACT_NONE        ? TFL_ACT_NONE
          : a->kind == EAO_ACT_RELU      ? TFL_ACT_RELU
          : a->kind == EAO_ACT_RELU6     ? TFL_ACT_RELU6
          : a->kind == EAO_ACT_RELU_N1_1 ? TFL_ACT_RELU_N1_TO_1
          : a->kind == EAO_ACT_TANH      ? TFL_ACT_TANH
                                         : -1;
  if (v < 0) return refuse(s, "this fused activation");
  set(s, slot, 1, v);
  return EAO_OK;
}

static void set_padding(eao_tfw_sub *s, uint32_t slot, int32_t auto_pad) {
  set(s, slot, 1, auto_pad == EAO_PAD_SAME_UPPER ? TFL_PAD_SAME : TFL_PAD_VALID);
}

/* ---- convolution, pooling, matrix products ---- */

/* O D H W I -> D H W I O */
static eao_status filter_3d(eao_tfw_sub *s, eao_vid v, int32_t *out) {
  const eao_value *val = &s->g->value[v];
  eao_tensor t = val->t;
  uint64_t bytes;
  EAO_TRY(eao_tensor_nbytes(s->w->ctx, &t, &bytes));
  for (int32_t i = 0; i < 4; i++) t.dim[i] = val->t.dim[i + 1];
  t.dim[4] = val->t.dim[0];
  t.data = eao_alloc(s->w->ctx, (size_t)bytes + 8);
  if (!t.data) return EAO_NOMEM(s->w->ctx);
  int64_t n = eao_tensor_count(&t), o = t.dim[4], rest = o ? n / o : 0;
  for (int64_t i = 0; i < n; i++) eao_set_f64(&t, i, eao_get_f64(&val->t, i % o * rest + i / o));
  eao_status st = eao_tfw_own(s, val->name, &t, (size_t)bytes, out);
  eao_free(s->w->ctx, t.data);
  return st;
}

static eao_status conv_3d(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_conv_attr *a = n->attr;
  EAO_TRY(filter_3d(s, n->in[1], &op->in[1]));
  op->code = TFL_CONV_3D;
  op->options = TFL_O_Conv3DOptions;
  set_padding(s, TFL_CONV3D_PADDING, a->auto_pad);
  set(s, TFL_CONV3D_STRIDE_D, 4, entry(&a->strides, 0, 1));
  set(s, TFL_CONV3D_STRIDE_H, 4, entry(&a->strides, 1, 1));
  set(s, TFL_CONV3D_STRIDE_W, 4, entry(&a->strides, 2, 1));
  eao_fbuild_int(&s->w->b, TFL_CONV3D_DILATION_D_FACTOR, 4, entry(&a->dilations, 0, 1));
  eao_fbuild_int(&s->w->b, TFL_CONV3D_DILATION_H_FACTOR, 4, entry(&a->dilations, 1, 1));
  eao_fbuild_int(&s->w->b, TFL_CONV3D_DILATION_W_FACTOR, 4, entry(&a->dilations, 2, 1));
  return set_act(s, TFL_CONV3D_FUSED_ACTIVATION_FUNCTION, &a->act);
}

static eao_status conv(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_conv_attr *a = n->attr;
  const eao_tensor *w = &s->g->value[n->in[1]].t;
  if (w->rank == 5) return conv_3d(s, n, op);
  bool depthwise = a->w_layout == EAO_WLAYOUT_1KO;
  if (!depthwise) {
    set_padding(s, TFL_CONV2D_PADDING, a->auto_pad);
    set(s, TFL_CONV2D_STRIDE_H, 4, entry(&a->strides, 0, 1));
    set(s, TFL_CONV2D_STRIDE_W, 4, entry(&a->strides, 1, 1));
    eao_fbuild_int(&s->w->b, TFL_CONV2D_DILATION_H_FACTOR, 4, entry(&a->dilations, 0, 1));
    eao_fbuild_int(&s->w->b, TFL_CONV2D_DILATION_W_FACTOR, 4, entry(&a->dilations, 1, 1));
    return set_act(s, TFL_CONV2D_FUSED_ACTIVATION_FUNCTION, &a->act);
  }
  op->code = TFL_DEPTHWISE_CONV_2D;
  op->options = TFL_O_DepthwiseConv2DOptions;
  set_padding(s, TFL_DEPTHWISE_CONV2D_PADDING, a->auto_pad);
  set(s, TFL_DEPTHWISE_CONV2D_STRIDE_H, 4, entry(&a->strides, 0, 1));
  set(s, TFL_DEPTHWISE_CONV2D_STRIDE_W, 4, entry(&a->strides, 1, 1));
  set(s, TFL_DEPTHWISE_CONV2D_DEPTH_MULTIPLIER, 4, w->dim[3] / (a->group > 0 ? a->group : 1));
  eao_fbuild_int(&s->w->b, TFL_DEPTHWISE_CONV2D_DILATION_H_FACTOR, 4, entry(&a->dilations, 0, 1));
  eao_fbuild_int(&s->w->b, TFL_DEPTHWISE_CONV2D_DILATION_W_FACTOR, 4, entry(&a->dilations, 1, 1));
  return set_act(s, TFL_DEPTHWISE_CONV2D_FUSED_ACTIVATION_FUNCTION, &a->act);
}

/* The output's extents are the first input. */
static eao_status conv_transpose(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_conv_transpose_attr *a = n->attr;
  const eao_tensor *y = &s->g->value[n->out[0]].t;
  int32_t x = op->in[0], bias = op->n_in > 2 ? op->in[2] : -1;
  for (int32_t i = 0; i < y->rank; i++)
    if (y->dim[i] < 0) return refuse(s, "a transposed convolution of unknown extents");
  if (y->rank != 4) return refuse(s, "a transposed convolution that is not 2-D");
  EAO_TRY(eao_tfw_const(s, y->dim, 4, &op->in[0]));
  op->in[2] = x;
  op->in[3] = bias;
  op->n_in = bias < 0 ? 3 : 4;
  set_padding(s, TFL_TRANSPOSE_CONV_PADDING, a->auto_pad);
  set(s, TFL_TRANSPOSE_CONV_STRIDE_H, 4, entry(&a->strides, 0, 1));
  set(s, TFL_TRANSPOSE_CONV_STRIDE_W, 4, entry(&a->strides, 1, 1));
  return set_act(s, TFL_TRANSPOSE_CONV_FUSED_ACTIVATION_FUNCTION, &a->act);
}

static eao_status pool(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_pool_attr *a = n->attr;
  (void)op;
  set_padding(s, TFL_POOL2D_PADDING, a->auto_pad);
  set(s, TFL_POOL2D_STRIDE_H, 4, entry(&a->strides, 0, 1));
  set(s, TFL_POOL2D_STRIDE_W, 4, entry(&a->strides, 1, 1));
  set(s, TFL_POOL2D_FILTER_HEIGHT, 4, entry(&a->kernel, 0, 1));
  set(s, TFL_POOL2D_FILTER_WIDTH, 4, entry(&a->kernel, 1, 1));
  return set_act(s, TFL_POOL2D_FUSED_ACTIVATION_FUNCTION, &a->act);
}

static eao_status fully_connected(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_fully_connected_attr *a = n->attr;
  if (op->n_in == 2) { /* the bias is named even when there is none */
    op->in[2] = -1;
    op->n_in = 3;
  }
  set(s, TFL_FULLY_CONNECTED_KEEP_NUM_DIMS, 1, a->keep_dims);
  set(s, TFL_FULLY_CONNECTED_ASYMMETRIC_QUANTIZE_INPUTS, 1, a->hybrid == EAO_HYBRID_ASYMMETRIC);
  return set_act(s, TFL_FULLY_CONNECTED_FUSED_ACTIVATION_FUNCTION, &a->act);
}

/* ---- element-wise ---- */

static eao_status binary(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_binary_attr *a = n->attr;
  (void)op;
  return set_act(s, 0, &a->act); /* the first slot of all four */
}

static eao_status act(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_act *a = &((const eao_binary_attr *)n->attr)->act;
  bool clip = a->kind == EAO_ACT_CLIP;
  if (a->kind == EAO_ACT_RELU)
    op->code = TFL_RELU;
  else if (a->kind == EAO_ACT_RELU6 || (clip && a->a == 0 && a->b == 6))
    op->code = TFL_RELU6;
  else if (a->kind == EAO_ACT_RELU_N1_1 || (clip && a->a == -1 && a->b == 1))
    op->code = TFL_RELU_N1_TO_1;
  else if (clip && a->a == 0 && a->b == 1)
    op->code = TFL_RELU_0_TO_1;
  else if (a->kind == EAO_ACT_TANH)
    op->code = TFL_TANH;
  else
    return refuse(s, "this activation");
  return EAO_OK;
}

/* Bounds 0 and 6, -1 and 1, 0 and 1: legalisation leaves no others. */
static eao_status clip(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  double lo = eao_get_f64(&s->g->value[n->in[1]].t, 0),
         hi = eao_get_f64(&s->g->value[n->in[2]].t, 0);
  op->code = lo < 0 ? TFL_RELU_N1_TO_1 : hi > 1 ? TFL_RELU6 : TFL_RELU_0_TO_1;
  op->n_in = 1;
  return EAO_OK;
}

static eao_status leaky_relu(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  eao_fbuild_f32(&s->w->b, TFL_LEAKY_RELU_ALPHA, ((const eao_unary_attr *)n->attr)->alpha);
  return EAO_OK;
}

static eao_status elu(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  return ((const eao_unary_attr *)n->attr)->alpha == 1 ? EAO_OK : refuse(s, "elu with alpha not 1");
}

static eao_status gelu(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  set(s, TFL_GELU_APPROXIMATE, 1, ((const eao_gelu_attr *)n->attr)->approximate);
  return EAO_OK;
}

static eao_status bit_shift(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  return ((const eao_bit_shift_attr *)n->attr)->direction == 1 ? EAO_OK
                                                               : refuse(s, "a shift to the left");
}

static eao_status cast(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_tensor *x = &s->g->value[n->in[0]].t, *y = &s->g->value[n->out[0]].t;
  if (x->dtype == EAO_F16 && y->dtype == EAO_F32 && x->data) { /* weights */
    op->code = TFL_DEQUANTIZE;
    op->options = TFL_O_DequantizeOptions;
    return EAO_OK;
  }
  op->has_options = false; /* the tensors say it all */
  return EAO_OK;
}

/* ---- data movement ---- */

static eao_status reshape(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)s;
  (void)n;
  op->has_options = false;
  return EAO_OK;
}

static eao_status squeeze(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  int32_t axes[EAO_MAX_RANK], count = 0;
  if (n->n_in > 1 && n->in[1] != EAO_NONE) {
    const eao_tensor *t = &s->g->value[n->in[1]].t;
    if (!t->data) return refuse(s, "computed axes");
    count = (int32_t)eao_tensor_count(t);
    for (int32_t i = 0; i < count && i < EAO_MAX_RANK; i++) axes[i] = (int32_t)eao_get_i64(t, i);
  }
  eao_fbuild_ref(&s->w->b, TFL_SQUEEZE_SQUEEZE_DIMS,
                 count ? eao_fbuild_vec(&s->w->b, axes, (size_t)count, 4, 4) : 0);
  op->n_in = 1;
  return EAO_OK;
}

static eao_status transpose(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_ints *p = &((const eao_transpose_attr *)n->attr)->perm;
  int32_t rank = s->g->value[n->in[0]].t.rank;
  int64_t perm[EAO_MAX_RANK];
  if (!p->n && rank < 0) return refuse(s, "a transpose of unknown rank");
  for (int32_t i = 0; i < rank; i++) perm[i] = p->n ? p->v[i] : rank - 1 - i;
  op->n_in = 2;
  return eao_tfw_const(s, perm, p->n ? p->n : rank, &op->in[1]);
}

static eao_status concat(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  set(s, TFL_CONCATENATION_AXIS, 4, ((const eao_axis_attr *)n->attr)->axis);
  return EAO_OK;
}

static eao_status split(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_split_attr *a = n->attr;
  int32_t axis;
  EAO_TRY(eao_tfw_const(s, &a->axis, -1, &axis));
  if (n->n_in > 1) {
    op->code = TFL_SPLIT_V;
    op->options = TFL_O_SplitVOptions;
    op->in[2] = axis;
    op->n_in = 3;
  } else {
    op->in[1] = op->in[0];
    op->in[0] = axis;
    op->n_in = 2;
  }
  set(s, TFL_SPLIT_NUM_SPLITS, 4, n->n_out);
  return EAO_OK;
}

static eao_status strided_slice(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_strided_slice_attr *a = n->attr;
  (void)op;
  set(s, TFL_STRIDED_SLICE_BEGIN_MASK, 4, a->begin_mask);
  set(s, TFL_STRIDED_SLICE_END_MASK, 4, a->end_mask);
  set(s, TFL_STRIDED_SLICE_ELLIPSIS_MASK, 4, a->ellipsis_mask);
  set(s, TFL_STRIDED_SLICE_NEW_AXIS_MASK, 4, a->new_axis_mask);
  set(s, TFL_STRIDED_SLICE_SHRINK_AXIS_MASK, 4, a->shrink_axis_mask);
  set(s, TFL_STRIDED_SLICE_OFFSET, 1, a->offset);
  return EAO_OK;
}

static eao_status pad(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  int32_t mode = ((const eao_pad_attr *)n->attr)->mode;
  if (mode == EAO_PAD_CONSTANT) {
    if (op->n_in > 2) op->code = TFL_PADV2;
    if (op->n_in > 2) op->options = TFL_O_PadV2Options;
    return EAO_OK;
  }
  if (mode != EAO_PAD_REFLECT && mode != EAO_PAD_SYMMETRIC) return refuse(s, "this padding mode");
  op->code = TFL_MIRROR_PAD;
  op->options = TFL_O_MirrorPadOptions;
  set(s, TFL_MIRROR_PAD_MODE, 1, mode == EAO_PAD_SYMMETRIC);
  op->n_in = 2;
  return EAO_OK;
}

static eao_status gather(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_gather_attr *a = n->attr;
  (void)op;
  set(s, TFL_GATHER_AXIS, 4, a->axis);
  set(s, TFL_GATHER_BATCH_DIMS, 4, a->batch_dims);
  return EAO_OK;
}

static eao_status gather_nd(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  return ((const eao_gather_nd_attr *)n->attr)->batch_dims ? refuse(s, "gather_nd with batches")
                                                           : EAO_OK;
}

/* indices, updates, shape: the shape of the zeros that they are added to. */
static eao_status scatter_nd(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  if (((const eao_scatter_attr *)n->attr)->reduction != EAO_SCATTER_ADD ||
      !eao_tfe_is_zero_fill(s->g, n->in[0]))
    return refuse(s, "scattering into a tensor");
  const eao_node *fill = &s->g->node[s->g->value[n->in[0]].producer];
  op->in[0] = op->in[1];
  op->in[1] = op->in[2];
  return eao_tfw_tensor(s, fill->in[0], &op->in[2]);
}

static eao_status reverse_sequence(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_reverse_sequence_attr *a = n->attr;
  (void)op;
  set(s, TFL_REVERSE_SEQUENCE_SEQ_DIM, 4, a->time_axis);
  set(s, TFL_REVERSE_SEQUENCE_BATCH_DIM, 4, a->batch_axis);
  return EAO_OK;
}

static eao_status depth_space(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  set(s, TFL_SPACE_TO_DEPTH_BLOCK_SIZE, 4, ((const eao_depth_space_attr *)n->attr)->block);
  return EAO_OK;
}

static eao_status shape(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  set(s, TFL_SHAPE_OUT_TYPE, 1,
      ((const eao_shape_attr *)n->attr)->dtype == EAO_I64 ? TFL_T_INT64 : TFL_T_INT32);
  return EAO_OK;
}

/* ---- along axes ---- */

static eao_status reduce(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  (void)op;
  set(s, TFL_REDUCER_KEEP_DIMS, 1, ((const eao_reduce_attr *)n->attr)->keepdims);
  return EAO_OK;
}

static eao_status arg_extreme(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_arg_attr *a = n->attr;
  op->n_in = 2;
  set(s, TFL_ARG_MAX_OUTPUT_TYPE, 1, a->index_type == EAO_I32 ? TFL_T_INT32 : TFL_T_INT64);
  return eao_tfw_const(s, &a->axis, -1, &op->in[1]);
}

static eao_status softmax(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  if (op->code == TFL_SOFTMAX)
    eao_fbuild_f32(&s->w->b, TFL_SOFTMAX_BETA, ((const eao_softmax_attr *)n->attr)->beta);
  return EAO_OK;
}

static eao_status cumsum(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_cumsum_attr *a = n->attr;
  (void)op;
  set(s, TFL_CUMSUM_EXCLUSIVE, 1, a->exclusive);
  set(s, TFL_CUMSUM_REVERSE, 1, a->reverse);
  return EAO_OK;
}

static eao_status lrn(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_lrn_attr *a = n->attr;
  (void)op;
  set(s, TFL_LOCAL_RESPONSE_NORMALIZATION_RADIUS, 4, a->size / 2);
  eao_fbuild_f32(&s->w->b, TFL_LOCAL_RESPONSE_NORMALIZATION_BIAS, a->bias);
  eao_fbuild_f32(&s->w->b, TFL_LOCAL_RESPONSE_NORMALIZATION_ALPHA, a->alpha / (float)a->size);
  eao_fbuild_f32(&s->w->b, TFL_LOCAL_RESPONSE_NORMALIZATION_BETA, a->beta);
  return EAO_OK;
}

static eao_status resize(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_resize_attr *a = n->attr;
  bool align = a->coordinates == EAO_COORD_ALIGN_CORNERS;
  bool half =
      a->coordinates == EAO_COORD_HALF_PIXEL || a->coordinates == EAO_COORD_TF_HALF_PIXEL_NN;
  op->in[1] = op->in[3];
  op->n_in = 2;
  if (a->mode == EAO_RESIZE_NEAREST) {
    op->code = TFL_RESIZE_NEAREST_NEIGHBOR;
    op->options = TFL_O_ResizeNearestNeighborOptions;
    set(s, TFL_RESIZE_NEAREST_NEIGHBOR_ALIGN_CORNERS, 1, align);
    set(s, TFL_RESIZE_NEAREST_NEIGHBOR_HALF_PIXEL_CENTERS, 1, half);
  } else {
    set(s, TFL_RESIZE_BILINEAR_ALIGN_CORNERS, 1, align);
    set(s, TFL_RESIZE_BILINEAR_HALF_PIXEL_CENTERS, 1, half);
  }
  return EAO_OK;
}

/* ---- recurrent, detection ---- */

static eao_status svdf(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_svdf_attr *a = n->attr;
  (void)op;
  set(s, TFL_SVDF_RANK, 4, a->rank);
  set(s, TFL_SVDF_ASYMMETRIC_QUANTIZE_INPUTS, 1, a->hybrid == EAO_HYBRID_ASYMMETRIC);
  return set_act(s, TFL_SVDF_FUSED_ACTIVATION_FUNCTION, &a->act);
}

/* Quantised kernels read scales from "intermediate" tensors: of the four gates (unused without
 * normalisation) and of what is projected. */
static eao_status lstm_intermediates(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_tflite_lstm_attr *a = n->attr;
  static const float gate_scale = 0x1p-12f;
  static const int32_t no_zero = 0;
  int32_t zero = (int32_t)a->hidden_zero;
  const eao_tensor *h = &s->g->value[n->in[EAO_LSTM_H]].t;
  bool proj = n->in[EAO_LSTM_PROJ] != EAO_NONE;
  for (int32_t i = 0; i < 5; i++) {
    eao_tensor t = {.dtype = EAO_I16, .rank = 0, .quant = {-1, 1, &gate_scale, &no_zero}};
    if (i == 4)
      t = (eao_tensor){.dtype = EAO_I8, .rank = 0, .quant = {-1, 1, &a->hidden_scale, &zero}};
    if (i == 4 && !proj) t.quant = h->quant;
    EAO_TRY(eao_tfw_extra(s, &t, &op->intermediate[i]));
  }
  op->n_intermediate = 5;
  return EAO_OK;
}

static eao_status lstm(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_tflite_lstm_attr *a = n->attr;
  eao_act act = {.kind = a->act};
  while (op->n_in < EAO_LSTM_INPUTS && op->n_in < n->n_in + 4u) op->in[op->n_in++] = -1;
  if (s->g->value[n->in[0]].t.quant.n) EAO_TRY(lstm_intermediates(s, n, op));
  set(s, TFL_LSTM_ASYMMETRIC_QUANTIZE_INPUTS, 1, a->hybrid == EAO_HYBRID_ASYMMETRIC); /* in both */
  if (s->g->value[n->in[0]].t.rank == 2) {
    op->code = TFL_LSTM;
    op->options = TFL_O_LSTMOptions;
    eao_fbuild_f32(&s->w->b, TFL_LSTM_CELL_CLIP, a->cell_clip);
    eao_fbuild_f32(&s->w->b, TFL_LSTM_PROJ_CLIP, a->proj_clip);
    return set_act(s, TFL_LSTM_FUSED_ACTIVATION_FUNCTION, &act);
  }
  eao_fbuild_f32(&s->w->b, TFL_UNIDIRECTIONAL_SEQUENCE_LSTM_CELL_CLIP, a->cell_clip);
  eao_fbuild_f32(&s->w->b, TFL_UNIDIRECTIONAL_SEQUENCE_LSTM_PROJ_CLIP, a->proj_clip);
  set(s, TFL_UNIDIRECTIONAL_SEQUENCE_LSTM_TIME_MAJOR, 1, a->time_major);
  return set_act(s, TFL_UNIDIRECTIONAL_SEQUENCE_LSTM_FUSED_ACTIVATION_FUNCTION, &act);
}

static eao_status rnn(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_tflite_rnn_attr *a = n->attr;
  if (s->g->value[n->in[0]].t.rank == 2) {
    op->code = TFL_RNN;
    op->options = TFL_O_RNNOptions;
    set(s, TFL_RNN_ASYMMETRIC_QUANTIZE_INPUTS, 1, a->hybrid == EAO_HYBRID_ASYMMETRIC);
    return set_act(s, TFL_RNN_FUSED_ACTIVATION_FUNCTION, &a->act);
  }
  set(s, TFL_SEQUENCE_RNN_TIME_MAJOR, 1, a->time_major);
  set(s, TFL_SEQUENCE_RNN_ASYMMETRIC_QUANTIZE_INPUTS, 1, a->hybrid == EAO_HYBRID_ASYMMETRIC);
  return set_act(s, TFL_SEQUENCE_RNN_FUSED_ACTIVATION_FUNCTION, &a->act);
}

/* Options of a custom operator: a FlexBuffers map, sorted by name. */
static eao_status detection(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_op_desc *d = eao_op_get(EAO_OP_detection_postprocess);
  eao_flex_entry e[32];
  eao_text map;
  uint32_t count = 0;
  for (uint32_t i = 0; i < d->n_attrs && count < EAO_COUNT(e); i++) {
    const eao_attr_desc *a = &d->attrs[i];
    const char *at = (const char *)n->attr + a->offset;
    eao_flex_entry x = {.key = a->name, .is_float = a->kind == EAO_ATTR_FLOAT};
    if (a->kind == EAO_ATTR_INT)
      x.value = (double)*(const int64_t *)(const void *)at;
    else if (x.is_float)
      x.value = (double)*(const float *)(const void *)at;
    else
      x.value = *(const int32_t *)(const void *)at;
    uint32_t k = count++;
    for (; k > 0 && strcmp(e[k - 1].key, x.key) > 0; k--) e[k] = e[k - 1];
    e[k] = x;
  }
  eao_text_init(&map, s->w->ctx);
  eao_flex_write(e, count, &map);
  op->custom = "TFLite_Detection_PostProcess";
  op->has_options = false;
  op->custom_options = eao_fbuild_vec(&s->w->b, map.p, map.len, 1, 4);
  eao_status st = map.failed ? EAO_NOMEM(s->w->ctx) : EAO_OK;
  eao_text_deinit(&map);
  return st;
}

/* ---- control ---- */

static eao_status if_op(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_if_attr *a = n->attr;
  int32_t yes, no;
  (void)op;
  EAO_TRY(eao_tfw_subgraph(s->w, a->then_graph, &yes));
  EAO_TRY(eao_tfw_subgraph(s->w, a->else_graph, &no));
  set(s, TFL_IF_THEN_SUBGRAPH_INDEX, 4, yes);
  set(s, TFL_IF_ELSE_SUBGRAPH_INDEX, 4, no);
  return EAO_OK;
}

static eao_status while_op(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op) {
  const eao_while_attr *a = n->attr;
  int32_t cond, body;
  (void)op;
  EAO_TRY(eao_tfw_subgraph(s->w, a->cond_graph, &cond));
  EAO_TRY(eao_tfw_subgraph(s->w, a->body_graph, &body));
  set(s, TFL_WHILE_COND_SUBGRAPH_INDEX, 4, cond);
  set(s, TFL_WHILE_BODY_SUBGRAPH_INDEX, 4, body);
  return EAO_OK;
}

/* ---- the table ---- */

#define O(name) TFL_O_##name##Options
#define ROW(op, code, options, lists, fn)                                                          \
  { EAO_OP_##op, TFL_##code, options, lists, fn }

// clang-format off
static const eao_tfw_row rows[] = {
    ROW(abs, ABS, O(Abs), 0, NULL),
    ROW(neg, NEG, O(Neg), 0, NULL),
    ROW(sign, SIGN, O(Sign), 0, NULL),
    ROW(square, SQUARE, O(Square), 0, NULL),
    ROW(sqrt, SQRT, 0, 0, NULL),
    ROW(rsqrt, RSQRT, 0, 0, NULL),
    ROW(exp, EXP, O(Exp), 0, NULL),
    ROW(log, LOG, 0, 0, NULL),
    ROW(sin, SIN, 0, 0, NULL),
    ROW(cos, COS, O(Cos), 0, NULL),
    ROW(tanh, TANH, 0, 0, NULL),
    ROW(ceil, CEIL, 0, 0, NULL),
    ROW(floor, FLOOR, 0, 0, NULL),
    ROW(round, ROUND, 0, 0, NULL),
    ROW(sigmoid, LOGISTIC, 0, 0, NULL),
    ROW(relu, RELU, 0, 0, NULL),
    ROW(elu, ELU, 0, 0, elu),
    ROW(hard_swish, HARD_SWISH, O(HardSwish), 0, NULL),
    ROW(not, LOGICAL_NOT, O(LogicalNot), 0, NULL),
    ROW(leaky_relu, LEAKY_RELU, O(LeakyRelu), 0, leaky_relu),
    ROW(gelu, GELU, O(Gelu), 0, gelu),
    ROW(act, RELU, 0, 0, act),
    ROW(clip, RELU6, 0, 0, clip),
    ROW(add, ADD, O(Add), 0, binary),
    ROW(sub, SUB, O(Sub), 0, binary),
    ROW(mul, MUL, O(Mul), 0, binary),
    ROW(div, DIV, O(Div), 0, binary),
    ROW(pow, POW, O(Pow), 0, NULL),
    ROW(floor_div, FLOOR_DIV, O(FloorDiv), 0, NULL),
    ROW(floor_mod, FLOOR_MOD, O(FloorMod), 0, NULL),
    ROW(max, MAXIMUM, O(MaximumMinimum), 0, NULL),
    ROW(min, MINIMUM, O(MaximumMinimum), 0, NULL),
    ROW(sum, ADD_N, O(AddN), 0, NULL),
    ROW(squared_difference, SQUARED_DIFFERENCE, O(SquaredDifference), 0, NULL),
    ROW(prelu, PRELU, 0, 0, NULL),
    ROW(atan2, ATAN2, O(ATan2), 0, NULL),
    ROW(equal, EQUAL, O(Equal), 0, NULL),
    ROW(not_equal, NOT_EQUAL, O(NotEqual), 0, NULL),
    ROW(greater, GREATER, O(Greater), 0, NULL),
    ROW(greater_or_equal, GREATER_EQUAL, O(GreaterEqual), 0, NULL),
    ROW(less, LESS, O(Less), 0, NULL),
    ROW(less_or_equal, LESS_EQUAL, O(LessEqual), 0, NULL),
    ROW(and, LOGICAL_AND, O(LogicalAnd), 0, NULL),
    ROW(or, LOGICAL_OR, O(LogicalOr), 0, NULL),
    ROW(bitwise_xor, BITWISE_XOR, O(BitwiseXor), 0, NULL),
    ROW(bit_shift, RIGHT_SHIFT, O(RightShift), 0, bit_shift),
    ROW(where, SELECT_V2, O(SelectV2), 0, NULL),
    ROW(conv, CONV_2D, O(Conv2D), 0, conv),
    ROW(conv_transpose, TRANSPOSE_CONV, O(TransposeConv), 0, conv_transpose),
    ROW(avg_pool, AVERAGE_POOL_2D, O(Pool2D), 0, pool),
    ROW(max_pool, MAX_POOL_2D, O(Pool2D), 0, pool),
    ROW(fully_connected, FULLY_CONNECTED, O(FullyConnected), 0, fully_connected),
    ROW(matmul, BATCH_MATMUL, O(BatchMatMul), 0, NULL),
    ROW(reshape, RESHAPE, O(Reshape), 2, reshape),
    ROW(squeeze, SQUEEZE, O(Squeeze), 0, squeeze),
    ROW(unsqueeze, EXPAND_DIMS, O(ExpandDims), 2, NULL),
    ROW(transpose, TRANSPOSE, O(Transpose), 0, transpose),
    ROW(concat, CONCATENATION, O(Concatenation), 0, concat),
    ROW(split, SPLIT, O(Split), 2, split),
    ROW(strided_slice, STRIDED_SLICE, O(StridedSlice), 14, strided_slice),
    ROW(pad, PAD, O(Pad), 2, pad),
    ROW(tile, TILE, O(Tile), 2, NULL),
    ROW(expand, BROADCAST_TO, O(BroadcastTo), 2, NULL),
    ROW(gather, GATHER, O(Gather), 0, gather),
    ROW(scatter_nd, SCATTER_ND, O(ScatterNd), 0, scatter_nd),
    ROW(gather_nd, GATHER_ND, O(GatherNd), 0, gather_nd),
    ROW(segment_sum, SEGMENT_SUM, O(SegmentSum), 0, NULL),
    ROW(dynamic_update_slice, DYNAMIC_UPDATE_SLICE, O(DynamicUpdateSlice), 4, NULL),
    ROW(reverse, REVERSE_V2, O(ReverseV2), 2, NULL),
    ROW(reverse_sequence, REVERSE_SEQUENCE, O(ReverseSequence), 0, reverse_sequence),
    ROW(depth_to_space, DEPTH_TO_SPACE, O(DepthToSpace), 0, depth_space),
    ROW(space_to_depth, SPACE_TO_DEPTH, O(SpaceToDepth), 0, depth_space),
    ROW(space_to_batch_nd, SPACE_TO_BATCH_ND, O(SpaceToBatchND), 6, NULL),
    ROW(batch_to_space_nd, BATCH_TO_SPACE_ND, O(BatchToSpaceND), 6, NULL),
    ROW(shape, SHAPE, O(Shape), 0, shape),
    ROW(fill, FILL, O(Fill), 1, NULL),
    ROW(range, RANGE, O(Range), 0, NULL),
    ROW(nonzero, WHERE, O(Where), 0, NULL),
    ROW(reduce_sum, SUM, O(Reducer), 2, reduce),
    ROW(reduce_mean, MEAN, O(Reducer), 2, reduce),
    ROW(reduce_max, REDUCE_MAX, O(Reducer), 2, reduce),
    ROW(reduce_min, REDUCE_MIN, O(Reducer), 2, reduce),
    ROW(reduce_prod, REDUCE_PROD, O(Reducer), 2, reduce),
    ROW(reduce_any, REDUCE_ANY, O(Reducer), 2, reduce),
    ROW(reduce_all, REDUCE_ALL, O(Reducer), 2, reduce),
    ROW(argmax, ARG_MAX, O(ArgMax), 0, arg_extreme),
    ROW(argmin, ARG_MIN, O(ArgMin), 0, arg_extreme),
    ROW(softmax, SOFTMAX, O(Softmax), 0, softmax),
    ROW(log_softmax, LOG_SOFTMAX, O(LogSoftmax), 0, softmax),
    ROW(cumsum, CUMSUM, O(Cumsum), 2, cumsum),
    ROW(topk, TOPK_V2, O(TopKV2), 2, NULL),
    ROW(lp_norm, L2_NORMALIZATION, O(L2Norm), 0, NULL),
    ROW(lrn, LOCAL_RESPONSE_NORMALIZATION, O(LocalResponseNormalization), 0, lrn),
    ROW(resize, RESIZE_BILINEAR, O(ResizeBilinear), 8, resize),
    ROW(cast, CAST, O(Cast), 0, cast),
    ROW(quantize, QUANTIZE, O(Quantize), 0, NULL),
    ROW(dequantize, DEQUANTIZE, O(Dequantize), 0, NULL),
    ROW(svdf, SVDF, O(SVDF), 0, svdf),
    ROW(tflite_lstm, UNIDIRECTIONAL_SEQUENCE_LSTM, O(UnidirectionalSequenceLSTM), 0, lstm),
    ROW(tflite_rnn, UNIDIRECTIONAL_SEQUENCE_RNN, O(SequenceRNN), 0, rnn),
    ROW(detection_postprocess, CUSTOM, 0, 0, detection),
    ROW(if, IF, O(If), 0, if_op),
    ROW(while, WHILE, O(While), 0, while_op),
};
// clang-format on

const eao_tfw_row *eao_tfw_find(uint16_t op) {
  for (size_t i = 0; i < EAO_COUNT(rows); i++)
    if (rows[i].op == op) return &rows[i];
  return NULL;
}
