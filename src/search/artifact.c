#include "search/artifact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ADVICE_MAX = 12, ADVICE_BYTES = 240 };

typedef struct advice {
  char text[ADVICE_MAX][ADVICE_BYTES];
  const char *list[ADVICE_MAX];
  uint32_t n;
} advice;

static void advise(advice *a, const char *fmt, ...) EAO_PRINTF(2, 3);
static void advise(advice *a, const char *fmt, ...) {
  va_list ap;
  if (a->n == ADVICE_MAX) return;
  va_start(ap, fmt);
  vsnprintf(a->text[a->n], ADVICE_BYTES, fmt, ap);
  va_end(ap);
  a->list[a->n] = a->text[a->n];
  a->n++;
}

/* What would move a budget that binds. */
static void advise_binding(const eao_outcome *o, advice *a) {
  static const char *const remedy[EAO_GOAL_COUNT] = {
      "a smaller input, a smaller or pruned model, or a faster target",
      "a smaller input, a smaller or pruned model, or a target with an accelerator",
      "a smaller input or fewer channels in the widest layers",
      "fewer parameters (pruning, a smaller model), or weights of fewer bits",
      "a better trained or larger model: no step here adds accuracy to the float model",
      "training with quantisation in the loop, more calibration samples, or a relaxed bound",
  };
  for (int g = 0; g < EAO_GOAL_COUNT; g++) {
    const eao_goal_info *info = eao_goal_get((eao_goal)g);
    if (!o->choice.binding[g]) continue;
    if (isnan(o->choice.best[g]))
      advise(a, "%s: no candidate's value is known, so the budget cannot be checked.", info->title);
    else
      advise(
          a,
          "%s binds: the best candidate reaches %.4g %s, the budget is %.4g. What would help: %s.",
          info->title, o->choice.best[g], info->unit, o->s->budget.limit[g], remedy[g]);
  }
}

static void advise_all(const eao_outcome *o, advice *a) {
  const eao_search *s = o->s;
  advise_binding(o, a);
  if (!s->target.is_host)
    advise(a,
           "Latency and energy are estimated from the profile '%s'; measure model.eao on the "
           "device with `eao bench` before you rely on them.",
           s->target.name);
  uint32_t ref = 0;
  uint64_t ref_macs = 0, macs = 0;
  eao_compiled_info info = {0};
  if (o->compiled) info = eao_compiled_get(o->compiled);
  for (uint32_t i = 0; i < info.n_step; i++) {
    eao_compiled_step step = eao_compiled_get_step(o->compiled, i);
    macs += step.macs;
    if (strcmp(step.kernel, "ref") != 0 || step.macs == 0) continue;
    ref++;
    ref_macs += step.macs;
  }
  if (macs && ref_macs * 20 > macs)
    advise(
        a,
        "%u steps with %.0f %% of the multiply-accumulates run on reference kernels: there is no "
        "fast kernel for them on this target yet. The figures take that into account.",
        ref, 100.0 * (double)ref_macs / (double)macs);
  if (s->eval_data && s->eval_samples < 500)
    advise(a, "Accuracy comes from %llu samples only: its interval is wide.",
           (unsigned long long)s->eval_samples);
  if (!s->eval_data && s->opts->data) advise(a, "The data have no labels: accuracy is not known.");
  for (int k = 0; k < EAO_SCHEME_COUNT; k++)
    if (s->scheme[k].tried && *s->scheme[k].reason)
      advise(a, "%s was not tried: %s.", s->scheme[k].name, s->scheme[k].reason);
}

/* ---- files ---- */

static eao_status write_text(const eao_outcome *o, const char *name, const eao_text *t) {
  char path[600];
  if (t->failed) return EAO_NOMEM(o->s->ctx);
  snprintf(path, sizeof path, "%s/%s", o->s->opts->out_dir, name);
  return eao_file_write(o->s->ctx, path, t->p, t->len);
}

/* An exchange format that cannot express the model is left out, with the reason as advice. */
static eao_status save_as(const eao_outcome *o, const char *name, advice *a) {
  char path[600];
  snprintf(path, sizeof path, "%s/%s", o->s->opts->out_dir, name);
  eao_status st = eao_model_save(o->s->scheme[o->trial.scheme].model, path);
  if (st != EAO_ERR_UNSUPPORTED) return st;
  remove(path);
  advise(a, "%s was not written: %s.", name, eao_ctx_message(o->s->ctx));
  return EAO_OK;
}

