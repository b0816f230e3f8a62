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

static int index_of(const char *const *names, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0) return (int)i;
  return -1;
}

int eao_fit_from_name(const char *name) {
  static const char *const names[] = {"stretch", "crop", "pad", "central"};
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

/* Copies the h x w window at (y, x) of `from` (u8 or f32); outside of it: grey. */
static eao_status window(eao_ctx *ctx, const eao_tensor *from, int64_t y, int64_t x, int64_t h,
                         int64_t w, eao_tensor *out) {
  enum { GREY = 114 };
  int64_t c = from->dim[2];
  size_t pixel = (size_t)c * (from->dtype == EAO_F32 ? sizeof(float) : 1);
  EAO_TRY(eao_tensor_create(ctx, from->dtype, 3, (int64_t[]){h, w, c}, out));
  if (from->dtype == EAO_U8) memset(out->data, GREY, (size_t)(h * w * c));
  for (int64_t i = 0; from->dtype == EAO_F32 && i < h * w * c; i++) ((float *)out->data)[i] = GREY;
  for (int64_t i = 0; i < h; i++) {
    if (i + y < 0 || i + y >= from->dim[0]) continue;
    int64_t x0 = x < 0 ? -x : 0, x1 = from->dim[1] - x < w ? from->dim[1] - x : w;
    if (x1 > x0)
      memcpy((uint8_t *)out->data + (size_t)(i * w + x0) * pixel,
             (const uint8_t *)from->data + (size_t)((i + y) * from->dim[1] + x + x0) * pixel,
             (size_t)(x1 - x0) * pixel);
  }
  return EAO_OK;
}

static int64_t scaled(int64_t side, double by) {
  int64_t v = (int64_t)floor((double)side * by + 0.5);
  return v < 1 ? 1 : v;
}

static double share_of(const eao_image_spec *spec) {
  return spec->crop_fraction > 0 ? (double)spec->crop_fraction : 1;
}

/* torchvision's Resize(short side) and CenterCrop: the long side is truncated, the offset rounded
 * to even. */
static eao_status fit_crop(eao_ctx *ctx, const eao_tensor *image, int64_t h, int64_t w,
                           const eao_image_spec *spec, eao_tensor *out) {
  int64_t ih = image->dim[0], iw = image->dim[1], sh, sw;
  if ((double)h / (double)ih > (double)w / (double)iw) {
    sh = scaled(h, 1 / share_of(spec));
    sw = sh * iw / ih;
  } else {
    sw = scaled(w, 1 / share_of(spec));
    sh = sw * ih / iw;
  }
  if (sh < h) sh = h;
  if (sw < w) sw = w;
  eao_tensor t;
  EAO_TRY(eao_image_resize(ctx, image, sh, sw, spec->resize, &t));
  eao_status s = window(ctx, &t, (int64_t)rint((double)(sh - h) / 2),
                        (int64_t)rint((double)(sw - w) / 2), h, w, out);
  eao_tensor_destroy(ctx, &t);
  return s;
}

/* tf.image.central_crop, then resized. */
static eao_status fit_central(eao_ctx *ctx, const eao_tensor *image, int64_t h, int64_t w,
                              const eao_image_spec *spec, eao_tensor *out) {
  int64_t ih = image->dim[0], iw = image->dim[1];
  int64_t y = (int64_t)(((double)ih - (double)ih * share_of(spec)) / 2);
  int64_t x = (int64_t)(((double)iw - (double)iw * share_of(spec)) / 2);
  eao_tensor t;
  EAO_TRY(window(ctx, image, y, x, ih - 2 * y, iw - 2 * x, &t));
  eao_status s = eao_image_resize(ctx, &t, h, w, spec->resize, out);
  eao_tensor_destroy(ctx, &t);
  return s;
}

static eao_status fit(eao_ctx *ctx, const eao_tensor *image, int64_t h, int64_t w,
                      const eao_image_spec *spec, eao_tensor *out) {
  if (spec->fit == EAO_FIT_STRETCH) return eao_image_resize(ctx, image, h, w, spec->resize, out);
  if (spec->fit == EAO_FIT_CROP) return fit_crop(ctx, image, h, w, spec, out);
  if (spec->fit == EAO_FIT_CENTRAL) return fit_central(ctx, image, h, w, spec, out);
  double fy = (double)h / (double)image->dim[0], fx = (double)w / (double)image->dim[1];
  int64_t sh = scaled(image->dim[0], fmin(fy, fx)), sw = scaled(image->dim[1], fmin(fy, fx));
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

static void store_pixel(eao_tensor *t, int64_t i, double px, int64_t c,
                        const eao_image_spec *spec) {
  if (spec->stored && !eao_dtype_is_float(t->dtype)) {
    eao_set_f64(t, i, rint(t->dtype == EAO_I8 ? px - 128 : px));
    return;
  }
  double v = (px - (double)spec->mean[c]) / (spec->std[c] != 0 ? (double)spec->std[c] : 1);
  if (t->quant.n) v = v / (double)eao_quant_scale(t, i) + eao_quant_zero(t, i);
  eao_set_f64(t, i, eao_dtype_is_float(t->dtype) ? v : rint(v));
}

/* px: u8 or f32 [h, w, c] -> out with its axes. */
static void store_image(const eao_tensor *px, const axes *a, const eao_image_spec *spec,
                        eao_tensor *out) {
  int64_t n = px->dim[0] * px->dim[1], c = px->dim[2];
  bool channels_first = a->c < a->h;
  for (int64_t i = 0; i < n; i++)
    for (int64_t k = 0; k < c; k++) {
      int64_t from = i * c + (spec->bgr && c == 3 ? 2 - k : k);
      store_pixel(out, channels_first ? k * n + i : i * c + k, eao_get_f64(px, from), k, spec);
    }
}

eao_status eao_image_to_input(eao_ctx *ctx, const eao_tensor *image, const eao_tensor *type,
                              const eao_image_spec *spec, eao_tensor *out) {
  axes a;
  eao_tensor colored, px = {0};
  int64_t dim[EAO_MAX_RANK] = {1, 1, 1, 1};
  memset(out, 0, sizeof *out);
  for (int32_t i = 0; i < 3; i++)
    if (image->dim[i] < 1)
      return eao_fail(ctx, EAO_ERR_SHAPE, "an image of %lld x %lld pixels, %lld channels",
                      (long long)image->dim[1], (long long)image->dim[0], (long long)image->dim[2]);
  EAO_TRY(find_axes(ctx, type, spec->layout, &a));
  dim[a.h] = type->dim[a.h] < 0 ? image->dim[0] : type->dim[a.h];
  dim[a.w] = type->dim[a.w] < 0 ? image->dim[1] : type->dim[a.w];
  dim[a.c] = type->dim[a.c];
  EAO_TRY(window(ctx, image, 0, 0, image->dim[0], image->dim[1], &colored));
  eao_status s = set_channels(ctx, (int32_t)dim[a.c], &colored);
  if (s == EAO_OK) s = fit(ctx, &colored, dim[a.h], dim[a.w], spec, &px);
  if (s == EAO_OK) s = eao_tensor_create(ctx, type->dtype, type->rank, dim, out);
  if (s == EAO_OK) {
    out->quant = type->quant;
    store_image(&px, &a, spec, out);
  }
  eao_tensor_destroy(ctx, &colored);
  eao_tensor_destroy(ctx, &px);
  return s;
}
