/* Reference losses and their attributes. */
#ifndef EAO_KERNEL_REF_LOSS_H
#define EAO_KERNEL_REF_LOSS_H

#include "kernel/kernel.h"

enum { EAO_LOSS_MEAN = 0, EAO_LOSS_SUM = 1, EAO_LOSS_NONE = 2 };

/* nll_loss: log-probabilities [N, C, ...], labels [N, ...], optional weights [C] -> loss.
 * softmax_cross_entropy_loss: scores in place of log-probabilities; -> loss, log-probabilities.
 * mean: divided by the sum of the weights that were used. */
typedef struct eao_loss_attr {
  int64_t ignore_index; /* label that does not count; EAO_LOSS_NO_LABEL: all do */
  int32_t reduction;    /* EAO_LOSS_ */
  int32_t pad;
} eao_loss_attr;
#define EAO_LOSS_NO_LABEL INT64_MIN

eao_status eao_ref_nll_loss(eao_kcall *c);
eao_status eao_ref_softmax_cross_entropy_loss(eao_kcall *c);

#endif
