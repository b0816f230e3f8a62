#include "kernel/ref/hybrid.h"
#include "kernel/ref/quant.h"
#include "kernel/ref/spatial.h"
#include "kernel/ref/sums.h"

enum { TILE = 64, SHORT_DOT = 8 };

typedef struct conv_geometry {
  eao_spatial x, w, y;
  eao_window win;
  int64_t per_group; /* output channels of a group */
} conv_geometry;

static void geometry(const eao_kcall *c, conv_geometry *g) {
  const eao_conv_attr *a = c->attr;
  eao_window_spec spec = eao_conv_window_spec(a);
  eao_spatial_init(&g->x, c->in[0], a->layout);
  eao_spatial_init_weights(&g->w, c->in[1], a->w_layout);
  eao_spatial_init(&g->y, c->out[0], a->layout);
  eao_window_init(&g->win, &spec, c->in[0]->rank - 2, g->x.dim, g->w.dim);
  g->per_group = g->w.n / a->group;
}

/* One row of outputs ox0 .. ox0 + n - 1 of channel o; x and w point at the batch's and channel's
 * first elements. */
static void row_f32(const conv_geometry *g, const float *x, const float *w, const int64_t pos[2],
                    int64_t ox0, int64_t n, double *acc) {
  const eao_window *win = &g->win;
  int64_t step = win->stride[2] * g->x.s[2];
  for (int64_t kd = 0; kd < g->w.dim[0]; kd++) {
    int64_t d = pos[0] * win->stride[0] - win->pad[0] + kd * win->dilation[0];
    if (d < 0 || d >= g->x.dim[0]) continue;
    for (int64_t kh = 0; kh < g->w.dim[1]; kh++) {
      int64_t h = pos[1] * win->stride[1] - win->pad[1] + kh * win->dilation[1];
      if (h < 0 || h >= g->x.dim[1]) continue;
      const float *xr = x + d * g->x.s[0] + h * g->x.s[1];
      for (int64_t kw = 0; kw < g->w.dim[2]; kw++) {
        const float *wk = w + kd * g->w.s[0] + kh * g->w.s[1] + kw * g->w.s[2];
        int64_t lo, hi;
        eao_window_valid(win, 2, kw, g->x.dim[2], &lo, &hi);
        if (lo < ox0) lo = ox0;
        if (hi > ox0 + n) hi = ox0 + n;
        if (lo >= hi) continue;
        const float *xp =
            xr + (lo * win->stride[2] - win->pad[2] + kw * win->dilation[2]) * g->x.s[2];
        if (g->x.sc == 1 && g->w.c >= SHORT_DOT)
          for (int64_t i = lo; i < hi; i++)
            acc[i - ox0] += eao_dot_f32(xp + (i - lo) * step, 1, wk, g->w.sc, g->w.c);
        else
          for (int64_t i = 0; i < g->w.c; i++)
            eao_axpy_f32(acc + (lo - ox0), hi - lo, wk[i * g->w.sc], xp + i * g->x.sc, step);
      }
    }
  }
}

static void conv_f32(const eao_kcall *c, const conv_geometry *g) {
  const eao_conv_attr *a = c->attr;
  const float *bias = c->n_in > 2 && c->in[2] ? c->in[2]->data : NULL;
  float *y = c->out[0]->data;
  double acc[TILE];
  for (int64_t n = 0; n < g->y.n; n++)
    for (int64_t o = 0; o < g->y.c; o++) {
      const float *x = (const float *)c->in[0]->data + n * g->x.sn;
      const float *w = (const float *)c->in[1]->data + o * g->w.sn;
      x += o / g->per_group * g->w.c * g->x.sc;
      for (int64_t row = 0; row < g->y.dim[0] * g->y.dim[1]; row++) {
        int64_t pos[2] = {row / g->y.dim[1], row % g->y.dim[1]};
        float *yr = y + n * g->y.sn + o * g->y.sc + pos[0] * g->y.s[0] + pos[1] * g->y.s[1];
        for (int64_t ox = 0; ox < g->y.dim[2]; ox += TILE) {
          int64_t len = g->y.dim[2] - ox < TILE ? g->y.dim[2] - ox : TILE;
          for (int64_t i = 0; i < len; i++) acc[i] = bias ? (double)bias[o] : 0;
          row_f32(g, x, w, pos, ox, len, acc);
          for (int64_t i = 0; i < len; i++)
            yr[(ox + i) * g->y.s[2]] = (float)eao_act_apply(&a->act, acc[i]);
        }
      }
    }
}

