/* Element-wise ops with several inputs. */
#include "kernel/ref/elementwise.h"
#include "op/op.h"

static eao_status infer_binary(eao_infer *f) {
  const eao_tensor *a = f->in[0], *b = f->in[1];
  if (a->dtype != b->dtype)
    return eao_infer_fail(f, EAO_ERR_TYPE, "inputs have types %s and %s", eao_dtype_name(a->dtype),
                          eao_dtype_name(b->dtype));
  f->out[0].dtype = a->dtype;
  return eao_infer_broadcast(f, a, b, &f->out[0]);
}

static bool sample_binary(uint32_t k, eao_sample *s) {
  static const eao_dtype dtypes[] = {EAO_F32, EAO_I32, EAO_U8};
  if (k >= EAO_COUNT(dtypes)) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 3, .dim = {2, 3, 5}};
  s->in[1] = (eao_tensor){.dtype = dtypes[k], .rank = 2, .dim = {3, 1}};
  return true;
}

const eao_op_desc eao_op_add = {
    .name = "add",
    .doc = "a + b",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE | EAO_TRAIT_COMMUTATIVE,
    .onnx = "Add",
    .onnx_since = 7,
    .infer = infer_binary,
    .ref = eao_ref_add,
    .sample = sample_binary,
};
