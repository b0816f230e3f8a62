/* Distribution of a stream of numbers in bounded memory: 2048 bins over a range that doubles by
 * merging neighbours when a number falls outside, so memory does not depend on how many come. */
#ifndef EAO_COMPRESS_QUANT_HIST_H
#define EAO_COMPRESS_QUANT_HIST_H

#include <stdbool.h>

#include "eao/eao.h"

enum { EAO_HIST_BINS = 2048 };

typedef struct eao_hist {
  double lo, width; /* of the first bin; bin i starts at lo + i * width; width 0: empty */
  double min, max;  /* of all numbers */
  uint64_t total;
  uint64_t skipped; /* NaN and infinities */
  uint64_t bin[EAO_HIST_BINS];
} eao_hist;

/* Zeroed memory is an empty histogram. */
void eao_hist_add(eao_hist *h, const float *v, int64_t n);
/* Counts v[first], v[first + step], ...; the extremes are those of all n. */
void eao_hist_sample(eao_hist *h, const float *v, int64_t n, int64_t first, int64_t step);
/* Adds what b holds; ranges may differ. */
void eao_hist_merge(eao_hist *h, const eao_hist *b);

/* A range that contains 0. Empty: [0, 0]. */
void eao_hist_range(const eao_hist *h, eao_range_kind kind, double *out_lo, double *out_hi);

#endif
