/* Models in a precision at an input size: made, kept over a kill, scored. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eao/rt.h"
#include "search/search.h"

enum { ALIGN = 64 };

/* ---- kept ---- */

/* The report of quantising, as lines: numbers in hexadecimal floats, names last. */
static eao_status keep_report(eao_search *s, const eao_variant *v, const char *file) {
  const eao_quantize_report *r = &v->quant;
  eao_text t;
  eao_text_init(&t, s->ctx);
  eao_text_printf(&t, "%u %u %u %u %u %u %a %d\n", r->n_step, r->n_layer, r->integer_nodes,
                  r->float_nodes, r->conversions, r->narrow_weights, r->sqnr_db, (int)r->range);
  for (uint32_t i = 0; i < r->n_step; i++)
    eao_text_printf(&t, "%a %d %s\n", r->step[i].sqnr_db, r->step[i].kept, r->step[i].name);
  for (uint32_t i = 0; i < r->n_layer; i++)
    eao_text_printf(&t, "%a %s\t%s\t%s\n", r->layer[i].sqnr_db, r->layer[i].op, r->layer[i].node,
                    r->layer[i].name);
  eao_status st = t.failed ? EAO_NOMEM(s->ctx) : eao_journal_put_file(s->journal, file, t.p, t.len);
  eao_text_deinit(&t);
  return st;
}

/* The next line as a string of the arena; NULL at the end. */
static char *next_line(eao_arena *a, const char **p, const char *end) {
  const char *nl = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
  if (!nl) return NULL;
  char *line = eao_arena_strn(a, *p, (size_t)(nl - *p));
  *p = nl + 1;
  return line;
}

/* Ends s at its first tab; what follows, NULL without one. */
static char *cut(char *s) {
  char *tab = strchr(s, '\t');
  if (!tab) return NULL;
  *tab = 0;
  return tab + 1;
}

/* The file is what was written (its hash says so), so that little can be wrong; false: it is. */
static bool parse_report(eao_variant *v, const char *p, size_t n) {
  const char *end = p + n;
  eao_quantize_report *r = &v->quant;
  int range = 0, kept;
  char *line = next_line(&v->arena, &p, end), *rest;
  if (!line ||
      sscanf(line, "%u %u %u %u %u %u %la %d", &r->n_step, &r->n_layer, &r->integer_nodes,
             &r->float_nodes, &r->conversions, &r->narrow_weights, &r->sqnr_db, &range) != 8)
    return false;
  r->range = (eao_range_kind)range;
  if (r->n_step > EAO_QUANTIZE_STEPS_MAX || r->n_layer > n) return false;
  for (uint32_t i = 0; i < r->n_step; i++) {
    if (!(line = next_line(&v->arena, &p, end))) return false;
    r->step[i].sqnr_db = strtod(line, &rest);
    kept = (int)strtol(rest, &rest, 10);
    r->step[i].kept = kept != 0;
    r->step[i].name = *rest ? rest + 1 : rest;
  }
  eao_quantize_layer *layer = eao_arena_array(&v->arena, r->n_layer, sizeof *layer);
  r->layer = layer;
  for (uint32_t i = 0; layer && i < r->n_layer; i++) {
    if (!(line = next_line(&v->arena, &p, end))) return false;
    double db = strtod(line, &rest);
    char *op = *rest ? rest + 1 : rest, *node = cut(op), *name = node ? cut(node) : NULL;
    if (!name) return false;
    layer[i] = (eao_quantize_layer){
        .name = name, .node = node, .op = op, .sqnr_db = db, .precision = "", .why = ""};
  }
  return layer != NULL;
}

static eao_status restore(eao_search *s, eao_variant *v, const char *graph, const char *report) {
  eao_file f = {0}, g = {0};
  bool there = false;
  EAO_TRY(eao_journal_get_file(s->journal, report, &f, &there));
  if (!there) return EAO_OK;
  bool good = parse_report(v, (const char *)f.data, f.size);
  eao_file_unmap(s->ctx, &f);
  EAO_TRY(eao_journal_get_file(s->journal, graph, &g, &there));
  if (!there) return EAO_OK;
  eao_status st = EAO_OK;
  if (good) st = eao_model_parse(s->ctx, (const char *)g.data, g.size, &v->model);
  eao_file_unmap(s->ctx, &g);
  return st;
}

