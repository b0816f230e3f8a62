/* Float depthwise convolution, channels last: a vector of channels at a time, PX pixels together so
 * that their sums do not wait for each other. Include after a simd/f32_*.h. */
#include "kernel/plain/conv_f32.h"
#include "kernel/tmpl/act_f32.h"

enum { PX = 4 };

typedef struct task {
  eao_conv_geom g;
  vact act;
  const float *bias, *weight;
} task;

/* A strip of n pixels whose windows lie within [k0, k1) rows and [l0, l1) columns of the kernel.
 * x: the input under the first pixel's window. Strides and extents are constants when inlined. */
static inline __attribute__((always_inline)) void
strip(const task *t, const int n, int64_t k0, int64_t k1, int64_t l0, int64_t l1, const int64_t kw,
      const int64_t sw, const int64_t dw, const float *x, const float *w, vf bias, int lanes,
      float *y) {
  const int64_t c = t->g.c;
  vf acc[PX];
#pragma GCC unroll 8
  for (int i = 0; i < n; i++) acc[i] = bias;
  for (int64_t k = k0; k < k1; k++) {
    const float *row = x + k * t->g.dh * t->g.w * c;
#pragma GCC unroll 5
    for (int64_t l = l0; l < l1; l++) {
      vf tap = v_load(w + (k * kw + l) * VL);
#pragma GCC unroll 8
      for (int i = 0; i < n; i++) {
        const float *p = row + (i * sw + l * dw) * c;
        acc[i] = v_fma(lanes == VL ? v_load(p) : v_load_n(p, lanes), tap, acc[i]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < n; i++) {
    vf r = v_act(&t->act, acc[i]);
    if (lanes == VL)
      v_store(y + i * c, r);
    else
      v_store_n(y + i * c, r, lanes);
  }
}

/* One output row of one vector of channels. */
static inline __attribute__((always_inline)) void row(const task *t, const float *x, int64_t oy,
                                                      const float *w, vf bias, int lanes,
                                                      const int64_t kw, const int64_t sw,
                                                      const int64_t dw, float *y) {
  const eao_conv_geom *g = &t->g;
  int64_t iy = oy * g->sh - g->pt, k0 = 0, k1 = g->kh;
  while (k0 < k1 && iy + k0 * g->dh < 0) k0++;
  while (k1 > k0 && iy + (k1 - 1) * g->dh >= g->h) k1--;
  for (int64_t ox = 0; ox < g->ow;) {
    int64_t ix = ox * sw - g->pl, last = (ox + PX - 1) * sw - g->pl + (kw - 1) * dw;
    const float *from = x + (iy * g->w + ix) * g->c;
    if (ix >= 0 && last < g->w && ox + PX <= g->ow) {
      strip(t, PX, k0, k1, 0, kw, kw, sw, dw, from, w, bias, lanes, y + ox * g->c);
      ox += PX;
      continue;
    }
    int64_t l0 = 0, l1 = kw;
    while (l0 < l1 && ix + l0 * dw < 0) l0++;
    while (l1 > l0 && ix + (l1 - 1) * dw >= g->w) l1--;
    strip(t, 1, k0, k1, l0, l1, kw, sw, dw, from, w, bias, lanes, y + ox * g->c);
    ox++;
  }
}

static void row_3x3s1(const task *t, const float *x, int64_t oy, const float *w, vf b, float *y) {
  row(t, x, oy, w, b, VL, 3, 1, 1, y);
}
static void row_3x3s2(const task *t, const float *x, int64_t oy, const float *w, vf b, float *y) {
  row(t, x, oy, w, b, VL, 3, 2, 1, y);
}
static void row_5x5s1(const task *t, const float *x, int64_t oy, const float *w, vf b, float *y) {
  row(t, x, oy, w, b, VL, 5, 1, 1, y);
}
static void row_any(const task *t, const float *x, int64_t oy, const float *w, vf b, int lanes,
                    float *y) {
  row(t, x, oy, w, b, lanes, t->g.kw, t->g.sw, t->g.dw, y);
}

static void depthwise(eao_kcall *c) {
  task t = {.act = v_act_init(&((const eao_conv_attr *)c->attr)->act)};
  eao_conv_geom *g = &t.g;
  eao_conv_geom_init(g, c);
  t.bias = c->in[1]->data;
  t.weight = t.bias + (g->c + VL - 1) / VL * VL;
  int64_t begin, end, taps = g->kh * g->kw;
  eao_kcall_share(c, g->n * g->oh, 1, &begin, &end);
  bool three = g->kw == 3 && g->dw == 1;
  for (int64_t r = begin; r < end; r++) {
    const float *x = (const float *)c->in[0]->data + r / g->oh * g->h * g->w * g->c;
    float *y = (float *)c->out[0]->data + r * g->ow * g->c;
    for (int64_t i = 0; i < g->c; i += VL) {
      const float *w = t.weight + i * taps;
      vf bias = v_load(t.bias + i);
      if (g->c - i < VL)
        row_any(&t, x + i, r % g->oh, w, bias, (int)(g->c - i), y + i);
      else if (three && g->sw == 1)
        row_3x3s1(&t, x + i, r % g->oh, w, bias, y + i);
      else if (three && g->sw == 2)
        row_3x3s2(&t, x + i, r % g->oh, w, bias, y + i);
      else if (g->kw == 5 && g->dw == 1 && g->sw == 1)
        row_5x5s1(&t, x + i, r % g->oh, w, bias, y + i);
      else
        row_any(&t, x + i, r % g->oh, w, bias, VL, y + i);
    }
  }
}
