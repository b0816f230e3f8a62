/* Reductions over a set of axes. */
#include "kernel/ref/reduce.h"
#include "op/op.h"
#include "op/sample.h"

/* Shape after the axes of mask are reduced. */
static void reduced_shape(eao_infer *f, uint32_t mask, bool keepdims) {
  const eao_tensor *x = f->in[0];
  eao_tensor y = {.dtype = x->dtype};
  for (int32_t d = 0; d < x->rank; d++) {
    if (!(mask >> d & 1))
      y.dim[y.rank++] = x->dim[d];
    else if (keepdims)
      y.dim[y.rank++] = 1;
  }
  eao_infer_like(f, 0, &y);
}

static eao_status infer_axes(eao_infer *f) {
  const eao_tensor *x = f->in[0], *axes = eao_infer_in(f, 1);
  const eao_reduce_attr *attr = f->attr;
  int64_t list[EAO_MAX_RANK];
  int32_t n = 0, axis;
  uint32_t mask = 0;
  eao_infer_unknown(f, 0, x->dtype);
  if (axes && axes->dtype != EAO_I64 && axes->dtype != EAO_I32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "axes cannot be %s", eao_dtype_name(axes->dtype));
  if (x->rank < 0) return EAO_OK;
  bool empty = axes && axes->rank == 1 && axes->dim[0] == 0;
  if (axes && !axes->data && !empty) {
    if (!attr->keepdims) return EAO_OK;
    f->out[0].rank = x->rank; /* which extents become 1 is not known */
    for (int32_t d = 0; d < x->rank; d++) f->out[0].dim[d] = x->dim[d] == 1 ? 1 : -1;
    return EAO_OK;
  }
  if (axes && !empty) EAO_TRY(eao_infer_ints(f, "axes", axes, list, EAO_MAX_RANK, &n));
  for (int32_t i = 0; i < n; i++) {
    EAO_TRY(eao_infer_axis(f, "axis", list[i], x->rank, &axis));
    mask |= 1u << axis;
  }
  if (n == 0 && !attr->noop_with_empty_axes) mask = (1u << x->rank) - 1;
  reduced_shape(f, mask, attr->keepdims);
  return EAO_OK;
}

static eao_status infer_num(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_NUM));
  return infer_axes(f);
}
static eao_status infer_any(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_ANY));
  return infer_axes(f);
}
static eao_status infer_bool(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_BOOL));
  return infer_axes(f);
}

static eao_status infer_arg(eao_infer *f) {
  const eao_arg_attr *attr = f->attr;
  const eao_tensor *x = f->in[0];
  int32_t axis;
  EAO_TRY(eao_infer_types(f, "x", x, EAO_TYPES_ANY));
  if (attr->index_type != EAO_I64 && attr->index_type != EAO_I32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "index_type must be i64 or i32");
  eao_infer_unknown(f, 0, (eao_dtype)attr->index_type);
  if (x->rank < 0) return EAO_OK;
  EAO_TRY(eao_infer_axis(f, "axis", attr->axis, x->rank, &axis));
  if (x->dim[axis] == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d is empty", axis);
  reduced_shape(f, 1u << axis, attr->keepdims);
  f->out[0].dtype = (eao_dtype)attr->index_type;
  return EAO_OK;
}

/* ---- samples ---- */

typedef struct axes_case {
  int64_t axes[3];
  int32_t n; /* -1: no input */
  int32_t keepdims, noop;
} axes_case;
static const axes_case axes_cases[] = {
    {{1}, 1, 1, 0},  {{0, 2}, 2, 0, 0},    {{-1, 1}, 2, 1, 0}, {{0}, -1, 1, 0},
    {{0}, -1, 0, 0}, {{2, 0, 1}, 3, 0, 0}, {{0}, 0, 1, 1},     {{0}, 0, 0, 0},
};

static bool sample_of(const eao_dtype *dtypes, size_t n, uint32_t k, eao_sample *s) {
  if (k >= n) return false;
  const axes_case *a = &axes_cases[k % EAO_COUNT(axes_cases)];
  s->n_in = a->n < 0 ? 1 : 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 3, .dim = {2, 3, 5}};
  s->in[1] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {a->n}, .data = (void *)(uintptr_t)a->axes};
  s->lo[0] = eao_dtype_is_unsigned(dtypes[k]) ? 0 : -4;
  s->hi[0] = 4;
  *(eao_reduce_attr *)s->attr = (eao_reduce_attr){a->keepdims, a->noop};
  return true;
}
static bool sample_num(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F32, EAO_F32, EAO_F32, EAO_F16, EAO_BF16,
                                EAO_F32, EAO_F64, EAO_I32, EAO_I64, EAO_U8,  EAO_U64};
  return sample_of(d, EAO_COUNT(d), k, s);
}
/* The types, then quantised ones. */
static bool sample_sum(uint32_t k, eao_sample *s) {
  if (sample_num(k, s)) return true;
  if (k < 12 || !sample_num(k - 12, s)) return false;
  eao_tensor axes = s->in[1];
  if (!eao_sample_quantised(k - 12, s)) return false;
  s->in[1] = axes;
  return true;
}
/* The largest and smallest do not change the quantisation. */
static bool sample_max(uint32_t k, eao_sample *s) {
  if (!sample_sum(k, s)) return false;
  s->out[0].quant = s->in[0].quant;
  return true;
}
static bool sample_bool(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_BOOL, EAO_BOOL, EAO_BOOL};
  return sample_of(d, EAO_COUNT(d), k, s);
}

