/* Activations on vectors. Include after a simd/f32_*.h. */
#ifndef EAO_KERNEL_TMPL_ACT_F32_H
#define EAO_KERNEL_TMPL_ACT_F32_H

#include "kernel/act.h"

/* Those that need no exponential; eao_act_is_simple says which. The clip comes last, with bounds at
 * infinity where there is none. */
typedef struct vact {
  int32_t kind;
  vf a, b, lo, hi;
} vact;

static inline vact v_act_init(const eao_act *act) {
  vact v = {.kind = act->kind, .a = v_all(act->a), .b = v_all(act->b)};
  float lo, hi;
  if (eao_act_bounds(act, &lo, &hi)) v.kind = EAO_ACT_NONE;
  v.lo = v_all(lo);
  v.hi = v_all(hi);
  return v;
}

static inline vf v_act(const vact *act, vf x) {
  vf zero = v_all(0), one = v_all(1);
  switch (act->kind) {
  case EAO_ACT_LEAKY_RELU: return v_fma(act->a, v_min(zero, x), v_max(zero, x));
  case EAO_ACT_HARD_SIGMOID: return v_min(one, v_max(zero, v_fma(act->a, x, act->b)));
  case EAO_ACT_HARD_SWISH:
    return v_mul(x, v_min(one, v_max(zero, v_fma(x, v_all(1.0f / 6), v_all(0.5f)))));
  default: return v_min(act->hi, v_max(act->lo, x));
  }
}

#endif
