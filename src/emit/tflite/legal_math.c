/* Arithmetic that TFLite has no operator for, from what it has. */
#include <math.h>
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/reduce.h"

/* ---- clipping and activations ---- */

static bool has_clip_operator(double lo, double hi) {
  return (lo == 0 && (hi == 6 || hi == 1)) || (lo == -1 && hi == 1);
}

static eao_status clip_node(eao_tfe *e, eao_dtype dtype, double lo, double hi, eao_vid in,
                            eao_vid out) {
  eao_vid c[3] = {in}, t = in;
  if (lo == 0 && hi == INFINITY) return eao_tfe_unary(e, EAO_OP_relu, NULL, in, out);
  if (has_clip_operator(lo, hi)) {
    EAO_TRY(eao_tfe_float(e, dtype, lo, &c[1]));
    EAO_TRY(eao_tfe_float(e, dtype, hi, &c[2]));
    return eao_tfe_node(e, EAO_OP_clip, NULL, c, 3, &out, 1);
  }
  if (lo > -INFINITY) {
    EAO_TRY(eao_tfe_float(e, dtype, lo, &c[1]));
    if (hi < INFINITY) EAO_TRY(eao_tfe_temp_of(e, dtype, &t));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_max, in, c[1], hi < INFINITY ? t : out));
    if (hi == INFINITY) return EAO_OK;
  }
  if (hi == INFINITY) return eao_tfe_unary(e, EAO_OP_identity, NULL, in, out);
  EAO_TRY(eao_tfe_float(e, dtype, hi, &c[1]));
  return eao_tfe_binary(e, EAO_OP_min, t, c[1], out);
}

eao_status eao_tfe_act(eao_tfe *e, const eao_act *a, eao_vid in, eao_vid out) {
  eao_dtype dtype = e->to->value[in].t.dtype;
  eao_vid t, c;
  if (e->to->value[in].t.quant.n) {
    eao_binary_attr attr = {*a};
    bool fits = eao_tfe_act_fits(a) || a->kind == EAO_ACT_TANH ||
                (a->kind == EAO_ACT_CLIP && has_clip_operator((double)a->a, (double)a->b));
    if (!fits) return eao_tfe_fail(e, "a quantised activation of kind %d", a->kind);
    return eao_tfe_unary(e, EAO_OP_act, &attr, in, out);
  }
  switch (a->kind) {
  case EAO_ACT_RELU: return eao_tfe_unary(e, EAO_OP_relu, NULL, in, out);
  case EAO_ACT_RELU6: return clip_node(e, dtype, 0, 6, in, out);
  case EAO_ACT_RELU_N1_1: return clip_node(e, dtype, -1, 1, in, out);
  case EAO_ACT_CLIP: return clip_node(e, dtype, (double)a->a, (double)a->b, in, out);
  case EAO_ACT_SIGMOID: return eao_tfe_unary(e, EAO_OP_sigmoid, NULL, in, out);
  case EAO_ACT_TANH: return eao_tfe_unary(e, EAO_OP_tanh, NULL, in, out);
  case EAO_ACT_HARD_SWISH: return eao_tfe_unary(e, EAO_OP_hard_swish, NULL, in, out);
  case EAO_ACT_LEAKY_RELU: {
    eao_unary_attr u = {.alpha = a->a};
    return eao_tfe_unary(e, EAO_OP_leaky_relu, &u, in, out);
  }
  case EAO_ACT_GELU:
  case EAO_ACT_GELU_TANH: {
    eao_gelu_attr g = {.approximate = a->kind == EAO_ACT_GELU_TANH};
    return eao_tfe_unary(e, EAO_OP_gelu, &g, in, out);
  }
  case EAO_ACT_SILU:
    EAO_TRY(eao_tfe_temp_of(e, dtype, &t));
    EAO_TRY(eao_tfe_unary(e, EAO_OP_sigmoid, NULL, in, t));
    return eao_tfe_binary(e, EAO_OP_mul, in, t, out);
  case EAO_ACT_HARD_SIGMOID: {
    eao_vid u;
    EAO_TRY(eao_tfe_temp_of(e, dtype, &t));
    EAO_TRY(eao_tfe_temp_of(e, dtype, &u));
    EAO_TRY(eao_tfe_float(e, dtype, (double)a->a, &c));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_mul, in, c, t));
    EAO_TRY(eao_tfe_float(e, dtype, (double)a->b, &c));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_add, t, c, u));
    return clip_node(e, dtype, 0, 1, u, out);
  }
  default: return eao_tfe_fail(e, "activation %d", a->kind);
  }
}

