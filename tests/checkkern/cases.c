#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkkern.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "kernel/ref/reduce.h"
#include "kernel/ref/resize.h"

static int64_t between(eao_rng *rng, int64_t lo, int64_t hi) {
  return lo + (int64_t)eao_rng_below(rng, (uint64_t)(hi - lo + 1));
}

typedef struct conv_shape {
  int64_t h, w, c, o, kh, kw, sh, sw, dh, dw, pt, pl, pb, pr;
  bool depthwise, bias;
  eao_dtype dtype; /* F32, I8 or U8 */
  eao_act act;
  eao_dtype weights; /* of float data: F16 or I8; 0: F32 */
} conv_shape;

/* Random scale and zero point of an activation. */
static void quantise(eao_tensor *t, int32_t n, int32_t axis, bool zero, eao_rng *rng, ck_case *cs) {
  int32_t *z = cs->zero + cs->n_scale;
  float *scale = cs->scale + cs->n_scale;
  for (int32_t i = 0; i < n; i++) {
    scale[i] = (float)(0.001 + eao_rng_f64(rng) * 0.02);
    z[i] = zero ? (int32_t)between(rng, eao_dtype_min(t->dtype), eao_dtype_max(t->dtype)) : 0;
  }
  t->quant = (eao_quant){.axis = axis, .n = n, .scale = scale, .zero = z};
  cs->n_scale += n;
}

/* Turns a float case into an 8-bit one: x, w, bias, y; outputs run along `axis` of w. */
static void make_i8(ck_case *cs, eao_dtype dtype, int64_t o, int32_t axis, eao_rng *rng) {
  cs->in[0].dtype = cs->in[1].dtype = cs->out.dtype = dtype;
  if (cs->in[2].dtype) cs->in[2].dtype = EAO_I32;
  int32_t n = dtype == EAO_I8 && between(rng, 0, 1) && o <= 2000 ? (int32_t)o : 1;
  quantise(&cs->in[0], 1, -1, true, rng, cs);
  quantise(&cs->in[1], n, n > 1 ? axis : -1, dtype == EAO_U8, rng, cs);
  quantise(&cs->out, 1, -1, true, rng, cs);
}

/* Gives a float case weights of another type; outputs run along `axis`. */
static void make_narrow(ck_case *cs, eao_dtype dtype, int64_t o, int32_t axis, eao_rng *rng) {
  cs->in[1].dtype = dtype;
  int32_t n = between(rng, 0, 1) && o <= 2000 ? (int32_t)o : 1;
  if (dtype == EAO_I8) quantise(&cs->in[1], n, n > 1 ? axis : -1, false, rng, cs);
}

static eao_dtype some_weights(eao_rng *rng) {
  return (eao_dtype[]){EAO_F32, EAO_F16, EAO_I8}[between(rng, 0, 2)];
}

