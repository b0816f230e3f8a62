/* Element-wise ops with one input. */
#include "kernel/ref/elementwise.h"
#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

/* ---- inference: same type and shape, for the types that the op takes ---- */

static eao_status infer_set(eao_infer *f, uint32_t set) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], set));
  eao_infer_like(f, 0, f->in[0]);
  return EAO_OK;
}
static eao_status infer_float(eao_infer *f) {
  return infer_set(f, EAO_TYPES_FLOAT | EAO_TYPES_QUANT);
}
static eao_status infer_signed(eao_infer *f) {
  return infer_set(f, EAO_TYPES_FLOAT | EAO_TYPES_SIGNED | EAO_TYPES_QUANT);
}
static eao_status infer_num(eao_infer *f) {
  return infer_set(f, EAO_TYPES_NUM);
}
static eao_status infer_int(eao_infer *f) {
  return infer_set(f, EAO_TYPES_INT);
}
static eao_status infer_bool(eao_infer *f) {
  return infer_set(f, EAO_TYPES_BOOL);
}
static eao_status infer_any(eao_infer *f) {
  return infer_set(f, EAO_TYPES_ANY);
}
static eao_status infer_test(eao_infer *f) {
  EAO_TRY(infer_set(f, EAO_TYPES_FLOAT));
  f->out[0].dtype = EAO_BOOL;
  return EAO_OK;
}

static eao_status infer_clip(eao_infer *f) {
  static const char *const what[] = {"x", "min", "max"};
  EAO_TRY(infer_num(f));
  for (uint32_t i = 1; i < 3; i++) {
    const eao_tensor *t = eao_infer_in(f, i);
    if (!t) continue;
    if (t->dtype != f->in[0]->dtype)
      return eao_infer_fail(f, EAO_ERR_TYPE, "%s is %s, x is %s", what[i], eao_dtype_name(t->dtype),
                            eao_dtype_name(f->in[0]->dtype));
    for (int32_t d = 0; d < t->rank; d++)
      if (t->dim[d] >= 0 && t->dim[d] != 1)
        return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be one number", what[i]);
  }
  return EAO_OK;
}

/* ---- samples ---- */

static bool sample_of(const eao_dtype *dtypes, size_t n, uint32_t k, eao_sample *s) {
  if (k >= n) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 3, .dim = {2, 3, 5}};
  return true;
}
/* The types, then quantised ones. */
static bool sample_both(const eao_dtype *dtypes, size_t n, uint32_t k, eao_sample *s) {
  if (k < n) return sample_of(dtypes, n, k, s);
  return sample_of(dtypes, n, 0, s) && eao_sample_quantised(k - (uint32_t)n, s);
}
static bool sample_float(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_BF16, EAO_F64};
  return sample_both(d, EAO_COUNT(d), k, s);
}
static bool sample_signed(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_F64, EAO_I8, EAO_I16, EAO_I32, EAO_I64};
  return sample_both(d, EAO_COUNT(d), k, s);
}
static bool sample_test(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_BF16, EAO_F64};
  return sample_of(d, EAO_COUNT(d), k, s);
}
static bool sample_num(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_BF16, EAO_F64, EAO_I8,  EAO_I16,
                                EAO_I32, EAO_I64, EAO_U8,   EAO_U16, EAO_U32, EAO_U64};
  return sample_both(d, EAO_COUNT(d), k, s);
}
static bool sample_int(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_I8, EAO_I16, EAO_I32, EAO_I64, EAO_U8, EAO_U64};
  return sample_of(d, EAO_COUNT(d), k, s);
}
static bool sample_bool(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_BOOL};
  return sample_of(d, EAO_COUNT(d), k, s);
}
static bool sample_any(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_I64, EAO_U8, EAO_BOOL, EAO_I4};
  return sample_of(d, EAO_COUNT(d), k, s);
}

static bool sample_clip(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F16, EAO_I8, EAO_I64, EAO_U8, EAO_U64};
  static const uint8_t omit[] = {0, 1, 2, 3, 0, 1}; /* bit 0: min, bit 1: max */
  if (!sample_of(d, EAO_COUNT(d), k, s)) return false;
  s->n_in = 3;
  if (!(omit[k] & 1)) s->in[1] = (eao_tensor){.dtype = d[k]};
  if (!(omit[k] & 2)) s->in[2] = (eao_tensor){.dtype = d[k]};
  return true;
}

