/* Convolution as a matrix product, channels last, without an im2col copy of the image: everything
 * but the register tile, for any element type.
 *
 * An output row's pixels are a fixed distance apart in the input, and the kw * c inputs of one
 * kernel row are contiguous, so a tile's inner loop runs over them with one pointer. Padding: input
 * rows are copied once each into a ring of padded rows.
 *
 * Few input channels make such runs short. Then the window of each pixel is copied into a patch of
 * its own (as im2col does, but for a few hundred pixels at a time), and a patch is one run.
 *
 * Include after in_t and out_t, MR and NR (pixels and outputs of a tile), and
 *   typedef struct task { eao_conv_geom g; eao_conv_runs in; in_t pad; ... } task;
 *   static void before_pixels(const task *t, const in_t *const *rows, int64_t n);
 *   static void call_tiles(const task *t, int64_t first, int64_t m, int64_t count,
 *                          const in_t *const *rows, int64_t o0, out_t *y);
 * before_pixels sees each stretch of at most EAO_CONV_MAX_PIXELS pixels once; call_tiles gets
 * `count` tiles of m pixels from `first` of it on, for the outputs from o0 on.
 * rows[i]: the input of the first pixel; a pixel is in.step further for the next. */

/* n pixels in a row, in tiles of about equal size, for the outputs [o0, o1). */
static void pixels(const task *t, const in_t *const *rows, int64_t n, int64_t o0, int64_t o1,
                   out_t *y) {
  const int64_t step = t->in.step;
  const in_t *at[EAO_CONV_MAX_KH];
  for (int64_t p = 0; p < n; p += EAO_CONV_MAX_PIXELS) {
    int64_t some = n - p < EAO_CONV_MAX_PIXELS ? n - p : EAO_CONV_MAX_PIXELS;
    int64_t count = (some + MR - 1) / MR, m = some / count, larger = some % count;
    int64_t first = larger * (m + 1);
    for (int64_t i = 0; i < t->in.rows; i++) at[i] = rows[i] + p * step;
    before_pixels(t, at, some);
    for (int64_t o = o0; larger && o < o1; o += NR)
      call_tiles(t, 0, m + 1, larger, at, o, y + p * t->g.o);
    for (int64_t i = 0; i < t->in.rows; i++) at[i] += first * step;
    for (int64_t o = o0; o < o1; o += NR)
      call_tiles(t, first, m, count - larger, at, o, y + (p + first) * t->g.o);
  }
}

/* 1x1, stride 1: the image is one long row. Blocks of it keep the inputs in the L2 cache while
 * the weights pass by. */
static void pointwise(const task *t, const in_t *x, out_t *y, int64_t begin, int64_t end,
                      int64_t o0, int64_t o1) {
  int64_t block = 128 * 1024 / (int64_t)sizeof(in_t) / t->g.c / MR * MR;
  if (block < 4 * MR) block = 4 * MR;
  for (int64_t p = begin; p < end; p += block) {
    const in_t *row = x + p * t->g.c;
    pixels(t, &row, end - p < block ? end - p : block, o0, o1, y + p * t->g.o);
  }
}

/* Copies input row iy of image x into a padded row: padding where it leaves the image. */
static void fill_row(const task *t, const in_t *x, int64_t iy, in_t *out, int64_t row) {
  const eao_conv_geom *g = &t->g;
  int64_t before = g->pl * g->c, have = g->w * g->c;
  if (iy < 0 || iy >= g->h) before = row, have = 0;
  if (before > row) before = row;
  if (have > row - before) have = row - before;
  for (int64_t i = 0; i < before; i++) out[i] = t->pad;
  if (have > 0) __builtin_memcpy(out + before, x + iy * g->w * g->c, (size_t)have * sizeof(in_t));
  for (int64_t i = before + have; i < row; i++) out[i] = t->pad;
}

/* Patches of n pixels: of each of kh rows `run` bytes, a pixel `step` bytes further for the next.
 * Copies are whole units of 16 bytes: what is too much is overwritten by the next, or is in the
 * slack behind the last. */
static inline __attribute__((always_inline)) void copy_patches(const char *const *rows,
                                                               const int64_t kh, const bool brief,
                                                               int64_t run, int64_t step, char *to,
                                                               int64_t to_step, int64_t n) {
  for (int64_t x = 0; x < n; x++, to += to_step)
#pragma GCC unroll 3
    for (int64_t k = 0; k < kh; k++) {
      const char *from = rows[k] + x * step;
      __builtin_memcpy(to + k * run, from, 16);
      for (int64_t b = 16; !brief && b < run; b += 16)
        __builtin_memcpy(to + k * run + b, from + b, 16);
    }
}

