/* Running a trial and scoring it. */
#include <math.h>
#include <string.h>

#include "compress/audit/trial.h"
#include "kernel/kernel.h"

/* ---- preparing a sample ---- */

/* Extents without the batch, as three. */
static void three(const eao_tensor *t, int64_t dim[3]) {
  int32_t first = t->rank > 1 && t->dim[0] == 1 ? 1 : 0, n = t->rank - first;
  dim[0] = dim[1] = dim[2] = 1;
  for (int32_t i = 0; i < n && i < 3; i++) dim[i] = t->dim[first + i];
}

/* Where element i of the turned tensor comes from. */
static int64_t source_of(audit_turn turn, const int64_t d[3], int64_t i) {
  int64_t z = i % d[2], y = i / d[2] % d[1], x = i / d[2] / d[1];
  switch (turn) {
  case AUDIT_TURN_TO_LAST: return (z * d[0] + x) * d[1] + y;
  case AUDIT_TURN_TO_FIRST: return (y * d[2] + z) * d[0] + x;
  case AUDIT_TURN_SWAP:
    if (d[1] == d[2] && d[0] != d[1]) return (x * d[1] + z) * d[2] + y; /* channels first */
    return (y * d[1] + x) * d[2] + z;
  default: return i;
  }
}

static eao_status turned(eao_ctx *ctx, audit_turn turn, eao_tensor *t) {
  int64_t n = eao_tensor_count(t), d[3];
  if (turn == AUDIT_TURN_NONE) return EAO_OK;
  double *v = eao_alloc(ctx, (size_t)n * sizeof *v + 1);
  if (!v) return EAO_NOMEM(ctx);
  three(t, d);
  for (int64_t i = 0; i < n; i++) v[i] = eao_tensor_raw(t, source_of(turn, d, i));
  for (int64_t i = 0; i < n; i++) eao_set_f64(t, i, v[i]);
  eao_free(ctx, v);
  return EAO_OK;
}

/* First and third channel of an array exchanged. */
static void flip(eao_tensor *t) {
  int64_t d[3], n = eao_tensor_count(t);
  three(t, d);
  bool last = d[2] == 3;
  int64_t step = last ? 1 : d[1] * d[2];
  for (int64_t i = 0; i < n; i++) {
    if (last ? i % 3 != 0 : i >= step) continue;
    double v = eao_tensor_raw(t, i);
    eao_set_f64(t, i, eao_tensor_raw(t, i + 2 * step));
    eao_set_f64(t, i + 2 * step, v);
  }
}

static void scale(eao_tensor *t, double mul, double add) {
  int64_t n = eao_tensor_count(t);
  for (int64_t i = 0; i < n; i++) {
    double v = mul * eao_tensor_real(t, i) + add;
    if (t->quant.n) v = v / (double)eao_quant_scale(t, i) + eao_quant_zero(t, i);
    eao_set_f64(t, i, eao_dtype_is_float(t->dtype) ? v : rint(v));
  }
}

static eao_status prepare(audit_trials *t, const audit_way *w, uint32_t i, eao_tensor *in) {
  eao_dataset *d = t->a->set.d;
  *eao_dataset_preprocess(d) = w->spec;
  EAO_TRY(eao_dataset_input(d, t->sample[i]->at, &t->type, in));
  eao_status s = turned(t->a->ctx, w->turn, in);
  if (s == EAO_OK && w->flip) flip(in);
  if (s == EAO_OK && w->mul != 0) scale(in, w->mul, w->add);
  if (s != EAO_OK) eao_tensor_destroy(t->a->ctx, in);
  return s;
}

/* ---- answers ---- */

/* Probabilities out of what the model gives: as they are when they sum to about 1, one sigmoid as
 * two classes, else through a softmax. */
static void probabilities(const eao_tensor *out, int64_t classes, float *p) {
  double sum = 0, top = -INFINITY, least = INFINITY;
  int64_t n = eao_tensor_elements(out);
  if (n == 1) {
    double v = eao_tensor_real(out, 0);
    p[1] = (float)(v < 0 ? 0 : v > 1 ? 1 : v);
    p[0] = 1 - p[1];
    return;
  }
  for (int64_t k = 0; k < classes; k++) {
    double v = eao_tensor_real(out, k);
    p[k] = isfinite(v) ? (float)v : 0;
    sum += (double)p[k];
    top = fmax(top, (double)p[k]);
    least = fmin(least, (double)p[k]);
  }
  bool ready = least >= -1e-3 && top <= 1.001 && fabs(sum - 1) < 0.1;
  double norm = 0;
  for (int64_t k = 0; k < classes; k++) {
    p[k] = ready ? fmaxf(p[k], 0) : (float)exp((double)p[k] - top);
    norm += (double)p[k];
  }
  for (int64_t k = 0; k < classes; k++) p[k] = norm > 0 ? (float)((double)p[k] / norm) : 0;
}

