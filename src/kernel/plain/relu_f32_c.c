/* relu, float32, portable C: the compiler vectorises it. */
#include "kernel/step.h"

bool eao_k_relu_f32_c_match(const eao_kcall *c) {
  return c->in[0]->dtype == EAO_F32;
}

eao_status eao_k_relu_f32_c(eao_kcall *c) {
  const float *x = c->in[0]->data;
  float *y = c->out[0]->data;
  int64_t begin, end;
  eao_kcall_share(c, eao_tensor_count(c->out[0]), 16, &begin, &end);
  /* Written so that NaN passes through, as in the reference kernel. */
  for (int64_t i = begin; i < end; i++) y[i] = x[i] < 0 ? 0 : x[i];
  return EAO_OK;
}
