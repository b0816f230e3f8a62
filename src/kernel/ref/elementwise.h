/* Reference element-wise kernels and their attributes. Floats are computed in double and rounded
 * once; integers wrap. Quantised tensors follow docs/integer-spec.md. */
#ifndef EAO_KERNEL_REF_ELEMENTWISE_H
#define EAO_KERNEL_REF_ELEMENTWISE_H

#include "kernel/act.h"
#include "kernel/kernel.h"

typedef struct eao_unary_attr {
  float alpha; /* shrink: lambd */
  float beta;  /* selu: gamma; shrink: bias */
} eao_unary_attr;

typedef struct eao_gelu_attr {
  int32_t approximate; /* 0: with erf; 1: with tanh */
} eao_gelu_attr;

typedef struct eao_is_inf_attr {
  int32_t detect_negative, detect_positive;
} eao_is_inf_attr;

/* add, sub, mul, div. On integers only acts that clip (eao_act_bounds). */
typedef struct eao_binary_attr {
  eao_act act;
} eao_binary_attr;

typedef struct eao_mod_attr {
  int32_t fmod; /* 0: sign of the divisor; 1: sign of the dividend, as C */
} eao_mod_attr;

typedef struct eao_bit_shift_attr {
  int32_t direction; /* 0: left, 1: right */
} eao_bit_shift_attr;

/* One element. attr is the op's attribute struct. */
typedef double (*eao_unary_f64)(const void *attr, double x);
typedef int64_t (*eao_unary_i64)(const void *attr, int64_t x);

/* y = fn(x) for float tensors in x's type. Quantised tensors: fn stands for the real function. */
eao_status eao_unary_run(eao_kcall *c, eao_unary_f64 fn);

#define EAO_REF(name) eao_status eao_ref_##name(eao_kcall *c);
/* one input: in[0] -> out[0], same type (is_nan, is_inf: bool) */
EAO_REF(abs)
EAO_REF(neg)
EAO_REF(sign)
EAO_REF(square)
EAO_REF(reciprocal)
EAO_REF(sqrt)
EAO_REF(rsqrt)
EAO_REF(exp)
EAO_REF(log)
EAO_REF(sin)
EAO_REF(cos)
EAO_REF(tan)
EAO_REF(asin)
EAO_REF(acos)
EAO_REF(atan)
EAO_REF(sinh)
EAO_REF(cosh)
EAO_REF(tanh)
EAO_REF(asinh)
EAO_REF(acosh)
EAO_REF(atanh)
EAO_REF(ceil)
EAO_REF(floor)
EAO_REF(round)
EAO_REF(erf)
EAO_REF(sigmoid)
EAO_REF(relu)
EAO_REF(leaky_relu)
EAO_REF(elu)
EAO_REF(selu)
EAO_REF(celu)
EAO_REF(hard_sigmoid)
EAO_REF(hard_swish)
EAO_REF(softplus)
EAO_REF(softsign)
EAO_REF(thresholded_relu)
EAO_REF(shrink)
EAO_REF(gelu)
EAO_REF(silu)
EAO_REF(mish)
EAO_REF(is_nan)
EAO_REF(is_inf)
EAO_REF(not )
EAO_REF(bitwise_not)
EAO_REF(clip)
EAO_REF(act) /* attr: eao_binary_attr */
/* several inputs, broadcast to out[0] */
EAO_REF(add)
EAO_REF(sub)
EAO_REF(mul)
EAO_REF(div)
EAO_REF(pow)
EAO_REF(mod)
EAO_REF(floor_div)
EAO_REF(floor_mod)
EAO_REF(min)
EAO_REF(max)
EAO_REF(sum)
EAO_REF(mean)
EAO_REF(squared_difference)
EAO_REF(prelu)
EAO_REF(atan2)
EAO_REF(where)
EAO_REF(equal)
EAO_REF(not_equal)
EAO_REF(greater)
EAO_REF(greater_or_equal)
EAO_REF(less)
EAO_REF(less_or_equal)
EAO_REF(and)
EAO_REF(or)
EAO_REF(xor)
EAO_REF(bitwise_and)
EAO_REF(bitwise_or)
EAO_REF(bitwise_xor)
EAO_REF(bit_shift)
#undef EAO_REF

#endif