/* The one input and output of an element-wise node, in whichever form is there. */
static eao_status one(eao_tfe *e, const eao_node *n, eao_vid *in, eao_vid *out) {
  bool last = eao_tfe_only_last(e, n->in[0]);
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], in) : eao_tfe_plain(e, n->in[0], in));
  return eao_tfe_out(e, n->out[0], last, out);
}

static eao_status clip(eao_tfe *e, const eao_node *n) {
  double bound[2] = {-INFINITY, INFINITY};
  eao_vid in, out;
  for (uint32_t i = 1; i < n->n_in && i < 3; i++) {
    if (n->in[i] == EAO_NONE) continue;
    const eao_tensor *t = eao_tfe_type(e, n->in[i]);
    if (!t->data) return eao_tfe_fail(e, "clip with computed bounds");
    bound[i - 1] = eao_get_f64(t, 0);
  }
  EAO_TRY(one(e, n, &in, &out));
  return clip_node(e, eao_tfe_type(e, n->in[0])->dtype, bound[0], bound[1], in, out);
}

static eao_status act_op(eao_tfe *e, const eao_node *n) {
  eao_vid in, out;
  EAO_TRY(one(e, n, &in, &out));
  return eao_tfe_act(e, &((const eao_binary_attr *)n->attr)->act, in, out);
}

/* The four operators fuse few activations; the others follow as nodes. */
static eao_status binary(eao_tfe *e, const eao_node *n) {
  const eao_binary_attr *a = n->attr;
  if (eao_tfe_act_fits(&a->act)) return eao_tfe_copy(e, n);
  eao_vid in[2], t, out;
  for (int i = 0; i < 2; i++) EAO_TRY(eao_tfe_plain(e, n->in[i], &in[i]));
  EAO_TRY(eao_tfe_temp(e, n->out[0], &t));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  EAO_TRY(eao_tfe_binary(e, n->op, in[0], in[1], t));
  return eao_tfe_act(e, &a->act, t, out);
}

/* ADD_N does not broadcast. */
static bool same_shapes(const eao_tfe *e, const eao_node *n) {
  const eao_tensor *a = eao_tfe_type(e, n->in[0]);
  for (uint32_t i = 1; i < n->n_in; i++) {
    const eao_tensor *b = eao_tfe_type(e, n->in[i]);
    if (b->rank != a->rank || b->rank < 0) return false;
    for (int32_t d = 0; d < a->rank; d++)
      if (a->dim[d] < 0 || a->dim[d] != b->dim[d]) return false;
  }
  return n->n_in > 1 && (a->dtype == EAO_F32 || a->dtype == EAO_I32) && !a->quant.n;
}

