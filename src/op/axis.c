/* Ops along one axis that keep it: softmax, cumulative sums, the k largest. */
#include "kernel/ref/reduce.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status check_axis(eao_infer *f, int64_t axis, int32_t *out) {
  *out = 0;
  return f->in[0]->rank < 0 ? EAO_OK : eao_infer_axis(f, "axis", axis, f->in[0]->rank, out);
}

static eao_status infer_softmax(eao_infer *f) {
  const eao_softmax_attr *attr = f->attr;
  int32_t axis;
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  EAO_TRY(check_axis(f, attr->axis, &axis));
  eao_dtype declared = f->out[0].dtype;
  eao_infer_like(f, 0, f->in[0]);
  /* A quantised result may be of another width. */
  if (f->in[0]->quant.n && f->out[0].quant.n && eao_dtype_is_int(declared))
    f->out[0].dtype = declared;
  return EAO_OK;
}

/* The value of an input that must hold one integer; false: not known. */
static eao_status one_int(eao_infer *f, const char *what, const eao_tensor *t, bool *out_known,
                          int64_t *out) {
  *out_known = false;
  if (t->dtype != EAO_I64 && t->dtype != EAO_I32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "%s cannot be %s", what, eao_dtype_name(t->dtype));
  if (t->rank > 1 || (t->rank == 1 && t->dim[0] >= 0 && t->dim[0] != 1))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be one number", what);
  if (!t->data) return EAO_OK;
  *out = eao_get_i64(t, 0);
  *out_known = true;
  return EAO_OK;
}

static eao_status infer_cumsum(eao_infer *f) {
  int64_t axis;
  int32_t checked;
  bool known;
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_NUM));
  EAO_TRY(one_int(f, "axis", f->in[1], &known, &axis));
  if (known) EAO_TRY(check_axis(f, axis, &checked));
  eao_infer_like(f, 0, f->in[0]);
  return EAO_OK;
}

static eao_status infer_topk(eao_infer *f) {
  const eao_topk_attr *attr = f->attr;
  const eao_tensor *x = f->in[0];
  int64_t k = -1;
  int32_t axis;
  bool known;
  EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_NUM));
  EAO_TRY(one_int(f, "k", f->in[1], &known, &k));
  EAO_TRY(check_axis(f, attr->axis, &axis));
  if (attr->index_type != EAO_I64 && attr->index_type != EAO_I32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "index_type must be i64 or i32");
  if (known && (k < 0 || (x->rank >= 0 && x->dim[axis] >= 0 && k > x->dim[axis])))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "k = %lld is not possible", (long long)k);
  eao_tensor y = *x;
  if (y.rank >= 0) y.dim[axis] = known ? k : -1;
  eao_infer_like(f, 0, &y);
  y.dtype = (eao_dtype)attr->index_type;
  eao_infer_like(f, 1, &y);
  return EAO_OK;
}

/* ---- samples ---- */

static bool sample_softmax(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F32, EAO_F32, EAO_F16, EAO_BF16, EAO_F64};
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = d[k % EAO_COUNT(d)], .rank = 3, .dim = {2, 3, 5}};
  ((eao_softmax_attr *)s->attr)->axis = 1 - (int64_t)(k % 4);
  return k < EAO_COUNT(d) || eao_sample_quantised(k - (uint32_t)EAO_COUNT(d), s);
}

static bool sample_cumsum(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_F64, EAO_I32, EAO_U64, EAO_F32};
  static const int64_t axes[] = {0, 1, 2, -1, -2, -3};
  eao_cumsum_attr *a = s->attr;
  if (k >= EAO_COUNT(d)) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = d[k], .rank = 3, .dim = {2, 3, 5}};
  s->in[1] = (eao_tensor){.dtype = EAO_I64, .data = (void *)(uintptr_t)&axes[k]};
  a->exclusive = k % 2;
  a->reverse = k / 2 % 2;
  return true;
}

static bool sample_topk(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_F64, EAO_I32, EAO_U64, EAO_F32};
  static const int64_t counts[] = {1, 3, 2, 0, 2, 3};
  eao_topk_attr *a = s->attr;
  if (k >= EAO_COUNT(d)) return false;
  s->n_in = 2;
  s->n_out = k == 2 ? 1 : 2;
  s->in[0] = (eao_tensor){.dtype = d[k], .rank = 3, .dim = {4, 3, 5}};
  s->in[1] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {1}, .data = (void *)(uintptr_t)&counts[k]};
  a->axis = (int64_t)(k % 3) - 1;
  a->largest = k % 2;
  if (k == 5) a->index_type = EAO_I32;
  return true;
}

/* ---- the table ---- */

static const eao_attr_desc softmax_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_softmax_attr, axis),
     .def = -1,
     .doc = "axis along which the results belong together"},
    {.name = "beta",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_softmax_attr, beta),
     .onnx = "",
     .deff = 1,
     .doc = "factor of x"},
};

#define SOFTMAX(id, text, onnx_op)                                                                 \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = 1,                                                    \
                                   .max_in = 1,                                                    \
                                   .min_out = 1,                                                   \
                                   .max_out = 1,                                                   \
                                   .attr_size = sizeof(eao_softmax_attr),                          \
                                   .attrs = softmax_attrs,                                         \
                                   .n_attrs = EAO_COUNT(softmax_attrs),                            \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = 13,                                               \
                                   .infer = infer_softmax,                                         \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_softmax};

SOFTMAX(softmax, "exp(x) / sum of exp(x) along an axis", "Softmax")
SOFTMAX(log_softmax, "log of softmax", "LogSoftmax")
SOFTMAX(hardmax, "1 at the first largest value along an axis, else 0", "Hardmax")

static const eao_attr_desc cumsum_attrs[] = {
    {.name = "exclusive",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_cumsum_attr, exclusive),
     .doc = "an element does not count in its own sum"},
    {.name = "reverse",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_cumsum_attr, reverse),
     .doc = "from the end to the beginning"},
};

const eao_op_desc eao_op_cumsum = {
    .name = "cumsum",
    .doc = "running sum along an axis",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_cumsum_attr),
    .attrs = cumsum_attrs,
    .n_attrs = EAO_COUNT(cumsum_attrs),
    .onnx = "CumSum",
    .onnx_since = 11,
    .infer = infer_cumsum,
    .ref = eao_ref_cumsum,
    .sample = sample_cumsum,
};

static const eao_attr_desc topk_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_topk_attr, axis),
     .def = -1,
     .doc = "axis to search"},
    {.name = "largest",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_topk_attr, largest),
     .def = 1,
     .doc = "the largest values, else the smallest"},
    {.name = "sorted",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_topk_attr, sorted),
     .def = 1,
     .doc = "whether the order matters; the result is always sorted"},
    {.name = "index_type",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_topk_attr, index_type),
     .onnx = "",
     .def = EAO_I64,
     .doc = "i64 or i32"},
};

const eao_op_desc eao_op_topk = {
    .name = "topk",
    .doc = "the k largest or smallest values along an axis and where they stood",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 2,
    .traits = EAO_TRAIT_DATA_SHAPE | EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_topk_attr),
    .attrs = topk_attrs,
    .n_attrs = EAO_COUNT(topk_attrs),
    .onnx = "TopK",
    .onnx_since = 10,
    .infer = infer_topk,
    .ref = eao_ref_topk,
    .ref_scratch = eao_ref_topk_scratch,
    .sample = sample_topk,
};
