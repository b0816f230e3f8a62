/* What the element-wise float kernels of all ISAs share. Plain C, built everywhere. */
#ifndef EAO_KERNEL_PLAIN_ELEMENTWISE_F32_H
#define EAO_KERNEL_PLAIN_ELEMENTWISE_F32_H

#include "kernel/ref/elementwise.h"
#include "kernel/step.h"

/* How two inputs broadcast to the output, with as few axes as possible: adjacent axes that both
 * inputs walk alike are one. The last axis has strides 0 or 1. */
typedef struct eao_pair_walk {
  int32_t n; /* axes, at least 1 */
  int64_t dim[EAO_MAX_RANK], a[EAO_MAX_RANK], b[EAO_MAX_RANK];
} eao_pair_walk;
void eao_pair_walk_init(eao_pair_walk *w, const eao_tensor *a, const eao_tensor *b,
                        const eao_tensor *y);

/* Exponents that need no logarithm. */
typedef enum eao_power {
  EAO_POWER_OTHER = 0,
  EAO_POWER_1,
  EAO_POWER_2,
  EAO_POWER_3,
  EAO_POWER_HALF,
  EAO_POWER_MINUS_HALF,
  EAO_POWER_MINUS_1,
} eao_power;
static inline eao_power eao_power_of(float e) {
  return e == 1       ? EAO_POWER_1
         : e == 2     ? EAO_POWER_2
         : e == 3     ? EAO_POWER_3
         : e == 0.5f  ? EAO_POWER_HALF
         : e == -0.5f ? EAO_POWER_MINUS_HALF
         : e == -1    ? EAO_POWER_MINUS_1
                      : EAO_POWER_OTHER;
}

bool eao_unary_f32_match(const eao_kcall *c);
bool eao_clip_f32_match(const eao_kcall *c);
bool eao_act_f32_match(const eao_kcall *c);
/* The exponent is one of the constants above. */
bool eao_pow_f32_match(const eao_kcall *c);
bool eao_binary_f32_match(const eao_kcall *c);
/* The same for add, sub, mul and div, which have an activation. */
bool eao_arith_f32_match(const eao_kcall *c);

#endif
