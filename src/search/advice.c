/* What would move a budget that binds, where the trouble starts, and what to know of the figures.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/artifact.h"

void eao_advise(eao_advice *a, const char *fmt, ...) {
  va_list ap;
  if (a->n == EAO_ADVICE_MAX) return;
  va_start(ap, fmt);
  vsnprintf(a->text[a->n], EAO_ADVICE_BYTES, fmt, ap);
  va_end(ap);
  a->list[a->n] = a->text[a->n];
  a->n++;
}

static const char *const remedies[EAO_GOAL_COUNT] = {
    "a smaller input, a smaller or pruned model, or a faster target",
    "a smaller input, a smaller or pruned model, or a target with an accelerator",
    "a smaller input or fewer channels in the widest layers",
    "fewer parameters (pruning, a smaller model), or weights of fewer bits",
    "a better trained or larger model: no step here adds accuracy to the float model",
    "training with quantisation in the loop, more calibration samples, or a relaxed bound",
};

/* By how much the others would have to give. */
static void advise_gap(const eao_outcome *o, eao_advice *a, eao_goal g) {
  const eao_goal_info *info = eao_goal_get(g);
  double best = o->choice.best[g], limit = o->s->budget.limit[g];
  eao_advise(
      a, "%s binds: the best candidate reaches %.4g %s, the budget is %.4g%s. What would help: %s.",
      info->title, best, info->unit, limit,
      info->lower_bound ? ""
      : best > limit    ? ""
                        : " but only with another budget missed",
      remedies[g]);
}

static void advise_binding(const eao_outcome *o, eao_advice *a) {
  for (int g = 0; g < EAO_GOAL_COUNT; g++) {
    const eao_preflight *p = o->preflight;
    if (!o->choice.binding[g] && !p->binding[g]) continue;
    if (p->binding[g])
      eao_advise(
          a, "%s: the budget of %.4g %s is below what any candidate can reach, %.4g %s (%s).",
          eao_goal_get((eao_goal)g)->title, o->s->budget.limit[g], eao_goal_get((eao_goal)g)->unit,
          p->bound[g], eao_goal_get((eao_goal)g)->unit, p->why[g]);
    if (!o->choice.binding[g]) continue;
    if (isnan(o->choice.best[g]))
      eao_advise(a, "%s: no candidate's value is known, so the budget cannot be checked.",
                 eao_goal_get((eao_goal)g)->title);
    else
      advise_gap(o, a, (eao_goal)g);
  }
}

/* The float model itself fails, or fails on these data: no compression is to blame. */
static void advise_seed(const eao_outcome *o, eao_advice *a) {
  const eao_search *s = o->s;
  const eao_grade *base = &s->variant[0].grade;
  if (!base->n) return;
  eao_dataset_info info = eao_dataset_get(s->eval_data);
  double chance = info.n_class > 1 ? 100.0 / (double)info.n_class : 0;
  if (s->metric == EAO_METRIC_AUC) chance = 0.5;
  if (chance > 0 && base->lo <= 1.2 * chance)
    eao_advise(a,
               "The float model is hardly better than chance here (%.4g, chance is %.3g): look at "
               "labels, class order (label_offset) and preprocessing before anything else.",
               base->value, chance);
  else if (s->budget.set[EAO_GOAL_ACCURACY] && base->hi < s->budget.limit[EAO_GOAL_ACCURACY])
    eao_advise(a,
               "The float model itself reaches %.4g on these data, below the %.4g asked for: the "
               "model or the data are the cause, not compression.",
               base->value, s->budget.limit[EAO_GOAL_ACCURACY]);
  if (s->calibration && s->n_calibration < 32)
    eao_advise(a, "Only %u calibration samples: ranges come from them, 256 are better.",
               s->n_calibration);
}

/* Which layer costs the most accuracy, when it costs any. */
static void advise_layer(const eao_outcome *o, eao_advice *a) {
  const eao_variant *v = &o->s->variant[o->point.variant];
  const eao_quantize_layer *worst = NULL;
  double drop = o->s->variant[0].grade.value - v->grade.value;
  if (!v->grade.n || !o->s->variant[0].grade.n || drop < 0.5) return;
  for (uint32_t i = 0; i < v->quant.n_layer; i++)
    if (!worst || v->quant.layer[i].sqnr_db < worst->sqnr_db) worst = &v->quant.layer[i];
  if (worst)
    eao_advise(a,
               "Quantising costs %.2g points; the signal is weakest after '%.60s' (%s, %.3g dB).",
               drop, worst->name, worst->op, worst->sqnr_db);
}

static void advise_coverage(const eao_outcome *o, eao_advice *a) {
  uint32_t ref = 0;
  uint64_t ref_macs = 0, macs = 0;
  eao_compiled_info info = {0};
  if (o->built.compiled) info = eao_compiled_get(o->built.compiled);
  for (uint32_t i = 0; i < info.n_step; i++) {
    eao_compiled_step step = eao_compiled_get_step(o->built.compiled, i);
    macs += step.macs;
    if (strcmp(step.kernel, "ref") != 0 || step.macs == 0) continue;
    ref++;
    ref_macs += step.macs;
  }
  if (macs && ref_macs * 20 > macs)
    eao_advise(
        a,
        "%u steps with %.0f %% of the multiply-accumulates run on reference kernels: there is no "
        "fast kernel for them on this target yet. The figures take that into account.",
        ref, 100.0 * (double)ref_macs / (double)macs);
}

static void advise_size(const eao_outcome *o, eao_advice *a) {
  const eao_input_size *z = &o->s->size[o->s->variant[o->point.variant].size];
  if (o->built.compiled && *z->suffix)
    eao_advise(a,
               "The candidate takes a smaller input, %s: feed it images of that size. Its accuracy "
               "was measured that way (--keep-input leaves such candidates out).",
               z->suffix + 1);
}

void eao_advise_all(const eao_outcome *o, eao_advice *a) {
  const eao_search *s = o->s;
  if (o->choice.chosen < 0) advise_binding(o, a);
  advise_seed(o, a);
  if (s->stopped)
    eao_advise(a,
               "Time ran out (--time): what was not tried is listed. A rerun goes on from here.");
  if (o->wrong)
    eao_advise(a,
               "WRONG RESULTS %s: the self-test failed. Do not use this package; please report it.",
               o->verified);
  else if (*o->verified)
    eao_advise(a, "Verified %s: the package computes what the interpreter computes.", o->verified);
  if (!s->timed)
    eao_advise(a,
               "Latency and energy are estimated from the profile '%s'; measure model.eao on the "
               "device with `eao bench` before you rely on them.",
               s->target.name);
  advise_coverage(o, a);
  advise_layer(o, a);
  advise_size(o, a);
  if (s->eval_data && s->n_eval < 500)
    eao_advise(a, "Accuracy comes from %llu samples only: its interval is wide.",
               (unsigned long long)s->n_eval);
  if (!s->eval_data && s->opts->data)
    eao_advise(a, "The data have no labels: accuracy is not known.");
  for (uint32_t v = 0; v < s->n_variant; v++)
    if (s->variant[v].tried && *s->variant[v].reason)
      eao_advise(a, "%s was not tried: %s.", s->variant[v].name, s->variant[v].reason);
}
