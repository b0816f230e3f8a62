/* Images: reading by content, resizing, fitting to a model's input. */
#include <math.h>
#include <string.h>

#include "data/data.h"
#include "kernel/kernel.h"

eao_status eao_image_create(eao_ctx *ctx, int64_t height, int64_t width, int64_t channels,
                            eao_tensor *out) {
  if (height < 1 || width < 1 || height > EAO_IMAGE_SIDE_MAX || width > EAO_IMAGE_SIDE_MAX)
    return eao_fail(ctx, EAO_ERR_FORMAT, "an image of %lld x %lld pixels is not read (limit %d)",
                    (long long)width, (long long)height, EAO_IMAGE_SIDE_MAX);
  return eao_tensor_create(ctx, EAO_U8, 3, (int64_t[]){height, width, channels}, out);
}

/* ITU-R BT.601 luma in 16.16 fixed point, as Pillow does it. */
static eao_status set_channels(eao_ctx *ctx, int32_t channels, eao_tensor *t) {
  if (channels == 0 || t->dim[2] == channels) return EAO_OK;
  eao_tensor to;
  EAO_TRY(eao_image_create(ctx, t->dim[0], t->dim[1], channels, &to));
  const uint8_t *s = t->data;
  uint8_t *d = to.data;
  int64_t n = t->dim[0] * t->dim[1];
  for (int64_t i = 0; i < n; i++) {
    if (channels == 1)
      d[i] =
          (uint8_t)((s[3 * i] * 19595u + s[3 * i + 1] * 38470u + s[3 * i + 2] * 7471u + 32768u) >>
                    16);
    else
      memset(d + 3 * i, s[i], 3);
  }
  eao_tensor_destroy(ctx, t);
  *t = to;
  return EAO_OK;
}

eao_status eao_image_parse(eao_ctx *ctx, const char *name, const void *data, size_t size,
                           int32_t channels, eao_tensor *out) {
  eao_file f = {.data = data, .size = size};
  eao_status s;
  memset(out, 0, sizeof *out);
  if (channels != 0 && channels != 1 && channels != 3)
    return eao_fail(ctx, EAO_ERR_ARG, "images have 1 or 3 channels, not %d", channels);
  if (f.size >= 8 && memcmp(f.data, "\x89PNG\r\n\x1a\n", 8) == 0)
    s = eao_png_decode(ctx, name, &f, out);
  else if (f.size >= 3 && memcmp(f.data, "\xff\xd8\xff", 3) == 0)
    s = eao_jpeg_decode(ctx, name, &f, out);
  else if (f.size >= 2 && memcmp(f.data, "BM", 2) == 0)
    s = eao_bmp_decode(ctx, name, &f, out);
  else
    s = eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is neither PNG, JPEG nor BMP", name);
  if (s == EAO_OK) s = set_channels(ctx, channels, out);
  if (s != EAO_OK) eao_tensor_destroy(ctx, out);
  return s;
}

eao_status eao_image_read(eao_ctx *ctx, const char *path, int32_t channels, eao_tensor *out) {
  eao_file f;
  memset(out, 0, sizeof *out);
  EAO_TRY(eao_file_map(ctx, path, &f));
  eao_status s = eao_image_parse(ctx, path, f.data, f.size, channels, out);
  eao_file_unmap(ctx, &f);
  return s;
}

/* ---- resizing: one separable resampler, the kind chooses the filter ---- */

static double filter_value(eao_resize kind, double x) {
  x = fabs(x);
  switch (kind) {
  case EAO_RESIZE_AREA: return x <= 0.5 ? 1 : 0;
  case EAO_RESIZE_BICUBIC: /* Keys 1981, a = -1/2 */
    return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
  default: return x < 1 ? 1 - x : 0;
  }
}

typedef struct taps {
  int64_t first, n;
  float *w;
} taps;