/* Two inputs at a time: TFLite's operators have no more. mean: their sum by their number. */
static eao_status variadic(eao_tfe *e, const eao_node *n) {
  uint16_t op = n->op == EAO_OP_mean ? EAO_OP_add : n->op;
  eao_dtype dtype = eao_tfe_type(e, n->out[0])->dtype;
  eao_vid sum, in, out, next, c;
  if (n->n_in == 2 && op == n->op) return eao_tfe_copy(e, n);
  if (n->op == EAO_OP_sum && same_shapes(e, n)) return eao_tfe_copy(e, n);
  if (n->op == EAO_OP_sum) op = EAO_OP_add;
  if (n->op == EAO_OP_mean && !eao_dtype_is_float(dtype))
    return eao_tfe_fail(e, "a mean of integers");
  EAO_TRY(eao_tfe_plain(e, n->in[0], &sum));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  for (uint32_t i = 1; i < n->n_in; i++) {
    EAO_TRY(eao_tfe_plain(e, n->in[i], &in));
    next = out;
    if (i + 1 < n->n_in || n->op == EAO_OP_mean) EAO_TRY(eao_tfe_temp(e, n->out[0], &next));
    EAO_TRY(eao_tfe_binary(e, op, sum, in, next));
    sum = next;
  }
  if (n->op != EAO_OP_mean && n->n_in > 1) return EAO_OK;
  if (n->op != EAO_OP_mean)
    return eao_tfe_binary(e, n->op == EAO_OP_sum ? EAO_OP_max : op, sum, sum, out); /* it itself */
  EAO_TRY(eao_tfe_float(e, dtype, 1.0 / n->n_in, &c));
  return eao_tfe_binary(e, EAO_OP_mul, sum, c, out);
}

static eao_status xor_op(eao_tfe *e, const eao_node *n) {
  eao_vid a, b, out;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &a));
  EAO_TRY(eao_tfe_plain(e, n->in[1], &b));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_binary(e, EAO_OP_not_equal, a, b, out);
}

/* ---- matrix products ---- */

/* Two axes exchanged. */
static eao_status exchanged(eao_tfe *e, eao_vid v, int32_t rank, eao_vid *out) {
  int32_t perm[EAO_MAX_RANK];
  for (int32_t i = 0; i < rank; i++) perm[i] = i;
  perm[rank - 1] = rank - 2;
  perm[rank - 2] = rank - 1;
  return eao_tfe_permute(e, v, perm, rank, out);
}

/* A bias for fully_connected: one number an output, constant. */
static bool is_bias(const eao_tensor *t, int64_t n) {
  if (!t->data || eao_tensor_count(t) != n || n == 1)
    return t->data && t->rank == 1 && t->dim[0] == n;
  return t->rank > 0 && t->dim[t->rank - 1] == n;
}

static eao_status gemm(eao_tfe *e, const eao_node *n) {
  const eao_gemm_attr *a = n->attr;
  const eao_tensor *b = eao_tfe_type(e, n->in[1]);
  eao_fully_connected_attr fc = {0};
  eao_dtype dtype = eao_tfe_type(e, n->in[0])->dtype;
  bool has_c = n->n_in > 2 && n->in[2] != EAO_NONE;
  eao_vid in[3] = {EAO_NONE, EAO_NONE, EAO_NONE}, out, c = EAO_NONE, k, y;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(eao_tfe_plain(e, n->in[1], &in[1]));
  if (has_c) EAO_TRY(eao_tfe_plain(e, n->in[2], &c));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  if (a->trans_a) EAO_TRY(exchanged(e, in[0], 2, &in[0]));
  if (!a->trans_b) EAO_TRY(exchanged(e, in[1], 2, &in[1]));
  int64_t outputs = b->rank == 2 ? b->dim[a->trans_b ? 0 : 1] : -1;
  bool fuse = has_c && a->alpha == 1 && a->beta == 1 && is_bias(eao_tfe_type(e, n->in[2]), outputs);
  if (fuse) {
    EAO_TRY(eao_tfe_reshape(e, c, &outputs, 1, &in[2]));
    return eao_tfe_node(e, EAO_OP_fully_connected, &fc, in, 3, &out, 1);
  }
  bool scale = a->alpha != 1;
  y = out;
  if (scale || has_c) EAO_TRY(eao_tfe_temp_of(e, dtype, &y));
  EAO_TRY(eao_tfe_node(e, EAO_OP_fully_connected, &fc, in, 2, &y, 1));
  if (scale) {
    eao_vid t = out;
    if (has_c) EAO_TRY(eao_tfe_temp_of(e, dtype, &t));
    EAO_TRY(eao_tfe_float(e, dtype, (double)a->alpha, &k));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_mul, y, k, t));
    y = t;
  }
  if (!has_c) return EAO_OK;
  if (a->beta != 1) {
    eao_vid t;
    EAO_TRY(eao_tfe_temp_of(e, dtype, &t));
    EAO_TRY(eao_tfe_float(e, dtype, (double)a->beta, &k));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_mul, c, k, t));
    c = t;
  }
  return eao_tfe_binary(e, EAO_OP_add, y, c, out);
}

