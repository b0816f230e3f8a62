/* Judging what the trials gave. */
#include <math.h>
#include <string.h>

#include "compress/audit/trial.h"
#include "kernel/kernel.h"

static eao_status outcome_init(audit_trials *t, audit_outcome *o) {
  o->prob = eao_alloc(t->a->ctx, (size_t)t->n * (size_t)t->classes * sizeof *o->prob);
  o->answer = eao_alloc(t->a->ctx, t->n * sizeof *o->answer);
  o->value = eao_alloc(t->a->ctx, t->n * sizeof *o->value);
  return o->prob && o->answer && o->value ? EAO_OK : EAO_NOMEM(t->a->ctx);
}

static void outcome_deinit(audit_trials *t, audit_outcome *o) {
  eao_free(t->a->ctx, o->prob);
  eao_free(t->a->ctx, o->answer);
  eao_free(t->a->ctx, o->value);
}

/* Elements of a vector of scores; 0: the output is something else. */
static int64_t classes_of(const eao_tensor *out) {
  int64_t n = eao_tensor_elements(out);
  int wide = 0;
  for (int32_t i = 0; i < out->rank; i++) wide += out->dim[i] > 1;
  return wide > 1 || n < 1 || n > AUDIT_CLASSES_MAX ? 0 : n == 1 ? 2 : n;
}

static eao_status note_trial(audit_trials *t, eao_audit_kind kind, const char *name,
                             const audit_outcome *o, double z) {
  audit *a = t->a;
  EAO_TRY(eao_grow(a->ctx, (void **)&a->trial, &a->cap_trial, a->n_trial + 1, sizeof *a->trial));
  a->trial[a->n_trial++] = (eao_audit_trial){kind, name, o->top1, o->score, z};
  return EAO_OK;
}

/* Is `then` so much better than `now` that the data must have been prepared wrongly? Accuracy that
 * rises clearly decides; where it stays, the likelihood must rise by much. */
static bool convincing(const audit_trials *t, eao_audit_kind kind, const audit_outcome *now,
                       const audit_outcome *then, double z) {
  double gain = then->score - now->score;
  /* Without labels: more contrast alone makes answers surer, so scaling needs more evidence. */
  double least = kind == EAO_AUDIT_NORMALISATION ? 0.25 : 0.06;
  if (!t->by_label) return z > 6 && gain > 0.05 && gain > least * now->score;
  double chance = 1 / (double)t->classes, right = audit_right_z(t, now, then);
  if (then->top1 < 2 * chance + 0.02 || then->top1 < now->top1 - 0.02) return false;
  if (right > 3 && then->top1 - now->top1 > 0.05 && z > 3) return true;
  return z > 5 && then->score > 0.6 * now->score && then->top1 > 0.3;
}

static double sure(double z) {
  return 1 - 0.5 * erfc(z / 4); /* the standard error counts double: samples are not independent */
}

static eao_status report_way(audit_trials *t, const audit_option *o, const audit_outcome *before,
                             const audit_outcome *after, double z) {
  if (t->by_label)
    return audit_find(t->a, o->kind, EAO_AUDIT_ERROR, sure(z), o->advice,
                      "%s: on %u samples top-1 goes from %.1f to %.1f %%, the mean log-likelihood "
                      "of the label from %.2f to %.2f",
                      o->name, t->n, 100 * before->top1, 100 * after->top1, before->score,
                      after->score);
  return audit_find(
      t->a, o->kind, EAO_AUDIT_ERROR, 0.9 * sure(z), o->advice,
      "%s: on %u samples the answers become surer and more varied (mutual information "
      "%.2f to %.2f nats)",
      o->name, t->n, before->score, after->score);
}

/* One round: every option against the adopted way; the best convincing one is adopted. */
static eao_status round_of_trials(audit_trials *t, uint64_t *tried, bool *out_found) {
  audit_option option[AUDIT_OPTIONS_MAX];
  uint32_t n = audit_options(t, option), best = n;
  double best_z = 0;
  audit_outcome kept = {0};
  eao_status s = outcome_init(t, &kept);
  t->planned = t->done + n;
  for (uint32_t i = 0; s == EAO_OK && i < n; i++) {
    bool ok;
    if (*tried >> option[i].kind & 1) continue;
    s = audit_try(t, &option[i].way, &t->then, &ok);
    if (s != EAO_OK || !ok) continue;
    double z = audit_paired_z(t, &t->now, &t->then);
    if (!*tried) s = note_trial(t, option[i].kind, option[i].name, &t->then, z);
    if (!convincing(t, option[i].kind, &t->now, &t->then, z)) continue;
    if (best < n && t->then.score <= kept.score) continue;
    audit_outcome swap = kept;
    kept = t->then;
    t->then = swap;
    best = i;
    best_z = z;
  }
  *out_found = best < n;
  if (s == EAO_OK && *out_found) {
    s = report_way(t, &option[best], &t->now, &kept, best_z);
    t->way = option[best].way;
    *tried |= 1ull << option[best].kind;
    audit_outcome swap = t->now;
    t->now = kept;
    kept = swap;
  }
  outcome_deinit(t, &kept);
  return s;
}

/* Nothing was said of the preprocessing: what eao_dataset_input then does. */
static void start_way(audit_trials *t) {
  t->way = (audit_way){.spec = *eao_dataset_preprocess(t->a->set.d)};
  if (t->a->set.info.pixels && t->way.spec.std[0] == 0) {
    (void)eao_image_scaling(&t->way.spec, "unit");
    t->way.spec.stored = true;
  }
}

