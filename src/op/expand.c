/* expand, tile: a tensor repeated. */
#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

/* Length of a list of integers, -1 when unknown; fails when it is no list. */
static eao_status list_length(eao_infer *f, const char *what, const eao_tensor *t, int64_t *out) {
  if (t->rank > 1 || (t->dtype != EAO_DTYPE_NONE && !eao_dtype_is_int(t->dtype)))
    return eao_infer_fail(f, EAO_ERR_TYPE, "%s must be a list of integers", what);
  *out = t->rank < 0 ? -1 : t->rank == 0 ? 1 : t->dim[0];
  return EAO_OK;
}

static eao_status infer_expand(eao_infer *f) {
  const eao_tensor *x = f->in[0], *shape = f->in[1];
  eao_tensor want = {.rank = -1};
  int64_t n;
  EAO_TRY(list_length(f, "shape", shape, &n));
  eao_infer_unknown(f, 0, x->dtype);
  if (n > EAO_MAX_RANK)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "the result has more than %d axes", EAO_MAX_RANK);
  if (n < 0) return EAO_OK;
  if (!shape->data) {
    if (x->rank >= 0) eao_infer_rank(f, 0, x->dtype, x->rank > n ? x->rank : (int32_t)n);
    return EAO_OK;
  }
  EAO_TRY(eao_infer_ints(f, "shape", shape, want.dim, EAO_MAX_RANK, &want.rank));
  for (int32_t i = 0; i < want.rank; i++)
    if (want.dim[i] < 0)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "shape[%d] is %lld", i, (long long)want.dim[i]);
  return eao_infer_broadcast(f, x, &want, &f->out[0]);
}

static eao_status infer_tile(eao_infer *f) {
  const eao_tensor *x = f->in[0], *repeats = f->in[1];
  eao_tensor *y = &f->out[0];
  int64_t n;
  EAO_TRY(list_length(f, "repeats", repeats, &n));
  eao_infer_rank(f, 0, x->dtype, x->rank);
  if (x->rank < 0 || n < 0) return EAO_OK;
  if (n != x->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld repeats for a tensor of rank %d", (long long)n,
                          x->rank);
  for (int32_t i = 0; repeats->data && i < x->rank; i++) {
    int64_t r = eao_get_i64(repeats, i);
    if (r < 0 || (x->dim[i] >= 0 && !eao_mul_i64(x->dim[i], r, &y->dim[i])))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d cannot be repeated %lld times", i,
                            (long long)r);
  }
  return EAO_OK;
}

static bool sample_repeat(uint32_t k, eao_sample *s) {
  static const int64_t counts[] = {2, 3, 1, 4};
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0].rank = 4;
  for (int32_t i = 0; i < 4; i++) s->in[0].dim[i] = i == 2 ? 5 : 1;
  s->in[1] = eao_sample_ints(counts, 4);
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

const eao_op_desc eao_op_expand = {
    .name = "expand",
    .doc = "numpy broadcast of the input with a shape",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .onnx = "Expand",
    .infer = infer_expand,
    .ref = eao_ref_expand,
    .sample = sample_repeat,
};

const eao_op_desc eao_op_tile = {
    .name = "tile",
    .doc = "the input repeated along each axis",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .onnx = "Tile",
    .onnx_since = 6,
    .infer = infer_tile,
    .ref = eao_ref_tile,
    .sample = sample_repeat,
};
