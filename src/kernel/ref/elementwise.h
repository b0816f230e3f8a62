/* Reference element-wise kernels. Floats are computed in double and rounded once; integers wrap.
 * Quantised tensors follow docs/integer-spec.md. */
#ifndef EAO_KERNEL_REF_ELEMENTWISE_H
#define EAO_KERNEL_REF_ELEMENTWISE_H

#include "kernel/kernel.h"

eao_status eao_ref_relu(eao_kcall *c);
eao_status eao_ref_add(eao_kcall *c);

#endif
