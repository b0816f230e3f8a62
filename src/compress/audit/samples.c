/* Reading samples and what they show by themselves. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/audit/audit.h"
#include "kernel/kernel.h"

/* ---- one sample ---- */

static uint64_t hash_of(const eao_tensor *t) {
  eao_blake2b h;
  uint64_t out = 0;
  eao_blake2b_init(&h, sizeof out);
  eao_blake2b_update(&h, t->dim, (size_t)t->rank * sizeof *t->dim);
  eao_blake2b_update(&h, t->data, (size_t)eao_dtype_bytes(t->dtype, eao_tensor_count(t)));
  eao_blake2b_final(&h, (uint8_t *)&out);
  return out;
}

static void moments(const eao_tensor *t, audit_sample *s) {
  int64_t n = eao_tensor_count(t), low = 0, high = 0;
  double sum = 0, square = 0, min = INFINITY, max = -INFINITY;
  s->finite = true;
  for (int64_t i = 0; i < n; i++) {
    double v = eao_tensor_real(t, i);
    if (!isfinite(v)) {
      s->finite = false;
      continue;
    }
    sum += v;
    square += v * v;
    min = fmin(min, v);
    max = fmax(max, v);
  }
  for (int64_t i = 0; i < n; i++) {
    double v = eao_tensor_real(t, i);
    low += v <= min;
    high += v >= max;
  }
  double mean = n ? sum / (double)n : 0, var = n ? square / (double)n - mean * mean : 0;
  s->mean = (float)mean;
  s->std = (float)sqrt(fmax(var, 0));
  s->min = n ? (float)min : 0;
  s->max = n ? (float)max : 0;
  s->low = n ? (float)((double)low / (double)n) : 0;
  s->high = n ? (float)((double)high / (double)n) : 0;
}

/* Block means: of an image's grey 16 x 16 cells, else of 256 equal stretches. */
static void sign(const eao_tensor *t, bool image, audit_sample *s) {
  enum { SIDE = 16 };
  double sum[AUDIT_SIGN] = {0}, n[AUDIT_SIGN] = {0}, mean = 0, length = 0;
  int64_t count = eao_tensor_count(t), h = image ? t->dim[0] : 1, w = image ? t->dim[1] : count;
  int64_t c = image && t->rank > 2 ? t->dim[2] : 1;
  for (int64_t i = 0; i < count; i++) {
    int64_t x = i / c % w, y = i / c / w;
    int64_t cell = image ? y * SIDE / h * SIDE + x * SIDE / w : x * AUDIT_SIGN / w;
    sum[cell] += eao_tensor_real(t, i);
    n[cell]++;
  }
  for (int i = 0; i < AUDIT_SIGN; i++) {
    sum[i] = n[i] > 0 ? sum[i] / n[i] : 0;
    mean += sum[i] / AUDIT_SIGN;
  }
  for (int i = 0; i < AUDIT_SIGN; i++) length += (sum[i] - mean) * (sum[i] - mean);
  for (int i = 0; i < AUDIT_SIGN; i++)
    s->sign[i] = length > 0 ? (float)((sum[i] - mean) / sqrt(length)) : 0;
}

static bool equal_channels(const eao_tensor *t) {
  if (t->dtype != EAO_U8 || t->rank != 3 || t->dim[2] != 3) return t->rank == 3 && t->dim[2] == 1;
  const uint8_t *p = t->data;
  int64_t n = t->dim[0] * t->dim[1];
  for (int64_t i = 0; i < n; i++) /* JPEG leaves a little colour */
    if (abs(p[3 * i] - p[3 * i + 1]) > 3 || abs(p[3 * i] - p[3 * i + 2]) > 3) return false;
  return true;
}

