/* Reference kernels on quantised integers, and what they share. docs/integer-spec.md has the rule
 * of each. A call is quantised when its first input or first output is (eao_q_call): the kernels of
 * the ops hand such calls over to the functions here. */
#ifndef EAO_KERNEL_REF_QUANT_H
#define EAO_KERNEL_REF_QUANT_H

#include "kernel/act.h"
#include "kernel/kernel.h"
#include "kernel/ref/reduce.h"

static inline bool eao_q_is(const eao_tensor *t) {
  return t && t->quant.n > 0 && eao_dtype_is_int(t->dtype);
}
static inline bool eao_q_call(const eao_kcall *c) {
  return (c->n_in > 0 && eao_q_is(c->in[0])) || (c->n_out > 0 && eao_q_is(c->out[0]));
}

/* Per-tensor parameters; an integer tensor without quant stands for itself (scale 1, zero 0). */
typedef struct eao_qparam {
  float scale;
  int32_t zero;
  int32_t lo, hi; /* integers that may be stored */
} eao_qparam;

/* 8- and 16-bit integers (and 4-bit as input), per tensor; false: anything else. */
bool eao_q_param(const eao_tensor *t, eao_qparam *out);
/* As above with lo and hi narrowed by an activation that only clips; false also for others. */
bool eao_q_param_act(const eao_tensor *t, const eao_act *act, eao_qparam *out);
/* rne(real / scale) + zero, saturated to the type; products and quotients in float. */
int32_t eao_q_from_real(const eao_qparam *p, float real);
static inline float eao_q_to_real(const eao_qparam *p, int64_t q) {
  return (float)(q - p->zero) * p->scale;
}

/* Functions on reals: x, dequantised, goes through fn, the result is quantised. Integer tensors
 * that are not quantised, and floats, may stand on either side. */
typedef double (*eao_q_unary_fn)(const void *attr, double x);
typedef double (*eao_q_binary_fn)(const void *attr, double a, double b);
eao_status eao_q_unary(eao_kcall *c, eao_q_unary_fn fn);
/* in[0] op in[1] op in[2] ...; the result is divided by `divisor`. act may be NULL. */
eao_status eao_q_fold(eao_kcall *c, eao_q_binary_fn fn, double divisor, const eao_act *act);

eao_status eao_q_add(eao_kcall *c, const eao_act *act);
eao_status eao_q_sub(eao_kcall *c, const eao_act *act);
eao_status eao_q_mul(eao_kcall *c, const eao_act *act);
/* fn: the real function, for types that have no rule of their own. */
eao_status eao_q_leaky_relu(eao_kcall *c, float alpha, eao_q_unary_fn fn);

eao_status eao_q_conv(eao_kcall *c);
eao_status eao_q_conv_transpose(eao_kcall *c);
eao_status eao_q_fully_connected(eao_kcall *c);

eao_status eao_q_softmax(eao_kcall *c, const eao_softmax_attr *attr, bool log_of);
/* Sums, or means, of the groups of in[0]. */
eao_status eao_q_reduce_sum(eao_kcall *c, const eao_groups *g, bool mean);

/* Same element type, scale and zero point. */
bool eao_q_same(const eao_tensor *a, const eao_tensor *b);

/* quantize: float -> quantised, any axis; quantised -> quantised, per tensor. dequantize: quantised
 * or f16 -> float, any axis. */
eao_status eao_ref_quantize(eao_kcall *c);
eao_status eao_ref_dequantize(eao_kcall *c);

#endif
