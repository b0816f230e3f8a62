/* Reference kernels that move elements without changing them, and the copying they share.
 * All of them work for every element type, the packed 4-bit ones included. */
#ifndef EAO_KERNEL_REF_MOVE_H
#define EAO_KERNEL_REF_MOVE_H

#include "kernel/kernel.h"

/* ---- copying ---- */

/* n elements of src from element si on to dst from element di on. */
void eao_move_run(eao_tensor *dst, int64_t di, const eao_tensor *src, int64_t si, int64_t n);
/* Element 0 of dst to all others. */
void eao_move_repeat(eao_tensor *dst);
/* Every element of dst becomes the zero of its type: the zero point when it is quantised. */
void eao_move_zero(eao_tensor *dst);

/* A copy of an n-dimensional box: element (i0, i1, ...) goes from src_at + sum(i * src) to
 * dst_at + sum(i * dst). Strides count elements and may be 0 or negative. */
enum { EAO_VIEW_RANK = 2 * EAO_MAX_RANK };
typedef struct eao_view {
  int32_t rank;
  int64_t dim[EAO_VIEW_RANK], src[EAO_VIEW_RANK], dst[EAO_VIEW_RANK];
  int64_t src_at, dst_at;
} eao_view;
static inline void eao_view_add(eao_view *v, int64_t dim, int64_t src, int64_t dst) {
  v->dim[v->rank] = dim;
  v->src[v->rank] = src;
  v->dst[v->rank++] = dst;
}
/* The strides are used up. */
void eao_view_copy(eao_tensor *dst, const eao_tensor *src, eao_view *v);

/* Product of dims [from, to). */
static inline int64_t eao_dim_product(const eao_tensor *t, int32_t from, int32_t to) {
  int64_t n = 1;
  for (int32_t i = from; i < to; i++) n *= t->dim[i];
  return n;
}
/* axis in [-rank, rank) -> [0, rank) */
static inline int32_t eao_axis_from(int64_t axis, int32_t rank) {
  return (int32_t)(axis < 0 ? axis + rank : axis);
}

/* ---- kernels ---- */

typedef struct eao_reshape_attr {
  int32_t allow_zero; /* 1: a 0 in the shape means 0, not "copy from the input" */
} eao_reshape_attr;

typedef struct eao_axis_attr {
  int64_t axis;
} eao_axis_attr;

typedef struct eao_transpose_attr {
  eao_ints perm; /* empty: the axes in reverse order */
} eao_transpose_attr;

typedef struct eao_split_attr {
  int64_t axis;
  int64_t num_outputs; /* 0: as many as the node has */
} eao_split_attr;

typedef struct eao_trilu_attr {
  int32_t upper;
} eao_trilu_attr;

typedef struct eao_reverse_sequence_attr {
  int64_t batch_axis, time_axis;
} eao_reverse_sequence_attr;

/* in[0] -> out[0], same bytes. */
eao_status eao_ref_copy(eao_kcall *c);
eao_status eao_ref_transpose(eao_kcall *c);
/* Inputs whose quantisation differs from the output's are converted to it. */
eao_status eao_ref_concat(eao_kcall *c);
eao_status eao_ref_split(eao_kcall *c);
eao_status eao_ref_expand(eao_kcall *c);
eao_status eao_ref_tile(eao_kcall *c);
eao_status eao_ref_trilu(eao_kcall *c);
eao_status eao_ref_reverse(eao_kcall *c);
eao_status eao_ref_reverse_sequence(eao_kcall *c);

#endif