static void look(const audit_set *set, const eao_tensor *t, audit_sample *s) {
  s->ok = true;
  s->hash = hash_of(t);
  s->rank = t->rank;
  for (int i = 0; i < 3 && i < t->rank; i++) s->dim[i] = t->dim[i];
  s->grey = set->info.pixels && equal_channels(t);
  if (strcmp(set->info.format, "audio") == 0) s->rate_hz = eao_dataset_rate_hz(set->d);
  moments(t, s);
  if (s->finite) sign(t, set->info.pixels && t->rank >= 2, s);
}

/* ---- all of them ---- */

typedef struct listener {
  void (*fn)(void *user, const char *text);
  void *user;
  uint32_t heard;
} listener;

static void hear(void *user, const char *text) {
  (void)text;
  ((listener *)user)->heard++;
}

eao_status audit_read(audit *a, audit_set *set, eao_dataset *d, uint32_t most) {
  set->d = d;
  set->info = eao_dataset_get(d);
  set->n = set->info.n < most ? (uint32_t)set->info.n : most;
  set->sample = eao_alloc(a->ctx, ((size_t)set->n + 1) * sizeof *set->sample);
  if (!set->sample) return EAO_NOMEM(a->ctx);
  listener l = {.fn = a->ctx->warn, .user = a->ctx->warn_user};
  eao_ctx_on_warning(a->ctx, hear, &l); /* a decoder that warns has met a damaged file */
  eao_status read = EAO_OK;
  /* Missing memory is no fault of the sample. */
  for (uint32_t k = 0; k < set->n && read != EAO_ERR_NOMEM; k++) {
    audit_sample *s = &set->sample[k];
    eao_tensor t;
    s->at = eao_dataset_spread(set->info.n, k);
    s->label = eao_dataset_label(d, s->at);
    uint32_t heard = l.heard;
    read = eao_dataset_sample(d, s->at, &t);
    if (read == EAO_OK) {
      if (l.heard == heard) look(set, &t, s);
      eao_tensor_destroy(a->ctx, &t);
    }
    set->n_ok += s->ok;
    audit_progress(a, "reading samples", k + 1, set->n);
  }
  eao_ctx_on_warning(a->ctx, l.fn, l.user);
  return read == EAO_ERR_NOMEM ? read : EAO_OK;
}

void audit_set_deinit(audit *a, audit_set *set) {
  eao_free(a->ctx, set->sample);
  set->sample = NULL;
}

/* ---- checks ---- */

typedef bool (*sample_test)(const audit_set *set, const audit_sample *s);

static uint32_t gather(const audit_set *set, sample_test test, uint32_t *pick) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < set->n; i++)
    if (test(set, &set->sample[i])) pick[n++] = i;
  return n;
}

static bool is_corrupt(const audit_set *set, const audit_sample *s) {
  (void)set;
  return !s->ok;
}

static bool is_not_finite(const audit_set *set, const audit_sample *s) {
  (void)set;
  return s->ok && !s->finite;
}

/* Less than 1 % of the largest range of any sample: nothing can be seen in it. */
static bool is_blank(const audit_set *set, const audit_sample *s) {
  double range = 0;
  if (!s->ok || !s->finite) return false;
  if (set->info.pixels) return s->std < 1;
  for (uint32_t i = 0; i < set->n && s->std > 0; i++)
    if (set->sample[i].ok && set->sample[i].finite)
      range = fmax(range, (double)(set->sample[i].max - set->sample[i].min));
  return s->std == 0 || (double)(s->max - s->min) < 0.001 * range;
}