/* Weights of one output coordinate; w has room for `cap` of them. */
static void taps_of(eao_resize kind, int64_t in, int64_t out, int64_t i, int64_t cap, taps *t) {
  double scale = (double)in / (double)out, center = ((double)i + 0.5) * scale;
  if (kind == EAO_RESIZE_NEAREST) {
    t->first = (int64_t)center < in ? (int64_t)center : in - 1;
    t->n = 1;
    t->w[0] = 1;
    return;
  }
  double wide = kind == EAO_RESIZE_BILINEAR || scale < 1 ? 1 : scale;
  if (kind == EAO_RESIZE_AREA && scale < 1) kind = EAO_RESIZE_BILINEAR;
  double support = wide * (kind == EAO_RESIZE_BICUBIC ? 2 : kind == EAO_RESIZE_AREA ? 0.5 : 1);
  int64_t lo = (int64_t)floor(center - support), hi = (int64_t)ceil(center + support);
  if (kind == EAO_RESIZE_AREA) hi--; /* the cell that contains the upper edge */
  double sum = 0;
  t->first = lo < 0 ? 0 : lo;
  t->n = 0;
  for (int64_t k = t->first; k < in && k <= hi && t->n < cap; k++) {
    double w;
    if (kind == EAO_RESIZE_AREA) { /* overlap of pixel [k, k+1) with the covered interval */
      double a = fmax((double)k, center - support), b = fmin((double)k + 1, center + support);
      w = fmax(b - a, 0);
    } else {
      w = filter_value(kind, ((double)k + 0.5 - center) / wide);
    }
    t->w[t->n++] = (float)w;
    sum += w;
  }
  /* Pixels beyond the edge are left out and the rest renormalised, except that plain bilinear
   * repeats the edge; with two taps that is the same. */
  for (int64_t k = 0; k < t->n; k++) t->w[k] = (float)(t->w[k] / sum);
}

static eao_status make_taps(eao_ctx *ctx, eao_resize kind, int64_t in, int64_t out, taps **res,
                            float **weights) {
  int64_t cap = 2 * (in / out + 1) * 2 + 4;
  if (cap > in + 4) cap = in + 4;
  *res = eao_alloc(ctx, (size_t)out * sizeof **res);
  *weights = eao_alloc(ctx, (size_t)out * (size_t)cap * sizeof **weights);
  if (!*res || !*weights) return EAO_NOMEM(ctx);
  for (int64_t i = 0; i < out; i++) {
    (*res)[i].w = *weights + i * cap;
    taps_of(kind, in, out, i, cap, &(*res)[i]);
  }
  return EAO_OK;
}

static uint8_t to_u8(float v) {
  return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v + 0.5F);
}

/* in: u8 [h,w,c] -> f32 [h, out_w, c] of one row; as_u8: rounded to bytes in between, too. */
static void resize_row(const uint8_t *in, const taps *t, int64_t out_w, int64_t c, bool as_u8,
                       float *out) {
  for (int64_t x = 0; x < out_w; x++) {
    for (int64_t k = 0; k < c; k++) {
      float sum = 0;
      for (int64_t j = 0; j < t[x].n; j++) sum += t[x].w[j] * (float)in[(t[x].first + j) * c + k];
      out[x * c + k] = as_u8 ? (float)to_u8(sum) : sum;
    }
  }
}

