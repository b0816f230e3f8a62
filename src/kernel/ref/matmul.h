/* Reference matrix products and their attributes. */
#ifndef EAO_KERNEL_REF_MATMUL_H
#define EAO_KERNEL_REF_MATMUL_H

#include "kernel/act.h"
#include "kernel/kernel.h"

/* fully_connected: x [..., K], w [N, K], optional bias [N] -> y [..., N] (keep_dims) or
 * [count / K, N] (TFLite's default). Quantised as conv, or weights only (x float, w quantised:
 * w is dequantised, or x is quantised on the way: hybrid.h). */
typedef struct eao_fully_connected_attr {
  int32_t keep_dims;
  int32_t hybrid; /* eao_hybrid */
  eao_act act;
} eao_fully_connected_attr;

/* gemm: a, b [, c broadcast to the result] -> y = alpha * a' * b' + beta * c. */
typedef struct eao_gemm_attr {
  int32_t trans_a, trans_b;
  float alpha, beta;
} eao_gemm_attr;

/* A product of matrices read with strides: element (m, k) of a is a->data[a0 + m * am + k * ak].
 * Quantised tensors are read as real numbers. */
typedef struct eao_product {
  const eao_tensor *a, *b;
  int64_t k;
  int64_t a0, am, ak;
  int64_t b0, bk, bn;
} eao_product;
/* acc[j] += sum over k of a(m, k) * b(k, n + j), 0 <= j < count. */
void eao_product_row(const eao_product *p, int64_t m, int64_t n, int64_t count, double *acc);

eao_status eao_ref_fully_connected(eao_kcall *c);
eao_status eao_ref_gemm(eao_kcall *c);
/* numpy.matmul: rank-1 promotion, batch axes broadcast. Integers wrap. */
eao_status eao_ref_matmul(eao_kcall *c);
/* As matmul, of 8-bit integers less their zero points (per tensor; a also per row, b per column),
 * with an i32 result. */
eao_status eao_ref_matmul_integer(eao_kcall *c);
/* Determinant of the last two axes. Scratch: a matrix of doubles. */
eao_status eao_ref_det(eao_kcall *c);
size_t eao_ref_det_scratch(const eao_kcall *c);

#endif
