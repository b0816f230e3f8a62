/* What the files of this layer share; the calls themselves are public (eao/data.h). */
#ifndef EAO_DATA_DATA_H
#define EAO_DATA_DATA_H

#include "base/base.h"
#include "eao/data.h"

/* Largest image side and sample count that is read. */
enum { EAO_IMAGE_SIDE_MAX = 32768, EAO_AUDIO_FRAMES_MAX = 1 << 28 };

/* u8 [height, width, channels] after a check of the extents. */
eao_status eao_image_create(eao_ctx *ctx, int64_t height, int64_t width, int64_t channels,
                            eao_tensor *out);
/* Decoders of one format each; name is for messages. */
eao_status eao_png_decode(eao_ctx *ctx, const char *name, const eao_file *f, eao_tensor *out);
eao_status eao_jpeg_decode(eao_ctx *ctx, const char *name, const eao_file *f, eao_tensor *out);
eao_status eao_bmp_decode(eao_ctx *ctx, const char *name, const eao_file *f, eao_tensor *out);

#endif
