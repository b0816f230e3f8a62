/* Sums of products of quantised integers, and what turns them into stored integers. */
#ifndef EAO_KERNEL_REF_Q_SUMS_H
#define EAO_KERNEL_REF_Q_SUMS_H

#include "kernel/fixed.h"
#include "kernel/ref/quant.h"
#include "kernel/requant.h"

/* x . w over n elements, zero points taken off; 8-bit sums wrap at 32 bits as every runtime's do.
 */
typedef struct eao_q_operand {
  const eao_tensor *t;
  int64_t at, stride;
  int32_t zero;
} eao_q_operand;
int64_t eao_q_dot(const eao_q_operand *x, const eao_q_operand *w, int64_t n);

/* How sums of outputs with weights w become elements of y. */
typedef struct eao_q_output {
  eao_qparam x, y;
  const eao_tensor *w, *bias;
  bool wide;     /* 16-bit activations: fixed point instead of the float rule */
  bool sums_i64; /* wide with 64-bit sums */
} eao_q_output;

/* false, with c->error set, when the types or the activation have no rule. */
/* channel: axis of the weights that outputs run along, the only one that scales may vary on. */
bool eao_q_output_init(eao_q_output *q, eao_kcall *c, int32_t channel, const eao_act *act);
/* acc without bias -> stored integer of output channel o. */
int32_t eao_q_output_store(const eao_q_output *q, int64_t acc, int64_t o);
static inline int32_t eao_q_channel_zero(const eao_tensor *w, int64_t o) {
  return w->quant.zero ? w->quant.zero[o % w->quant.n] : 0;
}

#endif
