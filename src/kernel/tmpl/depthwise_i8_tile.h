/* 8-bit depthwise convolution, channels last: CH channels at a time, two kernel rows in one
 * multiplication, PX pixels together so that a column loaded once serves every window it is in.
 * Include after a simd/i16_*.h. */
#include "kernel/plain/depthwise_i8.h"

enum { PX = EAO_PX, LANES = CH / 2, MAX_PAIRS = (EAO_CONV_MAX_KH + 1) / 2 };

typedef struct task {
  eao_conv_geom g;
  const eao_conv_i8_head *head;
  uint8_t outside[CH]; /* what is read where a window leaves the image */
} task;

/* Sums of one pixel become bytes. */
static inline __attribute__((always_inline)) void
finish(const task *t, const vi acc[2], const char *block, int channels, uint8_t *y) {
  const float *scale = (const float *)(const void *)(block + CH * 4);
  vi z = vi_all(t->head->z_y);
  vf lo = vf_all((float)(t->head->lo - t->head->z_y));
  vf hi = vf_all((float)(t->head->hi - t->head->z_y));
  vi_store_bytes(y, vi_requant(acc[0], vf_load(scale), lo, hi, z),
                 vi_requant(acc[1], vf_load(scale + LANES), lo, hi, z), channels);
}

/* One pixel; columns [c0, c1) of its window are inside the image. rows[k]: input row of kernel row
 * k at the window's first column, NULL outside the image. block: packed constants. */
static inline __attribute__((always_inline)) void window(const task *t, const int kh, const int kw,
                                                         const int dw, const uint8_t *const *rows,
                                                         int c0, int c1, const char *block,
                                                         int channels, uint8_t *y) {
  const vs flip = vs_flip(t->head->flip), outside = vs_load(t->outside, flip, CH);
  vi acc[2] = {vi_load(block), vi_load(block + LANES * 4)};
  const char *w = block + CH * 8;
  for (int k = 0; k < kh; k += 2) {
    const uint8_t *r0 = rows[k], *r1 = k + 1 < kh ? rows[k + 1] : NULL;
    for (int l = 0; l < kw; l++, w += CH * 4) {
      int col = l * dw;
      bool inside = col >= c0 && col < c1;
      vs a = r0 && inside ? vs_load(r0 + col * t->g.c, flip, channels) : outside;
      vs b = r1 && inside ? vs_load(r1 + col * t->g.c, flip, channels) : outside;
      acc[0] = vi_pairs(acc[0], vs_pair_lo(a, b), vi_load(w));
      acc[1] = vi_pairs(acc[1], vs_pair_hi(a, b), vi_load(w + LANES * 4));
    }
  }
  finish(t, acc, block, channels, y);
}

typedef void (*window_fn)(const task *, const uint8_t *const *, int, int, const char *, int,
                          uint8_t *);
#define EAO_WINDOW(name, kh, kw, dw)                                                               \
  static void window_##name(const task *t, const uint8_t *const *rows, int c0, int c1,             \
                            const char *block, int channels, uint8_t *y) {                         \
    window(t, kh, kw, dw, rows, c0, c1, block, channels, y);                                       \
  }
EAO_WINDOW(3x3, 3, 3, 1)
EAO_WINDOW(5x5, 5, 5, 1)
EAO_WINDOW(any, (int)t->g.kh, (int)t->g.kw, (int)t->g.dw)
#undef EAO_WINDOW

/* PX pixels of a full block whose columns are all inside; the window's extents and the stride are
 * constants, so that everything is unrolled and a column is loaded once. */
