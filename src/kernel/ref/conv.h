/* Reference convolution and pooling kernels, and their attributes.
 *
 * Layout is an attribute, not a convention: the ONNX importer makes channels-first ops, the TFLite
 * importer channels-last ones, and the layout pass of the compiler makes all of them channels-last.
 */
#ifndef EAO_KERNEL_REF_CONV_H
#define EAO_KERNEL_REF_CONV_H

#include "kernel/act.h"
#include "kernel/kernel.h"

typedef enum eao_layout {
  EAO_LAYOUT_CHANNELS_FIRST = 0, /* N C spatial... (NCW, NCHW, NCDHW) */
  EAO_LAYOUT_CHANNELS_LAST = 1,  /* N spatial... C */
} eao_layout;

/* I is the number of input channels of a group, O of output channels of all groups (for
 * conv_transpose I is of all groups, O of one). k...: spatial extents of the kernel. */
typedef enum eao_wlayout {
  EAO_WLAYOUT_OIK = 0, /* O I k...; ONNX Conv */
  EAO_WLAYOUT_OKI = 1, /* O k... I; TFLite CONV_2D, TRANSPOSE_CONV */
  EAO_WLAYOUT_1KO = 2, /* 1 k... O with I == 1; TFLite DEPTHWISE_CONV_2D */
  EAO_WLAYOUT_IOK = 3, /* I O k...; ONNX ConvTranspose */
} eao_wlayout;

typedef enum eao_auto_pad {
  EAO_PAD_EXPLICIT = 0,
  EAO_PAD_SAME_UPPER = 1, /* out = ceil(in / stride); the odd element of padding at the end */
  EAO_PAD_SAME_LOWER = 2,
  EAO_PAD_VALID = 3, /* none */
} eao_auto_pad;

/* conv: x, w, optional bias [O] -> y. Spatial rank 1 to 3. Lists may be empty: strides and
 * dilations 1, pads 0, kernel from w. pads: begins, then ends.
 * Quantised: x and y per tensor, w symmetric per tensor or per O, bias i32 at s_x * s_w[o];
 * y's dtype and quant are declared. Weights only: x float, w quantised; it counts as the reals it
 * stands for, or x is quantised on the way (hybrid.h). */
typedef struct eao_conv_attr {
  int32_t layout, w_layout, auto_pad, pad;
  int64_t group;
  eao_ints kernel, strides, dilations, pads;
  eao_act act;
  int32_t hybrid; /* eao_hybrid */
} eao_conv_attr;

/* conv_transpose: x, w, optional bias -> y. */
typedef struct eao_conv_transpose_attr {
  int32_t layout, w_layout, auto_pad, pad;
  int64_t group;
  eao_ints kernel, strides, dilations, pads, output_padding, output_shape;
  eao_act act;
  int32_t hybrid; /* eao_hybrid */
} eao_conv_transpose_attr;

/* avg_pool, max_pool, lp_pool. Global pooling is reduce_mean / reduce_max over the spatial axes. */
typedef struct eao_pool_attr {
  int32_t layout, auto_pad, ceil_mode;
  int32_t count_include_pad; /* avg_pool: padding counts in the divisor */
  int32_t storage_order;     /* max_pool: how the optional index output counts */
  int32_t pad;
  int64_t p; /* lp_pool */
  eao_ints kernel, strides, dilations, pads;
  eao_act act;
  int32_t pad2;
} eao_pool_attr;

/* max_unpool: x, indices as max_pool gives them [, output shape] -> y. Channels first. */
typedef struct eao_max_unpool_attr {
  eao_ints kernel, strides, pads;
} eao_max_unpool_attr;

/* Padding elements of conv and pooling are 0, a quantised x pads with its zero point. */
eao_status eao_ref_conv(eao_kcall *c);
/* x, w [, x zero point, w zero point per tensor or per O]: exact i32 sums. */
eao_status eao_ref_conv_integer(eao_kcall *c);
eao_status eao_ref_conv_transpose(eao_kcall *c);
eao_status eao_ref_avg_pool(eao_kcall *c);
/* y [, indices i64 into the flattened channels-first x, spatial axes in storage order]. */
eao_status eao_ref_max_pool(eao_kcall *c);
eao_status eao_ref_lp_pool(eao_kcall *c);
eao_status eao_ref_max_unpool(eao_kcall *c);

#endif