static bool make_conv(const conv_shape *s, eao_rng *rng, ck_case *out) {
  eao_conv_attr *a = (eao_conv_attr *)(void *)out->attr;
  int64_t oh = (s->h + s->pt + s->pb - (s->kh - 1) * s->dh - 1) / s->sh + 1;
  int64_t ow = (s->w + s->pl + s->pr - (s->kw - 1) * s->dw - 1) / s->sw + 1;
  if (s->h + s->pt + s->pb < (s->kh - 1) * s->dh + 1 ||
      s->w + s->pl + s->pr < (s->kw - 1) * s->dw + 1)
    return false;
  memset(out, 0, sizeof *out);
  a->layout = EAO_LAYOUT_CHANNELS_LAST;
  a->w_layout = s->depthwise ? EAO_WLAYOUT_1KO : EAO_WLAYOUT_OKI;
  a->group = s->depthwise ? s->c : 1;
  a->kernel = (eao_ints){.n = 2, .v = {s->kh, s->kw}};
  a->strides = (eao_ints){.n = 2, .v = {s->sh, s->sw}};
  a->dilations = (eao_ints){.n = 2, .v = {s->dh, s->dw}};
  a->pads = (eao_ints){.n = 4, .v = {s->pt, s->pl, s->pb, s->pr}};
  a->act = s->act;
  int64_t o = s->depthwise ? s->c : s->o, ci = s->depthwise ? 1 : s->c;
  out->n_in = 3;
  out->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, s->h, s->w, s->c}};
  out->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {o, s->kh, s->kw, ci}};
  if (s->depthwise)
    out->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, s->kh, s->kw, o}};
  if (s->bias) out->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {o}};
  out->out = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, oh, ow, o}};
  if (s->dtype != EAO_F32) make_i8(out, s->dtype, o, s->depthwise ? 3 : 0, rng);
  if (s->dtype == EAO_F32 && s->weights) make_narrow(out, s->weights, o, s->depthwise ? 3 : 0, rng);
  for (uint32_t i = 0; i < 3; i++)
    if (out->in[i].dtype)
      ck_fill(&out->in[i], rng,
              i == 2 && s->dtype != EAO_F32 ? 9000 : eao_dtype_is_float(out->in[i].dtype));
  out->macs = (uint64_t)(oh * ow * o * s->kh * s->kw * ci);
  out->magnitude = (double)(s->kh * s->kw * ci) / 3 + 1;
  snprintf(out->text, sizeof out->text, "%s %s %lldx%lldx%lld -> %lld, %lldx%lld/%lld%s",
           eao_dtype_name(out->in[1].dtype), s->depthwise ? "depthwise" : "conv", (long long)s->h,
           (long long)s->w, (long long)s->c, (long long)o, (long long)s->kh, (long long)s->kw,
           (long long)s->sh, s->dh * s->dw > 1 ? " dilated" : "");
  return true;
}

static bool random_conv(uint32_t j, eao_rng *rng, ck_case *out) {
  static const int32_t acts[] = {EAO_ACT_NONE,        EAO_ACT_RELU,       EAO_ACT_RELU6,
                                 EAO_ACT_CLIP,        EAO_ACT_LEAKY_RELU, EAO_ACT_HARD_SWISH,
                                 EAO_ACT_HARD_SIGMOID};
  conv_shape s = {.depthwise = j % 2, .bias = between(rng, 0, 3) > 0};
  s.h = between(rng, 1, 13);
  s.w = between(rng, 1, 29);
  s.c = between(rng, 1, 5) == 1 ? between(rng, 1, 70) : between(rng, 1, 20);
  s.o = between(rng, 1, 70);
  s.kh = between(rng, 1, 4);
  s.kw = between(rng, 1, 4);
  if (between(rng, 0, 2) == 0) s.kh = s.kw = 1;
  s.sh = between(rng, 1, 2);
  s.sw = between(rng, 1, 3);
  s.dh = between(rng, 0, 4) ? 1 : 2;
  s.dw = between(rng, 0, 4) ? 1 : 2;
  s.pt = between(rng, 0, s.kh - 1);
  s.pl = between(rng, 0, s.kw - 1);
  s.pb = between(rng, 0, s.kh); /* also more than the kernel needs, as row bands have */
  s.pr = between(rng, 0, s.kw - 1);
  s.dtype = (eao_dtype[]){EAO_F32, EAO_I8, EAO_U8}[j / 2 % 3];
  s.act = (eao_act){acts[between(rng, 0, s.dtype == EAO_F32 ? 6 : 3)], 0.25f, 0.5f};
  if (s.act.kind == EAO_ACT_CLIP) s.act.a = -0.5f;
  s.weights = some_weights(rng);
  while (!make_conv(&s, rng, out)) s.pb++, s.pr++;
  return true;
}

static bool make_fc(int64_t m, int64_t k, int64_t n, eao_dtype dtype, eao_dtype weights,
                    eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  ((eao_fully_connected_attr *)(void *)out->attr)->keep_dims = 1;
  out->n_in = 3;
  out->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {m, k}};
  out->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {n, k}};
  out->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {n}};
  out->out = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {m, n}};
  if (dtype != EAO_F32) make_i8(out, dtype, n, 0, rng);
  if (dtype == EAO_F32) make_narrow(out, weights, n, 0, rng);
  for (uint32_t i = 0; i < 3; i++)
    ck_fill(&out->in[i], rng,
            i == 2 && dtype != EAO_F32 ? 9000 : eao_dtype_is_float(out->in[i].dtype));
  out->macs = (uint64_t)(m * k * n);
  out->magnitude = (double)k / 3 + 1;
  snprintf(out->text, sizeof out->text, "%s fully connected %lld x %lld -> %lld",
           eao_dtype_name(out->in[1].dtype), (long long)m, (long long)k, (long long)n);
  return true;
}