static bool sample_arg(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F32, EAO_F16, EAO_I8, EAO_U64, EAO_BOOL};
  eao_arg_attr *a = s->attr;
  if (k >= EAO_COUNT(d)) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = d[k], .rank = 3, .dim = {2, 3, 5}};
  a->axis = (int64_t)(k % 3) - 1;
  a->keepdims = k % 2;
  a->select_last_index = k / 2 % 2;
  if (k == 5) a->index_type = EAO_I32;
  return true;
}

/* ---- the table ---- */

static const eao_attr_desc reduce_attrs[] = {
    {.name = "keepdims",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_reduce_attr, keepdims),
     .def = 1,
     .doc = "reduced axes stay, with extent 1"},
    {.name = "noop_with_empty_axes",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_reduce_attr, noop_with_empty_axes),
     .doc = "no axes means none instead of all"},
};

static const eao_attr_desc arg_attrs[] = {
    {.name = "axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_arg_attr, axis),
     .doc = "axis to search"},
    {.name = "keepdims",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_arg_attr, keepdims),
     .def = 1,
     .doc = "the axis stays, with extent 1"},
    {.name = "select_last_index",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_arg_attr, select_last_index),
     .doc = "of equal values the last counts"},
    {.name = "index_type",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_arg_attr, index_type),
     .onnx = "",
     .def = EAO_I64,
     .doc = "i64 or i32"},
};

/* onnx_since: from where on the axes are an input; importers convert the older form. */
#define REDUCE(id, text, onnx_op, since, infer_fn, sample_fn)                                      \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = 1,                                                    \
                                   .max_in = 2,                                                    \
                                   .min_out = 1,                                                   \
                                   .max_out = 1,                                                   \
                                   .attr_size = sizeof(eao_reduce_attr),                           \
                                   .attrs = reduce_attrs,                                          \
                                   .n_attrs = EAO_COUNT(reduce_attrs),                             \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = since,                                            \
                                   .infer = infer_fn,                                              \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_fn};

REDUCE(reduce_sum, "sum over axes", "ReduceSum", 13, infer_num, sample_sum)
REDUCE(reduce_mean, "mean over axes", "ReduceMean", 18, infer_num, sample_sum)
REDUCE(reduce_max, "largest over axes", "ReduceMax", 18, infer_any, sample_max)
REDUCE(reduce_min, "smallest over axes", "ReduceMin", 18, infer_any, sample_max)
REDUCE(reduce_prod, "product over axes", "ReduceProd", 18, infer_num, sample_num)
REDUCE(reduce_l1, "sum of |x| over axes", "ReduceL1", 18, infer_num, sample_num)
REDUCE(reduce_l2, "square root of the sum of x * x over axes", "ReduceL2", 18, infer_num,
       sample_num)
REDUCE(reduce_log_sum, "log of the sum over axes", "ReduceLogSum", 18, infer_num, sample_num)
REDUCE(reduce_log_sum_exp, "log of the sum of exp(x) over axes", "ReduceLogSumExp", 18, infer_num,
       sample_num)
REDUCE(reduce_sum_square, "sum of x * x over axes", "ReduceSumSquare", 18, infer_num, sample_num)
REDUCE(reduce_any, "logical or over axes", NULL, 0, infer_bool, sample_bool)
REDUCE(reduce_all, "logical and over axes", NULL, 0, infer_bool, sample_bool)

#define ARG(id, text, onnx_op)                                                                     \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = 1,                                                    \
                                   .max_in = 1,                                                    \
                                   .min_out = 1,                                                   \
                                   .max_out = 1,                                                   \
                                   .attr_size = sizeof(eao_arg_attr),                              \
                                   .attrs = arg_attrs,                                             \
                                   .n_attrs = EAO_COUNT(arg_attrs),                                \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = 1,                                                \
                                   .infer = infer_arg,                                             \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_arg};

ARG(argmax, "index of the largest value along an axis", "ArgMax")
ARG(argmin, "index of the smallest value along an axis", "ArgMin")
