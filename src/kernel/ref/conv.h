/* Reference convolution, pooling and fully connected kernels, and their attributes.
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
 * y's dtype and quant are declared. Without quant on integers: exact i32 sums (ONNX ConvInteger).
 */
typedef struct eao_conv_attr {
  int32_t layout, w_layout, auto_pad, pad;
  int64_t group;
  eao_ints kernel, strides, dilations, pads;
  eao_act act;
  int32_t pad2;
} eao_conv_attr;

/* conv_transpose: x, w, optional bias -> y. */
typedef struct eao_conv_transpose_attr {
  int32_t layout, w_layout, auto_pad, pad;
  int64_t group;
  eao_ints kernel, strides, dilations, pads, output_padding, output_shape;
  eao_act act;
  int32_t pad2;
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

/* fully_connected: x [..., K], w [N, K], optional bias [N] -> y [..., N] (keep_dims) or
 * [count / K, N] (TFLite's default). Quantised as conv, or weights only (x float, w quantised:
 * w is dequantised; hybrid: TFLite quantises x per row on the fly). */
typedef struct eao_fully_connected_attr {
  int32_t keep_dims;
  int32_t hybrid; /* 1: x is quantised to int8 per row at run time, asymmetric when 2 */
  eao_act act;
} eao_fully_connected_attr;

#endif