static inline __attribute__((always_inline)) void strip(const task *t, const int kh, const int kw,
                                                        const int sw, const uint8_t *const *rows,
                                                        const char *block, uint8_t *y) {
  const int64_t c = t->g.c;
  const char *weights = block + CH * 8;
  const vs flip = vs_flip(t->head->flip);
  vi acc[PX][2];
#pragma GCC unroll 8
  for (int i = 0; i < PX; i++) {
    acc[i][0] = vi_load(block);
    acc[i][1] = vi_load(block + LANES * 4);
  }
#pragma GCC unroll 2
  for (int p = 0; p < (kh + 1) / 2; p++) {
    /* A row outside the image is one block of padding, read again for every column. */
    const uint8_t *r0 = rows[2 * p], *r1 = 2 * p + 1 < kh ? rows[2 * p + 1] : NULL;
    const int64_t s0 = r0 ? c : 0, s1 = r1 ? c : 0;
    if (!r0) r0 = t->outside;
    if (!r1) r1 = t->outside;
    const char *w = weights + p * kw * CH * 4;
#pragma GCC unroll 16
    for (int col = 0; col < (PX - 1) * sw + kw; col++) {
      vs a = vs_load(r0 + col * s0, flip, CH), b = vs_load(r1 + col * s1, flip, CH);
      vi lo = vs_pair_lo(a, b), hi = vs_pair_hi(a, b);
#pragma GCC unroll 8
      for (int i = 0; i < PX; i++) {
        int l = col - i * sw;
        if (l < 0 || l >= kw) continue;
        acc[i][0] = vi_pairs(acc[i][0], lo, vi_load(w + l * CH * 4));
        acc[i][1] = vi_pairs(acc[i][1], hi, vi_load(w + l * CH * 4 + LANES * 4));
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < PX; i++) finish(t, acc[i], block, CH, y + i * c);
}

/* `count` strips side by side. */
typedef void (*strip_fn)(const task *, const uint8_t *const *, int64_t count, const char *,
                         uint8_t *);
#define EAO_STRIP(name, kh, kw, sw)                                                                \
  static void strip_##name(const task *t, const uint8_t *const *rows, int64_t count,               \
                           const char *block, uint8_t *y) {                                        \
    const uint8_t *at[kh];                                                                         \
    for (int k = 0; k < kh; k++) at[k] = rows[k];                                                  \
    for (int64_t i = 0; i < count; i++, y += PX * t->g.c) {                                        \
      strip(t, kh, kw, sw, at, block, y);                                                          \
      for (int k = 0; k < kh; k++)                                                                 \
        if (at[k]) at[k] += PX * (sw)*t->g.c;                                                      \
    }                                                                                              \
  }
EAO_STRIP(3x3s1, 3, 3, 1)
EAO_STRIP(3x3s2, 3, 3, 2)
EAO_STRIP(5x5s1, 5, 5, 1)
#undef EAO_STRIP

/* The loops for this window; no strip: NULL. */
typedef struct loops {
  strip_fn strip;
  window_fn window;
} loops;
static loops loops_of(const eao_conv_geom *g) {
  bool three = g->kh == 3 && g->kw == 3 && g->dw == 1;
  bool five = g->kh == 5 && g->kw == 5 && g->dw == 1;
  if (three && g->sw == 1) return (loops){strip_3x3s1, window_3x3};
  if (three && g->sw == 2) return (loops){strip_3x3s2, window_3x3};
  if (five && g->sw == 1) return (loops){strip_5x5s1, window_5x5};
  return (loops){NULL, three ? window_3x3 : five ? window_5x5 : window_any};
}

/* One output row of one block of channels. x: the image at the block's first channel. */
static void row(const task *t, loops fn, const uint8_t *x, int64_t oy, const char *block,
                int channels, uint8_t *y) {
  const eao_conv_geom *g = &t->g;
  const uint8_t *rows[EAO_CONV_MAX_KH], *at[EAO_CONV_MAX_KH];
  const int64_t reach = (g->kw - 1) * g->dw + 1, wide = (PX - 1) * g->sw + reach;
  for (int64_t k = 0; k < g->kh; k++) {
    int64_t iy = oy * g->sh - g->pt + k * g->dh;
    rows[k] = iy >= 0 && iy < g->h ? x + iy * g->w * g->c : NULL;
  }
  for (int64_t ox = 0; ox < g->ow;) {
    int64_t ix = ox * g->sw - g->pl;
    /* Pointers of windows that begin left of the image are never read there, but are formed; as
     * integers, so that this is defined. */
    for (int64_t k = 0; k < g->kh; k++)
      at[k] = rows[k] ? (const uint8_t *)((uintptr_t)rows[k] + (uintptr_t)(ix * g->c)) : NULL;
    if (fn.strip && channels == CH && ix >= 0 && ix + wide <= g->w && ox + PX <= g->ow) {
      int64_t by_input = (g->w - ix - wide) / (PX * g->sw) + 1, by_output = (g->ow - ox) / PX;
      int64_t count = by_input < by_output ? by_input : by_output;
      fn.strip(t, at, count, block, y + ox * g->c);
      ox += count * PX;
    } else {
      int64_t c0 = ix < 0 ? -ix : 0, c1 = g->w - ix < reach ? g->w - ix : reach;
      fn.window(t, at, (int)(c0 < reach ? c0 : reach), (int)c1, block, channels, y + ox * g->c);
      ox++;
    }
  }
}

static void depthwise(eao_kcall *c) {
  task t;
  eao_conv_geom *g = &t.g;
  eao_conv_geom_init(g, c);
  t.head = c->in[1]->data;
  for (int i = 0; i < CH; i++) t.outside[i] = (uint8_t)(t.head->z_u ^ t.head->flip);
  int64_t begin, end, bytes = eao_depthwise_i8_block(g->kh, g->kw, CH);
  eao_kcall_share(c, g->n * g->oh, 1, &begin, &end);
  loops fn = loops_of(g);
  for (int64_t r = begin; r < end; r++) {
    const uint8_t *x = (const uint8_t *)c->in[0]->data + r / g->oh * g->h * g->w * g->c;
    uint8_t *y = (uint8_t *)c->out[0]->data + r * g->ow * g->c;
    for (int64_t i = 0; i < g->c; i += CH) {
      const char *block = (const char *)(t.head + 1) + i / CH * bytes;
      int channels = g->c - i < CH ? (int)(g->c - i) : CH;
      row(&t, fn, x + i, r % g->oh, block, channels, y + i);
    }
  }
}
