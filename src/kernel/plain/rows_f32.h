/* What float kernels over rows (reductions, softmax, normalisation, products) share. Plain C, built
 * everywhere. */
#ifndef EAO_KERNEL_PLAIN_ROWS_F32_H
#define EAO_KERNEL_PLAIN_ROWS_F32_H

#include "kernel/ref/norm.h"
#include "kernel/ref/reduce.h"
#include "kernel/step.h"

/* The reduced axes of a reduce_* call as [outer, n, inner]; false when they are not adjacent. */
bool eao_reduce_split(const eao_kcall *c, int64_t *outer, int64_t *n, int64_t *inner);
bool eao_reduce_f32_match(const eao_kcall *c);
/* Along the last axis that is not 1. */
bool eao_softmax_f32_match(const eao_kcall *c);
/* One output; scale and bias have the normalised extents. */
bool eao_layer_norm_f32_match(const eao_kcall *c);

/* Matrix products with batch axes, both matrices in full. */
bool eao_matmul_f32_match(const eao_kcall *c);

#endif
