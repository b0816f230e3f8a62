/* Reference resampling: resize with ONNX's and TFLite's coordinate rules. */
#ifndef EAO_KERNEL_REF_RESIZE_H
#define EAO_KERNEL_REF_RESIZE_H

#include "kernel/kernel.h"

typedef enum eao_resize_mode {
  EAO_RESIZE_NEAREST = 0,
  EAO_RESIZE_LINEAR = 1,
  EAO_RESIZE_CUBIC = 2,
} eao_resize_mode;

/* Position in the input of output i; s is the scale (output / input), n the input's extent, m the
 * output's (s * n where a scale was given). */
typedef enum eao_resize_coord {
  EAO_COORD_HALF_PIXEL = 0,           /* (i + 1/2) / s - 1/2 */
  EAO_COORD_HALF_PIXEL_SYMMETRIC = 1, /* the same about the image's centre */
  EAO_COORD_PYTORCH_HALF_PIXEL = 2,   /* the same; 0 when the output has one element */
  EAO_COORD_ALIGN_CORNERS = 3,        /* i (n - 1) / (m - 1) */
  EAO_COORD_ASYMMETRIC = 4,           /* i / s */
  EAO_COORD_TF_HALF_PIXEL_NN = 5,     /* (i + 1/2) / s */
  EAO_COORD_TF_CROP_AND_RESIZE = 6,   /* corners aligned to the region of interest */
} eao_resize_coord;

typedef enum eao_resize_nearest {
  EAO_NEAREST_ROUND_PREFER_FLOOR = 0,
  EAO_NEAREST_ROUND_PREFER_CEIL = 1,
  EAO_NEAREST_FLOOR = 2,
  EAO_NEAREST_CEIL = 3,
} eao_resize_nearest;

typedef enum eao_resize_aspect {
  EAO_ASPECT_STRETCH = 0,
  EAO_ASPECT_NOT_LARGER = 1,
  EAO_ASPECT_NOT_SMALLER = 2,
} eao_resize_aspect;

/* x [, region of interest: begins, ends, as fractions] [, scales] [, sizes] -> y; scales or sizes.
 * TFLite: bilinear align_corners / half_pixel_centers / neither are linear with align_corners /
 * half_pixel / asymmetric; nearest are align_corners with round_prefer_ceil, tf_half_pixel_for_nn
 * and asymmetric with floor. */
typedef struct eao_resize_attr {
  int32_t mode, coordinates, nearest, aspect;
  int32_t antialias;       /* linear, cubic: widen the filter when shrinking */
  int32_t exclude_outside; /* taps outside the input weigh nothing instead of repeating its edge */
  float cubic_a;
  float extrapolation; /* tf_crop_and_resize: value outside the input */
  eao_ints axes;       /* that the lists are about; empty: all */
} eao_resize_attr;

typedef struct eao_resize_plan {
  int32_t rank;
  int64_t out[EAO_MAX_RANK];
  double scale[EAO_MAX_RANK], width[EAO_MAX_RANK]; /* m above */
  int32_t roi[EAO_MAX_RANK];                       /* index of the axis in the lists, -1: none */
} eao_resize_plan;
/* x's dims are known; one of scales and sizes (with data) is given, the other NULL. NULL, or a
 * static text that says what is wrong. */
const char *eao_resize_plan_init(eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                                 const eao_tensor *scales, const eao_tensor *sizes);

/* The plan of a call. */
const char *eao_resize_plan_call(eao_resize_plan *p, const eao_kcall *c);

/* One input element and its weight; index -1: outside, take the extrapolation value. */
typedef struct eao_resize_tap {
  int64_t index;
  double weight;
} eao_resize_tap;
/* Taps that each output along axis d has; 1 and no change when the axis is not resized. */
int64_t eao_resize_tap_count(const eao_resize_plan *p, const eao_kcall *c, int32_t d);
bool eao_resize_is_identity(const eao_resize_plan *p, const eao_kcall *c, int32_t d);
/* All of them: out[plan.out[d] * count]. */
void eao_resize_taps(const eao_resize_plan *p, const eao_kcall *c, int32_t d, eao_resize_tap *out);

eao_status eao_ref_resize(eao_kcall *c);
size_t eao_ref_resize_scratch(const eao_kcall *c);

#endif
