/* Depthwise convolution, channels last, but for the sums: fills the ring (see
 * plain/depthwise_plan.h) and walks the outputs. Include after in_t and ring_t, and
 *   enum { ROWS } (output rows made together)
 *   typedef struct task { eao_conv_geom g; eao_depthwise_plan p; in_t pad; ring_t *ring;
 *     in_t *raw; int64_t ring_row; ... } task;
 *   static void take_row(const task *t, ring_t *row);
 *       Brings the row that t->raw holds into the ring; raw is the ring's row when plain.
 *   static void make_rows(const task *t, const ring_t *const rows[][EAO_CONV_MAX_KH], int n,
 *                         const span *s);
 *       n output rows; rows[i][k]: ring row of output row i, kernel row k. */
#include "kernel/copy.h"

typedef struct span {
  int64_t chunk, lanes; /* lanes: of a pixel, in memory */
  int64_t groups, last; /* last: pixels of the last group */
  out_t *y;             /* first pixel, first channel */
} span;
static void take_row(const task *t, ring_t *row);
static void make_rows(const task *t, const ring_t *const rows[][EAO_CONV_MAX_KH], int n,
                      const span *s);

/* n pixels of `bytes` bytes, most often a cache line. */
static void copy_pixels(char *y, int64_t ys, const char *x, int64_t xs, int64_t bytes, int64_t n) {
  if (bytes == 64)
    for (int64_t i = 0; i < n; i++) __builtin_memcpy(y + i * ys, x + i * xs, 64);
  else if (bytes > 32)
    for (int64_t i = 0; i < n; i++, y += ys, x += xs) {
      for (int64_t k = 0; k < bytes - 32; k += 32) __builtin_memcpy(y + k, x + k, 32);
      __builtin_memcpy(y + bytes - 32, x + bytes - 32, 32);
    }
  else
    eao_copy_runs(y, ys, x, xs, (size_t)bytes, n);
}

static void fill(in_t *p, in_t v, int64_t n) {
  for (int64_t i = 0; i < n; i++) p[i] = v;
}

/* Columns of input row iy that output columns from x0 on need, each phase apart. x: channel 0. */
static void fill_row(const task *t, const in_t *x, int64_t iy, int64_t x0, int64_t lanes,
                     in_t *row) {
  const eao_conv_geom *g = &t->g;
  const eao_depthwise_plan *p = &t->p;
  for (int64_t phase = 0; phase < g->sw; phase++, row += p->cols * p->stride) {
    int64_t ix = x0 * g->sw + phase - g->pl; /* of column 0; column j: ix + j * sw */
    int64_t j0 = ix < 0 ? (-ix + g->sw - 1) / g->sw : 0;
    int64_t j1 = ix < g->w ? (g->w - 1 - ix) / g->sw + 1 : 0;
    if (iy < 0 || iy >= g->h || j1 < 0) j1 = 0;
    if (j1 > p->cols) j1 = p->cols;
    if (j0 > j1) j0 = j1;
    fill(row, t->pad, j0 * p->stride);
    fill(row + j1 * p->stride, t->pad, (p->cols - j1) * p->stride);
    if (j0 == j1) continue;
    const in_t *from = x + (iy * g->w + ix + j0 * g->sw) * g->c;
    in_t *to = row + j0 * p->stride;
    int64_t size = (int64_t)sizeof(in_t);
    if (g->sw == 1 && lanes == g->c && lanes == p->stride)
      __builtin_memcpy(to, from, (size_t)((j1 - j0) * lanes * size));
    else
      copy_pixels((char *)to, p->stride * size, (const char *)from, g->sw * g->c * size,
                  lanes * size, j1 - j0);
  }
}

/* Output rows [begin, end) of columns from x0 on. */
static void tile_rows(const task *t, const in_t *x, int64_t begin, int64_t end, int64_t x0,
                      span *s) {
  const eao_conv_geom *g = &t->g;
  const int64_t ring = t->p.ring;
  const ring_t *rows[ROWS][EAO_CONV_MAX_KH];
  /* Slots of the ring, of input row `filled` and of the topmost one in use, kept below ring. */
  int64_t filled = begin * g->sh - g->pt, slot = 0, top_slot = 0;
  out_t *y = s->y;
  for (int64_t oy = begin; oy < end; oy += ROWS) {
    int n = end - oy < ROWS ? (int)(end - oy) : ROWS;
    int64_t top = oy * g->sh - g->pt, need = (n - 1) * g->sh + (g->kh - 1) * g->dh + 1;
    if (filled < top) {
      filled = top;
      slot = top_slot;
    }
    for (; filled < top + need; filled++) {
      ring_t *row = t->ring + slot * t->ring_row;
      fill_row(t, x, filled, x0, s->lanes, t->raw ? t->raw : (in_t *)row);
      take_row(t, row);
      if (++slot == ring) slot = 0;
    }
    for (int i = 0; i < n; i++)
      for (int64_t k = 0; k < g->kh; k++) {
        int64_t at = top_slot + i * g->sh + k * g->dh;
        rows[i][k] = t->ring + (at < ring ? at : at - ring) * t->ring_row;
      }
    s->y = y + oy * g->ow * g->c;
    make_rows(t, (const ring_t *const(*)[EAO_CONV_MAX_KH])rows, n, s);
    for (top_slot += ROWS * g->sh; top_slot >= ring;) top_slot -= ring;
  }
}

static void drive(const task *t, eao_kcall *c) {
  const eao_conv_geom *g = &t->g;
  const eao_depthwise_plan *p = &t->p;
  int64_t begin, end, chunks = eao_depthwise_chunks(p, g);
  eao_kcall_share(c, g->oh, 1, &begin, &end);
  if (begin >= end) return;
  for (int64_t n = 0; n < g->n; n++)
    for (int64_t q = 0; q < chunks; q++)
      for (int64_t x0 = 0; x0 < g->ow; x0 += p->tile) {
        const in_t *x = (const in_t *)c->in[0]->data + n * g->h * g->w * g->c + q * p->chunk;
        int64_t left = g->c - q * p->chunk, wide = g->ow - x0 < p->tile ? g->ow - x0 : p->tile;
        span s = {.chunk = q, .lanes = left < p->chunk ? left : p->chunk};
        s.groups = (wide + p->group - 1) / p->group;
        s.last = wide - (s.groups - 1) * p->group;
        s.y = (out_t *)c->out[0]->data + (n * g->oh * g->ow + x0) * g->c + q * p->chunk;
        tile_rows(t, x, begin, end, x0, &s);
      }
}
