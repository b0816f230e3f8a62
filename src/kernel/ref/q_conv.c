/* Convolutions and fully connected layers on quantised integers. */
#include "kernel/ref/hybrid.h"
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

static void conv_geometry(const eao_kcall *c, const eao_conv_attr *a, q_conv *g) {
  eao_window_spec spec = eao_conv_window_spec(a);
  eao_spatial_init(&g->x, c->in[0], a->layout);
  eao_spatial_init_weights(&g->w, g->wt, a->w_layout);
  eao_spatial_init(&g->y, c->out[0], a->layout);
  eao_window_init(&g->win, &spec, c->in[0]->rank - 2, g->x.dim, g->w.dim);
  g->in_group = g->w.c;
}

static void transposed_geometry(const eao_kcall *c, const eao_conv_transpose_attr *a, q_conv *g) {
  eao_spatial_init(&g->x, c->in[0], a->layout);
  eao_spatial_init_weights(&g->w, g->wt, a->w_layout);
  eao_spatial_init(&g->y, c->out[0], a->layout);
  eao_window_init_transposed(&g->win, a, c->in[0]->rank - 2, g->x.dim, g->w.dim);
  g->in_group = g->x.c / a->group;
}

eao_status eao_q_conv(eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  eao_q_output q;
  if (!eao_q_output_init(&q, c, eao_conv_output_axis(a->w_layout, c->in[1]->rank), &a->act))
    return EAO_ERR_UNSUPPORTED;
  q_conv g = {.xt = c->in[0], .wt = c->in[1], .zero_x = q.x.zero};
  conv_geometry(c, a, &g);
  run(c, &g, &q, g.w.n / a->group);
  return EAO_OK;
}

eao_status eao_q_conv_transpose(eao_kcall *c) {
  const eao_conv_transpose_attr *a = c->attr;
  eao_q_output q;
  if (!eao_q_output_init(&q, c, eao_conv_output_axis(a->w_layout, c->in[1]->rank), &a->act))
    return EAO_ERR_UNSUPPORTED;
  q_conv g = {.xt = c->in[0], .wt = c->in[1], .zero_x = q.x.zero, .transposed = true};
  transposed_geometry(c, a, &g);
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

/* Scales of the weights vary along `channel` only; the result is float. */
static bool hybrid_ok(eao_kcall *c, int32_t channel) {
  const eao_tensor *x = c->in[0], *w = c->in[1];
  if (x->dtype == EAO_F32 && (w->dtype == EAO_I8 || w->dtype == EAO_I4) && w->quant.n > 0 &&
      (w->quant.n == 1 || (w->quant.axis == channel && w->quant.n == w->dim[channel])))
    return true;
  eao_kfail(c, EAO_ERR_UNSUPPORTED, "no hybrid kernel for weights or inputs of this type");
  return false;
}

static float hybrid_value(const eao_kcall *c, const eao_hybrid_row *row, int64_t sum, int64_t o) {
  const eao_tensor *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL;
  float y = eao_hybrid_real(row, sum, w->quant.scale[o % w->quant.n]);
  return bias ? y + (float)eao_get_real(bias, o) : y;
}

size_t eao_hybrid_conv_scratch(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  int64_t batches = c->in[0]->dim[0];
  return a->hybrid && batches > 0 ? (size_t)(eao_tensor_count(c->in[0]) / batches) : 0;
}

size_t eao_hybrid_conv_transpose_scratch(const eao_kcall *c) {
  const eao_conv_transpose_attr *a = c->attr;
  int64_t batches = c->in[0]->dim[0];
  return a->hybrid && batches > 0 ? (size_t)(eao_tensor_count(c->in[0]) / batches) : 0;
}

/* One batch item of x as integers. */
static eao_tensor hybrid_item(const eao_kcall *c) {
  eao_tensor q = *c->in[0];
  q.dtype = EAO_I8;
  q.dim[0] = 1;
  q.data = c->scratch;
  return q;
}

static void run_hybrid(eao_kcall *c, q_conv *g, int32_t mode, const eao_act *act,
                       int64_t per_group) {
  int64_t area = g->y.dim[0] * g->y.dim[1] * g->y.dim[2];
  int64_t item = eao_tensor_count(g->xt);
  for (int64_t n = 0; n < g->y.n; n++) {
    eao_hybrid_row row = eao_hybrid_quantise(mode, c->in[0], n * g->x.sn, item, c->scratch);
    g->zero_x = row.zero;
    for (int64_t p = 0; p < area; p++) {
      int64_t pos[3] = {p / (g->y.dim[1] * g->y.dim[2]), p / g->y.dim[2] % g->y.dim[1],
                        p % g->y.dim[2]};
      int64_t at = n * g->y.sn;
      for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) at += pos[d] * g->y.s[d];
      for (int64_t o = 0; o < g->y.c; o++) {
        int64_t first = o / per_group * g->in_group;
        int64_t w0 = g->transposed ? o % per_group * g->w.sn + first * g->w.sc : o * g->w.sn;
        int64_t acc = window(g, pos, first * g->x.sc, w0, g->w.sc, eao_q_channel_zero(g->wt, o));
        double y = (double)hybrid_value(c, &row, acc, o);
        eao_set_f64(c->out[0], at + o * g->y.sc, eao_act_apply(act, y));
      }
    }
  }
}

