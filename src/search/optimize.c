/* The order of events: preflight, float baseline, candidates, choice, verification, files. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "search/artifact.h"
#include "search/recipe.h"

enum { SCREEN_RUNS = 60, FINAL_RUNS = 200 };

/* ---- time ---- */

bool eao_search_out_of_time(eao_search *s) {
  if (!s->deadline_ns || eao_clock_ns() < s->deadline_ns) return false;
  s->stopped = true;
  return true;
}

void eao_search_progress(eao_search *s, const char *what, uint64_t done, uint64_t total) {
  if (!s->opts->progress) return;
  uint64_t now = eao_clock_ns();
  if (!s->shown.what || strcmp(s->shown.what, what) != 0 || done < s->shown.done) {
    snprintf(s->shown.text, sizeof s->shown.text, "%s", what);
    s->shown.what = s->shown.text;
    s->shown.since_ns = now;
  }
  s->shown.done = done;
  double spent = (double)(now - s->shown.since_ns) * 1e-9;
  double left = done ? spent / (double)done * (double)(total - done) : 0;
  char text[128];
  snprintf(text, sizeof text, "%s%s%s", s->doing, *s->doing ? ": " : "", what);
  s->opts->progress(s->opts->progress_user, text, done, total, left);
}

/* ---- beginning ---- */

static eao_status read_budgets(eao_search *s) {
  const eao_optimize_opts *o = s->opts;
  if (o->budget_file) {
    eao_conf *c;
    EAO_TRY(eao_conf_load(s->ctx, o->budget_file, &c));
    eao_status st = eao_budget_read(c, eao_conf_root(c), &s->budget);
    eao_conf_destroy(c);
    if (st != EAO_OK) return st;
  }
  return o->budget ? eao_budget_parse(s->ctx, o->budget, &s->budget) : EAO_OK;
}

/* Evaluation and calibration samples never overlap: the description's split "calibration", else the
 * first samples, which evaluation then leaves out. */
static eao_status open_data(eao_search *s) {
  const eao_optimize_opts *o = s->opts;
  uint32_t want = o->n_calibration ? o->n_calibration : 256;
  s->metric = EAO_METRIC_NONE;
  if (!o->data) return EAO_OK;
  eao_dataset_opts cal = {.spec = o->spec, .split = "calibration", .limit = want};
  eao_dataset_opts ev = {.spec = o->spec, .limit = o->eval_limit};
  if (eao_dataset_open(s->ctx, o->data, &cal, &s->calibration) != EAO_OK) {
    cal.split = NULL;
    EAO_TRY(eao_dataset_open(s->ctx, o->data, &cal, &s->calibration));
    ev.first = eao_dataset_get(s->calibration).n;
  }
  s->n_calibration = (uint32_t)eao_dataset_get(s->calibration).n;
  EAO_TRY(eao_dataset_open(s->ctx, o->data, &ev, &s->eval_data));
  eao_dataset_info info = eao_dataset_get(s->eval_data);
  if (info.n == 0)
    return eao_fail(s->ctx, EAO_ERR_ARG,
                    "'%s' has too few samples: %u for calibration leave none to measure accuracy "
                    "on (describe a split 'calibration' in a dataset.yaml)",
                    o->data, s->n_calibration);
  if (!info.labels) { /* nothing to score */
    eao_dataset_close(s->eval_data);
    s->eval_data = NULL;
  }
  return EAO_OK;
}

/* Data sets are often sorted by class: subsets must not be. */
static eao_status shuffle(eao_search *s) {
  if (!s->eval_data) return EAO_OK;
  s->n_eval = (uint64_t)eao_dataset_get(s->eval_data).n;
  s->order = eao_alloc(s->ctx, s->n_eval * sizeof *s->order);
  if (!s->order) return EAO_NOMEM(s->ctx);
  eao_rng rng = {s->opts->seed};
  for (uint64_t i = 0; i < s->n_eval; i++) {
    uint64_t k = eao_rng_below(&rng, i + 1);
    s->order[i] = s->order[k];
    s->order[k] = (int64_t)i;
  }
  return EAO_OK;
}