/* From channels first to channels last, of one image. */
static bool random_transpose(uint32_t j, eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  eao_tensor x = {.dtype = (eao_dtype[]){EAO_F32, EAO_I8, EAO_F16}[j % 3],
                  .rank = (int32_t)between(rng, 3, 5),
                  .dim = {1}};
  eao_transpose_attr a = {.perm = {.n = x.rank}};
  for (int32_t i = 1; i < x.rank; i++) x.dim[i] = between(rng, 1, 9);
  out->n_in = 1;
  out->in[0] = out->out = x;
  for (int32_t i = 1; i < x.rank; i++) {
    a.perm.v[i] = i == x.rank - 1 ? 1 : i + 1;
    out->out.dim[i] = x.dim[a.perm.v[i]];
  }
  memcpy(out->attr, &a, sizeof a);
  out->magnitude = 1;
  ck_fill(&out->in[0], rng, 2);
  return true;
}

/* ---- element-wise ---- */

static eao_dtype some_dtype(eao_rng *rng) {
  return (eao_dtype[]){EAO_F32, EAO_I8, EAO_U8}[between(rng, 0, 2)];
}

/* A call on bytes; the op's attributes are set. */
static bool bytes_case(const eao_op_desc *d, int64_t n, eao_dtype t, eao_rng *rng, ck_case *out) {
  out->in[0] = out->out = (eao_tensor){.dtype = t, .rank = 1, .dim = {n}};
  quantise(&out->in[0], 1, -1, true, rng, out);
  quantise(&out->out, 1, -1, true, rng, out);
  ck_fill(&out->in[0], rng, 0);
  if (d->max_in > 1 && between(rng, 0, 1)) { /* clip */
    out->n_in = 3;
    out->in[1] = out->in[2] = (eao_tensor){.dtype = t};
    out->in[1].quant = out->in[2].quant = out->in[0].quant;
    ck_fill(&out->in[1], rng, 0);
    ck_fill(&out->in[2], rng, 0);
  }
  if (d->max_in > 1) out->out.quant = out->in[0].quant;
  snprintf(out->text, sizeof out->text, "%s of %lld %s", d->name, (long long)n, eao_dtype_name(t));
  return true;
}

static bool unary_case(uint32_t op, int64_t n, eao_dtype t, eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  const eao_op_desc *d = eao_op_get(op);
  eao_op_attr_defaults(d, out->attr);
  out->n_in = 1;
  if (t != EAO_F32) {
    if (op == EAO_OP_act) ((eao_binary_attr *)(void *)out->attr)->act.kind = EAO_ACT_RELU6;
    return bytes_case(d, n + 256, t, rng, out);
  }
  out->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {n}};
  out->out = out->in[0];
  ck_fill(&out->in[0], rng, between(rng, 0, 1) ? 2 : 12);
  bool positive = op == EAO_OP_sqrt || op == EAO_OP_rsqrt || op == EAO_OP_reciprocal;
  for (int64_t i = 0; positive && i < n; i++)
    eao_set_f64(&out->in[0], i, 0.1 + fabs(eao_get_f64(&out->in[0], i)));
  out->relative = true;
  if (op == EAO_OP_clip) {
    out->n_in = 3;
    out->in[1] = out->in[2] = (eao_tensor){.dtype = EAO_F32};
    ck_fill(&out->in[1], rng, 1);
    ck_fill(&out->in[2], rng, 1);
    if (between(rng, 0, 3) == 0) out->in[1].dtype = EAO_DTYPE_NONE;
  }
  if (op == EAO_OP_gelu)
    ((eao_gelu_attr *)(void *)out->attr)->approximate = (int32_t)between(rng, 0, 1);
  if (op == EAO_OP_act)
    ((eao_binary_attr *)(void *)out->attr)->act =
        (eao_act){(int32_t)between(rng, EAO_ACT_NONE, EAO_ACT_GELU_TANH), -0.5f, 0.75f};
  snprintf(out->text, sizeof out->text, "%s of %lld", d->name, (long long)n);
  return true;
}

