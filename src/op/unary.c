/* Element-wise ops with one input. */
#include "kernel/ref/elementwise.h"
#include "op/op.h"

static eao_status infer_same(eao_infer *f) {
  eao_infer_like(f, 0, f->in[0]);
  return EAO_OK;
}

static bool sample_unary(uint32_t k, eao_sample *s) {
  static const eao_dtype dtypes[] = {EAO_F32, EAO_F16, EAO_F64};
  if (k >= EAO_COUNT(dtypes)) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 3, .dim = {2, 3, 5}};
  return true;
}

const eao_op_desc eao_op_relu = {
    .name = "relu",
    .doc = "max(x, 0)",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE,
    .onnx = "Relu",
    .infer = infer_same,
    .ref = eao_ref_relu,
    .sample = sample_unary,
};
