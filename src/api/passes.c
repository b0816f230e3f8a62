/* What the compiler's passes do to a model. */
#include <string.h>

#include "api/api.h"
#include "pass/pass.h"

typedef struct log {
  eao_model *m;
  eao_model_stats last;
  eao_pass_run *run;
  uint32_t n, cap;
} log;

const char *eao_pass_name(uint32_t i) {
  const char *name;
  return eao_pass_doc(i, &name) ? name : NULL;
}

static const char *doc_of(const char *pass) {
  const char *name, *doc;
  for (uint32_t i = 0; (doc = eao_pass_doc(i, &name)); i++)
    if (strcmp(name, pass) == 0) return doc;
  return "";
}

static eao_status note(void *user, eao_graph *g, const eao_pass_event *e) {
  log *l = user;
  (void)g;
  EAO_TRY(eao_grow(l->m->ctx, (void **)&l->run, &l->cap, l->n + 1, sizeof *l->run));
  eao_pass_run *r = &l->run[l->n++];
  *r = (eao_pass_run){.name = e->name,
                      .doc = doc_of(e->name),
                      .round = e->round,
                      .changes = e->changes,
                      .ms = (double)e->ns / 1e6,
                      .before = l->last};
  EAO_TRY(eao_model_stats_get(l->m, &r->after));
  l->last = r->after;
  return EAO_OK;
}

eao_status eao_model_run_passes(eao_model *m, eao_pass_run **out, uint32_t *out_n) {
  log l = {.m = m};
  *out = NULL;
  *out_n = 0;
  if (m->package) return eao_fail(m->ctx, EAO_ERR_ARG, "the model is compiled already");
  EAO_TRY(eao_model_stats_get(m, &l.last));
  eao_pass_opts o = {.watch = note, .watch_user = &l};
  eao_status s = eao_passes_run(m->g, &o, NULL, NULL);
  if (s != EAO_OK) {
    eao_free(m->ctx, l.run);
    return s;
  }
  *out = l.run;
  *out_n = l.n;
  return EAO_OK;
}

void eao_pass_runs_free(eao_ctx *ctx, eao_pass_run *runs) {
  eao_free(ctx, runs);
}
