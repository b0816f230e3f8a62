/* The register tile of 8-bit convolutions (see conv_drive.h), and fully connected layers with it.
 * Include after a simd/i8_*.h with EAO_MR (pixels) and EAO_NV (vectors of outputs) defined. */
#include "kernel/plain/conv_i8.h"

enum { NR = EAO_NV * VL, MR = EAO_MR };
typedef uint8_t in_t, out_t;

typedef struct task {
  eao_conv_geom g;
  in_t pad;
  int64_t run, run_step, runs;
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
static void before_pixels(const task *t, const uint8_t *const *rows, int64_t step, int64_t n) {
  vi flip = vi_all((int32_t)((uint32_t)t->head->flip * 0x01010101u));
  for (int64_t i = 0; i < n; i++) {
    uint32_t sum = 0;
    for (int64_t kh = 0; t->head->w_rest && kh < t->g.kh; kh++)
      for (int64_t r = 0; r < t->runs; r++)
        sum += (uint32_t)vi_sum_bytes(rows[kh] + r * t->run_step + i * step, t->run, flip);
    t->rest[i] = (int32_t)(sum * (uint32_t)t->head->w_rest);
  }
}

/* From sums to bytes. */
typedef struct out_range {
  vi z;
  vf lo, hi;
} out_range;

static inline out_range range_of(const task *t) {
  return (out_range){vi_all(t->head->z_y), vf_all((float)(t->head->lo - t->head->z_y)),
                     vf_all((float)(t->head->hi - t->head->z_y))};
}

/* Sums of m pixels times nv vectors; apart from the tiles, since a tile that is rare need not have
 * its own. */
static __attribute__((noinline)) void finish(const task *t, const vi *acc, int m, int nv,
                                             int64_t o0, uint8_t *y) {
  out_range r = range_of(t);
  for (int v = 0; v < nv && o0 < t->g.o; v++, o0 += VL) {
    vf scale = vf_load(t->scale + o0);
    uint8_t *to = y + o0;
    int n = t->g.o - o0 < VL ? (int)(t->g.o - o0) : VL;
#pragma GCC unroll 1
    for (int i = 0; i < m; i++, to += t->g.o)
      vi_store_requant(to, acc[i * nv + v], scale, r.lo, r.hi, r.z, n);
  }
}

/* m pixels times nv vectors of outputs (constants once inlined). */
static inline __attribute__((always_inline)) void tile(const int m, const int nv, const task *t,
                                                       const uint8_t *const *rows, int64_t step,
                                                       int64_t o0, int64_t first, uint8_t *y) {
  vi acc[MR * EAO_NV], flip = vi_all((int32_t)((uint32_t)t->head->flip * 0x01010101u));
  const uint8_t *b = t->panel + o0 * t->bytes;
#pragma GCC unroll 16
  for (int i = 0; i < m; i++) {
    vi rest = vi_all(t->rest[first + i]);
#pragma GCC unroll 16
    for (int v = 0; v < nv; v++) acc[i * nv + v] = vi_add(vi_load(t->bias + o0 + v * VL), rest);
  }
  for (int64_t kh = 0; kh < t->g.kh; kh++) {
    for (int64_t r = 0; r < t->runs; r++) {
      const uint8_t *a[(MR + 2) / 3];
      int64_t k = 0;
#pragma GCC unroll 16
      for (int i = 0; i < m; i += 3) a[i / 3] = rows[kh] + r * t->run_step + i * step;
      for (; k + 4 <= t->run; k += 4, b += NR * 4) {
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
      if (k == t->run) continue;
      /* The last bytes of a run are read with those before them, if there are any. */
      const uint8_t *p = a[0] + t->run - 4;
      int32_t few[MR], shift = (int32_t)(8 * (k + 4 - t->run));
      int64_t apart = step;
      if (k == 0) {
#pragma GCC unroll 1
        for (int i = 0; i < m; i++) few[i] = last_bytes(a[0] + i * step, t->run);
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
  if (m + 1 >= MR && t->g.o - o0 >= nv * VL) {
    out_range q = range_of(t);
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
      vf scale = vf_load(t->scale + o0 + v * VL);
#pragma GCC unroll 16
      for (int i = 0; i < m; i++)
        vi_store_requant(y + i * t->g.o + o0 + v * VL, acc[i * nv + v], scale, q.lo, q.hi, q.z, VL);
    }
    return;
  }
  vi sums[MR * EAO_NV];
#pragma GCC unroll 32
  for (int i = 0; i < m * nv; i++) sums[i] = acc[i];
  finish(t, sums, m, nv, o0, y);
}

#include "kernel/tmpl/conv_tiles.h"

static void call_tile(const task *t, int64_t first, int64_t m, const uint8_t *const *rows,
                      int64_t step, int64_t o0, uint8_t *y) {
  tiles[t->g.o - o0 > VL][m](t, rows, step, o0, first, y);
}

#include "kernel/tmpl/conv_drive.h"

static void set_blob(task *t, const void *blob) {
  int64_t padded = (t->g.o + NR - 1) / NR * NR;
  set_runs(t);
  t->head = blob;
  t->bias = (const int32_t *)(const void *)(t->head + 1);
  t->scale = (const float *)(t->bias + padded);
  t->panel = (const uint8_t *)(t->scale + padded);
  t->bytes = t->g.kh * t->runs * ((t->run + 3) / 4) * 4;
  t->pad = (uint8_t)(t->head->z_u ^ t->head->flip); /* as stored, before the flip */
}

static void conv(eao_kcall *c) {
  int32_t rest[EAO_CONV_MAX_PIXELS];
  task t = {.rest = rest};
  eao_conv_geom_init(&t.g, c);
  set_blob(&t, c->in[1]->data);
  drive(&t, c);
}

static void fully_connected(eao_kcall *c) {
  int32_t rest[EAO_CONV_MAX_PIXELS];
  task t = {.rest = rest};
  int64_t rows = eao_fc_geom_init(&t.g, c);
  set_blob(&t, c->in[1]->data);
  if (rows) drive_rows(&t, c, rows);
}
