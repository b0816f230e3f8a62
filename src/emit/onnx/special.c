/* Ops that ONNX lacks or writes differently, as small graphs of its ops. */
#include <math.h>
#include <string.h>

#include "emit/onnx/onnx_out.h"
#include "kernel/ref/matmul.h"

const eao_tensor *out_type_in(const out_call *c, uint32_t i) {
  return &c->s->g->value[c->n->in[i]].t;
}

static const char *step(onnx_out *o, const char *op, const char *a, const char *b) {
  const char *out = out_fresh(o, "");
  out_simple(o, op, (const char *const[]){a, b}, 2, out);
  return out;
}

static const char *step1(onnx_out *o, const char *op, const char *a) {
  const char *out = out_fresh(o, "");
  out_simple(o, op, &a, 1, out);
  return out;
}

static eao_status last(const out_call *c, const char *op, const char *a, const char *b) {
  const char *in[] = {a, b ? b : ""};
  out_simple(c->o, op, in, 2, c->out[0]);
  return EAO_OK;
}

eao_status out_act(onnx_out *o, const eao_act *act, eao_dtype t, const char *in, const char *out) {
  float lo = 0, hi = 0;
  if (act->kind == EAO_ACT_NONE || act->kind == EAO_ACT_RELU) {
    out_simple(o, act->kind ? "Relu" : "Identity", &in, 1, out);
    return EAO_OK;
  }
  if (eao_act_bounds(act, &lo, &hi)) {
    const char *arg[3] = {in, isinf(lo) ? "" : out_scalar(o, t, (double)lo),
                          isinf(hi) ? "" : out_scalar(o, t, (double)hi)};
    out_simple(o, "Clip", arg, 3, out);
    return EAO_OK;
  }
  const char *pair[2] = {in, NULL};
  eao_pb_mark m;
  switch (act->kind) {
  case EAO_ACT_LEAKY_RELU:
  case EAO_ACT_HARD_SIGMOID:
    m = out_node(o, act->kind == EAO_ACT_LEAKY_RELU ? "LeakyRelu" : "HardSigmoid", "", &in, 1, &out,
                 1);
    out_float(o, "alpha", act->a);
    if (act->kind == EAO_ACT_HARD_SIGMOID) out_float(o, "beta", act->b);
    out_node_end(o, m);
    return EAO_OK;
  case EAO_ACT_SIGMOID: out_simple(o, "Sigmoid", &in, 1, out); return EAO_OK;
  case EAO_ACT_TANH: out_simple(o, "Tanh", &in, 1, out); return EAO_OK;
  case EAO_ACT_HARD_SWISH: out_simple(o, "HardSwish", &in, 1, out); return EAO_OK;
  case EAO_ACT_SILU:
    pair[1] = step1(o, "Sigmoid", in);
    out_simple(o, "Mul", pair, 2, out);
    return EAO_OK;
  case EAO_ACT_GELU:
  case EAO_ACT_GELU_TANH:
    m = out_node(o, "Gelu", "", &in, 1, &out, 1);
    if (act->kind == EAO_ACT_GELU_TANH) out_str(o, "approximate", "tanh");
    out_node_end(o, m);
    return EAO_OK;
  default:
    return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "activation %d has no ONNX form", act->kind);
  }
}

static eao_status fully_connected(const out_call *c) {
  const eao_fully_connected_attr *a = c->n->attr;
  const char *w = c->in[1], *x = c->in[0]; /* w: turned already */
  if (!a->keep_dims && out_type_in(c, 0)->rank != 2) {
    int64_t shape[] = {-1, out_type_in(c, 1)->dim[1]};
    x = step(c->o, "Reshape", x, out_i64s(c->o, shape, 2));
  }
  bool bias = c->n->n_in > 2 && c->n->in[2] != EAO_NONE;
  if (!bias) return last(c, "MatMul", x, w);
  return last(c, "Add", step(c->o, "MatMul", x, w), c->in[2]);
}

static eao_status square(const out_call *c) {
  return last(c, "Mul", c->in[0], c->in[0]);
}
static eao_status rsqrt(const out_call *c) {
  return last(c, "Reciprocal", step1(c->o, "Sqrt", c->in[0]), NULL);
}
static eao_status silu(const out_call *c) {
  return last(c, "Mul", c->in[0], step1(c->o, "Sigmoid", c->in[0]));
}
static eao_status not_equal(const out_call *c) {
  return last(c, "Not", step(c->o, "Equal", c->in[0], c->in[1]), NULL);
}
static eao_status squared_difference(const out_call *c) {
  const char *d = step(c->o, "Sub", c->in[0], c->in[1]);
  return last(c, "Mul", d, d);
}
static eao_status floor_div(const out_call *c) {
  if (!eao_dtype_is_float(out_type_in(c, 0)->dtype) && !out_is_q(c->s->g, c->n->in[0]))
    return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "floor_div of integers has no ONNX form");
  return last(c, "Floor", step(c->o, "Div", c->in[0], c->in[1]), NULL);
}
static eao_status floor_mod(const out_call *c) {
  if (!eao_dtype_is_float(out_type_in(c, 0)->dtype)) return last(c, "Mod", c->in[0], c->in[1]);
  const char *q = step1(c->o, "Floor", step(c->o, "Div", c->in[0], c->in[1]));
  return last(c, "Sub", c->in[0], step(c->o, "Mul", q, c->in[1]));
}

