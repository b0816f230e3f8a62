/* Float pooling, channels last: vectors of channels. Include after a simd/f32_*.h. */
#include "kernel/plain/pool_geom.h"
#include "kernel/tmpl/act_f32.h"

enum { WIDE = 4 };

typedef struct task {
  eao_pool_geom g;
  vact act;
  int64_t k0, k1, l0, l1; /* taps of the window inside the image */
  vf factor;              /* of the result */
} task;
typedef vf (*join_fn)(vf a, vf b);

static inline vf join_max(vf a, vf b) {
  return v_max(a, b);
}
static inline vf join_sum(vf a, vf b) {
  return v_add(a, b);
}

/* `nv` vectors of channels of one window; x: its first tap inside. kh x kw taps, when not 0:
 * constants of a window that lies inside the image whole. */
static inline __attribute__((always_inline)) void window(const task *t, const int nv, const int kh,
                                                         const int kw, join_fn join, float start,
                                                         const float *x, int lanes, float *y) {
  const int64_t rows = kh ? kh : t->k1 - t->k0, cols = kw ? kw : t->l1 - t->l0;
  vf acc[WIDE];
#pragma GCC unroll 4
  for (int v = 0; v < nv; v++) acc[v] = v_all(start);
#pragma GCC unroll 3
  for (int64_t k = 0; k < rows; k++) {
    const float *p = x + k * t->g.dh * t->g.w * t->g.c;
#pragma GCC unroll 3
    for (int64_t l = 0; l < cols; l++, p += t->g.dw * t->g.c)
#pragma GCC unroll 4
      for (int v = 0; v < nv; v++)
        acc[v] = join(acc[v], lanes == VL ? v_load(p + v * VL) : v_load_n(p, lanes));
  }
#pragma GCC unroll 4
  for (int v = 0; v < nv; v++) {
    vf r = v_act(&t->act, v_mul(acc[v], t->factor));
    if (lanes == VL)
      v_store(y + v * VL, r);
    else
      v_store_n(y, r, lanes);
  }
}

/* All channels of n windows side by side. */
static inline __attribute__((always_inline)) void windows(const task *t, const int kh, const int kw,
                                                          join_fn join, float start, const float *x,
                                                          int64_t n, float *y) {
  const int64_t c = t->g.c, step = t->g.sw * c;
  for (; n > 0; n--, x += step, y += c) {
    int64_t i = 0;
    for (; i + WIDE * VL <= c; i += WIDE * VL)
      window(t, WIDE, kh, kw, join, start, x + i, VL, y + i);
    for (; i + VL <= c; i += VL) window(t, 1, kh, kw, join, start, x + i, VL, y + i);
    if (i < c) window(t, 1, kh, kw, join, start, x + i, (int)(c - i), y + i);
  }
}

static inline __attribute__((always_inline)) eao_status pool(eao_kcall *c, join_fn join,
                                                             float start, bool mean) {
  task t = {.act = v_act_init(&((const eao_pool_attr *)c->attr)->act), .factor = v_all(1)};
  const eao_pool_geom *g = &t.g;
  int64_t r, end;
  eao_pool_geom_init(&t.g, c);
  eao_kcall_share(c, g->n * g->oh, 1, &r, &end);
  /* Windows of columns [in0, in1) lie inside. */
  int64_t in0 = (g->pl + g->sw - 1) / g->sw, reach = (g->kw - 1) * g->dw - g->pl;
  int64_t in1 = g->w > reach ? (g->w - 1 - reach) / g->sw + 1 : 0;
  if (in1 > g->ow) in1 = g->ow;
  for (; r < end; r++) {
    int64_t iy = r % g->oh * g->sh - g->pt;
    eao_pool_taps(iy, g->dh, g->kh, g->h, &t.k0, &t.k1);
    const float *row =
        (const float *)c->in[0]->data + (r / g->oh * g->h + iy + t.k0 * g->dh) * g->w * g->c;
    for (int64_t ox = 0, n; ox < g->ow; ox += n) {
      int64_t ix = ox * g->sw - g->pl;
      n = ox >= in0 && ox < in1 ? in1 - ox : 1;
      eao_pool_taps(ix, g->dw, g->kw, g->w, &t.l0, &t.l1);
      int64_t taps = g->divisor ? g->divisor : (t.k1 - t.k0) * (t.l1 - t.l0);
      if (mean) t.factor = v_all(taps ? 1.0f / (float)taps : 0);
      const float *x = row + (ix + t.l0 * g->dw) * g->c;
      float *y = (float *)c->out[0]->data + (r * g->ow + ox) * g->c;
      int64_t kh = t.k1 - t.k0, kw = t.l1 - t.l0;
      if (kh == 3 && kw == 3)
        windows(&t, 3, 3, join, start, x, n, y);
      else if (kh == 2 && kw == 2)
        windows(&t, 2, 2, join, start, x, n, y);
      else
        windows(&t, 0, 0, join, start, x, n, y);
    }
  }
  return EAO_OK;
}

eao_status EAO_SIMD(eao_k_max_pool_f32)(eao_kcall *c) {
  return pool(c, join_max, -__builtin_inff(), false);
}
eao_status EAO_SIMD(eao_k_avg_pool_f32)(eao_kcall *c) {
  return pool(c, join_sum, 0, true);
}
