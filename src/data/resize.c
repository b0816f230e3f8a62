/* Resizing images as the libraries do that models are trained with.
 *
 * Everything is separable: each direction has, per output coordinate, a run of input pixels and
 * their weights. What differs is where the runs lie and how sums are rounded. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

typedef enum rounding {
  ROUND_ONCE, /* float sums, rounded to u8 at the end */
  ROUND_EVEN, /* the same, halves to even */
  ROUND_NONE, /* float sums */
  ROUND_EACH, /* Pillow: 22-bit weights, u8 after each direction */
  ROUND_CV,   /* OpenCV: 11-bit weights, 32-bit sums */
} rounding;

typedef enum filter {
  FILTER_NEAREST,
  FILTER_TWO,  /* the two neighbours */
  FILTER_AREA, /* covered share of each pixel */
  FILTER_BOX,  /* the rest: kernels as wide as the shrink factor */
  FILTER_TRIANGLE,
  FILTER_HAMMING,
  FILTER_CUBIC,
  FILTER_LANCZOS,
} filter;

static const struct kind {
  const char *name;
  filter filter;
  rounding rounding;
  bool corner; /* pixels lie at their index, not at index + 1/2 */
} kinds[] = {
    [EAO_RESIZE_BILINEAR] = {"bilinear", FILTER_TWO, ROUND_ONCE, false},
    [EAO_RESIZE_NEAREST] = {"nearest", FILTER_NEAREST, ROUND_ONCE, false},
    [EAO_RESIZE_ANTIALIAS] = {"pillow-bilinear", FILTER_TRIANGLE, ROUND_EACH, false},
    [EAO_RESIZE_AREA] = {"area", FILTER_AREA, ROUND_ONCE, false},
    [EAO_RESIZE_BICUBIC] = {"pillow-bicubic", FILTER_CUBIC, ROUND_EACH, false},
    [EAO_RESIZE_PILLOW_LANCZOS] = {"pillow-lanczos", FILTER_LANCZOS, ROUND_EACH, false},
    [EAO_RESIZE_PILLOW_BOX] = {"pillow-box", FILTER_BOX, ROUND_EACH, false},
    [EAO_RESIZE_PILLOW_HAMMING] = {"pillow-hamming", FILTER_HAMMING, ROUND_EACH, false},
    [EAO_RESIZE_TF_BILINEAR] = {"tf-bilinear", FILTER_TWO, ROUND_NONE, false},
    [EAO_RESIZE_TF_BILINEAR_V1] = {"tf-bilinear-v1", FILTER_TWO, ROUND_NONE, true},
    [EAO_RESIZE_TF_NEAREST_V1] = {"tf-nearest-v1", FILTER_NEAREST, ROUND_NONE, true},
    [EAO_RESIZE_TF_ANTIALIAS] = {"tf-antialias", FILTER_TRIANGLE, ROUND_NONE, false},
    [EAO_RESIZE_TF_AREA] = {"tf-area", FILTER_AREA, ROUND_NONE, false},
    [EAO_RESIZE_CV_LINEAR] = {"opencv-linear", FILTER_TWO, ROUND_CV, false},
    [EAO_RESIZE_CV_AREA] = {"opencv-area", FILTER_AREA, ROUND_EVEN, false},
    [EAO_RESIZE_TF_NEAREST] = {"tf-nearest", FILTER_NEAREST, ROUND_NONE, false},
};

int eao_resize_from_name(const char *name) {
  for (size_t i = 0; i < EAO_COUNT(kinds); i++)
    if (strcmp(kinds[i].name, name) == 0) return (int)i;
  if (strcmp(name, "antialias") == 0) return EAO_RESIZE_ANTIALIAS;
  if (strcmp(name, "bicubic") == 0) return EAO_RESIZE_BICUBIC;
  return -1;
}

static double sinc(double x) {
  const double pi = 3.14159265358979323846;
  return x == 0 ? 1 : sin(pi * x) / (pi * x);
}

static double support_of(filter f) {
  return f == FILTER_BOX ? 0.5 : f == FILTER_CUBIC ? 2 : f == FILTER_LANCZOS ? 3 : 1;
}

