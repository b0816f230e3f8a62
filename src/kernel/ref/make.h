/* Reference kernels that make tensors out of shapes and scalars. */
#ifndef EAO_KERNEL_REF_MAKE_H
#define EAO_KERNEL_REF_MAKE_H

#include "kernel/kernel.h"

typedef struct eao_shape_attr {
  int64_t start, end; /* Python's, of the axes */
  int32_t dtype;      /* of the result: i64 or i32 */
  int32_t pad;
} eao_shape_attr;

typedef struct eao_eye_like_attr {
  int64_t k;     /* diagonal: above the main one when positive */
  int32_t dtype; /* NONE: the input's */
  int32_t pad;
} eao_eye_like_attr;

/* Axes [*first, *first + count) that shape reports of a tensor of this rank; returns count. */
int32_t eao_shape_range(const eao_shape_attr *a, int32_t rank, int32_t *out_first);
/* Elements of range(start, limit, delta); -1 when delta is 0 or the count is not finite. */
int64_t eao_range_count(const eao_tensor *start, const eao_tensor *limit, const eao_tensor *delta);

eao_status eao_ref_shape(eao_kcall *c);
eao_status eao_ref_size(eao_kcall *c);
eao_status eao_ref_fill(eao_kcall *c);
eao_status eao_ref_range(eao_kcall *c);
eao_status eao_ref_eye_like(eao_kcall *c);

#endif
