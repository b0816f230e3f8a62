/* Float convolution as a matrix product, channels last, without an im2col copy of the image.
 *
 * Include after a simd/f32_*.h with EAO_MR (pixels) and EAO_NV (vectors of outputs) of the
 * register tile defined. An output row's pixels are a fixed distance apart in the input, and the
 * kw * c inputs of one kernel row are contiguous, so the inner loop runs over them with one
 * pointer. Padding: input rows are copied once each into a ring of padded rows. */
#include "kernel/plain/conv_f32.h"
#include "kernel/tmpl/act_f32.h"

enum { NR = EAO_NV * VL, MR = EAO_MR };

typedef struct task {
  eao_conv_geom g;
  vact act;
  const float *bias, *panel;
  int64_t run, run_step, runs; /* contiguous inputs of a kernel row; runs of them, run_step apart */
} task;

/* m pixels times nv vectors of outputs (constants once inlined). rows[kh]: the input of the first
 * pixel; a pixel is `step` further for the next. */
static inline __attribute__((always_inline)) void tile(const int m, const int nv, const task *t,
                                                       const float *const *rows, int64_t step,
                                                       int64_t o0, float *y) {
  vf acc[MR][EAO_NV];
  const float *b = t->panel + o0 * t->g.kh * t->g.kw * t->g.c;
#pragma GCC unroll 16
  for (int v = 0; v < nv; v++) {
    vf bias = v_load(t->bias + o0 + v * VL);
#pragma GCC unroll 16
    for (int i = 0; i < m; i++) acc[i][v] = bias;
  }
  for (int64_t kh = 0; kh < t->g.kh; kh++) {
    for (int64_t r = 0; r < t->runs; r++) {
      /* One pointer for three pixels: offsets 0, step and 2 step fit the addressing modes. */
      const float *a[(MR + 2) / 3];
#pragma GCC unroll 16
      for (int i = 0; i < m; i += 3) a[i / 3] = rows[kh] + r * t->run_step + i * step;
      for (int64_t k = 0; k < t->run; k++, b += NR) {
        vf w[EAO_NV];
#pragma GCC unroll 16
        for (int v = 0; v < nv; v++) w[v] = v_load(b + v * VL);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
          vf x = v_all(a[i / 3][k + i % 3 * step]);
#pragma GCC unroll 16
          for (int v = 0; v < nv; v++) acc[i][v] = v_fma(x, w[v], acc[i][v]);
        }
      }
    }
  }
  int64_t left = t->g.o - o0;
#pragma GCC unroll 16
  for (int i = 0; i < m; i++) {
#pragma GCC unroll 16
    for (int v = 0; v < nv; v++) {
      vf r = v_min(t->act.hi, v_max(t->act.lo, acc[i][v]));
      float *p = y + i * t->g.o + o0 + v * VL;
      int64_t n = left - v * VL;
      if (n >= VL)
        v_store(p, r);
      else if (n > 0)
        v_store_n(p, r, (int)n);
    }
  }
}

/* Activations that are no clip get a pass of their own over the tile, which is still in the cache.
 */
static void activate(const task *t, float *y, int64_t m, int64_t n) {
  for (int64_t i = 0; i < m; i++, y += t->g.o) {
    int64_t o = 0;
    for (; o + VL <= n; o += VL) v_store(y + o, v_act(&t->act, v_load(y + o)));
    if (o < n) v_store_n(y + o, v_act(&t->act, v_load_n(y + o, (int)(n - o))), (int)(n - o));
  }
}

/* The last panel of a layer often has one vector of outputs or less: it gets tiles of its own. */
#define EAO_TILE(m)                                                                                \
  static __attribute__((noinline)) void tile_##m(const task *t, const float *const *rows,          \
                                                 int64_t step, int64_t o0, float *y) {             \
    tile(m, EAO_NV, t, rows, step, o0, y);                                                         \
  }                                                                                                \
  static __attribute__((noinline)) void thin_##m(const task *t, const float *const *rows,          \
                                                 int64_t step, int64_t o0, float *y) {             \
    tile(m, 1, t, rows, step, o0, y);                                                              \
  }
EAO_TILE(1)
EAO_TILE(2)
EAO_TILE(3)
EAO_TILE(4)
EAO_TILE(5)
EAO_TILE(6)
#if EAO_MR == 12
EAO_TILE(7)
EAO_TILE(8)
EAO_TILE(9)
EAO_TILE(10)
EAO_TILE(11)
EAO_TILE(12)
#endif
#undef EAO_TILE