static double filter_value(filter f, double x) {
  const double pi = 3.14159265358979323846;
  if (f == FILTER_BOX) return x > -0.5 && x <= 0.5 ? 1 : 0;
  if (f == FILTER_LANCZOS) return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  x = fabs(x);
  if (f == FILTER_HAMMING) /* single-precision constants, as in Pillow */
    return x < 1 ? sinc(x) * ((double)0.54F + (double)0.46F * cos(pi * x)) : 0;
  if (f == FILTER_CUBIC) /* Keys 1981, a = -1/2 */
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  return x < 1 ? 1 - x : 0;
}

typedef struct taps {
  int64_t first, n;
  double *w;
} taps;

static void two_taps(int64_t in, double scale, int64_t i, bool corner, taps *t) {
  /* in single precision, as both TensorFlow and OpenCV place their pixels */
  float at = corner ? (float)i * (float)scale : (float)(((double)i + 0.5) * scale - 0.5);
  if (at < 0) at = 0;
  if (at > (float)(in - 1)) at = (float)(in - 1);
  t->first = (int64_t)at;
  t->n = t->first + 1 < in ? 2 : 1;
  float share = at - (float)t->first;
  t->w[0] = t->n == 2 ? (double)(1 - share) : 1;
  if (t->n == 2) t->w[1] = (double)share;
}

static void area_taps(int64_t in, double scale, int64_t i, int64_t cap, taps *t) {
  double from = (double)i * scale, to = from + scale;
  t->first = (int64_t)from;
  t->n = 0;
  for (int64_t k = t->first; k < in && (double)k < to && t->n < cap; k++) {
    double share = fmin((double)k + 1, to) - fmax((double)k, from);
    if (share < 1e-6 * scale && t->n) break; /* the next cell's, but for rounding */
    t->w[t->n++] = share / scale;
  }
}

/* Pillow's ImagingResample coefficients; TensorFlow's ScaleAndTranslate has the same. */
static void wide_taps(filter f, int64_t in, double scale, int64_t i, int64_t cap, taps *t) {
  double wide = scale < 1 ? 1 : scale, support = support_of(f) * wide, sum = 0;
  double center = ((double)i + 0.5) * scale;
  int64_t lo = (int64_t)(center - support + 0.5), hi = (int64_t)(center + support + 0.5);
  if (center - support + 0.5 < 0) lo = 0;
  if (hi > in) hi = in;
  t->first = lo;
  t->n = 0;
  for (int64_t k = lo; k < hi && t->n < cap; k++) {
    t->w[t->n] = filter_value(f, ((double)k - center + 0.5) / wide);
    sum += t->w[t->n++];
  }
  for (int64_t k = 0; k < t->n && sum != 0; k++) t->w[k] /= sum;
}

static void taps_of(const struct kind *kind, int64_t in, int64_t out, int64_t i, int64_t cap,
                    taps *t) {
  double scale = (double)in / (double)out;
  switch (kind->filter) {
  case FILTER_NEAREST:
    t->first = kind->rounding == ROUND_NONE && !kind->corner
                   ? (int64_t)(((float)i + 0.5F) * ((float)in / (float)out))
                   : (int64_t)(((double)i + (kind->corner ? 0 : 0.5)) * scale);
    if (t->first >= in) t->first = in - 1;
    t->n = 1;
    t->w[0] = 1;
    return;
  case FILTER_AREA:
    if (scale > 1 || kind->rounding == ROUND_NONE) {
      area_taps(in, scale, i, cap, t);
      return;
    }
    two_taps(in, scale, i, false, t);
    return;
  case FILTER_TWO: two_taps(in, scale, i, kind->corner, t); return;
  default: wide_taps(kind->filter, in, scale, i, cap, t);
  }
}

/* One direction: runs of `out` coordinates; their weights lie behind one another. */
typedef struct direction {
  taps *t;
  double *w;
  int32_t *fixed; /* the weights as integers */
  int64_t cap;
} direction;