/* Any types: what a window element and its weight are is up to `x_at` and `w_at`. */
typedef struct conv_source {
  const eao_tensor *x, *w, *x_zero, *w_zero; /* zero points of conv_integer, or NULL */
} conv_source;

static double x_at(const conv_source *s, int64_t i) {
  double v = eao_get_real(s->x, i);
  return s->x_zero ? v - (double)eao_get_i64(s->x_zero, 0) : v;
}

static double w_at(const conv_source *s, int64_t i, int64_t o) {
  double v = eao_get_real(s->w, i);
  if (!s->w_zero) return v;
  return v - (double)eao_get_i64(s->w_zero, eao_tensor_count(s->w_zero) > 1 ? o : 0);
}

/* Sum over one window. pos: output position. */
static double window_sum(const conv_geometry *g, const conv_source *s, int64_t n, int64_t o,
                         const int64_t *pos) {
  double sum = 0;
  int64_t first = o / g->per_group * g->w.c, taps = g->w.dim[0] * g->w.dim[1] * g->w.dim[2];
  for (int64_t t = 0; t < taps; t++) {
    int64_t k[3] = {t / (g->w.dim[1] * g->w.dim[2]), t / g->w.dim[2] % g->w.dim[1],
                    t % g->w.dim[2]};
    int64_t xi = n * g->x.sn + first * g->x.sc, wi = o * g->w.sn;
    bool inside = true;
    for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
      int64_t p = pos[d] * g->win.stride[d] - g->win.pad[d] + k[d] * g->win.dilation[d];
      inside = inside && p >= 0 && p < g->x.dim[d];
      xi += p * g->x.s[d];
      wi += k[d] * g->w.s[d];
    }
    if (!inside) continue;
    for (int64_t i = 0; i < g->w.c; i++)
      sum += x_at(s, xi + i * g->x.sc) * w_at(s, wi + i * g->w.sc, o);
  }
  return sum;
}

static void conv_any(const eao_kcall *c, const conv_geometry *g, const conv_source *s,
                     const eao_tensor *bias) {
  const eao_conv_attr *a = c->attr;
  eao_tensor *y = c->out[0];
  int64_t area = g->y.dim[0] * g->y.dim[1] * g->y.dim[2];
  for (int64_t n = 0; n < g->y.n; n++)
    for (int64_t o = 0; o < g->y.c; o++)
      for (int64_t p = 0; p < area; p++) {
        int64_t pos[3] = {p / (g->y.dim[1] * g->y.dim[2]), p / g->y.dim[2] % g->y.dim[1],
                          p % g->y.dim[2]};
        int64_t at = n * g->y.sn + o * g->y.sc;
        for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) at += pos[d] * g->y.s[d];
        double v = window_sum(g, s, n, o, pos) + (bias ? eao_get_real(bias, o) : 0);
        if (y->dtype == EAO_I32)
          eao_set_i64(y, at, (int64_t)v); /* exact: 8-bit products; wraps like int32 sums */
        else
          eao_set_f64(y, at, eao_act_apply(&a->act, v));
      }
}

eao_status eao_ref_conv(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL;
  if (eao_q_call(c)) return eao_q_conv(c);
  if (((const eao_conv_attr *)c->attr)->hybrid) return eao_hybrid_conv(c);
  conv_geometry g;
  geometry(c, &g);
  if (x->dtype == EAO_F32 && w->dtype == EAO_F32 && (!bias || bias->dtype == EAO_F32))
    conv_f32(c, &g);
  else
    conv_any(c, &g, &(conv_source){.x = x, .w = w}, bias);
  return EAO_OK;
}