typedef void (*tile_fn)(const task *, const float *const *, int64_t, int64_t, float *);
static const tile_fn tiles[2][MR + 1] = {{
                                             NULL,
                                             thin_1,
                                             thin_2,
                                             thin_3,
                                             thin_4,
                                             thin_5,
                                             thin_6,
#if EAO_MR == 12
                                             thin_7,
                                             thin_8,
                                             thin_9,
                                             thin_10,
                                             thin_11,
                                             thin_12,
#endif
                                         },
                                         {
                                             NULL,
                                             tile_1,
                                             tile_2,
                                             tile_3,
                                             tile_4,
                                             tile_5,
                                             tile_6,
#if EAO_MR == 12
                                             tile_7,
                                             tile_8,
                                             tile_9,
                                             tile_10,
                                             tile_11,
                                             tile_12,
#endif
                                         }};

/* n pixels in a row, in tiles of about equal size, for the outputs [o0, o1). */
static void pixels(const task *t, const float *const *rows, int64_t n, int64_t o0, int64_t o1,
                   float *y) {
  enum { MAX_ROWS = 32 };
  int64_t step = t->g.sw * t->g.c, count = (n + MR - 1) / MR;
  const float *at[MAX_ROWS];
  for (int64_t o = o0; o < o1; o += NR) {
    for (int64_t i = 0; i < count; i++) {
      int64_t begin = n * i / count, end = n * (i + 1) / count;
      for (int64_t kh = 0; kh < t->g.kh; kh++) at[kh] = rows[kh] + begin * step;
      tiles[t->g.o - o > VL][end - begin](t, at, step, o, y + begin * t->g.o);
      if (t->act.kind != EAO_ACT_NONE)
        activate(t, y + begin * t->g.o + o, end - begin, t->g.o - o < NR ? t->g.o - o : NR);
    }
  }
}

/* 1x1, stride 1: the image is one long row. Blocks of it keep the inputs in the L2 cache while
 * the weights pass by. */
static void pointwise(const task *t, const float *x, float *y, int64_t begin, int64_t end,
                      int64_t o0, int64_t o1) {
  int64_t block = 128 * 1024 / (int64_t)sizeof(float) / t->g.c / MR * MR;
  if (block < 4 * MR) block = 4 * MR;
  for (int64_t p = begin; p < end; p += block) {
    const float *row = x + p * t->g.c;
    pixels(t, &row, end - p < block ? end - p : block, o0, o1, y + p * t->g.o);
  }
}

/* Copies input row iy of image x into a padded row: zeros where it leaves the image. */
static void fill_row(const task *t, const float *x, int64_t iy, float *out, int64_t row) {
  const eao_conv_geom *g = &t->g;
  int64_t before = g->pl * g->c, have = g->w * g->c;
  if (iy < 0 || iy >= g->h) before = row, have = 0;
  if (before > row) before = row;
  if (have > row - before) have = row - before;
  for (int64_t i = 0; i < before; i++) out[i] = 0;
  if (have > 0) __builtin_memcpy(out + before, x + iy * g->w * g->c, (size_t)have * sizeof(float));
  for (int64_t i = before + have; i < row; i++) out[i] = 0;
}

