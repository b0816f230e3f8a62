/* Convolutions and fully connected layers on quantised integers. */
#include "kernel/ref/matmul.h"
#include "kernel/ref/q_sums.h"
#include "kernel/ref/spatial.h"

typedef struct q_conv {
  eao_spatial x, w, y;
  eao_window win;
  const eao_tensor *xt, *wt;
  int64_t in_group; /* input channels of a group */
  int32_t zero_x;
  bool transposed;
} q_conv;

/* Input position that tap k of output position pos reads along axis d; -1: none. */
static int64_t source(const q_conv *g, int32_t d, int64_t pos, int64_t k) {
  int64_t p;
  if (g->transposed) {
    p = pos + g->win.pad[d] - k * g->win.dilation[d];
    if (p % g->win.stride[d]) return -1;
    p /= g->win.stride[d];
  } else {
    p = pos * g->win.stride[d] - g->win.pad[d] + k * g->win.dilation[d];
  }
  return p >= 0 && p < g->x.dim[d] ? p : -1;
}

/* x0, w0: first element of the group's input channels and of the output channel's weights.
 * ws: stride of the weights along input channels. */
static int64_t window(const q_conv *g, const int64_t *pos, int64_t x0, int64_t w0, int64_t ws,
                      int32_t zero_w) {
  uint64_t sum = 0;
  for (int64_t kd = 0; kd < g->w.dim[0]; kd++) {
    int64_t d = source(g, 0, pos[0], kd);
    if (d < 0) continue;
    for (int64_t kh = 0; kh < g->w.dim[1]; kh++) {
      int64_t h = source(g, 1, pos[1], kh);
      if (h < 0) continue;
      for (int64_t kw = 0; kw < g->w.dim[2]; kw++) {
        int64_t w = source(g, 2, pos[2], kw);
        if (w < 0) continue;
        eao_q_operand a = {g->xt, x0 + d * g->x.s[0] + h * g->x.s[1] + w * g->x.s[2], g->x.sc,
                           g->zero_x};
        eao_q_operand b = {g->wt, w0 + kd * g->w.s[0] + kh * g->w.s[1] + kw * g->w.s[2], ws,
                           zero_w};
        sum += (uint64_t)eao_q_dot(&a, &b, g->in_group);
      }
    }
  }
  return (int64_t)sum;
}

/* per_group: output channels of a group. */
static void run(eao_kcall *c, const q_conv *g, const eao_q_output *q, int64_t per_group) {
  int64_t area = g->y.dim[0] * g->y.dim[1] * g->y.dim[2];
  for (int64_t n = 0; n < g->y.n; n++)
    for (int64_t p = 0; p < area; p++) {
      int64_t pos[3] = {p / (g->y.dim[1] * g->y.dim[2]), p / g->y.dim[2] % g->y.dim[1],
                        p % g->y.dim[2]};
      int64_t at = n * g->y.sn;
      for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) at += pos[d] * g->y.s[d];
      for (int64_t o = 0; o < g->y.c; o++) {
        int64_t first = o / per_group * g->in_group;
        int64_t x0 = n * g->x.sn + first * g->x.sc;
        /* Weights of a transposed convolution hold all input channels, but one group's outputs. */
        int64_t w0 = g->transposed ? o % per_group * g->w.sn + first * g->w.sc : o * g->w.sn;
        int64_t acc = window(g, pos, x0, w0, g->w.sc, eao_q_channel_zero(g->wt, o));
        eao_set_i64(c->out[0], at + o * g->y.sc, eao_q_output_store(q, acc, o));
      }
    }
}

eao_status eao_q_conv(eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  eao_q_output q;
  if (!eao_q_output_init(&q, c, eao_conv_output_axis(a->w_layout, c->in[1]->rank), &a->act))
    return EAO_ERR_UNSUPPORTED;
  q_conv g = {.xt = c->in[0], .wt = c->in[1], .zero_x = q.x.zero};
  eao_window_spec spec = eao_conv_window_spec(a);
  eao_spatial_init(&g.x, g.xt, a->layout);
  eao_spatial_init_weights(&g.w, g.wt, a->w_layout);
  eao_spatial_init(&g.y, c->out[0], a->layout);
  eao_window_init(&g.win, &spec, g.xt->rank - 2, g.x.dim, g.w.dim);
  g.in_group = g.w.c;
  run(c, &g, &q, g.w.n / a->group);
  return EAO_OK;
}

