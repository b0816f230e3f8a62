/* Activations that a kernel applies to its result before storing it. */
#ifndef EAO_KERNEL_ACT_H
#define EAO_KERNEL_ACT_H

#include <stdint.h>

typedef enum eao_act_kind {
  EAO_ACT_NONE = 0,
  EAO_ACT_RELU = 1,
  EAO_ACT_RELU6 = 2,
  EAO_ACT_RELU_N1_1 = 3,  /* clip to [-1, 1] */
  EAO_ACT_CLIP = 4,       /* clip to [a, b] */
  EAO_ACT_LEAKY_RELU = 5, /* x < 0 ? a * x : x */
  EAO_ACT_SIGMOID = 6,
  EAO_ACT_TANH = 7,
  EAO_ACT_HARD_SIGMOID = 8, /* clip(a * x + b, 0, 1) */
  EAO_ACT_HARD_SWISH = 9,   /* x * clip(x / 6 + 1 / 2, 0, 1) */
  EAO_ACT_SILU = 10,        /* x * sigmoid(x) */
  EAO_ACT_GELU = 11,        /* x / 2 * (1 + erf(x / sqrt 2)) */
  EAO_ACT_GELU_TANH = 12,   /* the tanh approximation of it */
} eao_act_kind;

/* Plain data, part of attribute structs. */
typedef struct eao_act {
  int32_t kind;
  float a, b;
} eao_act;

/* In double, for reference kernels. Unknown kinds act as NONE. */
double eao_act_apply(const eao_act *act, double x);
/* Bounds that the activation clips to; -inf/inf where it does not. Only kinds NONE, RELU, RELU6,
 * RELU_N1_1 and CLIP are pure clips: returns 1 for them, else 0. */
int eao_act_bounds(const eao_act *act, float *out_lo, float *out_hi);

#endif