/* Axes of which each input has all, some or none. */
static bool binary_case(uint32_t op, eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  const eao_op_desc *d = eao_op_get(op);
  eao_op_attr_defaults(d, out->attr);
  out->n_in = 2;
  eao_dtype t = some_dtype(rng);
  out->out = (eao_tensor){.dtype = t, .rank = (int32_t)between(rng, 0, 4)};
  for (int32_t i = 0; i < out->out.rank; i++) out->out.dim[i] = between(rng, 1, i == 3 ? 40 : 7);
  for (int k = 0; k < 2; k++) {
    out->in[k] = out->out;
    for (int32_t i = 0; i < out->out.rank; i++)
      if (between(rng, 0, 3) == 0 && (k == 0 || out->in[0].dim[i] == out->out.dim[i]))
        out->in[k].dim[i] = 1;
    if (t != EAO_F32) quantise(&out->in[k], 1, -1, true, rng, out);
    ck_fill(&out->in[k], rng, t == EAO_F32 ? 2 : 0);
  }
  if (t != EAO_F32) quantise(&out->out, 1, -1, true, rng, out);
  int64_t n = eao_tensor_count(&out->in[1]);
  for (int64_t i = 0; t == EAO_F32 && op == EAO_OP_div && i < n; i++)
    eao_set_f64(&out->in[1], i, 0.5 + fabs(eao_get_f64(&out->in[1], i)));
  if (d->attr_size == sizeof(eao_binary_attr) && between(rng, 0, 1))
    ((eao_binary_attr *)(void *)out->attr)->act = (eao_act){EAO_ACT_RELU6, 0, 0};
  out->magnitude = 2;
  snprintf(out->text, sizeof out->text, "%s of rank %d", d->name, out->out.rank);
  return true;
}

/* ---- pooling, rows, products ---- */

static bool pool_case(uint32_t op, eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  eao_op_attr_defaults(eao_op_get(op), out->attr);
  eao_pool_attr *a = (eao_pool_attr *)(void *)out->attr;
  eao_dtype t = some_dtype(rng);
  int64_t in[2], o[2], c = between(rng, 1, 150);
  a->layout = EAO_LAYOUT_CHANNELS_LAST;
  a->kernel.n = a->strides.n = a->dilations.n = 2;
  a->pads.n = 4;
  for (int i = 0; i < 2; i++) {
    int64_t k = a->kernel.v[i] = between(rng, 1, 4), d = a->dilations.v[i] = between(rng, 1, 2);
    int64_t reach = (k - 1) * d + 1, s = a->strides.v[i] = between(rng, 1, 3);
    in[i] = between(rng, 1, 12);
    a->pads.v[i] = between(rng, 0, k - 1);
    a->pads.v[i + 2] = between(rng, 0, k - 1);
    if (in[i] + a->pads.v[i] + a->pads.v[i + 2] < reach) in[i] = reach;
    o[i] = (in[i] + a->pads.v[i] + a->pads.v[i + 2] - reach) / s + 1;
  }
  if (op == EAO_OP_avg_pool) a->count_include_pad = (int32_t)between(rng, 0, 1);
  out->n_in = 1;
  out->in[0] = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, in[0], in[1], c}};
  out->out = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, o[0], o[1], c}};
  if (t != EAO_F32) {
    quantise(&out->in[0], 1, -1, true, rng, out);
    out->out.quant = out->in[0].quant;
    if (op == EAO_OP_avg_pool && between(rng, 0, 1)) quantise(&out->out, 1, -1, true, rng, out);
  } else if (between(rng, 0, 1)) {
    a->act.kind = EAO_ACT_RELU6;
  }
  ck_fill(&out->in[0], rng, t == EAO_F32 ? 2 : 0);
  out->magnitude = 2;
  snprintf(out->text, sizeof out->text, "%s pool %lldx%lldx%lld", eao_dtype_name(t),
           (long long)in[0], (long long)in[1], (long long)c);
  return true;
}

