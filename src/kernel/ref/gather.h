/* Reference kernels that pick or place elements by index. Indices may be negative (from the end);
 * one outside its axis fails the call. */
#ifndef EAO_KERNEL_REF_GATHER_H
#define EAO_KERNEL_REF_GATHER_H

#include "kernel/kernel.h"

typedef struct eao_gather_attr {
  int64_t axis;
  int64_t batch_dims; /* leading axes that data and indices share */
} eao_gather_attr;

typedef struct eao_gather_nd_attr {
  int64_t batch_dims;
} eao_gather_nd_attr;

typedef enum eao_scatter_reduction {
  EAO_SCATTER_NONE = 0, /* the last update of an element wins */
  EAO_SCATTER_ADD = 1,
  EAO_SCATTER_MUL = 2,
  EAO_SCATTER_MIN = 3,
  EAO_SCATTER_MAX = 4,
} eao_scatter_reduction;

typedef struct eao_scatter_attr {
  int64_t axis; /* scatter_elements only */
  int32_t reduction;
  int32_t pad;
} eao_scatter_attr;

#define EAO_NO_AXIS INT64_MIN /* the tensor counts as flat */

typedef struct eao_unique_attr {
  int64_t axis; /* or EAO_NO_AXIS */
  int32_t sorted;
  int32_t pad;
} eao_unique_attr;

/* Slices along the axis that unique compares, and the bytes of work space it needs. */
int64_t eao_unique_slices(const eao_tensor *x, const eao_unique_attr *a);
size_t eao_unique_scratch(const eao_tensor *x, const eao_unique_attr *a);
/* Number of different slices. On return work[0..) holds, per group in output order, the index of
 * its first slice; work[slices + i] the group of slice i. */
int64_t eao_unique_group(const eao_tensor *x, const eao_unique_attr *a, int64_t *work);

/* Elements that are not 0. */
int64_t eao_nonzero_count(const eao_tensor *x);
/* true entries of a bool vector among the first n. */
int64_t eao_compress_count(const eao_tensor *condition, int64_t n);

eao_status eao_ref_gather(eao_kcall *c);
eao_status eao_ref_gather_elements(eao_kcall *c);
eao_status eao_ref_gather_nd(eao_kcall *c);
eao_status eao_ref_scatter_elements(eao_kcall *c);
eao_status eao_ref_scatter_nd(eao_kcall *c);
eao_status eao_ref_one_hot(eao_kcall *c);
eao_status eao_ref_segment_sum(eao_kcall *c);
eao_status eao_ref_nonzero(eao_kcall *c);
eao_status eao_ref_compress(eao_kcall *c);
eao_status eao_ref_unique(eao_kcall *c);
size_t eao_ref_unique_scratch(const eao_kcall *c);

#endif