eao_status eao_image_resize(eao_ctx *ctx, const eao_tensor *in, int64_t height, int64_t width,
                            eao_resize kind, eao_tensor *out) {
  int64_t h = in->dim[0], w = in->dim[1], c = in->dim[2], row = width * c;
  taps *tx = NULL, *ty = NULL;
  float *wx = NULL, *wy = NULL, *mid = NULL;
  /* Pillow keeps bytes between its two passes, and what overshoots is lost there. */
  bool as_u8 = kind == EAO_RESIZE_ANTIALIAS || kind == EAO_RESIZE_BICUBIC;
  EAO_TRY(eao_image_create(ctx, height, width, c, out));
  eao_status s = make_taps(ctx, kind, w, width, &tx, &wx);
  if (s == EAO_OK) s = make_taps(ctx, kind, h, height, &ty, &wy);
  if (s == EAO_OK && !(mid = eao_alloc(ctx, (size_t)(h * row) * sizeof *mid))) s = EAO_NOMEM(ctx);
  for (int64_t y = 0; s == EAO_OK && y < h; y++)
    resize_row((const uint8_t *)in->data + y * w * c, tx, width, c, as_u8, mid + y * row);
  for (int64_t y = 0; s == EAO_OK && y < height; y++) {
    uint8_t *d = (uint8_t *)out->data + y * row;
    for (int64_t x = 0; x < row; x++) {
      float sum = 0;
      for (int64_t j = 0; j < ty[y].n; j++) sum += ty[y].w[j] * mid[(ty[y].first + j) * row + x];
      d[x] = to_u8(sum);
    }
  }
  eao_free(ctx, mid);
  eao_free(ctx, tx);
  eao_free(ctx, ty);
  eao_free(ctx, wx);
  eao_free(ctx, wy);
  if (s != EAO_OK) eao_tensor_destroy(ctx, out);
  return s;
}

static int index_of(const char *const *names, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return (int)i;
  return -1;
}

int eao_resize_from_name(const char *name) {
  static const char *const names[] = {"bilinear", "nearest", "antialias", "area", "bicubic"};
  return index_of(names, EAO_COUNT(names), name);
}

int eao_fit_from_name(const char *name) {
  static const char *const names[] = {"stretch", "crop", "pad"};
  return index_of(names, EAO_COUNT(names), name);
}

bool eao_image_scaling(eao_image_spec *spec, const char *name) {
  static const char *const names[] = {"raw", "unit", "signed", "imagenet"};
  static const float mean[][3] = {
      {0, 0, 0}, {0, 0, 0}, {127.5F, 127.5F, 127.5F}, {123.675F, 116.28F, 103.53F}};
  static const float std[][3] = {
      {1, 1, 1}, {255, 255, 255}, {127.5F, 127.5F, 127.5F}, {58.395F, 57.12F, 57.375F}};
  int k = index_of(names, EAO_COUNT(names), name);
  if (k < 0) return false;
  memcpy(spec->mean, mean[k], sizeof mean[k]);
  memcpy(spec->std, std[k], sizeof std[k]);
  return true;
}

/* ---- fitting to an input ---- */

/* Copies the h x w window at (y, x) of `from`; outside of it: grey. */
static eao_status window(eao_ctx *ctx, const eao_tensor *from, int64_t y, int64_t x, int64_t h,
                         int64_t w, eao_tensor *out) {
  enum { GREY = 114 };
  int64_t c = from->dim[2];
  EAO_TRY(eao_image_create(ctx, h, w, c, out));
  memset(out->data, GREY, (size_t)(h * w * c));
  for (int64_t i = 0; i < h; i++) {
    if (i + y < 0 || i + y >= from->dim[0]) continue;
    int64_t x0 = x < 0 ? -x : 0, x1 = from->dim[1] - x < w ? from->dim[1] - x : w;
    if (x1 > x0)
      memcpy((uint8_t *)out->data + (i * w + x0) * c,
             (const uint8_t *)from->data + ((i + y) * from->dim[1] + x + x0) * c,
             (size_t)((x1 - x0) * c));
  }
  return EAO_OK;
}

static int64_t scaled(int64_t side, double by) {
  int64_t v = (int64_t)floor((double)side * by + 0.5);
  return v < 1 ? 1 : v;
}

static eao_status fit(eao_ctx *ctx, const eao_tensor *image, int64_t h, int64_t w,
                      const eao_image_spec *spec, eao_tensor *out) {
  if (spec->fit == EAO_FIT_STRETCH) return eao_image_resize(ctx, image, h, w, spec->resize, out);
  double fy = (double)h / (double)image->dim[0], fx = (double)w / (double)image->dim[1];
  double by = spec->fit == EAO_FIT_PAD ? fmin(fy, fx) : fmax(fy, fx);
  if (spec->fit == EAO_FIT_CROP && spec->crop_fraction > 0) by /= (double)spec->crop_fraction;
  int64_t sh = scaled(image->dim[0], by), sw = scaled(image->dim[1], by);
  eao_tensor t;
  EAO_TRY(eao_image_resize(ctx, image, sh, sw, spec->resize, &t));
  eao_status s = window(ctx, &t, (sh - h) / 2, (sw - w) / 2, h, w, out);
  eao_tensor_destroy(ctx, &t);
  return s;
}