static bool reduce_case(uint32_t op, eao_rng *rng, ck_case *out) {
  static int64_t axes[4];
  memset(out, 0, sizeof *out);
  eao_op_attr_defaults(eao_op_get(op), out->attr);
  int64_t first = between(rng, 0, 3), n = between(rng, 1, 4 - first), count = 1;
  out->n_in = 2;
  eao_dtype t = some_dtype(rng);
  out->in[0] = (eao_tensor){.dtype = t, .rank = 4};
  if (t != EAO_F32) quantise(&out->in[0], 1, -1, true, rng, out);
  out->out = out->in[0];
  if (t != EAO_F32) quantise(&out->out, 1, -1, true, rng, out);
  for (int32_t i = 0; i < 4; i++) {
    bool reduced = i >= first && i < first + n;
    out->in[0].dim[i] = between(rng, 1, i == 3 ? 140 : 8);
    out->out.dim[i] = reduced ? 1 : out->in[0].dim[i];
    if (reduced) count *= out->in[0].dim[i];
  }
  for (int64_t i = 0; i < n; i++) axes[i] = first + i;
  out->in[1] = (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {n}, .data = axes};
  ((eao_reduce_attr *)(void *)out->attr)->keepdims = 1;
  ck_fill(&out->in[0], rng, t == EAO_F32 ? 2 : 0);
  out->magnitude = op == EAO_OP_reduce_sum ? (double)count : 1;
  snprintf(out->text, sizeof out->text, "reduction of %lld axes from %lld", (long long)n,
           (long long)first);
  return true;
}

static bool rows_case(uint32_t op, eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  const eao_op_desc *d = eao_op_get(op);
  eao_op_attr_defaults(d, out->attr);
  int64_t n = between(rng, 1, between(rng, 0, 1) ? 300 : 20);
  out->n_in = 1;
  eao_dtype t = op == EAO_OP_softmax ? some_dtype(rng) : EAO_F32;
  out->in[0] = (eao_tensor){.dtype = t, .rank = 3, .dim = {between(rng, 1, 3), 5, n}};
  if (t != EAO_F32) quantise(&out->in[0], 1, -1, true, rng, out);
  out->out = out->in[0];
  if (t != EAO_F32) quantise(&out->out, 1, -1, true, rng, out);
  ck_fill(&out->in[0], rng, t == EAO_F32 ? 3 : 0);
  if (op != EAO_OP_softmax) {
    out->n_in = op == EAO_OP_layer_norm && between(rng, 0, 1) ? 3 : 2;
    for (uint32_t i = 1; i < out->n_in; i++) {
      out->in[i] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {n}};
      ck_fill(&out->in[i], rng, 1);
    }
  }
  out->magnitude = op == EAO_OP_softmax ? 1 : 3;
  snprintf(out->text, sizeof out->text, "%s of rows of %lld", d->name, (long long)n);
  return true;
}

static bool matmul_case(int64_t batch, int64_t m, int64_t k, int64_t n, eao_rng *rng,
                        ck_case *out) {
  memset(out, 0, sizeof *out);
  out->n_in = 2;
  out->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {batch, m, k}};
  out->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {batch, k, n}};
  if (batch == 2) out->in[1].dim[0] = 1;
  out->out = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {batch, m, n}};
  for (int i = 0; i < 2; i++) ck_fill(&out->in[i], rng, 1);
  out->magnitude = (double)k / 3 + 1;
  out->macs = (uint64_t)(batch * m * k * n);
  snprintf(out->text, sizeof out->text, "%lld x %lld x %lld x %lld", (long long)batch, (long long)m,
           (long long)k, (long long)n);
  return true;
}

