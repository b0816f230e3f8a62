/* PNG and JPEG through libpng and libjpeg. Both report failures by longjmp: all that must survive
 * one lives in a struct outside the frame that called setjmp. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "data/data.h"

typedef struct decoder {
  eao_ctx *ctx;
  const char *name;
  const uint8_t *p;
  size_t left;
  eao_tensor *out;
  png_bytep *rows;
  eao_status status;
  jmp_buf jump;
} decoder;

/* ---- PNG ---- */

static void png_fail(png_structp png, png_const_charp text) {
  decoder *d = png_get_error_ptr(png);
  if (d->status == EAO_OK)
    d->status = eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': PNG: %s", d->name, text);
  longjmp(d->jump, 1);
}

static void png_note(png_structp png, png_const_charp text) {
  (void)png;
  (void)text; /* colour-profile oddities and the like */
}

static void png_pull(png_structp png, png_bytep to, size_t n) {
  decoder *d = png_get_io_ptr(png);
  if (n > d->left) png_error(png, "the file is cut off");
  memcpy(to, d->p, n);
  d->p += n;
  d->left -= n;
}

/* Pixels as the file has them, without colour management: what models were trained on. */
static void png_body(decoder *d, png_structp png, png_infop info) {
  png_set_user_limits(png, EAO_IMAGE_SIDE_MAX, EAO_IMAGE_SIDE_MAX);
  png_set_read_fn(png, d, png_pull);
  png_read_info(png, info);
  bool color = png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR;
  png_set_expand(png);
  png_set_scale_16(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  int64_t h = png_get_image_height(png, info), w = png_get_image_width(png, info),
          c = color ? 3 : 1;
  d->status = eao_image_create(d->ctx, h, w, c, d->out);
  if (d->status == EAO_OK && png_get_rowbytes(png, info) != (size_t)(w * c))
    d->status = eao_fail(d->ctx, EAO_ERR_UNSUPPORTED, "'%s': unexpected PNG layout", d->name);
  if (d->status == EAO_OK) {
    d->rows = eao_alloc(d->ctx, (size_t)h * sizeof *d->rows);
    if (!d->rows) d->status = EAO_NOMEM(d->ctx);
  }
  if (d->status != EAO_OK) return;
  for (int64_t y = 0; y < h; y++) d->rows[y] = (png_bytep)d->out->data + y * w * c;
  png_read_image(png, d->rows);
}

eao_status eao_png_decode(eao_ctx *ctx, const char *name, const eao_file *f, eao_tensor *out) {
  decoder d = {.ctx = ctx, .name = name, .p = f->data, .left = f->size, .out = out};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, png_fail, png_note);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    png_destroy_read_struct(&png, NULL, NULL);
    return EAO_NOMEM(ctx);
  }
  if (setjmp(d.jump) == 0) png_body(&d, png, info);
  png_destroy_read_struct(&png, &info, NULL);
  eao_free(ctx, d.rows);
  if (d.status != EAO_OK) eao_tensor_destroy(ctx, out);
  return d.status;
}

/* ---- JPEG ---- */

typedef struct jpeg_errors {
  struct jpeg_error_mgr base; /* first: libjpeg hands out a pointer to it */
  decoder *d;
} jpeg_errors;

static void jpeg_fail(j_common_ptr c) {
  decoder *d = ((jpeg_errors *)c->err)->d;
  char text[JMSG_LENGTH_MAX];
  c->err->format_message(c, text);
  if (d->status == EAO_OK)
    d->status = eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': JPEG: %s", d->name, text);
  longjmp(d->jump, 1);
}

static void jpeg_note(j_common_ptr c, int level) {
  decoder *d = ((jpeg_errors *)c->err)->d;
  if (level >= 0 || c->err->num_warnings++ > 0) return;
  char text[JMSG_LENGTH_MAX];
  c->err->format_message(c, text);
  eao_warn(d->ctx, "'%s': JPEG: %s", d->name, text);
}

static void jpeg_body(decoder *d, struct jpeg_decompress_struct *j) {
  jpeg_mem_src(j, d->p, (unsigned long)d->left);
  jpeg_read_header(j, TRUE);
  bool grey = j->jpeg_color_space == JCS_GRAYSCALE;
  if (j->num_components != (grey ? 1 : 3)) {
    d->status = eao_fail(d->ctx, EAO_ERR_UNSUPPORTED, "'%s': a JPEG with %d colour components",
                         d->name, j->num_components);
    return;
  }
  j->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
  /* Extents are judged before libjpeg allocates for them. */
  d->status = eao_image_create(d->ctx, j->image_height, j->image_width, grey ? 1 : 3, d->out);
  if (d->status != EAO_OK) return;
  jpeg_start_decompress(j);
  size_t row = (size_t)j->output_width * (size_t)j->output_components;
  while (j->output_scanline < j->output_height) {
    JSAMPROW line = (JSAMPROW)d->out->data + row * j->output_scanline;
    jpeg_read_scanlines(j, &line, 1);
  }
  jpeg_finish_decompress(j);
}

eao_status eao_jpeg_decode(eao_ctx *ctx, const char *name, const eao_file *f, eao_tensor *out) {
  decoder d = {.ctx = ctx, .name = name, .p = f->data, .left = f->size, .out = out};
  struct jpeg_decompress_struct j;
  jpeg_errors errors = {.d = &d};
  memset(&j, 0, sizeof j);
  j.err = jpeg_std_error(&errors.base);
  errors.base.error_exit = jpeg_fail;
  errors.base.emit_message = jpeg_note;
  if (setjmp(d.jump) == 0) {
    jpeg_create_decompress(&j);
    jpeg_body(&d, &j);
  }
  jpeg_destroy_decompress(&j);
  if (d.status != EAO_OK) eao_tensor_destroy(ctx, out);
  return d.status;
}
