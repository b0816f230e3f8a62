/* Element-wise ops with several inputs. */
#include "kernel/ref/elementwise.h"
#include "op/op.h"
#include "op/sample.h"

/* ---- inference ---- */

static eao_status same_types(eao_infer *f, uint32_t first, uint32_t set) {
  const eao_tensor *a = f->in[first];
  EAO_TRY(eao_infer_types(f, "input", a, set));
  for (uint32_t i = first + 1; i < f->n_in; i++) {
    if (!f->in[i]) return eao_infer_fail(f, EAO_ERR_SHAPE, "input %u is missing", i);
    if (f->in[i]->dtype != a->dtype)
      return eao_infer_fail(f, EAO_ERR_TYPE, "inputs have types %s and %s",
                            eao_dtype_name(a->dtype), eao_dtype_name(f->in[i]->dtype));
  }
  return EAO_OK;
}

static eao_status broadcast_all(eao_infer *f) {
  eao_tensor shape = *f->in[0];
  for (uint32_t i = 1; i < f->n_in; i++) EAO_TRY(eao_infer_broadcast(f, &shape, f->in[i], &shape));
  shape.dtype = f->in[0]->dtype;
  eao_infer_like(f, 0, &shape);
  return EAO_OK;
}

static eao_status infer_set(eao_infer *f, uint32_t set) {
  EAO_TRY(same_types(f, 0, set));
  return broadcast_all(f);
}
static eao_status infer_num(eao_infer *f) {
  return infer_set(f, EAO_TYPES_NUM);
}
static eao_status infer_float(eao_infer *f) {
  return infer_set(f, EAO_TYPES_FLOAT | EAO_TYPES_QUANT);
}
static eao_status infer_int(eao_infer *f) {
  return infer_set(f, EAO_TYPES_INT);
}
static eao_status infer_bool(eao_infer *f) {
  return infer_set(f, EAO_TYPES_BOOL);
}
static eao_status infer_compare(eao_infer *f) {
  EAO_TRY(infer_set(f, EAO_TYPES_NUM));
  f->out[0].dtype = EAO_BOOL;
  return EAO_OK;
}
static eao_status infer_equal(eao_infer *f) {
  EAO_TRY(infer_set(f, EAO_TYPES_ANY));
  f->out[0].dtype = EAO_BOOL;
  return EAO_OK;
}

static eao_status infer_arith(eao_infer *f) {
  const eao_act *act = &((const eao_binary_attr *)f->attr)->act;
  const eao_tensor *a = f->in[0];
  float lo, hi;
  EAO_TRY(infer_num(f));
  if (!eao_dtype_is_float(a->dtype) && !a->quant.n && !eao_act_bounds(act, &lo, &hi))
    return eao_infer_fail(f, EAO_ERR_TYPE, "this activation cannot be applied to %s",
                          eao_dtype_name(a->dtype));
  return EAO_OK;
}

static eao_status infer_pow(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "base", f->in[0], EAO_TYPES_NUM));
  EAO_TRY(eao_infer_types(f, "exponent", f->in[1], EAO_TYPES_NUM));
  return broadcast_all(f);
}

static eao_status infer_prelu(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  EAO_TRY(infer_num(f));
  bool grew = x->rank >= 0 && f->out[0].rank > x->rank;
  for (int32_t d = 0; !grew && d < x->rank && f->out[0].rank >= 0; d++)
    grew = x->dim[d] >= 0 && f->out[0].dim[d] != x->dim[d];
  if (grew) return eao_infer_fail(f, EAO_ERR_SHAPE, "slope does not broadcast to x");
  return EAO_OK;
}

static eao_status infer_where(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "condition", f->in[0], EAO_TYPES_BOOL));
  EAO_TRY(same_types(f, 1, EAO_TYPES_ANY));
  EAO_TRY(broadcast_all(f));
  f->out[0].dtype = f->in[1]->dtype;
  return EAO_OK;
}

/* ---- samples: two inputs that broadcast in both directions ---- */

