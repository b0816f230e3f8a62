/* The register tile of float convolutions (see conv_drive.h), and fully connected layers with it.
 * Include after a simd/f32_*.h with EAO_MR (pixels) and EAO_NV (vectors of outputs) defined.
 * Weights are floats; with EAO_HALF_WEIGHTS f16, with EAO_BYTE_WEIGHTS int8 times a scale per
 * output: they become floats in registers, so only memory notices. */
#include "kernel/plain/conv_f32.h"
#include "kernel/tmpl/act_f32.h"

enum { NR = EAO_NV * VL, MR = EAO_MR };
typedef float in_t, out_t;
#if defined(EAO_HALF_WEIGHTS)
typedef uint16_t weight_t;
enum { SCALED = 0 };
static inline vf load_weights(const weight_t *p) {
  return v_load_f16(p);
}
#elif defined(EAO_BYTE_WEIGHTS)
typedef int8_t weight_t;
enum { SCALED = 1 };
static inline vf load_weights(const weight_t *p) {
  return v_load_i8(p);
}
#else
typedef float weight_t;
enum { SCALED = 0 };
static inline vf load_weights(const weight_t *p) {
  return v_load(p);
}
#endif

typedef struct task {
  eao_conv_geom g;
  eao_conv_runs in;
  in_t pad;
  vact act;
  const float *bias, *scale; /* scale: of integer weights */
  const weight_t *panel;
} task;

/* The packed blob: bias, scales of integer weights, panels. */
static void set_weights(task *t, const void *blob) {
  int64_t padded = (t->g.o + NR - 1) / NR * NR;
  t->bias = blob;
  t->scale = t->bias + padded;
  t->panel = (const weight_t *)(const void *)(t->bias + (SCALED ? 2 : 1) * padded);
}

/* What a sum starts from, and what it ends as. */
static inline vf first_term(const task *t, int64_t o) {
  return SCALED ? v_all(0) : v_load(t->bias + o);
}
static inline vf whole_sum(const task *t, int64_t o, vf sum) {
  return SCALED ? v_fma(sum, v_load(t->scale + o), v_load(t->bias + o)) : sum;
}

/* Sums of m pixels times nv vectors to outputs; apart from the tiles, since a tile that is rare
 * need not have its own. */
static __attribute__((noinline)) void finish(const task *t, const vf *acc, int m, int nv,
                                             int64_t o0, float *y) {
  for (int v = 0; v < nv && o0 < t->g.o; v++, o0 += VL) {
    float *to = y + o0;
    int n = t->g.o - o0 < VL ? (int)(t->g.o - o0) : VL;
#pragma GCC unroll 1
    for (int i = 0; i < m; i++, to += t->g.o) {
      vf r = v_act(&t->act, whole_sum(t, o0, acc[i * nv + v]));
      if (n == VL)
        v_store(to, r);
      else
        v_store_n(to, r, n);
    }
  }
}

/* One tile of m pixels times nv vectors of outputs (constants once inlined), `at` elements from
 * where rows point. */
static inline __attribute__((always_inline)) void one_tile(const int m, const int nv, const task *t,
                                                           const float *const *rows, int64_t at,
                                                           int64_t o0, float *y) {
  vf acc[MR * EAO_NV];
  const int64_t step = t->in.step;
  const weight_t *b = t->panel + o0 * t->g.kh * t->g.kw * t->g.c;
#pragma GCC unroll 16
  for (int v = 0; v < nv; v++) {
    vf start = first_term(t, o0 + v * VL);
#pragma GCC unroll 16
    for (int i = 0; i < m; i++) acc[i * nv + v] = start;
  }
  for (int64_t kh = 0; kh < t->in.rows; kh++) {
    for (int64_t r = 0; r < t->in.runs; r++) {
      /* One pointer for three pixels: offsets 0, step and 2 step fit the addressing modes. */
      const float *a[(MR + 2) / 3];
#pragma GCC unroll 16
      for (int i = 0; i < m; i += 3) a[i / 3] = rows[kh] + at + r * t->in.run_step + i * step;
      for (int64_t k = 0; k < t->in.run; k++, b += NR) {
        vf w[EAO_NV];
#pragma GCC unroll 16
        for (int v = 0; v < nv; v++) w[v] = load_weights(b + v * VL);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
          vf x = v_all(a[i / 3][k + i % 3 * step]);
#pragma GCC unroll 16
          for (int v = 0; v < nv; v++) acc[i * nv + v] = v_fma(x, w[v], acc[i * nv + v]);
        }
      }
    }
  }
  if (m + 1 >= MR && t->act.kind == EAO_ACT_NONE && t->g.o - o0 >= nv * VL) {
#pragma GCC unroll 16
    for (int i = 0; i < m; i++)
#pragma GCC unroll 4
      for (int v = 0; v < nv; v++)
        v_store(y + i * t->g.o + o0 + v * VL,
                v_min(t->act.hi, v_max(t->act.lo, whole_sum(t, o0 + v * VL, acc[i * nv + v]))));
    return;
  }
  vf sums[MR * EAO_NV];
