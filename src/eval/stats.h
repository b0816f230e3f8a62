/* Statistics that the files of this layer share. */
#ifndef EAO_EVAL_STATS_H
#define EAO_EVAL_STATS_H

#include "base/base.h"
#include "eao/eval.h"

/* Sorts v; the 2.5 and 97.5 percentiles, interpolated. NaNs count as largest. */
void eao_percentiles(double *v, uint32_t n, double *out_lo, double *out_hi);

#endif