static eao_status open_search(eao_search *s) {
  const eao_optimize_opts *o = s->opts;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  s->cores = cores < 1 ? 1 : cores > 8 ? 8 : (uint32_t)cores;
  EAO_TRY(read_budgets(s));
  EAO_TRY(eao_target_load(s->ctx, o->target ? o->target : "host", &s->target));
  EAO_TRY(open_data(s));
  bool wants_accuracy = s->budget.set[EAO_GOAL_ACCURACY] || s->budget.set[EAO_GOAL_ACCURACY_DROP];
  if (wants_accuracy && !s->eval_data)
    return eao_fail(
        s->ctx, EAO_ERR_ARG,
        "a budget on accuracy needs labelled data: give --data (see `eao eval --help`)");
  return shuffle(s);
}

static void close_search(eao_search *s) {
  eao_device_close(&s->device);
  eao_space_free(s);
  eao_journal_close(s->journal);
  eao_dataset_close(s->eval_data);
  eao_dataset_close(s->calibration);
  eao_free(s->ctx, s->order);
}

/* The runner that was given, or the one beside this program. */
static void runner_path(const eao_search *s, char out[600]) {
  char exe[512];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  exe[n > 0 ? n : 0] = 0;
  char *slash = strrchr(exe, '/');
  if (slash) *slash = 0;
  if (s->opts->runner)
    snprintf(out, 600, "%.590s", s->opts->runner);
  else
    snprintf(out, 600, "%.500s/device_bench", exe);
}

static eao_status open_device(eao_search *s) {
  char runner[600];
  s->timed = s->target.is_host;
  if (!s->opts->device) return EAO_OK;
  if (s->target.is_host)
    return eao_fail(s->ctx, EAO_ERR_ARG,
                    "--device needs --target: the profile of the device ('eao target probe' makes "
                    "one there)");
  runner_path(s, runner);
  EAO_TRY(eao_device_open(s->ctx, s->opts->device, runner, &s->device));
  s->timed = true;
  return EAO_OK;
}

/* The last two seconds, or a tenth, belong to verifying and writing. */
static void set_deadline(eao_search *s) {
  double t = s->opts->time_s;
  if (t > 0)
    s->deadline_ns =
        s->started_ns + (uint64_t)((t - fmax(2, 0.1 * t) > 0 ? t - fmax(2, 0.1 * t) : 0) * 1e9) + 1;
}

static eao_status open_journal(eao_search *s) {
  uint8_t key[EAO_JOURNAL_KEY];
  if (mkdir(s->opts->out_dir, 0777) != 0 && errno != EEXIST)
    return eao_fail(s->ctx, EAO_ERR_IO, "cannot make '%s': %s", s->opts->out_dir, strerror(errno));
  EAO_TRY(eao_search_identify(s, key));
  return eao_journal_open(s->ctx, s->opts->out_dir, key, s->opts->fresh, &s->journal);
}

/* ---- the laboratory ---- */

static eao_status lab_prepare(void *user, uint32_t v, bool *out) {
  eao_search *s = user;
  snprintf(s->doing, sizeof s->doing, "%s", s->variant[v].name);
  EAO_TRY(eao_variant_make(s, v));
  *out = s->variant[v].model != NULL;
  for (uint32_t p = 0; !*out && p < s->n_point; p++) {
    if (s->point[p].variant != v) continue;
    s->list[p].failed = true;
    memcpy(s->list[p].reason, s->variant[v].reason, sizeof s->list[p].reason);
  }
  return EAO_OK;
}

static void record_name(const eao_search *s, const char *kind, uint32_t p, char out[96]) {
  bool is_auto = s->point[p].memory == EAO_MEMORY_AUTO;
  snprintf(out, 96, "%s:%s:%llu", kind, s->list[p].id,
           (unsigned long long)(is_auto ? eao_point_fit(s, &s->point[p]) : 0));
}

/* The four costs and which are estimates; or why there are none. */
static eao_status record(eao_search *s, const char *kind, uint32_t p) {
  const eao_candidate *c = &s->list[p];
  char name[96], text[320];
  record_name(s, kind, p, name);
  if (c->failed) {
    snprintf(text, sizeof text, "failed %s", c->reason);
    for (char *q = text; *q; q++)
      if (*q == '\n') *q = ' ';
  } else {
    size_t n = 0;
    for (int g = 0; g <= EAO_GOAL_SIZE_KIB; g++)
      n += (size_t)snprintf(text + n, sizeof text - n, "%a %d ", c->value[g], c->estimated[g]);
  }
  return eao_journal_put(s->journal, name, text);
}