#pragma GCC unroll 32
  for (int i = 0; i < m * nv; i++) sums[i] = acc[i];
  finish(t, sums, m, nv, o0, y);
}

/* `count` tiles, one after the other. */
static inline __attribute__((always_inline)) void tile(const int m, const int nv, const task *t,
                                                       const float *const *rows, int64_t count,
                                                       int64_t o0, int64_t first, float *y) {
  (void)first;
  for (int64_t n = 0; n < count; n++)
    one_tile(m, nv, t, rows, n * m * t->in.step, o0, y + n * m * t->g.o);
}

#include "kernel/tmpl/conv_tiles.h"

static void before_pixels(const task *t, const float *const *rows, int64_t n) {
  (void)t, (void)rows, (void)n;
}

static void call_tiles(const task *t, int64_t first, int64_t m, int64_t count,
                       const float *const *rows, int64_t o0, float *y) {
  tiles[t->g.o - o0 > VL][m](t, rows, count, o0, first, y);
}

#include "kernel/tmpl/conv_drive.h"

static void conv(eao_kcall *c) {
  task t = {.act = v_act_init(&((const eao_conv_attr *)c->attr)->act)};
  eao_conv_geom_init(&t.g, c);
  eao_conv_runs_init(&t.in, &t.g, sizeof(in_t));
  set_weights(&t, c->in[1]->data);
  drive(&t, c);
}

/* One row times a panel. A single chain of sums an output would wait for itself: four of them. */
static void row_times_panel(const task *t, const float *x, int64_t o0, float *y) {
  enum { CHAINS = 4 };
  vf acc[CHAINS][EAO_NV];
  const weight_t *b = t->panel + o0 * t->g.c;
  int64_t k = 0, left = t->g.o - o0;
#pragma GCC unroll 16
  for (int v = 0; v < EAO_NV; v++) {
    acc[0][v] = first_term(t, o0 + v * VL);
    for (int i = 1; i < CHAINS; i++) acc[i][v] = v_all(0);
  }
  for (; k + CHAINS <= t->g.c; k += CHAINS, b += CHAINS * NR)
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; i++)
#pragma GCC unroll 16
      for (int v = 0; v < EAO_NV; v++)
        acc[i][v] = v_fma(v_all(x[k + i]), load_weights(b + i * NR + v * VL), acc[i][v]);
  for (; k < t->g.c; k++, b += NR)
    for (int v = 0; v < EAO_NV; v++)
      acc[0][v] = v_fma(v_all(x[k]), load_weights(b + v * VL), acc[0][v]);
  for (int v = 0; v < EAO_NV; v++) {
    vf sum = v_add(v_add(acc[0][v], acc[1][v]), v_add(acc[2][v], acc[3][v]));
    vf r = v_act(&t->act, whole_sum(t, o0 + v * VL, sum));
    int64_t n = left - v * VL;
    if (n >= VL)
      v_store(y + o0 + v * VL, r);
    else if (n > 0)
      v_store_n(y + o0 + v * VL, r, (int)n);
  }
}

static void fully_connected(eao_kcall *c) {
  task t = {.act = v_act_init(&((const eao_fully_connected_attr *)c->attr)->act)};
  int64_t rows = eao_fc_geom_init(&t.g, c), o0, o1;
  eao_conv_runs_init(&t.in, &t.g, sizeof(in_t));
  set_weights(&t, c->in[1]->data);
  if (rows > 1) {
    drive_rows(&t, c, rows);
    return;
  }
  eao_kcall_share(c, t.g.o, NR, &o0, &o1);
  for (int64_t o = o0; rows && o < o1; o += NR)
    row_times_panel(&t, c->in[0]->data, o, c->out[0]->data);
}
