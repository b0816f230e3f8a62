/* Pooling of bytes, channels last, in plain C: compilers turn the loops over channels into vectors.
 * Include with EAO_ISA(name) defined, which gives functions their suffix. */
#include "kernel/plain/pool_geom.h"
#include "kernel/ref/quant.h"
#include "kernel/requant.h"

enum { BLOCK = 64 /* channels at a time */ };

typedef struct task {
  eao_pool_geom g;
  eao_qparam x, y;
  int64_t k0, k1, l0, l1;
} task;

/* Bytes are compared unsigned: flip is 0x80 for i8. */
static void max_block(const task *t, const uint8_t *x, int64_t n, uint8_t flip, uint8_t *y) {
  uint8_t acc[BLOCK] = {0};
  for (int64_t k = t->k0; k < t->k1; k++)
    for (int64_t l = t->l0; l < t->l1; l++) {
      const uint8_t *p = x + ((k - t->k0) * t->g.dh * t->g.w + (l - t->l0) * t->g.dw) * t->g.c;
      if (n == BLOCK)
        for (int i = 0; i < BLOCK; i++) {
          uint8_t v = p[i] ^ flip;
          acc[i] = v > acc[i] ? v : acc[i];
        }
      else
        for (int64_t i = 0; i < n; i++) {
          uint8_t v = p[i] ^ flip;
          acc[i] = v > acc[i] ? v : acc[i];
        }
    }
  for (int64_t i = 0; i < n; i++) y[i] = acc[i] ^ flip;
}

/* Sums of the unsigned bytes fit 32 bits: a window has below 2^24 taps. */
static void sum_block(const task *t, const uint8_t *x, int64_t n, uint8_t flip, int32_t *acc) {
  for (int i = 0; i < BLOCK; i++) acc[i] = 0;
  for (int64_t k = t->k0; k < t->k1; k++)
    for (int64_t l = t->l0; l < t->l1; l++) {
      const uint8_t *p = x + ((k - t->k0) * t->g.dh * t->g.w + (l - t->l0) * t->g.dw) * t->g.c;
      if (n == BLOCK)
        for (int i = 0; i < BLOCK; i++) acc[i] += (uint8_t)(p[i] ^ flip);
      else
        for (int64_t i = 0; i < n; i++) acc[i] += (uint8_t)(p[i] ^ flip);
    }
}

/* docs/integer-spec.md, avg_pool. sum: of x - z_x. */
static int32_t average(const task *t, int32_t sum, int32_t n) {
  if (n == 0 || t->x.scale != t->y.scale) {
    float m = n ? t->x.scale / t->y.scale / (float)n : 0;
    return eao_requant(sum, m, t->y.zero, t->y.lo, t->y.hi);
  }
  sum += n * t->x.zero;
  int32_t q = (sum > 0 ? sum + n / 2 : sum - n / 2) / n + t->y.zero - t->x.zero;
  return q < t->y.lo ? t->y.lo : q > t->y.hi ? t->y.hi : q;
}

static void avg_block(const task *t, const uint8_t *x, int64_t n, uint8_t flip, uint8_t *y) {
  int32_t acc[BLOCK], taps = (int32_t)((t->k1 - t->k0) * (t->l1 - t->l0));
  int32_t count = t->g.divisor ? (int32_t)t->g.divisor : taps;
  sum_block(t, x, n, flip, acc);
  for (int64_t i = 0; i < n; i++)
    y[i] = (uint8_t)average(t, acc[i] - (t->x.zero + (flip ? 128 : 0)) * taps, count);
}

static inline __attribute__((always_inline)) eao_status
pool(eao_kcall *c, void (*block)(const task *, const uint8_t *, int64_t, uint8_t, uint8_t *)) {
  task t = {.k0 = 0};
  const eao_pool_geom *g = &t.g;
  const eao_pool_attr *a = c->attr;
  uint8_t flip = c->in[0]->dtype == EAO_I8 ? 0x80 : 0;
  int64_t r, end;
  eao_pool_geom_init(&t.g, c);
  eao_q_param(c->in[0], &t.x);
  eao_q_param_act(c->out[0], &a->act, &t.y);
  eao_kcall_share(c, g->n * g->oh, 1, &r, &end);
  for (; r < end; r++) {
    int64_t iy = r % g->oh * g->sh - g->pt;
    eao_pool_taps(iy, g->dh, g->kh, g->h, &t.k0, &t.k1);
    for (int64_t ox = 0; ox < g->ow; ox++) {
      int64_t ix = ox * g->sw - g->pl;
      eao_pool_taps(ix, g->dw, g->kw, g->w, &t.l0, &t.l1);
      const uint8_t *x = c->in[0]->data;
      x += ((r / g->oh * g->h + iy + t.k0 * g->dh) * g->w + ix + t.l0 * g->dw) * g->c;
      uint8_t *y = (uint8_t *)c->out[0]->data + (r * g->ow + ox) * g->c;
      for (int64_t i = 0; i < g->c; i += BLOCK)
        block(&t, x + i, g->c - i < BLOCK ? g->c - i : BLOCK, flip, y + i);
    }
  }
  return EAO_OK;
}

eao_status EAO_ISA(eao_k_max_pool_i8)(eao_kcall *c) {
  return pool(c, max_block);
}
eao_status EAO_ISA(eao_k_avg_pool_i8)(eao_kcall *c) {
  return pool(c, avg_block);
}