static eao_status matmul(eao_tfe *e, const eao_node *n) {
  const eao_tensor *a = eao_tfe_type(e, n->in[0]), *b = eao_tfe_type(e, n->in[1]);
  if (a->rank < 2 || b->rank < 2)
    return eao_tfe_fail(e, "a product of vectors, or of unknown rank");
  if (!b->data || b->rank != 2 || !eao_dtype_is_float(a->dtype) || !eao_dtype_is_float(b->dtype))
    return eao_tfe_copy(e, n);
  eao_fully_connected_attr fc = {.keep_dims = 1};
  eao_vid in[2], out;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(eao_tfe_plain(e, n->in[1], &in[1]));
  EAO_TRY(exchanged(e, in[1], 2, &in[1]));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_node(e, EAO_OP_fully_connected, &fc, in, 2, &out, 1);
}

/* ---- normalisation ---- */

/* Per-channel constants multiplied and added. */
static eao_status batch_norm(eao_tfe *e, const eao_node *n) {
  const eao_batch_norm_attr *a = n->attr;
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *p[4];
  eao_vid in, out, mul, add, t;
  if (a->training_mode || n->n_in < 5) return eao_tfe_fail(e, "training mode");
  for (uint32_t i = 0; i < 4; i++) {
    p[i] = eao_tfe_type(e, n->in[i + 1]);
    if (!p[i]->data || eao_tensor_count(p[i]) != eao_tensor_count(p[0]))
      return eao_tfe_fail(e, "computed parameters");
  }
  if (x->rank < 2) return eao_tfe_fail(e, "an input of unknown rank");
  int64_t count = eao_tensor_count(p[0]), dim[EAO_MAX_RANK];
  bool first = a->layout == EAO_LAYOUT_CHANNELS_FIRST;
  bool last = first && eao_tfe_only_last(e, n->in[0]);
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &in) : eao_tfe_plain(e, n->in[0], &in));
  EAO_TRY(eao_tfe_out(e, n->out[0], last, &out));
  eao_tensor k = {.dtype = x->dtype, .rank = 1, .dim = {count}}, b = k;
  k.data = eao_arena_alloc(&e->to->arena, (size_t)count * 8 + 1);
  b.data = eao_arena_alloc(&e->to->arena, (size_t)count * 8 + 1);
  if (!k.data || !b.data) return EAO_NOMEM(e->ctx);
  for (int64_t i = 0; i < count; i++) {
    double s = eao_get_f64(p[0], i) / sqrt(eao_get_f64(p[3], i) + (double)a->epsilon);
    eao_set_f64(&k, i, s);
    eao_set_f64(&b, i, eao_get_f64(p[1], i) - eao_get_f64(p[2], i) * s);
  }
  for (int32_t i = 0; i < x->rank; i++) dim[i] = 1;
  dim[first && !last ? 1 : x->rank - 1] = count;
  EAO_TRY(eao_graph_add_value(e->to, "", &k, &mul));
  EAO_TRY(eao_graph_add_value(e->to, "", &b, &add));
  EAO_TRY(eao_tfe_reshape(e, mul, dim, x->rank, &mul));
  EAO_TRY(eao_tfe_reshape(e, add, dim, x->rank, &add));
  EAO_TRY(eao_tfe_temp(e, n->out[0], &t));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_mul, in, mul, t));
  return eao_tfe_binary(e, EAO_OP_add, t, add, out);
}

