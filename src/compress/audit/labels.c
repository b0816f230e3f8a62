/* Labels against the model's answers. */
#include <math.h>
#include <string.h>

#include "compress/audit/trial.h"

/* Labels outside of the model's classes. */
static eao_status check_range(audit_trials *t) {
  uint32_t out = 0;
  int64_t most = -1;
  for (uint32_t i = 0; i < t->n; i++) {
    out += t->label[i] >= t->classes;
    if (t->label[i] > most) most = t->label[i];
  }
  if (!out) return EAO_OK;
  return audit_find(t->a, EAO_AUDIT_LABEL_RANGE, EAO_AUDIT_ERROR, 0.999,
                    "check that the labels are this model's; --label-offset -1 if they start at 1",
                    "%u of %u labels are beyond the model's %lld classes, the largest is %lld", out,
                    t->n, (long long)t->classes, (long long)most);
}

/* The most frequent difference of answer and label. */
static eao_status check_shift(audit_trials *t, audit_outcome *o) {
  enum { REACH = 3 };
  uint32_t count[2 * REACH + 1] = {0};
  int best = REACH;
  for (uint32_t i = 0; i < t->n; i++) {
    int64_t by = (int64_t)o->answer[i] - t->label[i] + REACH;
    if (by >= 0 && by <= 2 * REACH) count[by]++;
  }
  for (int k = 0; k <= 2 * REACH; k++)
    if (count[k] > count[best]) best = k;
  uint32_t hit = count[best], now = count[REACH];
  if (best == REACH || hit < 8 || hit < 2 * now + 4 || hit * 3 < t->n) return EAO_OK;
  int by = best - REACH;
  /* As far apart as two shares of n can be by chance. */
  double z = ((double)hit - now) / sqrt((double)hit + now + 1);
  if (z < 4) return EAO_OK;
  for (uint32_t i = 0; i < t->n; i++) t->label[i] += by;
  audit_score(t, o);
  return audit_find(t->a, EAO_AUDIT_LABEL_OFFSET, EAO_AUDIT_ERROR, 0.99,
                    audit_text(t->a,
                               "add %d to the labels: --label-offset %d if none was said "
                               "(label_offset in the description)",
                               by, by),
                    "%u of %u answers are the label %+d, %u are the label itself", hit, t->n, by,
                    now);
}

typedef struct tally {
  uint32_t *count; /* classes * classes: label, answer */
  uint32_t n, pure, labels, answers;
} tally;

/* How far the label decides the answer. */
static void tally_pairs(const audit_trials *t, const audit_outcome *o, tally *y) {
  size_t k = (size_t)t->classes;
  for (uint32_t i = 0; i < t->n; i++) {
    if (t->label[i] < 0 || t->label[i] >= t->classes) continue;
    y->count[(size_t)t->label[i] * k + o->answer[i]]++;
    y->n++;
  }
  for (size_t r = 0; r < k; r++) {
    uint32_t most = 0, all = 0;
    for (size_t c = 0; c < k; c++) {
      uint32_t v = y->count[r * k + c];
      all += v;
      if (v > most) most = v;
    }
    y->labels += all > 0;
    y->pure += most;
  }
  for (size_t c = 0; c < k; c++) {
    bool is_most = false;
    for (size_t r = 0; r < k && !is_most; r++) {
      uint32_t v = y->count[r * k + c];
      is_most = v > 0;
      for (size_t x = 0; x < k && is_most; x++) is_most = y->count[r * k + x] <= v;
    }
    y->answers += is_most;
  }
}

/* Answers that go with the labels, but not as the same numbers: folders sorted by name where the
 * model's classes stand in another order. */
static eao_status check_order(audit_trials *t, const audit_outcome *o) {
  enum { MOST = 256 };
  tally y = {0};
  if (t->classes > MOST || t->n < 4 * t->classes || o->top1 > 0.6) return EAO_OK;
  y.count = eao_alloc(t->a->ctx, (size_t)(t->classes * t->classes) * sizeof *y.count);
  if (!y.count) return EAO_NOMEM(t->a->ctx);
  tally_pairs(t, o, &y);
  eao_free(t->a->ctx, y.count);
  double pure = y.n ? (double)y.pure / y.n : 0;
  if (pure < 0.5 || pure < o->top1 + 0.2 || y.answers * 10 < y.labels * 7 || y.labels < 2)
    return EAO_OK;
  return audit_find(t->a, EAO_AUDIT_LABEL_ORDER, EAO_AUDIT_ERROR, 0.97,
                    "list the classes in the order of the model's outputs (classes: [..] in the "
                    "description); folders are numbered by name",
                    "of the samples of one label, %.0f %% get the same answer, but %.0f %% the "
                    "label's own; %u labels go to %u different answers",
                    100 * pure, 100 * o->top1, y.labels, y.answers);
}

eao_status audit_check_wrong(audit_trials *t, const audit_outcome *o) {
  uint32_t *pick = eao_alloc(t->a->ctx, t->n * sizeof *pick), n = 0, certain = 0;
  if (!pick) return EAO_NOMEM(t->a->ctx);
  for (uint32_t i = 0; i < t->n; i++) {
    if (t->label[i] < 0 || t->label[i] >= t->classes) continue;
    const float *p = o->prob + i * t->classes;
    bool is_certain = p[o->answer[i]] > 0.95F;
    certain += is_certain;
    if (is_certain && p[t->label[i]] < 0.01F)
      pick[n++] = (uint32_t)(t->sample[i] - t->a->set.sample);
  }
  double share = certain ? (double)n / certain : 0;
  const char *who = audit_names(t->a, &t->a->set, pick, n);
  eao_free(t->a->ctx, pick);
  if (certain * 4 < t->n || n < 3) return EAO_OK;
  double chance = 1 - 1 / (double)t->classes;
  if (share > 0.85 * chance)
    return audit_find(
        t->a, EAO_AUDIT_WRONG_LABELS, EAO_AUDIT_ERROR, 0.95,
        "check where the labels come from: another set's, another order of the files, "
        "or another model's classes",
        "of %u sure answers %u are not the label: the labels say no more than chance", certain, n);
  if (share < 0.08) return EAO_OK;
  return audit_find(
      t->a, EAO_AUDIT_WRONG_LABELS, share > 0.15 ? EAO_AUDIT_WARNING : EAO_AUDIT_NOTE, 0.8,
      "look at these samples: either their labels are wrong, or the model was not "
      "trained for such",
      "%u of %u sure answers (over 95 %%) give the label less than 1 %%: %s", n, certain, who);
}

eao_status audit_check_labels(audit_trials *t, audit_outcome *o) {
  if (audit_has(t->a, EAO_AUDIT_LABEL_OFFSET) || audit_has(t->a, EAO_AUDIT_LABEL_ORDER))
    return EAO_OK;
  EAO_TRY(check_shift(t, o));
  if (!audit_has(t->a, EAO_AUDIT_LABEL_RANGE)) EAO_TRY(check_range(t));
  EAO_TRY(check_order(t, o));
  return EAO_OK;
}
