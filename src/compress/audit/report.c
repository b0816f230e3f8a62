/* An audit from its checks to its report. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compress/audit/audit.h"
#include "compress/audit/run.h"

static const struct {
  const char *name, *title;
} kinds[EAO_AUDIT_COUNT] = {
#define EAO_AUDIT(id, name, title) {name, title},
#include "eao/audit_kinds.def"
#undef EAO_AUDIT
};

const char *eao_audit_name(eao_audit_kind k) {
  return (unsigned)k < EAO_AUDIT_COUNT ? kinds[k].name : "";
}

const char *eao_audit_title(eao_audit_kind k) {
  return (unsigned)k < EAO_AUDIT_COUNT ? kinds[k].title : "";
}

const char *eao_audit_level_name(eao_audit_level l) {
  return l == EAO_AUDIT_ERROR ? "error" : l == EAO_AUDIT_WARNING ? "warning" : "note";
}

static const char *text_of(audit *a, const char *fmt, va_list list) {
  char text[1024];
  vsnprintf(text, sizeof text, fmt, list);
  const char *kept = eao_arena_str(&a->arena, text);
  return kept ? kept : "";
}

const char *audit_text(audit *a, const char *fmt, ...) {
  va_list list;
  va_start(list, fmt);
  const char *text = text_of(a, fmt, list);
  va_end(list);
  return text;
}

eao_status audit_find(audit *a, eao_audit_kind kind, eao_audit_level level, double confidence,
                      const char *advice, const char *fmt, ...) {
  EAO_TRY(eao_grow(a->ctx, (void **)&a->finding, &a->cap_finding, a->n_finding + 1,
                   sizeof *a->finding));
  va_list list;
  va_start(list, fmt);
  const char *evidence = text_of(a, fmt, list);
  va_end(list);
  a->finding[a->n_finding++] = (eao_audit_finding){kind, level,
                                                   confidence < 0       ? 0
                                                   : confidence > 0.999 ? 0.999
                                                                        : confidence,
                                                   evidence, advice};
  return EAO_OK;
}

bool audit_has(const audit *a, eao_audit_kind kind) {
  for (uint32_t i = 0; i < a->n_finding; i++)
    if (a->finding[i].kind == kind) return true;
  return false;
}

eao_status audit_unchecked(audit *a, const char *fmt, ...) {
  EAO_TRY(eao_grow(a->ctx, (void **)(uintptr_t)&a->unchecked, &a->cap_unchecked, a->n_unchecked + 1,
                   sizeof *a->unchecked));
  va_list list;
  va_start(list, fmt);
  a->unchecked[a->n_unchecked++] = text_of(a, fmt, list);
  va_end(list);
  return EAO_OK;
}

void audit_progress(audit *a, const char *what, uint32_t done, uint32_t total) {
  if (a->o.progress) a->o.progress(a->o.progress_user, what, done, total);
}

const char *audit_names(audit *a, const audit_set *set, const uint32_t *pick, uint32_t n) {
  enum { SHOWN = 3 };
  char text[512] = "";
  size_t used = 0;
  for (uint32_t i = 0; i < n && i < SHOWN; i++) {
    int64_t at = set->sample[pick[i]].at;
    const char *name = eao_dataset_name(set->d, at), *sep = i ? ", " : "";
    int k = name[0]
                ? snprintf(text + used, sizeof text - used, "%s%.100s", sep, name)
                : snprintf(text + used, sizeof text - used, "%snumber %lld", sep, (long long)at);
    if (k > 0) used += (size_t)k;
  }
  if (n > SHOWN) snprintf(text + used, sizeof text - used, " and %u more", n - SHOWN);
  return audit_text(a, "%s", text);
}

/* ---- the whole ---- */

static int by_weight(const void *pa, const void *pb) {
  const eao_audit_finding *x = pa, *y = pb;
  if (x->level != y->level) return x->level > y->level ? -1 : 1;
  if (x->confidence != y->confidence) return x->confidence > y->confidence ? -1 : 1;
  return (x->kind > y->kind) - (x->kind < y->kind);
}

static eao_status check(audit *a, eao_dataset *d) {
  EAO_TRY(audit_check_model(a));
  EAO_TRY(audit_read(a, &a->set, d, a->o.samples));
  a->labels = a->set.info.labels && !a->o.no_labels;
  EAO_TRY(audit_check_samples(a));
  EAO_TRY(audit_check_classes(a));
  if (a->o.held_out) {
    EAO_TRY(audit_read(a, &a->held, a->o.held_out, a->o.samples));
    EAO_TRY(audit_check_held_out(a));
  } else {
    EAO_TRY(audit_unchecked(a, "drift and leaks: no second set of samples was given"));
  }
  return audit_check_trials(a);
}

/* The report takes over the arena and the lists. */
typedef struct owner {
  eao_audit_report r;
  eao_arena arena;
} owner;

eao_status eao_audit_run(eao_ctx *ctx, const eao_graph *g, eao_dataset *d,
                         const eao_audit_opts *opts, eao_audit_report **out) {
  audit a = {.ctx = ctx, .g = g, .top1 = NAN};
  *out = NULL;
  if (opts) a.o = *opts;
  if (!a.o.samples) a.o.samples = 1000;
  if (!a.o.trial_samples) a.o.trial_samples = 400;
  owner *w = eao_alloc(ctx, sizeof *w);
  if (!w) return EAO_NOMEM(ctx);
  eao_arena_init(&a.arena, ctx);
  eao_image_spec before = *eao_dataset_preprocess(d);
  eao_status s = check(&a, d);
  *eao_dataset_preprocess(d) = before;
  if (a.n_finding) qsort(a.finding, a.n_finding, sizeof *a.finding, by_weight);
  w->r = (eao_audit_report){.finding = a.finding,
                            .n_finding = a.n_finding,
                            .unchecked = a.unchecked,
                            .n_unchecked = a.n_unchecked,
                            .trial = a.trial,
                            .n_trial = a.n_trial,
                            .n_sample = a.set.n,
                            .top1 = a.top1};
  w->arena = a.arena;
  audit_set_deinit(&a, &a.set);
  audit_set_deinit(&a, &a.held);
  if (s == EAO_OK)
    *out = &w->r;
  else
    eao_audit_destroy(ctx, &w->r);
  return s;
}

void eao_audit_destroy(eao_ctx *ctx, eao_audit_report *r) {
  if (!r) return;
  owner *w = (owner *)r; /* r is its first member */
  eao_free(ctx, (void *)(uintptr_t)r->finding);
  eao_free(ctx, (void *)(uintptr_t)r->unchecked);
  eao_free(ctx, (void *)(uintptr_t)r->trial);
  eao_arena_deinit(&w->arena);
  eao_free(ctx, w);
}
