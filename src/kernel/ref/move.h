/* Reference kernels that move elements without changing them. */
#ifndef EAO_KERNEL_REF_MOVE_H
#define EAO_KERNEL_REF_MOVE_H

#include "kernel/kernel.h"

typedef struct eao_reshape_attr {
  int32_t allow_zero; /* 1: a 0 in the shape means 0, not "copy from the input" */
} eao_reshape_attr;

/* in[0] -> out[0], same bytes. */
eao_status eao_ref_copy(eao_kcall *c);

#endif
