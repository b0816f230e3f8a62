#include "kernel/ref/move.h"

#include <string.h>

eao_status eao_ref_copy(eao_kcall *c) {
  size_t n = (size_t)eao_dtype_bytes(c->in[0]->dtype, eao_tensor_count(c->in[0]));
  if (n) memcpy(c->out[0]->data, c->in[0]->data, n);
  return EAO_OK;
}
