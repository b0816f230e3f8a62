/* BMP: uncompressed 8-bit palette, 24 and 32 bits. */
#include "data/data.h"

typedef struct bmp {
  const uint8_t *d;
  size_t size, pixels, palette;
  int64_t width, height;
  uint32_t bits, colors;
  bool top_down, grey;
} bmp;

static uint32_t get32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static eao_status read_header(eao_ctx *ctx, const char *name, const eao_file *f, bmp *b) {
  const uint8_t *d = f->data;
  if (f->size < 54) return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': the BMP header is cut off", name);
  uint32_t info = get32(d + 14), compression = get32(d + 30);
  b->d = d;
  b->size = f->size;
  b->pixels = get32(d + 10);
  b->width = (int32_t)get32(d + 18);
  b->height = (int32_t)get32(d + 22);
  b->bits = d[28] | (uint32_t)d[29] << 8;
  b->top_down = b->height < 0;
  if (b->top_down) b->height = -b->height;
  b->colors = get32(d + 46) ? get32(d + 46) : 256;
  b->palette = 14 + (size_t)info;
  bool masks_ok = compression == 0;
  if (compression == 3 && b->bits == 32 && f->size >= 66) /* bit fields in the usual order */
    masks_ok = get32(d + 54) == 0xFF0000 && get32(d + 58) == 0xFF00 && get32(d + 62) == 0xFF;
  if (info < 40 || !masks_ok || (b->bits != 8 && b->bits != 24 && b->bits != 32))
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED,
                    "'%s': only uncompressed BMP of 8, 24 or 32 bits is read", name);
  uint64_t row = ((uint64_t)b->width * b->bits + 31) / 32 * 4;
  if (b->width <= 0 || b->height <= 0 || b->pixels > f->size ||
      row > (f->size - b->pixels) / (uint64_t)b->height)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': the BMP is smaller than its %lld x %lld pixels",
                    name, (long long)b->width, (long long)b->height);
  if (b->bits != 8) return EAO_OK;
  if (b->colors > 256 || b->palette > f->size || (f->size - b->palette) / 4 < b->colors)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': the BMP palette is cut off", name);
  b->grey = true;
  for (uint32_t i = 0; i < b->colors; i++) {
    const uint8_t *c = d + b->palette + 4 * (size_t)i;
    b->grey = b->grey && c[0] == c[1] && c[1] == c[2];
  }
  return EAO_OK;
}

static void decode_row(const bmp *b, const uint8_t *src, uint8_t *dst) {
  static const uint8_t black[4] = {0};
  for (int64_t x = 0; x < b->width; x++) {
    const uint8_t *px = src + (size_t)x * (b->bits / 8);
    if (b->bits == 8) px = *px < b->colors ? b->d + b->palette + 4 * (size_t)*px : black;
    if (b->grey) {
      *dst++ = px[0];
      continue;
    }
    *dst++ = px[2];
    *dst++ = px[1];
    *dst++ = px[0];
  }
}

eao_status eao_bmp_decode(eao_ctx *ctx, const char *name, const eao_file *f, eao_tensor *out) {
  bmp b = {0};
  EAO_TRY(read_header(ctx, name, f, &b));
  int64_t channels = b.grey ? 1 : 3;
  EAO_TRY(eao_image_create(ctx, b.height, b.width, channels, out));
  size_t row = ((size_t)b.width * b.bits + 31) / 32 * 4;
  for (int64_t y = 0; y < b.height; y++) {
    int64_t at = b.top_down ? y : b.height - 1 - y;
    decode_row(&b, b.d + b.pixels + (size_t)at * row,
               (uint8_t *)out->data + (size_t)(y * b.width * channels));
  }
  return EAO_OK;
}