/* Quantised probabilities have steps of 1/256: what lies below half a step is not known. */
static double likelihood(float p) {
  return log(fmax((double)p, 1.0 / 512));
}

static void mean_answer(const audit_trials *t, const audit_outcome *o, double *mean) {
  for (int64_t k = 0; k < t->classes; k++) mean[k] = 0;
  for (uint32_t i = 0; i < t->n; i++)
    for (int64_t k = 0; k < t->classes; k++) mean[k] += (double)o->prob[i * t->classes + k] / t->n;
}

/* Kullback-Leibler divergence of an answer from the mean answer: its expectation is the mutual
 * information between samples and answers. */
static double divergence(const float *p, const double *mean, int64_t n) {
  double sum = 0;
  for (int64_t k = 0; k < n; k++)
    if (p[k] > 0 && mean[k] > 0) sum += (double)p[k] * log((double)p[k] / mean[k]);
  return sum;
}

eao_status audit_information(const audit_trials *t, const audit_outcome *o, double *out_nats) {
  double *mean = eao_alloc(t->a->ctx, (size_t)t->classes * sizeof *mean);
  if (!mean) return EAO_NOMEM(t->a->ctx);
  mean_answer(t, o, mean);
  *out_nats = 0;
  for (uint32_t i = 0; i < t->n; i++)
    *out_nats += divergence(o->prob + i * t->classes, mean, t->classes) / t->n;
  eao_free(t->a->ctx, mean);
  return EAO_OK;
}

void audit_score(const audit_trials *t, audit_outcome *o) {
  double *mean = t->by_label ? NULL : eao_alloc(t->a->ctx, (size_t)t->classes * sizeof *mean);
  uint32_t right = 0;
  if (mean) mean_answer(t, o, mean);
  o->score = 0;
  for (uint32_t i = 0; i < t->n; i++) {
    const float *p = o->prob + i * t->classes;
    uint32_t best = 0;
    for (int64_t k = 1; k < t->classes; k++)
      if (p[k] > p[best]) best = (uint32_t)k;
    o->answer[i] = best;
    bool has = t->by_label && t->label[i] >= 0 && t->label[i] < t->classes;
    right += has && best == t->label[i];
    o->value[i] = has ? likelihood(p[t->label[i]]) : mean ? divergence(p, mean, t->classes) : 0;
    o->score += o->value[i] / t->n;
  }
  o->top1 = t->by_label ? (double)right / t->n : NAN;
  eao_free(t->a->ctx, mean);
}

eao_status audit_try(audit_trials *t, const audit_way *way, audit_outcome *o, bool *out_ok) {
  const eao_eval_model *m = t->a->o.run;
  eao_status s = EAO_OK;
  *out_ok = true;
  for (uint32_t i = 0; s == EAO_OK && i < t->n; i++) {
    eao_tensor in, out;
    if (prepare(t, way, i, &in) != EAO_OK) {
      *out_ok = false;
      return EAO_OK;
    }
    s = m->run(m->user, &in, &out);
    if (s == EAO_OK && eao_tensor_elements(&out) != t->classes && t->classes != 2)
      s = eao_fail(t->a->ctx, EAO_ERR_SHAPE, "the number of outputs changes from run to run");
    if (s == EAO_OK) probabilities(&out, t->classes, o->prob + i * t->classes);
    eao_tensor_destroy(t->a->ctx, &in);
    if (i + 1 == t->n) t->done++;
  }
  audit_progress(t->a, "trials", t->done < t->planned ? t->done : t->planned, t->planned);
  if (s == EAO_OK) audit_score(t, o);
  return s;
}

/* ---- comparing ---- */

static double z_of(double sum, double square, double n) {
  double mean = sum / n, var = square / n - mean * mean;
  if (var <= 1e-18) return mean > 1e-9 ? 99 : mean < -1e-9 ? -99 : 0;
  return mean / sqrt(var / n);
}

double audit_paired_z(const audit_trials *t, const audit_outcome *a, const audit_outcome *b) {
  double sum = 0, square = 0;
  for (uint32_t i = 0; i < t->n; i++) {
    double d = b->value[i] - a->value[i];
    sum += d;
    square += d * d;
  }
  return z_of(sum, square, t->n);
}

double audit_right_z(const audit_trials *t, const audit_outcome *a, const audit_outcome *b) {
  double won = 0, lost = 0; /* McNemar */
  for (uint32_t i = 0; i < t->n; i++) {
    bool x = a->answer[i] == t->label[i], y = b->answer[i] == t->label[i];
    won += y && !x;
    lost += x && !y;
  }
  return won + lost > 0 ? (won - lost) / sqrt(won + lost) : 0;
}
