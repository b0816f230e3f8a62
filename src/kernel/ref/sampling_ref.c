#include "kernel/ref/sampling.h"

#include <math.h>
#include <string.h>

enum { MAX_SPATIAL = 3, MAX_TAPS = 4, MAX_SAMPLES = 1 << 16 /* of a bin */ };

/* ---- grid_sample ---- */

typedef struct grid {
  const eao_grid_sample_attr *a;
  const eao_tensor *x;
  int32_t r;
  int64_t stride[EAO_MAX_RANK];
  double lo[MAX_SPATIAL], hi[MAX_SPATIAL]; /* borders to reflect at */
} grid;

static double reflect(double x, double lo, double hi) {
  double range = hi - lo;
  if (!(range > 0)) return lo;
  double d = x < lo ? lo - x : x > hi ? x - hi : 0;
  if (d == 0) return x;
  double turns = floor(d / range), rest = d - turns * range;
  bool even = fmod(turns, 2) == 0;
  return (x < lo) == even ? lo + rest : hi - rest;
}

/* Index of the element that stands at position i of axis d; -1: zero. */
static int64_t element(const grid *g, int32_t d, int64_t i) {
  int64_t n = g->x->dim[d + 2];
  if (i >= 0 && i < n) return i;
  if (g->a->padding == EAO_GRID_ZEROS) return -1;
  if (g->a->padding == EAO_GRID_REFLECTION) i = (int64_t)reflect((double)i, g->lo[d], g->hi[d]);
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static double cubic(double t) {
  const double a = -0.75;
  t = fabs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* From [-1, 1] to elements, bounded as the padding says. */
static double denormalise(const grid *g, int32_t d, double v) {
  double n = (double)g->x->dim[d + 2];
  double x = g->a->align_corners ? (v + 1) / 2 * (n - 1) : ((v + 1) * n - 1) / 2;
  if (g->a->mode == EAO_GRID_NEAREST) x = nearbyint(x);
  if (x < g->lo[d] || x > g->hi[d]) {
    if (g->a->padding == EAO_GRID_BORDER) x = fmin(fmax(x, 0), n - 1);
    if (g->a->padding == EAO_GRID_REFLECTION && isfinite(x)) x = reflect(x, g->lo[d], g->hi[d]);
  }
  /* Far outside everything is outside; also keeps the conversion to integers in range. */
  return fmin(fmax(x, -8), n + 8);
}

typedef struct grid_taps {
  int32_t n;
  int64_t index[MAX_SPATIAL][MAX_TAPS];
  double weight[MAX_SPATIAL][MAX_TAPS];
} grid_taps;

static void taps_of(const grid *g, const double *pos, grid_taps *t) {
  bool is_cubic = g->a->mode == EAO_GRID_CUBIC || g->a->mode == EAO_GRID_BICUBIC;
  t->n = g->a->mode == EAO_GRID_NEAREST ? 1 : is_cubic ? 4 : 2;
  for (int32_t d = 0; d < g->r; d++) {
    double base = t->n == 1 ? nearbyint(pos[d]) : floor(pos[d]), frac = pos[d] - base;
    for (int32_t k = 0; k < t->n; k++) {
      int32_t off = is_cubic ? k - 1 : k;
      double at = (double)off - frac;
      t->index[d][k] = element(g, d, (int64_t)base + off);
      t->weight[d][k] = t->n == 1 ? 1 : is_cubic ? cubic(at) : 1 - fabs(at);
    }
  }
}

static double interpolate(const grid *g, const grid_taps *t, int64_t base) {
  int32_t k[MAX_SPATIAL] = {0};
  double sum = 0;
  for (;;) {
    double w = 1;
    int64_t i = base;
    bool zero = false;
    for (int32_t d = 0; d < g->r; d++) {
      zero = zero || t->index[d][k[d]] < 0;
      w *= t->weight[d][k[d]];
      i += t->index[d][k[d]] * g->stride[d + 2];
    }
    if (!zero && w != 0) sum += w * eao_get_f64(g->x, i);
    int32_t d = g->r - 1;
    while (d >= 0 && ++k[d] == t->n) k[d--] = 0;
    if (d < 0) return sum;
  }
}

eao_status eao_ref_grid_sample(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *gr = c->in[1];
  eao_tensor *y = c->out[0];
  grid g = {.a = c->attr, .x = x, .r = x->rank - 2};
  eao_tensor_strides(x, g.stride);
  for (int32_t d = 0; d < g.r; d++) {
    double n = (double)x->dim[d + 2];
    g.lo[d] = g.a->align_corners ? 0 : -0.5;
    g.hi[d] = g.a->align_corners ? n - 1 : n - 0.5;
  }
  int64_t area = 1, channels = x->dim[1];
  for (int32_t d = 0; d < g.r; d++) area *= y->dim[d + 2];
  for (int64_t n = 0; n < x->dim[0]; n++)
    for (int64_t p = 0; p < area; p++) {
      double pos[MAX_SPATIAL];
      grid_taps t;
      for (int32_t d = 0; d < g.r; d++)
        pos[d] = denormalise(&g, d, eao_get_f64(gr, (n * area + p) * g.r + (g.r - 1 - d)));
      taps_of(&g, pos, &t);
      for (int64_t ch = 0; ch < channels; ch++)
        eao_set_f64(y, (n * channels + ch) * area + p,
                    interpolate(&g, &t, n * g.stride[0] + ch * g.stride[1]));
    }
  return EAO_OK;
}

/* ---- bilinear samples of one plane ---- */

/* The four corners around a position and their weights. */
typedef struct corners {
  int64_t at[4];
  double weight[4];
} corners;

/* roi_align: outside by more than one element: nothing; at the edge: the edge. */
static corners roi_corners(double y, double x, int64_t h, int64_t w) {
  corners r = {{0}, {0}};
  if (!(y >= -1 && y <= (double)h && x >= -1 && x <= (double)w)) return r;
  y = fmin(fmax(y, 0), (double)(h - 1));
  x = fmin(fmax(x, 0), (double)(w - 1));
  int64_t y0 = (int64_t)y, x0 = (int64_t)x, y1 = y0 + 1 < h ? y0 + 1 : y0,
          x1 = x0 + 1 < w ? x0 + 1 : x0;
  double ly = y - (double)y0, lx = x - (double)x0;
  return (corners){{y0 * w + x0, y0 * w + x1, y1 * w + x0, y1 * w + x1},
                   {(1 - ly) * (1 - lx), (1 - ly) * lx, ly * (1 - lx), ly * lx}};
}

typedef struct region {
  double y, x, bin_h, bin_w; /* begin and extent of a bin */
  int64_t grid_h, grid_w;    /* samples in a bin */
  int64_t plane;             /* first element of the batch's first channel */
} region;

static bool region_init(const eao_kcall *c, int64_t r, region *g) {
  const eao_roi_align_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *rois = c->in[1];
  double box[4], shift = a->half_pixel ? 0 : 0.5;
  for (int i = 0; i < 4; i++)
    box[i] = eao_get_f64(rois, r * 4 + i) * (double)a->spatial_scale - shift;
  double w = box[2] - box[0], h = box[3] - box[1];
  if (a->half_pixel) { /* the older rule: at least one element */
    w = fmax(w, 1);
    h = fmax(h, 1);
  }
  g->y = box[1];
  g->x = box[0];
  g->bin_h = h / (double)a->output_height;
  g->bin_w = w / (double)a->output_width;
  double gh = a->sampling_ratio > 0 ? (double)a->sampling_ratio : ceil(g->bin_h);
  double gw = a->sampling_ratio > 0 ? (double)a->sampling_ratio : ceil(g->bin_w);
  if (!(gh <= MAX_SAMPLES && gw <= MAX_SAMPLES && gh * gw <= MAX_SAMPLES && isfinite(g->x) &&
        isfinite(g->y)))
    return false;
  g->grid_h = gh > 0 ? (int64_t)gh : 0;
  g->grid_w = gw > 0 ? (int64_t)gw : 0;
  g->plane = eao_get_i64(c->in[2], r) * x->dim[1] * x->dim[2] * x->dim[3];
  return true;
}

static double roi_bin(const eao_kcall *c, const region *g, int64_t plane, int64_t oy, int64_t ox) {
  const eao_roi_align_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  double sum = 0, most = 0;
  int64_t n = g->grid_h * g->grid_w;
  for (int64_t i = 0; i < n; i++) {
    double fy = ((double)(i / g->grid_w) + 0.5) / (double)g->grid_h;
    double fx = ((double)(i % g->grid_w) + 0.5) / (double)g->grid_w;
    corners k = roi_corners(g->y + ((double)oy + fy) * g->bin_h,
                            g->x + ((double)ox + fx) * g->bin_w, x->dim[2], x->dim[3]);
    for (int j = 0; j < 4; j++) {
      double v = k.weight[j] * eao_get_f64(x, plane + k.at[j]);
      sum += v;
      if ((i == 0 && j == 0) || v > most) most = v;
    }
  }
  return a->mode ? most : sum / (double)(n > 1 ? n : 1);
}

eao_status eao_ref_roi_align(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t i = 0, area = x->dim[2] * x->dim[3];
  for (int64_t r = 0; r < y->dim[0]; r++) {
    region g;
    int64_t batch = eao_get_i64(c->in[2], r);
    if (batch < 0 || batch >= x->dim[0])
      return eao_kfail(c, EAO_ERR_ARG, "roi_align: a batch index lies outside the input");
    if (!region_init(c, r, &g))
      return eao_kfail(c, EAO_ERR_ARG, "roi_align: a region is not finite or too large");
    for (int64_t ch = 0; ch < y->dim[1]; ch++)
      for (int64_t oy = 0; oy < y->dim[2]; oy++)
        for (int64_t ox = 0; ox < y->dim[3]; ox++)
          eao_set_f64(y, i++, roi_bin(c, &g, g.plane + ch * area, oy, ox));
  }
  return EAO_OK;
}

/* ---- deform_conv ---- */

typedef struct deform {
  const eao_tensor *x, *w, *offset, *mask;
  int64_t stride[2], dilation[2], pad[2], kh, kw, per_offset_group;
} deform;

/* x at (h, w), zero outside, of the plane that starts at element `plane`. */
static double bilinear(const deform *d, int64_t plane, double h, double w) {
  int64_t height = d->x->dim[2], width = d->x->dim[3];
  if (!(h > -1 && h < (double)height && w > -1 && w < (double)width)) return 0;
  int64_t h0 = (int64_t)floor(h), w0 = (int64_t)floor(w);
  double lh = h - (double)h0, lw = w - (double)w0, sum = 0;
  for (int i = 0; i < 4; i++) {
    int64_t hh = h0 + i / 2, ww = w0 + i % 2;
    if (hh < 0 || hh >= height || ww < 0 || ww >= width) continue;
    sum +=
        (i / 2 ? lh : 1 - lh) * (i % 2 ? lw : 1 - lw) * eao_get_f64(d->x, plane + hh * width + ww);
  }
  return sum;
}

/* Channel ch of the input at tap k of the window of output position (oy, ox). */
static double deformed(const deform *d, int64_t n, int64_t ch, int64_t k, int64_t oy, int64_t ox) {
  const eao_tensor *off = d->offset;
  int64_t area = off->dim[2] * off->dim[3], at = oy * off->dim[3] + ox, taps = d->kh * d->kw;
  int64_t row = ch / d->per_offset_group * taps + k;
  int64_t o = (n * off->dim[1] + 2 * row) * area + at;
  double h = (double)(oy * d->stride[0] - d->pad[0] + k / d->kw * d->dilation[0]);
  double w = (double)(ox * d->stride[1] - d->pad[1] + k % d->kw * d->dilation[1]);
  double v = bilinear(d, (n * d->x->dim[1] + ch) * d->x->dim[2] * d->x->dim[3],
                      h + eao_get_f64(off, o), w + eao_get_f64(off, o + area));
  return d->mask ? v * eao_get_f64(d->mask, (n * d->mask->dim[1] + row) * area + at) : v;
}

eao_status eao_ref_deform_conv(eao_kcall *c) {
  const eao_deform_conv_attr *a = c->attr;
  const eao_tensor *bias = c->n_in > 3 ? c->in[3] : NULL;
  eao_tensor *y = c->out[0];
  deform d = {.x = c->in[0], .w = c->in[1], .offset = c->in[2]};
  d.mask = c->n_in > 4 ? c->in[4] : NULL;
  d.kh = d.w->dim[2];
  d.kw = d.w->dim[3];
  d.per_offset_group = d.x->dim[1] / a->offset_group;
  for (int i = 0; i < 2; i++) {
    d.stride[i] = a->strides.n ? a->strides.v[i] : 1;
    d.dilation[i] = a->dilations.n ? a->dilations.v[i] : 1;
    d.pad[i] = a->pads.n ? a->pads.v[i] : 0;
  }
  int64_t i = 0, depth = d.w->dim[1], per_group = d.w->dim[0] / a->group, taps = d.kh * d.kw;
  for (int64_t n = 0; n < y->dim[0]; n++)
    for (int64_t o = 0; o < y->dim[1]; o++)
      for (int64_t oy = 0; oy < y->dim[2]; oy++)
        for (int64_t ox = 0; ox < y->dim[3]; ox++) {
          double sum = bias ? eao_get_f64(bias, o) : 0;
          for (int64_t ch = 0; ch < depth; ch++)
            for (int64_t k = 0; k < taps; k++)
              sum += eao_get_f64(d.w, (o * depth + ch) * taps + k) *
                     deformed(&d, n, o / per_group * depth + ch, k, oy, ox);
          eao_set_f64(y, i++, sum);
        }
  return EAO_OK;
}

/* ---- col2im ---- */

size_t eao_ref_col2im_scratch(const eao_kcall *c) {
  const eao_tensor *y = c->out[0];
  size_t n = 1;
  for (int32_t d = 2; d < y->rank; d++) n *= (size_t)y->dim[d];
  return n * sizeof(double);
}

/* Where element `block` of the window at place `l` falls in the image; -1: into the padding. */
static int64_t col2im_target(const eao_kcall *c, int64_t block, int64_t l) {
  const eao_col2im_attr *a = c->attr;
  const eao_tensor *y = c->out[0];
  int32_t r = y->rank - 2;
  int64_t at = 0, step = 1;
  for (int32_t d = r - 1; d >= 0; d--) {
    int64_t size = eao_get_i64(c->in[2], d), n = y->dim[d + 2];
    int64_t stride = a->strides.n ? a->strides.v[d] : 1;
    int64_t dil = a->dilations.n ? a->dilations.v[d] : 1;
    int64_t pad = a->pads.n ? a->pads.v[d] : 0, end = a->pads.n ? a->pads.v[d + r] : 0;
    int64_t places = (n + pad + end - (dil * (size - 1) + 1)) / stride + 1;
    int64_t pos = l % places * stride - pad + block % size * dil;
    l /= places;
    block /= size;
    if (pos < 0 || pos >= n) return -1;
    at += pos * step;
    step *= n;
  }
  return at;
}

eao_status eao_ref_col2im(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  double *sum = c->scratch;
  int64_t area = 1, blocks = 1, places = x->dim[2];
  for (int32_t d = 2; d < y->rank; d++) {
    area *= y->dim[d];
    blocks *= eao_get_i64(c->in[2], d - 2);
  }
  for (int64_t p = 0; p < y->dim[0] * y->dim[1]; p++) {
    memset(sum, 0, (size_t)area * sizeof *sum);
    for (int64_t b = 0; b < blocks; b++)
      for (int64_t l = 0; l < places; l++) {
        int64_t to = col2im_target(c, b, l);
        if (to >= 0) sum[to] += eao_get_f64(x, (p * blocks + b) * places + l);
      }
    for (int64_t i = 0; i < area; i++) eao_set_f64(y, p * area + i, sum[i]);
  }
  return EAO_OK;
}
