#include "kernel/ref/move.h"
#include "op/op.h"

static eao_status infer_reshape(eao_infer *f) {
  const eao_tensor *x = f->in[0], *shape = f->in[1];
  const eao_reshape_attr *attr = f->attr;
  eao_tensor *y = &f->out[0];
  y->dtype = x->dtype;
  if (!shape->data) {
    /* The rank may be known even when the extents are not. */
    y->rank = shape->rank == 1 && shape->dim[0] >= 0 && shape->dim[0] <= EAO_MAX_RANK
                  ? (int32_t)shape->dim[0]
                  : -1;
    for (int32_t i = 0; i < y->rank; i++) y->dim[i] = -1;
    return EAO_OK;
  }
  int64_t want[EAO_MAX_RANK];
  int32_t n, wild = -1;
  EAO_TRY(eao_infer_ints(f, "shape", shape, want, EAO_MAX_RANK, &n));
  bool known = x->rank >= 0;
  int64_t total = 1, rest = 1;
  for (int32_t i = 0; known && i < x->rank; i++) {
    if (x->dim[i] < 0)
      known = false;
    else if (!eao_mul_i64(total, x->dim[i], &total))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "input has too many elements");
  }
  for (int32_t i = 0; i < n; i++) {
    if (want[i] == 0 && !attr->allow_zero) {
      if (x->rank < 0)
        want[i] = -1;
      else if (i >= x->rank)
        return eao_infer_fail(f, EAO_ERR_SHAPE,
                              "shape[%d] = 0 copies an extent that the input lacks", i);
      else
        want[i] = x->dim[i];
      if (want[i] < 0) {
        known = false;
        continue;
      }
    } else if (want[i] == -1) {
      if (wild >= 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "shape has more than one -1");
      wild = i;
      continue;
    }
    if (want[i] < 0 || !eao_mul_i64(rest, want[i], &rest))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "shape[%d] = %lld is not possible", i,
                            (long long)want[i]);
  }
  if (known && wild >= 0) {
    if (rest == 0 || total % rest)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld elements cannot fill the given shape",
                            (long long)total);
    want[wild] = total / rest;
  } else if (known && total != rest) {
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld elements do not make a shape of %lld",
                          (long long)total, (long long)rest);
  }
  y->rank = n;
  for (int32_t i = 0; i < n; i++) y->dim[i] = want[i];
  return EAO_OK;
}

static bool sample_reshape(uint32_t k, eao_sample *s) {
  static const int64_t shapes[][3] = {{5, 6, 1}, {0, -1, 1}, {-1, 2, 3}};
  if (k >= EAO_COUNT(shapes)) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 3, 5}};
  s->in[1] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {3}, .data = (void *)(uintptr_t)shapes[k]};
  return true;
}

static const eao_attr_desc reshape_attrs[] = {
    {.name = "allow_zero",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_reshape_attr, allow_zero),
     .onnx = "allowzero",
     .doc = "a 0 in the shape means 0 instead of the input's extent"},
};

const eao_op_desc eao_op_reshape = {
    .name = "reshape",
    .doc = "same elements in the same order, another shape",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_VIEW | EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_reshape_attr),
    .attrs = reshape_attrs,
    .n_attrs = EAO_COUNT(reshape_attrs),
    .onnx = "Reshape",
    .onnx_since = 5,
    .infer = infer_reshape,
    .ref = eao_ref_copy,
    .sample = sample_reshape,
};
