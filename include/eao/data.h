/* Tensors to and from files: npy, npz, images, audio; random data.
 *
 * Every file is taken as hostile: sizes are checked against the file and the context's limits
 * before anything is allocated. Errors: EAO_ERR_FORMAT (malformed), EAO_ERR_UNSUPPORTED (a valid
 * variant EAO does not read), EAO_ERR_NOMEM (a limit), EAO_ERR_IO.
 * Ownership: a tensor filled in by a call here owns its data; free it with eao_tensor_destroy. */
#ifndef EAO_DATA_H
#define EAO_DATA_H

#include <stdbool.h>

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tensors --------------------------------------------------------------------------------- */

/* Zeroed data for a tensor of known extents. out: no quantisation. */
eao_status eao_tensor_create(eao_ctx *ctx, eao_dtype dtype, int32_t rank, const int64_t *dim,
                             eao_tensor *out);
/* Frees data; t may be zeroed. */
void eao_tensor_destroy(eao_ctx *ctx, eao_tensor *t);
/* A copy of t in another element type. Values are rounded to nearest even and saturated. With a
 * quant (either side, n > 0) real values are kept: dequantised from, quantised to. quant's arrays
 * are borrowed; NULL: none. */
eao_status eao_tensor_cast(eao_ctx *ctx, const eao_tensor *t, eao_dtype dtype,
                           const eao_quant *quant, eao_tensor *out);
/* A copy with axes permuted: out.dim[i] == t.dim[perm[i]]; perm has t.rank entries. Per-channel
 * quantisation is not kept. */
eao_status eao_tensor_permute(eao_ctx *ctx, const eao_tensor *t, const int32_t *perm,
                              eao_tensor *out);
/* Number of elements; 0 when an extent is unknown. */
int64_t eao_tensor_elements(const eao_tensor *t);
/* Element i as a real number (dequantised when t has a quantisation). i in [0, elements). */
double eao_tensor_real(const eao_tensor *t, int64_t i);
/* Element i as stored. */
double eao_tensor_raw(const eao_tensor *t, int64_t i);

/* Deterministic random data of a type: floats uniform in [lo, hi), integers in [lo, hi], from
 * seed. lo == hi == 0 takes the type's usual range: floats [-1, 1), 8-bit and quantised integers
 * all values, other integers and bool {0, 1} (nearly every index is legal then). */
eao_status eao_tensor_random(eao_ctx *ctx, const eao_tensor *type, uint64_t seed, double lo,
                             double hi, eao_tensor *out);

/* ---- npy, npz (NumPy's formats, NEP 1) ------------------------------------------------------- */

/* Little and big endian, versions 1 to 3. Column-major files of rank above 1 are refused. */
eao_status eao_npy_read(eao_ctx *ctx, const char *path, eao_tensor *out);
/* name: for messages. */
eao_status eao_npy_parse(eao_ctx *ctx, const char *name, const void *data, size_t size,
                         eao_tensor *out);
/* bf16 is written as f32, 4-bit types as 8-bit ones: the format has neither. */
eao_status eao_npy_write(eao_ctx *ctx, const char *path, const eao_tensor *t);

typedef struct eao_npz eao_npz;
/* Opens an archive of stored or deflated .npy members. */
eao_status eao_npz_open(eao_ctx *ctx, const char *path, eao_npz **out);
void eao_npz_close(eao_npz *z);
uint32_t eao_npz_count(const eao_npz *z);
/* Member name without ".npy". Borrowed. */
const char *eao_npz_name(const eao_npz *z, uint32_t i);
eao_status eao_npz_read(eao_npz *z, uint32_t i, eao_tensor *out);

/* A tensor file by content: .npy or an ONNX TensorProto (.pb). */
eao_status eao_tensor_read(eao_ctx *ctx, const char *path, eao_tensor *out);

/* ---- images ---------------------------------------------------------------------------------- */

/* PNG, JPEG or BMP, by content. out: u8 [height, width, channels], channels 1 (grey) or 3 (RGB);
 * 0: as in the file. Alpha is dropped. */
eao_status eao_image_read(eao_ctx *ctx, const char *path, int32_t channels, eao_tensor *out);
/* The same from memory; name: for messages. */
eao_status eao_image_parse(eao_ctx *ctx, const char *name, const void *data, size_t size,
                           int32_t channels, eao_tensor *out);

/* How images are resized. Libraries differ, and a model is most accurate with what it was trained
 * with: Pillow (torchvision on PIL images) rounds to 8 bits after each direction, OpenCV works in
 * fixed point, TensorFlow keeps floats. */