/* ---- attributes ---- */

#define FLOAT_ATTR(attr_name, field, value, text)                                                  \
  {                                                                                                \
    .name = attr_name, .kind = EAO_ATTR_FLOAT, .offset = EAO_ATTR_AT(eao_unary_attr, field),       \
    .deff = value, .doc = text                                                                     \
  }
#define BOOL_ATTR(type, field, value, text)                                                        \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_BOOL, .offset = EAO_ATTR_AT(type, field), .def = value,       \
    .doc = text                                                                                    \
  }

static const eao_attr_desc leaky_relu_attrs[] = {FLOAT_ATTR("alpha", alpha, 0.01, "slope below 0")};
static const eao_attr_desc elu_attrs[] = {FLOAT_ATTR("alpha", alpha, 1, "limit below 0, negated")};
static const eao_attr_desc selu_attrs[] = {
    FLOAT_ATTR("alpha", alpha, 1.67326319217681884765625, "limit below 0, negated, before gamma"),
    FLOAT_ATTR("gamma", beta, 1.05070102214813232421875, "factor of the result"),
};
static const eao_attr_desc hard_sigmoid_attrs[] = {
    FLOAT_ATTR("alpha", alpha, 0.2, "slope"),
    FLOAT_ATTR("beta", beta, 0.5, "value at 0"),
};
static const eao_attr_desc thresholded_relu_attrs[] = {
    FLOAT_ATTR("alpha", alpha, 1, "values up to this become 0"),
};
static const eao_attr_desc shrink_attrs[] = {
    FLOAT_ATTR("lambd", alpha, 0.5, "values within [-lambd, lambd] become 0"),
    FLOAT_ATTR("bias", beta, 0, "what the others move toward 0"),
};
static const char *const gelu_names[] = {"none", "tanh", NULL};
static const eao_attr_desc gelu_attrs[] = {
    {.name = "approximate",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_gelu_attr, approximate),
     .names = gelu_names,
     .doc = "with erf (none) or with tanh"},
};
static const eao_attr_desc is_inf_attrs[] = {
    BOOL_ATTR(eao_is_inf_attr, detect_negative, 1, "-infinity counts"),
    BOOL_ATTR(eao_is_inf_attr, detect_positive, 1, "+infinity counts"),
};

/* ---- the table ---- */

#define UNARY(id, text, onnx_op, since, types)                                                     \
  UNARY_FULL(id, text, onnx_op, since, infer_##types, sample_##types, 0, NULL, 0)
#define UNARY_A(id, text, onnx_op, since, attr_type, attr_rows)                                    \
  UNARY_FULL(id, text, onnx_op, since, infer_float, sample_float, sizeof(attr_type), attr_rows,    \
             EAO_COUNT(attr_rows))
#define UNARY_FULL(id, text, onnx_op, since, infer_fn, sample_fn, size, rows, n_rows)              \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = 1,                                                    \
                                   .max_in = 1,                                                    \
                                   .min_out = 1,                                                   \
                                   .max_out = 1,                                                   \
                                   .traits = EAO_TRAIT_ELEMENTWISE,                                \
                                   .attr_size = size,                                              \
                                   .attrs = rows,                                                  \
                                   .n_attrs = n_rows,                                              \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = since,                                            \
                                   .infer = infer_fn,                                              \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_fn};