typedef struct axes {
  int32_t c, h, w;
} axes;

static eao_status find_axes(eao_ctx *ctx, const eao_tensor *type, eao_layout_hint hint, axes *a) {
  int32_t first = type->rank - 3;
  if (first < 0 || first > 1 || (first == 1 && type->dim[0] > 1))
    return eao_fail(
        ctx, EAO_ERR_SHAPE,
        "an image fits an input of rank 3, or 4 with a batch of 1; this one has rank %d",
        type->rank);
  int64_t front = type->dim[first], back = type->dim[type->rank - 1];
  bool front_ok = front == 1 || front == 3, back_ok = back == 1 || back == 3;
  if (hint == EAO_LAYOUT_AUTO && front_ok == back_ok)
    return eao_fail(ctx, EAO_ERR_SHAPE,
                    "cannot tell which axis of the input holds the channels: say nchw or nhwc");
  bool channels_first = hint == EAO_LAYOUT_AUTO ? front_ok : hint == EAO_LAYOUT_NCHW;
  *a = channels_first ? (axes){first, first + 1, first + 2} : (axes){first + 2, first, first + 1};
  int64_t c = type->dim[a->c];
  if (c != 1 && c != 3)
    return eao_fail(ctx, EAO_ERR_SHAPE, "the input has %lld channels, an image 1 or 3",
                    (long long)c);
  return EAO_OK;
}

static void store_pixel(eao_tensor *t, int64_t i, uint8_t px, int64_t c,
                        const eao_image_spec *spec) {
  if (spec->stored && !eao_dtype_is_float(t->dtype)) {
    eao_set_i64(t, i, t->dtype == EAO_I8 ? px - 128 : px);
    return;
  }
  double v = ((double)px - (double)spec->mean[c]) / (spec->std[c] != 0 ? (double)spec->std[c] : 1);
  if (t->quant.n) v = v / (double)eao_quant_scale(t, i) + eao_quant_zero(t, i);
  eao_set_f64(t, i, eao_dtype_is_float(t->dtype) ? v : rint(v));
}

eao_status eao_image_to_input(eao_ctx *ctx, const eao_tensor *image, const eao_tensor *type,
                              const eao_image_spec *spec, eao_tensor *out) {
  axes a;
  eao_tensor px, sized = {0};
  int64_t dim[EAO_MAX_RANK] = {1, 1, 1, 1};
  memset(out, 0, sizeof *out);
  EAO_TRY(find_axes(ctx, type, spec->layout, &a));
  int64_t h = type->dim[a.h] < 0 ? image->dim[0] : type->dim[a.h],
          w = type->dim[a.w] < 0 ? image->dim[1] : type->dim[a.w], c = type->dim[a.c];
  dim[a.h] = h;
  dim[a.w] = w;
  dim[a.c] = c;
  EAO_TRY(fit(ctx, image, h, w, spec, &px));
  eao_status s = set_channels(ctx, (int32_t)c, &px);
  if (s == EAO_OK) s = eao_tensor_create(ctx, type->dtype, type->rank, dim, &sized);
  if (s == EAO_OK) {
    sized.quant = type->quant;
    bool channels_first = a.c < a.h;
    const uint8_t *p = px.data;
    for (int64_t i = 0; i < h * w; i++)
      for (int64_t k = 0; k < c; k++) {
        int64_t from = spec->bgr && c == 3 ? 2 - k : k;
        store_pixel(&sized, channels_first ? k * h * w + i : i * c + k, p[i * c + from], k, spec);
      }
    *out = sized;
  }
  eao_tensor_destroy(ctx, &px);
  return s;
}
