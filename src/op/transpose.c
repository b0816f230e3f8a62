#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status infer_transpose(eao_infer *f) {
  const eao_transpose_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  int32_t n = a->perm.n, rank = x->rank >= 0 ? x->rank : n > 0 ? n : -1;
  bool seen[EAO_MAX_RANK] = {false};
  if (n > 0 && n != rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "perm has %d entries for a tensor of rank %d", n, rank);
  if (n > EAO_MAX_RANK)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "perm has %d entries, at most %d are possible", n,
                          EAO_MAX_RANK);
  eao_infer_rank(f, 0, x->dtype, rank);
  for (int32_t i = 0; i < rank; i++) {
    int32_t from = rank - 1 - i;
    if (n) EAO_TRY(eao_infer_axis(f, "perm entry", a->perm.v[i], rank, &from));
    if (seen[from]) return eao_infer_fail(f, EAO_ERR_SHAPE, "perm names axis %d twice", from);
    seen[from] = true;
    if (x->rank >= 0) f->out[0].dim[i] = x->dim[from];
  }
  return EAO_OK;
}

static bool sample_transpose(uint32_t k, eao_sample *s) {
  static const int64_t perms[][4] = {{0, 2, 3, 1}, {3, 2, 1, 0}, {1, 0, 2, 3}};
  eao_transpose_attr *a = s->attr;
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = s->n_out = 1;
  s->in[0].rank = 4;
  for (int32_t i = 0; i < 4; i++) {
    s->in[0].dim[i] = i + 2;
    a->perm.v[i] = perms[k % EAO_COUNT(perms)][i];
  }
  a->perm.n = 4;
  s->out[0].quant = s->in[0].quant;
  return true;
}

static const eao_attr_desc transpose_attrs[] = {
    {.name = "perm",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_transpose_attr, perm),
     .doc = "axis i of the result is axis perm[i] of the input; empty: reversed"},
};

const eao_op_desc eao_op_transpose = {
    .name = "transpose",
    .doc = "permutes the axes",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_transpose_attr),
    .attrs = transpose_attrs,
    .n_attrs = EAO_COUNT(transpose_attrs),
    .onnx = "Transpose",
    .infer = infer_transpose,
    .ref = eao_ref_transpose,
    .sample = sample_transpose,
};