static bool resize_case(eao_rng *rng, ck_case *out) {
  static int64_t size[2];
  memset(out, 0, sizeof *out);
  eao_op_attr_defaults(eao_op_get(EAO_OP_resize), out->attr);
  eao_resize_attr *a = (eao_resize_attr *)(void *)out->attr;
  eao_dtype t = some_dtype(rng);
  int32_t first = (int32_t)between(rng, 1, 2); /* channels last, channels first */
  a->mode = (int32_t)between(rng, 0, t == EAO_F32 ? 2 : 1);
  a->coordinates = (int32_t)between(rng, 0, EAO_COORD_TF_HALF_PIXEL_NN);
  a->nearest = (int32_t)between(rng, 0, 3);
  a->antialias = t == EAO_F32 && between(rng, 0, 3) == 0;
  a->axes = (eao_ints){.n = 2, .v = {first, first + 1}};
  out->n_in = 4;
  out->in[0] = (eao_tensor){.dtype = t, .rank = 4};
  for (int i = 0; i < 4; i++) out->in[0].dim[i] = between(rng, 1, 9);
  if (t != EAO_F32) quantise(&out->in[0], 1, -1, true, rng, out);
  out->out = out->in[0];
  for (int i = 0; i < 2; i++) size[i] = out->out.dim[first + i] = between(rng, 1, 20);
  out->in[3] = (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = size};
  ck_fill(&out->in[0], rng, t == EAO_F32 ? 2 : 0);
  out->magnitude = 2;
  snprintf(out->text, sizeof out->text, "%s resize mode %d, coordinates %d", eao_dtype_name(t),
           a->mode, a->coordinates);
  return true;
}

static bool convert_case(uint32_t op, eao_rng *rng, ck_case *out) {
  memset(out, 0, sizeof *out);
  eao_op_attr_defaults(eao_op_get(op), out->attr);
  eao_dtype t = between(rng, 0, 1) ? EAO_I8 : EAO_U8;
  int64_t n = between(rng, 256, 700);
  bool from_float = op == EAO_OP_quantize && between(rng, 0, 1);
  out->n_in = 1;
  out->in[0] = (eao_tensor){.dtype = from_float ? EAO_F32 : t, .rank = 1, .dim = {n}};
  out->out = (eao_tensor){.dtype = op == EAO_OP_quantize ? t : EAO_F32, .rank = 1, .dim = {n}};
  if (!from_float) quantise(&out->in[0], 1, -1, true, rng, out);
  if (op == EAO_OP_quantize) quantise(&out->out, 1, -1, true, rng, out);
  ck_fill(&out->in[0], rng, from_float ? 3 : 0);
  out->magnitude = 1;
  snprintf(out->text, sizeof out->text, "%lld elements", (long long)n);
  return true;
}

static bool pow_case(eao_rng *rng, ck_case *out) {
  static const float exponents[] = {1, 2, 3, 0.5f, -0.5f, -1};
  unary_case(EAO_OP_sqrt, between(rng, 1, 200), EAO_F32, rng, out); /* positive numbers */
  out->n_in = 2;
  out->in[1] = (eao_tensor){.dtype = EAO_F32};
  ck_fill(&out->in[1], rng, 1);
  eao_set_f64(&out->in[1], 0, (double)exponents[between(rng, 0, 5)]);
  snprintf(out->text, sizeof out->text, "power %g", eao_get_f64(&out->in[1], 0));
  return true;
}

