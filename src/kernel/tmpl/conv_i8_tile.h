/* The register tile of 8-bit convolutions (see conv_drive.h), and fully connected layers with it.
 * Include after a simd/i8_*.h with EAO_MR (pixels) and EAO_NV (vectors of outputs) defined. */
#include "kernel/plain/conv_i8.h"

enum { NR = EAO_NV * VL, MR = EAO_MR };
typedef uint8_t in_t, out_t;

typedef struct task {
  eao_conv_geom g;
  eao_conv_runs in;
  in_t pad;
  int64_t whole; /* bytes of a run that are read four at a time */
  vi_bytes out;
  const eao_conv_i8_head *head;
  const int32_t *bias;
  const float *scale;
  const uint8_t *panel;
  int64_t bytes; /* of packed weights an output has */
  int32_t *rest; /* per pixel: what w_rest adds to every output */
} task;

static inline int32_t four_bytes(const uint8_t *p) {
  int32_t x;
  __builtin_memcpy(&x, p, 4);
  return x;
}

/* The n < 4 bytes of a run that has no more: nothing behind them may be read. */
static inline int32_t last_bytes(const uint8_t *p, int64_t n) {
  uint32_t x = p[0];
  if (n > 1) x |= (uint32_t)p[1] << 8;
  if (n > 2) x |= (uint32_t)p[2] << 16;
  return (int32_t)x;
}

/* Weights that lack something (w_rest) add a multiple of the sum of the window to every output. */
static void before_pixels(const task *t, const uint8_t *const *rows, int64_t n) {
  vi flip = vi_all((int32_t)((uint32_t)t->head->flip * 0x01010101u));
  if (!t->head->w_rest) return;
  for (int64_t i = 0; i < n; i++) {
    uint32_t sum = 0;
    for (int64_t k = 0; k < t->in.rows; k++)
      for (int64_t r = 0; r < t->in.runs; r++)
        sum +=
            (uint32_t)vi_sum_bytes(rows[k] + r * t->in.run_step + i * t->in.step, t->in.run, flip);
    t->rest[i] = (int32_t)(sum * (uint32_t)t->head->w_rest);
  }
}

/* Sums of m pixels times nv vectors to bytes, four vectors at a time: of two pixels, or of four
 * that have one each. */
static inline __attribute__((always_inline)) void to_bytes(const int m, const int nv, const task *t,
                                                           const vi *acc, int64_t o0, int64_t first,
                                                           uint8_t *y) {
  enum { SUMS = 4 };
  const int per = SUMS / nv, width = nv * VL; /* pixels, outputs of each */
  const int64_t left = t->g.o - o0;
  const bool with_rest = t->head->w_rest != 0;
#pragma GCC unroll 8
  for (int i = 0; i < m; i += per) {
    vi four[SUMS];
    const float *scale[SUMS];
#pragma GCC unroll 4
    for (int k = 0; k < SUMS; k++) {
      const int px = i + k / nv < m ? i + k / nv : m - 1;
      four[k] = acc[px * nv + k % nv];
      if (with_rest) four[k] = vi_add(four[k], vi_all(t->rest[first + px]));
      scale[k] = t->scale + o0 + k % nv * VL;
    }
    vi_store_quarters(y + i * t->g.o + o0, t->g.o, per, m - i < per ? m - i : per,
                      left < width ? (int)left : width, four, scale, &t->out);
  }
}

/* Apart from the tiles, since a tile that is rare need not have its own. */
static __attribute__((noinline)) void finish(const task *t, const vi *acc, int m, int nv,
                                             int64_t o0, int64_t first, uint8_t *y) {
  const int per = nv == 1 ? 4 : 2;
#pragma GCC unroll 1
  for (int i = 0; i < m; i += per, acc += 4, first += per, y += per * t->g.o) {
    int some = m - i < per ? m - i : per;
    if (nv == 1)
      to_bytes(some, 1, t, acc, o0, first, y);
    else
      to_bytes(some, EAO_NV, t, acc, o0, first, y);
  }
}

/* One tile of m pixels times nv vectors of outputs (constants once inlined), `at` bytes from where
 * rows point. */