static void choose(audit_trials *t) {
  const audit_set *set = &t->a->set;
  for (uint32_t i = 0; i < set->n && t->n < t->a->o.trial_samples; i++) {
    const audit_sample *s = &set->sample[i];
    if (!s->ok || !s->finite || s->std <= 0 || (t->by_label && s->label < 0)) continue;
    t->label[t->n] = s->label;
    t->sample[t->n++] = s;
  }
}

/* Different samples, one answer, however they are prepared. */
static eao_status check_constant(audit_trials *t) {
  double nats;
  if (audit_has(t->a, EAO_AUDIT_SINGLE_CLASS)) return EAO_OK;
  EAO_TRY(audit_information(t, &t->now, &nats));
  for (uint32_t i = 1; i < t->n; i++)
    if (t->now.answer[i] != t->now.answer[0]) return EAO_OK;
  if (nats > 0.005) return EAO_OK;
  return audit_find(t->a, EAO_AUDIT_MODEL_CONSTANT,
                    t->by_label ? EAO_AUDIT_ERROR : EAO_AUDIT_WARNING, t->by_label ? 0.97 : 0.8,
                    "check the export of the model: weights may be missing, inputs scaled in a way "
                    "that is not among the trials (--trials), or all samples of one class",
                    "on %u samples the answer is always class %u, and tells %.4f nats of them",
                    t->n, t->now.answer[0], nats);
}

static eao_status try_all(audit_trials *t) {
  enum { ROUNDS = 3 };
  uint64_t tried = 0;
  bool found = true, ok;
  EAO_TRY(outcome_init(t, &t->now));
  EAO_TRY(outcome_init(t, &t->then));
  EAO_TRY(audit_try(t, &t->way, &t->now, &ok));
  if (!ok)
    return audit_unchecked(t->a, "the model with these samples: %s", eao_ctx_message(t->a->ctx));
  t->a->top1 = t->now.top1;
  if (t->by_label) EAO_TRY(audit_check_labels(t, &t->now));
  EAO_TRY(note_trial(t, EAO_AUDIT_COUNT, "as described", &t->now, 0));
  if (audit_has(t->a, EAO_AUDIT_SINGLE_CLASS))
    return audit_unchecked(t->a,
                           "preprocessing: one class is easily guessed however it is prepared");
  if (audit_has(t->a, EAO_AUDIT_LABEL_ORDER))
    return audit_unchecked(t->a, "preprocessing: the order of the classes comes first");
  for (int r = 0; r < ROUNDS && found; r++) EAO_TRY(round_of_trials(t, &tried, &found));
  if (t->by_label && tried) EAO_TRY(audit_check_labels(t, &t->now));
  audit_progress(t->a, "trials", 1, 1);
  if (!tried) EAO_TRY(check_constant(t));
  return t->by_label ? audit_check_wrong(t, &t->now) : EAO_OK;
}

/* One run tells what the model gives. *out_classes 0: nothing to judge. */
static eao_status look_at_output(audit_trials *t) {
  audit *a = t->a;
  eao_tensor in, out;
  if (!a->set.n_ok) return EAO_OK;
  uint32_t k = 0;
  while (!a->set.sample[k].ok) k++;
  eao_status s = eao_dataset_input(a->set.d, a->set.sample[k].at, &t->type, &in);
  if (s == EAO_ERR_NOMEM) return s;
  if (s != EAO_OK)
    return audit_unchecked(a, "the model with these samples: %s", eao_ctx_message(a->ctx));
  s = a->o.run->run(a->o.run->user, &in, &out);
  eao_tensor_destroy(a->ctx, &in);
  if (s != EAO_OK) return s;
  double sum = 0;
  int64_t n = eao_tensor_elements(&out);
  for (int64_t i = 0; i < n; i++) sum += eao_tensor_real(&out, i);
  t->classes = classes_of(&out);
  if (t->by_label && t->classes > 1 && n > 1 && !(fabs(sum - 1) < 0.1))
    EAO_TRY(audit_find(a, EAO_AUDIT_MODEL_LOGITS, EAO_AUDIT_NOTE, 0.9,
                       "nothing to do for top-1; where probabilities are needed, add a softmax",
                       "the %lld outputs of a sample sum to %.4g: they are taken for logits",
                       (long long)n, sum));
  if (!t->classes)
    return audit_unchecked(a, "preprocessing: the output is no vector of class scores");
  if (!t->by_label && !(fabs(sum - 1) < 0.1)) {
    t->classes = 0;
    return audit_unchecked(a, "preprocessing: without labels it can be judged only by outputs that "
                              "are probabilities");
  }
  return EAO_OK;
}

eao_status audit_check_trials(audit *a) {
  enum { LEAST = 16 };
  audit_trials t = {.a = a, .by_label = a->labels};
  if (!a->o.run) return audit_unchecked(a, "preprocessing: nothing runs the model");
  t.type = *a->o.run->input;
  start_way(&t);
  EAO_TRY(look_at_output(&t));
  if (!t.classes) return EAO_OK;
  t.sample = eao_alloc(a->ctx, (a->set.n + (size_t)1) * sizeof *t.sample);
  t.label = eao_alloc(a->ctx, (a->set.n + (size_t)1) * sizeof *t.label);
  eao_status s = t.sample && t.label ? EAO_OK : EAO_NOMEM(a->ctx);
  if (s == EAO_OK) choose(&t);
  if (s == EAO_OK && t.n < LEAST)
    s = audit_unchecked(a, "preprocessing: %u usable samples are too few to compare ways on", t.n);
  else if (s == EAO_OK)
    s = try_all(&t);
  outcome_deinit(&t, &t.now);
  outcome_deinit(&t, &t.then);
  eao_free(a->ctx, t.sample);
  eao_free(a->ctx, t.label);
  return s;
}
