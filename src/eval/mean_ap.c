/* Mean average precision of boxes, as COCO's and VOC's evaluations define it (Lin et al. 2014,
 * Everingham et al. 2010). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/tally.h"

enum { IOUS = 10, RECALLS = 101, MOST_PER_IMAGE = 100 };

/* A found box and how it was judged: bit k for the k-th IoU threshold. */
typedef struct judged {
  double score;
  int64_t image, label;
  uint32_t order;
  uint16_t hit, ignored;
  bool left_out; /* beyond the 100 best of its image and class: not for COCO */
  bool voc_hit, voc_ignored;
} judged;

typedef struct precision {
  eao_ctx *ctx;
  eao_box *truth; /* by label, image */
  judged *found;  /* by label, image, score while judging; then by label, score */
  eao_box *box;   /* of the found ones, by order */
  uint32_t n_truth, n_found;
  double *times; /* how often each image counts */
  double *points;
} precision;

static double overlap(const eao_box *d, const eao_box *g) {
  double w = fmin((double)d->x1, (double)g->x1) - fmax((double)d->x0, (double)g->x0);
  double h = fmin((double)d->y1, (double)g->y1) - fmax((double)d->y0, (double)g->y0);
  if (w <= 0 || h <= 0) return 0;
  double area_d = (double)(d->x1 - d->x0) * (double)(d->y1 - d->y0);
  double area_g = (double)(g->x1 - g->x0) * (double)(g->y1 - g->y0), both = w * h;
  return both / (g->crowd ? area_d : area_d + area_g - both);
}

static int by_truth(const void *pa, const void *pb) {
  const eao_box *x = pa, *y = pb;
  if (x->label != y->label) return x->label < y->label ? -1 : 1;
  if (x->image != y->image) return x->image < y->image ? -1 : 1;
  if (x->crowd != y->crowd) return x->crowd - y->crowd; /* crowds last */
  return memcmp(&x->x0, &y->x0, 4 * sizeof x->x0);
}

static int by_image(const void *pa, const void *pb) {
  const judged *x = pa, *y = pb;
  if (x->label != y->label) return x->label < y->label ? -1 : 1;
  if (x->image != y->image) return x->image < y->image ? -1 : 1;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

static int by_score(const void *pa, const void *pb) {
  const judged *x = pa, *y = pb;
  if (x->label != y->label) return x->label < y->label ? -1 : 1;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  if (x->image != y->image) return x->image < y->image ? -1 : 1;
  return (x->order > y->order) - (x->order < y->order);
}

/* ---- judging: one image, one class ---- */

/* COCO: each found box, best first, takes the free true box it overlaps most. */
static void match_coco(precision *p, judged *f, uint32_t n, const eao_box *g, uint32_t m,
                       uint16_t *taken) {
  memset(taken, 0, m * sizeof *taken);
  for (uint32_t i = 0; i < n; i++)
    for (int t = 0; t < IOUS; t++) {
      double best = 0.5 + 0.05 * t - 1e-10;
      int64_t hit = -1;
      uint16_t bit = (uint16_t)(1u << t);
      for (uint32_t k = 0; k < m; k++) {
        if ((taken[k] & bit) && !g[k].crowd) continue;
        if (hit >= 0 && !g[hit].crowd && g[k].crowd) break;
        double v = overlap(&p->box[f[i].order], &g[k]);
        if (v < best) continue;
        best = v;
        hit = k;
      }
      if (hit < 0) continue;
      f[i].hit |= bit;
      taken[hit] |= bit;
      if (g[hit].crowd) f[i].ignored |= bit;
    }
}

/* VOC: each found box is for the true box it overlaps most; the first to come is right. */
static void match_voc(precision *p, judged *f, uint32_t n, const eao_box *g, uint32_t m,
                      uint16_t *taken) {
  memset(taken, 0, m * sizeof *taken);
  for (uint32_t i = 0; i < n; i++) {
    double best = 0;
    int64_t hit = -1;
    for (uint32_t k = 0; k < m; k++) {
      eao_box plain = g[k];
      plain.crowd = false;
      double v = overlap(&p->box[f[i].order], &plain);
      if (v > best) {
        best = v;
        hit = k;
      }
    }
    if (hit < 0 || best < 0.5) continue;
    f[i].voc_ignored = g[hit].crowd;
    f[i].voc_hit = !g[hit].crowd && !taken[hit];
    taken[hit] = 1;
  }
}

static bool before(const eao_box *g, const judged *f) {
  return g->label != f->label ? g->label < f->label : g->image < f->image;
}

static eao_status judge(precision *p) {
  uint16_t *taken = eao_alloc(p->ctx, (p->n_truth + (size_t)1) * sizeof *taken);
  if (!taken) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0, g = 0; i < p->n_found;) {
    judged *f = &p->found[i];
    uint32_t n = 0, m = 0;
    while (i + n < p->n_found && f[n].label == f->label && f[n].image == f->image) n++;
    while (g < p->n_truth && before(&p->truth[g], f)) g++;
    while (g + m < p->n_truth && p->truth[g + m].label == f->label &&
           p->truth[g + m].image == f->image)
      m++;
    match_coco(p, f, n < MOST_PER_IMAGE ? n : MOST_PER_IMAGE, p->truth + g, m, taken);
    match_voc(p, f, n, p->truth + g, m, taken);
    for (uint32_t k = MOST_PER_IMAGE; k < n; k++) f[k].left_out = true;
    i += n;
  }
  eao_free(p->ctx, taken);
  return EAO_OK;
}