eao_status eao_ref_conv_integer(eao_kcall *c) {
  conv_geometry g;
  geometry(c, &g);
  conv_source s = {c->in[0], c->in[1], c->n_in > 2 ? c->in[2] : NULL,
                   c->n_in > 3 ? c->in[3] : NULL};
  conv_any(c, &g, &s, NULL);
  return EAO_OK;
}

typedef struct transposed {
  eao_spatial x, w, y;
  eao_window win;
  const eao_tensor *xt, *wt;
} transposed;

/* What reaches output channel o of its group (input channels from `first`, `count` of them). */
static double gather(const transposed *g, int64_t n, int64_t o, int64_t first, int64_t count,
                     const int64_t *pos) {
  double sum = 0;
  int64_t taps = g->w.dim[0] * g->w.dim[1] * g->w.dim[2];
  for (int64_t t = 0; t < taps; t++) {
    int64_t k[3] = {t / (g->w.dim[1] * g->w.dim[2]), t / g->w.dim[2] % g->w.dim[1],
                    t % g->w.dim[2]};
    int64_t xi = n * g->x.sn + first * g->x.sc, wi = o * g->w.sn + first * g->w.sc;
    bool hit = true;
    for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
      int64_t p = pos[d] + g->win.pad[d] - k[d] * g->win.dilation[d];
      hit = hit && p >= 0 && p % g->win.stride[d] == 0 && p / g->win.stride[d] < g->x.dim[d];
      xi += p / g->win.stride[d] * g->x.s[d];
      wi += k[d] * g->w.s[d];
    }
    if (!hit) continue;
    if (g->xt->dtype == EAO_F32 && g->wt->dtype == EAO_F32)
      sum += eao_dot_f32((const float *)g->xt->data + xi, g->x.sc, (const float *)g->wt->data + wi,
                         g->w.sc, count);
    else
      for (int64_t i = 0; i < count; i++)
        sum += eao_get_real(g->xt, xi + i * g->x.sc) * eao_get_real(g->wt, wi + i * g->w.sc);
  }
  return sum;
}

eao_status eao_ref_conv_transpose(eao_kcall *c) {
  const eao_conv_transpose_attr *a = c->attr;
  const eao_tensor *bias = c->n_in > 2 ? c->in[2] : NULL;
  if (eao_q_call(c)) return eao_q_conv_transpose(c);
  if (a->hybrid) return eao_hybrid_conv_transpose(c);
  transposed g = {.xt = c->in[0], .wt = c->in[1]};
  eao_spatial_init(&g.x, c->in[0], a->layout);
  eao_spatial_init_weights(&g.w, c->in[1], a->w_layout);
  eao_spatial_init(&g.y, c->out[0], a->layout);
  eao_window_init_transposed(&g.win, a, c->in[0]->rank - 2, g.x.dim, g.w.dim);
  int64_t area = g.y.dim[0] * g.y.dim[1] * g.y.dim[2], in_group = g.x.c / a->group;
  for (int64_t n = 0; n < g.y.n; n++)
    for (int64_t o = 0; o < g.y.c; o++)
      for (int64_t p = 0; p < area; p++) {
        int64_t pos[3] = {p / (g.y.dim[1] * g.y.dim[2]), p / g.y.dim[2] % g.y.dim[1],
                          p % g.y.dim[2]};
        int64_t at = n * g.y.sn + o * g.y.sc;
        for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) at += pos[d] * g.y.s[d];
        double v = gather(&g, n, o % g.w.n, o / g.w.n * in_group, in_group, pos);
        if (bias) v += eao_get_real(bias, o);
        eao_set_f64(c->out[0], at, eao_act_apply(&a->act, v));
      }
  return EAO_OK;
}
