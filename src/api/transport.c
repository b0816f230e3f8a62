/* Packages compressed for transport (one zstd frame), and back. Devices map the uncompressed form.
 */
#include <string.h>
#include <zstd.h>

#include "api/api.h"
#include "rt/model.h"

/* Weights do not shrink more; a frame that claims to is refused before anything is allocated. */
enum { RATIO_MAX = 1000, LEVEL = 19 };

static eao_status check_package(eao_ctx *ctx, const char *path, const uint8_t *p, size_t n) {
  eao_rt_model m = {.base = p, .size = n, .message = ""};
  m.header = (const eao_pkg_header *)(const void *)m.base;
  eao_status s = eao_rt_verify_header(&m);
  return s == EAO_OK ? s : eao_fail(ctx, s, "'%s': %s", path, m.message);
}

static eao_status compress(eao_ctx *ctx, const eao_file *f, const char *out_path) {
  size_t cap = ZSTD_compressBound(f->size), n = 0;
  void *out = eao_alloc(ctx, cap);
  ZSTD_CCtx *z = ZSTD_createCCtx();
  if (!out || !z) {
    ZSTD_freeCCtx(z);
    eao_free(ctx, out);
    return EAO_NOMEM(ctx);
  }
  ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL);
  ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
  n = ZSTD_compress2(z, out, cap, f->data, f->size);
  eao_status s = ZSTD_isError(n) ? eao_fail(ctx, EAO_ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(n))
                                 : eao_file_write(ctx, out_path, out, n);
  ZSTD_freeCCtx(z);
  eao_free(ctx, out);
  return s;
}

eao_status eao_package_pack(eao_ctx *ctx, const char *package, const char *out_path) {
  eao_file f;
  EAO_TRY(eao_file_map(ctx, package, &f));
  eao_status s = check_package(ctx, package, f.data, f.size);
  if (s == EAO_OK) s = compress(ctx, &f, out_path);
  eao_file_unmap(ctx, &f);
  return s;
}

static eao_status size_of(eao_ctx *ctx, const char *path, const eao_file *f, size_t *out) {
  unsigned long long n = f->size ? ZSTD_getFrameContentSize(f->data, f->size) : 0;
  if (n == ZSTD_CONTENTSIZE_ERROR || n == 0)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is no compressed package", path);
  if (n == ZSTD_CONTENTSIZE_UNKNOWN)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' does not say how large it becomes", path);
  if (n / RATIO_MAX > f->size || n > ctx->limits.max_total_bytes || n > SIZE_MAX / 2)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' of %zu bytes claims to become %llu", path, f->size,
                    n);
  size_t frame = ZSTD_findFrameCompressedSize(f->data, f->size);
  if (ZSTD_isError(frame) || frame != f->size)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is truncated or has something behind its end", path);
  *out = (size_t)n;
  return EAO_OK;
}

static eao_status decompress(eao_ctx *ctx, const char *path, const eao_file *f,
                             const char *out_path) {
  size_t size = 0;
  EAO_TRY(size_of(ctx, path, f, &size));
  uint8_t *out = eao_alloc(ctx, size);
  if (!out) return EAO_NOMEM(ctx);
  size_t n = ZSTD_decompress(out, size, f->data, f->size);
  eao_status s = EAO_OK;
  if (ZSTD_isError(n) || n != size)
    s = eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is damaged: %s", path,
                 ZSTD_isError(n) ? ZSTD_getErrorName(n) : "it ends early");
  if (s == EAO_OK) s = check_package(ctx, path, out, size);
  if (s == EAO_OK) s = eao_file_write(ctx, out_path, out, size);
  eao_free(ctx, out);
  return s;
}

eao_status eao_package_unpack(eao_ctx *ctx, const char *path, const char *out_path) {
  eao_file f;
  EAO_TRY(eao_file_map(ctx, path, &f));
  eao_status s = decompress(ctx, path, &f, out_path);
  eao_file_unmap(ctx, &f);
  return s;
}