/* ---- precision over recall: one class ---- */

/* points: recall and precision after each box. Returns how many. t -1: VOC. */
static uint32_t curve(precision *p, const judged *f, uint32_t n, int t, double positives) {
  double right = 0, wrong = 0;
  uint32_t k = 0;
  for (uint32_t i = 0; i < n; i++) {
    double times = p->times[f[i].image];
    bool hit = t < 0 ? f[i].voc_hit : (f[i].hit >> t & 1) != 0;
    bool ignored = t < 0 ? f[i].voc_ignored : f[i].left_out || (f[i].ignored >> t & 1) != 0;
    if (ignored || times == 0) continue;
    right += hit ? times : 0;
    wrong += hit ? 0 : times;
    p->points[2 * k] = right / positives;
    p->points[2 * k + 1] = right / (right + wrong);
    k++;
  }
  return k;
}

/* Mean over 101 recalls of the best precision at that recall or beyond. */
static double coco_average(const double *points, uint32_t n) {
  double best = 0, sum = 0;
  int r = RECALLS - 1;
  while (r >= 0 && (!n || 0.01 * r > points[2 * (n - 1)])) r--;
  for (uint32_t i = n; i-- > 0;) {
    best = fmax(best, points[2 * i + 1]);
    for (; r >= 0 && (i == 0 || 0.01 * r > points[2 * (i - 1)]); r--) sum += best;
  }
  return sum / RECALLS;
}

static double voc_average(const double *points, uint32_t n) {
  double best = 0, sum = 0;
  for (uint32_t i = n; i-- > 0;) {
    best = fmax(best, points[2 * i + 1]);
    sum += (points[2 * i] - (i ? points[2 * (i - 1)] : 0)) * best;
  }
  return sum;
}

/* Means over the classes that have true boxes: COCO, at 0.5, VOC. */
static void averages(precision *p, double out[3]) {
  double sum[3] = {0};
  uint32_t classes = 0, f = 0;
  for (uint32_t g = 0; g < p->n_truth;) {
    int64_t label = p->truth[g].label;
    double positives = 0;
    for (; g < p->n_truth && p->truth[g].label == label; g++)
      positives += p->truth[g].crowd ? 0 : p->times[p->truth[g].image];
    while (f < p->n_found && p->found[f].label < label) f++;
    uint32_t first = f;
    while (f < p->n_found && p->found[f].label == label) f++;
    if (positives == 0) continue;
    classes++;
    for (int t = -1; t < IOUS; t++) {
      uint32_t n = curve(p, p->found + first, f - first, t, positives);
      double v = t < 0 ? voc_average(p->points, n) : coco_average(p->points, n);
      if (t < 0) sum[2] += v;
      if (t >= 0) sum[0] += v / IOUS;
      if (t == 0) sum[1] += v;
    }
  }
  for (int k = 0; k < 3; k++) out[k] = classes ? sum[k] / classes : NAN;
}

