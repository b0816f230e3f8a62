/* Float functions of two inputs that broadcast. Include after a simd/f32_*.h. */
#include "kernel/plain/pair_i8.h"
#include "kernel/tmpl/act_f32.h"

typedef vf (*fn2_f32)(const vact *act, vf a, vf b);

/* n elements; an input with stride 0 is one value. */
static inline __attribute__((always_inline)) void run_line(const vact *act, fn2_f32 fn,
                                                           const float *a, int64_t sa,
                                                           const float *b, int64_t sb, float *y,
                                                           int64_t n) {
  vf a0 = v_all(*a), b0 = v_all(*b);
  int64_t i = 0;
  for (; i + VL <= n; i += VL)
    v_store(y + i, fn(act, sa ? v_load(a + i) : a0, sb ? v_load(b + i) : b0));
  if (i == n) return;
  int rest = (int)(n - i);
  v_store_n(y + i, fn(act, sa ? v_load_n(a + i, rest) : a0, sb ? v_load_n(b + i, rest) : b0), rest);
}

static inline __attribute__((always_inline)) eao_status run(eao_kcall *c, const eao_act *attr,
                                                            fn2_f32 fn) {
  static const eao_act none = {0};
  vact act = v_act_init(attr ? attr : &none);
  eao_pair_lines w;
  eao_pair_lines_init(&w, c);
  for (int64_t n; (n = eao_pair_lines_next(&w, INT64_MAX)) > 0;)
    run_line(&act, fn, (const float *)c->in[0]->data + w.a, w.sa,
             (const float *)c->in[1]->data + w.b, w.sb, (float *)c->out[0]->data + w.y, n);
  return EAO_OK;
}

#define FN(op, expr)                                                                               \
  static inline __attribute__((always_inline)) vf fn_##op(const vact *act, vf a, vf b) {           \
    (void)act;                                                                                     \
    return expr;                                                                                   \
  }
#define ARITH(op, expr)                                                                            \
  FN(op, v_act(act, expr))                                                                         \
  eao_status EAO_SIMD(eao_k_##op##_f32)(eao_kcall * c) {                                           \
    const eao_binary_attr *attr = c->attr;                                                         \
    return run(c, &attr->act, fn_##op);                                                            \
  }
#define PLAIN(op, expr)                                                                            \
  FN(op, expr)                                                                                     \
  eao_status EAO_SIMD(eao_k_##op##_f32)(eao_kcall * c) {                                           \
    return run(c, NULL, fn_##op);                                                                  \
  }

ARITH(add, v_add(a, b))
ARITH(sub, v_sub(a, b))
ARITH(mul, v_mul(a, b))
ARITH(div, v_div(a, b))
/* NaN wins on both sides. */
PLAIN(min, v_if_nan(a, a, v_min(a, b)))
PLAIN(max, v_if_nan(a, a, v_max(a, b)))
PLAIN(squared_difference, v_mul(v_sub(a, b), v_sub(a, b)))
PLAIN(prelu, v_if_less(a, v_all(0), v_mul(a, b), a))