UNARY(abs, "absolute value", "Abs", 6, num)
UNARY(neg, "-x", "Neg", 6, signed)
UNARY(sign, "-1, 0 or 1", "Sign", 9, num)
UNARY(square, "x * x", NULL, 0, num)
UNARY(reciprocal, "1 / x", "Reciprocal", 6, float)
UNARY(sqrt, "square root", "Sqrt", 6, float)
UNARY(rsqrt, "1 / sqrt(x)", NULL, 0, float)
UNARY(exp, "e to the power of x", "Exp", 6, float)
UNARY(log, "natural logarithm", "Log", 6, float)
UNARY(sin, "sine", "Sin", 7, float)
UNARY(cos, "cosine", "Cos", 7, float)
UNARY(tan, "tangent", "Tan", 7, float)
UNARY(asin, "arc sine", "Asin", 7, float)
UNARY(acos, "arc cosine", "Acos", 7, float)
UNARY(atan, "arc tangent", "Atan", 7, float)
UNARY(sinh, "hyperbolic sine", "Sinh", 9, float)
UNARY(cosh, "hyperbolic cosine", "Cosh", 9, float)
UNARY(tanh, "hyperbolic tangent", "Tanh", 6, float)
UNARY(asinh, "inverse hyperbolic sine", "Asinh", 9, float)
UNARY(acosh, "inverse hyperbolic cosine", "Acosh", 9, float)
UNARY(atanh, "inverse hyperbolic tangent", "Atanh", 9, float)
UNARY(ceil, "least integer not below x", "Ceil", 6, float)
UNARY(floor, "greatest integer not above x", "Floor", 6, float)
UNARY(round, "nearest integer, ties to even", "Round", 11, float)
UNARY(erf, "error function", "Erf", 9, num)
UNARY(sigmoid, "1 / (1 + exp(-x))", "Sigmoid", 6, float)
UNARY(relu, "max(x, 0)", "Relu", 6, signed)
UNARY(hard_swish, "x * clip(x / 6 + 1 / 2, 0, 1)", "HardSwish", 14, float)
UNARY(softplus, "log(1 + exp(x))", "Softplus", 1, float)
UNARY(softsign, "x / (1 + |x|)", "Softsign", 1, float)
UNARY(silu, "x * sigmoid(x)", NULL, 0, float)
UNARY(mish, "x * tanh(softplus(x))", "Mish", 18, float)
UNARY(not, "logical negation", "Not", 1, bool)
UNARY(bitwise_not, "every bit negated", "BitwiseNot", 18, int)
UNARY_FULL(is_nan, "true where x is not a number", "IsNaN", 9, infer_test, sample_test, 0, NULL, 0)
UNARY_FULL(is_inf, "true where x is infinite", "IsInf", 10, infer_test, sample_test,
           sizeof(eao_is_inf_attr), is_inf_attrs, EAO_COUNT(is_inf_attrs))
UNARY_A(leaky_relu, "x < 0 ? alpha * x : x", "LeakyRelu", 6, eao_unary_attr, leaky_relu_attrs)
UNARY_A(elu, "x < 0 ? alpha * (exp(x) - 1) : x", "Elu", 6, eao_unary_attr, elu_attrs)
UNARY_A(selu, "gamma * (x > 0 ? x : alpha * (exp(x) - 1))", "Selu", 6, eao_unary_attr, selu_attrs)
UNARY_A(celu, "x < 0 ? alpha * (exp(x / alpha) - 1) : x", "Celu", 12, eao_unary_attr, elu_attrs)
UNARY_A(hard_sigmoid, "clip(alpha * x + beta, 0, 1)", "HardSigmoid", 6, eao_unary_attr,
        hard_sigmoid_attrs)
UNARY_A(thresholded_relu, "x > alpha ? x : 0", "ThresholdedRelu", 10, eao_unary_attr,
        thresholded_relu_attrs)
UNARY_A(gelu, "x / 2 * (1 + erf(x / sqrt(2))) or its approximation with tanh", "Gelu", 20,
        eao_gelu_attr, gelu_attrs)
UNARY_FULL(shrink, "x < -lambd ? x + bias : x > lambd ? x - bias : 0", "Shrink", 9, infer_num,
           sample_num, sizeof(eao_unary_attr), shrink_attrs, EAO_COUNT(shrink_attrs))

const eao_op_desc eao_op_identity = {
    .name = "identity",
    .doc = "x itself",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE | EAO_TRAIT_VIEW | EAO_TRAIT_KEEPS_QUANT,
    .onnx = "Identity",
    .onnx_since = 1,
    .infer = infer_any,
    .ref = eao_ref_copy,
    .sample = sample_any,
};

const eao_op_desc eao_op_clip = {
    .name = "clip",
    .doc = "min(max(x, min), max); either bound may be missing",
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE,
    .onnx = "Clip",
    .onnx_since = 11,
    .infer = infer_clip,
    .ref = eao_ref_clip,
    .sample = sample_clip,
};
