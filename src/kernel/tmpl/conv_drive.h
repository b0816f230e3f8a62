/* Convolution as a matrix product, channels last, without an im2col copy of the image: everything
 * but the register tile, for any element type.
 *
 * An output row's pixels are a fixed distance apart in the input, and the kw * c inputs of one
 * kernel row are contiguous, so a tile's inner loop runs over them with one pointer. Padding: input
 * rows are copied once each into a ring of padded rows.
 *
 * Include after in_t and out_t, MR and NR (pixels and outputs of a tile), and
 *   typedef struct task { eao_conv_geom g; in_t pad; int64_t run, run_step, runs; ... } task;
 *   static void before_pixels(const task *t, const in_t *const *rows, int64_t step, int64_t n);
 *   static void call_tile(const task *t, int64_t first, int64_t m, const in_t *const *rows,
 *                         int64_t step, int64_t o0, out_t *y);
 * before_pixels sees each stretch of at most EAO_CONV_MAX_PIXELS pixels once; call_tile gets the
 * m pixels from `first` of it on, for the outputs from o0 on.
 * rows[kh]: the input of the first pixel of the tile; a pixel is `step` further for the next. */

/* n pixels in a row, in tiles of about equal size, for the outputs [o0, o1). */
static void pixels(const task *t, const in_t *const *rows, int64_t n, int64_t o0, int64_t o1,
                   out_t *y) {
  int64_t step = t->g.sw * t->g.c;
  const in_t *at[EAO_CONV_MAX_KH];
  for (int64_t p = 0; p < n; p += EAO_CONV_MAX_PIXELS) {
    int64_t some = n - p < EAO_CONV_MAX_PIXELS ? n - p : EAO_CONV_MAX_PIXELS;
    int64_t count = (some + MR - 1) / MR;
    for (int64_t kh = 0; kh < t->g.kh; kh++) at[kh] = rows[kh] + p * step;
    before_pixels(t, at, step, some);
    for (int64_t o = o0; o < o1; o += NR) {
      for (int64_t i = 0; i < count; i++) {
        int64_t begin = some * i / count, end = some * (i + 1) / count;
        for (int64_t kh = 0; kh < t->g.kh; kh++) at[kh] = rows[kh] + (p + begin) * step;
        call_tile(t, begin, end - begin, at, step, o, y + (p + begin) * t->g.o);
      }
    }
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

/* Output rows [begin, end) of one image. */
static void image(const task *t, const in_t *x, out_t *y, int64_t begin, int64_t end, int64_t o0,
                  int64_t o1, in_t *ring) {
  enum { MAX_ROWS = EAO_CONV_MAX_KH };
  const eao_conv_geom *g = &t->g;
  const in_t *rows[MAX_ROWS];
  bool direct = eao_conv_direct(g);
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

/* Contiguous inputs of a kernel row, and how many such runs it has. */
static void set_runs(task *t) {
  const eao_conv_geom *g = &t->g;
  t->runs = g->dw == 1 || g->kw == 1 ? 1 : g->kw;
  t->run = t->runs == 1 ? g->kw * g->c : g->c;
  t->run_step = g->dw * g->c;
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
  if (ring) ring += c->part * eao_conv_ring(g);
  for (int64_t n = 0; n < g->n; n++)
    image(t, x + n * g->h * g->w * g->c, y + n * g->oh * g->ow * g->o, p0, p1, o0, o1, ring);
}

/* A fully connected layer over `rows` rows is a pointwise convolution; threads share outputs. */
static void drive_rows(const task *t, eao_kcall *c, int64_t rows) {
  int64_t o0, o1;
  eao_kcall_share(c, t->g.o, NR, &o0, &o1);
  pointwise(t, c->in[0]->data, c->out[0]->data, 0, rows, o0, o1);
}