/* (x - mean) / sqrt(variance + epsilon) over the axes in `axes`; rms: without the mean. */
static eao_status normalise(eao_tfe *e, eao_vid x, eao_vid axes, float epsilon, bool rms,
                            eao_vid out) {
  const eao_reduce_attr keep = {.keepdims = 1, .noop_with_empty_axes = 1};
  eao_dtype dtype = e->to->value[x].t.dtype;
  eao_vid t[5], eps;
  for (int i = 0; i < 5; i++) EAO_TRY(eao_tfe_temp_of(e, dtype, &t[i]));
  eao_vid d = x;
  if (!rms) {
    EAO_TRY(eao_tfe_node(e, EAO_OP_reduce_mean, &keep, (eao_vid[]){x, axes}, 2, &t[0], 1));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_sub, x, t[0], t[1]));
    d = t[1];
  }
  EAO_TRY(eao_tfe_unary(e, EAO_OP_square, NULL, d, t[2]));
  EAO_TRY(eao_tfe_node(e, EAO_OP_reduce_mean, &keep, (eao_vid[]){t[2], axes}, 2, &t[3], 1));
  EAO_TRY(eao_tfe_float(e, dtype, (double)epsilon, &eps));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_add, t[3], eps, t[4]));
  eao_vid r;
  EAO_TRY(eao_tfe_temp_of(e, dtype, &r));
  EAO_TRY(eao_tfe_unary(e, EAO_OP_rsqrt, NULL, t[4], r));
  return eao_tfe_binary(e, EAO_OP_mul, d, r, out);
}

/* normalised * scale + bias; either may be EAO_NONE. */
static eao_status affine(eao_tfe *e, eao_vid v, eao_vid scale, eao_vid bias, eao_vid out) {
  eao_vid t = out;
  if (scale == EAO_NONE && bias == EAO_NONE) return eao_tfe_unary(e, EAO_OP_identity, NULL, v, out);
  if (scale != EAO_NONE) {
    if (bias != EAO_NONE) EAO_TRY(eao_tfe_temp_of(e, e->to->value[v].t.dtype, &t));
    EAO_TRY(eao_tfe_binary(e, EAO_OP_mul, v, scale, t));
    v = t;
  }
  return bias == EAO_NONE ? EAO_OK : eao_tfe_binary(e, EAO_OP_add, v, bias, out);
}

static eao_status layer_norm(eao_tfe *e, const eao_node *n) {
  const eao_layer_norm_attr *a = n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank;
  int64_t list[EAO_MAX_RANK];
  eao_vid x, axes, scale, bias, t, out;
  for (uint32_t i = 1; i < n->n_out; i++)
    if (n->out[i] != EAO_NONE) return eao_tfe_fail(e, "its mean and deviation outputs");
  if (rank < 1) return eao_tfe_fail(e, "an input of unknown rank");
  int64_t axis = a->axis < 0 ? a->axis + rank : a->axis;
  int32_t k = 0;
  for (int64_t i = axis; i < rank; i++) list[k++] = i;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &x));
  EAO_TRY(eao_tfe_plain(e, n->n_in > 1 ? n->in[1] : EAO_NONE, &scale));
  EAO_TRY(eao_tfe_plain(e, n->n_in > 2 ? n->in[2] : EAO_NONE, &bias));
  EAO_TRY(eao_tfe_i32(e, list, k, &axes));
  EAO_TRY(eao_tfe_temp(e, n->out[0], &t));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  EAO_TRY(normalise(e, x, axes, a->epsilon, n->op == EAO_OP_rms_norm, t));
  return affine(e, t, scale, bias, out);
}

