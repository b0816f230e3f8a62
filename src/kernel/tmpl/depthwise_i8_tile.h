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

/* n pixels of one output row, kh x kw and strides constants when inlined. rows[k]: input row of
 * kernel row k at the first window's column, NULL outside the image; columns [c0, c1) of the strip
 * are inside. block: packed constants. */
static inline __attribute__((always_inline)) void
strip(const task *t, const int n, const int kh, const int kw, const int sw, const int dw,
      const uint8_t *const *rows, int c0, int c1, const char *block, int channels, uint8_t *y) {
  const int np = (kh + 1) / 2;
  const char *weights = block + CH * 8;
  const int64_t c = t->g.c;
  vi acc[PX][2];
  const vs flip = vs_flip(t->head->flip);
#pragma GCC unroll 8
  for (int i = 0; i < n; i++)
    for (int h = 0; h < 2; h++) acc[i][h] = vi_load(block + h * LANES * 4);
#pragma GCC unroll 8
  for (int p = 0; p < np; p++) {
    const uint8_t *r0 = rows[2 * p], *r1 = 2 * p + 1 < kh ? rows[2 * p + 1] : NULL;
#pragma GCC unroll 16
    for (int col = 0; col < (n - 1) * sw + (kw - 1) * dw + 1; col++) {
      bool inside = col >= c0 && col < c1;
      vs a = vs_load(r0 && inside ? r0 + col * c : t->outside, flip, r0 && inside ? channels : CH);
      vs b = vs_load(r1 && inside ? r1 + col * c : t->outside, flip, r1 && inside ? channels : CH);
      vi lo = vs_pair_lo(a, b), hi = vs_pair_hi(a, b);
#pragma GCC unroll 8
      for (int i = 0; i < n; i++) {
        int l = col - i * sw;
        if (l < 0 || l % dw || l / dw >= kw) continue;
        const char *w = weights + (p * kw + l / dw) * CH * 4;
        acc[i][0] = vi_pairs(acc[i][0], lo, vi_load(w));
        acc[i][1] = vi_pairs(acc[i][1], hi, vi_load(w + LANES * 4));
      }
    }
  }
  const float *scale = (const float *)(const void *)(block + CH * 4);
  vi z = vi_all(t->head->z_y);
  vf lo = vf_all((float)(t->head->lo - t->head->z_y));
  vf hi = vf_all((float)(t->head->hi - t->head->z_y));
#pragma GCC unroll 8
  for (int i = 0; i < n; i++)
    vi_store_bytes(y + i * c, vi_requant(acc[i][0], vf_load(scale), lo, hi, z),
                   vi_requant(acc[i][1], vf_load(scale + LANES), lo, hi, z), channels);
}

/* One output row of one block of channels. x: the image at the block's first channel. */
static inline __attribute__((always_inline)) void row(const task *t, const int kh, const int kw,
                                                      const int sw, const int dw, const uint8_t *x,
                                                      int64_t oy, const char *block, int channels,
                                                      uint8_t *y) {
  const eao_conv_geom *g = &t->g;
  const uint8_t *rows[EAO_CONV_MAX_KH], *at[EAO_CONV_MAX_KH];
  const int reach = (kw - 1) * dw + 1, wide = (PX - 1) * sw + reach;
  for (int k = 0; k < kh; k++) {
    int64_t iy = oy * g->sh - g->pt + k * g->dh;
    rows[k] = iy >= 0 && iy < g->h ? x + iy * g->w * g->c : NULL;
  }
  for (int64_t ox = 0; ox < g->ow;) {
    int64_t ix = ox * sw - g->pl;
    /* Pointers of windows that begin left of the image are never read there, but are formed; as
     * integers, so that this is defined. */
    for (int k = 0; k < kh; k++)
      at[k] = rows[k] ? (const uint8_t *)((uintptr_t)rows[k] + (uintptr_t)(ix * g->c)) : NULL;
    if (ix >= 0 && ix + wide <= g->w && ox + PX <= g->ow) {
      strip(t, PX, kh, kw, sw, dw, at, 0, wide, block, channels, y + ox * g->c);
      ox += PX;
    } else {
      int64_t c0 = ix < 0 ? -ix : 0, c1 = g->w - ix < reach ? g->w - ix : reach;
      strip(t, 1, kh, kw, sw, dw, at, (int)(c0 < reach ? c0 : reach), (int)c1, block, channels,
            y + ox * g->c);
      ox++;
    }
  }
}

#define EAO_ROW(name, kh, kw, sw, dw, channels)                                                    \
  static __attribute__((noinline)) void row_##name(const task *t, const uint8_t *x, int64_t oy,    \
                                                   const char *block, int left, uint8_t *y) {      \
    (void)left;                                                                                    \
    row(t, kh, kw, sw, dw, x, oy, block, channels, y);                                             \
  }
EAO_ROW(3x3s1, 3, 3, 1, 1, CH)
EAO_ROW(3x3s2, 3, 3, 2, 1, CH)
EAO_ROW(5x5s1, 5, 5, 1, 1, CH)
EAO_ROW(any, (int)t->g.kh, (int)t->g.kw, (int)t->g.sw, (int)t->g.dw, left)
#undef EAO_ROW

static void depthwise(eao_kcall *c) {
  task t;
  eao_conv_geom *g = &t.g;
  eao_conv_geom_init(g, c);
  t.head = c->in[1]->data;
  for (int i = 0; i < CH; i++) t.outside[i] = (uint8_t)(t.head->z_u ^ t.head->flip);
  int64_t begin, end, bytes = eao_depthwise_i8_block(g->kh, g->kw, CH);
  eao_kcall_share(c, g->n * g->oh, 1, &begin, &end);
  bool three = g->kh == 3 && g->kw == 3 && g->dw == 1;
  bool five = g->kh == 5 && g->kw == 5 && g->dw == 1;
  for (int64_t r = begin; r < end; r++) {
    const uint8_t *x = (const uint8_t *)c->in[0]->data + r / g->oh * g->h * g->w * g->c;
    uint8_t *y = (uint8_t *)c->out[0]->data + r * g->ow * g->c;
    for (int64_t i = 0; i < g->c; i += CH) {
      const char *block = (const char *)(t.head + 1) + i / CH * bytes;
      int left = g->c - i < CH ? (int)(g->c - i) : CH;
      if (left < CH)
        row_any(&t, x + i, r % g->oh, block, left, y + i);
      else if (three && g->sw == 1)
        row_3x3s1(&t, x + i, r % g->oh, block, left, y + i);
      else if (three && g->sw == 2)
        row_3x3s2(&t, x + i, r % g->oh, block, left, y + i);
      else if (five && g->sw == 1)
        row_5x5s1(&t, x + i, r % g->oh, block, left, y + i);
      else
        row_any(&t, x + i, r % g->oh, block, left, y + i);
    }
  }
}