static bool recall(const eao_search *s, const char *kind, uint32_t p, eao_candidate *c) {
  char name[96], *rest;
  record_name(s, kind, p, name);
  const char *text = eao_journal_get(s->journal, name);
  if (!text) return false;
  if (strncmp(text, "failed ", 7) == 0) {
    c->failed = true;
    snprintf(c->reason, sizeof c->reason, "%s", text + 7);
    return true;
  }
  for (int g = 0; g <= EAO_GOAL_SIZE_KIB; g++, text = rest) {
    c->known[g] = true;
    c->value[g] = strtod(text, &rest);
    c->estimated[g] = strtol(rest, &rest, 10) != 0;
  }
  return true;
}

static eao_status lab_estimate(void *user, uint32_t p, eao_candidate *c) {
  eao_search *s = user;
  eao_built b;
  if (recall(s, "plan", p, c)) return EAO_OK;
  eao_search_progress(s, "compiling", p, s->n_point);
  eao_status st = eao_point_build(s, &s->point[p], false, &b);
  if (st == EAO_ERR_UNSUPPORTED) {
    c->failed = true;
    snprintf(c->reason, sizeof c->reason, "%s", eao_ctx_message(s->ctx));
  } else if (st != EAO_OK) {
    return st;
  } else {
    st = eao_point_estimate(s, &s->point[p], b.compiled, c);
    eao_built_free(&b);
    if (st != EAO_OK) return st;
  }
  return record(s, "plan", p);
}

static eao_status lab_grade(void *user, uint32_t v, uint64_t n, eao_grade *out) {
  eao_search *s = user;
  snprintf(s->doing, sizeof s->doing, "%s", s->variant[v].name);
  return eao_variant_grade(s, v, n, out);
}

static eao_status lab_time(void *user, uint32_t p, eao_candidate *c) {
  eao_search *s = user;
  eao_built b;
  if (recall(s, "time", p, c)) return EAO_OK;
  snprintf(s->doing, sizeof s->doing, "%s", c->id);
  eao_search_progress(s, "latency", 0, 1);
  EAO_TRY(eao_point_build(s, &s->point[p], false, &b));
  eao_status st = eao_point_measure(s, &s->point[p], b.compiled, SCREEN_RUNS, 0.1, false, c, NULL);
  eao_built_free(&b);
  return st == EAO_OK ? record(s, "time", p) : st;
}

static bool lab_stop(void *user) {
  return eao_search_out_of_time(user);
}

static eao_status try_all(eao_search *s) {
  uint32_t variant_of[EAO_POINTS_MAX], tier[EAO_VARIANTS_MAX];
  eao_grade grade[EAO_VARIANTS_MAX] = {{0}};
  for (uint32_t p = 0; p < s->n_point; p++) {
    variant_of[p] = s->point[p].variant;
    eao_point_describe(s, &s->point[p], &s->list[p]);
  }
  for (uint32_t v = 0; v < s->n_variant; v++) tier[v] = s->variant[v].size > 0 && !s->replay;
  eao_lab lab = {.user = s,
                 .prepare = lab_prepare,
                 .estimate = lab_estimate,
                 .grade = s->eval_data ? lab_grade : NULL,
                 .time = s->timed ? lab_time : NULL,
                 .stop = lab_stop};
  eao_field f = {.variant_of = variant_of,
                 .list = s->list,
                 .n_point = s->n_point,
                 .grade = grade,
                 .tier = tier,
                 .n_variant = s->n_variant,
                 .baseline = 0,
                 .samples = s->n_eval};
  eao_status st = eao_halving_run(s->ctx, &lab, &s->budget, &f);
  s->doing[0] = 0;
  return st;
}

/* ---- the end ---- */

/* The artifact carries a known-good run for the device's self-test, where the size budget and good
 * sense (a tenth of the package) allow it. */