static void recipe(const eao_outcome *o, eao_text *t) {
  const eao_search *s = o->s;
  const eao_scheme *k = &s->scheme[o->trial.scheme];
  eao_text_printf(t,
                  "# What `eao optimize` chose; the model file and the data are not part of it.\n");
  eao_text_printf(t, "eao: %s\ntarget: %s\nprecision: %s\nstream: %s\nseed: %llu\n",
                  EAO_VERSION_STRING, s->target.name, k->name, o->trial.stream ? "true" : "false",
                  (unsigned long long)s->opts->seed);
  if (o->trial.scheme != EAO_SCHEME_INT8) return;
  eao_text_printf(t, "calibration_samples: %u\nranges: %s\nsteps:\n", s->n_calibration,
                  eao_range_name(k->quant.range));
  for (uint32_t i = 0; i < k->quant.n_step; i++)
    eao_text_printf(t, "  - {name: \"%s\", kept: %s}\n", k->quant.step[i].name,
                    k->quant.step[i].kept ? "true" : "false");
}

/* ---- report ---- */

static void table(const eao_outcome *o, const eao_report *r, eao_text *t) {
  static const eao_goal columns[] = {EAO_GOAL_LATENCY_P95_MS, EAO_GOAL_ENERGY_MJ,
                                     EAO_GOAL_RAM_PEAK_KIB, EAO_GOAL_SIZE_KIB, EAO_GOAL_ACCURACY};
  eao_text_printf(t, "  %-26s %15s %12s %14s %11s %10s\n", "candidate", "latency p95 ms",
                  "energy mJ", "peak RAM KiB", "size KiB", "accuracy");
  for (uint32_t i = 0; i < r->n_candidate; i++) {
    const eao_candidate *c = &r->candidate[i];
    static const int width[] = {15, 12, 14, 11, 10};
    eao_text_printf(t, "%c %-26s", (int32_t)i == r->choice.nearest ? '>' : ' ', c->what);
    if (c->failed) eao_text_printf(t, " %s", c->reason);
    for (size_t k = 0; !c->failed && k < EAO_COUNT(columns); k++) {
      char cell[32];
      if (c->known[columns[k]])
        snprintf(cell, sizeof cell, "%.4g%s", c->value[columns[k]],
                 c->estimated[columns[k]] ? "~" : "");
      else
        snprintf(cell, sizeof cell, "-");
      eao_text_printf(t, " %*s", width[k], cell);
    }
    eao_text_printf(t, "\n");
  }
  eao_text_printf(t, "  (~ estimated)\n\n");
  for (int g = 0; g < EAO_GOAL_COUNT && r->choice.nearest >= 0; g++) {
    const eao_goal_info *info = eao_goal_get((eao_goal)g);
    const eao_candidate *c = &o->list[r->choice.nearest];
    if (!r->budget.set[g]) continue;
    bool met = eao_budget_miss(&r->budget, c, (eao_goal)g) <= 0;
    eao_text_printf(t, "%-6s %-14s %10.4g %s, budget %s %.4g%s\n",
                    met                    ? "met"
                    : r->choice.binding[g] ? "BINDS"
                                           : "missed",
                    info->title, c->known[g] ? c->value[g] : (double)NAN, info->unit,
                    info->lower_bound ? ">=" : "<=", r->budget.limit[g],
                    c->estimated[g] ? " (estimated)" : "");
  }
  eao_text_printf(t, "%s: %s\n", r->choice.chosen >= 0 ? "fits" : "nothing fits; nearest",
                  r->choice.nearest >= 0 ? o->list[r->choice.nearest].what : "none");
}

static eao_status fill_layers(const eao_outcome *o, eao_arena *a, eao_report *r) {
  if (!o->compiled) return EAO_OK;
  eao_compiled_info info = eao_compiled_get(o->compiled);
  eao_report_layer *layer = eao_arena_array(a, info.n_step, sizeof *layer);
  const eao_scheme *k = &o->s->scheme[o->trial.scheme];
  if (!layer) return EAO_NOMEM(o->s->ctx);
  for (uint32_t i = 0; i < info.n_step; i++) {
    eao_compiled_step step = eao_compiled_get_step(o->compiled, i);
    bool timed = o->bench && i < o->bench->n_step;
    layer[i] = (eao_report_layer){.name = step.name,
                                  .op = step.op,
                                  .precision = k->name,
                                  .kernel = step.kernel,
                                  .macs = (double)step.macs,
                                  .time_us = timed ? o->bench->step[i].ms * 1e3 : (double)NAN,
                                  .sqnr_db = NAN};
    for (uint32_t j = 0; j < k->quant.n_layer; j++)
      if (strcmp(k->quant.layer[j].name, step.name) == 0)
        layer[i].sqnr_db = k->quant.layer[j].sqnr_db;
  }
  r->layer = layer;
  r->n_layer = info.n_step;
  r->arena_kib = (double)info.arena_bytes / 1024;
  r->arena_layerwise_kib = (double)info.arena_bytes_layerwise / 1024;
  r->arena_bound_kib = (double)info.arena_bound_bytes / 1024;
  char *picture;
  EAO_TRY(eao_compiled_memory_html(o->compiled, &picture));
  r->memory_html = eao_arena_dup(a, picture, strlen(picture) + 1);
  eao_text_free(o->s->ctx, picture);
  if (!r->memory_html) return EAO_NOMEM(o->s->ctx);
  return EAO_OK;
}

