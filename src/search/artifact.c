#include "search/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/recipe.h"

/* ---- files ---- */

static eao_status write_text(const eao_outcome *o, const char *name, const eao_text *t) {
  char path[600];
  if (t->failed) return EAO_NOMEM(o->s->ctx);
  snprintf(path, sizeof path, "%s/%s", o->s->opts->out_dir, name);
  return eao_file_write(o->s->ctx, path, t->p, t->len);
}

/* An exchange format that cannot express the model is left out, with the reason as advice. */
static eao_status save_as(const eao_outcome *o, const char *name, eao_advice *a) {
  char path[600];
  eao_model *copy;
  const eao_variant *v = &o->s->variant[o->point.variant];
  snprintf(path, sizeof path, "%s/%s", o->s->opts->out_dir, name);
  eao_status st = eao_model_clone(v->model, &copy);
  if (st == EAO_OK) {
    st = eao_model_save(copy, path);
    eao_model_destroy(copy);
  } else if (v->borrowed) {
    st = eao_model_save(v->model, path);
  }
  if (st != EAO_ERR_UNSUPPORTED) return st;
  remove(path);
  eao_advise(a, "%s was not written: %s.", name, eao_ctx_message(o->s->ctx));
  return EAO_OK;
}

static void recipe(const eao_outcome *o, eao_text *t) {
  const eao_search *s = o->s;
  const eao_variant *v = &s->variant[o->point.variant];
  const eao_input_size *z = &s->size[v->size];
  eao_recipe r = {.scheme = v->scheme,
                  .memory = o->point.memory,
                  .threads = o->point.threads,
                  .seed = (int64_t)s->opts->seed,
                  .golden = o->golden,
                  .rank = z->rank > 0 ? z->rank : 0};
  if (o->point.memory == EAO_MEMORY_AUTO) r.fit_bytes = (int64_t)eao_point_fit(s, &o->point);
  if (eao_scheme_get(v->scheme)->needs_data) {
    r.calibration_samples = s->n_calibration;
    memcpy(r.data_hash, s->data_hash, sizeof r.data_hash);
  }
  memcpy(r.dim, z->dim, sizeof r.dim);
  memcpy(r.model_hash, s->model_hash, sizeof r.model_hash);
  snprintf(r.model, sizeof r.model, "%s", s->opts->path ? s->opts->path : "");
  snprintf(r.target, sizeof r.target, "%s", s->opts->target ? s->opts->target : "host");
  snprintf(r.data, sizeof r.data, "%s", s->opts->data ? s->opts->data : "");
  snprintf(r.spec, sizeof r.spec, "%s", s->opts->spec ? s->opts->spec : "");
  eao_recipe_print(&r, t);
}

/* ---- report ---- */