static eao_status check_broken(audit *a, uint32_t *pick) {
  audit_set *set = &a->set;
  uint32_t n = gather(set, is_corrupt, pick);
  if (n)
    EAO_TRY(audit_find(a, EAO_AUDIT_CORRUPT, EAO_AUDIT_ERROR, 0.999,
                       "restore these files or leave them out: runs over the data stop at them, or "
                       "take rubbish for an image",
                       "%u of %u cannot be read completely: %s", n, set->n,
                       audit_names(a, set, pick, n)));
  n = gather(set, is_not_finite, pick);
  if (n)
    EAO_TRY(audit_find(a, EAO_AUDIT_NOT_FINITE, EAO_AUDIT_ERROR, 0.999,
                       "find where these samples were made; every average over them is NaN",
                       "%u of %u: %s", n, set->n, audit_names(a, set, pick, n)));
  n = gather(set, is_blank, pick);
  if (n && n * 200 >= set->n)
    EAO_TRY(audit_find(a, EAO_AUDIT_BLANK, EAO_AUDIT_WARNING, n * 50 >= set->n ? 0.99 : 0.9,
                       "leave them out: they say nothing of the ranges inside the model and count "
                       "as errors or as luck",
                       "%u of %u are of one value: %s", n, set->n, audit_names(a, set, pick, n)));
  return EAO_OK;
}

