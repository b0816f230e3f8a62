/* Quantisation of what ops that move elements make: the input's, its axis where it went to. */
#include "kernel/ref/move.h"
#include "op/op.h"

enum { LOST = -1 };

/* The axis of `out` whose entries are those of `axis` of `in`, in both of which as many elements
 * stand before it. */
static int32_t reshaped_axis(const eao_tensor *in, int32_t axis, const eao_tensor *out) {
  int64_t before = 1, n = 1;
  for (int32_t i = 0; i < axis; i++)
    if (in->dim[i] < 0 || !eao_mul_i64(before, in->dim[i], &before)) return LOST;
  for (int32_t i = 0; i < out->rank; i++) {
    if (n == before && out->dim[i] == in->dim[axis]) return i;
    if (out->dim[i] < 0 || !eao_mul_i64(n, out->dim[i], &n)) return LOST;
  }
  return LOST;
}

static int32_t moved_axis(uint16_t op, const void *attr, const eao_tensor *in,
                          const eao_tensor *out) {
  int32_t axis = in->quant.axis;
  switch (op) {
  case EAO_OP_identity: return axis;
  case EAO_OP_transpose: {
    const eao_ints *perm = &((const eao_transpose_attr *)attr)->perm;
    for (int32_t i = 0; i < out->rank; i++)
      if ((perm->n ? (int32_t)perm->v[i] : out->rank - 1 - i) == axis) return i;
    return LOST;
  }
  case EAO_OP_reshape:
  case EAO_OP_squeeze:
  case EAO_OP_unsqueeze:
  case EAO_OP_flatten: return reshaped_axis(in, axis, out);
  default: return LOST;
  }
}

eao_status eao_moved_quant(eao_ctx *ctx, uint16_t op, const void *attr, const eao_tensor *in,
                           eao_tensor *out) {
  const eao_op_desc *d = eao_op_get(op);
  if (!(d->traits & EAO_TRAIT_KEEPS_QUANT) || out->quant.n || !in || !in->quant.n) return EAO_OK;
  eao_quant q = in->quant;
  if (q.axis >= 0) {
    if (in->rank < 0 || out->rank < 0) return EAO_OK; /* to be seen when the shapes are known */
    q.axis = moved_axis(op, attr, in, out);
    if (q.axis == LOST)
      return eao_fail(ctx, EAO_ERR_UNSUPPORTED,
                      "%s of a tensor with %d scales along axis %d: where they go is not known",
                      d->name, q.n, in->quant.axis);
  }
  out->quant = q;
  return EAO_OK;
}