static eao_status make_direction(eao_ctx *ctx, const struct kind *kind, int64_t in, int64_t out,
                                 direction *d) {
  double wide = in > out ? (double)in / (double)out : 1;
  d->cap = (int64_t)(2 * ceil(support_of(kind->filter) * wide)) + 3;
  d->t = eao_alloc(ctx, (size_t)out * sizeof *d->t);
  d->w = eao_alloc(ctx, (size_t)out * (size_t)d->cap * sizeof *d->w);
  d->fixed = eao_alloc(ctx, (size_t)out * (size_t)d->cap * sizeof *d->fixed);
  if (!d->t || !d->w || !d->fixed) return EAO_NOMEM(ctx);
  double one = kind->rounding == ROUND_CV ? 1 << 11 : 1 << 22;
  double scale = (double)in / (double)out, at = scale * 0.5;
  bool pillow_nearest = kind->filter == FILTER_NEAREST && kind->rounding == ROUND_ONCE;
  for (int64_t i = 0; i < out; i++, at += scale) { /* Pillow adds up, which decides ties */
    d->t[i].w = d->w + i * d->cap;
    taps_of(kind, in, out, i, d->cap, &d->t[i]);
    if (pillow_nearest) d->t[i].first = (int64_t)at < in ? (int64_t)at : in - 1;
    for (int64_t k = 0; k < d->t[i].n; k++) {
      double v = d->t[i].w[k] * one;
      d->fixed[i * d->cap + k] = (int32_t)(kind->rounding == ROUND_CV ? rint(v)
                                           : v < 0                    ? v - 0.5
                                                                      : v + 0.5);
    }
  }
  return EAO_OK;
}

static void free_direction(eao_ctx *ctx, direction *d) {
  eao_free(ctx, d->t);
  eao_free(ctx, d->w);
  eao_free(ctx, d->fixed);
}