static eao_status fill(const out_call *c) {
  const char *shape = c->in[0];
  if (out_type_in(c, 0)->dtype != EAO_I64) {
    shape = out_fresh(c->o, "");
    out_cast(c->o, c->in[0], shape, EAO_I64);
  }
  return last(c, "Expand", c->in[1], shape);
}

static eao_status act(const out_call *c) {
  return out_act(c->o, c->n->attr, out_type_in(c, 0)->dtype, c->in[0], c->out[0]);
}

static eao_status drop_out(const out_call *c) {
  if (c->n->n_out > 1 && c->n->out[1] != EAO_NONE)
    return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "the mask of dropout");
  return last(c, "Identity", c->in[0], NULL);
}

static eao_status mean_variance(const out_call *c) {
  eao_pb_mark m = out_node(c->o, "MeanVarianceNormalization", c->name, c->in, 1, c->out, 1);
  EAO_TRY(out_attrs(c->o, c->d, c->n->attr));
  out_node_end(c->o, m);
  return EAO_OK;
}

/* reduce_any, reduce_all: ONNX reduces no booleans. */
static eao_status reduce_bool(const out_call *c) {
  const char *wide = out_fresh(c->o, ""), *y = out_fresh(c->o, "");
  const char *in[2] = {wide, c->n->n_in > 1 ? c->in[1] : ""};
  bool any = !strcmp(c->d->name, "reduce_any");
  out_cast(c->o, c->in[0], wide, EAO_I32);
  eao_pb_mark m = out_node(c->o, any ? "ReduceMax" : "ReduceMin", c->name, in, 2, &y, 1);
  EAO_TRY(out_attrs(c->o, c->d, c->n->attr));
  out_node_end(c->o, m);
  out_cast(c->o, y, c->out[0], EAO_BOOL);
  return EAO_OK;
}

/* Slices that run backwards. */
static eao_status reverse(const out_call *c) {
  const eao_tensor *axes = out_type_in(c, 1);
  int64_t from[EAO_MAX_RANK], to[EAO_MAX_RANK], by[EAO_MAX_RANK], ax[EAO_MAX_RANK];
  int64_t n = axes->data ? eao_tensor_count(axes) : -1;
  if (n < 0 || n > EAO_MAX_RANK)
    return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "reverse along axes that are not constant");
  for (int64_t i = 0; i < n; i++) {
    from[i] = -1;
    to[i] = INT64_MIN;
    by[i] = -1;
    ax[i] = eao_get_i64(axes, i);
  }
  int32_t k = (int32_t)n;
  const char *in[5] = {c->in[0], out_i64s(c->o, from, k), out_i64s(c->o, to, k),
                       out_i64s(c->o, ax, k), out_i64s(c->o, by, k)};
  out_simple(c->o, "Slice", in, 5, c->out[0]);
  return EAO_OK;
}

out_special_fn out_special(uint16_t op) {
  switch (op) {
  case EAO_OP_fully_connected: return fully_connected;
  case EAO_OP_square: return square;
  case EAO_OP_rsqrt: return rsqrt;
  case EAO_OP_silu: return silu;
  case EAO_OP_not_equal: return not_equal;
  case EAO_OP_squared_difference: return squared_difference;
  case EAO_OP_floor_div: return floor_div;
  case EAO_OP_floor_mod: return floor_mod;
  case EAO_OP_fill: return fill;
  case EAO_OP_act: return act;
  case EAO_OP_dropout: return drop_out;
  case EAO_OP_mean_variance_norm: return mean_variance;
  case EAO_OP_reduce_any:
  case EAO_OP_reduce_all: return reduce_bool;
  case EAO_OP_reverse: return reverse;
  case EAO_OP_pad: return out_pad;
  case EAO_OP_resize: return out_resize;
  case EAO_OP_strided_slice: return out_strided_slice;
  case EAO_OP_space_to_batch_nd: return out_space_to_batch;
  case EAO_OP_batch_to_space_nd: return out_batch_to_space;
  default: return NULL;
  }
}