static eao_status build_final(eao_search *s, uint32_t p, bool force, bool want, eao_built *out,
                              bool *out_golden) {
  eao_candidate *c = &s->list[p];
  double plain = c->value[EAO_GOAL_SIZE_KIB];
  *out_golden = force ? want : true;
  EAO_TRY(eao_point_build(s, &s->point[p], *out_golden, out));
  double kib = (double)eao_compiled_get(out->compiled).file_bytes / 1024;
  bool over = s->budget.set[EAO_GOAL_SIZE_KIB] && kib > s->budget.limit[EAO_GOAL_SIZE_KIB];
  if (!force && (over || kib > 1.1 * plain)) {
    eao_built_free(out);
    *out_golden = false;
    EAO_TRY(eao_point_build(s, &s->point[p], false, out));
    kib = (double)eao_compiled_get(out->compiled).file_bytes / 1024;
  }
  c->value[EAO_GOAL_SIZE_KIB] = kib;
  return EAO_OK;
}

/* The final figures come from a longer run. When they no longer fit, they are recorded and the
 * search goes on from there; each turn settles one candidate. */
static eao_status verify(eao_search *s, const eao_recipe *r, eao_outcome *o) {
  bool settled[EAO_POINTS_MAX] = {false};
  for (;;) {
    EAO_TRY(try_all(s));
    eao_choose(&s->budget, s->list, s->n_point, &o->choice);
    int32_t p = o->choice.nearest;
    if (p < 0 || (settled[p] && o->built.compiled && p == o->at)) return EAO_OK;
    eao_built_free(&o->built);
    eao_bench_destroy(s->ctx, o->bench);
    o->bench = NULL;
    o->at = p;
    o->point = s->point[p];
    snprintf(s->doing, sizeof s->doing, "%s", s->list[p].id);
    eao_search_progress(s, "verifying", 0, 1);
    EAO_TRY(build_final(s, (uint32_t)p, r != NULL, r && r->golden, &o->built, &o->golden));
    bool was_fit = o->choice.chosen >= 0;
    if (!s->timed) return EAO_OK;
    EAO_TRY(eao_point_measure(s, &s->point[p], o->built.compiled, FINAL_RUNS, 1, true, &s->list[p],
                              &o->bench));
    EAO_TRY(record(s, "time", (uint32_t)p));
    eao_choose(&s->budget, s->list, s->n_point, &o->choice);
    bool still = o->choice.nearest == p && (o->choice.chosen >= 0) == was_fit;
    if (still || settled[p] || eao_search_out_of_time(s)) return EAO_OK;
    settled[p] = true;
  }
}

/* The self-test, with a known-good run of the interpreter, of the very kernels that were chosen:
 * here, on the device, or under emulation of its ISA. */
static eao_status test_on_target(eao_search *s, eao_outcome *o) {
  static const char *const qemu[] = {[EAO_ISA_X86_64] = "qemu-x86_64",
                                     [EAO_ISA_ARM64] = "qemu-aarch64",
                                     [EAO_ISA_ARM32] = "qemu-arm",
                                     [EAO_ISA_RISCV64] = "qemu-riscv64"};
  char path[700], runner[600];
  eao_built b;
  eao_device_run r = {0};
  bool ran = true, emulate = !s->target.is_host && !*s->device.dir;
  size_t isa = (size_t)s->target.isa;
  if (!o->built.compiled) return EAO_OK;
  if (emulate && (!s->opts->runner || isa >= EAO_COUNT(qemu) || !qemu[isa])) return EAO_OK;
  EAO_TRY(eao_point_build(s, &o->point, true, &b));
  snprintf(path, sizeof path, "%s/.eao-state/tested.eao", s->opts->out_dir);
  eao_status st = eao_compiled_save(b.compiled, path);
  runner_path(s, runner);
  if (st == EAO_OK && emulate) {
    st = eao_emulate(s->ctx, qemu[isa], runner, path, &r, &ran);
    snprintf(o->verified, sizeof o->verified, "under emulation (%s)", qemu[isa]);
  } else if (st == EAO_OK && *s->device.dir) {
    st = eao_device_measure(&s->device, path, 1, 1, 0, &r);
    snprintf(o->verified, sizeof o->verified, "on the device");
  } else if (st == EAO_OK) {
    eao_bench *bench = NULL;
    eao_bench_opts bo = {.warmup = 1, .runs = 1, .seconds = 1e-9, .self_test = true};
    st = eao_bench_package(s->ctx, path, &bo, &bench);
    eao_bench_destroy(s->ctx, bench);
    snprintf(r.self_test, sizeof r.self_test, "%s", st == EAO_OK ? "passed" : "failed");
    if (st == EAO_ERR_INTERNAL) st = EAO_OK;
    snprintf(o->verified, sizeof o->verified, "here");
  }
  remove(path);
  eao_built_free(&b);
  if (!ran) o->verified[0] = 0;
  o->wrong = ran && strcmp(r.self_test, "passed") != 0;
  return st;
}

