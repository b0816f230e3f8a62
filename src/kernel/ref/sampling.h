/* Reference kernels that sample a channels-first image at computed positions: grid_sample,
 * roi_align, deform_conv; and col2im. */
#ifndef EAO_KERNEL_REF_SAMPLING_H
#define EAO_KERNEL_REF_SAMPLING_H

#include "kernel/kernel.h"

typedef enum eao_grid_mode {
  EAO_GRID_LINEAR = 0,
  EAO_GRID_NEAREST = 1,
  EAO_GRID_CUBIC = 2,
  EAO_GRID_BILINEAR = 3, /* ONNX's older names of 0 and 2 */
  EAO_GRID_BICUBIC = 4,
} eao_grid_mode;

typedef enum eao_grid_padding {
  EAO_GRID_ZEROS = 0,
  EAO_GRID_BORDER = 1,
  EAO_GRID_REFLECTION = 2,
} eao_grid_padding;

/* x [N, C, D1..Dr], grid [N, O1..Or, r] of positions in [-1, 1], last axis of x first -> y
 * [N, C, O1..Or]; r 1 to 3. */
typedef struct eao_grid_sample_attr {
  int32_t mode, padding, align_corners;
} eao_grid_sample_attr;

/* x [N, C, H, W], regions [R, 4] (x1 y1 x2 y2), batch index i64 [R] -> y [R, C, oh, ow]. */
typedef struct eao_roi_align_attr {
  int32_t mode;       /* 0 mean, 1 maximum of the weighted corners (ONNX's definition) */
  int32_t half_pixel; /* 0: positions are shifted by half an element, 1: not */
  int64_t output_height, output_width, sampling_ratio;
  float spatial_scale;
  int32_t pad;
} eao_roi_align_attr;

/* x [N, C * prod(block), L], image shape, block shape -> y [N, C, image...]: blocks are summed. */
typedef struct eao_col2im_attr {
  eao_ints dilations, pads, strides;
} eao_col2im_attr;

/* x [N, C, H, W], w [O, C / group, kh, kw], offset [N, og * kh * kw * 2, oh, ow] [, bias [O]]
 * [, mask [N, og * kh * kw, oh, ow]] -> y [N, O, oh, ow]. */
typedef struct eao_deform_conv_attr {
  int64_t group, offset_group;
  eao_ints kernel, strides, dilations, pads;
} eao_deform_conv_attr;

eao_status eao_ref_grid_sample(eao_kcall *c);
eao_status eao_ref_roi_align(eao_kcall *c);
eao_status eao_ref_col2im(eao_kcall *c);
size_t eao_ref_col2im_scratch(const eao_kcall *c);
eao_status eao_ref_deform_conv(eao_kcall *c);

#endif