static uint8_t clip8(int64_t v) {
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* ---- floats ---- */

static eao_status resize_float(eao_ctx *ctx, const eao_tensor *in, const direction *dx,
                               const direction *dy, bool even, eao_tensor *out) {
  int64_t h = in->dim[0], w = in->dim[1], c = in->dim[2], ow = out->dim[1], row = ow * c;
  double *mid = eao_alloc(ctx, (size_t)(h * row) * sizeof *mid);
  if (!mid) return EAO_NOMEM(ctx);
  for (int64_t y = 0; y < h; y++)
    for (int64_t x = 0; x < ow; x++)
      for (int64_t k = 0; k < c; k++) {
        const taps *t = &dx->t[x];
        const uint8_t *p = (const uint8_t *)in->data + (y * w + t->first) * c + k;
        double sum = 0;
        for (int64_t j = 0; j < t->n; j++) sum += t->w[j] * p[j * c];
        mid[y * row + x * c + k] = sum;
      }
  for (int64_t y = 0; y < out->dim[0]; y++)
    for (int64_t x = 0; x < row; x++) {
      const taps *t = &dy->t[y];
      double sum = 0;
      for (int64_t j = 0; j < t->n; j++) sum += t->w[j] * mid[(t->first + j) * row + x];
      if (out->dtype == EAO_F32)
        ((float *)out->data)[y * row + x] = (float)sum;
      else
        ((uint8_t *)out->data)[y * row + x] = clip8((int64_t)(even ? rint(sum) : floor(sum + 0.5)));
    }
  eao_free(ctx, mid);
  return EAO_OK;
}

/* ---- Pillow: a direction whose extent stays is left out ---- */

static void pillow_pass(const uint8_t *in, int64_t outer, int64_t from, int64_t inner,
                        const direction *d, int64_t to, uint8_t *out) {
  for (int64_t o = 0; o < outer; o++)
    for (int64_t x = 0; x < to; x++) {
      const int32_t *w = d->fixed + x * d->cap;
      const uint8_t *p = in + (o * from + d->t[x].first) * inner;
      for (int64_t k = 0; k < inner; k++) {
        int64_t sum = 1 << 21;
        for (int64_t j = 0; j < d->t[x].n; j++) sum += (int64_t)w[j] * p[j * inner + k];
        out[(o * to + x) * inner + k] = clip8(sum >> 22);
      }
    }
}

static eao_status resize_pillow(eao_ctx *ctx, const eao_tensor *in, const direction *dx,
                                const direction *dy, eao_tensor *out) {
  int64_t h = in->dim[0], w = in->dim[1], c = in->dim[2], oh = out->dim[0], ow = out->dim[1];
  if (h == oh && w == ow) {
    memcpy(out->data, in->data, (size_t)(h * w * c));
    return EAO_OK;
  }
  if (h == oh) {
    pillow_pass(in->data, h, w, c, dx, ow, out->data);
    return EAO_OK;
  }
  uint8_t *mid = w == ow ? NULL : eao_alloc(ctx, (size_t)(h * ow * c));
  if (w != ow && !mid) return EAO_NOMEM(ctx);
  if (mid) pillow_pass(in->data, h, w, c, dx, ow, mid);
  pillow_pass(mid ? mid : in->data, 1, h, ow * c, dy, oh, out->data);
  eao_free(ctx, mid);
  return EAO_OK;
}

/* ---- OpenCV's bilinear on 8 bits ---- */

static int32_t cv_horizontal(const eao_tensor *in, const direction *dx, int64_t y, int64_t x,
                             int64_t k) {
  const taps *t = &dx->t[x];
  int64_t c = in->dim[2];
  const uint8_t *p = (const uint8_t *)in->data + (y * in->dim[1] + t->first) * c + k;
  int32_t sum = dx->fixed[x * dx->cap] * p[0];
  if (t->n == 2) sum += dx->fixed[x * dx->cap + 1] * p[c];
  return sum;
}

static void resize_cv(const eao_tensor *in, const direction *dx, const direction *dy,
                      eao_tensor *out) {
  int64_t c = in->dim[2], ow = out->dim[1];
  uint8_t *to = out->data;
  for (int64_t y = 0; y < out->dim[0]; y++) {
    const taps *t = &dy->t[y];
    const int32_t *b = dy->fixed + y * dy->cap;
    for (int64_t x = 0; x < ow; x++)
      for (int64_t k = 0; k < c; k++) {
        int32_t sum = (b[0] * (cv_horizontal(in, dx, t->first, x, k) >> 4)) >> 16;
        if (t->n == 2) sum += (b[1] * (cv_horizontal(in, dx, t->first + 1, x, k) >> 4)) >> 16;
        *to++ = clip8((sum + 2) >> 2);
      }
  }
}

eao_status eao_image_resize(eao_ctx *ctx, const eao_tensor *in, int64_t height, int64_t width,
                            eao_resize kind, eao_tensor *out) {
  memset(out, 0, sizeof *out);
  if ((size_t)kind >= EAO_COUNT(kinds))
    return eao_fail(ctx, EAO_ERR_ARG, "no kind of resizing %d", (int)kind);
  struct kind k = kinds[kind];
  direction dx = {0}, dy = {0};
  if (k.rounding == ROUND_CV && in->dim[0] == 2 * height && in->dim[1] == 2 * width)
    k = kinds[EAO_RESIZE_AREA]; /* as OpenCV does */
  if (kind == EAO_RESIZE_CV_AREA && in->dim[0] == 2 * height && in->dim[1] == 2 * width)
    k = kinds[EAO_RESIZE_AREA]; /* its integer path for 2 x 2 rounds halves up */
  if (kind == EAO_RESIZE_CV_AREA && (height > in->dim[0] || width > in->dim[1]))
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "opencv-area is for shrinking images");
  EAO_TRY(eao_image_create(ctx, height, width, in->dim[2], out));
  eao_status s = EAO_OK;
  if (k.rounding == ROUND_NONE) {
    eao_tensor_destroy(ctx, out);
    s = eao_tensor_create(ctx, EAO_F32, 3, (int64_t[]){height, width, in->dim[2]}, out);
  }
  if (s == EAO_OK) s = make_direction(ctx, &k, in->dim[1], width, &dx);
  if (s == EAO_OK) s = make_direction(ctx, &k, in->dim[0], height, &dy);
  if (s == EAO_OK && k.rounding == ROUND_EACH)
    s = resize_pillow(ctx, in, &dx, &dy, out);
  else if (s == EAO_OK && k.rounding == ROUND_CV)
    resize_cv(in, &dx, &dy, out);
  else if (s == EAO_OK)
    s = resize_float(ctx, in, &dx, &dy, k.rounding == ROUND_EVEN, out);
  free_direction(ctx, &dx);
  free_direction(ctx, &dy);
  if (s != EAO_OK) eao_tensor_destroy(ctx, out);
  return s;
}