/* Output rows [begin, end) of one image. */
static void image(const task *t, const float *x, float *y, int64_t begin, int64_t end, int64_t o0,
                  int64_t o1, float *ring) {
  enum { MAX_ROWS = 32 };
  const eao_conv_geom *g = &t->g;
  const float *rows[MAX_ROWS];
  bool direct = eao_conv_f32_direct(g);
  int64_t row = ((g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1) * g->c;
  int64_t n_ring = (g->kh - 1) * g->dh + 1, filled = begin * g->sh - g->pt;
  for (int64_t oy = begin; oy < end; oy++) {
    int64_t top = oy * g->sh - g->pt;
    if (filled < top) filled = top;
    for (; !direct && filled < top + n_ring; filled++)
      fill_row(t, x, filled, ring + ((filled % n_ring + n_ring) % n_ring) * row, row);
    for (int64_t k = 0; k < g->kh; k++) {
      int64_t iy = top + k * g->dh;
      rows[k] = direct ? x + iy * g->w * g->c : ring + ((iy % n_ring + n_ring) % n_ring) * row;
    }
    pixels(t, rows, g->ow, o0, o1, y + oy * g->ow * g->o);
  }
}

static void conv(eao_kcall *c) {
  task t = {.act = v_act_init(&((const eao_conv_attr *)c->attr)->act)};
  eao_conv_geom *g = &t.g;
  eao_conv_geom_init(g, c);
  int64_t padded = (g->o + NR - 1) / NR * NR;
  t.bias = c->in[1]->data;
  t.panel = t.bias + padded;
  t.runs = g->dw == 1 || g->kw == 1 ? 1 : g->kw;
  t.run = t.runs == 1 ? g->kw * g->c : g->c;
  t.run_step = g->dw * g->c;
  const float *x = c->in[0]->data;
  float *y = c->out[0]->data;
  bool one = g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && eao_conv_f32_direct(g) &&
             g->ow == g->w;
  int64_t parts = c->n_part ? c->n_part : 1, px = one ? g->n * g->oh * g->ow : g->oh;
  /* Threads share rows; outputs when there are too few rows and enough outputs. */
  bool by_output = px < parts * (one ? 2 * MR : 2) && g->o >= parts * NR;
  int64_t p0 = 0, p1 = px, o0 = 0, o1 = g->o;
  if (by_output)
    eao_kcall_share(c, g->o, NR, &o0, &o1);
  else
    eao_kcall_share(c, px, one ? MR : 1, &p0, &p1);
  if (one) {
    pointwise(&t, x, y, p0, p1, o0, o1);
    return;
  }
  int64_t row = ((g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1) * g->c;
  float *ring = c->scratch;
  if (ring) ring += c->part * ((g->kh - 1) * g->dh + 1) * row;
  for (int64_t n = 0; n < g->n; n++)
    image(&t, x + n * g->h * g->w * g->c, y + n * g->oh * g->ow * g->o, p0, p1, o0, o1, ring);
}

/* One row times a panel. A single chain of sums an output would wait for itself: four of them. */
static void row_times_panel(const task *t, const float *x, int64_t o0, float *y) {
  enum { CHAINS = 4 };
  vf acc[CHAINS][EAO_NV];
  const float *b = t->panel + o0 * t->g.c;
  int64_t k = 0, left = t->g.o - o0;
#pragma GCC unroll 16
  for (int v = 0; v < EAO_NV; v++) {
    acc[0][v] = v_load(t->bias + o0 + v * VL);
    for (int i = 1; i < CHAINS; i++) acc[i][v] = v_all(0);
  }
  for (; k + CHAINS <= t->g.c; k += CHAINS, b += CHAINS * NR)
#pragma GCC unroll 16
    for (int i = 0; i < CHAINS; i++)
#pragma GCC unroll 16
      for (int v = 0; v < EAO_NV; v++)
        acc[i][v] = v_fma(v_all(x[k + i]), v_load(b + i * NR + v * VL), acc[i][v]);
  for (; k < t->g.c; k++, b += NR)
    for (int v = 0; v < EAO_NV; v++) acc[0][v] = v_fma(v_all(x[k]), v_load(b + v * VL), acc[0][v]);
  for (int v = 0; v < EAO_NV; v++) {
    vf r = v_act(&t->act, v_add(v_add(acc[0][v], acc[1][v]), v_add(acc[2][v], acc[3][v])));
    int64_t n = left - v * VL;
    if (n >= VL)
      v_store(y + o0 + v * VL, r);
    else if (n > 0)
      v_store_n(y + o0 + v * VL, r, (int)n);
  }
}

static void fully_connected(eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *y = c->out[0];
  task t = {.act = v_act_init(&a->act), .runs = 1};
  int64_t n = y->dim[y->rank - 1], count = eao_tensor_count(y), o0, o1;
  if (count == 0) return;
  t.g = (eao_conv_geom){.c = eao_tensor_count(x) / (count / n), .o = n, .kh = 1, .kw = 1, .sw = 1};
  t.run = t.g.c;
  t.bias = c->in[1]->data;
  t.panel = t.bias + (n + NR - 1) / NR * NR;
  eao_kcall_share(c, n, NR, &o0, &o1);
  const float *from = x->data;
  if (count > n) {
    pointwise(&t, from, y->data, 0, count / n, o0, o1);
    return;
  }
  for (int64_t o = o0; o < o1; o += NR) row_times_panel(&t, from, o, y->data);
}