static bool sample_of(const eao_dtype *dtypes, size_t n, uint32_t k, eao_sample *s) {
  if (k >= n) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtypes[k], .rank = 3, .dim = {2, 1, 5}};
  s->in[1] = (eao_tensor){.dtype = dtypes[k], .rank = 2, .dim = {3, 1}};
  if (k == 1) s->in[1] = (eao_tensor){.dtype = dtypes[k], .rank = 3, .dim = {2, 1, 5}};
  if (k == 2) s->in[1] = (eao_tensor){.dtype = dtypes[k]};
  return true;
}
/* The types, then quantised ones. */
static bool sample_both(const eao_dtype *dtypes, size_t n, uint32_t k, eao_sample *s) {
  if (k < n) return sample_of(dtypes, n, k, s);
  return sample_of(dtypes, n, 0, s) && eao_sample_quantised(k - (uint32_t)n, s);
}
static bool sample_num(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F32, EAO_F32, EAO_F16, EAO_BF16, EAO_F64, EAO_I8,
                                EAO_I16, EAO_I32, EAO_I64, EAO_U8,  EAO_U16,  EAO_U32, EAO_U64};
  return sample_both(d, EAO_COUNT(d), k, s);
}
static bool sample_float(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_F32, EAO_F32, EAO_F16, EAO_BF16, EAO_F64};
  return sample_both(d, EAO_COUNT(d), k, s);
}
static bool sample_int(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_I8, EAO_I16, EAO_I32, EAO_I64,
                                EAO_U8, EAO_U16, EAO_U32, EAO_U64};
  return sample_of(d, EAO_COUNT(d), k, s);
}
static bool sample_bool(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_BOOL, EAO_BOOL, EAO_BOOL};
  return sample_of(d, EAO_COUNT(d), k, s);
}
static bool sample_equal(uint32_t k, eao_sample *s) {
  static const eao_dtype d[] = {EAO_F32, EAO_BOOL, EAO_I64, EAO_F16, EAO_U64, EAO_I8};
  return sample_of(d, EAO_COUNT(d), k, s);
}
/* Divisors that are never 0. */
static bool sample_divide(uint32_t k, eao_sample *s) {
  s->lo[1] = 1;
  s->hi[1] = 5;
  return sample_num(k, s);
}
static bool sample_mod(uint32_t k, eao_sample *s) {
  if (!sample_divide(k, s)) return false;
  ((eao_mod_attr *)s->attr)->fmod = eao_dtype_is_float(s->in[0].dtype) || k % 2;
  return true;
}
static bool sample_pow(uint32_t k, eao_sample *s) {
  if (!sample_num(k, s)) return false;
  if (k % 3 == 0 && !s->in[0].quant.n) s->in[1].dtype = k % 2 ? EAO_I32 : EAO_F32;
  return true;
}
static bool sample_prelu(uint32_t k, eao_sample *s) {
  if (!sample_num(k, s)) return false;
  s->in[0].dim[1] = 3;
  return true;
}
static bool sample_compare(uint32_t k, eao_sample *s) {
  if (!sample_num(k, s)) return false;
  s->out[0] = (eao_tensor){.rank = -1}; /* bool */
  return true;
}
/* Case 6: quantised, all the same. */
static bool sample_where(uint32_t k, eao_sample *s) {
  if (k == 6 ? !sample_num(14, s) : !sample_equal(k, s)) return false;
  s->in[1].quant = s->out[0].quant = s->in[0].quant;
  s->n_in = 3;
  s->in[2] = s->in[1];
  s->in[1] = s->in[0];
  s->in[0] = (eao_tensor){.dtype = EAO_BOOL, .rank = 2, .dim = {3, 5}};
  return true;
}
static bool one_to_three(uint32_t k, eao_sample *s) {
  s->n_in = 1 + k % 3;
  s->in[2] = s->in[0];
  s->in[2].dim[1] = 3;
  return true;
}
static bool sample_variadic(uint32_t k, eao_sample *s) {
  return sample_num(k, s) && one_to_three(k, s);
}
static bool sample_mean(uint32_t k, eao_sample *s) {
  return sample_float(k, s) && one_to_three(k, s);
}
static bool sample_bit_shift(uint32_t k, eao_sample *s) {
  if (!sample_int(k, s)) return false;
  s->hi[1] = 8;
  ((eao_bit_shift_attr *)s->attr)->direction = k % 2;
  return true;
}

/* ---- the table ---- */

static const eao_attr_desc arith_attrs[] = {EAO_ACT_ATTRS(eao_binary_attr, act)};
static const eao_attr_desc mod_attrs[] = {
    {.name = "fmod",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_mod_attr, fmod),
     .doc = "the result has the sign of the dividend instead of the divisor's"},
};
static const char *const direction_names[] = {"left", "right", NULL};
static const eao_attr_desc bit_shift_attrs[] = {
    {.name = "direction",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_bit_shift_attr, direction),
     .names = direction_names,
     .doc = "where the bits go"},
};

