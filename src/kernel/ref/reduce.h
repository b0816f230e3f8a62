/* Reference reductions, softmax and other kernels along axes. Sums are kept in double. */
#ifndef EAO_KERNEL_REF_REDUCE_H
#define EAO_KERNEL_REF_REDUCE_H

#include "kernel/kernel.h"

/* reduce_*: x, optional axes (i64 or i32 list) -> y. */
typedef struct eao_reduce_attr {
  int32_t keepdims;
  int32_t noop_with_empty_axes; /* no axes: 0 reduces all, 1 none */
} eao_reduce_attr;

/* argmax, argmin: x -> indices. Ties: the first, or the last. NaN is larger than all else. */
typedef struct eao_arg_attr {
  int64_t axis;
  int32_t keepdims, select_last_index;
  int32_t index_type; /* i64 or i32 */
  int32_t pad;
} eao_arg_attr;

/* softmax, log_softmax, hardmax */
typedef struct eao_softmax_attr {
  int64_t axis;
  float beta; /* softmax(beta * x) */
  int32_t pad;
} eao_softmax_attr;

/* cumsum: x, axis (one integer) -> y */
typedef struct eao_cumsum_attr {
  int32_t exclusive, reverse;
} eao_cumsum_attr;

/* topk: x, k (one integer) -> values, indices. Equal values: the lower index first. NaN counts as
 * the largest. Always sorted. */
typedef struct eao_topk_attr {
  int64_t axis;
  int32_t largest, sorted;
  int32_t index_type; /* i64 or i32 */
  int32_t pad;
} eao_topk_attr;

/* How to walk a tensor group by group: the elements of a group differ only in reduced axes. */
typedef struct eao_groups {
  int64_t n_group, n_run;      /* runs in a group */
  int64_t run_len, run_stride; /* elements of a run */
  int32_t n_kept, n_outer;     /* axes below, adjacent ones merged */
  int64_t kept_dim[EAO_MAX_RANK], kept_stride[EAO_MAX_RANK];
  int64_t outer_dim[EAO_MAX_RANK], outer_stride[EAO_MAX_RANK];
} eao_groups;
/* mask: bit d set when axis d is reduced. */
void eao_groups_init(eao_groups *g, const eao_tensor *t, uint32_t mask);
/* Index of the first element of run `run` of group `group`. */
int64_t eao_groups_at(const eao_groups *g, int64_t group, int64_t run);

/* Bits of the axes that a reduce_ call reduces. The axes may be computed by the model itself, so
 * they are checked: false when one is outside of x. */
bool eao_reduce_mask(const eao_kcall *c, uint32_t *out);

/* t seen as [outer, n, inner] around axis (counts from the end when negative). */
static inline void eao_axis_split(const eao_tensor *t, int64_t axis, int64_t *outer, int64_t *n,
                                  int64_t *inner) {
  *outer = *n = *inner = 1;
  if (axis < 0) axis += t->rank;
  for (int32_t d = 0; d < t->rank; d++) {
    int64_t *which = d < axis ? outer : d == axis ? n : inner;
    *which *= t->dim[d];
  }
}

eao_status eao_ref_reduce_sum(eao_kcall *c);
eao_status eao_ref_reduce_mean(eao_kcall *c);
eao_status eao_ref_reduce_max(eao_kcall *c);
eao_status eao_ref_reduce_min(eao_kcall *c);
eao_status eao_ref_reduce_prod(eao_kcall *c);
eao_status eao_ref_reduce_l1(eao_kcall *c);
eao_status eao_ref_reduce_l2(eao_kcall *c);
eao_status eao_ref_reduce_log_sum(eao_kcall *c);
eao_status eao_ref_reduce_log_sum_exp(eao_kcall *c);
eao_status eao_ref_reduce_sum_square(eao_kcall *c);
eao_status eao_ref_reduce_any(eao_kcall *c);
eao_status eao_ref_reduce_all(eao_kcall *c);
eao_status eao_ref_argmax(eao_kcall *c);
eao_status eao_ref_argmin(eao_kcall *c);
eao_status eao_ref_softmax(eao_kcall *c);
eao_status eao_ref_log_softmax(eao_kcall *c);
eao_status eao_ref_hardmax(eao_kcall *c);
eao_status eao_ref_cumsum(eao_kcall *c);
eao_status eao_ref_topk(eao_kcall *c);
size_t eao_ref_topk_scratch(const eao_kcall *c);

#endif