/* Patches of pixels [x0, x1) of an output row, from its input rows. */
static void fill_patches(const task *t, const in_t *const *rows, int64_t x0, int64_t x1,
                         in_t *patch) {
  const eao_conv_geom *g = &t->g;
  const int64_t size = (int64_t)sizeof(in_t), step = g->sw * g->c * size;
  const int64_t run = g->kw * g->c * size, to_step = t->in.patch * size;
  const char *from[EAO_CONV_MAX_KH];
  for (int64_t k = 0; k < g->kh; k++) from[k] = (const char *)rows[k] + x0 * step;
  if (g->kh == 3 && run <= 16) {
    const char *const three[3] = {from[0], from[1], from[2]};
    copy_patches(three, 3, true, run, step, (char *)patch, to_step, x1 - x0);
  } else {
    copy_patches(from, g->kh, false, run, step, (char *)patch, to_step, x1 - x0);
  }
}

/* Patches wait until there are enough for tiles, also over several short rows. */
typedef struct waiting {
  in_t *patch;
  int64_t n, most;
  out_t *y; /* of the first */
} waiting;

static void flush(const task *t, waiting *w, int64_t o0, int64_t o1) {
  const in_t *row = w->patch;
  if (w->n) pixels(t, &row, w->n, o0, o1, w->y);
  w->y += w->n * t->g.o;
  w->n = 0;
}

static void add_patches(const task *t, const in_t *const *rows, waiting *w, int64_t o0,
                        int64_t o1) {
  for (int64_t x = 0, some; x < t->g.ow; x += some) {
    some = t->g.ow - x < w->most - w->n ? t->g.ow - x : w->most - w->n;
    fill_patches(t, rows, x, x + some, w->patch + w->n * t->in.patch);
    w->n += some;
    if (w->n == w->most) flush(t, w, o0, o1);
  }
}

/* Output rows [begin, end) of one image. */
static void image(const task *t, const in_t *x, out_t *y, int64_t begin, int64_t end, int64_t o0,
                  int64_t o1, in_t *ring) {
  const eao_conv_geom *g = &t->g;
  const in_t *rows[EAO_CONV_MAX_KH];
  const int64_t row = ((g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1) * g->c;
  const int64_t n_ring = (g->kh - 1) * g->dh + 1;
  const bool direct = !eao_conv_ring(g, sizeof(in_t));
  waiting w = {.patch = ring + eao_conv_ring(g, sizeof(in_t)), .y = y + begin * g->ow * g->o};
  w.most = t->in.patch ? eao_conv_patches(&t->in, sizeof(in_t)) : 0;
  int64_t filled = begin * g->sh - g->pt;
  for (int64_t oy = begin; oy < end; oy++) {
    int64_t top = oy * g->sh - g->pt;
    if (filled < top) filled = top;
    for (; !direct && filled < top + n_ring; filled++)
      fill_row(t, x, filled, ring + ((filled % n_ring + n_ring) % n_ring) * row, row);
    for (int64_t k = 0; k < g->kh; k++) {
      int64_t iy = top + k * g->dh;
      rows[k] = direct ? x + iy * g->w * g->c : ring + ((iy % n_ring + n_ring) % n_ring) * row;
    }
    if (t->in.patch)
      add_patches(t, rows, &w, o0, o1);
    else
      pixels(t, rows, g->ow, o0, o1, y + oy * g->ow * g->o);
  }
  if (t->in.patch) flush(t, &w, o0, o1);
}

static void drive(const task *t, eao_kcall *c) {
  const eao_conv_geom *g = &t->g;
  const in_t *x = c->in[0]->data;
  out_t *y = c->out[0]->data;
  bool one = eao_conv_is_pointwise(g);
  int64_t parts = c->n_part ? c->n_part : 1, px = one ? g->n * g->oh * g->ow : g->oh;
  /* Threads share rows; outputs when there are too few rows and enough outputs. */
  bool by_output = px < parts * (one ? 2 * MR : 2) && g->o >= parts * NR;
  int64_t p0 = 0, p1 = px, o0 = 0, o1 = g->o;
  if (by_output)
    eao_kcall_share(c, g->o, NR, &o0, &o1);
  else
    eao_kcall_share(c, px, one ? MR : 1, &p0, &p1);
  if (one) {
    pointwise(t, x, y, p0, p1, o0, o1);
    return;
  }
  in_t *ring = c->scratch;
  if (ring) ring += c->part * eao_conv_scratch(g, sizeof(in_t));
  for (int64_t n = 0; n < g->n; n++)
    image(t, x + n * g->h * g->w * g->c, y + n * g->oh * g->ow * g->o, p0, p1, o0, o1, ring);
}

/* A fully connected layer over `rows` rows is a pointwise convolution; threads share outputs. */
static void drive_rows(const task *t, eao_kcall *c, int64_t rows) {
  int64_t o0, o1;
  eao_kcall_share(c, t->g.o, NR, &o0, &o1);
  pointwise(t, c->in[0]->data, c->out[0]->data, 0, rows, o0, o1);
}