/* One number a channel as a factor of a value of this rank, channels at `axis`. */
static eao_status per_channel(eao_tfe *e, eao_vid v, int32_t rank, int32_t axis, eao_vid *out) {
  int64_t dim[EAO_MAX_RANK];
  EAO_TRY(eao_tfe_plain(e, v, out));
  if (*out == EAO_NONE) return EAO_OK;
  for (int32_t i = 0; i < rank; i++) dim[i] = 1;
  dim[axis] = eao_tfe_type(e, v)->dim[0];
  return eao_tfe_reshape(e, *out, dim, rank, out);
}

static eao_status instance_norm(eao_tfe *e, const eao_node *n) {
  const eao_group_norm_attr *a = n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank, k = 0;
  int64_t list[EAO_MAX_RANK];
  eao_vid x, axes, scale, bias, t, out;
  if (rank < 3) return eao_tfe_fail(e, "an input of unknown rank");
  bool last = a->layout == EAO_LAYOUT_CHANNELS_FIRST && eao_tfe_only_last(e, n->in[0]);
  int32_t channel = a->layout == EAO_LAYOUT_CHANNELS_FIRST && !last ? 1 : rank - 1;
  for (int32_t i = 1; i < rank; i++)
    if (i != channel) list[k++] = i;
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &x) : eao_tfe_plain(e, n->in[0], &x));
  EAO_TRY(per_channel(e, n->in[1], rank, channel, &scale));
  EAO_TRY(per_channel(e, n->in[2], rank, channel, &bias));
  EAO_TRY(eao_tfe_i32(e, list, k, &axes));
  EAO_TRY(eao_tfe_temp(e, n->out[0], &t));
  EAO_TRY(eao_tfe_out(e, n->out[0], last, &out));
  EAO_TRY(normalise(e, x, axes, a->epsilon, false, t));
  return affine(e, t, scale, bias, out);
}

static eao_status lrn(eao_tfe *e, const eao_node *n) {
  eao_lrn_attr a = *(const eao_lrn_attr *)n->attr;
  bool first = a.layout == EAO_LAYOUT_CHANNELS_FIRST;
  eao_vid in, out;
  if (a.size % 2 == 0) return eao_tfe_fail(e, "a window of even size");
  EAO_TRY(first ? eao_tfe_last(e, n->in[0], &in) : eao_tfe_plain(e, n->in[0], &in));
  EAO_TRY(eao_tfe_out(e, n->out[0], first, &out));
  a.layout = EAO_LAYOUT_CHANNELS_LAST;
  return eao_tfe_unary(e, EAO_OP_lrn, &a, in, out);
}

static eao_status lp_norm(eao_tfe *e, const eao_node *n) {
  const eao_lp_norm_attr *a = n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank;
  if (a->p != 2 || (a->axis != -1 && a->axis != rank - 1))
    return eao_tfe_fail(e, "a norm other than L2 over the last axis");
  return eao_tfe_copy(e, n);
}

eao_tfe_fn eao_tfe_find_math(uint16_t op) {
  switch (op) {
  case EAO_OP_clip: return clip;
  case EAO_OP_act: return act_op;
  case EAO_OP_min:
  case EAO_OP_max:
  case EAO_OP_sum:
  case EAO_OP_mean: return variadic;
  case EAO_OP_xor: return xor_op;
  case EAO_OP_add:
  case EAO_OP_sub:
  case EAO_OP_mul:
  case EAO_OP_div: return binary;
  case EAO_OP_gemm: return gemm;
  case EAO_OP_matmul: return matmul;
  case EAO_OP_batch_norm: return batch_norm;
  case EAO_OP_layer_norm:
  case EAO_OP_rms_norm: return layer_norm;
  case EAO_OP_instance_norm: return instance_norm;
  case EAO_OP_lrn: return lrn;
  case EAO_OP_lp_norm: return lp_norm;
  default: return NULL;
  }
}
