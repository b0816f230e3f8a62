/* Short forms that sample() functions of descriptors share. */
#ifndef EAO_OP_SAMPLE_H
#define EAO_OP_SAMPLE_H

#include "op/op.h"

/* A fixed list of integers; v is static. */
static inline eao_tensor eao_sample_ints(const int64_t *v, int64_t n) {
  return (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {n}, .data = (void *)(uintptr_t)v};
}
/* A type that kernels moving elements are checked with: k selects; EAO_DTYPE_NONE at the end. Sets
 * a quantisation where the type is one that has it. */
static inline bool eao_sample_moved(uint32_t k, eao_tensor *t) {
  static const eao_dtype dtypes[] = {EAO_F32, EAO_I8, EAO_F16, EAO_I64, EAO_U4, EAO_BOOL};
  static const float scale[] = {0.5f};
  static const int32_t zero[] = {3};
  if (k >= EAO_COUNT(dtypes)) return false;
  t->dtype = dtypes[k];
  if (dtypes[k] == EAO_I8) t->quant = (eao_quant){-1, 1, scale, zero};
  return true;
}

#endif
