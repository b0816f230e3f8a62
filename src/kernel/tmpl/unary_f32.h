/* Float functions of one input. Include after a simd/f32_*.h. */
#include "kernel/plain/elementwise_f32.h"
#include "kernel/tmpl/act_f32.h"
#include "kernel/tmpl/math_f32.h"

/* What a function may need besides x. */
typedef struct param {
  vact act;
  vf a, b;
} param;
typedef vf (*fn_f32)(const param *p, vf x);

/* step vectors at a time (a constant once inlined). What is left goes through a buffer, so that the
 * function is there once: those with an exponential are long, and for them one vector at a time
 * keeps a processor about as busy as two. */
static inline __attribute__((always_inline)) eao_status run_by(const int step, eao_kcall *c,
                                                               const param *p, fn_f32 fn) {
  float rest[2 * VL] = {0}, *last = NULL;
  int64_t i, end;
  eao_kcall_share(c, eao_tensor_count(c->out[0]), 16, &i, &end);
  const float *x = (const float *)c->in[0]->data + i;
  float *y = (float *)c->out[0]->data + i;
  int64_t left = end - i, n = 0;
  for (;;) {
    for (; left >= step * VL; left -= step * VL, x += step * VL, y += step * VL) {
      vf u = fn(p, v_load(x));
      if (step == 2) v_store(y + VL, fn(p, v_load(x + VL)));
      v_store(y, u);
    }
    if (left <= 0 || last) break;
    __builtin_memcpy(rest, x, (size_t)left * sizeof *x);
    n = left;
    last = y;
    x = y = rest;
    left = step * VL;
  }
  if (last) __builtin_memcpy(last, rest, (size_t)n * sizeof *x);
  return EAO_OK;
}

static inline __attribute__((always_inline)) eao_status run(eao_kcall *c, const param *p,
                                                            fn_f32 fn) {
  return run_by(2, c, p, fn);
}

#define FN(op, expr)                                                                               \
  static inline __attribute__((always_inline)) vf fn_##op(const param *p, vf x) {                  \
    (void)p;                                                                                       \
    return expr;                                                                                   \
  }
#define KERNEL(op)                                                                                 \
  eao_status EAO_SIMD(eao_k_##op##_f32)(eao_kcall * c) {                                           \
    return run(c, &(param){.a = v_all(0)}, fn_##op);                                               \
  }
#define PLAIN(op, expr) FN(op, expr) KERNEL(op)
#define LONG(op, expr)                                                                             \
  FN(op, expr)                                                                                     \
  eao_status EAO_SIMD(eao_k_##op##_f32)(eao_kcall * c) {                                           \
    return run_by(1, c, &(param){.a = v_all(0)}, fn_##op);                                         \
  }

static const float half_sqrt2 = 0.707106781f;

PLAIN(relu, v_max(v_all(0), x))
PLAIN(abs, v_abs(x))
PLAIN(neg, v_sub(v_all(-0.0f), x))
PLAIN(square, v_mul(x, x))
PLAIN(sqrt, v_sqrt(x))
PLAIN(rsqrt, v_div(v_all(1), v_sqrt(x)))
PLAIN(reciprocal, v_div(v_all(1), x))
LONG(exp, v_exp(x))
LONG(sigmoid, v_sigmoid(x))
LONG(tanh, v_tanh(x))
LONG(erf, v_erf(x))
LONG(silu, v_mul(x, v_sigmoid(x)))
PLAIN(hard_swish,
      v_mul(x, v_min(v_all(1), v_max(v_all(0), v_fma(x, v_all(1.0f / 6), v_all(0.5f))))))
FN(gelu, v_mul(v_mul(v_all(0.5f), x), v_one_plus_erf(v_mul(x, v_all(half_sqrt2)))))
/* (1 + tanh u) / 2 = sigmoid(2 u) */
FN(gelu_tanh, v_mul(x, v_sigmoid(v_mul(v_all(1.59576912f),
                                       v_fma(v_mul(v_mul(x, x), x), v_all(0.044715f), x)))))
/* x < 0 ? a * x : x, which is right for every a */
FN(leaky_relu, v_if_less(x, v_all(0), v_mul(p->a, x), x))
FN(elu, v_if_less(x, v_all(0), v_mul(p->a, v_expm1(x)), x))
FN(hard_sigmoid, v_min(v_all(1), v_max(v_all(0), v_fma(p->a, x, p->b))))
FN(clip, v_min(p->b, v_max(p->a, x)))
FN(simple_act, v_act(&p->act, x))

#define WITH_ALPHA(op, step)                                                                       \
  eao_status EAO_SIMD(eao_k_##op##_f32)(eao_kcall * c) {                                           \
    const eao_unary_attr *attr = c->attr;                                                          \
    return run_by(step, c, &(param){.a = v_all(attr->alpha), .b = v_all(attr->beta)}, fn_##op);    \
  }
WITH_ALPHA(leaky_relu, 2)
WITH_ALPHA(elu, 1)
WITH_ALPHA(hard_sigmoid, 2)

static eao_status run_gelu(eao_kcall *c) {
  return run_by(2, c, &(param){.a = v_all(0)}, fn_gelu);
}
static eao_status run_gelu_tanh(eao_kcall *c) {
  return run_by(2, c, &(param){.a = v_all(0)}, fn_gelu_tanh);
}
eao_status EAO_SIMD(eao_k_gelu_f32)(eao_kcall *c) {
  return ((const eao_gelu_attr *)c->attr)->approximate ? run_gelu_tanh(c) : run_gelu(c);
}

static float scalar_or(const eao_kcall *c, uint32_t i, float fallback) {
  return i < c->n_in && c->in[i] ? *(const float *)c->in[i]->data : fallback;
}

eao_status EAO_SIMD(eao_k_clip_f32)(eao_kcall *c) {
  param p = {.a = v_all(scalar_or(c, 1, -__builtin_inff())),
             .b = v_all(scalar_or(c, 2, __builtin_inff()))};
  return run(c, &p, fn_clip);
}

eao_status EAO_SIMD(eao_k_act_f32)(eao_kcall *c) {
  const eao_binary_attr *attr = c->attr;
  param p = {.act = v_act_init(&attr->act)};
  switch (attr->act.kind) {
  case EAO_ACT_SIGMOID: return EAO_SIMD(eao_k_sigmoid_f32)(c);
  case EAO_ACT_TANH: return EAO_SIMD(eao_k_tanh_f32)(c);
  case EAO_ACT_SILU: return EAO_SIMD(eao_k_silu_f32)(c);
  case EAO_ACT_GELU: return run_gelu(c);
  case EAO_ACT_GELU_TANH: return run_gelu_tanh(c);
  default: return run(c, &p, fn_simple_act);
  }
}

FN(cube, v_mul(v_mul(x, x), x))
FN(same, x)

eao_status EAO_SIMD(eao_k_pow_f32)(eao_kcall *c) {
  param p = {.a = v_all(0)};
  switch (eao_power_of(*(const float *)c->in[1]->data)) {
  case EAO_POWER_2: return EAO_SIMD(eao_k_square_f32)(c);
  case EAO_POWER_3: return run(c, &p, fn_cube);
  case EAO_POWER_HALF: return EAO_SIMD(eao_k_sqrt_f32)(c);
  case EAO_POWER_MINUS_HALF: return EAO_SIMD(eao_k_rsqrt_f32)(c);
  case EAO_POWER_MINUS_1: return EAO_SIMD(eao_k_reciprocal_f32)(c);
  default: return run(c, &p, fn_same);
  }
}