eao_status eao_q_conv_transpose(eao_kcall *c) {
  const eao_conv_transpose_attr *a = c->attr;
  eao_q_output q;
  if (!eao_q_output_init(&q, c, eao_conv_output_axis(a->w_layout, c->in[1]->rank), &a->act))
    return EAO_ERR_UNSUPPORTED;
  q_conv g = {.xt = c->in[0], .wt = c->in[1], .zero_x = q.x.zero, .transposed = true};
  eao_spatial_init(&g.x, g.xt, a->layout);
  eao_spatial_init_weights(&g.w, g.wt, a->w_layout);
  eao_spatial_init(&g.y, c->out[0], a->layout);
  eao_window_init_transposed(&g.win, a, g.xt->rank - 2, g.x.dim, g.w.dim);
  g.in_group = g.x.c / a->group;
  run(c, &g, &q, g.w.n);
  return EAO_OK;
}

eao_status eao_q_fully_connected(eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *w = c->in[1];
  eao_q_output q;
  if (!eao_q_output_init(&q, c, 0, &a->act)) return EAO_ERR_UNSUPPORTED;
  int64_t k = w->dim[1], n = w->dim[0], rows = n ? eao_tensor_count(c->out[0]) / n : 0;
  for (int64_t m = 0; m < rows; m++)
    for (int64_t o = 0; o < n; o++) {
      eao_q_operand xs = {x, m * k, 1, q.x.zero};
      eao_q_operand ws = {w, o * k, 1, eao_q_channel_zero(w, o)};
      eao_set_i64(c->out[0], m * n + o, eao_q_output_store(&q, eao_q_dot(&xs, &ws, k), o));
    }
  return EAO_OK;
}

/* ---- hybrid ---- */

/* q = rne(x * inverse) + zero; scale = 1 / inverse. After XNNPACK's run-time quantisation. */
typedef struct row_params {
  float inverse, scale;
  int32_t zero;
} row_params;

static row_params row_range(const eao_tensor *x, int64_t at, int64_t n) {
  float lo = 0, hi = 0;
  for (int64_t i = 0; i < n; i++) {
    float v = (float)eao_get_f64(x, at + i);
    lo = v < lo ? v : lo;
    hi = v > hi ? v : hi;
  }
  row_params p = {.inverse = lo == hi ? 1.0f : 255.0f / (hi - lo)};
  float min = lo * p.inverse, max = hi * p.inverse;
  float zero = (-128 + min) + (127 + max) > 0 ? -128 - min : 127 - max;
  zero = !(zero > -128) ? -128 : zero > 127 ? 127 : zero; /* NaN: -128 */
  p.zero = eao_rne_f32(zero);
  p.scale = 1.0f / p.inverse;
  return p;
}

static int32_t row_element(const row_params *p, float v) {
  float q = v * p->inverse, lo = (float)(-128 - p->zero), hi = (float)(127 - p->zero);
  q = q > lo ? q : lo;
  return eao_rne_f32(q < hi ? q : hi);
}

eao_status eao_q_hybrid_fully_connected(eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL;
  if (!eao_q_is(w) || eao_dtype_bits(w->dtype) > 8 ||
      (w->quant.n > 1 && (w->quant.axis != 0 || w->quant.n != w->dim[0])))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "no hybrid kernel for weights of this type");
  int64_t k = w->dim[1], n = w->dim[0], rows = n ? eao_tensor_count(c->out[0]) / n : 0;
  for (int64_t m = 0; m < rows; m++) {
    row_params p = row_range(x, m * k, k);
    for (int64_t o = 0; o < n; o++) {
      int64_t acc = 0, zero = eao_q_channel_zero(w, o);
      for (int64_t i = 0; i < k; i++)
        acc +=
            row_element(&p, (float)eao_get_f64(x, m * k + i)) * (eao_get_i64(w, o * k + i) - zero);
      float y = (float)acc * p.scale * w->quant.scale[o % w->quant.n];
      if (bias) y += (float)eao_get_real(bias, o);
      eao_set_f64(c->out[0], m * n + o, eao_act_apply(&a->act, (double)y));
    }
  }
  return EAO_OK;
}
