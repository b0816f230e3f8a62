/* Confidence intervals by the bootstrap, and the area under the ROC curve. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/stats.h"

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  if (x != x || y != y) return (x != x) - (y != y);
  return (x > y) - (x < y);
}

static double percentile(const double *v, uint32_t n, double p) {
  double at = p * (double)(n - 1);
  uint32_t k = (uint32_t)at;
  if (k + 1 >= n) return v[n - 1];
  return v[k] == v[k + 1] ? v[k] : v[k] + (at - k) * (v[k + 1] - v[k]);
}

void eao_percentiles(double *v, uint32_t n, double *out_lo, double *out_hi) {
  qsort(v, n, sizeof *v, by_value);
  *out_lo = n ? percentile(v, n, 0.025) : NAN;
  *out_hi = n ? percentile(v, n, 0.975) : NAN;
}

/* Resamples come one after the other and only their means are kept. */
void eao_bootstrap_mean(const double *values, int64_t n, uint32_t resamples, uint64_t seed,
                        eao_score *io) {
  enum { MOST = 10000 };
  double mean[MOST], sum = 0;
  eao_rng rng = {seed};
  if (resamples > MOST) resamples = MOST;
  for (int64_t i = 0; i < n; i++) sum += values[i];
  io->value = n ? sum / (double)n : NAN;
  for (uint32_t r = 0; r < resamples; r++) {
    sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[eao_rng_below(&rng, (uint64_t)n)];
    mean[r] = n ? sum / (double)n : NAN;
  }
  eao_percentiles(mean, resamples, &io->lo, &io->hi);
}

typedef struct scored {
  double score;
  uint8_t label;
} scored;

static int by_score(const void *a, const void *b) {
  return by_value(&((const scored *)a)->score, &((const scored *)b)->score);
}

/* Mann-Whitney: share of pairs that are in order, ties half. times[i]: how often sample i counts.
 */
static double area(const scored *s, const uint32_t *times, int64_t n) {
  double below = 0, in_order = 0, positives = 0, negatives = 0;
  for (int64_t i = 0; i < n;) {
    double pos = 0, neg = 0;
    int64_t k = i;
    for (; k < n && (s[k].score == s[i].score || k == i); k++) {
      if (s[k].label)
        pos += times ? times[k] : 1;
      else
        neg += times ? times[k] : 1;
    }
    in_order += pos * (below + neg / 2);
    below += neg;
    positives += pos;
    negatives += neg;
    i = k;
  }
  return in_order / (positives * negatives); /* NaN when a class is missing */
}

eao_status eao_auc(eao_ctx *ctx, const double *score, const uint8_t *label, int64_t n,
                   uint32_t resamples, uint64_t seed, eao_score *out) {
  scored *s = eao_alloc(ctx, (size_t)n * sizeof *s);
  uint32_t *times = eao_alloc(ctx, (size_t)n * sizeof *times);
  double *areas = eao_alloc(ctx, resamples * sizeof *areas);
  eao_rng rng = {seed};
  eao_status st = s && times && areas ? EAO_OK : EAO_NOMEM(ctx);
  if (st == EAO_OK) {
    for (int64_t i = 0; i < n; i++) s[i] = (scored){score[i], label[i] != 0};
    qsort(s, (size_t)n, sizeof *s, by_score);
    out->metric = EAO_METRIC_AUC;
    out->value = area(s, NULL, n);
    uint32_t kept = 0; /* resamples that lack a class have no area */
    for (uint32_t r = 0; r < resamples; r++) {
      memset(times, 0, (size_t)n * sizeof *times);
      for (int64_t i = 0; i < n; i++) times[eao_rng_below(&rng, (uint64_t)n)]++;
      areas[kept] = area(s, times, n);
      if (!isnan(areas[kept])) kept++;
    }
    eao_percentiles(areas, kept, &out->lo, &out->hi);
  }
  eao_free(ctx, s);
  eao_free(ctx, times);
  eao_free(ctx, areas);
  return st;
}
