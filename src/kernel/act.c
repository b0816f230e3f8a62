#include "kernel/act.h"

#include <math.h>

static double clip(double x, double lo, double hi) {
  return x < lo ? lo : x > hi ? hi : x;
}

double eao_act_apply(const eao_act *act, double x) {
  switch (act->kind) {
  case EAO_ACT_RELU: return x < 0 ? 0 : x;
  case EAO_ACT_RELU6: return clip(x, 0, 6);
  case EAO_ACT_RELU_N1_1: return clip(x, -1, 1);
  case EAO_ACT_CLIP: return clip(x, (double)act->a, (double)act->b);
  case EAO_ACT_LEAKY_RELU: return x < 0 ? (double)act->a * x : x;
  case EAO_ACT_SIGMOID: return 1 / (1 + exp(-x));
  case EAO_ACT_TANH: return tanh(x);
  case EAO_ACT_HARD_SIGMOID: return clip((double)act->a * x + (double)act->b, 0, 1);
  case EAO_ACT_HARD_SWISH: return x * clip(x / 6 + 0.5, 0, 1);
  case EAO_ACT_SILU: return x / (1 + exp(-x));
  case EAO_ACT_GELU: return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
  case EAO_ACT_GELU_TANH:
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
  default: return x;
  }
}

int eao_act_bounds(const eao_act *act, float *out_lo, float *out_hi) {
  *out_lo = -INFINITY;
  *out_hi = INFINITY;
  switch (act->kind) {
  case EAO_ACT_NONE: return 1;
  case EAO_ACT_RELU: *out_lo = 0; return 1;
  case EAO_ACT_RELU6:
    *out_lo = 0;
    *out_hi = 6;
    return 1;
  case EAO_ACT_RELU_N1_1:
    *out_lo = -1;
    *out_hi = 1;
    return 1;
  case EAO_ACT_CLIP:
    *out_lo = act->a;
    *out_hi = act->b;
    return 1;
  default: return 0;
  }
}