static inline __attribute__((always_inline)) void one_tile(const int m, const int nv, const task *t,
                                                           const uint8_t *const *rows, int64_t at,
                                                           int64_t o0, int64_t first, uint8_t *y) {
  vi acc[MR * EAO_NV];
  const int64_t step = t->in.step, whole = t->whole;
  const vi flip = vi_all((int32_t)((uint32_t)t->head->flip * 0x01010101u));
  const uint8_t *b = t->panel + o0 * t->bytes;
#pragma GCC unroll 16
  for (int v = 0; v < nv; v++) {
    vi bias = vi_load(t->bias + o0 + v * VL);
#pragma GCC unroll 16
    for (int i = 0; i < m; i++) acc[i * nv + v] = bias;
  }
  for (int64_t kh = 0; kh < t->in.rows; kh++) {
    for (int64_t r = 0; r < t->in.runs; r++) {
      const uint8_t *a[(MR + 2) / 3];
#pragma GCC unroll 16
      for (int i = 0; i < m; i += 3) a[i / 3] = rows[kh] + at + r * t->in.run_step + i * step;
      for (int64_t k = 0; k < whole; k += 4, b += NR * 4) {
        vi w[EAO_NV];
#pragma GCC unroll 16
        for (int v = 0; v < nv; v++) w[v] = vi_load(b + v * VL * 4);
#pragma GCC unroll 16
        for (int i = 0; i < m; i++) {
          vi x = vi_xor(vi_all(four_bytes(a[i / 3] + k + i % 3 * step)), flip);
#pragma GCC unroll 16
          for (int v = 0; v < nv; v++) acc[i * nv + v] = vi_dot(acc[i * nv + v], x, w[v]);
        }
      }
      if (whole >= t->in.run) continue;
      /* The last bytes of a run are read with those before them, if there are any. */
      const uint8_t *p = a[0] + t->in.run - 4;
      int32_t few[MR], shift = (int32_t)(8 * (whole + 4 - t->in.run));
      int64_t apart = step;
      if (whole == 0) {
#pragma GCC unroll 1
        for (int i = 0; i < m; i++) few[i] = last_bytes(a[0] + i * step, t->in.run);
        p = (const uint8_t *)few, apart = 4, shift = 0;
      }
#pragma GCC unroll 16
      for (int i = 0; i < m; i++, p += apart) {
        vi x = vi_xor(vi_all((int32_t)((uint32_t)four_bytes(p) >> shift)), flip);
#pragma GCC unroll 16
        for (int v = 0; v < nv; v++)
          acc[i * nv + v] = vi_dot(acc[i * nv + v], x, vi_load(b + v * VL * 4));
      }
      b += NR * 4;
    }
  }
  if (m + 1 >= MR && (nv == 1 || t->g.o - o0 >= nv * VL)) {
    to_bytes(m, nv, t, acc, o0, first, y);
    return;
  }
  vi sums[MR * EAO_NV];
#pragma GCC unroll 32
  for (int i = 0; i < m * nv; i++) sums[i] = acc[i];
  finish(t, sums, m, nv, o0, first, y);
}

/* `count` tiles, one after the other. */
static inline __attribute__((always_inline)) void tile(const int m, const int nv, const task *t,
                                                       const uint8_t *const *rows, int64_t count,
                                                       int64_t o0, int64_t first, uint8_t *y) {
  for (int64_t n = 0; n < count; n++, first += m)
    one_tile(m, nv, t, rows, n * m * t->in.step, o0, first, y + n * m * t->g.o);
}

#include "kernel/tmpl/conv_tiles.h"

static void call_tiles(const task *t, int64_t first, int64_t m, int64_t count,
                       const uint8_t *const *rows, int64_t o0, uint8_t *y) {
  tiles[t->g.o - o0 > VL][m](t, rows, count, o0, first, y);
}

#include "kernel/tmpl/conv_drive.h"

