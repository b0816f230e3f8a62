#include <math.h>

#include "search/report.h"

const char *eao_report_verdict(const eao_report *r) {
  return r->choice.chosen >= 0 ? "fits" : r->choice.nearest >= 0 ? "nearest" : "none";
}

static void text(eao_text *out, const char *s) {
  eao_text_add(out, "\"", 1);
  for (; s && *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      eao_text_printf(out, "\\%c", c);
    else if (c < 0x20)
      eao_text_printf(out, "\\u%04x", c);
    else
      eao_text_add(out, s, 1);
  }
  eao_text_add(out, "\"", 1);
}

static void number(eao_text *out, double v) {
  if (isfinite(v))
    eao_text_printf(out, "%.9g", v);
  else
    eao_text_printf(out, "null");
}

static void budgets(const eao_report *r, eao_text *out) {
  const char *comma = "";
  eao_text_printf(out, "  \"budgets\": {");
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    if (!r->budget.set[m]) continue;
    eao_text_printf(out, "%s\"%s\": ", comma, eao_goal_get((eao_goal)m)->budget);
    number(out, r->budget.limit[m]);
    comma = ", ";
  }
  eao_text_printf(out, "},\n  \"binding\": [");
  comma = "";
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    if (!r->choice.binding[m]) continue;
    eao_text_printf(out, "%s\"%s\"", comma, eao_goal_get((eao_goal)m)->budget);
    comma = ", ";
  }
  eao_text_printf(out, "],\n");
}

static void candidate(const eao_candidate *c, eao_text *out) {
  eao_text_printf(out, "{\"id\": ");
  text(out, c->id);
  eao_text_printf(out, ", \"what\": ");
  text(out, c->what);
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    if (!c->known[m]) continue;
    eao_text_printf(out, ", \"%s\": ", eao_goal_get((eao_goal)m)->key);
    number(out, c->value[m]);
  }
  eao_text_printf(out, ", \"estimated\": [");
  const char *comma = "";
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    if (!c->known[m] || !c->estimated[m]) continue;
    eao_text_printf(out, "%s\"%s\"", comma, eao_goal_get((eao_goal)m)->key);
    comma = ", ";
  }
  eao_text_printf(out, "]");
  if (c->accuracy_hi > 0) {
    eao_text_printf(out, ", \"accuracy_ci95\": [");
    number(out, c->accuracy_lo);
    eao_text_printf(out, ", ");
    number(out, c->accuracy_hi);
    eao_text_printf(out, "]");
  }
  eao_text_printf(out, ", \"on_front\": %s, \"failed\": %s, \"screened\": %s",
                  c->on_front ? "true" : "false", c->failed ? "true" : "false",
                  c->screened ? "true" : "false");
  if (*c->reason) {
    eao_text_printf(out, ", \"reason\": ");
    text(out, c->reason);
  }
  eao_text_printf(out, "}");
}

static void chosen(const eao_report *r, const char *key, int32_t i, eao_text *out) {
  eao_text_printf(out, "  \"%s\": ", key);
  if (i >= 0)
    candidate(&r->candidate[i], out);
  else
    eao_text_printf(out, "null");
  eao_text_printf(out, ",\n");
}

static void details(const eao_report *r, eao_text *out) {
  eao_text_printf(out, "  \"ladder\": [");
  for (uint32_t i = 0; i < r->n_rung; i++) {
    eao_text_printf(out, "%s{\"name\": ", i ? ", " : "");
    text(out, r->rung[i].name);
    eao_text_printf(out, ", \"accuracy\": ");
    number(out, r->rung[i].accuracy);
    eao_text_printf(out, ", \"sqnr_db\": ");
    number(out, r->rung[i].sqnr_db);
    eao_text_printf(out, ", \"kept\": %s}", r->rung[i].kept ? "true" : "false");
  }
  eao_text_printf(out, "],\n  \"layers\": [");
  for (uint32_t i = 0; i < r->n_layer; i++) {
    const eao_report_layer *l = &r->layer[i];
    eao_text_printf(out, "%s\n    {\"name\": ", i ? "," : "");
    text(out, l->name);
    eao_text_printf(out, ", \"op\": ");
    text(out, l->op);
    eao_text_printf(out, ", \"precision\": ");
    text(out, l->precision);
    eao_text_printf(out, ", \"kernel\": ");
    text(out, l->kernel);
    eao_text_printf(out, ", \"time_us\": ");
    number(out, l->time_us);
    eao_text_printf(out, ", \"macs\": %.0f, \"sqnr_db\": ", l->macs);
    number(out, l->sqnr_db);
    eao_text_printf(out, "}");
  }
  eao_text_printf(out, "],\n  \"memory\": {\"arena_kib\": ");
  number(out, r->arena_kib);
  eao_text_printf(out, ", \"arena_layerwise_kib\": ");
  number(out, r->arena_layerwise_kib);
  eao_text_printf(out, ", \"arena_bound_kib\": ");
  number(out, r->arena_bound_kib);
  eao_text_printf(out, "},\n  \"advice\": [");
  for (uint32_t i = 0; i < r->n_advice; i++) {
    if (i) eao_text_printf(out, ", ");
    text(out, r->advice[i]);
  }
  eao_text_printf(out, "],\n");
}

void eao_report_json(const eao_report *r, eao_text *out) {
  eao_text_printf(out, "{\n  \"schema\": %d,\n  \"eao\": \"%s\",\n  \"model\": ", EAO_REPORT_SCHEMA,
                  EAO_VERSION_STRING);
  text(out, r->model);
  eao_text_printf(out, ",\n  \"target\": ");
  text(out, r->target);
  eao_text_printf(
      out, ",\n  \"measured\": %s,\n  \"energy_source\": ", r->measured_here ? "true" : "false");
  text(out, r->energy_source);
  eao_text_printf(out, ",\n  \"verified\": ");
  if (r->verified && *r->verified)
    text(out, r->verified);
  else
    eao_text_printf(out, "null");
  eao_text_printf(out, ",\n  \"verified_wrong\": %s", r->verified_wrong ? "true" : "false");
  eao_text_printf(out, ",\n  \"metric\": ");
  text(out, r->metric_name);
  eao_text_printf(out, ",\n  \"eval_samples\": %llu,\n  \"baseline_accuracy\": ",
                  (unsigned long long)r->eval_samples);
  number(out, r->baseline_accuracy);
  eao_text_printf(out, ",\n  \"verdict\": \"%s\",\n", eao_report_verdict(r));
  budgets(r, out);
  chosen(r, "chosen", r->choice.chosen, out);
  chosen(r, "nearest", r->choice.nearest, out);
  eao_text_printf(out, "  \"candidates\": [");
  for (uint32_t i = 0; i < r->n_candidate; i++) {
    eao_text_printf(out, "%s\n    ", i ? "," : "");
    candidate(&r->candidate[i], out);
  }
  eao_text_printf(out, "\n  ],\n");
  details(r, out);
  eao_text_printf(out, "  \"seed\": %llu,\n  \"search_seconds\": %.3f\n}\n",
                  (unsigned long long)r->seed, r->search_seconds);
}