static void table(const eao_outcome *o, const eao_report *r, eao_text *t) {
  static const eao_goal columns[] = {EAO_GOAL_LATENCY_P95_MS, EAO_GOAL_ENERGY_MJ,
                                     EAO_GOAL_RAM_PEAK_KIB, EAO_GOAL_SIZE_KIB, EAO_GOAL_ACCURACY};
  eao_text_printf(t, "  %-32s %15s %12s %14s %11s %10s\n", "candidate", "latency p95 ms",
                  "energy mJ", "peak RAM KiB", "size KiB", "accuracy");
  uint32_t shown = 0;
  for (uint32_t i = 0; i < r->n_candidate; i++) {
    const eao_candidate *c = &r->candidate[i];
    if ((c->screened || c->failed) && r->n_candidate > 12) continue; /* the report has them */
    shown++;
    static const int width[] = {15, 12, 14, 11, 10};
    eao_text_printf(t, "%c %-32s", (int32_t)i == r->choice.nearest ? '>' : ' ', c->what);
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
  if (shown < r->n_candidate)
    eao_text_printf(t, "  and %u more that were not worth measuring to the end: see the report\n",
                    r->n_candidate - shown);
  eao_text_printf(t, "  (~ estimated)\n\n");
  for (int g = 0; g < EAO_GOAL_COUNT && r->choice.nearest >= 0; g++) {
    const eao_goal_info *info = eao_goal_get((eao_goal)g);
    const eao_candidate *c = &o->s->list[r->choice.nearest];
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
                  r->choice.nearest >= 0 ? o->s->list[r->choice.nearest].what : "none");
}

static eao_status fill_layers(const eao_outcome *o, eao_arena *a, eao_report *r) {
  if (!o->built.compiled) return EAO_OK;
  eao_compiled_info info = eao_compiled_get(o->built.compiled);
  eao_report_layer *layer = eao_arena_array(a, info.n_step, sizeof *layer);
  const eao_variant *k = &o->s->variant[o->point.variant];
  if (!layer) return EAO_NOMEM(o->s->ctx);
  for (uint32_t i = 0; i < info.n_step; i++) {
    eao_compiled_step step = eao_compiled_get_step(o->built.compiled, i);
    bool timed = o->bench && i < o->bench->n_step;
    layer[i] = (eao_report_layer){.name = step.name,
                                  .op = step.op,
                                  .precision = k->name,
                                  .kernel = step.kernel,
                                  .macs = (double)step.macs,
                                  .time_us = timed ? o->bench->step[i].ms * 1e3 : (double)NAN,
                                  .sqnr_db = NAN};
    for (uint32_t j = 0; j < k->quant.n_layer; j++)
      if (strcmp(k->quant.layer[j].name, step.name) == 0 ||
          (*step.name && strcmp(k->quant.layer[j].node, step.name) == 0))
        layer[i].sqnr_db = k->quant.layer[j].sqnr_db;
  }
  r->layer = layer;
  r->n_layer = info.n_step;
  r->arena_kib = (double)info.arena_bytes / 1024;
  r->arena_layerwise_kib = (double)info.arena_bytes_layerwise / 1024;
  r->arena_bound_kib = (double)info.arena_bound_bytes / 1024;
  char *picture;
  EAO_TRY(eao_compiled_memory_html(o->built.compiled, &picture));
  r->memory_html = eao_arena_dup(a, picture, strlen(picture) + 1);
  eao_text_free(o->s->ctx, picture);
  if (!r->memory_html) return EAO_NOMEM(o->s->ctx);
  return EAO_OK;
}

/* Float, the steps of quantising, the results. */
static eao_status fill_ladder(const eao_outcome *o, eao_arena *a, eao_report *r) {
  const eao_search *s = o->s;
  const eao_variant *f = &s->variant[0];
  uint32_t most = 1;
  for (uint32_t i = 1; i < s->n_variant; i++) most += s->variant[i].quant.n_step + 1;
  eao_report_rung *rung = eao_arena_array(a, most, sizeof *rung);
  if (!rung) return EAO_NOMEM(s->ctx);
  uint32_t n = 0;
  rung[n++] = (eao_report_rung){f->name, f->grade.n ? f->grade.value : (double)NAN, NAN, true};
  for (uint32_t i = 1; i < s->n_variant; i++) {
    const eao_variant *v = &s->variant[i];
    if (!v->model) continue;
    for (uint32_t k = 0; i == o->point.variant && k < v->quant.n_step; k++)
      rung[n++] = (eao_report_rung){v->quant.step[k].name, NAN, v->quant.step[k].sqnr_db,
                                    v->quant.step[k].kept};
    rung[n++] = (eao_report_rung){v->name, v->grade.n ? v->grade.value : (double)NAN,
                                  v->quant.n_step ? v->quant.sqnr_db : (double)NAN, true};
  }
  r->rung = rung;
  r->n_rung = n;
  return EAO_OK;
}

/* Results of an earlier run, report.json first, which vouches for the others; and what a kill left
 * of a file that was being written. */
static eao_status clear(const eao_outcome *o) {
  static const char *const names[] = {"report.json", "report.html", "recipe.yaml",
                                      "model.eao",   "model.onnx",  "model.tflite"};
  const char *dir = o->s->opts->out_dir;
  char path[900];
  for (size_t i = 0; i < EAO_COUNT(names); i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    if (remove(path) != 0 && errno != ENOENT)
      return eao_fail(o->s->ctx, EAO_ERR_IO, "cannot replace '%s': %s", path, strerror(errno));
  }
  DIR *d = opendir(dir);
  for (struct dirent *e; d && (e = readdir(d));)
    for (size_t i = 0; i < EAO_COUNT(names); i++) {
      size_t n = strlen(names[i]);
      if (strncmp(e->d_name, names[i], n) != 0 || e->d_name[n] != '.' || strlen(e->d_name) != n + 7)
        continue;
      snprintf(path, sizeof path, "%s/%.200s", dir, e->d_name);
      remove(path);
    }
  if (d) closedir(d);
  return EAO_OK;
}

static eao_status write_all(eao_outcome *o, eao_arena *arena, eao_advice *a,
                            eao_optimize_result *out) {
  eao_search *s = o->s;
  eao_text html, json, lines, table_text, recipe_text;
  eao_text *const all[] = {&html, &json, &lines, &table_text, &recipe_text};
  for (size_t i = 0; i < EAO_COUNT(all); i++) eao_text_init(all[i], s->ctx);
  eao_report r = {.model = s->opts->name,
                  .target = s->target.name,
                  .target_title = s->target.title,
                  .metric_name = s->eval_data ? eao_metric_name(s->metric) : "none",
                  .measured_here = s->timed,
                  .verified = o->verified,
                  .verified_wrong = o->wrong,
                  .energy_source = o->bench && *o->bench->energy_source
                                       ? o->bench->energy_source
                                       : "estimated (picojoules per multiply-accumulate and byte)",
                  .budget = s->budget,
                  .candidate = s->list,
                  .n_candidate = s->n_point,
                  .choice = o->choice,
                  .baseline_accuracy =
                      s->variant[0].grade.n ? s->variant[0].grade.value : (double)NAN,
                  .eval_samples = s->n_eval,
                  .latency_ms = o->bench ? o->bench->sorted_ms : NULL,
                  .n_latency = o->bench ? o->bench->runs : 0,
                  .advice = a->list,
                  .search_seconds = o->seconds,
                  .seed = s->opts->seed};
  eao_status st = clear(o);
  if (st == EAO_OK) st = fill_layers(o, arena, &r);
  if (st == EAO_OK) st = fill_ladder(o, arena, &r);
  if (st == EAO_OK && o->built.compiled) {
    char path[600];
    snprintf(path, sizeof path, "%s/model.eao", s->opts->out_dir);
    st = eao_compiled_save(o->built.compiled, path);
    if (st == EAO_OK) st = save_as(o, "model.onnx", a);
    if (st == EAO_OK) st = save_as(o, "model.tflite", a);
  }
  eao_advise_all(o, a);
  r.n_advice = a->n;
  for (uint32_t i = 0; i < a->n; i++) eao_text_printf(&lines, "%s\n", a->list[i]);
  eao_text_printf(&lines, "%s", "");
  eao_report_html(&r, &html);
  eao_report_json(&r, &json);
  table(o, &r, &table_text);
  recipe(o, &recipe_text);
  if (st == EAO_OK) st = write_text(o, "report.html", &html);
  if (st == EAO_OK && o->built.compiled) st = write_text(o, "recipe.yaml", &recipe_text);
  if (st == EAO_OK) st = write_text(o, "report.json", &json); /* last: all others belong to it */
  if (st == EAO_OK && (lines.failed || table_text.failed)) st = EAO_NOMEM(s->ctx);
  if (st == EAO_OK) {
    out->fits = o->choice.chosen >= 0 && !o->wrong;
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
  eao_advice a = {.n = 0};
  eao_arena arena;
  eao_arena_init(&arena, o->s->ctx);
  eao_status st = write_all(o, &arena, &a, out);
  eao_arena_deinit(&arena);
  return st;
}

eao_status eao_preflight_report(eao_search *s, const eao_preflight *p, eao_optimize_result *out) {
  eao_text table, json, lines;
  eao_text *const all[] = {&table, &json, &lines};
  const char *comma = "";
  bool fits = true;
  for (size_t i = 0; i < EAO_COUNT(all); i++) eao_text_init(all[i], s->ctx);
  eao_text_printf(&json, "{\"schema\": %d, \"preflight\": {", EAO_REPORT_SCHEMA);
  for (int g = 0; g < EAO_GOAL_COUNT; g++) {
    const eao_goal_info *info = eao_goal_get((eao_goal)g);
    if (isnan(p->bound[g])) continue;
    fits &= !p->binding[g];
    eao_text_printf(&table, "%-14s at least %10.4g %-4s", info->title, p->bound[g], info->unit);
    if (s->budget.set[g])
      eao_text_printf(&table, " budget %10.4g  %s", s->budget.limit[g],
                      p->binding[g] ? "CANNOT BE MET" : "possible");
    eao_text_printf(&table, "\n");
    eao_text_printf(&json, "%s\"%s\": {\"least\": %.9g, \"possible\": %s}", comma, info->key,
                    p->bound[g], p->binding[g] ? "false" : "true");
    comma = ", ";
    if (p->binding[g]) eao_text_printf(&lines, "%s: %s.\n", info->title, p->why[g]);
  }
  double covered = p->macs > 0 ? 100 * (1 - p->ref_macs / p->macs) : 100;
  eao_text_printf(&table, "%-14s %.0f %% of the multiply-accumulates have a fast float kernel\n",
                  "coverage", covered);
  eao_text_printf(&json, "}, \"coverage_percent\": %.4g, \"ms\": %.4g}\n", covered, p->ms);
  eao_text_printf(&lines, "%s", "");
  bool failed = table.failed || json.failed || lines.failed;
  if (!failed)
    *out = (eao_optimize_result){.fits = fits, .table = table.p, .json = json.p, .advice = lines.p};
  for (size_t i = 0; failed && i < EAO_COUNT(all); i++) eao_text_deinit(all[i]);
  return failed ? EAO_NOMEM(s->ctx) : EAO_OK;
}
