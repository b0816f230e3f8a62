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

/* `nv` vectors of channels of one window; x: its first tap inside. */
static inline __attribute__((always_inline)) void window(const task *t, const int nv, join_fn join,
                                                         float start, const float *x, int lanes,
                                                         float *y) {
  vf acc[WIDE];
#pragma GCC unroll 4
  for (int v = 0; v < nv; v++) acc[v] = v_all(start);
  for (int64_t k = t->k0; k < t->k1; k++) {
    const float *p = x + (k - t->k0) * t->g.dh * t->g.w * t->g.c;
    for (int64_t l = t->l0; l < t->l1; l++, p += t->g.dw * t->g.c)
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

static inline __attribute__((always_inline)) eao_status pool(eao_kcall *c, join_fn join,
                                                             float start, bool mean) {
  task t = {.act = v_act_init(&((const eao_pool_attr *)c->attr)->act), .factor = v_all(1)};
  const eao_pool_geom *g = &t.g;
  int64_t r, end;
  eao_pool_geom_init(&t.g, c);
  eao_kcall_share(c, g->n * g->oh, 1, &r, &end);
  for (; r < end; r++) {
    int64_t iy = r % g->oh * g->sh - g->pt;
    eao_pool_taps(iy, g->dh, g->kh, g->h, &t.k0, &t.k1);
    for (int64_t ox = 0; ox < g->ow; ox++) {
      int64_t ix = ox * g->sw - g->pl, i = 0;
      eao_pool_taps(ix, g->dw, g->kw, g->w, &t.l0, &t.l1);
      int64_t taps = g->divisor ? g->divisor : (t.k1 - t.k0) * (t.l1 - t.l0);
      if (mean) t.factor = v_all(taps ? 1.0f / (float)taps : 0);
      const float *x = (const float *)c->in[0]->data;
      x += ((r / g->oh * g->h + iy + t.k0 * g->dh) * g->w + ix + t.l0 * g->dw) * g->c;
      float *y = (float *)c->out[0]->data + (r * g->ow + ox) * g->c;
      for (; i + WIDE * VL <= g->c; i += WIDE * VL) window(&t, WIDE, join, start, x + i, VL, y + i);
      for (; i + VL <= g->c; i += VL) window(&t, 1, join, start, x + i, VL, y + i);
      if (i < g->c) window(&t, 1, join, start, x + i, (int)(g->c - i), y + i);
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
