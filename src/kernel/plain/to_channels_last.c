/* transpose from N C spatial... to N spatial... C, a band of rows at a time: so that a model fed
 * channels-first never needs a second copy of its input. */
#include "kernel/copy.h"
#include "kernel/ref/move.h"
#include "kernel/step.h"

bool eao_k_to_channels_last_match(const eao_kcall *c) {
  const eao_transpose_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  int bits = eao_dtype_bits(x->dtype);
  if (x->rank < 3 || a->perm.n != x->rank || x->dim[0] != 1) return false;
  if (bits != 8 && bits != 16 && bits != 32) return false;
  for (int32_t i = 0; i < x->rank; i++)
    if (a->perm.v[i] != (i == 0 ? 0 : i == x->rank - 1 ? 1 : i + 1)) return false;
  return true;
}

eao_status eao_k_to_channels_last(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *y = c->out[0];
  int64_t channels = x->dim[1], row = 1, begin, end;
  for (int32_t i = 3; i < x->rank; i++) row *= x->dim[i];
  if (c->row + y->dim[1] > x->dim[2]) return eao_kfail(c, EAO_ERR_SHAPE, "rows outside the input");
  int64_t plane = x->dim[2] * row;
  eao_kcall_share(c, y->dim[1] * row, 16, &begin, &end);
  int64_t from = c->row * row + begin, to = begin * channels, n = end - begin;
  int64_t size = eao_dtype_bits(x->dtype) / 8;
  eao_copy_transposed((char *)y->data + to * size, channels, (const char *)x->data + from * size,
                      plane, channels, n, (size_t)size);
  return EAO_OK;
}
