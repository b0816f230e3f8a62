#include "cli/audit.h"

#include <string.h>

#include "cli/engine.h"

static void progress(void *user, const char *what, uint32_t done, uint32_t total) {
  eao_cli_progress(user, what, done, total);
}

/* A trial is run some 16 times; 2 x 10^11 multiply-accumulates are a matter of seconds. */
static uint32_t affordable(eao_model *m) {
  enum { LEAST = 64, MOST = 400, TRIALS = 16 };
  eao_model_stats s;
  if (eao_model_stats_get(m, &s) != EAO_OK || !s.macs) return MOST;
  double n = 2e11 / TRIALS / (double)s.macs;
  return n < LEAST ? LEAST : n > MOST ? MOST : (uint32_t)n;
}

int eao_cli_audit(eao_cli *c, const char *path, eao_model *m, eao_dataset *d, eao_audit_opts *o,
                  eao_audit_report **out) {
  eao_cli_engine engine;
  eao_cli_scored scored = {0};
  *out = NULL;
  eao_ctx_on_warning(c->ctx, NULL, NULL); /* those of loading were said already */
  int code = eao_cli_engine_open(c, path, eao_cli_get(c, "engine", "auto"), &engine);
  eao_ctx_on_warning(c->ctx, eao_cli_warn, c);
  if (!code) code = eao_cli_scored_open(c, &engine, false, &scored);
  if (!code) {
    o->run = &scored.model;
    if (!o->trial_samples) o->trial_samples = affordable(m);
    o->progress = progress;
    o->progress_user = c;
    eao_status s = eao_audit(m, d, o, out);
    if (s != EAO_OK) code = eao_cli_fail_input(c, s);
  }
  eao_cli_scored_close(&scored);
  eao_cli_engine_close(&engine);
  return code;
}

void eao_cli_audit_print(const eao_cli *c, const eao_audit_report *r, eao_audit_level least) {
  for (uint32_t i = 0; i < r->n_finding; i++) {
    const eao_audit_finding *f = &r->finding[i];
    eao_cli_style style = f->level == EAO_AUDIT_NOTE ? EAO_STYLE_BOLD : EAO_STYLE_BAD;
    if (f->level < least) continue;
    printf("%s%s: %s%s (%s, %.0f %% sure)\n", eao_cli_style_on(c, style),
           eao_audit_level_name(f->level), eao_audit_title(f->kind),
           eao_cli_style_on(c, EAO_STYLE_OFF), eao_audit_name(f->kind), 100 * f->confidence);
    printf("  %s\n  -> %s\n", f->evidence, f->advice);
  }
}

json_t *eao_cli_audit_findings(const eao_audit_report *r) {
  json_t *found = json_array();
  for (uint32_t i = 0; i < r->n_finding; i++) {
    const eao_audit_finding *f = &r->finding[i];
    json_array_append_new(
        found, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "kind", eao_audit_name(f->kind), "level",
                         eao_audit_level_name(f->level), "title", eao_audit_title(f->kind),
                         "confidence", eao_cli_real(f->confidence), "evidence",
                         eao_cli_string(f->evidence), "advice", eao_cli_string(f->advice)));
  }
  return found;
}
