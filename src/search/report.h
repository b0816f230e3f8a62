/* What a search found, for people (HTML) and machines (JSON; docs/report.md has the schema). */
#ifndef EAO_SEARCH_REPORT_H
#define EAO_SEARCH_REPORT_H

#include "search/budget.h"

enum { EAO_REPORT_SCHEMA = 1 };

typedef struct eao_report_rung { /* of the accuracy ladder */
  const char *name;
  double accuracy; /* NaN: not measured */
  double sqnr_db;  /* of the outputs against float; NaN: not measured */
  bool kept;       /* false: tried and refused because it made things worse */
} eao_report_rung;

typedef struct eao_report_layer {
  const char *name, *op, *precision, *kernel;
  double time_us; /* median; NaN: not measured */
  double macs;
  double sqnr_db; /* of this layer's output against float; NaN: not known */
} eao_report_layer;

/* All pointers are borrowed; lists may be empty. */
typedef struct eao_report {
  const char *model, *target, *target_title, *metric_name;
  bool measured_here; /* latency was measured, here or on the device; false: the target's model */
  const char
      *verified; /* where the self-test ran: "here", "on the device", "under emulation (...)" */
  bool verified_wrong; /* it failed */
  const char *energy_source;
  eao_budget budget;
  eao_candidate *candidate;
  uint32_t n_candidate;
  eao_choice choice;
  double baseline_accuracy; /* of the float model; NaN: not known */
  uint64_t eval_samples;
  const eao_report_rung *rung;
  uint32_t n_rung;
  const double *latency_ms; /* every run of the final verification, shortest first */
  uint32_t n_latency;
  const eao_report_layer *layer;
  uint32_t n_layer;
  double arena_kib, arena_layerwise_kib, arena_bound_kib;
  const char *memory_html; /* eao_compiled_memory_html of the pick; NULL: none */
  const char *const *advice;
  uint32_t n_advice;
  double search_seconds;
  uint64_t seed;
} eao_report;

/* "fits", "nearest" (nothing fits) or "none" (nothing could be measured). */
const char *eao_report_verdict(const eao_report *r);
void eao_report_json(const eao_report *r, eao_text *out);
/* One file, no external request, dark and light, narrow and wide. */
void eao_report_html(const eao_report *r, eao_text *out);

#endif