typedef enum eao_resize {
  EAO_RESIZE_BILINEAR = 0,  /* "bilinear": half-pixel centres, no antialiasing, rounded once */
  EAO_RESIZE_NEAREST = 1,   /* "nearest": half-pixel centres, Pillow's NEAREST */
  EAO_RESIZE_ANTIALIAS = 2, /* "pillow-bilinear" ("antialias"): Pillow's BILINEAR, bit for bit */
  EAO_RESIZE_AREA = 3,      /* "area": mean over the covered area, rounded once */
  EAO_RESIZE_BICUBIC = 4,   /* "pillow-bicubic" ("bicubic"): Pillow's BICUBIC, bit for bit */
  EAO_RESIZE_PILLOW_LANCZOS = 5, /* "pillow-lanczos" */
  EAO_RESIZE_PILLOW_BOX = 6,     /* "pillow-box" */
  EAO_RESIZE_PILLOW_HAMMING = 7, /* "pillow-hamming" */
  EAO_RESIZE_TF_BILINEAR = 8,    /* "tf-bilinear": tf.image.resize */
  EAO_RESIZE_TF_BILINEAR_V1 = 9, /* "tf-bilinear-v1": tf.compat.v1, corners at 0 */
  EAO_RESIZE_TF_NEAREST_V1 = 10, /* "tf-nearest-v1", also OpenCV's INTER_NEAREST */
  EAO_RESIZE_TF_ANTIALIAS = 11,  /* "tf-antialias": tf.image.resize(antialias=True) */
  EAO_RESIZE_TF_AREA = 12,       /* "tf-area": tf.image.resize(method="area") */
  EAO_RESIZE_CV_LINEAR = 13,     /* "opencv-linear": INTER_LINEAR */
  EAO_RESIZE_CV_AREA = 14,       /* "opencv-area": INTER_AREA, shrinking only */
  EAO_RESIZE_TF_NEAREST = 15     /* "tf-nearest": tf.image.resize(method="nearest") */
} eao_resize;
/* -1 when unknown. */
int eao_resize_from_name(const char *name);

/* in: u8 [h, w, c]. out: the tf- kinds give f32, unrounded; all others u8. */
eao_status eao_image_resize(eao_ctx *ctx, const eao_tensor *in, int64_t height, int64_t width,
                            eao_resize kind, eao_tensor *out);

typedef enum eao_fit {
  EAO_FIT_STRETCH = 0, /* both sides scaled independently */
  EAO_FIT_CROP = 1,    /* short side scaled, then the middle cut out: torchvision's Resize and
                          CenterCrop */
  EAO_FIT_PAD = 2,     /* long side scaled to fit, grey (114) around */
  EAO_FIT_CENTRAL = 3  /* the middle cut out, then stretched: tf.image.central_crop and resize */
} eao_fit;
int eao_fit_from_name(const char *name); /* "stretch", "crop", "pad", "central"; -1 */

/* How pixels become numbers: real = (pixel - mean[c]) / std[c], pixel in 0..255. */
typedef enum eao_layout_hint {
  EAO_LAYOUT_AUTO = 0,
  EAO_LAYOUT_NCHW,
  EAO_LAYOUT_NHWC
} eao_layout_hint;
typedef struct eao_image_spec {
  eao_resize resize;
  eao_fit fit;
  eao_layout_hint layout; /* AUTO: the axis of extent 1 or 3 is the channel axis */
  bool bgr;               /* swap red and blue */
  bool stored;            /* integer inputs take pixels as they are (i8: pixel - 128) */
  float crop_fraction;    /* CROP, CENTRAL: side of the crop / side of the image; 0: 1 */
  float mean[3], std[3];  /* std all 0: 1 */
} eao_image_spec;
/* mean and std by name: "raw" (0..255), "unit" (0..1), "signed" (-1..1), "imagenet". false: no
 * such name. */
bool eao_image_scaling(eao_image_spec *spec, const char *name);

/* Fits an image (u8 [h, w, c]) to a model input of rank 3 or 4 with known height, width and
 * channels; an unknown or 1 batch becomes 1. Integer types with a quantisation get the real value
 * quantised unless spec->stored. */
eao_status eao_image_to_input(eao_ctx *ctx, const eao_tensor *image, const eao_tensor *type,
                              const eao_image_spec *spec, eao_tensor *out);

/* ---- audio ----------------------------------------------------------------------------------- */

/* WAV, FLAC, OGG, ... out: f32 [frames], channels averaged, in [-1, 1]. */
eao_status eao_audio_read(eao_ctx *ctx, const char *path, eao_tensor *out, int32_t *out_rate_hz);
/* Fits samples to a model input: cut or zero-padded at the end to the last extent (kept when
 * unknown), other extents must be 1 or unknown. i16: times 32768; quantised: by its scale. */
eao_status eao_audio_to_input(eao_ctx *ctx, const eao_tensor *audio, const eao_tensor *type,
                              eao_tensor *out);

#ifdef __cplusplus
}
#endif
#endif
