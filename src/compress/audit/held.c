/* Calibration samples against those for evaluation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/audit/audit.h"

static int by_hash(const void *pa, const void *pb) {
  uint64_t x = *(const uint64_t *)pa, y = *(const uint64_t *)pb;
  return (x > y) - (x < y);
}

static eao_status check_leak(audit *a) {
  const audit_set *set = &a->set, *held = &a->held;
  uint64_t *known = eao_alloc(a->ctx, (set->n + (size_t)1) * sizeof *known);
  uint32_t *pick = eao_alloc(a->ctx, (held->n + (size_t)1) * sizeof *pick), n = 0, m = 0;
  eao_status s = known && pick ? EAO_OK : EAO_NOMEM(a->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < set->n; i++)
    if (set->sample[i].ok && set->sample[i].std > 0) known[m++] = set->sample[i].hash;
  if (s == EAO_OK && m) qsort(known, m, sizeof *known, by_hash);
  for (uint32_t i = 0; s == EAO_OK && m && i < held->n; i++)
    if (held->sample[i].ok && bsearch(&held->sample[i].hash, known, m, sizeof *known, by_hash))
      pick[n++] = i;
  if (n)
    s = audit_find(a, EAO_AUDIT_LEAK, n * 50 >= held->n ? EAO_AUDIT_WARNING : EAO_AUDIT_NOTE, 0.99,
                   "calibrate with other samples than the score is taken on: it comes out too high",
                   "%u of %u evaluation samples are among the calibration samples too: %s", n,
                   held->n, audit_names(a, held, pick, n));
  eao_free(a->ctx, known);
  eao_free(a->ctx, pick);
  return s;
}

/* ---- drift ---- */

typedef double (*statistic)(const audit_sample *s);

static double mean_of(const audit_sample *s) {
  return (double)s->mean;
}
static double std_of(const audit_sample *s) {
  return (double)s->std;
}
static double top_of(const audit_sample *s) {
  return fmax(fabs((double)s->min), fabs((double)s->max));
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static uint32_t sorted(const audit_set *set, statistic of, double *out) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < set->n; i++)
    if (set->sample[i].ok && set->sample[i].finite) out[n++] = of(&set->sample[i]);
  if (n) qsort(out, n, sizeof *out, by_value);
  return n;
}

/* Largest distance of two empirical distributions (Kolmogorov, Smirnov). */
static double distance(const double *x, uint32_t n, const double *y, uint32_t m) {
  double worst = 0;
  for (uint32_t i = 0, k = 0; i < n && k < m;) {
    double v = fmin(x[i], y[k]);
    while (i < n && x[i] <= v) i++;
    while (k < m && y[k] <= v) k++;
    worst = fmax(worst, fabs((double)i / n - (double)k / m));
  }
  return worst;
}

/* Asymptotic significance of the distance. */
static double significance(double d, uint32_t n, uint32_t m) {
  double root = sqrt((double)n * m / ((double)n + m)), l = (root + 0.12 + 0.11 / root) * d, sum = 0;
  for (int k = 1; k < 50; k++) sum += (k % 2 ? 2 : -2) * exp(-2 * l * l * k * k);
  return sum < 0 ? 0 : sum > 1 ? 1 : sum;
}

typedef struct drift {
  const char *what;
  double distance, p, from, to;
} drift;

static drift drift_of(const audit *a, statistic of, const char *what, double *x, double *y) {
  uint32_t n = sorted(&a->set, of, x), m = sorted(&a->held, of, y);
  if (n < 16 || m < 16) return (drift){what, 0, 1, 0, 0};
  double d = distance(x, n, y, m);
  return (drift){what, d, significance(d, n, m), x[n / 2], y[m / 2]};
}

static eao_status check_drift(audit *a) {
  static const struct {
    const char *what;
    statistic of;
  } looked[] = {{"mean", mean_of}, {"deviation", std_of}, {"largest magnitude", top_of}};
  double *x = eao_alloc(a->ctx, (a->set.n + (size_t)1) * sizeof *x);
  double *y = eao_alloc(a->ctx, (a->held.n + (size_t)1) * sizeof *y);
  drift worst = {"", 0, 1, 0, 0};
  eao_status s = x && y ? EAO_OK : EAO_NOMEM(a->ctx);
  for (size_t i = 0; s == EAO_OK && i < EAO_COUNT(looked); i++) {
    drift d = drift_of(a, looked[i].of, looked[i].what, x, y);
    if (d.distance > worst.distance) worst = d;
  }
  eao_free(a->ctx, x);
  eao_free(a->ctx, y);
  /* Significant, and large enough to matter. */
  if (s != EAO_OK || worst.p > 1e-5 || worst.distance < 0.3) return s;
  return audit_find(a, EAO_AUDIT_DRIFT, EAO_AUDIT_WARNING, 1 - worst.p * 1e3,
                    "calibrate with samples like those that will be met: other light, devices or "
                    "preparation shift the ranges",
                    "the %s of a sample is distributed differently: median %.4g in calibration, "
                    "%.4g in evaluation (Kolmogorov-Smirnov distance %.2f, p %.1g)",
                    worst.what, worst.from, worst.to, worst.distance, worst.p);
}

/* Samples of the held-out set that go beyond what calibration has seen. */
static eao_status check_clipping(audit *a) {
  double lo = INFINITY, hi = -INFINITY;
  uint32_t beyond = 0, n = 0;
  for (uint32_t i = 0; i < a->set.n; i++) {
    const audit_sample *s = &a->set.sample[i];
    if (!s->ok || !s->finite) continue;
    lo = fmin(lo, (double)s->min);
    hi = fmax(hi, (double)s->max);
  }
  for (uint32_t i = 0; i < a->held.n && hi >= lo; i++) {
    const audit_sample *s = &a->held.sample[i];
    if (!s->ok || !s->finite) continue;
    n++;
    double slack = 0.05 * (hi - lo);
    beyond += (double)s->min < lo - slack || (double)s->max > hi + slack;
  }
  if (audit_has(a, EAO_AUDIT_DRIFT) || beyond * 10 < n || !n) return EAO_OK;
  return audit_find(a, EAO_AUDIT_DRIFT, EAO_AUDIT_WARNING, 0.9,
                    "calibrate with more samples, and with such as the evaluation has: numbers "
                    "outside the calibrated range are clipped",
                    "%u of %u evaluation samples go beyond the calibration samples' range of %.4g "
                    "to %.4g",
                    beyond, n, lo, hi);
}

eao_status audit_check_held_out(audit *a) {
  EAO_TRY(check_leak(a));
  EAO_TRY(check_drift(a));
  return check_clipping(a);
}
