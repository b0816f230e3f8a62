#include "kernel/plain/elementwise_f32.h"

#include "kernel/plain/conv_f32.h"

void eao_pair_walk_init(eao_pair_walk *w, const eao_tensor *a, const eao_tensor *b,
                        const eao_tensor *y) {
  eao_bcast ba, bb;
  eao_bcast_init(&ba, a, y);
  eao_bcast_init(&bb, b, y);
  w->n = 0;
  for (int32_t d = 0; d < y->rank; d++) {
    if (y->dim[d] == 1) continue;
    int32_t last = w->n - 1;
    if (last >= 0 && w->a[last] == ba.stride[d] * y->dim[d] &&
        w->b[last] == bb.stride[d] * y->dim[d]) {
      w->dim[last] *= y->dim[d];
    } else {
      w->dim[++last] = y->dim[d];
      w->n++;
    }
    w->a[last] = ba.stride[d];
    w->b[last] = bb.stride[d];
  }
  if (w->n == 0) {
    w->n = 1;
    w->dim[0] = 1;
    w->a[0] = w->b[0] = 1;
  }
}

static bool is_f32(const eao_tensor *t) {
  return t->dtype == EAO_F32;
}

bool eao_unary_f32_match(const eao_kcall *c) {
  return is_f32(c->in[0]);
}

bool eao_clip_f32_match(const eao_kcall *c) {
  for (uint32_t i = 0; i < c->n_in; i++)
    if (c->in[i] && !is_f32(c->in[i])) return false;
  return true;
}

bool eao_act_f32_match(const eao_kcall *c) {
  const eao_binary_attr *a = c->attr;
  int32_t k = a->act.kind;
  bool hard = k == EAO_ACT_SIGMOID || k == EAO_ACT_TANH || k == EAO_ACT_SILU || k == EAO_ACT_GELU ||
              k == EAO_ACT_GELU_TANH;
  return is_f32(c->in[0]) && (hard || eao_act_is_simple(&a->act));
}

bool eao_pow_f32_match(const eao_kcall *c) {
  const eao_tensor *x = c->in[0], *e = c->in[1];
  return is_f32(x) && is_f32(e) && is_f32(c->out[0]) && e->data && eao_tensor_count(e) == 1 &&
         eao_tensor_count(x) == eao_tensor_count(c->out[0]) &&
         eao_power_of(*(const float *)e->data) != EAO_POWER_OTHER;
}

bool eao_binary_f32_match(const eao_kcall *c) {
  return c->n_in == 2 && is_f32(c->in[0]) && is_f32(c->in[1]) && is_f32(c->out[0]);
}

bool eao_arith_f32_match(const eao_kcall *c) {
  const eao_binary_attr *a = c->attr;
  return eao_binary_f32_match(c) && eao_act_is_simple(&a->act);
}

#define ROW(op, isa, match)                                                                        \
  bool eao_k_##op##_f32_##isa##_match(const eao_kcall *c) {                                        \
    return match(c);                                                                               \
  }
#define ROWS(isa)                                                                                  \
  ROW(relu, isa, eao_unary_f32_match)                                                              \
  ROW(abs, isa, eao_unary_f32_match)                                                               \
  ROW(neg, isa, eao_unary_f32_match)                                                               \
  ROW(square, isa, eao_unary_f32_match)                                                            \
  ROW(sqrt, isa, eao_unary_f32_match)                                                              \
  ROW(rsqrt, isa, eao_unary_f32_match)                                                             \
  ROW(reciprocal, isa, eao_unary_f32_match)                                                        \
  ROW(exp, isa, eao_unary_f32_match)                                                               \
  ROW(sigmoid, isa, eao_unary_f32_match)                                                           \
  ROW(tanh, isa, eao_unary_f32_match)                                                              \
  ROW(erf, isa, eao_unary_f32_match)                                                               \
  ROW(silu, isa, eao_unary_f32_match)                                                              \
  ROW(hard_swish, isa, eao_unary_f32_match)                                                        \
  ROW(gelu, isa, eao_unary_f32_match)                                                              \
  ROW(leaky_relu, isa, eao_unary_f32_match)                                                        \
  ROW(elu, isa, eao_unary_f32_match)                                                               \
  ROW(hard_sigmoid, isa, eao_unary_f32_match)                                                      \
  ROW(clip, isa, eao_clip_f32_match)                                                               \
  ROW(pow, isa, eao_pow_f32_match)                                                                 \
  ROW(act, isa, eao_act_f32_match)                                                                 \
  ROW(add, isa, eao_arith_f32_match)                                                               \
  ROW(sub, isa, eao_arith_f32_match)                                                               \
  ROW(mul, isa, eao_arith_f32_match)                                                               \
  ROW(div, isa, eao_arith_f32_match)                                                               \
  ROW(min, isa, eao_binary_f32_match)                                                              \
  ROW(max, isa, eao_binary_f32_match)                                                              \
  ROW(squared_difference, isa, eao_binary_f32_match)                                               \
  ROW(prelu, isa, eao_binary_f32_match)

ROWS(avx2)
ROWS(avx512)
ROWS(neon)