static eao_status fill_ladder(const eao_outcome *o, eao_arena *a, eao_report *r) {
  const eao_scheme *f = &o->s->scheme[EAO_SCHEME_FLOAT32], *q = &o->s->scheme[EAO_SCHEME_INT8];
  uint32_t n = q->model ? q->quant.n_step : 0;
  eao_report_rung *rung = eao_arena_array(a, n + 2, sizeof *rung);
  if (!rung) return EAO_NOMEM(o->s->ctx);
  rung[0] = (eao_report_rung){"float32", f->evaluated ? f->accuracy : (double)NAN, NAN, true};
  for (uint32_t i = 0; i < n; i++)
    rung[i + 1] = (eao_report_rung){q->quant.step[i].name, NAN, q->quant.step[i].sqnr_db,
                                    q->quant.step[i].kept};
  if (q->model)
    rung[n + 1] = (eao_report_rung){"int8 result", q->evaluated ? q->accuracy : (double)NAN,
                                    q->quant.sqnr_db, true};
  r->rung = rung;
  r->n_rung = q->model ? n + 2 : 1;
  return EAO_OK;
}

static eao_status write_all(eao_outcome *o, eao_arena *arena, advice *a, eao_optimize_result *out) {
  eao_search *s = o->s;
  eao_text html, json, lines, table_text, recipe_text;
  eao_text *const all[] = {&html, &json, &lines, &table_text, &recipe_text};
  for (size_t i = 0; i < EAO_COUNT(all); i++) eao_text_init(all[i], s->ctx);
  eao_report r = {.model = s->opts->name,
                  .target = s->target.name,
                  .target_title = s->target.title,
                  .metric_name = s->eval_data ? eao_metric_name(s->metric) : "none",
                  .measured_here = s->target.is_host,
                  .energy_source = "estimated (picojoules per multiply-accumulate and byte)",
                  .budget = s->budget,
                  .candidate = o->list,
                  .n_candidate = o->n,
                  .choice = o->choice,
                  .baseline_accuracy = s->scheme[EAO_SCHEME_FLOAT32].accuracy,
                  .eval_samples = s->eval_samples,
                  .latency_ms = o->bench ? o->bench->sorted_ms : NULL,
                  .n_latency = o->bench ? o->bench->runs : 0,
                  .advice = a->list,
                  .search_seconds = o->seconds,
                  .seed = s->opts->seed};
  eao_status st = fill_layers(o, arena, &r);
  if (st == EAO_OK) st = fill_ladder(o, arena, &r);
  if (st == EAO_OK && o->compiled) {
    char path[600];
    snprintf(path, sizeof path, "%s/model.eao", s->opts->out_dir);
    st = eao_compiled_save(o->compiled, path);
    if (st == EAO_OK) st = save_as(o, "model.onnx", a);
    if (st == EAO_OK) st = save_as(o, "model.tflite", a);
  }
  advise_all(o, a);
  r.n_advice = a->n;
  for (uint32_t i = 0; i < a->n; i++) eao_text_printf(&lines, "%s\n", a->list[i]);
  eao_text_printf(&lines, "%s", "");
  eao_report_html(&r, &html);
  eao_report_json(&r, &json);
  table(o, &r, &table_text);
  recipe(o, &recipe_text);
  if (st == EAO_OK) st = write_text(o, "report.html", &html);
  if (st == EAO_OK) st = write_text(o, "report.json", &json);
  if (st == EAO_OK) st = write_text(o, "recipe.yaml", &recipe_text);
  if (st == EAO_OK && (lines.failed || table_text.failed)) st = EAO_NOMEM(s->ctx);
  if (st == EAO_OK) {
    out->fits = o->choice.chosen >= 0;
    out->table = table_text.p;
    out->json = json.p;
    out->advice = lines.p;
    snprintf(out->path, sizeof out->path, "%s/report.html", s->opts->out_dir);
    table_text.p = json.p = lines.p = NULL;
  }
  for (size_t i = 0; i < EAO_COUNT(all); i++) eao_text_deinit(all[i]);
  return st;
}

eao_status eao_artifact_write(eao_outcome *o, eao_optimize_result *out) {
  advice a = {.n = 0};
  eao_arena arena;
  eao_arena_init(&arena, o->s->ctx);
  eao_status st = write_all(o, &arena, &a, out);
  eao_arena_deinit(&arena);
  return st;
}
