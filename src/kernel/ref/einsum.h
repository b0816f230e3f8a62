/* einsum's equation, worked out for given inputs. */
#ifndef EAO_KERNEL_REF_EINSUM_H
#define EAO_KERNEL_REF_EINSUM_H

#include "kernel/kernel.h"

enum { EAO_EINSUM_OPERANDS = 8, EAO_EINSUM_LABELS = 24 };

/* equation: as numpy and ONNX write it, e.g. "bij,bjk->bik", "...ii->...i", "ij". */
typedef struct eao_einsum_attr {
  char equation[EAO_MAX_TEXT];
} eao_einsum_attr;

/* Labels are numbered: the n_out of the result in its order, then those that are summed over. */
typedef struct eao_einsum {
  int32_t n_label, n_out;
  int8_t name[EAO_EINSUM_LABELS]; /* letter; -1: an axis of the ellipsis */
  int32_t axis[EAO_EINSUM_LABELS];
  int64_t extent[EAO_EINSUM_LABELS]; /* -1: not known */
  int64_t stride[EAO_EINSUM_OPERANDS][EAO_EINSUM_LABELS];
} eao_einsum;

/* All ranks must be known. NULL, or a static text that says what is wrong. */
const char *eao_einsum_parse(const char *equation, const eao_tensor *const *in, uint32_t n_in,
                             eao_einsum *out);

/* Floats are summed in double; integers too, exact below 2^53. */
eao_status eao_ref_einsum(eao_kcall *c);

#endif
