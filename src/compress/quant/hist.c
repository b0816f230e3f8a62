#include "compress/quant/hist.h"

#include <math.h>
#include <string.h>

enum { STEPS = 100, LEVELS = 256 };

const char *eao_range_name(eao_range_kind k) {
  static const char *const names[] = {"min-max", "percentile 99.99", "percentile 99.9", "mse",
                                      "kl"};
  return k < EAO_RANGE_COUNT ? names[k] : "?";
}

/* ---- filling ---- */

static double top(const eao_hist *h) {
  return h->lo + h->width * EAO_HIST_BINS;
}

/* Twice the range; the old one becomes its lower or its upper half. */
static void grow(eao_hist *h, bool down) {
  enum { HALF = EAO_HIST_BINS / 2 };
  uint64_t merged[HALF];
  for (int32_t i = 0; i < HALF; i++) merged[i] = h->bin[2 * i] + h->bin[2 * i + 1];
  memset(h->bin, 0, sizeof h->bin);
  memcpy(h->bin + (down ? HALF : 0), merged, sizeof merged);
  if (down) h->lo -= h->width * EAO_HIST_BINS;
  h->width *= 2;
}

/* Widths double: a range that covers all floats is reached after few steps. */
static void cover(eao_hist *h, double min, double max) {
  if (h->width == 0) {
    double span = max - min, least = fmax(fabs(min), fabs(max)) * 0x1p-20 + 0x1p-100;
    h->lo = min;
    h->width = fmax(span, least) / (EAO_HIST_BINS - 1); /* max falls inside the last bin */
    h->min = min;
    h->max = max;
  }
  while (min < h->lo) grow(h, true);
  while (max >= top(h)) grow(h, false);
  h->min = fmin(h->min, min);
  h->max = fmax(h->max, max);
}

static void put(eao_hist *h, double v, uint64_t count) {
  int64_t i = (int64_t)((v - h->lo) / h->width);
  h->bin[i < 0 ? 0 : i >= EAO_HIST_BINS ? EAO_HIST_BINS - 1 : i] += count;
  h->total += count;
}

/* Smallest and largest of the numbers that are not NaN. Lanes let the compiler use vectors. */
static void extremes(const float *v, int64_t n, float *out_min, float *out_max) {
  enum { LANES = 16 };
  float min[LANES], max[LANES];
  int64_t i = 0;
  for (int32_t k = 0; k < LANES; k++) min[k] = INFINITY, max[k] = -INFINITY;
  for (; i + LANES <= n; i += LANES)
    for (int32_t k = 0; k < LANES; k++) {
      min[k] = v[i + k] < min[k] ? v[i + k] : min[k];
      max[k] = v[i + k] > max[k] ? v[i + k] : max[k];
    }
  for (; i < n; i++) {
    min[0] = v[i] < min[0] ? v[i] : min[0];
    max[0] = v[i] > max[0] ? v[i] : max[0];
  }
  for (int32_t k = 1; k < LANES; k++) {
    min[0] = fminf(min[0], min[k]);
    max[0] = fmaxf(max[0], max[k]);
  }
  *out_min = min[0];
  *out_max = max[0];
}

static void finite_extremes(const float *v, int64_t n, float *out_min, float *out_max) {
  extremes(v, n, out_min, out_max);
  if (isfinite(*out_min) && isfinite(*out_max)) return;
  float min = INFINITY, max = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    if (!isfinite(v[i])) continue;
    min = v[i] < min ? v[i] : min;
    max = v[i] > max ? v[i] : max;
  }
  *out_min = min;
  *out_max = max;
}

void eao_hist_sample(eao_hist *h, const float *v, int64_t n, int64_t first, int64_t step) {
  float min, max;
  finite_extremes(v, n, &min, &max);
  if (min <= max) cover(h, (double)min, (double)max);
  double lo = h->lo, per = h->width > 0 ? 1 / h->width : 0;
  for (int64_t i = first; i < n; i += step) {
    if (!isfinite(v[i])) {
      h->skipped++;
      continue;
    }
    int64_t at = (int64_t)(((double)v[i] - lo) * per);
    h->bin[at < 0 ? 0 : at >= EAO_HIST_BINS ? EAO_HIST_BINS - 1 : at]++;
    h->total++;
  }
}

void eao_hist_add(eao_hist *h, const float *v, int64_t n) {
  eao_hist_sample(h, v, n, 0, 1);
}

void eao_hist_merge(eao_hist *h, const eao_hist *b) {
  h->skipped += b->skipped;
  if (b->total == 0) return;
  cover(h, b->min, b->max);
  for (int32_t i = 0; i < EAO_HIST_BINS; i++)
    if (b->bin[i]) put(h, b->lo + (i + 0.5) * b->width, b->bin[i]);
}

