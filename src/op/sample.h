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

/* Case k (0, 1, 2) of a quantised call: every input and output 0, whose shapes are set, gets the
 * same integer type and a scale of its own. False when there is no such case. */
static inline bool eao_sample_quantised(uint32_t k, eao_sample *s) {
  static const eao_dtype dtypes[] = {EAO_I8, EAO_U8, EAO_I16};
  static const float scale[] = {0.015625f, 0.03f, 0.0117f, 0.025f};
  static const int32_t zero[][4] = {{-3, 5, 0, 2}, {128, 120, 3, 100}, {0, 0, 0, 0}};
  if (k >= 3) return false;
  for (uint32_t i = 0; i < s->n_in; i++) {
    s->in[i].dtype = dtypes[k];
    s->in[i].quant = (eao_quant){-1, 1, &scale[i % 3], &zero[k][i % 3]};
    s->lo[i] = k == 1 ? 0 : -100;
    s->hi[i] = k == 1 ? 255 : 100;
  }
  s->out[0] =
      (eao_tensor){.dtype = dtypes[k], .rank = -1, .quant = {-1, 1, &scale[3], &zero[k][3]}};
  return true;
}

#endif