static eao_status finish(eao_search *s, const eao_recipe *r, const eao_preflight *pre,
                         eao_optimize_result *out) {
  eao_outcome o = {.s = s, .preflight = pre};
  o.choice.nearest = o.choice.chosen = -1;
  eao_status st = verify(s, r, &o);
  if (st == EAO_OK) st = test_on_target(s, &o);
  eao_search_progress(s, "verifying", 1, 1);
  s->doing[0] = 0;
  o.seconds = (double)(eao_clock_ns() - s->started_ns) * 1e-9;
  if (st == EAO_OK) st = eao_artifact_write(&o, out);
  eao_built_free(&o.built);
  eao_bench_destroy(s->ctx, o.bench);
  return st;
}

/* ---- a recipe again ---- */

static eao_status check_recipe(eao_search *s, const eao_recipe *r) {
  if (*r->model_hash && strcmp(r->model_hash, s->model_hash) != 0)
    return eao_fail(s->ctx, EAO_ERR_AUTH,
                    "the model is not the one of the recipe (hash %.16s..., the recipe says "
                    "%.16s...)",
                    s->model_hash, r->model_hash);
  if (*r->data_hash && strcmp(r->data_hash, s->data_hash) != 0)
    return eao_fail(s->ctx, EAO_ERR_AUTH,
                    "the calibration samples are not those of the recipe: the same --data, --spec "
                    "and --calibration-samples are needed");
  return EAO_OK;
}

static eao_status search(eao_search *s, const eao_recipe *r, eao_optimize_result *out) {
  eao_preflight pre;
  EAO_TRY(open_search(s));
  if (r) {
    s->replay = true;
    s->fit_bytes = (uint64_t)r->fit_bytes;
    EAO_TRY(
        eao_space_single(s, r->scheme, r->rank ? r->dim : NULL, r->memory, (uint32_t)r->threads));
  } else {
    EAO_TRY(eao_space_build(s));
  }
  EAO_TRY(eao_preflight_run(s, &pre));
  if (s->opts->preflight_only) return eao_preflight_report(s, &pre, out);
  set_deadline(s);
  EAO_TRY(open_device(s));
  EAO_TRY(open_journal(s));
  if (r) EAO_TRY(check_recipe(s, r));
  return finish(s, r, &pre, out);
}

/* What a recipe says stands in for what was not given. */
static eao_status merge_recipe(eao_ctx *ctx, eao_optimize_opts *o, eao_recipe *r) {
  if (!o->recipe) return EAO_OK;
  EAO_TRY(eao_recipe_load(ctx, o->recipe, r));
  if (!o->target) o->target = *r->target ? r->target : NULL;
  if (!o->data) o->data = *r->data ? r->data : NULL;
  if (!o->spec) o->spec = *r->spec ? r->spec : NULL;
  if (!o->n_calibration) o->n_calibration = (uint32_t)r->calibration_samples;
  o->seed = (uint64_t)r->seed;
  return EAO_OK;
}

eao_status eao_optimize(eao_ctx *ctx, const eao_optimize_opts *opts, eao_optimize_result *out) {
  eao_optimize_opts o = *opts;
  eao_recipe recipe;
  memset(out, 0, sizeof *out);
  EAO_TRY(merge_recipe(ctx, &o, &recipe));
  eao_search *s = eao_alloc(ctx, sizeof *s);
  if (!s) return EAO_NOMEM(ctx);
  s->ctx = ctx;
  s->opts = &o;
  s->started_ns = eao_clock_ns();
  eao_status st = search(s, o.recipe ? &recipe : NULL, out);
  close_search(s);
  eao_free(ctx, s);
  return st;
}
