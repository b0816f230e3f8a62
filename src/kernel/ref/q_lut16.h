/* Tables of functions of 16-bit quantised integers; see docs/integer-spec.md. */
#ifndef EAO_KERNEL_REF_Q_LUT16_H
#define EAO_KERNEL_REF_Q_LUT16_H

#include "kernel/ref/quant.h"

enum { EAO_LUT16_STEPS = 512 };
typedef struct eao_lut16 {
  int16_t v[EAO_LUT16_STEPS + 1];
} eao_lut16;

/* Reals that the integers -32768 and 32767 stand for. */
typedef struct eao_lut16_range {
  double in_min, in_max, out_min, out_max;
} eao_lut16_range;

void eao_lut16_init(eao_lut16 *t, eao_q_unary_fn fn, const void *attr, const eao_lut16_range *r);
int32_t eao_lut16_get(const eao_lut16 *t, int32_t q);

/* sigmoid and tanh of x / (3 * 4096), with 15 fraction bits. */
int32_t eao_sigmoid16(int32_t x);
int32_t eao_tanh16(int32_t x);

/* The unary function fn by a table where both sides are symmetric 16-bit, else by eao_q_unary. */
eao_status eao_q_lut16(eao_kcall *c, eao_q_unary_fn fn);
eao_status eao_q_sigmoid(eao_kcall *c, bool is_tanh, eao_q_unary_fn fn);

#endif
