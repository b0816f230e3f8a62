/* Functions of one byte: a table of all 256 results, made by the op's reference kernel, and a look
 * at it for each element. One row of kernels.def an op. */
#include <string.h>

#include "kernel/ref/elementwise.h"
#include "kernel/ref/quant.h"
#include "kernel/step.h"

static bool is_byte(const eao_tensor *t) {
  return (t->dtype == EAO_I8 || t->dtype == EAO_U8) && t->quant.axis < 0;
}

static bool match(const eao_kcall *c) {
  return is_byte(c->in[0]) && is_byte(c->out[0]) && eao_tensor_count(c->out[0]) >= 256;
}

static eao_status run(eao_kcall *c, eao_kernel_fn ref) {
  enum { MAX_IN = 4 };
  uint8_t all[256], result[256];
  const eao_tensor *in[MAX_IN] = {NULL};
  eao_tensor x = *c->in[0], y = *c->out[0], *out = &y;
  for (int i = 0; i < 256; i++) all[i] = (uint8_t)i;
  for (uint32_t i = 1; i < c->n_in && i < MAX_IN; i++) in[i] = c->in[i];
  x.rank = y.rank = 1;
  x.dim[0] = y.dim[0] = 256;
  x.data = all;
  y.data = result;
  in[0] = &x;
  eao_kcall table = {.in = in, .out = &out, .n_in = c->n_in, .n_out = 1, .attr = c->attr};
  eao_status s = ref(&table);
  if (s != EAO_OK) return eao_kfail(c, s, table.error);
  const uint8_t *p = c->in[0]->data;
  uint8_t *q = c->out[0]->data;
  int64_t i, end;
  eao_kcall_share(c, eao_tensor_count(c->out[0]), 64, &i, &end);
  for (; i < end; i++) q[i] = result[p[i]];
  return EAO_OK;
}

#define ROW(op)                                                                                    \
  bool eao_k_##op##_byte_match(const eao_kcall *c) {                                               \
    return match(c);                                                                               \
  }                                                                                                \
  eao_status eao_k_##op##_byte(eao_kcall *c) {                                                     \
    return run(c, eao_ref_##op);                                                                   \
  }
ROW(relu)
ROW(abs)
ROW(neg)
ROW(square)
ROW(sqrt)
ROW(rsqrt)
ROW(exp)
ROW(log)
ROW(sigmoid)
ROW(tanh)
ROW(erf)
ROW(silu)
ROW(mish)
ROW(softplus)
ROW(hard_swish)
ROW(hard_sigmoid)
ROW(gelu)
ROW(leaky_relu)
ROW(elu)
ROW(clip)
ROW(act)
ROW(quantize)