bool ck_random_case(uint32_t op, uint32_t j, eao_rng *rng, ck_case *out) {
  switch (op) {
  case EAO_OP_conv: return random_conv(j, rng, out);
  case EAO_OP_fully_connected:
    return make_fc(between(rng, 0, 1) ? 1 : between(rng, 2, 40), between(rng, 1, 90),
                   between(rng, 1, 90), (eao_dtype[]){EAO_F32, EAO_I8, EAO_U8}[j % 3],
                   some_weights(rng), rng, out);
  case EAO_OP_transpose: return random_transpose(j, rng, out);
  case EAO_OP_max_pool:
  case EAO_OP_avg_pool: return pool_case(op, rng, out);
  case EAO_OP_reduce_mean:
  case EAO_OP_reduce_sum:
  case EAO_OP_reduce_max: return reduce_case(op, rng, out);
  case EAO_OP_softmax:
  case EAO_OP_layer_norm:
  case EAO_OP_rms_norm: return rows_case(op, rng, out);
  case EAO_OP_matmul:
    return matmul_case(between(rng, 1, 3), between(rng, 1, 30), between(rng, 1, 50),
                       between(rng, 1, 80), rng, out);
  case EAO_OP_pow: return pow_case(rng, out);
  case EAO_OP_resize: return resize_case(rng, out);
  case EAO_OP_quantize:
  case EAO_OP_dequantize: return convert_case(op, rng, out);
  default: break;
  }
  const eao_op_desc *d = eao_op_get(op);
  if (!d || !(d->traits & EAO_TRAIT_ELEMENTWISE)) return false;
  if (d->min_in == 2 || d->max_in == EAO_VARIADIC) return binary_case(op, rng, out);
  return unary_case(op, between(rng, 1, 200), some_dtype(rng), rng, out);
}

bool ck_bench_case(uint32_t op, uint32_t j, eao_rng *rng, ck_case *out) {
  static const conv_shape convs[] = {
      {224, 224, 3, 32, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, false, true, EAO_F32, {0}, 0},
      {112, 112, 32, 16, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false, true, EAO_F32, {0}, 0},
      {56, 56, 24, 144, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false, true, EAO_F32, {0}, 0},
      {28, 28, 192, 32, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false, true, EAO_F32, {0}, 0},
      {14, 14, 384, 96, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false, true, EAO_F32, {0}, 0},
      {7, 7, 320, 1280, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, false, true, EAO_F32, {0}, 0},
      {56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, true, EAO_F32, {0}, 0},
      {28, 28, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, true, EAO_F32, {0}, 0},
      {14, 14, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, true, EAO_F32, {0}, 0},
      {7, 7, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, false, true, EAO_F32, {0}, 0},
      {112, 112, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, true, true, EAO_F32, {0}, 0},
      {112, 112, 96, 96, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, true, true, EAO_F32, {0}, 0},
      {28, 28, 192, 192, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, true, true, EAO_F32, {0}, 0},
      {14, 14, 576, 576, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, true, true, EAO_F32, {0}, 0},
      {7, 7, 960, 960, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, true, true, EAO_F32, {0}, 0},
  };
  static const int64_t fcs[][3] = {{1, 1280, 1000}, {1, 640, 128}, {128, 384, 1536}};
  static const eao_dtype dtypes[] = {EAO_F32, EAO_I8, EAO_U8, EAO_F32, EAO_F32};
  static const eao_dtype weights[] = {EAO_F32, EAO_I8, EAO_U8, EAO_F16, EAO_I8};
  if (op == EAO_OP_conv && j < EAO_COUNT(convs) * EAO_COUNT(dtypes)) {
    conv_shape s = convs[j % EAO_COUNT(convs)];
    s.dtype = dtypes[j / EAO_COUNT(convs)];
    s.weights = weights[j / EAO_COUNT(convs)];
    return make_conv(&s, rng, out);
  }
  if (op == EAO_OP_fully_connected && j < EAO_COUNT(fcs) * EAO_COUNT(dtypes)) {
    const int64_t *f = fcs[j % EAO_COUNT(fcs)];
    return make_fc(f[0], f[1], f[2], dtypes[j / EAO_COUNT(fcs)], weights[j / EAO_COUNT(fcs)], rng,
                   out);
  }
  static const int64_t products[][4] = {
      {12, 128, 32, 128}, {12, 128, 128, 32}, {1, 384, 384, 384}, {3, 197, 64, 197}};
  if (op == EAO_OP_matmul && j < EAO_COUNT(products))
    return matmul_case(products[j][0], products[j][1], products[j][2], products[j][3], rng, out);
  const eao_op_desc *d = eao_op_get(op);
  if (j > 0 || !d || !(d->traits & EAO_TRAIT_ELEMENTWISE) || d->max_in > 1) return false;
  if (!unary_case(op, 100352, EAO_F32, rng, out)) return false; /* 56 x 56 x 32 */
  out->macs = 100352;
  return true;
}