#define NARY(id, text, onnx_op, since, min, max, more_traits, infer_fn, sample_fn, size, rows,     \
             n_rows)                                                                               \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = min,                                                  \
                                   .max_in = max,                                                  \
                                   .min_out = 1,                                                   \
                                   .max_out = 1,                                                   \
                                   .traits = EAO_TRAIT_ELEMENTWISE | (more_traits),                \
                                   .attr_size = size,                                              \
                                   .attrs = rows,                                                  \
                                   .n_attrs = n_rows,                                              \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = since,                                            \
                                   .infer = infer_fn,                                              \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_fn};
#define BINARY(id, text, onnx_op, since, traits, infer_fn, sample_fn)                              \
  NARY(id, text, onnx_op, since, 2, 2, traits, infer_fn, sample_fn, 0, NULL, 0)
#define BINARY_A(id, text, onnx_op, since, traits, infer_fn, sample_fn, attr_type, rows)           \
  NARY(id, text, onnx_op, since, 2, 2, traits, infer_fn, sample_fn, sizeof(attr_type), rows,       \
       EAO_COUNT(rows))
#define VARIADIC(id, text, onnx_op, since, infer_fn, sample_fn)                                    \
  NARY(id, text, onnx_op, since, 1, EAO_VARIADIC, EAO_TRAIT_COMMUTATIVE, infer_fn, sample_fn, 0,   \
       NULL, 0)
#define SWAP EAO_TRAIT_COMMUTATIVE

BINARY_A(add, "a + b", "Add", 7, SWAP, infer_arith, sample_num, eao_binary_attr, arith_attrs)
BINARY_A(sub, "a - b", "Sub", 7, 0, infer_arith, sample_num, eao_binary_attr, arith_attrs)
BINARY_A(mul, "a * b", "Mul", 7, SWAP, infer_arith, sample_num, eao_binary_attr, arith_attrs)
BINARY_A(div, "a / b; integers are truncated toward zero", "Div", 7, 0, infer_arith, sample_divide,
         eao_binary_attr, arith_attrs)
BINARY(pow, "a to the power of b", "Pow", 7, 0, infer_pow, sample_pow)
BINARY_A(mod, "remainder of a / b", "Mod", 10, 0, infer_num, sample_mod, eao_mod_attr, mod_attrs)
BINARY(floor_div, "floor(a / b)", NULL, 0, 0, infer_num, sample_divide)
BINARY(floor_mod, "a - b * floor(a / b)", NULL, 0, 0, infer_num, sample_divide)
BINARY(squared_difference, "(a - b)^2", NULL, 0, SWAP, infer_num, sample_num)
BINARY(prelu, "x < 0 ? slope * x : x", "PRelu", 7, 0, infer_prelu, sample_prelu)
BINARY(atan2, "angle of the point (b, a)", NULL, 0, 0, infer_float, sample_float)
BINARY(equal, "a == b", "Equal", 7, SWAP, infer_equal, sample_equal)
BINARY(not_equal, "a != b", NULL, 0, SWAP, infer_equal, sample_equal)
BINARY(greater, "a > b", "Greater", 7, 0, infer_compare, sample_compare)
BINARY(greater_or_equal, "a >= b", "GreaterOrEqual", 12, 0, infer_compare, sample_compare)
BINARY(less, "a < b", "Less", 7, 0, infer_compare, sample_compare)
BINARY(less_or_equal, "a <= b", "LessOrEqual", 12, 0, infer_compare, sample_compare)
BINARY(and, "logical and", "And", 7, SWAP, infer_bool, sample_bool)
BINARY(or, "logical or", "Or", 7, SWAP, infer_bool, sample_bool)
BINARY(xor, "logical exclusive or", "Xor", 7, SWAP, infer_bool, sample_bool)
BINARY(bitwise_and, "and of every bit", "BitwiseAnd", 18, SWAP, infer_int, sample_int)
BINARY(bitwise_or, "or of every bit", "BitwiseOr", 18, SWAP, infer_int, sample_int)
BINARY(bitwise_xor, "exclusive or of every bit", "BitwiseXor", 18, SWAP, infer_int, sample_int)
BINARY_A(bit_shift, "a shifted by b bits", "BitShift", 11, 0, infer_int, sample_bit_shift,
         eao_bit_shift_attr, bit_shift_attrs)
NARY(where, "condition ? a : b", "Where", 9, 3, 3, 0, infer_where, sample_where, 0, NULL, 0)
VARIADIC(min, "smallest of the inputs", "Min", 8, infer_num, sample_variadic)
VARIADIC(max, "largest of the inputs", "Max", 8, infer_num, sample_variadic)
VARIADIC(sum, "sum of the inputs", "Sum", 8, infer_num, sample_variadic)
VARIADIC(mean, "mean of the inputs", "Mean", 8, infer_float, sample_mean)