static void set_blob(task *t, const void *blob) {
  int64_t padded = (t->g.o + NR - 1) / NR * NR;
  eao_conv_runs_init(&t->in, &t->g, sizeof(in_t));
  t->head = blob;
  t->bias = (const int32_t *)(const void *)(t->head + 1);
  t->scale = (const float *)(t->bias + padded);
  t->panel = (const uint8_t *)(t->scale + padded);
  t->bytes = t->in.rows * t->in.runs * ((t->in.run + 3) / 4) * 4;
  t->whole = t->in.patch ? t->in.patch : t->in.run / 4 * 4;
  t->out = vi_bytes_init(t->head->z_y, t->head->lo, t->head->hi);
  t->pad = (uint8_t)(t->head->z_u ^ t->head->flip); /* as stored, before the flip */
}

static void conv(eao_kcall *c) {
  int32_t rest[EAO_CONV_MAX_PIXELS];
  task t = {.rest = rest};
  eao_conv_geom_init(&t.g, c);
  set_blob(&t, c->in[1]->data);
  drive(&t, c);
}

/* One row times the outputs [o0, o0 + 4 VL). A single chain of sums an output would wait for
 * itself: two of them. */
static void row_times_panels(const task *t, const uint8_t *x, int64_t o0, uint8_t *y) {
  enum { SUMS = 4, CHAINS = 2 };
  const vi flip = vi_all((int32_t)((uint32_t)t->head->flip * 0x01010101u));
  const int64_t run = t->in.run, quads = run / 4, left = t->g.o - o0;
  const uint8_t *w[SUMS];
  const float *scale[SUMS];
  vi acc[CHAINS][SUMS];
#pragma GCC unroll 4
  for (int v = 0; v < SUMS; v++) { /* what is behind the last panel is computed and dropped */
    int64_t o = o0 + v / EAO_NV * NR < t->g.o ? o0 + v * VL : o0 + v % EAO_NV * VL;
    w[v] = t->panel + (o - v % EAO_NV * VL) * t->bytes + v % EAO_NV * VL * 4;
    scale[v] = t->scale + o;
    acc[0][v] = vi_add(vi_load(t->bias + o), vi_all(t->rest[0]));
    acc[1][v] = vi_all(0);
  }
  for (int64_t k = 0; k < quads; k++) {
    vi a = vi_xor(vi_all(four_bytes(x + k * 4)), flip);
#pragma GCC unroll 4
    for (int v = 0; v < SUMS; v++) acc[0][v] = vi_dot(acc[0][v], a, vi_load(w[v] + k * NR * 4));
    if (++k == quads) break;
    a = vi_xor(vi_all(four_bytes(x + k * 4)), flip);
#pragma GCC unroll 4
    for (int v = 0; v < SUMS; v++) acc[1][v] = vi_dot(acc[1][v], a, vi_load(w[v] + k * NR * 4));
  }
  if (run % 4) {
    vi a = vi_xor(vi_all(last_bytes(x + quads * 4, run % 4)), flip);
#pragma GCC unroll 4
    for (int v = 0; v < SUMS; v++) acc[1][v] = vi_dot(acc[1][v], a, vi_load(w[v] + quads * NR * 4));
  }
#pragma GCC unroll 4
  for (int v = 0; v < SUMS; v++) acc[0][v] = vi_add(acc[0][v], acc[1][v]);
  uint8_t part[SUMS * VL], *to = left < SUMS * VL ? part : y + o0;
  vi_store_quarters(to, VL, SUMS, SUMS, VL, acc[0], scale, &t->out);
  if (to == part) __builtin_memcpy(y + o0, part, (size_t)left);
}

static void fully_connected(eao_kcall *c) {
  int32_t rest[EAO_CONV_MAX_PIXELS];
  task t = {.rest = rest};
  int64_t rows = eao_fc_geom_init(&t.g, c);
  set_blob(&t, c->in[1]->data);
  if (rows > 1) {
    drive_rows(&t, c, rows);
    return;
  }
  int64_t o0, o1;
  const uint8_t *x = c->in[0]->data;
  eao_kcall_share(c, t.g.o, 4 * VL, &o0, &o1);
  rest[0] = 0;
  if (rows && o0 < o1) before_pixels(&t, &x, 1);
  for (int64_t o = o0; rows && o < o1; o += 4 * VL) row_times_panels(&t, x, o, c->out[0]->data);
}
