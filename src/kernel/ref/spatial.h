/* Geometry that convolution and pooling share: tensors seen as N C D H W whatever their layout, and
 * windows resolved from attributes. There are always three spatial axes; where a tensor has fewer,
 * the leading ones have extent 1. */
#ifndef EAO_KERNEL_REF_SPATIAL_H
#define EAO_KERNEL_REF_SPATIAL_H

#include "kernel/ref/conv.h"

enum { EAO_SPATIAL_MAX = 3 };

/* Extents and element strides. For weights n is O and c is I of eao_wlayout. */
typedef struct eao_spatial {
  int64_t n, c, dim[EAO_SPATIAL_MAX];
  int64_t sn, sc, s[EAO_SPATIAL_MAX];
} eao_spatial;

/* t has rank 3 to 5. Unknown extents stay -1; the strides are then of no use. */
void eao_spatial_init(eao_spatial *v, const eao_tensor *t, int32_t layout);
void eao_spatial_init_weights(eao_spatial *v, const eao_tensor *w, int32_t w_layout);
/* The tensor's axis of spatial axis i (0 <= i < rank - 2). */
static inline int32_t eao_spatial_axis(int32_t layout, int32_t i) {
  return layout == EAO_LAYOUT_CHANNELS_LAST ? i + 1 : i + 2;
}
/* The axis of the weights that output channels run along. */
static inline int32_t eao_conv_output_axis(int32_t w_layout, int32_t rank) {
  return w_layout == EAO_WLAYOUT_1KO ? rank - 1 : w_layout == EAO_WLAYOUT_IOK ? 1 : 0;
}
static inline int32_t eao_spatial_channel_axis(int32_t layout, int32_t rank) {
  return layout == EAO_LAYOUT_CHANNELS_LAST ? rank - 1 : 1;
}

/* What the attributes say; empty lists: strides and dilations 1, pads 0. */
typedef struct eao_window_spec {
  const eao_ints *strides, *dilations, *pads;
  int32_t auto_pad, ceil_mode;
} eao_window_spec;

/* A resolved window. pad may exceed what the attributes say only through auto_pad. */
typedef struct eao_window {
  int64_t kernel[EAO_SPATIAL_MAX], stride[EAO_SPATIAL_MAX], dilation[EAO_SPATIAL_MAX];
  int64_t pad[EAO_SPATIAL_MAX], pad_end[EAO_SPATIAL_MAX];
  int64_t out[EAO_SPATIAL_MAX]; /* windows along the axis; -1: input not known, 0: none fits */
} eao_window;

/* rank spatial axes; in and kernel have three entries (-1: not known). */
void eao_window_init(eao_window *w, const eao_window_spec *spec, int32_t rank, const int64_t *in,
                     const int64_t *kernel);
/* The same for a transposed convolution: out is the extent of its result. output_padding and
 * output_shape may be empty; output_shape decides over pads. */
void eao_window_init_transposed(eao_window *w, const eao_conv_transpose_attr *a, int32_t rank,
                                const int64_t *in, const int64_t *kernel);

eao_window_spec eao_conv_window_spec(const eao_conv_attr *a);
eao_window_spec eao_pool_window_spec(const eao_pool_attr *a);

/* Outputs [lo, hi) whose tap k along an axis falls inside the input. */
void eao_window_valid(const eao_window *w, int32_t axis, int64_t k, int64_t in, int64_t *out_lo,
                      int64_t *out_hi);

#endif
