/* Losses. */
#include "kernel/ref/loss.h"
#include "op/op.h"

/* labels has x's shape without the class axis. */
static eao_status check_labels(eao_infer *f) {
  const eao_tensor *x = f->in[0], *labels = f->in[1], *weight = eao_infer_in(f, 2);
  EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_FLOAT));
  if (labels->dtype != EAO_I64 && labels->dtype != EAO_I32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "labels cannot be %s", eao_dtype_name(labels->dtype));
  if (x->rank == 0 || x->rank == 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "x needs a batch and a class axis");
  bool known = x->rank >= 0 && labels->rank >= 0, fits = !known || labels->rank == x->rank - 1;
  for (int32_t d = 0; known && fits && d < labels->rank; d++) {
    int64_t a = x->dim[d == 0 ? 0 : d + 1], b = labels->dim[d];
    fits = a < 0 || b < 0 || a == b;
  }
  if (!fits) return eao_infer_fail(f, EAO_ERR_SHAPE, "the labels do not fit the scores");
  if (!weight) return EAO_OK;
  EAO_TRY(eao_infer_types(f, "weights", weight, EAO_TYPES_FLOAT));
  if (weight->rank >= 0 &&
      (weight->rank != 1 ||
       (x->rank >= 0 && x->dim[1] >= 0 && weight->dim[0] >= 0 && weight->dim[0] != x->dim[1])))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "one weight per class is needed");
  return EAO_OK;
}

static eao_status infer_loss(eao_infer *f) {
  const eao_loss_attr *attr = f->attr;
  const eao_tensor *x = f->in[0];
  EAO_TRY(check_labels(f));
  eao_tensor y = {.dtype = x->dtype};
  if (attr->reduction == EAO_LOSS_NONE) {
    y = *f->in[1];
    y.dtype = x->dtype;
    if (y.rank < 0 && x->rank >= 0) {
      y.rank = x->rank - 1;
      y.dim[0] = x->dim[0];
      for (int32_t d = 1; d < y.rank; d++) y.dim[d] = x->dim[d + 1];
    }
  }
  eao_infer_like(f, 0, &y);
  eao_infer_like(f, 1, x);
  return EAO_OK;
}

static bool sample_loss(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F32, EAO_F16, EAO_F64, EAO_BF16, EAO_F32};
  eao_loss_attr *a = s->attr;
  if (k >= EAO_COUNT(d)) return false;
  s->n_in = k % 2 ? 3 : 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = d[k], .rank = 4, .dim = {2, 3, 4, 5}};
  s->in[1] = (eao_tensor){.dtype = k % 2 ? EAO_I32 : EAO_I64, .rank = 3, .dim = {2, 4, 5}};
  if (k >= 3) s->in[0].rank = 2, s->in[1].rank = 1;
  s->in[2] = (eao_tensor){.dtype = d[k], .rank = 1, .dim = {3}};
  s->lo[1] = 0;
  s->hi[1] = 3;
  s->lo[2] = 0.5;
  s->hi[2] = 2;
  a->reduction = (int32_t)(k % 3);
  if (k > 1) a->ignore_index = 1;
  return true;
}

static bool sample_cross_entropy(uint32_t k, eao_sample *s) {
  if (!sample_loss(k, s)) return false;
  s->n_out = 1 + k / 2 % 2;
  return true;
}

static const char *const reduction_names[] = {"mean", "sum", "none", NULL};
static const eao_attr_desc loss_attrs[] = {
    {.name = "ignore_index",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_loss_attr, ignore_index),
     .def = EAO_LOSS_NO_LABEL,
     .doc = "label that does not count; the least integer: all do"},
    {.name = "reduction",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_loss_attr, reduction),
     .names = reduction_names,
     .doc = "how the losses of the labels become the result"},
};

const eao_op_desc eao_op_nll_loss = {
    .name = "nll_loss",
    .doc = "-weight[label] * x[label], reduced",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_loss_attr),
    .attrs = loss_attrs,
    .n_attrs = EAO_COUNT(loss_attrs),
    .onnx = "NegativeLogLikelihoodLoss",
    .onnx_since = 12,
    .infer = infer_loss,
    .ref = eao_ref_nll_loss,
    .sample = sample_loss,
};

const eao_op_desc eao_op_softmax_cross_entropy_loss = {
    .name = "softmax_cross_entropy_loss",
    .doc = "nll_loss of log_softmax(x), and optionally log_softmax(x)",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 2,
    .attr_size = sizeof(eao_loss_attr),
    .attrs = loss_attrs,
    .n_attrs = EAO_COUNT(loss_attrs),
    .onnx = "SoftmaxCrossEntropyLoss",
    .onnx_since = 12,
    .infer = infer_loss,
    .ref = eao_ref_softmax_cross_entropy_loss,
    .sample = sample_cross_entropy,
};