/* ---- ranges ---- */

static double centre(const eao_hist *h, int32_t i) {
  return h->lo + (i + 0.5) * h->width;
}

static void percentile(const eao_hist *h, double clipped, double *lo, double *hi) {
  double side = clipped / 2 * (double)h->total, sum = 0;
  int32_t i = 0, k = EAO_HIST_BINS - 1;
  for (; i < EAO_HIST_BINS - 1 && sum + (double)h->bin[i] <= side; i++) sum += (double)h->bin[i];
  for (sum = 0; k > i && sum + (double)h->bin[k] <= side; k--) sum += (double)h->bin[k];
  *lo = fmax(*lo, h->lo + i * h->width);
  *hi = fmin(*hi, h->lo + (k + 1) * h->width);
}

static double squared_error(const eao_hist *h, double lo, double hi) {
  double step = (hi - lo) / (LEVELS - 1), sum = 0;
  if (!(step > 0)) return INFINITY;
  for (int32_t i = 0; i < EAO_HIST_BINS; i++) {
    if (!h->bin[i]) continue;
    double c = centre(h, i), v = fmin(fmax(c, lo), hi), e = lo + rint((v - lo) / step) * step - c;
    sum += e * e * (double)h->bin[i];
  }
  return sum;
}

/* Divergence of the distribution clipped to [lo, hi] from what 256 levels make of it. Zeros, which
 * a ReLU makes in any number and which are exact anyway, do not count. */
static double divergence(const eao_hist *h, double lo, double hi) {
  int32_t zero = h->lo <= 0 ? (int32_t)(-h->lo / h->width) : -1;
  double mass[LEVELS] = {0}, step = (hi - lo) / LEVELS, sum = 0, edge_lo = 0, edge_hi = 0;
  int32_t used[LEVELS] = {0}, first = -1, last = -1;
  if (!(step > 0)) return INFINITY;
  for (int32_t i = 0; i < EAO_HIST_BINS; i++) {
    double c = centre(h, i), n = (double)h->bin[i];
    if (i == zero) continue;
    if (c < lo) edge_lo += n;
    if (c > hi) edge_hi += n;
    if (c < lo || c > hi || !h->bin[i]) continue;
    int32_t k = (int32_t)((c - lo) / step);
    k = k >= LEVELS ? LEVELS - 1 : k;
    mass[k] += n;
    used[k]++;
    if (first < 0) first = i;
    last = i;
  }
  if (first < 0) return INFINITY;
  for (int32_t i = first; i <= last; i++) {
    double c = centre(h, i), p = (double)h->bin[i];
    if (!h->bin[i] || i == zero) continue;
    int32_t k = (int32_t)((c - lo) / step);
    k = k >= LEVELS ? LEVELS - 1 : k;
    double q = mass[k] / used[k];
    p += (i == first ? edge_lo : 0) + (i == last ? edge_hi : 0);
    sum += p * log(p / q);
  }
  return sum / (double)h->total;
}

/* The two ends are drawn in one after the other, each by its best fraction. */
static void search(const eao_hist *h, double (*error)(const eao_hist *, double, double), double *lo,
                   double *hi) {
  for (int32_t round = 0; round < 2; round++)
    for (int32_t end = 0; end < 2; end++) {
      double full = end ? h->max : h->min, best = INFINITY, at = end ? *hi : *lo;
      full = end ? fmax(full, 0) : fmin(full, 0);
      for (int32_t k = STEPS; k >= STEPS / 5; k--) {
        double edge = full * k / STEPS, e = error(h, end ? *lo : edge, end ? edge : *hi);
        if (e < best) {
          best = e;
          at = edge;
        }
      }
      *(end ? hi : lo) = at;
    }
}

void eao_hist_range(const eao_hist *h, eao_range_kind kind, double *out_lo, double *out_hi) {
  double lo = h->total ? fmin(h->min, 0) : 0, hi = h->total ? fmax(h->max, 0) : 0;
  if (h->total) {
    switch (kind) {
    case EAO_RANGE_P9999: percentile(h, 1e-4, &lo, &hi); break;
    case EAO_RANGE_P999: percentile(h, 1e-3, &lo, &hi); break;
    case EAO_RANGE_MSE: search(h, squared_error, &lo, &hi); break;
    case EAO_RANGE_KL: search(h, divergence, &lo, &hi); break;
    default: break;
    }
  }
  *out_lo = fmin(lo, 0);
  *out_hi = fmax(hi, 0);
}