static eao_status keep(eao_search *s, eao_variant *v, const char *graph, const char *report) {
  char *text;
  EAO_TRY(eao_model_text(v->model, true, &text));
  eao_status st = eao_journal_put_file(s->journal, graph, text, strlen(text));
  eao_text_free(s->ctx, text);
  return st == EAO_OK ? keep_report(s, v, report) : st;
}

/* ---- made ---- */

typedef struct calibration {
  eao_search *s;
  eao_tensor sample; /* owned: data of the last one */
} calibration;

static eao_status next_sample(void *user, uint32_t i, eao_tensor *in, uint32_t n_in) {
  calibration *c = user;
  if (n_in != 1)
    return eao_fail(c->s->ctx, EAO_ERR_UNSUPPORTED, "data sets are for models with one input");
  if (eao_search_out_of_time(c->s))
    return eao_fail(c->s->ctx, EAO_ERR_BUDGET, "not tried: out of time");
  eao_free(c->s->ctx, c->sample.data);
  c->sample.data = NULL;
  EAO_TRY(eao_dataset_input(c->s->calibration, i, &in[0], &c->sample));
  in[0] = c->sample;
  return EAO_OK;
}

static void on_quantize(void *user, const char *what, uint32_t done, uint32_t total) {
  eao_search_progress(user, what, done, total);
}

static eao_status quantize(eao_search *s, eao_variant *v) {
  calibration c = {.s = s};
  eao_quantize_opts o = {.scheme = (eao_quant_scheme)eao_scheme_get(v->scheme)->quant,
                         .sample = s->calibration ? next_sample : NULL,
                         .sample_user = &c,
                         .n_samples = s->n_calibration,
                         .range = EAO_RANGE_BEST,
                         .progress = on_quantize,
                         .progress_user = s};
  eao_status st = eao_quantize(s->size[v->size].model, &o, &v->model, &v->quant);
  eao_free(s->ctx, c.sample.data);
  return st;
}

/* Why v cannot be made; NULL: it can. */
static eao_status obstacle(eao_search *s, const eao_variant *v, const char **out) {
  eao_model_stats stats;
  *out = NULL;
  EAO_TRY(eao_model_stats_get(s->size[v->size].model, &stats));
  if (stats.integer_nodes > 0)
    *out = "the model is quantised already";
  else if (eao_scheme_get(v->scheme)->needs_data && !s->calibration)
    *out = "quantising needs data (--data)";
  return EAO_OK;
}

static eao_status make(eao_search *s, eao_variant *v) {
  char graph[64], report[64], failed[64];
  const char *why;
  EAO_TRY(obstacle(s, v, &why));
  if (why) return eao_fail(s->ctx, EAO_ERR_UNSUPPORTED, "%s", why);
  snprintf(graph, sizeof graph, "%s.graph", v->name);
  snprintf(report, sizeof report, "%s.report", v->name);
  snprintf(failed, sizeof failed, "failed:%s", v->name);
  if (eao_journal_get(s->journal, failed))
    return eao_fail(s->ctx, EAO_ERR_UNSUPPORTED, "%s", eao_journal_get(s->journal, failed));
  EAO_TRY(restore(s, v, graph, report));
  if (v->model) return EAO_OK;
  eao_status st = quantize(s, v);
  if (st == EAO_OK) return keep(s, v, graph, report);
  if (st != EAO_ERR_UNSUPPORTED) return st;
  char text[sizeof v->reason];
  snprintf(text, sizeof text, "%s", eao_ctx_message(s->ctx));
  for (char *p = text; *p; p++)
    if (*p == '\n') *p = ' ';
  EAO_TRY(eao_journal_put(s->journal, failed, text));
  return eao_fail(s->ctx, EAO_ERR_UNSUPPORTED, "%s", text);
}

eao_status eao_variant_make(eao_search *s, uint32_t i) {
  eao_variant *v = &s->variant[i];
  if (v->tried) return EAO_OK;
  v->tried = true;
  eao_status st;
  if (v->scheme == EAO_SCHEME_FLOAT32) {
    st = eao_model_clone(s->size[v->size].model, &v->model);
    /* Control flow: the only candidate there is. */
    if (st == EAO_ERR_UNSUPPORTED && v->size == 0) {
      v->model = s->opts->model;
      v->borrowed = true;
      return EAO_OK;
    }
  } else {
    st = make(s, v);
  }
  if (st == EAO_ERR_UNSUPPORTED || st == EAO_ERR_BUDGET) {
    snprintf(v->reason, sizeof v->reason, "%s", eao_ctx_message(s->ctx));
    return EAO_OK;
  }
  return st;
}

