/* Layers with float inputs and integer weights that quantise their inputs on the way, as LiteRT
 * does: "hybrid" or dynamic-range quantisation. docs/integer-spec.md has the rules. */
#ifndef EAO_KERNEL_REF_HYBRID_H
#define EAO_KERNEL_REF_HYBRID_H

#include "kernel/kernel.h"

/* How the inputs become int8. Parameters are found for each row of a matrix product, for each batch
 * item of a convolution. */
typedef enum eao_hybrid {
  EAO_HYBRID_NONE = 0,       /* not at all: the weights count as the reals they stand for */
  EAO_HYBRID_SYMMETRIC = 1,  /* TensorFlow Lite's kernels, zero point 0 */
  EAO_HYBRID_ASYMMETRIC = 2, /* TensorFlow Lite's kernels, with a zero point */
  EAO_HYBRID_QD8 = 3,        /* XNNPACK's dynamically quantised kernels, with a zero point */
  EAO_HYBRID_QD8_PIXEL = 4,  /* the same for each pixel of a convolution with a 1 x 1 window */
} eao_hybrid;

/* real = scale * (q - zero) */
typedef struct eao_hybrid_row {
  int32_t mode, zero;
  float scale;
} eao_hybrid_row;

/* Quantises elements [at, at + n) of x to q. */
eao_hybrid_row eao_hybrid_quantise(int32_t mode, const eao_tensor *x, int64_t at, int64_t n,
                                   int8_t *q);
/* What a sum of (q - zero) times weights of this scale stands for. */
float eao_hybrid_real(const eao_hybrid_row *row, int64_t sum, float w_scale);

/* Calls with attribute hybrid; scratch: int8 elements of one batch item, or of one row. */
eao_status eao_hybrid_conv(eao_kcall *c);
eao_status eao_hybrid_conv_transpose(eao_kcall *c);
eao_status eao_hybrid_fully_connected(eao_kcall *c);
size_t eao_hybrid_conv_scratch(const eao_kcall *c);
size_t eao_hybrid_conv_transpose_scratch(const eao_kcall *c);
size_t eao_hybrid_fully_connected_scratch(const eao_kcall *c);

#endif
