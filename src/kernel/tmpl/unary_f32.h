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

static inline __attribute__((always_inline)) eao_status run(eao_kcall *c, const param *p,
                                                            fn_f32 fn) {
  const float *x = c->in[0]->data;
  float *y = c->out[0]->data;
  int64_t i, end;
  eao_kcall_share(c, eao_tensor_count(c->out[0]), 16, &i, &end);
  for (; i + 2 * VL <= end; i += 2 * VL) {
    vf u = fn(p, v_load(x + i)), v = fn(p, v_load(x + i + VL));
    v_store(y + i, u);
    v_store(y + i + VL, v);
  }
  for (; i < end; i += VL) {
    int n = end - i < VL ? (int)(end - i) : VL;
    v_store_n(y + i, fn(p, v_load_n(x + i, n)), n);
  }
  return EAO_OK;
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

static const float half_sqrt2 = 0.707106781f;

PLAIN(relu, v_max(v_all(0), x))
PLAIN(abs, v_abs(x))
PLAIN(neg, v_sub(v_all(-0.0f), x))
PLAIN(square, v_mul(x, x))
PLAIN(sqrt, v_sqrt(x))
PLAIN(rsqrt, v_div(v_all(1), v_sqrt(x)))
PLAIN(reciprocal, v_div(v_all(1), x))
PLAIN(exp, v_exp(x))
PLAIN(sigmoid, v_sigmoid(x))
PLAIN(tanh, v_tanh(x))
PLAIN(erf, v_erf(x))
PLAIN(silu, v_mul(x, v_sigmoid(x)))
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

#define WITH_ALPHA(op)                                                                             \
  eao_status EAO_SIMD(eao_k_##op##_f32)(eao_kcall * c) {                                           \
    const eao_unary_attr *attr = c->attr;                                                          \
    return run(c, &(param){.a = v_all(attr->alpha), .b = v_all(attr->beta)}, fn_##op);             \
  }
WITH_ALPHA(leaky_relu)
WITH_ALPHA(elu)
WITH_ALPHA(hard_sigmoid)

eao_status EAO_SIMD(eao_k_gelu_f32)(eao_kcall *c) {
  const eao_gelu_attr *attr = c->attr;
  param p = {.a = v_all(0)};
  return attr->approximate ? run(c, &p, fn_gelu_tanh) : run(c, &p, fn_gelu);
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
  case EAO_ACT_SIGMOID: return run(c, &p, fn_sigmoid);
  case EAO_ACT_TANH: return run(c, &p, fn_tanh);
  case EAO_ACT_SILU: return run(c, &p, fn_silu);
  case EAO_ACT_GELU: return run(c, &p, fn_gelu);
  case EAO_ACT_GELU_TANH: return run(c, &p, fn_gelu_tanh);
  default: return run(c, &p, fn_simple_act);
  }
}

FN(cube, v_mul(v_mul(x, x), x))
FN(same, x)

eao_status EAO_SIMD(eao_k_pow_f32)(eao_kcall *c) {
  param p = {.a = v_all(0)};
  switch (eao_power_of(*(const float *)c->in[1]->data)) {
  case EAO_POWER_2: return run(c, &p, fn_square);
  case EAO_POWER_3: return run(c, &p, fn_cube);
  case EAO_POWER_HALF: return run(c, &p, fn_sqrt);
  case EAO_POWER_MINUS_HALF: return run(c, &p, fn_rsqrt);
  case EAO_POWER_MINUS_1: return run(c, &p, fn_reciprocal);
  default: return run(c, &p, fn_same);
  }
}