/* ---- scored ---- */

typedef struct runner {
  eao_search *s;
  eao_package package;
  bool is_open;
  eao_session *session;
  void *block;
} runner;

enum { RUNNERS_MAX = 8 };

static void *aligned(void *block) {
  return (char *)block + (ALIGN - (uintptr_t)block % ALIGN) % ALIGN;
}

static eao_status run_one(void *user, const eao_tensor *in, eao_tensor *out) {
  runner *r = user;
  const eao_tensor *to = eao_session_input(r->session, 0);
  uint64_t n = 1;
  if (eao_search_out_of_time(r->s)) return EAO_ERR_BUDGET;
  for (int32_t i = 0; i < to->rank; i++) n *= (uint64_t)to->dim[i];
  memcpy(to->data, in->data, (size_t)((n * (uint64_t)eao_dtype_bits(to->dtype) + 7) / 8));
  eao_session_reset(r->session);
  eao_status st = eao_session_run(r->session);
  if (st == EAO_OK) *out = *eao_session_output(r->session, 0);
  return st; /* no message: the context belongs to another thread */
}

static void on_eval(void *user, uint64_t done, uint64_t total) {
  eao_search_progress(user, "accuracy", done, total);
}

static eao_status open_session(runner *r, const eao_compiled *c) {
  size_t size;
  const void *data = eao_compiled_data(c, &size);
  eao_status st = eao_package_open_memory(&r->package, data, size);
  if (st != EAO_OK) return eao_fail(r->s->ctx, st, "%s", eao_package_message(&r->package));
  r->is_open = true;
  size_t n = eao_package_arena_bytes(&r->package);
  r->block = n < SIZE_MAX - ALIGN ? eao_alloc(r->s->ctx, n + ALIGN) : NULL;
  if (!r->block) return EAO_NOMEM(r->s->ctx);
  return eao_session_create(&r->package, aligned(r->block), n, &r->session);
}

static void close_session(runner *r) {
  eao_free(r->s->ctx, r->block);
  if (r->is_open) eao_package_close(&r->package);
}

static bool is_share(eao_metric m) {
  return m == EAO_METRIC_TOP1 || m == EAO_METRIC_TOP5;
}

/* Samples [from, n) of the order, all of them for metrics that are no means; n_run at a time. */
static eao_status score(eao_search *s, eao_variant *v, runner *r, uint32_t n_run, uint64_t n,
                        eao_grade *out) {
  eao_tensor type = *eao_session_input(r->session, 0);
  type.data = NULL;
  uint64_t from = v->each && is_share(s->metric) ? v->grade.n : 0;
  float *each = eao_realloc(s->ctx, v->each, n * sizeof *each);
  if (!each) return EAO_NOMEM(s->ctx);
  v->each = each;
  if (v->grade.each) v->grade.each = each;
  eao_eval_model m[RUNNERS_MAX];
  for (uint32_t i = 0; i < n_run; i++)
    m[i] = (eao_eval_model){.run = run_one, .user = &r[i], .input = &type};
  eao_eval_opts o = {.metric = s->metric,
                     .seed = s->opts->seed,
                     .more = m + 1,
                     .n_more = n_run - 1,
                     .sample = s->order + from,
                     .n_sample = (int64_t)(n - from),
                     .out_value = each + from,
                     .progress = on_eval,
                     .progress_user = s};
  eao_evaluation e;
  EAO_TRY(eao_eval(s->ctx, s->eval_data, &m[0], &o, &e));
  s->metric = e.score[0].metric;
  if (is_share(s->metric)) {
    double *values = eao_alloc(s->ctx, n * sizeof *values);
    if (!values) return EAO_NOMEM(s->ctx);
    for (uint64_t i = 0; i < n; i++) values[i] = (double)each[i];
    eao_bootstrap_mean(values, (int64_t)n, 1000, s->opts->seed, &e.score[0]);
    eao_free(s->ctx, values);
  }
  double unit = s->metric == EAO_METRIC_AUC ? 1 : 100;
  *out = (eao_grade){.n = n,
                     .value = e.score[0].value * unit,
                     .lo = e.score[0].lo * unit,
                     .hi = e.score[0].hi * unit,
                     .each = is_share(s->metric) ? each : NULL};
  return EAO_OK;
}