/* Window 1 x 1, one group, channels last: each pixel is a row. */
static void run_hybrid_pixels(eao_kcall *c, const q_conv *g, const eao_act *act) {
  int64_t area = g->y.dim[0] * g->y.dim[1] * g->y.dim[2];
  for (int64_t p = 0; p < g->y.n * area; p++) {
    int64_t i = p % area, pos[3] = {i / (g->y.dim[1] * g->y.dim[2]), i / g->y.dim[2] % g->y.dim[1],
                                    i % g->y.dim[2]};
    int64_t at = p / area * g->x.sn;
    bool inside = true;
    for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
      int64_t from = source(g, d, pos[d], 0);
      inside = inside && from >= 0;
      at += from * g->x.s[d];
    }
    eao_hybrid_row row = {.mode = EAO_HYBRID_QD8, .scale = 1};
    if (inside) row = eao_hybrid_quantise(EAO_HYBRID_QD8, c->in[0], at, g->x.c, c->scratch);
    for (int64_t o = 0; o < g->y.c; o++) {
      eao_q_operand xs = {g->xt, 0, 1, row.zero};
      eao_q_operand ws = {g->wt, o * g->w.sn, g->w.sc, eao_q_channel_zero(g->wt, o)};
      double y = (double)hybrid_value(c, &row, inside ? eao_q_dot(&xs, &ws, g->x.c) : 0, o);
      eao_set_f64(c->out[0], p * g->y.c + o, eao_act_apply(act, y));
    }
  }
}

eao_status eao_hybrid_conv(eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  eao_tensor item = hybrid_item(c);
  q_conv g = {.xt = &item, .wt = c->in[1]};
  if (!hybrid_ok(c, eao_conv_output_axis(a->w_layout, g.wt->rank))) return EAO_ERR_UNSUPPORTED;
  conv_geometry(c, a, &g);
  if (a->hybrid == EAO_HYBRID_QD8_PIXEL)
    run_hybrid_pixels(c, &g, &a->act);
  else
    run_hybrid(c, &g, a->hybrid, &a->act, g.w.n / a->group);
  return EAO_OK;
}

eao_status eao_hybrid_conv_transpose(eao_kcall *c) {
  const eao_conv_transpose_attr *a = c->attr;
  eao_tensor item = hybrid_item(c);
  q_conv g = {.xt = &item, .wt = c->in[1], .transposed = true};
  if (!hybrid_ok(c, eao_conv_output_axis(a->w_layout, g.wt->rank))) return EAO_ERR_UNSUPPORTED;
  transposed_geometry(c, a, &g);
  run_hybrid(c, &g, a->hybrid, &a->act, g.w.n);
  return EAO_OK;
}

size_t eao_hybrid_fully_connected_scratch(const eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  return a->hybrid && c->in[1]->rank == 2 ? (size_t)c->in[1]->dim[1] : 0;
}

eao_status eao_hybrid_fully_connected(eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *w = c->in[1];
  if (!hybrid_ok(c, 0)) return EAO_ERR_UNSUPPORTED;
  int64_t k = w->dim[1], n = w->dim[0], rows = n ? eao_tensor_count(c->out[0]) / n : 0;
  eao_tensor q = {.dtype = EAO_I8, .rank = 1, .dim = {k}, .data = c->scratch};
  for (int64_t m = 0; m < rows; m++) {
    eao_hybrid_row row = eao_hybrid_quantise(a->hybrid, x, m * k, k, c->scratch);
    for (int64_t o = 0; o < n; o++) {
      eao_q_operand xs = {&q, 0, 1, row.zero}, ws = {w, o * k, 1, eao_q_channel_zero(w, o)};
      double y = (double)hybrid_value(c, &row, eao_q_dot(&xs, &ws, k), o);
      eao_set_f64(c->out[0], m * n + o, eao_act_apply(&a->act, y));
    }
  }
  return EAO_OK;
}