static int by_hash(const void *pa, const void *pb) {
  const audit_sample *x = *(const audit_sample *const *)pa, *y = *(const audit_sample *const *)pb;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

static double likeness(const audit_sample *x, const audit_sample *y) {
  double sum = 0;
  for (int i = 0; i < AUDIT_SIGN; i++) sum += (double)x->sign[i] * (double)y->sign[i];
  return sum;
}

/* Images that differ by recompression or a little noise. Not for vectors: rows of a table may well
 * be alike. */
static uint32_t near_equal(audit_set *set, uint32_t *pick) {
  enum { MOST = 1500 };
  uint32_t n = 0, m = set->n < MOST ? set->n : MOST;
  for (uint32_t i = 1; i < m && set->info.pixels; i++) {
    const audit_sample *x = &set->sample[i];
    if (!x->ok || !x->finite || x->std < 1) continue;
    for (uint32_t k = 0; k < i; k++) {
      const audit_sample *y = &set->sample[k];
      if (!y->ok || x->hash == y->hash || fabs((double)(x->mean - y->mean)) > 3) continue;
      if (likeness(x, y) < 0.998) continue;
      pick[n++] = i;
      break;
    }
  }
  return n;
}

static eao_status check_duplicates(audit *a, uint32_t *pick) {
  audit_set *set = &a->set;
  audit_sample **sorted = eao_alloc(a->ctx, (set->n + (size_t)1) * sizeof *sorted);
  if (!sorted) return EAO_NOMEM(a->ctx);
  uint32_t m = 0, n = 0;
  for (uint32_t i = 0; i < set->n; i++)
    if (set->sample[i].ok && set->sample[i].std > 0) sorted[m++] = &set->sample[i];
  if (m) qsort(sorted, m, sizeof *sorted, by_hash);
  for (uint32_t i = 1; i < m; i++)
    if (sorted[i]->hash == sorted[i - 1]->hash) pick[n++] = (uint32_t)(sorted[i] - set->sample);
  eao_free(a->ctx, sorted);
  uint32_t near = near_equal(set, pick + n), all = n + near;
  if (!all) return EAO_OK;
  double share = (double)all / set->n;
  return audit_find(a, EAO_AUDIT_DUPLICATES, share >= 0.02 ? EAO_AUDIT_WARNING : EAO_AUDIT_NOTE,
                    near > n ? 0.9 : 0.99,
                    "take each sample once: copies weigh twice in ranges and scores, and intervals "
                    "come out too narrow",
                    "of %u samples, %u are copies of others and %u nearly so: %s", set->n, n, near,
                    audit_names(a, set, pick, all));
}

/* ---- samples unlike the others ---- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Samples whose largest magnitude is beyond 8 times the others' 90th percentile. */
static uint32_t far_out(audit *a, audit_set *set, double *work, uint32_t *pick) {
  uint32_t m = 0, n = 0;
  (void)a;
  for (uint32_t i = 0; i < set->n; i++) {
    const audit_sample *s = &set->sample[i];
    if (s->ok && s->finite) work[m++] = fmax(fabs((double)s->min), fabs((double)s->max));
  }
  if (m < 8) return 0;
  qsort(work, m, sizeof *work, by_value);
  double usual = work[(size_t)m * 9 / 10];
  for (uint32_t i = 0; i < set->n && usual > 0; i++) {
    const audit_sample *s = &set->sample[i];
    if (s->ok && s->finite && fmax(fabs((double)s->min), fabs((double)s->max)) > 8 * usual)
      pick[n++] = i;
  }
  return n;
}

/* Numbers at the end of what the type can hold. */
static double clipped(const audit_set *set, const audit_sample *s) {
  bool audio = strcmp(set->info.format, "audio") == 0;
  if (!s->ok || !s->finite || s->std == 0) return 0; /* of one value: blank */
  double end = set->info.pixels ? 255 : audio ? 0.9999 : INFINITY, share = 0;
  if ((double)s->max >= end) share = (double)s->high;
  if (audio && (double)s->min <= -end) share += (double)s->low;
  return share;
}

/* Over-exposed images, clipped audio: more of it than 5 times the median and a fifth of the sample;
 * audio 1 %. White backgrounds are usual where most samples have them. */
static uint32_t over_exposed(audit_set *set, double *work, uint32_t *pick) {
  uint32_t m = 0, n = 0;
  bool audio = strcmp(set->info.format, "audio") == 0;
  for (uint32_t i = 0; i < set->n; i++) work[m++] = clipped(set, &set->sample[i]);
  if (!m) return 0;
  qsort(work, m, sizeof *work, by_value);
  double least = fmax(5 * work[m / 2], audio ? 0.01 : 0.35);
  for (uint32_t i = 0; i < set->n; i++)
    if (clipped(set, &set->sample[i]) > least) pick[n++] = i;
  return n;
}

static eao_status check_unusual(audit *a, uint32_t *pick) {
  audit_set *set = &a->set;
  double *work = eao_alloc(a->ctx, (set->n + (size_t)1) * sizeof *work);
  if (!work) return EAO_NOMEM(a->ctx);
  uint32_t n = far_out(a, set, work, pick);
  eao_status s = EAO_OK;
  if (n)
    s = audit_find(a, EAO_AUDIT_OUTLIERS, EAO_AUDIT_WARNING, 0.97,
                   "look at these samples; if they are right, use --range p9999 or mse, so that "
                   "they do not stretch every range",
                   "%u of %u reach beyond 8 times the range of nine in ten: %s", n, set->n,
                   audit_names(a, set, pick, n));
  n = s == EAO_OK ? over_exposed(set, work, pick) : 0;
  if (n)
    s = audit_find(a, EAO_AUDIT_SATURATED, n * 25 >= set->n ? EAO_AUDIT_WARNING : EAO_AUDIT_NOTE,
                   0.9, "look at these samples: what was clipped when they were made is lost",
                   "%u of %u have much more numbers at the end of the scale than the others: %s", n,
                   set->n, audit_names(a, set, pick, n));
  eao_free(a->ctx, work);
  return s;
}

/* ---- what kind of samples ---- */

static eao_status check_grey(audit *a) {
  const audit_set *set = &a->set;
  const eao_tensor *in = a->o.run ? a->o.run->input : NULL;
  uint32_t grey = 0;
  if (!in || in->rank < 3 || !set->info.pixels) return EAO_OK;
  if (in->dim[in->rank - 1] != 3 && in->dim[in->rank - 3] != 3) return EAO_OK;
  for (uint32_t i = 0; i < set->n; i++) grey += set->sample[i].grey;
  if (grey * 2 <= set->n) return EAO_OK;
  return audit_find(a, EAO_AUDIT_GREY, EAO_AUDIT_WARNING, 0.95,
                    "calibrate with colour images as the device will see them: with grey ones the "
                    "channels' ranges come out alike",
                    "%u of %u images have no colour, the model takes three channels", grey, set->n);
}

static eao_status check_rates(audit *a) {
  const audit_set *set = &a->set;
  int32_t rate = 0, other = 0, wanted = set->info.sample_rate_hz;
  uint32_t others = 0, wrong = 0;
  if (strcmp(set->info.format, "audio") != 0) return EAO_OK;
  for (uint32_t i = 0; i < set->n; i++) {
    int32_t hz = set->sample[i].rate_hz;
    if (!set->sample[i].ok) continue;
    if (!rate) rate = hz;
    if (hz != rate) {
      other = hz;
      others++;
    }
    wrong += wanted && hz != wanted;
  }
  if (others)
    EAO_TRY(audit_find(a, EAO_AUDIT_SAMPLE_RATE, EAO_AUDIT_ERROR, 0.999,
                       "resample all files to the rate that the model was trained at",
                       "%u of %u files are not at %d Hz as the others; one is at %d Hz", others,
                       set->n, rate, other));
  if (wrong && !others)
    EAO_TRY(audit_find(a, EAO_AUDIT_SAMPLE_RATE, EAO_AUDIT_ERROR, 0.999,
                       "resample the files, or correct sample_rate in the description",
                       "%u of %u files are at %d Hz, the model wants %d Hz", wrong, set->n, rate,
                       wanted));
  if (!wanted && !others)
    EAO_TRY(audit_unchecked(a,
                            "the sample rate: the files are at %d Hz; what the model was trained "
                            "at is not known (sample_rate in the description says it)",
                            rate));
  return EAO_OK;
}

/* Do ranges still move between two halves of the samples? */
static double half_shift(const audit_set *set, double *out_moved) {
  double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, mean[2] = {0, 0},
         n[2] = {0, 0};
  for (uint32_t i = 0; i < set->n; i++) {
    const audit_sample *s = &set->sample[i];
    if (!s->ok || !s->finite) continue;
    low[i % 2] = fmin(low[i % 2], (double)s->min);
    high[i % 2] = fmax(high[i % 2], (double)s->max);
    mean[i % 2] += (double)s->mean;
    n[i % 2]++;
  }
  double range = fmax(high[0], high[1]) - fmin(low[0], low[1]);
  if (n[0] < 1 || n[1] < 1 || range <= 0) return *out_moved = 0;
  *out_moved = fabs(mean[0] / n[0] - mean[1] / n[1]) / range;
  return (fabs(low[0] - low[1]) + fabs(high[0] - high[1])) / range;
}

static eao_status check_number(audit *a) {
  enum { ENOUGH = 64 };
  const audit_set *set = &a->set;
  double moved, shift = half_shift(set, &moved);
  if (set->info.n < ENOUGH)
    return audit_find(
        a, EAO_AUDIT_TOO_FEW, EAO_AUDIT_WARNING, set->info.n < 32 ? 0.99 : 0.9,
        "300 to 512 samples settle the ranges of most models; a score needs 1,000 for "
        "an interval of 3 points",
        "there are %lld; between two halves of them the range of numbers moves by "
        "%.1f %% and the mean by %.1f %%",
        (long long)set->info.n, 100 * shift, 100 * moved);
  if (shift > 0.25 && !audit_has(a, EAO_AUDIT_OUTLIERS))
    return audit_find(
        a, EAO_AUDIT_TOO_FEW, EAO_AUDIT_NOTE, 0.7,
        "more samples would settle the ranges; or use --range p9999",
        "between two halves of %u samples the range of numbers still moves by %.1f %%", set->n,
        100 * shift);
  return EAO_OK;
}

eao_status audit_check_samples(audit *a) {
  uint32_t *pick = eao_alloc(a->ctx, (2 * (size_t)a->set.n + 2) * sizeof *pick);
  if (!pick) return EAO_NOMEM(a->ctx);
  eao_status s = check_broken(a, pick);
  if (s == EAO_OK) s = check_duplicates(a, pick);
  if (s == EAO_OK) s = check_unusual(a, pick);
  eao_free(a->ctx, pick);
  if (s == EAO_OK) s = check_grey(a);
  if (s == EAO_OK) s = check_rates(a);
  return s == EAO_OK ? check_number(a) : s;
}