/* ---- scores, kept ---- */

static void grade_name(const eao_variant *v, uint64_t n, char out[96]) {
  snprintf(out, 96, "grade:%s:%llu", v->name, (unsigned long long)n);
}

/* metric, value, interval, then right and wrong as bits in hexadecimal. */
static eao_status keep_grade(eao_search *s, const eao_variant *v, const eao_grade *g) {
  char name[96];
  eao_text t;
  eao_text_init(&t, s->ctx);
  eao_text_printf(&t, "%d %a %a %a ", (int)s->metric, g->value, g->lo, g->hi);
  for (uint64_t i = 0; g->each && i < g->n; i += 4) {
    unsigned nibble = 0;
    for (uint64_t k = 0; k < 4 && i + k < g->n; k++)
      nibble |= (unsigned)(g->each[i + k] > 0.5f) << k;
    eao_text_printf(&t, "%x", nibble);
  }
  grade_name(v, g->n, name);
  /* Too long for a line: measured again after a kill. */
  eao_status st = t.failed        ? EAO_NOMEM(s->ctx)
                  : t.len < 60000 ? eao_journal_put(s->journal, name, t.p)
                                  : EAO_OK;
  eao_text_deinit(&t);
  return st;
}

static eao_status recall_grade(eao_search *s, eao_variant *v, uint64_t n, eao_grade *out,
                               bool *out_there) {
  char name[96], *rest;
  grade_name(v, n, name);
  const char *text = eao_journal_get(s->journal, name);
  *out_there = false;
  if (!text) return EAO_OK;
  *out = (eao_grade){.n = n};
  s->metric = (eao_metric)strtol(text, &rest, 10);
  out->value = strtod(rest, &rest);
  out->lo = strtod(rest, &rest);
  out->hi = strtod(rest, &rest);
  rest += *rest == ' ';
  if (is_share(s->metric)) {
    if (strlen(rest) != (n + 3) / 4) return EAO_OK;
    float *each = eao_realloc(s->ctx, v->each, n * sizeof *each);
    if (!each) return EAO_NOMEM(s->ctx);
    v->each = each;
    if (v->grade.each) v->grade.each = each;
    for (uint64_t i = 0; i < n; i++) {
      char c = rest[i / 4];
      int nibble = c <= '9' ? c - '0' : c - 'a' + 10;
      each[i] = (float)(nibble >> (i % 4) & 1);
    }
    out->each = each;
  }
  *out_there = true;
  return EAO_OK;
}

/* Accuracy is measured on this machine, whatever the target: integers are the same everywhere. */
eao_status eao_variant_grade(eao_search *s, uint32_t i, uint64_t n, eao_grade *out) {
  eao_variant *v = &s->variant[i];
  bool there;
  EAO_TRY(recall_grade(s, v, n, out, &there));
  if (there) {
    v->grade = *out;
    return EAO_OK;
  }
  eao_built b = {0};
  /* A session a core: samples side by side gain more than threads within one. */
  uint32_t n_run = s->cores < 1 ? 1 : s->cores > RUNNERS_MAX ? RUNNERS_MAX : s->cores;
  eao_status st = eao_variant_compile(s, i, &(eao_compile_opts){.threads = 1}, &b);
  runner r[RUNNERS_MAX];
  for (uint32_t k = 0; k < n_run; k++) {
    r[k] = (runner){.s = s};
    if (st == EAO_OK) st = open_session(&r[k], b.compiled);
  }
  if (st == EAO_OK) st = score(s, v, r, n_run, n, out);
  for (uint32_t k = 0; k < n_run; k++) close_session(&r[k]);
  eao_built_free(&b);
  if (st == EAO_ERR_BUDGET) { /* what was known before stays */
    *out = v->grade;
    return EAO_OK;
  }
  EAO_TRY(st);
  v->grade = *out;
  return keep_grade(s, v, out);
}