static eao_status resample(precision *p, int64_t n_image, uint32_t resamples, uint64_t seed,
                           eao_score out[3]) {
  static const eao_metric metric[] = {EAO_METRIC_MAP, EAO_METRIC_MAP50, EAO_METRIC_VOC50};
  double *v = eao_alloc(p->ctx, 3 * (resamples + (size_t)1) * sizeof *v), one[3];
  eao_rng rng = {seed};
  if (!v) return EAO_NOMEM(p->ctx);
  for (int64_t i = 0; i < n_image; i++) p->times[i] = 1;
  averages(p, one);
  for (int k = 0; k < 3; k++) out[k] = (eao_score){.metric = metric[k], .value = one[k]};
  uint32_t kept = 0; /* resamples without any true box have no value */
  for (uint32_t r = 0; r < resamples; r++) {
    memset(p->times, 0, (size_t)n_image * sizeof *p->times);
    for (int64_t i = 0; i < n_image; i++) p->times[eao_rng_below(&rng, (uint64_t)n_image)]++;
    averages(p, one);
    if (isnan(one[0])) continue;
    for (uint32_t k = 0; k < 3; k++) v[k * resamples + kept] = one[k];
    kept++;
  }
  for (uint32_t k = 0; k < 3; k++) eao_percentiles(v + k * resamples, kept, &out[k].lo, &out[k].hi);
  eao_free(p->ctx, v);
  return EAO_OK;
}

eao_status eao_mean_ap(eao_ctx *ctx, const eao_box *truth, uint32_t n_truth, const eao_box *found,
                       uint32_t n_found, int64_t n_image, uint32_t resamples, uint64_t seed,
                       eao_score out[3]) {
  precision p = {.ctx = ctx, .n_truth = n_truth, .n_found = n_found};
  for (uint32_t i = 0; i < n_truth + n_found; i++) {
    const eao_box *b = i < n_truth ? &truth[i] : &found[i - n_truth];
    if (b->image < 0 || b->image >= n_image)
      return eao_fail(ctx, EAO_ERR_ARG, "a box of image %lld of %lld", (long long)b->image,
                      (long long)n_image);
  }
  p.truth = eao_alloc(ctx, (n_truth + (size_t)1) * sizeof *p.truth);
  p.box = eao_alloc(ctx, (n_found + (size_t)1) * sizeof *p.box);
  p.found = eao_alloc(ctx, (n_found + (size_t)1) * sizeof *p.found);
  p.points = eao_alloc(ctx, (n_found + (size_t)1) * 2 * sizeof *p.points);
  p.times = eao_alloc(ctx, ((size_t)n_image + 1) * sizeof *p.times);
  bool all = p.truth && p.box && p.found && p.points && p.times;
  eao_status s = all ? EAO_OK : EAO_NOMEM(ctx);
  if (s == EAO_OK) {
    if (n_truth) memcpy(p.truth, truth, n_truth * sizeof *truth);
    if (n_found) memcpy(p.box, found, n_found * sizeof *found);
    for (uint32_t i = 0; i < n_found; i++)
      p.found[i] = (judged){.score = (double)found[i].score,
                            .image = found[i].image,
                            .label = found[i].label,
                            .order = i};
    qsort(p.truth, n_truth, sizeof *p.truth, by_truth);
    qsort(p.found, n_found, sizeof *p.found, by_image);
    s = judge(&p);
    qsort(p.found, n_found, sizeof *p.found, by_score);
  }
  if (s == EAO_OK) s = resample(&p, n_image, resamples, seed, out);
  eao_free(ctx, p.truth);
  eao_free(ctx, p.box);
  eao_free(ctx, p.found);
  eao_free(ctx, p.points);
  eao_free(ctx, p.times);
  return s;
}
