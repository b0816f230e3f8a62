/* Reference kernels that take parts of tensors or put parts into them. */
#ifndef EAO_KERNEL_REF_SLICE_H
#define EAO_KERNEL_REF_SLICE_H

#include "kernel/kernel.h"

/* Elements start, start + step, ... (count of them) of one axis. */
typedef struct eao_slice_dim {
  int64_t start, step, count;
} eao_slice_dim;

/* Python's start:end:step on an axis of extent dim; false when step is 0. */
bool eao_slice_resolve(int64_t dim, int64_t start, int64_t end, int64_t step, eao_slice_dim *out);

/* Bit i of a mask belongs to entry i of begin/end/strides, as in TFLite. */
typedef struct eao_strided_slice_attr {
  int64_t begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask;
  int32_t offset; /* end counts from begin */
  int32_t pad;
} eao_strided_slice_attr;

typedef struct eao_strided_slice_plan {
  eao_slice_dim axis[EAO_MAX_RANK]; /* of the input */
  int32_t rank;                     /* of the output */
  int64_t dim[EAO_MAX_RANK];
} eao_strided_slice_plan;

/* NULL, or what is wrong. begin, end, strides have the same length and data. */
const char *eao_strided_slice_resolve(const eao_strided_slice_attr *a, const eao_tensor *x,
                                      const eao_tensor *begin, const eao_tensor *end,
                                      const eao_tensor *strides, eao_strided_slice_plan *out);

typedef enum eao_pad_mode {
  EAO_PAD_CONSTANT = 0,
  EAO_PAD_REFLECT = 1, /* without the edge element */
  EAO_PAD_EDGE = 2,
  EAO_PAD_WRAP = 3,
  EAO_PAD_SYMMETRIC = 4, /* reflects the edge element too */
} eao_pad_mode;

typedef struct eao_pad_attr {
  int32_t mode;
} eao_pad_attr;

/* pads of entry k: begin and end. pads is [2n] (begins, then ends: ONNX) or [n, 2] (TFLite). */
void eao_pad_entry(const eao_tensor *pads, int64_t k, int64_t *out_begin, int64_t *out_end);

eao_status eao_ref_slice(eao_kcall *c);
eao_status eao_ref_strided_slice(eao_kcall *c);
eao_status eao_ref_pad(eao_kcall *c);
eao_status eao_ref_dynamic_update_slice(eao_kcall *c);

#endif
